"""Found places against true ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.spatial import cKDTree

from .movies import Array

GATE_PX, BORDER_PX = 2.0, 6.0


@dataclass(frozen=True)
class Found:
    """Counts of spots, and the errors (n, 2) of the paired ones (found - true, pixels) with their rows in both tables."""

    right: int
    false: int
    missed: int
    errors: Array
    true_rows: Array
    found_rows: Array

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        return 2 * self.right / max(2 * self.right + self.false + self.missed, 1)

    def rmse(self) -> float:
        """Root mean square error in the plane (pixels)."""
        return float(np.sqrt((self.errors**2).sum(axis=1).mean())) if len(self.errors) else float("nan")


def compare(true: Array, found: Array, size_px: int, gate: float = GATE_PX) -> Found:
    """Pair `found` with `true` (columns frame, y, x in pixels) frame by frame at the least total distance.

    True spots at the border do not count; false ones there do not either.
    """
    right = false = missed = 0
    true_rows, found_rows = [], []
    for frame in np.unique(np.concatenate([true[:, 0], found[:, 0]])):
        t, f = np.flatnonzero(true[:, 0] == frame), np.flatnonzero(found[:, 0] == frame)
        i, j = _pairs(true[t, 1:3], found[f, 1:3], gate)
        counts, single = inner(true[t], size_px), np.ones(len(f), bool)
        single[j] = False
        right += int(counts[i].sum())
        missed += int(counts.sum() - counts[i].sum())
        false += int((single & inner(found[f], size_px)).sum())
        true_rows.append(t[i[counts[i]]])
        found_rows.append(f[j[counts[i]]])
    true_rows, found_rows = (np.concatenate(r) if r else np.empty(0, int) for r in (true_rows, found_rows))
    return Found(right, false, missed, found[found_rows, 1:3] - true[true_rows, 1:3], true_rows, found_rows)


def inner(places: Array, size_px: int) -> Array:
    """Which rows (frame, y, x) are away from the border."""
    return ((places[:, 1:3] >= BORDER_PX) & (places[:, 1:3] <= size_px - 1 - BORDER_PX)).all(axis=1)


def _pairs(true: Array, found: Array, gate: float) -> tuple[Array, Array]:
    if len(true) == 0 or len(found) == 0:
        return np.empty(0, int), np.empty(0, int)
    near = cKDTree(true).sparse_distance_matrix(cKDTree(found), gate, output_type="coo_matrix")
    cost = np.full((len(true), len(found)), 1e3)
    cost[near.row, near.col] = near.data
    i, j = linear_sum_assignment(cost)
    close = cost[i, j] < gate
    return i[close], j[close]
