"""What was found of each injected thing, and which calls are the movie's own, by pairing calls with the truth."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from exotrack.calibrate.draw import Injection
from exotrack.movie import Movie
from exotrack.pipeline import Result
from exotrack.score import Gates
from exotrack.score.matching import Pairs, coordinates, pair
from exotrack.tables import DECOYS, EVENT_KINDS, FUSION_KINDS

MEASURED = {
    "t_s": "found_t_s", "y_um": "found_y_um", "x_um": "found_x_um",
    "decay_s": "found_decay_s", "decay_sd_s": "found_decay_sd_s",
    "diffusion_um2_s": "found_diffusion_um2_s", "diffusion_sd_um2_s": "found_diffusion_sd_um2_s",
    "fraction_released": "found_fraction_released", "fraction_released_sd": "found_fraction_released_sd",
    "docked_s": "found_docked_s", "docked_entry_observed": "found_docked_entry_observed",
}  # fmt: skip
"""Column of an events table to column of table `Injections`."""
CALL = ("p_full_fusion", "p_kiss_and_run", "p_other", "confident")
NO_CANDIDATE = "no_candidate"


class Judged(NamedTuple):
    """found : one row of columns of table `Injections` per thing. caused : number of calls of each kind that are nobody's.
    lost : of the movie's own calls of each kind, how many were not found again."""

    found: list[dict[str, Any]]
    caused: dict[str, int]
    lost: dict[str, int]


def judge(things: Sequence[Injection], result: Result, own: pd.DataFrame, gates: Gates) -> Judged:
    """Say what was found of `things` in the analysis of the movie they were injected into.

    own : events of the untouched movie.

    Calls are given out in this order: to injected events of the like (a fusion to a fusion of any kind), one to one and as near
    as may be; to the movie's own calls; to what else the injected vesicles do (dock before they fuse); to injected events as
    another kind; to decoys that they lie on. What is left was brought about by injecting.
    """
    events = result.events
    truth = pd.DataFrame([thing.row for thing in things], columns=["kind", "t_s", "y_um", "x_um"])
    owner = np.full(len(events), -1)  # of each call: the thing it was given to
    free = np.ones(len(events), bool)
    for kinds in (FUSION_KINDS, ("docking",), ("undocking",)):
        _give(truth, events, kinds, kinds, owner, free, gates)
    lost = _own(events, own, free, gates)
    _excuse([event for thing in things for event in thing.also], events, free, gates)
    _give(truth, events, (*FUSION_KINDS, "docking", "undocking"), EVENT_KINDS, owner, free, gates)
    _decoys(things, events, owner, free, result.movie, gates)
    caused = {kind: int(((events["kind"] == kind).to_numpy() & free).sum()) for kind in EVENT_KINDS}
    found = [_found(thing, np.flatnonzero(owner == k), result, gates) for k, thing in enumerate(things)]
    return Judged(found, caused, lost)


def _paired(left: pd.DataFrame, right: pd.DataFrame, kinds: Sequence[str], gates: Gates) -> Pairs:
    time_s = gates.fusion_s if set(kinds) <= set(FUSION_KINDS) else gates.docking_s
    return pair(coordinates(left, [], time_s, gates.distance_um), coordinates(right, [], time_s, gates.distance_um))


def _give(
    truth: pd.DataFrame,
    events: pd.DataFrame,
    true: Sequence[str],
    called: Sequence[str],
    owner: NDArray[np.int64],
    free: NDArray[np.bool_],
    gates: Gates,
) -> None:
    """Give free calls of the kinds `called` to injected events of the kinds `true` that have none yet."""
    wanted = np.flatnonzero(truth["kind"].isin(true).to_numpy() & ~np.isin(np.arange(len(truth)), owner))
    offered = np.flatnonzero(events["kind"].isin(called).to_numpy() & free)
    pairs = _paired(truth.iloc[wanted], events.iloc[offered], called, gates)
    owner[offered[pairs.found]] = wanted[pairs.true]
    free[offered[pairs.found]] = False


