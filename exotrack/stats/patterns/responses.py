"""Fusions over time since the first stimulus, in bins that all movies share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from exotrack.stats.cells import Movie
from exotrack.stats.effects import described
from exotrack.stats.measures import Measure
from exotrack.stats.rows import Rows, numbered
from exotrack.tables import FUSION_KINDS, Responses

if TYPE_CHECKING:
    import pandas as pd

Real = NDArray[np.float64]
BINS = 24
"""Bins of the longest movie, at most: as many as a figure shows clearly."""
RATE = Measure("response", "Fusions", "1/um^2/s", "rate", ("n_events",), ("exposure",))


@dataclass(frozen=True, eq=False)
class Latencies:
    """One unit: its `row`, `area_um2`, times since the stimulus of its fusions and of usable frames `frame_s` apart."""

    row: int
    area_um2: float
    fusions_s: Real
    frames_s: Real
    frame_s: float

    def moved(self, rows: int) -> Latencies:
        """The same with its row further down."""
        return replace(self, row=self.row + rows)


def latencies(units: pd.DataFrame, movie: Movie, periods: Sequence[tuple[str, float, float]]) -> list[Latencies]:
    """One for every row of `units` of a movie, rows counted from 0; none without a stimulus."""
    stimulus_s, events, frames = movie.stimulus_s, movie.tables["events"], movie.tables["frames"]
    if not np.isfinite(stimulus_s):
        return []
    usable = frames.loc[frames["status"].isin(("ok", "saturated")), "t_s"].to_numpy(float)
    fusions = events[events["kind"].isin(FUSION_KINDS)]
    cell, at = fusions["cell_id"].to_numpy(dtype=float, na_value=np.nan), fusions["t_s"].to_numpy(float)
    limits = {name: (begin, end) for name, begin, end in periods}
    found = []
    for row, (own, period, area) in enumerate(zip(units["cell_id"], units["period"], units["area_um2"], strict=True)):
        begin, end = limits[period]
        mine = at[(cell == own) & (at >= begin) & (at < end)]
        seen = usable[(usable >= begin) & (usable < end)]
        found.append(Latencies(row, float(area), mine - stimulus_s, seen - stimulus_s, movie.frame_s))
    return found


def responses(units: pd.DataFrame, found: Sequence[Latencies], groups: Sequence[str]) -> pd.DataFrame:
    """The Responses table: rates of every condition in bins since the stimulus, with intervals across clusters of `units`."""
    if not any(len(one.frames_s) for one in found):
        return Responses.empty()
    edges = _edges(found)
    row = np.array([one.row for one in found])
    counts = np.array([np.histogram(one.fusions_s, edges)[0] for one in found], float)
    seen = np.array([np.histogram(one.frames_s, edges)[0] * one.frame_s * one.area_um2 for one in found])
    group, cluster = units["group"].to_numpy(dtype=object)[row], units["cluster"].to_numpy(dtype=object)[row]
    rows: list[dict[str, Any]] = []
    for name in groups:
        for k in range(len(edges) - 1):
            mine = (group == name) & (seen[:, k] > 0)
            if mine.any():
                bin_of = {"group": name, "from_s": edges[k], "until_s": edges[k + 1]}
                rows.append(bin_of | _rate(counts[mine, k], seen[mine, k], cluster[mine]))
    return Responses.build({key: [one[key] for one in rows] for key in rows[0]})


def _rate(top: Real, bottom: Real, cluster: NDArray[Any]) -> dict[str, Any]:
    value, low, high = float(top.sum() / bottom.sum()), np.nan, np.nan
    if top.sum() > 0:
        which = np.zeros(len(top), np.intp)
        value, low, high = described(RATE, Rows(top, bottom, which, numbered(cluster), None, np.arange(len(top))))
    return {
        "n_cells": len(top), "n_events": float(top.sum()), "exposure": float(bottom.sum()), "rate": value, "low": low,
        "high": high,
    }  # fmt: skip


def _edges(found: Sequence[Latencies]) -> Real:
    """Edges at whole multiples of a round width, one of them at the stimulus."""
    first = min(float(one.frames_s.min()) for one in found if len(one.frames_s))
    last = max(float(one.frames_s.max()) for one in found if len(one.frames_s))
    least = max((last - first) / BINS, max(one.frame_s for one in found))
    power = 10.0 ** np.floor(np.log10(least))
    width = next(step * power for step in (1.0, 2.0, 5.0, 10.0) if step * power >= least * (1 - 1e-9))
    return np.asarray(np.arange(np.floor(first / width), np.floor(last / width) + 2) * width)
