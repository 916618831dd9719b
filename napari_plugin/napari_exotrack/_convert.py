"""Tables to napari layer data and back; no Qt, no viewer.

Data of a layer are in frames and pixels, (t, y, x), like the image's; every layer carries the same scale (s, um, um) and units,
so what is drawn lies where it was found at any calibration. Row order is never relied on: numbers of tracks and events
travel as features.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from exotrack.errors import InputError
from exotrack.io.foreign import tracks_table as from_columns
from exotrack.movie import Movie
from exotrack.tables import EVENT_KINDS, Events, Table
from napari_exotrack._colours import palette

if TYPE_CHECKING:
    import pandas as pd

LayerData = tuple[Any, dict[str, Any], str]
"""What napari takes: (data, arguments of the layer, kind of layer)."""

COLOURS = {kind: palette(dark=True)[kind] for kind in EVENT_KINDS}
"""Colour of each kind of event as the report has it on dark ground: layers lie on black."""
SYMBOLS = dict(zip(EVENT_KINDS, ("square", "triangle_down", "triangle_up", "disc", "diamond"), strict=True))
"""Shape of each kind as in the report, so that nothing is told by colour alone."""
LOOK = {"colormap": "gray", "projection_mode": "none"}
"""Of movies. With any other projection a view of many times would read them all."""
SIZE_UM = 1.0
"""Rings around events are this wide: a vesicle with room around it."""


@dataclass(frozen=True)
class Place:
    """Calibration that all layers of a movie share."""

    pixel_um: float
    frame_s: float

    @classmethod
    def of(cls, movie: Movie) -> Place:
        """That of `movie`."""
        return cls(movie.pixel_um, movie.frame_s)

    def arguments(self, name: str, axes: str = "tyx") -> dict[str, Any]:
        """Name, scale, units and axis labels of a layer with `axes`."""
        scale = {"t": self.frame_s, "y": self.pixel_um, "x": self.pixel_um}
        units = {"t": "s", "y": "um", "x": "um"}
        return {
            "name": name,
            "scale": tuple(scale[axis] for axis in axes),
            "units": tuple(units[axis] for axis in axes),
            "axis_labels": tuple(axes),
        }

    def points(self, table: pd.DataFrame) -> NDArray[np.float64]:
        """(n, 3) frame, row and column of the rows of a table."""
        return np.column_stack([table["frame"], table["y_um"] / self.pixel_um, table["x_um"] / self.pixel_um]).astype(float)


class LazyImage:
    """The frames of a movie as napari slices them: one frame is read for one frame shown."""

    ndim = 3

    def __init__(self, movie: Movie) -> None:
        self.movie = movie
        self.shape = movie.shape
        self.dtype = movie.dtype

    def __getitem__(self, key: Any) -> NDArray[Any]:
        frame, *rest = key if isinstance(key, tuple) else (key,)
        if isinstance(frame, slice):
            start, stop, step = frame.indices(self.shape[0])
            if step == 1:
                pixels = self.movie.read(start, max(stop, start))
            else:
                pixels = np.array([self.movie[k] for k in range(start, stop, step)], self.dtype).reshape(-1, *self.shape[1:])
            return pixels[(slice(None), *rest)]
        return self.movie[int(frame)][tuple(rest)]


def movie_layer(movie: Movie, name: str = "") -> LayerData:
    """The movie as an image layer; contrast from three frames, because napari would guess from none."""
    frames = np.stack([movie[k] for k in (0, len(movie) // 2, len(movie) - 1)]).astype(float)
    low, high = np.nanpercentile(frames, [1.0, 99.8])
    arguments = Place.of(movie).arguments(name or movie.movie_id)
    return LazyImage(movie), arguments | LOOK | {"contrast_limits": (low, max(high, low + 1.0))}, "image"


def footprint_layer(labels: NDArray[np.integer[Any]], place: Place) -> LayerData:
    """Cells as a labels layer in (y, x), seen in every frame."""
    return labels, place.arguments("cells", "yx") | {"opacity": 0.15}, "labels"


def events_layer(events: pd.DataFrame, place: Place, name: str = "events") -> LayerData:
    """Events as rings coloured by kind; every column is a feature."""
    arguments = place.arguments(name) | {
        "features": events.reset_index(drop=True),
        "face_color": "transparent",
        "border_color": [COLOURS[kind] for kind in events["kind"]] or "white",
        "border_width": 0.15,
        "size": SIZE_UM / place.pixel_um,
        "symbol": [SYMBOLS[kind] for kind in events["kind"]] or "disc",
    }
    return place.points(events), arguments, "points"


def tracks_layer(tracks: pd.DataFrame, place: Place, name: str = "tracks") -> LayerData:
    """Tracks, sorted by track and frame as napari sorts them; the measures of each spot are features."""
    ordered = tracks.sort_values(["track_id", "frame"], kind="stable").reset_index(drop=True)
    data = np.column_stack([ordered["track_id"], place.points(ordered)])
    features = ordered.drop(columns=["movie_id"])
    arguments = place.arguments(name) | {"features": features, "tail_length": 10, "head_length": 0}
    return data, arguments, "tracks"


def events_table(data: NDArray[np.floating[Any]], features: pd.DataFrame, place: Place) -> pd.DataFrame:
    """An Events table from a points layer: places from `data` (n, 3), everything else from its features.

    Raises `InputError` if the features are not those of events.
    """
    return _table(Events, data, features, place)


def tracks_table(data: NDArray[np.floating[Any]], features: pd.DataFrame, movie_id: str, place: Place) -> pd.DataFrame:
    """A Tracks table from any tracks layer on a movie, ours or another program's, ordered by track and frame.

    Parameters
    ----------
    data : (n, 4) or (n, 5) owner, frame, (plane,) row, column; depth becomes z_um, planes being a pixel apart.
    features : (n, ...) columns taken over under their names; measures that are not among them are missing (NaN), t_s is then
        reckoned from the frames. A layer's graph of splits and merges has no place in the table.
    movie_id, place : the movie the layer lies on.

    Raises `InputError` for data of another shape, frames that are no whole numbers, and a track twice in a frame.
    """
    if data.ndim != 2 or data.shape[1] not in (4, 5):
        raise InputError(f"{movie_id}: the data of a tracks layer have 4 or 5 columns, found shape {data.shape}")
    owned = features.reset_index(drop=True) if len(features) == len(data) else None
    columns: dict[str, Any] = {} if owned is None else {str(key): owned[key] for key in owned}
    columns |= {f"{axis}_um": data[:, k] * place.pixel_um for axis, k in (("z", -3), ("y", -2), ("x", -1))[5 - data.shape[1] :]}
    columns |= {"track_id": data[:, 0], "frame": data[:, 1]}
    return from_columns(movie_id, columns, None if "t_s" in columns else place.frame_s)


def _table(table: type[Table], data: NDArray[np.floating[Any]], features: pd.DataFrame, place: Place) -> pd.DataFrame:
    moved = features.assign(
        frame=np.rint(data[:, 0]).astype(np.int64), y_um=data[:, 1] * place.pixel_um, x_um=data[:, 2] * place.pixel_um
    )
    return table.check(table.build(moved))
