"""Tracks against true tracks: the measures of the Particle Tracking Challenge.

Chenouard et al. 2014, Nat Methods 11:281, with what its scorer adds to the paper (see `compare_tracks`). Published results
use a gate of five pixels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from exotrack.errors import InputError
from exotrack.score.matching import Gates, movies_to_tell_apart
from exotrack.score.spots import visible

Whole = NDArray[np.int64]
Real = NDArray[np.floating[Any]]

_NEEDED = ("movie_id", "track_id", "frame", "y_um", "x_um")


@dataclass(frozen=True)
class TrackScore:
    """How found tracks compare with true ones; what is a part of nothing is NaN.

    alpha : 1 for perfect tracks, 0 for none; spurious tracks do not count. beta : the same, lowered by spurious tracks.
    jsc : Jaccard index of points, of paired tracks. jsc_theta : Jaccard index of whole tracks.
    rmse_um : root mean square distance of paired points, in the plane (in space, where there is depth).
    gate_um : points further apart are not paired.
    n_true, n_found, n_paired : tracks.
    points_paired, points_missed, points_spurious : points; a frame inside a gap of a track counts as in `compare_tracks`.
    distance_um, furthest_um, spurious_um : of true from found, from nothing, and of nothing from the spurious tracks; alpha
        and beta are made of them.
    """

    alpha: float
    beta: float
    jsc: float
    jsc_theta: float
    rmse_um: float
    gate_um: float
    n_true: int
    n_found: int
    n_paired: int
    points_paired: int
    points_missed: int
    points_spurious: int
    distance_um: float
    furthest_um: float
    spurious_um: float

    def summary(self) -> str:
        """The measures in a line."""
        rmse = "" if math.isnan(self.rmse_um) else f", RMSE {1e3 * self.rmse_um:.0f} nm"
        return (
            f"tracks: alpha {_said(self.alpha)}, beta {_said(self.beta)}, JSC {_said(self.jsc)}, "
            f"JSC_theta {_said(self.jsc_theta)}{rmse} "
            f"({self.n_paired} paired of {self.n_true} true and {self.n_found} found; gate {self.gate_um:.3g} um)"
        )


class Points(NamedTuple):
    """Points of tracks, in any order and any unit of length: (n,) track and frame, (n, 2) or (n, 3) place."""

    track: Whole
    frame: Whole
    place: Real


class Comparison(NamedTuple):
    """What `compare_tracks` adds up: numbers of tracks and points, and lengths in the unit of its arguments."""

    n_true: int
    n_found: int
    n_paired: int
    points_paired: int
    points_missed: int
    points_spurious: int
    squares: float
    distance: float
    furthest: float
    spurious: float


def score_tracks(true: pd.DataFrame, found: pd.DataFrame, gate_um: float = Gates.track_um) -> TrackScore:
    """Compare `found` tracks with `true` ones.

    Parameters
    ----------
    true, found : tracks tables; only movie_id, track_id, frame, y_um, x_um are needed, z_um is used if both have it. If both
        hold a single movie its name does not matter. True points with a column `visible` that is False are left out.
    gate_um : points this far apart or further are not paired.

    Raises `InputError` for a table without the needed columns, a point without a place, and a track that is twice in a frame.
    """
    if not (math.isfinite(gate_um) and gate_um > 0):
        raise InputError(f"the gate of the tracking measures must be a positive length, found {gate_um:g} um")
    for name, table in (("true", true), ("found", found)):
        if lacking := [key for key in _NEEDED if key not in table]:
            raise InputError(f"{name} tracks: column {lacking[0]} is missing; found {', '.join(map(str, table.columns))}")
    true = true[visible(true)]
    movies = movies_to_tell_apart(true, found)
    axes = ["z_um", "y_um", "x_um"] if "z_um" in true and "z_um" in found else ["y_um", "x_um"]
    latest = max((int(table["frame"].max()) for table in (true, found) if len(table)), default=0)
    first = min((int(table["frame"].min()) for table in (true, found) if len(table)), default=0)
    ours, theirs = (_points(name, table, movies, axes, latest - first + 2) for name, table in (("true", true), ("found", found)))
    sums = compare_tracks(ours, theirs, gate_um)
    points = sums.points_paired + sums.points_missed + sums.points_spurious
    gained = sums.furthest - sums.distance
    return TrackScore(
        alpha=_ratio(gained, sums.furthest),
        beta=_ratio(gained, sums.furthest + sums.spurious),
        jsc=_ratio(sums.points_paired, points),
        jsc_theta=_ratio(sums.n_paired, sums.n_true + sums.n_found - sums.n_paired),
        rmse_um=math.sqrt(sums.squares / sums.points_paired) if sums.points_paired else math.nan,
        gate_um=gate_um,
        n_true=sums.n_true,
        n_found=sums.n_found,
        n_paired=sums.n_paired,
        points_paired=sums.points_paired,
        points_missed=sums.points_missed,
        points_spurious=sums.points_spurious,
        distance_um=sums.distance,
        furthest_um=sums.furthest,
        spurious_um=sums.spurious,
    )


def compare_tracks(true: Points, found: Points, gate: float) -> Comparison:
    """Pair whole tracks one to one at the least total distance, and add up what the measures are made of.

    A track spans every frame from its first to its last. Two tracks are apart, in each frame that either spans, by the
    distance of their points, at most by `gate`; and by `gate` where only one spans the frame or either has a gap. A true
    track without a partner is apart by `gate` in every frame. The pairing of least total distance is exact; a pair has at
    least one frame in which its points are closer than `gate`, and is closer than no pair.

    As the challenge's scorer does: every frame a true track spans is a point to be found. Spurious are the points of
    unpaired found tracks; of paired ones, every frame they span outside the span of the true track, and inside it the
    points that are not paired. Gaps of spurious tracks are spurious only as length. `InputError` for a track that is twice
    in a frame.
    """
    ours, theirs = _Spans.of("true", true), _Spans.of("found", found)
    near_true, near_found, apart = _close_points(true, found, gate)
    rows, columns = ours.number[near_true], theirs.number[near_found]
    # Pairs of tracks with a close point, and for each what is gained over leaving both alone.
    key, pair = np.unique(rows * max(len(theirs.first), 1) + columns, return_inverse=True)
    row, column = np.divmod(key, max(len(theirs.first), 1))
    together = np.minimum(ours.last[row], theirs.last[column]) - np.maximum(ours.first[row], theirs.first[column]) + 1
    outside = theirs.length[column] - together
    gain = np.bincount(pair, weights=gate - apart, minlength=len(key)) - gate * outside
    chosen = _best(row, column, gain, len(ours.first), len(theirs.first))
    paired = np.isin(pair, chosen)
    alone = np.ones(len(theirs.first), bool)
    alone[column[chosen]] = False
    points_paired = int(paired.sum())
    inside = _points_within(theirs, ours, column[chosen], row[chosen])
    return Comparison(
        n_true=len(ours.first),
        n_found=len(theirs.first),
        n_paired=len(chosen),
        points_paired=points_paired,
        points_missed=int(ours.length.sum()) - points_paired,
        points_spurious=int(theirs.points[alone].sum() + outside[chosen].sum()) + inside - points_paired,
        squares=float(np.sum(apart[paired] ** 2)),
        distance=gate * float(ours.length.sum()) - float(gain[chosen].sum()),
        furthest=gate * float(ours.length.sum()),
        spurious=gate * float(theirs.length[alone].sum()),
    )


@dataclass(frozen=True)
class _Spans:
    """Tracks numbered from 0: number and frame of each point; first and last frame and number of points of each track."""

    number: Whole
    frame: Whole
    first: Whole
    last: Whole
    points: Whole

    @classmethod
    def of(cls, name: str, points: Points) -> _Spans:
        tracks, number = np.unique(points.track, return_inverse=True)
        order = np.lexsort((points.frame, number))
        again = (np.diff(number[order]) == 0) & (np.diff(points.frame[order]) == 0)
        if again.any():
            at = order[np.flatnonzero(again)[0]]
            raise InputError(f"{name} tracks: track {tracks[number[at]]} has two points in one frame; a track has one in each")
        begins = np.flatnonzero(np.diff(number[order], prepend=-1))
        counts = np.diff(begins, append=len(number))
        frame = points.frame[order]
        return cls(number, points.frame, frame[begins], frame[begins + counts - 1], counts)

    @property
    def length(self) -> Whole:
        """Frames from the first to the last point of each track."""
        return self.last - self.first + 1


def _close_points(true: Points, found: Points, gate: float) -> tuple[Whole, Whole, Real]:
    """Every pair of points of one frame that are closer than the gate: rows in `true` and `found`, distance."""
    from scipy.spatial import KDTree

    if len(true.frame) == 0 or len(found.frame) == 0:
        return np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0)
    # Frames are further apart than points of one frame may be.
    ours, theirs = (np.column_stack([3.0 * points.frame, points.place / gate]) for points in (true, found))
    near = KDTree(ours).sparse_distance_matrix(KDTree(theirs), 1.001, output_type="coo_matrix")
    left, right = near.row.astype(np.int64), near.col.astype(np.int64)
    apart = np.sqrt(np.sum((true.place[left] - found.place[right]) ** 2, axis=1))
    close = (apart < gate) & (true.frame[left] == found.frame[right])
    return left[close], right[close], apart[close]


def _best(row: Whole, column: Whole, gain: Real, n_true: int, n_found: int) -> Whole:
    """Which of the pairs (row, column) to take, each row and column once, for the greatest total gain (exact)."""
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import min_weight_full_bipartite_matching

    useful = np.flatnonzero(gain > 0)
    rows, row_of = np.unique(row[useful], return_inverse=True)
    if len(rows) == 0:
        return useful
    # Every row has a column of its own for staying alone. Weights of 0 would not be stored, so all are raised by 1.
    alone = np.arange(len(rows))
    weights = np.concatenate([1.0 + gain[useful] / gain.max(), np.ones(len(rows))])
    where = (np.concatenate([row_of, alone]), np.concatenate([column[useful], n_found + alone]))
    table = csr_array((weights, where), shape=(len(rows), n_found + len(rows)))
    taken_row, taken_column = min_weight_full_bipartite_matching(table, maximize=True)
    real = taken_column < n_found
    taken = rows[taken_row[real]] * n_found + taken_column[real]
    return np.asarray(useful[np.isin(row[useful] * n_found + column[useful], taken)], np.int64)


def _points_within(tracks: _Spans, others: _Spans, track: Whole, other: Whole) -> int:
    """Number of points of each of `track` in frames that its partner `other` spans."""
    first, last = np.full(len(tracks.first), 1), np.full(len(tracks.first), 0)
    first[track], last[track] = others.first[other], others.last[other]
    inside = (tracks.frame >= first[tracks.number]) & (tracks.frame <= last[tracks.number])
    paired = np.zeros(len(tracks.first), bool)
    paired[track] = True
    return int(np.sum(inside & paired[tracks.number]))


def _points(name: str, table: pd.DataFrame, movies: list[str], axes: list[str], frames: int) -> Points:
    """Points of a table; those of different movies are of different tracks and in different frames."""
    place = table[axes].to_numpy(float)
    if len(place) and not np.isfinite(place).all():
        raise InputError(f"{name} tracks: a point has no place ({', '.join(axes)} must be numbers); leave such points out")
    track, frame = (table[key].to_numpy(np.int64) for key in ("track_id", "frame"))
    if movies:
        number = pd.Index(movies).get_indexer(table["movie_id"]).astype(np.int64)
        track = pd.factorize(pd.Series(list(zip(number, track, strict=True)), dtype=object))[0].astype(np.int64)
        frame = frame + frames * number
    return Points(track, frame, place)


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else math.nan


def _said(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.3f}"
