"""How far stretches of the unit interval are, on average, from covering it evenly."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Real = NDArray[np.float64]
NARROW = 1e-9
"""Stretches narrower than this are points: a time known exactly."""
NODES, WEIGHTS = (array.astype(float) / 2 for array in np.polynomial.legendre.leggauss(5))


class Distances(NamedTuple):
    """Distances of a law from the uniform one, scaled so that their laws hardly depend on n.

    ks : largest distance, times sqrt(n) (Kolmogorov-Smirnov).
    cvm : n times the mean squared distance (Cramer-von Mises).
    ad : the same with weight 1 / (u (1 - u)), which sees the shortest and longest stays best (Anderson & Darling 1954).
    trend : size of the score, over sqrt(n), for a hazard that is the law's times a power of its cumulative hazard e: the mean of
        1 + log e - e log e. It sees a hazard that rises or falls throughout.
    """

    ks: float
    cvm: float
    ad: float
    trend: float


def mean_law(low: Real, high: Real, weight: Real) -> tuple[Real, Real, Real]:
    """The mean, with weights that sum to 1, of laws uniform from `low` to `high` (n,): linear in pieces, with jumps at points.

    Returns (B,) breakpoints, ascending from 0 to 1, and (B,) the mean law just before and just after each.
    """
    wide = high - low > NARROW
    rate = np.where(wide, weight / np.where(wide, high - low, 1.0), 0.0)
    edge = np.zeros(2)
    at = np.concatenate([edge, low, high])
    at[1] = 1.0
    order = np.argsort(at, kind="stable")
    at = at[order]
    slope = np.cumsum(np.concatenate([edge, rate, -rate])[order])
    jump = np.concatenate([edge, np.zeros(len(low)), np.where(wide, 0.0, weight)])[order]
    after = np.cumsum(jump + np.concatenate([[0.0], slope[:-1] * np.diff(at)]))
    return at, after - jump, after


def distances(low: Real, high: Real, weight: Real | None = None) -> Distances:
    """Distances from the uniform law of the mean of n laws, each uniform from `low` to `high` (n,), counted `weight` times."""
    counted = np.ones(len(low)) if weight is None else weight
    n = float(counted.sum())
    at, before, after = mean_law(low, high, counted / n)
    a, b, width = (after - at)[:-1], (before - at)[1:], np.diff(at)
    ks = np.sqrt(n) * max(np.abs(a).max(), np.abs(b).max())
    cvm = n * float(((a * a + a * b + b * b) * width).sum()) / 3.0
    used = width > 1e-13
    share = 0.5 + NODES[:, None]
    u = at[:-1][used] + width[used] * share
    d = a[used] + (b - a)[used] * share
    ad = n * float((WEIGHTS @ (d * d / (u * (1.0 - u)))) @ width[used])
    return Distances(float(ks), cvm, ad, _trend(low, high, counted))


def _trend(low: Real, high: Real, weight: Real) -> float:
    """The score's mean over each stretch has a closed form: the integral of 1 + log e - e log e over u is (1 - u) e log e."""
    wide = high - low > NARROW
    e = -np.log1p(-np.stack([low, high, (low + high) / 2]).clip(1e-300, 1.0 - 1e-16))
    logs = e * np.log(e)
    sums = np.exp(-e) * logs
    mean = np.where(wide, (sums[1] - sums[0]) / np.where(wide, high - low, 1.0), 1.0 + np.log(e[2]) - logs[2])
    return float(abs(mean @ weight) / np.sqrt(weight.sum()))


def histogram(low: Real, high: Real, n_bins: int = 10) -> Real:
    """(n_bins,) share of the stretches in equal bins of the unit interval: flat, 1 / n_bins, if the law holds."""
    edges = np.linspace(0.0, 1.0, n_bins + 1)
    width = np.maximum(high - low, NARROW)
    covered = ((edges[:, None] - low) / width).clip(0.0, 1.0).mean(axis=1)
    covered[-1] = 1.0
    return np.diff(covered)


def randomised(low: Real, high: Real, rng: np.random.Generator) -> Real:
    """(n,) one point drawn evenly from each stretch: independent and uniform if the law holds."""
    return low + (high - low) * rng.uniform(size=len(low))
