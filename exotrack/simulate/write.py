"""A simulated movie on disk: pixels, true tables, and the parameters that made them."""

from __future__ import annotations

import uuid
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exotrack.errors import OutputError
from exotrack.io.atomic import atomic_file
from exotrack.io.results import write_table
from exotrack.movie import Movie
from exotrack.params import to_toml
from exotrack.simulate.truth import Truth
from exotrack.tables import ALL, REAL, TEXT, WHOLE, Column, Table

TABLES = ("spots", "tracks", "episodes", "events", "cells", "others")
BIG_BYTES = 4_000_000_000
"""Classic TIFF addresses 4 GiB; above this the file is a BigTIFF."""


class Others(Table):
    """Something that is no vesicle, in one frame."""

    name = "others"
    other_id = Column(WHOLE, "", "Number of the thing, from 1.")
    kind = Column(TEXT, "", "What it is: endosome, blink, static, step or haze.")
    frame = Column(WHOLE, "frame", "Position along the time axis, from 0.")
    y_um = Column(REAL, "um", "Centre; the centre of pixel (0, 0) is 0.")
    x_um = Column(REAL, "um", "Centre; the centre of pixel (0, 0) is 0.")
    sigma_um = Column(REAL, "um", "Width of its image.")
    amplitude = Column(REAL, "counts", "Height of its image.")


def write_truth(
    truth: Truth,
    folder: str | Path,
    *,
    overwrite: bool = False,
    compress: bool = True,
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Write ``movie.tif``, the true tables (Parquet and CSV), ``footprint.tif`` and ``simulation.toml`` into `folder`.

    The movie goes out frame by frame (memory does not grow with its length). Every file gets a temporary name in the folder, is
    flushed and then renamed. `progress` is called with (frames rendered, frames in all). Returns the folder.

    Raises `OutputError` if the folder cannot be written, or holds a simulated movie and `overwrite` is not set.
    """
    where = Path(folder)
    if (where / "movie.tif").exists() and not overwrite:
        raise OutputError(f"{where} already holds movie.tif; give another folder or --overwrite")
    try:
        where.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{where}: cannot be written ({error.strerror or error}); give a folder you may write to") from None
    write_movie(truth.movie, where / "movie.tif", compress=compress, progress=progress, marker=truth.marker)
    write_tables(truth, where)
    with atomic_file(where / "footprint.tif") as path:
        _write_footprint(truth, path)
    with atomic_file(where / "simulation.toml") as path:
        path.write_text(to_toml(truth.params), encoding="utf-8")
    return where


def write_tables(truth: Truth, folder: Path, names: tuple[str, ...] = TABLES) -> None:
    """Write the true tables `names` into `folder`, each as Parquet and as CSV."""
    contracts = {table.name: table for table in ALL}
    for name in names:
        for form in (".parquet", ".csv"):
            with atomic_file(folder / f"{name}{form}") as path:
                write_table(getattr(truth, name), contracts.get(name, Others), path, form)


def write_movie(
    movie: Movie,
    path: Path,
    *,
    compress: bool = True,
    imagej: bool = False,
    progress: Callable[[int, int], None] | None = None,
    marker: Movie | None = None,
) -> None:
    """Stream a movie to an OME-TIFF, or an ImageJ hyperstack, with pixel size (um) and interval (s) in its metadata.

    With `marker` the file has two channels, ``cargo`` and ``marker``.
    """
    with atomic_file(path) as part:
        _write_tiff(movie, part, compress, imagej, progress, marker)


def _write_tiff(
    movie: Movie,
    path: Path,
    compress: bool,
    imagej: bool,
    progress: Callable[[int, int], None] | None,
    marker: Movie | None,
) -> None:
    import tifffile

    channels = [movie] if marker is None else [movie, marker]
    n, height, width = len(channels) * len(movie), *movie.shape[1:]
    big = n * height * width * movie.dtype.itemsize > BIG_BYTES
    options: dict[str, Any] = {"ome": not imagej, "imagej": imagej and not big, "bigtiff": big}
    meta: dict[str, Any] = {"axes": "TYX" if marker is None else "TCYX"}
    if options["imagej"]:
        meta |= {"unit": "um", "finterval": movie.frame_s, "fps": 1.0 / movie.frame_s}
    else:
        meta |= {"PhysicalSizeX": movie.pixel_um, "PhysicalSizeXUnit": "µm", "PhysicalSizeY": movie.pixel_um}
        meta |= {"PhysicalSizeYUnit": "µm", "TimeIncrement": movie.frame_s, "TimeIncrementUnit": "s"}
        meta |= {} if marker is None else {"Channel": {"Name": ["cargo", "marker"]}}
        meta |= {"Description": "; ".join(movie.notes)} if movie.notes else {}
        # Named after what it shows, so that writing the same movie twice gives the same bytes.
        meta |= {"UUID": str(uuid.uuid5(uuid.NAMESPACE_OID, f"{movie.movie_id} {n} {zlib.crc32(movie[0].tobytes())}"))}
    per_unit = 1.0 / movie.pixel_um if options["imagej"] else 1e4 / movie.pixel_um  # ImageJ: per unit; otherwise per centimetre
    with tifffile.TiffWriter(path, **options) as writer:
        writer.write(
            _frames(channels, progress),
            shape=movie.shape if marker is None else (len(movie), 2, height, width),
            dtype=movie.dtype,
            photometric="minisblack",
            compression="zlib" if compress else None,
            resolution=(per_unit, per_unit),
            resolutionunit="NONE" if options["imagej"] else "CENTIMETER",
            metadata=meta,
        )


def _frames(channels: list[Movie], progress: Callable[[int, int], None] | None) -> Iterator[NDArray[Any]]:
    total = len(channels[0])
    for frame in range(total):
        for channel in channels:
            pixels = channel[frame]
            if progress is not None:  # before the frame is handed over: the writer does not come back after the last
                progress(frame + 1, total)
            yield pixels


def _write_footprint(truth: Truth, path: Path) -> None:
    import tifffile

    tifffile.imwrite(path, truth.footprint.astype(np.uint8), compression="zlib", photometric="minisblack")
