"""Time constants of what is worth measuring, on finer grids than those that decide.

A start that lies between the points of the coarse grid biases the time constant of a release by up to 18 % (a frame that
shows half a release looks like a slower one). Here the start is profiled every tenth of a frame.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from exotrack.classify._courses import cloud, hold_until, release
from exotrack.classify._evidence import parabola
from exotrack.classify._fits import (
    FIT,
    SHAPE_1,
    SHAPE_2,
    T0,
    Sums,
    keep_cloud,
    keep_course,
    keep_step,
    narrow_column,
    wide_column,
)
from exotrack.classify._models import TAU_FRAMES
from exotrack.classify._patch import N_HEIGHTS

Real = NDArray[np.float64]

STARTS = np.arange(-0.8, 0.81, 0.1)
"""Starts tried around the coarse one (frames)."""
AROUND = np.geomspace(1 / 1.9, 1.9, 9)
"""Values tried around the coarse one; the coarse grids step by about 1.7."""
FLASH = 4.0
"""Chi-squared that a sudden change of brightness at the start must explain to be believed: two standard errors."""


def refined_decay(sums: Sums, fit: Real, coarse: Real) -> tuple[float, float]:
    """Time constant of a release (frames) and its standard error; infinite error at an end of the grid.

    fit : the coarse fit of the release; coarse : chi-squared for each of `TAU_FRAMES`.
    """
    value, sd = parabola(TAU_FRAMES, coarse)
    if not math.isfinite(sd):
        return value, sd
    taus = value * AROUND
    free, steady = _release_profile(sums, fit[T0] + STARTS, taus)
    return _simpler(taus, free, steady)


def refined_release(sums: Sums, fit: Real, escape: float, mixtures: Real) -> tuple[float, float]:
    """The same of a release whose cloud is seen, and fitted with it; fit : the coarse fit of the cloud, escape (frames)."""
    taus = fit[SHAPE_1] * AROUND
    free, steady = _cloud_profile(sums, fit[T0] + STARTS, taus, (fit[SHAPE_2], escape), mixtures)
    return _simpler(taus, free, steady)


def _simpler(taus: Real, free: Real, steady: Real) -> tuple[float, float]:
    """Time constant from the profile without a flash at the start, unless one is seen: start and height then share less."""
    return parabola(taus, steady if steady.min() < free.min() + FLASH else free)


@njit(nogil=True, cache=True)
def _release_profile(sums: Sums, t0s: Real, taus: Real) -> tuple[Real, Real]:
    """Least chi-squared over the starts for each time constant, with any height at the start and with that of before."""
    n = len(sums.times)
    held, column, both = np.zeros(n), np.zeros((n, N_HEIGHTS)), np.zeros(n)
    best, free, steady = np.full(len(FIT), np.inf), np.full(len(taus), np.inf), np.full(len(taus), np.inf)
    for t0 in t0s:
        hold_until(sums.times, t0, 0.0, held)
        for i in range(len(taus)):
            release(sums.times, t0, taus[i], column)
            for k in range(n):
                both[k] = held[k] + column[k, 0]
            free[i] = min(free[i], _kept(sums, held, column, best))
            steady[i] = min(steady[i], keep_step(sums, narrow_column(sums, both, 0), (t0, taus[i], 0.0), best))
    return free, steady


@njit(nogil=True, cache=True)
def _cloud_profile(sums: Sums, t0s: Real, taus: Real, law: tuple[float, float], mixtures: Real) -> tuple[Real, Real]:
    """The same for a release with a cloud."""
    n = len(sums.times)
    held, column, wide, both = np.zeros(n), np.zeros((n, N_HEIGHTS)), np.zeros((n, N_HEIGHTS)), np.zeros(n)
    best, free, steady = np.full(len(FIT), np.inf), np.full(len(taus), np.inf), np.full(len(taus), np.inf)
    for t0 in t0s:
        hold_until(sums.times, t0, 0.0, held)
        until = narrow_column(sums, held, 0)
        for i in range(len(taus)):
            shape = (t0, taus[i], law[0])
            release(sums.times, t0, taus[i], column)
            cloud(sums.times, t0, taus[i], law, mixtures, wide)
            spreading = wide_column(sums, wide, 0)
            narrow = column[:, 0].copy()
            crosses = (_product(sums, held, column), _product(sums, held, wide), _product(sums, narrow, wide))
            free[i] = min(free[i], keep_cloud(sums, (until, narrow_column(sums, narrow, 0), spreading), crosses, shape, best))
            for k in range(n):
                both[k] = held[k] + narrow[k]
            crossed = _product(sums, both, wide)
            steady[i] = min(steady[i], keep_course(sums, narrow_column(sums, both, 0), spreading, crossed, shape, best))
    return free, steady


@njit(nogil=True, cache=True)
def _kept(sums: Sums, held: Real, column: Real, best: Real) -> float:
    """Chi-squared with `held` and a course of all frames."""
    until, spreading = narrow_column(sums, held, 0), wide_column(sums, column, 0)
    return keep_course(sums, until, spreading, _product(sums, held, column), (0.0, 0.0, 0.0), best)


@njit(nogil=True, cache=True)
def _product(sums: Sums, narrow: Real, column: Real) -> float:
    """Product of narrow heights (n,) and a course of all frames."""
    total = 0.0
    for k in range(len(narrow)):
        for a in range(N_HEIGHTS):
            total += narrow[k] * sums.precision[k, 0, a] * column[k, a]
    return total
