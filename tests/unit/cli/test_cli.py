"""What the command line says, command by command, without the cost of a new process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
from cases import two_tracks

from exotrack import tables
from exotrack._runs import changed, chosen_params
from exotrack._terminal import Interrupted, exit_status, interruption_behind
from exotrack.cli import app
from exotrack.errors import ParameterError, TryAgainError
from exotrack.io import read_tracks, write_tracks
from exotrack.params import preset, to_toml
from exotrack.score import load_scored
from exotrack.tables import Events


def call(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str, str]:
    """Exit status, stdout and stderr of the command in this process."""
    capsys.readouterr()
    status = exit_status(lambda: app([*map(str, words)], prog_name="exotrack", standalone_mode=False))
    said = capsys.readouterr()
    return status, said.out, said.err


KNOWN = "known are granule, phluorin, synapse, constitutive"
BAD_USE = {
    "rum": "No such command 'rum'. Did you mean 'run'?; see exotrack --help",
    "run": "Missing argument 'MOVIE...'; see exotrack --help",
    "run a.tif": "Missing option '--out'; see exotrack --help",
    "run a.tif --out o": "say what glows with --preset (granule, phluorin, synapse, constitutive), or give parameters with "
    "--params FILE.toml",
    "run a.tif --out o --preset granul": f"unknown preset 'granul'; did you mean 'granule'?; {KNOWN}",
    "run a.tif --out o --preset granule --set detect.sigma=1": "--set: detect.sigma: unknown parameter; did you mean 'sigma_um'?",
    "run a.tif --out o --preset granule --set x": "--set takes NAME=VALUE, such as classify.confidence=0.95, found 'x'",
    "run a.tif --out o --preset granule --set classify.confidence=2": "--set: classify.confidence: input should be less than 1, "
    "found 2",
    "run x/a.tif y/A.ome.tif --out o --preset granule": "x/a.tif and y/A.ome.tif would both be written to o/A; "
    "run them with different --out",
    "run a.tif a.tif --out o --preset granule": "a.tif and a.tif would both be written to o/a; run them with different --out",
    "run a.tif --out o --params p.toml": "p.toml: cannot be read (No such file or directory); give a TOML file of parameters",
    "calibrate a.tif --out o": "say what glows with --preset (granule, phluorin, synapse, constitutive), or give parameters with "
    "--params FILE.toml",
    "calibrate a.tif --out o --preset granul": f"unknown preset 'granul'; did you mean 'granule'?; {KNOWN}",
    "calibrate a.tif --out o --preset granule --set calibrate.repeat=2": "--set: calibrate.repeat: unknown parameter; "
    "did you mean 'repeats'?",
    "calibrate a.tif --preset granule": "Missing option '--out'; see exotrack --help",
    "score gone gone": "gone: is neither a results folder nor a table of events or tracks; give a folder, or a .parquet, .csv, "
    ".xml or .geff file",
    "score gone.xml gone": "gone.xml: no such file in .; check the path",
    "tracks gone out.xml": "gone: no such file in .; check the path",
    "tracks a.csv b.csv --format mat": "a.csv: no such file in .; check the path",
    "score a.csv a.csv": "a.csv: table events is missing; give a complete results folder or run the analysis again",
    "report gone": "gone: no such results folder; give a folder that `exotrack run` wrote",
    "simulate granul --out o --rng 1": f"unknown preset 'granul'; did you mean 'granule'?; {KNOWN}, vesicle_like",
}


@pytest.mark.parametrize("words", BAD_USE)
def test_bad_use_is_one_line_that_says_what_to_do(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert call(capsys, *words.split()) == (2, "", f"exotrack: error: {BAD_USE[words]}\n")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("option", "value"), [("--workers", "0"), ("--stimulus-s", "soon"), ("--pixel-um", "wide")])
def test_a_value_of_the_wrong_form_is_named(capsys: pytest.CaptureFixture[str], option: str, value: str) -> None:
    status, out, err = call(capsys, "run", "a.tif", "--out", "o", "--preset", "granule", option, value)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert err.startswith(f"exotrack: error: Invalid value for '{option}': ")


def test_an_output_folder_that_cannot_be_is_refused_before_the_movie_is_opened(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    status, _, err = call(capsys, "run", tmp_path / "absent.tif", "--out", tmp_path / "file", "--preset", "granule")
    assert status == 2
    assert err.endswith(f"{tmp_path / 'file'} is a file, not a folder; choose another name with --out\n")


def test_a_movie_that_is_not_there_is_bad_input(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    status, out, err = call(capsys, "run", tmp_path / "absent.tif", "--out", tmp_path / "out", "--preset", "granule")
    assert (status, out) == (2, "")
    assert err.startswith("exotrack: error: ")
    assert "absent.tif" in err
    assert err.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_mask_of_another_shape_is_bad_input(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.random.default_rng(0).poisson(99, (9, 32, 32)).astype(np.uint16))
    tifffile.imwrite(tmp_path / "mask.tif", np.ones((30, 32), np.uint8))
    words = (
        "run",
        tmp_path / "a.tif",
        "--out",
        tmp_path / "out",
        "--preset",
        "granule",
        "--axes",
        "TYX",
        "--pixel-um",
        0.1,
        "--frame-s",
        0.1,
    )
    status, out, err = call(capsys, *words, "--mask", tmp_path / "mask.tif")
    assert (status, out) == (2, "")
    assert "exotrack: error: " in err
    assert "mask" in err.splitlines()[-1]
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("error", "status", "line"),
    [
        (TryAgainError("the disk is full"), 75, "the disk is full"),
        (ParameterError("two\nlines"), 2, "two lines"),
        (KeyError("surprise"), 1, "unforeseen KeyError: 'surprise' (test_cli.py, line "),
    ],
)
def test_every_error_has_one_line_and_a_status(
    capsys: pytest.CaptureFixture[str], error: Exception, status: int, line: str
) -> None:
    def fail() -> None:
        raise error

    assert exit_status(fail) == status
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith(f"exotrack: error: {line}")
    assert said.err.count("\n") == 1


def test_a_name_that_is_no_text_can_be_said(capfd: pytest.CaptureFixture[str]) -> None:
    def fail() -> None:
        raise ParameterError(os.fsdecode(b"cell_\xff.tif"))

    assert exit_status(fail) == 2
    assert capfd.readouterr().err == "exotrack: error: cell_\\udcff.tif\n"


def test_single_changes_are_read_as_in_toml() -> None:
    assert changed(["a.b=1", "a.c=x y", "d=[1.5, 2]", 'a.e="3"', "f=true"]) == {
        "a": {"b": 1, "c": "x y", "e": "3"},
        "d": [1.5, 2],
        "f": True,
    }


def test_a_change_wins_over_the_file_which_wins_over_the_preset(tmp_path: Path) -> None:
    file = tmp_path / "p.toml"
    file.write_text("[detect]\nsigma_um = 0.2\nbackground_um = 1.0\n")
    params = chosen_params("synapse", file, [1, 2], ["detect.sigma_um=0.25"])
    assert (params.preset, params.detect.sigma_um, params.detect.background_um) == ("synapse", 0.25, 1.0)
    assert params.classify.stimulus_s == (1, 2)
    assert params.measure == preset("synapse").measure


def test_a_file_of_all_parameters_needs_no_preset(tmp_path: Path) -> None:
    file = tmp_path / "p.toml"
    file.write_text(to_toml(preset("phluorin")))
    assert chosen_params(None, file, (), ()) == preset("phluorin")


def test_a_change_below_a_value_is_refused() -> None:
    with pytest.raises(ParameterError, match=r"a\.b is set both as a value"):
        changed(["a=1", "a.b=2"])


def test_the_dictionary_is_printed_whole(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = call(capsys, "tables")
    assert status == 0
    markdown = call(capsys, "tables", "--markdown")[1]
    for name, key, column in tables.dictionary():
        assert f"│ {key} " in out
        assert f"| `{key}` | {column.dtype} | {column.unit} |" in markdown
        assert f"## {name}\n" in markdown
    assert all(row.count("|") - row.count("\\|") == 5 for row in markdown.splitlines() if row.startswith("| `"))


def test_a_score_of_two_tables(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    events = Events.build(
        {
            "event_id": [1, 2], "movie_id": "m", "kind": "full_fusion", "frame": [10, 20], "t_s": [1.0, 2.0], "y_um": 5.0,
            "x_um": 5.0, "confident": True, "edited": False,
        }
    )  # fmt: skip
    events.to_parquet(tmp_path / "true.parquet")
    events.iloc[:1].to_csv(tmp_path / "found.csv", index=False)
    status, out, err = call(capsys, "score", tmp_path / "true.parquet", tmp_path / "found.csv")
    assert (status, err) == (0, "")
    row = next(line for line in out.splitlines() if line.startswith("│ full_fusion "))
    assert [cell.strip() for cell in row.split("│")[1:7]] == [
        "full_fusion",
        "2",
        "1",
        "1",
        "1.00 [0.21, 1.00]",
        "0.50 [0.09, 0.91]",
    ]
    assert load_scored(tmp_path / "found.csv").pixel_um is None


def test_an_interruption_inside_compiled_code_is_still_an_interruption() -> None:
    stop = Interrupted(signal.SIGINT)
    error = SystemError("returned a result with an exception set")
    error.__cause__ = stop
    assert interruption_behind(error) is stop
    assert interruption_behind(ValueError("x")) is None


def test_an_interruption_that_somebody_swallowed_is_still_an_interruption() -> None:
    code = """
