"""The page of a study: made from what a real batch left, and from movies with a known effect."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from populations import results
from studied import run, small_study
from typer.testing import CliRunner

from exotrack.cli import app
from exotrack.errors import InputError, ParameterError
from exotrack.io.results import write_table
from exotrack.params import preset
from exotrack.report.study_quality import Quality, worst_first
from exotrack.tables import Movies


def report(*words: object) -> tuple[str, BaseException | None]:
    """What the command says, and how it ends."""
    done = CliRunner().invoke(app, ["report", *map(str, words)])
    return done.output, done.exception


def test_a_batch_with_a_broken_movie_becomes_a_page(tmp_path: Path, scheduler: str) -> None:
    study = small_study(tmp_path, ("ctrl/a", "drug/b & <c>"))
    (tmp_path / "data" / "ctrl" / "broken.tif").write_bytes(b"II*\0nothing here")
    out = tmp_path / "out"
    run(study, out, scheduler)
    said, error = report(out)
    assert error is None, said
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "Left out, and why" in page
    assert "the file is damaged" in page
    assert "movies/b%20%26%20%3Cc%3E/report.html" in page
    assert (out / "movies" / "b & <c>" / "report.html").is_file()
    assert "<c>" not in page
    assert "no fusion" in page
    assert ("Conditions are not compared: " in page) != ("Sample size." in page)
    assert (out / "CITATION.cff").is_file()
    assert len(page) < 300_000


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study folder of six populations, half of them in more calcium."""
    out = tmp_path_factory.mktemp("study")
    rows = []
    for k in range(6):
        condition = ("rest", "calcium")[k % 2]
        results(out / "movies" / f"m{k}", "neuroendocrine_core", k, inputs={"Ca": (0.5, 3.0)[k % 2]}, duration_s=15.0)
        cells = pd.read_parquet(out / "movies" / f"m{k}" / "cells.parquet")
        row = {"movie_id": f"m{k}", "condition": condition, "animal_id": f"a{k}", "status": "done", "input": f"m{k}.tif"}
        counts = {name: int(cells[name].sum()) for name in cells if name.startswith("n_")}
        rows.append(row | counts | {"n_cells": len(cells), "area_um2": cells["area_um2"].sum(), "observed_s": 15.0})
    rows.append(
        {"movie_id": "late", "condition": "rest", "animal_id": "a9", "status": "new", "reason": "not analysed yet", "input": "x"}
    )
    write_table(Movies.build(pd.DataFrame(rows)), Movies, out / "movies.parquet")
    params = json.loads(preset("granule").updated({"classify": {"confidence": 0.95}}).model_dump_json())
    (out / "study.json").write_text(json.dumps({"study": "calcium", "params": [params], "movies": []}))
    return out


def test_conditions_are_compared_and_the_methods_can_be_pasted(study: Path) -> None:
    said, error = report(study)
    assert error is None, said
    page = (study / "report.html").read_text(encoding="utf-8")
    assert "calcium: 6 cells of 3 animals" in page
    assert "fitted by generalised estimating equations clustered by animal" in page
    assert "preset granule with classify.confidence = 0.95" in page
    assert page.count("<svg") >= 5
    assert page.count("aria-label") >= page.count("<svg")


def test_wrong_use_says_what_to_do(study: Path, tmp_path: Path) -> None:
    _, error = report(study, "--movie", "x.tif")
    assert isinstance(error, ParameterError)
    _, error = report(study, "--comparison", tmp_path)
    assert isinstance(error, InputError)
    assert "exotrack compare" in str(error)
    _, error = report(study / "movies" / "m0", "--comparison", tmp_path)
    assert isinstance(error, ParameterError)


def test_movies_with_most_to_say_come_first() -> None:
    plain = Quality("ok", 100, 0.0, 0.0, 0.0, 0.0, 1.0, 9.0, 5.0, 30)
    worse = Quality("b", 100, 0.0, 0.0, 0.0, 0.0, 1.0, 9.0, 5.0, 3, flags=("3 fusions only",))
    worst = Quality("c", 100, 0.5, 0.0, 0.0, 0.0, 1.0, 9.0, 5.0, 0, flags=("50 % of the frames lost", "no fusion"))
    assert [one.movie_id for one in worst_first([plain, worse, worst])] == ["c", "b"]
