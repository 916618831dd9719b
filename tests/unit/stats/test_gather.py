"""Results folders read into one table of cells, and the command as people call it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import frictionless
import numpy as np
import pandas as pd
import pytest
from populations import results
from typer.testing import CliRunner

from exotrack._blocks import MANY, Execution, map_blocks
from exotrack.cli import app
from exotrack.errors import InputError
from exotrack.io.results import read_table, write_table
from exotrack.params import preset
from exotrack.stats import Plan, chosen, compare, gather, read_design
from exotrack.stats.cells import read_movie
from exotrack.tables import ALL, STATISTICS, Cells, Effects, Events

FAST = {"classify": {"min_docked_s": 0.6, "stimulus_s": [6.0]}, "link": {"min_spots": 2}}


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six movies of two cells: three animals, one movie of each at rest and one in calcium."""
    folder = tmp_path_factory.mktemp("study")
    rows = ["movie_id,condition,animal"]
    for k in range(6):
        calcium = 0.5 if k % 2 == 0 else 1.0
        results(
            folder / f"m{k}",
            "neuroendocrine_core",
            k,
            inputs={"Ca": calcium},
            duration_s=12.0,
            params=preset("granule").updated(FAST),
        )
        rows.append(f"m{k},{'rest' if k % 2 == 0 else 'calcium'},a{k // 2}")
    (folder / "design.csv").write_text("\n".join(rows) + "\n")
    return folder


def call(*words: object) -> tuple[int, str]:
    """Exit status and the one line of the error, or what was said."""
    done = CliRunner().invoke(app, ["stats", *map(str, words)])
    return (2, str(done.exception)) if done.exception is not None else (0, done.output)


def test_a_folder_of_results_becomes_a_row_per_cell(study: Path) -> None:
    one = gather([study], read_design(study / "design.csv"))
    assert len(one.units) == 12
    assert one.units["exposure"].eq(100.0 * 12.0).all()
    first = read_table(study / "m0" / "events.parquet", Events)
    mine = one.units[one.units["movie_id"] == "m0"]
    fused = first[first["kind"].isin(["full_fusion", "kiss_and_run"])]
    assert mine[["n_full_fusion", "n_kiss_and_run"]].to_numpy().sum() == len(fused)
    assert set(one.units["animal"]) == {"a0", "a1", "a2"}
    assert (one.stays["exit_s"] > one.stays["entry_s"]).all()
    np.testing.assert_allclose(one.units["n_stays"], np.bincount(one.stays["row"], minlength=12))


def test_a_split_at_the_stimulus_adds_up_to_the_whole(study: Path) -> None:
    whole, parts = gather([study]), gather([study], by="stimulus")
    assert len(parts.units) == 2 * len(whole.units)
    for name in ("exposure", "n_docking", "n_undocking", "expected_full_fusion", "stay_ends", "stay_total_s"):
        assert parts.units[name].sum() == pytest.approx(whole.units[name].sum())
    found = compare(parts, chosen(["docking_rate"]), Plan(by="stimulus"), repeats=0)
    assert found.tables["effects"]["paired"].all()
    assert len(found.tables["pairs"]) == 12


