"""Kaplan-Meier against a case worked by hand and against its definition."""

from __future__ import annotations

import numpy as np
import pytest

from exotrack.report.survival import kaplan_meier


def test_a_small_case_worked_by_hand():
    # Stays of 1, 2, 2+, 3, 4+ s (+: lost from sight). At risk 5, 4, 2; S = 4/5, 4/5*3/4, 3/5*1/2.
    curve = kaplan_meier([1, 2, 2, 3, 4], [True, True, False, True, False])
    np.testing.assert_allclose(curve.t_s, [0, 1, 2, 3])
    np.testing.assert_allclose(curve.survival, [1, 0.8, 0.6, 0.3])
    np.testing.assert_array_equal(curve.at_risk, [5, 5, 4, 2])
    np.testing.assert_array_equal(curve.exits, [0, 1, 1, 1])
    np.testing.assert_allclose(curve.censored_s, [2, 4])
    assert curve.median_s == 3


def test_greenwood_band_of_the_small_case():
    curve = kaplan_meier([1, 2, 2, 3, 4], [True, True, False, True, False])
    # Greenwood at 2 s: sum d/(n(n-d)) = 1/20 + 1/12; on the log-log scale exp(+-1.96 sqrt(sum)/|ln S|) is the exponent.
    factor = np.exp(1.959963984540054 * np.sqrt(1 / 20 + 1 / 12) / abs(np.log(0.6)))
    assert curve.low[2] == pytest.approx(0.6**factor)
    assert curve.high[2] == pytest.approx(0.6 ** (1 / factor))


def test_without_censoring_it_is_one_minus_the_empirical_distribution():
    times = np.random.default_rng(2).exponential(3.0, 200)
    curve = kaplan_meier(times, np.ones(200, bool))
    np.testing.assert_allclose(curve.survival[1:], 1 - np.arange(1, 201) / 200, atol=1e-12)
    assert np.all((curve.low >= 0) & (curve.low <= curve.survival + 1e-12))
    assert np.all((curve.high <= 1) & (curve.high >= curve.survival - 1e-12))


def test_censored_exponential_stays_keep_their_median():
    rng = np.random.default_rng(3)
    true, seen_for = rng.exponential(4.0, 4000), rng.uniform(0, 12, 4000)
    curve = kaplan_meier(np.minimum(true, seen_for), true <= seen_for)
    assert curve.median_s == pytest.approx(4 * np.log(2), rel=0.08)


@pytest.mark.parametrize("times", [[], [np.nan]])
def test_no_stay_is_an_empty_curve(times):
    curve = kaplan_meier(times, np.zeros(len(times), bool))
    assert curve.at_risk.tolist() == [0]
    assert np.isnan(curve.median_s)


def test_stays_that_all_outlast_the_movie_have_no_median():
    curve = kaplan_meier([3.0, 5.0], [False, False])
    assert curve.survival.tolist() == [1.0]
    assert np.isnan(curve.median_s)
