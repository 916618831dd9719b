"""The compare dock: curves and tables of open results, and a comparison that was made by the command line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from populations import study_folder
from typer.testing import CliRunner

import exotrack
from exotrack._runs import sample
from exotrack.cli import app
from exotrack.errors import InputError
from exotrack.io import read_results
from exotrack.params import preset
from exotrack.provenance import movie_record
from exotrack.report.charts import THEME
from exotrack.tables import ALL, Cells, Episodes, Events, Frames
from napari_exotrack import _conditions
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


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a batch leaves: six movies of two conditions, and one without results."""
    return study_folder(tmp_path_factory.mktemp("study") / "calcium", 10.0)


@pytest.fixture(scope="module")
def statistics(study: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `exotrack stats` says of the study."""
    out = tmp_path_factory.mktemp("statistics") / "out"
    design = out.parent / "design.csv"
    rows = [f"m{k},{('rest', 'calcium')[k % 2]},a{k // 2}" for k in range(6)]
    design.write_text("\n".join(["movie_id,condition,animal", *rows]) + "\n")
    words = ["stats", str(study / "movies"), "--design", str(design), "--out", str(out), "--repeats", "10"]
    words += [word for name in ("fusion_rate", "kiss_fraction", "leaving_rate") for word in ("--measure", name)]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    return out


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


def test_a_model_is_compared_shown_copied_and_exported(
    docks: Docks, stayed: Path, qtbot: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from qtpy.QtWidgets import QApplication

    monkeypatch.setattr("napari_exotrack._compare_dock.QUICK", ["--repeats", "19", "--starts", "1"])
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
    # The folder that was written can be opened alone.
    again = docks("compare", show=False, viewer=dock.viewer)
    again.add(Path(dock._folder.name) / "1")
    assert names(again) == [f"comparison: {dock.model.currentText()}"]
    assert again.tables["Model"].rowCount() == dock.tables["Model"].rowCount()
    assert again.figure.axes


def names(dock: Any) -> list[str]:
    """What the list of the dock says."""
    return [dock.results.item(row).text() for row in range(dock.results.count())]


def tabs(dock: Any) -> list[str]:
    """Names of the tables that can be chosen."""
    return [dock.tabs.tabText(k) for k in range(dock.tabs.count()) if dock.tabs.isTabVisible(k)]


def copied(dock: Any, qtbot: Any) -> list[list[str]]:
    """What a click on the button leaves on the clipboard."""
    from qtpy.QtCore import Qt
    from qtpy.QtWidgets import QApplication

    QApplication.clipboard().clear()
    qtbot.mouseClick(dock.copy_button, Qt.MouseButton.LeftButton)
    return [line.split("\t") for line in QApplication.clipboard().text().splitlines()]


def test_a_folder_of_statistics_is_drawn_listed_copied_and_exported(
    docks: Docks, statistics: Path, qtbot: Any, tmp_path: Path
) -> None:
    dock = docks("compare")
    dock.add(statistics)
    found = _conditions.read_statistics(statistics)
    assert names(dock) == [f"statistics: condition ({', '.join(found.groups)})"]
    assert "intervals are wide" in dock.note.text()
    assert tabs(dock) == ["Effects", "Conditions", "Cells", "Pairs"]
    head, *rows = copied(dock, qtbot)
    effects = found.tables["effects"]
    assert head[:6] == ["measure", "effect", "low", "high", "p value", "p holm"]
    assert len(rows) == len(effects) == 3
    fusions = next(row for row in rows if row[0] == "Fusions")
    wanted = effects.set_index("measure").loc["fusion_rate", ["effect", "low", "high"]]
    np.testing.assert_allclose([float(text) for text in fusions[1:4]], wanted.to_numpy(float), rtol=0.006)
    # All effects, then a measure with its cells, then the same in pairs: in the colours of the theme, never the report's markers.
    assert dock.curve.currentText() == "effects"
    assert next(tick.get_text() for tick in dock.figure.axes[0].get_yticklabels()) == "Fusions"
    for figure in ("Fusions", "Fusions, in pairs"):
        dock.curve.setCurrentText(figure)
        colours = {to_hex(line.get_color()) for line in dock.figure.axes[0].lines}
        assert colours
        assert not colours & set(THEME)
        assert "Fusions (per 1000" in dock.figure.axes[0].get_ylabel()
    dock.tabs.setCurrentWidget(dock.tables["Cells"])
    _, *cells = copied(dock, qtbot)
    assert len(cells) == len(found.tables["units"])
    for name in ("effects", "Fusions"):
        dock.curve.setCurrentText(name)
        dock.export(tmp_path / f"{name}.svg")
        assert "Fusions" in (tmp_path / f"{name}.svg").read_text() or (tmp_path / f"{name}.svg").stat().st_size > 5000
        assert str(tmp_path) in dock.note.text()


def test_a_study_is_ticked_by_condition_and_its_conditions_are_compared(
    docks: Docks, study: Path, qtbot: Any, tmp_path: Path
) -> None:
    from qtpy.QtCore import Qt

    dock = docks("compare")
    dock.add(study)
    assert names(dock) == ["calcium: rest (3 movies)", "calcium: calcium (3 movies)"]
    qtbot.waitUntil(lambda: len(dock.chosen()) == 6, timeout=30_000)
    assert "1 of 7 movies have no results (1 new)" in dock.note.text()
    assert tabs(dock) == ["Rates of events", "Movies"]
    assert dock.tables["Rates of events"].rowCount() == 6 * 5
    dock.tabs.setCurrentWidget(dock.tables["Movies"])
    assert [row[3] for row in copied(dock, qtbot)[1:]] == ["done"] * 6 + ["new"]
    everything = dock.figure.axes[0].lines[0].get_ydata()
    dock.results.item(1).setCheckState(Qt.CheckState.Unchecked)
    assert len(dock.chosen()) == 3
    assert not np.array_equal(dock.figure.axes[0].lines[0].get_ydata(), everything)
    dock.export(tmp_path / "rest.pdf")
    assert (tmp_path / "rest.pdf").read_bytes().startswith(b"%PDF")
    dock.results.item(1).setCheckState(Qt.CheckState.Checked)
    # What the study knows of its movies is the design: nothing is asked for.
    assert [dock.by.itemText(k) for k in range(dock.by.count())] == ["condition", "animal", "stimulus"]
    qtbot.mouseClick(dock.conditions_button, Qt.MouseButton.LeftButton)
    assert not dock.conditions_button.isEnabled()
    assert dock.progress.isVisible()
    qtbot.waitUntil(lambda: not dock.command.running, timeout=120_000)
    assert dock.statistics is not None, dock.note.text()
    assert set(dock.statistics.groups) == {"rest", "calcium"}
    assert dock.tables["Effects"].rowCount() > 3
    # Back to what is seen, and to the statistics again.
    dock.results.item(0).setCheckState(Qt.CheckState.Unchecked)
    assert dock.statistics is None
    assert dock.curve.currentText() == "incidence"
    item = dock.results.item(2)
    qtbot.mouseClick(dock.results.viewport(), Qt.MouseButton.LeftButton, pos=dock.results.visualItemRect(item).center())
    assert dock.statistics is not None


@pytest.mark.other_qt
def test_what_cannot_be_compared_is_said_in_the_dock(docks: Docks, stayed: Path, tmp_path: Path) -> None:
    dock = docks("compare", show=False)
    dock.export(tmp_path / "x.pdf")
    assert "Nothing is drawn yet" in dock.note.text()
    empty = tmp_path / "empty"
    empty.mkdir()
    dock.add(empty)
    assert "exotrack stats" in dock.note.text()
    (empty / "effects.parquet").write_bytes(b"no table")
    dock.add(empty)
    assert "is missing" in dock.note.text()
    dock.add(stayed)
    dock.add(stayed.parent)  # the folder above it has no other results
    assert names(dock) == ["cell"]
    dock.run_conditions()
    assert "Nothing says which condition" in dock.note.text()
    (tmp_path / "bad.csv").write_text("name,condition\nx,y\n")
    dock.take_design(tmp_path / "bad.csv")
    assert "needs a column movie_id" in dock.note.text()
    (tmp_path / "d.csv").write_text("movie_id,condition,drug\ncell,a,none\n")
    dock.take_design(tmp_path / "d.csv")
    assert "drug" in [dock.by.itemText(k) for k in range(dock.by.count())]
