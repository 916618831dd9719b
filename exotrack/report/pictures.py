"""Pictures of the cell: contrast, PNG, the mean of a movie, the outline of a footprint."""

from __future__ import annotations

import base64
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exotrack._drift import shifted
from exotrack.errors import InputError
from exotrack.movie import Movie

MEAN_FRAMES = 48
"""Frames averaged for the picture of the cell: enough to show it, few enough to read in a second."""
MAX_SIDE = 1024
"""Larger pictures are binned: no screen shows more, and the page stays small."""


@dataclass(frozen=True)
class Picture:
    """A PNG as a data address, its size in pixels, and the count values that are drawn black and white."""

    src: str
    width: int
    height: int
    black: float
    white: float


def picture(values: NDArray[Any], low_percent: float = 1.0, high_percent: float = 99.7) -> Picture:
    """An 8-bit grey PNG of `values` (height, width), black and white at the given percentiles; NaN is mid-grey."""
    import imagecodecs

    finite = values[np.isfinite(values)]
    black, white = np.percentile(finite, [low_percent, high_percent]) if finite.size else (0.0, 1.0)
    span = max(float(white - black), 1e-9)
    grey = np.clip((np.where(np.isfinite(values), values, (black + white) / 2) - black) / span, 0, 1)
    png = imagecodecs.png_encode(np.rint(grey * 255).astype(np.uint8), level=9)
    src = "data:image/png;base64," + base64.b64encode(png).decode("ascii")
    return Picture(src, values.shape[1], values.shape[0], float(black), float(white))


def mean_image(
    movie: Movie, usable: NDArray[np.integer[Any]], drift: NDArray[np.float64] | None = None
) -> tuple[NDArray[np.float64], int]:
    """Mean of at most `MEAN_FRAMES` of the `usable` frames, evenly spaced, and their number; NaN if none can be read.

    drift : (n_frames, 2) um by which the frames are laid back, to the nearest pixel.
    """
    moves = np.zeros((len(movie), 2), int) if drift is None else -np.rint(drift / movie.pixel_um).astype(int)
    picked = np.unique(usable[np.linspace(0, len(usable) - 1, min(MEAN_FRAMES, len(usable))).round().astype(int)])
    total = np.zeros(movie.shape[1:])
    seen = np.zeros(movie.shape[1:])
    read = 0
    for frame in picked:
        try:
            pixels = shifted(movie[int(frame)].astype(float), moves[int(frame)], np.nan)
        except InputError:
            continue
        finite = np.isfinite(pixels)
        total += np.where(finite, pixels, 0)
        seen += finite
        read += 1
    return np.where(seen > 0, total / np.maximum(seen, 1), np.nan), read


def binned(values: NDArray[np.float64], max_side: int = MAX_SIDE) -> tuple[NDArray[np.float64], int]:
    """`values` averaged over squares so that no side exceeds `max_side`, and the side of the squares (pixels)."""
    factor = -(-max(values.shape) // max_side)
    if factor == 1:
        return values, 1
    height, width = (-(-n // factor) * factor for n in values.shape)
    padded = np.pad(values, ((0, height - values.shape[0]), (0, width - values.shape[1])), constant_values=np.nan)
    squares = padded.reshape(height // factor, factor, width // factor, factor)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a square without a finite pixel has no mean
        return np.nanmean(squares, axis=(1, 3)), factor


def outlines(footprint: NDArray[Any]) -> str:
    """SVG path (pixels, x y) around every cell of a mask or of a picture of cell numbers (height, width); 0 is outside."""
    from skimage import measure

    untyped: Any = measure
    parts: list[str] = []
    for label in np.unique(footprint[footprint > 0]):
        mask = np.pad(footprint == label, 1).astype(float)
        for contour in untyped.find_contours(mask, 0.5):
            points = untyped.approximate_polygon(contour, 0.8) - 1.0
            parts.append("M" + "L".join(f"{x:.1f} {y:.1f}" for y, x in points) + "Z")
    return "".join(parts)
