"""The quality of every movie of a study: what is usable, how it bleaches, drifts and stays in focus, what stands out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from exotrack._drift import drift_um
from exotrack.io.results import of_movie, read_columns
from exotrack.report.numbers import MISSING, number
from exotrack.report.quality import FEW, NOTABLE_BLEACHING, bleaching, lost_frames, usable
from exotrack.stats.cells import Movie
from exotrack.tables import FUSION_KINDS, Events, Frames

LOST = 0.02
"""Share of lost frames that stands out: a fiftieth of the time is missing from every rate."""
DRIFTED_UM = 1.0
"""Drift that stands out: a cell has then moved by some of its own vesicles' paths, and its edge with it."""
FOCUS = 1.15
"""Ratio of the width of spots at the end to that at the beginning that stands out: 15 % is half a micrometre out of focus."""
DIM = 4.0
"""Median signal over noise below which calls degrade quickly, see docs/calling.md."""


@dataclass(frozen=True)
class Quality:
    """One movie; NaN where it cannot be told.

    lost, saturated : shares of the frames. drop : share of light lost. drift_um : largest. focus : width of spots in the last
    third over that in the first. snr : median of the spots. spots : median a frame. fusions : called. flags : what stands out.
    """

    movie_id: str
    n_frames: int
    lost: float
    saturated: float
    drop: float
    drift_um: float
    focus: float
    snr: float
    spots: float
    fusions: int
    warnings: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()

    def row(self) -> tuple[str, ...]:
        """Its cells as the page shows them, after the name."""
        return (
            str(self.n_frames), _percent(self.lost), _percent(self.saturated), _percent(self.drop), _shown(1000 * self.drift_um),
            _shown(self.focus), _shown(self.snr), _shown(self.spots), str(self.fusions), "; ".join(self.flags) or MISSING,
        )  # fmt: skip


HEADS = (
    "Frames", "Lost", "Saturated", "Light lost", "Drift (nm)", "Width, end over begin", "SNR", "Spots a frame", "Fusions",
    "Stands out",
)  # fmt: skip


def quality_of(folder: Path, movie: Movie) -> Quality:
    """The quality of one movie from its results folder and what was read of it; `InputError` where spots cannot be read."""
    record, frames, events = movie.provenance, movie.tables[Frames.name], movie.tables[Events.name]
    n = len(frames)
    good = usable(frames)
    fit = bleaching(good["t_s"].to_numpy(float), good["mean"].to_numpy(float))
    moved = drift_um(frames)
    spots = _spots(folder / "spots.parquet", n)
    warned = record.get("warnings")
    found = Quality(
        movie.movie_id, int(of_movie(record, "n_frames") or n), len(lost_frames(frames)) / max(n, 1),
        float((frames["status"] == "saturated").mean()) if n else float("nan"), fit.drop,
        float(np.hypot(*moved.T).max()) if len(moved) else float("nan"), *spots, int(events["kind"].isin(FUSION_KINDS).sum()),
        tuple(map(str, warned)) if isinstance(warned, Sequence) and not isinstance(warned, str) else (),
    )  # fmt: skip
    return replace(found, flags=tuple(_flags(found)))


def worst_first(found: Sequence[Quality]) -> list[Quality]:
    """Movies that stand out, those with most to say first."""
    return sorted((one for one in found if one.flags), key=lambda one: (-len(one.flags), one.movie_id))


def _spots(path: Path, n_frames: int) -> tuple[float, float, float]:
    """Width at the end over the beginning, median SNR, median number a frame, from three columns of the spots."""
    frame, sigma, snr = read_columns(path, ("frame", "sigma_um", "snr"))
    if not len(frame):
        return float("nan"), float("nan"), 0.0
    begin, end = sigma[frame < n_frames / 3], sigma[frame >= 2 * n_frames / 3]
    begin, end = begin[np.isfinite(begin)], end[np.isfinite(end)]
    focus = float(np.median(end) / np.median(begin)) if min(len(begin), len(end)) >= FEW else float("nan")
    counted = np.bincount(frame.astype(np.intp), minlength=n_frames)
    return focus, float(np.nanmedian(snr)), float(np.median(counted))


def _flags(one: Quality) -> list[str]:
    found = []
    if one.lost > LOST:
        found.append(f"{100 * one.lost:.0f} % of the frames lost")
    if one.saturated > 0:
        found.append("saturated frames")
    if abs(one.drop) > NOTABLE_BLEACHING:
        found.append(f"{'loses' if one.drop > 0 else 'gains'} {100 * abs(one.drop):.0f} % of its light")
    if one.drift_um > DRIFTED_UM:
        found.append(f"drifts by {one.drift_um:.1f} µm")
    if one.focus > FOCUS or one.focus < 1 / FOCUS:
        found.append("spots change their width: focus")
    if one.snr < DIM:
        found.append("low signal")
    if one.fusions < FEW:
        found.append("no fusion" if one.fusions == 0 else f"{one.fusions} fusion{'' if one.fusions == 1 else 's'} only")
    return [*found, *one.warnings]


def _percent(value: float) -> str:
    return f"{100 * value:.1f} %" if np.isfinite(value) else MISSING


def _shown(value: Any) -> str:
    return number(value, 3)
