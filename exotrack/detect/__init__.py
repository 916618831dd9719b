"""Detect: pixels -> spots.

`detect` is the stage, `estimate_noise` tells it how noisy the camera is. For each frame (`_finder`): matched filter (`_filter`
with a `_template`), local maxima (`_peaks`) above a threshold in noise units (`_threshold`) or supported by the frames before
and after (`_support`), position by maximum likelihood (`_fit`; `_pairs` for neighbours, `_clipped` for what the detector
clips). What its pixels differ in is measured first (`_pixels`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from exotrack._blocks import Execution, blocks, map_blocks
from exotrack._frames import Level, level, read_usable, usable_of
from exotrack.detect._finder import COLUMNS, Finder
from exotrack.detect._support import REACH
from exotrack.detect.noise import estimate_noise
from exotrack.movie import Movie
from exotrack.params import DetectParams
from exotrack.physics import Noise
from exotrack.tables import Spots

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["detect", "estimate_noise"]


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
    frame; or a lower one, where the two frames on either side hold maxima like it within a step, and spots of this movie are
    known to last. The noise after the filter is measured on the movie, so correlated noise (interpolated or compressed movies)
    and the pattern of a camera's pixels do not pass for spots; pixels that flicker are filled in. What an uneven background
    lifts in a ring around the peak is taken off. Hot pixels, rims of cells and haze are left out for their shape. Position,
    height, background and the standard errors come from a Poisson maximum-likelihood fit in a square of half side 2.5 widths,
    without the pixels that the detector clips.

    Time grows with the number of pixels and of maxima, memory with the size of a block of frames.
    """
    finder = Finder.of(movie, params, estimate_noise(movie) if noise is None else noise)
    usual = level(movie)
    tasks = [(finder, movie, usual, block.start, block.stop) for block in blocks(movie, run)]
    found = list(map_blocks("detect", _block, tasks, run))
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
            "saturated": values["saturated"] > 0,
        }
    )


def _block(finder: Finder, movie: Movie, usual: Level, start: int, stop: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Frame numbers (n,) and `COLUMNS` (n, 8) of the spots in frames `start` to `stop` (exclusive)."""
    before = min(start, REACH)
    pixels, statuses = read_usable(movie, start - before, stop + REACH, usual)
    work = finder.workspace(movie.dtype)
    usable = usable_of(pixels, statuses, movie)
    maxima = [finder.maxima(image, work) if ok else None for image, ok in zip(pixels, usable, strict=True)]
    parts = [
        np.empty((0, len(COLUMNS))) if part is None else finder.placed(image, part, chosen, work)
        for image, part, chosen in zip(
            pixels[before:], maxima[before:], finder.chosen(maxima, before, before + stop - start), strict=False
        )
    ]
    frame = np.repeat(np.arange(start, start + len(parts)), [len(part) for part in parts])
    return frame, np.concatenate(parts)
