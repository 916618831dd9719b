"""Tracks in and out of every format they travel in."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from exotrack.errors import InputError, OutputError
from exotrack.io.atomic import atomic_file
from exotrack.io.challenge_xml import read_challenge_xml, write_challenge_xml
from exotrack.io.foreign import in_order
from exotrack.io.geff_tracks import read_geff, write_geff
from exotrack.io.guard import check_readable, one_error, shown
from exotrack.io.napari_tracks import read_napari_csv, write_napari_csv
from exotrack.io.results import read_table, write_table
from exotrack.io.trackmate import read_trackmate_csv, write_trackmate_csv
from exotrack.tables import Tracks

if TYPE_CHECKING:
    import pandas as pd

FORMATS = ("parquet", "csv", "geff", "trackmate", "napari", "challenge")
"""Ours (parquet, csv), GEFF, TrackMate's table of spots, data of a napari layer, XML of the Particle Tracking Challenge."""

_BY_SUFFIX = {".parquet": "parquet", ".csv": "csv", ".geff": "geff", ".xml": "challenge"}
_READERS: dict[str, Callable[[Path, float | None, float | None], pd.DataFrame]] = {
    "geff": read_geff,
    "trackmate": read_trackmate_csv,
    "napari": read_napari_csv,
    "challenge": read_challenge_xml,
}


def read_tracks(
    path: str | Path, pixel_um: float | None = None, frame_s: float | None = None, format: str | None = None
) -> pd.DataFrame:
    """Tracks table from a results folder or a file of any of `FORMATS`.

    Parameters
    ----------
    pixel_um : size of a pixel, for files in pixels. frame_s : time between frames (s), for files that name none; it wins over
        a foreign file's. Our own tables hold both.
    format : one of `FORMATS`; if None, the ending and, for text, the first line tell.

    What a foreign file does not hold is missing (NaN): t_s where no time is known, every measure, z_um unless there is depth.
    `movie_id` is the file's stem. Raises `InputError` for what is missing, damaged or not of the format, `CalibrationError`
    for a pixel size that is needed.
    """
    path = Path(path)
    if (path / "tracks.parquet").is_file() or (path / "tracks.csv").is_file():
        path = next(path / name for name in ("tracks.parquet", "tracks.csv") if (path / name).is_file())
    if not path.is_dir():
        check_readable(path)
    chosen = _known(format) or _recognised(path)
    if chosen in _READERS:
        return _READERS[chosen](path, pixel_um, frame_s)
    return in_order(path, read_table(path, Tracks))


def write_tracks(
    tracks: pd.DataFrame,
    path: str | Path,
    format: str | None = None,
    pixel_um: float | None = None,
    overwrite: bool = False,
) -> Path:
    """Write a Tracks table to `path`, all or nothing.

    Parameters
    ----------
    format : one of `FORMATS`; if None, the ending tells (.parquet, .csv, .geff, .xml).
    pixel_um : size of a pixel, for the formats in pixels (napari, challenge).
    overwrite : replace what is there.

    Raises `OutputError` for a place that cannot be written or is taken, `InputError` for a table of several movies in a
    format that holds one, `CalibrationError` for a pixel size that is needed.
    """
    path = Path(path)
    chosen = _known(format) or _BY_SUFFIX.get(path.suffix.lower())
    if chosen is None:
        raise OutputError(f"{shown(path)}: no format ends so; use {', '.join(_BY_SUFFIX)}, or name it: {', '.join(FORMATS)}")
    Tracks.check(tracks)
    if chosen == "geff":
        write_geff(tracks, path, overwrite)
        return path
    if path.is_dir():
        raise OutputError(f"{path}: is a folder; give the name of a file")
    if not path.parent.is_dir():
        raise OutputError(f"{path}: there is no folder {path.parent}; make it first, or choose another place")
    if path.exists() and not overwrite:
        raise OutputError(f"{path}: is already there; choose another name, or replace it with --overwrite")
    if chosen == "trackmate":
        write_trackmate_csv(tracks, path)
    elif chosen == "napari":
        write_napari_csv(tracks, path, pixel_um)
    elif chosen == "challenge":
        write_challenge_xml(tracks, path, pixel_um)
    else:
        with atomic_file(path) as temporary:
            write_table(tracks, Tracks, temporary, f".{chosen}")
    return path


def holds_tracks(path: str | Path) -> bool:
    """Whether a .parquet or text file is of tracks by the names of its columns; another of our tables is not."""
    path = Path(path)
    if path.suffix.lower() == ".parquet":
        from pyarrow import parquet

        with one_error(path, "cannot be read as a table"):
            names = set(parquet.read_schema(path).names)
        return "track_id" in names and "kind" not in names
    names = _first_line(path)
    return "kind" not in names and (_text_format(names) not in (None, "csv") or "track_id" in names)


def _known(format: str | None) -> str | None:
    if format is not None and format not in FORMATS:
        raise InputError(f"{format!r} is no format of tracks; there are {', '.join(FORMATS)}")
    return format


def _recognised(path: Path) -> str:
    if path.is_dir():
        return "geff"
    chosen = _BY_SUFFIX.get(path.suffix.lower())
    if chosen not in (None, "csv"):
        return str(chosen)
    chosen = _text_format(_first_line(path))
    if chosen is None:
        raise InputError(f"{shown(path)}: no format of tracks is recognised; exotrack reads {', '.join(FORMATS)}")
    return chosen


def _text_format(names: set[str]) -> str | None:
    """Format of a text by the names in its first line; None for another kind of text."""
    if names & {"TRACK_ID", "SPOT_SOURCE_ID", "NUMBER_SPOTS"}:
        return "trackmate"
    if {"track_id", "t", "y", "x"} <= names:
        return "napari"
    return "csv" if "movie_id" in names or {"track_id", "frame"} <= names else None


def _first_line(path: Path) -> set[str]:
    with open(path, "rb") as file:
        line = file.readline(100_000).decode("utf-8-sig", "replace")
    cells = next(csv.reader([line.strip()], delimiter=max(",;\t", key=line.count)), [])
    return {cell.strip() for cell in cells}
