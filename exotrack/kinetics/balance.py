"""Vesicles docked at each time, and how they came and went: the balance that a model must keep.

docked(t) = docked(0) + arrivals + found later - exits by each fate - lost from sight, for every t: a vesicle that is in sight
without having been seen to come was there at the start or was found later, one that goes without an exit being seen is lost.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from exotrack.errors import InputError

Real = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Balance:
    """Counts of each of C cells at G times.

    t_s : (G,) times (s).
    size : (C,) area (um^2) of each cell, or 1.
    docked : (C, G) vesicles in sight at each time.
    arrivals, found, lost : (C, G) until and including each time: seen to come, in sight without (those of the start included),
        gone without an exit being seen.
    exits : (C, J, G) until and including each time, by fate. fates : their names.
    """

    t_s: Real
    size: Real
    docked: Real
    arrivals: Real
    found: Real
    lost: Real
    exits: Real
    fates: tuple[str, ...]

    def density(self, weights: ArrayLike | None = None) -> Real:
        """(..., G) vesicles docked per um^2 (or per cell), each cell counted `weights` (..., C) times."""
        return self._per_size(self.docked, weights)

    def arrivals_so_far(self, weights: ArrayLike | None = None) -> Real:
        """(..., G) arrivals seen until each time, per um^2 (or per cell)."""
        return self._per_size(self.arrivals, weights)

    def arrival_rate(self, weights: ArrayLike | None = None) -> Real:
        """(...) arrivals seen, per um^2 (or per cell) and s, between the first and last of the times."""
        between = (self.arrivals[:, -1] - self.arrivals[:, 0]) / (self.t_s[-1] - self.t_s[0])
        return self._per_size(between[:, None], weights)[..., 0]

    def _per_size(self, count: Real, weights: ArrayLike | None) -> Real:
        counted = np.ones(len(self.size)) if weights is None else np.asarray(weights, dtype=float)
        return np.asarray((counted @ count) / (counted @ self.size)[..., None])


def balance(
    first_s: ArrayLike,
    last_s: ArrayLike,
    entry_observed: ArrayLike,
    share: ArrayLike,
    fates: Sequence[str],
    t_s: ArrayLike,
    *,
    cell: ArrayLike | None = None,
    size: ArrayLike | None = None,
) -> Balance:
    """Count docked vesicles, arrivals and exits at times `t_s`.

    Parameters
    ----------
    first_s, last_s : (n,) when each stay began and when it was over, as far as seen (s): in sight from first_s to before last_s.
        For stays that outlast the movie, last_s is after the last of `t_s`.
    entry_observed : (n,) whether it was seen to come.
    share : (n, J) share of each fate in its end, all 0 if that was not seen.
    t_s : (G,) ascending times (s).
    cell : (n,) number of its cell, from 0; size : (C,) area of each (um^2); None: one cell, of size 1.

    Raises
    ------
    InputError : a stay that ends before it begins, times that do not ascend, fewer than two.
    """
    begun, over, at = np.asarray(first_s, float), np.asarray(last_s, float), np.asarray(t_s, float)
    if not (over >= begun).all():
        row = int(np.flatnonzero(~(over >= begun))[0])
        raise InputError(f"stay {row} begins at {begun[row]:g} s and ends at {over[row]:g} s; a duration is 0 s or more")
    if len(at) < 2 or not (np.diff(at) > 0).all():
        raise InputError("a balance is drawn up at two or more ascending times")
    own = np.zeros(len(begun), dtype=np.intp) if cell is None else np.asarray(cell, dtype=np.intp)
    big = np.ones(1) if size is None else np.asarray(size, float)
    came, ends = np.asarray(entry_observed, bool), np.asarray(share, float)

    def until(time: Real, counted: Real) -> Real:
        """(C, G) sum of `counted` over the stays of each cell with `time` at or before each of `at`."""
        place = np.searchsorted(at, time, side="left")
        summed = np.bincount(own * (len(at) + 1) + place, counted, len(big) * (len(at) + 1))
        return np.asarray(np.cumsum(summed.reshape(len(big), -1), axis=1)[:, :-1], dtype=float)

    arrivals, found = until(begun, came.astype(float)), until(begun, (~came).astype(float))
    exits = np.stack([until(over, column) for column in ends.T], axis=1)
    lost = until(over, 1.0 - ends.sum(axis=1))
    return Balance(at, big, arrivals + found - exits.sum(axis=1) - lost, arrivals, found, lost, exits, tuple(fates))
