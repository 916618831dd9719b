"""The sample's frame and the camera's: where the sample has moved in the picture, and places from one to the other.

Tables hold places in the sample: where a thing would be in the picture had the stage not moved since the first usable frame.
Pixels lie in the camera's frame. Place in the picture = place in the sample + drift of the frame; pixels are never resampled.
The drift of every frame is in the Frames table; where it is missing or 0 the two frames are one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

DRIFT = ("drift_y_um", "drift_x_um")
"""Columns of the Frames table with how far the sample lies from where it was in the first usable frame."""


def drift_um(frames: pd.DataFrame) -> NDArray[np.float64]:
    """(n_frames, 2) drift (y, x) of every frame of a Frames table; 0 where it is missing."""
    if not set(DRIFT) <= set(frames.columns):
        return np.zeros((len(frames), 2))
    return np.asarray(np.nan_to_num(frames[list(DRIFT)].to_numpy(float)), float)


def in_camera(table: pd.DataFrame, frames: pd.DataFrame) -> pd.DataFrame:
    """A table with frame, y_um and x_um as it lies in the pictures; the very same table if the stage stood still."""
    return _moved(table, drift_um(frames))


def in_sample(table: pd.DataFrame, frames: pd.DataFrame) -> pd.DataFrame:
    """The inverse of `in_camera`."""
    return _moved(table, -drift_um(frames))


def _moved(table: pd.DataFrame, by_um: NDArray[np.float64]) -> pd.DataFrame:
    if not by_um.any() or len(table) == 0:
        return table
    step: Any = by_um[table["frame"].to_numpy()]
    return table.assign(y_um=table["y_um"] + step[:, 0], x_um=table["x_um"] + step[:, 1])


def shifted(picture: NDArray[Any], move: NDArray[np.integer[Any]], outside: Any) -> NDArray[Any]:
    """A picture (height, width) moved by whole pixels (y, x); what comes in from beyond the border is `outside`."""
    down, right = int(move[0]), int(move[1])
    if not (down or right):
        return picture
    out = np.full_like(picture, outside)
    height, width = picture.shape
    kept = picture[max(-down, 0) : height - max(down, 0), max(-right, 0) : width - max(right, 0)]
    out[max(down, 0) : max(down, 0) + kept.shape[0], max(right, 0) : max(right, 0) + kept.shape[1]] = kept
    return out
