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
from exotrack.classify._models import D_UM2_S, TAU_FRAMES, _keep, _sums, parabola

STARTS = np.arange(-0.8, 0.81, 0.1)
"""Starts tried around the coarse one (frames)."""
AROUND = np.geomspace(1 / 1.9, 1.9, 9)
"""Values tried around the coarse one; the coarse grids step by about 1.7."""


def refined_decay(
    times: NDArray[np.float64],
    data: NDArray[np.float64],
    precision: NDArray[np.float64],
    fit: NDArray[np.float64],
    coarse: NDArray[np.float64],
) -> tuple[float, float]:
    """Time constant of a release (frames) and its standard error; infinite error at an end of the grid.

    fit : the coarse fit of the release; coarse : chi-squared for each of `TAU_FRAMES`.
    """
    value, sd = parabola(TAU_FRAMES, coarse)
    if not math.isfinite(sd):
        return value, sd
    taus = value * AROUND
    return parabola(taus, _release_profile(times, data, precision, fit[1] + STARTS, taus))


def refined_diffusion(
    times: NDArray[np.float64],
    data: NDArray[np.float64],
    precision: NDArray[np.float64],
    fit: NDArray[np.float64],
    coarse: NDArray[np.float64],
    growth: float,
    mixtures: NDArray[np.float64],
) -> tuple[float, float]:
    """Diffusion coefficient of a spreading cloud (um^2/s) and its standard error; infinite error at an end of the grid.

    fit : the coarse fit of the spread; coarse : chi-squared for each of `D_UM2_S`; growth : 2 D / sigma0^2 per frame at
    1 um^2/s.
    """
    value, sd = parabola(D_UM2_S, coarse)
    if not math.isfinite(sd):
        return value, sd
    grid = value * AROUND
    escapes = fit[3] * np.array([0.35, 0.6, 1.0, 1.7, 2.9]) if fit[3] < 1e5 else np.array([60.0, 150.0, 1e6])
    return parabola(grid, _spread_profile(times, data, precision, fit[1] + STARTS, (growth * grid, escapes), mixtures))


@njit(nogil=True, cache=True)
def _release_profile(
    times: NDArray[np.float64],
    data: NDArray[np.float64],
    precision: NDArray[np.float64],
    t0s: NDArray[np.float64],
    taus: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Least chi-squared over the starts for each time constant."""
    sums = _sums(data, precision)
    until, course = np.zeros(len(times)), np.zeros((len(times), 3))
    best, out = np.full(10, np.inf), np.full(len(taus), np.inf)
    for t0 in t0s:
        hold_until(times, t0, 0.0, until)
        for i in range(len(taus)):
            release(times, t0, taus[i], course)
            out[i] = min(out[i], _keep(sums, until, course, (t0, taus[i], 0.0), best))
    return out


@njit(nogil=True, cache=True)
def _spread_profile(
    times: NDArray[np.float64],
    data: NDArray[np.float64],
    precision: NDArray[np.float64],
    t0s: NDArray[np.float64],
    grids: tuple[NDArray[np.float64], NDArray[np.float64]],
    mixtures: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Least chi-squared over the starts and the escapes for each growth."""
    growths, escapes = grids
    sums = _sums(data, precision)
    until, course = np.zeros(len(times)), np.zeros((len(times), 3))
    best, out = np.full(10, np.inf), np.full(len(growths), np.inf)
    for t0 in t0s:
        hold_until(times, t0, 0.0, until)
        for i in range(len(growths)):
            for j in range(len(escapes)):
                spread(times, t0, (growths[i], escapes[j]), mixtures, course)
                out[i] = min(out[i], _keep(sums, until, course, (t0, growths[i], escapes[j]), best))
    return out
