"""estimate_noise against cameras of known gain, offset and read noise."""

from __future__ import annotations

import numpy as np
import pytest
from spot_scenes import FLAT, amplitude_of, grid, movie_of

from exotrack.detect import estimate_noise
from exotrack.movie import Movie
from exotrack.physics import Noise


def ramp(size, low=20.0, high=400.0):
    return np.broadcast_to(np.linspace(low, high, size), (size, size)).copy()


@pytest.mark.parametrize(("gain", "offset", "read"), [(1.0, 100.0, 2.0), (0.46, 100.0, 1.4), (8.0, 400.0, 3.0)])
def test_finds_gain_and_offset_from_a_background_that_varies(rng, gain, offset, read):
    noise = estimate_noise(movie_of(ramp(192), [()] * 6, 0.0, rng, gain=gain, offset=offset, read=read))
    assert noise.slope == pytest.approx(gain, rel=0.03)
    for level in (50.0, 300.0):
        assert noise.variance(gain * level + offset) == pytest.approx(gain**2 * (level + read**2) + 1 / 12, rel=0.03)
    assert "photon transfer" in noise.source


def test_moving_spots_and_bleaching_do_not_mislead_it(rng):
    places = [grid(192, rng) + rng.normal(0, 1, 2) for _ in range(6)]
    movie = movie_of(ramp(192), places, amplitude_of(8, 200), rng)
    faded = Movie.from_array(
        (movie.frames.array - 100.0) * np.linspace(1, 0.97, 6)[:, None, None] + 100, pixel_um=0.1, frame_s=0.1
    )
    for case in (movie, faded):
        assert estimate_noise(case).variance(300.0) == pytest.approx(204, rel=0.06)


def test_even_brightness_still_gives_the_right_variance_there_and_says_so(rng):
    noise = estimate_noise(movie_of(FLAT(128), [()] * 6, 0.0, rng))
    assert noise.variance(200.0) == pytest.approx(104, rel=0.04)
    assert "photon transfer" not in noise.source
    assert noise.slope > 0


def test_real_numbers_between_zero_and_one_and_eight_bits_are_understood(rng):
    counts = movie_of(ramp(128), [()] * 4, 0.0, rng, dtype=np.float64).frames.array
    unit = estimate_noise(Movie.from_array((counts / 65535).astype(np.float32), pixel_um=0.1, frame_s=0.1))
    assert unit.variance(300 / 65535) == pytest.approx(204 / 65535**2, rel=0.04)
    eight = Movie.from_array(np.clip(counts / 4, 0, 255).astype(np.uint8), pixel_um=0.1, frame_s=0.1)
    assert estimate_noise(eight).variance(75.0) == pytest.approx(204 / 16 + 1 / 12, rel=0.06)


def test_a_movie_without_noise_gets_a_floor_and_says_so():
    still = np.repeat(ramp(64)[None], 4, axis=0)
    noise = estimate_noise(Movie.from_array(still, pixel_um=0.1, frame_s=0.1))
    assert noise.slope > 0
    assert 0 < noise.variance(200.0) < 1.0
    assert "do not differ" in noise.source


def test_a_movie_of_one_value_gets_a_noise_that_can_be_used():
    noise = estimate_noise(Movie.from_array(np.full((4, 32, 32), 7, np.uint16), pixel_um=0.1, frame_s=0.1))
    assert noise.slope > 0
    assert np.isfinite(noise.offset)
    assert "assumed" in noise.source


def test_only_usable_frames_are_asked(rng):
    movie = movie_of(ramp(96), [()] * 8, 0.0, rng)
    spoilt = movie.frames.array.copy()
    spoilt[:4] += rng.integers(0, 400, spoilt[:4].shape).astype(np.uint16)
    movie = Movie.from_array(spoilt, pixel_um=0.1, frame_s=0.1)
    good = np.arange(8) >= 4
    assert estimate_noise(movie, good).variance(300.0) == pytest.approx(204, rel=0.08)
    assert estimate_noise(movie).variance(300.0) > 250


def test_many_moving_spots_on_an_even_background_hardly_tilt_the_line(rng):
    places = [rng.uniform(8, 248, (240, 2)) for _ in range(24)]
    noise = estimate_noise(movie_of(FLAT(256, 10.0), places, amplitude_of(4, 10), rng, read=0.0))
    assert noise.variance(110.0) == pytest.approx(10, rel=0.05)
    assert 0.8 < noise.slope < 2.2


def test_noise_that_is_given_wins(rng):
    given = Noise(2.0, -150.0)
    movie = Movie.from_array(np.ones((3, 20, 20)), pixel_um=0.1, frame_s=0.1, noise=given)
    assert estimate_noise(movie) is given
