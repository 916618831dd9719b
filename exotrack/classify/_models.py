"""Physical courses of a candidate, fitted to its `PatchSeries` by generalised least squares.

Every model is a static pattern (what was there and stays) plus P for as long as the vesicle has not changed, plus courses
that start at t0, which lies anywhere between frames; each frame averages its exposure:

stay      nothing changes
step      P until t0: a loss (P > 0) or a lasting gain (P < 0) at once
ramp      the same over `r` frames: a vesicle that rises out of or sinks into the evanescent field
release   P until t0, then A exp(-(t - t0) / tau), unspread: release through a pore, re-acidification, or a vesicle that leaves
spread    P until t0, then A spreading as sigma^2 = sigma0^2 + 2 D (t - t0), its total falling with tau_e (escape, bleaching)
cloud     release, and C times the cargo that was released, spreading in the cleft: what no leaving vesicle has

Heights enter linearly and are solved for; t0, tau, D, tau_e and r are searched on grids whose step is finer than the
data can tell, so that no start value is needed and no local minimum is missed. The static pattern is solved for once: each course
is projected on what it leaves (`_Column`). Chi-squared differences are twice the log-likelihood ratios. Times are in frames,
widths in units of sigma0.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from exotrack.classify._courses import PHASES, Tables, cloud, hold_until, release, spread
from exotrack.classify._linear import invert, solve_symmetric
from exotrack.classify._patch import N_HEIGHTS

Real = NDArray[np.float64]
STAY, STEP, RAMP, RELEASE, SPREAD, CLOUD = range(6)
N_MODELS = 6
BACK_S = 0.8
"""How far before a candidate's frame its event may have begun (s): a release of a second is steepest well after its start."""
FIT = (
    "chi2", "t0", "shape_1", "shape_2", "static_1", "static_2", "static_4", "static_8", "lost", "height", "height_sd", "cloud",
    "cloud_sd",
)  # fmt: skip
"""A fit: shape_1 is tau, D growth or ramp; shape_2 tau_e or the growth of the cloud; static_* are the heights that stay,
lost is P, height is A, cloud is C."""
CHI2, T0, SHAPE_1, SHAPE_2, STATIC, LOST, HEIGHT, HEIGHT_SD, LIGHT, LIGHT_SD = 0, 1, 2, 3, 4, 8, 9, 10, 11, 12
TAU_FRAMES = np.array([0.35, 0.6, 1.0, 1.7, 2.8, 4.6, 7.5, 12.0, 20.0, 33.0, 55.0])
RAMP_FRAMES = np.array([2.0, 4.0, 8.0, 16.0])
D_UM2_S = np.array([0.005, 0.01, 0.02, 0.035, 0.06, 0.1, 0.17, 0.3, 0.5, 1.0, 2.0, 5.0, 10.0])
ESCAPE_FRAMES = np.array([1.0, 3.0, 10.0, 40.0, 1e6])
CLOUD_UM2_S = np.array([1.0, 2.5, 6.0, 15.0])
"""D of released cargo: proteins in the cleft under the cell, 1 to 15 um^2/s."""
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


class Sums(NamedTuple):
    """What every fit to one series shares.

    times : (n,) frames. precision, weighted : (n, 4, 4) and precision times data (n, 4). inverse : of the static pattern's normal
    equations. right, total : of the data. static : (4,) heights of the static pattern alone. chi2 : of that.
    """

    times: Real
    precision: Real
    weighted: Real
    inverse: Real
    right: Real
    static: Real
    chi2: float


class _Column(NamedTuple):
    """A course after projection: sums with the static pattern (4), with itself, with the data; and its number of frames."""

    s: tuple[float, float, float, float]
    q: float
    y: float


@njit(nogil=True, cache=True)
def sums_of(times: Real, data: Real, precision: Real) -> Sums:
    """`Sums` of data (n, 4) with precision (n, 4, 4)."""
    weighted = np.zeros((len(data), N_HEIGHTS))
    normal, right, total = np.zeros((N_HEIGHTS, N_HEIGHTS)), np.zeros(N_HEIGHTS), 0.0
    for k in range(len(data)):
        for a in range(N_HEIGHTS):
            for b in range(N_HEIGHTS):
                weighted[k, a] += precision[k, a, b] * data[k, b]
                normal[a, b] += precision[k, a, b]
            right[a] += weighted[k, a]
            total += data[k, a] * weighted[k, a]
    inverse, static = invert(normal), np.zeros(N_HEIGHTS)
    for a in range(N_HEIGHTS):
        for b in range(N_HEIGHTS):
            static[a] += inverse[a, b] * right[b]
    for a in range(N_HEIGHTS):
        total -= static[a] * right[a]
    return Sums(times, precision, weighted, inverse, right, static, max(total, 0.0))


