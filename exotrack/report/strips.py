"""Montage strips: the same small window in the frames around an event.

Pixels are read in runs of whole frames, each frame once for all events that need it, and only the windows are kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exotrack.errors import InputError
from exotrack.movie import Movie
from exotrack.report.numbers import bar_um, missing
from exotrack.report.pictures import Picture, picture

BEFORE, NEAR, FAR = 4, 2, 7
"""Frames shown before the event, right after it, and further on (there every `stride`-th)."""
MAX_STRIDE = 25
RUN_BYTES = 32_000_000


@dataclass(frozen=True)
class Window:
    """Where and when to look: centre (pixels), half side (pixels), frames in order."""

    y: int
    x: int
    half: int
    frames: tuple[int, ...]
    event_frame: int


@dataclass(frozen=True)
class Tile:
    """One frame of a strip: its number, its time from the event, whether it is the event's own or one that is not analysed."""

    frame: int
    label: str
    is_event: bool
    lost: bool


@dataclass(frozen=True)
class Strip:
    """A strip ready for the page: picture, tiles, scale bar (um, and percent of a tile's width)."""

    picture: Picture
    tiles: tuple[Tile, ...]
    bar_um: float
    bar_percent: float
    tile_um: float


def window(event: Any, movie: Movie, radius_um: float) -> Window:
    """The window of an event (a row with frame, y_um, x_um and perhaps decay_s), 1.5 measuring radii to each side."""
    half = int(np.clip(np.ceil(1.5 * radius_um / movie.pixel_um), 8, 20))
    decay_s = getattr(event, "decay_s", float("nan"))
    stride = 1 if missing(decay_s) else int(np.clip(round(3.0 * float(decay_s) / movie.frame_s / FAR), 1, MAX_STRIDE))
    offsets = [*range(-BEFORE, NEAR + 1), *(NEAR + stride * k for k in range(1, FAR + 1))]
    frame = int(event.frame)
    frames = tuple(frame + offset for offset in offsets if 0 <= frame + offset < len(movie))
    y, x = (0 if missing(value) else round(float(value) / movie.pixel_um) for value in (event.y_um, event.x_um))
    return Window(y, x, half, frames, frame)


def strips(movie: Movie, windows: Sequence[Window], lost: frozenset[int] = frozenset()) -> list[Strip]:
    """A strip for each window; frames that are `lost` or cannot be read, and pixels outside the frame, are grey."""
    crops = [np.full((len(w.frames), 2 * w.half + 1, 2 * w.half + 1), np.nan, np.float32) for w in windows]
    wanted: dict[int, list[tuple[int, int]]] = {}
    for number, one in enumerate(windows):
        for place, frame in enumerate(one.frames):
            if frame in lost:
                continue  # a black or broken frame would spoil the strip's common contrast
            wanted.setdefault(frame, []).append((number, place))
    for start, stop in _runs(sorted(wanted), movie):
        try:
            pixels = movie.read(start, stop)
        except InputError:
            continue  # a lost frame stays grey; the quality panel says which frames were lost
        for frame in range(start, stop):
            for number, place in wanted.get(frame, ()):
                _cut(pixels[frame - start], windows[number], crops[number][place])
    return [_strip(movie, one, crop, lost) for one, crop in zip(windows, crops, strict=True)]


def _runs(frames: Sequence[int], movie: Movie) -> Iterator[tuple[int, int]]:
    """Neighbouring frames together, as (start, stop), at most `RUN_BYTES` of pixels each."""
    longest = max(RUN_BYTES // (movie.shape[1] * movie.shape[2] * movie.dtype.itemsize), 1)
    start = previous = None
    for frame in frames:
        if start is not None and previous is not None and (frame != previous + 1 or frame - start >= longest):
            yield start, previous + 1
            start = None
        start, previous = (frame if start is None else start), frame
    if start is not None and previous is not None:
        yield start, previous + 1


def _cut(pixels: NDArray[Any], one: Window, into: NDArray[np.float32]) -> None:
    height, width = pixels.shape
    top, left = one.y - one.half, one.x - one.half
    y0, y1 = max(top, 0), min(one.y + one.half + 1, height)
    x0, x1 = max(left, 0), min(one.x + one.half + 1, width)
    if y0 < y1 and x0 < x1:
        into[y0 - top : y1 - top, x0 - left : x1 - left] = pixels[y0:y1, x0:x1]


def _strip(movie: Movie, one: Window, crop: NDArray[np.float32], lost: frozenset[int]) -> Strip:
    finite = np.where(np.isfinite(crop), crop, np.nan)
    t_s = movie.t_s(np.array(one.frames)) - float(movie.t_s(one.event_frame))
    step = float(np.min(np.diff(t_s))) if len(t_s) > 1 else 1.0
    # As few decimals as tell the smallest step to 2 percent: 0.1 s steps need one, 0.033 s steps three.
    decimals = next((d for d in range(4) if abs(round(step, d) - step) <= 0.02 * step), 4)
    labels = ["0" if f == one.event_frame else _signed(t, decimals) for f, t in zip(one.frames, t_s, strict=True)]
    tiles = tuple(Tile(f, label, f == one.event_frame, f in lost) for f, label in zip(one.frames, labels, strict=True))
    side = 2 * one.half + 1
    tile_um = side * movie.pixel_um
    bar = bar_um(tile_um * 2)
    return Strip(picture(np.hstack(list(finite)), 1.0, 99.8), tiles, bar, 100 * bar / tile_um, tile_um)


def _signed(t_s: float, decimals: int) -> str:
    return f"{t_s:+.{decimals}f}".replace("-", "−")
