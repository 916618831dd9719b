"""Physical courses of a candidate, fitted to its `PatchSeries` by generalised least squares.

Every model is a static pattern (what was there and stays, broad light drifting slowly) plus P for as long as the vesicle has
not changed, plus courses that start at t0, which lies anywhere between frames; each frame averages its exposure:

stay      nothing changes
step      P until t0: a loss (P > 0) or a lasting gain (P < 0) at once
ramp      the same over `r` frames: a vesicle that rises out of or sinks into the evanescent field
release   P until t0, then A exp(-(t - t0) / tau), unspread: release through a pore, re-acidification, or a vesicle that leaves
spread    P until t0, then A spreading as sigma^2 = sigma0^2 + 2 D (t - t0), its total falling with tau_e (escape, bleaching)
cloud     release, and C times the cargo that was released, spreading in the cleft: what no leaving vesicle has

Heights enter linearly and are solved for; t0, tau, D, tau_e and r are searched on grids whose step is finer than the
data can tell, so that no start value is needed and no local minimum is missed. The static pattern is solved for once: each course
is projected on what it leaves (`_fits`). Chi-squared differences are twice the log-likelihood ratios. Times are in frames,
widths in units of sigma0.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from exotrack.classify._courses import PHASES, Tables, cloud, hold_until, release, spread
from exotrack.classify._fits import (
    CHI2,
    HEIGHT,
    HEIGHT_SD,
    LIGHT,
    LIGHT_SD,
    LOST,
    N_STATIC,
    SHAPE_1,
    SHAPE_2,
    STATIC,
    T0,
    Sums,
    across,
    between,
    keep_cloud,
    keep_course,
    keep_step,
    narrow_column,
    wide_column,
)
from exotrack.classify._patch import N_HEIGHTS

Real = NDArray[np.float64]
STAY, STEP, RAMP, RELEASE, SPREAD, CLOUD = range(6)
N_MODELS = 6
BACK_S = 0.8
"""How far before a candidate's frame its event may have begun (s): a release of a second is steepest well after its start."""
TAU_FRAMES = np.array([0.35, 0.6, 1.0, 1.7, 2.8, 4.6, 7.5, 12.0, 20.0, 33.0, 55.0])
RAMP_FRAMES = np.array([2.0, 4.0, 8.0, 16.0])
D_UM2_S = np.array([0.005, 0.01, 0.02, 0.035, 0.06, 0.1, 0.17, 0.3, 0.5, 1.0, 2.0, 5.0, 10.0])
ESCAPE_FRAMES = np.array([1.0, 3.0, 10.0, 40.0, 1e6])
CLOUD_UM2_S = np.array([0.25, 0.7, 2.0, 5.0, 13.0])
"""D of released cargo: proteins in the cleft under the cell, held back (0.2) to nearly free (15 um^2/s)."""
CLOUD_ESCAPE_S = 1.0
"""Released cargo leaves the cleft within about a second."""
LEAST_GAIN = 12.0
"""A candidate whose step and release explain less than this over no change is noise; nothing else is fitted to it."""


def t0_grid(frame_s: float) -> Real:
    """Start times to try (frames from the candidate's): half frames near it, wider steps back to `BACK_S`."""
    near = np.arange(-2.0, 2.01, 0.5)
    back = max(BACK_S / frame_s, 4.0)
    far = -2.0 - np.cumsum(np.linspace(0.5, max(0.5, (back - 2.0) / 3.0), 6))
    return np.round(np.concatenate([far[far >= -back - 0.5][::-1], near]) * PHASES) / PHASES