@njit(nogil=True, cache=True)
def _narrow(sums: Sums, values: Real, first: int) -> Any:
    """`_Column` of narrow heights `values` from frame `first` on."""
    s0 = s1 = s2 = s3 = q = y = 0.0
    for k in range(max(first, 0), min(first + values.size, len(sums.times))):
        v, w = values[k - first], sums.precision[k]
        s0, s1, s2, s3 = s0 + w[0, 0] * v, s1 + w[1, 0] * v, s2 + w[2, 0] * v, s3 + w[3, 0] * v
        q, y = q + w[0, 0] * v * v, y + sums.weighted[k, 0] * v
    return _Column((s0, s1, s2, s3), q, y)


@njit(nogil=True, cache=True)
def _wide(sums: Sums, course: Real, first: int) -> Any:
    """`_Column` of a course (frames, 4) from frame `first` on."""
    s0 = s1 = s2 = s3 = q = y = 0.0
    for k in range(max(first, 0), min(first + len(course), len(sums.times))):
        v, w, d = course[k - first], sums.precision[k], sums.weighted[k]
        p0 = w[0, 0] * v[0] + w[0, 1] * v[1] + w[0, 2] * v[2] + w[0, 3] * v[3]
        p1 = w[1, 0] * v[0] + w[1, 1] * v[1] + w[1, 2] * v[2] + w[1, 3] * v[3]
        p2 = w[2, 0] * v[0] + w[2, 1] * v[1] + w[2, 2] * v[2] + w[2, 3] * v[3]
        p3 = w[3, 0] * v[0] + w[3, 1] * v[1] + w[3, 2] * v[2] + w[3, 3] * v[3]
        s0, s1, s2, s3 = s0 + p0, s1 + p1, s2 + p2, s3 + p3
        q += p0 * v[0] + p1 * v[1] + p2 * v[2] + p3 * v[3]
        y += d[0] * v[0] + d[1] * v[1] + d[2] * v[2] + d[3] * v[3]
    return _Column((s0, s1, s2, s3), q, y)


@njit(nogil=True, cache=True)
def _between(sums: Sums, held: Real, course: Real, first: int) -> float:
    """Sum of a narrow course `held` (n,) with a course (frames, 4 or 1) from frame `first` on, where both are there."""
    total = 0.0
    for k in range(max(first, 0), min(first + len(course), len(sums.times))):
        if held[k] == 0.0:
            break
        for a in range(course.shape[1]):
            total += held[k] * sums.precision[k, 0, a] * course[k - first, a]
    return total


@njit(nogil=True, cache=True)
def _across(sums: Sums, narrow: Real, course: Real, first: int) -> float:
    """Sum of narrow heights with a course (frames, 4), both from frame `first` on."""
    total = 0.0
    for k in range(max(first, 0), min(first + len(course), len(sums.times))):
        w, v = sums.precision[k], course[k - first]
        total += narrow[k - first] * (w[0, 0] * v[0] + w[0, 1] * v[1] + w[0, 2] * v[2] + w[0, 3] * v[3])
    return total


@njit(nogil=True, cache=True)
def _projected(sums: Sums, one: Any, other: Any, product: float) -> float:
    """Product of two courses less what the static pattern has of both."""
    total = product
    for a in range(N_HEIGHTS):
        for b in range(N_HEIGHTS):
            total -= one.s[a] * sums.inverse[a, b] * other.s[b]
    return float(total)


@njit(nogil=True, cache=True)
def _seen(sums: Sums, one: Any) -> float:
    """What the data have of a course beyond the static pattern."""
    total = one.y
    for a in range(N_HEIGHTS):
        total -= one.s[a] * sums.static[a]
    return float(total)


