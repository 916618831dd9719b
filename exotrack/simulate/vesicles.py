"""Vesicles put together: life, place, path and light of each, and what of it can be seen in each frame."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from exotrack.simulate.light import Body, vesicle_light
from exotrack.simulate.lives import Life, Phase, draw_life
from exotrack.simulate.motion import Grid, Path, draw_path, make_grid
from exotrack.simulate.patches import Patches
from exotrack.simulate.presets import Simulation
from exotrack.simulate.scenery import Scenery

Real = NDArray[np.float64]


@dataclass(frozen=True)
class Seen:
    """A vesicle with its cargo in each frame it lives through, each column (n,).

    Place is the mean over the exposure, before stage drift. `peak` is the light (photoelectrons per um^2) at the centre, PSF
    included; `sigma_um` the width of the image, its parts weighted by what they add to the peak.
    """

    frame: NDArray[np.int64]
    y_um: Real
    x_um: Real
    photons: Real
    peak: Real
    sigma_um: Real


@dataclass(frozen=True)
class Vesicle:
    """One simulated vesicle. `held` is the part of `seen.photons` (n,) that is still inside it."""

    life: Life
    grid: Grid
    path: Path
    body: Body
    seen: Seen
    patches: Patches
    held: Real


def draw_vesicles(sim: Simulation, scenery: Scenery, rng: np.random.Generator) -> Iterator[Vesicle]:
    """Draw every vesicle: those there at the start, their near neighbours, and those that arrive."""
    for phase, start, at in _beginnings(sim, scenery, rng):
        yield draw_vesicle(sim, draw_life(sim, phase, start, rng), at, rng)


def draw_vesicle(sim: Simulation, life: Life, at_um: tuple[float, float], rng: np.random.Generator) -> Vesicle:
    """Draw path and light of one life that begins at `at_um` (y, x)."""
    v = sim.vesicles
    photons = v.photons * math.exp(v.photons_spread * rng.standard_normal())
    radius = v.radius_nm * max(1.0 + v.radius_spread * rng.standard_normal(), 0.3)
    instants = [t for f in life.fusions for t in (f.t_s, f.release_s, f.close_s)]
    grid = make_grid(sim, life.start, life.stop, [*instants, *(s.start for s in life.stays)])
    path = draw_path(sim, life, at_um, grid, rng)
    acid = 1.0 if rng.random() < sim.cargo.neutral_fraction else sim.cargo.acid_brightness
    body = Body(photons, radius, acid)
    held, clouds = vesicle_light(sim, body, life.fusions, grid, path)
    psf = sim.optics.psf_sigma_um**2
    parts = [part.bright().merged(psf) for part in [held, *clouds]]
    seen = _seen(sim, grid, path, [held, *clouds])
    row = np.clip(held.frame - seen.frame[0], 0, len(seen.frame) - 1)
    inside = np.asarray(np.bincount(row, held.photons, minlength=len(seen.frame)), float)
    return Vesicle(life, grid, path, body, seen, Patches.join(parts), inside)


def _beginnings(
    sim: Simulation, scenery: Scenery, rng: np.random.Generator
) -> Iterator[tuple[Phase, float, tuple[float, float]]]:
    """(phase, start, place) of each vesicle."""
    k, f = sim.kinetics, sim.field
    area = float(scenery.footprint.astype(bool).sum()) * f.pixel_um**2
    if k.sites:
        yield from _pools(sim, scenery, rng)
    else:
        for y, x in scenery.places(int(rng.poisson(k.docked_per_um2 * area)), f.pixel_um, rng):
            yield "docked", 0.0, (y, x)
            if rng.random() < k.neighbour_fraction:
                angle, far = rng.uniform(0, 2 * math.pi), rng.uniform(0.25, 0.6)
                yield "docked", 0.0, (y + far * math.sin(angle), x + far * math.cos(angle))
    starts: tuple[tuple[Phase, float], ...] = (("tethered", k.tethered_per_um2), ("mobile", k.mobile_per_um2))
    for phase, density in starts:
        for y, x in scenery.places(int(rng.poisson(density * area)), f.pixel_um, rng):
            yield phase, 0.0, (y, x)
    for y, x in scenery.places(int(rng.poisson(k.arrivals_per_um2_s * area * f.duration_s)), f.pixel_um, rng):
        yield "mobile", float(rng.uniform(1e-9, f.duration_s)), (y, x)


def _pools(sim: Simulation, scenery: Scenery, rng: np.random.Generator) -> Iterator[tuple[Phase, float, tuple[float, float]]]:
    """Docked vesicles in boutons: a pool about each."""
    k = sim.kinetics
    for y, x in scenery.sites:
        for dy, dx in rng.normal(0.0, k.site_um, (int(rng.poisson(k.vesicles_per_site)), 2)):
            yield "docked", 0.0, (y + dy, x + dx)


def _seen(sim: Simulation, grid: Grid, path: Path, parts: list[Patches]) -> Seen:
    """Sum the patches of one vesicle frame by frame."""
    first, last = int(grid.frame[0]), min(int(grid.frame[-1]), sim.field.n_frames - 1)
    n = last - first + 1

    def total(frame: NDArray[np.int64], weights: Real) -> Real:
        return np.asarray(np.bincount(np.clip(frame - first, 0, n - 1), weights, minlength=n), float)

    share = grid.share + 1e-12
    both = Patches.join(parts)
    peak, spread = np.zeros(n), np.zeros(n)
    for weight, sigma in sim.optics.components():
        var = both.var_um2 + sigma**2
        peak += total(both.frame, weight * both.photons / (2 * math.pi * var))
        spread += total(both.frame, weight * both.photons / (2 * math.pi))
    weight_sum = total(grid.frame, share)
    return Seen(
        frame=np.arange(first, last + 1),
        y_um=total(grid.frame, share * path.y_um) / weight_sum,
        x_um=total(grid.frame, share * path.x_um) / weight_sum,
        photons=total(both.frame, both.photons),
        peak=peak,
        sigma_um=np.sqrt(spread / np.where(peak > 0, peak, np.nan)),
    )
