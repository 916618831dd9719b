"""Matched filter: the height of a spot around every pixel in standard deviations of its noise.

The least-squares height of a Gaussian on an even background (`exotrack.detect._template`) needs two sums over the window:
G = sum(g * value), a separable convolution, and B = sum(value), a running sum whose cost hardly depends on the window::

    height * D = G - S1 / n * B        background = (B - height * S1) / n

The image is done row by row, so that the rows at hand stay in the processor's nearest memory, and each step is a plain loop
along the row over few arrays, which the compiler turns into vector instructions (eight pixels at a time with AVX2). Three
things would silently undo that: Python's rule for division by zero (hence ``error_model``), a number of double precision in a
loop of single precision, and more than eight arrays that might overlap the one written.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

FUSED = {"contract"}
"""Products and sums may become one instruction. The order of sums stays as written, so results do not depend on the place in
the row."""


@njit(nogil=True, cache=True, error_model="numpy", fastmath=FUSED)
def matched_filter(
    padded: Any, gauss: Any, half_window: int, information: float, camera: Any, gains: Any, sums: Any, z: Any
) -> None:
    """Write to `z`, (height, width) float32, the height of a spot at each pixel in standard deviations of its noise.

    Parameters
    ----------
    padded : (height + 2 half_window, width + 2 half_window) float32 counts, finite.
    gauss, half_window, information : see `Template`.
    camera : slope (counts) and intercept (counts^2) of `Noise`.
    gains : ((height,), (width,)) float32, their product is the noise in units of what `camera` says.
    sums : (width + 2 half_window,) memory for sums of columns, in a precision in which errors do not add up.
    """
    r = half_window
    height, width = padded.shape[0] - 2 * r, padded.shape[1] - 2 * r
    sums[:] = 0.0
    rows = np.empty((3, padded.shape[1]), np.float32)
    box, g_sum, flat = np.empty(width, np.float32), np.empty(width, np.float32), padded.reshape(-1)
    sum_g = gauss.sum() ** 2
    # Variance of a pixel times the information: what the height is divided by, squared.
    scaled = (camera[0] * information, camera[1] * information, 0.5 * camera[0] ** 2 * information)
    for j in range(2 * r):
        for x in range(sums.size):
            sums[x] += padded[j, x]
    for y in range(height):
        _slide(sums, padded[y - 1 if y else y], padded[y + 2 * r], rows[0], y == 0)
        _window_mean(rows, 2 * r + 1, box)
        _blur(flat, (y + r) * padded.shape[1], padded.shape[1], gauss, rows[0])
        _blur(rows[0], r, 1, gauss, g_sum)
        _height_row(g_sum, box, sum_g, sum_g / (2 * r + 1) ** 2 / information, scaled, gains[0][y], gains[1], z[y])


@njit(nogil=True, cache=True, error_model="numpy", fastmath=FUSED)
def _height_row(g_sum: Any, mean: Any, sum_g: float, under: float, scaled: Any, row_gain: float, gain: Any, out: Any) -> None:
    """Least-squares height over its error, for a row.

    `mean` is that of the window, and `under` times the height is how much of it is the spot's own light.
    """
    # Single precision throughout: one number of double precision would halve the speed.
    total, own, along_y = np.float32(sum_g), np.float32(under), np.float32(row_gain)
    slope, intercept, floor = np.float32(scaled[0]), np.float32(scaled[1]), np.float32(scaled[2])
    for x in range(out.size):
        top = g_sum[x] - total * mean[x]
        variance = slope * (mean[x] - own * top) + intercept
        out[x] = top / (along_y * gain[x] * np.sqrt(variance if variance > floor else floor))


@njit(nogil=True, cache=True, error_model="numpy", fastmath=FUSED)
def _slide(sums: Any, old: Any, new: Any, out: Any, first: bool) -> None:
    """Move the sums of the columns on by one row and write them to `out`."""
    keep = sums.dtype.type(0.0 if first else 1.0)
    for x in range(out.size):
        sums[x] += new[x] - keep * old[x]
        out[x] = sums[x]


@njit(nogil=True, cache=True, error_model="numpy", fastmath=FUSED)
def _window_mean(rows: Any, side: int, mean: Any) -> None:
    """Mean of the windows of a row from the sums of their columns, `rows[0]`; overwrites the other `rows`.

    The sum over a window is that over its two halves, and over the last column if there is one left; the sums over the halves
    are made in the same way. A running sum would need fewer additions, but each would have to wait for the one before it.
    """
    single, here, at = rows[0], rows[0], 0
    halvings = 0
    while side >> (halvings + 1):
        halvings += 1
    while halvings:
        length, halvings, at = side >> halvings, halvings - 1, 1 + at % 2
        later, last, whole = here[length:], single[2 * length :], rows[at]
        if (side >> halvings) % 2:
            for x in range(last.size):
                whole[x] = here[x] + later[x] + last[x]
        else:
            for x in range(last.size):
                whole[x] = here[x] + later[x]
        here = whole
    per_pixel = np.float32(1.0 / side**2)
    for x in range(mean.size):
        mean[x] = per_pixel * here[x]


@njit(nogil=True, cache=True, error_model="numpy", fastmath=FUSED)
def _blur(values: Any, start: int, stride: int, gauss: Any, out: Any) -> None:
    """``out[x] = sum over k of gauss[k] * values[start + x + k * stride]``, k from -half to half.

    With `stride` 1 along the row, with that of the rows across them. The Gaussian is even, so taps go in pairs, and four
    pairs at a time, so that `out` is read and written once for them.
    """
    half = gauss.size // 2
    row, weight = values[start:], gauss[half]
    for x in range(out.size):
        out[x] = weight * row[x]
    k = 1
    while k + 3 <= half:
        _add_four_pairs(out, values, start, k, stride, gauss[half + k :])
        k += 4
    while k <= half:
        before, after, weight = values[start - k * stride :], values[start + k * stride :], gauss[half + k]
        for x in range(out.size):
            out[x] += weight * (before[x] + after[x])
        k += 1


@njit(nogil=True, cache=True, error_model="numpy", fastmath=FUSED)
def _add_four_pairs(out: Any, values: Any, start: int, k: int, stride: int, weights: Any) -> None:
    """Add the taps k to k + 3 and -k to -(k + 3)."""
    a, b, c, d = weights[0], weights[1], weights[2], weights[3]
    a0, a1 = values[start - k * stride :], values[start + k * stride :]
    b0, b1 = values[start - (k + 1) * stride :], values[start + (k + 1) * stride :]
    c0, c1 = values[start - (k + 2) * stride :], values[start + (k + 2) * stride :]
    d0, d1 = values[start - (k + 3) * stride :], values[start + (k + 3) * stride :]
    for x in range(out.size):
        out[x] += a * (a0[x] + a1[x]) + b * (b0[x] + b1[x]) + c * (c0[x] + c1[x]) + d * (d0[x] + d1[x])
