"""Spots so bright that the detector clips them: fitted on the pixels that it does not clip, and flagged."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from exotrack.detect._joint import climb

Real = NDArray[np.float64]


def fit_clipped(
    image: NDArray[np.float32], rows: Real, ceiling: float, sigma: float, half: int, camera: tuple[float, float]
) -> NDArray[np.bool_]:
    """Fit the spots with clipped pixels again without these, in place; which they are, (n,).

    Parameters
    ----------
    image : (height, width) counts.
    rows : (n, 7) y, x (pixels), height, background (counts), anything, standard errors of y and x (pixels).
    ceiling : pixels of this many counts or more are clipped; infinite if no ceiling is known.
    sigma, half, camera : as in `fit_spots`.

    A fit that fails or leads away leaves the spot as it was.
    """
    clipped: NDArray[np.bool_] = _clipped(image, rows, ceiling, half)
    slope, shift, unit = camera[0], camera[1] / camera[0], 2 * math.pi * sigma**2
    for i in np.flatnonzero(clipped):
        row = rows[i]
        corner = np.maximum(np.rint(row[:2]).astype(int) - half, 0)
        window = image[corner[0] :, corner[1] :][: 2 * half + 1, : 2 * half + 1]
        photons = np.where(window >= ceiling, np.nan, (window.astype(float) + shift) / slope)
        theta = np.array([*(row[:2] - corner), row[2] * unit / slope, (row[3] + shift) / slope])
        error = np.empty(4)
        likely = climb(photons, np.zeros(photons.shape), sigma, False, theta, error)
        if math.isfinite(likely) and np.abs(theta[:2] + corner - row[:2]).max() <= sigma and theta[2] > 0:
            row[:2], row[2], row[3] = theta[:2] + corner, theta[2] * slope / unit, theta[3] * slope - shift
            row[5:7] = error[:2]
    return clipped


@njit(nogil=True, cache=True)
def _clipped(image: Any, rows: Any, ceiling: float, half: int) -> Any:
    """(n,) which spots have a clipped pixel in their square."""
    top, found = np.float32(ceiling), np.zeros(len(rows), np.bool_)
    for i in range(len(rows)):
        y, x = max(int(np.rint(rows[i, 0])) - half, 0), max(int(np.rint(rows[i, 1])) - half, 0)
        for value in image[y : y + 2 * half + 1, x : x + 2 * half + 1].flat:
            found[i] |= value >= top
    return found
