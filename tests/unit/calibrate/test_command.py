"""``exotrack calibrate`` and ``exotrack report --calibration``: what they say, write and refuse."""

from __future__ import annotations

import json
from pathlib import Path

import frictionless
import pytest
import tifffile
from calibrate_cases import small_truth

from exotrack._terminal import exit_status
from exotrack.calibrate import settings_for
from exotrack.cli import app
from exotrack.io.results import FILES, read_table
from exotrack.params import preset, read_toml
from exotrack.simulate.write import write_movie
from exotrack.tables import CALIBRATION

CHANGES = ("--set", "calibrate.per_um2=0.1", "--repeats", 1, "--workers", 1)


def call(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str, str]:
    """Exit status, stdout and stderr of the command in this process."""
    capsys.readouterr()
    status = exit_status(lambda: app([*map(str, words)], prog_name="exotrack", standalone_mode=False))
    said = capsys.readouterr()
    return status, said.out, said.err


@pytest.fixture(scope="module")
def movie(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small movie as a file."""
    path = tmp_path_factory.mktemp("movie") / "cell.tif"
    write_movie(small_truth().movie, path)
    return path


@pytest.fixture(scope="module")
def folder(movie: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the command makes of it."""
    out = tmp_path_factory.mktemp("calibrated") / "out"
    words = ["calibrate", movie, "--out", out, "--preset", "phluorin", "--rng", 8, *CHANGES]
    assert exit_status(lambda: app([*map(str, words)], prog_name="exotrack", standalone_mode=False)) == 0
    return out


def test_a_calibration_writes_tables_parameters_record_and_page(movie: Path, folder: Path) -> None:
    tables = {f"{table.name}.{suffix}" for table in CALIBRATION for suffix in ("parquet", "csv")}
    assert {file.name for file in folder.iterdir()} == tables | {
        "params.toml", "provenance.json", "datapackage.json", "ro-crate-metadata.json", "report.html",
    }  # fmt: skip
    for table in CALIBRATION:
        text, binary = (read_table(folder / f"{table.name}.{suffix}", table) for suffix in ("csv", "parquet"))
        assert len(text) == len(binary) > 0
    checked = frictionless.validate(folder / "datapackage.json")
    assert checked.valid, checked.flatten(["name", "fieldName", "note"])
    record = json.loads((folder / "provenance.json").read_text())
    assert record["input"]["path"] == str(movie)
    assert (record["rng"], record["calibration"]["rounds"]) == (8, 1)
    assert record["params"]["calibrate"]["per_um2"] == 0.1


def test_the_parameters_written_can_be_given_back(folder: Path) -> None:
    settings = read_toml(folder / "params.toml", lambda name: settings_for(preset(name)))
    assert settings == settings_for(preset("phluorin")).updated({"calibrate": {"per_um2": 0.1, "repeats": 1}})


def test_the_page_shows_the_counts_and_needs_nothing_else(folder: Path) -> None:
    page = (folder / "report.html").read_text()
    injected = read_table(folder / "injections.parquet", CALIBRATION[0])
    assert f"{len(injected)} simulated events and decoys" in page
    assert "in 1 round," in page
    assert "<script" not in page
    assert "://" not in page.replace("http://www.w3.org/", "")
    assert page.count('<svg class="chart"') == 1  # a dark label has no docking to draw


def test_what_is_there_is_not_overwritten(capsys: pytest.CaptureFixture[str], movie: Path, folder: Path) -> None:
    before = (folder / "provenance.json").read_bytes()
    status, out, err = call(capsys, "calibrate", movie, "--out", folder, "--preset", "phluorin", *CHANGES)
    assert (status, out) == (2, "")
    assert err.startswith(f"exotrack: error: {folder}: already holds files; ")
    assert (folder / "provenance.json").read_bytes() == before


def test_the_report_of_results_shows_the_calibration_of_the_same_movie_only(
    capsys: pytest.CaptureFixture[str], movie: Path, folder: Path, tmp_path: Path
) -> None:
    assert call(capsys, "run", movie, "--out", tmp_path, "--preset", "phluorin", "--workers", 1)[0] == 0
    assert set(FILES) < {file.name for file in (tmp_path / "cell").iterdir()}
    assert 'id="calibration"' not in (tmp_path / "cell" / "report.html").read_text()
    assert call(capsys, "report", tmp_path / "cell", "--calibration", folder)[0] == 0
    page = (tmp_path / "cell" / "report.html").read_text()
    assert page.count('id="calibration"') == 1
    assert 'href="#calibration"' in page
    status, _, err = call(capsys, "report", tmp_path / "cell", "--calibration", tmp_path / "gone")
    assert (status, err) == (
        2,
        f"exotrack: error: {tmp_path / 'gone'}: no such folder; give one that `exotrack calibrate` wrote\n",
    )
    other = json.loads((tmp_path / "cell" / "provenance.json").read_text())
    other["input"]["sha256"] = "0" * 64
    (tmp_path / "cell" / "provenance.json").write_text(json.dumps(other))
    status, _, err = call(capsys, "report", tmp_path / "cell", "--calibration", folder)
    assert status == 2
    assert "calibrates cell, not the movie of these results" in err


def test_a_movie_too_short_leaves_nothing(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "short.tif", small_truth().movie.read(0, 5), photometric="minisblack")
    options = ("--preset", "phluorin", "--axes", "TYX", "--pixel-um", 0.107, "--frame-s", 0.1)
    status, out, err = call(capsys, "calibrate", tmp_path / "short.tif", "--out", tmp_path / "out", *options)
    assert (status, out) == (2, "")
    assert err.endswith("short: has 5 frames; a calibration needs at least 10, to have room for events\n")
    assert not (tmp_path / "out").exists()
