"""Pixels that are not like their neighbours: found on the movie, so that they do not pass for spots.

An sCMOS camera has an amplifier in every pixel, and a few in a thousand flicker by many times what light explains (Huang
et al. 2013, Nat Methods 10:653). A spot-sized filter sees each flicker as a spot. The change of a pixel from frame to frame
shows them; vesicles that move or fuse change several pixels at once, so a pixel is told by its neighbours and not by a limit.
Noisy pixels are filled in before anything is looked for. The offsets and gains of the pixels differ as well, a pattern that
stands still: it is noise to whoever looks at one frame, and counts as such.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.lib.stride_tricks import sliding_window_view
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
            if not n:
                squares, total, change = np.zeros((3, *first.shape), np.float32)
            _add(first, second, squares, total, change)
            n += 1
        if n < FEWEST:
            return cls(np.empty((0, 2), np.int64), 1.0)
        return cls(_noisy(squares, n), _fixed(total, change, 2 * n))


@njit(nogil=True, cache=True, error_model="numpy")
def _add(first: Any, second: Any, squares: Any, total: Any, change: Any) -> None:
    """Add a pair of frames: its changes squared, in units of their variance in the square they lie in; its sum; its changes."""
    height, width = first.shape
    sums, weight = np.zeros(width), np.empty(width, np.float32)
    for y in range(height):
        for x in range(width):
            sums[x] += second[y, x] - first[y, x]
    mean = np.float32(sums.sum() / first.size)
    for top in range(0, height, LOCAL):
        bottom = min(top + LOCAL, height)
        sums[:] = 0.0
        for y in range(top, bottom):
            for x in range(width):
                sums[x] += abs(second[y, x] - first[y, x] - mean)
        for left in range(0, width, LOCAL):
            usual = sums[left : left + LOCAL].mean() / (bottom - top)
            # The mean size of a normal variable is 0.8 of its standard deviation.
            weight[left : left + LOCAL] = 2.0 / math.pi / max(usual, 1e-12) ** 2
        for y in range(top, bottom):
            for x in range(width):
                step = second[y, x] - first[y, x]
                square = (step - mean) * (step - mean) * weight[x]
                squares[y, x] += square if square < np.float32(CLIP) else np.float32(CLIP)
                total[y, x] += first[y, x] + second[y, x]
                change[y, x] += step


def _noisy(squares: NDArray[Any], n: int) -> NDArray[np.int64]:
    over = np.argwhere(squares > n * (QUIET + SURE * SPREAD / np.sqrt(n)))
    around = sliding_window_view(np.pad(squares, 2, mode="reflect"), (5, 5))[over[:, 0], over[:, 1]].reshape(-1, 25)
    return np.asarray(over[squares[over[:, 0], over[:, 1]] > TIMES * np.median(around, axis=1)])


def _fixed(total: NDArray[Any], change: NDArray[Any], frames: int) -> float:
    """From the sum of all frames and the sum of the changes within pairs, in which nothing still is left.

    The differences of neighbours along both axes pass what is finer than any lens can draw, and in it a pattern of the
    pixels shows as an excess of the sum over the changes. The few noisy pixels are beyond the quantiles that are compared.
    """
    together, moving = (half_width(_finest(image)) ** 2 for image in (total, change))
    if not moving > 0:
        return 1.0
    # Both hold `frames` times the noise of one frame; the sum holds `frames` squared times the pattern as well.
    return float(np.sqrt(max((together / moving - 1) / frames, 0.0) + 1.0))


def _finest(image: NDArray[Any]) -> NDArray[Any]:
    """Differences along both axes, of every `SPARSE`-th pixel along either."""
    down = [image[1:, k:][::SPARSE, ::SPARSE] - image[:-1, k:][::SPARSE, ::SPARSE] for k in (0, 1)]
    return np.asarray(down[1] - down[0][:, : down[1].shape[1]])


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
    highest = np.maximum.reduceat(np.stack([filtered[row : row + LOCAL].max(0) for row in rows]), columns, axis=1)
    quiet = highest < NOTHING * lower_width(filtered[::SPARSE, ::SPARSE])
    at = [np.arange(0, size, SPARSE) // LOCAL for size in filtered.shape]
    return np.asarray(quiet[np.ix_(*at)])
