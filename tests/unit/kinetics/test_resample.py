"""Resampling of cells in animals: the same numbers for any number of workers, and errors that are right."""

from __future__ import annotations

import numpy as np
import pytest
from distributed import Client, LocalCluster
from numpy.typing import NDArray

from exotrack._blocks import Execution
from exotrack.errors import InputError
from exotrack.kinetics._risk import Risk
from exotrack.kinetics.estimators import aalen_johansen
from exotrack.kinetics.resample import Nest, bootstrap, each, spread, stream

Real = NDArray[np.float64]
FATES = ("undocking", "full_fusion")


def mean_of(values: Real, weights: Real) -> Real:
    """Weighted mean of one value a cell."""
    return np.asarray(weights @ values / weights.sum(axis=-1))


class Mean:
    """A statistic that can be sent to another process."""

    def __init__(self, values: Real) -> None:
        self.values = values

    def __call__(self, weights: Real) -> Real:
        return mean_of(self.values, weights)


def normal(rng: np.random.Generator) -> float:
    return float(rng.normal())


def test_one_or_many_workers_and_processes_give_the_same_numbers() -> None:
    nest = Nest.of(range(12), [k // 3 for k in range(12)])
    statistic = Mean(np.arange(12.0) ** 2)
    runs = [bootstrap(statistic, nest, repeats=230, seed=5, run=Execution(workers)) for workers in (1, 2, 5)]
    with LocalCluster(n_workers=2, threads_per_worker=1, processes=False, dashboard_address=None) as cluster, Client(cluster):
        runs.append(bootstrap(statistic, nest, repeats=230, seed=5))
    for other in runs[1:]:
        np.testing.assert_array_equal(runs[0].draws, other.draws)
        assert (runs[0].low, runs[0].high) == (other.low, other.high)
    assert not np.array_equal(runs[0].draws, bootstrap(statistic, nest, repeats=230, seed=6).draws)


def test_a_replicate_is_the_same_however_many_there_are() -> None:
    few, many = (spread("numbers", normal, repeats, 3, Execution(1)) for repeats in (7, 120))
    assert few == many[:7]
    spawned = np.random.SeedSequence(3).spawn(8)[7]
    assert many[7] == np.random.default_rng(spawned).normal() == stream(3, 7).normal()


def test_a_draw_takes_whole_animals_and_as_many_cells_as_each_has() -> None:
    nest = Nest.of(range(7), ["a", "a", "b", "b", "b", "b", "c"])
    for number in range(50):
        weights = nest.draw(stream(0, number))
        of_animal = np.array([weights[:2].sum() / 2, weights[2:6].sum() / 4, weights[6]])
        assert of_animal.sum() == 3
        assert (of_animal == of_animal.round()).all()


def test_strata_keep_their_number_of_animals() -> None:
    nest = Nest.of(range(6), list("aabbcd"), ["rest"] * 4 + ["high K"] * 2)
    drawn = np.stack([nest.draw(stream(0, number)) for number in range(40)])
    assert (drawn[:, :4].sum(axis=1) == 4).all()
    assert (drawn[:, 4:].sum(axis=1) == 2).all()


def test_cells_without_known_animals_stand_for_themselves() -> None:
    nest = Nest.of(["x", "y", "z"])
    assert (nest.unit, nest.n_units) == ("cell", 3)
    assert Nest.of(["x", "y", "z"], ["a", "a", "b"]).unit == "animal"
    assert nest.left_out().tolist() == [[0, 1, 1], [1, 0, 1], [1, 1, 0]]


def test_the_error_of_a_mean_of_cells_is_the_textbook_one() -> None:
    values = np.random.default_rng(1).normal(size=40)
    found = bootstrap(Mean(values), Nest.of(range(40)), repeats=2000, seed=2)
    assert found.sd == pytest.approx(values.std() / np.sqrt(40), rel=0.07)
    assert found.low < found.value < found.high


class Means(Mean):
    """The means of many studies at once: values are (cells, studies)."""

    def __call__(self, weights: Real) -> Real:
        return np.asarray(weights @ self.values / weights.sum(axis=-1, keepdims=True))


def test_intervals_hold_the_truth_where_cells_as_units_would_not() -> None:
    """400 studies of 8 animals of 5 cells; animals differ twice as much (in variance) as the cells of one."""
    rng, animal = np.random.default_rng(3), np.repeat(np.arange(8), 5)
    values = rng.normal(size=(8, 400))[animal] * np.sqrt(2) + rng.normal(size=(40, 400))
    inside = {}
    for unit, group in {"animal": animal.tolist(), "cell": None}.items():
        found = bootstrap(Means(values), Nest.of(range(40), group), repeats=600, seed=1)
        inside[unit] = float(np.mean((found.low <= 0) & (found.high >= 0)))
    assert 0.88 <= inside["animal"] <= 0.98
    assert inside["cell"] < 0.75


def test_corrected_intervals_of_a_skewed_statistic_lean_the_right_way() -> None:
    values = np.random.default_rng(4).exponential(size=25) ** 2
    plain, better = (bootstrap(Mean(values), Nest.of(range(25)), repeats=2000, seed=1, corrected=c) for c in (False, True))
    assert better.high > plain.high
    assert better.low > plain.low


def test_weights_of_a_survival_table_stand_for_copies_of_cells() -> None:
    rng = np.random.default_rng(5)
    cell, last = rng.integers(0, 6, 200), np.ceil(rng.exponential(5, 200))
    fate = np.where(rng.uniform(size=200) < 0.2, "", np.where(rng.uniform(size=200) < 0.5, *FATES))
    risk, grid = Risk.of(last, fate, FATES, cell=cell, n_cells=6), np.arange(0.0, 15.0)
    weights = np.array([[2.0, 0, 1, 3, 0, 1], [1, 1, 1, 1, 1, 1]])
    copied = np.repeat(np.arange(200), weights[0][cell].astype(int))
    by_hand = aalen_johansen(last[copied], fate[copied], FATES).at(grid)
    np.testing.assert_allclose(risk.incidence_at(grid, weights)[0], by_hand, rtol=1e-12)
    np.testing.assert_allclose(risk.incidence_at(grid, weights)[1], aalen_johansen(last, fate, FATES).at(grid), rtol=1e-12)
    band = bootstrap(lambda w: risk.incidence_at(grid, w), Nest.of(range(6)), repeats=100, seed=0)
    assert band.low.shape == (2, 15)
    assert (band.low <= band.value + 1e-12).all()


def test_a_statistic_of_one_row_is_as_good_as_one_of_many() -> None:
    values = np.arange(9.0)
    one = bootstrap(each(Mean(values)), Nest.of(range(9)), repeats=60, seed=1)
    np.testing.assert_allclose(one.draws, bootstrap(Mean(values), Nest.of(range(9)), repeats=60, seed=1).draws)


def test_undefined_replicates_are_left_out_and_counted() -> None:
    rare = np.array([1.0, 0, 0, 0])
    found = bootstrap(lambda w: np.where(w @ rare > 0, w @ rare, np.nan), Nest.of(range(4)), repeats=300, seed=0)
    assert 300 * 0.75**4 * 0.7 < found.undefined < 300 * 0.75**4 * 1.3
    assert np.isfinite(found.sd)
    assert found.low >= 1


def test_a_single_unit_has_no_spread() -> None:
    with pytest.raises(InputError, match="there is only 1 cell; the spread between cells needs at least 2"):
        bootstrap(Mean(np.ones(1)), Nest.of(["x"]))
    with pytest.raises(InputError, match="there is only 1 animal"):
        bootstrap(Mean(np.ones(3)), Nest.of("xyz", "aaa"))
    with pytest.raises(InputError, match="a cell is listed twice"):
        Nest.of(["x", "x"])
