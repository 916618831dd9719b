"""What holds of the estimators for any stays whatever: definitions, sums, order, copies and parts."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from exotrack.kinetics._pit import distances, histogram
from exotrack.kinetics._risk import Risk
from exotrack.kinetics.balance import balance
from exotrack.kinetics.estimators import aalen_johansen, kaplan_meier, nelson_aalen

FATES = ("undocking", "full_fusion")
Real = NDArray[np.float64]


@st.composite
def stays(draw: st.DrawFn) -> tuple[Real, NDArray[Any], Real, NDArray[np.int64]]:
    """A few stays with many ties: last age, fate, entry, cell."""
    rows = draw(
        st.lists(
            st.tuples(st.integers(1, 6), st.sampled_from(["", *FATES]), st.integers(0, 5), st.integers(0, 2)),
            min_size=1, max_size=25,
        )
    )  # fmt: skip
    last, fate, entry, cell = zip(*rows, strict=True)
    return np.array(last, float), np.array(fate), np.minimum(entry, np.array(last) - 1).astype(float), np.array(cell)


@given(stays())
@settings(max_examples=150, deadline=None)
def test_every_estimator_is_its_definition(given: tuple[Real, NDArray[Any], Real, NDArray[np.int64]]) -> None:
    last, fate, entry, _ = given
    survival, hazard, incidence = 1.0, np.zeros(2), np.zeros(2)
    found = aalen_johansen(last, fate, FATES, entry)
    curves = (kaplan_meier(last, fate != "", entry), nelson_aalen(last, fate, FATES, entry), found)
    for t in np.unique(last):
        at_risk = np.count_nonzero((entry < t) & (last >= t))
        ended = np.array([np.count_nonzero((last == t) & (fate == name)) for name in FATES])
        incidence = incidence + survival * ended / at_risk
        hazard, survival = hazard + ended / at_risk, survival * (1 - ended.sum() / at_risk)
        np.testing.assert_allclose(curves[0].at(t), survival, atol=1e-12)
        np.testing.assert_allclose(curves[1].at(t), hazard, atol=1e-12)
        np.testing.assert_allclose(curves[2].at(t), incidence, atol=1e-12)
    np.testing.assert_allclose(found.value.sum(axis=0) + curves[0].value, 1.0, atol=1e-12)
    assert (found.low <= found.value + 1e-12).all()
    assert (found.high >= found.value - 1e-12).all()


@given(stays(), st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_order_and_unit_of_time_change_nothing(given: tuple[Real, NDArray[Any], Real, NDArray[np.int64]], random: Any) -> None:
    last, fate, entry, _ = given
    order = list(range(len(last)))
    random.shuffle(order)
    first, second = aalen_johansen(last, fate, FATES, entry), aalen_johansen(last[order], fate[order], FATES, entry[order])
    np.testing.assert_array_equal(first.value, second.value)
    np.testing.assert_array_equal(first.sd, second.sd)
    milli = aalen_johansen(last * 1000, fate, FATES, entry * 1000)
    np.testing.assert_array_equal(milli.value, first.value)


@given(stays(), st.lists(st.integers(0, 3), min_size=3, max_size=3))
@settings(max_examples=100, deadline=None)
def test_a_weight_is_a_number_of_copies(given: tuple[Real, NDArray[Any], Real, NDArray[np.int64]], weights: list[int]) -> None:
    last, fate, entry, cell = given
    risk, at = Risk.of(last, fate, FATES, entry, cell=cell, n_cells=3), np.arange(8.0)
    copies = np.repeat(np.arange(len(last)), np.array(weights)[cell])
    if len(copies):
        by_hand = aalen_johansen(last[copies], fate[copies], FATES, entry[copies])
        np.testing.assert_allclose(risk.incidence_at(at, weights), by_hand.at(at), atol=1e-12)
        alive = kaplan_meier(last[copies], fate[copies] != "", entry[copies])
        np.testing.assert_allclose(risk.survival_at(at, weights), alive.at(at), atol=1e-12)


@given(stays())
@settings(max_examples=60, deadline=None)
def test_docked_is_what_came_less_what_went(given: tuple[Real, NDArray[Any], Real, NDArray[np.int64]]) -> None:
    last, fate, entry, cell = given
    share = (fate[:, None] == np.array(FATES)).astype(float)
    at = np.arange(0.0, 7.0, 0.5)
    found = balance(entry, last, entry > 0, share, FATES, at, cell=cell, size=np.ones(3))
    for c in range(3):
        docked = [np.count_nonzero((cell == c) & (entry <= t) & (last > t)) for t in at]
        np.testing.assert_allclose(found.docked[c], docked, atol=1e-12)


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=30))
@settings(max_examples=150, deadline=None)
def test_distances_are_finite_and_even_stretches_have_none(pairs: list[tuple[float, float]]) -> None:
    low, high = np.array([min(p) for p in pairs]), np.array([max(p) for p in pairs])
    found = distances(low, high)
    assert all(np.isfinite(found))
    assert found.ks**2 <= len(pairs) + 1e-9
    assert found.cvm <= found.ks**2 + 1e-9
    assert np.isclose(histogram(low, high).sum(), 1.0)
    whole = distances(np.zeros(len(pairs)), np.ones(len(pairs)))
    assert max(whole[:3]) < 1e-6
