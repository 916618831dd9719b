"""Maximum-likelihood fit of several spots at once, or of one spot of free width, by damped Fisher scoring.

The model is that of `_fit`: pixel-integrated Gaussians and an even background on known light, in photoelectrons whose variance
equals their mean. Pixels that are NaN are left out. Slower than `_fit` and for the few spots that need it. A step that makes the
fit worse is taken back and damped (Levenberg and Marquardt), since two spots that overlap do not always climb straight.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit

STEPS = 25
"""Two spots at one and a half widths take up to 15."""


@njit(nogil=True, cache=True, error_model="numpy")
def climb(photons: Any, known: Any, sigma: float, free: bool, theta: Any, error: Any) -> float:
    """Log-likelihood at its maximum, climbed to in place from `theta`; NaN if there is none.

    theta : (y, x, photons) of each spot, the background, and with `free` the width of the only spot. error : as long.
    """
    n = len(theta)
    info, score = np.empty((n, n)), np.empty(n)
    best, kept, damping = -np.inf, theta.copy(), 1e-3
    for _ in range(STEPS):
        likelihood = _expand(photons, known, sigma, free, theta, info, score)
        if not math.isfinite(likelihood):
            return math.nan
        if likelihood >= best:
            settled = likelihood - best < 1e-3
            best, damping = likelihood, max(damping * 0.2, 1e-6)
            kept[:] = theta
            if settled:
                break
        else:
            # Back to the best place so far; the information there is taken from here, which is near.
            theta[:] = kept
            damping = max(damping, 1e-2) * 10.0
            if damping > 1e4:
                break
        step = _step(info, score, damping)
        if not math.isfinite(step[0]):
            return math.nan
        for a in range(n):
            limit = _longest(a, n, free, theta[a], sigma)
            theta[a] += min(max(step[a], -limit), limit)
    theta[:] = kept
    for a in range(n):
        unit = np.zeros(n)
        unit[a] = 1.0
        error[a] = math.sqrt(max(_step(info, unit, 0.0)[a], 0.0))
    return best


@njit(nogil=True, cache=True, error_model="numpy")
def _expand(photons: Any, known: Any, sigma: float, free: bool, theta: Any, info: Any, score: Any) -> float:
    """Log-likelihood at `theta`; its first derivatives and the Fisher information (lower half) are written to the others."""
    ny, nx = photons.shape
    n = len(theta)
    count = (n - 1 - int(free)) // 3
    ey, ex, g = np.empty((count, 3, ny)), np.empty((count, 3, nx)), np.ones(n)
    for s in range(count):
        profile(theta[3 * s], theta[-1] if free else sigma, ey[s])
        profile(theta[3 * s + 1], theta[-1] if free else sigma, ex[s])
    info[:] = 0.0
    score[:] = 0.0
    likelihood = 0.0
    for j in range(ny):
        for k in range(nx):
            if math.isnan(photons[j, k]):
                continue
            mean = theta[3 * count] + known[j, k]
            for s in range(count):
                light, a, b = theta[3 * s + 2], ey[s, 0, j], ex[s, 0, k]
                g[3 * s], g[3 * s + 1], g[3 * s + 2] = light * ey[s, 1, j] * b, light * a * ex[s, 1, k], a * b
                mean += light * a * b
            if free:
                g[n - 1] = theta[2] * (ey[0, 2, j] * ex[0, 0, k] + ey[0, 0, j] * ex[0, 2, k])
            # Half a photoelectron: the floor that `Noise.variance` has as well.
            mean = max(mean, 0.5)
            likelihood += photons[j, k] * math.log(mean) - mean
            weight = 1.0 / mean
            rest = photons[j, k] * weight - 1.0
            for i in range(n):
                score[i] += g[i] * rest
                weighted = g[i] * weight
                for m in range(i + 1):
                    info[i, m] += weighted * g[m]
    return likelihood


@njit(nogil=True, cache=True)
def _longest(place: int, n: int, free: bool, value: float, sigma: float) -> float:
    """Longest step of the parameter at `place`: half a width, half the light, a fifth of the width; any of the background."""
    count = (n - 1 - int(free)) // 3
    if place < 3 * count:
        return 0.5 * value if place % 3 == 2 else 0.5 * sigma
    return math.inf if place == 3 * count else 0.2 * value


@njit(nogil=True, cache=True, error_model="numpy")
def share(centre: float, sigma: float, out: Any) -> None:
    """Share of the light in each pixel along one axis."""
    low = math.erf((-0.5 - centre) / (math.sqrt(2.0) * sigma))
    for i in range(len(out)):
        high = math.erf((i + 0.5 - centre) / (math.sqrt(2.0) * sigma))
        out[i] = 0.5 * (high - low)
        low = high


@njit(nogil=True, cache=True, error_model="numpy")
def profile(centre: float, sigma: float, out: Any) -> None:
    """The same in the first row, and its derivatives by the centre and by the width in the others."""
    share(centre, sigma, out[0])
    norm = 1.0 / (math.sqrt(2.0 * math.pi) * sigma)
    u = (-0.5 - centre) / sigma
    low = math.exp(-0.5 * u * u) * norm
    for i in range(out.shape[1]):
        v = (i + 0.5 - centre) / sigma
        high = math.exp(-0.5 * v * v) * norm
        out[1, i] = low - high
        out[2, i] = u * low - v * high
        u, low = v, high


@njit(nogil=True, cache=True, error_model="numpy")
def _step(info: Any, right: Any, damping: float) -> Any:
    """Solution of the damped normal equations (Cholesky, lower half of `info`); NaN if it has none."""
    n = len(right)
    low, out = np.zeros((n, n)), np.empty(n)
    for i in range(n):
        for j in range(i + 1):
            rest = info[i, j] * (1.0 + damping if i == j else 1.0)
            for k in range(j):
                rest -= low[i, k] * low[j, k]
            if i == j:
                if not rest > 1e-12 * info[i, i]:
                    out[:] = np.nan
                    return out
                low[i, i] = math.sqrt(rest)
            else:
                low[i, j] = rest / low[j, j]
    for i in range(n):
        out[i] = right[i]
        for k in range(i):
            out[i] -= low[i, k] * out[k]
        out[i] /= low[i, i]
    for i in range(n - 1, -1, -1):
        for k in range(i + 1, n):
            out[i] -= low[k, i] * out[k]
        out[i] /= low[i, i]
    return out
