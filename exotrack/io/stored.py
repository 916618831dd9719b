"""Stored: what a file holds before the user's wishes are applied. Every reader returns one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exotrack.io import units
from exotrack.movie import FrameSource

Planes = NDArray[np.int64]
Indices = range | Planes


@dataclass(frozen=True)
class Found:
    """A calibration value as a file states it.

    Attributes
    ----------
    value : in um or s; None where the file has none.
    source : where it stood ("ImageJ finterval").
    problem : why a value that is there cannot be used.
    """

    value: float | None = None
    source: str = ""
    problem: str = ""

    @classmethod
    def length(cls, value: Any, unit: str, source: str) -> Found:
        """A length with its unit as the file writes it, in um."""
        return cls._read(units.length_um, value, unit, source)

    @classmethod
    def time(cls, value: Any, unit: str, source: str) -> Found:
        """A time with its unit as the file writes it, in s."""
        return cls._read(units.time_s, value, unit, source)

    @classmethod
    def _read(cls, convert: Callable[[float, str], float | None], value: Any, unit: str, source: str) -> Found:
        if value is None:
            return cls()
        try:
            return cls(convert(float(value), unit), source)
        except (TypeError, ValueError) as problem:
            return cls(None, source, str(problem))


@dataclass(frozen=True, eq=False)
class Stored:
    """What a file holds.

    Attributes
    ----------
    axes, shape : letters and lengths of all axes; the last two are Y and X. T time, C channel, Z depth, I, Q or any
        other letter: something the file does not name.
    frames : makes a source of the chosen planes; planes are numbered in row-major order of the axes before Y and X.
    pixel_y, pixel_x, pixel_z : pixel pitch and distance of sections (um); interval : time between frames (s).
    plane_s : (n_planes,) time of each plane (s), NaN where unknown; None if the file has no time stamps.
    channels : names, as many as there are channels, or none.
    ceiling : largest count the detector can give, if the file says so.
    whole : (n_planes,) whether the file still holds all bytes of the plane; None means all.
    counted : the file says how many planes there should be; False when it broke off and nothing says so.
    ending : what is wrong with the end of the file, if anything is.
    notes : what the user should know.
    """

    axes: str
    shape: tuple[int, ...]
    frames: Callable[[Planes], FrameSource]
    pixel_y: Found = Found()
    pixel_x: Found = Found()
    pixel_z: Found = Found()
    interval: Found = Found()
    plane_s: NDArray[np.float64] | None = None
    channels: tuple[str, ...] = ()
    ceiling: float | None = None
    whole: NDArray[np.bool_] | None = None
    counted: bool = True
    ending: str = ""
    notes: tuple[str, ...] = ()

    @property
    def sizes(self) -> str:
        """Axes and lengths for a message: ``T=50 Y=64 X=64``."""
        return " ".join(f"{axis}={length}" for axis, length in zip(self.axes, self.shape, strict=True))


def compact(values: NDArray[Any]) -> Indices:
    """Whole numbers as a `range` where they are evenly spaced: a movie of any length then travels in a few bytes."""
    values = np.asarray(values, np.int64)
    if len(values) < 2:
        return values
    steps = np.diff(values)
    step = int(steps[0])
    if step == 0 or np.any(steps != step):
        return values
    return range(int(values[0]), int(values[0]) + step * len(values), step)
