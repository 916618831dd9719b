"""measure(): where and when tracks are measured, what a frame that cannot be used gives, and nothing to measure."""

from __future__ import annotations

import numpy as np
import pytest

from exotrack._frames import survey
from exotrack.measure import measure
from exotrack.movie import Movie
from exotrack.params import MeasureParams
from exotrack.physics import Noise, pixel_gaussian
from exotrack.tables import Traces, Tracks

PIXEL_UM, FRAME_S, N, SIGMA_UM = 0.1, 0.1, 40, 0.13
NOISE = Noise(2.0, 4.0 * 2.25 - 2.0 * 100)
PARAMS = MeasureParams(before_s=0.5, after_s=0.8, radius_um=0.6)
HEIGHT, BACKGROUND = 300.0, 40.0


def tracks_of(*tracks):
    """A Tracks table of (track_id, frames, y_um, x_um)."""
    columns = {key: [] for key in ("track_id", "frame", "y_um", "x_um")}
    for track_id, frames, y, x in tracks:
        columns["track_id"] += [track_id] * len(frames)
        columns["frame"] += list(frames)
        columns["y_um"] += list(np.broadcast_to(y, len(frames)).astype(float))
        columns["x_um"] += list(np.broadcast_to(x, len(frames)).astype(float))
    return Tracks.build(
        {"movie_id": ["movie"] * len(columns["frame"]), "sigma_um": [SIGMA_UM] * len(columns["frame"]), **columns}
    )


def movie_of(rng, places=((2.0, 2.5),), lit=range(10, 20), size=48, n=N):
    """Spots that shine in the frames `lit`, on an even background; gain 2, offset 100, read noise 1.5 electrons."""
    spot_px = SIGMA_UM / PIXEL_UM
    light = np.full((n, size, size), BACKGROUND)
    for y, x in places:
        spot = pixel_gaussian((size, size), y / PIXEL_UM, x / PIXEL_UM, spot_px) * 2 * np.pi * spot_px**2
        light[list(lit)] += HEIGHT * spot
    counts = 2.0 * (rng.poisson(light) + rng.normal(0, 1.5, light.shape)) + 100.0
    return np.clip(np.round(counts), 0, 65535).astype(np.uint16)


def traces_of(pixels, tracks, params=PARAMS, **fields):
    movie = Movie.from_array(pixels, pixel_um=PIXEL_UM, frame_s=FRAME_S, **fields)
    return Traces.check(measure(movie, tracks, params, NOISE, survey(movie)))


def test_a_track_is_measured_before_its_first_spot_in_its_gap_and_after_its_last(rng):
    seen = [10, 11, 12, 15, 16, 19]
    traces = traces_of(movie_of(rng), tracks_of((1, seen, 2.0, 2.5)))
    assert traces["frame"].tolist() == list(range(10 - 5, 19 + 8 + 1))
    assert traces.loc[traces["observed"], "frame"].tolist() == seen
    np.testing.assert_allclose(traces["t_s"], traces["frame"] * FRAME_S)
    lit = traces["frame"].between(10, 19)
    assert traces.loc[lit, "amplitude"].mean() == pytest.approx(2 * HEIGHT, rel=0.05)
    dark = traces.loc[~lit, "amplitude"] / traces.loc[~lit, "amplitude_sd"]
    assert abs(dark.mean()) < 1.5
    assert dark.abs().max() < 5
    assert traces["background"].mean() == pytest.approx(2 * BACKGROUND + 100, rel=0.02)
    assert traces.loc[lit, "sigma_um"].mean() == pytest.approx(SIGMA_UM, rel=0.05)
    assert traces.loc[~lit, "sigma_um"].isna().all()


def test_the_ends_of_the_movie_cut_the_trace_short(rng):
    traces = traces_of(movie_of(rng), tracks_of((1, [2, 3, 4], 2.0, 2.5), (2, [35, 36], 2.0, 2.5), (3, [0, N - 1], 2.0, 2.5)))
    frames = traces.groupby("track_id")["frame"].agg(["min", "max", "count"])
    assert frames.loc[1].tolist() == [0, 12, 13]
    assert frames.loc[2].tolist() == [30, N - 1, 10]
    assert frames.loc[3].tolist() == [0, N - 1, N]


