"""The compare dock: curves and tables of open results, and a comparison that was made by the command line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

import exotrack
from exotrack._runs import sample
from exotrack.errors import InputError
from exotrack.io import read_results
from exotrack.params import preset
from exotrack.provenance import movie_record
from exotrack.tables import ALL, Cells, Episodes, Events, Frames
from napari_exotrack._colours import palette
from napari_exotrack._kinetics import counted, draw_compared, draw_seen, read_compared

Docks = Callable[..., Any]


@pytest.fixture
def stayed(tmp_path: Path) -> Path:
    """Results with 200 docked stays that end by fusion (1 in 3) or undocking at 0.5 a second, none seen for longer than 9 s."""
    rng = np.random.default_rng(4)
    movie = exotrack.open_movie(sample("granule.tif"))
    length = rng.exponential(2.0, 200)
    seen = length < 9
    first = rng.integers(1, 15, 200)
    frames = np.maximum(np.rint(np.minimum(length, 9) / 0.1).astype(int), 1)
    kind = np.where(rng.random(200) < 1 / 3, "full_fusion", "undocking")
    stays = {
        "episode_id": range(1, 201), "movie_id": ["cell"] * 200, "cell_id": [1] * 200, "track_id": range(1, 201),
        "state": ["docked"] * 200, "first_frame": first, "last_frame": first + frames - 1, "t_first_s": first * 0.1,
        "duration_s": frames * 0.1, "n_frames": frames, "entry_observed": [True] * 200, "exit_observed": seen,
        "exit_kind": np.where(seen, kind, "censored"), "role": [""] * 200,
    }  # fmt: skip
    n = len(movie)
    tables = {table.name: table.empty() for table in ALL} | {
        "frames": Frames.build({"movie_id": ["cell"] * n, "frame": range(n), "t_s": movie.t_s(range(n)), "status": ["ok"] * n}),
        "episodes": Episodes.build({**stays, **{k: [np.nan] * 200 for k in Episodes.columns() if k not in stays}}),
        "cells": Cells.build(
            {key: ["mask" if key == "footprint" else "cell" if key == "movie_id" else 1] for key in Cells.columns()}
        ),
    }
    events = exotrack.io.results.read_table(sample("granule_truth/events.parquet"), Events)
    tables["events"] = events.assign(movie_id="cell")
    record = {"movie_id": "cell", "movie": movie_record(movie), "opened": {"path": str(sample("granule.tif"))}}
    return exotrack.write_results(tmp_path / "cell", tables, preset("granule"), record)


def lines(curve: str, results: Path) -> dict[str, Any]:
    """Lines of a curve by the words at their end."""
    ax = Figure().add_subplot()
    draw_seen(ax, curve, [read_results(results)], palette(dark=True))
    assert ax.get_ylabel()
    return {text.get_text(): line for text, line in zip(ax.texts, ax.lines, strict=True)} if ax.texts else {"": ax.lines[0]}


def test_survival_and_incidence_are_those_that_were_drawn(stayed: Path) -> None:
    t, value = lines("survival", stayed)[""].get_data()
    assert np.interp(2.0, t, value) == pytest.approx(np.exp(-1), abs=0.08)
    ends = {name: line.get_ydata()[-1] for name, line in lines("incidence", stayed).items()}
    assert ends["full fusion"] == pytest.approx(1 / 3, abs=0.08)
    assert ends["undocking"] == pytest.approx(2 / 3, abs=0.08)


def test_release_counts_fusions_per_cell(stayed: Path) -> None:
    events = read_results(stayed).tables["events"]
    assert lines("release", stayed)["full fusion"].get_ydata()[-1] == (events["kind"] == "full_fusion").sum()


def test_results_without_stays_say_so(results: Path) -> None:
    for curve in ("survival", "incidence"):
        ax = Figure().add_subplot()
        draw_seen(ax, curve, [read_results(results)], palette(dark=False))
        assert "no docked stay" in ax.texts[0].get_text()


def test_rates_are_counted_per_area_and_time(stayed: Path) -> None:
    heads, rows = counted([read_results(stayed)])
    assert len(heads) == len(rows[0]) == 7
    assert {row[1] for row in rows} == {"Full fusion", "Kiss-and-run", "Docking", "Undocking", "Tethering"}


def test_a_folder_of_something_else_is_no_comparison(stayed: Path) -> None:
    with pytest.raises(InputError, match="holds no comparison"):
        read_compared(stayed)


def test_a_model_is_compared_shown_copied_and_exported(docks: Docks, stayed: Path, qtbot: Any, tmp_path: Path) -> None:
    from qtpy.QtWidgets import QApplication

    dock = docks("compare", show=False)
    assert "Open a results folder" in dock.note.text()
    dock.add(stayed)
    assert dock.tables["Rates of events"].rowCount() == 5
    assert dock.figure.axes
    dock.tables["Rates of events"].copy()
    assert QApplication.clipboard().text().startswith("movie\tkind\tcalled")
    dock.run()
    qtbot.waitUntil(lambda: not dock.command.running, timeout=240_000)
    assert dock.compared is not None, dock.note.text()
    assert dock.tables["Model"].rowCount() > 3
    assert dock.tables["Tests"].rowCount() > 0
    for curve in ("incidence", "survival", "release"):
        dock.curve.setCurrentText(curve)
        ax = Figure().add_subplot()
        draw_compared(ax, curve, dock.compared.models[dock.model.currentText()], "newcomers", palette(dark=True))
        assert len(ax.collections) >= 1, curve
    dock.export(tmp_path / "k.pdf")
    assert (tmp_path / "k.pdf").read_bytes().startswith(b"%PDF")
