"""What fools a detector: moving endosomes, blinks, static spots, bleaching steps, haze, visits. Each gives patches, no event."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from exotrack.simulate.patches import Patches
from exotrack.simulate.presets import Simulation
from exotrack.simulate.scenery import Scenery

Real = NDArray[np.float64]
Maker = Callable[[Simulation, "tuple[float, float]", np.random.Generator], Patches]


def draw_distractors(sim: Simulation, scenery: Scenery, rng: np.random.Generator) -> Iterator[tuple[str, Patches]]:
    """Draw every distractor: (what it is, its patches)."""
    d, f = sim.distractors, sim.field
    area = float(scenery.footprint.astype(bool).sum()) * f.pixel_um**2
    numbers = {
        "endosome": d.endosomes_per_um2 * area,
        "blink": d.blinks_per_um2_s * area * f.duration_s,
        "static": d.static_per_um2 * area,
        "step": d.steps_per_um2 * area,
        "haze": d.haze_per_um2 * area,
        "visit": d.visits_per_um2_s * area * f.duration_s,
    }
    for name, mean in numbers.items():
        for y, x in scenery.places(int(rng.poisson(mean)), f.pixel_um, rng):
            yield name, draw_distractor(sim, name, (float(y), float(x)), rng)
    if sim.kinetics.site_resting > 0:
        for y, x in scenery.sites:
            yield "bouton", _bouton(sim, (float(y), float(x)), rng)


def draw_distractor(sim: Simulation, name: str, at_um: tuple[float, float], rng: np.random.Generator) -> Patches:
    """Draw one distractor at `at_um` (y, x); `name` is endosome, blink, static, step, haze or visit."""
    return _MAKERS[name](sim, at_um, rng)


def _endosome(sim: Simulation, at: tuple[float, float], rng: np.random.Generator) -> Patches:
    """A larger vesicle that diffuses, and in runs of about 2 s is carried along; its height wanders."""
    f = sim.field
    n = f.n_frames * f.substeps
    dt = f.frame_s / f.substeps
    runs = np.cumsum(rng.random(n) < dt / 2.0)
    angle = rng.uniform(0, 2 * math.pi, n)[runs]
    driven = (rng.random(n)[runs] < 0.4) * sim.distractors.endosome_um_s
    walk = math.sqrt(2 * 0.02 * dt) * rng.standard_normal((2, n))
    y = at[0] + np.cumsum(walk[0] + driven * np.sin(angle) * dt)
    x = at[1] + np.cumsum(walk[1] + driven * np.cos(angle) * dt)
    height = slow_noise(n, 2.0 / dt, rng) * 0.5
    photons = _brightness(sim, rng) * rng.uniform(1.0, 4.0) * np.exp(-0.5 + np.minimum(height, 0.5)) / f.substeps
    var = np.full(n, rng.uniform(0.12, 0.3) ** 2)
    parts = Patches(np.repeat(np.arange(f.n_frames), f.substeps), y, x, var, photons)
    return parts.merged(sim.optics.psf_sigma_um**2)


def _blink(sim: Simulation, at: tuple[float, float], rng: np.random.Generator) -> Patches:
    """A flash of 0.3 to 2 frames at any phase of the exposure: aggregates, dirt, single fluorophores."""
    f = sim.field
    start = rng.uniform(0, f.n_frames)
    frames = np.arange(f.n_frames)
    opened = np.clip(np.minimum(frames + f.exposure, start + rng.uniform(0.3, 2.0)) - np.maximum(frames, start), 0, f.exposure)
    return _still(sim, at, 1e-4, _brightness(sim, rng) * rng.uniform(0.7, 2.5) * opened / f.exposure)


def _visit(sim: Simulation, at: tuple[float, float], rng: np.random.Generator) -> Patches:
    """A spot that comes, stays about its place and goes; how fast it comes and goes is its own, from at once to half a second."""
    f = sim.field
    start, stay = rng.uniform(0.0, f.duration_s), math.exp(rng.uniform(math.log(0.2), math.log(4.0)))
    comes, goes = 0.5 * rng.random(2) ** 2 + 1e-3
    instants = np.linspace(0.0, f.exposure * f.frame_s, 8, endpoint=False) + np.arange(f.n_frames)[:, None] * f.frame_s
    level = np.clip((instants - start) / comes, 0.0, 1.0) * np.clip((start + comes + stay + goes - instants) / goes, 0.0, 1.0)
    here = _still(sim, at, rng.uniform(0.0, 0.08) ** 2, _brightness(sim, rng) * rng.uniform(0.3, 1.5) * level.mean(axis=1))
    wander = rng.uniform(0.0, 0.04) * rng.standard_normal((2, len(here.frame)))
    return replace(here, y_um=here.y_um + wander[0], x_um=here.x_um + wander[1])


def _static(sim: Simulation, at: tuple[float, float], rng: np.random.Generator) -> Patches:
    """A bright spot stuck to the glass or the membrane; it only bleaches."""
    t = np.arange(sim.field.n_frames) * sim.field.frame_s
    return _still(
        sim,
        at,
        rng.uniform(0.0, 0.1) ** 2,
        _brightness(sim, rng) * rng.uniform(0.5, 2.0) * np.exp(-sim.vesicles.bleach_per_s * t),
    )


def _bouton(sim: Simulation, at: tuple[float, float], rng: np.random.Generator) -> Patches:
    """The light of a bouton at rest: cargo on its surface and in vesicles that are not acid."""
    t = np.arange(sim.field.n_frames) * sim.field.frame_s
    size = sim.kinetics.site_um * rng.uniform(0.7, 1.5)
    rest = _brightness(sim, rng) * sim.kinetics.site_resting * np.exp(-sim.vesicles.bleach_per_s * t)
    return _still(sim, at, size**2, rest)


def _step(sim: Simulation, at: tuple[float, float], rng: np.random.Generator) -> Patches:
    """A spot of one or two units that go out in a step each."""
    f = sim.field
    frames = np.arange(f.n_frames)
    units = [np.clip(rng.uniform(0.05, 1.3) * f.n_frames - frames, 0.0, f.exposure) for _ in range(int(rng.integers(1, 3)))]
    return _still(sim, at, 1e-4, _brightness(sim, rng) * 0.6 * np.sum(units, axis=0) / f.exposure)


def _haze(sim: Simulation, at: tuple[float, float], rng: np.random.Generator) -> Patches:
    """An out-of-focus blob, 0.6 to 1.6 um wide, that drifts slowly and swells and fades."""
    f = sim.field
    n = f.n_frames
    y = at[0] + np.cumsum(rng.standard_normal(n)) * math.sqrt(2 * 0.01 * f.frame_s)
    x = at[1] + np.cumsum(rng.standard_normal(n)) * math.sqrt(2 * 0.01 * f.frame_s)
    var = rng.uniform(0.6, 1.6) ** 2
    peak = sim.cell.inside_photons * rng.uniform(0.2, 0.8) * np.exp(0.25 * slow_noise(n, 5.0 / f.frame_s, rng))
    return Patches(np.arange(n), y, x, np.full(n, var), peak * 2 * math.pi * var / f.pixel_um**2)


_MAKERS: dict[str, Maker] = {
    "endosome": _endosome,
    "blink": _blink,
    "static": _static,
    "step": _step,
    "haze": _haze,
    "visit": _visit,
}


def _still(sim: Simulation, at: tuple[float, float], var: float, photons: Real) -> Patches:
    n = len(photons)
    return Patches(np.arange(n), np.full(n, at[0]), np.full(n, at[1]), np.full(n, var), photons).bright()


def _brightness(sim: Simulation, rng: np.random.Generator) -> float:
    return sim.vesicles.photons * math.exp(sim.vesicles.photons_spread * rng.standard_normal())


def slow_noise(n: int, length: float, rng: np.random.Generator) -> Real:
    """Ornstein-Uhlenbeck noise of unit variance, correlated over `length` steps."""
    from scipy.signal import lfilter

    kept = math.exp(-1.0 / max(length, 1e-6))
    drive = rng.standard_normal(n) * math.sqrt(1 - kept**2)
    drive[0] = rng.standard_normal()
    return np.asarray(lfilter([1.0], [1.0, -kept], drive))
