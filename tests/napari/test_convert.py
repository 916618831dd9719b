"""Tables to layers and back, without Qt."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

import exotrack
from exotrack._runs import sample
from exotrack.errors import InputError
from exotrack.io.results import read_table
from exotrack.tables import Events, Tracks
from napari_exotrack._convert import (
    COLOURS,
    LazyImage,
    Place,
    events_layer,
    events_table,
    footprint_layer,
    movie_layer,
    tracks_layer,
    tracks_table,
)

PLACE = Place(pixel_um=0.107, frame_s=0.05)


@pytest.fixture(scope="module")
def movie() -> exotrack.Movie:
    """The shipped granule movie."""
    return exotrack.open_movie(sample("granule.tif"))


def test_the_image_is_read_frame_by_frame(movie: exotrack.Movie) -> None:
    image = LazyImage(movie)
    whole = movie.read(0, len(movie))
    np.testing.assert_array_equal(image[3], whole[3])
    np.testing.assert_array_equal(image[3, 2:5, ::2], whole[3, 2:5, ::2])
    np.testing.assert_array_equal(image[-1], whole[-1])
    np.testing.assert_array_equal(image[2:6, 1], whole[2:6, 1])
    np.testing.assert_array_equal(image[10:2:-3], whole[10:2:-3])
    assert image[5:5].shape == (0, *movie.shape[1:])


def test_layers_of_a_movie_share_scale_and_units(movie: exotrack.Movie) -> None:
    place = Place.of(movie)
    layers = [movie_layer(movie), tracks_layer(Tracks.empty(), place), events_layer(Events.empty(), place)]
    for _, arguments, _ in layers:
        assert arguments["scale"] == (movie.frame_s, movie.pixel_um, movie.pixel_um)
        assert arguments["units"] == ("s", "um", "um")
    _, arguments, kind = footprint_layer(np.ones(movie.shape[1:], np.int32), place)
    assert (kind, arguments["scale"], arguments["units"]) == ("labels", (movie.pixel_um, movie.pixel_um), ("um", "um"))


def test_events_survive_the_way_through_a_layer() -> None:
    events = read_table(sample("granule_truth/events.parquet"), Events)
    data, arguments, kind = events_layer(events, PLACE)
    assert kind == "points"
    np.testing.assert_allclose(data[:, 1] * arguments["scale"][1], events["y_um"])
    assert list(arguments["border_color"]) == [COLOURS[kind] for kind in events["kind"]]
    assert_frame_equal(events_table(data, arguments["features"], PLACE), events, rtol=1e-12)


def test_a_moved_event_is_moved_in_the_table() -> None:
    events = read_table(sample("granule_truth/events.parquet"), Events).head(2)
    data, arguments, _ = events_layer(events, PLACE)
    data[0] += (3, 10, -10)
    back = events_table(data, arguments["features"], PLACE)
    assert back["frame"][0] == events["frame"][0] + 3
    assert back["y_um"][0] == pytest.approx(events["y_um"][0] + 1.07)
    assert back["x_um"][0] == pytest.approx(events["x_um"][0] - 1.07)


def test_tracks_survive_the_way_through_a_layer_whatever_the_order_of_rows() -> None:
    tracks = read_table(sample("granule_truth/tracks.parquet"), Tracks)
    data, arguments, _ = tracks_layer(tracks.sample(frac=1.0, random_state=1), PLACE)
    back = tracks_table(data, arguments["features"], "granule", PLACE)
    assert_frame_equal(back, tracks.sort_values(["track_id", "frame"], ignore_index=True), rtol=1e-12)


def test_tables_without_rows_make_layers_without_points() -> None:
    data, arguments, _ = events_layer(Events.empty(), PLACE)
    assert data.shape == (0, 3)
    assert_frame_equal(events_table(data, arguments["features"], PLACE), Events.empty())
    assert tracks_layer(Tracks.empty(), PLACE)[0].shape == (0, 4)


def test_features_of_another_layer_are_no_events() -> None:
    with pytest.raises(InputError, match="table events: column event_id"):
        events_table(np.zeros((1, 3)), pd.DataFrame({"name": ["a"]}), PLACE)


def test_layer_data_need_no_qt() -> None:
    code = (
        "import sys\nfrom napari_exotrack._sample_data import granule\nassert len(granule()) == 3\n"
        "print([name for name in sys.modules if name.split('.')[0] in ('napari', 'qtpy', 'PyQt6', 'vispy')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path(__file__).parent)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("depth", [False, True])
def test_a_layer_of_another_program_becomes_tracks(depth: bool) -> None:
    layer = np.array([(7, 0, 4, 10, 20), (7, 2, 5, 11, 21), (3, 1, 4, 50, 60)], float)
    data = layer if depth else np.delete(layer, 2, axis=1)
    back = tracks_table(data, pd.DataFrame({"quality": [1.0, 2.0, 3.0]}), "cell", PLACE)
    assert back["track_id"].tolist() == [3, 7, 7]
    np.testing.assert_allclose(back[["t_s", "y_um", "x_um"]], [(0.05, 5.35, 6.42), (0.0, 1.07, 2.14), (0.1, 1.177, 2.247)])
    assert back["quality"].tolist() == [3.0, 1.0, 2.0]
    assert ("z_um" in back) == depth
    assert back[["snr", "sigma_um", "amplitude"]].isna().all(axis=None)


def test_a_real_tracks_layer_and_back() -> None:
    from napari.layers import Tracks as Layer

    tracks = read_table(sample("granule_truth/tracks.parquet"), Tracks)
    data, arguments, _ = tracks_layer(tracks, PLACE)
    layer = Layer(data, **arguments)
    back = tracks_table(layer.data, layer.features, "granule", PLACE)
    assert_frame_equal(back[tracks.columns], tracks.sort_values(["track_id", "frame"], ignore_index=True), rtol=1e-12)


def test_other_arrays_are_no_tracks() -> None:
    with pytest.raises(InputError, match=r"have 4 or 5 columns, found shape \(1, 3\)"):
        tracks_table(np.zeros((1, 3)), pd.DataFrame(), "cell", PLACE)
    with pytest.raises(InputError, match=r"frame 0.5 is no whole number"):
        tracks_table(np.array([(1, 0.5, 0, 0)]), pd.DataFrame(), "cell", PLACE)
