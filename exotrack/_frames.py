"""Which frames can be used: the status of every frame, from the frame itself and the movie's usual brightness.

* ``unreadable`` the file does not give the frame (a damaged page, a missing chunk); its pixels are zeros.
* ``nan`` it holds a value that is not finite.
* ``saturated`` more than `SATURATED` of its pixels are at the detector's ceiling. It stays usable, its clipped values being
  lower bounds, until `CLIPPED` of the pixels are.
* ``black`` a closed shutter or a lost frame: every pixel has one value, or brightness and contrast have collapsed together.
* ``ok`` everything else.
"""

from __future__ import annotations

import math
import threading
import weakref
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from exotrack._blocks import Block, Execution, blocks, map_blocks
from exotrack.errors import InputError
from exotrack.movie import Movie
from exotrack.tables import Frames

if TYPE_CHECKING:
    import pandas as pd

SATURATED = 1e-3
"""Fraction of pixels at the ceiling. Hot pixels and a few clipped spots are below it (ten clipped spots of 15 pixels are
0.06 % of 512 x 512) and would otherwise flag whole movies; `saturated_fraction` tells of them too."""
CLIPPED = 0.5
"""From half of the pixels at the ceiling on, a frame has no background left to measure against."""
_SAMPLES = 31
"""Frames looked at for the usual brightness, evenly spread."""
_NEAR = 5
"""Of these, as many on either side say what is usual for a frame: two of them may be black themselves, so that a shutter may
stay closed for a fifteenth of the movie and still be seen."""
_FLAT, _FLATTER = 0.5, 0.7
"""Contrast, in units of the usual, below which a dark frame has none: if darker than usual, or than nearly all of it was."""
_PIXELS = 16_384
"""Pixels of a frame whose quantiles are taken: their standard error is under 1 % of the spread."""


@dataclass(frozen=True, eq=False)
class Level:
    """Usual brightness of a movie, from frames spread evenly over it.

    Attributes
    ----------
    frames : (n,) the frames looked at, in order; empty if none could be used.
    shapes : (n, 3) first percentile, 99th percentile and mean (counts) of each.
    """

    frames: NDArray[np.int64]
    shapes: NDArray[np.float64]

    def collapsed(self, frame: int, shape: NDArray[np.float64]) -> bool:
        """A noisy frame without light, by its percentiles and mean `shape`.

        With the shutter closed the contrast (mean above the first percentile) falls to that of read noise, and either the
        99th percentile falls below the usual mean or, in a picture without structure, the mean below the usual first
        percentile. It must have fallen against what comes before and against what comes after: bleaching and a lasting
        change of brightness have at least one side of their own kind.
        """
        low, high, mean = shape
        sides = self._sides(frame)
        for usual_low, _, usual_mean in sides:
            contrast = (mean - low) / max(usual_mean - usual_low, 1e-12)
            if not ((high < usual_mean and contrast < _FLAT) or (mean < usual_low and contrast < _FLATTER)):
                return False
        return bool(sides)

    def contrasts(self, frame: int, pixels: NDArray[np.float64]) -> bool:
        """Whether a frame, by a sample of its pixels, has so much contrast that it cannot be `collapsed`.

        Tells nearly all frames without sorting their pixels: the first percentile is far below the mean if enough are.
        """
        mean = float(pixels.mean())
        reach = [max(usual_mean - usual_low, 1e-12) for usual_low, _, usual_mean in self._sides(frame)]
        # A little further than need be, so that rounding does not decide.
        return not reach or int(np.count_nonzero(pixels <= mean - 1.01 * _FLATTER * min(reach))) > len(pixels) // 100

    def _sides(self, frame: int) -> list[tuple[float, float, float]]:
        """Usual shape before and after a frame, without a side on which nothing is known."""
        at = int(np.searchsorted(self.frames, frame))
        after = at + int(at < len(self.frames) and self.frames[at] == frame)
        sides = ((max(at - _NEAR, 0), at), (after, min(after + _NEAR, len(self.frames))))
        return [self._usual(*side) for side in sides if side[0] < side[1]]

    def _usual(self, first: int, stop: int) -> tuple[float, float, float]:
        if (first, stop) not in self._medians:
            low, high, mean = np.median(self.shapes[first:stop], axis=0)
            self._medians[first, stop] = (float(low), float(high), float(mean))
        return self._medians[first, stop]

    @cached_property
    def _medians(self) -> dict[tuple[int, int], tuple[float, float, float]]:
        """Medians taken so far: neighbouring frames ask for the same."""
        return {}

    def lit(self) -> Level:
        """The same without the frames that are black themselves, so that a run of them does not pass for usual."""
        keep = np.array([not self.collapsed(int(k), shape) for k, shape in zip(self.frames, self.shapes, strict=True)], bool)
        return self if keep.all() else Level(self.frames[keep], self.shapes[keep]).lit()


