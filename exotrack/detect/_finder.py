"""Everything the frames of a movie have in common for finding spots, in pixels and counts; `Finder.frame` does one frame."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exotrack._frames import read_usable
from exotrack.detect import _threshold
from exotrack.detect._filter import matched_filter
from exotrack.detect._fit import FITTED, fit_spots
from exotrack.detect._peaks import describe, local_maxima, surroundings
from exotrack.detect._template import Template, mirrored, templates
from exotrack.movie import Movie
from exotrack.params import DetectParams
from exotrack.physics import Noise

Real = NDArray[np.float64]

COLUMNS = ("y", "x", "amplitude", "background", "snr", "y_sd", "x_sd")
COMPACT = 0.6
"""Share of its height that a spot must keep when the background may bend within the tighter window. A spot of the stated
width keeps 1 +- 0.13 at the threshold, one of twice the width 0.6; rims of cells keep less than half."""
PAIRS = 6
"""Pairs of frames on which the noise after the filter is measured: over 10^4 independent values in frames of 256 x 256."""


@dataclass(frozen=True)
class Finder:
    """How to find spots in any frame of a movie.

    Attributes
    ----------
    wide, tight : the template that finds spots, and the one that checks their shape.
    gain : (height, width) noise after the filter, in units of what white noise of the camera would give.
    texture : noise and structure after the filter in the same units, at least 1.
    ring : (m, 2) offsets at which the surroundings of a peak are looked at.
    threshold, false_above : see `_threshold`.
    """

    wide: Template
    tight: Template
    noise: Noise
    gain: NDArray[np.float32]
    texture: float
    excess: float
    ring: NDArray[np.int64]
    threshold: float
    false_above: Real

    @classmethod
    def of(cls, movie: Movie, params: DetectParams, noise: Noise) -> Finder:
        """Set up from the geometry, then measure on the movie what its noise really is after the filter."""
        _, height, width = movie.shape
        wide, tight = templates(params.sigma_um / movie.pixel_um, params.background_um / movie.pixel_um)
        plain = cls(
            wide=wide,
            tight=tight,
            noise=noise,
            gain=wide.edge_gain(height)[:, None] * wide.edge_gain(width),
            texture=1.0,
            excess=1.0,
            ring=_ring(4 * wide.sigma_px),
            threshold=_threshold.threshold(params.false_spots_per_frame, height * width, wide),
            false_above=height * width * _threshold.false_maxima(wide),
        )
        excess, texture = plain._measure(movie)
        return replace(plain, gain=plain.gain * np.float32(excess), excess=excess, texture=texture)

    def frame(self, pixels: NDArray[Any]) -> Real:
        """`COLUMNS` (n, 7), in pixels and counts, of the spots in one image, sorted by y and x."""
        image = np.ascontiguousarray(pixels, np.float32)
        camera = (self.noise.slope, self.noise.intercept)
        padded, z = self._filtered(image)
        peaks = local_maxima(z, min(self.threshold, _threshold.LOWEST))
        seen = describe(padded, z, peaks, self.tight.weights, self.tight.information, camera)
        height = z[peaks[:, 0], peaks[:, 1]] - np.maximum(surroundings(z, peaks, self.ring), 0.0)
        kept = self._kept(height, seen)
        half = int(np.ceil(2.5 * self.wide.sigma_px))
        fit = fit_spots(image, peaks[kept], seen[kept, :4], self.wide.sigma_px, half, camera)
        # On a rim the likelihood has no maximum near the peak; a spot, however dim, nearly always has.
        inside = np.all((fit[:, :2] >= -0.5) & (fit[:, :2] < np.array(image.shape) - 0.5), axis=1)
        good = inside & (fit[:, 6] == FITTED)
        rows: Real = np.column_stack([fit[:, :4], height[kept], fit[:, 4:6] * self.excess])[good]
        return rows[np.lexsort((rows[:, 1], rows[:, 0]))]

    def _filtered(self, image: NDArray[Any]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The image in a mirrored margin, and the height of a spot at each pixel in standard deviations of its noise."""
        wide = self.wide
        padded = mirrored(image, wide.half_window)
        camera = (self.noise.slope, self.noise.intercept)
        z: NDArray[np.float32] = matched_filter(padded, wide.gauss, wide.half_window, wide.information, camera)
        z /= self.gain
        return padded, z

    def _kept(self, height: Real, seen: Real) -> NDArray[np.bool_]:
        """Which maxima are spots: neither hot pixel nor rim nor haze, and above the frame's threshold.

        The threshold allows for the skewness of the noise where there is little light.
        """
        skew = _threshold.skewness(self.wide) * self.noise.slope / np.sqrt(self.noise.variance(seen[:, 3]))
        plain = height - (_threshold.skewed(self.threshold, skew) - self.threshold)
        expected = np.sqrt(self.tight.information / self.wide.information)
        # Halfway between the centre of a spot and a lone bright pixel of the same height in the filter.
        pixel = (np.sqrt(self.wide.information) + 1 / np.sqrt(self.wide.information)) / 2
        true_height = height * self.excess
        spot = (seen[:, 5] < pixel * true_height) & (seen[:, 4] > COMPACT * expected * true_height)
        return np.asarray(spot & (plain > _threshold.dimmer(plain[spot], self.false_above, self.threshold, self.texture)))

    def _measure(self, movie: Movie) -> tuple[float, float]:
        """Noise after the filter over that of white noise, and structure over noise; both at least 1.

        Cameras and software that interpolate, bin or compress correlate the noise of neighbouring pixels, and a spot-sized
        filter then sees more of it than the variance of a pixel says. The change of the filter's output from frame to
        frame shows it: what stands still cancels, what moves is in the tails, which quantiles do not see.
        """
        changes, levels = [], []
        for start in np.unique(np.linspace(0, len(movie) - 2, PAIRS).astype(int)):
            pixels, statuses = read_usable(movie, int(start), int(start) + 2)
            if statuses == ["ok", "ok"]:
                first, second = (self._filtered(image)[1] for image in pixels)
                changes.append(_half_width(second - first) / np.sqrt(2.0))
                levels.append(_half_width(first))
        if not changes:
            return 1.0, 1.0
        excess = max(float(np.median(changes)), 1.0)
        # A hundred dim spots in a frame of 512 x 512 widen it by 5 percent: they are not what is meant.
        return excess, max(float(np.median(levels)) / (1.05 * excess), 1.0)


def _half_width(values: NDArray[np.floating[Any]]) -> float:
    """Half the distance between the 16th and the 84th percentile: the standard deviation of a normal variable."""
    low, high = np.percentile(values, [15.8655, 84.1345])
    return float(high - low) / 2


def _ring(radius_px: float, points: int = 16) -> NDArray[np.int64]:
    """(points, 2) whole-pixel offsets on a circle."""
    angle = np.arange(points) * 2 * np.pi / points
    return np.rint(radius_px * np.stack([np.sin(angle), np.cos(angle)], 1)).astype(np.int64)
