"""One-to-one pairing of true and found points within a gate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Whole = NDArray[np.int64]
_ROUNDING = 1.0 + 1e-9  # three frames of 0.1 s are within 0.3 s, whatever binary fractions say


@dataclass(frozen=True)
class Gates:
    """How far a found event may lie from the true one.

    distance_um : for every kind. Default: 4 pixels of 0.107 um; `for_movie` gives that of another pixel size.
    fusion_s : for fusions. Default: 3 frames at 10 Hz; `for_movie` gives at least one frame.
    docking_s : for docking, undocking and tethering, whose instants are less sharp.
    spot_um : for single spots.
    track_um : for the points of tracks. Default: the 5 pixels of the Particle Tracking Challenge.
    """

    distance_um: float = 0.428
    fusion_s: float = 0.3
    docking_s: float = 0.8
    spot_um: float = 0.2
    track_um: float = 0.535

    @classmethod
    def for_movie(cls, pixel_um: float, frame_s: float | None = None) -> Gates:
        """The default gates: 4 pixels (`pixel_um`) for events, 2 for spots, 5 for tracks; in time at least one frame (`frame_s`).

        No analysis can tell an instant much better than a frame, and synapses are filmed with frames of seconds.
        """
        frame = frame_s or 0.0
        return cls(4.0 * pixel_um, max(cls.fusion_s, frame), max(cls.docking_s, frame), 2.0 * pixel_um, 5.0 * pixel_um)


class Pairs(NamedTuple):
    """Row numbers of what was paired: ``true[i]`` with ``found[i]``, in the order of `true`."""

    true: Whole
    found: Whole


def pair(true: NDArray[np.floating[Any]], found: NDArray[np.floating[Any]]) -> Pairs:
    """Pair points one to one: as many pairs as possible, and of those pairings the one of least total squared distance.

    Parameters
    ----------
    true, found : (n, 4) and (m, 4) arrays of group, time, y, x, divided by the gates. A pair shares its group, lies within 1
        in time and within 1 in the plane. Points with a missing coordinate are never paired.

    Pairs within reach fall into small connected groups of points, and each is solved on its own (Hungarian method), so
    the cost grows with the crowding and not with the square of the number of points.
    """
    from scipy.optimize import linear_sum_assignment

    left, right, cost = within_reach(true, found)
    rows: list[int] = []
    columns: list[int] = []
    for members in _components(left, right, len(true), len(found)):
        ours, theirs = np.unique(left[members]), np.unique(right[members])
        # A pair out of reach costs more than any number of pairs within reach (at most 2 each).
        table = np.full((len(ours), len(theirs)), 4.0 * (len(ours) + len(theirs)))
        table[np.searchsorted(ours, left[members]), np.searchsorted(theirs, right[members])] = cost[members]
        for row, column in zip(*linear_sum_assignment(table), strict=True):
            if table[row, column] <= 3.0:
                rows.append(int(ours[row]))
                columns.append(int(theirs[column]))
    order = np.argsort(rows, kind="stable")
    return Pairs(np.asarray(rows, np.int64)[order], np.asarray(columns, np.int64)[order])


def within_reach(
    true: NDArray[np.floating[Any]], found: NDArray[np.floating[Any]]
) -> tuple[Whole, Whole, NDArray[np.floating[Any]]]:
    """Every pair within the gates: row in `true`, row in `found`, squared distance (0 to 2); arguments as in `pair`."""
    from scipy.spatial import KDTree

    ours, theirs = (np.flatnonzero(np.isfinite(points).all(axis=1)) for points in (true, found))
    nothing = np.empty(0, np.int64)
    if len(ours) == 0 or len(theirs) == 0:
        return nothing, nothing, np.empty(0)
    apart = np.array([10.0, 1.0, 1.0, 1.0])  # members of different groups are never near
    near = KDTree(true[ours] * apart).sparse_distance_matrix(KDTree(found[theirs] * apart), 1.5, output_type="coo_matrix")
    left, right = ours[near.row], theirs[near.col]
    step = true[left] - found[right]
    plane = step[:, 2] ** 2 + step[:, 3] ** 2
    inside = (step[:, 0] == 0) & (np.abs(step[:, 1]) <= _ROUNDING) & (plane <= _ROUNDING**2)
    return left[inside], right[inside], (step[:, 1] ** 2 + plane)[inside]


def coordinates(events: pd.DataFrame, movies: list[str], time_s: float, distance_um: float) -> NDArray[np.float64]:
    """(n, 4) array for `pair`: number of the movie (0 for all if `movies` is empty), t_s, y_um, x_um over their gates."""
    group = np.zeros(len(events)) if not movies else np.array([movies.index(name) for name in events["movie_id"]], float)
    t, y, x = (events[key].to_numpy(float) for key in ("t_s", "y_um", "x_um"))
    return np.column_stack([group, t / time_s, y / distance_um, x / distance_um])


def movies_to_tell_apart(true: pd.DataFrame, found: pd.DataFrame) -> list[str]:
    """Names of the movies, where either table holds several; empty where both are of one, whatever it is called."""
    if max(true["movie_id"].nunique(), found["movie_id"].nunique()) <= 1:
        return []
    return sorted({*true["movie_id"], *found["movie_id"]})


def _components(left: Whole, right: Whole, n_true: int, n_found: int) -> list[Whole]:
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    if len(left) == 0:
        return []
    size = n_true + n_found
    edges = coo_array((np.ones(len(left)), (left, right + n_true)), shape=(size, size))
    _, label = connected_components(edges, directed=False)
    order = np.argsort(label[left], kind="stable")
    cuts = np.flatnonzero(np.diff(label[left][order])) + 1
    return [np.asarray(part, np.int64) for part in np.split(order, cuts)]
