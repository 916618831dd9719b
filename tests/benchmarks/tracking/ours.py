"""Every call to exotrack that is measured, in one place."""

from __future__ import annotations

import numpy as np
import pandas as pd

import exotrack
from exotrack._blocks import Execution
from exotrack.detect._fit import fit_spots
from exotrack.params import DetectParams, LinkParams
from exotrack.physics import Noise

from .movies import FRAME_S, PIXEL_UM, Array

NAME = "exotrack"
DETECT = DetectParams(sigma_um=0.13)
"""The one set for every row about detection. VESICLE-like movies have another spot width, known to all methods alike."""
RUN = Execution(workers=1)


def detect(
    pixels: Array, sigma_px: float = 1.3, rate: float = DETECT.false_spots_per_frame, noise: Noise | None = None
) -> pd.DataFrame:
    """The table of spots; nothing is told about the movie but its pixel size, unless the camera's noise is."""
    params = DETECT.updated({"sigma_um": sigma_px * PIXEL_UM, "false_spots_per_frame": rate})
    return exotrack.detect(exotrack.Movie.from_array(pixels, pixel_um=PIXEL_UM, frame_s=FRAME_S), params, noise, run=RUN)


def link(spots: pd.DataFrame, step_px: float, gap: int, least: int) -> pd.DataFrame:
    """The table of tracks: longest step (pixels), frames a gap may last, spots a track must have."""
    params = LinkParams(max_step_um=step_px * PIXEL_UM, max_gap_frames=gap, min_spots=least)
    return exotrack.link(spots, params, run=RUN)


def fit(image: Array, peaks: Array, offset: float, read: float) -> Array:
    """Fit spots of 1.3 pixels at `peaks` (n, 2), whole pixels, in `image`: y, x, their standard errors (n, 4)."""
    pixels = image.astype(np.float32)
    n = len(peaks)
    local = pixels[peaks[:, 0], peaks[:, 1]].astype(float)
    ground = float(np.median(pixels))
    start = np.column_stack([peaks, np.maximum(local - ground, 1.0), np.full(n, ground), np.zeros((n, 2))]).astype(float)
    found = fit_spots(pixels, peaks.astype(np.int64), start, 1.3, 3, np.array([1.0, read**2 - offset]))
    return np.asarray(found)[:, [0, 1, 4, 5]]
