"""The measures of the Particle Tracking Challenge: worked by hand, by trying every pairing, and by its own scorer."""

from __future__ import annotations

import json
import math
from itertools import permutations

import numpy as np
import pandas as pd
import pytest
from cases import shared_data
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from exotrack.errors import InputError
from exotrack.io import read_tracks
from exotrack.score import TrackScore, score_tracks

GATE = 5.0


def tracks(*courses: dict[int, float], movie_id: str = "m", y: float = 0.0) -> pd.DataFrame:
    """Tracks from 1, each a dictionary from frame to x."""
    rows = [(movie_id, number, frame, y, x) for number, course in enumerate(courses, 1) for frame, x in course.items()]
    return pd.DataFrame(rows, columns=["movie_id", "track_id", "frame", "y_um", "x_um"])


def at(x: float, first: int, last: int) -> dict[int, float]:
    """A track that stays at `x` from `first` to `last`."""
    return dict.fromkeys(range(first, last + 1), x)


def score(true: pd.DataFrame, found: pd.DataFrame) -> TrackScore:
    return score_tracks(true, found, GATE)


def measures(result: TrackScore) -> tuple[float, ...]:
    return result.alpha, result.beta, result.jsc, result.jsc_theta


def counts(result: TrackScore) -> tuple[int, ...]:
    return result.n_paired, result.points_paired, result.points_missed, result.points_spurious


def test_perfect_tracks_score_one_and_are_apart_by_nothing() -> None:
    true = tracks(at(0, 0, 9), at(50, 3, 3))
    result = score(true, true)
    assert measures(result) == (1.0, 1.0, 1.0, 1.0)
    assert result.rmse_um == 0.0


def test_an_offset_costs_its_part_of_the_gate() -> None:
    result = score(tracks(at(0, 0, 9)), tracks(at(1, 0, 9)))
    assert measures(result) == pytest.approx((0.8, 0.8, 1.0, 1.0))
    assert result.rmse_um == pytest.approx(1.0)


def test_a_spurious_track_lowers_beta_but_not_alpha() -> None:
    result = score(tracks(at(0, 0, 9)), tracks(at(0, 0, 9), at(80, 0, 4)))
    assert measures(result) == pytest.approx((1.0, 10 / 15, 10 / 15, 1 / 2))


def test_a_track_cut_in_two_pairs_with_its_longer_part() -> None:
    result = score(tracks(at(0, 0, 9)), tracks(at(0, 0, 5), at(0, 6, 9)))
    assert measures(result) == pytest.approx((0.6, 30 / 70, 6 / 14, 1 / 2))
    assert counts(result) == (1, 6, 4, 4)


def test_the_frames_of_a_gap_are_missed_and_not_spurious_inside_the_true_track() -> None:
    result = score(tracks(at(0, 0, 9)), tracks(at(0, 0, 3) | at(0, 6, 9)))
    assert counts(result) == (1, 8, 2, 0)
    assert measures(result) == pytest.approx((0.8, 0.8, 0.8, 1.0))


def test_the_frames_of_a_gap_are_spurious_beyond_the_true_track() -> None:
    # Found spans 0 to 11: frames 10 and 11 are outside, though it has no point in 10.
    result = score(tracks(at(0, 0, 9)), tracks(at(0, 0, 9) | at(0, 11, 11)))
    assert counts(result) == (1, 10, 0, 2)
    assert result.alpha == pytest.approx(0.8)


def test_the_gap_of_an_unpaired_track_is_spurious_only_as_length() -> None:
    result = score(tracks(at(0, 0, 9)), tracks(at(80, 0, 0) | at(80, 5, 5)))
    assert counts(result) == (0, 0, 10, 2)
    assert result.spurious_um == GATE * 6
    assert measures(result) == (0.0, 0.0, 0.0, 0.0)


def test_a_gap_of_the_true_track_has_to_be_found_but_nothing_can_match_it() -> None:
    result = score(tracks(at(0, 0, 3) | at(0, 6, 9)), tracks(at(0, 0, 9)))
    assert counts(result) == (1, 8, 2, 2)


