"""Classify: pixels and Traces to Candidates, Episodes and Events.

1. Every sudden change of brightness in a trace, and every birth or death, is a candidate (`_candidates`).
2. The pixels around each are reduced, frame by frame, to a few linear components with their covariance (`_components`),
   and physical courses are fitted to them: stay, step, ramp, release, spread (`_models`).
3. Likelihood gains, fitted values and the course itself (`_features`) give calibrated probabilities of full fusion,
   kiss-and-run and anything else (`_trees`), lowered in movies where hardly anything fuses (`_share`); likely candidates
   of one happening are merged (`_calls`). What is called is then measured with care (`_called`).
4. Tracks are cut into mobile, tethered and docked stays between the called fusions (`_walks`, `_model`, `_filter`, `_states`,
   `_stays`, `_episodes`), which imply dockings, undockings and tetherings (`_transitions`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from exotrack._blocks import Block, Execution, blocks, map_blocks, owned
from exotrack.classify._called import PHYSICS, physics
from exotrack.classify._calls import call
from exotrack.classify._candidates import Places, places
from exotrack.classify._episodes import Fusion, episodes
from exotrack.classify._features import FEATURES, features
from exotrack.classify._look import Neighbours, Optics, Stage, look_block
from exotrack.classify._measures import MEASURES, fit_rows, measures
from exotrack.classify._roles import repeats
from exotrack.classify._share import in_movie
from exotrack.classify._transitions import transitions
from exotrack.classify._trees import Trees, load, probabilities
from exotrack.movie import Movie
from exotrack.params import ClassifyParams
from exotrack.physics import Noise
from exotrack.tables import FUSION_KINDS, SOLUTIONS, Candidates, Events, Fits, Traces

__all__ = ["Calls", "classify", "examine"]


@dataclass(frozen=True)
class Calls:
    """What classify returns: a Candidates, an Episodes, an Events and a Fits table."""

    candidates: pd.DataFrame
    episodes: pd.DataFrame
    events: pd.DataFrame
    fits: pd.DataFrame


def classify(
    movie: Movie,
    traces: pd.DataFrame,
    params: ClassifyParams,
    noise: Noise,
    frames: pd.DataFrame,
    sigma_um: float,
    run: Execution = Execution(),
) -> Calls:
    """Call the events of a movie.

    Parameters
    ----------
    movie : the pixels, read again around the candidates.
    traces : a Traces table.
    params : cargo, confidence, limits of the states, stimulus times.
    noise : camera noise, counts.
    frames : a Frames table; frames that cannot be used have no weight and no event.
    sigma_um : width of a vesicle's image (um).
    run : how fast; never changes the result.
    """
    trees = load(params.cargo)
    table, courses = examine(movie, traces, params, noise, frames, sigma_um, run, trees)
    barred = _barred(table, frames)
    p = in_movie(np.where(barred[:, None], np.array([0.0, 0.0, 1.0]), probabilities(table, trees)))
    table = call(table, p, params, sigma_um, movie.frame_s)
    table.loc[barred, "reasons"] = "solution"
    others, optics, stage = (
        _neighbours(traces, 1.0 / movie.pixel_um),
        Optics.of(movie, sigma_um, noise),
        Stage.of(frames, movie.pixel_um),
    )
    measured = physics(movie, table, others, optics, stage, params.cargo == "lumenal", run)
    called = table[table["called"] != ""]
    fusions: dict[int, list[Fusion]] = {}
    for track_id, frame, kind in zip(called["track_id"], called["event_frame"], called["called"], strict=True):
        fusions.setdefault(int(track_id), []).append(Fusion(int(frame), str(kind)))
    stays = episodes(movie, traces, {key: sorted(value) for key, value in fusions.items()}, params, sigma_um)
    rows = [_fusion_row(row, movie, params) for row in called.assign(**measured).to_dict("records")]
    rows += transitions(stays, traces, movie) if params.cargo == "lumenal" else []
    events = _events(rows, stays, params)
    table = table.drop(columns=["event_frame"])
    return Calls(Candidates.build(table), stays, events, _fits(events, courses))


def examine(
    movie: Movie,
    traces: pd.DataFrame,
    params: ClassifyParams,
    noise: Noise,
    frames: pd.DataFrame,
    sigma_um: float,
    run: Execution = Execution(),
    trees: Trees | None = None,
) -> tuple[pd.DataFrame, dict[int, dict[str, Any]]]:
    """Find the candidates and look at their pixels, without deciding; arguments as for `classify`.

    Returns a table of candidates with `FEATURES` and `MEASURES`, and by candidate_id the course of a fit, of those that
    `trees` take for a fusion: the courses of all would outweigh every table.
    """
    Traces.check(traces)
    where = places(traces, params, sigma_um)
    optics = Optics.of(movie, sigma_um, noise)
    others = _neighbours(traces, 1.0 / movie.pixel_um)
    kind = (noise.offset, params.cargo == "lumenal", trees)
    stage = Stage.of(frames, movie.pixel_um)
    tasks = []
    for block in blocks(movie, run):
        rows = owned(where.frame, block)
        if rows.stop > rows.start:
            mine = where.rows(rows)
            tasks.append((movie, block, mine, others, traces, stage, optics, kind))
    parts = list(map_blocks("classify", _examine_block, tasks, run))
    found = [part for part, _ in parts]
    columns = ["track_id", "frame", "y_um", "x_um", "event_frame", *MEASURES, *FEATURES]
    table = pd.concat(found, ignore_index=True) if found else pd.DataFrame({key: np.zeros(0) for key in columns})
    table.insert(0, "candidate_id", np.arange(1, len(table) + 1))
    courses = [c for _, part in parts for c in part]
    return table, {k: c for k, c in enumerate(courses, start=1) if c is not None}


def _barred(table: pd.DataFrame, frames: pd.DataFrame) -> NDArray[np.bool_]:
    """Candidates at frames with NH4Cl or acid in the bath, or next to one: what changes there, the solution changed."""
    taken = frames["status"].isin(SOLUTIONS).to_numpy()
    beside = taken | np.append(taken[1:], False) | np.insert(taken[:-1], 0, False)
    return np.asarray(beside[table["event_frame"].to_numpy(int)], bool)


def _neighbours(traces: pd.DataFrame, scale: float) -> Neighbours:
    """The detected spots of a Traces table, sorted by frame and track."""
    seen = np.flatnonzero(traces["observed"].to_numpy())
    frame, track_id = traces["frame"].to_numpy(), traces["track_id"].to_numpy()
    seen = seen[np.lexsort((track_id[seen], frame[seen]))]
    return Neighbours(
        frame[seen], track_id[seen], traces["y_um"].to_numpy()[seen] * scale, traces["x_um"].to_numpy()[seen] * scale
    )


def _examine_block(
    movie: Movie,
    block: Block,
    where: Places,
    others: Neighbours,
    traces: pd.DataFrame,
    stage: Stage,
    optics: Optics,
    kind: tuple[float, bool, Trees | None],
) -> tuple[pd.DataFrame, list[dict[str, Any] | None]]:
    """Candidates of one block with features and measures, and the courses of those that `kind`'s trees take for a fusion."""
    # Cut out here, not by the caller: the traces of long tracks, once for every block, would outgrow all tables.
    traces = traces[traces["track_id"].isin(np.unique(where.track_id))]
    looks = look_block(movie, block, where, others, optics, stage)
    told = features(where, looks, traces, others, stage.mean, optics)
    offset, lumenal, trees = kind
    seen = [(look, int(frame)) for look, frame in zip(looks, where.frame, strict=True)]
    rows = pd.DataFrame([measures(look, frame, optics, offset, lumenal) for look, frame in seen])
    event = np.clip(np.floor(rows["t0_frame"].to_numpy()), 0, len(movie) - 1).astype(int)
    place = {"track_id": where.track_id, "frame": event, "y_um": where.y_um, "x_um": where.x_um, "event_frame": event}
    table = pd.concat([pd.DataFrame(place), rows, told], axis=1)
    other = np.ones(len(table)) if trees is None else probabilities(table, trees)[:, 2]
    courses = [fit_rows(*seen[k], optics, movie) if other[k] < 0.5 else None for k in range(len(seen))]
    return table, courses


