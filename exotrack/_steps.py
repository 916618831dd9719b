"""How far spots move from frame to frame, from the distances between the spots of consecutive frames."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

ROUNDS = 100
SMALLEST = 1e-3
"""Smallest step in units of the reach: below it a density would be a spike."""


class StepLaw(NamedTuple):
    """step : sd of a step along an axis, in the unit of the positions. again : pairs that are one spot seen again, and their
    standard error. n : pairs within reach."""

    step: float
    again: float
    again_sd: float
    n: int


def step_law(pairs: Iterable[tuple[NDArray[Any], NDArray[Any]]], reach: float) -> StepLaw | None:
    """Tell spots seen again from strangers (expectation-maximisation); None if no two spots are within reach.

    Parameters
    ----------
    pairs : positions (n, 2) in a frame and (m, 2) in the next, for some pairs of frames.
    reach : distance up to which pairs are looked at.

    The squared distance of a spot to itself one frame later is exponential (Brownian motion), that to a stranger even.
    """
    from scipy.spatial import cKDTree

    parts = [
        cKDTree(first).sparse_distance_matrix(cKDTree(second), reach, output_type="ndarray")["v"]
        for first, second in pairs
        if len(first) and len(second)
    ]
    square = np.concatenate([np.zeros(0), *parts]) ** 2
    if not len(square):
        return None
    own, twice, smallest = 0.5, 0.05 * reach**2, 2 * (SMALLEST * reach) ** 2
    for _ in range(ROUNDS):
        again = own * np.exp(-square / twice) / twice
        again /= again + (1 - own) / reach**2
        own, twice = float(again.mean()), float(max((again * square).sum() / max(again.sum(), 1e-9), smallest))
    return StepLaw(float(np.sqrt(twice / 2)), float(again.sum()), float(np.sqrt(len(square))), len(square))
