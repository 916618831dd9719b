"""A value with its error from what the data say of it on a grid, whatever else was unknown being averaged over.

Parameters that nobody asked for (start, width, escape, how a pore opens) are weighed by their likelihood and summed over, not
held at their best: held, they make a value look surer than it is.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

Real = NDArray[np.float64]
MOST = 1.0
"""Standard deviation of the logarithm above which a value is not told: it may as well be a third or threefold."""
LIMIT = 2.0
"""Logarithm of the likelihood ratio by which an end of the grid must be worse than the best value."""
LAGS = 6
"""Frames over which misfit is followed: a height that wanders, haze and bleaching make neighbouring frames err alike."""


def marginal(log_weight: Real, axis: int) -> Real:
    """Logarithm of the weight of each value along `axis`, all else summed over."""
    rest = tuple(k for k in range(log_weight.ndim) if k != axis)
    top = float(log_weight.max())
    return np.asarray(np.log(np.exp(log_weight - top).sum(axis=rest) + 1e-300) + top)


def told(grid: Real, log_weight: Real) -> tuple[float, float, float]:
    """Median, root-mean-square error about it, and standard deviation of the logarithm, of a positive value.

    grid : (m,) values, even in the logarithm. log_weight : (m,). The error is that of the value, not of its logarithm, so that
    value +- 1.96 errors holds 95 % also where the weights are skew.
    """
    weight = np.exp(log_weight - log_weight.max())
    weight /= weight.sum()
    log = np.log(grid)
    step = float(log[1] - log[0])
    # Each value stands for the step around it.
    middle = math.exp(float(np.interp(0.5, np.cumsum(weight) - 0.5 * weight, log)))
    mean = float(weight @ log)
    spread = math.sqrt(float(weight @ (log - mean) ** 2) + step**2 / 12.0)
    error = math.sqrt(float(weight @ (grid - middle) ** 2) + (middle * step) ** 2 / 12.0)
    return middle, error, spread


def known(grid: Real, log_weight: Real, model_error: float, both: bool = False) -> tuple[float, float]:
    """`told` with the relative error of the model itself added; missing where only a limit is known.

    Only a limit: the spread is above `MOST`, or the upper end of the grid is nearly as likely as the best, or, if
    `both`, the lower.
    """
    value, error, spread = told(grid, log_weight)
    top = float(log_weight.max())
    end = max(float(log_weight[-1]), float(log_weight[0]) if both else -math.inf)
    if spread > MOST or end > top - LIMIT:
        return math.nan, math.nan
    return value, math.hypot(error, model_error * value)


def excess(residuals: Real, unknowns: int) -> float:
    """By how much chi-squared is larger than the noise says, for a value that rests on many frames; at least 1.

    residuals : in standard errors, in order. The misfit itself, times what its memory adds: frames that err alike say less.
    """
    n = len(residuals)
    power = float(residuals @ residuals)
    if n < 4 or power <= 0.0:
        return 1.0
    memory = 1.0 + 2.0 * sum(float(residuals[k:] @ residuals[:-k]) / power for k in range(1, min(LAGS, n - 2) + 1))
    return max(power / max(n - unknowns, 1), 1.0) * max(memory, 1.0)


def spent(chi2: Real, misfit: float) -> Any:
    """Logarithms of likelihoods of `chi2`, the noise being `misfit` times what it was thought."""
    return -0.5 * (chi2 - float(chi2.min())) / misfit
