"""Components: unbiased for light of any width, their covariance right, the same as numpy's least squares."""

from __future__ import annotations

import numpy as np
import pytest
from patches_of import HALF, OPTICS, SIGMA_PX, gaussian, look, noisy

from exotrack._blocks import Block
from exotrack.classify._candidates import Places
from exotrack.classify._components import DIM, LEVELS, WIDTHS, mixture
from exotrack.classify._look import Neighbours, Stage, fluxes, look_block
from exotrack.classify._patch import Reach, binned
from exotrack.movie import Movie

REACH = OPTICS.reach
SIZE = 2 * HALF + 1
FLUX = fluxes(SIGMA_PX) / fluxes(SIGMA_PX)[0]


def mixed(width):
    """(4,) heights that stand for a Gaussian of unit height."""
    return mixture(np.array([width]), SIGMA_PX, REACH.near, REACH.far)[0]


def columns(y=0.0, x=0.0, half=HALF):
    """(7, h, w) images of what is summed at (y, x) from the middle, as the coefficients; derivatives by finite differences."""
    step = 1e-4
    down = (gaussian(SIGMA_PX, y + step, x, half) - gaussian(SIGMA_PX, y - step, x, half)) / (2 * step)
    right = (gaussian(SIGMA_PX, y, x + step, half) - gaussian(SIGMA_PX, y, x - step, half)) / (2 * step)
    wide = [gaussian(w * SIGMA_PX, y, x, half) for w in WIDTHS]
    return np.array([*wide, np.ones_like(down), SIGMA_PX * down, SIGMA_PX * right])


