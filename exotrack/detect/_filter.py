"""Matched filter: the height of a spot around every pixel in standard deviations of its noise.

The least-squares height of a Gaussian on an even background (`exotrack.detect._template`) needs two sums over the window:
G = sum(g * value), a separable convolution, and B = sum(value), a running sum whose cost does not depend on the window::

    height * D = G - S1 / n * B        background = (B - height * S1) / n

Division follows numpy's rules: with Python's, the test for zero keeps the compiler from using vector instructions.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit


@njit(nogil=True, cache=True, error_model="numpy")
def matched_filter(padded: Any, gauss: Any, half_window: int, information: float, camera: Any, gains: Any, z: Any) -> None:
    """Write to `z`, (height, width) float32, the height of a spot at each pixel in standard deviations of its noise.

    Parameters
    ----------
    padded : (height + 2 half_window, width + 2 half_window) float32 counts, finite.
    gauss, half_window, information : see `Template`.
    camera : slope (counts) and intercept (counts^2) of `Noise`.
    gains : ((height,), (width,)) float32, their product is the noise in units of what `camera` says.
    """
    r = half_window
    height, width = padded.shape[0] - 2 * r, padded.shape[1] - 2 * r
    column_sum = np.zeros(padded.shape[1])
    box = np.empty(width, np.float32)
    blurred = np.empty(padded.shape[1], np.float32)
    g_sum = np.empty(width, np.float32)
    sum_g = gauss.sum() ** 2
    # Variance of a pixel times the information: what the height is divided by, squared.
    scaled = (camera[0] * information, camera[1] * information, 0.5 * camera[0] ** 2 * information)
    for j in range(2 * r):
        for x in range(column_sum.size):
            column_sum[x] += padded[j, x]
    for y in range(height):
        _slide(padded, column_sum, y, r)
        _box_row(column_sum, box, r)
        _blur_row(padded, gauss, y + r, blurred, g_sum)
        _height_row(g_sum, box, sum_g, sum_g / (2 * r + 1) ** 2 / information, scaled, gains[1], z[y])
        z[y] /= gains[0][y]


@njit(nogil=True, cache=True, error_model="numpy")
def _height_row(g_sum: Any, mean: Any, sum_g: float, under: float, scaled: Any, gain: Any, out: Any) -> None:
    """Least-squares height over its error, for a row.

    `mean` is that of the window, and `under` times the height is how much of it is the spot's own light.
    """
    # Single precision throughout: one number of double precision would halve the speed.
    total, own, slope, intercept, floor = (
        np.float32(sum_g), np.float32(under), np.float32(scaled[0]), np.float32(scaled[1]), np.float32(scaled[2])
    )  # fmt: skip
    for x in range(out.size):
        top = g_sum[x] - total * mean[x]
        variance = slope * (mean[x] - own * top) + intercept
        out[x] = top / (gain[x] * np.sqrt(variance if variance > floor else floor))


@njit(nogil=True, cache=True, error_model="numpy")
def _slide(padded: Any, column_sum: Any, y: int, r: int) -> None:
    """Move the sums of the columns on to the window around row y."""
    new = padded[y + 2 * r]
    if y == 0:
        for x in range(column_sum.size):
            column_sum[x] += new[x]
        return
    old = padded[y - 1]
    for x in range(column_sum.size):
        column_sum[x] += np.float64(new[x]) - np.float64(old[x])


@njit(nogil=True, cache=True, error_model="numpy")
def _box_row(column_sum: Any, box: Any, r: int) -> None:
    """Mean of every window in a row from the sums of its columns."""
    total = 0.0
    per_pixel = 1.0 / (2 * r + 1) ** 2
    for i in range(2 * r + 1):
        total += column_sum[i]
    box[0] = total * per_pixel
    for x in range(1, box.size):
        total += column_sum[x + 2 * r] - column_sum[x - 1]
        box[x] = total * per_pixel


@njit(nogil=True, cache=True, error_model="numpy")
def _blur_row(padded: Any, gauss: Any, y: int, blurred: Any, g_sum: Any) -> None:
    """Row y of the padded image blurred by the Gaussian along both axes; the Gaussian is even, so taps go in pairs."""
    half = gauss.size // 2
    width = g_sum.size
    centre = (blurred.size - width) // 2
    row, weight = padded[y], gauss[half]
    for x in range(blurred.size):
        blurred[x] = weight * row[x]
    for k in range(1, half + 1):
        above, below, weight = padded[y - k], padded[y + k], gauss[half + k]
        for x in range(blurred.size):
            blurred[x] += weight * (above[x] + below[x])
    weight = gauss[half]
    for x in range(width):
        g_sum[x] = weight * blurred[centre + x]
    for k in range(1, half + 1):
        left, right, weight = blurred[centre - k :], blurred[centre + k :], gauss[half + k]
        for x in range(width):
            g_sum[x] += weight * (left[x] + right[x])
