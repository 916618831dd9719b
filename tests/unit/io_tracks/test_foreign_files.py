"""Tracks as other programs write them, and files that are damaged, hostile or something else."""

from __future__ import annotations

import json
import pickle
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cases import shared_data, two_tracks

from exotrack.errors import CalibrationError, InputError
from exotrack.io import read_tracks, write_tracks

HEADS = """LABEL,ID,TRACK_ID,QUALITY,POSITION_X,POSITION_Y,POSITION_Z,POSITION_T,FRAME,RADIUS,VISIBILITY,MANUAL_SPOT_COLOR,SNR_CH1
Label,Spot ID,Track ID,Quality,X,Y,Z,T,Frame,Radius,Visibility,Manual spot color,Signal/Noise ratio ch1
Label,Spot ID,Track ID,Quality,X,Y,Z,T,Frame,R,Visibility,Spot color,SNR ch1
,,,(quality),({length}),({length}),({length}),({time}),,({length}),,,
"""
ROWS = """ID11,11,0,3.1,2.0,4.0,0.0,0.2,1,0.4,1,,1.5
ID10,10,0,3.2,1.0,3.0,0.0,0.0,0,0.4,1,,1.6
ID12,12,,3.3,9.0,9.0,0.0,0.0,0,0.4,1,,1.7
ID13,13,2,3.4,5.0,6.0,0.0,0.4,2,0.4,1,,1.8
"""


def spots(folder: Path, heads: str, rows: str = ROWS, encoding: str = "utf-8") -> Path:
    """A table of spots as TrackMate exports it."""
    path = folder / "cell.csv"
    path.write_bytes((heads + rows).encode(encoding))
    return path


@pytest.mark.parametrize(
    ("length", "time", "encoding", "um", "s"),
    [
        ("micron", "sec", "utf-8", 1.0, 1.0),
        ("µm", "s", "latin-1", 1.0, 1.0),
        ("µm", "s", "utf-8-sig", 1.0, 1.0),
        ("nm", "ms", "utf-8", 1e-3, 1e-3),
    ],
)
def test_trackmate_names_its_units(tmp_path: Path, length: str, time: str, encoding: str, um: float, s: float) -> None:
    table = read_tracks(spots(tmp_path, HEADS.format(length=length, time=time), encoding=encoding))
    assert table["track_id"].tolist() == [1, 1, 3]  # TrackMate counts from 0; the spot without a track is left out
    assert table["frame"].tolist() == [0, 1, 2]
    np.testing.assert_allclose(table["x_um"], np.array([1.0, 2.0, 5.0]) * um)
    np.testing.assert_allclose(table["y_um"], np.array([3.0, 4.0, 6.0]) * um)
    np.testing.assert_allclose(table["t_s"], np.array([0.0, 0.2, 0.4]) * s)
    assert table["snr"].isna().all()  # TrackMate's is another
    assert "z_um" not in table
    assert set(table["movie_id"]) == {"cell"}


def test_an_uncalibrated_trackmate_table_needs_the_calibration(tmp_path: Path) -> None:
    path = spots(tmp_path, HEADS.format(length="pixel", time="frame"))
    with pytest.raises(CalibrationError, match="its places are in pixel; give the um in one such unit with --pixel-um"):
        read_tracks(path)
    table = read_tracks(path, 0.1, 0.5)
    np.testing.assert_allclose(table["x_um"], [0.1, 0.2, 0.5])
    np.testing.assert_allclose(table["t_s"], [0.0, 0.5, 1.0])


@pytest.mark.parametrize("separator", [",", "\t"])
def test_an_older_trackmate_table_has_one_row_of_heads_and_no_units(tmp_path: Path, separator: str) -> None:
    rows = "1,ID7,7,4,1.5,2.5,0,0,3\n2,ID8,8,None,1.5,2.5,0,0,4\n"
    heads = " ,Label,ID,TRACK_ID,POSITION_X,POSITION_Y,POSITION_Z,POSITION_T,FRAME\n"
    path = spots(tmp_path, heads.replace(",", separator), rows.replace(",", separator))
    with pytest.raises(CalibrationError, match="does not say in what unit its places are"):
        read_tracks(path)
    table = read_tracks(path, 1.0)
    assert table[["track_id", "frame", "y_um", "x_um"]].to_numpy().tolist() == [[4, 3, 2.5, 1.5]]
    assert table["t_s"].isna().all()


