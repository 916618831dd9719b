"""How sharply a likelihood falls off around its top."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from exotrack.kinetics.scheme import Real

CURVE_STEP = 2e-3
"""Step of second derivatives in the searched scale: far below any standard error, far above rounding."""


def covariance(value: Callable[[Real], float], x: Real, bounds: Real) -> Real:
    """(n, n) inverse of minus the curvature over what is not at a bound; infinite where it is flat, NaN at a bound."""
    h = CURVE_STEP
    away = np.flatnonzero((x - bounds[:, 0] > 2 * h) & (bounds[:, 1] - x > 2 * h))
    top, n = value(x), len(away)
    moved = np.eye(len(x)) * h
    single = np.array([[value(x + moved[k]), value(x - moved[k])] for k in away]).reshape(n, 2)
    curve = np.diag((single.sum(axis=1) - 2 * top) / h**2)
    for a in range(n):
        for b in range(a):
            both = value(x + moved[away[a]] + moved[away[b]]) + value(x - moved[away[a]] - moved[away[b]])
            curve[a, b] = curve[b, a] = (both - single[a].sum() - single[b].sum() + 2 * top) / (2 * h**2)
    found = np.full((len(x), len(x)), np.nan)
    size, axes = np.linalg.eigh(-curve)
    spread = np.where(size > 1e-6, 1 / np.maximum(size, 1e-6), np.inf)
    with np.errstate(invalid="ignore"):
        terms = np.where(axes[:, None] * axes[None] == 0, 0.0, axes[:, None] * axes[None] * spread)
        found[np.ix_(away, away)] = terms.sum(axis=2)  # two that are flat together, one up one down: NaN beside the diagonal
    return found
