"""States: the likelihood is that of textbooks, simulated stays are told, diffusion is free of the localisation error."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from exotrack.classify._filter import Chain, Evidence, backward, forward
from exotrack.classify._mobility import confinement, covariance_diffusion
from exotrack.classify._model import ABSENT, DOCKED, MOBILE, STEP, TETHERED, model
from exotrack.classify._states import Walk, evidence, levels, population, told
from exotrack.params import ClassifyParams

PARAMS = ClassifyParams()
CONTACT = 5.0


def chain_of(rng, groups=(2, 3, 1)):
    """A small random chain without motion."""
    first = np.concatenate([[0], np.cumsum(groups)])
    n = int(first[-1])
    within, entry = np.zeros((n, n)), np.zeros(n)
    for a, b in itertools.pairwise(first):
        within[a:b, a:b] = rng.dirichlet(np.ones(b - a), b - a)
        entry[a:b] = rng.dirichlet(np.ones(b - a))
    m = len(groups)
    between = rng.dirichlet(np.ones(m), m)
    offset = rng.integers(0, 4, n)
    return Chain(first, np.zeros(m), offset, rng.integers(0, 2, n), within, between, entry, rng.dirichlet(np.ones(m)))


@pytest.mark.parametrize("seed", range(6))
def test_likelihood_and_probabilities_are_those_of_every_path_added_up(seed):
    rng = np.random.default_rng(seed)
    chain, n, contact = chain_of(rng), 4, 5
    track = Evidence(np.zeros((n, 2)), np.full(n, -1.0), rng.uniform(0.1, 2.0, (n, 2, 8)), 0.1)
    group = np.repeat(np.arange(3), np.diff(chain.first))
    size = len(group)
    jump = np.array(
        [
            [
                chain.between[group[i], group[j]] * (chain.within[i, j] if group[i] == group[j] else chain.entry[j])
                for j in range(size)
            ]
            for i in range(size)
        ]
    )
    total, share = 0.0, np.zeros((n, size))
    for path in itertools.product(range(size), repeat=n):
        p = chain.start[group[path[0]]] * chain.entry[path[0]]
        for t, j in enumerate(path):
            p *= track.light[t, chain.light[j], contact - chain.offset[j]] * (jump[path[t - 1], j] if t else 1.0)
        total += p
        for t, j in enumerate(path):
            share[t, j] += p
    alpha, likely = np.empty((n, size)), np.empty((n, size))
    assert forward(track, chain, contact, alpha, likely) == pytest.approx(math.log(total), abs=1e-9)
    backward(chain, alpha, likely)
    np.testing.assert_allclose(alpha, share / total, atol=1e-9)


def test_the_likelihood_of_places_is_that_of_a_random_walk_seen_with_error_and_blur(rng):
    diffusion, step_s, n = 2e-9, 0.1, 30  # so small that strays, spread over half a micrometre, have no weight
    error = rng.uniform(2e-5, 4e-5, n)
    moved = 2 * diffusion * step_s
    walked = np.cumsum(math.sqrt(moved) * rng.normal(size=(n, 2)), axis=0)
    place = walked + error[:, None] * rng.normal(size=(n, 2))
    chain = Chain(
        np.array([0, 1]), np.array([diffusion]), np.array([0]), np.array([0]),
        np.ones((1, 1)), np.ones((1, 1)), np.ones(1), np.ones(1),
    )  # fmt: skip
    track = Evidence(place, error**2, np.ones((n, 1, 1)), step_s)
    found = forward(track, chain, 0, np.empty((n, 1)), np.empty((n, 1)))
    # Given the first place: the difference to it is a walk plus both errors.
    later = np.arange(1, n)
    joint = moved * np.minimum.outer(later, later) + np.diag(error[1:] ** 2 - moved / 6) + error[0] ** 2
    expected = sum(multivariate_normal.logpdf(place[1:, axis] - place[0, axis], np.zeros(n - 1), joint) for axis in (0, 1))
    assert found == pytest.approx(expected, abs=0.01)


def walk_of(rng, diffusion, height_nm, n, step_s=0.1, error=0.015, noise=0.08, settle_s=0.3, wander_nm=0.0, begun=True):
    """A vesicle with D and height per step, seen with error; its height wanders."""
    d, z = np.broadcast_to(diffusion, n), np.broadcast_to(height_nm, n).astype(float)
    place = np.cumsum(np.sqrt(2 * d * step_s)[:, None] * rng.normal(size=(n, 2)), axis=0)
    drift, kept = np.zeros(n), math.exp(-step_s / settle_s)
    for k in range(1, n):
        drift[k] = kept * drift[k - 1] + math.sqrt(1 - kept**2) * rng.normal()
    z = z + drift * np.broadcast_to(wander_nm, n)
    sd = np.full(n, noise * math.exp(CONTACT))
    amplitude = np.exp(CONTACT - z / PARAMS.penetration_nm) + sd * rng.normal(size=n)
    return Walk(place + rng.normal(0, error, (n, 2)), np.full(n, error), amplitude, sd, step_s, begun)


def path_of(walk, params=PARAMS, mean=CONTACT, sd=0.4):
    made = model(params, walk.step_s, walk.begun)
    track, low = evidence(walk, params.convention)
    return told(track, low, made, levels(track, low, made), mean, sd)


@pytest.mark.parametrize(
    ("state", "diffusion", "height", "wander", "least"),
    [(DOCKED, 1e-4, 0.0, 2.0, 0.95), (TETHERED, 2e-3, 45.0, 8.0, 0.85), (MOBILE, 0.03, 140.0, 35.0, 0.9)],
)
def test_a_vesicle_that_stays_in_one_state_is_told(rng, state, diffusion, height, wander, least):
    right = [
        np.mean(path_of(walk_of(rng, diffusion, height, 60, wander_nm=wander)).probability.argmax(1) == state) for _ in range(40)
    ]
    assert np.mean(right) > least


def test_arrival_tethering_and_docking_are_cut_where_they_happened(rng):
    parts = [20, 30, 40]
    d, z = np.repeat([0.03, 2e-3, 1e-4], parts), np.repeat([140.0, 45.0, 0.0], parts)
    truth, wander = np.repeat([MOBILE, TETHERED, DOCKED], parts), np.repeat([35.0, 8.0, 2.0], parts)
    agree = [np.mean(path_of(walk_of(rng, d, z, 90, wander_nm=wander)).probability.argmax(1) == truth) for _ in range(20)]
    assert np.median(agree) > 0.95


@pytest.mark.parametrize("diffusion", [0.05, 0.2])
def test_what_runs_about_at_an_even_height_is_mobile(rng, diffusion):
    right = [np.mean(path_of(walk_of(rng, diffusion, 0.0, 40)).probability.argmax(1) == MOBILE) for _ in range(20)]
    assert np.mean(right) > 0.95


def test_a_step_down_without_light_is_gone(rng):
    walk = walk_of(rng, 1e-4, 0.0, 60)
    walk.amplitude[40:] = 0.0
    walk.place_um[40:] = np.nan
    path = path_of(walk).probability.argmax(1)
    assert (path[:39] == DOCKED).all()
    assert (path[43:] == ABSENT).all()


def test_steps_without_a_measurement_do_not_change_the_state(rng):
    walk = walk_of(rng, 1e-4, 0.0, 90)
    walk.amplitude[30:50] = np.nan
    walk.place_um[30:50] = np.nan
    assert (path_of(walk).probability.argmax(1) == DOCKED).all()


def test_by_mobility_the_height_does_not_count_and_by_height_the_motion_does_not(rng):
    still_and_high = walk_of(rng, 1e-4, 45.0, 60, wander_nm=8.0)
    low_and_lively = walk_of(rng, 0.05, 0.0, 60)
    mobility, height = PARAMS.updated({"convention": "mobility"}), PARAMS.updated({"convention": "height"})
    assert np.mean(path_of(still_and_high, mobility).probability.argmax(1) == DOCKED) > 0.9
    assert np.mean(path_of(low_and_lively, height, sd=0.05).probability.argmax(1) == DOCKED) > 0.9
    assert np.mean(path_of(low_and_lively, mobility).probability.argmax(1) == MOBILE) > 0.9


def test_the_brightness_in_contact_is_learnt_from_all_vesicles(rng):
    true = rng.normal(0.0, 0.3, 40)
    walks = [walk_of(rng, 1e-4, 0.0, 40) for _ in true]
    walks = [
        w._replace(amplitude=w.amplitude * math.exp(s), amplitude_sd=w.amplitude_sd) for w, s in zip(walks, true, strict=True)
    ]
    made = model(PARAMS, 0.1, True)
    mean, sd = population([levels(*evidence(walk), made) for walk in walks])
    assert mean == pytest.approx(CONTACT + true.mean(), abs=0.15)
    assert sd == pytest.approx(0.3, abs=0.15)


def test_a_height_is_found(rng):
    z = np.repeat([0.0, 45.0], [60, 60])
    view = path_of(walk_of(rng, np.repeat([1e-4, 2e-3], 60), z, 120, wander_nm=np.repeat([1.0, 8.0], 60)))
    assert view.height_nm[:55].mean() == pytest.approx(0.0, abs=2 * STEP * PARAMS.penetration_nm)
    assert view.height_nm[65:].mean() - view.height_nm[:55].mean() == pytest.approx(45.0, abs=12.0)


def test_a_track_of_twenty_thousand_steps_is_done_in_one_go(rng):
    truth = np.repeat([DOCKED, TETHERED, DOCKED, MOBILE], 5_000)
    d, z = np.array([0.03, 2e-3, 1e-4])[truth], np.array([140.0, 45.0, 0.0])[truth]
    view = path_of(walk_of(rng, d, z, 20_000, wander_nm=np.array([35.0, 8.0, 2.0])[truth]))
    assert np.mean(view.probability.argmax(1) == truth) > 0.97


def free_walk(rng, diffusion, n, error, step_s=0.1):
    place = np.cumsum(math.sqrt(2 * diffusion * step_s) * rng.normal(size=(n, 2)), axis=0)
    return np.arange(n) * step_s, place + rng.normal(0, error, (n, 2))


@pytest.mark.parametrize("diffusion", [1e-3, 0.01, 0.1])
@pytest.mark.parametrize("error", [0.0, 0.02, 0.05])
def test_diffusion_is_unbiased_by_the_localisation_error(rng, diffusion, error):
    values = []
    for _ in range(300):
        time, place = free_walk(rng, diffusion, 200, error)
        steps = np.diff(place, axis=0)
        values.append(np.mean(steps**2) / 0.2 + np.mean(steps[1:] * steps[:-1]) / 0.1)
        assert covariance_diffusion(time, place) == pytest.approx(max(values[-1], 0.0), abs=1e-12)
    assert np.mean(values) == pytest.approx(diffusion, abs=4 * np.std(values) / np.sqrt(300))


def test_diffusion_is_the_slope_of_the_squared_displacement(rng):
    time, place = free_walk(rng, 0.05, 20_000, 0.03)
    lags = np.arange(1, 4)
    msd = [np.mean((place[lag:] - place[:-lag]) ** 2) for lag in lags]
    assert covariance_diffusion(time, place) == pytest.approx(np.polyfit(2 * lags * 0.1, msd, 1)[0], rel=0.05)


def test_diffusion_of_too_few_steps_is_missing():
    assert np.isnan(covariance_diffusion(np.arange(4.0), np.zeros((4, 2))))
    assert covariance_diffusion(np.arange(5.0), np.zeros((5, 2))) == 0.0
    assert confinement(np.arange(5.0), np.zeros((5, 2)))[1] is None


def test_a_walk_in_a_well_is_confined_and_a_free_one_is_not(rng):
    wrong, right, radius = [], [], []
    for _ in range(100):
        wrong.append(confinement(*free_walk(rng, 0.002, 100, 0.01))[1])
        place = np.zeros((100, 2))
        for k in range(1, 100):  # relaxes within 0.4 s, sd 0.03 um per axis
            place[k] = 0.78 * place[k - 1] + 0.03 * math.sqrt(1 - 0.78**2) * rng.normal(size=2)
        found = confinement(np.arange(100) * 0.1, place + rng.normal(0, 0.01, (100, 2)))
        right.append(found[1])
        radius.append(found[0])
    assert np.mean([bool(w) for w in wrong]) < 0.1
    assert np.mean([bool(r) for r in right]) > 0.8
    assert np.median(radius) == pytest.approx(0.03 * math.sqrt(2), rel=0.15)
