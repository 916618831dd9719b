"""Matched filter: the height of a spot around every pixel in standard deviations of its noise.

The least-squares height of a Gaussian on an even background (`exotrack.detect._template`) needs two sums over the window:
G = sum(g * value), a separable convolution, and B = sum(value), a running sum whose cost does not depend on the window::

    height * D = G - S1 / n * B        background = (B - height * S1) / n
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit


@njit(nogil=True, cache=True)
def matched_filter(padded: Any, gauss: Any, half_window: int, information: float, camera: Any) -> Any:
    """Height of a spot at each pixel in standard deviations of its noise.

    Parameters
    ----------
    padded : (height + 2 half_window, width + 2 half_window) float32 counts, finite.
    gauss, half_window, information : see `Template`.
    camera : slope (counts) and intercept (counts^2) of `Noise`.

    Returns
    -------
    (height, width) float32.
    """
    r = half_window
    height, width = padded.shape[0] - 2 * r, padded.shape[1] - 2 * r
    z = np.empty((height, width), np.float32)
    column_sum = np.zeros(padded.shape[1])
    box = np.empty(width)
    blurred = np.empty(padded.shape[1], np.float32)
    g_sum = np.empty(width, np.float32)
    slope, intercept = camera
    flat = gauss.sum() ** 2 / (2 * r + 1) ** 2
    pixels = (2 * r + 1) ** 2
    floor = 0.5 * slope * slope
    for j in range(2 * r):
        for x in range(column_sum.size):
            column_sum[x] += padded[j, x]
    for y in range(height):
        _slide(padded, column_sum, y, r)
        _box_row(column_sum, box, r)
        _blur_row(padded, gauss, y + r, blurred, g_sum)
        for x in range(width):
            top = g_sum[x] - flat * box[x]
            below = box[x] / pixels - top / information * flat
            z[y, x] = top / np.sqrt(max(slope * below + intercept, floor) * information)
    return z


@njit(nogil=True, cache=True)
def _slide(padded: Any, column_sum: Any, y: int, r: int) -> None:
    """Move the sums of the columns on to the window around row y."""
    for x in range(column_sum.size):
        column_sum[x] += padded[y + 2 * r, x]
    if y > 0:
        for x in range(column_sum.size):
            column_sum[x] -= padded[y - 1, x]


@njit(nogil=True, cache=True)
def _box_row(column_sum: Any, box: Any, r: int) -> None:
    """Sum of every window in a row from the sums of its columns."""
    total = 0.0
    for i in range(2 * r + 1):
        total += column_sum[i]
    box[0] = total
    for x in range(1, box.size):
        total += column_sum[x + 2 * r] - column_sum[x - 1]
        box[x] = total


@njit(nogil=True, cache=True)
def _blur_row(padded: Any, gauss: Any, y: int, blurred: Any, g_sum: Any) -> None:
    """Row y of the padded image blurred by the Gaussian along both axes."""
    half = gauss.size // 2
    width = g_sum.size
    skip = (blurred.size - width) // 2 - half
    blurred[:] = 0.0
    for k in range(-half, half + 1):
        weight = gauss[half + k]
        row = padded[y + k]
        for x in range(blurred.size):
            blurred[x] += weight * row[x]
    g_sum[:] = 0.0
    for k in range(2 * half + 1):
        weight = gauss[k]
        moved = blurred[skip + k : skip + k + width]
        for x in range(width):
            g_sum[x] += weight * moved[x]
