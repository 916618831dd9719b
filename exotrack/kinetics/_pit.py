"""How far stretches of the unit interval are, on average, from covering it evenly."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Real = NDArray[np.float64]
NARROW = 1e-9
"""Stretches narrower than this are points: a time known exactly."""


def mean_law(low: Real, high: Real) -> tuple[Real, Real, Real]:
    """The mean of n laws, each uniform from `low` to `high` (n,): piecewise linear, with jumps where they coincide.

    Returns (B,) breakpoints, ascending from 0 to 1, and (B,) the mean law just before and just after each.
    """
    n = len(low)
    wide = high - low > NARROW
    at = np.concatenate([[0.0, 1.0], low, high[wide]])
    at.sort()
    begun, ended = np.sort(low[wide]), np.argsort(high[wide], kind="stable")
    rising, falling = 1.0 / (high[wide] - low[wide])[np.argsort(low[wide], kind="stable")], 1.0 / (high - low)[wide][ended]
    slope = _upto(begun, rising, at) - _upto(high[wide][ended], falling, at)
    offset = _upto(begun, rising * begun, at) - _upto(high[wide][ended], falling * high[wide][ended], at)
    smooth = (at * slope - offset) / n
    points = np.sort(low[~wide])
    before, after = np.searchsorted(points, at, side="left") / n, np.searchsorted(points, at, side="right") / n
    return at, smooth + before, smooth + after


def kolmogorov_smirnov(low: Real, high: Real) -> float:
    """Largest distance between the mean law of the stretches and the uniform law, times sqrt(n)."""
    at, before, after = mean_law(low, high)
    return float(np.sqrt(len(low)) * max(np.abs(before - at).max(), np.abs(after - at).max()))


def cramer_von_mises(low: Real, high: Real) -> float:
    """n times the mean squared distance between the mean law of the stretches and the uniform law."""
    at, before, after = mean_law(low, high)
    a, b = (after - at)[:-1], (before - at)[1:]
    return float(len(low) * ((a * a + a * b + b * b) * np.diff(at)).sum() / 3.0)


def histogram(low: Real, high: Real, n_bins: int = 10) -> Real:
    """(n_bins,) share of the stretches in equal bins of the unit interval: flat, 1 / n_bins, if the law holds."""
    edges = np.linspace(0.0, 1.0, n_bins + 1)
    width = np.maximum(high - low, NARROW)
    covered = ((edges[:, None] - low) / width).clip(0.0, 1.0).mean(axis=1)
    covered[-1] = 1.0
    return np.diff(covered)


def randomised(low: Real, high: Real, rng: np.random.Generator) -> Real:
    """(n,) one point drawn evenly from each stretch: independent and uniform if the law holds (Smith 1985)."""
    return low + (high - low) * rng.uniform(size=len(low))


def _upto(sorted_at: Real, weight: Real, t: Real) -> Real:
    """Sum of the weights of all points at or before each of `t`."""
    return np.concatenate([[0.0], np.cumsum(weight)])[np.searchsorted(sorted_at, t, side="right")]