@njit(nogil=True, cache=True)
def fit_all(sums: Sums, grids: tuple[Real, Real, Real, Real, Real, Real], tables: Tables, out: Real, profiles: Real) -> None:
    """Fit every model.

    grids : t0, tau, ramp, growth (2 D / sigma0^2 per frame), escape, growth of clouds; all t0 at quarters of a frame.
    out : (6, 17) filled with, per model, the columns named in `FIT`.
    profiles : (2, 16) filled with the least chi2 for each tau and for each D.
    """
    t0s, taus, ramps, growths, escapes, clouds = grids
    held = np.zeros(len(sums.times))
    _reset(sums, out, profiles)
    for t0 in t0s:
        _release_at(sums, t0, held, taus, tables, out, profiles[0])
    for t0 in _around(out[RELEASE, T0]):
        _release_at(sums, t0, held, taus, tables, out, profiles[0])
    if sums.chi2 - min(out[STEP, CHI2], out[RELEASE, CHI2]) >= LEAST_GAIN:
        for ramp in ramps:
            for t0 in t0s:
                hold_until(sums.times, t0, ramp, held)
                keep_step(sums, narrow_column(sums, held, 0), (t0, ramp, 0.0), out[RAMP])
        for t0 in t0s:
            _spread_at(sums, t0, held, (growths, 3), (escapes, 2), tables, out[SPREAD], profiles[1])
        for t0 in _around(out[SPREAD, T0]):
            _spread_at(sums, t0, held, (growths, 1), (escapes, 1), tables, out[SPREAD], profiles[1])
        _search_clouds(sums, held, (t0s, taus, clouds), tables, out)
    _stand_in(out)


@njit(nogil=True, cache=True)
def _reset(sums: Sums, out: Real, profiles: Real) -> None:
    """Nothing is fitted but the static pattern."""
    for m in range(N_MODELS):
        for a in range(out.shape[1]):
            out[m, a] = np.nan
        out[m, CHI2] = np.inf
    for i in range(2):
        for k in range(profiles.shape[1]):
            profiles[i, k] = np.inf
    out[STAY, CHI2] = sums.chi2
    for a in range(N_STATIC):
        out[STAY, STATIC + a] = sums.static[a]


@njit(nogil=True, cache=True)
def _around(t0: float) -> Any:
    """Starts up to a frame to either side; none if there is no start."""
    return (t0 - 1.0, t0 - 0.5, t0 - 0.25, t0, t0 + 0.25, t0 + 0.5, t0 + 1.0)


@njit(nogil=True, cache=True)
def _start(sums: Sums, t0: float) -> Any:
    """Frame of the series in which t0 lies, and its phase."""
    first = math.floor(t0)
    return int(first - sums.times[0]), round((t0 - first) * PHASES) % PHASES


@njit(nogil=True, cache=True)
def _release_at(sums: Sums, t0: float, held: Real, taus: Real, tables: Tables, out: Real, profile: Real) -> None:
    """Step and release at one start."""
    if not np.isfinite(t0):
        return
    hold_until(sums.times, t0, 0.0, held)
    until = narrow_column(sums, held, 0)
    keep_step(sums, until, (t0, 0.0, 0.0), out[STEP])
    first, phase = _start(sums, t0)
    for i in range(len(taus)):
        course = tables.release[phase, i]
        cross = between(sums, held, course.reshape(-1, 1), first)
        chi2 = keep_course(sums, until, narrow_column(sums, course, first), cross, (t0, taus[i], 0.0), out[RELEASE])
        profile[i] = min(profile[i], chi2)


@njit(nogil=True, cache=True)
def _spread_at(
    sums: Sums,
    t0: float,
    held: Real,
    growths: tuple[Real, int],
    escapes: tuple[Real, int],
    tables: Tables,
    best: Real,
    profile: Real,
) -> None:
    """Spreading from one start, with every or every so manieth growth and escape."""
    if not np.isfinite(t0):
        return
    hold_until(sums.times, t0, 0.0, held)
    until = narrow_column(sums, held, 0)
    first, phase = _start(sums, t0)
    for i in range(0, len(growths[0]), growths[1]):
        for j in range(0, len(escapes[0]), escapes[1]):
            course = tables.spread[phase, i, j]
            shape = (t0, growths[0][i], escapes[0][j])
            chi2 = keep_course(sums, until, wide_column(sums, course, first), between(sums, held, course, first), shape, best)
            profile[i] = min(profile[i], chi2)


