"""The command line as people and scripts meet it: real processes, their exit status, what they leave on disk."""

from __future__ import annotations

import json
import os
import pty
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import tifffile

import exotrack
from exotrack.io import read_results
from exotrack.params import PRESETS

COMMANDS = (
    *("run", "batch", "status", "em", "calibrate", "demo", "simulate", "score", "tracks", "report", "models", "compare", "stats"),
    "tables",
)
HERE = [sys.executable, "-m", "exotrack"]
SIM = ("--set", "field.height_px=64", "--set", "field.width_px=64")


@contextmanager
def started(*words: object) -> Iterator[subprocess.Popen[str]]:
    """The command as a process, with the signals of a terminal, whatever the test itself was started with."""

    def as_in_a_terminal() -> None:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)

    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen([*HERE, *map(str, words)], **pipes, text=True, preexec_fn=as_in_a_terminal) as process:
        try:
            yield process
        finally:
            process.kill()


def call(*words: object) -> tuple[int, str, str]:
    """Exit status, stdout, stderr."""
    with started(*words) as process:
        out, err = process.communicate(timeout=200)
    return process.returncode, out, err


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small simulated movie with its truth, made by the command itself."""
    folder = tmp_path_factory.mktemp("simulated") / "truth"
    status, out, err = call("simulate", "granule", "--out", folder, "--rng", 3, "--set", "field.n_frames=80", *SIM)
    assert (status, err) == (0, "")
    assert out.strip().endswith(f"-> {folder}")
    return folder


@pytest.fixture(scope="module")
def results(simulated: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What ``exotrack run`` makes of it."""
    out = tmp_path_factory.mktemp("results")
    status, said, _ = call("run", simulated / "movie.tif", "--out", out, "--preset", "granule", "--stimulus-s", 2)
    assert status == 0
    assert said.startswith("movie: ")
    assert said.strip().endswith(str(out / "movie" / "report.html"))
    return out / "movie"


def test_help_names_every_command_and_preset() -> None:
    _, out, _ = call("--help")
    assert all(f"\n  {command} " in out for command in COMMANDS)
    assert call()[1] == out
    status, out, _ = call("run", "--help")
    assert status == 0
    assert all(preset in out for preset in PRESETS)


def test_the_version_is_that_of_the_package() -> None:
    assert call("--version") == (0, f"exotrack {exotrack.__version__}\n", "")


def test_a_run_writes_what_the_design_names(results: Path) -> None:
    names = {file.name for file in results.iterdir()}
    tables = ("frames", "spots", "tracks", "traces", "episodes", "events", "candidates", "fits", "cells")
    assert names == {f"{table}.{suffix}" for table in tables for suffix in ("parquet", "csv")} | {
        "params.toml", "provenance.json", "datapackage.json", "ro-crate-metadata.json", "footprint.tif", "report.html",
    }  # fmt: skip
    assert [folder.name for folder in results.parent.iterdir()] == ["movie"]


def test_the_record_says_how_it_was_made(simulated: Path, results: Path) -> None:
    record = json.loads((results / "provenance.json").read_text())
    assert record["input"]["path"] == str(simulated / "movie.tif")
    assert record["input"]["bytes"] == (simulated / "movie.tif").stat().st_size
    assert record["command"].startswith("exotrack run ")
    assert record["params"]["classify"]["stimulus_s"] == [2.0]
    assert set(record["stages_s"]) == {"survey", "drift", "detect", "link", "measure", "footprint", "classify"}
    assert sum(record["stages_s"].values()) <= record["wall_s"]
    assert record["peak_memory_mb"] > 50
    assert (record["movie"]["n_frames"], record["movie"]["height"]) == (80, 64)


def test_the_parameters_written_reproduce_the_run(simulated: Path, results: Path, tmp_path: Path) -> None:
    status, *_ = call("run", simulated / "movie.tif", "--out", tmp_path, "--params", results / "params.toml", "--workers", 1)
    assert status == 0
    for table in ("spots", "tracks", "traces", "episodes", "events", "candidates", "fits", "cells"):
        assert (tmp_path / "movie" / f"{table}.csv").read_bytes() == (results / f"{table}.csv").read_bytes()


def test_a_score_is_printed_and_written_as_json(simulated: Path, results: Path) -> None:
    status, out, err = call("score", simulated, results)
    assert (status, err) == (0, "")
    assert "full_fusion" in out
    status, out, _ = call("score", simulated / "events.csv", results / "events.parquet", "--json", "--pixel-um", 0.2)
    content = json.loads(out)
    assert status == 0
    assert content["gates"]["distance_um"] == pytest.approx(0.8)


