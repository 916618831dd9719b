"""Movies with their calibration in, tables out: readers and writers, without a viewer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from napari.layers import Layer, Points
from pandas.testing import assert_frame_equal

from exotrack._runs import sample
from exotrack.errors import InputError
from exotrack.io.results import read_table
from exotrack.tables import Events, Tracks
from napari_exotrack._movie_reader import get_reader, read_movie
from napari_exotrack._reader import read_folder
from napari_exotrack._writer import write_events, write_tracks


def written(path: Path, pixels: np.ndarray[Any, Any], axes: str, **more: Any) -> Path:
    """An ImageJ TIFF with these axes."""
    tifffile.imwrite(path, pixels, imagej=True, metadata={"axes": axes, **more.pop("metadata", {})}, **more)
    return path


def test_a_movie_comes_with_scale_units_and_contrast_and_is_not_read(tmp_path: Path) -> None:
    ((data, arguments, kind),) = read_movie(str(sample("granule.tif")))
    assert kind == "image"
    layer = Layer.create(data, arguments, kind)
    np.testing.assert_allclose(layer.scale, (0.1, 0.107, 0.107))
    assert [str(unit) for unit in layer.units] == ["second", "micrometer", "micrometer"]
    assert layer.axis_labels == ("t", "y", "x")
    assert not isinstance(layer.data, np.ndarray)
    low, high = layer.contrast_limits
    assert data[0].min() < low < high < data[:20].max() + 1


def test_channels_are_layers_of_their_own(tmp_path: Path) -> None:
    pixels = np.random.default_rng(1).integers(0, 99, (4, 2, 20, 20)).astype(np.uint16)
    calibrated = {"resolution": (10.0, 10.0), "metadata": {"unit": "um", "finterval": 0.2}}
    path = written(tmp_path / "two.tif", pixels, "TCYX", **calibrated)
    reader = get_reader(str(path))
    assert reader is read_movie
    layers = [Layer.create(*one) for one in read_movie(str(path))]
    assert [layer.name for layer in layers] == ["two channel 0", "two channel 1"]
    for number, layer in enumerate(layers):
        np.testing.assert_array_equal(np.asarray(layer.data[0:4]), pixels[:, number])
        assert layer.blending == "additive"
        np.testing.assert_allclose(layer.scale, (0.2, 0.1, 0.1))


def test_a_movie_without_calibration_comes_in_pixels(tmp_path: Path) -> None:
    pixels = np.random.default_rng(1).integers(0, 99, (4, 20, 20)).astype(np.uint16)
    path = written(tmp_path / "bare.tif", pixels, "TYX")
    (layer,) = (Layer.create(*one) for one in read_movie(str(path)))
    assert [str(unit) for unit in layer.units] == ["pixel"] * 3
    np.testing.assert_array_equal(layer.scale, (1, 1, 1))


def test_what_is_no_movie_is_left_to_others(tmp_path: Path) -> None:
    still = tmp_path / "still.tif"
    tifffile.imwrite(still, np.zeros((20, 20), np.uint8))
    (tmp_path / "text.tif").write_text("no image")
    for path in (still, tmp_path / "text.tif", tmp_path / "none.tif", tmp_path / "table.csv"):
        assert get_reader(str(path)) is None


def test_events_and_tracks_are_saved_as_the_tables_they_came_from(results: Path, tmp_path: Path) -> None:
    layers = {one.name: one for one in (Layer.create(*data) for data in read_folder(str(results)))}
    for suffix in (".parquet", ".csv"):
        data, meta, _ = layers["events"].as_layer_data_tuple()
        (path,) = write_events(str(tmp_path / f"events{suffix}"), data, meta)
        truth = read_table(results / "events.parquet", Events)
        # CSV does not tell the types of columns that Events does not declare.
        again = read_table(Path(path), Events)[truth.columns].astype(truth.dtypes.to_dict())
        assert_frame_equal(again, truth, rtol=1e-9)
        data, meta, _ = layers["tracks"].as_layer_data_tuple()
        (path,) = write_tracks(str(tmp_path / f"tracks{suffix}"), data, meta)
        tracks = (
            read_table(results / "tracks.parquet", Tracks)
            .assign(movie_id="cell")
            .sort_values(["track_id", "frame"], ignore_index=True)
        )
        assert_frame_equal(read_table(Path(path), Tracks)[tracks.columns], tracks, rtol=1e-6, check_dtype=False)


def test_points_of_something_else_are_no_events(tmp_path: Path) -> None:
    data, meta, _ = Points(np.zeros((2, 3))).as_layer_data_tuple()
    with pytest.raises(InputError, match="table events: column"):
        write_events(str(tmp_path / "a.csv"), data, meta)