def test_time_stamps_rule_how_far_a_trace_goes(rng):
    times = np.concatenate([np.arange(20) * 0.1, 2.0 + np.arange(20) * 1.0])
    traces = traces_of(movie_of(rng), tracks_of((1, [18, 19, 20], 2.0, 2.5)), times_s=times)
    assert traces["frame"].tolist() == list(range(13, 21))
    np.testing.assert_array_equal(traces["t_s"], times[13:21])


def test_positions_are_straight_in_gaps_and_held_at_the_median_of_five_beyond_the_ends(rng):
    y = [2.0, 2.1, 2.0, 2.4, 2.0, 3.0]
    traces = traces_of(movie_of(rng), tracks_of((1, [10, 11, 12, 13, 14, 18], y, 2.5))).set_index("frame")
    np.testing.assert_allclose(traces.loc[14:18, "y_um"], [2.0, 2.25, 2.5, 2.75, 3.0])
    assert (traces.loc[:9, "y_um"] == 2.0).all()
    assert (traces.loc[19:, "y_um"] == 2.1).all()


def test_a_one_spot_track_and_an_unsorted_table_are_measured_all_the_same(rng):
    pixels = movie_of(rng)
    tracks = tracks_of((7, [12], 2.0, 2.5), (3, [10, 11, 14], 2.0, 2.5))
    plain, mixed = traces_of(pixels, tracks), traces_of(pixels, tracks.sample(frac=1, random_state=1))
    assert plain.equals(mixed)
    assert plain["track_id"].drop_duplicates().tolist() == [3, 7]
    assert (plain["track_id"] == 7).sum() == 5 + 1 + 8


MEASURES = ["amplitude", "amplitude_sd", "background", "sigma_um", "intensity", "intensity_sd"]


@pytest.mark.parametrize(("what", "status"), [("black", "black"), ("nan", "nan"), ("clipped", "saturated")])
def test_a_frame_that_cannot_be_used_has_a_row_with_its_status_and_no_measures(rng, what, status):
    pixels = movie_of(rng, lit=range(N)).astype(np.float32)
    pixels[14] = {"black": 0.0, "nan": np.nan, "clipped": 4095.0}[what]
    traces = traces_of(pixels, tracks_of((1, range(10, 20), 2.0, 2.5)), ceiling=4095.0).set_index("frame")
    assert traces.loc[14, "status"] == status
    assert traces.loc[14, MEASURES].isna().all()
    assert traces.drop(index=14)[MEASURES].notna().all(axis=None)


def test_a_frame_with_a_few_clipped_pixels_is_measured_and_flagged(rng):
    pixels = movie_of(rng, lit=range(N))
    pixels[14, :2, :] = 4095
    traces = traces_of(pixels, tracks_of((1, range(10, 20), 2.0, 2.5)), ceiling=4095.0).set_index("frame")
    assert traces.loc[14, "status"] == "saturated"
    assert traces.loc[14, "amplitude"] == pytest.approx(2 * HEIGHT, rel=0.2)


def test_no_track_gives_an_empty_table_with_all_columns(rng):
    traces = traces_of(movie_of(rng), Tracks.empty())
    assert len(traces) == 0
    assert list(traces.columns) == list(Traces.columns())


def test_the_stated_error_is_the_scatter_from_frame_to_frame(rng):
    places = [(y, x) for y in np.arange(1.2, 8.5, 1.6) for x in np.arange(1.2, 8.5, 1.6)]
    pixels = movie_of(rng, places, lit=range(N), size=96)
    tracks = tracks_of(*((k + 1, range(N), y, x) for k, (y, x) in enumerate(places)))
    traces = traces_of(pixels, tracks)
    z = (traces["amplitude"] - 2 * HEIGHT) / traces["amplitude_sd"]
    assert 0.95 < z.std() < 1.05
    assert abs(z.mean()) < 0.15
