"""The cell with its events: the picture, marks that lead to the cards, and the same events along time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exotrack.movie import Movie
from exotrack.report.kinds import KINDS, Kind
from exotrack.report.numbers import bar_um, missing, nice_ticks, number
from exotrack.report.pictures import Picture, binned, mean_image, outlines, picture
from exotrack.report.quality import usable

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


def cell_view(
    movie: Movie, tables: dict[str, Any], footprint: NDArray[Any] | None, stimulus_s: tuple[float, ...], carded: set[int]
) -> CellView:
    """Everything for the panel; `carded` are the ids of the events that have a card."""
    frames, events = tables["frames"], tables["events"]
    rows = usable(frames)["frame"].to_numpy(dtype=int)
    rows = rows[rows < len(movie)]
    image, averaged = mean_image(movie, rows if len(rows) else np.arange(len(movie)))
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
    ticks = [(100 * t / movie.duration_s, number(t, 6)) for t in nice_ticks(0.0, movie.duration_s, 8)]
    return CellView(
        picture(small), averaged, height, width, "" if footprint is None else outlines(footprint), marks,
        len(events) - len(marks), max(height, width) / 42, bar, bar / movie.pixel_um, ticks, _lost(frames, movie),
        [100 * t / movie.duration_s for t in stimulus_s],
    )  # fmt: skip


def _mark(event: Any, movie: Movie, carded: set[int]) -> Mark:
    kind = KINDS[event.kind]
    target = f"event-{event.event_id}" if event.event_id in carded else f"row-{event.event_id}"
    title = f"{kind.label} {event.event_id} at {number(event.t_s, 4)} s"
    if kind.fusion and not missing(getattr(event, f"p_{kind.name}")):
        title += f", p = {number(getattr(event, f'p_{kind.name}'), 2)}"
    percent = 100 * float(event.t_s) / movie.duration_s
    return Mark(
        int(event.event_id), kind, round(event.x_um / movie.pixel_um, 2), round(event.y_um / movie.pixel_um, 2),
        0.0 if missing(percent) else round(percent, 3), target, title,
    )  # fmt: skip


def _lost(frames: Any, movie: Movie) -> list[tuple[float, float]]:
    """Runs of frames that are not analysed, as (start, width) in percent of the movie's time."""
    lost = np.sort(frames.loc[~frames["status"].isin(["ok", "saturated"]), "frame"].to_numpy(dtype=int))
    lost = lost[lost < len(movie)]
    runs = np.split(lost, np.flatnonzero(np.diff(lost) > 1) + 1) if lost.size else []
    per_s = 100 / movie.duration_s
    return [
        (float(movie.t_s(int(run[0]))) * per_s, (float(movie.t_s(int(run[-1])) - movie.t_s(int(run[0]))) + movie.frame_s) * per_s)
        for run in runs
    ]
