"""The courses a candidate may take in time, as heights on the three Gaussians of `_components`; in frames and widths of sigma0.

Each frame averages its exposure, so a course may start anywhere between frames.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

WIDTH_GRID = np.geomspace(1.0, 9.0, 48)
"""Widths for which mixtures are tabulated; wider clouds look flat in the patch."""
LOG_WIDTH_STEP = math.log(9.0) / 47.0


@njit(nogil=True, cache=True)
def hold_until(times: NDArray[np.float64], t0: float, ramp: float, out: NDArray[np.float64]) -> None:
    """Mean over each frame of 1 before t0 and 0 after, or of a straight fall of `ramp` frames centred on t0."""
    for k in range(len(times)):
        if ramp <= 0.0:
            out[k] = min(max(t0 - times[k], 0.0), 1.0)
        else:
            out[k] = min(max(0.5 - (times[k] + 0.5 - t0) / ramp, 0.0), 1.0)


@njit(nogil=True, cache=True)
def release(times: NDArray[np.float64], t0: float, tau: float, out: NDArray[np.float64]) -> None:
    """Mean over each frame of exp(-(t - t0) / tau) from t0 on, unspread."""
    for k in range(len(times)):
        a, b = max(times[k] - t0, 0.0), times[k] + 1.0 - t0
        out[k, 0] = tau * (math.exp(-a / tau) - math.exp(-b / tau)) if b > 0.0 else 0.0
        out[k, 1] = out[k, 2] = 0.0


@njit(nogil=True, cache=True)
def spread(
    times: NDArray[np.float64], t0: float, law: tuple[float, float], mixtures: NDArray[np.float64], out: NDArray[np.float64]
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
        samples = 3 if k == 0 or a <= 0.0 or growth > 0.5 else 1
        for s in range(samples):
            t = a + (b - a) * (s + 0.5) / samples
            w2 = 1.0 + growth * t
            place = min(0.5 * math.log(w2) / LOG_WIDTH_STEP, last - 1e-9)
            i = int(place)
            f = place - i
            height = (b - a) / samples * math.exp(-t / escape) / w2
            for c in range(3):
                out[k, c] += height * ((1.0 - f) * mixtures[i, c] + f * mixtures[i + 1, c])


@njit(nogil=True, cache=True)
def course(
    times: NDArray[np.float64], model: int, fit: NDArray[np.float64], mixtures: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(n, 3) heights that model `model` with the row `fit` of `fit_all` predicts at `times`, static widths left out."""
    held, column = np.zeros(len(times)), np.zeros((len(times), 3))
    total = np.zeros((len(times), 3))
    total[:, 0] = fit[4]
    if model == 0:
        return total
    hold_until(times, fit[1], fit[2] if model == 2 else 0.0, held)
    total[:, 0] += fit[7] * held
    if fit[8] == 0.0:
        return total
    if model == 3:
        release(times, fit[1], fit[2], column)
        total += fit[8] * column
    if model == 4:
        spread(times, fit[1], (fit[2], fit[3]), mixtures, column)
        total += fit[8] * column
    return total
