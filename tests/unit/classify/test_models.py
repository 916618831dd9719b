"""The physical courses: what was drawn by dense sampling in time is what is fitted, with errors that hold."""

from __future__ import annotations

import numpy as np
import pytest
from patches_of import FRAME_S, GROWTH, HALF, SIGMA_PX, SIGMA_UM, TIMES, fits_of, frames_of, look, noisy

from exotrack.classify._components import mixture
from exotrack.classify._courses import WIDTH_GRID, course
from exotrack.classify._models import (
    D_UM2_S,
    RAMP,
    RELEASE,
    SPREAD,
    STAY,
    STEP,
    TAU_FRAMES,
    parabola,
)  # fmt: skip
from exotrack.classify._refit import refined_decay, refined_diffusion


def one(t):
    return np.ones_like(t)


def release(t0, tau, height, before):
    return frames_of(lambda t: np.where(t < t0, before, height * np.exp(-(t - t0) / tau)), one)


def spread(t0, diffusion, height, before, escape=np.inf):
    def width(t):
        return 1 + 2 * diffusion * FRAME_S / SIGMA_UM**2 * np.maximum(t - t0, 0)

    return frames_of(lambda t: np.where(t < t0, before, height * np.exp(-np.maximum(t - t0, 0) / escape) / width(t)), width)


def step(t0, before, after):
    return frames_of(lambda t: np.where(t < t0, before, after), one)


def ramp(t0, frames, before):
    return frames_of(lambda t: before * np.clip(0.5 - (t - t0) / frames, 0, 1), one)


def gains(out):
    return out[STAY, 0] - out[:, 0]


def seen(pixels):
    """Times, heights and precision of one patch."""
    series = look(pixels)
    return TIMES.astype(float), np.ascontiguousarray(series.coefficients[:, :3]), series.precision


def degrees():
    return 3 * len(TIMES)


@pytest.mark.parametrize(
    ("light", "model"),
    [
        (step(0.0, 200.0, 200.0), STAY),
        (step(0.3, 200.0, 0.0), STEP),
        (ramp(0.0, 8.0, 300.0), RAMP),
        (release(0.4, 5.0, 120.0, 50.0), RELEASE),
        (spread(-0.3, 0.05, 150.0, 50.0), SPREAD),
    ],
    ids=["stay", "step", "ramp", "release", "spread"],
)
def test_the_true_course_fits_to_the_noise(rng, light, model):
    chi2 = [fits_of(noisy(light, rng))[0][model, 0] for _ in range(8)]
    assert np.mean(chi2) / degrees() == pytest.approx(1.0, abs=0.12)


@pytest.mark.parametrize("t0", [-1.3, 0.0, 0.5, 1.2])
@pytest.mark.parametrize("before", [0.0, 40.0])
def test_the_start_of_a_release_and_its_time_constant_are_recovered(rng, t0, before):
    light = release(t0, 6.0, 100.0, before)
    starts, found = [], []
    for _ in range(24):
        pixels = noisy(light, rng)
        out, profiles = fits_of(pixels)
        starts.append(out[RELEASE, 1])
        found.append(refined_decay(*seen(pixels), out[RELEASE], profiles[0, : len(TAU_FRAMES)]))
    assert abs(np.median(starts) - t0) < 0.3
    assert (np.abs(np.array(starts) - t0) < 0.51).mean() > 0.9
    tau, sd = np.array(found).T
    assert np.mean(tau) == pytest.approx(6.0, rel=0.06)
    assert 0.75 < np.std((tau - 6.0) / sd) < 1.3


@pytest.mark.parametrize("diffusion", [0.02, 0.05, 0.1, 0.3])
@pytest.mark.parametrize("t0", [0.0, 0.3])
def test_the_diffusion_of_spreading_cargo_is_recovered(rng, t0, diffusion):
    light = spread(t0, diffusion, 100.0, 30.0, escape=40.0)
    starts, found = [], []
    for _ in range(20):
        pixels = noisy(light, rng)
        out, profiles = fits_of(pixels)
        starts.append(out[SPREAD, 1])
        law = (2 * FRAME_S / SIGMA_UM**2, mixture(WIDTH_GRID, HALF, SIGMA_PX))
        found.append(refined_diffusion(*seen(pixels), out[SPREAD], profiles[1, : len(D_UM2_S)], *law))
    assert (np.abs(np.array(starts) - t0) < 0.51).mean() > 0.9
    value, sd = np.array(found).T
    assert np.median(value) == pytest.approx(diffusion, rel=0.1)
    assert 0.7 < np.std((value - diffusion) / sd) < 1.45


