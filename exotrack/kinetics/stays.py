"""Docked stays: one row for each time a vesicle was docked, with all a likelihood needs to know of how it was seen."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from exotrack._comparison import SEEN_EXITS as SEEN_EXITS
from exotrack._comparison import Stays as Stays
from exotrack._table import FUSION_KINDS
from exotrack.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

    from exotrack.params import Analysis

STEP_S = 0.1
"""Frames closer in time than this are put together before a vesicle's state is told, so a shortest stay is whole steps of it."""
CHANCES = ("p_undocking", "p_full_fusion", "p_kiss_and_run")
"""Columns with the probabilities of `SEEN_EXITS`, in their order."""
SUM_TOLERANCE = 1e-3


def least_frames(params: Analysis, frame_s: float) -> int:
    """Number of frames below which an analysis with `params` may not have recorded a docked stay.

    Two filters act: the shortest stay that counts as docked, in whole steps of at least `STEP_S`, and the spots a track must
    have. The second acts on the whole track, so stays of tracks that began elsewhere pass it shorter; those are to be left
    out, which makes the filter the same for all.
    """
    call = params.classify
    least_s = call.settled_s if call.convention == "settled" else call.min_docked_s
    step = max(1, int(STEP_S / frame_s + 1e-6))
    settled = step * max(1, math.ceil((least_s - 1e-9) / (step * frame_s)))
    return max(settled, params.link.min_spots)


def stays(
    episodes: pd.DataFrame, events: pd.DataFrame, candidates: pd.DataFrame, movie: dict[str, Any], min_frames: int
) -> pd.DataFrame:
    """The docked stays of one movie.

    Parameters
    ----------
    episodes, events, candidates : the tables of the movie.
    movie : movie_frames, frame_s (s), stimulus_s (s, NaN if none); also study_id, animal_id and condition if known.
    min_frames : stays of fewer frames are left out, so that the same filter holds for all.

    Returns
    -------
    A `Stays` table sorted by cell, track and time. Of a fusion, the probabilities are those of its event; of an undocking,
    those of the candidate that was turned down there, if there was one.
    """
    docked = episodes[(episodes["state"] == "docked") & (episodes["n_frames"] >= min_frames)].reset_index(drop=True)
    frame_s, stimulus_s = float(movie["frame_s"]), float(movie["stimulus_s"])
    chance, released = _chances(docked, events, candidates)
    table = docked[
        ["movie_id", "cell_id", "track_id", "first_frame", "n_frames", "entry_observed", "exit_observed", "exit_kind"]
    ].assign(
        **{key: movie[key] for key in ("study_id", "animal_id", "condition") if key in movie},
        frame_s=frame_s,
        min_frames=min_frames,
        movie_frames=int(movie["movie_frames"]),
        t_entry_s=docked["t_first_s"],
        # A vesicle shows in the frame in whose exposure it docked, and no longer in that in which it left: a frame stands for the
        # end of its exposure.
        t_since_stimulus_s=docked["t_first_s"] + frame_s - stimulus_s,
        duration_s=docked["n_frames"] * frame_s,
        entry_kind=_entries(docked, episodes),
        **dict(zip(CHANCES, chance.T, strict=True)),
        fraction_released=released,
    )
    return Stays.build(table.sort_values(["cell_id", "track_id", "first_frame"], kind="stable"))


def _entries(docked: pd.DataFrame, episodes: pd.DataFrame) -> list[str]:
    """How each docked stay began."""
    fused = episodes[episodes["exit_kind"].isin(FUSION_KINDS)]
    ended: dict[tuple[int, int], str] = {
        (int(track), int(last) + 1): kind
        for track, last, kind in zip(fused["track_id"], fused["last_frame"], fused["exit_kind"], strict=True)
    }
    found = []
    for track, first, seen in zip(docked["track_id"], docked["first_frame"], docked["entry_observed"], strict=True):
        before = ended.get((int(track), int(first)))
        if before == "kiss_and_run":
            found.append("resealing")
        elif before == "full_fusion" or not seen:
            found.append("resident" if before is None and first == 0 else "unknown")
        else:
            found.append("docking")
    return found


