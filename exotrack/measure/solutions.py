"""NH4Cl and acid in the bath: which frames they take, the total pool and the part of the label that is on the surface.

NH4Cl makes every vesicle neutral, so that a pH-sensitive label shows all there is; acid outside dims the label it can reach,
which is that on the surface (Sankaranarayanan et al. 2000, Biophys J 79:2199). With F the mean light of a cell::

    surface fraction = (F - F in acid) / (F in NH4Cl - F in acid)

F without either is read before and after each solution, and all light is taken relative to it: the movie bleaches in between.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from exotrack._blocks import Execution, map_blocks
from exotrack._drift import drift_um, shifted
from exotrack._frames import read_usable
from exotrack.movie import Movie
from exotrack.params import ProtocolParams
from exotrack.tables import FUSION_KINDS, SOLUTIONS

Real = NDArray[np.float64]
Whole = NDArray[np.int64]
Labels = NDArray[np.integer]

BESIDE_S = 5.0
"""How long before and after a solution the usual light is read: long enough to be steady, short enough to bleach along a line."""
RUN = 16
"""Frames read at a time."""
AWAY_UM, LEAST_AWAY = 1.0, 200
"""Background is read this far from every cell, on at least so many pixels; without them it is the camera's offset."""


class Level(NamedTuple):
    """A mean and its standard error; NaN where there is nothing to average."""

    value: float
    sd: float


def with_solutions(frames: pd.DataFrame, params: ProtocolParams) -> pd.DataFrame:
    """The Frames table with status ``nh4cl`` or ``quench`` for the frames of each solution, and until it has gone again."""
    t_s = frames["t_s"].to_numpy()
    status = frames["status"].to_numpy(dtype=object, copy=True)
    good = np.isin(status, ("ok", "saturated"))
    for name, windows in zip(SOLUTIONS, (params.nh4cl_s, params.quench_s), strict=True):
        for first, last in windows:
            status[good & (t_s >= first) & (t_s <= last + params.exchange_s)] = name
    return frames if (status == frames["status"]).all() else frames.assign(status=status.astype(str))


def pools(
    movie: Movie,
    frames: pd.DataFrame,
    spots: pd.DataFrame,
    footprint: Labels,
    offset: float,
    params: ProtocolParams,
    run: Execution = Execution(),
) -> pd.DataFrame:
    """Total pool and surface fraction of every cell.

    Parameters
    ----------
    movie : read only around the windows.
    frames : a Frames table from `with_solutions`.
    spots : a Spots table with a column cell_id.
    footprint : (height, width) cell numbers in the sample's frame.
    offset : counts of a camera without light, the background where no pixel lies outside the cells.
    params : the windows.

    Returns
    -------
    One row per cell in ascending order: the columns of Cells that solutions give; missing without the window they need.
    """
    cells = np.unique(footprint[footprint > 0])
    t_s, status = frames["t_s"].to_numpy(), frames["status"].to_numpy()
    settings = zip(SOLUTIONS, (params.nh4cl_s, params.quench_s), strict=True)
    looks = [[_look(t_s, status, name, window, params.exchange_s) for window in windows] for name, windows in settings]
    wanted = np.unique(np.concatenate([np.zeros(0, int), *(part for look in looks for one in look for part in one)]))
    light = _light(movie, frames, wanted, footprint, offset, run)
    rows = []
    for k, cell in enumerate(cells):
        course = pd.Series(light[:, k], index=wanted)
        n, q = (_mean([_ratio(t_s, course, one) for one in look]) for look in looks)
        rows.append(
            _fractions(n, q) | _counted(spots, int(cell), np.concatenate([np.zeros(0, int), *(one[0] for one in looks[0])]))
        )
    return pd.DataFrame(rows)


def fused_of_pool(cells: pd.DataFrame) -> pd.DataFrame:
    """A Cells table with the share of the pool that fused; the fusions are a Poisson count."""
    fused = cells[[f"n_{kind}" for kind in FUSION_KINDS]].sum(axis=1).to_numpy(float)
    pool = cells["pool_spots"].where(cells["pool_spots"] > 0).to_numpy(float)
    share = fused / pool
    return cells.assign(
        fused_of_pool=share,
        fused_of_pool_sd=np.hypot(np.sqrt(fused) / pool, share * cells["pool_spots_sd"].to_numpy(float) / pool),
    )


def _look(t_s: Real, status: NDArray[np.str_], name: str, window: tuple[float, float], exchange_s: float) -> tuple[Whole, Whole]:
    """Frames in which a solution is fully there, and the usual frames within `BESIDE_S` before it came and after it went."""
    first, last = window
    gone = last + exchange_s
    there = (t_s >= first + exchange_s) & (t_s <= last) & (status == name)
    beside = ((t_s < first) & (t_s >= first - BESIDE_S)) | ((t_s > gone) & (t_s <= gone + BESIDE_S))
    return np.flatnonzero(there), np.flatnonzero(beside & np.isin(status, ("ok", "saturated")))


