"""The physics of called fusions, measured with care: longer windows than those that decide, and every nuisance averaged over.

Few candidates are called, so each may cost what a hundred cost before. What was called says which courses are possible.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from exotrack._blocks import Block, Execution, blocks, map_blocks, owned
from exotrack.classify import _emptied as emptied
from exotrack.classify._calls import SAME_WIDTHS
from exotrack.classify._candidates import Places
from exotrack.classify._components import PatchSeries
from exotrack.classify._fits import T0
from exotrack.classify._look import Neighbours, Optics, Span, Stage, fitted, grids, series_of
from exotrack.classify._measures import refined
from exotrack.classify._models import SPREAD
from exotrack.classify._own import above_still, beside_clouds
from exotrack.classify._widening import diffusion
from exotrack.movie import Movie

PHYSICS = (
    "decay_s", "decay_sd_s", "diffusion_um2_s", "diffusion_sd_um2_s", "fraction_released", "fraction_released_sd",
)  # fmt: skip
FADES_S = 12.0
"""How long a pH-sensitive kiss-and-run is followed: twice a re-acidification of 5 s and more."""
MOST_FRAMES = 160
FEWEST = 8
"""Frames that a window must have."""


class Called(NamedTuple):
    """Called fusions by frame: places, kinds, coarse time constants (s), instants (frames), frames free of others."""

    where: Places
    kind: NDArray[Any]
    tau_s: NDArray[np.float64]
    t0: NDArray[np.float64]
    free: NDArray[np.float64]

    def rows(self, chosen: slice | NDArray[np.int64]) -> Called:
        """The fusions `chosen`."""
        return Called(self.where.rows(chosen), *(column[chosen] for column in self[1:]))


def physics(
    movie: Movie, table: pd.DataFrame, others: Neighbours, optics: Optics, stage: Stage, lumenal: bool, run: Execution
) -> pd.DataFrame:
    """`PHYSICS` of the called rows of a table of candidates, with their index; missing where the pixels cannot tell.

    others, optics, stage : as for `look_block`. lumenal : whether the cargo was visible before.
    """
    called = table[table["called"] != ""].sort_values(["event_frame", "candidate_id"], kind="stable")
    fusions = _fusions(called, optics)
    tasks = []
    for block in blocks(movie, run):
        rows = owned(fusions.where.frame, block)
        if rows.stop > rows.start:
            tasks.append((movie, block, fusions.rows(rows), others, stage, optics, lumenal))
    found = [row for part in map_blocks("measure called", _block, tasks, run) for row in part]
    return pd.DataFrame(found, index=called.index, columns=[*PHYSICS], dtype=float)


def _fusions(called: pd.DataFrame, optics: Optics) -> Called:
    y, x, t0 = (called[key].to_numpy(float) for key in ("y_um", "x_um", "t0_frame"))
    free = np.tile([-np.inf, np.inf], (len(called), 1))
    for k in range(len(called)):
        near = np.hypot(y - y[k], x - x[k]) <= SAME_WIDTHS * optics.sigma_um
        earlier, later = t0[near & (t0 < t0[k])], t0[near & (t0 > t0[k])]
        # A few frames are kept: what little they say then comes with its error.
        if len(earlier):
            free[k, 0] = min(math.floor(earlier.max()) + 2, math.floor(t0[k]) - 3)
        if len(later):
            free[k, 1] = max(math.floor(later.min()) - 1, math.floor(t0[k]) + 4)
    frame = called["event_frame"].to_numpy(int)
    where = Places(called["track_id"].to_numpy(int), frame, y, x, called["z"].to_numpy(float))
    return Called(where, called["called"].to_numpy(object), np.exp(called["log_tau_s"].to_numpy(float)), t0, free)


def _span(frame_s: float, after_s: float) -> Span:
    before = int(np.clip(round(1.6 / frame_s), 8, 20))
    return Span(before, int(np.clip(round(after_s / frame_s), 12, MOST_FRAMES)))


def _block(
    movie: Movie, block: Block, fusions: Called, others: Neighbours, stage: Stage, optics: Optics, lumenal: bool
) -> list[tuple[float, ...]]:
    """`PHYSICS` of the fusions whose frames a block owns."""
    rows = [(math.nan,) * len(PHYSICS)] * len(fusions.kind)
    long = (fusions.kind == "kiss_and_run") & (not lumenal)
    for after_s, which in ((4.0, ~long), (FADES_S, long)):
        # Each kind is read over its own span: what else a block holds must not change it.
        chosen, span = np.flatnonzero(which), _span(movie.frame_s, after_s)
        mine = fusions.rows(chosen)
        series_found = series_of(movie, block, mine.where, others, optics, stage, span) if len(chosen) else []
        for k, series in enumerate(series_found):
            window = _cut(series, int(mine.where.frame[k]), span, mine.free[k])
            if int((window.precision[:, 0, 0] > 0).sum()) >= FEWEST:
                rows[chosen[k]] = _one(window, mine, k, optics, lumenal)
    return rows


def _one(window: PatchSeries, fusions: Called, k: int, optics: Optics, lumenal: bool) -> tuple[float, ...]:
    frame, kind = int(fusions.where.frame[k]), str(fusions.kind[k])
    if lumenal:
        return _lumenal(window, kind, frame, (float(fusions.t0[k]), float(fusions.tau_s[k])), optics)
    return _ph_sensitive(window, kind, frame, optics)


def _cut(series: PatchSeries, frame: int, span: Span, free: NDArray[np.float64]) -> PatchSeries:
    first, stop = max(float(frame - span.before), free[0]), min(float(frame + span.after), free[1])
    kept = (series.frame >= first) & (series.frame < stop)
    return PatchSeries(*(part[kept] for part in series))


def _lumenal(series: PatchSeries, kind: str, frame: int, coarse: tuple[float, float], optics: Optics) -> tuple[float, ...]:
    """`PHYSICS` of a fusion of visible cargo; coarse : instant (movie frames) and time constant (s)."""
    frame_s = optics.frame_s
    tau = coarse[1] / frame_s if math.isfinite(coarse[1]) else 1.0
    how = emptied.full if kind == "full_fusion" else emptied.kiss
    decay, decay_sd, part, part_sd = how(beside_clouds(series, frame), coarse[0] - frame, frame_s, tau)
    return decay * frame_s, decay_sd * frame_s, math.nan, math.nan, part, part_sd


def _ph_sensitive(series: PatchSeries, kind: str, frame: int, optics: Optics) -> tuple[float, ...]:
    """`PHYSICS` of a fusion of cargo that was dark before."""
    nothing = (math.nan, math.nan)
    if kind == "kiss_and_run":
        decay, decay_sd = emptied.fade(above_still(series, frame), 0, optics.frame_s)
        return decay * optics.frame_s, decay_sd * optics.frame_s, *nothing, *nothing
    look = fitted(series, frame, grids(optics), optics)
    decay_s, decay_sd_s, spreads = refined(look, frame, optics)
    found = diffusion(series, frame, math.floor(look.fits[SPREAD, T0] + 0.05), optics) if spreads else nothing
    return decay_s, decay_sd_s, *found, *nothing
