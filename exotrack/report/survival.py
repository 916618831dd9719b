"""How long vesicles stay docked: Kaplan-Meier survival with Greenwood's error.

A stay whose exit was not seen (the movie ended, the track was lost) is *censored*: it counts as still docked until then.
A stay whose entry was not seen has an unknown age; mixing it in would favour long stays, so it is shown apart.

Sources: Kaplan & Meier 1958, J Am Stat Assoc 53:457; Greenwood 1926; log-log band: Kalbfleisch & Prentice 1980.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Real = NDArray[np.float64]


@dataclass(frozen=True)
class Survival:
    """A step function: `survival` holds from `t_s` until the next one. All arrays are (n_steps,), the first at t = 0.

    low, high : 95 % band (Greenwood's variance on the log-log scale, so that it stays between 0 and 1).
    at_risk, exits : stays still going just before `t_s`, and exits seen at it.
    censored_s : when the censored stays were lost from sight.
    """

    t_s: Real
    survival: Real
    low: Real
    high: Real
    at_risk: NDArray[np.int64]
    exits: NDArray[np.int64]
    censored_s: Real

    @property
    def median_s(self) -> float:
        """First time at which half or fewer are left; NaN if the curve never falls so far."""
        fallen = np.flatnonzero(self.survival <= 0.5 + 1e-12)
        return float(self.t_s[fallen[0]]) if fallen.size else float("nan")


def kaplan_meier(duration_s: ArrayLike, exit_seen: ArrayLike) -> Survival:
    """Survival of stays of `duration_s` (n,), of which `exit_seen` (n,) ended in sight; others are censored.

    Stays of missing duration are left out. A stay censored at the time of an exit still counts as at risk for it.
    """
    duration = np.asarray(duration_s, float)
    seen = np.asarray(exit_seen, bool)
    finite = np.isfinite(duration)
    duration, seen = duration[finite], seen[finite]
    times = np.unique(duration[seen])
    at_risk = np.array([np.count_nonzero(duration >= t) for t in times], dtype=np.int64)
    exits = np.array([np.count_nonzero((duration == t) & seen) for t in times], dtype=np.int64)
    survival: Real = np.cumprod(1.0 - exits / np.maximum(at_risk, 1), dtype=np.float64)
    low, high = _greenwood_band(survival, at_risk, exits)
    start = [np.concatenate([[1.0], part]) for part in (survival, low, high)]
    risk, left = np.concatenate([[len(duration)], at_risk]), np.concatenate([[0], exits])
    return Survival(np.concatenate([[0.0], times]), start[0], start[1], start[2], risk, left, np.sort(duration[~seen]))


def _greenwood_band(survival: Real, at_risk: NDArray[np.int64], exits: NDArray[np.int64]) -> tuple[Real, Real]:
    left = at_risk - exits
    with np.errstate(divide="ignore", invalid="ignore"):
        relative = np.cumsum(np.where(left > 0, exits / (at_risk * np.maximum(left, 1)), np.inf))
        half = 1.959963984540054 * np.sqrt(relative) / np.abs(np.log(survival))
        low, high = survival ** np.exp(half), survival ** np.exp(-half)
    # Nobody left: Greenwood's variance is undefined there; the band then says no more than that it lies between 0 and 1.
    gone = survival <= 0
    upper = np.concatenate([[1.0], high])
    last = upper[np.flatnonzero(~np.concatenate([[False], gone]))[-1]]
    return np.where(gone, 0.0, low), np.where(gone, last, high)
