"""Tracks in TrackMate's table of spots, as its "Export to CSV" writes it and its scripts and plugins read it.

Since TrackMate 7 the file begins with four rows of heads: keys, names, short names and units; older exports have the keys
only. Tinevez et al. 2017, Methods 115:80; Ershov et al. 2022, Nat Methods 19:829.
"""

from __future__ import annotations

import csv
import io
import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from exotrack.errors import CalibrationError, InputError
from exotrack.io import units
from exotrack.io.atomic import atomic_file
from exotrack.io.foreign import checked, depth, measured, of_one_movie, read_text, tracks_table
from exotrack.io.guard import one_error, shown

if TYPE_CHECKING:
    import pandas as pd

_NEEDED = ("TRACK_ID", "POSITION_X", "POSITION_Y", "FRAME")
_PREFIX = "EXOTRACK_"
"""Before the names of our own measures: TrackMate has an SNR, a CONTRAST and more of other definitions."""
_NO_QUALITY = -1.0
"""What TrackMate gives spots that no detector found; readers expect a number."""
_MOST_HEADS = 6
_KEYS = {
    "LABEL": ("Label", "Label", ""),
    "ID": ("Spot ID", "Spot ID", ""),
    "TRACK_ID": ("Track ID", "Track ID", ""),
    "QUALITY": ("Quality", "Quality", "(quality)"),
    "POSITION_X": ("X", "X", "(micron)"),
    "POSITION_Y": ("Y", "Y", "(micron)"),
    "POSITION_Z": ("Z", "Z", "(micron)"),
    "POSITION_T": ("T", "T", "(sec)"),
    "FRAME": ("Frame", "Frame", ""),
    "RADIUS": ("Radius", "R", "(micron)"),
    "VISIBILITY": ("Visibility", "Visibility", ""),
}
"""Key to name, short name and unit, as TrackMate writes them."""


def read_trackmate_csv(path: str | Path, pixel_um: float | None = None, frame_s: float | None = None) -> pd.DataFrame:
    """Tracks table from TrackMate's table of spots; spots that belong to no track are left out.

    Parameters
    ----------
    pixel_um : um in a unit of the file's places, needed where the file names no unit of length (older exports) or pixels.
    frame_s : time between frames (s); wins over the file's times. Where neither is known, t_s is missing.

    TrackMate's own features have other definitions than ours and are not taken over. Raises `InputError` for other files,
    `CalibrationError` if a unit is needed and not given.
    """
    import pandas as pd

    path = Path(path)
    checked(pixel_um, frame_s)
    with one_error(path, "cannot be read as tracks"):
        text = read_text(path)
        keys, unit, heads, separator = _heads(path, text)
        wanted = [key for key in keys if key in _KEYS or key.startswith(_PREFIX)]
        data = pd.read_csv(
            io.StringIO(text), sep=separator, header=None, names=keys, usecols=wanted, skiprows=heads, index_col=False,
            na_values=["None"], skip_blank_lines=True,
        )  # fmt: skip
        data = data[data["TRACK_ID"].notna()]
        length = _unit_um(path, unit, pixel_um)
        second = units.time_s(1.0, unit.get("POSITION_T", ""))
        columns = {key.removeprefix(_PREFIX).lower(): data[key].to_numpy(float) for key in wanted if key.startswith(_PREFIX)}
        columns |= {"track_id": data["TRACK_ID"].to_numpy(float), "frame": data["FRAME"].to_numpy(float)}
        columns |= {f"{axis}_um": data[f"POSITION_{axis.upper()}"].to_numpy(float) * length for axis in "yx"}
        if "POSITION_Z" in data:
            columns |= depth(data["POSITION_Z"].to_numpy(float) * length)
        if second is not None and "POSITION_T" in data:
            columns["t_s"] = data["POSITION_T"].to_numpy(float) * second
        return tracks_table(path, columns, frame_s)


def write_trackmate_csv(tracks: pd.DataFrame, path: str | Path) -> None:
    """Write a Tracks table of one movie as TrackMate's table of spots, in micron and sec, all or nothing.

    QUALITY is the height in the matched filter (snr; -1 where there is none), RADIUS that of the blob, sqrt(2) sigma (as in
    TrackMate's LoG detector); our measures follow under their own names with EXOTRACK_ before them. `InputError` for
    several movies.
    """
    import pandas as pd

    path = Path(path)
    ordered = of_one_movie(path, tracks)
    numbers = range(1, len(ordered) + 1)
    data = {
        "LABEL": [f"ID{number}" for number in numbers],
        "ID": numbers,
        "TRACK_ID": ordered["track_id"],
        "QUALITY": ordered["snr"].fillna(_NO_QUALITY),
        "POSITION_X": ordered["x_um"],
        "POSITION_Y": ordered["y_um"],
        "POSITION_Z": ordered["z_um"] if "z_um" in ordered else np.zeros(len(ordered)),
        "POSITION_T": ordered["t_s"],
        "FRAME": ordered["frame"],
        "RADIUS": math.sqrt(2.0) * ordered["sigma_um"],
        "VISIBILITY": np.ones(len(ordered), int),
    }
    own = [key for key in measured(ordered) if key != "t_s"]
    heads = [[*data, *(f"{_PREFIX}{key.upper()}" for key in own)]]
    heads += [[*(_KEYS[key][row] for key in data), *(("" if row == 2 else key) for key in own)] for row in range(3)]
    data |= {key: ordered[key] for key in own}
    with atomic_file(path) as temporary, open(temporary, "w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(heads)
        pd.DataFrame(data).to_csv(file, index=False, header=False, lineterminator="\n")


def _heads(path: Path, text: str) -> tuple[list[str], dict[str, str], int, str]:
    """Keys, units by key, number of rows before the data, and what separates the cells."""
    begin = text[:1_000_000].splitlines()[: _MOST_HEADS + 1]
    first = begin[0] if begin else ""
    separator = max(",;\t", key=first.count)
    rows = [[cell.strip() for cell in row] for row in csv.reader(begin, delimiter=separator)]
    keys = [cell.upper() or f"UNNAMED_{number}" for number, cell in enumerate(rows[0] if rows else [])]
    if "SPOT_SOURCE_ID" in keys or "NUMBER_SPOTS" in keys:
        raise InputError(f"{shown(path)}: this is TrackMate's table of edges or tracks; export its table of spots")
    if lacking := [key for key in _NEEDED if key not in keys]:
        raise InputError(f"{shown(path)}: column {lacking[0]} is missing; give TrackMate's table of spots (Export to CSV)")
    frame = keys.index("FRAME")
    heads = 1
    while heads < len(rows) and not _is_number(rows[heads][frame : frame + 1]):
        heads += 1
    if heads > 4:
        raise InputError(f"{shown(path)}: FRAME holds {rows[1][frame][:20]!r}, no number; the file is damaged")
    unit = {}
    if heads == 4:
        unit = {key: cell.strip("()") for key, cell in zip(keys, rows[3], strict=False)}
    return keys, unit, heads, separator


def _is_number(cells: list[str]) -> bool:
    try:
        return math.isfinite(float(cells[0]))
    except (ValueError, IndexError):
        return False


def _unit_um(path: Path, unit: dict[str, str], pixel_um: float | None) -> float:
    said = unit.get("POSITION_X", "")
    length = units.length_um(1.0, said)
    if length is not None:
        return length
    if pixel_um is None:
        found = f"its places are in {said}" if said else "it does not say in what unit its places are"
        raise CalibrationError(f"{shown(path)}: {found}; give the um in one such unit with --pixel-um (1 if they are in um)")
    return pixel_um
