"""The plugin in a real viewer: layers lie where they should and are drawn."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pandas.testing import assert_frame_equal

from exotrack._runs import sample
from exotrack.errors import InputError
from exotrack.io.results import read_table
from exotrack.tables import Events
from napari_exotrack._convert import Place, events_table
from napari_exotrack._reader import get_reader, read_folder

Viewers = Callable[..., Any]


@pytest.mark.parametrize("name", ["granule", "phluorin"])
def test_a_sample_opens_with_its_truth(viewers: Viewers, name: str) -> None:
    viewer = viewers()
    viewer.open_sample("exotrack", name)
    assert [layer.name for layer in viewer.layers] == [name, "true tracks", "true events"]
    for layer in viewer.layers:
        np.testing.assert_allclose(layer.scale, (0.1, 0.107, 0.107))
        assert [str(unit) for unit in layer.units] == ["second", "micrometer", "micrometer"]
        assert layer.axis_labels == ("t", "y", "x")
    image, tracks, events = viewer.layers
    assert image.data.shape == (115, 128, 128)
    assert len(tracks.data) > 100
    truth = read_table(sample(f"{name}_truth/events.parquet"), Events)
    assert set(events.features["event_id"]) == set(truth["event_id"][truth["visible"]])


def test_events_lie_in_the_light_they_come_from(viewers: Viewers) -> None:
    # World coordinates of a full fusion, looked up in the image layer: the vesicle is brighter than the frame.
    viewer = viewers()
    viewer.open_sample("exotrack", "granule")
    image, _, events = viewer.layers
    fused = np.flatnonzero(events.features["kind"] == "full_fusion")
    brighter = []
    for index in fused:
        world = events.data_to_world(events.data[index])
        frame, y, x = np.rint(image.world_to_data(world)).astype(int)
        pixels = np.asarray(image.data[max(frame - 1, 0), max(y - 1, 0) : y + 2, max(x - 1, 0) : x + 2])
        brighter.append(pixels.mean() > np.median(image.data[frame]))
    assert len(brighter) > 5
    assert np.mean(brighter) > 0.9


def test_the_picture_shows_rings_and_vesicles(viewers: Viewers, tmp_path: Path) -> None:
    viewer = viewers(show=True)
    viewer.open_sample("exotrack", "granule")
    events = viewer.layers["true events"]
    viewer.dims.set_current_step(0, int(events.data[10, 0]))
    viewer.reset_view()
    shot = viewer.screenshot(path=str(tmp_path / "shot.png"), canvas_only=True, flash=False)
    assert shot[..., :3].std() > 5
    colourful = np.ptp(shot[..., :3].astype(int), axis=-1) > 60
    assert colourful.sum() > 50
    events.visible = viewer.layers["true tracks"].visible = False
    bare = viewer.screenshot(canvas_only=True, flash=False)
    assert (np.ptp(bare[..., :3].astype(int), axis=-1) > 60).sum() < colourful.sum() / 4


def test_a_results_folder_opens_with_its_movie_cells_tracks_and_events(viewers: Viewers, results: Path) -> None:
    viewer = viewers()
    viewer.open(str(results), plugin="exotrack")
    assert [layer.name for layer in viewer.layers] == ["cell", "cells", "tracks", "events"]
    image, cells, tracks, events = viewer.layers
    np.testing.assert_allclose(tracks.scale, image.scale)
    np.testing.assert_allclose(cells.scale, image.scale[1:])
    assert cells.data.shape == image.data.shape[1:]
    place = Place(pixel_um=float(image.scale[1]), frame_s=float(image.scale[0]))
    back = events_table(events.data, events.features, place)
    truth = read_table(sample("granule_truth/events.parquet"), Events)
    assert_frame_equal(back, truth, rtol=1e-6, check_dtype=False)


def test_cells_are_those_that_were_analysed_and_found_again_for_results_without_them(results: Path) -> None:
    from exotrack.io.mask import FOOTPRINT, read_footprint, write_footprint

    whole = read_footprint(results)
    write_footprint(results, np.where(whole > 0, 3, 0), 0.107)
    cells = next(data for data, _, kind in read_folder(str(results)) if kind == "labels")
    np.testing.assert_array_equal(cells, np.where(whole > 0, 3, 0))
    (results / FOOTPRINT).unlink()
    cells = next(data for data, _, kind in read_folder(str(results)) if kind == "labels")
    np.testing.assert_array_equal(cells, whole)


def test_its_events_file_stands_for_the_folder(results: Path) -> None:
    assert get_reader(str(results / "events.parquet")) is read_folder
    assert get_reader(str(results)) is read_folder


def test_other_folders_and_stacks_are_left_to_others(results: Path) -> None:
    assert get_reader(str(results.parent)) is None
    assert get_reader([str(results), str(results)]) is None


def test_a_movie_that_is_gone_is_a_warning_and_the_tables_are_shown(results: Path) -> None:
    (results.parents[1] / "cell.tif").unlink()
    with pytest.warns(UserWarning, match=r"shown without their movie: .*cell\.tif"):
        layers = read_folder(str(results))
    assert [kind for _, _, kind in layers] == ["tracks", "points"]


def test_a_damaged_table_is_an_error_that_names_it(results: Path) -> None:
    (results / "tracks.parquet").write_bytes(b"PAR1")
    with pytest.raises(InputError, match=r"tracks\.parquet"):
        read_folder(str(results))
