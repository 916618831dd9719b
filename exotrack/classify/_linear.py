"""Small symmetric systems solved in place: a library call costs more than these few dozen operations, and may start threads."""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

RIDGE = 1e-9
"""Relative growth of the diagonal: a column that is absent, or a copy of another, gets no height instead of an error."""


@njit(nogil=True, cache=True)
def solve_symmetric(normal: NDArray[np.float64], right: NDArray[np.float64], n: int) -> float:
    """Solve the leading `n` x `n` system by Cholesky; only the lower triangle of `normal` is read.

    `right` becomes the solution, the lower triangle of `normal` its factor. Returns the last diagonal element of the
    inverse: the variance of the last unknown.
    """
    for c in range(n):
        normal[c, c] = normal[c, c] * (1.0 + RIDGE) + 1e-12
    for c in range(n):
        for d in range(c):
            normal[c, c] -= normal[c, d] * normal[c, d]
        normal[c, c] = math.sqrt(max(normal[c, c], 1e-300))
        for r in range(c + 1, n):
            for d in range(c):
                normal[r, c] -= normal[r, d] * normal[c, d]
            normal[r, c] /= normal[c, c]
    last = 1.0 / (normal[n - 1, n - 1] * normal[n - 1, n - 1])
    for c in range(n):
        for d in range(c):
            right[c] -= normal[c, d] * right[d]
        right[c] /= normal[c, c]
    for c in range(n - 1, -1, -1):
        for d in range(c + 1, n):
            right[c] -= normal[d, c] * right[d]
        right[c] /= normal[c, c]
    return float(last)


@njit(nogil=True, cache=True)
def invert(normal: NDArray[np.float64]) -> NDArray[np.float64]:
    """Inverse of a symmetric matrix, with the same ridge."""
    n = len(normal)
    out, factor, column = np.zeros((n, n)), np.zeros((n, n)), np.zeros(n)
    for c in range(n):
        for a in range(n):
            column[a] = 1.0 if a == c else 0.0
            for b in range(a + 1):
                factor[a, b] = normal[a, b]
        solve_symmetric(factor, column, n)
        for a in range(n):
            out[a, c] = column[a]
    return out
