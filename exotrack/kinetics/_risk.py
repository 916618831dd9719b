"""Who was at risk and who ended, at each time, kept apart by cell: what every estimator and its bootstrap needs.

Resampling whole cells only changes how often each cell counts. So the counts are made once, (cells, times), and a replicate is a
product with a row of weights: a thousand replicates cost about as much as one pass over the stays for each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from exotrack.errors import InputError

Real = NDArray[np.float64]
CENSORED = ("", "censored")
"""What may stand for a fate that was not seen."""


@dataclass(frozen=True)
class Risk:
    """Counts of stays by cell at the times at which a stay ended in sight.

    t_s : (T,) those times (s), ascending, all beyond `from_s`.
    at_risk : (C, T) stays of each cell under observation just before.
    exits : (C, J, T) stays that ended, by fate; fractions where fates are probabilities.
    fates : names of the J fates.
    from_s : age (s) at which the curves start.
    at_start : stays of all cells under observation just after `from_s`.
    """

    t_s: Real
    at_risk: Real
    exits: Real
    fates: tuple[str, ...]
    from_s: float
    at_start: float

    @classmethod
    def of(
        cls,
        exit_s: ArrayLike,
        fate: ArrayLike,
        fates: Sequence[str],
        entry_s: ArrayLike | None = None,
        *,
        cell: ArrayLike | None = None,
        n_cells: int | None = None,
        from_s: float = 0.0,
    ) -> Risk:
        """Count stays.

        exit_s, fate, fates, entry_s, from_s : as in `estimators.aalen_johansen`.
        cell : (n,) number of each stay's cell, from 0; None puts all stays into one.
        n_cells : how many cells there are, those without stays included.
        """
        left, entered = _ages(exit_s, entry_s)
        share = shares(fate, fates, len(left))
        own, n_own = _cells(cell, n_cells, len(left))
        times = np.unique(left[share.any(axis=1)])
        times = times[times > from_s] if from_s > 0 else times
        n_times = len(times)
        # The first time at which a stay is at risk, and the first at which it no longer is.
        starts, stops = np.searchsorted(times, entered, side="right"), np.searchsorted(times, left, side="right")
        width = n_times + 1
        come = np.bincount(own * width + starts, minlength=n_own * width).reshape(n_own, width)
        gone = np.bincount(own * width + stops, minlength=n_own * width).reshape(n_own, width)
        at_risk = np.cumsum(come - gone, axis=1)[:, :n_times].astype(float)
        ends = share.any(axis=1) & (left > from_s if from_s > 0 else True)
        where = own[ends] * n_times + stops[ends] - 1
        counts = [np.bincount(where, column, n_own * n_times).reshape(n_own, n_times) for column in share[ends].T]
        exits = np.stack(counts, axis=1).astype(float)
        begun = float(np.count_nonzero((entered <= from_s) & (left > from_s if from_s > 0 else True)))
        return cls(times, at_risk, exits, tuple(fates), float(from_s), begun)

    def totals(self, weights: ArrayLike | None = None) -> tuple[Real, Real]:
        """(..., T) at risk and (..., J, T) ended, each cell counted `weights` (..., C) times; None: once."""
        n_own, n_fates, n_times = self.exits.shape
        counted = np.ones(n_own) if weights is None else np.asarray(weights, dtype=float)
        ended = counted @ self.exits.reshape(n_own, n_fates * n_times)
        return counted @ self.at_risk, ended.reshape(*counted.shape[:-1], n_fates, n_times)

    def survival(self, weights: ArrayLike | None = None) -> Real:
        """(..., T) Kaplan-Meier survival just after each time."""
        at_risk, exits = self.totals(weights)
        return np.asarray(np.cumprod(1.0 - _per(exits.sum(axis=-2), at_risk), axis=-1), dtype=float)

    def hazard(self, weights: ArrayLike | None = None) -> Real:
        """(..., J, T) Nelson-Aalen cumulative hazards just after each time."""
        at_risk, exits = self.totals(weights)
        return np.cumsum(_per(exits, at_risk[..., None, :]), axis=-1)

    def incidence(self, weights: ArrayLike | None = None) -> Real:
        """(..., J, T) Aalen-Johansen incidences just after each time."""
        at_risk, exits = self.totals(weights)
        after = np.cumprod(1.0 - _per(exits.sum(axis=-2), at_risk), axis=-1)
        before = np.concatenate([np.ones((*after.shape[:-1], 1)), after[..., :-1]], axis=-1)
        return np.cumsum(_per(before[..., None, :] * exits, at_risk[..., None, :]), axis=-1)

    def survival_at(self, t_s: ArrayLike, weights: ArrayLike | None = None) -> Real:
        """(..., G) survival at (G,) ages (s)."""
        value = self.survival(weights)
        return steps(self.t_s, value, np.asarray(t_s, dtype=float), np.ones(value.shape[:-1]))

    def hazard_at(self, t_s: ArrayLike, weights: ArrayLike | None = None) -> Real:
        """(..., J, G) cumulative hazards at (G,) ages (s)."""
        value = self.hazard(weights)
        return steps(self.t_s, value, np.asarray(t_s, dtype=float), np.zeros(value.shape[:-1]))

    def incidence_at(self, t_s: ArrayLike, weights: ArrayLike | None = None) -> Real:
        """(..., J, G) incidences at (G,) ages (s)."""
        value = self.incidence(weights)
        return steps(self.t_s, value, np.asarray(t_s, dtype=float), np.zeros(value.shape[:-1]))


def steps(at_s: Real, value: Real, t_s: Real, before: Real) -> Real:
    """(..., G) value at `t_s` (G,) of step functions: `value` (..., T) from `at_s` (T,) on, `before` (...) earlier."""
    padded = np.concatenate([before[..., None], value], axis=-1)
    return np.asarray(padded[..., np.searchsorted(at_s, t_s, side="right")])


def shares(fate: ArrayLike, fates: Sequence[str], n: int) -> Real:
    """(n, J) share of each fate in each stay: 1 for the named one, or the probabilities given; all 0 if it was not seen."""
    if not fates or len(set(fates)) != len(fates):
        raise InputError(f"fates are {', '.join(fates) or 'none'}; name at least one, each once")
    given = np.asarray(fate)
    if given.dtype.kind in "fiub":
        return _probabilities(given.astype(float), fates, n)
    if given.shape != (n,):
        raise InputError(f"fates have shape {given.shape}, stays {(n,)}; give one name a stay")
    names = np.array(["" if one is None or one != one else str(one) for one in given], dtype=object)
    strange = sorted(set(names) - set(fates) - set(CENSORED))
    if strange:
        raise InputError(f"fate {strange[0]!r} is unknown; allowed are {', '.join(fates)}, or 'censored' if the end was not seen")
    return np.asarray(names[:, None] == np.array(list(fates), dtype=object), dtype=float)


def _probabilities(share: Real, fates: Sequence[str], n: int) -> Real:
    if share.shape != (n, len(fates)):
        raise InputError(f"probabilities have shape {share.shape}; {n} stays and {len(fates)} fates need {(n, len(fates))}")
    total = share.sum(axis=1)
    wrong = ~(np.isclose(total, 1.0, rtol=0, atol=1e-6) | (total == 0)) | (share < 0).any(axis=1)
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise InputError(
            f"probabilities of the fates of stay {row} are {np.array2string(share[row], precision=4)}, sum {total[row]:.4g}; "
            "they must be 0 or more and sum to 1, or all be 0 if the end was not seen"
        )
    return share


def _ages(exit_s: ArrayLike, entry_s: ArrayLike | None) -> tuple[Real, Real]:
    left = np.asarray(exit_s, dtype=float)
    if left.ndim != 1 or left.size == 0:
        raise InputError("there are no stays: nothing can be estimated" if left.size == 0 else "ages must be a list, one a stay")
    if not np.isfinite(left).all() or left.min() < 0:
        row = int(np.flatnonzero(~(np.isfinite(left) & (left >= 0)))[0])
        raise InputError(f"stay {row} lasts {left[row]:g} s; a stay needs a finite duration of 0 s or more: leave it out")
    if entry_s is None:
        return left, np.full(len(left), -np.inf)
    entered = np.asarray(entry_s, dtype=float)
    if entered.shape != left.shape:
        raise InputError(f"{len(left)} exits but entries of shape {entered.shape}; give one a stay")
    late = ~(entered < left)
    if late.any():
        row = int(np.flatnonzero(late)[0])
        raise InputError(f"stay {row} comes under observation at {entered[row]:g} s but ends at {left[row]:g} s; leave it out")
    return left, entered


def _cells(cell: ArrayLike | None, n_cells: int | None, n: int) -> tuple[NDArray[np.intp], int]:
    own = np.zeros(n, dtype=np.intp) if cell is None else np.asarray(cell, dtype=np.intp)
    n_own = int(own.max()) + 1 if n_cells is None else n_cells
    if own.shape != (n,) or own.min() < 0 or own.max() >= n_own:
        raise InputError(f"cells must be numbers from 0 to {n_own - 1}, one for each of {n} stays")
    return own, n_own


def _per(top: Real, bottom: Real) -> Real:
    """top / bottom; 0 where nobody is at risk."""
    return np.divide(top, bottom, out=np.zeros(np.broadcast_shapes(top.shape, bottom.shape)), where=bottom > 0)
