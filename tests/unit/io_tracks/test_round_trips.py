"""Tracks out and in again through every format, and through the programs the formats belong to."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from cases import TRACKS_FRAME_S as FRAME_S
from cases import TRACKS_PIXEL_UM as PIXEL_UM
from cases import two_tracks
from pandas.testing import assert_frame_equal

from exotrack.errors import CalibrationError, InputError, OutputError
from exotrack.io import read_tracks, write_tracks
from exotrack.io.tracks import FORMATS
from exotrack.tables import Tracks

ENDING = {"parquet": "parquet", "csv": "csv", "geff": "geff", "trackmate": "csv", "napari": "csv", "challenge": "xml"}


def there_and_back(tracks: pd.DataFrame, folder: Path, form: str) -> pd.DataFrame:
    """`tracks` written as `form` and read again, by what the file itself says wherever it can."""
    path = write_tracks(tracks, folder / f"cell.{ENDING[form]}", form, pixel_um=PIXEL_UM)
    in_pixels = form in ("napari", "challenge")
    return read_tracks(path, PIXEL_UM if in_pixels else None, FRAME_S if form == "challenge" else None)


@pytest.mark.parametrize("form", FORMATS)
def test_tracks_come_back_as_they_were(form: str, tmp_path: Path) -> None:
    tracks = two_tracks()
    # The challenge's files hold places only, and do not number their particles.
    kept = tracks.assign(snr=np.nan, sigma_um=np.nan, track_id=[1, 1, 1, 2, 2]) if form == "challenge" else tracks
    assert_frame_equal(there_and_back(tracks, tmp_path, form), kept, rtol=1e-14, atol=1e-15)


@pytest.mark.parametrize("form", FORMATS)
def test_the_order_of_rows_does_not_matter(form: str, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    mixed = there_and_back(two_tracks()[::-1].reset_index(drop=True), tmp_path, form)
    assert_frame_equal(mixed, there_and_back(two_tracks(), tmp_path / "other", form))


@pytest.mark.parametrize("form", FORMATS)
def test_depth_comes_back(form: str, tmp_path: Path) -> None:
    tracks = two_tracks(z_um=np.array([0.0, 1.0, 2.0, 3.0, 4.0]) * PIXEL_UM)
    np.testing.assert_allclose(there_and_back(tracks, tmp_path, form)["z_um"], tracks["z_um"], rtol=1e-14)


@pytest.mark.parametrize("form", FORMATS)
def test_no_tracks_are_an_empty_table_with_all_its_columns(form: str, tmp_path: Path) -> None:
    back = there_and_back(Tracks.empty(), tmp_path, form)
    assert len(back) == 0
    Tracks.check(back)


@pytest.mark.parametrize("form", FORMATS)
def test_unknown_times_stay_unknown(form: str, tmp_path: Path) -> None:
    path = write_tracks(two_tracks(t_s=np.nan), tmp_path / f"cell.{ENDING[form]}", form, pixel_um=PIXEL_UM)
    assert read_tracks(path, PIXEL_UM)["t_s"].isna().all()
    if form not in ("parquet", "csv"):
        np.testing.assert_allclose(read_tracks(path, PIXEL_UM, FRAME_S)["t_s"], two_tracks()["t_s"])


def test_a_results_folder_is_read_by_its_table_of_tracks(tmp_path: Path) -> None:
    write_tracks(two_tracks(), tmp_path / "tracks.parquet")
    assert_frame_equal(read_tracks(tmp_path), two_tracks())


@pytest.mark.parametrize("form", ["geff", "trackmate", "napari", "challenge"])
def test_a_format_of_one_movie_refuses_two(form: str, tmp_path: Path) -> None:
    two = two_tracks(movie_id=["a", "a", "a", "b", "b"])
    with pytest.raises(InputError, match=r"^cell.x: 2 movies cannot be told apart"):
        write_tracks(two, tmp_path / "cell.x", form, pixel_um=PIXEL_UM)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("form", ["napari", "challenge"])
def test_a_pixel_size_is_never_guessed(form: str, tmp_path: Path) -> None:
    with pytest.raises(CalibrationError, match="in pixels; give the size of a pixel with --pixel-um"):
        write_tracks(two_tracks(), tmp_path / "cell.x", form)
    path = write_tracks(two_tracks(), tmp_path / f"cell.{ENDING[form]}", form, pixel_um=PIXEL_UM)
    with pytest.raises(CalibrationError, match="in pixels; give the size of a pixel with --pixel-um"):
        read_tracks(path)
    with pytest.raises(CalibrationError, match=r"--pixel-um 107 is outside 0.005 to 5 um"):
        read_tracks(path, 107.0)


@pytest.mark.parametrize("name", ["cell.csv", "cell.geff"])
def test_what_is_there_is_replaced_only_on_request(name: str, tmp_path: Path) -> None:
    write_tracks(two_tracks(), tmp_path / name)
    with pytest.raises(OutputError, match="already"):
        write_tracks(two_tracks(), tmp_path / name)
    write_tracks(two_tracks().head(3), tmp_path / name, overwrite=True)
    assert len(read_tracks(tmp_path / name)) == 3
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"cell.csv: there is no folder .*absent; make it first"):
        write_tracks(two_tracks(), tmp_path / "absent" / "cell.csv")
    with pytest.raises(OutputError, match="is a folder; give the name of a file"):
        write_tracks(two_tracks(), tmp_path, "csv")


def test_formats_that_do_not_exist_are_named(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"cell.zip: no format ends so; use .parquet, .csv, .geff, .xml"):
        write_tracks(two_tracks(), tmp_path / "cell.zip")
    with pytest.raises(InputError, match="'mat' is no format of tracks; there are parquet, csv, geff"):
        write_tracks(two_tracks(), tmp_path / "cell.csv", "mat")
    (tmp_path / "letter.csv").write_text("Dear reader,\n")
    with pytest.raises(InputError, match=r"letter.csv: no format of tracks is recognised"):
        read_tracks(tmp_path / "letter.csv")
    with pytest.raises(InputError, match=r"absent.csv: no such file"):
        read_tracks(tmp_path / "absent.csv")


def test_the_reader_of_geff_itself_sees_the_graph(tmp_path: Path) -> None:
    geff = pytest.importorskip("geff", reason="the package geff (extra io) is not installed")
    from geff.validate.data import ValidationConfig

    path = write_tracks(two_tracks(), tmp_path / "cell.geff")
    strict = ValidationConfig(graph=True, tracklet=True)
    memory = geff.core_io.read_to_memory(path, data_validation=strict)
    axes = [(axis.name, axis.type, axis.unit) for axis in memory["metadata"].axes]
    assert axes == [("t", "time", "second"), ("y", "space", "micrometer"), ("x", "space", "micrometer")]
    graph, _ = geff.read(path)
    assert sorted(graph.edges) == [(0, 1), (1, 2), (3, 4)]
    np.testing.assert_allclose([graph.nodes[k]["x"] for k in range(5)], two_tracks()["x_um"])
    assert [graph.nodes[k].get("snr") for k in range(5)] == [4.0, 5.5, None, 8.0, 9.0]


def test_trackmate_tables_are_read_the_way_its_guides_show(tmp_path: Path) -> None:
    path = write_tracks(two_tracks(), tmp_path / "cell_spots.csv", "trackmate")
    spots = pd.read_csv(path, skiprows=[1, 2, 3])
    tuple_of_heads = ("LABEL", "ID", "TRACK_ID", "QUALITY", "POSITION_X", "POSITION_Y", "POSITION_Z", "POSITION_T", "FRAME")
    assert tuple(spots.columns[:9]) == tuple_of_heads
    assert spots["QUALITY"].tolist() == [4.0, 5.5, -1.0, 8.0, 9.0]
    np.testing.assert_allclose(spots["POSITION_X"], two_tracks()["x_um"])
    units = path.read_text().splitlines()[3].split(",")
    assert units[3:8] == ["(quality)", "(micron)", "(micron)", "(micron)", "(sec)"]


def test_napari_shows_the_data_as_a_layer(tmp_path: Path) -> None:
    layers = pytest.importorskip("napari.layers", reason="napari is not installed")
    table = pd.read_csv(write_tracks(two_tracks(), tmp_path / "cell.csv", "napari", pixel_um=PIXEL_UM))
    layer = layers.Tracks(table[["track_id", "t", "y", "x"]].to_numpy(), features=table)
    np.testing.assert_array_equal(layer.data[:, 0], two_tracks()["track_id"])
    np.testing.assert_allclose(layer.data[:, 2], two_tracks()["y_um"] / PIXEL_UM)


def test_trackpy_takes_the_table_as_it_is() -> None:
    trackpy = pytest.importorskip("trackpy")
    pos = ["y_um", "x_um"]
    msd = trackpy.motion.msd(two_tracks().head(3), mpp=1.0, fps=1 / FRAME_S, pos_columns=pos)
    steps = np.diff(two_tracks().head(3)[pos], axis=0)
    assert msd["msd"].iloc[0] == pytest.approx(np.mean(np.sum(steps**2, axis=1)))
