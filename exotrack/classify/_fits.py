"""Generalised least squares of courses on a `PatchSeries`: what every fit shares is summed once.

The static pattern is solved for once; each course is projected on what it leaves (`Column`), so that a fit of one to three
courses is a system of one to three unknowns.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from exotrack.classify._linear import invert, solve_symmetric
from exotrack.classify._patch import N_HEIGHTS

Real = NDArray[np.float64]
N_STATIC = 8
FIT = (
    "chi2", "t0", "shape_1", "shape_2", "static_1", "static_2", "static_4", "static_8", "slope_4", "slope_8", "bend_4", "bend_8",
    "lost", "height", "height_sd", "cloud", "cloud_sd",
)  # fmt: skip
"""A fit: shape_1 is tau, D growth or ramp; shape_2 tau_e or the growth of the cloud; static_* are the heights that stay, slope_*
and bend_* how the broad ones drift over the series (haze and texture that move and fade); lost is P, height is A, cloud is C."""
CHI2, T0, SHAPE_1, SHAPE_2, STATIC, LOST, HEIGHT, HEIGHT_SD, LIGHT, LIGHT_SD = 0, 1, 2, 3, 4, 12, 13, 14, 15, 16


class Sums(NamedTuple):
    """What every fit to one series shares.

    times : (n,) frames. precision, weighted : (n, 4, 4) and precision times data (n, 4). inverse : of the static pattern's normal
    equations. static : (8,) the static pattern alone, see `FIT`. chi2 : of that.
    """

    times: Real
    precision: Real
    weighted: Real
    inverse: Real
    static: Real
    chi2: float


class Column(NamedTuple):
    """A course: sums with the static pattern (8), the part of the pattern that it has (8), sums with itself and with the data."""

    s: Real
    part: Real
    q: float
    y: float


@njit(nogil=True, cache=True)
def _place(i: int, k: int, n: int) -> tuple[int, float]:
    """Height that part `i` of the static pattern belongs to, and its size in frame k of n."""
    if i < N_HEIGHTS:
        return i, 1.0
    u = (k - 0.5 * (n - 1)) / n
    return 2 + i % 2, u if i < N_HEIGHTS + 2 else u * u


@njit(nogil=True, cache=True)
def sums_of(times: Real, data: Real, precision: Real) -> Sums:
    """`Sums` of data (n, 4) with precision (n, 4, 4)."""
    n = len(data)
    weighted, normal = np.zeros((n, N_HEIGHTS)), np.zeros((N_STATIC, N_STATIC))
    right, total = np.zeros(N_STATIC), 0.0
    for k in range(n):
        for a in range(N_HEIGHTS):
            for b in range(N_HEIGHTS):
                weighted[k, a] += precision[k, a, b] * data[k, b]
            total += data[k, a] * weighted[k, a]
        for i in range(N_STATIC):
            a, one = _place(i, k, n)
            right[i] += one * weighted[k, a]
            for j in range(N_STATIC):
                b, other = _place(j, k, n)
                normal[i, j] += one * other * precision[k, a, b]
    inverse, static = invert(normal), np.zeros(N_STATIC)
    for a in range(N_STATIC):
        for b in range(N_STATIC):
            static[a] += inverse[a, b] * right[b]
    for a in range(N_STATIC):
        total -= static[a] * right[a]
    return Sums(times, precision, weighted, inverse, static, max(total, 0.0))


def still(fit: Real, n: int) -> Real:
    """(n, 4) heights of the broad light that is no part of what happens, by a row of `FIT`; none at the vesicle's own width."""
    u = (np.arange(n) - 0.5 * (n - 1)) / n
    broad = fit[STATIC + 2 : STATIC + 4] + np.outer(u, fit[STATIC + 4 : STATIC + 6]) + np.outer(u * u, fit[STATIC + 6 : LOST])
    return np.column_stack([np.zeros(n), np.full(n, fit[STATIC + 1]), broad])


