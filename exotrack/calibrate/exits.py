"""How the docked stays of injected vesicles were found, and what their ends were called.

A likelihood of docked stays speaks of stays that were found: of each it asks, as long as it runs, how soon it ends and what that
is called. So only an injected vesicle whose docked stay was found *and still ran when it left* says how an exit is called; one
that nobody found, or whose stay had broken off, says nothing of that. What ended a found stay while the vesicle was still docked
is a false exit, and counts per time for which such stays ran.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from exotrack.calibrate.draw import DockedStay, Injection
from exotrack.pipeline import Result
from exotrack.score import Gates

Whole = NDArray[np.int64]
GOES_ON = "going_on"
"""What an exit is called if nobody noticed it and the stay ran on."""
FALSE = {"undocking": "n_undocking", "full_fusion": "n_full_fusion", "kiss_and_run": "n_kiss_and_run", "lost": "n_lost"}
"""How a found stay can end, to the column that counts such ends while the vesicle was still docked."""


class Found(NamedTuple):
    """Docked stays that were found: first and last frame, mean place (um), how they ended, whether their beginning was seen."""

    first: Whole
    last: Whole
    y_um: NDArray[np.float64]
    x_um: NDArray[np.float64]
    exit_kind: NDArray[np.str_]
    entered: NDArray[np.bool_]

    def only(self, rows: NDArray[Any]) -> Found:
        """Some of them."""
        return Found(*(column[rows] for column in self))

    def near(self, at_um: tuple[float, float], distance_um: float) -> NDArray[np.bool_]:
        """Which lie within `distance_um` (um) of a place (y, x)."""
        return np.asarray(np.hypot(self.y_um - at_um[0], self.x_um - at_um[1]) <= distance_um)

    def during(self, first: int, last: int) -> NDArray[np.bool_]:
        """Which share a frame with `first` to `last`."""
        return np.asarray((self.first <= last) & (self.last >= first))


def found_stays(result: Result) -> Found:
    """The docked stays of an analysis, in order of their first frame."""
    docked = result.episodes[result.episodes["state"] == "docked"].sort_values("first_frame", kind="stable")
    docked = docked[docked["track_id"].notna()]
    by_track: Mapping[Any, pd.DataFrame] = dict(iter(result.tracks.groupby("track_id")))
    places = np.full((len(docked), 2), np.nan)
    for row, (track, first, last) in enumerate(
        zip(docked["track_id"].astype(int), docked["first_frame"], docked["last_frame"], strict=True)
    ):
        mine = by_track.get(track)
        if mine is not None:
            inside = mine["frame"].between(first, last)
            places[row] = mine.loc[inside, ["y_um", "x_um"]].mean().to_numpy(float) if inside.any() else np.nan
    return Found(
        docked["first_frame"].to_numpy(np.int64), docked["last_frame"].to_numpy(np.int64), places[:, 0], places[:, 1],
        docked["exit_kind"].to_numpy(dtype=str), docked["entry_observed"].to_numpy(bool),
    )  # fmt: skip


def exits(things: Sequence[Injection], result: Result, own: Result, gates: Gates) -> list[list[dict[str, Any]]]:
    """Rows of table `InjectedStays` for each thing: one for each of its docked stays.

    result : the analysis of the movie with `things` in it. own : that of the untouched movie.
    """
    there, before = found_stays(result), found_stays(own)
    frame_s, n_frames = result.movie.frame_s, len(result.movie)
    slack = math.ceil(gates.docking_s / frame_s - 1e-9)
    rows = []
    for thing in things:
        mine = []
        for stay in thing.stays:
            span = _frames(stay, frame_s, n_frames)
            at = _place(thing, span)
            crowded = bool((before.near(at, gates.distance_um) & before.during(span[0] - slack, span[1] + slack)).any())
            near = there.only(np.flatnonzero(there.near(at, gates.distance_um)))
            mine.append(_row(stay, span, near, slack, (frame_s, n_frames)) | {"crowded": crowded})
        rows.append(mine)
    return rows


def _frames(stay: DockedStay, frame_s: float, n_frames: int) -> tuple[int, int]:
    """First and last frame that lie wholly in a stay, or the frame that it is in if there is none."""
    first = math.ceil(stay.start_s / frame_s - 1e-9)
    last = min(math.floor(stay.stop_s / frame_s + 1e-9) - 1, n_frames - 1)
    return first, max(last, first)


def _lasting(stay: DockedStay, frame_s: float) -> bool:
    """Whether a whole frame lies in a stay."""
    return math.ceil(stay.start_s / frame_s - 1e-9) + 1 <= math.floor(stay.stop_s / frame_s + 1e-9)


def _place(thing: Injection, span: tuple[int, int]) -> tuple[float, float]:
    """Mean place (um) of a thing while it is docked; missing where it is never seen so."""
    inside = (thing.frame >= span[0]) & (thing.frame <= span[1])
    if not inside.any():
        return math.nan, math.nan
    return float(thing.y_um[inside].mean()), float(thing.x_um[inside].mean())


def _row(stay: DockedStay, span: tuple[int, int], near: Found, slack: int, movie: tuple[float, int]) -> dict[str, Any]:
    (first, last), (frame_s, n_frames) = span, movie
    # What ends just after a fusion, after which the vesicle stays docked, is how that fusion was called.
    near = near.only(np.flatnonzero(near.during(first + slack if stay.resealed else first, last)))
    ends = stay.exit_kind != "censored"
    edge = last - slack if ends else n_frames - 1
    running = np.flatnonzero(near.last >= edge)
    # Two may run at once where tracks overlap: the later one is what is left when the vesicle goes.
    at = int(running[-1]) if len(running) else -1
    early = near.only(np.flatnonzero(near.last < edge))
    called = _called(stay, near, at, last + slack, n_frames) if ends and at >= 0 else ""
    reached = np.minimum(near.last, max(last - slack, first)) - np.maximum(near.first, first) + 1
    came = near.entered & (np.abs(near.first - first) <= slack) | near.entered & (near.first < first)
    return {
        "t_first_s": stay.start_s, "duration_s": stay.stop_s - stay.start_s,
        "entry_kind": "resealing" if stay.resealed else "docking" if stay.came else "resident", "exit_kind": stay.exit_kind,
        "n_frames": last - first + 1 if _lasting(stay, frame_s) else 0, "found": at >= 0,
        "found_frames": int(near.last[at] - near.first[at] + 1) if at >= 0 else 0, "called": called,
        "docking_found": bool(came.any()) if stay.came and not stay.resealed else None,
        "watched_s": float(reached.clip(0).sum()) * frame_s,
        "n_dockings": int((near.entered & (near.first > first + slack) & (near.first <= last)).sum()),
        **{column: int((early.exit_kind == kind).sum()) for kind, column in FALSE.items()},
    }  # fmt: skip


def _called(stay: DockedStay, near: Found, at: int, latest: int, n_frames: int) -> str:
    """What the end of a stay was called, of which the found stay `at` was running; `latest`: last frame that is still in time.

    A stay that runs on although the vesicle is gone ends late, by whatever it is called then. One of a vesicle that stays
    docked has not noticed what happened.
    """
    last, kind = int(near.last[at]), str(near.exit_kind[at])
    if kind == "censored":
        return "censored" if latest >= n_frames - 1 else GOES_ON
    return GOES_ON if last > latest and stay.held else kind
