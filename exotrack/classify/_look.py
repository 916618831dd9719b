"""Look at the pixels of the candidates of one block of frames: components, model fits, features."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from exotrack._blocks import Block
from exotrack._drift import drift_um
from exotrack._frames import read_usable, usable_of
from exotrack._frames import usable as usable_frames
from exotrack.classify._candidates import Places
from exotrack.classify._components import SHORT, WIDTHS, PatchSeries, components, mixture
from exotrack.classify._courses import WIDTH_GRID, Tables, tables
from exotrack.classify._evidence import chance_clouds
from exotrack.classify._fits import FIT, Sums, still, sums_of
from exotrack.classify._models import (
    CLOUD,
    CLOUD_ESCAPE_S,
    CLOUD_UM2_S,
    D_UM2_S,
    ESCAPE_FRAMES,
    N_MODELS,
    RAMP_FRAMES,
    TAU_FRAMES,
    course,
    fit_all,
    t0_grid,
)
from exotrack.classify._patch import N_HEIGHTS, Reach, binned
from exotrack.movie import Movie
from exotrack.physics import Noise
from exotrack.tables import Frames

if TYPE_CHECKING:
    import pandas as pd

NEAR_WIDTHS = 6.0
"""Half side of the square looked at pixel by pixel, in vesicle widths."""
FAR_UM = 3.0
"""Half side of the square looked at in bins (um): twice the width of a cloud of 4 um^2/s after 0.3 s."""
BIN_WIDTHS = 2.0
"""Side of a bin, in vesicle widths: clouds as wide as that are near enough to be seen pixel by pixel."""
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
    def reach(self) -> Reach:
        """What is looked at around a place."""
        near = math.ceil(NEAR_WIDTHS * self.sigma_px)
        far = max(round(FAR_UM / self.sigma_um * self.sigma_px), 2 * near)
        side = max(round(BIN_WIDTHS * self.sigma_px), 1)
        return Reach(near, far, side, MASK_WIDTHS * self.sigma_px)

    def growth(self, um2_s: NDArray[np.float64]) -> NDArray[np.float64]:
        """2 D / sigma0^2 per frame."""
        return np.asarray(2.0 * um2_s * self.frame_s / self.sigma_um**2)

    @property
    def escape(self) -> float:
        """Time in which released cargo leaves the cleft (frames)."""
        return CLOUD_ESCAPE_S / self.frame_s


Real = NDArray[np.float64]
GridValues = tuple[Real, Real, Real, Real, Real, Real]


class Grids(NamedTuple):
    """What all candidates of a movie are fitted with: grids and tables of `fit_all`, mixtures of widths, a typical cloud."""

    values: GridValues
    tables: Tables
    mixtures: NDArray[np.float64]
    cloud: NDArray[np.float64]


@lru_cache(maxsize=4)
def grids(optics: Optics) -> Grids:
    """`Grids` of a movie; the same for every block."""
    reach, span = optics.reach, Span.of(optics.frame_s)
    mixtures = mixture(WIDTH_GRID, optics.sigma_px, reach.near, reach.far)
    starts, growths, clouds = t0_grid(optics.frame_s), optics.growth(D_UM2_S), optics.growth(CLOUD_UM2_S)
    lags = span.after + math.ceil(-starts.min()) + 2
    told = tables(TAU_FRAMES, growths, ESCAPE_FRAMES, (clouds, optics.escape), lags, mixtures)
    # Without its first frame, in which it is as narrow as the vesicle, whose brightness changes for many reasons.
    typical = told.cloud[
        0, int(np.argmin(np.abs(TAU_FRAMES - 0.15 / optics.frame_s))), 1, 1 : max(round(0.6 / optics.frame_s), 3)
    ]
    return Grids((starts, TAU_FRAMES, RAMP_FRAMES, growths, ESCAPE_FRAMES, clouds), told, mixtures, np.ascontiguousarray(typical))


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
    """One candidate, fitted: its series, the fits of `_models.FIT`, and the chi-squared profiles over tau and D.

    wide_noise : how much the light of clouds fluctuates where none is, in units of what the noise says; at least 1.
    """

    series: PatchSeries
    fits: NDArray[np.float64]
    profiles: NDArray[np.float64]
    wide_noise: float

    def sums(self, frame: int) -> Sums:
        """What the fits see, times counted from `frame`."""
        data = np.nan_to_num(self.series.coefficients[:, :N_HEIGHTS])
        return sums_of((self.series.frame - frame).astype(float), data, self.series.precision)


class Neighbours(NamedTuple):
    """Spots of every track, sorted by frame: who else is in a patch (pixels)."""

    frame: NDArray[np.int64]
    track_id: NDArray[np.int64]
    y_px: NDArray[np.float64]
    x_px: NDArray[np.float64]


def look_block(movie: Movie, block: Block, where: Places, others: Neighbours, optics: Optics, stage: Stage) -> list[Look]:
    """Fit every candidate whose frame the block owns; reads the block and the span around it."""
    looks, told = [], grids(optics)
    for series, frame in zip(series_of(movie, block, where, others, optics, stage), where.frame, strict=True):
        looks.append(fitted(series, int(frame), told, optics))
    return looks


def series_of(
    movie: Movie, block: Block, where: Places, others: Neighbours, optics: Optics, stage: Stage, span: Span | None = None
) -> list[PatchSeries]:
    """The pixels around every candidate whose frame the block owns as series; reads the block and `span` around it."""
    span = span or Span.of(movie.frame_s)
    first, last = max(block.start - span.before, 0), min(block.stop + span.after, len(movie))
    pixels, statuses = read_usable(movie, first, last)
    usable = usable_of(pixels, statuses, movie) & stage.usable[first:last]
    reach = optics.reach
    if not (pixels.dtype.isnative and pixels.dtype.name in ("uint8", "uint16", "float32")):
        pixels = pixels.astype(np.float32)
    means = binned(pixels, reach.bin)
    settings = (optics.sigma_px, optics.slope, optics.intercept)
    found = []
    for k in range(len(where.frame)):
        a, b = max(int(where.frame[k]) - span.before, 0), min(int(where.frame[k]) + span.after, len(movie))
        place = (where.y_um[k] / movie.pixel_um, where.x_um[k] / movie.pixel_um)
        out = np.empty((b - a, 7)), np.empty((b - a, 4, 4)), np.empty(b - a)
        near = _near(others, (a, b), place, reach, optics.sigma_px)
        runs = list(stage.runs(a, b))
        even = len(runs) > 1 and min(int(usable[c - first : d - first].sum()) for c, d, _ in runs) < SHORT
        for c, d, moved in runs:
            part = slice(c - first, d - first)
            here = (place[0] + float(moved[0]), place[1] + float(moved[1]))
            there = near[(near[:, 0] >= c - a) & (near[:, 0] < d - a)] + np.array([a - c, *moved])
            mine = out[0][c - a : d - a], out[1][c - a : d - a], out[2][c - a : d - a]
            components((pixels[part], means[part]), usable[part], here, there, settings, reach, mine, even)
        found.append(PatchSeries(np.arange(a, b), *out))
    return found


def fitted(series: PatchSeries, frame: int, grids: Grids, optics: Optics) -> Look:
    """Fit the models to a series; times count from `frame`."""
    look = Look(series, np.empty((N_MODELS, len(FIT))), np.empty((2, 16)), 1.0)
    sums = look.sums(frame)
    fit_all(sums, grids.values, grids.tables, look.fits, look.profiles)
    best = look.fits[CLOUD]
    told = course(sums.times, CLOUD, best, (grids.mixtures, optics.escape)) + still(best, len(sums.times))
    chance = chance_clouds(sums, np.nan_to_num(series.coefficients[:, :N_HEIGHTS]) - told, grids.cloud)
    return look._replace(wide_noise=max(float(np.median(np.abs(chance))) / 0.6745, 1.0) if len(chance) > 5 else 1.0)


def _near(
    others: Neighbours, frames: tuple[int, int], place: tuple[float, float], reach: Reach, sigma_px: float
) -> NDArray[np.float64]:
    """(m, 3) frame (from the first), y, x of the spots of others that may cover what is looked at around `place`."""
    rows = slice(*np.searchsorted(others.frame, frames))
    y, x = others.y_px[rows], others.x_px[rows]
    dy, dx = y - place[0], x - place[1]
    far = reach.far + reach.bin + reach.covered
    kept = (np.abs(dy) < far) & (np.abs(dx) < far) & (np.hypot(dy, dx) > 2.0 * sigma_px)
    return np.column_stack([(others.frame[rows][kept] - frames[0]).astype(float), y[kept], x[kept]])


def fluxes(sigma_px: float) -> NDArray[np.float64]:
    """(4,) sum over the pixels within 4.5 widths of each of the Gaussians of unit height."""
    w2 = (np.array(WIDTHS) * sigma_px) ** 2
    return np.asarray(2.0 * np.pi * w2 * (1.0 - np.exp(-0.5 * (4.5 * sigma_px) ** 2 / w2)))
