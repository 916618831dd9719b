"""Pixels of one candidate drawn from dense sampling in time and space: the slow reference for components and models."""

from __future__ import annotations

import numpy as np
from scipy.special import erf

from exotrack.classify._components import PatchSeries, components
from exotrack.classify._look import Optics, fitted, grids
from exotrack.classify._models import D_UM2_S
from exotrack.classify._patch import binned

SIGMA_PX, HALF, FRAME_S, SIGMA_UM = 1.3, 35, 0.1, 0.13
OPTICS = Optics(SIGMA_PX, SIGMA_UM, FRAME_S, 1.0, 0.0)
TIMES = np.arange(-10, 30)
GROWTH = 2.0 * D_UM2_S * FRAME_S / SIGMA_UM**2


def along(sigmas_px, centre, n):
    """(widths, n) means over n pixels of Gaussians of unit height in one dimension."""
    s = np.asarray(sigmas_px, float)[:, None]
    edges = np.arange(n + 1) - 0.5
    return s * np.sqrt(np.pi / 2) * np.diff(erf((edges - centre) / (np.sqrt(2) * s)), axis=1)


def drawn(heights, sigmas_px, y=0.0, x=0.0, half=HALF):
    """Sum of Gaussians at (y, x) from the middle pixel, averaged over each pixel."""
    n = 2 * half + 1
    return (along(sigmas_px, half + y, n) * np.asarray(heights, float)[:, None]).T @ along(sigmas_px, half + x, n)


def gaussian(sigma_px, y=0.0, x=0.0, half=HALF):
    """Mean over each pixel of a Gaussian of unit height at (y, x) from the middle pixel."""
    return drawn([1.0], [sigma_px], y, x, half)


def frames_of(height, variance, times=TIMES, samples=24, place=(0.0, 0.0)):
    """(n, h, w) expected light: height(t) over sigma0^2 * variance(t), averaged over each exposure; heights at its own width."""
    t = times[:, None] + (np.arange(samples) + 0.5) / samples
    return np.array([drawn(height(k) / samples, SIGMA_PX * np.sqrt(variance(k)), *place) for k in t])


def cloud_frames(t0, tau, growth, escape, times=TIMES, samples=12, ages=96):
    """(n, h, w) expected light of cargo of unit light: released from t0 on with `tau`, spreading by `growth`, gone by `escape`.

    Every moment of each exposure sums cargo of all ages; times in frames, growth = 2 D / sigma0^2 per frame.
    """
    moments = (np.arange(samples) + 0.5) / samples
    edges = np.linspace(0.0, 1.0, ages + 1) ** 3
    images = []
    for t in (times[:, None] + moments - t0).clip(0.0):
        age, share = (0.5 * (edges[1:] + edges[:-1]) * t[:, None]).ravel(), (np.diff(edges) * t[:, None]).ravel()
        left = np.exp(-(np.repeat(t, ages) - age) / tau) / tau * share / samples
        w2 = 1.0 + growth * age
        images.append(drawn(left * np.exp(-age / escape) / w2, SIGMA_PX * np.sqrt(w2)))
    return np.array(images)


def noisy(light, rng, background=40.0):
    """Photoelectrons on an even background."""
    return rng.poisson(light + background).astype(np.float32)


def look(pixels, usable=None, centre=None, others=(), optics=OPTICS, reach=None):
    """`PatchSeries` of pixels around `centre` (the middle); others: (m, 3) frame, y, x."""
    pixels = np.ascontiguousarray(pixels, np.float32)
    n, reach = len(pixels), reach or optics.reach
    usable = np.ones(n, bool) if usable is None else usable
    centre = tuple(float((s - 1) // 2) for s in pixels.shape[1:]) if centre is None else centre
    out = np.empty((n, 7)), np.empty((n, 4, 4)), np.empty(n)
    settings = (optics.sigma_px, optics.slope, optics.intercept)
    near = np.asarray(others, float).reshape(-1, 3)
    components((pixels, binned(pixels, reach.bin)), usable, centre, near, settings, reach, out)
    return PatchSeries(np.arange(n), *out)


def looked(pixels, times=TIMES, usable=None, optics=OPTICS):
    """`Look` of one patch, fitted; its frames are `times`, its candidate's is 0."""
    series = look(pixels, usable, optics=optics)._replace(frame=np.asarray(times))
    return fitted(series, 0, grids(optics), optics)


def fits_of(pixels, times=TIMES, usable=None):
    """All fits and profiles of one patch."""
    seen = looked(pixels, times, usable)
    return seen.fits, seen.profiles
