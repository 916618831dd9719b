"""From false spots per frame to a threshold in noise units.

A pixel of filtered noise is a local maximum above u with probability

    integral from u of Q(z)^2 phi(z) dz,   Q(z) = 1 - 2 P(N > h z) + 1/pi integral_0^a exp(-h^2 z^2 / (2 sin^2 t)) dt

where h^2 = (1 - r) / (1 + r), sin^2 a = (1 - r^2) / 2 and r is the correlation of neighbouring pixels (Taylor, Worsley
and Gosselin 2007, Biometrika 94:1). Times the number of pixels it is the number of false spots.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from exotrack.detect._template import Template

Real = NDArray[np.float64]

HEIGHTS = np.arange(0.0, 9.0, 0.02)
"""Grid of heights; beyond 9 standard deviations there is less than one false spot in a trillion pixels."""
LOWEST = 3.0
"""No threshold goes below: noise maxima of 3 standard deviations number a hundred in a frame of 512 x 512."""
BIN = 0.1
EDGES = np.arange(LOWEST, 15.05, BIN)
SMOOTH = np.exp(-0.5 * ((EDGES[:-1, None] - EDGES[None, :-1]) / 0.6) ** 2)
SMOOTH_FROM = np.ascontiguousarray((SMOOTH / SMOOTH.sum(0)).T)
"""Row k: where spots of bin k are expected to be."""
ITERATIONS = 12


@lru_cache(maxsize=8)
def false_maxima(shape: Template) -> Real:
    """Expected number of maxima of filtered white noise above each of `HEIGHTS`, per pixel."""
    from scipy.stats import norm

    r = shape.correlation
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


@dataclass(frozen=True)
class Mixture:
    """What the maxima of some frames are, in each bin of `EDGES`: numbers of noise, structure and spots per frame."""

    noise: Real
    structure: Real
    spots: Real

    @classmethod
    def of(cls, seen: Real, false: tuple[Real, Real], stated: float) -> Mixture:
        """Tell spots from noise, whose number at each height is known (expectation-maximisation).

        The spots' heights are estimated with a kernel of the noise's own width.

        Parameters
        ----------
        seen : (frames, bins) how many maxima each frame has in each bin, see `in_bins`.
        false : maxima in each bin that a frame has of what changes from frame to frame, and with all that stands still and is
            no spot, see `false_in_bins`.
        stated : threshold for the stated number of false spots: what is higher is a spot to begin with.
        """
        frames, (noise, chance) = len(seen), false
        each = seen.sum(0) / frames
        expected = _spots_in_bins(each, chance, np.where(EDGES[1:] > stated, each, 0.0), SMOOTH_FROM, frames)
        return cls(noise, np.maximum(chance - noise, 0.0), expected)

    def share(self, heights: Real, support: Real | float = 1.0) -> Real:
        """Probability that maxima of these heights are spots; `support` is what else speaks for what lasts over what does not."""
        k = _bin_of(heights)
        lasting = self.spots[k] * support
        return np.asarray(lasting / np.maximum(lasting + self.noise[k] + self.structure[k] * support, 1e-300))

    def density(self, heights: Real) -> Real:
        """Maxima of all kinds per frame and unit of height; at least that of one maximum of any height."""
        some = (self.noise + self.structure + self.spots)[_bin_of(heights)] / BIN
        return np.asarray(np.maximum(some, 1 / (EDGES[-1] - EDGES[0])))


def in_bins(heights: Real) -> Real:
    """Number of maxima in each bin of `EDGES`, of their heights in standard deviations, complete above `LOWEST`."""
    return np.bincount(_bin_of(heights[heights >= LOWEST]), minlength=len(EDGES) - 1).astype(np.float64)


def false_in_bins(false_above: Real, width: float) -> Real:
    """False maxima of a frame in each bin, from those above each of `HEIGHTS` in white noise, if spread by `width`."""
    return np.asarray(-np.diff(np.interp(EDGES / width, HEIGHTS, false_above)))


@njit(nogil=True, cache=True, error_model="numpy")
def _spots_in_bins(seen: Any, chance: Any, spots: Any, smooth_from: Any, frames: int) -> Any:
    """Spots that are expected in each bin of `seen`, starting from `spots`; plain numpy takes ten times as long."""
    expected = np.empty(len(seen))
    for _ in range(ITERATIONS):
        # Four spots fewer than there seem to be: a few false ones must not call for more.
        trust = max(0.0, 1 - 4 / max(frames * spots.sum(), 1.0))
        expected[:] = 0.0
        for k in range(len(spots)):
            if spots[k] > 0:
                row, number = smooth_from[k], trust * spots[k]
                for i in range(len(expected)):
                    expected[i] += number * row[i]
        for k in range(len(spots)):
            spots[k] = seen[k] * expected[k] / max(expected[k] + chance[k], 1e-300)
    return expected


def _bin_of(heights: Real) -> NDArray[np.int64]:
    return np.minimum(np.maximum((heights - LOWEST) / BIN, 0.0), len(EDGES) - 2.0).astype(np.int64)


def skewed(u: float, skew: Real) -> Real:
    """Threshold that skewed noise passes as often as normal noise passes `u` (Cornish and Fisher 1938)."""
    return np.asarray(u + skew * (u * u - 1) / 6)