@njit(nogil=True, cache=True)
def _cloud_at(sums: Sums, t0: float, held: Real, shapes: Any, tables: Tables, best: Real) -> None:
    """Release with a cloud from one start; shapes : time constants and growths, and which to try."""
    if not np.isfinite(t0):
        return
    taus, near, which, clouds = shapes
    hold_until(sums.times, t0, 0.0, held)
    until = narrow_column(sums, held, 0)
    first, phase = _start(sums, t0)
    for i in range(near[0], near[1], near[2]):
        narrow = tables.release[phase, i]
        one, crossed = narrow_column(sums, narrow, first), between(sums, held, narrow.reshape(-1, 1), first)
        for j in range(which[0], len(clouds), which[1]):
            course = tables.cloud[phase, i, j]
            crosses = (crossed, between(sums, held, course, first), across(sums, narrow, course, first))
            keep_cloud(sums, (until, one, wide_column(sums, course, first)), crosses, (t0, taus[i], clouds[j]), best)


@njit(nogil=True, cache=True)
def _search_clouds(sums: Sums, held: Real, grids: tuple[Real, Real, Real], tables: Tables, out: Real) -> None:
    """Release with a cloud: from a few starts with few shapes, then around the best with every shape near it.

    Where there is a cloud, the release alone may start frames away from it and last for another time.
    """
    t0s, taus, clouds = grids
    for t0 in t0s:
        if abs(t0 - out[STEP, T0]) <= 2.0 or abs(t0 - out[RELEASE, T0]) <= 2.0:
            _cloud_at(
                sums, t0, held, (taus, (0, max(len(taus) - 2, 1), 2), (min(1, len(clouds) - 1), 2), clouds), tables, out[CLOUD]
            )
    for _ in range(2):
        at = 0
        while at < len(taus) - 1 and taus[at] < out[CLOUD, SHAPE_1]:
            at += 1
        near = (max(at - 2, 0), min(at + 3, len(taus)), 1)
        for t0 in _around(out[CLOUD, T0]):
            _cloud_at(sums, t0, held, (taus, near, (0, 1), clouds), tables, out[CLOUD])


@njit(nogil=True, cache=True)
def _stand_in(out: Real) -> None:
    """Where a model was not fitted, or its course has no positive height, a simpler one stands in, with height 0."""
    for m in range(STEP, N_MODELS):
        # A cloud that only a start far off the best could have explains less than none.
        if np.isfinite(out[m, CHI2]) and not (m == CLOUD and out[m, CHI2] > out[RELEASE, CHI2]):
            continue
        for a in range(out.shape[1]):
            out[m, a] = out[STAY if m == STEP else RELEASE if m == CLOUD else STEP, a]
        if m == STEP:
            out[m, T0], out[m, LOST] = 0.0, 0.0
        elif m == CLOUD:
            out[m, LIGHT], out[m, LIGHT_SD] = 0.0, np.nan
        elif m != RAMP:
            out[m, HEIGHT], out[m, HEIGHT_SD] = 0.0, np.nan


@njit(nogil=True, cache=True)
def course(times: Real, model: int, fit: Real, clouds: tuple[Real, float]) -> Real:
    """(n, 4) heights that model `model` with the row `fit` of `fit_all` predicts at `times`, static widths left out.

    clouds : the mixtures of `_courses`, and the escape of released cargo (frames).
    """
    held, column = np.zeros(len(times)), np.zeros((len(times), N_HEIGHTS))
    total = np.zeros((len(times), N_HEIGHTS))
    total[:, 0] = fit[STATIC]
    if model == STAY:
        return total
    hold_until(times, fit[T0], fit[SHAPE_1] if model == RAMP else 0.0, held)
    total[:, 0] += fit[LOST] * held
    if model in (RELEASE, CLOUD) and fit[HEIGHT] > 0.0:
        release(times, fit[T0], fit[SHAPE_1], column)
        total += fit[HEIGHT] * column
    if model == SPREAD and fit[HEIGHT] > 0.0:
        spread(times, fit[T0], (fit[SHAPE_1], fit[SHAPE_2]), clouds[0], column)
        total += fit[HEIGHT] * column
    if model == CLOUD and fit[LIGHT] > 0.0:
        cloud(times, fit[T0], fit[SHAPE_1], (fit[SHAPE_2], clouds[1]), clouds[0], column)
        total += fit[LIGHT] * column
    return total
