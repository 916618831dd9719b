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
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

STAY, STEP, RAMP, RELEASE, SPREAD = range(5)
T0_GRID = np.arange(-1.5, 1.51, 0.25)
FIT = ("chi2", "t0", "shape_1", "shape_2", "static_1", "static_2", "static_4", "lost", "height", "height_sd")
"""A fit: shape_1 is tau, D growth or ramp; static_* are the heights that stay, lost is P, height is A."""
TAU_FRAMES = np.array([0.35, 0.6, 1.0, 1.7, 2.8, 4.6, 7.5, 12.0, 20.0, 33.0, 55.0])
RAMP_FRAMES = np.array([2.0, 4.0, 8.0, 16.0])
D_UM2_S = np.array([0.005, 0.01, 0.02, 0.035, 0.06, 0.1, 0.17, 0.3, 0.5, 1.0, 2.0, 5.0])
ESCAPE_FRAMES = np.array([1.0, 3.0, 10.0, 40.0, 1e6])
WIDTH_GRID = np.geomspace(1.0, 9.0, 48)
"""Widths for which mixtures are tabulated; wider clouds look flat in the patch."""
WIDTH_RATIO = float(WIDTH_GRID[1] / WIDTH_GRID[0])


@njit(nogil=True, cache=True)
def _solve(
    columns: NDArray[np.float64], data: NDArray[np.float64], precision: NDArray[np.float64], n_columns: int
) -> tuple[Any, Any, float]:
    """Generalised least squares: coefficients, their normal matrix, and chi-squared."""
    n = data.shape[0]
    normal = np.zeros((n_columns, n_columns))
    right = np.zeros(n_columns)
    total = 0.0
    weighted = np.empty((n_columns, 3))
    for k in range(n):
        w = precision[k]
        for c in range(n_columns):
            for a in range(3):
                weighted[c, a] = w[a, 0] * columns[c, k, 0] + w[a, 1] * columns[c, k, 1] + w[a, 2] * columns[c, k, 2]
        for c in range(n_columns):
            for a in range(3):
                right[c] += weighted[c, a] * data[k, a]
            for d in range(c + 1):
                for a in range(3):
                    normal[c, d] += weighted[c, a] * columns[d, k, a]
        for a in range(3):
            for b in range(3):
                total += data[k, a] * w[a, b] * data[k, b]
    for c in range(n_columns):
        for d in range(c):
            normal[d, c] = normal[c, d]
        normal[c, c] = normal[c, c] * (1.0 + 1e-9) + 1e-12
    beta = np.linalg.solve(normal, right)
    for c in range(n_columns):
        total -= beta[c] * right[c]
    return beta, normal, max(total, 0.0)


@njit(nogil=True, cache=True)
def _static(columns: NDArray[np.float64]) -> None:
    columns[:] = 0.0
    for a in range(3):
        columns[a, :, a] = 1.0


@njit(nogil=True, cache=True)
def _until(times: NDArray[np.float64], t0: float, ramp: float, out: NDArray[np.float64]) -> None:
    """Mean over each frame of 1 before t0 and 0 after, or of a straight fall of `ramp` frames centred on t0."""
    for k in range(len(times)):
        if ramp <= 0.0:
            out[k, 0] = min(max(t0 - times[k], 0.0), 1.0)
        else:
            out[k, 0] = min(max(0.5 - (times[k] + 0.5 - t0) / ramp, 0.0), 1.0)


@njit(nogil=True, cache=True)
def _release(times: NDArray[np.float64], t0: float, tau: float, out: NDArray[np.float64]) -> None:
    """Mean over each frame of exp(-(t - t0) / tau) from t0 on."""
    for k in range(len(times)):
        a, b = max(times[k] - t0, 0.0), times[k] + 1.0 - t0
        out[k, 0] = tau * (math.exp(-a / tau) - math.exp(-b / tau)) if b > 0.0 else 0.0


