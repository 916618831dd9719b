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
from exotrack.detect import _threshold
from exotrack.detect._filter import Template, matched_filter, template, window_sums
from exotrack.detect._fit import FITTED, fit_spots
from exotrack.detect._peaks import describe, local_maxima
from exotrack.detect.noise import estimate_noise
from exotrack.movie import Movie
from exotrack.params import DetectParams
from exotrack.physics import Noise
from exotrack.tables import Spots

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["detect", "estimate_noise"]

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
    frame. A pixel that sticks out more on its own than as the centre of a spot is hot and is left out. Position, height,
    background and the standard errors come from a Poisson maximum-likelihood fit in a square of 2.5 widths.
    """
    noise = estimate_noise(movie) if noise is None else noise
    finder = _Finder.of(movie, params, noise)
    found = list(map_blocks("detect", finder.block, [(movie, b.start, b.stop) for b in blocks(movie, run)], run))
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

    shape: Template
    rows: NDArray[np.float64]
    columns: NDArray[np.float64]
    noise: Noise
    threshold: float
    false_above: NDArray[np.float64]
    skewness: float

    @classmethod
    def of(cls, movie: Movie, params: DetectParams, noise: Noise) -> _Finder:
        _, height, width = movie.shape
        shape = template(params.sigma_um / movie.pixel_um, params.background_um / movie.pixel_um)
        return cls(
            shape,
            window_sums(height, shape),
            window_sums(width, shape),
            noise,
            _threshold.threshold(params.false_spots_per_frame, height * width, shape),
            height * width * _threshold.false_maxima(shape),
            _threshold.skewness(shape),
        )

    def block(self, movie: Movie, start: int, stop: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Frame numbers (n,) and `COLUMNS` (n, 7) of the spots in frames `start` to `stop` (exclusive)."""
        pixels = movie.read(start, stop)
        usable = np.isfinite(pixels).all((1, 2)) & (pixels != pixels[:, :1, :1]).any((1, 2))
        nothing = np.empty((0, len(COLUMNS)))
        parts = [self.frame(image) if good else nothing for image, good in zip(pixels, usable, strict=True)]
        frame = np.repeat(np.arange(start, start + len(parts)), [len(part) for part in parts])
        return frame, np.concatenate(parts)

    def frame(self, pixels: NDArray[Any]) -> NDArray[np.float64]:
        """`COLUMNS` (n, 7) of the spots in one image, sorted by y and x."""
        image = np.ascontiguousarray(pixels, np.float32)
        camera = (self.noise.slope, self.noise.intercept)
        gauss, window = self.shape.gauss, self.shape.half_window
        z = matched_filter(image, gauss, window, self.rows, self.columns, camera)
        peaks = local_maxima(z, min(self.threshold, _threshold.LOWEST))
        seen = describe(image, z, peaks, gauss, window, camera)
        height = z[peaks[:, 0], peaks[:, 1]].astype(np.float64)
        kept = self._kept(height, seen)
        half = int(np.ceil(2.5 * self.shape.sigma_px))
        fit = fit_spots(image, peaks[kept], seen[kept, :4], self.shape.sigma_px, half, camera)
        rows: NDArray[np.float64] = np.column_stack([fit[:, :4], height[kept], fit[:, 4:6]])[fit[:, 6] == FITTED]
        return rows[np.lexsort((rows[:, 1], rows[:, 0]))]

    def _kept(self, height: NDArray[np.float64], seen: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which maxima are spots: no hot pixel, and above the frame's threshold after allowing for skewed noise."""
        skew = self.skewness * self.noise.slope / np.sqrt(self.noise.variance(seen[:, 3]))
        plain = height - (_threshold.skewed(self.threshold, skew) - self.threshold)
        cool = seen[:, 4] < height
        return cool & (plain > _threshold.dimmer(plain[cool], self.false_above, self.threshold))
