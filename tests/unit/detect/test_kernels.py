"""The kernels of detect against plain numpy and scipy."""

from __future__ import annotations

import numpy as np
import pytest

from exotrack.detect._filter import matched_filter
from exotrack.detect._peaks import local_maxima
from exotrack.detect._template import Template, mirror
from exotrack.detect._threshold import HEIGHTS, Mixture, false_in_bins, false_maxima, in_bins, skewed, threshold


def mirrored(image, margin):
    padded = np.empty(np.add(image.shape, 2 * margin), np.float32)
    mirror(image, padded)
    return padded


def filtered(image, template, camera=(1e-9, 100.0)):
    padded, z = mirrored(image, template.half_window), np.empty(image.shape, np.float32)
    gains = tuple(np.ones(size, np.float32) for size in image.shape)
    sums = np.empty(padded.shape[1])
    matched_filter(padded, template.gauss, template.half_window, template.information, camera, gains, sums, z)
    return z


def test_the_margin_mirrors_the_image_even_if_it_is_wider_than_the_image(rng):
    image = rng.normal(size=(6, 9)).astype(np.float32)
    assert np.array_equal(mirrored(image, 4), np.pad(image, 4, mode="symmetric"))
    assert np.array_equal(mirrored(image, 20), np.pad(image, 20, mode="symmetric"))


@pytest.mark.parametrize("half_window", [5, 9])
def test_the_filter_is_the_least_squares_height_over_its_error(rng, half_window):
    image, template = rng.normal(200, 10, (40, 50)), Template(1.3, half_window, False)
    z = filtered(image, template)
    y, x = 20, 25
    window = image[y - half_window : y + half_window + 1, x - half_window : x + half_window + 1]
    g = np.pad(np.outer(template.gauss, template.gauss), half_window - template.half)
    design = np.stack([g.ravel(), np.ones(g.size)], 1)
    height = np.linalg.lstsq(design, window.ravel(), rcond=None)[0][0]
    error = 10 * np.sqrt(np.linalg.inv(design.T @ design)[0, 0])
    assert z[y, x] == pytest.approx(height / error, rel=1e-4)


def test_filtered_noise_has_variance_one_up_to_the_border(rng):
    template = Template(1.3, 9, False)
    gain = template.edge_gain(128)
    z = np.stack([filtered(rng.normal(200, 10, (128, 128)), template) for _ in range(20)]) / gain[:, None] / gain
    assert z.std() == pytest.approx(1.0, abs=0.02)
    assert z[:, 0].std() == pytest.approx(1.0, abs=0.08)
    assert z[:, :, -1].std() == pytest.approx(1.0, abs=0.08)


@pytest.mark.parametrize("sigma_px", [0.8, 1.3, 2.5])
def test_maxima_of_noise_are_as_many_as_the_theory_says(rng, sigma_px):
    template = Template(sigma_px, int(np.ceil(7 * sigma_px)), False)
    heights = [z[tuple(local_maxima(z, 2.0).T)] for z in (filtered(rng.normal(0, 10, (300, 300)), template) for _ in range(8))]
    seen = np.concatenate(heights)
    for u, tolerance in ((2.0, 0.15), (3.0, 0.2)):
        assert (seen > u).sum() == pytest.approx(8 * 300**2 * np.interp(u, HEIGHTS, false_maxima(template)), rel=tolerance)


def test_the_threshold_falls_with_the_accepted_rate_and_rises_with_the_area():
    template = Template(1.3, 9, False)
    assert threshold(0.1, 512**2, template) > threshold(1.0, 512**2, template) > threshold(1.0, 64**2, template)
    assert skewed(4.0, np.array([0.0, 0.3])).tolist() == pytest.approx([4.0, 4.75])


def test_a_dim_maximum_is_a_spot_only_where_there_are_many_like_it(rng):
    template = Template(1.3, 9, False)
    noise = 512**2 * false_maxima(template)
    stated = threshold(0.1, 512**2, template)

    def share(*spots, texture=1.0, support=1.0):
        background = np.repeat(HEIGHTS[:-1], rng.poisson(-np.diff(noise)))
        seen, false = in_bins(np.concatenate([background, *spots])), (false_in_bins(noise, 1.0), false_in_bins(noise, texture))
        mixture = Mixture.of(seen[None], false, stated)
        return mixture.share(np.array([4.4]), support)[0]

    dim = rng.normal(4.7, 1, 100)
    assert share() < 0.1
    assert share(rng.normal(12, 1, 100)) < 0.2
    assert share(dim) > 0.8
    assert share(dim, texture=2.0) < 0.2
    assert share(dim, support=100.0) > 0.99
    assert share(dim, texture=2.0, support=100.0) < 0.5, "structure lasts as well as spots do"


def test_a_lone_bright_maximum_still_has_a_density():
    template = Template(1.3, 9, False)
    noise = 64**2 * false_maxima(template)
    false = false_in_bins(noise, 1.0)
    lone = Mixture.of(in_bins(np.array([13.0]))[None], (false, false), threshold(0.1, 64**2, template))
    assert (lone.density(np.array([3.5, 9.5, 13.0, 40.0])) > 0).all()


def test_equal_neighbours_are_one_maximum():
    z = np.zeros((6, 6), np.float32)
    z[2, 2] = z[2, 3] = z[3, 2] = 5
    z[0, 5] = 4
    assert local_maxima(z, 1.0).tolist() == [[0, 5], [2, 2]]
