"""What ``exotrack score TRUE FOUND`` is given: results folders, folders of true tables, or single event tables."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from exotrack.errors import InputError
from exotrack.io.results import read_provenance, read_table
from exotrack.tables import Candidates, Events, Frames, Spots, Table

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Scored:
    """The tables that matter for a score; None stands for what a folder does not hold or say."""

    events: pd.DataFrame
    candidates: pd.DataFrame | None = None
    spots: pd.DataFrame | None = None
    pixel_um: float | None = None
    n_frames: int | None = None
    frame_s: float | None = None


def load_scored(path: str | Path) -> Scored:
    """Read a results folder, a folder of true tables, or an event table (.parquet or .csv).

    Raises `InputError` naming what is missing or damaged.
    """
    path = Path(path)
    if path.is_dir():
        provenance = read_provenance(path) if (path / "provenance.json").is_file() else {}
        frames = _optional(path, Frames)
        return Scored(
            _required(path, Events),
            _optional(path, Candidates),
            _optional(path, Spots),
            _of_movie(provenance, "pixel_um"),
            None if frames is None or frames.empty else int(frames["frame"].max()) + 1,
            _of_movie(provenance, "frame_s"),
        )
    if path.suffix not in (".parquet", ".csv"):
        raise InputError(f"{path}: is neither a results folder nor an event table; give a folder, or a .parquet or .csv file")
    return Scored(read_table(path, Events))


def _required(folder: Path, table: type[Table]) -> pd.DataFrame:
    found = _optional(folder, table)
    return found if found is not None else read_table(folder / f"{table.name}.parquet", table)


def _optional(folder: Path, table: type[Table]) -> pd.DataFrame | None:
    for suffix in (".parquet", ".csv"):
        if (folder / f"{table.name}{suffix}").is_file():
            return read_table(folder / f"{table.name}{suffix}", table)
    return None


def _of_movie(provenance: dict[str, Any], key: str) -> float | None:
    value = provenance.get("movie", {}).get(key) if isinstance(provenance.get("movie"), dict) else None
    return float(value) if isinstance(value, int | float) else None