def _fusion_row(row: dict[str, Any], movie: Movie, params: ClassifyParams) -> dict[str, Any]:
    """A called candidate as a row of an Events table."""
    kind = row["called"]
    frame = int(row["event_frame"])
    kept = {key: row[key] for key in (*MEASURES, *PHYSICS) if key != "t0_frame"}
    return kept | {
        "candidate_id": row["candidate_id"],
        "movie_id": movie.movie_id,
        "track_id": int(row["track_id"]),
        "kind": kind,
        "frame": frame,
        "t_s": float(movie.t_s(frame)) + (row["t0_frame"] - frame) * movie.frame_s,
        "y_um": row["y_um"],
        "x_um": row["x_um"],
        "p_full_fusion": row["p_full_fusion"],
        "p_kiss_and_run": row["p_kiss_and_run"],
        "p_other": row["p_other"],
        "confident": row[f"p_{kind}"] >= params.confidence,
    }


def _events(rows: list[dict[str, Any]], stays: pd.DataFrame, params: ClassifyParams) -> pd.DataFrame:
    """Number the rows in time order; add what the stays tell of each event, and the time since the last stimulus."""
    if not rows:
        return Events.build({"candidate_id": pd.Series([], dtype="Int64")})
    table = pd.DataFrame(rows).sort_values(["t_s", "y_um", "x_um"], kind="stable").reset_index(drop=True)
    table["event_id"] = np.arange(1, len(table) + 1)
    table["edited"] = False
    table["confident"] = table["confident"].astype(bool)
    table["role"] = ""
    docked = stays[(stays["state"] == "docked") & (stays["exit_kind"].isin([*FUSION_KINDS, "undocking"]))]
    before = {(int(e["track_id"]), int(e["last_frame"])): e for e in docked.to_dict("records")}
    for k, row in table[table["kind"].isin([*FUSION_KINDS, "undocking"])].iterrows():
        stay = next(
            (before[key] for lag in range(1, 5) if (key := (int(row["track_id"]), int(row["frame"]) - lag)) in before), None
        )
        if stay is not None:
            table.loc[k, "role"] = stay["role"]
            if row["kind"] in FUSION_KINDS:
                table.loc[k, "docked_s"] = row["t_s"] - stay["t_first_s"]
                table.loc[k, "docked_entry_observed"] = stay["entry_observed"]
    fused = table["kind"].isin(FUSION_KINDS).to_numpy()
    first_s = stays[stays["entry_observed"]].groupby("track_id")["t_first_s"].min()
    seen_s = table["t_s"] - table["track_id"].map(first_s).astype(float)
    table.loc[fused & (table["role"] == "") & (seen_s <= params.newcomer_s), "role"] = "newcomer"
    if fused.any():
        number, left = repeats(table.loc[fused, "track_id"].tolist(), table.loc[fused, "fraction_released"].tolist())
        table.loc[fused, "fusion_number"], table.loc[fused, "content_before"] = number, left
        table["fusion_number"] = table["fusion_number"].astype("Int64")
    since = [max((s for s in params.stimulus_s if s <= t), default=float("nan")) for t in table["t_s"]]
    table["t_since_stimulus_s"] = table["t_s"] - np.array(since, float)
    if "candidate_id" not in table:
        table["candidate_id"] = pd.NA
    table["candidate_id"] = table["candidate_id"].astype("Int64")
    return Events.build(table)


def _fits(events: pd.DataFrame, courses: dict[int, dict[str, Any]]) -> pd.DataFrame:
    """The courses of the called fusions, by event."""
    called = events[events["candidate_id"].notna()]
    parts = [
        pd.DataFrame(courses[int(c)]).assign(event_id=int(e))
        for e, c in zip(called["event_id"], called["candidate_id"], strict=True)
        if int(c) in courses
    ]
    return Fits.build(pd.concat(parts, ignore_index=True)) if parts else Fits.empty()