def _ratio(t_s: Real, course: pd.Series, look: tuple[Whole, Whole]) -> Level:
    """Light in a solution over what it would have been without, by a straight line through the light before and after."""
    there, beside = look
    level = _level(course.loc[there].to_numpy())
    if len(beside) < 3 or len(there) == 0:
        return Level(math.nan, math.nan)
    middle = float(t_s[there].mean())
    time, light = t_s[beside] - middle, course.loc[beside].to_numpy()
    # From one side only, a slope would be a guess.
    design = np.column_stack([np.ones(len(time)), time]) if time.min() < 0 < time.max() else np.ones((len(time), 1))
    inverse = np.linalg.inv(design.T @ design)
    line = inverse @ design.T @ light
    rest = _level(light - design @ line).sd * math.sqrt(len(light))
    usual, usual_sd = float(line[0]), rest * math.sqrt(float(inverse[0, 0]))
    if not usual > 0:
        return Level(math.nan, math.nan)
    ratio = level.value / usual
    return Level(ratio, math.hypot(level.sd, ratio * usual_sd) / usual)


def _mean(levels: list[Level]) -> Level:
    """Mean of what several windows say."""
    known = [level for level in levels if math.isfinite(level.value)]
    if not known:
        return Level(math.nan, math.nan)
    return Level(sum(level.value for level in known) / len(known), math.sqrt(sum(level.sd**2 for level in known)) / len(known))


def _light(movie: Movie, frames: pd.DataFrame, wanted: Whole, footprint: Labels, offset: float, run: Execution) -> Real:
    """(n_wanted, n_cells) mean light (counts) of each cell over the background, in the frames `wanted`."""
    from scipy import ndimage

    away = ndimage.distance_transform_edt(footprint == 0) * movie.pixel_um > AWAY_UM
    moves = np.rint(drift_um(frames) / movie.pixel_um).astype(int)
    parts = [wanted[k : k + RUN] for k in range(0, len(wanted), RUN)]
    tasks = [(movie, rows, moves[rows], footprint, away if away.sum() >= LEAST_AWAY else None, offset) for rows in parts]
    found = list(map_blocks("solutions", _light_block, tasks, run))
    return np.concatenate(found) if found else np.zeros((0, len(np.unique(footprint[footprint > 0]))))


def _light_block(
    movie: Movie, rows: Whole, moves: Whole, footprint: Labels, away: NDArray[np.bool_] | None, offset: float
) -> Real:
    cells = np.unique(footprint[footprint > 0])
    out = np.empty((len(rows), len(cells)))
    for k, (frame, move) in enumerate(zip(rows, moves, strict=True)):
        pixels = read_usable(movie, int(frame), int(frame) + 1)[0][0].astype(float)
        labels = shifted(footprint, move, 0)
        flat = labels.ravel()
        sums, counts = np.bincount(flat, pixels.ravel()), np.bincount(flat)
        ground = offset if away is None else float(pixels[shifted(away, move, False)].mean())
        place = np.minimum(cells, len(counts) - 1)
        out[k] = np.where(counts[place] > 0, sums[place] / np.maximum(counts[place], 1), np.nan) - ground
    return out


def _level(values: Real) -> Level:
    """Mean and standard error of values that may depend on those before them (first-order autocorrelation)."""
    n = len(values)
    if n < 3:
        return Level(float(np.mean(values)) if n else math.nan, math.nan)
    rest = values - values.mean()
    total = float(rest @ rest)
    tied = float(np.clip(rest[1:] @ rest[:-1] / total, 0.0, 0.95)) if total > 0 else 0.0
    return Level(float(values.mean()), math.sqrt(total / (n - 1) / n * (1 + tied) / (1 - tied)))


def _fractions(n: Level, q: Level) -> dict[str, float]:
    """Surface fraction and both dF/F from the light in NH4Cl and in acid, relative to the usual."""
    span = n.value - q.value
    s = (1.0 - q.value) / span if span > 0 else math.nan
    s_sd = math.hypot((s - 1.0) * q.sd, s * n.sd) / span if span > 0 else math.nan
    return {
        "surface_fraction": s, "surface_fraction_sd": s_sd, "nh4cl_dff": n.value - 1.0, "nh4cl_dff_sd": n.sd,
        "quench_dff": q.value - 1.0, "quench_dff_sd": q.sd,
    }  # fmt: skip


def _counted(spots: pd.DataFrame, cell: int, rows: Whole) -> dict[str, float]:
    """Mean number of spots of a cell in the frames `rows`."""
    inside = spots[(spots["cell_id"] == cell) & spots["frame"].isin(rows)]
    counts = inside["frame"].value_counts().reindex(rows, fill_value=0).to_numpy(float)
    level = _level(counts)
    return {"pool_spots": level.value, "pool_spots_sd": level.sd}