@njit(nogil=True, cache=True)
def narrow_column(sums: Sums, values: Real, first: int) -> Any:
    """`Column` of narrow heights `values` from frame `first` on."""
    n, s, q, y = len(sums.times), np.zeros(N_STATIC), 0.0, 0.0
    for k in range(max(first, 0), min(first + values.size, n)):
        v, w = values[k - first], sums.precision[k]
        _add(s, k, n, w[0, 0] * v, w[1, 0] * v, w[2, 0] * v, w[3, 0] * v)
        q, y = q + w[0, 0] * v * v, y + sums.weighted[k, 0] * v
    return Column(s, _part(sums, s), q, y)


@njit(nogil=True, cache=True)
def wide_column(sums: Sums, course: Real, first: int) -> Any:
    """`Column` of a course (frames, 4) from frame `first` on."""
    n, s, q, y = len(sums.times), np.zeros(N_STATIC), 0.0, 0.0
    for k in range(max(first, 0), min(first + len(course), n)):
        v, w, d = course[k - first], sums.precision[k], sums.weighted[k]
        p0 = w[0, 0] * v[0] + w[0, 1] * v[1] + w[0, 2] * v[2] + w[0, 3] * v[3]
        p1 = w[1, 0] * v[0] + w[1, 1] * v[1] + w[1, 2] * v[2] + w[1, 3] * v[3]
        p2 = w[2, 0] * v[0] + w[2, 1] * v[1] + w[2, 2] * v[2] + w[2, 3] * v[3]
        p3 = w[3, 0] * v[0] + w[3, 1] * v[1] + w[3, 2] * v[2] + w[3, 3] * v[3]
        _add(s, k, n, p0, p1, p2, p3)
        q += p0 * v[0] + p1 * v[1] + p2 * v[2] + p3 * v[3]
        y += d[0] * v[0] + d[1] * v[1] + d[2] * v[2] + d[3] * v[3]
    return Column(s, _part(sums, s), q, y)


@njit(nogil=True, cache=True)
def _add(s: Real, k: int, n: int, p0: float, p1: float, p2: float, p3: float) -> None:
    """Add what frame k of n has of a course, weighted, to its sums with the static pattern."""
    u = (k - 0.5 * (n - 1)) / n
    s[0] += p0
    s[1] += p1
    s[2] += p2
    s[3] += p3
    s[4] += u * p2
    s[5] += u * p3
    s[6] += u * u * p2
    s[7] += u * u * p3


@njit(nogil=True, cache=True)
def _part(sums: Sums, s: Real) -> Real:
    part = np.zeros(N_STATIC)
    for a in range(N_STATIC):
        for b in range(N_STATIC):
            part[a] += sums.inverse[a, b] * s[b]
    return part


@njit(nogil=True, cache=True)
def between(sums: Sums, held: Real, course: Real, first: int) -> float:
    """Sum of a narrow course `held` (n,) with a course (frames, 4 or 1) from frame `first` on, where both are there."""
    total = 0.0
    for k in range(max(first, 0), min(first + len(course), len(sums.times))):
        if held[k] == 0.0:
            break
        for a in range(course.shape[1]):
            total += held[k] * sums.precision[k, 0, a] * course[k - first, a]
    return total


@njit(nogil=True, cache=True)
def across(sums: Sums, narrow: Real, course: Real, first: int) -> float:
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
    for a in range(N_STATIC):
        total -= one.s[a] * other.part[a]
    return float(total)


@njit(nogil=True, cache=True)
def _seen(sums: Sums, one: Any) -> float:
    """What the data have of a course beyond the static pattern."""
    total = one.y
    for a in range(N_STATIC):
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
    for a in range(N_STATIC):
        best[STATIC + a] = sums.static[a]
    for i in range(len(columns)):
        for a in range(N_STATIC):
            best[STATIC + a] -= heights[i] * columns[i].part[a]
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
