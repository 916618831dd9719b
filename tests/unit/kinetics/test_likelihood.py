"""The frame-exact likelihood against simulated vesicles, closed forms and itself put otherwise."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from docked import TRUE, lives, movie, record, two_states
from scipy.optimize import minimize_scalar

from exotrack.errors import ParameterError
from exotrack.kinetics import Scheme
from exotrack.kinetics.calls import Calls
from exotrack.kinetics.course import Course, frame_law, powers, segments, steps, with_dead_ends
from exotrack.kinetics.likelihood import cell_log_likelihood, exposure_rates, log_likelihood, stay_log_likelihood
from exotrack.kinetics.sightings import sightings
from exotrack.kinetics.stays import SEEN_EXITS


def rates_of_best(table: pd.DataFrame) -> float:
    """Most probable rate (1/s) of the one-state scheme that only undocks."""
    data = sightings(table)

    def down(x: float) -> float:
        return -log_likelihood(Scheme.one_state(undocking=float(np.exp(x))), data)

    return float(np.exp(minimize_scalar(down, bounds=(-6, 6), method="bounded", options={"xatol": 1e-9}).x))


@pytest.mark.parametrize("start", ["docking", "resident"])
def test_four_hundred_thousand_vesicles_are_seen_in_as_many_frames_as_the_law_says(start: str) -> None:
    n, frame_s, scheme, rng = 400_000, 0.5, two_states(**TRUE), np.random.default_rng(1)
    stay, fate = lives(scheme, n, rng, scheme.rested() if start == "resident" else None)
    phase = rng.random(n) * frame_s if start == "docking" else np.zeros(n)
    frames = np.ceil((stay - phase) / frame_s).clip(0).astype(int)
    seen, left = frame_law(Course((scheme,)), frame_s, 40, start)
    counted = np.array([[np.sum((frames == k) & (fate == j)) for j in range(3)] for k in range(1, 41)])
    z = (counted - n * left) / np.sqrt(n * left * (1 - left))
    assert np.abs(z).max() < 4.5 and 0.8 < z.std() < 1.2
    assert np.mean(frames >= 10) == pytest.approx(seen[9], abs=4 * np.sqrt(0.25 / n))


def test_the_law_is_that_of_the_formula_with_inverses() -> None:
    scheme, d = two_states(**TRUE), 0.3
    seen, left = frame_law(Course((scheme,)), d, 30)
    step, inverse, k = scheme.over(d)[0], np.linalg.inv(-scheme.stay), np.arange(1, 32)
    whole = np.array([
        scheme.entry @ np.linalg.matrix_power(step, n - 1) @ inverse @ (np.eye(2) - step) @ inverse @ scheme.exits / d for n in k
    ])  # fmt: skip
    assert seen == pytest.approx(whole[:30].sum(axis=1), rel=1e-10)
    assert left == pytest.approx(whole[:30] - whole[1:], rel=1e-8)


@pytest.mark.parametrize(("mean_s", "least", "naive_s"), [(0.15, 3, 0.405), (0.5, 3, 0.753), (0.5, 5, 0.952)])
def test_the_filter_is_seen_through_where_the_mean_of_stays_is_far_off(mean_s: float, least: int, naive_s: float) -> None:
    rng = np.random.default_rng(7)
    table = movie(Scheme.one_state(undocking=1 / mean_s, full_fusion=0.0, kiss_and_run=1e-9), 0, 150_000, rng,
                  min_frames=least, n_frames=20_000)  # fmt: skip
    exact = 1 / rates_of_best(table)
    assert table["duration_s"].mean() == pytest.approx(naive_s, abs=0.01)
    assert exact == pytest.approx(mean_s, abs=4 * mean_s / np.sqrt(len(table)))


def test_with_one_state_the_best_rate_is_events_over_exposure() -> None:
    rng = np.random.default_rng(2)
    scheme = Scheme.one_state(undocking=0.4, full_fusion=0.1, kiss_and_run=0.05)
    table = movie(scheme, 500, 3_000, rng, frame_s=0.02, min_frames=10, n_frames=1_000)
    seen, extra = table["exit_observed"].to_numpy(), table["n_frames"].to_numpy() - 10
    # A frame interval is survived with chance q: the best q is that of a geometric law, the rate -log(q) / frame.
    exact = -np.log1p(-seen.sum() / (seen.sum() + extra.sum())) / 0.02
    data = sightings(table)
    shares = table.loc[seen, "exit_kind"].value_counts(normalize=True)

    def at(total: float) -> float:
        return log_likelihood(Scheme.one_state(**{kind: total * shares[kind] for kind in SEEN_EXITS}), data)

    assert at(exact) > max(at(exact * 1.001), at(exact * 0.999))
    assert sum(exposure_rates(data).values()) == pytest.approx(exact, rel=1e-4)


def test_the_order_of_the_rows_changes_nothing_at_all() -> None:
    rng = np.random.default_rng(3)
    table = soft(movie(two_states(**TRUE), 100, 400, rng), rng)
    mixed = table.sample(frac=1.0, random_state=1).reset_index(drop=True)
    assert log_likelihood(two_states(**TRUE), sightings(table)) == log_likelihood(two_states(**TRUE), sightings(mixed))


def test_the_parts_sum_to_the_whole() -> None:
    table = movie(two_states(**TRUE), 100, 400, np.random.default_rng(4))
    data, scheme = sightings(table), two_states(**TRUE)
    whole = log_likelihood(scheme, data)
    assert stay_log_likelihood(scheme, data).sum() == pytest.approx(whole, rel=1e-12)
    assert cell_log_likelihood(scheme, data).sum() == pytest.approx(whole, rel=1e-12)
    half = data.cells < 2
    assert log_likelihood(scheme, data.only(half)) + log_likelihood(scheme, data.only(~half)) == pytest.approx(whole, rel=1e-12)


def test_a_change_to_the_same_rates_changes_nothing_wherever_it_falls() -> None:
    scheme = two_states(**TRUE)
    data = sightings(movie(scheme, 100, 400, np.random.default_rng(5)))
    plain = log_likelihood(scheme, data)
    for times in [(4.0,), (4.03,), (4.03, 4.07), (-1.0, 50.0), (0.0, 7.001)]:
        course = Course((scheme,) * (len(times) + 1), times)
        assert log_likelihood(course, data) == pytest.approx(plain, rel=1e-10)


def test_rates_that_change_inside_a_frame_are_followed() -> None:
    # Fusion starts at 3.04 s, between frames. Vesicles are drawn in continuous time, piece by piece.
    n, d, change, rng = 300_000, 0.2, 3.04, np.random.default_rng(6)
    calm, stirred = Scheme.one_state(undocking=0.3, full_fusion=0.0), Scheme.one_state(undocking=0.3, full_fusion=1.2)
    came = rng.random(n) * 4.0
    stay, fate = lives(calm, n, rng)
    over = came + stay > change
    start = np.maximum(came, change)
    again, fate_again = lives(stirred, n, rng)
    stay, fate = np.where(over, start - came + again, stay), np.where(over, fate_again, fate)
    table = record(came, stay, np.asarray(SEEN_EXITS)[fate], np.zeros(n, bool), rng, frame_s=d, min_frames=3, n_frames=60)
    table = table[table["first_frame"] == 12].reset_index(drop=True)
    each = np.exp(stay_log_likelihood(Course((calm, stirred), (change,)), sightings(table)))
    found = table.assign(told=each).groupby(["n_frames", "exit_kind"])["told"].agg(["size", "first"])
    found = found[found["size"] > 20]
    z = (found["size"] - len(table) * found["first"]) / np.sqrt(len(table) * found["first"] * (1 - found["first"]))
    assert len(found) > 15 and np.abs(z).max() < 4.2 and z.std() < 1.4


def test_the_clock_of_a_course_starts_at_the_stimulus() -> None:
    scheme, faster = Scheme.one_state(undocking=0.3), Scheme.one_state(undocking=1.0)
    table = movie(Scheme.one_state(undocking=0.3, full_fusion=0.0, kiss_and_run=0.0), 50, 200, np.random.default_rng(8))
    told = table.assign(t_since_stimulus_s=table["t_entry_s"] - 12.0)
    by_movie = log_likelihood(Course((scheme, faster), (12.5,)), sightings(table))
    assert log_likelihood(Course((scheme, faster), (0.5,)), sightings(told)) == pytest.approx(by_movie, rel=1e-12)
    assert log_likelihood(Course((scheme, faster), (0.5,)), sightings(table)) != pytest.approx(by_movie, rel=1e-3)


def test_a_broken_track_counts_until_it_broke() -> None:
    rng = np.random.default_rng(9)
    scheme = Scheme.one_state(undocking=0.2, full_fusion=0.3, lost=0.4)
    stay, fate = lives(scheme, 40_000, rng)
    table = record(rng.random(40_000) * 100, stay, np.array([*SEEN_EXITS[:2], "lost"])[fate], np.zeros(40_000, bool), rng,
                   frame_s=0.1, min_frames=3, n_frames=1_200)  # fmt: skip
    table["exit_observed"] &= table["exit_kind"] != "lost"
    data = sightings(table)

    def rate(fates: dict[str, float], name: str) -> float:
        def down(x: float) -> float:
            return -log_likelihood(Scheme.one_state(**{**fates, name: float(np.exp(x))}), data)

        return float(np.exp(minimize_scalar(down, bounds=(-5, 3), method="bounded", options={"xatol": 1e-8}).x))

    # As an exit of the model or as an end that says nothing, loss leaves the other rates alone.
    assert rate({"undocking": 0.2, "lost": 0.4}, "full_fusion") == pytest.approx(0.3, rel=0.03)
    assert rate({"undocking": 0.2}, "full_fusion") == pytest.approx(0.3, rel=0.03)
    assert rate({"undocking": 0.2, "full_fusion": 0.3}, "lost") == pytest.approx(0.4, rel=0.03)


def test_dead_ends_are_told_by_what_outlasts_the_movie() -> None:
    rng = np.random.default_rng(10)
    table = movie(Scheme.one_state(undocking=0.5, full_fusion=0.0, kiss_and_run=0.0), 0, 2_000, rng, n_frames=600)
    first = rng.integers(1, 500, 300)
    dead = table.iloc[:300].assign(first_frame=first, n_frames=600 - first, duration_s=(600 - first) * 0.1, exit_observed=False,
                                   exit_kind="censored", t_entry_s=first * 0.1)  # fmt: skip
    data = sightings(pd.concat([table, dead], ignore_index=True))
    scheme = Scheme.one_state(undocking=0.5)
    heights = [log_likelihood(with_dead_ends(scheme, share, 0.0), data) for share in np.linspace(0.01, 0.5, 50)]
    # Stays of at least a second are recorded: all dead ends, but 0.61 of the others.
    assert np.linspace(0.01, 0.5, 50)[int(np.argmax(heights))] == pytest.approx(300 / (300 + len(table) / 0.607), abs=0.02)


def test_each_label_needs_a_scheme_of_its_own() -> None:
    table = movie(two_states(**TRUE), 50, 200, np.random.default_rng(11))
    both = pd.concat([table.assign(condition="rest"), table.assign(condition="high")], ignore_index=True)
    data, scheme = sightings(both, by="condition"), two_states(**TRUE)
    assert data.labels == ("high", "rest")
    assert log_likelihood({"rest": scheme, "high": scheme}, data) == pytest.approx(2 * log_likelihood(scheme, sightings(table)))
    with pytest.raises(ParameterError, match="no scheme for stays labelled 'high'"):
        log_likelihood({"rest": scheme}, data)


def soft(table: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Exits known by calibrated probabilities alone: a noisy look at the fate, turned round by Bayes' rule."""
    seen = table["exit_observed"].to_numpy()
    true = np.array([SEEN_EXITS.index(kind) if kind in SEEN_EXITS else 0 for kind in table["exit_kind"]])
    look = np.eye(3)[true] + rng.normal(0, 0.8, (len(table), 3))
    share = np.bincount(true[seen], minlength=3) / seen.sum()
    chance = share * np.exp(look / 0.8**2)
    chance /= chance.sum(axis=1, keepdims=True)
    chance[~seen] = np.nan
    return table.assign(**dict(zip(("p_undocking", "p_full_fusion", "p_kiss_and_run"), chance.T, strict=True)))


