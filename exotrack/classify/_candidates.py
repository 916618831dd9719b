"""Where a fusion may have happened: every sudden change in a track's brightness, every birth and death of a track."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from exotrack.params import ClassifyParams

LEAST_Z = 4.5
"""Change of brightness, in standard errors, that is worth fitting models to: below it no kind can be told."""
SPANS = (1, 3, 8)
"""Frames averaged on either side: one finds flashes, three steps of dim vesicles, eight slow releases."""
MOST_PER_TRACK = 12
"""More sudden changes than this in one track is flicker; the largest are kept."""


class Places(NamedTuple):
    """Places to look at, sorted by frame: arrays of equal length."""

    track_id: NDArray[np.int64]
    frame: NDArray[np.int64]
    y_um: NDArray[np.float64]
    x_um: NDArray[np.float64]
    z: NDArray[np.float64]

    def rows(self, chosen: slice) -> Places:
        """The places `chosen`."""
        return Places(self.track_id[chosen], self.frame[chosen], self.y_um[chosen], self.x_um[chosen], self.z[chosen])


def places(traces: pd.DataFrame, params: ClassifyParams, sigma_um: float) -> Places:
    """Find the places in a Traces table; those of one place and moment are merged, the largest change is kept."""
    found = [row for _, track in traces.groupby("track_id", sort=True) for row in _in_track(track, params)]
    if not found:
        none = np.zeros(0)
        return Places(none.astype(int), none.astype(int), none, none, none)
    array = np.array(found)
    kept = array[_distinct(array, sigma_um)]
    kept = kept[np.lexsort((kept[:, 0], kept[:, 1]))]
    return Places(kept[:, 0].astype(int), kept[:, 1].astype(int), kept[:, 2], kept[:, 3], kept[:, 4])


def _in_track(track: pd.DataFrame, params: ClassifyParams) -> list[tuple[float, ...]]:
    """(track_id, frame, y, x, z) of the sudden changes in one track."""
    height, sd = track["amplitude"].to_numpy(), track["amplitude_sd"].to_numpy()
    observed = np.flatnonzero(track["observed"].to_numpy())
    good = np.isfinite(height) & np.isfinite(sd)
    if good.sum() < 6:
        return []
    index = np.arange(len(height))
    height, sd = np.interp(index, index[good], height[good]), np.interp(index, index[good], sd[good])
    z = _largest_change(height, np.maximum(sd, _flicker(height)))
    z[~good] = 0.0
    z[1:][~good[:-1]] = 0.0
    peaks = _peaks(z)
    ends = observed[0] if params.cargo == "ph_sensitive" else min(observed[-1] + 1, len(height) - 1)
    rows = {int(k) for k in peaks} | {int(ends)}
    columns = [track[key].to_numpy() for key in ("track_id", "frame", "y_um", "x_um")]
    return [(*(float(column[k]) for column in columns), abs(float(z[k]))) for k in sorted(rows) if 0 < k]


def _flicker(height: NDArray[np.float64]) -> float:
    """Standard deviation of a frame from its neighbours, by the median absolute second difference (no event counts)."""
    if len(height) < 8:
        return 0.0
    return float(np.median(np.abs(np.diff(height, 2))) / 0.6745 / np.sqrt(6.0))


def _largest_change(height: NDArray[np.float64], sd: NDArray[np.float64]) -> NDArray[np.float64]:
    """Signed change at each frame (from the frames before to this one and those after) in standard errors."""
    total, variance = np.concatenate([[0.0], np.cumsum(height)]), np.concatenate([[0.0], np.cumsum(sd**2)])
    n = len(height)
    best = np.zeros(n)
    k = np.arange(n)
    for span in SPANS:
        a, b = np.maximum(k - span, 0), np.minimum(k + span, n)
        before, after = np.maximum(k - a, 1), np.maximum(b - k, 1)
        change = (total[b] - total[k]) / after - (total[k] - total[a]) / before
        error = np.sqrt((variance[b] - variance[k]) / after**2 + (variance[k] - variance[a]) / before**2)
        z = np.where(k > 0, change / np.maximum(error, 1e-12), 0.0)
        best = np.where(np.abs(z) > np.abs(best), z, best)
    return best


def _peaks(z: NDArray[np.float64]) -> NDArray[np.int64]:
    """Frames of the largest changes, at least three frames apart, two for a rise beside a fall."""
    chosen: list[int] = []
    for k in np.argsort(-np.abs(z), kind="stable"):
        if abs(z[k]) < LEAST_Z or len(chosen) == MOST_PER_TRACK:
            break
        if all(abs(k - other) > (2 if z[k] * z[other] > 0 else 1) for other in chosen):
            chosen.append(int(k))
    return np.array(sorted(chosen), dtype=np.int64)


def _distinct(rows: NDArray[np.float64], sigma_um: float) -> NDArray[np.int64]:
    """Indices of the rows that have no larger change within 1.5 widths and one frame."""
    from scipy.spatial import cKDTree

    scaled = np.column_stack([rows[:, 1] / 1.5, rows[:, 2] / (1.5 * sigma_um), rows[:, 3] / (1.5 * sigma_um)])
    order = np.lexsort((rows[:, 0], rows[:, 1], -rows[:, 4]))
    dropped = np.zeros(len(rows), bool)
    tree = cKDTree(scaled)
    kept = []
    for i in order:
        if dropped[i]:
            continue
        kept.append(i)
        dropped[tree.query_ball_point(scaled[i], 1.0)] = True
    return np.array(sorted(kept), dtype=np.int64)