@pytest.mark.parametrize("shape", ["release", "spread"])
def test_a_value_beyond_the_grid_stays_a_limit(shape):
    profile = np.arange(12.0)
    light = noisy(release(0.0, 6.0, 100.0, 0.0), np.random.default_rng(0))
    if shape == "release":
        value, sd = refined_decay(*seen(light), np.zeros(10), profile[: len(TAU_FRAMES)])
    else:
        value, sd = refined_diffusion(*seen(light), np.zeros(10), profile, 1.0, mixture(WIDTH_GRID, HALF, SIGMA_PX))
    assert value == (TAU_FRAMES[0] if shape == "release" else D_UM2_S[0])
    assert sd == np.inf


@pytest.mark.parametrize("diffusion", [0.02, 0.05, 0.1, 0.3])
def test_spreading_is_told_from_release_and_release_from_spreading(rng, diffusion):
    cloud = [fits_of(noisy(spread(0.2, diffusion, 500.0, 200.0), rng))[0] for _ in range(6)]
    assert all(gains(out)[SPREAD] > gains(out)[RELEASE] + 6 for out in cloud)
    puff = [fits_of(noisy(release(0.2, 4.0, 500.0, 200.0), rng))[0] for _ in range(6)]
    assert all(gains(out)[RELEASE] > gains(out)[SPREAD] for out in puff)


@pytest.mark.parametrize("frames", [6.0, 12.0])
def test_a_gradual_fall_is_a_ramp_and_a_sudden_one_a_step(rng, frames):
    slow = [fits_of(noisy(ramp(0.0, frames, 400.0), rng))[0] for _ in range(6)]
    assert all(gains(out)[RAMP] > gains(out)[STEP] + 10 for out in slow)
    assert np.median([out[RAMP, 2] for out in slow]) == pytest.approx(frames, rel=0.4)
    sudden = [fits_of(noisy(step(0.4, 400.0, 0.0), rng))[0] for _ in range(6)]
    assert all(gains(out)[STEP] > gains(out)[RAMP] - 2 for out in sudden)
    assert all(out[RAMP, 2] == 2.0 for out in sudden)


def test_a_loss_and_a_gain_are_told_by_their_sign_and_size(rng):
    loss, gain = (
        np.mean([fits_of(noisy(step(0.0, a, b), rng))[0][STEP, 7] for _ in range(6)]) for a, b in ((300, 100), (0, 150))
    )
    assert loss == pytest.approx(200, rel=0.05)
    assert gain == pytest.approx(-150, rel=0.05)


def test_nothing_happening_explains_no_more_than_chance(rng):
    best = [gains(fits_of(noisy(step(0.0, 200.0, 200.0), rng))[0])[1:].max() for _ in range(20)]
    assert np.median(best) < 14
    assert max(best) < 35


def test_a_frame_without_weight_changes_nothing(rng):
    pixels = noisy(release(0.0, 5.0, 500.0, 150.0), rng)
    mask = np.ones(pixels.shape, bool)
    mask[12] = False
    spoilt = pixels.copy()
    spoilt[12] = 0
    for a, b in zip(fits_of(pixels, mask=mask), fits_of(spoilt, mask=mask), strict=True):
        np.testing.assert_array_equal(a, b)


def test_no_usable_frame_is_no_gain_and_not_a_crash():
    pixels = np.zeros((len(TIMES), 2 * HALF + 1, 2 * HALF + 1))
    out, _ = fits_of(pixels, mask=np.zeros(pixels.shape, bool))
    assert np.nanmax(np.abs(gains(out))) == 0


@pytest.mark.parametrize(
    ("model", "light"), [(RELEASE, release(0.0, 5.0, 400.0, 200.0)), (SPREAD, spread(0.0, 0.05, 400.0, 200.0))]
)
def test_the_course_that_was_fitted_follows_the_light(model, light):
    out, _ = fits_of(light + 40.0)
    told = course(TIMES.astype(float), model, out[model], mixture(WIDTH_GRID, HALF, SIGMA_PX)).sum(axis=1)
    middle = light[:, HALF, HALF] / light[0, HALF, HALF] * 200.0
    np.testing.assert_allclose(told, middle, atol=0.05 * 400)


def test_the_grid_of_diffusion_is_that_of_growth():
    np.testing.assert_allclose(GROWTH, 2 * D_UM2_S * FRAME_S / SIGMA_UM**2)


@pytest.mark.parametrize(("best", "sd"), [(0.7, 0.1), (3.0, 0.6), (20.0, 8.0)])
def test_parabola_finds_the_minimum_and_its_error_between_grid_points(best, sd):
    grid = np.geomspace(0.1, 100, 14)
    chi2 = 7.0 + ((np.log(grid) - np.log(best)) / (sd / best)) ** 2
    assert parabola(grid, chi2) == pytest.approx((best, sd))


def test_parabola_at_an_end_of_the_grid_has_no_error_bound():
    grid = np.geomspace(1, 100, 5)
    assert parabola(grid, np.array([1.0, 2, 3, 4, 5])) == (1.0, np.inf)
    assert parabola(grid, np.array([5.0, 4, 3, 2, 1])) == (100.0, np.inf)
    assert np.isnan(parabola(grid, np.full(5, np.inf))).all()
