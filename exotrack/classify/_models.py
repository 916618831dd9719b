"""Physical courses of a candidate, fitted to its `PatchSeries` by generalised least squares.

Every model is a static pattern (what was there and stays) plus P for as long as the vesicle has not changed, plus one
course that starts at t0, which lies anywhere between frames; each frame averages its exposure:

stay      nothing changes
step      P until t0: a loss (P > 0) or a lasting gain (P < 0) at once
ramp      the same over `r` frames: a vesicle that rises out of or sinks into the evanescent field
release   P until t0, then A exp(-(t - t0) / tau), unspread: release through a pore, or re-acidification
spread    P until t0, then A spreading as sigma^2 = sigma0^2 + 2 D (t - t0), its total falling with tau_e (escape, bleaching)

Heights enter linearly and are solved for; t0, tau, D, tau_e and r are searched on grids whose step is finer than the
data can tell, so that no start value is needed and no local minimum is missed. Chi-squared differences are twice the
log-likelihood ratios. Times are in frames, widths in units of sigma0.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from exotrack.classify._courses import hold_until, release, spread
from exotrack.classify._linear import solve_symmetric

STAY, STEP, RAMP, RELEASE, SPREAD = range(5)
BACK_S = 0.8
"""How far before a candidate's frame its event may have begun (s): a release of a second is steepest well after its start."""
FIT = ("chi2", "t0", "shape_1", "shape_2", "static_1", "static_2", "static_4", "lost", "height", "height_sd")
"""A fit: shape_1 is tau, D growth or ramp; static_* are the heights that stay, lost is P, height is A."""
TAU_FRAMES = np.array([0.35, 0.6, 1.0, 1.7, 2.8, 4.6, 7.5, 12.0, 20.0, 33.0, 55.0])
RAMP_FRAMES = np.array([2.0, 4.0, 8.0, 16.0])
D_UM2_S = np.array([0.005, 0.01, 0.02, 0.035, 0.06, 0.1, 0.17, 0.3, 0.5, 1.0, 2.0, 5.0])
ESCAPE_FRAMES = np.array([1.0, 3.0, 10.0, 40.0, 1e6])
LEAST_GAIN = 12.0
"""A candidate whose step and release explain less than this over no change is noise; spreading is not fitted to it."""


def t0_grid(frame_s: float) -> NDArray[np.float64]:
    """Start times to try (frames from the candidate's): half frames near it, wider steps back to `BACK_S`."""
    near = np.arange(-2.0, 2.01, 0.5)
    back = max(BACK_S / frame_s, 4.0)
    far = -2.0 - np.cumsum(np.linspace(0.5, max(0.5, (back - 2.0) / 3.0), 6))
    return np.concatenate([far[far >= -back - 0.5][::-1], near])


class Sums(NamedTuple):
    """What every fit to one series shares: the static pattern's normal equations and the weighted data."""

    precision: NDArray[np.float64]
    normal: NDArray[np.float64]
    right: NDArray[np.float64]
    weighted: NDArray[np.float64]
    total: float


@njit(nogil=True, cache=True)
def _sums(data: NDArray[np.float64], precision: NDArray[np.float64]) -> Sums:
    """`Sums` of data (n, 3) with precision (n, 3, 3)."""
    weighted = np.zeros((len(data), 3))
    normal, right, total = np.zeros((3, 3)), np.zeros(3), 0.0
    for k in range(len(data)):
        for a in range(3):
            for b in range(3):
                weighted[k, a] += precision[k, a, b] * data[k, b]
                normal[a, b] += precision[k, a, b]
            right[a] += weighted[k, a]
            total += data[k, a] * weighted[k, a]
    return Sums(precision, normal, right, weighted, total)


@njit(nogil=True, cache=True)
def _solve(sums: Sums, until: NDArray[np.float64], course: NDArray[np.float64], n_columns: int) -> tuple[Any, float, float]:
    """Generalised least squares of the static pattern, `until` (n,) of the narrow width and `course` (n, 3).

    The first `n_columns` (3 to 5) are fitted. Returns their heights, the variance of the last, and chi-squared.
    """
    full, answer = np.zeros((5, 5)), np.zeros(5)
    full[:3, :3], answer[:3] = sums.normal, sums.right
    for k in range(len(until)):
        w, u = sums.precision[k], until[k]
        if n_columns > 3 and u != 0.0:
            for a in range(3):
                full[3, a] += w[a, 0] * u
            full[3, 3] += w[0, 0] * u * u
            answer[3] += sums.weighted[k, 0] * u
        if n_columns > 4 and course[k, 0] != 0.0:
            v0, v1, v2 = course[k, 0], course[k, 1], course[k, 2]
            p0 = w[0, 0] * v0 + w[0, 1] * v1 + w[0, 2] * v2
            p1 = w[1, 0] * v0 + w[1, 1] * v1 + w[1, 2] * v2
            p2 = w[2, 0] * v0 + w[2, 1] * v1 + w[2, 2] * v2
            full[4, 0] += p0
            full[4, 1] += p1
            full[4, 2] += p2
            full[4, 3] += p0 * u
            full[4, 4] += p0 * v0 + p1 * v1 + p2 * v2
            answer[4] += v0 * sums.weighted[k, 0] + v1 * sums.weighted[k, 1] + v2 * sums.weighted[k, 2]
    beta = answer.copy()
    variance = solve_symmetric(full, beta, n_columns)
    total = sums.total
    for c in range(n_columns):
        total -= beta[c] * answer[c]
    return beta, variance, max(total, 0.0)


