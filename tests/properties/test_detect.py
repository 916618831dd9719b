"""What must not change what detect finds: how the movie is cut up, where it lies, in which unit it is written."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exotrack._blocks import Execution
from exotrack.detect import detect
from exotrack.movie import Movie
from exotrack.params import DetectParams
from exotrack.physics import Noise, pixel_gaussian

PARAMS = DetectParams(sigma_um=0.13)
NOISE = Noise(1.0, -96.0)


def scene(seed: int, n_frames: int = 5, size: int = 64) -> np.ndarray:
    """Five spots, one in each of five of nine fields: of two that overlap either may be found, by the last bit."""
    rng = np.random.default_rng(seed)
    light = np.full((n_frames, size, size), 80.0)
    fields = rng.choice(9, 5, replace=False)
    places = 12 + (size - 24) / 3 * (np.column_stack([fields // 3, fields % 3]) + rng.uniform(0.2, 0.8, (5, 2)))
    for y, x in places:
        light += 2000 * pixel_gaussian((size, size), y, x, 1.3)
    return (rng.poisson(light) + 100).astype(np.uint16)


def movie(pixels: np.ndarray, pixel_um: float = 0.1) -> Movie:
    return Movie.from_array(pixels, pixel_um=pixel_um, frame_s=0.1)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10**6), block_frames=st.integers(1, 6), workers=st.integers(1, 2))
def test_cutting_the_movie_differently_changes_nothing(seed, block_frames, workers):
    pixels = scene(seed)
    whole = detect(movie(pixels), PARAMS, run=Execution(workers=1))
    run = Execution(workers=workers, block_bytes=block_frames * pixels[0].nbytes)
    pd.testing.assert_frame_equal(detect(movie(pixels), PARAMS, run=run), whole, check_exact=True)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10**6), down=st.integers(-6, 6), right=st.integers(-6, 6))
def test_moving_the_picture_by_whole_pixels_moves_the_spots(seed, down, right):
    pixels = scene(seed)
    moved = detect(movie(np.roll(pixels, (down, right), (1, 2))), PARAMS, NOISE)
    still = detect(movie(pixels), PARAMS, NOISE)
    sure = still[still["snr"] > 7]
    places = moved[["frame", "y_um", "x_um"]].to_numpy() - [0, down * 0.1, right * 0.1]
    for row in sure[["frame", "y_um", "x_um"]].to_numpy():
        assert np.abs(places - row).max(axis=1).min() < 1e-4


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10**6), scale=st.floats(0.2, 5.0))
def test_another_pixel_size_scales_the_table(seed, scale):
    pixels = scene(seed)
    plain = detect(movie(pixels), PARAMS, NOISE)
    scaled_params = DetectParams(sigma_um=0.13 * scale, background_um=0.6 * scale)
    scaled = detect(movie(pixels, 0.1 * scale), scaled_params, NOISE)
    lengths = ["y_um", "x_um", "sigma_um", "y_sd_um", "x_sd_um"]
    pd.testing.assert_frame_equal(scaled[lengths], plain[lengths] * scale, rtol=1e-6)
    pd.testing.assert_frame_equal(scaled.drop(columns=lengths), plain.drop(columns=lengths), rtol=1e-6)


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 10**6), gain=st.sampled_from([0.5, 2.0, 4.0]), offset=st.sampled_from([0.0, 64.0, 1000.0]))
def test_another_gain_and_offset_change_only_heights_and_background(seed, gain, offset):
    pixels = scene(seed).astype(np.float32)
    plain, other = detect(movie(pixels), PARAMS), detect(movie(pixels * gain + offset), PARAMS)
    assert len(other) == pytest.approx(len(plain), abs=1)
    sure, others = plain[plain["snr"] > 7], other[other["snr"] > 6]
    places = others[["frame", "y_um", "x_um"]].to_numpy()
    for row in sure.itertuples():
        nearest = np.abs(places - [row.frame, row.y_um, row.x_um]).max(axis=1).argmin()
        assert np.abs(places[nearest] - [row.frame, row.y_um, row.x_um]).max() < 0.02
        match = others.iloc[nearest]
        assert match["amplitude"] == pytest.approx(row.amplitude * gain, rel=0.1)
        assert match["background"] == pytest.approx(row.background * gain + offset, rel=0.02)
