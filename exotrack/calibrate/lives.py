"""The life of each thing that is injected: which states it passes through so that its event comes at the wanted time."""

from __future__ import annotations

import math

import numpy as np

from exotrack.simulate import Simulation
from exotrack.simulate.lives import GONE_S, Fusion, Life, Stay, draw_fusion

LEAST_DOCKED_FRAMES = 2.0
"""Shorter stays cannot be told from passing by, and count as unseen in the simulator's truth too."""


def life_of(kind: str, sim: Simulation, t_s: float, arrive: float, rng: np.random.Generator) -> Life:
    """A life in which `kind` happens at `t_s`.

    arrive : part of the fusions whose vesicle docks in the movie, besides the newcomers.
    """
    if kind in ("full_fusion", "kiss_and_run"):
        return _fusing(kind, sim, t_s, arrive, rng)
    visit = max(rng.exponential(sim.kinetics.visitor_s), LEAST_DOCKED_FRAMES * sim.field.frame_s)
    # Short visits begin with a docking and end with an undocking that are as true as any, and harder to find.
    short = rng.random() < sim.kinetics.visitor_fraction
    if kind == "visitor" or (kind == "docking" and short):
        left = t_s + visit
        return _entered([*_coming(sim, t_s, rng), Stay("docked", t_s, left, visitor=True), *_going(sim, left, rng)])
    if kind == "docking":
        return _entered([*_coming(sim, t_s, rng), Stay("docked", t_s, sim.field.duration_s)])
    if kind == "undocking":
        docked = t_s - visit if short else 0.0
        before = _coming(sim, docked, rng) if docked > 0 else []
        return _entered([*before, Stay("docked", docked, t_s, visitor=short), *_going(sim, t_s, rng)])
    if kind == "docked":
        return _entered([Stay("docked", 0.0, sim.field.duration_s)])
    stay = rng.exponential(_near_s(sim))
    return _entered([Stay("mobile", t_s, t_s + stay), Stay("leaving", t_s + stay, t_s + stay + GONE_S)])


def _fusing(kind: str, sim: Simulation, t_s: float, arrive: float, rng: np.random.Generator) -> Life:
    fusion = draw_fusion(sim.updated({"kinetics": {"kiss_fraction": float(kind == "kiss_and_run")}}), t_s, rng)
    end = sim.field.duration_s
    choice = rng.random()
    k = sim.kinetics
    if choice < k.newcomer_fraction and t_s > 0.3:
        present = rng.uniform(0.1, 0.3)
        docked = t_s - rng.uniform(0.3, 0.8) * present
        return Life((Stay("mobile", t_s - present, docked), *_docked(sim, fusion, docked, end, rng)), (fusion,), True, True)
    if choice < k.newcomer_fraction + arrive * (1.0 - k.newcomer_fraction):
        docked = rng.uniform(0.0, max(t_s - LEAST_DOCKED_FRAMES * sim.field.frame_s, 0.0))
        life = _entered([*_coming(sim, docked, rng), *_docked(sim, fusion, docked, end, rng)])
    else:
        life = _entered(_docked(sim, fusion, 0.0, end, rng))
    return Life(life.stays, (fusion,), life.entered)


def _docked(sim: Simulation, fusion: Fusion, docked: float, end: float, rng: np.random.Generator) -> list[Stay]:
    """Docked until the fusion; after a full one the site is followed to the end, after a kiss the vesicle stays or leaves."""
    if fusion.kind == "full_fusion":
        return [Stay("docked", docked, end)]
    stays = [Stay("docked", docked, fusion.t_s), Stay("docked", fusion.t_s, fusion.close_s)]
    if rng.random() < sim.kinetics.leave_after_kiss:
        return [*stays, *_going(sim, fusion.close_s, rng)]
    return [*stays, Stay("docked", fusion.close_s, max(end, fusion.close_s + sim.field.frame_s))]


def _coming(sim: Simulation, t_s: float, rng: np.random.Generator) -> list[Stay]:
    """Mobile, then tethered until `t_s`, for as long as the simulation's rates say."""
    k = sim.kinetics
    tethered = t_s - _wait(k.dock_per_s + k.untether_per_s, rng)
    return [Stay("mobile", tethered - rng.exponential(_near_s(sim)), tethered), Stay("tethered", tethered, t_s)]


def _going(sim: Simulation, t_s: float, rng: np.random.Generator) -> list[Stay]:
    """Into the depth, or as a mobile vesicle near the membrane for a while."""
    if rng.random() < sim.kinetics.stays_near:
        later = t_s + rng.exponential(_near_s(sim))
        return [Stay("mobile", t_s, later), Stay("leaving", later, later + GONE_S)]
    return [Stay("leaving", t_s, t_s + GONE_S)]


def _near_s(sim: Simulation) -> float:
    """Mean time (s) that a mobile vesicle stays near the membrane."""
    return 1.0 / max(sim.kinetics.tether_per_s + sim.kinetics.depart_per_s, 1e-3)


def _wait(rate: float, rng: np.random.Generator) -> float:
    return float(rng.exponential(1.0 / max(rate, 1e-3)))


def _entered(stays: list[Stay]) -> Life:
    """A life of what of `stays` lies in the movie; it entered in sight if it began there."""
    begun = stays[0].start > 0
    kept = [Stay(s.phase, max(s.start, 0.0), s.stop, s.visitor) for s in stays if s.stop > 0]
    if not kept or not math.isfinite(kept[-1].stop):
        raise ValueError("a life needs a stay that ends after the movie begins")
    return Life(tuple(kept), (), begun)
