"""Choosing between models: nested tests have their size, cells left out prefer the truth."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
from docked import TRUE, movie, two_states
from scipy.stats import chi2

from exotrack._blocks import Execution
from exotrack.errors import InputError, ParameterError
from exotrack.kinetics import Scheme
from exotrack.kinetics.fit import Fit, Free, Problem, fit
from exotrack.kinetics.ranking import left_out, nested_test, rank
from exotrack.kinetics.sightings import Sightings, sightings
from exotrack.kinetics.snapshot import Snapshot, stationary
from exotrack.kinetics.stays import SEEN_EXITS


def one(values: Mapping[str, float]) -> Scheme:
    """One state; what is not given does not happen."""
    return Scheme.one_state(**{kind: values.get(kind, 0.0) for kind in SEEN_EXITS})


def exits_only(data: Sightings, *kinds: str) -> Fit:
    """The one-state scheme with these exits."""
    return fit(Problem(one, tuple(Free(kind) for kind in kinds), data), starts=1)


def hidden(data: Sightings) -> Fit:
    """The two-state scheme."""
    free = (*(Free(name, start=0.2) for name in ("prime", "unprime", "undock", "fuse")), Free("kiss", 1e-3, 0.999, "logit", ""))
    return fit(Problem(lambda v: two_states(**v), free, data), starts=2)


def test_cells_left_out_and_criteria_prefer_the_model_that_made_the_stays() -> None:
    data = sightings(movie(two_states(**TRUE), 300, 1_200, np.random.default_rng(41), cells=6))
    table = rank({"one state": exits_only(data, *SEEN_EXITS), "two states": hidden(data)})
    assert list(table["model"]) == ["two states", "one state"]
    assert table["aic"].idxmin() == table["bic"].idxmin() == 0
    assert table["left_out_behind"][1] > 2 * table["left_out_behind_sd"][1] > 0
    assert table["aic_weight"].sum() == pytest.approx(1.0)
    assert (table["left_out"] < table["log_likelihood"]).all()


def test_cells_left_out_do_not_depend_on_workers() -> None:
    best = exits_only(sightings(movie(two_states(**TRUE), 30, 120, np.random.default_rng(42))), *SEEN_EXITS)
    assert np.array_equal(left_out(best, Execution(workers=1)), left_out(best, Execution(workers=2)))


def test_a_test_at_an_edge_halves_the_chance() -> None:
    data = sightings(
        movie(Scheme.one_state(undocking=0.5, full_fusion=0.02, kiss_and_run=0.0), 50, 200, np.random.default_rng(43))
    )
    small, large = exits_only(data, "undocking", "full_fusion"), exits_only(data, *SEEN_EXITS)
    none, edge = nested_test(small, large), nested_test(small, large, n_boundary=1)
    assert none.statistic == pytest.approx(0.0, abs=0.02)
    assert edge.p_value <= 1.0 and none.p_value >= edge.p_value
    made_up = Fit(large.problem, large.values, large.sd, small.log_likelihood + 2.0, large.x, large.covariance, 0)
    assert nested_test(small, made_up, 1).p_value == pytest.approx(0.5 * chi2.sf(4.0, 1))
    assert nested_test(small, made_up).p_value == pytest.approx(chi2.sf(4.0, 1))


def test_regulated_stays_reject_the_constitutive_model_and_constitutive_ones_do_not() -> None:
    # Regulated: fusion waits for priming. Constitutive: one step.
    for scheme, rejected in ((two_states(**TRUE), True), (one(dict.fromkeys(SEEN_EXITS, 0.2)), False)):
        data = sightings(movie(scheme, 200, 800, np.random.default_rng(44)))
        test = nested_test(exits_only(data, *SEEN_EXITS), hidden(data), n_boundary=1)
        assert (test.p_value < 1e-4) == rejected and (rejected or test.p_value > 0.02)


def test_models_of_different_stays_are_not_compared() -> None:
    parts = [sightings(movie(two_states(**TRUE), 10, n, np.random.default_rng(45))) for n in (100, 120)]
    small, large = exits_only(parts[0], "undocking", "full_fusion"), exits_only(parts[1], *SEEN_EXITS)
    with pytest.raises(InputError, match="different stays"):
        nested_test(small, large)
    with pytest.raises(InputError, match="different stays"):
        rank({"a": small, "b": large})
    with pytest.raises(ParameterError, match="nothing to test"):
        nested_test(large, small)


def test_one_cell_cannot_be_left_out() -> None:
    data = sightings(movie(two_states(**TRUE), 10, 100, np.random.default_rng(46), cells=1))
    best = exits_only(data, *SEEN_EXITS)
    with pytest.raises(InputError, match="at least two cells"):
        left_out(best)
    assert np.isnan(rank({"one": best})["left_out"]).all()


def test_a_snapshot_is_most_probable_under_its_own_fractions() -> None:
    counted = Snapshot({"docked": 30, "tethered": 70})
    assert counted.log_likelihood({"docked": 3.0, "tethered": 7.0, "far": 99.0}) == pytest.approx(0.0, abs=1e-12)
    away = counted.log_likelihood({"docked": 0.5, "tethered": 0.5})
    assert away == pytest.approx(30 * np.log(0.5 / 0.3) + 70 * np.log(0.5 / 0.7))
    assert Snapshot(counted.counts, 4.0).log_likelihood({"docked": 1.0, "tethered": 1.0}) == pytest.approx(away / 4)
    with pytest.raises(InputError, match="says nothing of the class tethered"):
        counted.log_likelihood({"docked": 1.0})
    with pytest.raises(InputError, match="at least one vesicle"):
        Snapshot({"docked": 0})


def test_a_closed_scheme_has_one_rest_or_says_so() -> None:
    assert stationary([[-2.0, 2.0], [1.0, -1.0]]) == pytest.approx([1 / 3, 2 / 3])
    assert stationary([[-1e3, 1e3, 0], [1e3, -1e3 - 1e-3, 1e-3], [0, 1e-3, -1e-3]]) == pytest.approx([1 / 3] * 3)
    with pytest.raises(InputError, match="no single rest"):
        stationary(np.zeros((2, 2)))
    with pytest.raises(InputError, match="sum to 0"):
        stationary([[-1.0, 2.0], [1.0, -1.0]])
