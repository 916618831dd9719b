"""Detect: pixels -> spots.

`detect` is the stage, `estimate_noise` tells it how noisy the camera is. Each frame stands alone: matched filter
(`_filter`), local maxima (`_peaks`) above a threshold in noise units (`_threshold`), position by maximum likelihood
(`_fit`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from exotrack._blocks import Execution, blocks, map_blocks
from exotrack._frames import Level, level, read_usable
from exotrack.detect import _threshold
from exotrack.detect._filter import matched_filter
from exotrack.detect._fit import FITTED, fit_spots
from exotrack.detect._peaks import describe, local_maxima, surroundings
from exotrack.detect._template import Template, mirrored, templates
from exotrack.detect.noise import estimate_noise
from exotrack.movie import Movie
from exotrack.params import DetectParams
from exotrack.physics import Noise
from exotrack.tables import Spots

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["detect", "estimate_noise"]

COMPACT = 0.6
"""Share of its height that a spot must keep when the background may bend within the tighter window. A spot of the stated
width keeps 1 +- 0.13 at the threshold, one of twice the width 0.6; rims of cells keep less than half."""
COLUMNS = ("y", "x", "amplitude", "background", "snr", "y_sd", "x_sd")


def detect(
    movie: Movie, params: DetectParams = DetectParams(), noise: Noise | None = None, run: Execution = Execution()
) -> pd.DataFrame:
    """Find spots of one width in every usable frame.

    Parameters
    ----------
    movie : pixels in counts.
    params : width of a spot (um), false spots accepted per frame of noise, radius of even background (um).
    noise : camera noise; None takes `estimate_noise`.
    run : how fast.

    Returns
    -------
    Table `Spots`, sorted by frame, y, x. Frames that cannot be used give no spots.

    Notes
    -----
    A spot is a local maximum of the matched filter above the height that noise passes `false_spots_per_frame` times per
    frame; where the frame itself shows many dim spots, down to the height at which a maximum is as likely noise as spot.
    What an uneven background lifts in a ring around the peak is taken off. Hot pixels, rims of cells and haze are left out
    for their shape. Position, height, background and the standard errors come from a Poisson maximum-likelihood fit in a
    square of half side 2.5 widths.
    """
    noise = estimate_noise(movie) if noise is None else noise
    finder = _Finder.of(movie, params, noise)
    usual = level(movie)
    found = list(map_blocks("detect", finder.block, [(movie, usual, b.start, b.stop) for b in blocks(movie, run)], run))
    frame = np.concatenate([part[0] for part in found])
    values = dict(zip(COLUMNS, np.concatenate([part[1] for part in found]).T, strict=True))
    return Spots.build(
        {
            "movie_id": np.full(len(frame), movie.movie_id),
            "frame": frame,
            "t_s": movie.t_s(frame),
            "y_um": values["y"] * movie.pixel_um,
            "x_um": values["x"] * movie.pixel_um,
            "sigma_um": np.full(len(frame), params.sigma_um),
            "amplitude": values["amplitude"],
            "background": values["background"],
            "snr": values["snr"],
            "y_sd_um": values["y_sd"] * movie.pixel_um,
            "x_sd_um": values["x_sd"] * movie.pixel_um,
        }
    )


@dataclass(frozen=True)
class _Finder:
    """Everything about a movie that its frames have in common, in pixels."""

    wide: Template
    tight: Template
    gain: NDArray[np.float32]
    ring: NDArray[np.int64]
    noise: Noise
    threshold: float
    false_above: NDArray[np.float64]

    @classmethod
    def of(cls, movie: Movie, params: DetectParams, noise: Noise) -> _Finder:
        _, height, width = movie.shape
        wide, tight = templates(params.sigma_um / movie.pixel_um, params.background_um / movie.pixel_um)
        return cls(
            wide,
            tight,
            wide.edge_gain(height)[:, None] * wide.edge_gain(width),
            _ring(4 * wide.sigma_px),
            noise,
            _threshold.threshold(params.false_spots_per_frame, height * width, wide),
            height * width * _threshold.false_maxima(wide),
        )

    def block(self, movie: Movie, usual: Level, start: int, stop: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Frame numbers (n,) and `COLUMNS` (n, 7) of the spots in frames `start` to `stop` (exclusive)."""
        pixels, statuses = read_usable(movie, start, stop, usual)
        parts = [
            self.frame(image) if _is_usable(image, status) else np.empty((0, len(COLUMNS)))
            for image, status in zip(pixels, statuses, strict=True)
        ]
        frame = np.repeat(np.arange(start, start + len(parts)), [len(part) for part in parts])
        return frame, np.concatenate(parts)

    def frame(self, pixels: NDArray[Any]) -> NDArray[np.float64]:
        """`COLUMNS` (n, 7) of the spots in one image, sorted by y and x."""
        image = np.ascontiguousarray(pixels, np.float32)
        camera = (self.noise.slope, self.noise.intercept)
        wide, tight = self.wide, self.tight
        padded = mirrored(image, wide.half_window)
        z = matched_filter(padded, wide.gauss, wide.half_window, wide.information, camera)
        z /= self.gain
        peaks = local_maxima(z, min(self.threshold, _threshold.LOWEST))
        seen = describe(padded, z, peaks, tight.weights, tight.information, camera)
        height = z[peaks[:, 0], peaks[:, 1]] - np.maximum(surroundings(z, peaks, self.ring), 0.0)
        kept = self._kept(height, seen)
        half = int(np.ceil(2.5 * wide.sigma_px))
        fit = fit_spots(image, peaks[kept], seen[kept, :4], wide.sigma_px, half, camera)
        # On a rim the likelihood has no maximum near the peak; a spot, however dim, nearly always has.
        rows: NDArray[np.float64] = np.column_stack([fit[:, :4], height[kept], fit[:, 4:6]])[fit[:, 6] == FITTED]
        return rows[np.lexsort((rows[:, 1], rows[:, 0]))]

    def _kept(self, height: NDArray[np.float64], seen: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which maxima are spots: neither hot pixel nor rim nor haze, and above the frame's threshold.

        The threshold allows for the skewness of the noise where there is little light.
        """
        skew = _threshold.skewness(self.wide) * self.noise.slope / np.sqrt(self.noise.variance(seen[:, 3]))
        plain = height - (_threshold.skewed(self.threshold, skew) - self.threshold)
        expected = np.sqrt(self.tight.information / self.wide.information)
        # Halfway between the centre of a spot and a lone bright pixel of the same height in the filter.
        pixel = (np.sqrt(self.wide.information) + 1 / np.sqrt(self.wide.information)) / 2
        spot = (seen[:, 5] < pixel * height) & (seen[:, 4] > COMPACT * expected * height)
        return np.asarray(spot & (plain > _threshold.dimmer(plain[spot], self.false_above, self.threshold)))


def _is_usable(image: NDArray[Any], status: str) -> bool:
    """Frames that are all right, and saturated ones unless half of their pixels are at the ceiling."""
    return status == "ok" or (status == "saturated" and bool(np.median(image) < image.max()))


def _ring(radius_px: float, points: int = 16) -> NDArray[np.int64]:
    """(points, 2) whole-pixel offsets on a circle."""
    angle = np.arange(points) * 2 * np.pi / points
    return np.rint(radius_px * np.stack([np.sin(angle), np.cos(angle)], 1)).astype(np.int64)
