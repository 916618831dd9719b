"""Mobile, tethered or docked: a track cut into the likeliest stays, by its motion and its brightness.

In each state a vesicle diffuses with a coefficient near the state's, seen through the localisation error: the likelihood
of a stay is that of a random walk plus noise, from a Kalman filter, which uses displacements over every time at once.
(Steps between frames alone cannot tell docked from tethered at 20 nm error; a second of positions can.) The logarithm
of the brightness is that of the vesicle in contact less z / d for the state's typical height, with the state's scatter.
The best cut into stays is found exactly by dynamic programming with pruning (Killick et al. 2012, J Am Stat Assoc
107:1590): near linear in the number of positions.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from exotrack.params import ClassifyParams
from exotrack.tables import STATES

MOBILE, TETHERED, DOCKED = (STATES.index(name) for name in ("mobile", "tethered", "docked"))
BIN_S = 0.12
"""Positions closer in time are averaged: finer than any stay that could be told, a fifth of the work at 50 Hz."""
CHANGE = 4.5
"""Cost (nats) of one more stay: a stay of seconds cut in bins changes state about once in 20 bins, to two others."""
HEIGHT_NM = (140.0, 45.0, 0.0)
"""Typical height of a mobile, tethered and docked vesicle: in the field, beyond the 25 nm reach of SNAREs, in contact."""
LOG_BRIGHTNESS_SD = (0.6, 0.22, 0.12)
"""Scatter of log brightness in each state beyond photon noise: heights, flicker of the light."""
ERROR_FLOOR_UM = 0.004
"""Localisation error that remains at any brightness: vibration of the stage."""
POPULATION_SD = 0.5
"""Log-scatter of the brightness in contact between vesicles of one movie: copy numbers vary about threefold."""


class Walk(NamedTuple):
    """One track in bins: time (s), place (um, n x 2), its variance per axis, log brightness and its variance."""

    time_s: NDArray[np.float64]
    place_um: NDArray[np.float64]
    place_var: NDArray[np.float64]
    log_brightness: NDArray[np.float64]
    log_var: NDArray[np.float64]


class Levels(NamedTuple):
    """Sub-states that stand for the spread of each state: state, D (um^2/s), mean and variance of log brightness."""

    state: NDArray[np.int64]
    diffusion: NDArray[np.float64]
    mean: NDArray[np.float64]
    variance: NDArray[np.float64]


def levels(params: ClassifyParams) -> Levels:
    """Sub-states on both sides of the limits the user set: each state's D spans a factor 4 to 16."""
    docked, tethered = params.docked_max_um2_s, params.tethered_max_um2_s
    middle = math.sqrt(docked * tethered)
    d = [3 * tethered, 9 * tethered, 36 * tethered, middle / 1.6, middle * 1.6, docked / 2.5, docked / 20]
    state = np.array([MOBILE] * 3 + [TETHERED] * 2 + [DOCKED] * 2)
    mean = -np.array(HEIGHT_NM)[state] / params.penetration_nm
    return Levels(state, np.array(d), mean, np.array(LOG_BRIGHTNESS_SD)[state] ** 2)


def binned(
    time_s: NDArray[np.float64],
    place_um: NDArray[np.float64],
    error_um: NDArray[np.float64],
    log_brightness: NDArray[np.float64],
    log_error: NDArray[np.float64],
    frame_s: float,
) -> tuple[Walk, NDArray[np.int64]]:
    """Average spots (n,) of one track into bins; returns them and the bin of each spot."""
    number = ((time_s - time_s[0]) / max(BIN_S, 0.999 * frame_s)).astype(int)
    _, which, count = np.unique(number, return_inverse=True, return_counts=True)

    def mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(np.bincount(which, values) / count)

    place = np.column_stack([mean(place_um[:, 0]), mean(place_um[:, 1])])
    variance = mean(error_um**2) / count + ERROR_FLOOR_UM**2
    return Walk(mean(time_s), place, variance, mean(log_brightness), mean(log_error**2) / count), which


def states(walk: Walk, params: ClassifyParams, typical_log: float) -> tuple[NDArray[np.int64], float]:
    """State of each bin of one track, as an index into `tables.STATES`, and its log brightness in contact.

    The brightest level may be that of contact, or the vesicle may never have come closer than tethered or mobile; the
    likeliest of the three is taken. typical_log : median log brightness in contact over the vesicles of the movie.
    """
    sub = levels(params)
    top = float(np.percentile(_smooth(walk.log_brightness), 80))
    best: tuple[float, NDArray[np.int64], float] | None = None
    for contact in (top, top - float(sub.mean[3]), top - float(sub.mean[0])):
        cost, path = partition(
            walk.time_s, walk.place_um, walk.place_var, walk.log_brightness - contact, walk.log_var,
            sub.diffusion, sub.mean, sub.variance, CHANGE,
        )  # fmt: skip
        cost += 0.5 * ((contact - typical_log) / POPULATION_SD) ** 2
        if best is None or cost < best[0]:
            best = (cost, sub.state[path], contact)
    assert best is not None  # the loop ran
    return best[1], best[2]


