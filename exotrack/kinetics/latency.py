"""Fusions since the first stimulus, of the vesicles that were docked when it came and of those that docked later.

Both are put beside what the law expects of the same vesicles: the sum, over those docked at each moment, of how likely each
was to fuse before the next frame (see `flow`). Vesicles are watched from the shortest stay that is recorded on, in data and law.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from exotrack._table import FUSION_KINDS
from exotrack.kinetics.flow import hazards
from exotrack.kinetics.goodness import Observed
from exotrack.kinetics.observe import FrameLaw
from exotrack.kinetics.rates import Release, garwood
from exotrack.kinetics.scheme import Real
from exotrack.kinetics.sightings import Whole

GROUPS = ("docked before", "newcomers")
"""Docked when the stimulus came, or later."""
POINTS, BINS = 200, 10


@dataclass(frozen=True, eq=False)
class Since:
    """Fusions of one group since the stimulus.

    t_s (G,) : time since it (s). seen, seen_sd, expected, expected_sd (G,) : cumulative number per cell, and standard errors
    over cells and of the law. edges_s (B + 1,) : of bins. hazard, low, high, hazard_expected (B,) : fusions per docked vesicle
    and s with exact 95 % limits of a Poisson count, and the law's; NaN where none was docked. latencies_s (n,) : of the fusions.
    """

    t_s: Real
    seen: Real
    seen_sd: Real
    expected: Real
    expected_sd: Real
    edges_s: Real
    hazard: Real
    low: Real
    high: Real
    hazard_expected: Real
    latencies_s: Real

    @property
    def median_s(self) -> float:
        """Median latency (s); NaN without a fusion."""
        return float(np.median(self.latencies_s)) if len(self.latencies_s) else float("nan")


def latency(stays: pd.DataFrame, observed: Observed, laws: Sequence[FrameLaw], cell: Whole) -> dict[str, Since]:
    """Fusions since the first stimulus by group; empty if no movie has a stimulus, or no stay was recorded after it.

    Parameters
    ----------
    stays : (n rows) of a `Stays` table. observed, laws : the same stays and their laws. cell : (n,) number of the cell of each.
    """
    since = stays["t_since_stimulus_s"].to_numpy(float)
    frame_s = stays["frame_s"].to_numpy(float)
    ends = since + (stays["movie_frames"] - stays["first_frame"]).to_numpy(float) * frame_s
    with_one = np.isfinite(since) & (ends > 0)
    if not with_one.any():
        return {}
    cells, own = np.unique(cell[with_one], return_inverse=True)
    until = np.zeros(len(cells))
    np.maximum.at(until, own, ends[with_one])
    number = np.full(len(stays), -1)
    number[with_one] = own
    row, t_s, chance = _watched(stays, observed, laws, with_one)
    fused = with_one & np.isin(observed.fate, [j for j, fate in enumerate(observed.fates) if fate in FUSION_KINDS])
    at_s = since + (observed.n_frames - 0.5) * frame_s
    found = {}
    for name, mine in zip(GROUPS, (since <= 0, since > 0), strict=True):
        here, hit = mine[row], fused & mine & (at_s > 0)
        found[name] = _since(t_s[here], chance[here], frame_s[row[here]], at_s[hit], number[hit], until)
    return found


def _watched(
    stays: pd.DataFrame, observed: Observed, laws: Sequence[FrameLaw], keep: NDArray[np.bool_]
) -> tuple[Whole, Real, Real]:
    """Row, time since the stimulus (s) and chance of fusing of every interval after it in which a vesicle was watched."""
    rising = hazards(laws, observed.fates)
    since, frame_s = stays["t_since_stimulus_s"].to_numpy(float), stays["frame_s"].to_numpy(float)
    rows = np.flatnonzero(keep)
    first = np.array([laws[observed.group[row]].min_frames for row in rows])
    many = np.maximum(observed.n_frames[rows] - first + 1, 0)
    row = np.repeat(rows, many)
    k = np.arange(len(row)) - np.repeat(np.cumsum(many) - many, many) + np.repeat(first, many)
    t_s = since[row] + (k - 0.5) * frame_s[row]
    chance = np.empty(len(row))
    for g, one in enumerate(rising):
        mine = observed.group[row] == g
        chance[mine] = one[k[mine]]
    return row[t_s > 0], t_s[t_s > 0], chance[t_s > 0]


def _since(t_s: Real, chance: Real, length_s: Real, fused_s: Real, cell: Whole, until_s: Real) -> Since:
    grid = np.linspace(0.0, float(until_s.min()), POINTS)
    # Most happens at first: bins grow with time.
    edges = float(until_s.min()) * np.linspace(0.0, 1.0, BINS + 1) ** 2
    n = len(until_s)
    order = np.argsort(t_s, kind="stable")
    place = np.searchsorted(t_s[order], grid, side="right")
    sums = [np.concatenate([[0.0], np.cumsum(part[order])])[place] for part in (chance, chance * (1 - chance))]
    seen, sd = np.zeros(POINTS), np.zeros(POINTS)
    if len(fused_s):
        curve = Release.of(fused_s, cell, np.zeros(n), until_s)
        at = np.searchsorted(curve.t_s, grid, side="right") - 1
        seen, sd = curve.mean_at(grid), np.where(at >= 0, curve.sd()[np.maximum(at, 0)], 0.0)
    risk, told = (np.histogram(t_s, edges, weights=part)[0] for part in (length_s, chance))
    count = np.histogram(fused_s, edges)[0].astype(float)
    with np.errstate(divide="ignore", invalid="ignore"):
        rate, low, high, law = (np.where(risk > 0, part / risk, np.nan) for part in (count, *garwood(count), told))
    return Since(grid, seen, sd, sums[0] / n, np.sqrt(sums[1]) / n, edges, rate, low, high, law, np.sort(fused_s))
