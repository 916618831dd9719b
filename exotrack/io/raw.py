"""Frames that lie uncompressed in one or more files: read at their offsets, without any library."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exotrack.errors import InputError
from exotrack.io.guard import shown
from exotrack.io.stored import Indices


@dataclass(frozen=True, eq=False)
class RawFrames:
    """Frames at known offsets.

    Attributes
    ----------
    paths : the files.
    file : for each frame, which of `paths`; None when there is one file.
    offsets : for each frame, where its pixels begin (bytes); negative means that the file does not hold the frame.
    height, width : pixels.
    stored : dtype in the file, with its byte order (``>u2``).
    """

    paths: tuple[str, ...]
    file: Indices | None
    offsets: Indices
    height: int
    width: int
    stored: str

    @property
    def shape(self) -> tuple[int, int, int]:
        """(n_frames, height, width)."""
        return len(self.offsets), self.height, self.width

    @property
    def dtype(self) -> np.dtype[Any]:
        """Dtype in the byte order of this machine."""
        dtype: np.dtype[Any] = np.dtype(self.stored).newbyteorder("=")
        return dtype

    def read(self, start: int, stop: int) -> NDArray[Any]:
        """Frames `start` to `stop` (exclusive), (n, height, width)."""
        out = np.empty((stop - start, self.height, self.width), np.dtype(self.stored))
        for path, first, last in runs(self.paths, self.file, start, stop):
            try:
                with open(path, "rb", buffering=0) as file:
                    for frame in range(first, last):
                        self._fill(file, frame, out[frame - start])
            except OSError as problem:
                raise InputError(f"{shown(path)}: frames {first} to {last - 1} cannot be read: {problem.strerror}") from problem
        return np.ascontiguousarray(out.astype(self.dtype, copy=False))

    def window(self, start: int, stop: int, rows: slice, columns: slice) -> NDArray[Any]:
        """Part of frames `start` to `stop` (exclusive); only its rows are read."""
        first, height = rows.start, rows.stop - rows.start
        shift = first * self.width * np.dtype(self.stored).itemsize
        at = np.array([self.offsets[frame] for frame in range(start, stop)], np.int64)
        file = None if self.file is None else np.array([self.file[frame] for frame in range(start, stop)])
        strips = RawFrames(self.paths, file, np.where(at < 0, -1, at + shift), height, self.width, self.stored)
        return strips.read(0, stop - start)[:, :, columns]

    def _fill(self, file: Any, frame: int, pixels: NDArray[Any]) -> None:
        offset = int(self.offsets[frame])
        if offset < 0:
            raise InputError(f"{shown(file.name)}: frame {frame} is not in the file")
        file.seek(offset)
        into = pixels.data.cast("B")
        done = 0
        while done < len(into):
            count = file.readinto(into[done:])
            if not count:
                raise InputError(f"{shown(file.name)}: frame {frame} ends early: {done} of {len(into)} bytes")
            done += count


def runs(paths: tuple[str, ...], file: Indices | None, start: int, stop: int) -> list[tuple[str, int, int]]:
    """Cut frames `start` to `stop` into runs (path, first, stop) that lie in one file, so that each is opened once."""
    if file is None:
        return [(paths[0], start, stop)] if stop > start else []
    found: list[tuple[str, int, int]] = []
    for frame in range(start, stop):
        path = paths[int(file[frame])]
        if found and found[-1][0] == path:
            found[-1] = (path, found[-1][1], frame + 1)
        else:
            found.append((path, frame, frame + 1))
    return found
