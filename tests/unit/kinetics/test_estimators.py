"""Estimators without a model against statsmodels where it is right, against definitions by hand, and against the exact law."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from statsmodels.duration.survfunc import CumIncidenceRight, SurvfuncRight

from exotrack.errors import InputError
from exotrack.kinetics.estimators import aalen_johansen, kaplan_meier, nelson_aalen
from exotrack.kinetics.scheme import Scheme

FATES = ("undocking", "full_fusion", "kiss_and_run")
Real = NDArray[np.float64]


def tied(seed: int, n: int = 300) -> tuple[Real, NDArray[np.int64], Real]:
    """Stays in half seconds, nearly all tied: last time, fate (0: censored), entry."""
    rng = np.random.default_rng(seed)
    ends, censored = np.ceil(rng.exponential(5, n) * 2) / 2, np.ceil(rng.uniform(0, 12, n) * 2) / 2
    fate = np.where(ends <= censored, rng.integers(1, 4, n), 0)
    last, entry = np.minimum(ends, censored), np.floor(rng.uniform(0, 3, n) * 2) / 2
    kept = entry < last
    return last[kept], fate[kept], entry[kept]


def named(fate: NDArray[np.int64]) -> NDArray[Any]:
    return np.array(["censored", *FATES])[fate]


@pytest.mark.parametrize("late", [False, True], ids=["from the start", "late entry"])
def test_survival_and_its_error_are_those_of_statsmodels(late: bool) -> None:
    last, fate, entry = tied(1)
    theirs = SurvfuncRight(last, (fate > 0).astype(int), entry=entry if late else None)
    ours = kaplan_meier(last, fate > 0, entry if late else None)
    assert ours.t_s[1:].tolist() == theirs.surv_times.tolist()
    np.testing.assert_allclose(ours.value[1:], theirs.surv_prob, rtol=1e-12)
    np.testing.assert_allclose(ours.sd[1:], theirs.surv_prob_se, rtol=1e-9)
    assert ours.at_risk[1:].tolist() == theirs.n_risk.tolist()


def test_incidence_and_its_error_at_ties_are_those_of_statsmodels() -> None:
    last, fate, _ = tied(2)
    with np.errstate(divide="ignore", invalid="ignore"):  # theirs divides by 0 where the last ones end
        theirs = CumIncidenceRight(last, fate)
    ours = aalen_johansen(last, named(fate), FATES)
    place = np.searchsorted(ours.t_s, theirs.times, side="right") - 1
    for j in range(3):
        np.testing.assert_allclose(ours.value[j, place], theirs.cinc[j], rtol=1e-12)
        known = np.isfinite(theirs.cinc_se[j])
        np.testing.assert_allclose(ours.sd[j, place][known], theirs.cinc_se[j][known], rtol=1e-9)
    assert np.isfinite(ours.sd).all()


def test_a_case_by_hand_with_ties_late_entry_and_two_fates() -> None:
    """At 2 s four are at risk (the one that enters at 2 s is not); one leaves, one fuses, one is censored and was at risk."""
    last, entry = [2.0, 2.0, 2.0, 5.0, 5.0], [0.0, 0.0, 1.0, 0.0, 2.0]
    fate = ["undocking", "full_fusion", "", "undocking", "full_fusion"]
    incidence = aalen_johansen(last, fate, FATES[:2], entry)
    assert incidence.at_risk.tolist() == [3, 4, 2]
    np.testing.assert_allclose(incidence.value, [[0, 1 / 4, 1 / 2], [0, 1 / 4, 1 / 2]])
    hazard = nelson_aalen(last, fate, FATES[:2], entry)
    np.testing.assert_allclose(hazard.of("undocking").value, [0, 1 / 4, 3 / 4])
    # Binomial at 2 s; then what is left, shared evenly: 3/64 and the multinomial terms with S = 1/2, A = 1/4, Y = 4.
    first = 1 / 4 * 3 / 4 / 4
    assert incidence.sd[0, 1] ** 2 == pytest.approx(first)
    total = (1 / 4) ** 2 * 2 / (4 * 2) - 2 * (1 / 4) * 1 / 16 + first + 0.5**2 * 1 / 2**3
    assert incidence.sd[0, 2] ** 2 == pytest.approx(total)


def test_incidences_and_survival_sum_to_one() -> None:
    last, fate, entry = tied(3)
    total = aalen_johansen(last, named(fate), FATES, entry).value.sum(axis=0) + kaplan_meier(last, fate > 0, entry).value
    np.testing.assert_allclose(total, 1.0, rtol=1e-12)


def docked(n: int, rng: np.random.Generator) -> tuple[Scheme, Real, NDArray[Any]]:
    """Exits of `n` vesicles that must be primed before they fuse."""
    scheme = Scheme(np.array([[-0.23, 0.15], [0.05, -0.30]]), np.array([[0.08, 0.0], [0.0, 0.25]]), FATES[:2], np.array([1.0, 0]))
    grid = np.linspace(0, 120, 6001)
    incidence = scheme.incidence(grid)
    at = np.interp(rng.uniform(size=n) * incidence[-1].sum(), incidence.sum(axis=1), grid)
    density = scheme.density(at)
    return scheme, at, np.where(rng.uniform(size=n) < density[:, 0] / density.sum(axis=1), *FATES[:2])


def test_incidence_is_that_of_the_law_with_late_entry_and_censoring_where_one_minus_survival_is_not() -> None:
    rng = np.random.default_rng(4)
    scheme, ends, fate = docked(6000, rng)
    censored, entry = rng.exponential(25, 6000), np.where(rng.uniform(size=6000) < 0.5, 0.0, rng.exponential(2, 6000))
    last = np.minimum(ends, censored)
    kept = entry < last
    seen = np.where(ends <= censored, fate, "censored")
    found = aalen_johansen(last[kept], seen[kept], FATES[:2], entry[kept])
    at = np.array([1.0, 5.0, 10.0, 20.0])
    place = np.searchsorted(found.t_s, at, side="right") - 1
    far = (found.value[:, place].T - scheme.incidence(at)) / found.sd[:, place].T
    assert np.abs(far).max() < 3.5
    naive = 1 - kaplan_meier(last[kept], seen[kept] == "full_fusion", entry[kept]).at(20.0)
    assert naive > scheme.incidence(20.0)[1] + 0.2


def test_hazard_of_a_constant_rate_is_a_straight_line() -> None:
    rng = np.random.default_rng(5)
    ends, other = rng.exponential(4, 5000), rng.exponential(10, 5000)
    hazard = nelson_aalen(np.minimum(ends, other), np.where(ends < other, *FATES[:2]), FATES[:2])
    for rate, name in ((0.25, "undocking"), (0.1, "full_fusion")):
        curve = hazard.of(name)
        place = np.searchsorted(curve.t_s, 5.0)
        assert abs(curve.value[place] - 5 * rate) < 3.5 * curve.sd[place]
        assert curve.low[place] < curve.value[place] < curve.high[place]


@pytest.mark.parametrize("estimate", ["kaplan_meier", "aalen_johansen"])
def test_nominal_bands_hold_the_truth_as_often_as_they_say(estimate: str) -> None:
    """At one age of tied, censored stays, over 400 studies: 95 %, give or take three standard errors of that."""
    rng, inside = np.random.default_rng(6), 0
    for _ in range(400):
        ends, censored = np.ceil(rng.exponential(4, 80) * 2) / 2, np.ceil(rng.exponential(12, 80) * 2) / 2
        fate = np.where(ends > censored, "", np.where(rng.uniform(size=80) < 0.4, *FATES[:2]))
        last, survived = np.minimum(ends, censored), np.exp(-1.0)
        if estimate == "kaplan_meier":
            curve, truth = kaplan_meier(last, fate != ""), survived
        else:
            curve, truth = aalen_johansen(last, fate, FATES[:2]).of("undocking"), 0.4 * (1 - survived)
        place = np.searchsorted(curve.t_s, 4.0, side="right") - 1
        inside += curve.low[place] <= truth <= curve.high[place]
    assert 0.917 <= inside / 400 <= 0.983


def test_probabilities_of_fates_count_for_what_they_are() -> None:
    last, fate, _ = tied(7)
    certain = np.eye(4)[fate][:, 1:]
    np.testing.assert_array_equal(aalen_johansen(last, certain, FATES).value, aalen_johansen(last, named(fate), FATES).value)
    even = np.where(fate[:, None] > 0, np.full(3, 1 / 3), 0.0)
    shared = aalen_johansen(last, even, FATES).value
    np.testing.assert_allclose(shared, (1 - kaplan_meier(last, fate > 0).value)[None, :] / 3 * np.ones((3, 1)), atol=1e-12)


def test_a_curve_from_an_age_on_is_conditional_on_lasting_beyond_it() -> None:
    last, fate, entry = tied(8)
    whole, later = kaplan_meier(last, fate > 0, entry), kaplan_meier(last, fate > 0, entry, from_s=2.0)
    np.testing.assert_allclose(later.at(6.0), whole.at(6.0) / whole.at(2.0), rtol=1e-12)
    assert later.t_s[0] == 2.0
    assert later.at_risk[0] == np.count_nonzero((entry <= 2.0) & (last > 2.0))


def test_the_median_and_what_lies_before_the_start() -> None:
    curve = kaplan_meier([1.0, 2.0, 3.0, 4.0], [True] * 4)
    assert curve.first_below() == 2.0
    assert np.isnan(kaplan_meier([1.0, 2.0], [False, False]).first_below())
    assert np.isnan(curve.at(-1.0))
    assert curve.value[-1] == 0.0
    assert np.isnan(curve.sd[-1])


BAD = {
    "no stays": (([], []), "there are no stays"),
    "negative": (([1.0, -2.0], ["undocking"] * 2), "stay 1 lasts -2 s"),
    "endless": (([1.0, np.nan], ["undocking"] * 2), "stay 1 lasts nan s"),
    "unknown fate": (([1.0], ["fusion"]), "fate 'fusion' is unknown; allowed are undocking, full_fusion, kiss_and_run"),
    "sum": (([1.0, 2.0], [[0.2, 0.8, 0], [0.5, 0.2, 0.2]]), "probabilities of the fates of stay 1 are .* sum 0.9"),
    "late": (([1.0], ["undocking"], FATES, [1.0]), "stay 0 comes under observation at 1 s but ends at 1 s"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_named(case: str) -> None:
    arguments, message = BAD[case]
    stays, fate, *rest = arguments
    with pytest.raises(InputError, match=message):
        aalen_johansen(stays, fate, *(rest or [FATES]))
