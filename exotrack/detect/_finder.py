"""Everything the frames of a movie have in common for finding spots, in pixels and counts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from exotrack._frames import ceiling_of, read_usable
from exotrack.detect import _threshold
from exotrack.detect._clipped import fit_clipped
from exotrack.detect._filter import matched_filter
from exotrack.detect._fit import FITTED, fit_spots
from exotrack.detect._pairs import resolve
from exotrack.detect._peaks import describe, judge, local_maxima, surroundings, tilts, weaker_curvature
from exotrack.detect._pixels import SPARSE, Pixels, half_width, lower_width, quiet_part
from exotrack.detect._support import REACH, Persistence, supported
from exotrack.detect._template import Template, mend, mirror, templates
from exotrack.movie import Movie
from exotrack.params import DetectParams
from exotrack.physics import Noise

Real = NDArray[np.float64]
Workspace = tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.floating[Any]]]
"""The image in a mirrored margin, the matched filter, and sums of columns."""


class Maxima(NamedTuple):
    """Maxima of one frame.

    peaks : (n, 2) pixels. seen : (n, 4) what `describe` says of place, height and background. above : (n,) height in standard
    deviations, less what lies around. plain : (n,) the same in a normal distribution.
    """

    peaks: NDArray[np.int64]
    seen: Real
    above: Real
    plain: Real


COLUMNS = ("y", "x", "amplitude", "background", "snr", "y_sd", "x_sd", "saturated")
LIKELY = 0.6
"""Probability from which a dim maximum is a spot. Over one half, as the neighbours' word is not quite independent."""
COMPACT = 0.6
"""Share of its height that a spot must keep when the background may bend within the tighter window. Simulated spots at
the threshold keep 1 +- 0.13, spots of twice the width 0.6, rims of cells 0.25 to 0.6."""
ROUND = 0.25
"""Share of the curvature of a spot that a peak must have in every direction. 99 in 100 simulated spots at the threshold
have it; the ridge along a rim has 0 to 0.2."""
PAIRS = 6
"""Pairs of frames on which the noise after the filter is measured: over 10^4 independent values in frames of 256 x 256."""

WHITE = 1.1
"""Excess of noise below which standard errors are left as they are: the tails of bright spots alone may lift it that far."""
LEAST_QUIET = 0.05
"""Share of the field without spots that it takes to measure the noise there."""
NOISE_PAIRS = 24
"""Pairs on which noisy pixels are told: their variance is known to 29 %."""


