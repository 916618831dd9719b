"""Time constants and diffusion coefficients of what is worth measuring, on finer grids than those that decide.

A start that lies between the points of the coarse grid biases the time constant of a release by up to 18 % (a frame that
shows half a release looks like a slower one). Here the start is profiled every tenth of a frame.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from exotrack.classify._courses import hold_until, release, spread
from exotrack.classify._models import D_UM2_S, FIT, SHAPE_2, T0, TAU_FRAMES, Sums, _narrow, _wide, keep_course, parabola
from exotrack.classify._patch import N_HEIGHTS

Real = NDArray[np.float64]

STARTS = np.arange(-0.8, 0.81, 0.1)
"""Starts tried around the coarse one (frames)."""
AROUND = np.geomspace(1 / 1.9, 1.9, 9)
"""Values tried around the coarse one; the coarse grids step by about 1.7."""


def refined_decay(sums: Sums, fit: Real, coarse: Real) -> tuple[float, float]:
    """Time constant of a release (frames) and its standard error; infinite error at an end of the grid.

    fit : the coarse fit of the release; coarse : chi-squared for each of `TAU_FRAMES`.
    """
    value, sd = parabola(TAU_FRAMES, coarse)
    if not math.isfinite(sd):
        return value, sd
    taus = value * AROUND
    return parabola(taus, _release_profile(sums, fit[T0] + STARTS, taus))


def refined_diffusion(sums: Sums, fit: Real, coarse: Real, growth: float, mixtures: Real) -> tuple[float, float]:
    """Diffusion coefficient of a spreading cloud (um^2/s) and its standard error; infinite error at an end of the grid.

    fit : the coarse fit of the spread; coarse : chi-squared for each of `D_UM2_S`; growth : 2 D / sigma0^2 per frame at
    1 um^2/s.
    """
    value, sd = parabola(D_UM2_S, coarse)
    if not math.isfinite(sd):
        return value, sd
    grid = value * AROUND
    escapes = fit[SHAPE_2] * np.array([0.35, 0.6, 1.0, 1.7, 2.9]) if fit[SHAPE_2] < 1e5 else np.array([60.0, 150.0, 1e6])
    return parabola(grid, _spread_profile(sums, fit[T0] + STARTS, (growth * grid, escapes), mixtures))


@njit(nogil=True, cache=True)
def _release_profile(sums: Sums, t0s: Real, taus: Real) -> Real:
    """Least chi-squared over the starts for each time constant."""
    held, column = np.zeros(len(sums.times)), np.zeros((len(sums.times), N_HEIGHTS))
    best, out = np.full(len(FIT), np.inf), np.full(len(taus), np.inf)
    for t0 in t0s:
        hold_until(sums.times, t0, 0.0, held)
        for i in range(len(taus)):
            release(sums.times, t0, taus[i], column)
            out[i] = min(out[i], _kept(sums, held, column, best))
    return out


@njit(nogil=True, cache=True)
def _spread_profile(sums: Sums, t0s: Real, grids: tuple[Real, Real], mixtures: Real) -> Real:
    """Least chi-squared over the starts and the escapes for each growth."""
    growths, escapes = grids
    held, column = np.zeros(len(sums.times)), np.zeros((len(sums.times), N_HEIGHTS))
    best, out = np.full(len(FIT), np.inf), np.full(len(growths), np.inf)
    for t0 in t0s:
        hold_until(sums.times, t0, 0.0, held)
        for i in range(len(growths)):
            for j in range(len(escapes)):
                spread(sums.times, t0, (growths[i], escapes[j]), mixtures, column)
                out[i] = min(out[i], _kept(sums, held, column, best))
    return out


@njit(nogil=True, cache=True)
def _kept(sums: Sums, held: Real, column: Real, best: Real) -> float:
    """Chi-squared with `held` and a course of all frames."""
    cross = 0.0
    for k in range(len(held)):
        for a in range(N_HEIGHTS):
            cross += held[k] * sums.precision[k, 0, a] * column[k, a]
    return keep_course(sums, _narrow(sums, held, 0), _wide(sums, column, 0), cross, (0.0, 0.0, 0.0), best)
