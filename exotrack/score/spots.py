"""Spots against true spots, frame by frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from exotrack.score.counts import Count
from exotrack.score.matching import Gates, coordinates, movies_to_tell_apart, pair


@dataclass(frozen=True)
class SpotScore:
    """Counts of spots, and the root mean square distance (um) of those matched."""

    count: Count
    rmse_um: float


def score_spots(true: pd.DataFrame, found: pd.DataFrame, gates: Gates | None = None) -> SpotScore:
    """Pair spots one to one within a frame and within `gates.spot_um`.

    Both tables have columns movie_id, frame, y_um, x_um. True spots with `visible` False are neither required nor held
    against the finder.
    """
    gates = gates or Gates()
    movies = movies_to_tell_apart(true, found)
    # Frames are further apart than the gate: only spots of one frame are paired.
    ours, theirs = (
        coordinates(spots.assign(t_s=spots["frame"].astype(float)), movies, 0.5, gates.spot_um) for spots in (true, found)
    )
    required = visible(true)
    pairs = pair(ours[required], theirs)
    rest = np.setdiff1d(np.arange(len(found)), pairs.found)
    excused = pair(ours[~required], theirs[rest])
    step = (ours[required][pairs.true] - theirs[pairs.found])[:, 2:] * gates.spot_um
    rmse = float(np.sqrt(np.mean(np.sum(step**2, axis=1)))) if len(step) else float("nan")
    return SpotScore(Count("spots", int(required.sum()), len(found) - len(excused.found), len(pairs.true)), rmse)


def visible(table: pd.DataFrame) -> NDArray[np.bool_]:
    """(n,) whether each true row could be seen at all: column `visible`; all, where there is none."""
    if "visible" not in table:
        return np.ones(len(table), bool)
    return np.asarray(table["visible"].astype("boolean").fillna(True), bool)
