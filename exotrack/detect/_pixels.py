"""Pixels that are not like their neighbours: found on the movie, so that they do not pass for spots.

An sCMOS camera has an amplifier in every pixel, and a few in a thousand flicker by many times what light explains (Huang
et al. 2013, Nat Methods 10:653). A spot-sized filter sees each flicker as a spot. The change of a pixel from frame to frame
shows them; vesicles that move or fuse change several pixels at once, so a pixel is told by its neighbours and not by a limit.
Noisy pixels are filled in before anything is looked for. The offsets and gains of the pixels differ as well, a pattern that
stands still: it is noise to whoever looks at one frame, and counts as such.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

TIMES = 3.0
"""Variance over that of the neighbours from which a pixel is noisy. The light of a moving vesicle stays below 2.5."""
SURE = 5.5
"""Standard errors by which it must be over 1 as well: one in 10^7 quiet pixels."""
FEWEST = 8
"""Fewer changes than this tell nothing."""
AROUND = tuple((dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1) if dy or dx)


@dataclass(frozen=True)
class Pixels:
    """What the pixels of a camera differ in.

    noisy : (n, 2) places of the noisy ones.
    fixed : noise with the fixed pattern (offset and gain of each pixel) over noise without; at least 1.
    """

    noisy: NDArray[np.int64]
    fixed: float

    @classmethod
    def of(cls, pairs: Iterable[NDArray[Any]]) -> Pixels:
        """Measured on pairs of consecutive frames, (2, height, width), one pair at a time."""
        squares = total = change = np.zeros((1, 1), np.float32)
        n = 0
        for pair in pairs:
            first, second = pair.astype(np.float32)
            step = second - first
            squares, total, change, n = squares + (step - step.mean()) ** 2, total + first + second, change + step, n + 1
        if n < FEWEST:
            return cls(np.empty((0, 2), np.int64), 1.0)
        noisy = _noisy(squares, n)
        return cls(noisy, _fixed(filled(total, noisy), filled(change, noisy), 2 * n))


def _noisy(squares: NDArray[Any], n: int) -> NDArray[np.int64]:
    """Pixels that exceed `limit` times the median of the 5 x 5 pixels around them; the image is mirrored at its borders.

    That is the same as at least 13 of the 25 below the value over `limit`, and counting takes a fiftieth of the time of
    sorting.
    """
    limit = max(TIMES, 1 + SURE * np.sqrt(2.0 / n))
    height, width = squares.shape
    padded, reach = np.pad(squares, 2, mode="reflect"), squares / np.float32(limit)
    below = np.zeros(squares.shape, np.uint8)
    for dy in range(5):
        for dx in range(5):
            below += padded[dy : dy + height, dx : dx + width] < reach
    return np.argwhere(below > 12)


def _fixed(total: NDArray[Any], change: NDArray[Any], frames: int) -> float:
    """From the sum of all frames and the sum of the changes within pairs, in which nothing still is left.

    The differences of neighbours along both axes pass what is finer than any lens can draw, and in it a pattern of the
    pixels shows as an excess of the sum over the changes.
    """
    together, moving = (half_width(np.diff(np.diff(image, axis=0), axis=1)) ** 2 for image in (total, change))
    if not moving > 0:
        return 1.0
    # Both hold `frames` times the noise of one frame; the sum holds `frames` squared times the pattern as well.
    return float(np.sqrt(max((together / moving - 1) / frames, 0.0) + 1.0))


def half_width(values: NDArray[np.floating[Any]]) -> float:
    """Half the distance between the 16th and the 84th percentile: the standard deviation of a normal variable.

    Every third pixel along each axis will do, its neighbours being correlated with it.
    """
    low, high = np.percentile(values[::3, ::3], [15.8655, 84.1345])
    return float(high - low) / 2


def filled(image: NDArray[Any], noisy: NDArray[np.int64]) -> NDArray[Any]:
    """The image with the mean of the quiet among its eight neighbours in each noisy pixel, in the same dtype."""
    if not len(noisy):
        return image
    height, width = image.shape
    around = noisy[:, None, :] + np.array(AROUND)
    inside = ((around >= 0) & (around < (height, width))).all(axis=2)
    at, around_at = noisy @ (width, 1), np.where(inside, around @ (width, 1), 0)
    quiet = inside & ~np.isin(around_at, at)
    mended = np.ascontiguousarray(image).copy()
    flat, count = mended.reshape(-1), quiet.sum(axis=1)
    known = count > 0
    values = np.where(quiet, flat[around_at], 0.0).sum(axis=1)[known] / count[known]
    flat[at[known]] = values if image.dtype.kind == "f" else np.rint(values)
    return mended