def parts_of(shape, centre, reach=REACH):
    """(parts, h, w) share of every pixel and bin that is looked at around `centre`."""
    side, index, out = reach.bin, np.indices(shape), []
    bins = [n // side for n in shape]
    first = [max((round(c) - reach.near) // side, 0) for c in centre]
    last = [min((round(c) + reach.near) // side, n - 1) for c, n in zip(centre, bins, strict=True)]
    low = [f * side for f in first]
    high = [s - 1 if b == n - 1 else (b + 1) * side - 1 for b, n, s in zip(last, bins, shape, strict=True)]
    for p in np.ndindex(*shape):
        if all(a <= k <= b for a, k, b in zip(low, p, high, strict=True)):
            out.append((index[0] == p[0]) & (index[1] == p[1]))
    for b in np.ndindex(*bins):
        inside = all(f <= k <= m for f, k, m in zip(first, b, last, strict=True))
        far = any(
            not (round(c) - reach.far) // side <= k <= (round(c) + reach.far) // side for c, k in zip(centre, b, strict=True)
        )
        if not inside and not far:
            out.append((index[0] // side == b[0]) & (index[1] // side == b[1]))
    return np.array(out, float)


def by_numpy(pixels, parts, design, free):
    """Coefficients (n, 7) and precisions (n, 4, 4) by numpy, `free` (n, parts) being what is not covered; slope 1."""
    area = parts.sum(axis=(1, 2))
    values = np.einsum("phw,nhw->np", parts, pixels) / area
    a = np.einsum("phw,chw->pc", parts, design) / area[:, None]
    mean = np.sum(values * free, axis=0) / np.maximum(free.sum(axis=0), 1)
    mean = np.where(free.any(axis=0), mean, values.mean(axis=0))

    def solved(expected):
        found, precision = [], []
        for value, keep, e in zip(values, free, expected, strict=True):
            root = np.sqrt(area[keep] / np.maximum(e[keep], 0.5))
            found.append(np.linalg.lstsq(a[keep] * root[:, None], value[keep] * root, rcond=None)[0])
            normal = (a[keep] * root[:, None]).T @ (a[keep] * root[:, None])
            precision.append(np.linalg.inv(np.linalg.inv(normal)[:4, :4]))
        return np.array(found), np.array(precision)

    heights = solved(np.repeat(mean[None], len(values), 0))[0][:, 0]
    top, middle = max(heights.max(), 0.0), max(heights.mean(), 0.0)
    level = np.clip(np.rint(heights / max(top, 1e-9) * (LEVELS - 1)), 0, LEVELS - 1)
    if top < DIM * max(mean.min(), 0.5):
        level, top, middle = 0 * level, 0.0, 0.0
    return solved(mean + (top * level / (LEVELS - 1) - middle)[:, None] * a[:, 0])


def disc(y, x, radius, shape=(SIZE, SIZE)):
    i, j = np.indices(shape)
    return (i - y) ** 2 + (j - x) ** 2 < radius**2


@pytest.mark.parametrize("place", [(0.0, 0.0), (0.3, -0.45), (-0.5, 0.5)])
def test_light_made_of_the_components_is_told_exactly(place):
    truth = np.array([300.0, -40.0, 25.0, 30.0, 60.0, 12.0, -7.0])
    pixels = np.tensordot(truth, columns(*place), 1)[None]
    found = look(pixels, centre=(HALF + place[0], HALF + place[1])).coefficients[0]
    np.testing.assert_allclose(found, truth, atol=1e-3)


@pytest.mark.parametrize("height", [3.0, 200.0])
@pytest.mark.parametrize("centre", [(13.2, 12.8), (1.0, 24.6)])
def test_it_is_the_weighted_least_squares_of_numpy(rng, height, centre):
    half, reach = 13, Reach(5, 11, 3, 3.25)
    design = columns(centre[0] - half, centre[1] - half, half)
    light = np.array([0.0, 0.3, 0.6, 1.0, 1.0, 1.0, 0.8, 0.1, 0.0])[:, None, None] * design[0] + 0.25 * design[2]
    pixels = noisy(height * light, rng)
    parts = parts_of(pixels.shape[1:], centre, reach)
    free = np.ones((len(pixels), len(parts)), bool)
    found = look(pixels, centre=centre, reach=reach)
    coefficients, precision = by_numpy(pixels.astype(float), parts, design, free)
    np.testing.assert_allclose(found.coefficients, coefficients, rtol=1e-4, atol=1e-3 * height)
    np.testing.assert_allclose(found.precision, precision, rtol=2e-4, atol=1e-6)


def test_with_neighbours_it_is_the_least_squares_of_what_they_leave(rng):
    half, centre, reach = 13, (13.0, 13.0), Reach(5, 11, 3, 3.25)
    pixels = noisy(np.repeat(80 * gaussian(SIGMA_PX, half=half)[None], 9, 0), rng)
    others = [(1, 16.4, 9.2), (2, 20.0, 20.0), (2, 13.0, 17.9), (3, 1.0, 24.0)]
    parts = parts_of(pixels.shape[1:], centre, reach)
    area = parts.sum(axis=(1, 2))
    middle = [(parts * k).sum(axis=(1, 2)) / area for k in np.indices(pixels.shape[1:])]
    free = np.ones((9, len(parts)), bool)
    for t, y, x in others:
        away = np.hypot(middle[0] - y, middle[1] - x)
        nearer = away < np.hypot(middle[0] - centre[0], middle[1] - centre[1])
        free[t] &= ~np.where(area == 1, (away < reach.covered) & nearer, away < reach.covered + 1.5)
    found = look(pixels, centre=centre, reach=reach, others=others)
    coefficients, precision = by_numpy(pixels.astype(float), parts, columns(half=half), free)
    assert (free.sum(axis=1) < len(parts)).tolist() == [False, True, True, True, *[False] * 5]
    np.testing.assert_allclose(found.coefficients, coefficients, rtol=1e-4, atol=1e-2)
    np.testing.assert_allclose(found.precision, precision, rtol=2e-4, atol=1e-6)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("height", [0.0, 8.0, 200.0])
def test_height_and_light_of_a_cloud_are_unbiased_at_any_signal(rng, width, height):
    n = 400
    pixels = noisy(np.repeat(height * gaussian(width * SIGMA_PX)[None], n, 0), rng)
    found = look(pixels).coefficients[:, :4]
    for values, expected in ((found.sum(axis=1), height), (found @ FLUX, height * FLUX[WIDTHS.index(width)])):
        assert values.mean() == pytest.approx(expected, abs=4.5 * values.std() / np.sqrt(n))


def as_cloud(series, width):
    """(n,) height of a cloud of one width in a series and (n,) its error: generalised least squares with its mixture."""
    told = mixed(width)
    q = np.einsum("a,nab,b->n", told, series.precision, told)
    return np.einsum("a,nab,nb->n", told, series.precision, series.coefficients[:, :4]) / q, 1 / np.sqrt(q)


@pytest.mark.parametrize("height", [0.5, 5.0, 50.0, 500.0])
@pytest.mark.parametrize(("width", "off"), [(1.4, 0.03), (2.8, 0.015), (5.6, 0.03), (11.0, 0.09), (14.0, 0.125), (20.0, 0.125)])
def test_a_cloud_of_any_width_has_its_light_whatever_the_signal(width, height, off):
    """Between the widths to 3 %; beyond the widest, where little of a cloud is not flat, to an eighth at the brightest."""
    pixels = np.repeat(height * gaussian(width * SIGMA_PX)[None] + 40.0, 3, 0)
    assert as_cloud(look(pixels), width)[0] / height == pytest.approx(1.0, abs=off)


@pytest.mark.parametrize("width", [1.0, 1.4, 3.0, 6.0, 12.0, 20.0])
def test_where_no_light_is_a_cloud_of_any_width_has_none(rng, width):
    found, sd = as_cloud(look(noisy(np.zeros((500, SIZE, SIZE)), rng)), width)
    assert found.mean() == pytest.approx(0.0, abs=4.5 * sd.mean() / np.sqrt(500))
    assert found.std() / sd.mean() == pytest.approx(1.0, abs=0.12)


@pytest.mark.parametrize("width", [1.4, 2.8, 5.6])
@pytest.mark.parametrize("height", [2.0, 200.0])
def test_height_and_light_between_the_widths_are_right_to_a_seventh(width, height):
    pixels = height * gaussian(width * SIGMA_PX)[None] + 40.0
    heights = look(pixels).coefficients[0, :4]
    light = height * 2 * np.pi * (width * SIGMA_PX) ** 2 * (1 - np.exp(-0.5 * (4.5 / width) ** 2))
    assert heights.sum() == pytest.approx(height, rel=0.14)
    assert heights @ fluxes(SIGMA_PX) == pytest.approx(light, rel=0.05)


@pytest.mark.parametrize("height", [0.0, 100.0, 1000.0])
def test_the_precision_is_that_of_the_scatter(rng, height):
    n = 1500
    pixels = noisy(np.repeat(height * gaussian(SIGMA_PX)[None], n, 0), rng)
    series = look(pixels)
    error = series.coefficients[:, :4] - [height, 0, 0, 0]
    chi2 = np.einsum("na,nab,nb->n", error, series.precision, error)
    assert chi2.mean() == pytest.approx(4.0, abs=0.3)
    assert chi2.var() == pytest.approx(8.0, rel=0.3)
    expected = np.linalg.inv(series.precision.mean(axis=0))
    scale = np.sqrt(np.diag(expected))
    np.testing.assert_allclose(np.cov(error.T) / np.outer(scale, scale), expected / np.outer(scale, scale), atol=0.15)
    shift = series.coefficients[:, 5:]
    assert np.std(shift) / series.shift_sd.mean() == pytest.approx(1.0, abs=0.06)


@pytest.mark.parametrize("bright", [0.0, 1e3, 6e4])
def test_what_a_neighbour_covers_is_not_looked_at(rng, bright):
    pixels = noisy(np.repeat(200 * gaussian(SIGMA_PX)[None], 6, 0), rng)
    centre = (HALF, HALF)
    others = [(0, 36.2, 40.1), (1, 60.5, 20.0), (2, 27.0, 35.0), (2, 35.0, 30.0), (3, 5.0, 69.0), (4, 43.0, 44.5)]
    spoilt = pixels.copy()
    for t, y, x in others:
        nearer = disc(y, x, REACH.covered) & (
            np.hypot(*(np.indices((SIZE, SIZE)) - np.array([y, x])[:, None, None])) < away(centre)
        )
        spoilt[t][nearer] = bright
    clean, found = look(pixels, others=others), look(spoilt, others=others)
    # What is taken off a sum of 6e4 counts leaves its rounding.
    np.testing.assert_allclose(found.coefficients, clean.coefficients, rtol=1e-7, atol=1e-6)
    np.testing.assert_allclose(found.precision, clean.precision, rtol=1e-7, atol=1e-12)


def away(centre):
    i, j = np.indices((SIZE, SIZE))
    return np.hypot(i - centre[0], j - centre[1])


def test_a_neighbour_of_which_nothing_is_known_is_looked_at(rng):
    pixels = noisy(np.repeat(200 * gaussian(SIGMA_PX)[None], 3, 0), rng)
    near = np.where(disc(36.2, 40.1, REACH.covered), np.float32(1e3), pixels)
    far = np.where(disc(60.5, 20.0, REACH.covered), np.float32(1e3), pixels)
    plain = look(pixels).coefficients
    for spoilt in (near, far):
        assert np.abs(look(spoilt).coefficients[:, :4] - plain[:, :4]).max() > 1.0


@pytest.mark.parametrize("apart", [6.0, 9.0, 15.0])
def test_a_true_neighbour_adds_little_to_the_light_of_a_cloud_when_it_is_covered(apart):
    light = 200 * gaussian(SIGMA_PX) + 40.0
    both = light + 200 * gaussian(SIGMA_PX, apart)
    others = [(t, HALF + apart, HALF) for t in range(3)]
    told, open_ = (look(np.repeat(both[None], 3, 0), others=o).coefficients[0, :4] for o in (others, ()))
    assert told.sum() == pytest.approx(200, abs=3.0)
    assert abs(told @ FLUX - 200) < 0.25 * abs(open_ @ FLUX - 200) + 2.0


def test_covered_frames_are_as_unbiased_as_the_others(rng):
    n = 400
    pixels = noisy(np.repeat(30 * gaussian(4 * SIGMA_PX)[None], n, 0), rng)
    others = [row for t in range(n) for row in ((t, 39.0, 39.0), (t, 20.0, 50.0))]
    values = look(pixels, others=others).coefficients[:, :4] @ FLUX
    assert values.mean() == pytest.approx(30 * FLUX[2], abs=4.5 * values.std() / np.sqrt(n))


@pytest.mark.parametrize("n", [5, 12, 40])
@pytest.mark.parametrize("height", [5.0, 200.0])
def test_frames_that_cannot_be_used_have_no_weight_and_no_say(rng, n, height):
    pixels = noisy(np.repeat(height * gaussian(SIGMA_PX)[None], n, 0), rng)
    usable = np.arange(n) % 4 != 2
    spoilt = pixels.copy()
    spoilt[~usable] = np.nan
    series, clean = look(spoilt, usable), look(pixels[usable])
    assert np.isnan(series.coefficients[~usable]).all()
    assert np.isnan(series.shift_sd[~usable]).all()
    assert (series.precision[~usable] == 0).all()
    for found, expected in zip(series[1:], clean[1:], strict=True):
        np.testing.assert_allclose(found[usable], expected, rtol=1e-12)


@pytest.mark.parametrize("height", [0.0, 30.0, 200.0])
@pytest.mark.parametrize("shown", [(1, 1, 1, 1), (1, 1, 1, 0, 0), (1, 0)])
def test_the_precision_of_a_series_of_few_frames_is_that_of_the_scatter_too(rng, height, shown):
    light = np.array(shown)[:, None, None] * height * gaussian(SIGMA_PX)
    chi2 = []
    for _ in range(100):
        series = look(noisy(light, rng))
        error = series.coefficients[:, :4] - np.outer(shown, [height, 0, 0, 0])
        chi2.append(np.einsum("na,nab,nb->n", error, series.precision, error))
    np.testing.assert_allclose(np.mean(chi2, axis=0), 4.0, atol=1.3)


@pytest.mark.parametrize("usable", [[], [3]])
def test_few_usable_frames_are_no_crash(rng, usable):
    pixels = noisy(np.repeat(100 * gaussian(SIGMA_PX)[None], 6, 0), rng)
    which = np.isin(np.arange(6), usable)
    series = look(pixels, which)
    np.testing.assert_array_equal(np.isfinite(series.coefficients).all(axis=1), which)
    np.testing.assert_array_equal((series.precision != 0).any(axis=(1, 2)), which)


def test_a_frame_of_which_hardly_a_pixel_is_left_has_no_weight(rng):
    pixels = noisy(np.repeat(100 * gaussian(SIGMA_PX, half=4)[None], 3, 0), rng)
    others = [(1, y, x) for y in (0.5, 7.5, 4.0) for x in (0.5, 7.5, 4.0) if (y, x) != (4.0, 4.0)]
    series = look(pixels, others=others)
    assert np.isnan(series.coefficients[1]).all()
    assert (series.precision[1] == 0).all()
    assert np.isfinite(series.coefficients[[0, 2]]).all()


EDGES = (-0.4, 0.0, 1.3, 7.0, 30.6, 62.0, 68.9, 69.0, 70.0, 70.4)


@pytest.mark.parametrize("y", EDGES)
@pytest.mark.parametrize("x", [-0.4, 2.0, 35.0, 66.2, 70.4])
def test_near_a_border_or_corner_the_light_is_told_exactly_too(y, x):
    truth = np.array([100.0, 20.0, 15.0, 10.0, 40.0, 5.0, -3.0])
    design = columns(y - HALF, x - HALF)
    found = look(np.tensordot(truth, design, 1)[None], centre=(y, x))
    np.testing.assert_allclose(found.coefficients[0], truth, atol=0.05)
    sides = parts_of((SIZE, SIZE), (y, x))
    area = sides.sum(axis=(1, 2))
    a = np.einsum("phw,chw->pc", sides, design) / area[:, None]
    assert np.linalg.matrix_rank(a) == 7


@pytest.mark.parametrize("centre", [(0.2, 0.4), (70.0, 1.0), (69.5, 70.2), (35.0, 70.0)])
def test_at_a_corner_height_and_light_of_a_cloud_are_unbiased(rng, centre):
    n, heights = 400, np.array([60.0, 0.0, 10.0, 0.0])
    light = np.tensordot(heights, columns(centre[0] - HALF, centre[1] - HALF)[:4], 1)
    series = look(noisy(np.repeat(light[None], n, 0), rng), centre=centre)
    error = series.coefficients[:, :4] - heights
    assert (np.abs(error.mean(axis=0)) < 4.5 * error.std(axis=0) / np.sqrt(n)).all()
    assert np.einsum("na,nab,nb->n", error, series.precision, error).mean() == pytest.approx(4.0, abs=0.6)


@pytest.mark.parametrize("half", [5, 7, 10])
def test_a_picture_smaller_than_the_reach_is_looked_at_whole(half):
    truth = np.array([200.0, 30.0, 0.0, 0.0, 50.0, 0.0, 0.0])
    found = look(np.tensordot(truth, columns(half=half), 1)[None]).coefficients[0]
    assert found[:4].sum() == pytest.approx(230.0, rel=0.02)


@pytest.mark.parametrize(("dy", "dx"), [(0.2, 0.0), (0.0, -0.3), (-0.15, 0.25)])
def test_the_derivative_terms_tell_which_way_and_how_far_a_spot_has_moved(rng, dy, dx):
    pixels = noisy(np.repeat(500 * gaussian(SIGMA_PX, dy, dx)[None], 200, 0), rng)
    shift = look(pixels).coefficients[:, 5:].mean(axis=0) / 500 * SIGMA_PX
    np.testing.assert_allclose(shift, [dy, dx], atol=0.03)


@pytest.mark.parametrize(("gain", "offset"), [(0.5, 100.0), (8.0, 500.0)])
@pytest.mark.parametrize("height", [4.0, 100.0])
def test_gain_and_offset_change_the_unit_and_nothing_else(rng, gain, offset, height):
    pixels = noisy(np.repeat(height * gaussian(1.5 * SIGMA_PX)[None], 5, 0), rng)
    plain = look(pixels)
    counts = look(gain * pixels + offset, optics=OPTICS._replace(slope=gain, intercept=-gain * offset))
    scaled = gain * plain.coefficients + offset * (np.arange(7) == 4)
    np.testing.assert_allclose(counts.coefficients, scaled, rtol=1e-4, atol=1e-3 * gain)
    np.testing.assert_allclose(counts.precision, plain.precision / gain**2, rtol=1e-4)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize(("shape", "side"), [((2, 9, 12), 3), ((1, 11, 10), 4), ((3, 5, 7), 1), ((1, 2, 9), 3)])
def test_bins_are_the_means_of_their_pixels(rng, dtype, shape, side):
    pixels = rng.integers(0, 250, shape).astype(dtype)
    n, height, width = shape
    rows, across = height // side, width // side
    expected = pixels[:, : rows * side, : across * side].reshape(n, rows, side, across, side).mean(axis=(2, 4), dtype=float)
    np.testing.assert_allclose(binned(pixels, side), expected, rtol=1e-5)


@pytest.mark.parametrize("width", [4.0, 6.0, 8.0, 14.0])
def test_bins_say_the_same_as_single_pixels_of_a_wide_cloud(rng, width):
    pixels = noisy(np.repeat(30 * gaussian(width * SIGMA_PX)[None], 100, 0), rng)
    bins, bins_sd = as_cloud(look(pixels), width)
    every, every_sd = as_cloud(look(pixels, reach=REACH._replace(near=REACH.far)), width)
    np.testing.assert_allclose(bins_sd, every_sd, rtol=0.03)
    assert np.std(bins - every) < 0.25 * every_sd.mean()
    assert abs(np.mean(bins - every)) < 0.1 * every_sd.mean()


@pytest.mark.parametrize(
    ("width", "rms"),
    [*((w, 0.08) for w in (1.2, 1.4, 1.7, 2.5, 3.0, 5.5)), *((w, 1e-9) for w in WIDTHS), (11.0, 0.17), (14.0, 0.28), (20.0, 0.4)],
)
def test_mixtures_are_the_widths_between_to_a_twelfth_of_their_variation(width, rms):
    """Beyond the widest, clouds are more and more like a background, and what varies of them is told worse."""
    made = np.tensordot(mixed(width), [gaussian(w * SIGMA_PX) for w in WIDTHS], 1)
    i, j = np.indices(made.shape) - HALF
    square = np.maximum(abs(i), abs(j)) <= REACH.far
    light = gaussian(width * SIGMA_PX)
    assert np.std((light - made)[square]) < rms * np.std(light[square])
    if width < WIDTHS[-1]:
        assert np.abs(light - made)[square].max() < 0.08
    if width in WIDTHS:
        np.testing.assert_allclose(mixed(width), np.array(WIDTHS) == width, atol=1e-9)


def test_a_moving_stage_makes_no_steps_where_the_cell_ends() -> None:
    light = 20.0 + 150.0 / (1.0 + np.exp((np.arange(SIZE) - HALF - 4) / 2.0))
    pixels = np.random.default_rng(0).poisson(np.broadcast_to(light, (40, SIZE, SIZE))).astype(np.uint16)
    movie = Movie.from_array(pixels, pixel_um=0.1, frame_s=0.1)
    # Runs of 7 and of 9 frames: few enough for their mean to be noise, and not.
    moved = np.column_stack([np.repeat([0.0, 0.125, 0.25, 0.375, 0.5], [7, 9, 7, 9, 8]), np.zeros(40)])
    stage = Stage(moved, np.ones(40, bool), pixels.mean(axis=(1, 2)))
    here = np.array([0.1 * HALF])
    place = Places(np.array([1]), np.array([20]), here, here, np.array([9.0]))
    nobody = Neighbours(*(np.zeros(0, int),) * 2, *(np.zeros(0),) * 2)
    series = look_block(movie, Block(0, 40), place, nobody, OPTICS, stage)[0].series
    background = series.coefficients[:, 4]
    levels = [background[moved[series.frame, 0] == step].mean() for step in (0.125, 0.25, 0.375)]
    assert np.ptp(levels) < 2.0
