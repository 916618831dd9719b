"""The face midway between all that a mask of 0 and 1 leaves open: a line or a circle in the plane.

All lines (circles) that part the pixels inside from those outside are the answers of a set of linear inequalities in two
(three) numbers. Along the normal at one place they reach from a nearest to a farthest; the middle of the two is never more than
half of that range off the truth. The two ends are found by adding one inequality after the other (Seidel 1991, Discrete Comput
Geom 6:423).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

Real = NDArray[np.float64]
FAR = 50.0
"""Numbers beyond this are no face: places are scaled to 1."""
RIDGE = 1e-8
"""Weight against steep answers: where voxels can be parted in many ways, it picks the one with the widest margin."""
SLACK = 1e-11
"""Inequalities broken by less than this hold."""


class Midway(NamedTuple):
    """constant + slope . x + bend |x|^2, positive inside; slope has length 1 along the normal. x is relative to the place.

    open : half of the range along the normal that the mask leaves open.
    """

    constant: float
    slope: Real
    bend: float
    open: float


def midway(x: Real, side: Real, normal: Real, curved: bool) -> Midway | None:
    """The line, or if `curved` the circle, midway between those that part the pixels at `x`.

    Parameters
    ----------
    x : (n, 2) centres of pixels relative to the place where the face is looked for. side : (n,) 1 inside, -1 outside.
    normal : (2,) unit vector across the face there, into the inside.

    None if no line (circle) parts them.
    """
    unit = float(np.abs(x).max())
    x = x / unit
    across = np.array([-normal[1], normal[0]])
    terms = np.column_stack([np.ones(len(x)), x @ across, *([(x**2).sum(axis=1)] if curved else [])])
    # Always the same order, a mixed one, in which few inequalities break what those before allowed.
    order = np.random.default_rng(0).permutation(len(x))
    a, b = (side[:, None] * terms)[order], (-side * (x @ normal))[order]
    ends = []
    for way in (1.0, -1.0):
        goal = np.zeros(terms.shape[1])
        goal[0] = way
        found = (_lowest3 if curved else _lowest2)(a, b, goal)
        if np.isnan(found[0]):
            return None
        ends.append(found)
    mean = (ends[0] + ends[1]) / 2
    bend = float(mean[2]) / unit if curved else 0.0
    return Midway(float(mean[0]) * unit, normal + mean[1] * across, bend, float(abs(ends[1][0] - ends[0][0])) / 2 * unit)


@njit(nogil=True, cache=True)
def _lowest1(a: Any, b: Any, goal: float) -> float:
    """The number t of least goal t with a t >= b and |t| <= FAR; NaN if there is none."""
    low, high = -FAR, FAR
    for k in range(len(a)):
        if a[k] > SLACK:
            low = max(low, b[k] / a[k])
        elif a[k] < -SLACK:
            high = min(high, b[k] / a[k])
        elif b[k] > SLACK:
            return np.nan
    if low > high + SLACK:
        return np.nan
    return low if goal > 0 else high


@njit(nogil=True, cache=True)
def _lowest2(a: Any, b: Any, goal: Any) -> Any:
    """The same of two numbers: a (n, 2), b (n,), goal (2,)."""
    found = np.where(goal > 0, -FAR, FAR)
    for k in range(len(a)):
        if a[k] @ found >= b[k] - SLACK:
            continue
        # The answer lies on the line where this one is just met: one number, the other follows from it.
        out = 0 if abs(a[k, 0]) > abs(a[k, 1]) else 1
        kept = 1 - out
        if abs(a[k, out]) < SLACK:
            return np.full(2, np.nan)
        share, rest = -a[k, kept] / a[k, out], b[k] / a[k, out]
        c, d = np.empty(k + 2), np.empty(k + 2)
        c[:k], d[:k] = a[:k, kept] + a[:k, out] * share, b[:k] - a[:k, out] * rest
        c[k], d[k], c[k + 1], d[k + 1] = share, -FAR - rest, -share, rest - FAR
        t = _lowest1(c, d, goal[kept] + goal[out] * share)
        if np.isnan(t):
            return np.full(2, np.nan)
        found[kept], found[out] = t, rest + share * t
    return found


@njit(nogil=True, cache=True)
def _lowest3(a: Any, b: Any, goal: Any) -> Any:
    """The same of three numbers: a (n, 3), b (n,), goal (3,)."""
    found = np.where(goal > 0, -FAR, FAR)
    for k in range(len(a)):
        if a[k] @ found >= b[k] - SLACK:
            continue
        out = int(np.argmax(np.abs(a[k])))
        if abs(a[k, out]) < SLACK:
            return np.full(3, np.nan)
        kept = np.array([i for i in range(3) if i != out])
        share, rest = -a[k][kept] / a[k, out], b[k] / a[k, out]
        c, d, aim = np.empty((k + 2, 2)), np.empty(k + 2), np.empty(2)
        for i in range(2):
            c[:k, i] = a[:k, kept[i]] + a[:k, out] * share[i]
            c[k, i], c[k + 1, i] = share[i], -share[i]
            aim[i] = goal[kept[i]] + goal[out] * share[i]
        d[:k] = b[:k] - a[:k, out] * rest
        d[k], d[k + 1] = -FAR - rest, rest - FAR
        two = _lowest2(c, d, aim)
        if np.isnan(two[0]):
            return np.full(3, np.nan)
        found[kept[0]], found[kept[1]], found[out] = two[0], two[1], rest + share @ two
    return found


def logistic(terms: Real, side: Real) -> Real:
    """Weights of the terms that are positive where `side` is 1 and negative where it is -1, by Newton's method."""
    found: Real = np.asarray(np.linalg.lstsq(terms, side, rcond=None)[0] * 8.0, np.float64)
    ridge = RIDGE * np.eye(terms.shape[1])

    def cost(weights: Real) -> float:
        return float(np.logaddexp(0.0, -side * (terms @ weights)).sum() + 0.5 * RIDGE * weights @ weights)

    now = cost(found)
    for _ in range(60):
        odds = 1 / (1 + np.exp(np.clip(side * (terms @ found), -40, 40)))
        slope = terms.T @ (-side * odds) + RIDGE * found
        step = np.linalg.solve((terms * (odds * (1 - odds))[:, None]).T @ terms + ridge, slope)
        size, after = 1.0, np.inf
        while size > 1e-3 and (after := cost(found - size * step)) > now:
            size /= 2
        if not after < now - 1e-4:
            break
        found, now = found - size * step, after
    return np.asarray(found)
