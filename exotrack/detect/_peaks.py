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
def describe(padded: Any, z: Any, peaks: Any, weights: Any, information: float, camera: Any) -> Any:
    """What the tighter template says at each peak.

    Parameters
    ----------
    padded : the image in a mirrored margin, float32 counts.
    z, peaks : the matched filter and its maxima.
    weights, information : of the tighter `Template`.
    camera : slope (counts) and intercept (counts^2) of `Noise`.

    Returns
    -------
    (n, 8) float64: y, x of the peak between pixels (parabola through z), height and background (counts), slope of the
    background along y and x (counts per pixel), height in standard deviations of its noise, and how far the brightest of
    the nine central pixels rises above the background in standard deviations of a single pixel.
    """
    height, width = z.shape
    margin = (padded.shape[0] - height) // 2
    half = weights.shape[0] // 2
    slope, intercept = camera
    found = np.empty((len(peaks), 8))
    for i in range(len(peaks)):
        y, x = peaks[i, 0], peaks[i, 1]
        window = padded[y + margin - half : y + margin + half + 1, x + margin - half : x + margin + half + 1]
        top = window[half - 1 : half + 2, half - 1 : half + 2].max()
        level = (weights * window).sum() / information
        background = _rim(window)
        sd = math.sqrt(max(slope * background + intercept, 0.5 * slope * slope))
        found[i, 0] = y + (_vertex(z[y - 1, x], z[y, x], z[y + 1, x]) if 0 < y < height - 1 else 0.0)
        found[i, 1] = x + (_vertex(z[y, x - 1], z[y, x], z[y, x + 1]) if 0 < x < width - 1 else 0.0)
        found[i, 2], found[i, 3] = level, background
        found[i, 4], found[i, 5] = _tilt(window, sd), _tilt(window.T, sd)
        found[i, 6], found[i, 7] = level * math.sqrt(information) / sd, (top - background) / sd
    return found


@njit(nogil=True, cache=True)
def _rim(window: Any) -> float:
    """Mean of the outermost two rings of pixels of a square."""
    n = window.shape[0]
    total, count = 0.0, 0
    for i in range(n):
        for j in range(n):
            if min(i, j, n - 1 - i, n - 1 - j) < 2:
                total += window[i, j]
                count += 1
    return total / count


@njit(nogil=True, cache=True)
def _tilt(window: Any, sd: float) -> Any:
    """Slope along the first axis between the outermost three rows on either side, 0 where it may as well be noise.

    Medians, so that neighbours do not pull; their standard error is 1.25 times that of a mean.
    """
    n = window.shape[0]
    rise = np.median(window[n - 3 :]) - np.median(window[:3])
    error = 1.25 * sd * math.sqrt(2.0 / (3 * n))
    return rise / (n - 3) if abs(rise) > 2.5 * error else 0.0


@njit(nogil=True, cache=True)
def surroundings(z: Any, peaks: Any, ring: Any) -> Any:
    """(n,) median of the matched filter around each peak, at the offsets `ring` (m, 2) that lie inside the image.

    An uneven background lifts the filter around a spot as much as on it.
    """
    height, width = z.shape
    level = np.empty(len(peaks))
    values = np.empty(len(ring))
    for i in range(len(peaks)):
        n = 0
        for k in range(len(ring)):
            y, x = peaks[i, 0] + ring[k, 0], peaks[i, 1] + ring[k, 1]
            if 0 <= y < height and 0 <= x < width:
                values[n] = z[y, x]
                n += 1
        level[i] = np.median(values[:n]) if n else 0.0
    return level


@njit(nogil=True, cache=True)
def weaker_curvature(z: Any, peaks: Any) -> Any:
    """(n,) how fast the filter falls in the direction in which it falls least, per squared pixel; 0 on a ridge.

    The smaller eigenvalue of the matrix of second differences, with its sign turned. At the border the image is mirrored.
    """
    height, width = z.shape
    found = np.empty(len(peaks))
    for i in range(len(peaks)):
        y, x = peaks[i, 0], peaks[i, 1]
        up, down, left, right = max(y - 1, 0), min(y + 1, height - 1), max(x - 1, 0), min(x + 1, width - 1)
        along_y = float(z[up, x]) + z[down, x] - 2.0 * z[y, x]
        along_x = float(z[y, left]) + z[y, right] - 2.0 * z[y, x]
        across = (float(z[down, right]) + z[up, left] - z[down, left] - z[up, right]) / 4.0
        found[i] = -0.5 * (along_y + along_x + math.sqrt((along_y - along_x) ** 2 + 4.0 * across * across))
    return found


@njit(nogil=True, cache=True)
def _vertex(before: float, here: float, after: float) -> float:
    """Where the parabola through three equally spaced values has its top, from the middle one."""
    bend = before - 2.0 * here + after
    return 0.0 if bend >= 0.0 else 0.5 * (before - after) / bend
