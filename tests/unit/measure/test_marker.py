"""A second channel at every vesicle, and what the detector clipped."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from exotrack._frames import survey
from exotrack.measure import at_events, clipped, co_measure
from exotrack.measure.marker import channel_shift
from exotrack.movie import Movie
from exotrack.params import Analysis
from exotrack.physics import Noise
from exotrack.simulate import simulate, simulation
from exotrack.tables import Events, Traces, Tracks

N, SIDE, UM = 20, 64, 0.1


def picture(places: list[tuple[float, float]], height: float, level: float, sigma: float = 1.2) -> np.ndarray:
    yy, xx = np.mgrid[:SIDE, :SIDE]
    return level + sum(height * np.exp(-((yy - y) ** 2 + (xx - x) ** 2) / (2 * sigma**2)) for y, x in places)


def film(image: np.ndarray, seed: int = 0) -> Movie:
    pixels = np.random.default_rng(seed).poisson(np.broadcast_to(image, (N, SIDE, SIDE))) + 100
    return Movie.from_array(pixels.astype(np.uint16), pixel_um=UM, frame_s=0.1)


def trace(y: float, x: float, track_id: int) -> pd.DataFrame:
    frame = np.arange(N)
    return Traces.build(
        {
            "track_id": track_id,
            "frame": frame,
            "t_s": 0.1 * frame,
            "y_um": y * UM,
            "x_um": x * UM,
            "observed": True,
            "status": "ok",
        }
    )


PLACES = [(15.0, 20.0), (40.0, 12.0), (30.0, 45.0), (52.0, 50.0), (12.0, 52.0)]


@pytest.mark.parametrize("given", [(), (0.2, -0.1)])
def test_the_marker_is_measured_where_the_vesicle_lies_in_its_channel(given: tuple[float, ...]) -> None:
    cargo = film(picture(PLACES, 80, 40))
    marker = film(picture([(y + 2.0, x - 1.0) for y, x in PLACES[:4]], 60, 50), seed=1)
    traces = pd.concat([trace(*PLACES[0], 1), trace(*PLACES[4], 2)], ignore_index=True)
    params = Analysis().updated({"protocol": {"marker_shift_um": given}})
    told, record = co_measure(cargo, marker, traces, survey(cargo), params, Noise(1.0, -100.0))
    assert record["shift_um"] == pytest.approx([0.2, -0.1], abs=0.01)
    assert record["shift"] == ("given" if given else "estimated")
    means = told.groupby("track_id")[["marker_intensity", "marker_intensity_sd", "marker_background"]].mean()
    assert means["marker_background"].to_numpy() == pytest.approx(150, abs=2)
    assert means["marker_intensity"].to_numpy() == pytest.approx([60 * 0.42, 0.0], abs=4)
    spread = told[told["track_id"] == 2]["marker_intensity"].std()
    assert means["marker_intensity_sd"][2] == pytest.approx(spread, rel=0.5)


def test_channels_without_anything_in_common_are_not_shifted() -> None:
    one, two = film(picture([], 0, 40)), film(picture([], 0, 60), seed=2)
    shift, record = channel_shift(one, two, survey(one), Analysis())
    assert shift.tolist() == [0.0, 0.0]
    assert record["shift"].startswith("none found")


def test_an_event_gets_the_marker_around_its_time() -> None:
    traces = trace(15, 20, 1).assign(marker_background=150.0, marker_intensity_sd=1.0)
    traces["marker_intensity"] = np.where(traces["frame"] < 10, 0.0, 20.0)
    row = {"movie_id": "a", "confident": True, "edited": False}
    events = Events.build(
        {"event_id": [1, 2, 3], "kind": "docking", "frame": [3, 16, 5], "track_id": pd.array([1, 1, pd.NA], "Int64"), **row}
    )
    movie = film(picture([], 0, 40))
    told = at_events(events, traces, movie, 100.0)
    assert told["marker_dff"].to_numpy() == pytest.approx([0.0, 0.4, np.nan], nan_ok=True)
    assert told["marker_dff_sd"].to_numpy()[:2] == pytest.approx([1 / 3 / 50, 1 / 3 / 50], rel=0.2)
    assert at_events(events, traces, movie, None) is events


def test_a_clipped_spot_flags_its_event() -> None:
    frame = np.arange(6)
    tracks = Tracks.build(
        {"movie_id": "a", "frame": frame, "track_id": 1, "observed": True, "saturated": frame == 3, "y_um": 1.0, "x_um": 1.0}
    )
    row = {"movie_id": "a", "confident": True, "edited": False, "kind": "full_fusion"}
    events = Events.build({"event_id": [1, 2, 3], "frame": [1, 4, 30], "track_id": 1, **row})
    assert clipped(events, tracks)["saturated"].tolist() == [False, True, pd.NA]


def test_the_first_channel_is_the_same_without_the_marker() -> None:
    base = simulation("granule").updated({"field": {"n_frames": 5, "height_px": 48, "width_px": 48}})
    alone = simulate(base, np.random.default_rng(3))
    both = simulate(base.updated({"marker": {"share": 0.5}}), np.random.default_rng(3))
    assert alone.marker is None
    assert both.marker is not None
    assert np.array_equal(alone.movie.read(0, 5), both.movie.read(0, 5))
    assert not np.array_equal(both.movie.read(0, 5), both.marker.read(0, 5))
