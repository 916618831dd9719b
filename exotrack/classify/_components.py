"""What the pixels around a candidate say, frame by frame, in a few numbers with their covariance.

Each frame is written as a sum of Gaussians of 1, 2, 4 and 8 times the vesicle's width at the candidate's place, an even
background, and the two first derivatives of the narrow one (which say where its centre lies). The sum is linear, so its
least-squares coefficients are unbiased at any signal, unlike a width fitted frame by frame; a cloud of any width in between
is a fixed mixture of the four. `PatchSeries` is all that the models see.

Released cargo runs: at 4 um^2/s it is 1 um wide after a tenth of a second. Near the candidate single pixels are used, far from
it the means of square bins (`_patch`), which say as much of a wide cloud and are ten times fewer.

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
from exotrack.classify._patch import N_HEIGHTS, Reach, cells, covered_by, values_of, window

WIDTHS = (1.0, 2.0, 4.0, 8.0)
"""Widths of the Gaussians in units of the vesicle's: the widest is a cloud of 4 um^2/s after a tenth of a second."""
LEVELS = 3
SHORT = 8
"""Frames from which the mean picture is used for weights."""
DIM = 0.3
"""A vesicle whose light adds less than this share to the variance of its pixels changes no weight."""
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


@njit(nogil=True, cache=True)
def components(
    pixels: tuple[NDArray[Any], NDArray[np.float32]],
    usable: NDArray[np.bool_],
    centre: tuple[float, float],
    others: Real,
    settings: tuple[float, float, float],
    reach: Reach,
    out: tuple[Real, Real, Real],
    even: bool = False,
) -> None:
    """Least-squares coefficients of every frame around one place.

    pixels : (n, h, w) counts and `binned` of them; usable : (n,) frames to use; centre : (y, x) pixels.
    others : (m, 3) frame (from 0), y, x (pixels) of other vesicles, sorted by frame; pixels that they cover are left out.
    settings : sigma_px, noise slope, noise intercept. out : coefficients, precision, shift_sd of `PatchSeries`, to be filled.
    even : weigh all cells alike whatever the number of frames. On an uneven background weights of another kind shift the
        coefficients, which would look like a cloud where two calls for one candidate meet.
    """
    singly, means = pixels
    rows = window(centre[0], singly.shape[1], means.shape[1], reach)
    columns = window(centre[1], singly.shape[2], means.shape[2], reach)
    basis, area = cells(rows, columns, centre, settings[0], reach.bin)
    values = values_of(singly, means, rows, columns, reach.bin)
    covered = covered_by(others, len(singly), rows, columns, centre, reach)
    mean = _mean(values, covered, usable, even)
    data = (values, covered, usable, basis)
    level = np.zeros(len(singly), np.int64)
    _solve_all(data, _weights(mean.reshape((1, mean.size)), area, settings), level, out)
    heights, top, middle, lowest, known = out[0][:, 0], 0.0, 0.0, np.inf, 0
    for t in range(len(heights)):
        if not np.isnan(heights[t]):
            top, middle, known = max(top, heights[t]), middle + heights[t], known + 1
    # An even mean holds no light of the vesicle that could be taken off.
    middle = middle / known if known >= SHORT else 0.0
    for c in range(mean.size):
        lowest = min(lowest, mean[c])
    if settings[1] * top < DIM * max(settings[1] * lowest + settings[2], 0.5 * settings[1] ** 2):
        return
    expected = np.empty((LEVELS, mean.size))
    for k in range(LEVELS):
        for c in range(mean.size):
            expected[k, c] = mean[c] + (top * k / (LEVELS - 1) - max(middle, 0.0)) * basis[3, c]
    for t in range(len(heights)):
        if not np.isnan(heights[t]):
            level[t] = min(max(round(heights[t] / top * (LEVELS - 1)), 0), LEVELS - 1)
    _solve_all(data, _weights(expected, area, settings), level, out)


@njit(nogil=True, cache=True)
def _mean(values: Real, covered: NDArray[np.bool_], usable: NDArray[np.bool_], even: bool) -> Real:
    """(cells,) mean over the usable frames in which a cell is not covered; over all usable ones if it always is.

    Of few frames it would hold too much of their own noise: there, and where `even` asks for it, it is one number for all cells.
    """
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
    if even or frames < SHORT:
        level = 0.0
        for c in range(n_cells):
            level += out[c] / n_cells
        for c in range(n_cells):
            out[c] = level
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
def _solve_all(data: Any, weights: Real, level: NDArray[np.int64], out: tuple[Real, Real, Real]) -> None:
    """Fill `out`; frame t has the weights of its `level`."""
    values, covered, usable, basis = data
    weighted, normals = _normals(basis, weights)
    factor, right = np.empty((7, 7)), np.empty(7)
    for t in range(len(values)):
        _nothing(out[0][t], out[1][t])
        out[2][t] = np.nan
        if not usable[t]:
            continue
        w = weighted[level[t]]
        for a in range(7):
            right[a] = _dot(w[a], values[t])
            for b in range(a + 1):
                factor[a, b] = normals[level[t], a, b]
        if _take_off(values[t], covered[t], basis, w, factor, right) < FEWEST:
            continue
        out[2][t] = 1.0 / math.sqrt(max(0.5 * (factor[1, 1] + factor[2, 2]), 1e-300))
        solve_symmetric(factor, right, 7)
        for a in range(7):
            out[0][t, (a + N_HEIGHTS) % 7] = right[a]
        # The nuisances come first, so that the last block of the factor gives the precision of the heights.
        for a in range(N_HEIGHTS):
            for b in range(a + 1):
                total = 0.0
                for c in range(b + 1):
                    total += factor[3 + a, 3 + c] * factor[3 + b, 3 + c]
                out[1][t, a, b] = out[1][t, b, a] = total


@njit(nogil=True, cache=True)
def _normals(basis: Real, weights: Real) -> tuple[Real, Real]:
    """(levels, 7, cells) weighted basis, and the normal equations (levels, 7, 7; lower triangles) of all cells."""
    weighted, normals = np.empty((len(weights), 7, basis.shape[1])), np.empty((len(weights), 7, 7))
    for k in range(len(weights)):
        for a in range(7):
            for c in range(basis.shape[1]):
                weighted[k, a, c] = weights[k, c] * basis[a, c]
            for b in range(a + 1):
                normals[k, a, b] = _dot(weighted[k, a], basis[b])
    return weighted, normals


@njit(nogil=True, cache=True)
def _nothing(coefficients: Real, precision: Real) -> None:
    for a in range(7):
        coefficients[a] = np.nan
    for a in range(N_HEIGHTS):
        for b in range(N_HEIGHTS):
            precision[a, b] = 0.0


@njit(nogil=True, cache=True)
def _take_off(values: Real, covered: NDArray[np.bool_], basis: Real, weighted: Real, normal: Real, right: Real) -> int:
    """Take the covered cells of a frame off its normal equations, in place; how many are left."""
    left = len(covered)
    for c in range(len(covered)):
        if covered[c]:
            left -= 1
            for a in range(7):
                right[a] -= weighted[a, c] * values[c]
                for b in range(a + 1):
                    normal[a, b] -= weighted[a, c] * basis[b, c]
    return left


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
