"""detect on small movies with known spots: found, placed, measured, and nothing found where there is nothing."""

from __future__ import annotations

import numpy as np
import pytest
from spot_scenes import FLAT, PIXEL_UM, SIGMA_PX, amplitude_of, grid, movie_of, offsets

from exotrack.detect import detect
from exotrack.movie import Movie
from exotrack.params import DetectParams
from exotrack.physics import Noise, pixel_gaussian
from exotrack.tables import Spots

PARAMS = DetectParams(sigma_um=SIGMA_PX * PIXEL_UM)


def test_finds_every_isolated_spot_of_snr_four_and_no_other(rng):
    truth = grid(200, rng)
    movie = movie_of(FLAT(200), [truth] * 4, amplitude_of(4, 100), rng)
    spots = detect(movie, PARAMS)
    dy, dx = offsets(spots, [truth] * 4)
    assert len(spots) == 4 * len(truth)
    assert max(np.abs(dy).max(), np.abs(dx).max()) < 1.0


@pytest.mark.parametrize(("snr", "crlb_px"), [(4, 0.191), (7, 0.1014)])
def test_places_spots_within_five_percent_of_the_cramer_rao_bound_and_knows_its_error(rng, snr, crlb_px):
    truths = [grid(400, rng) for _ in range(5)]
    spots = detect(movie_of(FLAT(400), truths, amplitude_of(snr, 100), rng), PARAMS, Noise(1.0, -96.0))
    errors = np.concatenate(offsets(spots, truths))
    stated = np.concatenate([spots["y_sd_um"], spots["x_sd_um"]]) / PIXEL_UM
    assert np.sqrt(np.mean(errors**2)) < 1.07 * crlb_px
    assert 0.94 < np.std(errors / stated) < 1.06
    assert abs(errors.mean()) < 4 * crlb_px / np.sqrt(len(errors))


def test_measures_height_and_background_in_counts(rng):
    truth = grid(200, rng)
    movie = movie_of(FLAT(200), [truth] * 4, 400.0, rng, gain=2.0, offset=500.0)
    spots = detect(movie, PARAMS)
    assert spots["amplitude"].median() == pytest.approx(800, rel=0.02)
    assert spots["background"].median() == pytest.approx(700, rel=0.01)
    assert (spots["sigma_um"] == PARAMS.sigma_um).all()


@pytest.mark.parametrize("rate", [0.5, 5.0])
@pytest.mark.parametrize("level", [3.0, 100.0])
def test_pure_noise_gives_the_stated_number_of_false_spots(rng, level, rate):
    movie = movie_of(np.full((256, 256), level), [()] * 24, 0.0, rng)
    found = len(detect(movie, PARAMS.updated({"false_spots_per_frame": rate}))) / 24
    assert rate / 2 < found < 2 * rate


@pytest.mark.parametrize("blur_px", [2.0, 4.0, 8.0])
def test_the_rim_of_a_cell_is_no_row_of_spots(rng, blur_px):
    from scipy.ndimage import gaussian_filter

    y, x = np.mgrid[:192, :192]
    cell = gaussian_filter(np.where(np.hypot(y - 96, x - 80) < 60, 400.0, 50.0), blur_px)
    assert len(detect(movie_of(cell, [()] * 10, 0.0, rng), PARAMS)) <= 10


def test_hot_pixels_are_no_spots(rng):
    hot = np.zeros((192, 192))
    hot.flat[rng.choice(hot.size, 40, replace=False)] = rng.uniform(20, 2000, 40)
    movie = movie_of(FLAT(192), [()] * 10, 0.0, rng, fixed=hot)
    assert len(detect(movie, PARAMS)) <= 8


def test_noise_that_neighbouring_pixels_share_does_not_pass_for_spots(rng):
    from scipy.ndimage import gaussian_filter

    noise = gaussian_filter(rng.normal(0, 30, (12, 200, 200)), (0, 0.7, 0.7))
    spots = detect(movie_of(FLAT(200), [()] * 12, 0.0, rng, read=0.0, added=noise), PARAMS)
    assert len(spots) <= 12


