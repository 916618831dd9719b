"""Every call to exotrack that is measured, in one place."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

import exotrack
from exotrack._blocks import Execution
from exotrack.detect._fit import fit_spots
from exotrack.params import DetectParams, LinkParams
from exotrack.physics import Noise

from .movies import FRAME_S, PIXEL_UM, Array

NAME = "exotrack"
DETECT = DetectParams(sigma_um=0.13, close_pairs=True)
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


def fit(images: Array, peaks: list[Array], offset: float, read: float) -> Callable[[], list[Array]]:
    """What fits spots of 1.3 pixels at `peaks`, whole pixels (n, 2) for each image: y, x and their standard errors (n, 4).

    Only the fit is left to do: first guesses, which come from the detector otherwise, are made here.
    """
    camera = np.array([1.0, read**2 - offset])
    tasks = []
    for image, at in zip(images.astype(np.float32), peaks, strict=True):
        ground = float(np.median(image))
        height = np.maximum(image[at[:, 0], at[:, 1]].astype(float) - ground, 1.0)
        start = np.column_stack([at, height, np.full(len(at), ground), np.zeros((len(at), 2))]).astype(float)
        tasks.append((image, at.astype(np.int64), start))
    return lambda: [np.asarray(fit_spots(*task, 1.3, 3, camera))[:, [0, 1, 4, 5]] for task in tasks]
