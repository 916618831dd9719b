"""Scores of tiny event sets whose answer is known by reading them."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from cases import two_tracks

from exotrack.errors import InputError
from exotrack.io import write_tracks
from exotrack.score import Evidence, Gates, load_pair, score, score_loaded, score_spots
from exotrack.tables import Candidates, Events, Spots

COUNTS = ("n_true", "n_found", "tp", "fp", "fn")


def events(*rows: tuple[str, float, float, float], movie_id: str = "m", **columns: object) -> pd.DataFrame:
    """Events of (kind, t_s, y_um, x_um) at 10 frames per second."""
    kind, t, y, x = zip(*rows, strict=True) if rows else ((), (), (), ())
    n = len(rows)
    data = {"event_id": range(1, n + 1), "movie_id": [movie_id] * n, "kind": kind, "frame": [round(10 * one) for one in t]}
    return Events.build(data | {"t_s": t, "y_um": y, "x_um": x, "confident": [True] * n, "edited": [False] * n} | columns)


def counts(scores: object, kind: str) -> tuple[int, ...]:
    return tuple(getattr(scores[kind], name) for name in COUNTS)  # type: ignore[index]


MIXED = events(
    ("full_fusion", 1.0, 5, 5),
    ("full_fusion", 4.0, 5, 5),
    ("kiss_and_run", 2.0, 8, 3),
    ("docking", 0.5, 5, 5),
    ("undocking", 3.0, 1, 1),
    ("tethering", 3.0, 1, 9),
)


def test_a_table_scores_one_against_itself() -> None:
    scores = score(MIXED, MIXED)
    for count in scores.counts:
        assert (count.precision, count.recall, count.f1) == (1, 1, 1)
    assert counts(scores, "fusion_any") == (3, 3, 3, 0, 0)
    assert scores.kind_right == 1
    assert {error.time_s for error in scores.errors} == {(0, 0, 0)}


def test_nothing_found_has_no_precision_and_nothing_true_no_recall() -> None:
    nothing = score(MIXED, Events.empty())["fusion_any"]
    assert math.isnan(nothing.precision)
    assert (nothing.recall, nothing.f1) == (0, 0)
    silence = score(Events.empty(), MIXED)["fusion_any"]
    assert math.isnan(silence.recall)
    assert silence.precision == 0
    both = score(Events.empty(), Events.empty())
    assert all(math.isnan(x) for c in both.counts for x in (c.precision, c.recall, c.f1, *c.f1_interval))
    assert math.isnan(both.kind_right)


def test_a_fusion_of_the_wrong_kind_is_found_but_mistaken() -> None:
    scores = score(events(("full_fusion", 1, 5, 5)), events(("kiss_and_run", 1.1, 5, 5)))
    assert counts(scores, "fusion_any") == (1, 1, 1, 0, 0)
    assert counts(scores, "full_fusion") == (1, 0, 0, 0, 1)
    assert counts(scores, "kiss_and_run") == (0, 1, 0, 1, 0)
    assert scores.confusion["full_fusion"] == {"full_fusion": 0, "kiss_and_run": 1}
    assert scores.kind_right == 0


@pytest.mark.parametrize(
    ("kind", "dt", "dx", "found"),
    [
        ("full_fusion", 0.3, 0.0, True),
        ("full_fusion", 0.31, 0.0, False),
        ("full_fusion", -0.3, 0.0, True),
        ("full_fusion", 0.0, 0.4, True),
        ("full_fusion", 0.0, 0.41, False),
        ("full_fusion", 0.3, 0.4, True),
        ("docking", 0.8, 0.0, True),
        ("undocking", 0.81, 0.0, False),
        ("tethering", -0.8, 0.4, True),
    ],
)
def test_the_gates_are_inclusive(kind: str, dt: float, dx: float, found: bool) -> None:
    scores = score(events((kind, 0.1 * 3, 5, 5)), events((kind, 0.1 * 3 + dt, 5, 5 + dx)), Gates.for_movie(0.1))
    assert scores[kind].tp == int(found)


def test_two_calls_of_one_event_are_one_false() -> None:
    found = events(("full_fusion", 1, 5, 5), ("full_fusion", 1.1, 5, 5))
    assert counts(score(events(("full_fusion", 1, 5, 5)), found), "full_fusion") == (1, 2, 1, 1, 0)


def test_the_greatest_number_of_pairs_wins_over_the_nearest_pair() -> None:
    # Taking the nearest pair first (1.0 with 1.1) would leave 1.25 without a partner within 0.3 s.
    true = events(("full_fusion", 1.0, 5, 5), ("full_fusion", 1.3, 5, 5))
    found = events(("full_fusion", 0.75, 5, 5), ("full_fusion", 1.05, 5, 5))
    assert score(true, found)["full_fusion"].tp == 2


def test_an_event_nobody_could_see_is_neither_required_nor_false_when_found() -> None:
    true = events(("full_fusion", 1, 5, 5), ("full_fusion", 3, 5, 5), visible=[True, False])
    seen, both = events(("full_fusion", 1, 5, 5)), events(("full_fusion", 1, 5, 5), ("kiss_and_run", 3, 5, 5))
    assert counts(score(true, seen), "fusion_any") == (1, 1, 1, 0, 0)
    assert counts(score(true, both), "fusion_any") == (1, 1, 1, 0, 0)
    assert counts(score(true, both), "kiss_and_run") == (0, 0, 0, 0, 0)
    twice = events(("full_fusion", 3, 5, 5), ("full_fusion", 3.1, 5, 5))
    assert counts(score(true, twice), "full_fusion") == (1, 1, 0, 1, 1)


def test_events_in_the_first_and_last_frame_are_not_required() -> None:
    true = events(("full_fusion", 0, 5, 5), ("full_fusion", 2, 5, 5), ("full_fusion", 9.9, 5, 5))
    assert counts(score(true, Events.empty(), evidence=Evidence(n_frames=100)), "full_fusion") == (1, 0, 0, 0, 1)
    assert counts(score(true, true, evidence=Evidence(n_frames=100)), "full_fusion") == (1, 1, 1, 0, 0)
    assert counts(score(true, true), "full_fusion") == (3, 3, 3, 0, 0)


def test_events_of_another_movie_do_not_match() -> None:
    true = pd.concat([events(("full_fusion", 1, 5, 5), movie_id="a"), events(("full_fusion", 2, 5, 5), movie_id="b")])
    swapped = true.assign(movie_id=true["movie_id"].map({"a": "b", "b": "a"}))
    assert score(true, true)["full_fusion"].tp == 2
    assert score(true, swapped)["full_fusion"].tp == 0


def test_the_name_of_a_single_movie_does_not_matter() -> None:
    assert score(events(("docking", 1, 5, 5), movie_id="a"), events(("docking", 1, 5, 5), movie_id="b"))["docking"].tp == 1


def test_errors_have_sign_and_units() -> None:
    true = events(("full_fusion", 1, 5, 5), ("full_fusion", 2, 5, 5), ("full_fusion", 3, 5, 5))
    found = events(("full_fusion", 1.1, 5, 5.3), ("full_fusion", 2.1, 5.1, 5), ("full_fusion", 2.8, 5, 5.2))
    error = next(error for error in score(true, found).errors if error.kind == "full_fusion")
    assert error.n == 3
    assert error.time_s == pytest.approx((-0.05, 0.1, 0.1))
    assert error.distance_um == pytest.approx((0.15, 0.2, 0.25))


def test_bias_and_coverage_of_a_measure() -> None:
    rows = [("full_fusion", float(t), 5.0, 5.0) for t in range(1, 6)]
    true = events(*rows, diffusion_um2_s=[0.1, 0.1, 0.2, np.nan, 0.1])
    found = events(*rows, diffusion_um2_s=[0.12, 0.11, 0.1, 0.1, np.nan], diffusion_sd_um2_s=[0.02, 0.001, 0.04, 0.1, 0.1])
    one = next(m for m in score(true, found).measures if (m.name, m.kind) == ("diffusion_um2_s", "full_fusion"))
    assert (one.n, one.n_coverage) == (3, 3)
    assert one.bias == pytest.approx(0.01)
    assert one.relative_bias == pytest.approx(0.1)
    assert one.coverage == pytest.approx(1 / 3)


def test_docking_times_that_are_only_lower_limits_do_not_count() -> None:
    rows = [("full_fusion", 1.0, 5.0, 5.0), ("full_fusion", 2.0, 5.0, 5.0)]
    true = events(*rows, docked_s=[4.0, 8.0], docked_entry_observed=[True, True])
    found = events(*rows, docked_s=[4.5, 1.0], docked_entry_observed=[True, False])
    one = next(m for m in score(true, found).measures if (m.name, m.kind) == ("docked_s", "full_fusion"))
    assert (one.n, one.bias) == (1, 0.5)


def test_calibration_of_honest_and_boastful_probabilities() -> None:
    true = events(*(("full_fusion", float(t), 5.0, 5.0) for t in range(1, 9)))
    frame, y = [*range(10, 90, 10), 15, 45], [5.0] * 10
    for p, error in ((0.8, 0.0), (0.95, 0.15)):
        looked = Candidates.build(
            {
                "candidate_id": range(10), "frame": frame, "y_um": y, "x_um": y, "called": "full_fusion", "reasons": "",
                "p_full_fusion": p, "p_kiss_and_run": 0.0, "p_other": 1 - p,
            }
        )  # fmt: skip
        fusion, full, kiss = score(true, Events.empty(), evidence=Evidence(candidates=looked)).calibration
        assert fusion.n == full.n == kiss.n == 10
        assert (fusion.error, full.error, kiss.error) == pytest.approx((error, error, 0))
        assert fusion.bins[int(10 * p)] == (10, pytest.approx(p), pytest.approx(0.8))
        assert fusion.brier == pytest.approx(0.8 * (1 - p) ** 2 + 0.2 * p**2)


def test_candidates_at_events_nobody_could_see_are_not_judged() -> None:
    true = events(("full_fusion", 1, 5, 5), ("full_fusion", 3, 5, 5), visible=[True, False])
    looked = Candidates.build(
        {"candidate_id": [1, 2], "frame": [10, 30], "y_um": 5.0, "x_um": 5.0, "called": "", "reasons": "", "p_other": 0.5}
    )
    assert [one.n for one in score(true, true, evidence=Evidence(candidates=looked)).calibration] == [1, 0, 0]


def test_spots_are_paired_within_their_frame() -> None:
    def spots(*rows: tuple[int, float, float]) -> pd.DataFrame:
        frame, y, x = zip(*rows, strict=True)
        return Spots.build({"movie_id": ["m"] * len(rows), "frame": frame, "y_um": y, "x_um": x})

    true = spots((0, 1, 1), (0, 1, 1.3), (1, 1, 1))
    found = spots((0, 1, 1.1), (0, 1, 1.2), (2, 1, 1))
    result = score_spots(true, found, Gates(spot_um=0.25))
    assert (result.count.tp, result.count.fp, result.count.fn) == (2, 1, 1)
    assert result.rmse_um == pytest.approx(0.1)
    assert score(MIXED, MIXED, Gates(spot_um=0.25), Evidence(true_spots=true, found_spots=found)).spots == result


def test_a_table_without_a_needed_column_is_refused() -> None:
    with pytest.raises(InputError, match="found events: column t_s is missing; found event_id, movie_id"):
        score(MIXED, MIXED.drop(columns="t_s"))


def test_scores_become_a_table_text_and_json() -> None:
    scores = score(MIXED, MIXED.iloc[[0, 3]])
    frame = scores.to_frame().set_index("kind")
    assert frame.loc["fusion_any", ["tp", "fn"]].tolist() == [1, 2]
    assert frame.loc["fusion_any", "recall"] == pytest.approx(1 / 3)
    assert "fusion_any        3 true     1 found   P 1.00 [0.21, 1.00]   R 0.33 [0.06, 0.79]" in scores.summary()
    content = json.loads(scores.to_json())
    assert content["counts"][4]["precision"] is None  # no undocking found
    assert content["confusion"]["full_fusion"]["full_fusion"] == 1
    with pytest.raises(KeyError, match="scored are fusion_any"):
        scores["parking"]


@pytest.mark.parametrize("seed", range(5))
def test_swapping_the_tables_swaps_precision_and_recall_and_order_does_not_matter(seed: int) -> None:
    rng = np.random.default_rng(seed)

    def crowd(n: int) -> pd.DataFrame:
        kinds = rng.choice(["full_fusion", "kiss_and_run", "docking", "undocking"], n)
        return events(*((str(kind), *rng.uniform(1, (7, 5, 5))) for kind in kinds))

    true, found, gates = crowd(60), crowd(50), Gates(distance_um=1.0, fusion_s=1.0)
    there, back = score(true, found, gates), score(found, true, gates)
    again = score(true.sample(frac=1, random_state=seed), found.sample(frac=1, random_state=seed), gates)
    shifted = (table.assign(t_s=table["t_s"] + 64, x_um=table["x_um"] - 32) for table in (true, found))
    moved = score(*shifted, gates)
    for kind in ("fusion_any", "full_fusion", "kiss_and_run", "docking", "undocking"):
        assert 0 < there[kind].tp < there[kind].n_true
        assert counts(there, kind) == counts(again, kind) == counts(moved, kind)
        assert (there[kind].precision, there[kind].recall) == (back[kind].recall, back[kind].precision)


def test_no_instant_is_asked_for_more_sharply_than_a_frame() -> None:
    true, found = events(("full_fusion", 10.0, 5, 5)), events(("full_fusion", 11.5, 5, 5))
    fast, slow = (score(true, found, Gates.for_movie(0.1, frame_s))["full_fusion"] for frame_s in (0.1, 2.0))
    assert (fast.tp, slow.tp) == (0, 1)


def test_tracks_are_scored_where_both_sides_have_them() -> None:
    tracks = two_tracks()
    evidence = Evidence(true_tracks=tracks, found_tracks=tracks[tracks["track_id"] == 1])
    scores = score(MIXED, MIXED, Gates.for_movie(0.1), evidence)
    assert scores.tracks is not None
    assert (scores.tracks.gate_um, scores.tracks.n_true, scores.tracks.n_paired) == (0.5, 2, 1)
    assert "tracks: alpha 0.500" in scores.summary()
    assert json.loads(scores.to_json())["tracks"]["jsc_theta"] == 0.5
    assert score(MIXED, MIXED).tracks is None


def test_tracks_alone_are_scored_from_any_file(tmp_path: Path) -> None:
    for name, form in (("a.xml", "challenge"), ("b.csv", "trackmate"), ("c.csv", "napari"), ("d.parquet", None), ("e.csv", None)):
        path = write_tracks(two_tracks(), tmp_path / name, form, pixel_um=0.1)
        scores = score_loaded(*load_pair(tmp_path / "a.xml", path, 0.1), 0.1)
        assert scores.tracks is not None
        assert scores.tracks.jsc_theta == 1
        assert scores.counts == ()
        assert scores.summary().startswith("tracks: alpha 0.83")  # the gap costs one frame of six


def test_events_and_tracks_cannot_be_compared(tmp_path: Path) -> None:
    MIXED.to_parquet(tmp_path / "events.parquet")
    write_tracks(two_tracks(), tmp_path / "tracks.csv")
    with pytest.raises(InputError, match="TRUE holds events but no tracks, the other side tracks but no events"):
        score_loaded(*load_pair(tmp_path / "events.parquet", tmp_path / "tracks.csv"))
    (tmp_path / "letter.csv").write_text("Dear reader,\nthank you\n")
    with pytest.raises(InputError, match="table events"):
        load_pair(tmp_path / "letter.csv", tmp_path / "tracks.csv")
