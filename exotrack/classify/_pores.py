"""Courses of a vesicle's own light as its pore opens, empties it, and closes, for every set of shapes on a grid.

Heights enter linearly and are solved for. Times are in frames; every frame averages its exposure.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from exotrack.classify._courses import hold_until
from exotrack.classify._linear import solve_symmetric
from exotrack.classify._own import Light

Real = NDArray[np.float64]
MOST_OF = 1.0 - math.exp(-1.0)
"""All but 1/e of what goes has gone after the time constant."""
NEVER = 1e30


@njit(nogil=True, cache=True)
def left(since: float, tau: float, closes: bool, shape: float) -> float:
    """Part of what will leave that is still there `since` frames after it began to leave.

    closes : an exponential that stops when the part `shape` of all has left; else exp(-(t / tau)^shape), a pore that widens.
    """
    if since <= 0.0:
        return 1.0
    if not closes:
        return math.exp(-((since / tau) ** shape))
    rate = -math.log1p(-MOST_OF * shape) / tau
    return max(1.0 - (1.0 - math.exp(-rate * since)) / shape, 0.0)


@njit(nogil=True, cache=True)
def emptying(times: Real, starts: tuple[float, float], law: tuple[float, bool, float], out: Real) -> None:
    """Mean over each frame of 1 from starts[0] on, and of `left` from starts[1] on; law : its last three arguments."""
    for k in range(len(times)):
        a, b = max(times[k] - starts[0], 0.0), times[k] + 1.0 - starts[0]
        out[k] = 0.0
        if b > 0.0:
            samples = 6 if a - (starts[1] - starts[0]) < 6.0 * law[0] else 1
            for s in range(samples):
                t = a + (b - a) * (s + 0.5) / samples
                out[k] += (b - a) / samples * left(t - (starts[1] - starts[0]), law[0], law[1], law[2])


@njit(nogil=True, cache=True)
def staying(
    times: Real, t0: float, tail: tuple[float, float], away: tuple[float, float, float], bleached: float, out: Real
) -> None:
    """What stays in a vesicle that closed, from t0 on: it acidifies, bleaches, and may leave.

    tail : part of the light that fades, and its time constant. bleached : rate per frame. away : when it leaves (after t0), time
    constant, what is left of it.
    """
    for k in range(len(times)):
        since = max(times[k] + 0.5 - t0, 0.0)
        out[k] = min(max(times[k] + 1.0 - t0, 0.0), 1.0) * math.exp(-since * bleached)
        out[k] *= 1.0 - tail[0] + tail[0] * math.exp(-since / tail[1])
        if since > away[0]:
            out[k] *= away[2] + (1.0 - away[2]) * math.exp(-(since - away[0]) / away[1])


@njit(nogil=True, cache=True)
def fit(light: Light, columns: Real, n: int, penalty: Real, out: Real) -> float:
    """Chi-squared of the light with the first `n` of `columns` (3, frames), whose heights are written to `out`.

    penalty : (3,) inverse variances with which heights are held near 0.
    """
    normal, right, seen = np.zeros((3, 3)), np.zeros(3), np.zeros(3)
    total = 0.0
    for k in range(len(light.times)):
        w, y = light.weight[k], light.height[k]
        total += w * y * y
        for a in range(n):
            seen[a] += w * y * columns[a, k]
            for b in range(a + 1):
                normal[a, b] += w * columns[a, k] * columns[b, k]
    for a in range(n):
        normal[a, a] += penalty[a]
        right[a] = seen[a]
    solve_symmetric(normal, right, n)
    for a in range(n):
        out[a] = right[a]
        total -= seen[a] * right[a]
    return max(total, 0.0)


@njit(nogil=True, cache=True)
def full_grid(light: Light, t0s: Real, taus: Real, shapes: Real, waits: Real, free: float, chi2: Real, gone: Real) -> None:
    """Full fusions. chi2, gone : (t0s, taus, shapes, 1 + waits), to be filled: chi-squared, and the part of the light that went.

    The first of the last axis is without a flash (brightness just after the opening is that before); then come those with any
    brightness after the opening, which waits for so many frames before cargo leaves.
    free : inverse variance of the light that stays, which a full fusion leaves none of.
    """
    n = len(light.times)
    held, body, stays = np.zeros(n), np.zeros(n), np.zeros(n)
    columns, heights, penalty = np.zeros((3, n)), np.zeros(3), np.array([0.0, free, 0.0])
    for i in range(len(t0s)):
        hold_until(light.times, t0s[i], 0.0, held)
        for m in range(len(waits) + 1):
            wait = waits[m - 1] if m > 0 else 0.0
            for j in range(len(taus)):
                for x in range(len(shapes)):
                    emptying(light.times, (t0s[i], t0s[i] + wait), (taus[j], False, shapes[x]), body)
                    for k in range(n):
                        stays[k] = 1.0 - held[k]
                    closed(held, body, stays, (0.0, float(m)), columns)
                    here = fit(light, columns, 3 if m > 0 else 2, penalty, heights)
                    if heights[0] <= 0.0:
                        here = NEVER
                    chi2[i, j, x, m] = here
                    gone[i, j, x, m] = 1.0 - heights[1] / max(heights[0], 1e-9)


@njit(nogil=True, cache=True)
def kiss_grid(
    light: Light, t0s: Real, taus: Real, shapes: Real, others: tuple[Real, Real, float], chi2: Real, gone: Real
) -> None:
    """Kiss-and-run of cargo seen before. chi2, gone : (t0s, taus, shapes, tails, aways), to be filled, see `full_grid`.

    others : tails, aways, bleached. tails : (m, 3) part and time of `staying`, and whether the light before has nothing to do
    with that after: a vesicle that had just come. Else there is no flash without a tail, and with one there is just the flash of
    an acid vesicle whose light falls by that part when it acidifies. aways : (m, 3) of `staying`.
    """
    n = len(light.times)
    tails, aways, bleached = others
    held, stays = np.zeros(n), np.zeros(n)
    columns, heights, none = np.zeros((3, n)), np.zeros(3), np.zeros(3)
    bodies = np.zeros((len(taus), len(shapes), n))
    for i in range(len(t0s)):
        hold_until(light.times, t0s[i], 0.0, held)
        for j in range(len(taus)):
            for x in range(len(shapes)):
                emptying(light.times, (t0s[i], t0s[i]), (taus[j], True, shapes[x]), bodies[j, x])
        for p in range(len(tails)):
            for q in range(len(aways)):
                staying(light.times, t0s[i], (tails[p, 0], tails[p, 1]), (aways[q, 0], aways[q, 1], aways[q, 2]), bleached, stays)
                for j in range(len(taus)):
                    for x in range(len(shapes)):
                        closed(held, bodies[j, x], stays, (tails[p, 0], tails[p, 2]), columns)
                        here = fit(light, columns, 3 if tails[p, 2] > 0.0 else 2, none, heights)
                        part = 1.0 - heights[1] / max(heights[0], 1e-9)
                        chi2[i, j, x, p, q] = here if heights[0] > 0.0 and -0.2 < part < 1.2 else NEVER
                        gone[i, j, x, p, q] = part


@njit(nogil=True, cache=True)
def closed(held: Real, body: Real, stays: Real, tail: tuple[float, float], out: Real) -> None:
    """Courses of all the cargo, of what stays of it, and of the light before if that is apart; tail : see `kiss_grid`."""
    for k in range(len(held)):
        out[0, k] = body[k] if tail[1] > 0.0 else (1.0 - tail[0]) * held[k] + body[k]
        out[1, k], out[2, k] = stays[k] - body[k], held[k]


@njit(nogil=True, cache=True)
def fade_grid(light: Light, opens: Real, taus: Real, aways: Real, ground: float, chi2: Real) -> None:
    """A dark vesicle that lights up at frame 0, which is left out, and fades. chi2 : (opens, taus, aways), to be filled.

    It is bright for `opens` frames after, then fades with `taus`, and may leave as in `staying`. What was there before stays,
    within an error whose inverse variance is `ground`.
    """
    n = len(light.times)
    columns, heights, penalty = np.zeros((3, n)), np.zeros(3), np.array([0.0, 0.0, ground])
    for k in range(n):
        columns[0, k] = 1.0
        columns[2, k] = 1.0 if light.times[k] > 0.0 else 0.0
    for i in range(len(opens)):
        for j in range(len(taus)):
            for q in range(len(aways)):
                for k in range(n):
                    since = light.times[k] - 0.5
                    level = 0.0 if since < 0.0 else math.exp(-max(since - opens[i], 0.0) / taus[j])
                    if since > aways[q, 0]:
                        level *= aways[q, 2] + (1.0 - aways[q, 2]) * math.exp(-(since - aways[q, 0]) / aways[q, 1])
                    columns[1, k] = level
                here = fit(light, columns, 3, penalty, heights)
                chi2[i, j, q] = here if heights[1] > 0.0 else NEVER
