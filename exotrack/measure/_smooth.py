"""A course through noisy readings: as smooth as the readings allow, broken where it jumps."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Real = NDArray[np.float64]

STIFFNESS = np.geomspace(1e-3, 1e9, 37)
"""Weights of the curvature that are tried: from none to a straight line."""


def smooth(at: Real, values: Real, sd: Real, jump: float) -> tuple[Real, Real, list[slice]]:
    """Smooth readings of a slow course.

    Parameters
    ----------
    at : (n,) ascending places of the readings; values, sd : (n,) readings and their standard errors.
    jump : step between readings, beyond five standard errors and their usual step, at which the course is broken.

    Returns
    -------
    Smoothed values (n,), their standard errors (n,), and the unbroken pieces.

    Notes
    -----
    Whittaker's smoother (Eilers 2003, Anal Chem 75:3631): weighted least squares with a penalty on the curvature whose weight
    minimises the generalised cross-validation of Craven and Wahba (1979).
    """
    pieces = _pieces(at, values, sd, jump)
    out, error = values.copy(), sd.copy()
    for piece in pieces:
        if piece.stop - piece.start > 3:
            out[piece], error[piece] = _whittaker(at[piece], values[piece], sd[piece])
    return out, error, pieces


def along(every: Real, at: Real, values: Real, pieces: list[slice]) -> Real:
    """Values at all places `every`: linear within a piece and beyond its ends, the nearer piece between two."""
    edges = [0.5 * (at[a.stop - 1] + at[b.start]) for a, b in pairwise(pieces)]
    which = np.searchsorted(edges, every)
    out = np.empty(len(every))
    for k, piece in enumerate(pieces):
        mine, x, y = which == k, at[piece], values[piece]
        out[mine] = np.interp(every[mine], x, y)
        if len(x) > 3:  # a smoothed course goes on as it began and ended; single readings would be a guess
            for beyond, near, next_ in ((every < x[0], 0, 1), (every > x[-1], -1, -2)):
                rows = mine & beyond
                out[rows] = y[near] + (y[near] - y[next_]) / (x[near] - x[next_]) * (every[rows] - x[near])
    return out


def _pieces(at: Real, values: Real, sd: Real, jump: float) -> list[slice]:
    step = np.diff(values)
    pace = step / np.diff(at)
    reach = 5
    usual = np.array([np.median(pace[max(k - reach, 0) : k + reach + 1]) for k in range(len(pace))])
    excess = np.abs(step - usual * np.diff(at))
    cuts = np.flatnonzero((excess > jump) & (excess > 5.0 * np.hypot(sd[1:], sd[:-1]))) + 1
    return [slice(int(a), int(b)) for a, b in zip([0, *cuts], [*cuts, len(at)], strict=True)]


def _whittaker(at: Real, values: Real, sd: Real) -> tuple[Real, Real]:
    """Smoothed values and their standard errors of one piece."""
    n = len(at)
    step = np.diff(at) / np.mean(np.diff(at))
    bend = np.zeros((n - 2, n))
    rows = np.arange(n - 2)
    bend[rows, rows], bend[rows, rows + 2] = 1.0 / step[:-1], 1.0 / step[1:]
    bend[rows, rows + 1] = -1.0 / step[:-1] - 1.0 / step[1:]
    weight = 1.0 / sd**2
    weight /= weight.mean()
    penalty = bend.T @ bend
    best, answer = np.inf, (values, sd)
    for stiffness in STIFFNESS:
        inverse = np.linalg.inv(np.diag(weight) + stiffness * penalty)
        fitted = inverse @ (weight * values)
        freedom = n - float(np.sum(np.diag(inverse) * weight))
        score = float(np.sum(weight * (values - fitted) ** 2)) / max(freedom, 1e-9) ** 2
        if score < best:
            spread = 1.0 / float(np.mean(1.0 / sd**2))
            best, answer = score, (fitted, np.sqrt(np.diag(inverse) * spread))
    return answer