def test_probabilities_of_fates_give_the_rates_that_the_true_fates_give() -> None:
    rng = np.random.default_rng(12)
    scheme = Scheme.one_state(undocking=0.5, full_fusion=0.15, kiss_and_run=0.35)
    table = movie(scheme, 0, 30_000, rng, n_frames=2_000)
    data = sightings(soft(table, rng))
    shares = np.linspace(0.05, 0.3, 51)
    heights = [
        log_likelihood(Scheme.one_state(undocking=0.5, full_fusion=x, kiss_and_run=0.5 - x), data) for x in shares
    ]  # fmt: skip
    assert shares[int(np.argmax(heights))] == pytest.approx(0.15, abs=0.011)
    winner = (
        soft(table, rng)[["p_undocking", "p_full_fusion", "p_kiss_and_run"]].to_numpy()[table["exit_observed"]].argmax(axis=1)
    )
    assert np.mean(winner == 1) < 0.11  # counting winners would find a third less


def test_a_call_that_is_wrong_at_times_is_summed_over() -> None:
    table = movie(Scheme.one_state(undocking=0.5, full_fusion=0.3, kiss_and_run=0.2), 0, 500, np.random.default_rng(13))
    calls = Calls(SEEN_EXITS, [[90, 5, 5, 0], [10, 70, 10, 10], [20, 10, 60, 10]])
    scheme = Scheme.one_state(undocking=0.5, full_fusion=0.3, kiss_and_run=0.2)
    data = sightings(table, "calls")
    seen, left = frame_law(Course((scheme,)), 0.1, 400)
    chances = calls.chances()
    expected = [
        np.log((left[k - 1] @ chances[:, SEEN_EXITS.index(kind)] if kind in SEEN_EXITS else seen[k - 1]) / seen[9])
        for k, kind in zip(table["n_frames"], table["exit_kind"], strict=True)
    ]
    assert log_likelihood(scheme, data, calls) == pytest.approx(np.sum(expected), rel=1e-10)


