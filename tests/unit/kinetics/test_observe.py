"""The camera: recorded stays follow the exact law of frames, and every loss is where it should be."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from exotrack.errors import InputError
from exotrack.kinetics.observe import Camera, FrameLaw, observe
from exotrack.kinetics.scheme import FATES, Scheme
from exotrack.kinetics.stays import Stays, check

Real = NDArray[np.float64]
SCHEME = Scheme(np.array([[-0.9, 0.5], [0.2, -1.2]]), np.array([[0.4, 0.0], [0.0, 1.0]]), FATES[:2], np.array([1.0, 0.0]))
CAMERA = Camera(frame_s=0.3, n_frames=40, min_frames=3)
N = 200_000


def lives(n: int, rng: np.random.Generator) -> tuple[Real, NDArray[Any]]:
    """Durations (s) and fates of `n` stays of `SCHEME`, state by state."""
    state, age, alive = np.zeros(n, dtype=int), np.zeros(n), np.arange(n)
    fate = np.empty(n, dtype=object)
    total, leave = np.array([0.9, 1.2]), np.array([0.4, 1.0])
    while len(alive):
        here = state[alive]
        age[alive] += rng.exponential(1 / total[here])
        out = rng.uniform(size=len(alive)) < leave[here] / total[here]
        fate[alive[out]] = np.array(FATES, dtype=object)[here[out]]
        alive = alive[~out]
        state[alive] = 1 - state[alive]
    return age, fate


@pytest.fixture(scope="module")
def recorded() -> pd.DataFrame:
    """Stays that began long before the movie or during it, each in a movie of its own phase."""
    rng = np.random.default_rng(1)
    lasts, fate = lives(N, rng)
    start = rng.uniform(-20.0, 12.0, N)
    return observe(start, start + lasts, fate, CAMERA, rng, movie=np.arange(N))


@pytest.mark.parametrize("resident", [False, True], ids=["newcomers", "residents"])
def test_recorded_stays_follow_the_law_of_frames(recorded: pd.DataFrame, resident: bool) -> None:
    """Counts of every number of frames and fate, chi-squared over some 25 of them."""
    rows = recorded[recorded["entry_observed"] != resident]
    rows = rows[rows["movie_frames"] - rows["first_frame"] >= 25]
    law = FrameLaw.of(SCHEME, CAMERA.frame_s, 40, CAMERA.min_frames, resident=resident)
    squared, cells = 0.0, 0
    for k in range(3, 15):
        for j, fate in enumerate(law.fates):
            expected = len(rows) * law.ending[k, j] / law.recorded()
            squared += (np.count_nonzero((rows["n_frames"] == k) & (rows["exit_kind"] == fate)) - expected) ** 2 / expected
            cells += 1
    assert len(rows) > 5000
    check(rows)
    assert squared < cells + 4 * np.sqrt(2 * cells)
    lasting = np.mean(rows["n_frames"] >= 15)
    assert lasting == pytest.approx(law.lasting[15] / law.recorded(), abs=4 * np.sqrt(lasting / len(rows)))


def test_fewer_are_recorded_than_there_were_by_as_much_as_the_law_says(recorded: pd.DataFrame) -> None:
    law = FrameLaw.of(SCHEME, CAMERA.frame_s, 40, CAMERA.min_frames)
    came = recorded[recorded["entry_observed"] & recorded["t_entry_s"].between(0.5, 5.0)]
    expected = N * (came["t_entry_s"].nunique() * CAMERA.frame_s) / 32.0 * law.recorded()
    assert len(came) == pytest.approx(expected, abs=4 * np.sqrt(expected))


def test_the_law_sums_to_one_and_what_does_not_end_lasts() -> None:
    for resident in (False, True):
        law = FrameLaw.of(SCHEME, 0.3, 50, resident=resident)
        np.testing.assert_allclose(law.lasting[1:-1] - law.lasting[2:], law.ending[1:].sum(axis=1), atol=1e-14)


def test_a_constant_rate_is_the_closed_form() -> None:
    """Kinetics of one state: P(K >= k) = exp(-r (k - 1) D) (1 - exp(-r D)) / (r D)."""
    law = FrameLaw.of(Scheme.one_state(undocking=0.5, full_fusion=0.3), 0.25, 20)
    k = np.arange(1, 21)
    np.testing.assert_allclose(law.lasting[1:21], np.exp(-0.2 * (k - 1)) * (1 - np.exp(-0.2)) / 0.2, rtol=1e-12)
    np.testing.assert_allclose(law.ending[1:, 0] / law.ending[1:].sum(axis=1), 5 / 8, rtol=1e-12)


def test_a_dead_end_never_leaves() -> None:
    stuck = Scheme(np.diag([-1.0, 0.0]), np.array([[1.0], [0.0]]), FATES[:1], np.array([0.8, 0.2]))
    assert FrameLaw.of(stuck, 0.1, 500).lasting[-1] == pytest.approx(0.2)


@pytest.mark.parametrize("left", [10, 30])
def test_drawing_from_the_law_is_the_same_as_recording(recorded: pd.DataFrame, left: int) -> None:
    rows = recorded[recorded["entry_observed"] & (recorded["movie_frames"] - recorded["first_frame"] == left)]
    law = FrameLaw.of(SCHEME, CAMERA.frame_s, 40, CAMERA.min_frames)
    n_frames, fate = law.draw(np.full(20_000, left), np.random.default_rng(2))
    assert n_frames.min() >= 3
    assert (fate[n_frames == left] == -1).all()
    for share, drawn in (
        ((rows["n_frames"] <= 5).mean(), (n_frames <= 5).mean()),
        ((rows["exit_kind"] == "full_fusion").mean(), (fate == 1).mean()),
        ((rows["exit_kind"] == "censored").mean(), (fate == -1).mean()),
    ):
        assert share == pytest.approx(drawn, abs=4 * np.sqrt(share * (1 - share) / len(rows)) + 0.012)


def test_frames_of_one_stay_by_hand() -> None:
    """Frames 1 s apart at phase p: a stay of 2.5 s from 3.2 s shows in 2 or 3; the last ones outlast the movie."""
    camera = Camera(1.0, 10)
    one = pd.concat([observe([3.2], [5.7], "undocking", camera, np.random.default_rng(k)) for k in range(200)])
    assert set(one["n_frames"]) == {2, 3}
    assert one["n_frames"].mean() == pytest.approx(2.5, abs=0.15)
    table = observe([-4.0, 2.5, 6.0], [1.5, 4.5, np.inf], "full_fusion", camera, np.random.default_rng(0))
    assert table["entry_observed"].tolist() == [False, True, True]
    assert table["exit_observed"].tolist() == [True, True, False]
    assert table["exit_kind"].tolist() == ["full_fusion", "full_fusion", "censored"]
    assert table["n_frames"].iloc[-1] == 10 - table["first_frame"].iloc[-1]


def test_bleaching_competes_and_wrong_calls_mix_fates() -> None:
    rng = np.random.default_rng(3)
    start, lasts = np.zeros(40_000), rng.exponential(2.0, 40_000)
    calls = np.eye(5)
    calls[FATES.index("bleaching")] = [1, 0, 0, 0, 0]
    calls[FATES.index("full_fusion"), :3] = [0.1, 0.7, 0.2]
    camera = Camera(0.1, 1000, bleaching_per_s=0.5, calls=calls)
    table = observe(start, start + lasts, "full_fusion", camera, rng, movie=np.arange(40_000))
    kinds = table["exit_kind"].value_counts(normalize=True)
    assert kinds["undocking"] == pytest.approx(0.5 + 0.05, abs=0.01)
    assert kinds["kiss_and_run"] == pytest.approx(0.1, abs=0.01)
    law = FrameLaw.of(Scheme.one_state(full_fusion=0.5).losing("bleaching", 0.5), 0.1, 100)
    called = law.called(np.array([[0.7, 0.3], [0.0, 1.0]]))
    np.testing.assert_allclose(called.ending.sum(axis=1), law.ending.sum(axis=1))
    assert called.ending[1, 0] == pytest.approx(0.7 * law.ending[1, 0])


def test_nothing_recorded_is_a_table_with_its_columns() -> None:
    table = observe([1.01], [1.02], "undocking", Camera(1.0, 10, min_frames=2), np.random.default_rng(0))
    assert len(table) == 0
    assert list(table) == list(Stays.columns())
    assert check(table) is table


def test_bad_input_is_named() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(InputError, match="none before its start"):
        observe([2.0], [1.0], "undocking", CAMERA, rng)
    with pytest.raises(InputError, match="fate 'fusion' is unknown"):
        observe([1.0], [2.0], "fusion", CAMERA, rng)
    with pytest.raises(InputError, match="must be positive"):
        Camera(0.0, 10)
    with pytest.raises(InputError, match="rows summing to 1"):
        Camera(0.1, 10, calls=np.ones((5, 5)))
