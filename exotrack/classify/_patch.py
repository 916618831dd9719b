"""The pixels around a place, near it one by one and far from it in bins, and what other vesicles cover of them.

A "cell" is either. Cells are counted row by row, pixels first; bins are those of the whole frame (`binned`), so that they are
summed once for all places.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

Real = NDArray[np.float64]
N_HEIGHTS = 4


class Reach(NamedTuple):
    """Half sides (pixels) of the square of single pixels and of that of bins, side of a bin, and radius of a covered disc."""

    near: int
    far: int
    bin: int
    covered: float


@njit(nogil=True, cache=True)
def binned(pixels: NDArray[Any], side: int) -> NDArray[np.float32]:
    """(n, h // side, w // side) means of squares of pixels; what is left at the far borders is not in them."""
    n, height, width = pixels.shape
    out = np.zeros((n, height // side, width // side), np.float32)
    share = np.float32(1.0 / side**2)
    for t in range(n):
        for i in range(out.shape[1] * side):
            for j in range(out.shape[2]):
                total = np.float32(0.0)
                for k in range(j * side, (j + 1) * side):
                    total += np.float32(pixels[t, i, k])
                out[t, i // side, j] += share * total
    return out


@njit(nogil=True, cache=True)
def window(centre: float, size: int, bins: int, reach: Reach) -> Any:
    """Along one axis: first and last + 1 pixel looked at singly, first and last + 1 bin, and of these the ones left out."""
    side = reach.bin
    here = round(centre)
    inner = max((here - reach.near) // side, 0), min((here + reach.near) // side + 1, bins)
    outer = max((here - reach.far) // side, 0), min((here + reach.far) // side + 1, bins)
    # Pixels beyond the last whole bin are in no bin.
    last = size if inner[1] == bins else inner[1] * side
    return min(inner[0] * side, size), last, outer[0], outer[1], inner[0], inner[1]


@njit(nogil=True, cache=True)
def _axis(first: int, step: int, n: int, centre: float, sigma: float) -> Any:
    """(5, n): means over cells of `step` pixels of Gaussians of the four widths, and sigma times the derivative of the first."""
    out = np.empty((5, n))
    for c in range(4):
        s = sigma * 2.0**c
        scale, height = 1.0 / (math.sqrt(2.0) * s), s * math.sqrt(math.pi / 2.0) / step
        edge = first - 0.5 - centre
        before, bell = math.erf(edge * scale), math.exp(-0.5 * (edge / s) ** 2)
        for i in range(n):
            edge = first + (i + 1) * step - 0.5 - centre
            after, next_bell = math.erf(edge * scale), math.exp(-0.5 * (edge / s) ** 2)
            out[c, i] = height * (after - before)
            if c == 0:
                out[4, i] = -s * (next_bell - bell) / step
            before, bell = after, next_bell
    return out


@njit(nogil=True, cache=True)
def cells(rows: Any, columns: Any, centre: tuple[float, float], sigma: float, side: int) -> Any:
    """(7, cells) background, y and x derivative and the four Gaussians in every pixel and bin, and (cells,) their areas."""
    near, far = _counts(rows, columns)
    basis, area = np.zeros((7, near + far)), np.ones(near + far)
    for c in range(near + far):
        basis[0, c] = 1.0
    by = _axis(rows[0], 1, rows[1] - rows[0], centre[0], sigma)
    bx = _axis(columns[0], 1, columns[1] - columns[0], centre[1], sigma)
    c = 0
    for i in range(by.shape[1]):
        for j in range(bx.shape[1]):
            basis[1, c], basis[2, c] = by[4, i] * bx[0, j], by[0, i] * bx[4, j]
            for a in range(4):
                basis[3 + a, c] = by[a, i] * bx[a, j]
            c += 1
    by = _axis(rows[2] * side, side, rows[3] - rows[2], centre[0], sigma)
    bx = _axis(columns[2] * side, side, columns[3] - columns[2], centre[1], sigma)
    for i in range(rows[2], rows[3]):
        for j in range(columns[2], columns[3]):
            if not _inner(i, j, rows, columns):
                for a in range(4):
                    basis[3 + a, c] = by[a, i - rows[2]] * bx[a, j - columns[2]]
                area[c] = side * side
                c += 1
    return basis, area


@njit(nogil=True, cache=True)
def _counts(rows: Any, columns: Any) -> Any:
    """Numbers of pixels and of bins."""
    near = (rows[1] - rows[0]) * (columns[1] - columns[0])
    far = (rows[3] - rows[2]) * (columns[3] - columns[2]) - (rows[5] - rows[4]) * (columns[5] - columns[4])
    return near, far


@njit(nogil=True, cache=True)
def _inner(i: int, j: int, rows: Any, columns: Any) -> bool:
    """Whether a bin lies where single pixels are used."""
    return bool(rows[4] <= i < rows[5] and columns[4] <= j < columns[5])


@njit(nogil=True, cache=True)
def values_of(pixels: NDArray[Any], means: NDArray[np.float32], rows: Any, columns: Any, side: int) -> Real:
    """(n, cells) values of the pixels and bins, in the order of `cells`."""
    near, far = _counts(rows, columns)
    out = np.empty((len(pixels), near + far))
    for t in range(len(pixels)):
        c = 0
        for i in range(rows[0], rows[1]):
            for j in range(columns[0], columns[1]):
                out[t, c] = pixels[t, i, j]
                c += 1
        for i in range(rows[2], rows[3]):
            for j in range(columns[2], columns[3]):
                if not _inner(i, j, rows, columns):
                    out[t, c] = means[t, i, j]
                    c += 1
    return out


@njit(nogil=True, cache=True)
def covered_by(others: Real, n: int, rows: Any, columns: Any, centre: tuple[float, float], reach: Reach) -> NDArray[np.bool_]:
    """(n, cells) what another vesicle covers: pixels nearer to it than to the candidate, and bins that touch its disc."""
    near, far = _counts(rows, columns)
    out = np.zeros((n, near + far), np.bool_)
    wide, side = columns[1] - columns[0], reach.bin
    # Bins are numbered in reading order, those among the pixels left out.
    number = np.full((rows[3] - rows[2], columns[3] - columns[2]), -1)
    c = near
    for i in range(rows[2], rows[3]):
        for j in range(columns[2], columns[3]):
            if not _inner(i, j, rows, columns):
                number[i - rows[2], j - columns[2]] = c
                c += 1
    touch = reach.covered + 0.5 * side
    for m in range(len(others)):
        t, y, x = int(others[m, 0]), others[m, 1], others[m, 2]
        for i in range(max(int(y - reach.covered), rows[0]), min(int(y + reach.covered) + 2, rows[1])):
            for j in range(max(int(x - reach.covered), columns[0]), min(int(x + reach.covered) + 2, columns[1])):
                away = (i - y) ** 2 + (j - x) ** 2
                if away < reach.covered**2 and away < (i - centre[0]) ** 2 + (j - centre[1]) ** 2:
                    out[t, (i - rows[0]) * wide + j - columns[0]] = True
        for i in range(max(int((y - touch) // side), rows[2]), min(int((y + touch) // side) + 1, rows[3])):
            for j in range(max(int((x - touch) // side), columns[2]), min(int((x + touch) // side) + 1, columns[3])):
                middle = 0.5 * (side - 1)
                c = number[i - rows[2], j - columns[2]]
                if c >= 0 and (i * side + middle - y) ** 2 + (j * side + middle - x) ** 2 < touch**2:
                    out[t, c] = True
    return out