@pytest.mark.parametrize(
    ("heads", "rows", "said"),
    [
        ("LABEL,TRACK_ID,SPOT_SOURCE_ID,SPOT_TARGET_ID\n", "", "table of edges or tracks; export its table of spots"),
        ("LABEL,ID,TRACK_ID,POSITION_X,POSITION_Y\n", "", "column FRAME is missing; give TrackMate's table of spots"),
        (HEADS.format(length="micron", time="sec"), "ID1,1,0,3,x,4,0,0,1,,,,\n", "cannot be read as tracks"),
        (HEADS.format(length="micron", time="sec"), "ID1,1,0,3,,4,0,0,1,,,,\n", "a spot has no place"),
        (HEADS.format(length="furlong", time="sec"), ROWS, "the length unit 'furlong' is not understood"),
        (HEADS.format(length="micron", time="sec"), 2 * ROWS, "track 1 has two spots in frame 0"),
        (HEADS.format(length="micron", time="sec"), "ID1,1,0,3,1,4,0,0,1.5,,,,\n", "frame 1.5 is no whole number"),
        (HEADS.format(length="micron", time="sec"), "ID1,1,0,3,1,4,0,0,-1,,,,\n", "frame -1 was found; frames count from 0"),
        (HEADS.format(length="micron", time="sec"), "ID1,1,0,3,1,4,0,0,one,,,,\n", "FRAME holds '.*', no number"),
    ],
)
def test_a_wrong_trackmate_table_is_told_in_a_line(tmp_path: Path, heads: str, rows: str, said: str) -> None:
    with pytest.raises(InputError, match=said) as error:
        read_tracks(spots(tmp_path, heads, rows))
    assert "\n" not in str(error.value)


CHALLENGE = '<root><TrackContestISBI2012 SNR="4" density="low" scenario="VESICLE">{}</TrackContestISBI2012></root>'
PARTICLE = '<particle><detection t="0" x="10" y="20" z="0"/><detection t="2" x="11.5" y="21" z="0"/></particle>'


def xml(folder: Path, text: str) -> Path:
    """An XML file of `text`."""
    path = folder / "cell.xml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_challenge_file_is_in_pixels_and_frames(tmp_path: Path) -> None:
    table = read_tracks(xml(tmp_path, CHALLENGE.format(PARTICLE * 2)), 0.1, 0.5)
    assert table["track_id"].tolist() == [1, 1, 2, 2]
    np.testing.assert_allclose(table[["t_s", "y_um", "x_um"]].head(2), [(0.0, 2.0, 1.0), (1.0, 2.1, 1.15)])


def test_the_xml_of_trackmate_names_its_units(tmp_path: Path) -> None:
    text = f'<Tracks nTracks="1" spaceUnits="micron" frameInterval="50.0" timeUnits="ms">{PARTICLE}</Tracks>'
    table = read_tracks(xml(tmp_path, text))
    np.testing.assert_allclose(table[["t_s", "y_um", "x_um"]], [(0.0, 20.0, 10.0), (0.1, 21.0, 11.5)])


def test_the_files_of_the_challenge_come_back_to_the_last_digit(tmp_path: Path) -> None:
    table = read_tracks(shared_data("ptc_metric_fixture/b_cand.xml"), 0.107)
    again = read_tracks(write_tracks(table, tmp_path / "b.xml", pixel_um=0.107), 0.107)
    np.testing.assert_allclose(again[["y_um", "x_um"]], table[["y_um", "x_um"]], rtol=1e-15)
    assert again["track_id"].equals(table["track_id"])
    assert (table["track_id"].nunique(), len(table)) == (295, 1538)


