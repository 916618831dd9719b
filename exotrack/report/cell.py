"""The cell with its events: the picture, marks that lead to the cards, and the same events along time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from exotrack._drift import drift_um
from exotrack.movie import Movie
from exotrack.report import charts
from exotrack.report.kinds import KINDS, Kind
from exotrack.report.numbers import bar_um, missing, nice_ticks, plain, probability
from exotrack.report.pictures import Picture, binned, mean_image, outlines, picture
from exotrack.report.quality import lost_frames, usable
from exotrack.tables import FUSION_KINDS

MAX_MARKS = 1500
"""Marks drawn per kind: more would hide the cell and slow the page."""


@dataclass(frozen=True)
class Mark:
    """An event on the picture (x, y in pixels) and on the time axis (percent); `target` is the id it leads to."""

    event_id: int
    kind: Kind
    x: float
    y: float
    percent: float
    target: str
    title: str


@dataclass(frozen=True)
class CellView:
    """What the cell's panel shows; lengths are in pixels of the movie unless they say otherwise."""

    picture: Picture
    averaged: int
    height: int
    width: int
    outline: str
    marks: list[Mark]
    hidden: int
    size: float
    bar_um: float
    bar_px: float
    ticks: list[tuple[float, str]]
    lost: list[tuple[float, float]]
    stimuli: list[float]
    cumulative: Markup | None


def cell_view(
    movie: Movie, tables: dict[str, Any], footprint: NDArray[Any] | None, stimulus_s: tuple[float, ...], carded: set[int]
) -> CellView:
    """Everything for the panel; `carded` are the ids of the events that have a card."""
    frames, events = tables["frames"], tables["events"]
    rows = usable(frames)["frame"].to_numpy(dtype=int)
    rows = rows[rows < len(movie)]
    image, averaged = mean_image(movie, rows if len(rows) else np.arange(len(movie)), drift_um(frames) if len(frames) else None)
    small, _ = binned(image)
    height, width = image.shape
    marks = [
        _mark(event, movie, carded)
        for kind in KINDS
        for event in events[(events["kind"] == kind) & np.isfinite(events["y_um"]) & np.isfinite(events["x_um"])]
        .head(MAX_MARKS)
        .itertuples(index=False)
    ]
    bar = bar_um(width * movie.pixel_um)
    ticks = [(100 * t / movie.duration_s, plain(t)) for t in nice_ticks(0.0, movie.duration_s, 8)]
    return CellView(
        picture(small), averaged, height, width, "" if footprint is None else outlines(footprint), marks,
        len(events) - len(marks), max(height, width) / 42, bar, bar / movie.pixel_um, ticks, _lost(frames, movie),
        [100 * t / movie.duration_s for t in stimulus_s], _cumulative(events, movie, stimulus_s),
    )  # fmt: skip


def _mark(event: Any, movie: Movie, carded: set[int]) -> Mark:
    kind = KINDS[event.kind]
    target = f"event-{event.event_id}" if event.event_id in carded else f"row-{event.event_id}"
    title = f"{kind.label} {event.event_id} at {plain(event.t_s)} s"
    if kind.fusion and not missing(getattr(event, f"p_{kind.name}")):
        title += f", p = {probability(getattr(event, f'p_{kind.name}'))}"
    percent = 100 * float(event.t_s) / movie.duration_s
    return Mark(
        int(event.event_id), kind, round(event.x_um / movie.pixel_um, 2), round(event.y_um / movie.pixel_um, 2),
        0.0 if missing(percent) else round(percent, 3), target, title,
    )  # fmt: skip


def _cumulative(events: Any, movie: Movie, stimulus_s: tuple[float, ...]) -> Markup | None:
    """Fusions so far against time: a straight rise is a steady rate, a bend is a change."""
    if not events["kind"].isin(FUSION_KINDS).any():
        return None
    ax = charts.axes(5.0, 2.5, "time (s)", "fusions so far")
    for kind, line in zip(FUSION_KINDS, ("-", "--"), strict=True):
        t_s = np.sort(events.loc[events["kind"] == kind, "t_s"].dropna().to_numpy(dtype=float))
        steps, heights = [0.0, *t_s, movie.duration_s], [0, *range(1, len(t_s) + 1), len(t_s)]
        ax.plot(steps, heights, drawstyle="steps-post", color=charts.BY_KIND[kind], lw=1.7, ls=line)
    for t in stimulus_s:
        ax.axvline(t, color=charts.INK, lw=0.8, ls=":")
    ax.set_xlim(0, movie.duration_s)
    ax.set_ylim(bottom=0)
    return charts.to_svg(ax, "cumulative", "Number of full fusions and of kiss-and-runs so far, against time")


def _lost(frames: Any, movie: Movie) -> list[tuple[float, float]]:
    """Runs of frames that are not analysed, as (start, width) in percent of the movie's time."""
    lost = np.array(sorted(frame for frame in lost_frames(frames) if frame < len(movie)), dtype=int)
    runs = np.split(lost, np.flatnonzero(np.diff(lost) > 1) + 1) if lost.size else []
    percent = 100 / movie.duration_s
    spans = [(float(movie.t_s(int(run[0]))), float(movie.t_s(int(run[-1]))) + movie.frame_s) for run in runs]
    return [(start * percent, (stop - start) * percent) for start, stop in spans]
