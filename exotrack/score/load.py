"""What ``exotrack score TRUE FOUND`` is given: results folders, folders of true tables, single tables, tracks of any program."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from exotrack._drift import in_camera
from exotrack.errors import InputError
from exotrack.io.results import of_movie, read_provenance, read_table
from exotrack.io.tracks import holds_tracks, read_tracks
from exotrack.tables import Candidates, Events, Frames, Spots, Table, Tracks

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Scored:
    """The tables that matter for a score; None stands for what a folder or file does not hold or say."""

    events: pd.DataFrame | None
    candidates: pd.DataFrame | None = None
    spots: pd.DataFrame | None = None
    pixel_um: float | None = None
    n_frames: int | None = None
    frame_s: float | None = None
    tracks: pd.DataFrame | None = None


def load_scored(path: str | Path, pixel_um: float | None = None) -> Scored:
    """Read a results folder, a folder of true tables, an event table (.parquet or .csv), or tracks of any format.

    `pixel_um` is needed for tracks in pixels. Raises `InputError` naming what is missing or damaged.
    """
    path = Path(path)
    if path.is_dir() and not _is_zarr(path):
        return _folder(path)
    if path.is_dir() or path.suffix.lower() in (".xml", ".geff"):
        return Scored(None, tracks=read_tracks(path, pixel_um))
    if path.suffix.lower() in (".parquet", ".csv", ".txt", ".tsv") and path.is_file() and holds_tracks(path):
        return Scored(None, tracks=read_tracks(path, pixel_um))
    if path.suffix not in (".parquet", ".csv"):
        raise InputError(
            f"{path}: is neither a results folder nor a table of events or tracks; "
            "give a folder, or a .parquet, .csv, .xml or .geff file"
        )
    return Scored(read_table(path, Events))


def load_pair(true: str | Path, found: str | Path, pixel_um: float | None = None) -> tuple[Scored, Scored]:
    """`load_scored` of both sides; where `pixel_um` is not given, the pixel that a results folder names is that of both."""
    known = pixel_um or _noted_pixel(Path(found)) or _noted_pixel(Path(true))
    return load_scored(true, known), load_scored(found, known)


def _noted_pixel(path: Path) -> float | None:
    return of_movie(read_provenance(path), "pixel_um") if (path / "provenance.json").is_file() else None


def _folder(path: Path) -> Scored:
    provenance = read_provenance(path) if (path / "provenance.json").is_file() else {}
    frames, tracks = _optional(path, Frames), _optional(path, Tracks)
    events = _optional(path, Events) if tracks is not None else _required(path, Events)
    # True places are those in the picture; found ones are those in the sample, where the stage drifted.
    events, candidates, spots, tracks = (
        part if part is None or frames is None else in_camera(part, frames)
        for part in (events, _optional(path, Candidates), _optional(path, Spots), tracks)
    )
    return Scored(
        events,
        candidates,
        spots,
        of_movie(provenance, "pixel_um"),
        None if frames is None or frames.empty else int(frames["frame"].max()) + 1,
        of_movie(provenance, "frame_s"),
        tracks,
    )


def _required(folder: Path, table: type[Table]) -> pd.DataFrame:
    found = _optional(folder, table)
    return found if found is not None else read_table(folder / f"{table.name}.parquet", table)


def _optional(folder: Path, table: type[Table]) -> pd.DataFrame | None:
    for suffix in (".parquet", ".csv"):
        if (folder / f"{table.name}{suffix}").is_file():
            return read_table(folder / f"{table.name}{suffix}", table)
    return None


def _is_zarr(path: Path) -> bool:
    return any((path / name).exists() for name in (".zgroup", ".zattrs", "zarr.json"))
