"""What the pixels around a candidate say, frame by frame, in a few numbers with their covariance.

Each frame's patch is written as a sum of three Gaussians of 1, 2 and 4 times the vesicle's width at the candidate's
place, an even background, and the two first derivatives of the narrow one (which say where its centre lies). The sum is
linear, so its least-squares coefficients are unbiased at any signal, unlike a width fitted frame by frame; a cloud of any
width in between is a fixed mixture of the three. `PatchSeries` is all that the models see.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from exotrack.classify._linear import solve_symmetric

WIDTHS = (1.0, 2.0, 4.0)
"""Widths of the Gaussians in units of the vesicle's: from unspread to a cloud spread for a second at 0.1 um^2/s."""
N_COMPONENTS = 6


class PatchSeries(NamedTuple):
    """One candidate through time, (n_frames, ...).

    frame : (n,) movie frames.
    coefficients : (n, 6) heights of the three Gaussians, background, y and x derivative terms (counts).
    precision : (n, 3, 3) inverse covariance of the three heights, the other three unknown; zero for unusable frames.
    shift_sd : (n,) standard error of a derivative term (counts per vesicle width).
    """

    frame: NDArray[np.int64]
    coefficients: NDArray[np.float64]
    precision: NDArray[np.float64]
    shift_sd: NDArray[np.float64]


@njit(nogil=True, cache=True)
def _basis(n: int, centre: float, sigma: float, out: NDArray[np.float64]) -> None:
    """Rows of `out`: pixel means of Gaussians of 1, 2, 4 sigma, and sigma times the derivative of the first."""
    for c in range(3):
        s = sigma * 2.0**c
        scale = 1.0 / (math.sqrt(2.0) * s)
        height = s * math.sqrt(math.pi / 2.0)
        before = math.erf((-0.5 - centre) * scale)
        edge = math.exp(-0.5 * ((-0.5 - centre) / s) ** 2)
        for i in range(n):
            after = math.erf((i + 0.5 - centre) * scale)
            out[c, i] = height * (after - before)
            before = after
            if c == 0:
                next_edge = math.exp(-0.5 * ((i + 0.5 - centre) / s) ** 2)
                out[3, i] = -s * (next_edge - edge)
                edge = next_edge


@njit(nogil=True, cache=True)
def components(  # noqa: C901 (loops over pixels and unknowns, written out)
    pixels: NDArray[Any],
    mask: NDArray[np.bool_],
    centre: tuple[float, float],
    settings: tuple[float, float, float],
    coefficients: NDArray[np.float64],
    precision: NDArray[np.float64],
    shift_sd: NDArray[np.float64],
) -> None:
    """Least-squares coefficients of every frame of one patch (two passes: weights from the first pass's model).

    pixels : (n, h, w) counts; mask : (n, h, w) pixels to use; centre : (y, x) in the patch, pixels.
    settings : sigma_px, noise slope, noise intercept. The last three arrays are filled, see `PatchSeries`.
    """
    sigma, slope, intercept = settings
    n, h, w = pixels.shape
    by, bx = np.empty((4, h)), np.empty((4, w))
    _basis(h, centre[0], sigma, by)
    _basis(w, centre[1], sigma, bx)
    row, solution, factor = np.empty(6), np.empty(6), np.empty((6, 6))
    for t in range(n):
        beta = np.zeros(6)
        level, count = 0.0, 0
        for i in range(h):
            for j in range(w):
                if mask[t, i, j]:
                    level += pixels[t, i, j]
                    count += 1
        if count < 30:
            coefficients[t, :] = np.nan
            precision[t] = 0.0
            shift_sd[t] = np.nan
            continue
        beta[3] = level / count
        normal = np.zeros((6, 6))
        for _ in range(2):
            normal[:] = 0.0
            right = np.zeros(6)
            for i in range(h):
                for j in range(w):
                    if not mask[t, i, j]:
                        continue
                    row[0], row[1], row[2] = by[0, i] * bx[0, j], by[1, i] * bx[1, j], by[2, i] * bx[2, j]
                    row[3], row[4], row[5] = 1.0, by[3, i] * bx[0, j], by[0, i] * bx[3, j]
                    expected = 0.0
                    for a in range(4):
                        expected += beta[a] * row[a]
                    weight = 1.0 / max(slope * expected + intercept, 0.5 * slope * slope)
                    for a in range(6):
                        right[a] += weight * row[a] * pixels[t, i, j]
                        for b in range(a + 1):
                            normal[a, b] += weight * row[a] * row[b]
            # The three that are not wanted come first, so that the last block of the factor gives the precision of the others.
            for a in range(6):
                i = (a + 3) % 6
                solution[a] = right[i]
                for b in range(a + 1):
                    j = (b + 3) % 6
                    factor[a, b] = normal[i, j] if i >= j else normal[j, i]
            solve_symmetric(factor, solution, 6)
            for a in range(6):
                beta[(a + 3) % 6] = solution[a]
        coefficients[t] = beta
        for a in range(3):
            for b in range(a + 1):
                total = 0.0
                for c in range(b + 1):
                    total += factor[3 + a, 3 + c] * factor[3 + b, 3 + c]
                precision[t, a, b] = precision[t, b, a] = total
        shift_sd[t] = 1.0 / math.sqrt(max(0.5 * (normal[4, 4] + normal[5, 5]), 1e-300))


def mixture(widths: NDArray[np.float64], half: int, sigma_px: float) -> NDArray[np.float64]:
    """Heights on the three Gaussians that make up a Gaussian of unit height and each of `widths` (units of sigma_px).

    Returns (len(widths), 3): the least-squares projection in a square patch of half side `half` pixels, with an even
    background free.
    """
    y, x = np.mgrid[-half : half + 1, -half : half + 1] / sigma_px
    r2 = (y**2 + x**2).ravel()
    design = np.column_stack([*(np.exp(-0.5 * r2 / w**2) for w in WIDTHS), np.ones(len(r2))])
    target = np.exp(-0.5 * r2[:, None] / np.asarray(widths)[None, :] ** 2)
    return np.asarray(np.linalg.lstsq(design, target, rcond=None)[0][:3].T)
