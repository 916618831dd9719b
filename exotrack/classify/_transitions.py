"""Events that episodes imply: dockings, undockings, tetherings."""

from __future__ import annotations

from typing import Any

import pandas as pd

from exotrack.classify._model import DOCKED, TETHERED
from exotrack.movie import Movie
from exotrack.tables import FUSION_KINDS, STATES


def transitions(table: pd.DataFrame, traces: pd.DataFrame, movie: Movie) -> list[dict[str, Any]]:
    """Dockings, undockings and tetherings that an Episodes table implies, as rows of an Events table."""
    place = traces.set_index(["track_id", "frame"])[["y_um", "x_um", "amplitude"]]
    rows = []
    before: dict[str, Any] = {"track_id": None}
    for episode in table.to_dict("records"):
        starts = {STATES[DOCKED]: "docking", STATES[TETHERED]: "tethering"}.get(episode["state"])
        # A tethered stay straight after a docked one is an undocking already counted, not a tethering.
        loosened = starts == "tethering" and before["track_id"] == episode["track_id"] and before["state"] == STATES[DOCKED]
        same = before["track_id"] == episode["track_id"] and before["exit_kind"] in FUSION_KINDS
        resumed = same and before["last_frame"] + 1 == episode["first_frame"]  # it stayed where it fused
        if starts is not None and episode["entry_observed"] and not loosened and not resumed:
            rows.append(_row(starts, episode, episode["first_frame"], place, movie))
        if episode["state"] == STATES[DOCKED] and episode["exit_kind"] == "undocking":
            rows.append(_row("undocking", episode, min(episode["last_frame"] + 1, len(movie) - 1), place, movie))
        before = episode
    return rows


def _row(kind: str, episode: dict[str, Any], frame: int, place: pd.DataFrame, movie: Movie) -> dict[str, Any]:
    y, x, amplitude = place.loc[(episode["track_id"], min(frame, episode["last_frame"]))].to_numpy()
    row = {
        "movie_id": movie.movie_id,
        "track_id": episode["track_id"],
        "kind": kind,
        "frame": frame,
        "t_s": float(movie.t_s(frame)),
        "y_um": y,
        "x_um": x,
        "amplitude": amplitude,
        "confident": bool(episode["n_frames"] >= 5),
    }
    if kind == "undocking":
        row |= {"docked_s": episode["duration_s"], "docked_entry_observed": episode["entry_observed"]}
    return row