def test_tracks_go_out_as_xml_and_are_scored_from_there(simulated: Path, results: Path, tmp_path: Path) -> None:
    status, out, err = call("tracks", results, tmp_path / "found.xml")
    assert (status, err) == (0, "")
    assert out.strip().endswith(f"tracks -> {tmp_path / 'found.xml'}")
    known = json.loads((results / "provenance.json").read_text())["movie"]["pixel_um"]
    scores = [
        json.loads(call("score", simulated, found, "--json", "--pixel-um", known)[1])["tracks"]
        for found in (results, tmp_path / "found.xml")
    ]
    assert scores[0]["gate_um"] == pytest.approx(5 * known)
    assert 0 < scores[0]["beta"] <= scores[0]["alpha"] <= 1
    assert scores[1] == pytest.approx(scores[0])


def test_a_report_is_made_again(results: Path) -> None:
    before = (results / "report.html").read_text()
    (results / "report.html").unlink()
    assert call("report", results)[0] == 0
    after = (results / "report.html").read_text()
    assert len(after) == pytest.approx(len(before), rel=0.01)


def test_results_are_refused_before_any_work_and_replaced_on_request(simulated: Path, results: Path) -> None:
    before = (results / "provenance.json").read_text()
    status, out, err = call("run", simulated / "movie.tif", "--out", results.parent, "--preset", "granule")
    assert (status, out) == (2, "")
    assert (
        err
        == f"exotrack: error: {results}: already holds files; choose another place with --out, or replace them with --overwrite\n"
    )
    assert (results / "provenance.json").read_text() == before


def test_one_bad_movie_of_two_is_named_and_the_other_is_done(simulated: Path, tmp_path: Path) -> None:
    # The good one is named as unkindly as a file system allows: a formula, markup, a line break, a byte that is no text.
    bad, good = tmp_path / "bad.tif", Path(os.fsdecode(os.fsencode(tmp_path) + b"/=b<blink>\n\xff.tif"))
    bad.write_text("this is no movie")
    shutil.copy(simulated / "movie.tif", good)
    status, out, err = call("run", bad, good, "--out", tmp_path / "out", "--preset", "granule")
    assert status == 1
    assert out.splitlines()[-1] == "1 of 2 movies done, 1 failed"
    errors = [line for line in err.splitlines() if line.startswith("exotrack: error: ")]
    assert len(errors) == 1
    assert "bad.tif" in errors[0]
    assert [folder.name for folder in (tmp_path / "out").iterdir()] == ["=b<blink>__"]
    results = read_results(tmp_path / "out" / "=b<blink>__")
    assert set(results.tables["frames"]["movie_id"]) == {"=b<blink>__"}
    assert results.provenance["input"]["path"] == str(good)
    assert "<blink>" not in (results.folder / "report.html").read_text()


@pytest.fixture(scope="module")
def long_movie(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A movie that takes long enough to be interrupted."""
    path = tmp_path_factory.mktemp("long") / "long.tif"
    frames = np.random.default_rng(0).poisson(200, (400, 256, 256)).astype(np.uint16)
    tifffile.imwrite(path, frames, imagej=True, resolution=(10, 10), metadata={"axes": "TYX", "unit": "um", "finterval": 0.1})
    return path


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_analysis_leaves_nothing(long_movie: Path, tmp_path: Path, number: signal.Signals, status: int) -> None:
    with started("run", long_movie, "--out", tmp_path / "out", "--preset", "granule") as process:
        time.sleep(2.0)  # past the start of Python, before the end of the analysis
        process.send_signal(number)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (status, "")
    assert err == f"exotrack: error: interrupted ({number.name}); nothing half-written was left\n"
    assert not (tmp_path / "out").exists()


def test_ctrl_c_while_writing_leaves_nothing(simulated: Path, tmp_path: Path) -> None:
    with started("run", simulated / "movie.tif", "--out", tmp_path, "--preset", "granule") as process:
        until = time.monotonic() + 100
        while not any(tmp_path.iterdir()) and process.poll() is None and time.monotonic() < until:
            time.sleep(0.002)
        assert [path.suffix for path in tmp_path.iterdir()] == [".tmp"]
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert err.endswith("exotrack: error: interrupted (SIGINT); nothing half-written was left\n")
    assert list(tmp_path.iterdir()) == []


def test_bars_are_for_terminals_only() -> None:
    code = (
        "from exotrack._terminal import Bars\n"
        "Bars.PATIENCE_S = 0.0\n"
        "with Bars('[cell]') as bars: bars('detect', 1, 2); bars('detect', 2, 2)\n"
    )
    piped = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (piped.stdout, piped.stderr) == ("", "")
    reader, writer = pty.openpty()
    shown = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=writer, check=True)
    os.close(writer)
    seen = os.read(reader, 100_000).decode()
    os.close(reader)
    assert shown.stdout == b""
    assert "[cell] detect" in seen
    assert "2/2" in seen


def test_a_reader_that_leaves_early_is_no_error() -> None:
    with started("tables", "--markdown") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait(timeout=30) == 0
