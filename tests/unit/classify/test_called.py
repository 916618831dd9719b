"""Measures of called fusions: what was drawn is what is measured, the error holds, and what cannot be known is missing."""

from __future__ import annotations

import math

import numpy as np
import pytest
from patches_of import FRAME_S, OPTICS, SIGMA_UM, cloud_frames, frames_of, look, noisy

from exotrack.classify import _emptied as emptied
from exotrack.classify._own import above_still, beside_clouds
from exotrack.classify._posterior import excess, known, told
from exotrack.classify._widening import diffusion

TIMES = np.arange(-12.0, 30.0)
LONG = np.arange(-12.0, 100.0)


@pytest.fixture
def rng():
    return np.random.default_rng(5)


def one(t):
    return np.ones_like(t)


def series_of(pixels, times):
    return look(pixels)._replace(frame=times.astype(int))


def draws(light, times, rng, measure, n=10):
    return np.array([measure(series_of(noisy(light, rng), times)) for _ in range(n)]).T


def test_the_diffusion_of_spreading_cargo_is_recovered_whatever_the_vesicles_own_width(rng):
    for own, d in ((0.85, 0.05), (1.2, 0.15)):

        def width(t, own=own, d=d):
            return own + 2 * d * FRAME_S / SIGMA_UM**2 * np.maximum(t - 0.3, 0)

        light = frames_of(lambda t, width=width: np.where(t < 0.3, 20.0, 160.0 / width(t)), width, TIMES)
        value, sd = draws(light, TIMES, rng, lambda s: diffusion(s, 0, 0, OPTICS), 8)
        assert np.median(value) == pytest.approx(d, rel=0.1)
        assert (np.abs(value - d) < 1.96 * sd).mean() >= 0.75


def test_the_decay_of_a_release_is_recovered_beside_its_cloud(rng):
    narrow = frames_of(lambda t: np.where(t < 0.4, 150.0, 150.0 * np.exp(-(t - 0.4) / 4.0)), one, TIMES)
    light = narrow + 200.0 * cloud_frames(0.4, 4.0, 2 * 4.0 * FRAME_S / SIGMA_UM**2, 10.0, TIMES)
    decay, sd, part, part_sd = draws(light, TIMES, rng, lambda s: emptied.full(beside_clouds(s, 0), 0.0, FRAME_S, 4.0))
    assert np.median(decay) == pytest.approx(4.0, rel=0.2)
    assert (np.abs(decay - 4.0) < 1.96 * sd).mean() >= 0.8
    assert (np.abs(part - 1.0) < 1.96 * part_sd).mean() >= 0.8


def test_a_kiss_and_run_tells_what_part_it_released_and_mostly_nothing_if_the_vesicle_left(rng):
    def kissed(t):
        return np.where(t < 0.4, 150.0, 90.0 + 60.0 * np.exp(-np.maximum(t - 0.4, 0) / 2.0))

    def measure(series):
        return emptied.kiss(beside_clouds(series, 0), 0.0, FRAME_S, 2.0)

    part, sd = draws(frames_of(kissed, one, TIMES), TIMES, rng, measure)[2:]
    assert np.median(part) == pytest.approx(0.4, abs=0.1)
    assert (np.abs(part - 0.4) < 1.96 * sd).mean() >= 0.8
    gone = frames_of(lambda t: kissed(t) * np.exp(-np.maximum(t - 6.0, 0) / 2.0), one, TIMES)
    assert np.isnan(draws(gone, TIMES, rng, measure)[2]).mean() >= 0.6


@pytest.mark.parametrize("tau_s", [2.0, 5.0])
def test_the_time_of_reacidification_is_recovered(rng, tau_s):
    light = frames_of(lambda t: np.where(t < 0.4, 0.0, 120.0 * np.exp(-np.maximum(t - 4.0, 0) * FRAME_S / tau_s)), one, LONG)
    value, sd = draws(light, LONG, rng, lambda s: emptied.fade(above_still(s, 0), 0, FRAME_S)) * FRAME_S
    assert np.median(value) == pytest.approx(tau_s, rel=0.15)
    assert (np.abs(value - tau_s) < 1.96 * sd).mean() >= 0.8


def test_a_vesicle_that_leaves_at_once_tells_no_time_of_reacidification(rng):
    light = frames_of(lambda t: np.where(t < 0.4, 0.0, 120.0 * np.exp(-np.maximum(t - 4.0, 0) * FRAME_S / 0.2)), one, LONG)
    value = draws(light, LONG, rng, lambda s: emptied.fade(above_still(s, 0), 0, FRAME_S), 6)[0]
    assert np.isnan(value).mean() > 0.8


def test_a_value_has_an_error_that_covers_both_sides_and_a_limit_none():
    grid = np.geomspace(0.1, 10.0, 60)
    value, error, spread = told(grid, -0.5 * (np.log(grid) / 0.3) ** 2)
    assert value == pytest.approx(1.0, rel=0.02)
    assert spread == pytest.approx(0.3, rel=0.05)
    assert error > 0.3  # the far side of a log-normal is the longer one
    assert all(math.isnan(x) for x in known(grid, np.log(grid), 0.0))


def test_neighbouring_frames_that_err_alike_say_less(rng):
    noise = rng.standard_normal(4000)
    assert excess(noise, 0) == pytest.approx(1.0, abs=0.25)
    assert excess(np.convolve(noise, np.ones(4) / 2.0), 0) > 2.0
