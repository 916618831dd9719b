"""Matched filter: the least-squares height of a Gaussian on an even background around every pixel, in units of its noise.

In a square window with n pixels the model is ``value = height * g + background`` with a fixed Gaussian g. Its
least-squares solution needs two sums only, G = sum(g * value) and B = sum(value)::

    height = (G - S1 / n * B) / D        background = (B - height * S1) / n        D = S2 - S1^2 / n

with S1 = sum(g), S2 = sum(g^2). G is a separable convolution and B a running sum, so the cost does not depend on the size
of the window. The noise of `height` is ``sqrt(variance / D)``. At the border of the image the window is cut off, and n,
S1 and S2 are those of what is left: the estimate stays exact and its noise known up to the last pixel.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

Image = NDArray[np.float32]


@dataclass(frozen=True)
class Template:
    """The Gaussian, 1 at its centre when sampled finely, along one axis: (2 * half + 1,), and the window's half side."""

    sigma_px: float
    gauss: NDArray[np.float32]
    half_window: int

    @property
    def half(self) -> int:
        """Half side of the Gaussian (pixels)."""
        return len(self.gauss) // 2


def template(sigma_px: float, half_window_px: float) -> Template:
    """Pixel-integrated Gaussian of width `sigma_px`, cut at 3 widths, in a window of at least that half side."""
    from scipy.special import erf

    half = int(np.ceil(3.0 * sigma_px))
    edges = (np.arange(2 * half + 2) - half - 0.5) / (np.sqrt(2.0) * sigma_px)
    gauss = 0.5 * np.diff(erf(edges)) * np.sqrt(2 * np.pi) * sigma_px
    return Template(sigma_px, gauss.astype(np.float32), max(round(half_window_px), half))


def window_sums(size: int, shape: Template) -> NDArray[np.float64]:
    """(3, size): pixels, sum of g and sum of g^2 along one axis, over the part of the window inside the image."""
    ones = np.ones(size)
    gauss = shape.gauss.astype(np.float64)
    box = np.ones(2 * shape.half_window + 1)
    return np.stack([_inside(ones, box), _inside(ones, gauss), _inside(ones, gauss**2)])


def _inside(ones: NDArray[Any], kernel: NDArray[Any]) -> NDArray[Any]:
    half = len(kernel) // 2
    return np.convolve(ones, kernel)[half : half + len(ones)]


@njit(nogil=True, cache=True)
def matched_filter(image: Any, gauss: Any, half_window: int, rows: Any, columns: Any, camera: Any) -> Any:
    """Height of a spot at each pixel in standard deviations of its noise.

    Parameters
    ----------
    image : (height, width) float32 counts, finite.
    gauss, half_window : see `Template`.
    rows, columns : `window_sums` of the two axes.
    camera : slope (counts) and intercept (counts^2) of `Noise`.

    Returns
    -------
    (height, width) float32.
    """
    height, width = image.shape
    half = gauss.size // 2
    z = np.empty((height, width), np.float32)
    blurred = np.zeros(width + 2 * half, np.float32)
    g_sum = np.empty(width, np.float32)
    column_sum = np.zeros(width, np.float64)
    b_sum = np.empty(width, np.float64)
    slope, intercept = camera
    floor = 0.5 * slope * slope
    for y in range(min(half_window, height)):
        for x in range(width):
            column_sum[x] += image[y, x]
    for y in range(height):
        _slide(image, column_sum, y, half_window)
        _box_sum(column_sum, b_sum, half_window)
        _blur_row(image, gauss, y, blurred, g_sum)
        for x in range(width):
            n = rows[0, y] * columns[0, x]
            s1 = rows[1, y] * columns[1, x]
            d = rows[2, y] * columns[2, x] - s1 * s1 / n
            top = g_sum[x] - s1 / n * b_sum[x]
            background = (b_sum[x] - top / d * s1) / n
            z[y, x] = top / np.sqrt(max(slope * background + intercept, floor) * d)
    return z


@njit(nogil=True, cache=True)
def _slide(image: Any, column_sum: Any, y: int, half_window: int) -> None:
    """Move the running sums of the columns on to the window around row y."""
    height, width = image.shape
    if y + half_window < height:
        for x in range(width):
            column_sum[x] += image[y + half_window, x]
    if y - half_window - 1 >= 0:
        for x in range(width):
            column_sum[x] -= image[y - half_window - 1, x]


@njit(nogil=True, cache=True)
def _box_sum(column_sum: Any, b_sum: Any, half_window: int) -> None:
    width = column_sum.size
    total = 0.0
    for x in range(min(half_window, width)):
        total += column_sum[x]
    for x in range(width):
        if x + half_window < width:
            total += column_sum[x + half_window]
        if x - half_window - 1 >= 0:
            total -= column_sum[x - half_window - 1]
        b_sum[x] = total


@njit(nogil=True, cache=True)
def _blur_row(image: Any, gauss: Any, y: int, blurred: Any, g_sum: Any) -> None:
    """Row y of the image blurred by the Gaussian along both axes; outside the image counts nothing."""
    height, width = image.shape
    half = gauss.size // 2
    inner = blurred[half : half + width]
    inner[:] = 0.0
    for k in range(max(-half, -y), min(half, height - 1 - y) + 1):
        weight = gauss[half + k]
        row = image[y + k]
        for x in range(width):
            inner[x] += weight * row[x]
    g_sum[:] = 0.0
    for k in range(2 * half + 1):
        weight = gauss[k]
        moved = blurred[k : k + width]
        for x in range(width):
            g_sum[x] += weight * moved[x]
