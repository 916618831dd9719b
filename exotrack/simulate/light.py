"""What a vesicle's cargo shows: photons in the vesicle, and the cloud or patch that leaves it.

Photons of the body = brightness x content x pH factor x exp(-z/d) x unbleached part; NH4Cl in the bath makes the pH neutral, and
acid in it dims what has left the body. Released lumenal cargo diffuses in the cleft under the cell (sigma^2 = s0^2 + 2 D age) and
escapes from it; membrane cargo spreads in the plasma membrane by the same law, and its total is conserved up to bleaching. Cargo
that reaches the membrane plane gains light, because the vesicle's far side was higher in the evanescent field: `flattening`.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from exotrack.physics import evanescent
from exotrack.simulate.lives import Fusion
from exotrack.simulate.motion import Grid, Path
from exotrack.simulate.patches import Patches
from exotrack.simulate.presets import Simulation

Real = NDArray[np.float64]
AGES_S = np.concatenate([[0.0], np.geomspace(1e-3, 20.0, 16)])
"""Edges of the ages in which released lumenal cargo is counted; sigma^2 grows by at most a factor 2 within one."""


def flattening(radius_nm: float, depth_nm: float, kind: str) -> float:
    """Gain in light when cargo leaves a sphere that touches the membrane for the membrane plane itself.

    The mean of exp(-z/d) over a ball (lumenal) or a shell (membrane) of radius R that rests at z = 0, inverted.
    """
    x = radius_nm / depth_nm
    if kind == "membrane":
        return float(2 * x / -math.expm1(-2 * x))
    return float(x**3 / (3 * math.exp(-x) * (x * math.cosh(x) - math.sinh(x))))


def neutral(t_s: Real, fusions: tuple[Fusion, ...], reacidify_s: float) -> Real:
    """How neutral the vesicle is: 0 before a pore opens, 1 while one is open, falling exponentially after it closed."""
    level = np.zeros(len(t_s))
    for fusion in fusions:
        since = np.maximum(t_s - min(fusion.close_s, 1e12), 0.0)
        level = np.where(t_s >= fusion.t_s, np.exp(-since / reacidify_s), level)
    return level


def released(t_s: Real, fusion: Fusion, shape: float) -> Real:
    """Part of the cargo present at `fusion` that has left by `t_s`: 1 - exp(-(k t)^shape), stopped when the pore closes."""
    open_s = np.clip(t_s - fusion.release_s, 0.0, fusion.close_s - fusion.release_s)
    return np.asarray(-np.expm1(-((fusion.rate * open_s) ** shape)), float)


@dataclass(frozen=True)
class Body:
    """One vesicle as a lamp: photoelectrons per frame in contact at neutral pH, radius (nm), brightness while acid (relative)."""

    photons: float
    radius_nm: float
    acid_brightness: float


def vesicle_light(
    sim: Simulation, body: Body, fusions: tuple[Fusion, ...], grid: Grid, path: Path
) -> tuple[Patches, list[Patches]]:
    """Patches of the vesicle's body (one per interval of the grid) and of each cloud that left it."""
    c, v = sim.cargo, sim.vesicles
    excited = np.asarray(evanescent(path.z_nm, sim.optics.depth_nm))
    bleached = np.exp(-v.bleach_per_s * np.cumsum(excited * np.diff(grid.edges)))
    content, clouds = np.ones(len(grid.middle)), []
    outside = 1.0 - (1.0 - c.acid_brightness) * sim.bath.acid(grid.middle)  # what has left is reached by acid in the bath
    var = (body.radius_nm / 1000.0) ** 2 / (5.0 if c.kind == "lumenal" else 3.0)
    gain = flattening(body.radius_nm, sim.optics.depth_nm, c.kind)
    for fusion in fusions:
        # Instants are cut points of the grid, so steps fall between intervals and their middles are on the right side.
        bright = body.photons * float(np.interp(fusion.t_s, grid.middle, content)) * gain * bleached * grid.share * outside
        if c.kind == "lumenal":
            gone = released(grid.middle, fusion, _shape(sim, fusion))
            clouds.append(_cloud(sim, grid, path, fusion, bright, var))
        else:
            gone = np.asarray((fusion.kind == "full_fusion") * (grid.middle > fusion.release_s), float)
            clouds += _membrane(grid, path, fusion, bright * gone * _kept(sim, grid, fusion), var)
        content = content * (1.0 - gone)
    basic = np.maximum(neutral(grid.middle, fusions, c.reacidify_s), sim.bath.nh4cl(grid.middle))
    ph = body.acid_brightness + (1.0 - body.acid_brightness) * basic
    inside = body.photons * content * ph * excited * bleached * grid.share
    return Patches(grid.frame, path.y_um, path.x_um, np.full(len(ph), var), inside), clouds


def _shape(sim: Simulation, fusion: Fusion) -> float:
    return sim.cargo.release_shape if fusion.kind == "full_fusion" else 1.0


def _kept(sim: Simulation, grid: Grid, fusion: Fusion) -> Real:
    """Part of the membrane cargo that has not been taken up again (and acidified) since it was released."""
    return np.exp(-sim.cargo.retrieval_per_s * np.maximum(grid.middle - fusion.release_s, 0.0))


def _membrane(grid: Grid, path: Path, fusion: Fusion, bright: Real, var: float) -> list[Patches]:
    """Membrane cargo after collapse: the mobile part spreads from the site, the rest stays there."""
    y, x = path.y_um, path.x_um  # still, once the vesicle has collapsed
    wide = var + 2.0 * np.nan_to_num(fusion.diffusion) * np.maximum(grid.middle - fusion.release_s, 0.0)
    mobile = Patches(grid.frame, y, x, wide, bright * fusion.fraction).bright()
    stuck = Patches(grid.frame, y, x, np.full(len(bright), var), bright * (1.0 - fusion.fraction)).bright()
    return [mobile, stuck]


def _cloud(sim: Simulation, grid: Grid, path: Path, fusion: Fusion, bright: Real, var: float) -> Patches:
    """The cloud of lumenal cargo: in every interval one Gaussian per age, holding what left that long ago."""
    c = sim.cargo
    shape = _shape(sim, fusion)
    after = np.flatnonzero(grid.middle > fusion.release_s)
    parts = []
    for young, old in itertools.pairwise(AGES_S):
        t = grid.middle[after]
        amount = released(t - young, fusion, shape) - released(t - old, fusion, shape)
        age = 0.5 * (young + old)
        light = bright[after] * amount * math.exp(-c.cloud_escape_per_s * age)
        wide = np.full(len(after), var + 2.0 * c.cloud_um2_s * age)
        # Cargo spread so thin that its brightest pixel gives under 0.02 photoelectrons cannot be told from nothing.
        seen = light / (2.0 * math.pi * (wide + sim.optics.psf_sigma_um**2)) * sim.field.pixel_um**2 > 0.02 * grid.share[after]
        rows = after[seen]
        parts.append(Patches(grid.frame[rows], path.y_um[rows], path.x_um[rows], wide[seen], light[seen]))
    return Patches.join(parts).bright()
