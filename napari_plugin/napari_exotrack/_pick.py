"""What lies under a click: the event or track nearest to it, within a gate; no Qt.

napari's own answer for tracks is the nearest track however far away it is, and it has none for points of other frames.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

GATE_UM = 0.6
"""A click this far from an event still means it: just beyond its ring."""
GATE_SCREEN = 8.0
"""Or this many pixels of the screen, where that is more."""
TAIL = 10
"""Frames for which napari draws the tail of a track."""


@dataclass(frozen=True)
class Click:
    """Where the viewer was clicked.

    at : (3,) time (s), y, x (um). towards : (3,) direction of sight in a view with three axes, None in a plane.
    slack_s : half of the time that is shown at once. pixel : size of a pixel of the screen (um).
    """

    at: NDArray[np.float64]
    towards: NDArray[np.float64] | None
    slack_s: float
    pixel: float

    @property
    def gate(self) -> float:
        """Distance within which something is meant (um)."""
        return max(GATE_UM, GATE_SCREEN * self.pixel)

    def distance(self, places: NDArray[np.float64]) -> NDArray[np.float64]:
        """(n,) distance of places (n, 3) from the click in the view: in the plane, or from the line of sight."""
        away = places - self.at
        if self.towards is None:
            return np.hypot(away[:, 1], away[:, 2])
        sight = self.towards / np.linalg.norm(self.towards)
        return np.asarray(np.linalg.norm(away - (away @ sight)[:, None] * sight, axis=1))


class Finder:
    """Events and tracks as they lie in the pictures, ready to be looked up.

    events, tracks : tables in the frame of the camera. frame_s : time between frames.
    """

    def __init__(self, events: pd.DataFrame, tracks: pd.DataFrame, frame_s: float) -> None:
        self._ids = events["event_id"].to_numpy(np.int64)
        self._places = _places(events, frame_s)
        ordered = tracks.sort_values("frame", kind="stable")
        self._owner = ordered["track_id"].to_numpy(np.int64)
        self._spots = _places(ordered, frame_s)
        self._tail_s, self._half_s = TAIL * frame_s, 0.5 * frame_s

    def event(self, click: Click, shown: NDArray[np.bool_] | None = None) -> int | None:
        """Number of the event at a click, of those that are shown; the one nearest in time if several are as near."""
        keep = np.ones(len(self._ids), bool) if shown is None else shown.copy()
        if click.towards is None:
            keep &= np.abs(self._places[:, 0] - click.at[0]) <= click.slack_s + self._half_s
        rows = np.flatnonzero(keep)
        return self._nearest(self._ids[rows], self._places[rows], click)

    def track(self, click: Click) -> int | None:
        """Number of the track at a click, its drawn tail included."""
        first, last = 0, len(self._owner)
        if click.towards is None:
            early = click.at[0] - max(self._tail_s, click.slack_s) - self._half_s
            late = click.at[0] + click.slack_s + self._half_s
            first, last = (int(k) for k in np.searchsorted(self._spots[:, 0], [early, late]))
        return self._nearest(self._owner[first:last], self._spots[first:last], click)

    @staticmethod
    def _nearest(numbers: NDArray[np.int64], places: NDArray[np.float64], click: Click) -> int | None:
        if not len(numbers):
            return None
        distance = click.distance(places)
        if distance.min() > click.gate:
            return None
        # Events of one place lie on one another in a view of all times: there the time decides.
        near = np.flatnonzero(distance <= distance.min() + 0.1 * click.gate)
        late = np.abs(places[near, 0] - click.at[0])
        return int(numbers[near[np.argmin(late)]])


def _places(table: pd.DataFrame, frame_s: float) -> NDArray[np.float64]:
    return np.column_stack([table["frame"].to_numpy(float) * frame_s, table["y_um"], table["x_um"]]).astype(float)
