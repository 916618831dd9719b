"""The height, background and width of one spot: against the simulated truth, scipy's minimum, and changes of unit."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize

from exotrack.measure._spot_fit import FLOOR, fit_height, fit_width, measure_rows, profile
from exotrack.physics import pixel_gaussian

SIZE, SIGMA = 11, 1.3


def shape_of(size, y, x, sigma):
    """Mean over each pixel of a Gaussian of unit height, by brute force on 15 x 15 points in each pixel."""
    fine = (np.arange(size * 15) - 7) / 15
    gauss = np.exp(-0.5 * (fine[:, None] - y) ** 2 / sigma**2) * np.exp(-0.5 * (fine[None, :] - x) ** 2 / sigma**2)
    return gauss.reshape(size, 15, size, 15).mean(axis=(1, 3))


def spots(n, height, background, rng, sigma=SIGMA):
    """`n` noisy patches and their centres."""
    centres = SIZE // 2 + rng.uniform(-0.5, 0.5, (n, 2))
    peak = height * 2 * np.pi * sigma**2
    expected = np.stack([background + peak * pixel_gaussian((SIZE, SIZE), y, x, sigma) for y, x in centres])
    return rng.poisson(expected).astype(float), centres


def test_the_profile_is_the_mean_of_a_gaussian_over_each_pixel():
    along = np.empty(SIZE)
    profile(SIZE, 4.7, SIGMA, along)
    across = np.empty(SIZE)
    profile(SIZE, 5.2, SIGMA, across)
    np.testing.assert_allclose(np.outer(along, across), shape_of(SIZE, 4.7, 5.2, SIGMA), atol=1e-3)


@pytest.mark.parametrize(("height", "background"), [(0.0, 20.0), (15.0, 20.0), (60.0, 20.0), (400.0, 100.0), (2000.0, 5.0)])
def test_height_and_background_are_unbiased_and_the_error_is_known(rng, height, background):
    patches, centres = spots(3000, height, background, rng)
    found = np.array([fit_height(patch, y, x, SIGMA) for patch, (y, x) in zip(patches, centres, strict=True)])
    z = (found[:, 0] - height) / found[:, 2]
    error = found[:, 0].std() / np.sqrt(len(found))
    assert 0.95 < z.std() < 1.05
    assert abs(found[:, 0].mean() - height) < 4 * error
    assert found[:, 1].mean() == pytest.approx(background, abs=5 * found[:, 1].std() / np.sqrt(len(found)))


@pytest.mark.parametrize(("height", "background"), [(-8.0, 30.0), (0.0, 20.0), (40.0, 10.0), (500.0, 100.0)])
def test_it_is_the_minimum_that_scipy_finds(rng, height, background):
    patches, centres = spots(12, height, background, rng)
    for patch, (y, x) in zip(patches, centres, strict=True):
        shape = pixel_gaussian((SIZE, SIZE), y, x, SIGMA) * 2 * np.pi * SIGMA**2

        def loss(p, patch=patch, shape=shape):
            mu = np.maximum(p[0] * shape + p[1], FLOOR)
            return float((mu - patch * np.log(mu)).sum())

        best = minimize(loss, [height, background], method="Nelder-Mead", options={"xatol": 1e-4, "fatol": 1e-8})
        a, b, sd, loglik = fit_height(patch, y, x, SIGMA)
        assert a == pytest.approx(best.x[0], abs=0.02 * sd)
        assert b == pytest.approx(best.x[1], rel=1e-3)
        assert loglik == pytest.approx(-best.fun, abs=1e-3)


def test_a_dark_spot_has_a_negative_height(rng):
    patches, centres = spots(200, -30.0, 100.0, rng)
    found = [fit_height(patch, y, x, SIGMA)[0] for patch, (y, x) in zip(patches, centres, strict=True)]
    assert np.mean(found) == pytest.approx(-30, abs=3)


def test_an_empty_patch_has_a_height_of_nothing_and_not_of_infinity():
    height, background, sd, _ = fit_height(np.zeros((SIZE, SIZE)), 5.0, 5.0, SIGMA)
    assert abs(height) < 3 * sd
    assert background == FLOOR


@pytest.mark.parametrize("true", [1.0, 1.3, 2.0, 3.0])
@pytest.mark.parametrize("snr", [10.0, 20.0])
def test_width_is_within_four_percent_at_snr_ten_and_more(rng, snr, true):
    background = 50.0
    height = (snr**2 + snr * np.sqrt(snr**2 + 4 * background)) / 2
    patches, centres = spots(400, height, background, rng, sigma=true)
    found = [fit_width(p, y, x, SIGMA, 0.5 * SIGMA, 4 * SIGMA) for p, (y, x) in zip(patches, centres, strict=True)]
    assert np.isfinite(found).mean() > 0.99
    assert np.nanmean(found) == pytest.approx(true, rel=0.04)


def rows(pixels, y, x, slope=1.0, intercept=0.0, radius=5.0, sigma=SIGMA):
    """`measure_rows` of the same places in every frame of `pixels`."""
    out = np.empty((len(pixels) * len(y), 6))
    frame = np.repeat(np.arange(len(pixels)), len(y))
    measure_rows(pixels, frame, np.tile(y, len(pixels)), np.tile(x, len(pixels)), (sigma, radius, slope, intercept), out)
    return out


def picture(height, rng, size=40, y=20.2, x=19.7, background=60.0):
    return rng.poisson(background + height * 2 * np.pi * SIGMA**2 * pixel_gaussian((size, size), y, x, SIGMA)).astype(float)


def test_a_dim_spot_has_a_height_and_no_width(rng):
    out = rows(np.stack([picture(8.0, rng) for _ in range(60)]), [20.2], [19.7])
    assert np.isfinite(out[:, 0]).all()
    assert np.isnan(out[:, 3]).mean() > 0.8
    bright = rows(np.stack([picture(300.0, rng) for _ in range(60)]), [20.2], [19.7])
    assert np.isfinite(bright[:, 3]).all()


@pytest.mark.parametrize(("y", "x"), [(0.0, 0.0), (0.3, 20.0), (39.4, 39.4), (20.0, 39.0)])
def test_a_spot_at_the_edge_is_measured_on_the_pixels_there_are(rng, y, x):
    out = rows(np.stack([picture(500.0, rng, y=y, x=x) for _ in range(100)]), [y], [x])
    assert out[:, 0].mean() == pytest.approx(500, abs=5 * out[:, 0].std() / 10)
    assert out[:, 2].mean() == pytest.approx(60, rel=0.05)


@pytest.mark.parametrize(("y", "x"), [(-30.0, 20.0), (20.0, 80.0), (-5.0, -5.0)])
def test_a_place_outside_the_picture_has_no_measures(rng, y, x):
    assert np.isnan(rows(picture(500.0, rng)[None], [y], [x])).all()


@pytest.mark.parametrize("sigma", [0.2, 1.3])
def test_a_spot_whose_light_is_all_outside_has_no_measures(rng, sigma):
    assert np.isnan(rows(picture(500.0, rng)[None], [-16.0], [20.0], radius=18.0, sigma=sigma)).all()


def test_intensity_is_the_light_within_the_radius_and_its_error_is_known(rng):
    pixels = np.stack([picture(200.0, rng) for _ in range(1000)])
    out = rows(pixels, [20.2], [19.7])
    expected = 200.0 * 2 * np.pi * SIGMA**2
    assert out[:, 4].mean() == pytest.approx(expected, rel=0.02)
    assert out[:, 4].std() / out[:, 5].mean() == pytest.approx(1.0, abs=0.12)


@pytest.mark.parametrize(("gain", "offset", "read"), [(0.5, 100.0, 0.0), (2.2, 400.0, 1.5), (12.0, 1000.0, 3.0)])
def test_gain_and_offset_change_the_unit_and_nothing_else(rng, gain, offset, read):
    electrons = np.stack([picture(h, rng) for h in (0.0, 50.0, 500.0) for _ in range(10)])
    plain = rows(electrons, [20.2], [19.7], slope=1.0, intercept=read**2)
    counts = rows(electrons * gain + offset, [20.2], [19.7], slope=gain, intercept=gain**2 * read**2 - gain * offset)
    np.testing.assert_allclose(counts[:, [0, 1, 4, 5]], gain * plain[:, [0, 1, 4, 5]], rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(counts[:, 2], gain * plain[:, 2] + offset, rtol=1e-6)
    np.testing.assert_allclose(counts[:, 3], plain[:, 3], rtol=1e-6)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16, np.float32])
def test_the_type_the_pixels_are_stored_in_does_not_matter(rng, dtype):
    pixels = np.clip(picture(100.0, rng), 0, 255)[None]
    np.testing.assert_allclose(rows(pixels.astype(dtype), [20.2], [19.7]), rows(pixels, [20.2], [19.7]), rtol=1e-12)