def test_dim_spots_lower_the_threshold_of_their_frame_and_bright_ones_do_not(rng):
    dim, bright = (movie_of(FLAT(256), [grid(256, rng)] * 4, amplitude_of(snr, 100), rng) for snr in (2, 6))
    assert detect(dim, PARAMS)["snr"].min() < 4.3
    assert detect(bright, PARAMS)["snr"].min() > 4.6


def test_a_spot_at_the_border_is_found_and_lies_in_the_image(rng):
    truth = np.array([[0.2, 30.0], [40.0, 79.3], [78.6, 0.4]])
    spots = detect(movie_of(FLAT(80), [truth] * 6, 300.0, rng), PARAMS)
    dy, dx = offsets(spots, [truth] * 6)
    assert len(spots) == 18
    assert max(np.abs(dy).max(), np.abs(dx).max()) < 0.6


def test_frames_that_cannot_be_used_give_no_spots_and_do_not_disturb_the_others(rng):
    truth = grid(96, rng)
    whole = movie_of(FLAT(96), [truth] * 8, 300.0, rng, dtype=np.float32)
    pixels = whole.frames.array.copy()
    pixels[3], pixels[5, 10, 10] = 0.0, np.nan
    damaged = movie_of(FLAT(96), [()], 0.0, rng, pixels=pixels)
    noise = Noise(1.0, -96.0)
    spots, reference = detect(damaged, PARAMS, noise), detect(whole, PARAMS, noise)
    assert set(spots["frame"]) == {0, 1, 2, 4, 6, 7}
    assert len(spots) == (~reference["frame"].isin([3, 5])).sum()


def test_nothing_found_is_an_empty_table_with_all_its_columns(rng):
    movie = movie_of(FLAT(64), [()] * 3, 0.0, rng)
    spots = detect(movie, PARAMS.updated({"false_spots_per_frame": 1e-9}))
    assert len(spots) == 0
    Spots.check(spots)


@pytest.mark.filterwarnings("ignore::pandas.errors.Pandas4Warning")  # trackpy with pandas 3
def test_finds_more_true_spots_than_trackpy_on_an_uneven_background_without_tuning(rng):
    import trackpy

    y, x = np.mgrid[:256, :256]
    hump = 40 + 360 * np.exp(-((((y - 128) / 70) ** 2 + ((x - 128) / 56) ** 2) ** 2))
    truth = grid(256, rng, step=20)
    heights = amplitude_of(4, hump[tuple(np.rint(truth).astype(int).T)])
    movie = movie_of(hump, [truth] * 3, heights, rng)
    ours = detect(movie, PARAMS)
    trackpy.quiet()
    theirs = [trackpy.locate(movie[k], 7, topn=len(truth), engine="numba") for k in range(3)]
    found = sum(len(offsets(table.assign(frame=k, y_um=table["y"] * PIXEL_UM, x_um=table["x"] * PIXEL_UM), [truth] * 3)[0])
                for k, table in enumerate(theirs))  # fmt: skip
    assert len(offsets(ours, [truth] * 3)[0]) > found
    assert len(ours) <= 1.01 * 3 * len(truth)


def test_a_lone_spot_has_the_height_it_was_made_with_without_noise():
    image = 50 + 200 * 2 * np.pi * SIGMA_PX**2 * pixel_gaussian((48, 48), 20.3, 25.6, SIGMA_PX)
    movie = movie_of(image, [()], 0.0, None, pixels=np.stack([image, image]))
    spots = detect(movie, PARAMS)
    assert len(spots) == 2
    assert spots["amplitude"].to_numpy() == pytest.approx([200, 200], rel=1e-4)
    assert spots["y_um"].to_numpy() == pytest.approx([20.3 * PIXEL_UM] * 2, abs=1e-4)
    assert spots["x_um"].to_numpy() == pytest.approx([25.6 * PIXEL_UM] * 2, abs=1e-4)


