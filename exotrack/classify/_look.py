"""Look at the pixels of the candidates of one block of frames: components, model fits, features."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from exotrack._blocks import Block
from exotrack._drift import drift_um
from exotrack._frames import read_usable, usable_of
from exotrack._frames import usable as usable_frames
from exotrack.classify._candidates import Places
from exotrack.classify._components import WIDTHS, PatchSeries, components, mixture
from exotrack.classify._courses import WIDTH_GRID
from exotrack.classify._models import (
    D_UM2_S,
    ESCAPE_FRAMES,
    RAMP_FRAMES,
    TAU_FRAMES,
    fit_all,
    t0_grid,
)
from exotrack.movie import Movie
from exotrack.physics import Noise
from exotrack.tables import Frames

if TYPE_CHECKING:
    import pandas as pd

PATCH_WIDTHS = 8.0
"""Half side of the patch in vesicle widths: twice the widest Gaussian, so that the background is seen beside a cloud."""
MASK_WIDTHS = 2.5
"""Pixels within this many widths of another vesicle, and nearer to it than to the candidate, are left out."""


class Span(NamedTuple):
    """Frames looked at before and after a candidate's."""

    before: int
    after: int

    @classmethod
    def of(cls, frame_s: float) -> Span:
        """1.2 s before and 4 s after: the time that tells a release from a re-acidification; at most 16 and 40 frames."""
        return cls(int(np.clip(round(1.2 / frame_s), 8, 16)), int(np.clip(round(4.0 / frame_s), 12, 40)))


class Optics(NamedTuple):
    """What the kernels need of the movie and its noise: width in pixels and um, frame interval (s), noise line."""

    sigma_px: float
    sigma_um: float
    frame_s: float
    slope: float
    intercept: float

    @classmethod
    def of(cls, movie: Movie, sigma_um: float, noise: Noise) -> Optics:
        """Optics of a movie in which vesicles have width `sigma_um`."""
        return cls(sigma_um / movie.pixel_um, sigma_um, movie.frame_s, noise.slope, noise.intercept)

    @property
    def half(self) -> int:
        """Half side of a patch (pixels)."""
        return math.ceil(PATCH_WIDTHS * self.sigma_px)


class Stage(NamedTuple):
    """Per frame of the movie: where the sample lies (n_frames, 2; pixels), whether events may be seen, and mean brightness."""

    drift_px: NDArray[np.float64]
    usable: NDArray[np.bool_]
    mean: NDArray[np.float64]

    @classmethod
    def of(cls, frames: pd.DataFrame, pixel_um: float) -> Stage:
        """That of a Frames table; moves are rounded to an eighth of a pixel, so that one place serves many frames."""
        good = usable_frames(frames)
        return cls(np.rint(drift_um(frames) / pixel_um * 8.0) / 8.0, good, Frames.check(frames)["mean"].where(good).to_numpy())

    def runs(self, first: int, stop: int) -> Iterator[tuple[int, int, NDArray[np.float64]]]:
        """Runs of frames from `first` to `stop` (exclusive) between which nothing moves, and the move."""
        cuts = np.flatnonzero(np.any(np.diff(self.drift_px[first:stop], axis=0) != 0, axis=1)) + first + 1
        for a, b in zip([first, *cuts], [*cuts, stop], strict=True):
            yield int(a), int(b), self.drift_px[a]


class Look(NamedTuple):
    """One candidate, fitted: its series, the (5, 10) fits of `_models.FIT`, the chi-squared profiles over tau and D."""

    series: PatchSeries
    fits: NDArray[np.float64]
    profiles: NDArray[np.float64]


class Neighbours(NamedTuple):
    """Spots of every track, sorted by frame: who else is in a patch (pixels)."""

    frame: NDArray[np.int64]
    track_id: NDArray[np.int64]
    y_px: NDArray[np.float64]
    x_px: NDArray[np.float64]


