"""States: the best cut is that of brute force, simulated stays are told, diffusion is free of the localisation error."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from exotrack.classify._states import (
    BIN_S,
    CHANGE,
    DOCKED,
    MOBILE,
    TETHERED,
    binned,
    covariance_diffusion,
    levels,
    partition,
    states,
)
from exotrack.params import ClassifyParams

PARAMS = ClassifyParams()


def stay_cost(walk, first, last, d, mean, variance):
    """Cost of one stay by a Kalman filter per axis in plain Python; the position before it is where it starts."""
    t, place, var, log, log_var = walk
    cost = 0.0
    at, spread = (place[first - 1].copy(), var[first - 1]) if first else (None, 0.0)
    for k in range(first, last + 1):
        if at is None:
            at, before, seen = place[0].copy(), 0.0, var[0]
            residual, gain = np.zeros(2), 1.0
        else:
            before = spread + (2 * d * (t[k] - t[k - 1]) if k else 0.0)
            seen = before + var[k]
            residual, gain = place[k] - at, before / seen
        cost += min(0.5 * float(residual @ residual) / seen, 7.0) + math.log(seen)
        scatter = variance + log_var[k]
        cost += min(0.5 * (log[k] - mean) ** 2 / scatter, 5.0) + 0.5 * math.log(scatter)
        at = at + gain * residual
        spread = var[0] if k == 0 else (1 - gain) * before
    return cost


def brute_force(walk, d, mean, variance, change):
    """Least cost over every cut into stays and every sub-state of each."""
    n = len(walk[0])
    best = np.inf
    cheapest = {
        (a, b): min(stay_cost(walk, a, b, *level) for level in zip(d, mean, variance, strict=True))
        for a in range(n) for b in range(a, n)
    }  # fmt: skip
    for cuts in itertools.chain.from_iterable(itertools.combinations(range(1, n), k) for k in range(n)):
        edges = [0, *cuts, n]
        cost = sum(cheapest[a, b - 1] for a, b in itertools.pairwise(edges)) + change * len(cuts)
        best = min(best, cost)
    return best


@pytest.mark.parametrize("seed", range(12))
def test_the_best_cut_is_that_of_brute_force(seed):
    rng = np.random.default_rng(seed)
    n = 9
    steps = np.where(np.arange(n) < rng.integers(2, 8), 0.25, 0.01)[:, None] * rng.normal(size=(n, 2))
    place = np.cumsum(steps, axis=0) + rng.normal(0, 0.02, (n, 2))
    log = np.where(steps[:, 0] ** 2 > 0.01, -1.2, 0.0) + rng.normal(0, 0.15, n)
    walk = (np.arange(n) * 0.12, place, np.full(n, 0.02**2), log, np.full(n, 0.02))
    sub = levels(PARAMS)
    args = (sub.diffusion, sub.mean, sub.variance, CHANGE)
    cost, path = partition(*walk, *args)
    assert cost == pytest.approx(brute_force(walk, *args), abs=1e-9)
    assert len(path) == n


def track(rng, diffusion, log_height, n, frame_s=0.1, error=0.02, wander=0.0):
    """(time, seen places, log brightness) of a vesicle with D and log height per frame; its height wanders over 0.5 s."""
    d, log = np.broadcast_to(diffusion, n), np.broadcast_to(log_height, n)
    place = np.cumsum(np.sqrt(2 * d * frame_s)[:, None] * rng.normal(size=(n, 2)), axis=0)
    drift = np.zeros(n)
    for k in range(1, n):
        drift[k] = 0.8 * drift[k - 1] + 0.6 * rng.normal()
    log = log + np.broadcast_to(wander, n) * drift + rng.normal(0, 0.1, n)
    return np.arange(n) * frame_s, place + rng.normal(0, error, (n, 2)), log


def told(rng, diffusion, log_height, n, wander):
    time, place, log = track(rng, diffusion, log_height, n, wander=wander)
    walk, which = binned(time, place, np.full(n, 0.02), log, np.full(n, 0.1), 0.1)
    path, _ = states(walk, PARAMS, 0.0)
    return path[which]


@pytest.mark.parametrize(
    ("state", "diffusion", "log_height", "wander", "least"),
    [(DOCKED, 1e-4, 0.0, 0.05, 0.95), (TETHERED, 1.6e-3, -0.45, 0.2, 0.7), (MOBILE, 0.05, -1.4, 0.5, 0.8)],
)
def test_a_vesicle_that_stays_in_one_state_is_told(rng, state, diffusion, log_height, wander, least):
    right = [np.mean(told(rng, diffusion, log_height, 60, wander) == state) for _ in range(60)]
    assert np.mean(right) > least


def test_arrival_tethering_and_docking_are_cut_where_they_happened(rng):
    d = np.repeat([0.05, 1.6e-3, 1e-4], [20, 30, 40])
    log = np.repeat([-1.4, -0.45, 0.0], [20, 30, 40])
    truth = np.repeat([MOBILE, TETHERED, DOCKED], [20, 30, 40])
    wander = np.repeat([0.5, 0.2, 0.05], [20, 30, 40])
    agree = [np.mean(told(rng, d, log, 90, wander) == truth) for _ in range(30)]
    assert np.median(agree) > 0.85


def test_a_longer_time_between_positions_is_taken_into_account(rng):
    time, place, log = track(rng, 1e-4, 0.0, 60)
    time[30:] += 5.0
    walk, which = binned(time, place, np.full(60, 0.02), log, np.full(60, 0.1), 0.1)
    path, _ = states(walk, PARAMS, 0.0)
    assert (path[which] == DOCKED).mean() > 0.9


def test_bins_hold_the_mean_of_their_spots(rng):
    time = np.arange(50) * 0.02
    place, log = rng.normal(size=(50, 2)), rng.normal(size=50)
    walk, which = binned(time, place, np.full(50, 0.03), log, np.full(50, 0.2), 0.02)
    assert which.max() + 1 == len(walk.time_s) == math.ceil(1.0 / BIN_S)
    np.testing.assert_allclose(walk.place_um[1], place[which == 1].mean(axis=0))
    np.testing.assert_allclose(walk.log_var[1], 0.04 / (which == 1).sum())


@pytest.mark.parametrize("diffusion", [1e-3, 0.01, 0.1])
@pytest.mark.parametrize("error", [0.0, 0.02, 0.05])
def test_diffusion_is_unbiased_by_the_localisation_error(rng, diffusion, error):
    values = []
    for _ in range(300):
        time, place, _ = track(rng, diffusion, 0.0, 200, error=error)
        steps = np.diff(place, axis=0)
        values.append(np.mean(steps**2) / 0.2 + np.mean(steps[1:] * steps[:-1]) / 0.1)
        assert covariance_diffusion(time, place) == pytest.approx(max(values[-1], 0.0), abs=1e-12)
    assert np.mean(values) == pytest.approx(diffusion, abs=4 * np.std(values) / np.sqrt(300))


def test_diffusion_is_the_slope_of_the_squared_displacement(rng):
    time, place, _ = track(rng, 0.05, 0.0, 20_000, error=0.03)
    lags = np.arange(1, 4)
    msd = [np.mean((place[lag:] - place[:-lag]) ** 2) for lag in lags]
    assert covariance_diffusion(time, place) == pytest.approx(np.polyfit(2 * lags * 0.1, msd, 1)[0], rel=0.05)


def test_diffusion_of_too_few_steps_is_missing():
    assert np.isnan(covariance_diffusion(np.arange(4.0), np.zeros((4, 2))))
    assert covariance_diffusion(np.arange(5.0), np.zeros((5, 2))) == 0.0
