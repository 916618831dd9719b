"""Electron micrographs as a term of the likelihood: how many vesicles were in which class when the cell was frozen.

A snapshot says nothing of rates by itself, since doubling all of them leaves it as it is. It says how the states share the
vesicles at rest, which holds rates against one another: the fraction docked, or filled, or empty.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from exotrack.errors import InputError
from exotrack.kinetics.scheme import Real


@dataclass(frozen=True)
class Snapshot:
    """Vesicles counted by class.

    counts : by the name of the class, such as docked and tethered, or full, partial and empty.
    design_effect : variance of the counts over that of independent vesicles, at least 1. Vesicles of a cell are alike: with n
    vesicles in each and a correlation r within cells it is 1 + (n - 1) r.
    """

    counts: Mapping[str, int]
    design_effect: float = 1.0

    def __post_init__(self) -> None:
        if not self.counts or min(self.counts.values()) < 0 or sum(self.counts.values()) < 1:
            raise InputError("a snapshot needs at least one vesicle, and counts of 0 or more by class")
        if not self.design_effect >= 1:
            raise InputError(f"a design effect is at least 1, not {self.design_effect:g}")

    def log_likelihood(self, fractions: Mapping[str, float]) -> float:
        """Multinomial log-likelihood of the counts, less its largest value, over the design effect.

        fractions : what a model says of each class, in any unit; they are made to sum to 1. `InputError` if a class is missing.
        """
        missing = [name for name in self.counts if name not in fractions]
        if missing:
            raise InputError(f"the model says nothing of the class {missing[0]}; it knows {', '.join(fractions)}")
        seen = np.array(list(self.counts.values()), dtype=float)
        told = np.array([fractions[name] for name in self.counts], dtype=float)
        if not np.isfinite(told).all() or told.min() < 0 or told.sum() <= 0:
            raise InputError("fractions of a snapshot must be 0 or more, and not all 0")
        told, share = np.maximum(told / told.sum(), 1e-300), seen / seen.sum()
        return float((seen * (np.log(told) - np.log(np.where(share > 0, share, 1.0)))).sum() / self.design_effect)

    def term(self, fractions: Callable[[Mapping[str, float]], Mapping[str, float]]) -> Callable[[Mapping[str, float]], float]:
        """A term for `exotrack.kinetics.fit.Problem`; `fractions` gives those of each class for the values of a model."""

        def value(values: Mapping[str, float]) -> float:
            return self.log_likelihood(fractions(values))

        return value


def stationary(rates: Real) -> Real:
    """(n,) fractions of a closed scheme at rest: p Q = 0 with sum 1, for (n, n) rates (1/s) whose rows sum to 0.

    `InputError` if they do not, or if the states fall into parts that do not reach one another, so that there are many.
    """
    q = np.asarray(rates, dtype=float)
    size = max(float(np.abs(q).max(initial=0.0)), 1e-300)
    if q.ndim != 2 or q.shape[0] != q.shape[1] or np.abs(q.sum(axis=1)).max() > 1e-8 * size:
        raise InputError("rates of a closed scheme are a square table whose rows sum to 0")
    whole = np.vstack([q.T / size, np.ones(len(q))])
    found, _, order, _ = np.linalg.lstsq(whole, np.r_[np.zeros(len(q)), 1.0], rcond=1e-12)
    if order < len(q) or found.min() < -1e-8:
        raise InputError("the scheme has no single rest: some states cannot be reached from one another")
    return np.asarray(found.clip(0.0) / found.clip(0.0).sum())
