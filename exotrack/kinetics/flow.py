"""When fusions come: the sum, over all vesicles in sight, of how likely each was to fuse in each interval between frames.

That sum is what the number of fusions of a cell is compared with (its compensator; Andersen et al. 1993, Statistical Models
Based on Counting Processes, II.4). Given the sum, the number of fusions of recorded stays varies about it with the variance
sum h (1 - h), and in the time in which it rises evenly fusions come evenly: that is the time rescaling of `rescaling`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from exotrack._table import FUSION_KINDS
from exotrack.errors import InputError
from exotrack.kinetics.goodness import Observed
from exotrack.kinetics.observe import FrameLaw
from exotrack.kinetics.rates import Release
from exotrack.kinetics.resample import stream
from exotrack.kinetics.rescaling import Rescaled, operational, rescaling
from exotrack.kinetics.scheme import Real
from exotrack.kinetics.sightings import Whole

POINTS = 200


@dataclass(frozen=True, eq=False)
class Flow:
    """Fusions that end recorded stays, and those expected.

    t_s (n,), cell (n,) : when each fusion came, and in which cell. until_s (C,) : how long each cell was observed.
    edges_s, expected : by cell, (F + 1,) times and the expected number until then. variance : of the same.
    """

    t_s: Real
    cell: Whole
    until_s: Real
    edges_s: list[Real]
    expected: list[Real]
    variance: list[Real]

    def at(self, t_s: Real, cell: Whole) -> Real:
        """(n,) expected number until each time in each cell."""
        return np.array([np.interp(t, self.edges_s[c], self.expected[c]) for t, c in zip(t_s, cell, strict=True)])


@dataclass(frozen=True, eq=False)
class Released:
    """Mean cumulative number of fusions per cell: t_s, seen, its sd over cells, and expected with its sd, (G,) each."""

    t_s: Real
    seen: Real
    seen_sd: Real
    expected: Real
    expected_sd: Real


def flow(stays: pd.DataFrame, observed: Observed, laws: Sequence[FrameLaw], cell: Whole, seed: int = 0) -> Flow:
    """Expected and seen fusions of the rows of a `Stays` table whose cells have numbers `cell` (n,).

    seed : places each fusion at random within the interval in which it came, so that frames make no ties.
    """
    first, frame_s = stays["first_frame"].to_numpy(np.int64), stays["frame_s"].to_numpy(float)
    length, wide = stays["movie_frames"].to_numpy(np.int64), int(cell.max()) + 1
    long = np.zeros(wide, dtype=np.int64)
    np.maximum.at(long, cell, length)
    step = np.ones(wide)
    step[cell] = frame_s
    sums = [np.zeros((2, n + 1)) for n in long]
    kinds = [j for j, fate in enumerate(observed.fates) if fate in FUSION_KINDS]
    rising = hazards(laws, observed.fates)
    for row, n in enumerate(observed.n_frames):
        law = laws[observed.group[row]]
        h = rising[observed.group[row]][law.min_frames : n + 1]
        begin = first[row] + law.min_frames - 1
        sums[cell[row]][:, begin : begin + len(h)] += [h, h * (1 - h)]
    fused = np.isin(observed.fate, kinds)
    shift = stream(seed, 0).uniform(size=int(fused.sum()))
    at = (first + observed.n_frames - 1)[fused] + shift
    edges = [np.arange(n + 2) * s for n, s in zip(long, step, strict=True)]
    total = [np.concatenate([np.zeros((2, 1)), np.cumsum(one, axis=1)], axis=1) for one in sums]
    until = np.array([one[-1] for one in edges])
    return Flow(at * frame_s[fused], cell[fused], until, edges, [one[0] for one in total], [one[1] for one in total])


def released(of: Flow) -> Released | None:
    """Release curve of all cells; None without a fusion."""
    if len(of.t_s) == 0:
        return None
    seen = Release.of(of.t_s, of.cell, np.zeros(len(of.until_s)), of.until_s)
    grid = np.linspace(0.0, float(of.until_s.min()), POINTS)
    mean = np.mean([np.interp(grid, t, e) for t, e in zip(of.edges_s, of.expected, strict=True)], axis=0)
    var = np.sum([np.interp(grid, t, v) for t, v in zip(of.edges_s, of.variance, strict=True)], axis=0)
    place = np.searchsorted(seen.t_s, grid, side="right") - 1
    sd = np.where(place >= 0, seen.sd()[np.maximum(place, 0)], 0.0)
    return Released(grid, seen.mean_at(grid), sd, mean, np.sqrt(var) / len(of.until_s))


def rescaled(of: Flow, repeats: int, seed: int) -> Rescaled | None:
    """Time rescaling of the fusions, each cell with a factor of its own; None if there are too few or none was expected."""
    try:
        return rescaling(operational(of.t_s, of.cell, of.until_s, of.at), repeats=repeats, seed=seed)
    except InputError:
        return None


def hazards(laws: Sequence[FrameLaw], fates: Sequence[str]) -> list[Real]:
    """(N + 1,) of each law: chance of a fusion after k frames, given that there were k or more; `fates` are the laws' own."""
    kinds = [j for j, fate in enumerate(fates) if fate in FUSION_KINDS]
    return [_hazard(law, kinds) for law in laws]


def _hazard(law: FrameLaw, kinds: Sequence[int]) -> Real:
    lasting = law.lasting[:-1]
    fusing = law.ending[:, list(kinds)].sum(axis=1)
    found = np.divide(fusing, lasting, out=np.zeros_like(lasting), where=lasting > 1e-300)
    return np.asarray(found.clip(0.0, 1.0))
