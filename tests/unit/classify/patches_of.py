"""Pixels of one candidate drawn from dense sampling in time and space: the slow reference for components and models."""

from __future__ import annotations

import numpy as np
from scipy.special import erf

from exotrack.classify._components import PatchSeries, components, mixture
from exotrack.classify._courses import WIDTH_GRID
from exotrack.classify._models import D_UM2_S, ESCAPE_FRAMES, RAMP_FRAMES, TAU_FRAMES, fit_all, t0_grid

SIGMA_PX, HALF, FRAME_S, SIGMA_UM = 1.3, 11, 0.1, 0.13
TIMES = np.arange(-10, 30)
GROWTH = 2.0 * D_UM2_S * FRAME_S / SIGMA_UM**2


def gaussian(sigma_px, y=0.0, x=0.0, half=HALF):
    """Mean over each pixel of a Gaussian of unit height at (y, x) from the middle pixel."""
    edges = np.arange(-half, half + 2) - 0.5

    def along(centre):
        return sigma_px * np.sqrt(np.pi / 2) * np.diff(erf((edges - centre) / (np.sqrt(2) * sigma_px)))

    return np.outer(along(y), along(x))


def frames_of(height, variance, times=TIMES, samples=24, static=0.0, place=(0.0, 0.0)):
    """(n, h, w) expected light: height(t) over sigma0^2 * variance(t), averaged over each exposure; heights at its own width."""
    patch = []
    for k in times:
        t = k + (np.arange(samples) + 0.5) / samples
        mean = sum(h * gaussian(SIGMA_PX * np.sqrt(v), *place) for h, v in zip(height(t), variance(t), strict=True)) / samples
        patch.append(mean + static * gaussian(SIGMA_PX, *place))
    return np.array(patch)


def noisy(light, rng, background=40.0):
    """Photoelectrons on an even background."""
    return rng.poisson(light + background).astype(float)


def look(pixels, mask=None, place=(0.0, 0.0), slope=1.0, intercept=0.0):
    """`PatchSeries` of pixels of one patch."""
    n, half = len(pixels), pixels.shape[1] // 2
    mask = np.ones(pixels.shape, bool) if mask is None else mask
    coefficients, precision, shift_sd = np.empty((n, 6)), np.empty((n, 3, 3)), np.empty(n)
    centre = (half + place[0], half + place[1])
    components(pixels, mask, centre, (SIGMA_PX, slope, intercept), coefficients, precision, shift_sd)
    return PatchSeries(np.arange(n), coefficients, precision, shift_sd)


def fits_of(pixels, times=TIMES, mask=None):
    """All fits and profiles of one patch."""
    series = look(pixels, mask)
    out, profiles = np.empty((5, 10)), np.empty((2, 16))
    grids = (t0_grid(FRAME_S), TAU_FRAMES, RAMP_FRAMES, GROWTH, ESCAPE_FRAMES)
    data = np.nan_to_num(series.coefficients[:, :3])
    fit_all(times.astype(float), data, series.precision, mixture(WIDTH_GRID, HALF, SIGMA_PX), grids, out, profiles)
    return out, profiles
