"""A simulated movie on disk: pixels, true tables, and the parameters that made them."""

from __future__ import annotations

import os
import uuid
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from exotrack.errors import OutputError
from exotrack.movie import Movie
from exotrack.params import to_toml
from exotrack.simulate.truth import Truth

TABLES = ("spots", "tracks", "episodes", "events", "cells", "others")
BIG_BYTES = 4_000_000_000
"""Classic TIFF addresses 4 GiB; above this the file is a BigTIFF."""


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
        write_movie(truth.movie, where / "movie.tif", compress=compress, progress=progress)
        write_tables(truth, where)
        _whole(where / "footprint.tif", lambda path: _write_footprint(truth, path))
        _whole(where / "simulation.toml", lambda path: path.write_text(to_toml(truth.params), encoding="utf-8"))
    except OSError as error:
        raise OutputError(f"{where}: cannot be written ({error.strerror or error}); give a folder you may write to") from None
    return where


def write_tables(truth: Truth, folder: Path, names: tuple[str, ...] = TABLES) -> None:
    """Write the true tables `names` into `folder`, each as Parquet and as CSV."""
    for name in names:
        table: pd.DataFrame = getattr(truth, name)
        _whole(folder / f"{name}.parquet", partial(table.to_parquet, index=False))
        _whole(folder / f"{name}.csv", partial(table.to_csv, index=False, float_format="%.7g", lineterminator="\n"))


def write_movie(
    movie: Movie,
    path: Path,
    *,
    compress: bool = True,
    imagej: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Stream a movie to an OME-TIFF, or an ImageJ hyperstack, with pixel size (um) and interval (s) in its metadata."""
    _whole(path, lambda part: _write_tiff(movie, part, compress, imagej, progress))


def _write_tiff(movie: Movie, path: Path, compress: bool, imagej: bool, progress: Callable[[int, int], None] | None) -> None:
    import tifffile

    n, height, width = movie.shape
    big = n * height * width * movie.dtype.itemsize > BIG_BYTES
    options: dict[str, Any] = {"ome": not imagej, "imagej": imagej and not big, "bigtiff": big}
    meta: dict[str, Any] = {"axes": "TYX"}
    if options["imagej"]:
        meta |= {"unit": "um", "finterval": movie.frame_s, "fps": 1.0 / movie.frame_s}
    else:
        meta |= {"PhysicalSizeX": movie.pixel_um, "PhysicalSizeXUnit": "µm", "PhysicalSizeY": movie.pixel_um}
        meta |= {"PhysicalSizeYUnit": "µm", "TimeIncrement": movie.frame_s, "TimeIncrementUnit": "s"}
        # Named after what it shows, so that writing the same movie twice gives the same bytes.
        meta |= {"UUID": str(uuid.uuid5(uuid.NAMESPACE_OID, f"{movie.movie_id} {n} {zlib.crc32(movie[0].tobytes())}"))}
    per_unit = 1.0 / movie.pixel_um if options["imagej"] else 1e4 / movie.pixel_um  # ImageJ: per unit; otherwise per centimetre
    with tifffile.TiffWriter(path, **options) as writer:
        writer.write(
            _frames(movie, progress),
            shape=movie.shape,
            dtype=movie.dtype,
            photometric="minisblack",
            compression="zlib" if compress else None,
            resolution=(per_unit, per_unit),
            resolutionunit="NONE" if options["imagej"] else "CENTIMETER",
            metadata=meta,
        )


def _frames(movie: Movie, progress: Callable[[int, int], None] | None) -> Iterator[NDArray[Any]]:
    for frame in range(len(movie)):
        pixels = movie[frame]
        if progress is not None:  # before the frame is handed over: the writer does not come back after the last
            progress(frame + 1, len(movie))
        yield pixels


def _write_footprint(truth: Truth, path: Path) -> None:
    import tifffile

    tifffile.imwrite(path, truth.footprint.astype(np.uint8), compression="zlib", photometric="minisblack")


def _whole(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` fill a temporary file beside `path`, flush it to the disk, then give it its name."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        write(part)
        with part.open("rb+") as handle:
            os.fsync(handle.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
