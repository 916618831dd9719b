"""What all readers of other programs' tracks share: calibration that is never guessed, checks, one table."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from exotrack.errors import CalibrationError, InputError
from exotrack.io.formats import stem
from exotrack.io.guard import shown
from exotrack.movie import FRAME_S_RANGE, PIXEL_UM_RANGE
from exotrack.tables import Tracks

if TYPE_CHECKING:
    import pandas as pd

MAX_BYTES = 4_000_000_000
"""A file of text this long holds some 50 million spots; more does not fit into memory several times over."""


def needed_pixel(path: Path, pixel_um: float | None, why: str) -> float:
    """The pixel size (um) that was given; `CalibrationError` if none was, saying `why` one is needed."""
    if pixel_um is None:
        raise CalibrationError(f"{shown(path)}: {why}; give the size of a pixel with --pixel-um (pixel_um=)")
    return pixel_um


def checked(pixel_um: float | None, frame_s: float | None) -> None:
    """Refuse absurd calibrations (`CalibrationError`)."""
    for value, (low, high), flag, unit in (
        (pixel_um, PIXEL_UM_RANGE, "--pixel-um", "um"),
        (frame_s, FRAME_S_RANGE, "--frame-s", "s"),
    ):
        if value is not None and not low <= value <= high:
            raise CalibrationError(f"{flag} {value:g} is outside {low:g} to {high:g} {unit}; give it in {unit}")


def read_text(path: Path, most: int = MAX_BYTES) -> str:
    """The text of a file of at most `most` bytes.

    Bytes that are no UTF-8 are taken as Latin-1, in which old programs wrote their micro sign.
    """
    if (size := path.stat().st_size) > most:
        raise InputError(f"{shown(path)}: {size / 1e9:.1f} GB of text are more than any tracks; split the file")
    content = path.read_bytes()
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def tracks_table(path: Path | str, columns: Mapping[str, Any], frame_s: float | None) -> pd.DataFrame:
    """A Tracks table, ordered by track and frame, from what a reader found.

    Parameters
    ----------
    path : the file, whose stem names the movie, or the movie_id itself.
    columns : (n,) arrays by name; track_id, frame, y_um and x_um are needed, the rest becomes columns as it is. Tracks that
        count from 0 are counted from 1.
    frame_s : time between frames (s); wins over a column t_s. If neither is known, t_s is missing.

    Raises `InputError` for frames that are no whole numbers from 0, points without a place, and a track twice in a frame.
    """
    found = dict(columns)
    frame = _whole(path, "frame", found["frame"])
    track = _whole(path, "track", found["track_id"])
    for key in ("y_um", "x_um"):
        if not np.isfinite(found[key]).all():
            raise InputError(f"{shown(path)}: a spot has no place ({key} is missing); leave such spots out")
    if len(frame) and frame.min() < 0:
        raise InputError(f"{shown(path)}: frame {frame.min()} was found; frames count from 0")
    found["movie_id"], found["frame"] = stem(path).removesuffix(".geff") if isinstance(path, Path) else path, frame
    found["track_id"] = track + 1 - track.min() if len(track) and track.min() < 1 else track
    if frame_s is not None:
        found["t_s"] = frame * frame_s
    return in_order(path, Tracks.build(found))


def in_order(path: Path | str, tracks: pd.DataFrame) -> pd.DataFrame:
    """`tracks` by movie, track and frame, if no track has two spots in one frame (`InputError`)."""
    ordered = tracks.sort_values(["movie_id", "track_id", "frame"], kind="stable").reset_index(drop=True)
    again = ordered.duplicated(["movie_id", "track_id", "frame"]).to_numpy()
    if again.any():
        row = ordered.iloc[int(np.flatnonzero(again)[0])]
        raise InputError(f"{shown(path)}: track {row['track_id']} has two spots in frame {row['frame']}; a track has one in each")
    return Tracks.check(ordered)


def of_one_movie(path: Path, tracks: pd.DataFrame) -> pd.DataFrame:
    """`tracks` by track and frame, if they are of one movie and have places: no format but our own tells movies apart."""
    Tracks.check(tracks)
    movies = tracks["movie_id"].unique()
    if len(movies) > 1:
        raise InputError(f"{shown(path)}: {len(movies)} movies cannot be told apart in this format; write each to its own file")
    if not np.isfinite(tracks[["y_um", "x_um"]].to_numpy()).all():
        raise InputError(f"{shown(path)}: a spot has no place (y_um or x_um is missing); leave such spots out")
    return in_order(path, tracks)


def measured(tracks: pd.DataFrame) -> list[str]:
    """Names of the columns of numbers besides owner, frame and place, of those that hold any."""
    from pandas.api.types import is_bool_dtype, is_numeric_dtype

    placed = ("track_id", "frame", "z_um", "y_um", "x_um")
    numbers = [key for key in tracks if is_numeric_dtype(tracks[key]) and not is_bool_dtype(tracks[key])]
    return [key for key in numbers if key not in placed and tracks[key].notna().any()]


def depth(z_um: NDArray[np.floating[Any]]) -> dict[str, NDArray[np.floating[Any]]]:
    """The column z_um if the file has depth: one plane, at whatever depth, has none."""
    finite = z_um[np.isfinite(z_um)]
    return {"z_um": z_um} if len(finite) and finite.min() < finite.max() else {}


def _whole(path: Path | str, what: str, values: Any) -> NDArray[np.int64]:
    number = np.asarray(values, float)
    wrong = ~(np.isfinite(number) & (np.abs(number) < 2**53)) | (number != np.rint(number))
    if wrong.any():
        raise InputError(f"{shown(path)}: {what} {number[wrong][0]:g} is no whole number; {what}s are counted")
    return np.asarray(values).astype(np.int64)