@njit(nogil=True, cache=True)
def _write(
    sums: Sums, best: Real, chi2: float, shape: tuple[float, float, float], columns: Any, heights: Real, errors: Real
) -> None:
    """Write a fit to a row of `FIT`."""
    for a in range(best.size):
        best[a] = 0.0
    best[CHI2], best[T0], best[SHAPE_1], best[SHAPE_2] = chi2, shape[0], shape[1], shape[2]
    best[HEIGHT_SD] = best[LIGHT_SD] = np.nan
    for a in range(N_HEIGHTS):
        best[STATIC + a] = sums.static[a]
    for i in range(len(columns)):
        for a in range(N_HEIGHTS):
            for b in range(N_HEIGHTS):
                best[STATIC + a] -= heights[i] * sums.inverse[a, b] * columns[i].s[b]
    best[LOST] = heights[0]
    if len(columns) > 1:
        best[HEIGHT], best[HEIGHT_SD] = heights[1], errors[1]
    if len(columns) > 2:
        best[LIGHT], best[LIGHT_SD] = heights[2], errors[2]


@njit(nogil=True, cache=True)
def keep_step(sums: Sums, column: Any, shape: tuple[float, float, float], best: Real) -> float:
    """Solve for a change without a course; write it to `best` if its chi-squared, which is returned, is the least so far."""
    q, y = _projected(sums, column, column, column.q), _seen(sums, column)
    if not q > 1e-9 * column.q:
        return math.inf
    chi2 = max(sums.chi2 - y * y / q, 0.0)
    if chi2 < best[CHI2]:
        _write(sums, best, chi2, shape, (column,), np.array([y / q]), np.array([np.nan]))
    return float(chi2)


@njit(nogil=True, cache=True)
def keep_course(sums: Sums, until: Any, column: Any, cross: float, shape: tuple[float, float, float], best: Real) -> float:
    """Solve with `until` and a course; write it to `best` if it is the best so far. Infinite if its height is not positive."""
    normal, right, errors = np.empty((2, 2)), np.empty(2), np.full(2, np.nan)
    normal[0, 0], normal[1, 1] = _projected(sums, until, until, until.q), _projected(sums, column, column, column.q)
    normal[1, 0] = _projected(sums, until, column, cross)
    right[0], right[1] = _seen(sums, until), _seen(sums, column)
    y0, y1 = right[0], right[1]
    variance = solve_symmetric(normal, right, 2)
    chi2 = max(sums.chi2 - y0 * right[0] - y1 * right[1], 0.0)
    if not right[1] > 0.0:
        return math.inf
    if chi2 < best[CHI2]:
        errors[1] = math.sqrt(variance)
        _write(sums, best, chi2, shape, (until, column), right, errors)
    return float(chi2)


@njit(nogil=True, cache=True)
def keep_cloud(
    sums: Sums, columns: Any, crosses: tuple[float, float, float], shape: tuple[float, float, float], best: Real
) -> float:
    """Solve with `columns`: P, an unspread course and a cloud; write it to `best` if it is the best so far.

    Without the unspread course where that is not positive: cargo that is gone within a frame leaves none. Returns chi-squared,
    infinite unless the cloud is positive. crosses : products of the first and second, first and third, second and third column.
    """
    until, one, two = columns
    normal, right, errors = np.empty((3, 3)), np.empty(3), np.full(3, np.nan)
    normal[0, 0], normal[1, 1] = _projected(sums, until, until, until.q), _projected(sums, two, two, two.q)
    normal[2, 2] = _projected(sums, one, one, one.q)
    normal[1, 0] = _projected(sums, until, two, crosses[1])
    normal[2, 0], normal[2, 1] = _projected(sums, until, one, crosses[0]), _projected(sums, one, two, crosses[2])
    y0, y1, y2 = _seen(sums, until), _seen(sums, two), _seen(sums, one)
    right[0], right[1], right[2] = y0, y1, y2
    factor = normal.copy()
    solve_symmetric(factor, right, 3)
    if not right[2] > 0.0:
        factor[:] = normal
        right[0], right[1], right[2] = y0, y1, 0.0
        solve_symmetric(factor, right, 2)
    if not right[1] > 0.0:
        return math.inf
    chi2 = max(sums.chi2 - y0 * right[0] - y1 * right[1] - y2 * right[2], 0.0)
    if chi2 < best[CHI2]:
        errors[2] = _error(normal, right[2] > 0.0)
        _write(sums, best, chi2, shape, columns, np.array([right[0], right[2], right[1]]), errors)
    return float(chi2)


