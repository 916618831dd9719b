"""The cell's footprint: the area that rates are counted in."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from exotrack._blocks import Block, Execution, map_blocks
from exotrack._drift import drift_um, shifted
from exotrack._frames import read_usable, usable
from exotrack.movie import Movie
from exotrack.params import CellParams

SMOOTH_UM = 0.5
"""Blur before thresholding: wider than a vesicle, narrower than a cell's edge features that matter for an area."""
RUNS, RUN_FRAMES = 16, 16
"""256 frames make the noise of the mean image a sixteenth of a frame's; runs cost one seek each."""
MIN_AREA_UM2 = 20.0
"""Smaller pieces are debris: the smallest cells studied by TIRF spread over more than 50 um^2."""
MIN_SEPARATION = 0.67
"""Part of the variance of the log brightness that lies between inside and outside (Otsu's measure): 0.64 for a normal
distribution without any edge (measured 0.55 to 0.66 on fields full of cell), 0.68 to 0.93 for cells over 90 to 10 % of the
field. It does not depend on the camera's offset and gain, as a ratio of brightness would."""
LOCAL_UM = 1.5
"""Reach over which the brightness inside is taken for the half height that draws the edge."""


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
    labels = labels_from_mean(mean_image(movie, frames, run), movie.pixel_um)
    return (labels, "estimated") if labels.any() else (whole, "field")


def mean_image(movie: Movie, frames: pd.DataFrame, run: Execution = Execution()) -> NDArray[np.float64]:
    """Mean of the usable frames in up to `RUNS` runs of `RUN_FRAMES` spread over the movie, (height, width), counts.

    frames : a Frames table. NaN everywhere if none of those looked at can be used.

    The runs do not depend on how the work is cut into blocks, so neither does the image.
    """
    if len(movie) <= RUNS * RUN_FRAMES:
        starts = np.arange(0, len(movie), RUN_FRAMES)
    else:
        starts = np.linspace(0, len(movie) - RUN_FRAMES, RUNS).round().astype(int)
    good = usable(frames)
    cut = [Block(int(start), min(int(start) + RUN_FRAMES, len(movie))) for start in starts]
    moves = -np.rint(drift_um(frames) / movie.pixel_um).astype(int)
    tasks = [(movie, block, good[slice(*block)], moves[slice(*block)]) for block in cut]
    parts = list(map_blocks("footprint", _sum_block, tasks, run))
    count = sum(n for _, n in parts)
    if np.all(count == 0):
        return np.full(movie.shape[1:], np.nan)
    mean = np.asarray(sum(total for total, _ in parts) / np.maximum(count, 1))
    # What drift brought into view for no frame that counts is taken as the darkest there is: outside.
    return np.where(count > 0, mean, mean[count > 0].min())


def labels_from_mean(mean: NDArray[np.float64], pixel_um: float) -> NDArray[np.int32]:
    """Label the cells of a mean image; nothing is labelled where no edge is in view.

    Otsu's threshold of the blurred log image says roughly what is inside; the outline is then where the blurred image
    falls to half between the outside and the inside nearby, which is where a blurred edge lies.
    """
    from scipy import ndimage
    from skimage import filters, measure, morphology

    if not np.isfinite(mean).all():
        return np.zeros(mean.shape, np.int32)
    smooth = ndimage.gaussian_filter(mean, SMOOTH_UM / pixel_um)
    above = smooth - smooth.min()
    level = np.log(above + 0.05 * np.median(above) + 1e-9)
    inside = level > filters.threshold_otsu(level)
    noise = np.median(np.abs(np.diff(smooth, axis=0)))
    height = smooth - np.median(smooth[~inside])
    if _separation(level, inside) < MIN_SEPARATION or np.median(height[inside]) < 10 * noise:
        return np.zeros(mean.shape, np.int32)
    light = np.where(inside, height, 0.0)
    blurred = [ndimage.gaussian_filter(part, LOCAL_UM / pixel_um) for part in (light**2, light)]
    inside &= height > 0.5 * blurred[0] / np.maximum(blurred[1], 1e-9)
    inside = ndimage.binary_fill_holes(_closed(inside, morphology.disk(2)))
    labels = np.asarray(measure.label(inside), np.int32)
    sizes = np.bincount(labels.ravel())
    keep = np.flatnonzero(sizes >= max(int(MIN_AREA_UM2 / pixel_um**2), 1))
    keep = keep[keep > 0]
    renumber = np.zeros(len(sizes), np.int32)
    renumber[keep] = np.arange(1, len(keep) + 1)
    return renumber[labels]


def _separation(level: NDArray[np.float64], inside: NDArray[np.bool_]) -> float:
    """Variance between the two classes over the whole variance; 0 if there is but one class."""
    part = float(inside.mean())
    if part in (0.0, 1.0):
        return 0.0
    apart = float(level[inside].mean() - level[~inside].mean())
    return part * (1.0 - part) * apart**2 / float(level.var())


def _closed(inside: NDArray[np.bool_], element: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Binary closing that neither eats nor adds at the border of the picture."""
    from scipy import ndimage

    reach = max(element.shape) // 2
    padded = np.pad(inside, reach, mode="edge")
    return np.asarray(ndimage.binary_closing(padded, element)[reach:-reach, reach:-reach])


def _sum_block(
    movie: Movie, block: Block, good: NDArray[np.bool_], moves: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Sum of the frames of a block that are good, each laid back by its move, and how many show each pixel."""
    pixels, _ = read_usable(movie, *block)
    if not moves.any():
        return pixels[good].sum(axis=0, dtype=np.float64), np.full(movie.shape[1:], int(good.sum()))
    whole = np.ones(movie.shape[1:], np.int64)
    total, count = np.zeros(movie.shape[1:]), np.zeros(movie.shape[1:], np.int64)
    for k in np.flatnonzero(good):
        total += shifted(pixels[k].astype(float), moves[k], 0.0)
        count += shifted(whole, moves[k], 0)
    return total, count
