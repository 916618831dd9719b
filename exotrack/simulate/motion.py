"""Where a vesicle is: the instants at which its life is evaluated, and its path (y, x, z).

Lateral motion is Brownian with the D of the current phase. Height follows an Ornstein-Uhlenbeck process about the phase's height,
with a limited speed, so approach, docking and undocking take the time they take.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from exotrack.simulate.lives import Life
from exotrack.simulate.presets import Simulation

Real = NDArray[np.float64]
DEEP_NM = 8.0
"""Height, in penetration depths, from which vesicles come and to which they leave: 0.03 % of the light."""
MOBILE_TAU_S, TETHERED_TAU_S, DOCKED_TAU_S = 0.3, 0.1, 0.02
"""Relaxation times of the height: free in the cortex, on a tether, in contact (docking is done within 100 ms, Oheim 2000)."""


@dataclass(frozen=True)
class Grid:
    """Intervals of time: edges (n + 1), the frame of each interval (n), its share of the frame's exposure (n), its middle (n)."""

    edges: Real
    frame: NDArray[np.int64]
    share: Real
    middle: Real


@dataclass(frozen=True)
class Path:
    """A vesicle in each interval of a grid: place y_um, x_um (before stage drift), height z_nm, and D in force, each (n,)."""

    y_um: Real
    x_um: Real
    z_nm: Real
    diffusion_um2_s: Real


def make_grid(sim: Simulation, start: float, stop: float, instants: list[float]) -> Grid:
    """Intervals from `start` to `stop`, cut at sub-steps of each exposure and at `instants` (finer after each of them)."""
    f = sim.field
    first, last = max(int(start / f.frame_s), 0), min(math.ceil(stop / f.frame_s), f.n_frames)
    within = np.append(np.arange(f.substeps + 1) / f.substeps * f.exposure, [1.0] if f.exposure < 1 else [])
    regular = ((np.arange(first, max(last, first + 1))[:, None] + within[None, :]) * f.frame_s).ravel()
    fine = f.frame_s * np.array([0.0, 0.02, 0.05, 0.1, 0.17, 0.25, 0.4, 0.6, 0.8])
    cuts = [np.asarray(t) + fine for t in instants if math.isfinite(t)]
    edges = np.concatenate([regular, [start, stop], *cuts])
    edges = np.unique(edges[(edges >= max(start, 0.0)) & (edges <= min(stop, f.duration_s))])
    edges = edges[np.insert(np.diff(edges) > 1e-9 * f.frame_s, 0, True)]
    if len(edges) < 2:
        edges = np.array([start, start + 1e-6 * f.frame_s])
    middle = 0.5 * (edges[1:] + edges[:-1])
    frame = np.floor(middle / f.frame_s).astype(np.int64)
    opened = frame * f.frame_s
    overlap = np.minimum(edges[1:], opened + f.exposure * f.frame_s) - np.maximum(edges[:-1], opened)
    return Grid(edges, frame, np.maximum(overlap, 0.0) / (f.exposure * f.frame_s), middle)


def draw_path(sim: Simulation, life: Life, at_um: tuple[float, float], grid: Grid, rng: np.random.Generator) -> Path:
    """Draw the path of `life` that starts at `at_um` (y, x)."""
    v = sim.vesicles
    steps = np.diff(grid.edges)
    spread = math.exp(v.diffusion_spread * rng.standard_normal())
    deep = DEEP_NM * sim.optics.depth_nm
    approach = v.approach_nm_s * math.exp(0.3 * rng.standard_normal())
    leave = v.leave_nm_s * math.exp(v.leave_spread * rng.standard_normal())
    tau = MOBILE_TAU_S
    if life.newcomer:  # it comes straight and must be there in time
        approach, tau = 3.0 * deep / (life.stays[0].stop - life.start), DOCKED_TAU_S
    mobile = max(v.mobile_nm * (1 + 0.2 * rng.standard_normal()), 30.0)
    tether = max(v.tethered_nm + v.tethered_sd_nm * rng.standard_normal(), 27.0)
    # Per phase: D (um^2/s), height (nm), relaxation (s), sd (nm), floor (nm), largest speed (nm/s).
    law = {
        "mobile": (v.mobile_um2_s * spread, mobile, tau, v.mobile_sd_nm, 25.0, approach),
        "tethered": (v.tethered_um2_s * spread, tether, TETHERED_TAU_S, v.tethered_sd_nm, 25.0, approach),
        "docked": (v.docked_um2_s * spread, 0.0, DOCKED_TAU_S, v.docked_sd_nm, 0.0, 4 * approach),
        "leaving": (v.mobile_um2_s * spread, deep, DOCKED_TAU_S, 3.0, 25.0, leave),
    }
    laws = np.array([law[s.phase] for s in life.stays])
    stay = np.searchsorted([s.start for s in life.stays], grid.middle, side="right") - 1
    per_step = laws[np.maximum(stay, 0)]
    collapsed = [f.release_s for f in life.fusions if f.kind == "full_fusion"]
    # What has collapsed into the membrane is a site, not a vesicle: it stays where it is.
    diffusion = np.where(grid.middle > min(collapsed, default=math.inf), 0.0, per_step[:, 0])
    shifts = rng.standard_normal((2, len(steps))) * np.sqrt(2.0 * diffusion * steps)
    first = deep if life.entered else per_step[0, 1]
    z = _height(float(first), per_step, steps, rng.standard_normal(len(steps)))
    return Path(at_um[0] + np.cumsum(shifts[0]), at_um[1] + np.cumsum(shifts[1]), z, diffusion)


@njit(nogil=True, cache=True)
def _height(z: float, law: Real, steps: Real, noise: Real) -> Real:
    out = np.empty(len(steps))
    for i in range(len(steps)):
        target, tau, sd, floor, speed = law[i, 1], law[i, 2], law[i, 3], law[i, 4], law[i, 5]
        kept = math.exp(-steps[i] / tau)
        move = (target - z) * (1.0 - kept)
        limit = speed * steps[i]
        move = min(max(move, -limit), limit)
        lowest = min(floor, z)
        z = max(z + move + sd * math.sqrt(1.0 - kept * kept) * noise[i], lowest)
        out[i] = z
    return out