def test_exits_that_nobody_notices_and_exits_that_are_none_are_known_for_what_they_are() -> None:
    """Simulated: half of the kiss-and-runs are not noticed, and stays end by a false undocking now and then."""
    rng, rates = np.random.default_rng(14), {"undocking": 0.3, "full_fusion": 0.2, "kiss_and_run": 0.2}
    n, false = 30_000, 0.1
    time = np.column_stack([rng.exponential(1 / rate, n) for rate in (0.3, 0.2, 0.5 * 0.2, false)])
    kind = np.array([*SEEN_EXITS, "undocking"])[time.argmin(axis=1)]
    came = rng.random(n) * 30
    table = record(came, time.min(axis=1), kind, np.zeros(n, bool), rng, frame_s=0.1, min_frames=3, n_frames=400)
    counts = np.array([[1e4, 0, 0, 0, 0], [0, 1e4, 0, 0, 0], [0, 0, 5e3, 0, 5e3]])
    calls, data = Calls(SEEN_EXITS, counts, np.array([1e4 * false, 0, 0]), 1e4), sightings(table, "calls")

    def height(undocking: float, kiss: float) -> float:
        return log_likelihood(Scheme.one_state(**{**rates, "undocking": undocking, "kiss_and_run": kiss}), data, calls)

    tried = [(x, max((height(x, y), y) for y in np.arange(0.16, 0.25, 0.01))) for x in np.arange(0.24, 0.37, 0.01)]
    undocking, (_, kiss) = max(tried, key=lambda one: one[1][0])
    assert undocking == pytest.approx(0.3, abs=0.011) and kiss == pytest.approx(0.2, abs=0.011)
    seen = calls.seen(Course((Scheme.one_state(**rates),)))
    assert seen.schemes[0].exits[0] == pytest.approx([0.3 + false, 0.2, 0.1, 0.0])


