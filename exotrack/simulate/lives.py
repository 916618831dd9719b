"""The life of each vesicle: which states it passes through, when, and how it fuses. No space, no light.

A life is a chain of stays (mobile, tethered, docked, leaving) with exponential waiting times, times in seconds from the first
frame. Stays before 0 are not drawn: the vesicles of the start are in their state already, and how long is unknown.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from exotrack.simulate.presets import Simulation

Phase = Literal["mobile", "tethered", "docked", "leaving"]
GONE_S = 4.0
"""How long a leaving vesicle is followed: it has left the evanescent field long before."""


@dataclass(frozen=True)
class Stay:
    """One phase of a life, from `start` to `stop` (s). Leaving counts as mobile in the true tables."""

    phase: Phase
    start: float
    stop: float
    visitor: bool = False


@dataclass(frozen=True)
class Fusion:
    """One fusion: the pore opens at `t_s`, cargo starts to leave or spread at `release_s`, the pore closes at `close_s`.

    `fraction` of the cargo leaves, at `rate` (1/s, lumenal) or spreading with D = `diffusion` (um^2/s, membrane).
    """

    kind: Literal["full_fusion", "kiss_and_run"]
    t_s: float
    release_s: float
    close_s: float
    fraction: float
    rate: float
    diffusion: float


@dataclass(frozen=True)
class Life:
    """A vesicle: its stays in order and its fusions in order; `entered` is False for those there from the start."""

    stays: tuple[Stay, ...]
    fusions: tuple[Fusion, ...] = ()
    entered: bool = True
    newcomer: bool = False

    @property
    def start(self) -> float:
        """When it is first followed (s)."""
        return self.stays[0].start

    @property
    def stop(self) -> float:
        """When it is last followed (s); a full fusion is followed to the end of the movie, for its cargo."""
        return self.stays[-1].stop


@dataclass
class _Draft:
    stays: list[Stay] = field(default_factory=list)
    fusions: list[Fusion] = field(default_factory=list)


def draw_life(sim: Simulation, phase: Phase, start: float, rng: np.random.Generator) -> Life:
    """Draw a life that is in `phase` at `start`, until it leaves, fuses fully, or the movie ends."""
    draft = _Draft()
    now, entered = start, start > 0
    state: str = phase
    while now < sim.field.duration_s and state in _STEPS:
        now, state = _STEPS[state](sim, draft, now, rng)
    life = Life(tuple(draft.stays), tuple(draft.fusions), entered)
    first = life.fusions[0] if life.fusions else None
    if first is not None and rng.random() < sim.kinetics.newcomer_fraction:
        return _newcomer(life, first, rng)
    return life


def _mobile(sim: Simulation, draft: _Draft, now: float, rng: np.random.Generator) -> tuple[float, str]:
    k = sim.kinetics
    return _either(draft, "mobile", now, (k.tether_per_s, "tethered"), (k.depart_per_s, "leaving"), rng)


def _tethered(sim: Simulation, draft: _Draft, now: float, rng: np.random.Generator) -> tuple[float, str]:
    k = sim.kinetics
    return _either(draft, "tethered", now, (k.dock_per_s, "docked"), (k.untether_per_s, "mobile"), rng)


def _leaving(sim: Simulation, draft: _Draft, now: float, rng: np.random.Generator) -> tuple[float, str]:
    draft.stays.append(Stay("leaving", now, now + GONE_S))
    return now + GONE_S, "gone"


def _docked(sim: Simulation, draft: _Draft, now: float, rng: np.random.Generator) -> tuple[float, str]:
    k = sim.kinetics
    visitor = bool(draft.stays) and draft.stays[-1].phase == "tethered" and rng.random() < k.visitor_fraction
    away = "mobile" if rng.random() < k.stays_near else "leaving"
    undock = now + _wait(1.0 / k.visitor_s if visitor else k.undock_per_s, rng)
    fuse = math.inf if visitor else _fusion_time(sim, now, rng)
    end = sim.field.duration_s
    if min(undock, fuse) >= end or undock < fuse:
        stop = min(undock, end)
        draft.stays.append(Stay("docked", now, stop, visitor))
        return stop, away
    fusion = draw_fusion(sim, fuse, rng)
    draft.fusions.append(fusion)
    if fusion.kind == "full_fusion":
        draft.stays.append(Stay("docked", now, end))
        return end, "gone"
    # Until it reseals the vesicle neither leaves nor fuses again; the stay itself ends with the fusion.
    draft.stays += [Stay("docked", now, fuse), Stay("docked", fuse, fusion.close_s)]
    if rng.random() < k.leave_after_kiss:
        return fusion.close_s, away
    return fusion.close_s, "docked"


_STEPS: dict[str, Callable[[Simulation, _Draft, float, np.random.Generator], tuple[float, str]]] = {
    "mobile": _mobile,
    "tethered": _tethered,
    "docked": _docked,
    "leaving": _leaving,
}


def draw_fusion(sim: Simulation, t_s: float, rng: np.random.Generator) -> Fusion:
    """Draw how a vesicle fuses at `t_s`."""
    c = sim.cargo
    lumenal = c.kind == "lumenal"
    diffusion = c.membrane_um2_s * math.exp(c.membrane_spread * rng.standard_normal())
    if rng.random() < sim.kinetics.kiss_fraction:
        open_s = c.kiss_open_s * math.exp(c.kiss_open_spread * rng.standard_normal())
        low, high = c.kiss_released
        fraction = low + (high - low) * rng.beta(2.0, 2.0) if lumenal else 0.0
        # The rate that lets just this fraction out while the pore is open.
        rate = -math.log1p(-min(fraction, 0.999)) / open_s
        return Fusion("kiss_and_run", t_s, t_s, t_s + open_s, fraction, rate, math.nan)
    narrow = lumenal and rng.random() < c.restricted_fraction
    delay = rng.exponential(c.restricted_s) if narrow else 0.0
    rate = c.release_per_s * math.exp(c.release_spread * rng.standard_normal())
    if not lumenal:
        delay, rate = rng.exponential(c.collapse_s), math.inf
    fraction = 1.0 if lumenal else 1.0 - c.immobile_fraction
    return Fusion("full_fusion", t_s, t_s + delay, math.inf, fraction, rate, math.nan if lumenal else diffusion)


def _fusion_time(sim: Simulation, start: float, rng: np.random.Generator) -> float:
    """First fusion after `start` at a rate that rises at each stimulus and wears off, by thinning (Lewis and Shedler 1979)."""
    k = sim.kinetics
    highest = k.fuse_per_s + k.stimulated_per_s * len(k.stimulus_s)
    now = start
    while now < sim.field.duration_s and highest > 0:
        now += rng.exponential(1.0 / highest)
        since = [now - t for t in k.stimulus_s if now >= t]
        late = (max(s - k.train_s, 0.0) for s in since)
        rate = k.fuse_per_s + k.stimulated_per_s * sum(math.exp(-s / k.stimulated_tau_s) for s in late)
        if rng.random() * highest < rate:
            return now
    return math.inf


def _newcomer(life: Life, first: Fusion, rng: np.random.Generator) -> Life:
    """The same fusion by a vesicle that came at most 0.3 s before and was docked for a part of that."""
    present = rng.uniform(0.1, 0.3)
    docked = first.t_s - rng.uniform(0.3, 0.8) * present
    later = [s for s in life.stays if s.stop > first.t_s]
    on = [replace(s, start=max(s.start, first.t_s)) for s in later]
    if first.kind == "full_fusion":
        before = [Stay("mobile", first.t_s - present, docked), Stay("docked", docked, on[0].stop)]
        on = on[1:]
    else:
        before = [Stay("mobile", first.t_s - present, docked), Stay("docked", docked, first.t_s)]
    return Life((*before, *on), life.fusions, entered=True, newcomer=True)


def _either(
    draft: _Draft, phase: Phase, now: float, one: tuple[float, str], other: tuple[float, str], rng: np.random.Generator
) -> tuple[float, str]:
    first, second = _wait(one[0], rng), _wait(other[0], rng)
    draft.stays.append(Stay(phase, now, now + min(first, second)))
    return now + min(first, second), one[1] if first < second else other[1]


def _wait(rate: float, rng: np.random.Generator) -> float:
    return float(rng.exponential(1.0 / rate)) if rate > 0 else math.inf