def test_points_exactly_at_the_gate_are_not_paired() -> None:
    assert score(tracks(at(0, 0, 9)), tracks(at(GATE, 0, 9))).n_paired == 0
    assert score(tracks(at(0, 0, 9)), tracks(at(np.nextafter(GATE, 0), 0, 9))).points_paired == 10


def test_a_track_that_is_further_away_than_nothing_is_not_paired() -> None:
    # One frame is perfect, three lie outside: 5 is gained and 15 lost.
    assert score(tracks(at(0, 0, 0)), tracks(at(0, 0, 3))).n_paired == 0


def test_the_least_total_distance_wins_over_the_nearest_partner() -> None:
    # Taken by itself track 1 is nearer to the found track at 1, but then track 2 would have none.
    result = score(tracks(at(0, 0, 9), at(2.5, 0, 9)), tracks(at(1, 0, 9), at(-3, 0, 9)))
    assert result.n_paired == 2
    assert result.distance_um == pytest.approx(10 * (3 + 1.5))


def test_nothing_found_scores_zero_and_nothing_true_is_undefined() -> None:
    some, none = tracks(at(0, 0, 9)), tracks()
    missed, invented, empty = score(some, none), score(none, some), score(none, none)
    assert measures(missed) == (0.0, 0.0, 0.0, 0.0)
    assert math.isnan(missed.rmse_um)
    assert math.isnan(invented.alpha)
    assert (invented.beta, invented.jsc, invented.jsc_theta) == (0.0, 0.0, 0.0)
    assert all(math.isnan(value) for value in (*measures(empty), empty.rmse_um))


def test_tracks_of_different_movies_are_never_paired() -> None:
    both = pd.concat([tracks(at(0, 0, 9), movie_id="a"), tracks(at(0, 0, 9), movie_id="b")])
    assert measures(score(both, both)) == (1.0, 1.0, 1.0, 1.0)
    assert counts(score(both, tracks(at(0, 0, 9), movie_id="b"))) == (1, 10, 10, 0)


def test_a_single_movie_may_have_another_name() -> None:
    assert score(tracks(at(0, 0, 9), movie_id="a"), tracks(at(0, 0, 9), movie_id="b")).alpha == 1.0


def test_points_that_could_not_be_seen_are_left_out() -> None:
    true = tracks(at(0, 0, 9)).assign(visible=[True] * 8 + [False] * 2)
    assert measures(score(true, tracks(at(0, 0, 7)))) == (1.0, 1.0, 1.0, 1.0)


def test_depth_counts_where_both_have_it() -> None:
    true, found = tracks(at(0, 0, 9)).assign(z_um=0.0), tracks(at(3, 0, 9)).assign(z_um=4.0)
    assert score(true, found).n_paired == 0
    assert score(true, found.drop(columns="z_um")).rmse_um == pytest.approx(3.0)


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (tracks(at(0, 0, 2), at(0, 1, 1)).assign(track_id=1), "found tracks: track 1 has two points in one frame"),
        (tracks(at(math.nan, 0, 2)), "found tracks: a point has no place"),
        (tracks(at(0, 0, 2)).drop(columns="frame"), "found tracks: column frame is missing; found movie_id, track_id"),
    ],
)
def test_what_cannot_be_scored_is_said_in_one_line(found: pd.DataFrame, said: str) -> None:
    with pytest.raises(InputError, match=said):
        score(tracks(at(0, 0, 2)), found)


