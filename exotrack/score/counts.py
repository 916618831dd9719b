"""Counts of what was found, missed and mistaken, and the proportions made of them."""

from __future__ import annotations

import math
from dataclasses import dataclass

Interval = tuple[float, float]
_Z = 1.959963984540054  # two-sided 95 %


@dataclass(frozen=True)
class Count:
    """One kind of event: how many were true, found, rightly found (tp), wrongly found (fp), missed (fn).

    A proportion of nothing is NaN. Intervals are 95 % score intervals (Wilson 1927, J Am Stat Assoc 22:209); that of F1
    comes from J = tp / (tp + fp + fn), which is a proportion, by F1 = 2 J / (1 + J).
    """

    kind: str
    n_true: int
    n_found: int
    tp: int

    @property
    def fp(self) -> int:
        """Found where nothing of this kind was."""
        return self.n_found - self.tp

    @property
    def fn(self) -> int:
        """True but not found."""
        return self.n_true - self.tp

    @property
    def precision(self) -> float:
        """Fraction of the found that is true."""
        return _ratio(self.tp, self.n_found)

    @property
    def recall(self) -> float:
        """Fraction of the true that was found."""
        return _ratio(self.tp, self.n_true)

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        return _ratio(2 * self.tp, self.n_true + self.n_found)

    @property
    def precision_interval(self) -> Interval:
        """95 % interval of `precision`."""
        return wilson(self.tp, self.n_found)

    @property
    def recall_interval(self) -> Interval:
        """95 % interval of `recall`."""
        return wilson(self.tp, self.n_true)

    @property
    def f1_interval(self) -> Interval:
        """95 % interval of `f1`."""
        low, high = wilson(self.tp, self.n_true + self.n_found - self.tp)
        return 2 * low / (1 + low), 2 * high / (1 + high)


def wilson(successes: int, trials: int) -> Interval:
    """95 % score interval of a proportion; (NaN, NaN) of nothing."""
    if trials == 0:
        return math.nan, math.nan
    share, spread = successes / trials, _Z**2 / trials
    middle = (share + spread / 2) / (1 + spread)
    half = math.sqrt(share * (1 - share) * spread + spread**2 / 4) / (1 + spread)
    # At 0 and 1 the limit is exact; rounding must not move it past the proportion.
    return max(0.0, min(middle - half, share)), min(1.0, max(middle + half, share))


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else math.nan
