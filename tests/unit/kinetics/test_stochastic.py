"""Populations drawn at random: against the exact solution, and the tables that are written of them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from exotrack.errors import InputError
from exotrack.kinetics.catalogue import load
from exotrack.kinetics.drive import Course
from exotrack.kinetics.exact import expected
from exotrack.kinetics.generator import scheme
from exotrack.kinetics.membrane import area_um2, kisses_until_empty
from exotrack.kinetics.records import Arrivals, Place, Records, membrane_um2, records
from exotrack.kinetics.stochastic import Limits, Population, simulate
from exotrack.tables import Episodes, Events

CORE = load("neuroendocrine_core")
COURSE = Course.steps([(0.0, {"Ca": 0.1}), (20.0, {"Ca": 1.5}), (40.0, {"Ca": 0.1})])


@pytest.fixture(scope="module")
def population() -> Population:
    start = np.array([20_000.0, 0, 0, 0, 0, 0])
    return simulate(CORE, 60.0, np.random.default_rng(3), COURSE, start=start, limits=Limits(before_s=200.0))


@pytest.fixture(scope="module")
def told(population: Population) -> Records:
    return records(population, Place(frame_s=0.1, area_um2=400.0, stimulus_s=(20.0,)), np.random.default_rng(4))


def test_numbers_and_events_are_the_expected_ones() -> None:
    start = np.array([20_000.0, 0, 0, 0, 0, 0])
    hope = expected(CORE, [0.0, 60.0], COURSE, start)
    drawn = simulate(CORE, 60.0, np.random.default_rng(1), COURSE, start=start)
    assert drawn.numbers.sum() == 20_000
    np.testing.assert_allclose(drawn.numbers, hope.numbers[-1], atol=4.5 * np.sqrt(hope.numbers[-1].max()))
    for kind in ("docking", "undocking", "full_fusion", "kiss_and_run", "priming", "tethering"):
        n = hope.events(kind)[-1]
        assert len(drawn.times(kind)) == pytest.approx(n, abs=5 * np.sqrt(n)), kind


@pytest.mark.parametrize(("name", "inputs", "duration"), [
    ("insulin_hcsp2009", {"Ci": 1.0, "Cmd": 20.0}, 200.0),
    ("insulin_chen2008", {"Cmd": 2.0, "Ci": 0.3}, 50.0),
    ("omv_release", {"area": 600.0}, 500.0),
    ("constitutive", {"ATP": 3000.0}, 800.0),
    ("synaptic_dualsensor2007", {"Ca": 3.0}, 0.05),
])  # fmt: skip
def test_open_models_agree_with_the_exact_solution(name: str, inputs: dict[str, float], duration: float) -> None:
    model, course = load(name), Course.constant(inputs)
    hope = expected(model, [0.0, duration], course, "initial")
    runs = [simulate(model, duration, np.random.default_rng(k), course, "initial") for k in range(10)]
    kinds = {way.event for way in model.transitions} - {""}
    for kind in kinds:
        n = 10 * hope.events(kind)[-1]
        wide = 50.0 if name == "omv_release" else 1.0  # bursts of 50: the variance of a compound Poisson number
        assert sum(len(run.times(kind)) for run in runs) == pytest.approx(n, abs=5 * np.sqrt(wide * n) + 3), kind
    mean = np.mean([run.numbers for run in runs], axis=0)
    np.testing.assert_allclose(mean, hope.numbers[-1], atol=5 * np.sqrt(hope.numbers[-1].max() / 10) + 1)


def test_the_same_seed_draws_the_same_and_another_another() -> None:
    one, two, three = (simulate(CORE, 10.0, np.random.default_rng(seed)) for seed in (7, 7, 8))
    assert np.array_equal(one.t_s, two.t_s)
    assert np.array_equal(one.vesicle, two.vesicle)
    assert not np.array_equal(one.t_s[:5], three.t_s[:5])


def test_tables_are_those_of_the_pipeline(told: Records) -> None:
    Episodes.check(told.episodes)
    Events.check(told.events)
    Arrivals.check(told.arrivals)
    assert len(told.episodes) > 1000
    assert told.episodes["t_first_s"].is_monotonic_increasing
    assert told.events["t_s"].between(0, 60).all()
    ends = told.episodes["t_first_s"] + told.episodes["duration_s"]
    assert (ends <= 60 + 1e-9).all()
    assert (told.episodes["exit_observed"] == (told.episodes["exit_kind"] != "censored")).all()
    assert (told.episodes["n_frames"] == told.episodes["last_frame"] - told.episodes["first_frame"] + 1).all()


def test_every_ending_of_a_docked_stay_is_an_event(told: Records) -> None:
    docked = told.episodes[told.episodes["state"] == "docked"]
    for kind in ("undocking", "full_fusion", "kiss_and_run"):
        assert (docked["exit_kind"] == kind).sum() == (told.events["kind"] == kind).sum()
    begun = docked["entry_observed"].sum()
    assert begun == told.events["kind"].isin(["docking", "kiss_and_run"]).sum()
    assert set(docked["exit_kind"]) == {"undocking", "full_fusion", "kiss_and_run", "censored"}


def test_stays_last_as_long_and_end_as_the_scheme_says() -> None:
    rates = {"k_undock": 0.4, "k_prime": 0.8, "k_unprime": 0.3, "fuse_max": 1.5, "K_Ca": 0.001, "k_tether": 0.02}
    drawn = simulate(CORE, 120.0, np.random.default_rng(11), start=np.array([4000.0, 0, 0, 0, 0, 0]), values=rates)
    table = records(drawn, Place(), np.random.default_rng(0)).episodes
    docked = table[(table["state"] == "docked") & table["entry_observed"] & (table["t_first_s"] < 90)]
    kissed = docked.merge(table[table["exit_kind"] == "kiss_and_run"].assign(
        t=lambda t: t["t_first_s"] + t["duration_s"]), on="track_id", suffixes=("", "_k"))  # fmt: skip
    after = set(kissed.loc[(kissed["t"] - kissed["t_first_s"]).abs() < 1e-9, "episode_id"])
    fresh = docked[~docked["episode_id"].isin(after)]
    seen = scheme(CORE, rates)
    assert len(fresh) > 1500
    assert fresh["duration_s"].mean() == pytest.approx(seen.mean(), rel=0.06)
    shares = fresh["exit_kind"].value_counts(normalize=True)
    np.testing.assert_allclose([shares[fate] for fate in seen.fates], seen.fractions(), atol=0.035)


def test_arrivals_come_into_sight_once_each(told: Records) -> None:
    arrivals, episodes = told.arrivals, told.episodes
    assert arrivals["track_id"].is_unique
    assert set(arrivals["track_id"]) == set(episodes["track_id"])
    assert arrivals["t_s"].notna().sum() == (told.events["kind"] == "tethering").sum()
    assert arrivals["docked_at_s"].notna().sum() == (told.events["kind"] == "docking").sum()
    assert (arrivals["left_at_s"].dropna() >= 0).all()
    assert arrivals["vesicle_id"].nunique() < len(arrivals)


def test_content_falls_from_kiss_to_kiss(told: Records) -> None:
    fusions = told.events[told.events["kind"].isin(["full_fusion", "kiss_and_run"])]
    first = fusions[fusions["fusion_number"] == 1]
    assert (first["content_before"] == 1).all()
    later = fusions[fusions["fusion_number"] > 1]
    assert len(later) > 10
    assert (later["content_before"] < 1).all()
    kisses = fusions[(fusions["kind"] == "kiss_and_run") & fusions["open_s"].notna()]
    np.testing.assert_allclose(kisses["fraction_released"], 1 - np.exp(-kisses["open_s"] / 0.5))
    assert kisses["fraction_released"].mean() == pytest.approx(0.5 / (0.5 + 0.5), abs=0.06)
    assert (fusions.loc[fusions["kind"] == "full_fusion", "fraction_released"] == 1).all()


def test_vesicles_kiss_until_they_are_empty_and_leave() -> None:
    # Nothing but kisses from a primed state that is reached at once: how many fit is known.
    rates = {
        "phi_kiss": 1.0,
        "k_undock": 1e-6,
        "k_prime": 500.0,
        "k_unprime": 1e-6,
        "fuse_max": 50.0,
        "K_Ca": 0.01,
        "k_close": 2.0,
    }
    rates |= {"k_refill": 0.0, "k_tether": 1e-6}
    start = np.array([0, 0, 2000.0, 0, 0, 0])
    drawn = simulate(CORE, 60.0, np.random.default_rng(2), start=start, values=rates, limits=Limits(empty=0.05))
    events = records(drawn, Place(), np.random.default_rng(0)).events
    kisses = (events["kind"] == "kiss_and_run").groupby(events["track_id"]).sum()
    assert len(kisses) == 2000
    assert kisses.mean() == pytest.approx(kisses_until_empty(0.5, 0.5, 0.05), rel=0.04)
    assert (events["kind"] == "undocking").sum() == 2000
    assert drawn.numbers.tolist() == [2000, 0, 0, 0, 0, 0]
    endless = simulate(CORE, 60.0, np.random.default_rng(2), start=start, values=rates)
    assert endless.numbers[0] <= 5


def test_docking_stops_where_sites_are_full() -> None:
    rates = {"k_undock": 0.05, "k_tether": 0.05, "fuse_max": 1e-6}
    free = simulate(CORE, 60.0, np.random.default_rng(5), values=rates)
    held = simulate(CORE, 60.0, np.random.default_rng(5), values=rates, limits=Limits(sites=20))
    assert free.numbers[2:5].sum() > 40
    assert 15 <= held.numbers[2:5].sum() <= 20
    table = records(held, Place(), np.random.default_rng(0)).episodes
    docked = table[table["state"] == "docked"]
    for t in (1.0, 30.0, 59.0):
        assert ((docked["t_first_s"] <= t) & (docked["t_first_s"] + docked["duration_s"] > t)).sum() <= 20
    none = simulate(CORE, 20.0, np.random.default_rng(5), values=rates, limits=Limits(sites=0))
    assert len(none.times("docking")) == 0


def test_the_membrane_grows_by_each_collapse(population: Population) -> None:
    t = np.array([-200.0, 0.0, 60.0])
    grown = membrane_um2(population, t, 356.0)
    n = [(population.times("full_fusion") <= when).sum() for when in t]
    opened = grown / area_um2(356.0) - n
    assert (np.abs(opened - np.rint(opened)) < 1e-9).all()
    assert (opened >= -1e-9).all()
    assert opened[-1] == pytest.approx(population.numbers[4], abs=1e-9)


def test_nothing_that_happens_is_empty_tables() -> None:
    quiet = simulate(CORE, 5.0, np.random.default_rng(0), start=np.zeros(6))
    told = records(quiet, Place(), np.random.default_rng(0))
    for table, kind in ((told.episodes, Episodes), (told.events, Events), (told.arrivals, Arrivals)):
        assert isinstance(table, pd.DataFrame)
        assert len(table) == 0
        kind.check(table)


@pytest.mark.parametrize(
    ("limits", "duration", "said"),
    [
        (Limits(sites=-1), 1.0, "-1 docking sites"),
        (Limits(empty=1.5), 1.0, "vesicles are empty below 1.5"),
        (Limits(before_s=-1.0), 1.0, "give positive times"),
        (Limits(), 0.0, "give positive times"),
    ],
)
def test_limits_without_meaning_are_refused(limits: Limits, duration: float, said: str) -> None:
    with pytest.raises(InputError, match=said):
        simulate(CORE, duration, np.random.default_rng(0), limits=limits)


def test_emptying_needs_a_model_that_says_where_to() -> None:
    with pytest.raises(InputError, match="insulin_chen2008 has not both"):
        simulate(load("insulin_chen2008"), 1.0, np.random.default_rng(0), limits=Limits(empty=0.1))


def test_frames_must_fit() -> None:
    quiet = simulate(CORE, 5.0, np.random.default_rng(0))
    with pytest.raises(InputError, match=r"frames of 6 s in 5 s"):
        records(quiet, Place(frame_s=6.0), np.random.default_rng(0))