def _chances(docked: pd.DataFrame, events: pd.DataFrame, candidates: pd.DataFrame) -> tuple[Any, Any]:
    """(n, 3) probabilities of `SEEN_EXITS` at each exit that was seen and (n,) fraction released; NaN elsewhere."""
    chance, released = np.full((len(docked), 3), np.nan), np.full(len(docked), np.nan)
    called = events[events["kind"].isin(FUSION_KINDS)]
    turned_down = candidates[candidates["called"] == ""]
    for row, (track, last, kind, seen) in enumerate(
        zip(docked["track_id"], docked["last_frame"], docked["exit_kind"], docked["exit_observed"], strict=True)
    ):
        if not seen:
            continue
        chance[row] = [kind == name for name in SEEN_EXITS]
        near = _at(called[called["kind"] == kind] if kind in FUSION_KINDS else turned_down, int(track), int(last) + 1)
        if near is None:
            continue
        p = np.array([near["p_other"], near["p_full_fusion"], near["p_kiss_and_run"]], dtype=float)
        if np.isfinite(p).all() and not (kind in FUSION_KINDS and bool(near["edited"])):
            chance[row] = p
        if kind in FUSION_KINDS:
            released[row] = near["fraction_released"]
    return chance, released


def _at(table: pd.DataFrame, track: int, frame: int) -> Any:
    """The row of a track within a frame of `frame`, the nearest; None if there is none."""
    mine = table[(table["track_id"] == track).fillna(False).astype(bool)]
    mine = mine[(mine["frame"] - frame).abs() <= 1]
    return None if mine.empty else mine.loc[(mine["frame"] - frame).abs().idxmin()]


def check(table: pd.DataFrame) -> pd.DataFrame:
    """Return a `Stays` table unchanged if a likelihood can use it; `InputError` says in one line why not, and of which row."""
    Stays.check(table)
    chance = table[list(CHANCES)].to_numpy()
    some, all_ = np.isfinite(chance).any(axis=1), np.isfinite(chance).all(axis=1)
    away = np.abs(np.where(all_[:, None], chance, 1 / 3).sum(axis=1) - 1)
    seen = table["exit_observed"].to_numpy()
    ended = table["exit_kind"].isin(SEEN_EXITS).to_numpy()
    frames, frame_s = table["n_frames"].to_numpy(), table["frame_s"].to_numpy()
    wrong = {
        "its duration is negative or its frames are none": (frames < 1) | (table["duration_s"].to_numpy() < 0),
        "its frame interval is not a time above 0": ~(np.isfinite(frame_s) & (frame_s > 0)),
        "its exit has a kind but was not seen; set exit_observed, or call the exit lost or censored": ended & ~seen,
        "its exit was seen but has no kind; say undocking, full_fusion or kiss_and_run": seen & ~ended,
        "its probabilities are incomplete": some & ~all_,
        "the probabilities of its exit do not sum to 1": away > SUM_TOLERANCE,
        "a probability is negative": (np.nan_to_num(chance) < 0).any(axis=1),
        "it has fewer frames than the shortest stay that is recorded": frames < table["min_frames"].to_numpy(),
        "it reaches beyond the movie": table["first_frame"].to_numpy() + frames > table["movie_frames"].to_numpy(),
        "its entry was seen but it is a resident": table["entry_observed"].to_numpy() & (table["entry_kind"] == "resident"),
    }
    for reason, rows in wrong.items():
        found = np.flatnonzero(np.asarray(rows, dtype=bool))
        if len(found):
            row = table.iloc[found[0]]
            who = f"movie {row['movie_id']}, track {row['track_id']}, frame {row['first_frame']}"
            raise InputError(f"stays: row {found[0] + 1} ({who}): {reason}; {len(found)} of {len(table)} rows are so")
    return table