def _smooth(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Running median of three."""
    padded = np.concatenate([values[:1], values, values[-1:]])
    return np.asarray(np.median(np.lib.stride_tricks.sliding_window_view(padded, 3), axis=1))


@njit(nogil=True, cache=True)
def partition(  # noqa: PLR0913 (a numba kernel takes its arrays one by one)
    time_s: NDArray[np.float64],
    place: NDArray[np.float64],
    place_var: NDArray[np.float64],
    log_brightness: NDArray[np.float64],
    log_var: NDArray[np.float64],
    diffusion: NDArray[np.float64],
    mean: NDArray[np.float64],
    variance: NDArray[np.float64],
    change: float,
) -> tuple[float, NDArray[np.int64]]:
    """Cost (nats) of the best cut into stays, and the sub-state of each bin."""
    n, m = len(time_s), len(diffusion)
    total = np.empty(n + 1)
    total[0] = -change
    cut_start, cut_state = np.zeros(n + 1, np.int64), np.zeros(n + 1, np.int64)
    starts = np.empty(n, np.int64)
    cost, spread = np.zeros((n, m)), np.zeros((n, m))
    at = np.zeros((n, m, 2))
    active = 0
    for t in range(n):
        starts[active] = t
        cost[t, :] = 0.0
        active += 1
        total[t + 1] = np.inf
        least = np.empty(active)
        dt = time_s[t] - time_s[t - 1] if t > 0 else 0.0
        for i in range(active):
            s = starts[i]
            least[i] = np.inf
            for k in range(m):
                if s == t:
                    y, x = (place[t - 1, 0], place[t - 1, 1]) if t > 0 else (place[0, 0], place[0, 1])
                    before = place_var[t - 1] if t > 0 else 0.0
                else:
                    y, x, before = at[s, k, 0], at[s, k, 1], spread[s, k]
                before += 2.0 * diffusion[k] * dt
                seen = before + place_var[t]
                ry, rx = place[t, 0] - y, place[t, 1] - x
                # A wild position or brightness (a neighbour, a wrong link) must not outweigh a whole stay.
                moved = min(0.5 * (ry * ry + rx * rx) / seen, 7.0) + math.log(seen)
                scatter = variance[k] + log_var[t]
                lit = min(0.5 * (log_brightness[t] - mean[k]) ** 2 / scatter, 5.0) + 0.5 * math.log(scatter)
                cost[s, k] += moved + lit
                gain = before / seen if not (s == t and t == 0) else 1.0
                at[s, k, 0], at[s, k, 1] = y + gain * ry, x + gain * rx
                spread[s, k] = place_var[t] if (s == t and t == 0) else (1.0 - gain) * before
                value = total[s] + cost[s, k]
                least[i] = min(least[i], value)
                if value + change < total[t + 1]:
                    total[t + 1] = value + change
                    cut_start[t + 1], cut_state[t + 1] = s, k
        kept = 0
        for i in range(active):
            if least[i] < total[t + 1] + 5.0:
                starts[kept] = starts[i]
                kept += 1
        active = kept
    path = np.empty(n, np.int64)
    t = n
    while t > 0:
        path[cut_start[t] : t] = cut_state[t]
        t = cut_start[t]
    return total[n], path


def covariance_diffusion(time_s: NDArray[np.float64], position_um: NDArray[np.float64]) -> float:
    """Diffusion coefficient (um^2/s) free of localisation error, from steps and their covariance, mean of both axes.

    Vestergaard, Blainey and Flyvbjerg 2014, Phys Rev E 89:022726: D = <dx^2> / (2 dt) + <dx_n dx_(n+1)> / dt. NaN below four
    steps; noise can make it negative, which is reported as 0.
    """
    steps = np.diff(position_um, axis=0)
    if len(steps) < 4:
        return float("nan")
    dt = float(np.mean(np.diff(time_s)))
    value = np.mean(steps**2) / (2.0 * dt) + np.mean(steps[1:] * steps[:-1]) / dt
    return max(float(value), 0.0)
