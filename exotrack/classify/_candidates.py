"""Where a fusion may have happened: every sudden change in a track's brightness, every birth and death of a track."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import pandas as pd
from numba import njit
from numpy.typing import NDArray

from exotrack.params import ClassifyParams

LEAST_Z = 4.5
"""Change of brightness, in standard errors, that is worth fitting models to: below it no kind can be told."""
SPANS = (1, 3, 8)
"""Frames averaged on either side, growing: one finds flashes, three steps of dim vesicles, eight slow releases."""
MOST_PER_TRACK = 12
"""More sudden changes than this in one track is flicker; the largest are kept."""


class Places(NamedTuple):
    """Places to look at, sorted by frame: arrays of equal length."""

    track_id: NDArray[np.int64]
    frame: NDArray[np.int64]
    y_um: NDArray[np.float64]
    x_um: NDArray[np.float64]
    z: NDArray[np.float64]

    def rows(self, chosen: slice | NDArray[np.int64]) -> Places:
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
    # A change into or out of a frame that cannot be used is none.
    known = good & np.append(True, good[:-1])
    frames, changes = _changes(height, np.maximum(sd, _flicker(height)), known, np.array(SPANS), LEAST_Z, MOST_PER_TRACK)
    rows = dict(zip(frames.tolist(), changes.tolist(), strict=True))
    end = int(observed[0] if params.cargo == "ph_sensitive" else min(observed[-1] + 1, len(height) - 1))
    if end > 0 and not any(abs(end - k) <= 1 for k in rows):
        rows[end] = 0.0
    columns = [track[key].to_numpy() for key in ("track_id", "frame", "y_um", "x_um")]
    return [(*(float(column[k]) for column in columns), rows[k]) for k in sorted(rows)]


def _flicker(height: NDArray[np.float64]) -> float:
    """Standard deviation of a frame from its neighbours, by the median absolute second difference (no event counts)."""
    if len(height) < 8:
        return 0.0
    return float(np.median(np.abs(np.diff(height, 2))) / 0.6745 / np.sqrt(6.0))


@njit(nogil=True, cache=True)
def _changes(
    height: NDArray[np.float64],
    sd: NDArray[np.float64],
    known: NDArray[np.bool_],
    spans: NDArray[np.int64],
    least: float,
    most: int,
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Frames at which the height changes, and how much (standard errors), the largest change first.

    The mean of up to a span of frames before is compared with that from the frame on; no mean goes beyond a change already
    found, so that one change is not found again beside itself.
    """
    n = len(height)
    total, variance, cut = np.zeros(n + 1), np.zeros(n + 1), np.zeros(n + 1, np.bool_)
    for k in range(n):
        total[k + 1], variance[k + 1] = total[k] + height[k], variance[k] + sd[k] ** 2
    cut[0] = cut[n] = True
    z = np.zeros(n)
    for k in range(1, n):
        z[k] = _change(total, variance, cut, k, spans) if known[k] else 0.0
    frames, sizes = np.empty(most, np.int64), np.empty(most)
    found, reach = 0, spans[-1]
    while found < most:
        best = 0
        for k in range(1, n):
            if not cut[k] and z[k] > z[best]:
                best = k
        if z[best] < least:
            break
        frames[found], sizes[found], cut[best] = best, z[best], True
        found += 1
        z[best] = 0.0
        for k in range(max(best - reach, 1), min(best + reach + 1, n)):
            if known[k] and not cut[k]:
                z[k] = _change(total, variance, cut, k, spans)
    return frames[:found], sizes[:found]


@njit(nogil=True, cache=True)
def _change(
    total: NDArray[np.float64], variance: NDArray[np.float64], cut: NDArray[np.bool_], k: int, spans: NDArray[np.int64]
) -> float:
    """Largest change at frame `k` over the spans, in standard errors."""
    best, a, b = 0.0, k, k
    for span in spans:
        while a > k - span and not cut[a]:
            a -= 1
        while b < k + span and b < len(total) - 1 and (b == k or not cut[b]):
            b += 1
        if a == k:
            a -= 1
        change = (total[b] - total[k]) / (b - k) - (total[k] - total[a]) / (k - a)
        error = math.sqrt((variance[b] - variance[k]) / (b - k) ** 2 + (variance[k] - variance[a]) / (k - a) ** 2)
        best = max(best, abs(change) / max(error, 1e-12))
    return best


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
