"""The rows that a model of one measure is fitted to: cells of two conditions, or cells in pieces of age."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from exotrack.stats.further import Further
from exotrack.stats.measures import Measure

if TYPE_CHECKING:
    import pandas as pd

Real = NDArray[np.float64]
Numbers = NDArray[np.intp]
PIECES, EXITS_A_PIECE = 5, 10
"""Pieces of age within which the rate of leaving is held constant at most, and exits that one needs."""


@dataclass(frozen=True, eq=False)
class Rows:
    """The rows of a measure.

    top, bottom : (n,) events over exposure, successes over trials, or level over 1. group : (n,) 0 or 1. cluster, block : (n,)
    numbers; block None where nothing is paired. piece : (n,) piece of age, of a hazard; n rows are then cells in pieces.
    unit : (n,) row of the table of units. z : (n, q) covariates that are held constant; None: none. level : (n,) 0 or 1, of
    the column that the effect may differ with; None: that is not asked.
    """

    top: Real
    bottom: Real
    group: Numbers
    cluster: Numbers
    block: Numbers | None
    unit: Numbers
    piece: Numbers | None = None
    z: Real | None = None
    level: Numbers | None = None

    def only(self, which: NDArray[np.bool_]) -> Rows:
        """Some of the rows, with clusters and blocks numbered anew."""
        block = None if self.block is None else numbered(self.block[which])
        parts = self.top[which], self.bottom[which], self.group[which], numbered(self.cluster[which])
        piece = None if self.piece is None else self.piece[which]
        z = None if self.z is None else self.z[which]
        level = None if self.level is None else self.level[which]
        return Rows(*parts, block, self.unit[which], piece, z, level)

    @property
    def plain(self) -> bool:
        """Whether there is nothing but the two conditions."""
        return self.z is None and self.level is None

    @property
    def arm(self) -> Numbers:
        """(n,) the condition, and the level where there are two: 0 to 1, or 0 to 3."""
        return self.group if self.level is None else self.group + 2 * self.level

    def named(self, arms: tuple[int, ...]) -> Real:
        """(n, len(arms)) a column for each arm: 1 in its rows."""
        return np.asarray(self.arm[:, None] == np.array(arms), dtype=float)

    @property
    def arms(self) -> tuple[int, ...]:
        """The arms that a comparison needs."""
        return (0, 1) if self.level is None else (0, 1, 2, 3)


def rows_of(
    measure: Measure, units: pd.DataFrame, stays: pd.DataFrame, names: tuple[str, str], further: Further | None = None
) -> Rows:
    """The rows of two conditions that have the measure; where conditions are paired, of blocks that have both."""
    top, bottom = measure.over(units)
    group = np.select([units["group"] == names[0], units["group"] == names[1]], [0, 1], -1)
    keep = (group >= 0) & np.isfinite(top)
    z, level = None, None
    if further is not None:
        keep &= further.kept
        z, level = further.z if further.z.shape[1] else None, further.level
    paired = bool((units["block"] != "").all())
    block = numbered(units["block"].to_numpy()) if paired else None
    if block is not None:
        both = np.zeros((2, block.max() + 1), dtype=bool)
        for one in (0, 1):
            both[one, block[keep & (group == one)]] = True
        keep &= (both[0] & both[1])[block]
    cluster = numbered(units["cluster"].to_numpy())
    whole = Rows(top, bottom, group, cluster, block, np.arange(len(units)), None, z, level)
    rows = whole.only(keep)
    return pieces(rows, stays) if measure.family == "hazard" else rows


def pieces(rows: Rows, stays: pd.DataFrame) -> Rows:
    """Cells in pieces of age: ends and time at risk in each (Holford 1980, Biometrics 36:299; Laird & Olivier 1981).

    With a level for each piece, a model of counts is Cox's model with late entry, as fine as the pieces.
    """
    place = np.full(int(max(rows.unit.max(initial=-1), stays["row"].max() if len(stays) else -1)) + 1, -1)
    place[rows.unit] = np.arange(len(rows.unit))
    own = place[stays["row"].to_numpy(np.intp)]
    mine = own >= 0
    own, entry, out = own[mine], stays["entry_s"].to_numpy(float)[mine], stays["exit_s"].to_numpy(float)[mine]
    ended = stays["ended"].to_numpy(bool)[mine]
    n = int(np.clip(ended.sum() // EXITS_A_PIECE, 1, PIECES))
    inner = np.unique(np.quantile(out[ended], np.arange(1, n) / n)) if ended.any() else np.zeros(0)
    edges = np.concatenate([[-np.inf], inner, [np.inf]])
    top, bottom = (np.zeros((len(rows.top), len(edges) - 1)) for _ in range(2))
    for k, (begin, end) in enumerate(pairwise(edges)):
        bottom[:, k] = np.bincount(own, np.clip(np.minimum(out, end) - np.maximum(entry, begin), 0.0, None), len(rows.top))
        top[:, k] = np.bincount(own, ended & (out > begin) & (out <= end), len(rows.top))
    row, piece = np.nonzero(bottom > 0)
    block = None if rows.block is None else rows.block[row]
    z = None if rows.z is None else rows.z[row]
    level = None if rows.level is None else rows.level[row]
    parts = top[row, piece], bottom[row, piece], rows.group[row], rows.cluster[row]
    return Rows(*parts, block, rows.unit[row], piece, z, level)


def numbered(values: NDArray[np.generic]) -> Numbers:
    """Numbers from 0 for the different values."""
    return np.asarray(np.unique(values, return_inverse=True)[1], dtype=np.intp)
