"""Do events come in bursts? Pairs in time, how fast the rate drifts, and whether near events follow one another."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from exotrack.stats.patterns._rank import Departure, departure, two_sided
from exotrack.stats.patterns.space import AT_ONCE, LEAST_PAIRS

Real = NDArray[np.float64]
Whole = NDArray[np.intp]
LAGS = 40
"""Lags at which curves are computed."""
GRID = 8
"""Distances and lags at which near and soon are counted together."""


@dataclass(frozen=True, eq=False)
class Temporal:
    """A series of events beside series of the null.

    lag_s : (k,). pairs : (1 + m, k) pairs of events at most that far apart, over the pairs an even rate gives; what was seen
    first. middle : (1 + m,) mean time of the events, as a share of the usable time.
    """

    lag_s: Real
    pairs: Real
    middle: Real

    @property
    def bursts(self) -> Departure:
        """Test over all lags: z above 0 where events come together, below 0 where they keep apart."""
        return departure(np.sqrt(self.pairs))

    @property
    def p_trend(self) -> float:
        """Whether the rate rises or falls over the movie: the mean time against an even rate, both sides."""
        return two_sided(self.middle)


def compare_times(at: Whole, n_frames: int, frame_s: float, rng: np.random.Generator, m: int) -> Temporal:
    """Compare events in frames `at` (n,), of the `n_frames` usable ones, with `m` series of as many at an even rate.

    Pairs are counted up to a quarter of the time, each over the share of the time in which it could be seen (the translation
    correction on a line). Frames that could not be used are left out of the clock, so that gaps make no bursts.
    Raises `ValueError` for fewer than two events or frames.
    """
    n = len(at)
    if n < 2 or n_frames < 8:
        raise ValueError("a series needs two events in eight frames or more")
    least = min(max(LEAST_PAIRS * n_frames / (n * (n - 1)) - 0.5, 0.0), n_frames / 8)
    lag = np.unique(np.rint(np.linspace(least, n_frames / 4, LAGS)).astype(np.intp))
    every = np.concatenate([np.sort(at)[None], rng.integers(n_frames, size=(m, n))])
    first, second = np.triu_indices(n, 1)
    curves = []
    for part in np.array_split(every, max(1, len(every) * len(first) // AT_ONCE)):
        apart = np.abs(part[:, first] - part[:, second])
        series, pair = np.nonzero(apart <= lag[-1])
        near = apart[series, pair]
        counted = np.bincount(series * len(lag) + np.searchsorted(lag, near), n_frames / (n_frames - near), len(part) * len(lag))
        curves.append(np.cumsum(counted.reshape(len(part), len(lag)), axis=1))
    # An even rate puts 1 + 2 L of the n_frames lags within L.
    expected = len(first) * (1.0 + 2.0 * lag) / n_frames
    middle = np.asarray((every.mean(axis=1) + 0.5) / n_frames, float)
    return Temporal(np.asarray(lag * frame_s, float), np.concatenate(curves) / expected, middle)


def follow(places: Real, at_s: Real, reach_um: float, reach_s: float, rng: np.random.Generator, m: int) -> Departure:
    """Do events near one another also come soon after one another, beyond what places and times alone give?

    Times are shuffled among the places `m` times, which keeps both (Knox 1964; over a grid of distances up to `reach_um` and
    lags up to `reach_s`, Diggle et al. 1995, Stat Methods Med Res 4:124). z above 0: near events come soon.
    """
    first, second = np.triu_indices(len(places), 1)
    apart = np.hypot(*(places[first] - places[second]).T)
    near = (apart[:, None] <= reach_um * np.arange(1, GRID + 1) / GRID).astype(float)
    kept = near[:, -1] > 0
    near, first, second = near[kept], first[kept], second[kept]
    limits = reach_s * np.arange(1, GRID + 1) / GRID
    counted = np.empty((m + 1, GRID * GRID))
    for k in range(m + 1):
        time = at_s if k == 0 else rng.permutation(at_s)
        soon = (np.abs(time[first] - time[second])[:, None] <= limits).astype(float)
        counted[k] = (near.T @ soon).ravel()
    mean = counted.mean(axis=0)
    return departure(np.sqrt(counted[:, mean >= min(LEAST_PAIRS, mean.max())]))