@njit(nogil=True, cache=True)
def _error(normal: Real, three: bool) -> float:
    """Standard error of the second height, with or without a third beside it."""
    order = (0, 2, 1)
    n = 3 if three else 2
    factor, nothing = np.zeros((3, 3)), np.zeros(3)
    for a in range(n):
        for b in range(a + 1):
            i, j = (order[a], order[b]) if three else (a, b)
            factor[a, b] = normal[max(i, j), min(i, j)]
    return math.sqrt(solve_symmetric(factor, nothing, n))


@njit(nogil=True, cache=True)
def fit_all(sums: Sums, grids: tuple[Real, Real, Real, Real, Real, Real], tables: Tables, out: Real, profiles: Real) -> None:
    """Fit every model.

    grids : t0, tau, ramp, growth (2 D / sigma0^2 per frame), escape, growth of clouds; all t0 at quarters of a frame.
    out : (6, 13) filled with, per model, the columns named in `FIT`.
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
                keep_step(sums, _narrow(sums, held, 0), (t0, ramp, 0.0), out[RAMP])
        for t0 in t0s:
            _spread_at(sums, t0, held, (growths, 3), (escapes, 2), tables, out[SPREAD], profiles[1])
        for t0 in _around(out[SPREAD, T0]):
            _spread_at(sums, t0, held, (growths, 1), (escapes, 1), tables, out[SPREAD], profiles[1])
        at = 0
        while at < len(taus) - 1 and taus[at] < out[RELEASE, SHAPE_1]:
            at += 1
        near = (max(at - 4, 0), min(at + 3, len(taus)))
        for t0 in _around(out[RELEASE, T0]):
            _cloud_at(sums, t0, held, (taus, near, clouds), tables, out[CLOUD])
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
    for a in range(N_HEIGHTS):
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
    until = _narrow(sums, held, 0)
    keep_step(sums, until, (t0, 0.0, 0.0), out[STEP])
    first, phase = _start(sums, t0)
    for i in range(len(taus)):
        course = tables.release[phase, i]
        cross = _between(sums, held, course.reshape(-1, 1), first)
        chi2 = keep_course(sums, until, _narrow(sums, course, first), cross, (t0, taus[i], 0.0), out[RELEASE])
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
    until = _narrow(sums, held, 0)
    first, phase = _start(sums, t0)
    for i in range(0, len(growths[0]), growths[1]):
        for j in range(0, len(escapes[0]), escapes[1]):
            course = tables.spread[phase, i, j]
            shape = (t0, growths[0][i], escapes[0][j])
            chi2 = keep_course(sums, until, _wide(sums, course, first), _between(sums, held, course, first), shape, best)
            profile[i] = min(profile[i], chi2)


@njit(nogil=True, cache=True)
def _cloud_at(sums: Sums, t0: float, held: Real, shapes: Any, tables: Tables, best: Real) -> None:
    """Release with a cloud from one start; shapes : time constants, which of them to try, and growths of the cloud."""
    if not np.isfinite(t0):
        return
    taus, near, clouds = shapes
    hold_until(sums.times, t0, 0.0, held)
    until = _narrow(sums, held, 0)
    first, phase = _start(sums, t0)
    for i in range(near[0], near[1]):
        narrow = tables.release[phase, i]
        one, crossed = _narrow(sums, narrow, first), _between(sums, held, narrow.reshape(-1, 1), first)
        for j in range(len(clouds)):
            course = tables.cloud[phase, i, j]
            crosses = (crossed, _between(sums, held, course, first), _across(sums, narrow, course, first))
            keep_cloud(sums, (until, one, _wide(sums, course, first)), crosses, (t0, taus[i], clouds[j]), best)


@njit(nogil=True, cache=True)
def _stand_in(out: Real) -> None:
    """Where a model was not fitted, or its course has no positive height, a simpler one stands in, with height 0."""
    for m in range(RAMP, N_MODELS):
        if not np.isfinite(out[m, CHI2]):
            for a in range(out.shape[1]):
                out[m, a] = out[RELEASE if m == CLOUD else STEP, a]
            if m == CLOUD:
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