def test_the_command_writes_tables_that_load_and_a_page(study: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    status, said = call(study, "--design", study / "design.csv", "--nested", "animal", "--out", out, "--repeats", 50)
    assert status == 0, said
    assert "rest: 6 cells of 3 animals; calcium: 6 cells of 3 animals; compared within 3 pairs" in said
    for table in STATISTICS:
        read_table(out / f"{table.name}.parquet", table)
    assert frictionless.validate(str(out / "datapackage.json")).valid
    page = (out / "report.html").read_text()
    assert "calcium: 6 cells of 3 animals; compared within 3 pairs" in page
    assert page.count("<svg") > 4
    assert json.loads((out / "provenance.json").read_text())["independent"] == "animal"
    one = gather([study], read_design(study / "design.csv"), run=Execution(workers=1))
    again = compare(one, chosen([]), Plan(nested="animal"), repeats=50, run=Execution(workers=1))
    for table in STATISTICS:
        pd.testing.assert_frame_equal(
            again.tables[table.name], read_table(out / f"{table.name}.parquet", table), check_exact=True
        )


def test_folders_may_tell_the_design(study: Path, tmp_path: Path) -> None:
    for k in range(4):
        place = tmp_path / f"condition={'rest' if k < 2 else 'high%20K'}" / f"m{k}"
        place.parent.mkdir(exist_ok=True)
        place.symlink_to(study / f"m{k}")
    places = [tmp_path / f"condition={'rest' if k < 2 else 'high%20K'}" / f"m{k}" for k in range(4)]
    assert set(gather(places).units["condition"]) == {"rest", "high K"}


def test_bad_input_is_told_in_one_line(study: Path, tmp_path: Path) -> None:
    short = tmp_path / "short.csv"
    short.write_text("movie_id,condition\nm0,rest\n")
    twice = tmp_path / "twice.csv"
    twice.write_text("movie_id,condition\nm0,rest\nm0,high\n")
    wrong = tmp_path / "wrong.csv"
    wrong.write_text("film,condition\nm0,rest\n")
    (tmp_path / "nothing").mkdir()
    out = ("--out", tmp_path / "out")
    for words, told in (
        ((study, "--design", short, *out), "has no row for movie m"),
        ((study, "--design", twice, *out), "movie m0 has two rows that differ"),
        ((study, "--design", wrong, *out), "needs a column movie_id"),
        ((study, "--design", tmp_path / "absent.csv", *out), "cannot be read as a table"),
        ((study, *out), "--by condition: the design has no such column"),
        ((tmp_path / "nothing", *out), "holds no results"),
        ((tmp_path / "absent", *out), "no such folder"),
        ((study, "--measure", "speed", *out), "no measure 'speed'"),
    ):
        status, said = call(*words)
        assert status == 2
        assert told in said
        assert "\n" not in said


def test_no_exposure_no_cells_and_no_events_are_told(study: Path, tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    shutil.copytree(study / "m0", bare)
    cells = read_table(bare / "cells.parquet", Cells)
    write_table(cells.assign(area_um2=[np.nan, 100.0]), Cells, bare / "cells.parquet")
    with pytest.raises(InputError, match="movie m0, cell 1: area nan um2 and 12 s observed make no exposure"):
        gather([bare])
    write_table(Cells.empty(), Cells, bare / "cells.parquet")
    with pytest.raises(InputError, match="movie m0 has no cells"):
        gather([bare])
    write_table(cells, Cells, bare / "cells.parquet")
    for name in ("events", "episodes"):
        table = next(one for one in ALL if one.name == name)
        write_table(table.empty(), table, bare / f"{name}.parquet")
    with pytest.raises(InputError, match="hold no events"):
        gather([bare])


def test_a_movie_without_a_stimulus_cannot_be_split(study: Path, tmp_path: Path) -> None:
    plain = results(tmp_path / "plain", "neuroendocrine_core", 1, duration_s=6.0)
    with pytest.raises(InputError, match="movie plain has no stimulus"):
        gather([plain], by="stimulus")
    assert isinstance(gather([plain]).units, pd.DataFrame)


def test_covariates_and_an_interaction_reach_tables_page_and_record(study: Path, tmp_path: Path) -> None:
    movies = pd.read_csv(study / "design.csv").assign(day=["mon", "tue", "tue", "mon", "mon", "tue"])
    design = pd.concat([movies.assign(cell_id=cell, line=line) for cell, line in ((1, "x"), (2, "y"))])
    design.to_csv(tmp_path / "design.csv", index=False)
    out, words = tmp_path / "out", ("--repeats", 20, "--measure", "docking_rate", "--measure", "leaving_rate")
    status, said = call(
        study, "--design", tmp_path / "design.csv", "--adjust", "day", "--interaction", "line", "--out", out, *words
    )
    assert status == 0, said
    assert "Held constant: day." in said
    assert "calcium over rest, y over x: ratio of rate ratios" in said
    effects = read_table(out / "effects.parquet", Effects)
    assert effects["within"].tolist() == ["x", "x", "y", "y", "y over x", "y over x"]
    assert effects["adjusted"].eq("day").all()
    page = (out / "report.html").read_text()
    assert "The models held day constant" in page
    assert "calcium over rest, y over x" in page
    assert json.loads((out / "provenance.json").read_text())["adjust"] == ["day"]


def test_processes_give_what_threads_give_in_order_and_their_errors_as_they_are(tmp_path: Path) -> None:
    told: list[int] = []
    run = Execution(workers=2, processes=True, progress=lambda what, done, total: told.append(done))
    pairs = [(k, 7) for k in range(2 * MANY)]
    assert list(map_blocks("pairs", divmod, pairs, run)) == [divmod(*pair) for pair in pairs]
    assert told[-1] == 2 * MANY
    assert told == sorted(told)
    with pytest.raises(InputError, match=r"provenance\.json"):
        list(map_blocks("read", read_movie, [(tmp_path,)] * MANY, run))
