"""Frames of positions in, track numbers out, one frame at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exotrack.link._subnets import age, solve_subnet

NEIGHBOURS = 30
"""Candidates that are looked at for a spot; trackpy's 10 would cut off some at ten spots within reach."""


class ByAge(set[Any]):
    """Set of trackpy points that always iterates in the order in which they were made, so that ties fall the same way."""

    def __iter__(self) -> Iterator[Any]:
        return iter(sorted(super().__iter__(), key=age))


def by_frame(frame: NDArray[np.integer[Any]], positions: NDArray[np.floating[Any]]) -> Iterator[NDArray[np.floating[Any]]]:
    """Positions of each frame from the first to the last that has any; frames without spots come as (0, n_axes) arrays.

    `frame` is sorted. Every frame must pass by, because a linker counts the frames a vesicle goes unseen.
    """
    numbers = np.arange(int(frame[0]), int(frame[-1]) + 2)
    edges = np.searchsorted(frame, numbers)
    for start, stop in pairwise(edges):
        yield positions[start:stop]


def track_numbers(frames: Iterable[NDArray[np.floating[Any]]], max_step: float, memory: int) -> Iterator[NDArray[np.int64]]:
    """Number of the track that owns each position, frame by frame.

    Parameters
    ----------
    frames : (n_spots, n_axes) positions of consecutive frames.
    max_step : longest step between two sightings, in the unit of the positions.
    memory : frames a track may go unseen.

    Yields
    ------
    (n_spots,) track numbers from 0, valid across frames. Memory is that of a few frames.
    """
    # The class, not trackpy.link (which warns with pandas 3) nor link_iter (which logs every frame to standard output).
    from trackpy.linking.linking import Linker

    linker = None
    for index, positions in enumerate(frames):
        if linker is None:
            linker = Linker(max_step, memory=memory, neighbor_strategy="KDTree", link_strategy=solve_subnet)
            linker.MAX_NEIGHBORS = NEIGHBOURS
            linker.init_level(positions, index)
            linker.mem_set = ByAge()
        else:
            linker.next_level(positions, index)
        yield np.array(linker.particle_ids, dtype=np.int64)
