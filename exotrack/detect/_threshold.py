"""From false spots per frame to a threshold in noise units.

The maxima of smooth Gaussian noise above a height u number, per unit area, ``|gradient|^2 / (2 pi)^1.5 * u exp(-u^2 / 2)``,
with the mean squared gradient per axis of the noise scaled to variance 1 (Worsley 1995, Adv Appl Probab 27:943). On a
pixel grid a few are lost; by how much was measured, see `GRID_LOSS`.
"""

from __future__ import annotations

import numpy as np

from exotrack.detect._filter import Template

GRID_LOSS = 1.0


def false_maxima(u: float, area_px: float, shape: Template) -> float:
    """Expected number of maxima of filtered white noise above `u` standard deviations in `area_px` pixels."""
    per_px = gradient2(shape) / (2 * np.pi) ** 1.5
    return float(GRID_LOSS * area_px * per_px * u * np.exp(-u * u / 2))


def threshold(false_per_frame: float, area_px: float, shape: Template) -> float:
    """Height in standard deviations that noise passes `false_per_frame` times in `area_px` pixels; at least 1."""
    from scipy.optimize import brentq

    if false_maxima(1.0, area_px, shape) <= false_per_frame:
        return 1.0
    return float(brentq(lambda u: false_maxima(u, area_px, shape) - false_per_frame, 1.0, 40.0))


def gradient2(shape: Template) -> float:
    """Mean squared gradient along an axis (1/pixel^2) of white noise of variance 1 after the matched filter."""
    kernel = _kernel(shape)
    return float(np.sum(np.diff(np.pad(kernel, 1), axis=0)[:, 1:-1] ** 2) / np.sum(kernel**2))


def skewness(shape: Template) -> float:
    """Skewness of the filtered noise times the square root of the photoelectrons in a pixel (Poisson noise)."""
    kernel = _kernel(shape)
    return float(np.sum(kernel**3) / np.sum(kernel**2) ** 1.5)


def skewed(u: float, skew: np.ndarray) -> np.ndarray:
    """Threshold that skewed noise passes as often as normal noise passes `u` (Cornish and Fisher 1938)."""
    return np.asarray(u + skew * (u * u - 1) / 6)


def _kernel(shape: Template) -> np.ndarray:
    """The whole matched filter: Gaussian minus its mean over the window."""
    gauss = np.pad(shape.gauss.astype(float), shape.half_window - shape.half)
    kernel = np.outer(gauss, gauss)
    return kernel - kernel.mean()
