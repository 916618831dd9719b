"""The cell's footprint: the area that rates are counted in."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from exotrack._blocks import Block, Execution, map_blocks
from exotrack._frames import read_usable
from exotrack.movie import Movie
from exotrack.params import CellParams

SMOOTH_UM = 0.5
"""Blur before thresholding: wider than a vesicle, narrower than a cell's edge features that matter for an area."""
RUNS, RUN_FRAMES = 16, 16
"""256 frames make the noise of the mean image a sixteenth of a frame's; runs cost one seek each."""
MIN_AREA_UM2 = 20.0
"""Smaller pieces are debris: the smallest cells studied by TIRF spread over more than 50 um^2."""
MIN_CONTRAST = 0.15
"""Inside over outside, less one: below this there is no edge in view and the whole field is the cell."""


def footprint(
    movie: Movie, frames: pd.DataFrame, params: CellParams, run: Execution = Execution()
) -> tuple[NDArray[np.int32], str]:
    """Estimate which pixels belong to a cell.

    Returns
    -------
    (height, width) labels, 0 outside, cells counted from 1; and where they come from, "estimated" or "field".
    """
    whole = np.ones(movie.shape[1:], np.int32)
    if params.footprint == "field":
        return whole, "field"
    labels = labels_from_mean(mean_image(movie, run), movie.pixel_um)
    return (labels, "estimated") if labels.any() else (whole, "field")


def mean_image(movie: Movie, run: Execution = Execution()) -> NDArray[np.float64]:
    """Mean of the usable frames in up to `RUNS` runs of `RUN_FRAMES` spread over the movie, (height, width), counts.

    The runs do not depend on how the work is cut into blocks, so neither does the image.
    """
    starts = np.unique(np.linspace(0, max(len(movie) - RUN_FRAMES, 0), RUNS).round().astype(int))
    starts = starts[np.diff(starts, prepend=-RUN_FRAMES) >= RUN_FRAMES]
    tasks = [(movie, Block(int(start), min(int(start) + RUN_FRAMES, len(movie)))) for start in starts]
    parts = list(map_blocks("footprint", _sum_block, tasks, run))
    count = sum(n for _, n in parts)
    if count == 0:
        return np.full(movie.shape[1:], np.nan)
    return np.asarray(sum(total for total, _ in parts) / count)


def labels_from_mean(mean: NDArray[np.float64], pixel_um: float) -> NDArray[np.int32]:
    """Threshold the blurred log of the mean image (Otsu); nothing is labelled where inside and outside hardly differ."""
    from scipy import ndimage
    from skimage import filters, measure, morphology

    smooth = ndimage.gaussian_filter(mean, SMOOTH_UM / pixel_um)
    floor = np.percentile(smooth, 0.5)
    level = np.log(smooth - floor + 0.05 * max(np.median(smooth) - floor, 1e-9) + 1e-9)
    inside = level > filters.threshold_otsu(level)
    within, without = np.median(smooth[inside]), np.median(smooth[~inside])
    noise = np.median(np.abs(np.diff(smooth, axis=0)))
    if within < without * (1 + MIN_CONTRAST) or within - without < 10 * noise:
        return np.zeros(mean.shape, np.int32)
    smallest = max(int(MIN_AREA_UM2 / pixel_um**2), 1)
    inside = ndimage.binary_fill_holes(ndimage.binary_closing(inside, morphology.disk(2), border_value=0))
    labels = np.asarray(measure.label(inside), np.int32)
    sizes = np.bincount(labels.ravel())
    keep = np.flatnonzero(sizes >= smallest)
    keep = keep[keep > 0]
    renumber = np.zeros(len(sizes), np.int32)
    renumber[keep] = np.arange(1, len(keep) + 1)
    return renumber[labels]


def _sum_block(movie: Movie, block: Block) -> tuple[NDArray[np.float64], int]:
    """Sum of the usable frames of a block, and their number."""
    pixels, statuses = read_usable(movie, *block)
    good = np.isin(statuses, ("ok", "saturated"))
    return pixels[good].sum(axis=0, dtype=np.float64), int(good.sum())
