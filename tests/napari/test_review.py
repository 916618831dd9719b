"""A review without a viewer: decisions, journal, undo, agreement, what is written."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from exotrack._runs import sample
from exotrack.errors import InputError, OutputError
from exotrack.io import read_results
from exotrack.io.results import read_table
from exotrack.score import load_scored, score
from exotrack.tables import EVENT_KINDS, Events
from napari_exotrack._agreement import ANSWERS, agreement
from napari_exotrack._export import write_corrected, write_truth
from napari_exotrack._journal import NO_EVENT, place_of
from napari_exotrack._review import AUTOMATIC, Review


def truth() -> pd.DataFrame:
    """The true events of the granule sample, which stand for calls here."""
    return read_table(sample("granule_truth/events.parquet"), Events)


@pytest.fixture
def review(tmp_path: Path) -> Review:
    """A review in which nothing was decided yet."""
    return Review(truth(), tmp_path / "cell.review.jsonl", "ann")


def of_kind(review: Review, kind: str) -> list[int]:
    """Numbers of the events called `kind`."""
    return [int(event) for event in review.events["event_id"][review.events["kind"] == kind]]


def test_decisions_are_in_the_table_and_the_rest_is_as_it_was(review: Review) -> None:
    full, docked = of_kind(review, "full_fusion"), of_kind(review, "docking")
    review.accept(full[0])
    review.change(full[1], "kiss_and_run")
    review.reject(docked[0])
    assert [review.state(event) for event in (full[0], full[1], docked[0], docked[1])] == [
        "accepted",
        "changed",
        "rejected",
        "left",
    ]
    table = review.reviewed().set_index("event_id")
    assert len(table) == len(review.events) - 1
    assert table["edited"].sum() == 1
    row = table.loc[full[1]]
    assert (row["kind"], row["edited"], row["confident"]) == ("kiss_and_run", True, True)
    assert tuple(row[["p_full_fusion", "p_kiss_and_run", "p_other"]]) == (0, 1, 0)
    others = review.events[~review.events["event_id"].isin([full[1], docked[0]])]
    assert_frame_equal(table.drop(index=full[1]).reset_index(), others.reset_index(drop=True))
    assert set(review.reviewed(unreviewed=False)["event_id"]) == {full[0], full[1]}


def test_everything_can_be_undone_and_redone(review: Review) -> None:
    rng = np.random.default_rng(3)
    states = [dict(review.decisions)]
    for event in rng.choice(review.events["event_id"], 30):
        before = len(review.journal.entries)
        review.change(int(event), str(rng.choice(EVENT_KINDS)))
        if len(review.journal.entries) > before:
            states.append(dict(review.decisions))
    for state in reversed(states[:-1]):
        assert review.undo() is not None
        assert review.decisions == state
    assert review.undo() is None
    for state in states[1:]:
        assert review.redo() is not None
        assert review.decisions == state
    assert review.redo() is None


def test_a_decision_after_an_undo_ends_what_could_be_redone(review: Review) -> None:
    first, second, *_ = of_kind(review, "full_fusion")
    review.accept(first)
    review.undo()
    review.reject(second)
    assert review.redo() is None
    assert review.decisions == {second: NO_EVENT}


def test_reopening_resumes_with_everything_that_can_be_undone(review: Review) -> None:
    first, second, *_ = of_kind(review, "full_fusion")
    review.change(first, "kiss_and_run")
    review.reject(second)
    review.undo()
    again = Review(truth(), review.journal.path, "ann")
    assert again.decisions == {first: "kiss_and_run"}
    assert again.steps == (1, 1)
    assert again.redo() == second
    assert again.undo() == second
    assert again.undo() == first
    assert again.decisions == {}


def test_the_journal_says_who_when_and_what_and_only_grows(review: Review) -> None:
    event = of_kind(review, "full_fusion")[0]
    assert not review.journal.path.exists()
    review.reject(event)
    before = review.journal.path.read_text()
    review.undo()
    after = review.journal.path.read_text()
    assert after.startswith(before)
    head, reject, undo = map(json.loads, after.splitlines())
    assert head["journal"] == "exotrack review"
    assert (reject["who"], reject["what"], reject["was"], reject["now"]) == ("ann", "reject", "", NO_EVENT)
    assert (undo["what"], undo["was"], undo["now"]) == ("undo", NO_EVENT, "")
    assert reject["when"].endswith("+00:00")
    assert reject["frame"] == int(review.events.set_index("event_id").loc[event, "frame"])


def test_deciding_the_same_again_is_no_step(review: Review) -> None:
    event = of_kind(review, "full_fusion")[0]
    review.accept(event)
    review.change(event, "full_fusion")
    assert review.steps == (1, 0)


def test_a_line_cut_short_by_a_crash_is_ignored_and_the_next_one_is_whole(review: Review) -> None:
    first, second, *_ = of_kind(review, "full_fusion")
    review.accept(first)
    review.reject(second)
    path = review.journal.path
    path.write_bytes(path.read_bytes()[:-25])
    again = Review(truth(), path, "ann")
    assert again.decisions == {first: "full_fusion"}
    again.reject(second)
    assert Review(truth(), path, "ann").decisions == {first: "full_fusion", second: NO_EVENT}


def test_decisions_on_other_calls_are_put_aside_not_lost(review: Review) -> None:
    review.accept(of_kind(review, "full_fusion")[0])
    lines = review.journal.path.read_text()
    other = Review(truth().iloc[1:], review.journal.path, "ann")
    assert other.decisions == {}
    assert other.journal.set_aside is not None
    assert other.journal.set_aside.read_text() == lines


def test_a_journal_that_cannot_be_written_decides_nothing_and_can_be_kept_elsewhere(review: Review, tmp_path: Path) -> None:
    first, second, *_ = of_kind(review, "full_fusion")
    review.accept(first)
    kept = review.journal.path.read_bytes()
    review.journal.path.unlink()
    review.journal.path.mkdir()
    with pytest.raises(OutputError, match="nothing was decided, choose another place"):
        review.reject(second)
    assert review.decisions == {first: "full_fusion"}
    review.keep_at(tmp_path / "elsewhere.jsonl")
    assert (tmp_path / "elsewhere.jsonl").read_bytes() == kept
    review.reject(second)
    assert review.decisions[second] == NO_EVENT


def test_a_file_of_something_else_is_no_journal(tmp_path: Path) -> None:
    (tmp_path / "cell.review.jsonl").write_text('{"a": 1}\n')
    with pytest.raises(InputError, match="is no journal of a review"):
        Review(truth(), tmp_path / "cell.review.jsonl", "ann")


def test_raters_share_a_journal_and_not_their_decisions(review: Review) -> None:
    events = of_kind(review, "full_fusion")
    review.accept(events[0])
    review.be("bob")
    assert review.decisions == {}
    review.blind = True
    review.change(events[0], "kiss_and_run")
    assert review.raters() == ["ann", "bob"]
    assert review.answers("ann") == {events[0]: "full_fusion"}
    assert (review.judged_blind("ann"), review.judged_blind("bob")) == (0, 1)
    review.be("ann")
    assert review.undo() == events[0]
    assert review.answers("bob") == {events[0]: "kiss_and_run"}


def test_nobody_can_accept_a_call_that_is_hidden_or_be_the_analysis(review: Review) -> None:
    review.blind = True
    with pytest.raises(InputError, match="in blind mode the call is hidden"):
        review.accept(of_kind(review, "full_fusion")[0])
    with pytest.raises(InputError, match="a rater needs a name"):
        review.be(AUTOMATIC)
    with pytest.raises(InputError, match="'fusion' is no kind of event"):
        review.change(of_kind(review, "full_fusion")[0], "fusion")
    with pytest.raises(InputError, match="there is no event -1"):
        review.reject(-1)


def test_kappa_is_that_of_another_implementation() -> None:
    from sklearn.metrics import cohen_kappa_score

    rng = np.random.default_rng(5)
    first = rng.choice(ANSWERS, 200)
    second = np.where(rng.random(200) < 0.6, first, rng.choice(ANSWERS, 200))
    found = {one.of: one for one in agreement(dict(enumerate(first)), dict(enumerate(second)))}
    assert found["all"].kappa == pytest.approx(cohen_kappa_score(first, second))
    for answer in ANSWERS:
        assert found[answer].kappa == pytest.approx(cohen_kappa_score(first == answer, second == answer))


def test_the_standard_error_of_kappa_is_its_spread() -> None:
    rng = np.random.default_rng(8)
    found = []
    for _ in range(150):
        first = rng.choice(("docking", "full_fusion"), 150, p=(0.3, 0.7))
        second = np.where(rng.random(150) < 0.7, first, rng.choice(("docking", "full_fusion"), 150))
        found.append(agreement(dict(enumerate(first)), dict(enumerate(second)))[0])
    assert np.mean([one.sd for one in found]) == pytest.approx(np.std([one.kappa for one in found]), rel=0.15)


def test_agreement_counts_only_what_both_judged(review: Review) -> None:
    full = of_kind(review, "full_fusion")
    review.accept(full[0])
    review.change(full[1], "docking")
    both = review.compare(AUTOMATIC, "ann")
    assert (both[0].n, both[0].agreed) == (2, 0.5)
    nothing = agreement({1: "docking"}, {2: "docking"})[0]
    assert nothing.n == 0
    assert np.isnan(nothing.kappa)
    assert np.isnan(agreement({1: "docking"}, {1: "docking"})[0].kappa)


def test_score_takes_what_was_reviewed_as_truth(results: Path, tmp_path: Path) -> None:
    opened = read_results(results)
    review = Review.of_folder(results, opened.tables["events"], "ann")
    assert review.journal.path == place_of(results) == results.with_name("cell.review.jsonl")
    full = of_kind(review, "full_fusion")
    review.change(full[0], "kiss_and_run")
    review.reject(full[1])
    folder = write_truth(review, opened, tmp_path / "truth")
    true, found = load_scored(folder), load_scored(results)
    assert true.events is not None
    assert found.events is not None
    scores = score(true.events, found.events)
    assert (scores["fusion_any"].fp, scores["fusion_any"].fn) == (1, 0)
    assert scores.confusion["kiss_and_run"]["full_fusion"] == 1
    assert json.loads((folder / "review.json").read_text())["rejected"] == 1


def test_corrected_results_are_whole_and_the_first_ones_stay(results: Path, tmp_path: Path) -> None:
    opened = read_results(results)
    before = (results / "events.parquet").read_bytes()
    review = Review.of_folder(results, opened.tables["events"], "ann")
    event = of_kind(review, "full_fusion")[0]
    review.change(event, "kiss_and_run")
    with pytest.raises(OutputError, match="choose another folder"):
        write_corrected(review, opened, results, overwrite=True)
    corrected = read_results(write_corrected(review, opened, tmp_path / "corrected"))
    row = corrected.tables["events"].set_index("event_id").loc[event]
    assert (row["kind"], row["edited"]) == ("kiss_and_run", True)
    assert corrected.provenance["review"]["changed"] == 1
    assert (results / "events.parquet").read_bytes() == before


SEEN = {"movie_id": "granule", "frame": 40, "t_s": 4.0, "y_um": 3.5, "x_um": 6.25, "cell_id": 1, "track_id": None}


def test_an_event_that_was_missed_is_added_called_anew_and_taken_back(review: Review) -> None:
    found = len(review.events)
    number = review.add("docking", SEEN)
    review.change(number, "full_fusion")
    assert review.state(number) == "added"
    assert review.progress()["added"] == 1
    row = review.reviewed().set_index("event_id").loc[number]
    assert (row["kind"], row["frame"], row["t_s"], row["x_um"], row["cell_id"]) == ("full_fusion", 40, 4.0, 6.25, 1)
    assert (row["edited"], row["confident"], row["p_full_fusion"], row["p_other"]) == (True, True, 1.0, 0.0)
    assert np.isnan(row["amplitude"])
    assert pd.isna(row["track_id"])
    assert review.undo() == number
    assert review.events["kind"].iloc[-1] == "docking"
    assert review.undo() == number
    assert len(review.events) == found
    assert review.missed("ann") == 0
    review.redo()
    again = Review(truth(), review.journal.path, "ann")
    assert list(again.events["event_id"]) == list(review.events["event_id"])
    again.reject(number)
    assert len(again.events) == found


def test_what_one_rater_added_another_does_not_see_and_kappa_leaves_out(review: Review) -> None:
    first = review.add("docking", SEEN)
    review.be("bob")
    assert first not in set(review.events["event_id"])
    second = review.add("undocking", SEEN)
    assert second == first + 1
    assert (review.missed("ann"), review.missed("bob")) == (1, 1)
    assert review.compare("ann", "bob")[0].n == 0
    with pytest.raises(InputError, match="no kind of event"):
        review.add("fusion", SEEN)


def test_what_was_added_is_in_the_truth_and_in_the_corrected_counts(results: Path, tmp_path: Path) -> None:
    opened = read_results(results)
    review = Review.of_folder(results, opened.tables["events"], "ann")
    before = (review.events["kind"] == "full_fusion").sum()
    number = review.add("full_fusion", SEEN | {"movie_id": "cell"})
    written = read_table(write_truth(review, opened, tmp_path / "truth") / "events.parquet", Events)
    assert number in set(written["event_id"])
    corrected = read_results(write_corrected(review, opened, tmp_path / "corrected"))
    assert (corrected.tables["events"]["kind"] == "full_fusion").sum() == before + 1
