"""Link: spots -> tracks.

`link` is the stage. Pairs without rivals are joined by trackpy (`_isolated`); rivals and gaps are settled by likelihood over all
frames at once (`_costs`, `_assign`). Positions are in um and steps are limited in um, so nothing depends on the pixel size, and
a stack of sections links as a movie does, with the section in place of the frame.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from exotrack._blocks import Execution, default_workers, map_blocks
from exotrack.link._costs import Costs
from exotrack.link._gaps import bridged
from exotrack.link._motion import speeds
from exotrack.link._regions import grouped, regions
from exotrack.link._tracks import chains, followers
from exotrack.params import LinkParams
from exotrack.tables import Spots, Tracks

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["link"]

Real = NDArray[np.float64]
Whole = NDArray[np.int64]
ROUNDS = 2
"""Times that speeds are read from the tracks and the tracks linked again: the first round mends most, a third nothing."""
WORTH_SPLITTING = 2_000
"""Spots from which regions are linked in parallel: fewer take less time than the other threads need to start."""


def link(spots: pd.DataFrame, params: LinkParams = LinkParams(), run: Execution = Execution()) -> pd.DataFrame:
    """Join spots into tracks.

    Parameters
    ----------
    spots : table `Spots` of one movie, in any order.
    params : longest step (um), frames a vesicle may go unseen, spots a track must have, whether motion is directed.
    run : how fast; regions that no step can cross between are linked in parallel.

    Returns
    -------
    Table `Tracks`: the spots that belong to a track, and a row that is not `observed` for every frame inside a gap, sorted by
    track and frame. Tracks are numbered from 1 in the order of their first frame, then of y and x there. Spots of tracks that
    are too short are left out.

    Raises
    ------
    InputError : the table breaks the contract of `Spots`.

    Notes
    -----
    The links of all frames together are the likeliest under Brownian motion (with `directed`, around the speed of each track),
    a rate of misses and a rate of ends and beginnings; the step is estimated from the spots. The limit on a step grows with
    the square root of the frames it takes. There is no size of a crowd at which this gives up: time grows with the number of
    spots times that of rivals within reach. Memory besides the table is that of a few frames.
    """
    Spots.check(spots)
    ordered = spots.sort_values(["frame", "y_um", "x_um"], kind="stable", ignore_index=True)
    ordered = ordered[np.isfinite(ordered["y_um"]) & np.isfinite(ordered["x_um"])].reset_index(drop=True)
    if len(ordered) == 0:
        return Tracks.empty()
    frame = ordered["frame"].to_numpy()
    places = np.ascontiguousarray(ordered[["y_um", "x_um"]].to_numpy(float))
    costs = Costs.of(_edges(frame, frame), places, params.max_step_um)
    follower = _linked(frame, places, None, params, costs, run)
    for _ in range(ROUNDS if params.directed else 0):
        speed = speeds(follower, frame, places)
        costs = Costs.of(_edges(frame, frame), places, params.max_step_um, speed)
        follower = _linked(frame, places, speed, params, costs, run)
    return Tracks.build(bridged(_renumbered(ordered, chains(follower), params.min_spots), costs.step))


def _edges(frame: Whole, every: Whole) -> Whole:
    """Where each frame from the first to the last of `every` begins in `frame` (sorted), and one past the last."""
    return np.searchsorted(frame, np.arange(every[0], every[-1] + 2))


def _linked(frame: Whole, places: Real, speed: Real | None, params: LinkParams, costs: Costs, run: Execution) -> Whole:
    """(n,) the spot that follows each, -1 for none; groups of regions in parallel, with the same result as in one piece."""
    longest = params.max_gap_frames + 1
    workers = run.workers or default_workers()
    everything = np.arange(len(frame))
    parts = [everything]
    if len(frame) > WORTH_SPLITTING and workers > 1:
        furthest = params.max_step_um * np.sqrt(longest)
        fastest = 0.0 if speed is None else longest * float(np.hypot(*speed.T).max())
        parts = grouped(regions(places, furthest + fastest), workers)
    told = _progress(run, len(frame)) if len(parts) == 1 else None
    tasks = [
        (_edges(frame[part], frame), places[part], None if speed is None else speed[part], longest, costs, told) for part in parts
    ]
    follower = np.full(len(frame), -1)
    found = [followers(*tasks[0])] if len(tasks) == 1 else map_blocks("link", followers, tasks, run)
    for part, local in zip(parts, found, strict=True):
        led = local >= 0
        follower[part[led]] = part[local[led]]
    return follower


def _progress(run: Execution, total: int) -> Callable[[int], None] | None:
    """Tells of the spots done."""
    progress = run.progress
    return None if progress is None else lambda done: progress("link", done, total)


def _renumbered(ordered: pd.DataFrame, owner: Whole, min_spots: int) -> pd.DataFrame:
    """Tracks of at least `min_spots`, numbered from 1 in the order in which `ordered` first shows them."""
    _, first, inverse, counts = np.unique(owner, return_index=True, return_inverse=True, return_counts=True)
    kept = counts >= min_spots
    rank = np.zeros(len(first), dtype=np.int64)
    rank[np.argsort(np.where(kept, first, len(owner)), kind="stable")] = np.arange(1, len(first) + 1)
    tracks = ordered.assign(track_id=rank[inverse])[kept[inverse]]
    return tracks.sort_values(["track_id", "frame"], kind="stable", ignore_index=True)
