"""From false spots per frame to a threshold in noise units.

A pixel of filtered noise is a local maximum above u with probability

    integral from u of Q(z)^2 phi(z) dz,   Q(z) = 1 - 2 P(N > h z) + 1/pi integral_0^a exp(-h^2 z^2 / (2 sin^2 t)) dt

where h^2 = (1 - r) / (1 + r), sin^2 a = (1 - r^2) / 2 and r is the correlation of neighbouring pixels (Taylor, Worsley
and Gosselin 2007, Biometrika 94:1). Times the number of pixels it is the number of false spots.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from exotrack.detect._template import Template

Real = NDArray[np.float64]

HEIGHTS = np.arange(0.0, 9.0, 0.02)
"""Grid of heights; beyond 9 standard deviations there is less than one false spot in a trillion pixels."""
LOWEST = 3.0
"""No threshold goes below: noise maxima of 3 standard deviations number a hundred in a frame of 512 x 512."""
EDGES = np.arange(LOWEST, 15.05, 0.1)
SMOOTH = np.exp(-0.5 * ((EDGES[:-1, None] - EDGES[None, :-1]) / 0.6) ** 2)
SMOOTH /= SMOOTH.sum(0)
ITERATIONS = 12


def false_maxima(shape: Template) -> Real:
    """Expected number of maxima of filtered white noise above each of `HEIGHTS`, per pixel."""
    from scipy.stats import norm

    r = neighbour_correlation(shape)
    h = np.sqrt((1 - r) / (1 + r))
    # Midpoints: at t = 0 the integrand is 0 but its formula divides by 0.
    t = (np.arange(200) + 0.5) / 200 * np.arcsin(np.sqrt((1 - r * r) / 2))
    middle = HEIGHTS + 0.01
    inner = np.exp(-0.5 * (h * middle[:, None] / np.sin(t)) ** 2).sum(1) * (t[1] - t[0]) / np.pi
    density = (1 - 2 * norm.sf(h * middle) + inner) ** 2 * norm.pdf(middle)
    return np.asarray(np.cumsum(density[::-1])[::-1] * 0.02)


def threshold(false_per_frame: float, area_px: float, shape: Template) -> float:
    """Height in standard deviations that noise passes `false_per_frame` times in `area_px` pixels; at least 1."""
    expected = np.log(area_px * false_maxima(shape))
    return float(max(np.interp(-np.log(false_per_frame), -expected, HEIGHTS), 1.0))


def dimmer(heights: Real, false_above: Real, stated: float, texture: float = 1.0) -> float:
    """Lower the threshold of one frame to where a maximum is as likely a spot as noise.

    The frame's maxima are a mixture of noise, whose number at each height is known, and spots, whose heights are
    estimated from the frame (expectation-maximisation; a kernel of the noise's own width). A frame without spots keeps the
    stated threshold, and so does one whose spots are all bright: there is nothing to win below.

    Parameters
    ----------
    heights : (n,) heights of the frame's maxima, in standard deviations, complete above `LOWEST`.
    false_above : expected number of false maxima of the frame above each of `HEIGHTS`.
    stated : threshold for the stated number of false spots, the highest that is returned.
    texture : structure that is no spot widens the distribution of maxima by this factor.
    """
    seen = np.histogram(np.minimum(heights, EDGES[-1]), EDGES)[0].astype(float)
    noise = -np.diff(np.interp(EDGES / texture, HEIGHTS, false_above))
    middle = (EDGES[:-1] + EDGES[1:]) / 2
    spots = np.where(middle > stated, seen, 0.0)
    for _ in range(ITERATIONS):
        # Four spots fewer than there seem to be: a few false ones must not call for more.
        expected = SMOOTH @ spots * max(0.0, 1 - 4 / max(spots.sum(), 1.0))
        spot_share = expected / np.maximum(expected + noise, 1e-300)
        spots = seen * spot_share
    unlikely = np.flatnonzero((spot_share < 0.5) & (middle < stated))
    return min(stated, float(EDGES[unlikely[-1] + 1])) if len(unlikely) else min(stated, LOWEST)


def neighbour_correlation(shape: Template) -> float:
    """Correlation of two neighbouring pixels of white noise after the matched filter."""
    kernel = np.pad(shape.weights, 1)
    return float(np.sum(kernel[1:] * kernel[:-1]) / np.sum(kernel**2))


def skewness(shape: Template) -> float:
    """Skewness of the filtered noise times the square root of the photoelectrons in a pixel (Poisson noise)."""
    kernel = shape.weights
    return float(np.sum(kernel**3) / np.sum(kernel**2) ** 1.5)


def skewed(u: float, skew: Real) -> Real:
    """Threshold that skewed noise passes as often as normal noise passes `u` (Cornish and Fisher 1938)."""
    return np.asarray(u + skew * (u * u - 1) / 6)
