"""The loops of detect that are written for speed, against the plain way to say the same."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import erf

from exotrack.detect._filter import _blur, _window_mean
from exotrack.detect._fit import _factor, _profile, _profiles, _solve, fit_spots
from exotrack.detect._peaks import _median, describe, local_maxima, tilts
from exotrack.detect._template import Template, mend, mirror
from exotrack.physics import pixel_gaussian


@pytest.mark.parametrize("side", [3, 5, 13, 19, 31])
def test_the_mean_of_windows_is_that_of_a_running_mean(rng, side):
    rows, mean = np.zeros((3, 60 + side - 1), np.float32), np.empty(60, np.float32)
    rows[0] = rng.uniform(0, 1000, rows.shape[1])
    expected = np.convolve(rows[0].astype(float), np.ones(side), "valid") / side**2
    _window_mean(rows, side, mean)
    assert mean == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("half", [1, 3, 4, 5, 8, 10])
def test_a_blur_is_a_convolution_along_either_axis(rng, half):
    image, tap = rng.uniform(0, 1000, (2 * half + 1, 50)).astype(np.float32), rng.uniform(0, 1, half + 1)
    gauss = np.concatenate([tap[:0:-1], tap]).astype(np.float32)
    across, along = np.empty(50, np.float32), np.empty(50 - 2 * half, np.float32)
    _blur(image.reshape(-1), half * 50, 50, gauss, across)
    _blur(image[0], half, 1, gauss, along)
    assert across == pytest.approx(gauss.astype(float) @ image, rel=1e-5)
    assert along == pytest.approx(np.convolve(image[0], gauss.astype(float), "valid"), rel=1e-5)


@pytest.mark.parametrize("n", [1, 2, 15, 16, 39])
def test_the_median_is_numpys_even_of_equal_values(rng, n):
    for values in (rng.normal(size=n), rng.integers(0, 3, n), np.zeros(n)):
        assert _median(values.astype(np.float32)) == np.median(values.astype(np.float32).astype(float))


@pytest.mark.parametrize("width", [16, 31, 32, 70])
def test_maxima_are_those_of_a_maximum_filter_whatever_the_width(rng, width):
    from scipy.ndimage import maximum_filter

    z = rng.normal(size=(40, width)).astype(np.float32)
    expected = np.argwhere((maximum_filter(z, 3, mode="nearest") == z) & (z > 0.3))
    assert np.array_equal(local_maxima(z, 0.3), expected)


def test_a_peak_is_described_as_plain_numpy_does(rng):
    tight = Template(1.3, 6, True)
    y, x = np.mgrid[:40, :40]
    padded = (rng.normal(200, 5, (40, 40)) + 6.0 * y - 4.0 * x).astype(np.float32)
    z = rng.normal(size=(20, 20)).astype(np.float32)
    seen = describe(padded, z, np.array([[7, 9]]), tight.weights, tight.information, (1.0, 10.0))[0]
    window = padded[17 - 6 : 17 + 7, 19 - 6 : 19 + 7].astype(float)
    rim = np.ones(window.shape, bool)
    rim[2:-2, 2:-2] = False
    sd = np.sqrt(window[rim].mean() + 10)
    assert seen[2] == pytest.approx((tight.weights * window).sum() / tight.information)
    assert seen[3] == pytest.approx(window[rim].mean())
    tilt = tilts(padded, 10, 13, np.array([[7, 9]]), seen[3:4], (1.0, 10.0))[0]
    assert tilt[0] == pytest.approx((np.median(window[-3:]) - np.median(window[:3])) / 10)
    assert tilt[1] == pytest.approx((np.median(window[:, -3:]) - np.median(window[:, :3])) / 10)
    assert seen[4] == pytest.approx(seen[2] * np.sqrt(tight.information) / sd)
    assert seen[5] == pytest.approx((window[5:8, 5:8].max() - seen[3]) / sd)


@pytest.mark.parametrize(("sigma", "tolerance"), [(0.8, 1e-6), (1.3, 3e-8), (3.0, 1e-9)])
def test_the_tabulated_profile_is_the_integral_of_the_gaussian(rng, sigma, tolerance):
    half = int(np.ceil(2.5 * sigma))
    table, share, change = _profiles(sigma, half), np.empty(2 * half + 1), np.empty(2 * half + 1)
    edges = np.arange(-half, half + 2) - 0.5
    for centre in (*rng.uniform(-half - 1, half + 1, 30), 0.0, -half - 1.0, half + 1.0):
        _profile(table, centre, share, change)
        u = (edges - centre) / sigma
        assert np.abs(share - 0.5 * np.diff(erf(u / np.sqrt(2)))).max() < tolerance
        assert np.abs(change + np.diff(np.exp(-0.5 * u * u)) / (np.sqrt(2 * np.pi) * sigma)).max() < 20 * tolerance


def test_a_system_of_four_is_solved_and_a_singular_one_refused(rng):
    root, right = rng.normal(size=(4, 4)), rng.normal(size=4)
    matrix = root @ root.T
    factor, definite = _factor(tuple(matrix[np.tril_indices(4)]))
    assert definite
    assert _solve(factor, tuple(right)) == pytest.approx(np.linalg.solve(matrix, right))
    for bad in (np.diag([1.0, 1.0, 0.0, 1.0]), np.diag([1.0, -1.0, 1.0, 1.0]), np.full((4, 4), np.nan), np.zeros((4, 4))):
        assert not _factor(tuple(bad[np.tril_indices(4)]))[1]


@pytest.mark.parametrize("place", [(12.3, 9.6), (0.4, 9.6), (12.3, 23.2)])
def test_the_fit_is_at_the_maximum_of_the_likelihood_also_at_the_border(rng, place):
    sigma, tilt = 1.3, (0.8, -0.5)
    y, x = np.mgrid[:24, :24]
    peak = np.rint(place).astype(int)
    plane = tilt[0] * (y - peak[0]) + tilt[1] * (x - peak[1])
    counts = rng.poisson(60.0 + plane + 800.0 * pixel_gaussian((64, 64), place[0] + 20, place[1] + 20, sigma)[20:44, 20:44])
    square = np.s_[max(peak[0] - 4, 0) : peak[0] + 5, max(peak[1] - 4, 0) : peak[1] + 5]

    def unlikely(theta):
        spot = pixel_gaussian((64, 64), theta[0] + 20, theta[1] + 20, sigma)[20:44, 20:44]
        mean = (100 * theta[2] * spot + 10 * theta[3] + plane)[square]
        return (mean - counts[square] * np.log(mean)).sum()

    best = minimize(unlikely, [*place, 8.0, 6.0], method="Nelder-Mead", options={"xatol": 1e-6, "fatol": 1e-9, "maxiter": 4000}).x
    start = np.array([[*peak, 90.0, 70.0, *tilt]])
    found = fit_spots(counts.astype(np.float32), peak[None], start, sigma, 4, (1.0, 0.0))[0]
    assert found[6] == 0
    assert found[:2] == pytest.approx(best[:2], abs=0.005 * found[4])
    assert found[2] == pytest.approx(100 * best[2] / (2 * np.pi * sigma**2), rel=1e-3)
    assert found[3] == pytest.approx(10 * best[3], rel=1e-3)


def filled(image, noisy):
    """The image with the mean of the quiet among its eight neighbours in each noisy pixel."""
    quiet = image.astype(float)
    quiet[tuple(noisy.T)] = np.nan
    mended = image.copy()
    for y, x in noisy:
        near = quiet[max(y - 1, 0) : y + 2, max(x - 1, 0) : x + 2]
        if np.isfinite(near).any():
            mean = np.nanmean(near)
            mended[y, x] = mean if image.dtype.kind == "f" else np.rint(mean)
    return mended


@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
def test_noisy_pixels_are_mended_in_place_as_in_a_copy(rng, dtype):
    image = rng.integers(0, 5000, (20, 24)).astype(dtype)
    noisy = np.array([[0, 0], [0, 1], [1, 0], [1, 1], [7, 9], [12, 23], [19, 5], [19, 6]])
    padded = np.empty((32, 36), np.float32)
    mirror(image, padded)
    mend(padded, 6, noisy, np.dtype(dtype).kind != "f")
    assert np.array_equal(padded, np.pad(filled(image, noisy).astype(np.float32), 6, mode="symmetric"))
