"""The protocol through the whole pipeline: solutions, drift, a marker, a stimulus, a mask."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import exotrack
from exotrack import tables
from exotrack._blocks import Execution
from exotrack._drift import drift_um, in_camera
from exotrack._runs import chosen_params, windows
from exotrack.errors import InputError, ParameterError
from exotrack.io.results import read_results
from exotrack.movie import ArrayFrames, Movie
from exotrack.simulate.write import write_movie

WINDOWS = {"quench_s": ((4.0, 7.0),), "nh4cl_s": ((12.0, 15.0),)}


def in_memory(movie: Movie) -> Movie:
    return replace(movie, frames=ArrayFrames(movie.read(0, len(movie))))


@pytest.fixture(scope="module")
def bathed() -> Movie:
    """Dark vesicles and two solutions."""
    field = {"n_frames": 200, "height_px": 96, "width_px": 96}
    sim = exotrack.simulation("phluorin").updated({"field": field, "cell": {"cover": 0.6}, "bath": WINDOWS})
    return in_memory(exotrack.simulate(sim, np.random.default_rng(2)).movie)


def near_solutions(events: object) -> int:
    t_s = events.loc[events["kind"].isin(tables.FUSION_KINDS), "t_s"].to_numpy()  # type: ignore[index]
    return int(sum(((t_s > first - 0.2) & (t_s < last + 2.2)).sum() for first, last in ((4.0, 7.0), (12.0, 15.0))))


def test_a_change_of_solution_is_no_fusion_once_it_is_marked(bathed: Movie, tmp_path: Path) -> None:
    unmarked, marked = (
        exotrack.analyse(bathed, exotrack.preset("phluorin").updated({"protocol": wish}), run=Execution(workers=1))
        for wish in ({}, WINDOWS)
    )
    assert unmarked.in_pictures("events") is unmarked.events  # the stage stood still
    assert near_solutions(unmarked.events) >= 1
    assert near_solutions(marked.events) == 0
    assert "solution" in set(marked.candidates["reasons"])
    cell = marked.cells.iloc[0]
    assert 0.5 < cell["surface_fraction"] < 1.1
    assert cell["nh4cl_dff"] > 0 > cell["quench_dff"]
    assert cell["pool_spots"] > 3
    assert cell["fused_of_pool"] == (cell["n_full_fusion"] + cell["n_kiss_and_run"]) / cell["pool_spots"]
    assert unmarked.cells["surface_fraction"].isna().all()
    shown = (marked.write(tmp_path / "r") / "report.html").read_text()
    assert "Solutions: NH4Cl 12–15 s, acid 4–7 s" in shown
    assert "No event is called in" in shown


def test_drift_a_marker_and_options_go_from_the_command_line_into_every_file(tmp_path: Path) -> None:
    sim = exotrack.simulation("granule").updated(
        {
            "field": {"n_frames": 80, "height_px": 112, "width_px": 112},
            "cell": {"cover": 1.0},
            "stage": {"drift_y_um_s": 0.08, "drift_x_um_s": 0.0, "wander_um_rs": 0.0},
            "marker": {"share": 0.5, "shift_y_um": 0.12, "photons": 600.0},
        }
    )
    truth = exotrack.simulate(sim, np.random.default_rng(4))
    file = tmp_path / "two.tif"
    write_movie(truth.movie, file, marker=truth.marker)
    out = _run([str(file), "--out", str(tmp_path / "out"), "--preset", "granule", "--channel", "cargo", "--marker-channel", "1",
                "--stimulus-s", "2", "--stimulus-s", "5", "--drift", "on", "--workers", "1"])  # fmt: skip
    assert out == 0
    back = read_results(tmp_path / "out" / "two")
    moved = drift_um(back.tables["frames"])
    assert moved[-1] == pytest.approx([0.08 * 7.9, 0.0], abs=0.04)
    record = json.loads((tmp_path / "out" / "two" / "provenance.json").read_text())
    assert record["marker"]["shift"] == "estimated"
    assert record["marker"]["shift_um"] == pytest.approx([0.12, 0.0], abs=0.04)
    assert (back.params.protocol.drift, back.params.classify.stimulus_s) == ("on", (2.0, 5.0))
    events, spots = back.tables["events"], back.tables["spots"]
    assert events["marker_dff"].notna().any()
    assert events["saturated"].notna().any()
    late = events[events["t_s"] > 5.0]
    assert late["t_since_stimulus_s"].to_numpy() == pytest.approx(late["t_s"].to_numpy() - 5.0)
    # A resting vesicle keeps its place in the sample, and spots lie in the picture where the truth says they are.
    longest = back.tables["tracks"].groupby("track_id")["y_um"].agg(["count", "min", "max"]).nlargest(5, "count")
    assert (longest["max"] - longest["min"]).median() < 0.3
    last = in_camera(spots, back.tables["frames"]).query("frame == 75")[["y_um", "x_um"]].to_numpy()
    true = truth.spots.query("frame == 75 and snr > 8")[["y_um", "x_um"]].to_numpy()
    nearest = np.sqrt(((true[:, None] - last[None]) ** 2).sum(-1)).min(axis=1)
    assert np.median(nearest) < 0.06
    shown = (tmp_path / "out" / "two" / "report.html").read_text()
    assert "The stage drifted" in shown
    assert "Marker at events" in shown


def _run(words: list[str]) -> int:
    from typer.testing import CliRunner

    from exotrack.cli import app

    return CliRunner().invoke(app, ["run", *words]).exit_code


def test_a_marker_of_another_shape_is_refused(bathed: Movie) -> None:
    other = Movie.from_array(bathed.read(0, 50), pixel_um=0.1, frame_s=0.1)
    with pytest.raises(InputError, match=r"the marker has shape \(50, 96, 96\), the movie \(200, 96, 96\)"):
        exotrack.analyse(bathed, marker=other)


def test_windows_are_read_from_the_command_line() -> None:
    assert windows(["55:60", "1.5:2"], "--nh4cl-s") == [(55.0, 60.0), (1.5, 2.0)]
    assert windows(None, "--nh4cl-s") == []
    params = chosen_params("phluorin", None, (), (), protocol={"nh4cl_s": [(55.0, 60.0)], "quench_s": [], "drift": None})
    assert params.protocol.nh4cl_s == ((55.0, 60.0),)


@pytest.mark.parametrize("text", ["55", "55-60", "a:b"])
def test_what_is_no_window_is_named(text: str) -> None:
    with pytest.raises(ParameterError, match=rf"--quench-s takes FIRST:LAST in seconds, such as 55:60, found '{text}'"):
        windows([text], "--quench-s")


def test_a_window_runs_forward() -> None:
    with pytest.raises(ParameterError, match="the first below the last"):
        chosen_params("phluorin", None, (), (), protocol={"nh4cl_s": [(60.0, 55.0)]})