def read_usable(movie: Movie, start: int, stop: int, typical: Level | None = None) -> tuple[NDArray[Any], list[str]]:
    """Frames `start` to `stop` (exclusive) and the status of each, whatever state the file is in.

    Parameters
    ----------
    typical : from `level`; None takes it from the movie (measured once and remembered).

    Returns
    -------
    pixels : (n, height, width) in the stored dtype; unreadable frames are zeros.
    statuses : one of `tables.FRAME_STATUSES` for each frame.
    """
    start, stop = max(start, 0), min(stop, len(movie))
    pixels, readable = _read(movie, start, stop)
    typical = level(movie) if typical is None else typical
    statuses = [_status(pixels[k], start + k, movie, typical) if readable[k] else "unreadable" for k in range(stop - start)]
    return pixels, statuses


def survey(movie: Movie, run: Execution = Execution()) -> pd.DataFrame:
    """Table `Frames`: status, mean (counts) and saturated fraction of every frame of the movie.

    The fraction is missing where the detector's ceiling is unknown (pixels that are real numbers).
    """
    typical = level(movie)
    tasks = [(movie, block, typical) for block in blocks(movie, run)]
    parts = list(map_blocks("survey", _survey_block, tasks, run))
    frame = np.arange(len(movie))
    return Frames.build(
        {
            "movie_id": [movie.movie_id] * len(frame),
            "frame": frame,
            "t_s": movie.t_s(frame),
            "status": [status for part in parts for status in part[0]],
            "mean": np.concatenate([part[1] for part in parts]),
            "saturated_fraction": np.concatenate([part[2] for part in parts]),
        }
    )


def usable(frames: pd.DataFrame) -> NDArray[np.bool_]:
    """(n_frames,) whether each frame of table `Frames` can be analysed."""
    clipped = frames["saturated_fraction"].fillna(0.0).to_numpy() >= CLIPPED
    status = frames["status"].to_numpy()
    return np.asarray((status == "ok") | ((status == "saturated") & ~clipped), bool)


def usable_of(pixels: NDArray[Any], statuses: list[str], movie: Movie) -> NDArray[np.bool_]:
    """(n,) the same as `usable`, of frames and statuses as `read_usable` gives them."""
    return np.array(
        [
            status == "ok" or (status == "saturated" and _saturated_fraction(frame, movie) < CLIPPED)
            for frame, status in zip(pixels, statuses, strict=True)
        ],
        bool,
    )


def require_usable(frames: pd.DataFrame, movie_id: str) -> None:
    """Raise `InputError` if no frame of the movie can be analysed; the text says why."""
    if usable(frames).any():
        return
    counts = frames["status"].value_counts()
    listed = ", ".join(f"{count} {status}" for status, count in counts.items())
    if (frames["status"] == "black").all() and (frames["mean"] == 0).all():
        why = f"every pixel of its {len(frames)} frames is 0; export the movie again"
    elif (frames["status"] == "black").all():
        why = f"all {len(frames)} frames are black or of one value; check the shutter, export the movie again"
    elif (frames["status"] == "saturated").all():
        why = f"all {len(frames)} frames are saturated; record with less light, exposure or gain"
    else:
        why = f"none of its {len(frames)} frames can be used ({listed}); check the file"
    raise InputError(f"{movie_id}: {why}")


