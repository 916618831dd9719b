"""How often and how many, cell by cell: event rates, release curves, fates, arrivals and what is docked.

Everything here is a ratio of sums over cells: of events over exposure, of one fate over all. Each statistic takes the weights of
the cells (see `resample`), so that its error comes from resampling cells within animals: ``bootstrap(rates.pooled, nest)``.
Rates are in events per um^2 and s, curves in events per um^2 or per cell.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from exotrack.errors import InputError
from exotrack.kinetics._risk import steps

Real = NDArray[np.float64]
Key = tuple[Hashable, int]
"""(movie_id, cell_id)."""


def cell_keys(cells: pd.DataFrame) -> list[Key]:
    """(movie_id, cell_id) of every row of a Cells table, in order."""
    return list(zip(cells["movie_id"].tolist(), cells["cell_id"].tolist(), strict=True))


def cell_numbers(rows: pd.DataFrame, cells: Sequence[Key]) -> NDArray[np.intp]:
    """(n,) number of the cell of every row of a table with movie_id and cell_id; -1 outside every cell.

    Raises
    ------
    InputError : a row lies in a cell that is not in `cells`.
    """
    place = {key: k for k, key in enumerate(cells)}
    keys = list(zip(rows["movie_id"].tolist(), rows["cell_id"].tolist(), strict=True))
    inside = rows["cell_id"].notna().to_numpy()
    strange = [key for key, known in zip(keys, inside, strict=True) if known and key not in place]
    if strange:
        raise InputError(f"cell {strange[0][1]} of movie {strange[0][0]} has events but is not in the table of cells")
    return np.array([place[key] if known else -1 for key, known in zip(keys, inside, strict=True)], dtype=np.intp)


@dataclass(frozen=True, eq=False)
class Rates:
    """Events and exposure of each cell.

    cells : the C cells. count : (C,) events. exposure_um2_s : (C,) area times observed time (um^2 s).
    """

    cells: tuple[Key, ...]
    count: Real
    exposure_um2_s: Real

    @classmethod
    def of(cls, cells: pd.DataFrame, kind: str | Sequence[str]) -> Rates:
        """Take the counts of a Cells table: of one kind of event, or of several together.

        Raises
        ------
        InputError : no cells, a kind that is not counted, a cell without area or time.
        """
        kinds = [kind] if isinstance(kind, str) else list(kind)
        absent = [one for one in kinds if f"n_{one}" not in cells]
        if absent:
            raise InputError(f"the table of cells has no counts of {absent[0]!r} (column n_{absent[0]})")
        exposure = (cells["area_um2"] * cells["observed_s"]).to_numpy(float)
        return cls(tuple(cell_keys(cells)), cells[[f"n_{one}" for one in kinds]].sum(axis=1).to_numpy(float), exposure)

    def __post_init__(self) -> None:
        if len(self.cells) == 0:
            raise InputError("there are no cells: a rate needs the area and time in which events could have been seen")
        wrong = ~(np.isfinite(self.exposure_um2_s) & (self.exposure_um2_s > 0))
        if wrong.any() or not (len(self.cells) == len(self.count) == len(self.exposure_um2_s)) or (self.count < 0).any():
            movie, cell = self.cells[int(np.flatnonzero(wrong)[0])] if wrong.any() else self.cells[0]
            raise InputError(f"cell {cell} of movie {movie} needs an area, an observed time and a count of 0 or more")

    def pooled(self, weights: ArrayLike | None = None) -> Real:
        """(...) events over exposure (1/um^2/s), each cell counted `weights` (..., C) times."""
        counted = _weights(weights, len(self.cells))
        return np.asarray((counted @ self.count) / (counted @ self.exposure_um2_s))

    def poisson(self, level: float = 0.95) -> tuple[Real, Real]:
        """(C,) and (C,) limits of the rate of each cell, exact for a Poisson count (Garwood 1936, Biometrika 28:437)."""
        low, high = garwood(self.count, level)
        return low / self.exposure_um2_s, high / self.exposure_um2_s

    def dispersion(self) -> tuple[float, float]:
        """How much more the counts vary than those of cells of one rate: Pearson's chi-squared over its degrees of freedom.

        1 for Poisson counts of one rate. Returns it with its p-value; NaN for one cell or no events. Where it is well above
        1, the interval of a pooled Poisson count is too narrow: use `resample.bootstrap`.
        """
        from scipy.special import chdtrc

        expected = self.exposure_um2_s * float(self.pooled())
        if len(self.count) < 2 or expected.sum() == 0:
            return float("nan"), float("nan")
        squared = float(((self.count - expected) ** 2 / expected).sum())
        return squared / (len(self.count) - 1), float(chdtrc(len(self.count) - 1, squared))

    def ratio(self, first: ArrayLike, second: ArrayLike, weights: ArrayLike | None = None) -> Real:
        """(...) log ratio of the pooled rates of the cells in `first` and `second` (both (C,)); NaN without events in both."""
        one, other = np.asarray(first, float), np.asarray(second, float)
        counted = _weights(weights, len(self.cells))
        with np.errstate(divide="ignore", invalid="ignore"):
            found = np.log(self.pooled(counted * one)) - np.log(self.pooled(counted * other))
        return np.where(np.isfinite(found), found, np.nan)


@dataclass(frozen=True, eq=False)
class Release:
    """Events of each cell in the course of time, and while it was observed.

    t_s : (T,) times (s) of events, ascending, each once.
    events : (C, T) events of each cell. size : (C, T) its size (1, or its area in um^2) while it is observed, 0 otherwise.
    """

    t_s: Real
    events: Real
    size: Real

    @classmethod
    def of(cls, t_s: ArrayLike, cell: ArrayLike, from_s: ArrayLike, until_s: ArrayLike, size: ArrayLike | None = None) -> Release:
        """Sort events by time and cell.

        Parameters
        ----------
        t_s, cell : (n,) time of each event (s, since the stimulus, say) and number of its cell, from 0.
        from_s, until_s : (C,) between which times each cell was observed; an event outside them is an error.
        size : (C,) area (um^2) of each, for events per um^2; None: events per cell.
        """
        at, own = np.asarray(t_s, float), np.asarray(cell, dtype=np.intp)
        begun, ended = np.asarray(from_s, float), np.asarray(until_s, float)
        big = np.ones(len(begun)) if size is None else np.asarray(size, float)
        if not len(begun) == len(ended) == len(big) or len(begun) == 0 or not (ended > begun).all() or not (big > 0).all():
            raise InputError("each cell needs a size above 0 and a time from which it was observed until a later one")
        if own.shape != at.shape or (len(own) and (own.min() < 0 or own.max() >= len(begun))):
            raise InputError(f"cells of events must be numbers from 0 to {len(begun) - 1}, one for each of {len(at)} events")
        outside = ~((at >= begun[own]) & (at <= ended[own]))
        if outside.any():
            row = int(np.flatnonzero(outside)[0])
            raise InputError(f"event {row} is at {at[row]:g} s, when its cell was not observed")
        times, place = np.unique(at, return_inverse=True)
        events = np.bincount(own * len(times) + place, minlength=len(begun) * len(times)).reshape(len(begun), len(times))
        watched = (begun[:, None] <= times) & (times <= ended[:, None])
        return cls(times, events.astype(float), big[:, None] * watched)

    def mean(self, weights: ArrayLike | None = None) -> Real:
        """(..., T) mean cumulative number of events just after each time, per cell or um^2 (Nelson 1988, J Qual Technol 20:24).

        Its steps are the events at a time over the size of the cells observed then, so that cells with short movies do not
        bend the curve down.
        """
        counted = _weights(weights, len(self.events))
        size = counted @ self.size
        step = np.divide(counted @ self.events, size, out=np.zeros_like(size), where=size > 0)
        return np.cumsum(step, axis=-1)

    def mean_at(self, t_s: ArrayLike, weights: ArrayLike | None = None) -> Real:
        """(..., G) the same at (G,) times (s)."""
        value = self.mean(weights)
        return steps(self.t_s, value, np.asarray(t_s, float), np.zeros(value.shape[:-1]))

    def sd(self) -> Real:
        """(T,) standard error of `mean` that allows for events of a cell to depend on one another (Lawless & Nadeau 1995).

        Sum over cells of the squared sum of size / total size x (own rate - mean rate): each cell's part in the error.
        """
        total = self.size.sum(axis=0)
        part = np.divide(self.events - self.size * (self.events.sum(axis=0) / total), total)
        return np.asarray(np.sqrt((np.cumsum(part, axis=1) ** 2).sum(axis=0)))


@dataclass(frozen=True, eq=False)
class Fates:
    """Exits seen of each cell by fate: `count` (C, J), sums of probabilities where fates are probable.

    Their shares are those among exits that were *seen*: slow fates are missed more often. `estimators.aalen_johansen` is free
    of that; this is what a count of events gives.
    """

    fates: tuple[str, ...]
    count: Real

    @classmethod
    def of(cls, share: ArrayLike, cell: ArrayLike, n_cells: int, fates: Sequence[str]) -> Fates:
        """Sum the shares (n, J) of each stay (see `_risk.shares`) over the stays of each cell."""
        part, own = np.asarray(share, float), np.asarray(cell, dtype=np.intp)
        return cls(tuple(fates), np.stack([np.bincount(own, column, n_cells) for column in part.T], axis=1))

    def fractions(self, weights: ArrayLike | None = None) -> Real:
        """(..., J) share of each fate among all exits seen; NaN without any."""
        sums = _weights(weights, len(self.count)) @ self.count
        total = sums.sum(axis=-1, keepdims=True)
        return np.asarray(np.divide(sums, total, out=np.full(sums.shape, np.nan), where=total > 0))


def garwood(count: ArrayLike, level: float = 0.95) -> tuple[Real, Real]:
    """Exact limits (of the shape of `count`) for the mean of Poisson counts (Garwood 1936, Biometrika 28:437)."""
    from scipy.special import gammaincinv

    n, tail = np.asarray(count, dtype=float), (1.0 - level) / 2.0
    low = np.where(n > 0, gammaincinv(np.maximum(n, 1e-300), tail), 0.0)
    return low, np.asarray(gammaincinv(n + 1.0, 1.0 - tail))


def _weights(weights: ArrayLike | None, n: int) -> Real:
    return np.ones(n) if weights is None else np.asarray(weights, dtype=float)