@njit(nogil=True, cache=True)
def fit_all(
    times: NDArray[np.float64],
    data: NDArray[np.float64],
    precision: NDArray[np.float64],
    mixtures: NDArray[np.float64],
    grids: tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]],
    out: NDArray[np.float64],
    profiles: NDArray[np.float64],
) -> None:
    """Fit every model.

    times : (n,) frames from the candidate's; data (n, 3), precision (n, 3, 3): see `PatchSeries`.
    mixtures : (len(WIDTH_GRID), 3); grids : t0, tau, ramp, growth (2 D / sigma0^2 per frame), escape.
    out : (5, 10) filled with, per model, the columns named in `FIT`.
    profiles : (2, 16) filled with the least chi2 for each tau and for each D.
    """
    t0s, taus, ramps, growths, escapes = grids
    sums = _sums(data, precision)
    until, course = np.zeros(len(times)), np.zeros((len(times), 3))
    out[:] = np.nan
    profiles[:] = np.inf
    beta, _, chi2 = _solve(sums, until, course, 3)
    out[0, 0] = chi2
    out[0, 4:7] = beta[:3]
    out[1:, 0] = np.inf
    for t0 in t0s:
        hold_until(times, t0, 0.0, until)
        _keep_step(sums, until, course, (t0, 0.0), out[1])
        for i in range(len(taus)):
            release(times, t0, taus[i], course)
            profiles[0, i] = min(profiles[0, i], _keep(sums, until, course, (t0, taus[i], 0.0), out[3]))
    if chi2_gain(out) >= LEAST_GAIN:
        for ramp in ramps:
            for t0 in t0s:
                hold_until(times, t0, ramp, until)
                _keep_step(sums, until, course, (t0, ramp), out[2])
        for t0 in t0s:
            hold_until(times, t0, 0.0, until)
            for i in range(len(growths)):
                for j in range(len(escapes)):
                    spread(times, t0, (growths[i], escapes[j]), mixtures, course)
                    chi2 = _keep(sums, until, course, (t0, growths[i], escapes[j]), out[4])
                    profiles[1, i] = min(profiles[1, i], chi2)
    _refine(times, sums, mixtures, until, course, out)
    _copy_step(out)


@njit(nogil=True, cache=True)
def _refine(
    times: NDArray[np.float64],
    sums: Sums,
    mixtures: NDArray[np.float64],
    until: NDArray[np.float64],
    course: NDArray[np.float64],
    out: NDArray[np.float64],
) -> None:
    """Look for t0 up to a frame to either side, shapes held."""
    for model in range(1, 5):
        coarse, one, two = out[model, 1], out[model, 2], out[model, 3]
        if model == 2 or not np.isfinite(out[model, 0]):
            continue
        for t0 in (coarse - 1.0, coarse - 0.5, coarse - 0.25, coarse + 0.25, coarse + 0.5, coarse + 1.0):
            hold_until(times, t0, 0.0, until)
            if model == 1:
                _keep_step(sums, until, course, (t0, 0.0), out[1])
                continue
            if model == 3:
                release(times, t0, one, course)
            else:
                spread(times, t0, (one, two), mixtures, course)
            _keep(sums, until, course, (t0, one, two), out[model])


@njit(nogil=True, cache=True)
def chi2_gain(out: NDArray[np.float64]) -> float:
    """What the best of step and release explains over no change."""
    return float(out[0, 0] - min(out[1, 0], out[3, 0]))


@njit(nogil=True, cache=True)
def _copy_step(out: NDArray[np.float64]) -> None:
    """Where a model was not fitted, or its course has no positive height, the step stands in, with height 0."""
    for m in range(2, 5):
        if not np.isfinite(out[m, 0]):
            out[m, :] = out[1, :]
            if m > 2:
                out[m, 8], out[m, 9] = 0.0, np.nan


@njit(nogil=True, cache=True)
def _keep_step(
    sums: Sums,
    until: NDArray[np.float64],
    course: NDArray[np.float64],
    shape: tuple[float, float],
    best: NDArray[np.float64],
) -> None:
    """Solve for a change without a course; write it to `best` if its chi-squared is the least so far."""
    beta, _, chi2 = _solve(sums, until, course, 4)
    if chi2 < best[0]:
        best[0], best[1], best[2], best[3] = chi2, shape[0], shape[1], 0.0
        best[4:8] = beta[:4]


@njit(nogil=True, cache=True)
def _keep(
    sums: Sums,
    until: NDArray[np.float64],
    course: NDArray[np.float64],
    shape: tuple[float, float, float],
    best: NDArray[np.float64],
) -> float:
    """Solve with a course; write it to `best` if it is the best so far. Infinite if the course's height is not positive."""
    beta, variance, chi2 = _solve(sums, until, course, 5)
    if not beta[4] > 0.0:
        return np.inf
    if chi2 < best[0]:
        best[0], best[1], best[2], best[3] = chi2, shape[0], shape[1], shape[2]
        best[4:9] = beta
        best[9] = math.sqrt(variance)
    return float(chi2)


def parabola(grid: NDArray[np.float64], chi2: NDArray[np.float64]) -> tuple[float, float]:
    """Minimum and standard error of a positive parameter from its chi-squared profile on a logarithmic grid.

    The profile near its minimum is a parabola in the logarithm, chi2 = min + ((log p - log p0) / sd)^2. At an end of the
    grid the value is that end and the error is infinite.
    """
    k = int(np.argmin(chi2))
    if not np.isfinite(chi2[k]):
        return math.nan, math.nan
    if k in (0, len(grid) - 1) or not np.all(np.isfinite(chi2[k - 1 : k + 2])):
        return float(grid[k]), math.inf
    a, b, _ = np.polyfit(np.log(grid[k - 1 : k + 2]), chi2[k - 1 : k + 2], 2)
    if a <= 0:
        return float(grid[k]), math.inf
    best = math.exp(-b / (2 * a))
    return best, best / math.sqrt(a)