@st.composite
def crowds(draw: st.DrawFn) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Up to four true and four found tracks with gaps, crowded enough for most to compete."""
    frames = st.lists(st.integers(0, 5), min_size=1, max_size=6, unique=True)
    course = st.builds(lambda when, x: {frame: float(x) + 0.3 * frame for frame in when}, frames, st.integers(0, 9))
    true, found = (draw(st.lists(course, max_size=4)) for _ in range(2))
    return tracks(*true), tracks(*found)


def apart(ours: pd.DataFrame, theirs: pd.DataFrame) -> float:
    """Distance of two tracks as the paper writes it, frame by frame."""
    a, b = (dict(zip(table["frame"], table["x_um"], strict=True)) for table in (ours, theirs))
    spanned = set(range(min(a), max(a) + 1)) | set(range(min(b), max(b) + 1))
    return sum(min(abs(a[t] - b[t]), GATE) if t in a and t in b else GATE for t in spanned)


def least_by_trying_everything(true: pd.DataFrame, found: pd.DataFrame) -> float:
    ours, theirs = ([track for _, track in table.groupby("track_id")] for table in (true, found))
    alone = [GATE * (int(track["frame"].max()) - int(track["frame"].min()) + 1) for track in ours]
    partners: list[pd.DataFrame | None] = [*theirs, *[None] * len(ours)]
    return min(
        sum(
            least if partner is None else apart(track, partner) for track, partner, least in zip(ours, chosen, alone, strict=True)
        )
        for chosen in permutations(partners, len(ours))
    )


@settings(max_examples=60, deadline=None)
@given(crowds())
def test_no_pairing_has_a_smaller_distance(pair: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    assert score(*pair).distance_um == pytest.approx(least_by_trying_everything(*pair), abs=1e-9)


@settings(max_examples=40, deadline=None)
@given(crowds(), st.integers(-5, 500), st.floats(0.01, 100.0))
def test_neither_the_order_nor_the_clock_nor_the_unit_matters(
    pair: tuple[pd.DataFrame, pd.DataFrame], later: int, unit: float
) -> None:
    before = score(*pair)
    moved = [table.assign(frame=table["frame"] + later, x_um=table["x_um"] * unit)[::-1] for table in pair]
    after = score_tracks(*moved, gate_um=GATE * unit)
    assert (after.alpha, after.beta) == pytest.approx((before.alpha, before.beta), nan_ok=True)


def dense_distance(true: pd.DataFrame, found: pd.DataFrame) -> float:
    """Least total distance by a dense table of all tracks, with a dummy for each true one."""
    ours, theirs = ([track for _, track in table.groupby("track_id")] for table in (true, found))
    alone = [GATE * (int(track["frame"].max()) - int(track["frame"].min()) + 1) for track in ours]
    table = np.array(
        [[*(apart(track, other) for other in theirs), *[least] * len(ours)] for track, least in zip(ours, alone, strict=True)]
    )
    return float(table[linear_sum_assignment(table)].sum())


def test_a_crowd_is_paired_as_a_dense_assignment_pairs_it() -> None:
    rng = np.random.default_rng(7)
    crowd = []
    for n in (25, 40):
        kept = [sorted(rng.choice(30, rng.integers(1, 20), replace=False).tolist()) for _ in range(n)]
        crowd.append(
            tracks(
                *(
                    {frame: float(x + rng.normal(0, 1.5)) for frame in frames}
                    for x, frames in zip(rng.uniform(0, 40, n), kept, strict=True)
                )
            )
        )
    result = score(*crowd)
    assert result.n_paired > 5
    assert result.distance_um == pytest.approx(dense_distance(*crowd), rel=1e-12)


@pytest.mark.parametrize("name", ["a", "b"])
def test_the_scorer_of_the_challenge_gives_the_same(name: str) -> None:
    true, found = (read_tracks(shared_data(f"ptc_metric_fixture/{name}_{side}.xml"), pixel_um=1.0) for side in ("ref", "cand"))
    result = score(true, found)
    lines = shared_data(f"ptc_metric_fixture/{name}_official.txt").read_text().splitlines()
    said = [float(line.split(":")[0]) for line in lines if line.strip()]
    distance, alpha, beta, n_true, n_found, theta, paired, missed, spurious, points, _, jsc, tp, fn, fp = said
    assert (result.distance_um, *measures(result)) == pytest.approx((distance, alpha, beta, jsc, theta), rel=1e-13)
    assert (result.n_true, result.n_found, result.n_paired) == (n_true, n_found, paired)
    assert (n_true - paired, n_found - paired, tp + fn) == (missed, spurious, points)
    assert counts(result) == (paired, tp, fn, fp)
    # The scorer does not print the RMSE; this is another implementation of its definition.
    other = json.loads(shared_data(f"ptc_metric_fixture/{name}_python.json").read_text())
    assert result.rmse_um == pytest.approx(other["RMSE"], rel=1e-12)
