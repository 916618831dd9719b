"""Nikon ND2, through the package nd2 (extra ``exotrack[io]``)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exotrack.errors import InputError
from exotrack.io.axes import colour
from exotrack.io.extra import require
from exotrack.io.guard import check_frame_bytes, check_planes, one_error, shown
from exotrack.io.stored import Found, Indices, Planes, Stored, compact

_LOOPS = {"TimeLoop": "T", "NETimeLoop": "T", "XYPosLoop": "P", "ZStackLoop": "Z"}
_MAGIC = (b"\xda\xce\xbe\x0a", b"\x00\x00\x00\x0c")
"""How a file begins: the chunks of today, or the JPEG 2000 of files before 2010."""


@dataclass(frozen=True, eq=False)
class Nd2Frames:
    """Frames of one channel.

    Attributes
    ----------
    path : the file. numbers : for each frame, its number in the file. channel : number of the channel.
    recorded : frames the file really holds; nd2 reads the others as zeros.
    height, width : pixels. stored : dtype.
    """

    path: str
    numbers: Indices
    channel: int
    recorded: frozenset[int] | int
    height: int
    width: int
    stored: str

    @property
    def shape(self) -> tuple[int, int, int]:
        """(n_frames, height, width)."""
        return len(self.numbers), self.height, self.width

    @property
    def dtype(self) -> np.dtype[Any]:
        """Dtype of the pixels."""
        return np.dtype(self.stored)

    def read(self, start: int, stop: int) -> NDArray[Any]:
        """Frames `start` to `stop` (exclusive), (n, height, width)."""
        nd2 = require("nd2", Path(self.path))
        out = np.empty((stop - start, self.height, self.width), self.dtype)
        with one_error(self.path, f"frames {start} to {stop - 1} cannot be read"), nd2.ND2File(self.path) as file:
            for frame in range(start, stop):
                number = int(self.numbers[frame])
                if not _holds(self.recorded, number):
                    raise InputError(f"{shown(self.path)}: frame {frame} is not in the file")
                pixels = np.asarray(file.read_frame(number)).reshape(-1, self.height, self.width)
                out[frame - start] = pixels[self.channel]
        return out


def read_nd2(path: Path, series: int | None) -> Stored:
    """What an ND2 file holds: its loops, then the channel. Positions are its series."""
    nd2 = require("nd2", path)
    name = shown(path)
    with open(path, "rb") as raw:
        if raw.read(4) not in _MAGIC:
            raise InputError(f"{name}: not an ND2 file; check the ending of its name")
    with one_error(path), nd2.ND2File(path) as file:
        if file.is_rgb:
            raise colour(name, file.components_per_channel)
        loops = [(_LOOPS.get(str(loop.type), "Q"), int(loop.count)) for loop in file.experiment]
        known = file.attributes
        count = int(np.prod([length for _, length in loops], dtype=object))
        check_planes(path, max(count, 1))
        height, width, dtype = int(known.heightPx), int(known.widthPx or 0), np.dtype(file.dtype)
        check_frame_bytes(path, height, width, dtype.itemsize)
        recorded = _recorded(file, count, path.stat().st_size)
        times = _times(file, count)
        channels = tuple(str(channel.channel.name) for channel in file.metadata.channels or [])
        pitch = file.metadata.channels[0].volume.axesCalibration if channels else (None, None)
        calibrated = channels and file.metadata.channels[0].volume.axesCalibrated[0]
        interval = _interval(file.experiment)
    axes, lengths, numbers = _position(loops, name, series)
    parts = max(int(known.componentCount), 1)
    there = np.array([_holds(recorded, int(number)) for number in numbers], bool)

    def frames(planes: Planes) -> Nd2Frames:
        chosen, channel = numbers[planes // parts], int(planes[0] % parts)
        return Nd2Frames(str(path), compact(chosen), channel, recorded, height, width, dtype.str)

    bits = int(known.bitsPerComponentSignificant or 0)
    return Stored(
        axes + "CYX",
        (*lengths, parts, height, width),
        frames,
        pixel_y=Found.length(pitch[1], "um", "ND2 calibration") if calibrated else Found(),
        pixel_x=Found.length(pitch[0], "um", "ND2 calibration") if calibrated else Found(),
        interval=interval,
        plane_s=None if times is None else np.repeat(times[numbers], parts),
        channels=channels,
        ceiling=float(2**bits - 1) if dtype.kind == "u" and 0 < bits <= 8 * dtype.itemsize else None,
        whole=None if there.all() else np.repeat(_until_last(there), parts),
    )


def _position(loops: list[tuple[str, int]], name: str, series: int | None) -> tuple[str, tuple[int, ...], Planes]:
    """Axes and lengths without positions, and the number in the file of each frame of the chosen position."""
    axes = "".join(letter for letter, _ in loops)
    lengths = tuple(length for _, length in loops)
    numbers = np.arange(int(np.prod(lengths)), dtype=np.int64).reshape(lengths)
    if "P" not in axes:
        if series not in (None, 0):
            raise InputError(f"{name}: there is no position {series}; found one, number 0")
        return axes, lengths, numbers.reshape(-1)
    at = axes.index("P")
    if series is None and lengths[at] > 1:
        raise InputError(f"{name}: holds {lengths[at]} positions; choose one with --series (0 to {lengths[at] - 1})")
    if not 0 <= (series or 0) < lengths[at]:
        raise InputError(f"{name}: there is no position {series}; found {lengths[at]}, counted from 0")
    chosen = np.asarray(numbers.take(series or 0, axis=at))
    return axes.replace("P", ""), chosen.shape, chosen.reshape(-1)


def _recorded(file: Any, count: int, size: int) -> frozenset[int] | int:
    """Frames in the file: a number when they are the first ones (nearly always), else their numbers.

    nd2 makes zeros of frames that were never recorded or lie beyond the end of a cut file, and has no public way to ask.
    """
    known = file.attributes
    offsets = getattr(getattr(file, "_rdr", None), "_frame_offsets", None)
    if not isinstance(offsets, dict):
        return min(int(known.sequenceCount or count), count)
    need = 1 if known.compressionType else int(known.heightPx) * int(known.widthBytes or 0)
    here = frozenset(number for number, offset in offsets.items() if number < count and offset + need <= size)
    return len(here) if here == frozenset(range(len(here))) else here


def _holds(recorded: frozenset[int] | int, number: int) -> bool:
    return number < recorded if isinstance(recorded, int) else number in recorded


def _until_last(there: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """True up to the last frame that is there: what is missing before it is unreadable, what is missing after it is lost."""
    last = int(np.flatnonzero(there)[-1]) if there.any() else -1
    return np.asarray(np.arange(len(there)) <= last)


def _times(file: Any, count: int) -> NDArray[np.float64] | None:
    """Time (s) of each frame from the table of events; None where it has none for every frame."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # nd2 warns of a file without time stamps; that is no news here
        rows = file.events(orient="records")
    times = [row["Time [s]"] for row in rows if "Time [s]" in row and "Index" in row]
    return np.asarray(times[:count], float) if len(times) >= count else None


def _interval(loops: Any) -> Found:
    for loop in loops:
        if str(loop.type) == "TimeLoop":
            measured = getattr(loop.parameters.periodDiff, "avg", None)
            return Found.time(measured or loop.parameters.periodMs, "ms", "ND2 time loop")
    return Found()
