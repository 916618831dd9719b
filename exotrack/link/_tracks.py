"""Links, a run of frames at a time, and the chains they make."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exotrack.link._assign import HORIZON, Assignment
from exotrack.link._costs import Costs, link_edges
from exotrack.link._isolated import isolated_links

Real = NDArray[np.float64]
Whole = NDArray[np.int64]
RUN = 64
"""Frames whose links are listed at once: a few megabytes, and the frames before that may still change are a quarter of it."""


def followers(
    edges: Whole, places: Real, speed: Real | None, longest: int, costs: Costs, told: Callable[[int], None] | None
) -> Whole:
    """The spot that follows each, -1 for none, so that the cost of all links together is least.

    Parameters
    ----------
    edges : frame k holds the spots from ``edges[k]`` to ``edges[k + 1]`` (exclusive).
    places : (n, 2) um, sorted by y within a frame.
    speed : (n, 2) um per frame that each spot is expected to move on; None for Brownian motion.
    longest : frames from a spot to its follower at most.
    costs : what a link costs.
    told : called with the number of spots done.
    """
    n, n_frames = len(places), len(edges) - 1
    assignment = Assignment(n)
    wanting = np.ones((2, n), np.bool_)
    if speed is None:
        leaders, led = isolated_links(edges, places, costs)
        assignment.fix(leaders, led)
        wanting[0, leaders] = wanting[1, led] = False
        speed = np.zeros((n, 2))
    for start in range(0, n_frames, RUN):
        stop, live = min(start + RUN, n_frames), max(start - HORIZON, 0)
        listed: Any = link_edges(edges, places, speed, wanting, (live, stop), longest, costs.usual())
        assignment.add((int(edges[live]), int(edges[start]), int(edges[stop])), *listed)
        if told is not None:
            told(int(edges[stop]))
    return assignment.follower


def chains(follower: Whole) -> Whole:
    """(n,) number of the track of each spot: the first spot of its chain. Followers come later than whom they follow."""
    owner = np.arange(len(follower))
    for spot in np.flatnonzero(follower >= 0):
        owner[follower[spot]] = owner[spot]
    return owner
