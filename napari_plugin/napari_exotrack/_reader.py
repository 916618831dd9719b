"""Reader of results folders: the movie where it still is, its cells, tracks and events."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from napari_exotrack._convert import LayerData, Place, events_layer, footprint_layer, movie_layer, tracks_layer

if TYPE_CHECKING:
    from exotrack.io import Results
    from exotrack.movie import Movie

NEEDED = ("events.parquet", "provenance.json")
"""Files that make a folder a results folder."""


def get_reader(path: str | list[str]) -> Callable[[str | list[str]], list[LayerData]] | None:
    """`read_folder` for a results folder or the events.parquet in one; None for anything else, so that others may try."""
    return read_folder if not isinstance(path, list) and _folder(path) is not None else None


def read_folder(path: str | list[str]) -> list[LayerData]:
    """Layers of a results folder, bottom to top: movie, cells, tracks, events.

    Raises `InputError` if a table is missing or damaged. A movie that cannot be opened any more is a warning.
    """
    from exotrack._drift import in_camera
    from exotrack.io import read_results

    folder = _folder(path if isinstance(path, str) else path[0])
    results = read_results(folder or Path(str(path)))
    known = results.provenance["movie"]
    place = Place(float(known["pixel_um"]), float(known["frame_s"]))
    layers = _pixels(results, place)
    tracks, events = (in_camera(results.tables[name], results.tables["frames"]) for name in ("tracks", "events"))
    layers.append(tracks_layer(tracks, place))
    layers.append(events_layer(events, place))
    return layers


def _folder(path: str | Path) -> Path | None:
    """The results folder that `path` is, or whose events it is."""
    folder = Path(path)
    if folder.name == NEEDED[0]:
        folder = folder.parent
    return folder if all((folder / name).is_file() for name in NEEDED) else None


def _pixels(results: Results, place: Place) -> list[LayerData]:
    """Image and cells, or nothing and a warning."""
    from exotrack.errors import ExotrackError
    from exotrack.io import read_mask
    from exotrack.measure import footprint

    mask = results.provenance.get("opened", {}).get("mask")
    try:
        movie = _movie(results)
        cells = read_mask(mask, movie.shape[1:]) if mask else footprint(movie, results.tables["frames"], results.params.cell)[0]
        return [movie_layer(movie), footprint_layer(cells, place)]
    except ExotrackError as error:
        warnings.warn(f"the tables are shown without their movie: {error}", stacklevel=2)
        return []


def _movie(results: Results) -> Movie:
    from exotrack.errors import InputError
    from exotrack.io import open_movie

    opened = {key: value for key, value in results.provenance.get("opened", {}).items() if key != "mask"}
    if "path" not in opened:
        raise InputError("the results were made from an array, not a file")
    movie = open_movie(opened.pop("path"), **opened).with_id(str(results.provenance["movie_id"]))
    known = results.provenance["movie"]
    analysed = (known["n_frames"], known["height"], known["width"])
    if movie.shape != analysed:
        raise InputError(f"{movie.movie_id}: the file now holds {movie.shape} frames x rows x columns, analysed were {analysed}")
    return movie
