"""MRC stacks: sections along z are frames in time.

Format: MRC2014, Cheng et al. 2015, J Struct Biol 192:146. The header is read by mrcfile, the pixels at their offsets.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np

from exotrack.errors import InputError
from exotrack.io.guard import check_frame_bytes, check_planes, one_error, shown
from exotrack.io.raw import RawFrames
from exotrack.io.stored import Found, Stored, compact

_HEADER = 1024
_IMOD_AT, _IMOD_STAMP = 152, 1146047817
"""Where IMOD puts its stamp and flags, and the stamp (IMOD, MRC file format)."""
_DEFAULT_ANGSTROM = (0.0, 1.0)
"""Voxel sizes that programs write when they know none."""


def read_mrc(path: Path, series: int | None) -> Stored:
    """What an MRC file holds; axes Z Y X. It has no time stamps and no frame interval."""
    header = _header(path)
    name = shown(path)
    count, height, width = int(header.nz), int(header.ny), int(header.nx)
    check_planes(path, count)
    dtype = _dtype(header, name)
    check_frame_bytes(path, height, width, dtype.itemsize)
    frame = height * width * dtype.itemsize
    offsets = _HEADER + int(header.nsymbt) + frame * np.arange(count, dtype=np.int64)
    whole = offsets + frame <= path.stat().st_size
    return Stored(
        "ZYX",
        (count, height, width),
        lambda planes: RawFrames(
            (str(path),), None, compact(np.where(whole[planes], offsets[planes], -1)), height, width, dtype.str
        ),
        pixel_y=_pitch(float(header.cella.y), int(header.my)),
        pixel_x=_pitch(float(header.cella.x), int(header.mx)),
        pixel_z=_pitch(float(header.cella.z), int(header.mz)),
        whole=None if whole.all() else whole,
    )


def _header(path: Path) -> Any:
    """The header as mrcfile reads it, in the byte order it found."""
    import mrcfile

    with one_error(path), warnings.catch_warnings():
        # mrcfile 1.5 turns the byte order of a header around in a way that numpy 2.5 deprecates; it is right all the same.
        warnings.filterwarnings("ignore", "Setting the dtype", DeprecationWarning)
        with mrcfile.open(path, header_only=True) as file:
            return file.header.copy()


def _dtype(header: Any, name: str) -> np.dtype[Any]:
    from mrcfile.utils import dtype_from_mode

    mode = int(header.mode)
    if mode not in (0, 1, 2, 6, 12):
        raise InputError(f"{name}: MRC mode {mode} is not read (0, 1, 2, 6 and 12 are); save it as 16-bit whole numbers")
    if mode == 0 and _unsigned_bytes(header):
        return np.dtype(np.uint8)
    dtype: np.dtype[Any] = np.dtype(dtype_from_mode(mode)).newbyteorder(header.dtype["mode"].byteorder)
    return dtype


def _unsigned_bytes(header: Any) -> bool:
    """IMOD wrote unsigned bytes under the mode for signed ones, and says so by its stamp without the flag "signed"."""
    order = header.dtype["mode"].byteorder
    stamp, flags = np.frombuffer(bytes(header)[_IMOD_AT : _IMOD_AT + 8], np.dtype("i4").newbyteorder(order))
    return bool(stamp == _IMOD_STAMP and not flags & 1)


def _pitch(cell_angstrom: float, intervals: int) -> Found:
    if intervals < 1 or cell_angstrom / intervals in _DEFAULT_ANGSTROM:
        return Found()
    return Found.length(cell_angstrom / intervals, "angstrom", "MRC cell size")
