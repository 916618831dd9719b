"""From the matched filter to candidate pixels: local maxima that are no hot pixels."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit

RUN = 32
"""Pixels that are looked at together: one in ten such runs holds anything above 3 standard deviations."""


@njit(nogil=True, cache=True)
def local_maxima(z: Any, floor: float) -> Any:
    """Pixels above `floor` that are no lower than their eight neighbours: (n, 2) int64 (y, x), in reading order.

    Of equal neighbours the first in reading order is taken. Outside the image there is nothing to be lower than.
    """
    height, width = z.shape
    # No two neighbours are both maxima: one in four pixels at most.
    found = np.empty((height * width // 4 + height + width + 1, 2), np.int64)
    n = 0
    # Rounding must not exclude: what is above the floor is at least the floor in single precision.
    least = np.float32(floor)
    for y in range(height):
        for start in range(0, width, RUN):
            if not _any_at_least(z[y, start : start + RUN], least):
                continue
            for x in range(start, min(start + RUN, width)):
                value = z[y, x]
                # Most are on the slope of a peak: the neighbour on either side tells.
                if value < least or (x > 0 and z[y, x - 1] >= value) or (x + 1 < width and z[y, x + 1] > value):
                    continue
                if value > floor and _is_peak(z, y, x, value):
                    found[n, 0], found[n, 1] = y, x
                    n += 1
    return found[:n].copy()


@njit(nogil=True, cache=True)
def _any_at_least(values: Any, least: Any) -> bool:
    """Counts rather than leaves at the first: a loop without a way out becomes vector instructions."""
    n = np.int32(0)
    for x in range(values.size):
        n += np.int32(values[x] >= least)
    return bool(n > 0)


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
    (n, 6) float64: y, x of the peak between pixels (parabola through z), height and background (counts), height in standard
    deviations of its noise, and how far the brightest of the nine central pixels rises above the background in standard
    deviations of a single pixel.
    """
    height, width = z.shape
    margin = (padded.shape[0] - height) // 2
    side = weights.shape[0]
    found = np.empty((len(peaks), 6))
    for i in range(len(peaks)):
        y, x = peaks[i, 0], peaks[i, 1]
        window = padded[y + margin - side // 2 :, x + margin - side // 2 :][:side, :side]
        weighted, background, top = _window_sums(window, weights)
        level = weighted / information
        sd = _deviation(background, camera)
        found[i, 0] = y + (_vertex(z[y - 1, x], z[y, x], z[y + 1, x]) if 0 < y < height - 1 else 0.0)
        found[i, 1] = x + (_vertex(z[y, x - 1], z[y, x], z[y, x + 1]) if 0 < x < width - 1 else 0.0)
        found[i, 2], found[i, 3] = level, background
        found[i, 4], found[i, 5] = level * math.sqrt(information) / sd, (top - background) / sd
    return found


@njit(nogil=True, cache=True)
def _deviation(value: float, camera: Any) -> float:
    """Standard deviation (counts) of a pixel of this value."""
    slope, intercept = camera
    return math.sqrt(max(slope * value + intercept, 0.5 * slope * slope))


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract"})
def _window_sums(window: Any, weights: Any) -> Any:
    """Weighted sum of a square, mean of its outermost two rings, and the brightest of its nine central pixels."""
    n = window.shape[0]
    weighted, rim, top = 0.0, 0.0, window[n // 2, n // 2]
    for i in range(n):
        edge = i < 2 or i >= n - 2
        row_weighted, row_sum, inner = 0.0, 0.0, 0.0
        for j in range(n):
            value = np.float64(window[i, j])
            row_weighted += weights[i, j] * value
            row_sum += value
        for j in range(2, n - 2):
            inner += window[i, j]
        weighted += row_weighted
        rim += row_sum if edge else row_sum - inner
    for i in range(n // 2 - 1, n // 2 + 2):
        for j in range(n // 2 - 1, n // 2 + 2):
            top = max(top, window[i, j])
    return weighted, rim / (8 * (n - 2)), top


@njit(nogil=True, cache=True)
def tilts(padded: Any, margin: int, side: int, peaks: Any, background: Any, camera: Any) -> Any:
    """(n, 2) slope of the background (n,) along y and x (counts per pixel) in a square of `side` pixels around each peak."""
    found, scratch = np.empty((len(peaks), 2)), np.empty(3 * side, np.float32)
    for i in range(len(peaks)):
        y, x = peaks[i, 0] + margin - side // 2, peaks[i, 1] + margin - side // 2
        window, sd = padded[y : y + side, x : x + side], _deviation(background[i], camera)
        found[i, 0], found[i, 1] = _tilt(window, sd, scratch), _tilt(window.T, sd, scratch)
    return found


@njit(nogil=True, cache=True, error_model="numpy")
def _tilt(window: Any, sd: float, scratch: Any) -> float:
    """Slope along the first axis between the outermost three rows on either side, 0 where it may as well be noise.

    Medians, so that neighbours do not pull; their standard error is 1.25 times that of a mean.
    """
    n = window.shape[0]
    rise = 0.0
    for rows, sign in ((n - 3, 1.0), (0, -1.0)):
        for i in range(3):
            for j in range(n):
                scratch[i * n + j] = window[rows + i, j]
        rise += sign * _median(scratch)
    error = 1.25 * sd * math.sqrt(2.0 / (3 * n))
    return rise / (n - 3) if abs(rise) > 2.5 * error else 0.0


@njit(nogil=True, cache=True, error_model="numpy")
def _median(values: Any) -> float:
    """Median as numpy has it, for a few dozen values: without memory of its own."""
    upper = np.float64(_ranked(values, values.size // 2))
    return upper if values.size % 2 else 0.5 * (_ranked(values, values.size // 2 - 1) + upper)


@njit(nogil=True, cache=True, error_model="numpy")
def _ranked(values: Any, rank: int) -> float:
    """The value that `rank` others come before.

    Each value between the bounds known so far is tried: how many lie below it is counted in vector instructions, and it is
    the one looked for or a new bound. After the first few there is hardly any left between the bounds.
    """
    low, high = -np.inf, np.inf
    for i in range(values.size):
        value = values[i]
        if value <= low or value >= high:
            continue
        below, equal = np.int32(0), np.int32(0)
        for j in range(values.size):
            below += np.int32(values[j] < value)
            equal += np.int32(values[j] == value)
        if below > rank:
            high = value
        elif below + equal <= rank:
            low = value
        else:
            return float(value)
    return np.nan


@njit(nogil=True, cache=True)
def surroundings(z: Any, peaks: Any, ring: Any) -> Any:
    """(n,) median of the matched filter around each peak, at the offsets `ring` (m, 2) that lie inside the image.

    An uneven background lifts the filter around a spot as much as on it.
    """
    height, width = z.shape
    level = np.empty(len(peaks))
    values = np.empty(len(ring), z.dtype)
    for i in range(len(peaks)):
        n = 0
        for k in range(len(ring)):
            y, x = peaks[i, 0] + ring[k, 0], peaks[i, 1] + ring[k, 1]
            if 0 <= y < height and 0 <= x < width:
                values[n] = z[y, x]
                n += 1
        level[i] = _median(values[:n]) if n else 0.0
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


@njit(nogil=True, cache=True, error_model="numpy")
def judge(peaks: Any, seen: Any, heights: Any, shape: Any, skew: Any) -> Any:
    """Heights of the peaks among normal noise, and which have the shape of a spot: no hot pixel, no rim of a cell, no haze.

    Parameters
    ----------
    peaks, seen : as in `describe`.
    heights : height of each peak, of its surroundings, which are taken off the first in place, and its weaker curvature.
    shape : what a lone pixel may reach, what the tighter template must find, and how bent the peak must be, in units of its
        height; distance to the border (pixels) from which that is asked, a spot there being joined to its mirror image; size of
        the image.
    skew : how far a photoelectron a pixel moves the threshold, slope (counts) and intercept (counts^2) of `Noise`.
    """
    above, lifted, curvature = heights
    cool, compact, bent, border, height, width = shape
    moved, slope, intercept = skew
    plain, kept = np.empty(len(peaks)), np.empty(len(peaks), np.bool_)
    for i in range(len(peaks)):
        y, x = peaks[i]
        full = above[i]
        above[i] = full - max(lifted[i], 0.0)
        variance = max(slope * seen[i, 3] + intercept, 0.5 * slope * slope)
        plain[i] = above[i] - moved * slope / math.sqrt(variance)
        inside = min(y, x, height - 1 - y, width - 1 - x) >= border
        spot = seen[i, 4] > compact * full and curvature[i] > bent * full
        kept[i] = seen[i, 5] < cool * full and (spot or not inside)
    return plain, kept


@njit(nogil=True, cache=True)
def _vertex(before: float, here: float, after: float) -> float:
    """Where the parabola through three equally spaced values has its top, from the middle one."""
    bend = before - 2.0 * here + after
    return 0.0 if bend >= 0.0 else 0.5 * (before - after) / bend