import os, signal
from exotrack._terminal import exit_status
def work():
    try:
        os.kill(os.getpid(), signal.SIGTERM)
    except BaseException:
        pass
    raise ValueError("a library gave up")
exit_status(work)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 143
    assert done.stderr == "exotrack: error: interrupted (SIGTERM); nothing half-written was left\n"


def test_an_interruption_that_nobody_passed_on_ends_the_work_at_its_next_step() -> None:
    code = """
import os, signal
from exotrack._terminal import Bars, exit_status
def work():
    try:
        os.kill(os.getpid(), signal.SIGINT)
    except BaseException:
        pass
    with Bars() as bars:
        bars("detect", 1, 2)
    print("went on")
exit_status(work)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (130, "")
    assert done.stderr == "exotrack: error: interrupted (SIGINT); nothing half-written was left\n"


def test_tracks_of_another_program_are_converted_and_scored(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    xml, spots = tmp_path / "cell.xml", tmp_path / "cell.csv"
    write_tracks(two_tracks(), xml, pixel_um=0.1)
    status, out, err = call(capsys, "tracks", xml, spots, "--format", "trackmate", "--pixel-um", 0.1)
    assert (status, out) == (0, f"5 spots of 2 tracks -> {spots}\n")
    assert err == f"exotrack: note: {xml}: the time between frames is not known, so t_s is empty; --frame-s gives it\n"
    status, out, err = call(capsys, "score", xml, spots, "--pixel-um", 0.1)
    assert (status, err) == (0, "")
    assert out.splitlines()[0] == f"{spots} against {xml}: no events to compare, tracks only"
    assert out.splitlines()[1].startswith(
        "tracks: alpha 0.833, beta 0.833, JSC 0.833, JSC_theta 1.000, RMSE 0 nm (2 paired of 2 "
    )
    assert len(out.splitlines()) == 2
    status, out, err = call(capsys, "tracks", xml, spots, "--pixel-um", 0.1)
    assert (status, out) == (2, "")
    assert err == f"exotrack: error: {spots}: is already there; choose another name, or replace it with --overwrite\n"


def test_a_results_folder_gives_its_pixel_size_to_the_tracks(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    folder = tmp_path / "cell"
    folder.mkdir()
    write_tracks(two_tracks(), folder / "tracks.parquet")
    (folder / "provenance.json").write_text('{"movie": {"pixel_um": 0.107, "frame_s": 0.05}}')
    assert call(capsys, "tracks", folder, tmp_path / "out.xml")[0] == 0
    assert call(capsys, "score", tmp_path / "out.xml", folder)[1].splitlines()[-1].endswith("gate 0.535 um)")
    assert read_tracks(tmp_path / "out.xml", 0.107)["y_um"].tolist() == pytest.approx(two_tracks()["y_um"].tolist())
