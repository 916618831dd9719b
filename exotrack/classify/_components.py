"""What the pixels around a candidate say, frame by frame, in a few numbers with their covariance.

Each frame is written as a sum of Gaussians of 1, 2, 4 and 8 times the vesicle's width at the candidate's place, an even
background, and the two first derivatives of the narrow one (which say where its centre lies). The sum is linear, so its
least-squares coefficients are unbiased at any signal, unlike a width fitted frame by frame; a cloud of any width in between
is a fixed mixture of the four. `PatchSeries` is all that the models see.

Released cargo runs: at 4 um^2/s it is 1 um wide after a tenth of a second. Near the candidate single pixels are used, far from
it the means of square bins (`binned`), which say as much of a wide cloud and are ten times fewer.

Weights are those of the mean picture, with as much of the vesicle's light put in or taken out as `LEVELS` heights between none
and the largest ask for. Frames of one level share their sums, less those of the pixels that other vesicles cover.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from exotrack.classify._linear import solve_symmetric

WIDTHS = (1.0, 2.0, 4.0, 8.0)
"""Widths of the Gaussians in units of the vesicle's: the widest is a cloud of 4 um^2/s after a tenth of a second."""
N_HEIGHTS = 4
LEVELS = 3
FEWEST = 30
"""Pixels and bins that a frame must have left."""
Real = NDArray[np.float64]


class PatchSeries(NamedTuple):
    """One candidate through time, (n_frames, ...).

    frame : (n,) movie frames.
    coefficients : (n, 7) heights of the four Gaussians, background, y and x derivative terms (counts).
    precision : (n, 4, 4) inverse covariance of the four heights, the other three unknown; zero for unusable frames.
    shift_sd : (n,) standard error of a derivative term (counts per vesicle width).
    """

    frame: NDArray[np.int64]
    coefficients: Real
    precision: Real
    shift_sd: Real


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
def components(
    pixels: NDArray[Any],
    means: NDArray[np.float32],
    usable: NDArray[np.bool_],
    centre: tuple[float, float],
    others: Real,
    settings: tuple[float, float, float],
    reach: Reach,
    coefficients: Real,
    precision: Real,
    shift_sd: Real,
) -> None:
    """Least-squares coefficients of every frame around one place.

    pixels : (n, h, w) counts; means : `binned` of them; usable : (n,) frames to use; centre : (y, x) pixels.
    others : (m, 3) frame (from 0), y, x (pixels) of other vesicles, sorted by frame; pixels that they cover are left out.
    settings : sigma_px, noise slope, noise intercept. The last three arrays are filled, see `PatchSeries`.
    """
    rows = _window(centre[0], pixels.shape[1], means.shape[1], reach)
    columns = _window(centre[1], pixels.shape[2], means.shape[2], reach)
    basis, area = _cells(rows, columns, centre, settings[0], reach.bin)
    values = _values(pixels, means, rows, columns, reach.bin)
    covered = _covered(others, len(pixels), rows, columns, centre, reach)
    mean = _mean(values, covered, usable)
    level = np.zeros(len(pixels), np.int64)
    one = _weights(mean.reshape(1, -1), area, settings)
    _solve_all(values, covered, usable, basis, one, level, coefficients, precision, shift_sd)
    heights = coefficients[:, 0]
    top, middle = 0.0, 0.0
    for t in range(len(pixels)):
        if usable[t] and not np.isnan(heights[t]):
            top = max(top, heights[t])
            middle += heights[t] / len(pixels)
    least = settings[1] * mean.min() + settings[2]
    if settings[1] * max(top, 0.0) < 0.3 * max(least, 0.5 * settings[1] ** 2):
        return
    expected = np.empty((LEVELS, mean.size))
    for k in range(LEVELS):
        for c in range(mean.size):
            expected[k, c] = mean[c] + (top * k / (LEVELS - 1) - max(middle, 0.0)) * basis[3, c]
    for t in range(len(pixels)):
        if usable[t] and not np.isnan(heights[t]):
            level[t] = min(max(round(heights[t] / top * (LEVELS - 1)), 0), LEVELS - 1)
    _solve_all(values, covered, usable, basis, _weights(expected, area, settings), level, coefficients, precision, shift_sd)


@njit(nogil=True, cache=True)
def _window(centre: float, size: int, bins: int, reach: Reach) -> Any:
    """Along one axis: first and last + 1 pixel looked at singly, first and last + 1 bin, and of these the ones left out."""
    side = reach.bin
    here = int(round(centre))
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
def _cells(rows: Any, columns: Any, centre: tuple[float, float], sigma: float, side: int) -> Any:
    """(7, cells) background, y and x derivative and the four Gaussians in every pixel and bin, and (cells,) their areas."""
    near, far = _counts(rows, columns)
    basis, area = np.zeros((7, near + far)), np.ones(near + far)
    basis[0] = 1.0
    by, bx = _axis(rows[0], 1, rows[1] - rows[0], centre[0], sigma), _axis(columns[0], 1, columns[1] - columns[0], centre[1], sigma)
    c = 0
    for i in range(by.shape[1]):
        for j in range(bx.shape[1]):
            basis[1, c], basis[2, c] = by[4, i] * bx[0, j], by[0, i] * bx[4, j]
            for a in range(4):
                basis[3 + a, c] = by[a, i] * bx[a, j]
            c += 1
    by, bx = (
        _axis(rows[2] * side, side, rows[3] - rows[2], centre[0], sigma),
        _axis(columns[2] * side, side, columns[3] - columns[2], centre[1], sigma),
    )
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
def _values(pixels: NDArray[Any], means: NDArray[np.float32], rows: Any, columns: Any, side: int) -> Real:
    """(n, cells) values of the pixels and bins, in the order of `_cells`."""
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
def _covered(others: Real, n: int, rows: Any, columns: Any, centre: tuple[float, float], reach: Reach) -> NDArray[np.bool_]:
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


