"""Diffusion coefficient of cargo that spreads in the membrane, from how fast its patch widens."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numba import njit
from numpy.typing import NDArray

from exotrack.classify._components import PatchSeries, mixture
from exotrack.classify._courses import hold_until
from exotrack.classify._fits import FIT, Sums, keep_course, narrow_column, sums_of, wide_column
from exotrack.classify._look import Optics
from exotrack.classify._patch import N_HEIGHTS
from exotrack.classify._posterior import known, marginal, spent

Real = NDArray[np.float64]
NARROWEST, WIDEST, N_WIDTHS = 0.6, 20.0, 96
LOG_STEP = math.log(WIDEST / NARROWEST) / (N_WIDTHS - 1)
D_UM2_S = np.geomspace(0.004, 4.0, 26)
ESCAPES_S = (15.0, 60.0, 1e4)
"""Cargo in the membrane goes by bleaching and uptake only: within tens of seconds at the fastest."""
START_WIDTHS = np.array([0.7, 0.85, 1.0, 1.2, 1.4, 1.7])
"""Squared width at the start over that of a vesicle as told: images differ from what is said of them."""
WIDTH_ERROR = 0.15
"""Standard deviation of the logarithm of the start width."""
STARTS = np.array([-0.1, 0.3, 0.7, 1.1, 1.5])
"""When spreading starts (frames after that of the opening begins): a pore takes up to 100 ms to let the membrane flatten, and a
camera may expose for a part of its frame. The frame of the opening has no weight: its brightness does not set the start."""
MODEL_ERROR = 0.08
"""Relative error from what the model has not: images that are no Gaussian, neighbours' light, corrals."""
UNKNOWNS = 15


def diffusion(series: PatchSeries, frame: int, opening: int, optics: Optics) -> tuple[float, float]:
    """D (um^2/s) and its error; missing if only a limit is known.

    frame : movie frame that times count from; opening : frame of the opening, counted from it.
    """
    times = (series.frame - frame).astype(float)
    precision = np.where((times == opening)[:, None, None], 0.0, series.precision)
    sums = sums_of(times, np.nan_to_num(series.coefficients[:, :N_HEIGHTS]), precision)
    used = int((precision[:, 0, 0] > 0).sum())
    if used < 6:
        return math.nan, math.nan
    growths = optics.growth(D_UM2_S)
    chi2 = np.empty((len(STARTS), len(START_WIDTHS), len(growths), len(ESCAPES_S)))
    _grid(sums, opening + STARTS, START_WIDTHS, growths, np.array(ESCAPES_S) / optics.frame_s, mixtures(optics), chi2)
    if not np.isfinite(chi2.min()):
        return math.nan, math.nan
    misfit = max(float(chi2.min()) / max(N_HEIGHTS * used - UNKNOWNS, 1), 1.0)
    prior = -0.5 * (0.5 * np.log(START_WIDTHS) / WIDTH_ERROR) ** 2
    return known(D_UM2_S, marginal(spent(chi2, misfit) + prior[None, :, None, None], 2), MODEL_ERROR)


@lru_cache(maxsize=4)
def mixtures(optics: Optics) -> Real:
    """`mixture` of widths that begin below the vesicle's own."""
    widths = np.geomspace(NARROWEST, WIDEST, N_WIDTHS)
    return mixture(widths, optics.sigma_px, optics.reach.near, optics.reach.far)


@njit(nogil=True, cache=True)
def _grid(sums: Sums, t0s: Real, starts: Real, growths: Real, escapes: Real, mixtures: Real, chi2: Real) -> None:
    """Chi-squared for every start, start width, growth and escape."""
    n = len(sums.times)
    held, column, best = np.zeros(n), np.zeros((n, N_HEIGHTS)), np.full(len(FIT), -1.0)
    for i in range(len(t0s)):
        hold_until(sums.times, t0s[i], 0.0, held)
        until = narrow_column(sums, held, 0)
        for j in range(len(starts)):
            for k in range(len(growths)):
                for m in range(len(escapes)):
                    _spread(sums.times, t0s[i], (starts[j], growths[k], escapes[m]), mixtures, column)
                    cross = 0.0
                    for t in range(n):
                        for a in range(N_HEIGHTS):
                            cross += held[t] * sums.precision[t, 0, a] * column[t, a]
                    chi2[i, j, k, m] = keep_course(sums, until, wide_column(sums, column, 0), cross, (0.0, 0.0, 0.0), best)


@njit(nogil=True, cache=True)
def _spread(times: Real, t0: float, law: tuple[float, float, float], mixtures: Real, out: Real) -> None:
    """Mean over each frame of a spreading Gaussian; law : squared start width, growth of it per frame, escape (frames)."""
    for k in range(len(times)):
        a, b = max(times[k] - t0, 0.0), times[k] + 1.0 - t0
        for c in range(N_HEIGHTS):
            out[k, c] = 0.0
        if b <= 0.0:
            continue
        samples = 4 if a <= 3.0 else 1
        for s in range(samples):
            t = a + (b - a) * (s + 0.5) / samples
            w2 = law[0] + law[1] * t
            height = (b - a) / samples * math.exp(-t / law[2]) / w2
            place = min(max((0.5 * math.log(w2) - math.log(NARROWEST)) / LOG_STEP, 0.0), len(mixtures) - 1 - 1e-9)
            i = int(place)
            f = place - i
            for c in range(N_HEIGHTS):
                out[k, c] += height * ((1.0 - f) * mixtures[i, c] + f * mixtures[i + 1, c])
