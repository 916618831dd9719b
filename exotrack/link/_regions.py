"""Regions of a movie that no track can cross between, so that each can be linked on its own.

The field is cut into squares as wide as the longest step over the longest gap. Spots in squares that do not touch are further
apart than that; squares that touch, in any frame, are one region.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

MOST_SQUARES = 4_000_000
"""Beyond, squares are made larger, which may join regions and never cuts one."""


def regions(places: NDArray[np.float64], furthest: float) -> NDArray[np.int64]:
    """(n,) number of the region of each place (n, 2), from 0. No link may be longer than `furthest`."""
    from scipy.ndimage import label

    low, extent = places.min(axis=0), np.ptp(places, axis=0)
    side = max(furthest, float(np.sqrt(np.prod(extent + furthest) / MOST_SQUARES)))
    square = np.floor((places - low) / side).astype(np.int64)
    taken = np.zeros(square.max(axis=0) + 1, bool)
    taken[tuple(square.T)] = True
    numbers, _ = label(taken, np.ones((3, 3)))
    return np.asarray(numbers[tuple(square.T)] - 1, np.int64)


def grouped(region: NDArray[np.int64], groups: int) -> list[NDArray[np.int64]]:
    """Spots of each of at most `groups` groups of whole regions of about equal size, in ascending order."""
    sizes = np.bincount(region)
    load, owner = np.zeros(groups), np.zeros(len(sizes), np.int64)
    for number in np.argsort(-sizes, kind="stable"):
        owner[number] = np.argmin(load)
        load[owner[number]] += sizes[number]
    return [chosen for k in range(groups) if len(chosen := np.flatnonzero(owner[region] == k))]
