"""open_movie: any supported file to a lazy, calibrated `Movie`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from exotrack.errors import InputError
from exotrack.io.axes import choose
from exotrack.io.calibration import resolve
from exotrack.io.ceiling import ceiling
from exotrack.io.formats import find_reader, stem
from exotrack.io.guard import one_error, shown
from exotrack.io.stored import Planes, Stored
from exotrack.movie import Movie


def open_movie(
    path: str | Path,
    *,
    pixel_um: float | None = None,
    frame_s: float | None = None,
    channel: int | str | None = None,
    axes: str | None = None,
    series: int | None = None,
    movie_id: str | None = None,
    allow_partial: bool = False,
) -> Movie:
    """Open a movie lazily; no pixels are kept in memory.

    Reads TIFF (plain, ImageJ, OME-TIFF, MetaMorph STK, a folder or numbered series of single frames), OME-Zarr 0.4 and
    0.5, MRC, and with the extra ``exotrack[io]`` ND2, CZI and LIF.

    Parameters
    ----------
    path : file or folder; for a series also its first file or a pattern such as ``cell_*.tif``.
    pixel_um : side of a pixel (um); wins over the file.
    frame_s : time between frames (s); wins over the file and its time stamps.
    channel : number (from 0) or name, for files with several.
    axes : letters of the stored axes in order ("TYX", "TCYX"), where the file names them wrongly.
    series : which image, scene or position (from 0), for files with several.
    movie_id : name in every table; None takes the file's name without its ending.
    allow_partial : use the whole frames of a truncated file.

    Returns
    -------
    Movie with `sources` saying where each calibration value came from, and `notes` what the user should know.

    Raises
    ------
    InputError : the file cannot be used; one line says what was wrong, what was found, what to do.
    CalibrationError : pixel size or frame interval is missing or absurd; the line names the flag to give.
    """
    path = Path(path)
    name = shown(path)
    with one_error(path):
        found = find_reader(path)(path, series)
        choice = choose(found, name, axes, channel)
        planes, notes = _whole(found, name, choice.planes, allow_partial)
        plane_s = None if found.plane_s is None else found.plane_s[planes]
        known = resolve(found, name, plane_s, pixel_um, frame_s)
        frames = found.frames(planes)
        top, guessed = ceiling(frames, found.ceiling)
        said = (*found.notes, *choice.notes, *notes, *known.notes, guessed)
        movie = Movie(
            frames,
            known.pixel_um,
            known.frame_s,
            movie_id=movie_id or stem(path),
            times_s=known.times_s,
            ceiling=top,
            sources=known.sources,
        )
        return replace(movie, notes=tuple(note for note in said if note))


def _whole(found: Stored, name: str, planes: Planes, allow_partial: bool) -> tuple[Planes, tuple[str, ...]]:
    """The planes to use and a note, or `InputError` if the file has lost some and that was not allowed."""
    whole = np.ones(len(planes), bool) if found.whole is None else found.whole[planes]
    if whole.all() and not found.ending:
        return planes, ()
    good = int(whole.sum())
    last = int(np.flatnonzero(whole)[-1]) + 1 if good else 0
    kind = "truncated" if last == good else "damaged"
    total = str(len(planes)) if found.counted else "an unknown number of"
    what = f"{kind}: {good} of {total} frames are whole" + (f" ({found.ending})" if found.ending else "")
    if not allow_partial:
        raise InputError(f"{name}: {what}; copy the file again, or use the whole frames with --allow-partial")
    if last < 2:
        raise InputError(f"{name}: {what}; too few for a movie, copy the file again")
    return planes[:last], (what,)