def level(movie: Movie) -> Level:
    """Usual brightness, from frames spread evenly over the movie.

    Measured once for each movie in a process. A stage that sends blocks to other processes passes it on.
    """
    key = id(movie.frames)
    with _lock:
        known = _levels.get(key)
    if known is not None and known[0]() is movie.frames:
        return known[1]
    found = _measure_level(movie)
    with _lock:
        _levels[key] = (weakref.ref(movie.frames, lambda _: _levels.pop(key, None)), found)
    return found


_lock = threading.Lock()
_levels: dict[int, tuple[weakref.ref[Any], Level]] = {}


def _measure_level(movie: Movie) -> Level:
    at, rows = [], []
    for frame in sorted({int(k) for k in np.linspace(0, len(movie) - 1, _SAMPLES)}):
        pixels, readable = _read(movie, frame, frame + 1)
        lowest, highest = _range(pixels[0])
        if readable[0] and math.isfinite(lowest) and math.isfinite(highest) and lowest != highest:
            at.append(frame)
            rows.append(_shape(pixels[0]))
    return Level(np.array(at, np.int64), np.array(rows, float).reshape(-1, 3)).lit()


def _read(movie: Movie, start: int, stop: int) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Pixels, and which frames could be read: the block in one piece, or frame by frame if that fails."""
    try:
        return movie.read(start, stop), np.ones(stop - start, bool)
    except InputError:
        if stop - start == 1:
            return np.zeros((1, *movie.shape[1:]), movie.dtype), np.zeros(1, bool)
    parts = [_read(movie, frame, frame + 1) for frame in range(start, stop)]
    return np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts])


def _status(frame: NDArray[Any], number: int, movie: Movie, typical: Level) -> str:
    """Status of a frame that could be read."""
    lowest, highest = _range(frame)
    # What is not finite, NaN too, is passed on to either.
    if not (math.isfinite(lowest) and math.isfinite(highest)):
        return "nan"
    if highest >= ceiling_of(movie) and _saturated_fraction(frame, movie) > SATURATED:
        return "saturated"
    if lowest == highest:
        return "black"
    return "black" if not typical.contrasts(number, _sample(frame)) and typical.collapsed(number, _shape(frame)) else "ok"


def _range(frame: NDArray[Any]) -> tuple[float, float]:
    """Smallest and largest value."""
    with np.errstate(invalid="ignore"):
        return float(frame.min()), float(frame.max())


def _sample(frame: NDArray[Any]) -> NDArray[np.float64]:
    """A regular sample of the pixels (an odd step, so not always the same columns)."""
    step = max(frame.size // _PIXELS, 1) | 1
    pixels: NDArray[np.float64] = frame.reshape(-1)[::step].astype(float)
    return pixels


def _shape(frame: NDArray[Any]) -> NDArray[np.float64]:
    """First and 99th percentile and mean of a sample of the pixels."""
    pixels = _sample(frame)
    ranks = [len(pixels) // 100, len(pixels) * 99 // 100]
    return np.array([*np.partition(pixels, ranks)[ranks], pixels.mean()])


def ceiling_of(movie: Movie) -> float:
    """Largest value (counts) that the movie's detector can give, infinite if unknown."""
    if movie.ceiling is None:
        return float(np.iinfo(movie.dtype).max) if movie.dtype.kind in "ui" else math.inf
    return movie.ceiling


def _saturated_fraction(frame: NDArray[Any], movie: Movie) -> float:
    """Fraction of pixels at the ceiling, NaN where no ceiling is known."""
    top = ceiling_of(movie)
    return float("nan") if math.isinf(top) else float(np.count_nonzero(frame >= top)) / frame.size


def _survey_block(movie: Movie, block: Block, typical: Level) -> tuple[list[str], NDArray[np.float64], NDArray[np.float64]]:
    pixels, statuses = read_usable(movie, block.start, block.stop, typical)
    mean, clipped = np.full(len(statuses), np.nan), np.full(len(statuses), np.nan)
    for k, (frame, status) in enumerate(zip(pixels, statuses, strict=True)):
        if status != "unreadable":
            finite = frame[np.isfinite(frame)] if status == "nan" else frame
            mean[k] = finite.mean(dtype=np.float64) if finite.size else np.nan
            clipped[k] = _saturated_fraction(frame, movie)
    return statuses, mean, clipped
