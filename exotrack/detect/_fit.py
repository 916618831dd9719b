"""Position of a spot by maximum likelihood: a pixel-integrated Gaussian of fixed width on a tilted plane.

The tilt is given, measured where the spot is not: fitted with the position it would cost a tenth of the precision, left
out it would pull the position uphill.

Pixels are turned into photoelectrons, (value + intercept / slope) / slope, whose mean equals their variance whatever
the camera (Huang et al. 2013, Nat Methods 10:653), and the Poisson likelihood of (y, x, photons, background) is
maximised by Fisher scoring; the inverse Fisher information gives the standard errors (Smith et al. 2010, Nat Methods 7:373).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit

MAX_STEPS = 12
FITTED, DROPPED = 0, 1


@njit(nogil=True, cache=True, error_model="numpy")
def fit_spots(image: Any, peaks: Any, start: Any, sigma_px: float, half: int, camera: Any) -> Any:
    """Fit each peak of one image.

    Parameters
    ----------
    image : (height, width) float32 counts.
    peaks : (n, 2) int64 pixel (y, x) of each peak.
    start : (n, 6) float64 first guess of y, x (pixels), height and background (counts), and the slope of the background
        along y and x (counts per pixel).
    sigma_px : width of the Gaussian (pixels).
    half : half side of the fitted square (pixels), cut off at the border of the image.
    camera : slope (counts) and intercept (counts^2) of `Noise`.

    Returns
    -------
    (n, 7) float64: y, x (pixels), height, background (counts), standard errors of y and x (pixels), and 0 if the fit
    converged near its peak.
    """
    found = np.empty((len(peaks), 7))
    height, width = image.shape
    slope = camera[0]
    offset = -camera[1] / slope
    to_height = slope / (2.0 * math.pi * sigma_px * sigma_px)
    for i in range(len(peaks)):
        y0, x0 = max(peaks[i, 0] - half, 0), max(peaks[i, 1] - half, 0)
        y1, x1 = min(peaks[i, 0] + half + 1, height), min(peaks[i, 1] + half + 1, width)
        photons = (image[y0:y1, x0:x1] - offset) / slope
        theta = np.array([start[i, 0] - y0, start[i, 1] - x0, max(start[i, 2], 0.0) / to_height, (start[i, 3] - offset) / slope])
        error = np.empty(2)
        plane = np.empty(photons.shape)
        for j in range(plane.shape[0]):
            for k in range(plane.shape[1]):
                plane[j, k] = (start[i, 4] * (y0 + j - peaks[i, 0]) + start[i, 5] * (x0 + k - peaks[i, 1])) / slope
        good = _climb(photons, plane, sigma_px, theta, error)
        found[i, 0], found[i, 1] = theta[0] + y0, theta[1] + x0
        found[i, 2], found[i, 3] = theta[2] * to_height, theta[3] * slope + offset
        found[i, 4], found[i, 5] = error[0], error[1]
        reach = max(1.0, sigma_px)
        near = abs(found[i, 0] - peaks[i, 0]) <= reach and abs(found[i, 1] - peaks[i, 1]) <= reach
        found[i, 6] = FITTED if good and near else DROPPED
    return found


@njit(nogil=True, cache=True, error_model="numpy")
def _climb(photons: Any, plane: Any, sigma: float, theta: Any, error: Any) -> bool:
    """Climb to the maximum in place; False where the information is singular or the light is not positive."""
    ny, nx = photons.shape
    along_y, along_x = np.empty((2, ny)), np.empty((2, nx))
    info, score, step = np.empty((4, 4)), np.empty(4), np.empty(4)
    for _ in range(MAX_STEPS):
        _profile(theta[0], sigma, along_y)
        _profile(theta[1], sigma, along_x)
        _information(photons, plane, theta, along_y, along_x, info, score)
        if not _solve(info, score, step):
            return False
        moved = 0.0
        for j in range(2):
            step[j] = min(max(step[j], -0.5 * sigma), 0.5 * sigma)
            moved = max(moved, abs(step[j]))
            theta[j] += step[j]
        # Light halves or more than doubles only in several steps: far from the maximum the quadratic form is poor.
        theta[2] = max(theta[2] + step[2], 0.5 * theta[2])
        theta[3] += step[3]
        if moved < 1e-3 and abs(step[2]) < 1e-3 * theta[2]:
            break
    for j in range(2):
        score[:] = 0.0
        score[j] = 1.0
        if not _solve(info, score, step):
            return False
        error[j] = math.sqrt(step[j])
    return bool(theta[2] > 0.0)


@njit(nogil=True, cache=True, error_model="numpy")
def _profile(centre: float, sigma: float, along: Any) -> None:
    """Share of the light in each pixel along one axis (first row), and its derivative by the centre (second)."""
    scale = 1.0 / (math.sqrt(2.0) * sigma)
    norm = 1.0 / (math.sqrt(2.0 * math.pi) * sigma)
    u = (-0.5 - centre) * scale
    low, low_density = math.erf(u), math.exp(-u * u)
    for i in range(along.shape[1]):
        u = (i + 0.5 - centre) * scale
        high, high_density = math.erf(u), math.exp(-u * u)
        along[0, i] = 0.5 * (high - low)
        along[1, i] = norm * (low_density - high_density)
        low, low_density = high, high_density


@njit(nogil=True, cache=True, error_model="numpy")
def _information(photons: Any, plane: Any, theta: Any, along_y: Any, along_x: Any, info: Any, score: Any) -> None:
    """Fisher information and score of (y, x, photons, background) at `theta`."""
    info[:] = 0.0
    score[:] = 0.0
    ey, dy, ex, dx = along_y[0], along_y[1], along_x[0], along_x[1]
    g = np.empty(4)
    for i in range(ey.size):
        for j in range(ex.size):
            g[0] = theta[2] * dy[i] * ex[j]
            g[1] = theta[2] * ey[i] * dx[j]
            g[2] = ey[i] * ex[j]
            g[3] = 1.0
            # Half a photoelectron: the floor that `Noise.variance` has as well.
            mean = theta[2] * g[2] + theta[3] + plane[i, j]
            weight = 1.0 / max(mean, 0.5)
            rest = (photons[i, j] - mean) * weight
            for a in range(4):
                score[a] += g[a] * rest
                for b in range(a + 1):
                    info[a, b] += g[a] * g[b] * weight
    for a in range(4):
        for b in range(a):
            info[b, a] = info[a, b]


@njit(nogil=True, cache=True, error_model="numpy")
def _solve(matrix: Any, right: Any, out: Any) -> bool:
    """Cholesky solution of a 4 x 4 system; False if the matrix is not positive definite."""
    n = right.size
    low = np.zeros((n, n))
    for i in range(n):
        for j in range(i + 1):
            rest = matrix[i, j]
            for k in range(j):
                rest -= low[i, k] * low[j, k]
            if i == j:
                if not rest > 1e-12 * matrix[i, i]:
                    return False
                low[i, i] = math.sqrt(rest)
            else:
                low[i, j] = rest / low[j, j]
    for i in range(n):
        rest = right[i]
        for k in range(i):
            rest -= low[i, k] * out[k]
        out[i] = rest / low[i, i]
    for i in range(n - 1, -1, -1):
        rest = out[i]
        for k in range(i + 1, n):
            rest -= low[k, i] * out[k]
        out[i] = rest / low[i, i]
    return True
