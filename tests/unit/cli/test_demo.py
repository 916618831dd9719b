"""The demo can be repeated, and deletes nothing that it did not make."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from exotrack import params, tables
from exotrack._demo import protocol
from exotrack._runs import made_by_demo
from exotrack._terminal import exit_status
from exotrack.cli import app
from exotrack.io.results import read_results, write_results


def results(folder: Path, **provenance: object) -> Path:
    """An empty results folder."""
    return write_results(
        folder,
        {table.name: table.empty() for table in tables.ALL},
        params.preset("granule"),
        {"movie_id": "granule", **provenance},
    )


def demo(out: Path) -> int:
    return exit_status(lambda: app(["demo", "--out", str(out), "--workers", "1"], prog_name="exotrack", standalone_mode=False))


def test_a_demo_replaces_an_earlier_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    results(tmp_path / "granule", demo=True)
    assert demo(tmp_path) == 0
    said = capsys.readouterr().out
    assert "against the simulated truth:" in said
    assert said.endswith(f"report: {tmp_path / 'granule' / 'report.html'}\n")
    assert len(read_results(tmp_path / "granule").tables["events"]) > 10
    assert made_by_demo(tmp_path / "granule")


def test_the_demo_shows_drift_solutions_marker_and_calibration(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    protocol(tmp_path / "protocol", False, 1)
    assert capsys.readouterr().out.endswith(f"-> {tmp_path / 'protocol' / 'report.html'}\n")
    found = read_results(tmp_path / "protocol").tables
    page = (tmp_path / "protocol" / "report.html").read_text(encoding="utf-8")
    assert found["events"]["marker_dff"].notna().any()
    assert found["cells"]["surface_fraction"].between(0.3, 1.0).all()
    assert np.hypot(found["frames"]["drift_y_um"], found["frames"]["drift_x_um"]).max() > 0.2
    assert all(f'<section id="{name}"' in page for name in ("protocol", "states", "fusions", "rejected", "calibration"))


def test_a_demo_does_not_replace_results_of_a_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    results(tmp_path / "granule")
    assert demo(tmp_path) == 2
    assert "already holds files; choose another place with --out" in capsys.readouterr().err
    assert len(read_results(tmp_path / "granule").tables["events"]) == 0


def test_a_demo_does_not_delete_what_somebody_put_beside_its_results(tmp_path: Path) -> None:
    results(tmp_path / "granule", demo=True)
    (tmp_path / "granule" / "notes.txt").write_text("mine")
    assert demo(tmp_path) == 2
    assert (tmp_path / "granule" / "notes.txt").read_text() == "mine"


def test_what_is_no_results_folder_was_not_made_by_the_demo(tmp_path: Path) -> None:
    assert not made_by_demo(tmp_path)
    assert not made_by_demo(tmp_path / "absent")
    (tmp_path / "provenance.json").write_text("{")
    assert not made_by_demo(tmp_path)
