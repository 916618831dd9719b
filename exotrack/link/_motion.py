"""Where vesicles are heading: the speed of each spot along its track, for a second look with directed motion."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

SPAN = 3
"""Spots before (or at the start of a track behind) that a speed is taken from: its error is then under half of that of one step,
and turns still count."""


def speeds(follower: NDArray[np.int64], frame: NDArray[np.int64], places: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n, 2) um per frame at which each spot moves on; 0 in tracks of fewer than three spots.

    The slope of a line through the spot and those before it, whose links do not hang on where it goes next; at the start of a
    track, through those behind.
    """
    leader = np.full(len(follower), -1)
    led = np.flatnonzero(follower >= 0)
    leader[follower[led]] = led
    return np.asarray(_slopes(follower, leader, frame, places))


@njit(nogil=True, cache=True)
def _slopes(follower: Any, leader: Any, frame: Any, places: Any) -> Any:
    out = np.zeros(places.shape)
    near = np.empty(SPAN + 1, np.int64)
    for spot in range(len(follower)):
        for chain in (leader, follower):
            near[0], n = spot, 1
            while n <= SPAN and chain[near[n - 1]] >= 0:
                near[n] = chain[near[n - 1]]
                n += 1
            if n >= 3:
                break
        if n < 3:
            continue
        t = frame[near[:n]] - frame[near[:n]].mean()
        for axis in range(2):
            out[spot, axis] = (t * places[near[:n], axis]).sum() / (t * t).sum()
    return out
