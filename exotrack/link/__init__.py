"""Link: spots -> tracks, with trackpy where it works and an assignment solver where it gives up.

`link` is the stage. Positions are in um and steps are limited in um, so nothing depends on the pixel size.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from exotrack._blocks import Execution
from exotrack.link._stream import by_frame, track_numbers
from exotrack.params import LinkParams
from exotrack.tables import Spots, Tracks

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["link"]


def link(spots: pd.DataFrame, params: LinkParams = LinkParams(), run: Execution = Execution()) -> pd.DataFrame:
    """Join spots of consecutive frames into tracks.

    Parameters
    ----------
    spots : table `Spots` of one movie, in any order.
    params : longest step (um), frames a vesicle may go unseen, spots a track must have.
    run : how fast; linking is sequential, so only `progress` is used.

    Returns
    -------
    Table `Tracks`: the spots that belong to a track, sorted by track and frame. Tracks are numbered from 1 in the order
    of their first frame, then of y and x there. Spots of tracks that are too short are left out.

    Raises
    ------
    InputError : the table breaks the contract of `Spots`.

    Notes
    -----
    Crocker and Grier 1996 as in trackpy: the smallest sum of squared steps between two frames. Dense data never fail:
    see `exotrack.link._subnets`.
    """
    Spots.check(spots)
    ordered = spots.sort_values(["frame", "y_um", "x_um"], kind="stable", ignore_index=True)
    ordered = ordered[np.isfinite(ordered["y_um"]) & np.isfinite(ordered["x_um"])].reset_index(drop=True)
    if len(ordered) == 0:
        return Tracks.empty()
    frame = ordered["frame"].to_numpy()
    frames = by_frame(frame, ordered[["y_um", "x_um"]].to_numpy(float))
    numbers = []
    n_frames = int(frame[-1] - frame[0]) + 1
    for index, owners in enumerate(track_numbers(frames, params.max_step_um, params.max_gap_frames)):
        numbers.append(owners)
        if run.progress is not None and (index + 1 == n_frames or (index + 1) % 100 == 0):
            run.progress("link", index + 1, n_frames)
    return _renumbered(ordered, np.concatenate(numbers), params.min_spots)


def _renumbered(ordered: pd.DataFrame, owner: np.ndarray, min_spots: int) -> pd.DataFrame:
    """Tracks of at least `min_spots`, numbered from 1 in the order in which `ordered` first shows them."""
    _, first, inverse, counts = np.unique(owner, return_index=True, return_inverse=True, return_counts=True)
    kept = counts >= min_spots
    rank = np.zeros(len(first), dtype=np.int64)
    rank[np.argsort(np.where(kept, first, len(owner)), kind="stable")] = np.arange(1, len(first) + 1)
    tracks = ordered.assign(track_id=rank[inverse])[kept[inverse]]
    return Tracks.build(tracks.sort_values(["track_id", "frame"], kind="stable"))
