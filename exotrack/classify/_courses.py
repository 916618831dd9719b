"""The courses a candidate may take in time, as heights on the Gaussians of `_components`; in frames and widths of sigma0.

Each frame averages its exposure, so a course may start anywhere between frames. `Tables` holds the courses of the coarse search
for starts at quarters of a frame; `release`, `spread` and `cloud` give any other.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

Real = NDArray[np.float64]
WIDTH_GRID = np.geomspace(1.0, 20.0, 64)
"""Widths for which mixtures are tabulated; wider clouds look flat."""
LOG_WIDTH_STEP = math.log(20.0) / 63.0
PHASES = 4
"""Starts in a frame for which courses are tabulated."""
AGES = 12
"""Ages in which the cargo of a cloud is counted."""


class Tables(NamedTuple):
    """Courses by phase of the start, shape, and frame from that of the start.

    release : (PHASES, taus, lags) narrow heights. spread : (PHASES, growths, escapes, lags, 4).
    cloud : (PHASES, taus, cloud growths, lags, 4).
    """

    release: Real
    spread: Real
    cloud: Real


def tables(taus: Real, growths: Real, escapes: Real, clouds: tuple[Real, float], lags: int, mixtures: Real) -> Tables:
    """`Tables` for all combinations; clouds : growths of released cargo and its escape (frames)."""
    releases, spreads = np.zeros((PHASES, len(taus), lags)), np.zeros((PHASES, len(growths), len(escapes), lags, 4))
    told = np.zeros((PHASES, len(taus), len(clouds[0]), lags, 4))
    _fill(taus, growths, escapes, clouds, mixtures, releases, spreads, told)
    return Tables(releases, spreads, told)


@njit(nogil=True, cache=True)
def _fill(
    taus: Real,
    growths: Real,
    escapes: Real,
    clouds: tuple[Real, float],
    mixtures: Real,
    releases: Real,
    spreads: Real,
    told: Real,
) -> None:
    lags = releases.shape[2]
    times, column = np.empty(lags), np.zeros((lags, 4))
    for k in range(lags):
        times[k] = k
    for p in range(PHASES):
        t0 = p / PHASES
        for i in range(len(taus)):
            release(times, t0, taus[i], column)
            for k in range(lags):
                releases[p, i, k] = column[k, 0]
            for j in range(len(clouds[0])):
                cloud(times, t0, taus[i], (clouds[0][j], clouds[1]), mixtures, told[p, i, j])
        for i in range(len(growths)):
            for j in range(len(escapes)):
                spread(times, t0, (growths[i], escapes[j]), mixtures, spreads[p, i, j])


@njit(nogil=True, cache=True)
def hold_until(times: Real, t0: float, ramp: float, out: Real) -> None:
    """Mean over each frame of 1 before t0 and 0 after, or of a straight fall of `ramp` frames centred on t0."""
    for k in range(len(times)):
        if ramp <= 0.0:
            out[k] = min(max(t0 - times[k], 0.0), 1.0)
        else:
            out[k] = min(max(0.5 - (times[k] + 0.5 - t0) / ramp, 0.0), 1.0)


@njit(nogil=True, cache=True)
def release(times: Real, t0: float, tau: float, out: Real) -> None:
    """Mean over each frame of exp(-(t - t0) / tau) from t0 on, unspread."""
    for k in range(len(times)):
        a, b = max(times[k] - t0, 0.0), times[k] + 1.0 - t0
        _clear(out[k])
        if b > 0.0:
            out[k, 0] = tau * (math.exp(-a / tau) - math.exp(-b / tau))


@njit(nogil=True, cache=True)
def spread(times: Real, t0: float, law: tuple[float, float], mixtures: Real, out: Real) -> None:
    """Mean over each frame of a spreading Gaussian of unit start height; law = (2 D / sigma0^2 per frame, tau_e)."""
    growth, escape = law
    for k in range(len(times)):
        a, b = max(times[k] - t0, 0.0), times[k] + 1.0 - t0
        _clear(out[k])
        if b <= 0.0:
            continue
        samples = 3 if a <= 0.0 or growth > 0.5 else 1
        for s in range(samples):
            t = a + (b - a) * (s + 0.5) / samples
            _add_wide((b - a) / samples * math.exp(-t / escape), 1.0 + growth * t, mixtures, out[k])


@njit(nogil=True, cache=True)
def cloud(times: Real, t0: float, tau: float, law: tuple[float, float], mixtures: Real, out: Real) -> None:
    """Mean over each frame of cargo that left at the rate exp(-(t - t0) / tau) / tau and spread ever since.

    law : as for `spread`. Of unit light: what would be 1 high at the vesicle's own width.
    """
    growth, escape = law
    for k in range(len(times)):
        a, b = max(times[k] - t0, 0.0), times[k] + 1.0 - t0
        _clear(out[k])
        if b <= 0.0:
            continue
        for s in range(3):
            t = a + (b - a) * (s + 0.5) / 3.0
            # Ages even in their square root: most of the change of width is at the young.
            for i in range(AGES):
                young, old = t * (i / AGES) ** 2, t * ((i + 1) / AGES) ** 2
                left = math.exp(-(t - old) / tau) - math.exp(-(t - young) / tau)
                age = 0.5 * (young + old)
                _add_wide((b - a) / 3.0 * left * math.exp(-age / escape), 1.0 + growth * age, mixtures, out[k])


@njit(nogil=True, cache=True)
def _clear(out: Real) -> None:
    for c in range(4):
        out[c] = 0.0


@njit(nogil=True, cache=True)
def _add_wide(light: float, w2: float, mixtures: Real, out: Real) -> None:
    """Add a Gaussian of the light of one `light` high at the narrow width, and squared width `w2`."""
    place = min(0.5 * math.log(w2) / LOG_WIDTH_STEP, len(mixtures) - 1 - 1e-9)
    i = int(place)
    f, height = place - i, light / w2
    for c in range(4):
        out[c] += height * ((1.0 - f) * mixtures[i, c] + f * mixtures[i + 1, c])