def look_block(movie: Movie, block: Block, where: Places, others: Neighbours, optics: Optics, stage: Stage) -> list[Look]:
    """Fit every candidate whose frame the block owns; reads the block and the span around it."""
    span = Span.of(movie.frame_s)
    first, last = max(block.start - span.before, 0), min(block.stop + span.after, len(movie))
    pixels, statuses = read_usable(movie, first, last)
    usable = usable_of(pixels, statuses, movie) & stage.usable[first:last]
    mixtures = mixture(WIDTH_GRID, optics.half, optics.sigma_px)
    growth = 2.0 * D_UM2_S * optics.frame_s / optics.sigma_um**2
    grids = (t0_grid(optics.frame_s), TAU_FRAMES, RAMP_FRAMES, growth, ESCAPE_FRAMES)
    looks = []
    for k in range(len(where.frame)):
        a, b = max(int(where.frame[k]) - span.before, 0), min(int(where.frame[k]) + span.after, len(movie))
        place = (where.y_um[k] / movie.pixel_um, where.x_um[k] / movie.pixel_um)
        parts = [
            _series(pixels[c - first : d - first], usable[c - first : d - first], c, place, others, optics, moved)
            for c, d, moved in stage.runs(a, b)
        ]
        series = parts[0] if len(parts) == 1 else PatchSeries(*(np.concatenate(column) for column in zip(*parts, strict=True)))
        fits, profiles = np.empty((5, 10)), np.empty((2, 16))
        times = (series.frame - where.frame[k]).astype(float)
        fit_all(times, np.nan_to_num(series.coefficients[:, :3]), series.precision, mixtures, grids, fits, profiles)
        looks.append(Look(series, fits, profiles))
    return looks


def _series(
    pixels: NDArray[Any],
    usable: NDArray[np.bool_],
    first_frame: int,
    place: tuple[float, float],
    others: Neighbours,
    optics: Optics,
    moved: NDArray[np.float64],
) -> PatchSeries:
    """Components of one patch through time, in frames in which everything lies `moved` (y, x; pixels) from its place."""
    n, height, width = pixels.shape
    place = (place[0] + float(moved[0]), place[1] + float(moved[1]))
    cy, cx = round(place[0]), round(place[1])
    y0, y1 = max(cy - optics.half, 0), min(cy + optics.half + 1, height)
    x0, x1 = max(cx - optics.half, 0), min(cx + optics.half + 1, width)
    patch = pixels[:, y0:y1, x0:x1]
    mask = _mask(patch.shape, (y0, x0), first_frame, place, others, optics.sigma_px, moved)
    mask &= usable[:, None, None]
    coefficients, precision, shift_sd = np.empty((n, 6)), np.empty((n, 3, 3)), np.empty(n)
    settings = (optics.sigma_px, optics.slope, optics.intercept)
    components(patch, mask, (place[0] - y0, place[1] - x0), settings, coefficients, precision, shift_sd)
    return PatchSeries(np.arange(first_frame, first_frame + n), coefficients, precision, shift_sd)


def _mask(
    shape: tuple[int, ...],
    corner: tuple[int, int],
    first_frame: int,
    place: tuple[float, float],
    others: Neighbours,
    sigma_px: float,
    moved: NDArray[np.float64],
) -> NDArray[np.bool_]:
    """True where a pixel belongs to the candidate: not near another vesicle of that frame."""
    n, height, width = shape
    mask = np.ones((n, height, width), bool)
    rows = slice(*np.searchsorted(others.frame, [first_frame, first_frame + n]))
    y, x = others.y_px[rows] + moved[0], others.x_px[rows] + moved[1]
    apart = np.hypot(y - place[0], x - place[1])
    reach = MASK_WIDTHS * sigma_px
    inside = (y > corner[0] - reach) & (y < corner[0] + height + reach)
    inside &= (x > corner[1] - reach) & (x < corner[1] + width + reach) & (apart > 2.0 * sigma_px)
    grid_y, grid_x = np.arange(height)[:, None] + corner[0], np.arange(width)[None, :] + corner[1]
    own = (grid_y - place[0]) ** 2 + (grid_x - place[1]) ** 2
    for t, yy, xx in zip(others.frame[rows][inside] - first_frame, y[inside], x[inside], strict=True):
        distance = (grid_y - yy) ** 2 + (grid_x - xx) ** 2
        mask[t] &= ~((distance < reach**2) & (distance < own))
    return mask


def fluxes(sigma_px: float) -> NDArray[np.float64]:
    """(3,) sum over the pixels within 4.5 widths of each of the three Gaussians of unit height."""
    w2 = (np.array(WIDTHS) * sigma_px) ** 2
    return np.asarray(2.0 * np.pi * w2 * (1.0 - np.exp(-0.5 * (4.5 * sigma_px) ** 2 / w2)))
