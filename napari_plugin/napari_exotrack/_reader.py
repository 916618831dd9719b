"""Reader of results folders: the movie where it still is, its cells, tracks and events."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

from napari_exotrack._convert import LayerData, events_layer, footprint_layer, movie_layer, tracks_layer
from napari_exotrack._opened import KEY, Opened, open_results, results_folder


def get_reader(path: str | list[str]) -> Callable[[str | list[str]], list[LayerData]] | None:
    """`read_folder` for a results folder or the events.parquet in one; None for anything else, so that others may try."""
    return read_folder if not isinstance(path, list) and results_folder(path) is not None else None


def read_folder(path: str | list[str]) -> list[LayerData]:
    """Layers of a results folder, bottom to top: movie, cells, tracks, events.

    Raises `InputError` if a table is missing or damaged. A movie that cannot be opened any more is a warning.
    """
    opened = open_results(Path(path if isinstance(path, str) else path[0]))
    if opened.trouble:
        warnings.warn(f"the tables are shown without their movie: {opened.trouble}", stacklevel=2)
    return layers_of(opened)


def layers_of(opened: Opened) -> list[LayerData]:
    """Layers of results that are open already; each holds `opened` in its metadata."""
    layers = [*_pixels(opened), tracks_layer(opened.in_picture("tracks"), opened.place)]
    layers.append(events_layer(opened.in_picture("events"), opened.place))
    return [(data, arguments | {"metadata": {KEY: opened}}, kind) for data, arguments, kind in layers]


def _pixels(opened: Opened) -> list[LayerData]:
    from exotrack.errors import ExotrackError

    if opened.movie is None:
        return []
    layers = [movie_layer(opened.movie)]
    try:
        layers.append(footprint_layer(opened.footprint(), opened.place))
    except ExotrackError as error:
        warnings.warn(f"the cells are not shown: {error}", stacklevel=2)
    return layers
