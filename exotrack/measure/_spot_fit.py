"""Maximum-likelihood height, background and width of one spot at a known place: numba kernels, pixels and photoelectrons.

The data are mapped to (value + intercept / slope) / slope, whose mean equals its variance (Huang et al. 2013, Nat Methods
10:653), and fitted as Poisson by Fisher scoring. The model is a Gaussian integrated over each pixel (Smith et al. 2010).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

FLOOR = 0.5
"""Smallest expected value (photoelectrons) of a pixel: keeps the likelihood finite where noise pushes the model below 0."""


@njit(nogil=True, cache=True)
def profile(n: int, centre: float, sigma: float, out: NDArray[np.float64]) -> None:
    """Mean of exp(-(u - centre)^2 / (2 sigma^2)) over each of `n` pixels: 1 at the centre of a wide spot."""
    scale = 1.0 / (math.sqrt(2.0) * sigma)
    height = sigma * math.sqrt(math.pi / 2.0)
    before = math.erf((-0.5 - centre) * scale)
    for i in range(n):
        after = math.erf((i + 0.5 - centre) * scale)
        out[i] = height * (after - before)
        before = after


@njit(nogil=True, cache=True)
def fit_height(data: NDArray[np.float64], y: float, x: float, sigma: float) -> tuple[float, float, float, float]:
    """Height and background of a spot of known place and width.

    Returns (height, background, standard error of height, log-likelihood without constants); photoelectrons.
    """
    ny, nx = data.shape
    gy, gx = np.empty(ny), np.empty(nx)
    profile(ny, y, sigma, gy)
    profile(nx, x, sigma, gx)
    background = max(float(np.mean(data)), FLOOR)
    height = 0.0
    sd = np.inf
    for _ in range(8):
        faa, fab, fbb, ua, ub = 0.0, 0.0, 0.0, 0.0, 0.0
        for i in range(ny):
            for j in range(nx):
                g = gy[i] * gx[j]
                mu = max(background + height * g, FLOOR)
                w = 1.0 / mu
                r = (data[i, j] - mu) * w
                faa += g * g * w
                fab += g * w
                fbb += w
                ua += g * r
                ub += r
        det = faa * fbb - fab * fab
        if det <= 1e-12 * faa * fbb:
            return np.nan, np.nan, np.nan, np.nan
        step = (fbb * ua - fab * ub) / det
        height += step
        background = max(background + (faa * ub - fab * ua) / det, FLOOR)
        sd = math.sqrt(fbb / det)
        if abs(step) < 1e-3 * sd:
            break
    loglik = 0.0
    for i in range(ny):
        for j in range(nx):
            mu = max(background + height * gy[i] * gx[j], FLOOR)
            loglik += data[i, j] * math.log(mu) - mu
    return height, background, sd, loglik


@njit(nogil=True, cache=True)
def fit_width(data: NDArray[np.float64], y: float, x: float, start: float, low: float, high: float) -> float:
    """Width (pixels) of greatest likelihood between `low` and `high`, height and background free; NaN at a limit.

    Golden-section search on log width: the profile likelihood of the width of a spot has one maximum.
    """
    ratio = 0.6180339887498949
    a, b = math.log(low), math.log(high)
    c, d = b - ratio * (b - a), a + ratio * (b - a)
    fc, fd = fit_height(data, y, x, math.exp(c))[3], fit_height(data, y, x, math.exp(d))[3]
    for _ in range(12):
        if fc > fd:
            b, d, fd = d, c, fc
            c = b - ratio * (b - a)
            fc = fit_height(data, y, x, math.exp(c))[3]
        else:
            a, c, fc = c, d, fd
            d = a + ratio * (b - a)
            fd = fit_height(data, y, x, math.exp(d))[3]
    width = math.exp(0.5 * (a + b))
    if width < low * 1.02 or width > high * 0.98:
        return np.nan
    return width


@njit(nogil=True, cache=True)
def _light(
    data: NDArray[np.float64], spot: tuple[float, float, float, float], height: float, background: float
) -> tuple[float, float]:
    """Light above the background within a radius, and its standard error; spot = (y, x, sigma, radius).

    The background is estimated on the same pixels, so the error is that of one weighted sum: each pixel counts 1 inside
    the radius, less the number of pixels inside times its weight in the background.
    """
    y, x, sigma, radius = spot
    ny, nx = data.shape
    gy, gx = np.empty(ny), np.empty(nx)
    profile(ny, y, sigma, gy)
    profile(nx, x, sigma, gx)
    total, n, faa, fab, fbb = 0.0, 0, 0.0, 0.0, 0.0
    for i in range(ny):
        for j in range(nx):
            g = gy[i] * gx[j]
            w = 1.0 / max(background + height * g, FLOOR)
            faa += g * g * w
            fab += g * w
            fbb += w
            if (i - y) ** 2 + (j - x) ** 2 <= radius * radius:
                total += data[i, j]
                n += 1
    det = faa * fbb - fab * fab
    variance = 0.0
    for i in range(ny):
        for j in range(nx):
            g = gy[i] * gx[j]
            mu = max(background + height * g, FLOOR)
            inside = 1.0 if (i - y) ** 2 + (j - x) ** 2 <= radius * radius else 0.0
            variance += (inside - n * (faa - fab * g) / (mu * det)) ** 2 * mu
    return total - n * background, math.sqrt(variance)


@njit(nogil=True, cache=True)
def measure_rows(
    pixels: NDArray[Any],
    frame: NDArray[np.int64],
    y_px: NDArray[np.float64],
    x_px: NDArray[np.float64],
    settings: tuple[float, float, float, float],
    out: NDArray[np.float64],
) -> None:
    """Measure every row: (height, its sd, background, width, intensity, its sd) into `out`, counts and pixels.

    pixels : (n, height, width) block as stored; frame counts from the block's first frame.
    settings : sigma_px, radius_px, slope, intercept.
    """
    sigma, radius, slope, intercept = settings
    half = math.ceil(radius)
    _, ny, nx = pixels.shape
    shift = intercept / slope
    for k in range(len(frame)):
        cy, cx = round(y_px[k]), round(x_px[k])
        y0, y1 = max(cy - half, 0), min(cy + half + 1, ny)
        x0, x1 = max(cx - half, 0), min(cx + half + 1, nx)
        if y1 - y0 < 3 or x1 - x0 < 3:
            out[k, :] = np.nan
            continue
        data = np.empty((y1 - y0, x1 - x0))
        for i in range(y1 - y0):
            for j in range(x1 - x0):
                data[i, j] = (float(pixels[frame[k], y0 + i, x0 + j]) + shift) / slope
        y, x = y_px[k] - y0, x_px[k] - x0
        height, background, sd, _ = fit_height(data, y, x, sigma)
        if np.isnan(height):
            out[k, :] = np.nan
            continue
        width = np.nan
        if height > 4.0 * sd:
            width = fit_width(data, y, x, sigma, 0.5 * sigma, 4.0 * sigma)
        intensity, intensity_sd = _light(data, (y, x, sigma, radius), height, background)
        out[k, 0] = height * slope
        out[k, 1] = sd * slope
        out[k, 2] = background * slope - shift
        out[k, 3] = width
        out[k, 4] = intensity * slope
        out[k, 5] = intensity_sd * slope
