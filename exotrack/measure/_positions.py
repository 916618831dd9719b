"""Where to measure each track in each frame: at its spots, between them, before the first and after the last."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from exotrack.movie import Movie
from exotrack.params import MeasureParams

ANCHOR_SPOTS = 5
"""Spots whose median position is held before the first and after the last: five halve the localisation error."""


class Positions(NamedTuple):
    """One row per track and frame, sorted by frame then track."""

    track_id: NDArray[np.int64]
    frame: NDArray[np.int64]
    y_um: NDArray[np.float64]
    x_um: NDArray[np.float64]
    observed: NDArray[np.bool_]

    def rows(self, chosen: slice | NDArray[np.int64]) -> Positions:
        """The rows `chosen`."""
        return Positions(self.track_id[chosen], self.frame[chosen], self.y_um[chosen], self.x_um[chosen], self.observed[chosen])

    def moved(self, by_um: NDArray[np.float64]) -> Positions:
        """The same places after the frames moved `by_um` (n_frames, 2)."""
        step = by_um[self.frame]
        return self._replace(y_um=self.y_um + step[:, 0], x_um=self.x_um + step[:, 1])


def positions(movie: Movie, tracks: pd.DataFrame, params: MeasureParams) -> Positions:
    """Continue every track over its gaps and `params.before_s` / `after_s` beyond its ends, within the movie."""
    n_frames = len(movie)
    times = movie.t_s(np.arange(n_frames))
    rows = [_one(*track, times, params) for track in _each(tracks)]
    if not rows:
        none = np.zeros(0)
        return Positions(none.astype(int), none.astype(int), none, none, none.astype(bool))
    ids, frame, y_um, x_um, observed = zip(*rows, strict=True)
    everything = Positions(*map(np.concatenate, (ids, frame, y_um, x_um, observed)))
    return everything.rows(np.lexsort((everything.track_id, everything.frame)))


def _each(tracks: pd.DataFrame) -> list[tuple[int, NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]]:
    """(track_id, frames, y, x) per track, frames ascending."""
    seen = tracks["observed"].fillna(True).to_numpy(bool) if "observed" in tracks else np.ones(len(tracks), bool)
    ordered = tracks[seen].sort_values(["track_id", "frame"])
    ids = ordered["track_id"].to_numpy()
    cuts = np.flatnonzero(np.diff(ids)) + 1
    columns = [np.split(ordered[key].to_numpy(), cuts) for key in ("track_id", "frame", "y_um", "x_um")]
    return [(int(i[0]), f, y, x) for i, f, y, x in zip(*columns, strict=True) if len(i)]


def _one(
    track_id: int,
    frame: NDArray[np.int64],
    y_um: NDArray[np.float64],
    x_um: NDArray[np.float64],
    times: NDArray[np.float64],
    params: MeasureParams,
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    """The rows of one track: linear between spots, the median of the nearest spots beyond its ends."""
    first = int(np.searchsorted(times, times[frame[0]] - params.before_s - 1e-9))
    last = int(np.searchsorted(times, times[frame[-1]] + params.after_s + 1e-9)) - 1
    every = np.arange(first, last + 1)
    early, late = every < frame[0], every > frame[-1]

    def along(values: NDArray[np.float64]) -> NDArray[np.float64]:
        path = np.interp(every, frame, values)
        path[early] = np.median(values[:ANCHOR_SPOTS])
        path[late] = np.median(values[-ANCHOR_SPOTS:])
        return path

    return np.full(len(every), track_id), every, along(y_um), along(x_um), np.isin(every, frame)
