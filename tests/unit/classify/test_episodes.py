"""Episodes: what begins and ends a stay, what a vesicle is by when it came, and how often it fused."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from exotrack.classify._episodes import Fusion, episodes
from exotrack.classify._roles import repeats, roles
from exotrack.classify._transitions import transitions
from exotrack.classify._walks import error_factor, fading, parts
from exotrack.movie import Movie
from exotrack.params import ClassifyParams
from exotrack.tables import Traces

PARAMS = ClassifyParams()
N, FRAME_S, BRIGHT, SD = 120, 0.1, 200.0, 14.0
MOVIE = Movie.from_array(np.zeros((N, 16, 16), np.uint16), pixel_um=0.107, frame_s=FRAME_S)
HEIGHT = {"mobile": 140.0, "tethered": 45.0, "docked": 0.0}
DIFFUSION = {"mobile": 0.03, "tethered": 2e-3, "docked": 1e-4}


def trace(rng, first, *legs, track_id=1, bad=()):
    """A track that is seen from frame `first` on in each of `legs` (state, frames), with dark rows before and after."""
    state = np.repeat([name for name, _ in legs], [n for _, n in legs])
    frames = np.arange(max(first - 30, 0), min(first + len(state) + 30, N))
    lit = (frames >= first) & (frames < first + len(state))
    at = np.clip(frames - first, 0, len(state) - 1)
    d, z = (np.array([table[s] for s in state[at]]) for table in (DIFFUSION, HEIGHT))
    steps = np.sqrt(2 * d * FRAME_S)[:, None] * rng.normal(size=(len(frames), 2)) * lit[:, None]
    place = 1.0 + np.cumsum(steps, axis=0) + rng.normal(0, 0.012, (len(frames), 2))
    amplitude = lit * BRIGHT * np.exp(-z / PARAMS.penetration_nm) + SD * rng.normal(size=len(frames))
    usable = ~np.isin(frames, bad)
    amplitude = np.where(usable, amplitude, np.nan)
    return Traces.build(
        {
            "track_id": np.full(len(frames), track_id), "frame": frames, "t_s": frames * FRAME_S,
            "y_um": place[:, 0], "x_um": place[:, 1], "amplitude": amplitude, "amplitude_sd": np.where(usable, SD, np.nan),
            "background": 100.0, "sigma_um": 0.13, "intensity": amplitude, "intensity_sd": SD,
            "observed": lit & usable, "status": np.where(usable, "ok", "black"),
        }
    )  # fmt: skip


def cut(traces, fusions=None, params=PARAMS):
    """Episodes of the traces, with 30 docked vesicles beside them that say how bright contact is."""
    rng = np.random.default_rng(5)
    others = [trace(rng, 0, ("docked", N), track_id=k) for k in range(100, 130)]
    table = episodes(MOVIE, pd.concat([traces, *others], ignore_index=True), fusions or {}, params, 0.13)
    return table[table["track_id"] < 100].reset_index(drop=True)


def test_a_vesicle_docked_all_along_is_censored_on_both_sides(rng):
    table = cut(trace(rng, 0, ("docked", N)))
    (row,) = table.to_dict("records")
    assert (row["state"], row["first_frame"], row["last_frame"]) == ("docked", 0, N - 1)
    assert (row["entry_observed"], row["exit_observed"], row["exit_kind"]) == (False, False, "censored")
    assert row["role"] == "resident"


def test_a_visit_is_seen_to_begin_and_end_where_it_did(rng):
    table = cut(trace(rng, 20, ("mobile", 10), ("tethered", 20), ("docked", 30), ("mobile", 12)))
    docked = table[table["state"] == "docked"].iloc[0]
    assert docked["first_frame"] == pytest.approx(50, abs=2)
    assert docked["last_frame"] == pytest.approx(79, abs=2)
    assert (docked["entry_observed"], docked["exit_observed"], docked["exit_kind"]) == (True, True, "undocking")
    kinds = {e["kind"]: e["frame"] for e in transitions(table, trace(rng, 0, ("mobile", N)), MOVIE)}
    assert kinds.keys() == {"tethering", "docking", "undocking"}
    assert kinds["docking"] == docked["first_frame"]
    assert kinds["undocking"] == docked["last_frame"] + 1


def test_frames_that_cannot_be_used_hide_whether_a_stay_began_there(rng):
    table = cut(trace(rng, 40, ("docked", 60), bad=range(8, 46)))
    docked = table[table["state"] == "docked"].iloc[0]
    assert not docked["entry_observed"]
    seen = cut(trace(rng, 40, ("docked", 60)))
    assert seen[seen["state"] == "docked"].iloc[0]["entry_observed"]


def test_frames_that_cannot_be_used_in_between_do_not_end_a_stay(rng):
    table = cut(trace(rng, 0, ("docked", N), bad=range(50, 60)))
    assert table["state"].tolist() == ["docked"]
    assert table["exit_kind"].tolist() == ["censored"]


def test_light_that_goes_out_in_one_frame_is_lost_and_not_seen_to_leave(rng):
    table = cut(trace(rng, 0, ("docked", 70)))
    last = table.iloc[-1]
    assert (last["state"], last["exit_kind"], last["exit_observed"]) == ("docked", "lost", False)


def test_a_stay_goes_on_after_a_kiss_and_both_parts_know_how_they_began(rng):
    fusions = {1: [Fusion(60, "kiss_and_run")]}
    table = cut(trace(rng, 0, ("docked", N)), fusions)
    assert table["exit_kind"].tolist() == ["kiss_and_run", "censored"]
    assert table["entry_observed"].tolist() == [False, True]
    assert table["first_frame"].tolist() == [0, 60]
    assert transitions(table, trace(rng, 0, ("docked", N)), MOVIE) == []


def test_a_neighbour_that_passes_does_not_break_a_stay(rng):
    traces = trace(rng, 0, ("docked", N))
    passing = traces["frame"].between(60, 62)
    traces.loc[passing, "amplitude"] *= 0.5
    traces.loc[passing, "x_um"] += 0.12
    assert cut(traces)["state"].tolist() == ["docked"]


def test_no_traces_give_an_empty_table():
    assert len(episodes(MOVIE, Traces.empty(), {}, PARAMS, 0.13)) == 0


def test_settled_counts_no_short_stay(rng):
    traces = trace(rng, 20, ("mobile", 10), ("tethered", 15), ("docked", 12), ("mobile", 10))
    assert "docked" in cut(traces)["state"].tolist()
    assert "docked" not in cut(traces, params=PARAMS.updated({"convention": "settled"}))["state"].tolist()


def test_fading_is_that_of_the_vesicles_that_stay(rng):
    traces = [trace(rng, 0, ("docked", N), track_id=k) for k in range(12)]
    for one in traces:
        one["amplitude"] *= np.exp(-0.03 * one["t_s"])
    found = parts(pd.concat(traces, ignore_index=True), {}, 0.13, FRAME_S)
    assert fading(found) == pytest.approx(0.0, abs=0.01)  # taken off already
    top = [part.walk.amplitude[-30:].mean() / part.walk.amplitude[:30].mean() for part in found]
    assert np.mean(top) == pytest.approx(1.0, abs=0.06)


def test_steps_tell_the_localisation_error(rng):
    traces = pd.concat([trace(rng, 0, ("docked", N), track_id=k) for k in range(12)], ignore_index=True)
    expected = math.sqrt(2.0) * 0.13 * SD / BRIGHT
    found = parts(traces, {}, 0.13, FRAME_S)
    assert np.mean([part.walk.error_um.mean() for part in found]) == pytest.approx(0.012, rel=0.1)
    assert expected != pytest.approx(0.012, rel=0.05)
    assert error_factor(found) == pytest.approx(1.0, abs=0.05)


def stay(start, lasts, kind="censored", entered=True, frame=None):
    first = round(start / FRAME_S) if frame is None else frame
    return {
        "track_id": 1, "state": "docked", "first_frame": first, "t_first_s": start, "duration_s": lasts, "exit_kind": kind,
        "entry_observed": entered,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("row", "stimulus", "role"),
    [
        (stay(0.0, 20.0, entered=False), (10.0,), "resident"),
        (stay(4.0, 10.0, "full_fusion"), (10.0,), "resident"),
        (stay(12.0, 5.0, "full_fusion"), (10.0,), "newcomer"),
        (stay(12.0, 1.0, "undocking"), (10.0,), "visitor"),
        (stay(12.0, 5.0, "undocking"), (10.0,), "newcomer"),
        (stay(12.0, 5.0, entered=False), (10.0,), ""),
        (stay(12.0, 9.0, "full_fusion"), (10.0, 20.0), "resident"),
        (stay(0.0, 9.0, entered=False), (), "resident"),
        (stay(4.0, 0.2, "full_fusion"), (), "newcomer"),
        (stay(4.0, 5.0, "full_fusion"), (), ""),
        (stay(4.0, 1.0, "undocking"), (), "visitor"),
    ],
)
def test_the_role_is_told_by_the_stimulus_and_the_exit(row, stimulus, role):
    params = PARAMS.updated({"stimulus_s": list(stimulus)})
    assert roles(pd.DataFrame([row]), params) == [role]


def test_only_docked_stays_have_a_role():
    assert roles(pd.DataFrame([stay(0.0, 9.0, entered=False) | {"state": "tethered"}]), PARAMS) == [""]
    dark = PARAMS.model_copy(update={"cargo": "ph_sensitive"})
    assert roles(pd.DataFrame([stay(0.0, 9.0, entered=False)]), dark) == [""]


def test_each_kiss_takes_its_part_of_what_was_left():
    number, before = repeats([7, 8, 7, 7], [0.5, 0.2, 0.4, 1.0])
    assert number == [1, 1, 2, 3]
    assert before == pytest.approx([1.0, 1.0, 0.5, 0.3])


def test_what_is_left_is_unknown_after_an_unknown_release():
    _, before = repeats([1, 1], [float("nan"), 0.5])
    assert before[0] == 1.0
    assert math.isnan(before[1])
