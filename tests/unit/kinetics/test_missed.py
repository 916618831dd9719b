"""Missed sojourns: the two-state law against its known mean, a simulation and its own late form."""

from __future__ import annotations

import numpy as np
import pytest

from exotrack.errors import InputError
from exotrack.kinetics.missed import (
    EXACT,
    _leading,
    _series,
    apparent_density,
    apparent_mean,
    apparent_rates,
    fit_two_state,
)

PAIRS = [(0.5, 5.0, 0.2), (5.0, 0.5, 0.2), (2.0, 3.0, 0.5), (5.0, 5.0, 0.3)]


def seen(leaving: float, back: float, dead: float, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Apparent presences and absences of n true pairs: a sojourn shorter than the dead time goes on as the one before it."""
    true = np.empty(2 * n)
    true[::2], true[1::2] = rng.exponential(1 / leaving, n), rng.exponential(1 / back, n)
    found: tuple[list[float], list[float]] = ([], [])
    state, length = -1, 0.0
    for k, lasted in enumerate(true):
        if state >= 0 and (k % 2 == state or lasted < dead):
            length += lasted
        elif lasted >= dead:
            if state >= 0:
                found[state].append(length)
            state, length = k % 2, lasted
    return np.array(found[0][1:]), np.array(found[1][1:])


def test_two_seconds_look_like_nearly_six() -> None:
    assert apparent_mean(0.5, 5.0, 0.2) == pytest.approx(5.780, abs=5e-4)
    here, gone = seen(0.5, 5.0, 0.2, 60_000, np.random.default_rng(1))
    assert here.mean() == pytest.approx(5.780, rel=0.03)
    assert gone.mean() == pytest.approx(apparent_mean(5.0, 0.5, 0.2), rel=0.02)


@pytest.mark.parametrize(("a", "b", "tau"), PAIRS)
def test_the_density_has_area_one_and_the_known_mean(a: float, b: float, tau: float) -> None:
    t = np.linspace(tau, tau + 60 * apparent_mean(a, b, tau), 400_001)
    density = apparent_density(t, a, b, tau)
    assert density.min() >= 0 and apparent_density(tau * 0.99, a, b, tau) == 0
    assert np.trapezoid(density, t) == pytest.approx(1.0, abs=1e-5)
    assert np.trapezoid(density * t, t) == pytest.approx(apparent_mean(a, b, tau), rel=1e-5)


@pytest.mark.parametrize(("a", "b", "tau"), PAIRS)
def test_series_and_exponential_meet(a: float, b: float, tau: float) -> None:
    u = np.array([EXACT * tau])
    assert _series(u, a, b, tau) == pytest.approx(_leading(u, a, b, tau), rel=1e-6)


def test_without_dead_time_it_is_an_exponential() -> None:
    t = np.linspace(0, 5, 6)
    assert apparent_density(t, 0.7, 2.0, 0.0) == pytest.approx(0.7 * np.exp(-0.7 * t))
    assert apparent_density(t + 1e-6, 0.7, 2.0, 1e-7) == pytest.approx(0.7 * np.exp(-0.7 * t), rel=1e-5)


def test_the_true_rates_are_found_behind_missed_sojourns() -> None:
    here, gone = seen(0.5, 5.0, 0.2, 8_000, np.random.default_rng(2))
    found = fit_two_state(here, gone, 0.2)
    assert abs(np.log(found.leaving_per_s / 0.5)) < 4 * found.log_sd[0]
    assert abs(np.log(found.back_per_s / 5.0)) < 4 * found.log_sd[1]
    assert 1 / here.mean() < 0.2 and 1 / gone.mean() < 2.6  # what counting would say


def test_to_first_order_the_mean_is_right_for_any_number_of_states() -> None:
    rates, weight = apparent_rates(*(np.array([[x]]) for x in (-0.5, 0.5, 5.0, -5.0)), 0.2)
    density = 0.5 * np.exp(-5.0 * 0.2)
    mean = (weight @ np.linalg.inv(rates) @ np.linalg.inv(rates))[0, 0] * density + 0.2
    exact = apparent_mean(0.5, 5.0, 0.2)
    assert mean == pytest.approx(exact, rel=2e-3)
    two = apparent_rates(np.diag([-1.0, -2.0]) + 0.0, np.array([[1.0], [2.0]]), np.array([[0.0, 4.0]]), np.array([[-4.0]]), 0.0)
    assert two[0] == pytest.approx(np.diag([-1.0, -2.0])) and two[1] == pytest.approx(np.eye(2))


def test_sojourns_that_could_not_have_been_seen_are_refused() -> None:
    with pytest.raises(InputError, match="shorter than the dead time"):
        fit_two_state([0.1, 2.0], [1.0, 2.0], 0.2)
    with pytest.raises(InputError, match="too few"):
        fit_two_state([2.0], [1.0, 2.0], 0.2)
    with pytest.raises(InputError, match="above 0"):
        apparent_density(1.0, -1.0, 1.0, 0.1)
