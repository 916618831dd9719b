"""From results folders to docked stays: what is read, what is left out and said, what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from docked import TRUE, movie, two_states

from exotrack.errors import InputError
from exotrack.io.results import write_results
from exotrack.kinetics.calls import CALLED, Calls
from exotrack.kinetics.scheme import Real
from exotrack.kinetics.sightings import sightings
from exotrack.kinetics.stays import SEEN_EXITS, Stays, check, least_frames
from exotrack.kinetics.study import Study, join, read_study
from exotrack.params import Analysis, ClassifyParams, LinkParams, preset
from exotrack.tables import ALL, Candidates, Cells, Episodes, Events, Frames, InjectedStays, Table

STAYS = [
    # track, state, first, last, entry seen, exit seen, kind
    (1, "docked", 0, 19, False, True, "kiss_and_run"),
    (1, "docked", 20, 39, True, True, "full_fusion"),
    (1, "docked", 40, 44, True, False, "lost"),
    (2, "mobile", 3, 9, True, True, "lost"),
    (2, "docked", 10, 29, True, True, "undocking"),
    (3, "docked", 50, 99, True, False, "censored"),
    (4, "docked", 60, 62, True, True, "undocking"),
    (5, "docked", 30, 69, False, True, "undocking"),
]


def tables(name: str) -> dict[str, pd.DataFrame]:
    """The tables of a movie of 100 frames at 10 Hz."""
    columns = ("track_id", "state", "first_frame", "last_frame", "entry_observed", "exit_observed", "exit_kind")
    stays = pd.DataFrame(STAYS, columns=columns)
    frames = stays["last_frame"] - stays["first_frame"] + 1
    episodes = Episodes.build(stays.assign(
        episode_id=range(1, len(stays) + 1), movie_id=name, cell_id=1, n_frames=frames, duration_s=frames * 0.1,
        t_first_s=stays["first_frame"] * 0.1,
    ))  # fmt: skip
    events = Events.build({
        "event_id": [1, 2], "movie_id": name, "cell_id": 1, "track_id": [1, 1], "kind": ["kiss_and_run", "full_fusion"],
        "frame": [20, 40], "t_s": [1.95, 3.95], "p_full_fusion": [0.1, 0.8], "p_kiss_and_run": [0.7, 0.1], "p_other": [0.2, 0.1],
        "confident": False, "edited": [False, True], "fraction_released": [0.4, 1.0],
    })  # fmt: skip
    candidates = Candidates.build({
        "candidate_id": [1, 2], "track_id": [2, 2], "frame": [30, 15], "called": "", "reasons": "", "p_full_fusion": [0.3, 0.4],
        "p_kiss_and_run": [0.1, 0.2], "p_other": [0.6, 0.4],
    })  # fmt: skip
    shown = Frames.build(
        {"movie_id": name, "frame": range(100), "t_s": np.arange(100) * 0.1, "status": ["ok"] * 98 + ["black"] * 2}
    )
    cells = Cells.build({
        "movie_id": [name], "cell_id": 1, "area_um2": 100.0, "observed_s": 9.8, "footprint": "mask",
        **{f"n_{kind}": 0 for kind in ("tethering", "docking", *SEEN_EXITS)},
    })  # fmt: skip
    found: dict[str, pd.DataFrame] = {table.name: table.empty() for table in ALL}
    return found | {"episodes": episodes, "events": events, "candidates": candidates, "frames": shown, "cells": cells}


def folder(place: Path, name: str = "one", params: Analysis | None = None, **changed: pd.DataFrame) -> Path:
    """A results folder as a run writes it."""
    about = {"movie_id": name, "movie": {"frame_s": 0.1, "n_frames": 100}}
    return write_results(place / name, tables(name) | changed, params or preset("granule"), about)


def test_a_folder_becomes_one_row_per_docked_stay(tmp_path: Path) -> None:
    study = read_study([folder(tmp_path)], {"one": {"animal_id": "mouse 1", "condition": "high K"}})
    table = study.stays
    Stays.check(table)
    assert list(table["entry_kind"]) == ["resident", "resealing", "unknown", "docking", "docking", "docking", "unknown"]
    assert list(table["n_frames"]) == [20, 20, 5, 20, 50, 3, 40]
    assert set(table["condition"]) == {"high K"} and set(study.events["animal_id"]) == {"mouse 1"}
    assert table["min_frames"].eq(2).all() and table["t_since_stimulus_s"].isna().all()
    assert study.movies.loc[0, ["movie_frames", "observed_s"]].tolist() == [100, pytest.approx(9.8)]
    assert any("2 docked stays of unknown beginning" in note for note in study.notes)
    assert any("2 frames cannot be used" in note for note in study.notes)


def test_the_probabilities_are_those_of_what_happened_at_the_exit(tmp_path: Path) -> None:
    table = read_study([folder(tmp_path)]).stays.set_index(["track_id", "first_frame"])
    chance = ["p_undocking", "p_full_fusion", "p_kiss_and_run"]
    assert table.loc[(1, 0), chance].tolist() == [0.2, 0.1, 0.7]
    assert table.loc[(1, 20), chance].tolist() == [0.0, 1.0, 0.0]  # a person called it
    assert table.loc[(2, 10), chance].tolist() == [0.6, 0.3, 0.1]  # turned down, but near
    assert table.loc[(4, 60), chance].tolist() == [1.0, 0.0, 0.0]
    assert table.loc[(3, 50), chance].isna().all()
    assert table.loc[(1, 0), "fraction_released"] == 0.4


def test_a_longer_filter_leaves_stays_out_and_says_so(tmp_path: Path) -> None:
    study = read_study([folder(tmp_path)], least_s=0.6)
    assert list(study.stays["n_frames"]) == [20, 20, 20, 50, 40] and study.stays["min_frames"].eq(6).all()
    assert any("2 docked stays of fewer than 6 frames" in note for note in study.notes)


def test_the_time_since_the_first_stimulus_may_be_negative(tmp_path: Path) -> None:
    params = Analysis(classify=ClassifyParams(stimulus_s=(8.0, 2.0)))
    table = read_study([folder(tmp_path, params=params)]).stays
    # A frame stands for the end of its exposure.
    assert table["t_since_stimulus_s"].tolist() == pytest.approx((table["t_entry_s"] + table["frame_s"] - 2.0).tolist())


def test_the_order_of_the_folders_changes_nothing(tmp_path: Path) -> None:
    folders = [folder(tmp_path, name) for name in ("b", "a", "c")]
    one, other = read_study(folders), read_study(folders[::-1])
    pd.testing.assert_frame_equal(one.stays, other.stays)
    pd.testing.assert_frame_equal(one.movies, other.movies)


@pytest.mark.parametrize(
    ("least_s", "convention", "spots", "frame_s", "frames"),
    [
        (0.2, "physical", 2, 0.1, 2),
        (0.2, "physical", 5, 0.1, 5),
        (0.2, "settled", 2, 0.1, 20),
        (0.25, "physical", 1, 0.03, 9),
        (0.0, "physical", 1, 0.5, 1),
    ],
)
def test_the_shortest_stay_that_is_recorded(least_s: float, convention: Any, spots: int, frame_s: float, frames: int) -> None:
    params = Analysis(
        link=LinkParams(min_spots=spots), classify=ClassifyParams(min_docked_s=least_s, settled_s=2.0, convention=convention)
    )
    assert least_frames(params, frame_s) == frames


def test_folders_that_cannot_answer_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="at least one results folder"):
        read_study([])
    with pytest.raises(InputError, match="movie one comes 2 times"):
        read_study([folder(tmp_path), tmp_path / "one"])
    with pytest.raises(InputError, match="hold no events"):
        read_study([folder(tmp_path, "quiet", events=Events.empty())])
    alone = tables("alone")["episodes"].iloc[:1]
    with pytest.raises(InputError, match="1 docked stay of a vesicle"):
        read_study([folder(tmp_path, "alone", episodes=alone)])
    with pytest.raises(InputError, match="dark while a vesicle is docked"):
        read_study([folder(tmp_path, "dark", params=preset("phluorin"))])
    with pytest.raises(InputError, match="no such results folder"):
        read_study([tmp_path / "nowhere"])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"p_undocking": 0.3, "p_full_fusion": 0.3, "p_kiss_and_run": 0.3}, "do not sum to 1"),
        ({"p_undocking": 1.2, "p_full_fusion": -0.2, "p_kiss_and_run": 0.0}, "negative"),
        ({"p_undocking": 0.5, "p_full_fusion": 0.5}, "incomplete"),
        ({"exit_observed": False, "exit_kind": "full_fusion"}, "was not seen"),
        ({"exit_observed": True, "exit_kind": "censored"}, "has no kind"),
        ({"duration_s": -1.0}, "duration is negative"),
        ({"n_frames": 0}, "frames are none"),
        ({"n_frames": 2}, "fewer frames than the shortest"),
        ({"n_frames": 9_999}, "beyond the movie"),
        ({"frame_s": 0.0}, "frame interval"),
    ],
)
def test_a_bad_row_is_refused_by_name(change: dict[str, Any], words: str) -> None:
    table = movie(two_states(**TRUE), 0, 40, np.random.default_rng(1), name="bad")
    for key, value in change.items():
        table.loc[3, key] = value
    with pytest.raises(InputError, match=rf"row 4 \(movie bad, track \d+, frame \d+\): .*{words}.*; 1 of {len(table)} rows"):
        check(table)


def test_a_stay_needs_probabilities_where_they_are_asked_for() -> None:
    table = movie(two_states(**TRUE), 0, 40, np.random.default_rng(2))
    with pytest.raises(InputError, match="has no probabilities"):
        sightings(table, "probabilities")


def test_stays_of_unknown_beginning_and_residents_can_be_left_out() -> None:
    table = movie(two_states(**TRUE), 40, 40, np.random.default_rng(3))
    some = table.assign(entry_kind=np.where(np.arange(len(table)) % 5 == 0, "unknown", table["entry_kind"]))
    some.loc[some["entry_kind"] == "unknown", "entry_observed"] = False
    assert sightings(some).n_stays == (some["entry_kind"] != "unknown").sum()
    assert sightings(some, residents=False).n_stays == (some["entry_kind"] == "docking").sum()


def test_parts_of_a_study_are_joined_in_the_order_of_their_names() -> None:
    def part(name: str) -> Study:
        stays = movie(two_states(**TRUE), 2, 9, np.random.default_rng(4), name=name)
        return Study(stays, tables(name)["events"], tables(name)["cells"], pd.DataFrame({"movie_id": [name]}), (name,))

    assert join([part("b"), part("a")]).notes == ("a", "b")


def injected(rows: list[tuple[str, str, int]], **more: Any) -> pd.DataFrame:
    """A table `InjectedStays` of stays with (true exit, called, how many); all else as of a vesicle that was well seen."""
    plain = {
        "movie_id": "cell", "round": 1, "as_found": True, "crowded": False, "t_first_s": 1.0, "duration_s": 5.0, "n_frames": 50,
        "entry_kind": "docking", "docking_found": True, "found": True, "found_frames": 49, "watched_s": 4.0, "n_undocking": 0,
        "n_full_fusion": 0, "n_kiss_and_run": 0, "n_lost": 0, "n_dockings": 0,
    } | more  # fmt: skip
    every = [plain | {"exit_kind": exit_kind, "called": called} for exit_kind, called, n in rows for _ in range(n)]
    share: Table = InjectedStays
    return share.build(pd.DataFrame([row | {"injection_id": k} for k, row in enumerate(every, 1)]))


SOME = [
    ("full_fusion", "full_fusion", 8), ("full_fusion", "undocking", 2), ("kiss_and_run", "kiss_and_run", 3),
    ("kiss_and_run", "going_on", 1), ("undocking", "undocking", 5), ("undocking", "lost", 1), ("censored", "", 4),
]  # fmt: skip


def test_the_counts_of_injected_stays_become_chances() -> None:
    calls = Calls.of_stays(injected(SOME))
    assert calls.counts.tolist() == [[5, 0, 0, 1, 0], [2, 8, 0, 0, 0], [0, 0, 3, 0, 1]]
    assert calls.watched_s == 24 * 4.0 and calls.false_per_s().tolist() == [0, 0, 0]
    told = calls.matrix(("full_fusion", "bleaching", "lost"))
    assert told.tolist() == [[0.2, 0.8, 0, 0, 0], [0, 0, 0, 1, 0], [0, 0, 0, 1, 0]] and CALLED[3] == "lost"
    with pytest.raises(InputError, match="no undocking of a vesicle whose docked stay was found"):
        Calls.of_stays(injected(SOME[:4]))


@pytest.mark.parametrize(
    "other",
    [{"found": False, "called": ""}, {"crowded": True}, {"as_found": False}, {"n_frames": 2}, {"found_frames": 2}],
)
def test_only_exits_of_found_stays_of_vesicles_like_the_movies_count(other: dict[str, Any]) -> None:
    both = pd.concat([injected(SOME), injected([("full_fusion", "lost", 30)], **other)], ignore_index=True)
    assert np.array_equal(Calls.of_stays(both, 3).counts, Calls.of_stays(injected(SOME), 3).counts)


def test_false_exits_are_counted_over_the_time_that_found_stays_ran() -> None:
    calls = Calls.of_stays(injected(SOME, n_undocking=1, watched_s=10.0))
    assert calls.false_per_s() == pytest.approx([0.1, 0, 0])
    both = calls + calls
    assert both.watched_s == 2 * calls.watched_s and both.false_per_s() == pytest.approx([0.1, 0, 0])
    assert "24 false exits in 240 s docked" in calls.words() and "of 10 full fusion exits 80% were called so" in calls.words()


def test_chances_are_most_probable_where_their_estimate_starts() -> None:
    calls = Calls(SEEN_EXITS, [[50, 2, 0, 1], [5, 80, 10, 10], [0, 0, 30, 10]])
    start = calls.start()
    top = calls.log_likelihood(start)
    assert top == pytest.approx(0.0, abs=1e-10) and len(start) == 9
    for k in range(9):
        moved: Real = start + 0.1 * np.eye(9)[k]
        assert calls.log_likelihood(moved) < top
    drawn = np.array([calls.draw(np.random.default_rng(seed)).chances()[1] for seed in range(400)])
    assert drawn.mean(axis=0) == pytest.approx(calls.chances()[1], abs=0.02)


def test_calls_that_make_no_sense_are_refused() -> None:
    with pytest.raises(InputError, match="one row of 4 counts"):
        Calls(SEEN_EXITS, np.ones((3, 3)))
    with pytest.raises(InputError, match="none negative"):
        Calls(("undocking",), [[-1, 0, 0, 0]])
    with pytest.raises(InputError, match="false exits"):
        Calls(("undocking",), [[1, 0, 0, 0]], np.array([-1.0, 0, 0]), 5.0)
