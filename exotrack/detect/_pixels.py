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

CLIP = 4.0
"""Squared changes count up to here, in variances: a vesicle that passes once in 24 pairs then adds a sixth at most."""
QUIET, SPREAD = 0.92, 1.17
"""Mean and standard deviation of a clipped square where the noise is normal."""
SURE = 5.5
"""Standard errors by which a noisy pixel is over `QUIET`: one in 10^7 quiet pixels, and all with six times the variance."""
TIMES = 1.7
"""Times the median of its neighbours that it is at least: where vesicles flicker all the time, neighbours flicker too."""
LOCAL = 16
"""Side (pixels) of the squares whose mean change is the usual one: many spots wide, and narrower than cells."""
SPARSE = 3
"""Every third pixel along an axis will do for the width of a distribution, its neighbours being correlated with it."""
NOTHING = 4.0
"""Standard deviations that the filter of noise does not reach in one of ten squares."""
FEWEST = 8
"""Fewer changes than this tell nothing."""


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
            squares, total, change, n = squares + _clipped(step - step.mean()), total + first + second, change + step, n + 1
        if n < FEWEST:
            return cls(np.empty((0, 2), np.int64), 1.0)
        return cls(_noisy(squares, n), _fixed(total, change, 2 * n))


def _clipped(change: NDArray[Any]) -> NDArray[Any]:
    """Squares in units of the variance of the square of pixels they lie in, clipped."""
    height, width = change.shape
    rows, columns = (np.arange(0, size, LOCAL) for size in (height, width))
    total = np.add.reduceat(np.add.reduceat(np.abs(change), rows, axis=0), columns, axis=1)
    area = np.outer(np.diff(rows, append=height), np.diff(columns, append=width))
    weight = (np.float32(2 / np.pi) / np.maximum(total / area, 1e-12) ** 2).astype(np.float32)
    across = np.repeat(weight, np.diff(columns, append=width), axis=1)
    scaled = change * change
    for k, row in enumerate(rows):
        scaled[row : row + LOCAL] *= across[k]
    return np.asarray(np.minimum(scaled, np.float32(CLIP), out=scaled))


def _noisy(squares: NDArray[Any], n: int) -> NDArray[np.int64]:
    from scipy.ndimage import median_filter

    over = squares > n * (QUIET + SURE * SPREAD / np.sqrt(n))
    return np.argwhere(over & (squares > TIMES * median_filter(squares, 5, mode="mirror"))) if over.any() else np.argwhere(over)


def _fixed(total: NDArray[Any], change: NDArray[Any], frames: int) -> float:
    """From the sum of all frames and the sum of the changes within pairs, in which nothing still is left.

    The differences of neighbours along both axes pass what is finer than any lens can draw, and in it a pattern of the
    pixels shows as an excess of the sum over the changes. The few noisy pixels are beyond the quantiles that are compared.
    """
    together, moving = (half_width(np.diff(np.diff(image, axis=0), axis=1)[::SPARSE, ::SPARSE]) ** 2 for image in (total, change))
    if not moving > 0:
        return 1.0
    # Both hold `frames` times the noise of one frame; the sum holds `frames` squared times the pattern as well.
    return float(np.sqrt(max((together / moving - 1) / frames, 0.0) + 1.0))


def half_width(values: NDArray[np.floating[Any]]) -> float:
    """Half the distance between the 16th and the 84th percentile: the standard deviation of a normal variable."""
    low, high = np.percentile(values, [15.8655, 84.1345])
    return float(high - low) / 2


def lower_width(values: NDArray[np.floating[Any]]) -> float:
    """Distance between the 2.3rd and the 16th percentile, the same of a normal variable that something lifts here and there."""
    lowest, low = np.percentile(values, [2.275, 15.8655])
    return float(low - lowest)


def quiet_part(filtered: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Which of every `SPARSE`-th pixel along either axis lie in squares in which the filter finds nothing but noise."""
    rows, columns = (np.arange(0, size, LOCAL) for size in filtered.shape)
    highest = np.maximum.reduceat(np.maximum.reduceat(filtered, rows, axis=0), columns, axis=1)
    quiet = highest < NOTHING * lower_width(filtered[::SPARSE, ::SPARSE])
    at = [np.arange(0, size, SPARSE) // LOCAL for size in filtered.shape]
    return np.asarray(quiet[np.ix_(*at)])
