"""Components: unbiased for light of any width, their covariance right, the same as numpy's least squares."""

from __future__ import annotations

import numpy as np
import pytest
from patches_of import HALF, SIGMA_PX, gaussian, look, noisy

from exotrack.classify._components import mixture
from exotrack.classify._look import fluxes

WIDE = [1.0, 2.0, 4.0]


def design(place=(0.0, 0.0)):
    """(pixels, 6) columns of the sum, the derivatives by finite differences."""
    step = 1e-4
    y, x = place
    down = (gaussian(SIGMA_PX, y + step, x) - gaussian(SIGMA_PX, y - step, x)) / (2 * step)
    right = (gaussian(SIGMA_PX, y, x + step) - gaussian(SIGMA_PX, y, x - step)) / (2 * step)
    columns = [*(gaussian(w * SIGMA_PX, y, x) for w in WIDE), np.ones((2 * HALF + 1,) * 2), SIGMA_PX * down, SIGMA_PX * right]
    return np.stack([c.ravel() for c in columns], axis=1)


@pytest.mark.parametrize("place", [(0.0, 0.0), (0.3, -0.45)])
def test_light_made_of_the_components_is_told_exactly(place):
    truth = np.array([300.0, -40.0, 25.0, 60.0, 12.0, -7.0])
    pixels = (design(place) @ truth).reshape(1, 2 * HALF + 1, 2 * HALF + 1)
    np.testing.assert_allclose(look(pixels, place=place).coefficients[0], truth, atol=1e-4)


def test_it_is_the_weighted_least_squares_of_numpy(rng):
    pixels = noisy(200 * gaussian(SIGMA_PX)[None].repeat(5, 0) + 50 * gaussian(2.5 * SIGMA_PX), rng)
    found = look(pixels)
    a = design()
    for k, image in enumerate(pixels):
        d, w, beta = image.ravel(), np.ones(len(a)), np.zeros(6)
        for expected in (np.full(len(a), d.mean()), None):
            w = 1 / np.maximum(a[:, :4] @ beta[:4] if expected is None else expected, 0.5)
            beta = np.linalg.lstsq(a * np.sqrt(w)[:, None], d * np.sqrt(w), rcond=None)[0]
        covariance = np.linalg.inv(a.T @ (a * w[:, None]))
        np.testing.assert_allclose(found.coefficients[k], beta, rtol=1e-4, atol=1e-3)
        np.testing.assert_allclose(found.precision[k], np.linalg.inv(covariance[:3, :3]), rtol=1e-4)


@pytest.mark.parametrize("width", [1.0, 2.0, 4.0])
@pytest.mark.parametrize("height", [0.0, 8.0, 200.0])
def test_height_and_light_of_a_cloud_are_unbiased_at_any_signal(rng, width, height):
    n = 800
    pixels = noisy(np.repeat(height * gaussian(width * SIGMA_PX)[None], n, 0), rng)
    found = look(pixels).coefficients[:, :3]
    flux = fluxes(SIGMA_PX) / fluxes(SIGMA_PX)[0]
    for values, expected in ((found.sum(axis=1), height), (found @ flux, height * flux[WIDE.index(width)])):
        assert values.mean() == pytest.approx(expected, abs=4.5 * values.std() / np.sqrt(n))


@pytest.mark.parametrize("width", [1.4, 3.0])
def test_height_and_light_between_the_widths_are_right_to_a_seventh(width):
    pixels = 200 * gaussian(width * SIGMA_PX)[None] + 40.0
    heights = look(pixels).coefficients[0, :3]
    flux = fluxes(SIGMA_PX)
    light = 200 * 2 * np.pi * (width * SIGMA_PX) ** 2 * (1 - np.exp(-0.5 * (4.5 / width) ** 2))
    assert heights.sum() == pytest.approx(200, rel=0.14)
    assert heights @ flux == pytest.approx(light, rel=0.07)


@pytest.mark.parametrize("height", [0.0, 100.0, 1000.0])
def test_the_precision_is_that_of_the_scatter(rng, height):
    pixels = noisy(np.repeat(height * gaussian(SIGMA_PX)[None], 2000, 0), rng)
    series = look(pixels)
    error = series.coefficients[:, :3] - [height, 0, 0]
    chi2 = np.einsum("na,nab,nb->n", error, series.precision, error)
    assert chi2.mean() == pytest.approx(3.0, abs=0.15)
    assert chi2.var() == pytest.approx(6.0, rel=0.15)
    np.testing.assert_allclose(np.cov(error.T), np.linalg.inv(series.precision.mean(axis=0)), rtol=0.12, atol=0.02)
    shift = series.coefficients[:, 4:]
    assert np.std(shift) / series.shift_sd.mean() == pytest.approx(1.0, abs=0.04)


def test_masked_pixels_are_not_looked_at(rng):
    pixels = noisy(np.repeat(200 * gaussian(SIGMA_PX)[None], 200, 0), rng)
    mask = np.ones(pixels.shape, bool)
    mask[:, :6, :] = False
    spoilt = np.where(mask, pixels, 1e4)
    clean, found = look(pixels, mask), look(spoilt, mask)
    np.testing.assert_array_equal(found.coefficients, clean.coefficients)
    total = found.coefficients[:, :3].sum(axis=1)
    assert total.mean() == pytest.approx(200, abs=4 * total.std() / np.sqrt(200))


def test_a_frame_that_is_masked_has_no_weight():
    pixels = np.full((3, 23, 23), 50.0)
    mask = np.ones(pixels.shape, bool)
    mask[1] = False
    series = look(pixels, mask)
    assert np.isnan(series.coefficients[1]).all()
    assert (series.precision[1] == 0).all()
    assert np.isfinite(series.coefficients[[0, 2]]).all()


@pytest.mark.parametrize(("dy", "dx"), [(0.2, 0.0), (0.0, -0.3), (-0.15, 0.25)])
def test_the_derivative_terms_tell_which_way_and_how_far_a_spot_has_moved(rng, dy, dx):
    pixels = noisy(np.repeat(500 * gaussian(SIGMA_PX, dy, dx)[None], 400, 0), rng)
    shift = look(pixels).coefficients[:, 4:].mean(axis=0) / 500 * SIGMA_PX
    np.testing.assert_allclose(shift, [dy, dx], atol=0.03)


@pytest.mark.parametrize(("gain", "offset"), [(0.5, 100.0), (8.0, 500.0)])
def test_gain_and_offset_change_the_unit_and_nothing_else(rng, gain, offset):
    pixels = noisy(np.repeat(100 * gaussian(1.5 * SIGMA_PX)[None], 5, 0), rng)
    plain, counts = look(pixels), look(gain * pixels + offset, slope=gain, intercept=-gain * offset)
    np.testing.assert_allclose(
        counts.coefficients, gain * plain.coefficients + offset * (np.arange(6) == 3), rtol=1e-6, atol=1e-5
    )
    np.testing.assert_allclose(counts.precision, plain.precision / gain**2, rtol=1e-6)


def test_mixtures_are_the_widths_between_to_a_fifteenth_of_their_height():
    for width in (1.0, 1.2, 1.4, 1.7, 2.0, 2.5, 3.0, 4.0):
        parts = mixture(np.array([width]), HALF, SIGMA_PX)[0]
        made = sum(p * gaussian(w * SIGMA_PX) for p, w in zip(parts, WIDE, strict=True))
        rest = gaussian(width * SIGMA_PX) - made
        assert np.abs(rest - rest.mean()).max() < 0.07