@njit(nogil=True, cache=True)
def _mean(values: Real, covered: NDArray[np.bool_], usable: NDArray[np.bool_]) -> Real:
    """(cells,) mean over the usable frames in which a cell is not covered; over all usable ones if it always is."""
    n_cells = values.shape[1]
    free, every = np.zeros(n_cells), np.zeros(n_cells)
    count, frames = np.zeros(n_cells), 0
    for t in range(len(values)):
        if usable[t]:
            frames += 1
            for c in range(n_cells):
                every[c] += values[t, c]
                if not covered[t, c]:
                    free[c] += values[t, c]
                    count[c] += 1
    out = np.empty(n_cells)
    for c in range(n_cells):
        out[c] = free[c] / count[c] if count[c] > 0 else every[c] / max(frames, 1)
    return out


@njit(nogil=True, cache=True)
def _weights(expected: Real, area: Real, settings: tuple[float, float, float]) -> Real:
    """Inverse variances of cells that hold `expected` (levels, cells) counts."""
    slope, intercept = settings[1], settings[2]
    out = np.empty(expected.shape)
    for k in range(len(expected)):
        for c in range(area.size):
            out[k, c] = area[c] / max(slope * expected[k, c] + intercept, 0.5 * slope * slope)
    return out


@njit(nogil=True, cache=True, fastmath={"reassoc", "contract"})
def _dot(a: Real, b: Real) -> float:
    total = 0.0
    for c in range(a.size):
        total += a[c] * b[c]
    return total


@njit(nogil=True, cache=True)
def _solve_all(
    values: Real,
    covered: NDArray[np.bool_],
    usable: NDArray[np.bool_],
    basis: Real,
    weights: Real,
    level: NDArray[np.int64],
    coefficients: Real,
    precision: Real,
    shift_sd: Real,
) -> None:
    """Fill the last three arrays; frame t has the weights of its `level`."""
    n_cells = basis.shape[1]
    weighted, normals = np.empty((len(weights), 7, n_cells)), np.empty((len(weights), 7, 7))
    for k in range(len(weights)):
        for a in range(7):
            for c in range(n_cells):
                weighted[k, a, c] = weights[k, c] * basis[a, c]
            for b in range(a + 1):
                normals[k, a, b] = _dot(weighted[k, a], basis[b])
    factor, right = np.empty((7, 7)), np.empty(7)
    for t in range(len(values)):
        if not usable[t]:
            _nothing(coefficients[t], precision[t])
            shift_sd[t] = np.nan
            continue
        w = weighted[level[t]]
        factor[:] = normals[level[t]]
        for a in range(7):
            right[a] = _dot(w[a], values[t])
        left = n_cells
        for c in range(n_cells):
            if covered[t, c]:
                left -= 1
                for a in range(7):
                    right[a] -= w[a, c] * values[t, c]
                    for b in range(a + 1):
                        factor[a, b] -= w[a, c] * basis[b, c]
        if left < FEWEST:
            _nothing(coefficients[t], precision[t])
            shift_sd[t] = np.nan
            continue
        shift_sd[t] = 1.0 / math.sqrt(max(0.5 * (factor[1, 1] + factor[2, 2]), 1e-300))
        solve_symmetric(factor, right, 7)
        coefficients[t, :4], coefficients[t, 4:] = right[3:], right[:3]
        # The nuisances come first, so that the last block of the factor gives the precision of the heights.
        for a in range(4):
            for b in range(a + 1):
                total = 0.0
                for c in range(b + 1):
                    total += factor[3 + a, 3 + c] * factor[3 + b, 3 + c]
                precision[t, a, b] = precision[t, b, a] = total


@njit(nogil=True, cache=True)
def _nothing(coefficients: Real, precision: Real) -> None:
    coefficients[:] = np.nan
    precision[:] = 0.0


def mixture(widths: Real, sigma_px: float, near: int, far: int) -> Real:
    """Heights on the four Gaussians that make up a Gaussian of unit height and each of `widths` (units of sigma_px).

    Returns (len(widths), 4): the least-squares projection in a square of half side `far` pixels, with an even background free.
    """
    side = np.arange(0, far + 1)
    # By symmetry a quadrant; far out every third pixel.
    side = np.concatenate([side[side <= near], side[side > near][::3]])
    weight = np.where(side == 0, 0.5, np.where(side <= near, 1.0, 3.0))
    r2 = (side[:, None] ** 2 + side[None, :] ** 2).ravel() / sigma_px**2
    root = np.sqrt(weight[:, None] * weight[None, :]).ravel()
    design = np.column_stack([*(np.exp(-0.5 * r2 / w**2) for w in WIDTHS), np.ones(len(r2))])
    target = np.exp(-0.5 * r2[:, None] / np.asarray(widths)[None, :] ** 2)
    return np.asarray(np.linalg.lstsq(design * root[:, None], target * root[:, None], rcond=None)[0][:N_HEIGHTS].T)