@njit(nogil=True, cache=True)
def _spread(
    times: NDArray[np.float64],
    t0: float,
    law: tuple[float, float],
    mixtures: NDArray[np.float64],
    log_step: float,
    out: NDArray[np.float64],
) -> None:
    """Mean over each frame of a spreading Gaussian of unit start height; law = (2 D / sigma0^2 per frame, tau_e)."""
    growth, escape = law
    last = len(mixtures) - 1
    for k in range(len(times)):
        a, b = max(times[k] - t0, 0.0), times[k] + 1.0 - t0
        for c in range(3):
            out[k, c] = 0.0
        if b <= 0.0:
            continue
        for s in range(3):
            t = a + (b - a) * (s + 0.5) / 3.0
            w2 = 1.0 + growth * t
            place = min(0.5 * math.log(w2) / log_step, last - 1e-9)
            i = int(place)
            f = place - i
            height = (b - a) / 3.0 * math.exp(-t / escape) / w2
            for c in range(3):
                out[k, c] += height * ((1.0 - f) * mixtures[i, c] + f * mixtures[i + 1, c])


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
    n = len(times)
    columns = np.zeros((5, n, 3))
    _static(columns)
    out[:] = np.nan
    profiles[:] = np.inf
    log_step = math.log(WIDTH_RATIO)
    beta, normal, chi2 = _solve(columns, data, precision, 3)
    out[0, 0] = chi2
    out[0, 4:7] = beta[:3]
    out[1, 0] = out[2, 0] = out[3, 0] = out[4, 0] = np.inf
    for t0 in t0s:
        _until(times, t0, 0.0, columns[3])
        beta, normal, chi2 = _solve(columns, data, precision, 4)
        if chi2 < out[1, 0]:
            out[1, 0], out[1, 1] = chi2, t0
            out[1, 4:8] = beta
        for i in range(len(taus)):
            _release(times, t0, taus[i], columns[4])
            columns[4, :, 1:] = 0.0
            beta, normal, chi2 = _solve(columns, data, precision, 5)
            if beta[4] > 0.0:
                profiles[0, i] = min(profiles[0, i], chi2)
                if chi2 < out[3, 0]:
                    out[3, :4] = np.array([chi2, t0, taus[i], 0.0])
                    out[3, 4:9] = beta
                    out[3, 9] = math.sqrt(max(np.linalg.inv(normal)[4, 4], 0.0))
        for i in range(len(growths)):
            for j in range(len(escapes)):
                _spread(times, t0, (growths[i], escapes[j]), mixtures, log_step, columns[4])
                beta, normal, chi2 = _solve(columns, data, precision, 5)
                if beta[4] > 0.0:
                    profiles[1, i] = min(profiles[1, i], chi2)
                    if chi2 < out[4, 0]:
                        out[4, :4] = np.array([chi2, t0, growths[i], escapes[j]])
                        out[4, 4:9] = beta
                        out[4, 9] = math.sqrt(max(np.linalg.inv(normal)[4, 4], 0.0))
    for ramp in ramps:
        for t0 in t0s:
            _until(times, t0, ramp, columns[3])
            beta, normal, chi2 = _solve(columns, data, precision, 4)
            if chi2 < out[2, 0]:
                out[2, :4] = np.array([chi2, t0, ramp, 0.0])
                out[2, 4:8] = beta
    for m in range(3, 5):
        if not np.isfinite(out[m, 0]):
            out[m, :] = out[1, :]
            out[m, 8], out[m, 9] = 0.0, np.nan


@njit(nogil=True, cache=True)
def course(
    times: NDArray[np.float64], model: int, fit: NDArray[np.float64], mixtures: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(n, 3) heights that model `model` with the row `fit` of `fit_all` predicts at `times`, static widths left out."""
    columns = np.zeros((2, len(times), 3))
    total = np.zeros((len(times), 3))
    total[:, 0] = fit[4]
    if model == 0:
        return total
    _until(times, fit[1], fit[2] if model == 2 else 0.0, columns[0])
    total += fit[7] * columns[0]
    if model == 3:
        _release(times, fit[1], fit[2], columns[1])
        total += fit[8] * columns[1]
    if model == 4:
        _spread(times, fit[1], (fit[2], fit[3]), mixtures, math.log(WIDTH_RATIO), columns[1])
        total += fit[8] * columns[1]
    return total


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
