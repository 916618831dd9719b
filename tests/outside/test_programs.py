"""Other people's programs open what exotrack writes: pandas, R with lme4, DuckDB, Frictionless, an RO-Crate validator."""

from __future__ import annotations

import json
import math
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import frictionless
import numpy as np
import pandas as pd
import pytest
import rocrate
from populations import results
from sources import ROOT
from studies import Design, study
from typer.testing import CliRunner

from exotrack.batch.dataset import publish
from exotrack.batch.store import store
from exotrack.batch.study import Entry
from exotrack.cli import app
from exotrack.io.results import read_table, write_table
from exotrack.params import preset
from exotrack.stats import Plan, chosen, compare
from exotrack.tables import FUSION_KINDS, Events, Movies

PAGE = (ROOT / "docs" / "load.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")
VALIDATOR = Path(sys.prefix) / "tools" / "bin" / "rocrate-validator"


def block(language: str, page: str = PAGE) -> str:
    """The blocks of a page in a language, as one."""
    found = re.findall(rf"^```{language}\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    assert found
    return "\n".join(found)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four movies as a batch publishes them, and their statistics."""
    folder = tmp_path_factory.mktemp("load")
    where = store(folder / "study")
    rows = ["movie_id,condition,animal"]
    for k in range(8):
        name, condition = f"m{k}", ("rest", "calcium")[k % 2]
        with_decays(results(folder / "study" / "movies" / name, "neuroendocrine_core", k, duration_s=12.0), k)
        publish(where, Entry(name, f"{name}.tif", preset("granule"), {"condition": condition}))
        rows.append(f"{name},{condition},a{k // 2}{k % 2}")
    (folder / "design.csv").write_text("\n".join(rows) + "\n")
    design = pd.read_csv(folder / "design.csv").rename(columns={"animal": "animal_id"})
    movies = Movies.build(design.assign(status="done", input=design["movie_id"] + ".tif"))
    write_table(movies, Movies, folder / "study" / "movies.parquet")
    words = [str(folder / "study" / "movies"), "--design", str(folder / "design.csv"), "--out", str(folder / "statistics")]
    done = CliRunner().invoke(app, ["stats", *words, "--repeats", "0"])
    assert done.exception is None, done.output
    return folder


def with_decays(movie: Path, seed: int) -> None:
    """Give every fusion a decay time: populations have no light."""
    path = movie / "events.parquet"
    events = read_table(path, Events)
    drawn = np.random.default_rng(seed).lognormal(-1.0 + 0.3 * (seed % 2), 0.5, len(events))
    write_table(events.assign(decay_s=np.where(events["kind"].isin(FUSION_KINDS), drawn, np.nan)), Events, path)


def required(program: str) -> str:
    """Path of a program; the test is skipped where it may be missing."""
    found = shutil.which(program)
    if found is None:
        if os.environ.get("EXOTRACK_REQUIRE_R"):
            pytest.fail(f"{program} is missing")
        pytest.skip(f"{program} is not installed (Debian: r-base-core and r-cran-lme4)")
    return found


def run_r(code: str, folder: Path) -> str:
    """What Rscript says of `code`."""
    done = subprocess.run([required("Rscript"), "-e", code], cwd=folder, capture_output=True, text=True, check=False)
    if "there is no package called" in done.stderr and not os.environ.get("EXOTRACK_REQUIRE_R"):
        pytest.skip("R's package lme4 is not installed (Debian: r-cran-lme4)")
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_python_block_runs(place: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", block("python")], cwd=place, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "calcium" in done.stdout
    assert "um^2 s - Area times observed time" in done.stdout
    assert "a00        m0" in done.stdout


def test_the_blocks_of_the_readme_run_and_agree(place: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", block("py", README)], cwd=place, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    counted = duckdb.connect().sql(block("sql", README).replace("'study/", f"'{place}/study/")).df()
    assert len(counted) >= 6
    for row in counted.itertuples():
        assert re.search(rf"{row.kind} +{row.events}$", done.stdout, re.MULTILINE), row
    assert float(run_r(block("r", README), place).split()[-1]) > 0


def test_the_r_block_runs(place: Path) -> None:
    said = run_r(block("r"), place)
    assert "calcium" in said
    assert said.count("conditionrest") == 2


def test_lme4_finds_what_exotrack_finds(tmp_path: Path) -> None:
    drawn, _ = study(np.random.default_rng(11), Design(effect=1.5, animal_sd=0.5))
    units = drawn.units.assign(log_decay=np.log(drawn.units["decay_s"]))
    units.to_csv(tmp_path / "units.csv", index=False)
    found = compare(drawn, chosen(["decay"]), Plan(), repeats=0).tables["effects"].iloc[0]
    said = run_r(
        "suppressMessages(library(lme4)); u <- read.csv('units.csv');"
        "close <- lmerControl(optCtrl = list(ftol_abs = 1e-12, xtol_abs = 1e-12));"
        "m <- lmer(log(decay_s) ~ condition + (1 | animal), u, control = close);"
        "cat(sprintf('%.10g %.10g %d', fixef(m)[2], sqrt(vcov(m)[2, 2]), isSingular(m)))",
        tmp_path,
    )
    log, sd, singular = (float(word) for word in said.split())
    assert singular == 0
    assert math.log(found["effect"]) == pytest.approx(log, abs=1e-6)
    assert found["log_sd"] == pytest.approx(sd, rel=1e-4)


def test_the_sql_block_runs_and_counts_what_pandas_counts(place: Path) -> None:
    link = duckdb.connect()
    first, second = (part for part in block("sql").split(";") if part.strip())
    # DuckDB looks for files from the folder of the process.
    first, second = (
        part.replace("'study/", f"'{place}/study/").replace("'statistics/", f"'{place}/statistics/") for part in (first, second)
    )
    counted = link.sql(first).df()
    events = pd.read_parquet(place / "study" / "dataset" / "events")
    assert counted["events"].sum() == len(events)
    assert set(counted["condition"]) == {"rest", "calcium"}
    rates = link.sql(second).df()
    assert len(rates) == 8
    assert rates["per_1000_um2_and_min"].sum() > 0


@pytest.mark.parametrize("name", ["statistics", "study/movies/m0"])
def test_frictionless_finds_nothing_wrong(place: Path, name: str) -> None:
    report = frictionless.validate(str(place / name / "datapackage.json"))
    assert report.valid, report.flatten(["message"])[:3]


@pytest.mark.parametrize("name", ["statistics", "study/movies/m0"])
def test_the_crate_is_valid(place: Path, name: str, tmp_path: Path) -> None:
    """The validator needs the context from the web; here it is put in from a library that ships it."""
    if not VALIDATOR.exists():
        if os.environ.get("EXOTRACK_REQUIRE_TOOLS"):
            pytest.fail("the RO-Crate validator is missing; tests/run installs it")
        pytest.skip("the RO-Crate validator is not installed; tests/run does it")
    crate = tmp_path / "crate"
    shutil.copytree(place / name, crate)
    path = crate / "ro-crate-metadata.json"
    told = json.loads(path.read_text())
    assert told["@context"] == "https://w3id.org/ro/crate/1.1/context"
    told["@context"] = json.loads((Path(rocrate.__file__).parent / "data" / "ro-crate.jsonld").read_text())["@context"]
    path.write_text(json.dumps(told))
    words = [
        str(VALIDATOR),
        "-y",
        "validate",
        "--offline",
        "-p",
        "ro-crate-1.1",
        "-l",
        "required",
        "-f",
        "json",
        "-o",
        str(tmp_path / "said.json"),
    ]
    subprocess.run([*words, str(crate)], capture_output=True, text=True, check=False)
    said = json.loads((tmp_path / "said.json").read_text())
    assert said["passed"], said["issues"]
    assert {entry["@id"] for entry in told["@graph"]} >= {file.name for file in crate.iterdir()}