@dataclass(frozen=True)
class Finder:
    """How to find spots in any frame of a movie.

    Attributes
    ----------
    wide, tight : the template that finds spots, and the one that checks their shape.
    gains : (height,) and (width,), their product is the noise after the filter in units of what white noise would give.
    pixels : which pixels are filled in from their neighbours, and how much their fixed pattern adds to the noise.
    excess : the same away from the borders, at least 1.
    texture : noise and structure after the filter in the same units, at least 1.
    ring : (m, 2) offsets at which the surroundings of a peak are looked at.
    threshold, false_above : see `_threshold`.
    ceiling : counts from which a pixel is clipped; infinite if no ceiling is known.
    close_pairs : whether neighbours are fitted together.
    persistence : how spots last and move from frame to frame in this movie.
    """

    wide: Template
    tight: Template
    noise: Noise
    gains: tuple[NDArray[np.float32], NDArray[np.float32]]
    pixels: Pixels
    texture: float
    excess: float
    ring: NDArray[np.int64]
    threshold: float
    false_above: Real
    ceiling: float
    close_pairs: bool
    persistence: Persistence

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
            pixels=Pixels.of(_pairs(movie, NOISE_PAIRS)),
            ceiling=ceiling_of(movie),
            close_pairs=params.close_pairs,
            persistence=Persistence(),
            texture=1.0,
            excess=1.0,
            ring=_ring(4 * wide.sigma_px),
            threshold=_threshold.threshold(params.false_spots_per_frame, height * width, wide),
            false_above=height * width * _threshold.false_maxima(wide),
        )
        excess, texture = plain._measure(movie)
        scaled = replace(plain, gains=(plain.gains[0] * np.float32(excess), plain.gains[1]), excess=excess, texture=texture)
        return replace(scaled, persistence=scaled._lasting(movie))

    def workspace(self, dtype: np.dtype[Any]) -> Workspace:
        """Memory for `maxima` and `placed` of images of this dtype; keep one for each thread."""
        height, width = len(self.gains[0]), len(self.gains[1])
        margin = 2 * self.wide.half_window
        # Single precision holds whole numbers of up to 24 bits exactly, and takes half the time.
        exact = dtype.kind == "u" and (margin + 1) * np.iinfo(dtype).max < 2**24
        padded, z = np.empty((height + margin, width + margin), np.float32), np.empty((height, width), np.float32)
        return padded, z, np.empty(width + margin, np.float32 if exact else np.float64)

    def maxima(self, pixels: NDArray[Any], work: Workspace) -> Maxima:
        """The maxima of one image that have the shape of a spot, above the lowest threshold there can be, sorted by y."""
        camera = (self.noise.slope, self.noise.intercept)
        self._filter(pixels, work)
        padded, z, _ = work
        peaks = local_maxima(z, min(self.threshold, _threshold.LOWEST))
        seen = describe(padded, z, peaks, self.tight.weights, self.tight.information, camera)
        above = z[peaks[:, 0], peaks[:, 1]].astype(np.float64)
        lifted, curvature = surroundings(z, peaks, self.ring), weaker_curvature(z, peaks)
        # What noise of the same height would have if there were more light: little light makes it skewed.
        skewed = _threshold.skewed(self.threshold, np.asarray(self.wide.skewness)) - self.threshold
        plain, kept = judge(peaks, seen, (above, lifted, curvature), self._shape, (float(skewed), *camera))
        order = np.flatnonzero(kept & (plain > min(self.threshold, _threshold.LOWEST)))
        order = order[np.argsort(seen[order, 0], kind="stable")]
        return Maxima(peaks[order], seen[order, :4], above[order], plain[order])

    def chosen(self, frames: Sequence[Maxima | None], first: int, stop: int) -> list[NDArray[np.bool_]]:
        """Which maxima of frames `first` to `stop` (exclusive) are spots.

        Either high enough on their own, or likely enough together with what the `REACH` frames on either side say.

        Parameters
        ----------
        frames : maxima of consecutive frames, None where a frame cannot be used.
        """
        seen = [None if part is None else _threshold.in_bins(part.plain) for part in frames]
        said = self._said(frames, seen)
        chosen = []
        for k in range(first, stop):
            here = frames[k]
            if here is None:
                chosen.append(np.zeros(0, bool))
                continue
            near = [part for part in seen[max(k - REACH, 0) : k + REACH + 1] if part is not None]
            likely = self._mixture(near).share(here.plain, said[k]) > LIKELY
            chosen.append(np.asarray((here.plain > self.threshold) | likely))
        return chosen

    def _said(self, frames: Sequence[Maxima | None], seen: Sequence[Real | None]) -> list[Real]:
        """What the neighbours say of each maximum; 1, which is nothing, where nothing lasts in this movie."""
        if self.persistence.share <= 0:
            return [np.ones(0 if part is None else len(part.plain)) for part in frames]
        area = len(self.gains[0]) * len(self.gains[1])
        single = [None if part is None else self._mixture([part]) for part in seen]

        def rate(heights: Real, frame: int) -> Real:
            mixture = single[frame]
            return np.ones(len(heights)) if mixture is None else mixture.density(heights) / area

        places = [None if part is None else np.column_stack([part.seen[:, :2], part.plain]) for part in frames]
        return supported(places, rate, self.persistence)

    def _mixture(self, seen: Sequence[Real]) -> _threshold.Mixture:
        return _threshold.Mixture.of(np.array(seen), self._false, self.threshold)

    @cached_property
    def _false(self) -> tuple[Real, Real]:
        """False maxima in each bin, of noise alone and with structure."""
        changing, still = (_threshold.false_in_bins(self.false_above, width) for width in (1 / self.pixels.fixed, self.texture))
        return changing, still

    def placed(self, pixels: NDArray[Any], maxima: Maxima, chosen: NDArray[np.bool_], work: Workspace) -> Real:
        """`COLUMNS` (n, 8), in pixels and counts, of the chosen maxima of one image, sorted by y and x."""
        camera = (self.noise.slope, self.noise.intercept)
        half = int(np.ceil(2.5 * self.wide.sigma_px))
        image, peaks, seen = self._pad(pixels, work), maxima.peaks[chosen], maxima.seen[chosen]
        tilt = tilts(work[0], self.wide.half_window, len(self.tight.weights), peaks, seen[:, 3], camera)
        fit = fit_spots(image, peaks, np.column_stack([seen, tilt]), self.wide.sigma_px, half, camera)
        # A spot, however dim, nearly always has its likelihood maximum near its peak; what has not is none.
        good = fit[:, 6] == FITTED
        rows: Real = np.column_stack([fit[:, :4], maxima.above[chosen], fit[:, 4:6]])[good]
        if self.close_pairs:
            rows = self._together(image, rows, tilt[good])
        clipped = fit_clipped(image, rows, self.ceiling, self.wide.sigma_px, half, camera)
        rows[:, 5:] *= self.excess if self.excess > WHITE else 1.0
        rows = np.column_stack([rows, clipped])
        return rows[np.lexsort((rows[:, 1], rows[:, 0]))]

    def _together(self, image: NDArray[np.float32], rows: Real, tilt: Real) -> Real:
        """The same spots fitted together, and those that are two: `COLUMNS` but for the last."""
        order = np.argsort(rows[:, 0], kind="stable")
        rows, tilt = rows[order], tilt[order]
        half, camera = int(np.ceil(2.5 * self.wide.sigma_px)), (self.noise.slope, self.noise.intercept)
        found = resolve(image, rows[:, [0, 1, 2, 3, 5, 6]], tilt, self.wide.sigma_px, half, camera)
        origin = found[:, 6].astype(int)
        # Two spots share the height in the filter as they share the light.
        above = rows[origin, 4] * np.where(found[:, 7] > 0, found[:, 2] / rows[origin, 2], 1.0)
        return np.column_stack([found[:, :4], above, found[:, 4:6]])

    def _filter(self, pixels: NDArray[Any], work: Workspace) -> None:
        """Fill `work`: the image in a mirrored margin, and the height of a spot in standard deviations of its noise."""
        wide, camera = self.wide, (self.noise.slope, self.noise.intercept)
        self._pad(pixels, work)
        matched_filter(work[0], wide.gauss, wide.half_window, wide.information, camera, self.gains, work[2], work[1])

    def _pad(self, pixels: NDArray[Any], work: Workspace) -> NDArray[np.float32]:
        """Put the image into `work`, noisy pixels mended, in a mirrored margin; the part of it without the margin."""
        padded, margin = work[0], self.wide.half_window
        # Common dtypes go straight to the kernel, which is compiled for each; the others by way of one of them.
        direct = pixels.dtype.isnative and pixels.dtype.name in ("uint8", "uint16", "float32")
        mirror(pixels if direct else pixels.astype(np.float32), padded)
        if len(self.pixels.noisy):
            mend(padded, margin, self.pixels.noisy, pixels.dtype.kind != "f")
        return padded[margin:-margin, margin:-margin]

    @cached_property
    def _shape(self) -> tuple[float, float, float, float, int, int]:
        """What `judge` asks of the shape of a maximum."""
        root = float(np.sqrt(self.wide.information))
        # Halfway between the centre of a spot and a lone bright pixel of the same height in the filter.
        cool = (root + 1 / root) / 2 * self.excess
        compact = COMPACT * float(np.sqrt(self.tight.information)) / root * self.excess
        # Second difference of the filter's answer to a spot: that of its own correlation.
        bent = ROUND * 2 * (1 - self.wide.correlation)
        return cool, compact, bent, 2 * self.wide.sigma_px, len(self.gains[0]), len(self.gains[1])

    def _measure(self, movie: Movie) -> tuple[float, float]:
        """Noise after the filter over that of white noise, and structure over noise; both at least 1.

        Cameras and software that interpolate, bin or compress correlate the noise of neighbouring pixels, and a spot-sized
        filter then sees more of it than the variance of a pixel says. The change of the filter's output from frame to
        frame shows it: what stands still cancels. What moves also shows in the sum of the two frames, which does not depend on
        the noise of their difference, and places where the sum is high are left out.
        """
        changes, levels, work = [], [], self.workspace(movie.dtype)
        for pixels in _pairs(movie, PAIRS):
            self._filter(pixels[0], work)
            first = work[1].copy()
            self._filter(pixels[1], work)
            quiet = quiet_part(first + work[1])
            quiet = quiet if quiet.mean() > LEAST_QUIET else np.ones_like(quiet)
            changes.append(half_width((work[1] - first)[::SPARSE, ::SPARSE][quiet]) / np.sqrt(2.0))
            levels.append(lower_width(first[::SPARSE, ::SPARSE][quiet]))
        if not changes:
            return self.pixels.fixed, 1.0
        below = float(np.median(levels))
        excess = max(min(float(np.median(changes)), below), 1.0) * self.pixels.fixed
        return excess, max(below / (1.05 * excess), 1.0)

    def _lasting(self, movie: Movie) -> Persistence:
        """How the spots that are bright enough on their own last and move."""
        work = self.workspace(movie.dtype)
        pairs = [[self.maxima(image, work) for image in pixels] for pixels in _pairs(movie, PAIRS)]
        bright = [(first.seen[first.plain > self.threshold, :2], second.seen[:, :2]) for first, second in pairs]
        return Persistence.of(bright, self.wide.sigma_px)


def _pairs(movie: Movie, n: int) -> Iterator[NDArray[Any]]:
    """Up to `n` pairs of consecutive usable frames, spread over the movie; no frame is in two pairs."""
    for start in np.unique(np.linspace(0, max(len(movie) // 2 - 1, 0), n).astype(int)):
        pixels, statuses = read_usable(movie, 2 * int(start), 2 * int(start) + 2)
        if statuses == ["ok", "ok"]:
            yield pixels


def _ring(radius_px: float, points: int = 16) -> NDArray[np.int64]:
    """(points, 2) whole-pixel offsets on a circle."""
    angle = np.arange(points) * 2 * np.pi / points
    return np.rint(radius_px * np.stack([np.sin(angle), np.cos(angle)], 1)).astype(np.int64)
