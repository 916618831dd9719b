"""From the matched filter to candidate pixels: local maxima that are no hot pixels."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit


@njit(nogil=True, cache=True)
def local_maxima(z: Any, floor: float) -> Any:
    """Pixels above `floor` that are no lower than their eight neighbours: (n, 2) int64 (y, x), in reading order.

    Of equal neighbours the first in reading order is taken. Outside the image there is nothing to be lower than.
    """
    height, width = z.shape
    found = np.empty((height * width // 4 + height + width + 1, 2), np.int64)
    n = 0
    for y in range(height):
        for x in range(width):
            value = z[y, x]
            if value > floor and _is_peak(z, y, x, value):
                found[n, 0], found[n, 1] = y, x
                n += 1
    return found[:n].copy()


@njit(nogil=True, cache=True)
def _is_peak(z: Any, y: int, x: int, value: float) -> bool:
    height, width = z.shape
    for v in range(max(y - 1, 0), min(y + 2, height)):
        for u in range(max(x - 1, 0), min(x + 2, width)):
            earlier = v < y or (v == y and u < x)
            if z[v, u] > value or (earlier and z[v, u] == value):
                return False
    return True


@njit(nogil=True, cache=True)
def describe(image: Any, z: Any, peaks: Any, gauss: Any, half_window: int, camera: Any) -> Any:
    """What the least-squares model says at each peak.

    Returns
    -------
    (n, 5) float64: y, x of the peak between pixels (parabola through z), height and background (counts), and the height
    of the brightest of the nine central pixels over the background in standard deviations of a single pixel.
    """
    height, width = image.shape
    slope, intercept = camera
    half = gauss.size // 2
    found = np.empty((len(peaks), 5))
    for i in range(len(peaks)):
        y, x = peaks[i, 0], peaks[i, 1]
        n, total, g_total, s1, s2, top = 0.0, 0.0, 0.0, 0.0, 0.0, -np.inf
        for v in range(max(y - half_window, 0), min(y + half_window + 1, height)):
            gy = gauss[v - y + half] if abs(v - y) <= half else 0.0
            for u in range(max(x - half_window, 0), min(x + half_window + 1, width)):
                g = gy * gauss[u - x + half] if abs(u - x) <= half else 0.0
                value = float(image[v, u])
                n += 1.0
                total += value
                g_total += g * value
                s1 += g
                s2 += g * g
                if abs(v - y) <= 1 and abs(u - x) <= 1:
                    top = max(top, value)
        level = (g_total - s1 / n * total) / (s2 - s1 * s1 / n)
        background = (total - level * s1) / n
        found[i, 0] = y + (_vertex(z[y - 1, x], z[y, x], z[y + 1, x]) if 0 < y < height - 1 else 0.0)
        found[i, 1] = x + (_vertex(z[y, x - 1], z[y, x], z[y, x + 1]) if 0 < x < width - 1 else 0.0)
        found[i, 2], found[i, 3] = level, background
        found[i, 4] = (top - background) / math.sqrt(max(slope * background + intercept, 0.5 * slope * slope))
    return found


@njit(nogil=True, cache=True)
def _vertex(before: float, here: float, after: float) -> float:
    """Where the parabola through three equally spaced values has its top, from the middle one."""
    bend = before - 2.0 * here + after
    return 0.0 if bend >= 0.0 else 0.5 * (before - after) / bend
