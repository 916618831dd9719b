"""Reader of movies with their calibration: every format of ``exotrack run``, lazily, one layer for each channel; no Qt."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_exotrack._convert import LayerData, movie_layer
from napari_exotrack._source import OPENED

if TYPE_CHECKING:
    from exotrack.movie import Movie

SUFFIXES = (".tif", ".tiff", ".btf", ".tf2", ".tf8", ".stk", ".lsm", ".nd2", ".czi", ".lif", ".mrc", ".zarr")
CHANNELS = ("green", "magenta", "cyan", "yellow", "bop blue", "gray")
"""Colours of channels that lie on one another."""


def get_reader(path: str | list[str]) -> Callable[[str | list[str]], list[LayerData]] | None:
    """`read_movie` for a movie that exotrack can open, with or without calibration; None for anything else."""
    from exotrack.errors import CalibrationError, ExotrackError

    if isinstance(path, list) or Path(path).suffix.lower() not in SUFFIXES:
        return None
    try:
        _channels(Path(path))
    except CalibrationError:
        return read_movie
    except ExotrackError:
        return None
    return read_movie


def read_movie(path: str | list[str]) -> list[LayerData]:
    """A layer for each channel of a movie; nothing is read but three frames of each, for the contrast.

    A movie that does not say how large a pixel is or how far apart its frames are comes in pixels and frames; the Analyse dock
    then asks. Raises `InputError` if it cannot be opened.
    """
    from exotrack.errors import CalibrationError

    place = Path(path if isinstance(path, str) else path[0])
    try:
        movies, known = _channels(place), True
    except CalibrationError:
        movies, known = _channels(place, pixel_um=1.0, frame_s=1.0), False
    return [_layer(place, movie, channel, len(movies), known) for channel, movie in enumerate(movies)]


def _layer(path: Path, movie: Movie, channel: int, n: int, known: bool) -> LayerData:
    data, arguments, kind = movie_layer(movie, movie.movie_id if n == 1 else f"{movie.movie_id} channel {channel}")
    opened: dict[str, Any] = {"path": str(path.absolute())} | ({"channel": channel} if n > 1 else {})
    arguments |= {"metadata": {OPENED: opened, "notes": movie.notes}}
    if n > 1:
        arguments |= {"colormap": CHANNELS[channel % len(CHANNELS)], "blending": "additive"}
    if not known:
        arguments |= {"scale": (1.0, 1.0, 1.0), "units": ("pixel", "pixel", "pixel")}
    return data, arguments, kind


def _channels(path: Path, **calibration: float) -> list[Movie]:
    """Every channel of a movie."""
    from exotrack.errors import CalibrationError, InputError
    from exotrack.io import open_movie

    try:
        return [open_movie(path, **calibration)]
    except CalibrationError:
        raise
    except InputError as error:
        if "--channel" not in str(error):
            raise
    movies: list[Movie] = []
    while True:
        try:
            movies.append(open_movie(path, channel=len(movies), **calibration))
        except CalibrationError:
            raise
        except InputError:
            if not movies:
                raise
            return movies