def _own(events: pd.DataFrame, own: pd.DataFrame, free: NDArray[np.bool_], gates: Gates) -> dict[str, int]:
    """Set aside the calls of the untouched movie; returns how many of each kind were not found again."""
    lost: dict[str, int] = {}
    for kinds in (FUSION_KINDS, ("docking",), ("undocking",), ("tethering",)):
        mine = own[own["kind"].isin(kinds)]
        offered = np.flatnonzero(events["kind"].isin(kinds).to_numpy() & free)
        pairs = _paired(mine, events.iloc[offered], kinds, gates)
        free[offered[pairs.found]] = False
        again = np.isin(np.arange(len(mine)), pairs.true)
        lost |= {kind: int(((mine["kind"] == kind).to_numpy() & ~again).sum()) for kind in kinds}
    return lost


def _excuse(also: Sequence[dict[str, Any]], events: pd.DataFrame, free: NDArray[np.bool_], gates: Gates) -> None:
    """Set aside calls that are true of injected vesicles but are not the event that they were injected for."""
    truth = pd.DataFrame(also, columns=["kind", "t_s", "y_um", "x_um"])
    for kind in EVENT_KINDS:
        offered = np.flatnonzero((events["kind"] == kind).to_numpy() & free)
        pairs = _paired(truth[truth["kind"] == kind], events.iloc[offered], (kind,), gates)
        free[offered[pairs.found]] = False


def _decoys(
    things: Sequence[Injection],
    events: pd.DataFrame,
    owner: NDArray[np.int64],
    free: NDArray[np.bool_],
    movie: Movie,
    gates: Gates,
) -> None:
    """Give free calls to the decoys they lie on: in place, while they are seen or within the gate in time of that."""
    for k, thing in enumerate(things):
        if thing.row["kind"] not in DECOYS:
            continue
        t_s = movie.t_s(thing.frame)
        for call in np.flatnonzero(free):
            row = events.iloc[call]
            nearest = int(np.argmin(np.abs(t_s - row["t_s"])))
            away = np.hypot(thing.y_um[nearest] - row["y_um"], thing.x_um[nearest] - row["x_um"])
            if abs(t_s[nearest] - row["t_s"]) <= gates.docking_s and away <= gates.distance_um:
                owner[call] = k
                free[call] = False


def _found(thing: Injection, calls: NDArray[np.int64], result: Result, gates: Gates) -> dict[str, Any]:
    """Columns of table `Injections` for a thing with the calls given to it; of several the likeliest fusion counts."""
    if len(calls) == 0:
        return _missed(thing, result, gates)
    rows = result.events.iloc[calls]
    fusion = rows["kind"].isin(FUSION_KINDS)
    event = (rows[fusion] if fusion.any() else rows).sort_values("p_other", kind="stable").iloc[0]
    read = {to: event[column] for column, to in MEASURED.items()} | {key: event[key] for key in CALL}
    return read | {"called": event["kind"], "reasons": ""}


def _missed(thing: Injection, result: Result, gates: Gates) -> dict[str, Any]:
    """Why nothing was called: the words of the candidate in reach that was likeliest a fusion."""
    looked = result.candidates
    t_s = result.movie.t_s(looked["frame"].to_numpy(int))
    near = np.hypot(looked["y_um"] - thing.row["y_um"], looked["x_um"] - thing.row["x_um"]) <= gates.distance_um
    near &= (np.abs(t_s - thing.row["t_s"]) <= gates.fusion_s) & (looked["called"] == "")
    if not near.any():
        return {"called": "", "reasons": NO_CANDIDATE}
    best = looked[near].sort_values("p_other", kind="stable").iloc[0]
    return {"called": "", "reasons": best["reasons"]} | {key: best[key] for key in CALL if key in best}
