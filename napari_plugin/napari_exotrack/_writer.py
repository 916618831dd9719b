"""Writers: events and tracks of layers as the tables they are, with places as in the results they came from; no Qt."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_exotrack._convert import Place, events_table, tracks_table
from napari_exotrack._opened import KEY, Opened

if TYPE_CHECKING:
    import pandas as pd


def write_events(path: str, data: Any, meta: dict[str, Any]) -> list[str]:
    """Save a points layer of events as Parquet or CSV; `InputError` for a layer of other points."""
    from exotrack.io.atomic import atomic_file
    from exotrack.io.results import write_table
    from exotrack.tables import Events

    target = Path(path)
    table = _in_sample(events_table(data, _features(meta), _place(meta)), meta)
    with atomic_file(target) as temporary:
        write_table(table, Events, temporary, target.suffix)
    return [path]


def write_tracks(path: str, data: Any, meta: dict[str, Any]) -> list[str]:
    """Save a tracks layer, ours or another plugin's, in the format that the ending names (Parquet, CSV, GEFF, XML)."""
    from exotrack.io import write_tracks as write

    place = _place(meta)
    opened = meta.get("metadata", {}).get(KEY)
    name = opened.name if isinstance(opened, Opened) else str(meta.get("name", "movie"))
    table = _in_sample(tracks_table(data, _features(meta), name, place), meta)
    write(table, path, pixel_um=place.pixel_um, overwrite=True)
    return [path]


def _features(meta: dict[str, Any]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(meta.get("features", {}))


def _place(meta: dict[str, Any]) -> Place:
    scale = meta["scale"]
    return Place(float(scale[-1]), float(scale[-3]))


def _in_sample(table: pd.DataFrame, meta: dict[str, Any]) -> pd.DataFrame:
    """Layers lie where the pictures are; tables of results say where the sample is."""
    from exotrack._drift import in_sample

    opened = meta.get("metadata", {}).get(KEY)
    return in_sample(table, opened.results.tables["frames"]) if isinstance(opened, Opened) else table
