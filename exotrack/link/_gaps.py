"""Rows for the frames in which a vesicle went unseen, so that a track has a place in every frame from its first to its last."""

from __future__ import annotations

import numpy as np
import pandas as pd


def bridged(tracks: pd.DataFrame, step_um: float) -> pd.DataFrame:
    """The same tracks with a row for every frame inside their gaps, sorted by track and frame.

    Parameters
    ----------
    tracks : spots with `track_id`, sorted by track and frame.
    step_um : sd of a step along an axis in one frame.

    The place is on the straight line between the spots before and after, its standard error that of a Brownian bridge pinned
    at both. Height, background and snr are missing there: `measure` takes them from the pixels.
    """
    track, frame = tracks["track_id"].to_numpy(), tracks["frame"].to_numpy()
    behind = np.flatnonzero((track[1:] == track[:-1]) & (np.diff(frame) > 1))
    missing = frame[behind + 1] - frame[behind] - 1
    before = np.repeat(behind, missing)
    since = np.arange(len(before)) - np.repeat(np.cumsum(missing) - missing, missing) + 1
    share = since / (frame[before + 1] - frame[before])
    rows = tracks.iloc[before].assign(frame=frame[before] + since, observed=False)
    for name in ("t_s", "y_um", "x_um"):
        values = tracks[name].to_numpy(float)
        rows[name] = (1 - share) * values[before] + share * values[before + 1]
    wander = step_um**2 * since * (1 - share)
    for name in ("y_sd_um", "x_sd_um"):
        values = tracks[name].to_numpy(float)
        rows[name] = np.sqrt(((1 - share) * values[before]) ** 2 + (share * values[before + 1]) ** 2 + wander)
    rows[["amplitude", "background", "snr"]] = np.nan
    both = pd.concat([tracks.assign(observed=True), rows], ignore_index=True)
    return both.sort_values(["track_id", "frame"], kind="stable", ignore_index=True)