def test_a_kiss_that_nobody_notices_leaves_a_resealed_vesicle() -> None:
    scheme = two_states(**TRUE)
    calls = Calls(SEEN_EXITS, [[1, 0, 0, 0, 0], [0, 1, 0, 0, 0], [0, 0, 1, 0, 3]])
    plain, told = (calls.seen(Course((scheme,), resealed=again)) for again in (None, np.array([1.0, 0.0])))
    kiss = TRUE["fuse"] * TRUE["kiss"]
    assert told.schemes[0].exits == pytest.approx(plain.schemes[0].exits)
    assert told.schemes[0].stay[1, 0] - plain.schemes[0].stay[1, 0] == pytest.approx(0.75 * kiss)
    assert plain.schemes[0].exits[1, 2] == pytest.approx(0.25 * kiss)


def test_doubling_gives_the_powers() -> None:
    carry = two_states(**TRUE).over(0.7)[0]
    assert powers(carry, 13)[13] == pytest.approx(np.linalg.matrix_power(carry, 13), rel=1e-12)
    assert steps(np.array([1.0, 0.0]), carry, 13)[6] == pytest.approx(np.linalg.matrix_power(carry, 6)[0], rel=1e-12)
    assert len(powers(carry, 13)) == len(steps(np.array([1.0, 0.0]), carry, 13)) == 14


def test_a_course_is_cut_at_its_changes_only() -> None:
    one = Scheme.one_state(undocking=1.0)
    parts = segments(Course((one,) * 4, (1.0, 1.25, 1.27)), 0.1, 0.0)
    assert [(part.start, part.stop) for part in parts[1:-1]] == [(10, 12), (12, 13)]
    assert all(a.stop == b.start for a, b in pairwise(parts))
    assert parts[2].carry[0, 0] == pytest.approx(np.exp(-0.1))