BOMB = "<!DOCTYPE root [" + "".join(f'<!ENTITY a{k} "{f"&a{k - 1};" * 10}">' for k in range(1, 12)) + "]>"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (BOMB + CHALLENGE.format("<particle>&a11;</particle>"), "declares entities"),
        ('<!DOCTYPE r SYSTEM "file:///etc/passwd">' + CHALLENGE.format(""), "declares entities"),
        (CHALLENGE.format(PARTICLE)[:-30], "is damaged"),
        ("<a>" * 100_000 + "</a>" * 100_000, "<a> holds no <TrackContestISBI2012>"),
        ("<OME/>", "<OME> holds no <TrackContestISBI2012>"),
        (CHALLENGE.format('<particle><detection t="0" y="2"/></particle>'), "a detection of particle 1 has no x"),
        (CHALLENGE.format('<particle><detection t="0" x="a" y="2"/></particle>'), "a detection of particle 1 has x='a'"),
        (CHALLENGE.format('<particle><detection t="0.5" x="1" y="2"/></particle>'), "frame 0.5 is no whole number"),
        (CHALLENGE.format('<particle><detection t="1e300" x="1" y="2"/></particle>'), "frame 1e[+]300 is no whole number"),
        (CHALLENGE.format('<particle><detection t="1" x="nan" y="2"/></particle>'), "a spot has no place"),
        (CHALLENGE.format(PARTICLE.replace('t="2"', 't="0"')), "track 1 has two spots in frame 0"),
    ],
)
def test_a_wrong_challenge_file_is_told_in_a_line(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(InputError, match=said) as error:
        read_tracks(xml(tmp_path, text), 0.1)
    assert "\n" not in str(error.value)


def test_particles_inside_particles_cost_no_time(tmp_path: Path) -> None:
    deep = "<particle>" * 100_000 + "</particle>" * 100_000
    assert len(read_tracks(xml(tmp_path, CHALLENGE.format(deep)), 0.1)) == 0


def test_a_challenge_file_of_no_particles_is_an_empty_table(tmp_path: Path) -> None:
    assert len(read_tracks(xml(tmp_path, CHALLENGE.format("")), 0.1)) == 0


def geff_file(folder: Path, axes: list[dict[str, Any]], properties: dict[str, list[float]], edges: list[list[int]]) -> Path:
    """A GEFF as another program writes it: node numbers that do not begin at 0, no track numbers."""
    core, spec = pytest.importorskip("geff.core_io"), pytest.importorskip("geff_spec")
    columns = {name: {"values": np.array(values, float), "missing": None} for name, values in properties.items()}
    metadata = spec.GeffMetadata(
        directed=True, axes=[spec.Axis(**axis) for axis in axes], node_props_metadata={}, edge_props_metadata={}
    )
    node = np.arange(10, 10 + len(next(iter(properties.values()))), dtype=np.uint64)
    joined = np.array(edges, np.uint64).reshape(-1, 2)
    core.write_arrays(folder / "cell.geff", node, columns, joined, {}, metadata)
    return folder / "cell.geff"


def axes(time: dict[str, Any], space: dict[str, Any]) -> list[dict[str, Any]]:
    """Axes t, y, x."""
    return [{"name": "t", "type": "time"} | time, *({"name": name, "type": "space"} | space for name in "yx")]


DIVISION = {"t": [0, 1, 2, 2, 3], "y": [0, 1, 2, 3, 4], "x": [5, 5, 5, 6, 6]}
EDGES = [[10, 11], [11, 12], [11, 13], [14, 13]]  # the last one written backwards


def test_edges_make_the_tracks_of_a_geff_and_a_division_ends_one(tmp_path: Path) -> None:
    path = geff_file(tmp_path, axes({"unit": "frame"}, {"unit": "pixel"}), DIVISION, EDGES)
    with pytest.raises(CalibrationError, match="its axis y is in pixel; give the size of a pixel"):
        read_tracks(path)
    table = read_tracks(path, 0.1, 0.5)
    courses = sorted(list(zip(t["frame"], t["y_um"].round(6), strict=True)) for _, t in table.groupby("track_id"))
    assert courses == [[(0, 0.0), (1, 0.1)], [(2, 0.2)], [(2, 0.3), (3, 0.4)]]
    np.testing.assert_allclose(table["t_s"], table["frame"] * 0.5)


def test_the_scale_of_a_geff_is_its_calibration(tmp_path: Path) -> None:
    time = {"unit": "frame", "scale": 2.0, "scaled_unit": "minute"}
    space = {"unit": "pixel", "scale": 200.0, "scaled_unit": "nanometer"}
    table = read_tracks(geff_file(tmp_path, axes(time, space), DIVISION, EDGES))
    np.testing.assert_allclose(table["t_s"], table["frame"] * 120.0)
    assert table["x_um"].max() == pytest.approx(1.2)


def test_times_of_a_geff_become_frames_only_by_an_interval(tmp_path: Path) -> None:
    seconds = DIVISION | {"t": [0.0, 0.25, 0.5, 0.5, 0.75]}
    path = geff_file(tmp_path, axes({"unit": "second"}, {"unit": "micrometer"}), seconds, EDGES)
    with pytest.raises(CalibrationError, match="its times are in seconds, without frames; give --frame-s"):
        read_tracks(path)
    with pytest.raises(CalibrationError, match=r"its times are no multiples of 0.2 s"):
        read_tracks(path, frame_s=0.2)
    assert sorted(read_tracks(path, frame_s=0.25)["frame"]) == [0, 1, 2, 2, 3]


def test_a_geff_without_axes_or_content_is_told_in_a_line(tmp_path: Path) -> None:
    path = geff_file(tmp_path, [{"name": "t", "type": "time"}], {"t": [0.0, 1.0]}, [])
    with pytest.raises(InputError, match=r"one axis of time and two or three of space; found t \(time\)"):
        read_tracks(path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="empty: cannot be read as GEFF"):
        read_tracks(tmp_path / "empty")


def test_a_geff_that_declares_too_much_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = write_tracks(two_tracks(), tmp_path / "cell.geff")
    head = path / "nodes" / "ids" / ".zarray"
    text = head.read_text()
    assert '"shape": [\n    5\n  ]' in text
    head.write_text(text.replace('"shape": [\n    5\n  ]', '"shape": [4000000000]'))
    with pytest.raises(InputError, match="the header declares 4000000000 nodes; the file is damaged"):
        read_tracks(path)


def test_a_geff_with_a_part_missing_is_told_in_a_line(tmp_path: Path) -> None:
    path = write_tracks(two_tracks(), tmp_path / "cell.geff")
    (path / "nodes" / "props" / "y" / "values" / ".zarray").unlink()
    with pytest.raises(InputError, match="cannot be read as GEFF") as error:
        read_tracks(path)
    assert "\n" not in str(error.value)


class Hostile:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return open, (str(self.path), "w")


@pytest.mark.parametrize("part", ["nodes/ids", "edges/ids", "nodes/props/y/values"])
@pytest.mark.parametrize("place", ["filters", "compressor"])
def test_nothing_in_a_geff_is_executed(tmp_path: Path, part: str, place: str) -> None:
    path = write_tracks(two_tracks(), tmp_path / "cell.geff")
    head = json.loads((path / part / ".zarray").read_text())
    codec = {"id": "pickle", "protocol": 4}
    head |= {"dtype": "|O", "fill_value": None, "compressor": None, "filters": None}
    head[place] = [codec] if place == "filters" else codec
    (path / part / ".zarray").write_text(json.dumps(head))
    for chunk in (path / part).glob("[0-9]*"):
        chunk.write_bytes(pickle.dumps(Hostile(tmp_path / "executed")))
    with pytest.raises(InputError, match="cannot be read as GEFF"):
        read_tracks(path)
    assert not (tmp_path / "executed").exists()


def test_an_edge_to_nowhere_is_told_in_a_line(tmp_path: Path) -> None:
    path = geff_file(tmp_path, axes({"unit": "frame"}, {"unit": "micrometer"}), DIVISION, [[10, 11], [11, 99]])
    with pytest.raises(InputError, match="an edge names a node that is not there"):
        read_tracks(path)


def test_without_the_package_geff_it_is_said_how_to_install_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_tracks(two_tracks(), tmp_path / "cell.geff")
    monkeypatch.setitem(sys.modules, "geff", None)  # what Python puts there for a module that must not be imported
    with pytest.raises(InputError, match=r"reading .geff files needs the package geff; pip install \"exotrack\[io\]\""):
        read_tracks(path)
    with pytest.raises(InputError, match=r"^other.geff: writing .geff files needs the package geff"):
        write_tracks(two_tracks(), tmp_path / "other.geff")
    assert [entry.name for entry in tmp_path.iterdir()] == ["cell.geff"]
