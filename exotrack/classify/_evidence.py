"""What fits say of a candidate: how often a cloud is seen by chance, and a value with its error from a chi-squared profile."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from exotrack.classify._fits import Real, Sums
from exotrack.classify._patch import N_HEIGHTS


@njit(nogil=True, cache=True)
def chance_clouds(sums: Sums, rest: Real, template: Real) -> Real:
    """(n,) heights, in standard errors, of a typical cloud at every frame in `rest`, what a fit leaves of the data (n, 4).

    Things that move unseen, haze and bleaching texture look like weak clouds that come and go. template : (frames, 4).
    """
    n = len(sums.times)
    z, count = np.zeros(n), 0
    for k in range(n):
        y = q = 0.0
        for j in range(k, min(k + len(template), n)):
            for a in range(N_HEIGHTS):
                p = 0.0
                for b in range(N_HEIGHTS):
                    p += sums.precision[j, a, b] * template[j - k, b]
                y, q = y + p * rest[j, a], q + p * template[j - k, a]
        if q > 0.0:
            z[count] = y / math.sqrt(q)
            count += 1
    return z[:count]


def parabola(grid: Real, chi2: Real) -> tuple[float, float]:
    """Minimum and standard error of a positive parameter from its chi-squared profile on a logarithmic grid.

    The profile near its minimum is a parabola in the logarithm, chi2 = min + ((log p - log p0) / sd)^2. At an end of the
    grid the value is that end and the error is infinite.
    """
    k = int(np.argmin(chi2))
    if not np.isfinite(chi2[k]):
        return math.nan, math.nan
    if k in (0, len(grid) - 1) or not np.all(np.isfinite(chi2[k - 1 : k + 2])):
        return float(grid[k]), math.inf
    left, here, right = (math.log(value) for value in grid[k - 1 : k + 2])
    before, after = (chi2[k] - chi2[k - 1]) / (here - left), (chi2[k + 1] - chi2[k]) / (right - here)
    bend = (after - before) / (right - left)
    if bend <= 0:
        return float(grid[k]), math.inf
    best = math.exp(0.5 * (left + here) - 0.5 * before / bend)
    return best, best / math.sqrt(bend)
