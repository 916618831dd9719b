"""One measure compared between two conditions, by the model of its family, with the reason where it cannot be."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from exotrack.errors import InputError
from exotrack.stats import gee, mixed
from exotrack.stats.measures import Measure

if TYPE_CHECKING:
    import pandas as pd

Real = NDArray[np.float64]
Numbers = NDArray[np.intp]
CORRECTION: gee.Correction = "kc"
"""How errors are made larger for few clusters: chosen on simulated studies, see docs/statistics.md."""
LEVEL = 0.95
PIECES, EXITS_A_PIECE = 5, 10
"""Pieces of age within which the rate of leaving is held constant at most, and exits that one needs."""


@dataclass(frozen=True, eq=False)
class Rows:
    """The rows of a measure.

    top, bottom : (n,) events over exposure, successes over trials, or level over 1. group : (n,) 0 or 1. cluster, block : (n,)
    numbers; block None where nothing is paired. piece : (n,) piece of age, of a hazard; n rows are then cells in pieces.
    unit : (n,) row of the table of units.
    """

    top: Real
    bottom: Real
    group: Numbers
    cluster: Numbers
    block: Numbers | None
    unit: Numbers
    piece: Numbers | None = None

    def only(self, which: NDArray[np.bool_]) -> Rows:
        """Some of the rows, with clusters and blocks numbered anew."""
        block = None if self.block is None else numbered(self.block[which])
        piece = None if self.piece is None else self.piece[which]
        parts = self.top[which], self.bottom[which], self.group[which], numbered(self.cluster[which])
        return Rows(*parts, block, self.unit[which], piece)


@dataclass(frozen=True)
class Effect:
    """log of the effect, its standard error and degrees of freedom; NaN with the reason in `note` where there is none."""

    log: float
    sd: float
    df: float
    note: str = ""

    @property
    def p_value(self) -> float:
        """Chance of an effect as large if there were none, both sides."""
        from scipy.special import stdtr

        return float(2.0 * stdtr(self.df, -abs(self.log / self.sd))) if self.sd > 0 else float("nan")

    def interval(self, level: float = LEVEL) -> tuple[float, float]:
        """Interval of the effect itself, not its log."""
        from scipy.special import stdtrit

        if not self.sd > 0:
            return float("nan"), float("nan")
        far = float(stdtrit(self.df, 0.5 + level / 2)) * self.sd
        with np.errstate(over="ignore"):
            return float(np.exp(self.log - far)), float(np.exp(self.log + far))


NOTHING = float("nan")


def rows_of(measure: Measure, units: pd.DataFrame, stays: pd.DataFrame, names: tuple[str, str]) -> Rows:
    """The rows of two conditions that have the measure; where conditions are paired, of blocks that have both."""
    top, bottom = measure.over(units)
    group = np.select([units["group"] == names[0], units["group"] == names[1]], [0, 1], -1)
    keep = (group >= 0) & np.isfinite(top)
    paired = bool((units["block"] != "").all())
    block = numbered(units["block"].to_numpy()) if paired else None
    if block is not None:
        both = np.zeros((2, block.max() + 1), dtype=bool)
        for one in (0, 1):
            both[one, block[keep & (group == one)]] = True
        keep &= (both[0] & both[1])[block]
    whole = Rows(top, bottom, group, numbered(units["cluster"].to_numpy()), block, np.arange(len(units)))
    rows = whole.only(keep)
    return pieces(rows, stays) if measure.family == "hazard" else rows


def compared(measure: Measure, rows: Rows) -> Effect:
    """The effect of the second condition over the first."""
    lacking = _lacking(rows)
    if lacking:
        return Effect(NOTHING, NOTHING, NOTHING, lacking)
    try:
        value, sd, df = _level(rows) if measure.family == "level" else _counted(measure, rows)
    except InputError as error:
        return Effect(NOTHING, NOTHING, NOTHING, str(error))
    few = [len(np.unique(rows.cluster[rows.group == one])) for one in (0, 1)]
    if not sd > 0:
        why = "one animal decides it alone" if min(few) < 2 else "the cells do not vary"
        return Effect(value, NOTHING, NOTHING, f"no error can be told: {why}")
    return Effect(value, sd, df)


def described(measure: Measure, rows: Rows) -> tuple[float, float, float]:
    """Value of a condition (all `rows` are of one) and its interval; NaN ends for one cluster."""
    ones = np.ones((len(rows.top), 1))
    one = np.ones(1)
    try:
        if measure.family == "level":
            if len(np.unique(rows.cluster)) < 2:
                return float(np.exp(np.log(rows.top).mean())), NOTHING, NOTHING
            effect = Effect(*mixed.fit(np.log(rows.top), ones, rows.cluster).contrast(one))
        else:
            family: gee.Family = "binomial" if measure.family == "fraction" else "poisson"
            effect = Effect(*gee.fit(rows.top, ones, rows.bottom, family, rows.cluster).contrast(one, CORRECTION))
    except InputError:
        total = float(rows.bottom.sum())
        return (float(rows.top.sum()) / total if total > 0 else NOTHING), NOTHING, NOTHING
    low, high = effect.interval()
    value = float(np.exp(effect.log))
    if measure.family == "fraction":
        return value / (1 + value), low / (1 + low), high / (1 + high)
    return value, low, high


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
    return Rows(top[row, piece], bottom[row, piece], rows.group[row], rows.cluster[row], block, rows.unit[row], piece)


def numbered(values: NDArray[np.generic]) -> Numbers:
    """Numbers from 0 for the different values."""
    return np.asarray(np.unique(values, return_inverse=True)[1], dtype=np.intp)


def _lacking(rows: Rows) -> str:
    """Why there is nothing to fit."""
    n = [int((rows.group == one).sum()) for one in (0, 1)]
    if min(n) == 0:
        return "no cell of one condition has it" if rows.block is None else "no pair has it in both conditions"
    if rows.block is not None:
        return "" if rows.cluster.max() > 0 else "all pairs are of one animal: nothing tells the effect from it"
    few = [len(np.unique(rows.cluster[rows.group == one])) for one in (0, 1)]
    return "" if min(few) > 1 else "a condition has one animal only: nothing tells the effect from it"


def _counted(measure: Measure, rows: Rows) -> tuple[float, float, float]:
    x = rows.group[:, None].astype(float)
    if rows.piece is not None:
        levels = (rows.piece[:, None] == np.unique(rows.piece)).astype(float)
        x = np.concatenate([x, levels if rows.block is None else levels[:, 1:]], axis=1)
    elif rows.block is None:
        x = np.column_stack([x, np.ones(len(x))])
    for one in (0, 1):
        mine = rows.group == one
        if not rows.top[mine].sum() > 0 or (measure.family == "fraction" and not (rows.bottom - rows.top)[mine].sum() > 0):
            raise InputError("a condition has no such event, or nothing else: the effect has no bound")
    family: gee.Family = "binomial" if measure.family == "fraction" else "poisson"
    found = gee.fit(rows.top, x, rows.bottom, family, rows.cluster, rows.block)
    return found.contrast(np.eye(x.shape[1])[0], CORRECTION)


def _level(rows: Rows) -> tuple[float, float, float]:
    y = np.log(rows.top)
    if rows.block is not None and rows.block.max() > rows.cluster.max():
        mean = [_block_means(y, rows, one) for one in (0, 1)]
        owner = np.zeros(rows.block.max() + 1, dtype=np.intp)
        owner[rows.block] = rows.cluster
        return mixed.fit(mean[1] - mean[0], np.ones((len(owner), 1)), owner).contrast(np.ones(1))
    x = np.column_stack([rows.group == 0, rows.group == 1]).astype(float)
    return mixed.fit(y, x, rows.cluster).contrast(np.array([-1.0, 1.0]))


def _block_means(y: Real, rows: Rows, one: int) -> Real:
    assert rows.block is not None
    mine = rows.group == one
    n = int(rows.block.max()) + 1
    return np.bincount(rows.block[mine], y[mine], n) / np.bincount(rows.block[mine], minlength=n)
