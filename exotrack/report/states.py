"""The panel of states: how long vesicles are mobile, tethered and docked, what became of each role, and vesicles along time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup

from exotrack.movie import Movie
from exotrack.report import charts
from exotrack.report.numbers import MISSING, missing, number
from exotrack.tables import FUSION_KINDS, ROLES, STATES

MAX_VESICLES = 40
"""Rows of the chart along time: more are too thin to tell apart."""
COLOURS = {"mobile": charts.GREY, "tethered": charts.TETHERED, "docked": charts.DOCKED}
MARKS = {"full_fusion": "o", "kiss_and_run": "D"}


@dataclass(frozen=True)
class States:
    """What the panel shows; rows are texts.

    heads : of the rows of `states`. roles : rows (role, stays, fused, undocked, other). dark : the cargo is dark before it fuses.
    shown, hidden : vesicles in the chart and those left out.
    """

    states: list[tuple[str, ...]]
    roles: list[tuple[str, int, int, int, int]]
    chart: Markup | None
    shown: int
    hidden: int
    repeats: list[tuple[int, int]]
    dark: bool


def states(movie: Movie, tables: dict[str, Any], stimulus_s: tuple[float, ...], dark: bool) -> States:
    """The panel from the episodes and events tables."""
    episodes, events = tables["episodes"], tables["events"]
    fusions = events[events["kind"].isin(FUSION_KINDS)]
    picked, n = _picked(episodes, fusions)
    chart = _along_time(movie, episodes, fusions, picked, stimulus_s) if picked else None
    rows = [_state_row(state, episodes[episodes["state"] == state]) for state in STATES]
    roles = [_role_row(role, episodes[episodes["role"] == role]) for role in ROLES if (episodes["role"] == role).any()]
    return States(rows, roles, chart, len(picked), n - len(picked), _repeats(fusions), dark)


def _state_row(state: str, stays: Any) -> tuple[str, ...]:
    seen = stays[stays["entry_observed"] & stays["exit_observed"]]
    confined = stays["confined"].dropna()
    share = f"{int(confined.sum())} of {len(confined)}" if len(confined) else MISSING
    return (
        state, str(len(stays)), str(len(seen)), _middle(seen["duration_s"]), _middle(stays["diffusion_um2_s"], 1e4),
        _middle(stays["height_nm"], 1.0, 2), _middle(stays["spread_um"], 1000.0, 2), share,
    )  # fmt: skip


def _middle(values: Any, times: float = 1.0, digits: int = 3) -> str:
    """Median of what is known, in `times` the unit."""
    median = values.dropna().median()
    return MISSING if missing(median) else number(times * float(median), digits)


def _role_row(role: str, stays: Any) -> tuple[str, int, int, int, int]:
    fused, left = stays["exit_kind"].isin(FUSION_KINDS), stays["exit_kind"] == "undocking"
    return role, len(stays), int(fused.sum()), int(left.sum()), int((~fused & ~left).sum())


def _repeats(fusions: Any) -> list[tuple[int, int]]:
    """(number of fusions of one vesicle, vesicles), in order; those of which more than one is known."""
    most = fusions.dropna(subset=["track_id", "fusion_number"]).groupby("track_id")["fusion_number"].max()
    return [(int(k), int((most == k).sum())) for k in sorted(most[most > 1].unique())]


def _picked(episodes: Any, fusions: Any) -> tuple[list[int], int]:
    """Tracks in the chart, in order of first stay, and how many could be: first those that fuse, then the longest docked."""
    known = episodes.dropna(subset=["track_id"])
    docked = known[known["state"] == "docked"].groupby("track_id")["duration_s"].sum()
    fused = set(fusions["track_id"].dropna())
    ranked = sorted(docked.index, key=lambda track: (track not in fused, -float(docked[track])))[:MAX_VESICLES]
    first = known.groupby("track_id")["t_first_s"].min()
    return sorted((int(track) for track in ranked), key=lambda track: float(first[track])), len(docked)


def _along_time(movie: Movie, episodes: Any, fusions: Any, picked: list[int], stimulus_s: tuple[float, ...]) -> Markup:
    ax = charts.axes(6.4, 0.75 + 0.085 * len(picked), "time (s)", "vesicles")
    rows = {track: row for row, track in enumerate(picked)}
    mine = episodes[episodes["track_id"].isin(picked)]
    for state, colour in COLOURS.items():
        stays = mine[mine["state"] == state]
        place = stays["track_id"].map(rows).to_numpy(dtype=float)
        ax.barh(place, stays["duration_s"], 0.72, stays["t_first_s"], color=colour, alpha=0.75, lw=0)
    for kind, mark in MARKS.items():
        these = fusions[(fusions["kind"] == kind) & fusions["track_id"].isin(picked)]
        place = these["track_id"].map(rows).to_numpy(dtype=float)
        ax.plot(these["t_s"], place, mark, ms=4, color=charts.BY_KIND[kind], mec=charts.INK, mew=0.5)
    for t in stimulus_s:
        ax.axvline(t, color=charts.INK, lw=0.8, ls=":")
    ax.set(xlim=(0, movie.duration_s), ylim=(len(picked) - 0.4, -0.6), yticks=np.arange(0))
    ax.grid(False, axis="y")
    label = f"States of {len(picked)} vesicles along time: mobile, tethered, docked; fusions are marked"
    return charts.to_svg(ax, "states", label)
