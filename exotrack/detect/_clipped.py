"""Spots so bright that the detector clips them: fitted on the pixels that it does not clip, and flagged."""

from __future__ import annotations

import math

import numpy as np
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
    clipped = np.zeros(len(rows), bool)
    if not (image >= ceiling).any():
        return clipped
    slope, shift, unit = camera[0], camera[1] / camera[0], 2 * math.pi * sigma**2
    for i, row in enumerate(rows):
        corner = np.maximum(np.rint(row[:2]).astype(int) - half, 0)
        window = image[corner[0] :, corner[1] :][: 2 * half + 1, : 2 * half + 1]
        clipped[i] = (window >= ceiling).any()
        if not clipped[i]:
            continue
        photons = np.where(window >= ceiling, np.nan, (window.astype(float) + shift) / slope)
        theta = np.array([*(row[:2] - corner), row[2] * unit / slope, (row[3] + shift) / slope])
        error = np.empty(4)
        likely = climb(photons, np.zeros(photons.shape), sigma, False, theta, error)
        if math.isfinite(likely) and np.abs(theta[:2] + corner - row[:2]).max() <= sigma and theta[2] > 0:
            row[:2], row[2], row[3] = theta[:2] + corner, theta[2] * slope / unit, theta[3] * slope - shift
            row[5:7] = error[:2]
    return clipped
