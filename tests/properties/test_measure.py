"""What must not change what measure tells: how the movie is cut up, where it lies, in which unit it is written."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from exotrack._blocks import Execution
from exotrack._frames import survey
from exotrack.measure import measure
from exotrack.movie import Movie
from exotrack.params import MeasureParams
from exotrack.physics import Noise, pixel_gaussian
from exotrack.tables import Tracks

NOISE = Noise(1.0, -98.0)
PARAMS = MeasureParams(before_s=0.6, after_s=0.4, radius_um=0.5)


def scene(seed: int, n: int = 24, size: int = 48) -> tuple[np.ndarray, pd.DataFrame]:
    """Pixels with wandering spots, and the tracks of these with gaps."""
    rng = np.random.default_rng(seed)
    light = np.full((n, size, size), 60.0)
    rows = []
    for track_id in range(1, 5):
        path = rng.uniform(14, size - 14, 2) + np.cumsum(rng.normal(0, 0.4, (n, 2)), axis=0)
        first, last = sorted(rng.choice(n, 2, replace=False))
        for t in range(first, last + 1):
            light[t] += 1500 * pixel_gaussian((size, size), *path[t], 1.3)
            if t in (first, last) or rng.random() < 0.8:
                rows.append((track_id, t, *(path[t] * 0.1)))
    columns: dict[str, Any] = dict(zip(("track_id", "frame", "y_um", "x_um"), zip(*rows, strict=True), strict=True))
    columns |= {"movie_id": ["m"] * len(rows), "sigma_um": [0.13] * len(rows)}
    return (rng.poisson(light) + 100).astype(np.uint16), Tracks.build(columns)


def traces(pixels: np.ndarray, tracks: pd.DataFrame, noise: Noise = NOISE, pixel_um: float = 0.1, **run: int) -> pd.DataFrame:
    scale = pixel_um / 0.1
    params = PARAMS.updated({"radius_um": PARAMS.radius_um * scale})
    movie = Movie.from_array(pixels, pixel_um=pixel_um, frame_s=0.1)
    return measure(movie, tracks, params, noise, survey(movie), Execution(**run))


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**6), block_frames=st.integers(1, 25), workers=st.integers(1, 2))
def test_cutting_the_movie_differently_changes_nothing(seed, block_frames, workers):
    pixels, tracks = scene(seed)
    cut = traces(pixels, tracks, workers=workers, block_bytes=block_frames * pixels[0].nbytes)
    pd.testing.assert_frame_equal(cut, traces(pixels, tracks, workers=1), check_exact=True)


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 10**6), down=st.integers(-5, 5), right=st.integers(-5, 5))
def test_moving_the_picture_by_whole_pixels_changes_no_measure(seed, down, right):
    pixels, tracks = scene(seed, size=64)
    moved = tracks.assign(y_um=tracks["y_um"] + 0.1 * down, x_um=tracks["x_um"] + 0.1 * right)
    still, other = traces(pixels, tracks), traces(np.roll(pixels, (down, right), (1, 2)), moved)
    numbers = ["amplitude", "amplitude_sd", "background", "sigma_um", "intensity", "intensity_sd"]
    inside = still["y_um"].between(1.2, 5.0) & still["x_um"].between(1.2, 5.0)
    pd.testing.assert_frame_equal(other.loc[inside, numbers], still.loc[inside, numbers], rtol=1e-6, atol=1e-6)


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 10**6), gain=st.sampled_from([0.5, 2.0, 8.0]), offset=st.sampled_from([0.0, 50.0, 1000.0]))
def test_another_gain_and_offset_scale_the_table(seed, gain, offset):
    pixels, tracks = scene(seed)
    plain = traces(pixels, tracks)
    other = traces(pixels.astype(float) * gain + offset, tracks, Noise(gain, -98.0 * gain**2 - offset * gain))
    for key in ("amplitude", "amplitude_sd", "intensity", "intensity_sd"):
        np.testing.assert_allclose(other[key], gain * plain[key], rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(other["background"], gain * plain["background"] + offset, rtol=1e-6)
    np.testing.assert_allclose(other["sigma_um"], plain["sigma_um"], rtol=1e-5)


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 10**6), scale=st.floats(0.2, 5.0))
def test_another_pixel_size_scales_lengths_alone(seed, scale):
    pixels, tracks = scene(seed)
    lengths = ["y_um", "x_um", "sigma_um"]
    scaled = tracks.assign(**{key: tracks[key] * scale for key in lengths})
    plain, other = traces(pixels, tracks), traces(pixels, scaled, pixel_um=0.1 * scale)
    pd.testing.assert_frame_equal(other[lengths], plain[lengths] * scale, rtol=1e-6)
    pd.testing.assert_frame_equal(other.drop(columns=lengths), plain.drop(columns=lengths), rtol=1e-6, atol=1e-6)
