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
from exotrack.detect._peaks import describe, local_maxima, surroundings, weaker_curvature
from exotrack.detect._template import Template, mirror, templates
from exotrack.movie import Movie
from exotrack.params import DetectParams
from exotrack.physics import Noise

Real = NDArray[np.float64]
Workspace = tuple[NDArray[np.float32], NDArray[np.float32]]
"""The image in a mirrored margin, and the matched filter."""

COLUMNS = ("y", "x", "amplitude", "background", "snr", "y_sd", "x_sd")
COMPACT = 0.6
"""Share of its height that a spot must keep when the background may bend within the tighter window. Simulated spots at
the threshold keep 1 +- 0.13, spots of twice the width 0.6, rims of cells 0.25 to 0.6."""
ROUND = 0.25
"""Share of the curvature of a spot that a peak must have in every direction. 99 in 100 simulated spots at the threshold
have it; the ridge along a rim has 0 to 0.2."""
PAIRS = 6
"""Pairs of frames on which the noise after the filter is measured: over 10^4 independent values in frames of 256 x 256."""


@dataclass(frozen=True)
class Finder:
    """How to find spots in any frame of a movie.

    Attributes
    ----------
    wide, tight : the template that finds spots, and the one that checks their shape.
    gains : (height,) and (width,), their product is the noise after the filter in units of what white noise would give.
    excess : the same away from the borders, at least 1.
    texture : noise and structure after the filter in the same units, at least 1.
    ring : (m, 2) offsets at which the surroundings of a peak are looked at.
    threshold, false_above : see `_threshold`.
    """

    wide: Template
    tight: Template
    noise: Noise
    gains: tuple[NDArray[np.float32], NDArray[np.float32]]
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
            gains=(wide.edge_gain(height), wide.edge_gain(width)),
            texture=1.0,
            excess=1.0,
            ring=_ring(4 * wide.sigma_px),
            threshold=_threshold.threshold(params.false_spots_per_frame, height * width, wide),
            false_above=height * width * _threshold.false_maxima(wide),
        )
        excess, texture = plain._measure(movie)
        return replace(plain, gains=(plain.gains[0] * np.float32(excess), plain.gains[1]), excess=excess, texture=texture)

    def workspace(self) -> Workspace:
        """Memory for `frame`; keep one for each thread."""
        height, width = len(self.gains[0]), len(self.gains[1])
        margin = 2 * self.wide.half_window
        return np.empty((height + margin, width + margin), np.float32), np.empty((height, width), np.float32)

    def frame(self, pixels: NDArray[Any], work: Workspace) -> Real:
        """`COLUMNS` (n, 7), in pixels and counts, of the spots in one image, sorted by y and x."""
        camera = (self.noise.slope, self.noise.intercept)
        self._filter(pixels, work)
        padded, z = work
        margin = self.wide.half_window
        image = padded[margin:-margin, margin:-margin]
        peaks = local_maxima(z, min(self.threshold, _threshold.LOWEST))
        seen = describe(padded, z, peaks, self.tight.weights, self.tight.information, camera)
        height = z[peaks[:, 0], peaks[:, 1]].astype(np.float64)
        above = height - np.maximum(surroundings(z, peaks, self.ring), 0.0)
        shaped = self._shaped(peaks, height, weaker_curvature(z, peaks), seen)
        kept = shaped.copy()
        kept[shaped] = self._high(above[shaped], seen[shaped])
        half = int(np.ceil(2.5 * self.wide.sigma_px))
        fit = fit_spots(image, peaks[kept], seen[kept, :6], self.wide.sigma_px, half, camera)
        # A spot, however dim, nearly always has its likelihood maximum near its peak; what has not is none.
        inside = np.all((fit[:, :2] >= -0.5) & (fit[:, :2] < np.array(image.shape) - 0.5), axis=1)
        good = inside & (fit[:, 6] == FITTED)
        rows: Real = np.column_stack([fit[:, :4], above[kept], fit[:, 4:6] * self.excess])[good]
        return rows[np.lexsort((rows[:, 1], rows[:, 0]))]

    def _filter(self, pixels: NDArray[Any], work: Workspace) -> None:
        """Fill `work`: the image in a mirrored margin, and the height of a spot in standard deviations of its noise."""
        wide, camera = self.wide, (self.noise.slope, self.noise.intercept)
        # Common dtypes go straight to the kernel, which is compiled for each; the others by way of one of them.
        direct = pixels.dtype.isnative and pixels.dtype.name in ("uint8", "uint16", "float32")
        mirror(pixels if direct else pixels.astype(np.float32), work[0])
        matched_filter(work[0], wide.gauss, wide.half_window, wide.information, camera, self.gains, work[1])

    def _shaped(self, peaks: NDArray[np.int64], height: Real, curvature: Real, seen: Real) -> NDArray[np.bool_]:
        """Which maxima have the shape of a spot: no hot pixel, no rim of a cell, no haze.

        Within two widths of the border a spot is joined to its mirror image; there only hot pixels are told.
        """
        root = np.sqrt(self.wide.information)
        # Halfway between the centre of a spot and a lone bright pixel of the same height in the filter.
        cool = seen[:, 7] < (root + 1 / root) / 2 * height * self.excess
        compact = seen[:, 6] > COMPACT * np.sqrt(self.tight.information) / root * height * self.excess
        # Second difference of the filter's answer to a spot: that of its own correlation.
        usual = 2 * (1 - _threshold.neighbour_correlation(self.wide))
        to_border = np.minimum(peaks, np.array([len(gain) for gain in self.gains]) - 1 - peaks).min(axis=1)
        cut = to_border < 2 * self.wide.sigma_px
        return np.asarray(cool & (cut | (compact & (curvature > ROUND * usual * height))))

    def _high(self, above: Real, seen: Real) -> NDArray[np.bool_]:
        """Which are above the frame's threshold, allowing for the skewness of noise where there is little light."""
        skew = _threshold.skewness(self.wide) * self.noise.slope / np.sqrt(self.noise.variance(seen[:, 3]))
        plain = above - (_threshold.skewed(self.threshold, skew) - self.threshold)
        return np.asarray(plain > _threshold.dimmer(plain, self.false_above, self.threshold, self.texture))

    def _measure(self, movie: Movie) -> tuple[float, float]:
        """Noise after the filter over that of white noise, and structure over noise; both at least 1.

        Cameras and software that interpolate, bin or compress correlate the noise of neighbouring pixels, and a spot-sized
        filter then sees more of it than the variance of a pixel says. The change of the filter's output from frame to
        frame shows it: what stands still cancels, what moves is in the tails, which quantiles do not see.
        """
        changes, levels, work = [], [], self.workspace()
        for start in np.unique(np.linspace(0, len(movie) - 2, PAIRS).astype(int)):
            pixels, statuses = read_usable(movie, int(start), int(start) + 2)
            if statuses == ["ok", "ok"]:
                self._filter(pixels[0], work)
                first = work[1].copy()
                self._filter(pixels[1], work)
                changes.append(_half_width(work[1] - first) / np.sqrt(2.0))
                levels.append(_half_width(first))
        if not changes:
            return 1.0, 1.0
        excess = max(float(np.median(changes)), 1.0)
        # A hundred dim spots in a frame of 512 x 512 widen it by 5 percent: they are not what is meant.
        return excess, max(float(np.median(levels)) / (1.05 * excess), 1.0)


def _half_width(values: NDArray[np.floating[Any]]) -> float:
    """Half the distance between the 16th and the 84th percentile: the standard deviation of a normal variable.

    Every third pixel along each axis will do, its neighbours being correlated with it.
    """
    low, high = np.percentile(values[::3, ::3], [15.8655, 84.1345])
    return float(high - low) / 2


def _ring(radius_px: float, points: int = 16) -> NDArray[np.int64]:
    """(points, 2) whole-pixel offsets on a circle."""
    angle = np.arange(points) * 2 * np.pi / points
    return np.rint(radius_px * np.stack([np.sin(angle), np.cos(angle)], 1)).astype(np.int64)