def test_every_way_to_store_the_same_pixels_gives_the_same_spots(rng):
    counts = movie_of(FLAT(64), [[(30.2, 33.7)]] * 3, 300.0, rng).frames.array
    reference = detect(movie_of(FLAT(64), [()], 0.0, rng, pixels=counts), PARAMS)
    for dtype in (">u2", "int32", "uint32", "float16", "float32", ">f4", "float64"):
        stored = movie_of(FLAT(64), [()], 0.0, rng, pixels=counts.astype(dtype))
        assert detect(stored, PARAMS).equals(reference), dtype
    assert len(reference) == 3


def test_clipped_pixels_are_left_out_of_the_fit_and_the_spot_is_flagged(rng):
    truth = grid(128, rng)
    whole = movie_of(FLAT(128), [truth] * 3, 2000.0, rng)
    clipped = Movie.from_array(np.minimum(whole.frames.array, 900), pixel_um=PIXEL_UM, frame_s=0.1, ceiling=900)
    spots = detect(clipped, PARAMS, Noise(1.0, -96.0))
    dy, dx = offsets(spots, [truth] * 3)
    assert len(dy) == 3 * len(truth)
    assert spots["saturated"].all()
    assert spots["amplitude"].median() == pytest.approx(2000, rel=0.05)
    assert max(np.std(dy), np.std(dx)) < 0.05
    assert not detect(whole, PARAMS)["saturated"].any()


def test_dim_spots_that_last_are_found_and_those_of_one_frame_are_not(rng):
    lasting, passing = grid(256, rng), [rng.uniform(20, 236, (81, 2)) for _ in range(16)]
    found = {}
    for name, truths in (("lasting", [lasting + rng.normal(0, 0.3, lasting.shape) for _ in range(16)]), ("passing", passing)):
        movie = movie_of(FLAT(256), truths, amplitude_of(1.9, 100), rng)
        found[name] = len(offsets(detect(movie, PARAMS), truths)[0]) / sum(map(len, truths))
    assert found["lasting"] > 0.85
    assert found["passing"] < 0.75


def test_a_camera_with_noisy_pixels_and_a_fixed_pattern_gives_the_stated_number_of_false_spots(rng):
    size, frames = 256, 60
    read = rng.lognormal(np.log(1.4), 0.35, (size, size))
    flickering = rng.random((size, size)) < 0.003
    read[flickering] = rng.uniform(5, 30, flickering.sum())
    fixed = rng.normal(0, 2, (size, size))
    pixels = rng.poisson(5.0, (frames, size, size)) + fixed + read * rng.standard_normal((frames, size, size)) + 100
    movie = Movie.from_array(np.rint(pixels).clip(0).astype(np.uint16), pixel_um=PIXEL_UM, frame_s=0.1)
    found = len(detect(movie, PARAMS.updated({"false_spots_per_frame": 0.5}))) / frames
    assert found < 1.0


def test_close_pairs_are_told_apart_and_lone_spots_of_any_width_stay_one(rng):
    centres, pairs = grid(256, rng), []
    for centre in centres:
        angle = rng.uniform(0, np.pi)
        half = 1.35 * np.array([np.sin(angle), np.cos(angle)])
        pairs += [centre + half, centre - half]
    movie = movie_of(FLAT(256), [np.array(pairs)] * 3, amplitude_of(6, 100), rng)
    together = PARAMS.updated({"close_pairs": True})
    assert len(detect(movie, together)) > 1.7 * len(detect(movie, PARAMS))
    for sigma_um in (0.11, 0.13, 0.18):
        lone = movie_of(FLAT(256), [centres] * 3, amplitude_of(12, 100), rng)
        assert len(detect(lone, together.updated({"sigma_um": sigma_um}))) <= 1.01 * 3 * len(centres)
