"""Movie: lazy pixels and what they mean.

A `Movie` holds no pixels. Its `frames` is anything that can say its shape and read a run of whole frames; readers in
`exotrack.io` give objects that hold a path and offsets only, so a Movie travels to any worker for a few kilobytes and
every block of frames is read where it is used.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from exotrack.errors import CalibrationError, InputError
from exotrack.physics import Noise

PIXEL_UM_RANGE = (0.005, 5.0)
"""Below 5 nm is finer than any light microscope samples, above 5 um is larger than a vesicle's neighbourhood."""
FRAME_S_RANGE = (1e-4, 3600.0)
"""From 10,000 frames a second (the fastest cameras on small regions) to one an hour."""


@runtime_checkable
class FrameSource(Protocol):
    """Where the pixels come from: picklable, safe to read from several threads at once."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """(n_frames, height, width)."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """Dtype of the pixels as stored."""

    def read(self, start: int, stop: int) -> NDArray[Any]:
        """Frames `start` to `stop` (exclusive), always of shape (stop - start, height, width).

        Raises `InputError` if a frame cannot be read.
        """


@dataclass(frozen=True)
class ArrayFrames:
    """Frames of an array in memory, or of anything that slices like one (memory map, zarr, dask)."""

    array: Any

    @property
    def shape(self) -> tuple[int, int, int]:
        """(n_frames, height, width)."""
        n, y, x = self.array.shape
        return int(n), int(y), int(x)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Dtype of the array."""
        dtype: np.dtype[Any] = np.dtype(self.array.dtype)
        return dtype

    def read(self, start: int, stop: int) -> NDArray[Any]:
        """Frames `start` to `stop` (exclusive)."""
        return np.asarray(self.array[start:stop])


@dataclass(frozen=True)
class Movie:
    """One channel of one time series, (t, y, x), with its calibration.

    Attributes
    ----------
    frames : source of the pixels.
    pixel_um : side of a square pixel in the sample (um).
    frame_s : median interval between frames (s).
    movie_id : name used in every table.
    times_s : (n_frames,) time of each frame from the first (s); None means frame * frame_s exactly.
    noise : camera noise if the file or the user gives it; None means it is estimated from the movie.
    ceiling : largest count the detector can give, for flagging saturation; None means unknown.
    sources : where each calibration value came from ("file: ImageJ finterval", "--pixel-um", ...).
    notes : what the reader noticed and the user should know ("time series stored as slices").
    """

    frames: FrameSource
    pixel_um: float
    frame_s: float
    movie_id: str = "movie"
    times_s: NDArray[np.float64] | None = None
    noise: Noise | None = None
    ceiling: float | None = None
    sources: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _check_range("pixel_um", self.pixel_um, PIXEL_UM_RANGE, "um", "--pixel-um")
        _check_range("frame_s", self.frame_s, FRAME_S_RANGE, "s", "--frame-s")
        n, y, x = self.shape
        if n < 2:
            raise InputError(f"{self.movie_id}: a movie needs at least 2 frames, found {n} of {y} x {x} pixels")
        if min(y, x) < 16:
            raise InputError(f"{self.movie_id}: frames must be at least 16 x 16 pixels, found {y} x {x}")
        if self.dtype.kind not in "uif":
            raise InputError(f"{self.movie_id}: pixels must be whole or real numbers, found {self.dtype}")
        if self.times_s is not None and (len(self.times_s) != n or np.any(np.diff(self.times_s) <= 0)):
            raise InputError(f"{self.movie_id}: times_s must hold {n} increasing times, found {len(self.times_s)}")

    @classmethod
    def from_array(cls, frames: Any, *, pixel_um: float, frame_s: float, **fields: Any) -> Movie:
        """A movie from an array of shape (n_frames, height, width); `fields` are further attributes of `Movie`.

        Raises `InputError` for another number of axes, `CalibrationError` for an absurd pixel size or interval.
        """
        if len(getattr(frames, "shape", ())) != 3:
            raise InputError(f"a movie has axes (t, y, x), found shape {getattr(frames, 'shape', None)}")
        return cls(ArrayFrames(frames), pixel_um, frame_s, **fields)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(n_frames, height, width)."""
        return self.frames.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Dtype of the pixels as stored."""
        dtype: np.dtype[Any] = self.frames.dtype
        return dtype

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, frame: int) -> NDArray[Any]:
        """One frame, (height, width); negative numbers count from the end."""
        frame = range(len(self))[frame]
        pixels: NDArray[Any] = self.read(frame, frame + 1)[0]
        return pixels

    def read(self, start: int, stop: int) -> NDArray[Any]:
        """Frames `start` to `stop` (exclusive), clipped to the movie: (n, height, width) in the stored dtype."""
        start, stop = max(start, 0), min(stop, len(self))
        pixels: NDArray[Any] = self.frames.read(start, stop)
        return pixels

    def t_s(self, frame: NDArray[np.integer[Any]] | int) -> NDArray[np.float64]:
        """Time (s) of one or more frames from the first."""
        if self.times_s is not None:
            return np.asarray(self.times_s[frame], float)
        return np.asarray(frame, float) * self.frame_s

    @property
    def duration_s(self) -> float:
        """Time that the movie covers (s): from the first frame to one interval after the last."""
        return float(self.t_s(len(self) - 1)) + self.frame_s

    def with_id(self, movie_id: str) -> Movie:
        """The same movie under another name."""
        return replace(self, movie_id=movie_id)


def _check_range(name: str, value: float, allowed: tuple[float, float], unit: str, flag: str) -> None:
    low, high = allowed
    if not (math.isfinite(value) and low <= value <= high):
        raise CalibrationError(
            f"{name} must lie between {low:g} and {high:g} {unit}, found {value:g}; give the true value with {flag}"
        )
