"""``exotrack compare`` as people meet it: folders in, a whole folder out, one line for bad use."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from populations import results

from exotrack.io.results import read_table
from exotrack.params import preset
from exotrack.tables import COMPARISON

RATES = {"k_fuse": 0.3, "k_undock": 0.1, "arrive": 0.8, "phi_kiss": 0.3, "tether_s": 4.0}
BRIEF = ("--repeats", 19, "--starts", 1)


def call(*words: object) -> tuple[int, str, str]:
    """Exit status, stdout and stderr of ``exotrack compare``."""
    done = subprocess.run(
        [sys.executable, "-m", "exotrack", "compare", *map(str, words)], capture_output=True, text=True, check=False, timeout=300
    )
    return done.returncode, done.stdout, done.stderr


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results of two cells that secrete constitutively."""
    return results(tmp_path_factory.mktemp("made") / "steady", "constitutive", 4, values=RATES, duration_s=40.0)


@pytest.fixture(scope="module")
def compared(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a comparison with two models."""
    out = tmp_path_factory.mktemp("compared") / "out"
    models = ("--model", "constitutive", "--model", "neuroendocrine_core", "--input", "Ca=1")
    status, said, _ = call(folder, *models, "--out", out, *BRIEF)
    assert status == 0
    assert said.strip().endswith(f"report: {out / 'report.html'}")
    assert "constitutive: (ii) with its rates free the scheme agrees with these stays" in said
    return out


def test_everything_is_written_and_read_back(compared: Path) -> None:
    for table in COMPARISON:
        binary, text = (read_table(compared / f"{table.name}{suffix}", table) for suffix in (".parquet", ".csv"))
        assert len(binary) == len(text)
        assert len(binary) > 0 or table.name == "condition_rates"
    package = json.loads((compared / "datapackage.json").read_text())
    assert [one["name"] for one in package["resources"]] == [table.name for table in COMPARISON]
    whole = json.loads((compared / "comparison.json").read_text())
    assert set(whole["models"]) == {"constitutive", "neuroendocrine_core"}
    assert whole["models"]["neuroendocrine_core"]["constitutive"]["p_value"] > 0
    assert whole["models"]["constitutive"]["profiles"][0]["verdict"] == "identified"
    assert json.loads((compared / "provenance.json").read_text())["repeats"] == 19
    told = {entry["@id"] for entry in json.loads((compared / "ro-crate-metadata.json").read_text())["@graph"]}
    assert told >= {file.name for file in compared.iterdir()}


def test_the_report_stands_alone_and_has_every_figure(compared: Path) -> None:
    page = (compared / "report.html").read_text()
    assert not re.search(r"(?:src|href)=\"(?!#|data:)", page)
    labels = re.findall(r'aria-label="([^"]+)"', page)
    for words in (
        "Scheme of neuroendocrine_core", "Cumulative incidence of each fate of newcomers", "still docked on a log axis",
        "Cumulative fusions per cell", "Profile likelihood of k_fuse", "Quantiles of the rescaled intervals",
        "Cox-Snell residuals",
        "Fraction of the cargo released", "Kiss-and-runs of each vesicle", "Membrane added by full fusions",
    ):  # fmt: skip
        assert any(words in label for label in labels), words
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--model", "constitutiv"), "no model 'constitutiv'"),
        (("--model", "omv_release"), "no state in it is seen as docked"),
        (("--model", "constitutive", "--input", "Ca=1"), "no input 'Ca'"),
        (("--model", "constitutive", "--set", "k_fuse"), "--set: expected NAME=NUMBER, found 'k_fuse'"),
        (("--model", "neuroendocrine_core", "--input", "Ca=1", "--free", "fuse_max", "--free", "K_Ca"), "Ca never varied"),
        (("--model", "constitutive", "--calibration", "nowhere"), "no such folder"),
        (("--model", "constitutive", "--design", "nowhere.csv"), "give a CSV file with a column movie_id"),
        (("--model", "constitutive", "--stimulated", "ATP=10"), "has no stimulus"),
        (("--model", "constitutive", "--em", "nowhere"), "cannot be read as a table"),
    ],
)
def test_bad_use_is_one_line_and_status_2(folder: Path, tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    status, out, err = call(folder, *words, "--out", tmp_path / "out")
    assert (status, out) == (2, "")
    assert said in err and len(err.splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_a_label_that_is_dark_while_docked_is_refused(tmp_path: Path) -> None:
    dark = results(tmp_path / "dark", "constitutive", 4, duration_s=20.0, params=preset("phluorin"))
    status, _, err = call(dark, "--model", "constitutive", "--out", tmp_path / "out")
    assert status == 2
    assert "dark while a vesicle is docked" in err
