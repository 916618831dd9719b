"""Tracks as the data of a napari tracks layer, in a CSV file: track_id, t, (z,) y, x in frames and pixels, then features.

``table = pandas.read_csv(file)``, ``viewer.add_tracks(table[["track_id", "t", "y", "x"]], features=table)`` shows them on a
movie that is shown in pixels.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from exotrack.errors import InputError
from exotrack.io.atomic import atomic_file
from exotrack.io.foreign import checked, measured, needed_pixel, of_one_movie, read_text, tracks_table
from exotrack.io.guard import one_error, shown

if TYPE_CHECKING:
    import pandas as pd

_NEEDED = ("track_id", "t", "y", "x")


def read_napari_csv(path: str | Path, pixel_um: float | None = None, frame_s: float | None = None) -> pd.DataFrame:
    """Tracks table from the data of a tracks layer; features that are numbers become columns of their own name.

    `pixel_um` and `frame_s` are those of the movie the layer lies on; without `frame_s` the times are those of a feature t_s,
    or missing. Raises `InputError` for other files, `CalibrationError` without a pixel size.
    """
    import pandas as pd

    path = Path(path)
    checked(pixel_um, frame_s)
    pixel = needed_pixel(path, pixel_um, "the data of a napari layer are in pixels")
    with one_error(path, "cannot be read as tracks"):
        data = pd.read_csv(io.StringIO(read_text(path)))
        if lacking := [key for key in _NEEDED if key not in data]:
            raise InputError(
                f"{shown(path)}: column {lacking[0]} is missing; the data of a tracks layer are track_id, t, (z,) y, x"
            )
        place = {f"{axis}_um": data[axis].to_numpy(float) * pixel for axis in ("z", "y", "x") if axis in data}
        features = {key: data[key] for key in measured(data) if key not in ("t", "z", "y", "x")}
        return tracks_table(path, features | {"track_id": data["track_id"], "frame": data["t"]} | place, frame_s)


def write_napari_csv(tracks: pd.DataFrame, path: str | Path, pixel_um: float | None) -> None:
    """Write a Tracks table of one movie as data of a tracks layer, in pixels of `pixel_um` um; measures are features."""
    import pandas as pd

    path = Path(path)
    checked(pixel_um, None)
    pixel = needed_pixel(path, pixel_um, "the data of a napari layer are in pixels")
    ordered = of_one_movie(path, tracks)
    place = {axis: ordered[f"{axis}_um"] / pixel for axis in ("z", "y", "x") if f"{axis}_um" in ordered}
    features = {key: ordered[key] for key in measured(ordered)}
    data = {"track_id": ordered["track_id"], "t": ordered["frame"].astype(np.int64)} | place | features
    with atomic_file(path) as temporary:
        pd.DataFrame(data).to_csv(temporary, index=False, lineterminator="\n")
