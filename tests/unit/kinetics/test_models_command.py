"""``exotrack models`` as a person meets it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from exotrack.kinetics.catalogue import HERE, load, models


def call(*words: object, folder: Path | None = None) -> tuple[int, str, str]:
    """Exit status, stdout, stderr."""
    line = [sys.executable, "-m", "exotrack", "models", *map(str, words)]
    done = subprocess.run(line, capture_output=True, text=True, check=False, cwd=folder)
    return done.returncode, done.stdout, done.stderr


def test_the_list_names_every_model_and_what_is_unverified() -> None:
    status, out, err = call("list")
    assert (status, err) == (0, "")
    assert all(name in out for name in models())
    assert "neuroendocrine_core (default)" in out
    assert "10 UNVERIFIED" in out


def test_without_a_word_it_says_which_there_are() -> None:
    status, out, err = call()
    assert (status, err) == (0, "")
    assert all(word in out for word in ("list", "show", "export"))


def test_a_model_is_shown_with_its_doubts_and_golden_numbers() -> None:
    status, out, err = call("show", "chromaffin_two_pool")
    assert (status, err) == (0, "")
    assert out.count("M: UNVERIFIED") == 10
    assert "UNVERIFIED, from memory, check against the paper" in out.splitlines()[-1]
    assert "3 * kon_R * Ca" in out
    assert "37.741" in out
    assert "│ NO" not in out


def test_a_model_of_ones_own_is_shown(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text((HERE / "constitutive.toml").read_text().replace("stages = 4", "stages = 2"))
    status, out, _ = call("show", "mine.toml", folder=tmp_path)
    assert status == 0
    assert "T2" in out
    assert "T3" not in out
    assert "│ NO" in out  # the golden numbers are those of four stages


@pytest.mark.parametrize(("name", "start"), [("m.toml", "[model]"), ("m.xml", "<?xml"), ("m.ant", "// Insulin granules")])
def test_a_model_is_exported_by_the_ending(tmp_path: Path, name: str, start: str) -> None:
    status, out, err = call("export", "insulin_chen2008", "--out", tmp_path / name)
    assert (status, out, err) == (0, f"insulin_chen2008 -> {tmp_path / name}\n", "")
    assert (tmp_path / name).read_text().startswith(start)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_the_exported_toml_is_a_model_to_change(tmp_path: Path) -> None:
    call("export", "neuroendocrine_core", "--out", tmp_path / "mine.toml")
    assert load(tmp_path / "mine.toml") == load("neuroendocrine_core")


def test_values_are_set_and_doubts_said_beside_what_is_printed() -> None:
    status, out, err = call("export", "chromaffin_two_pool", "--format", "antimony", "--set", "k_SR=0.5", "--set", "Ca=20")
    assert status == 0
    assert "  k_SR = 0.5" in out
    assert "  Ca = 20.0" in out
    assert err.startswith("exotrack: note: chromaffin_two_pool: UNVERIFIED, from memory")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("show", "insulin"), "no model 'insulin'"),
        (("export", "constitutive", "--out", "x.pdf"), "no format '(none)'; there are toml, sbml and antimony"),
        (("export", "constitutive", "--format", "pdf"), "no format 'pdf'"),
        (("export", "constitutive", "--format", "sbml", "--set", "k_dok=1"), "no parameter 'k_dok'"),
        (("export", "constitutive", "--format", "sbml", "--set", "k_fuse=fast"), "expected NAME=NUMBER, found 'k_fuse=fast'"),
        (("export", "constitutive", "--set", "k_fuse=1"), "--format toml copies a TOML file as it stands"),
        (("export", "constitutive", "--out", "there.toml"), "is already there; choose another name"),
    ],
)
def test_bad_use_is_one_line_and_status_2(tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    (tmp_path / "there.toml").write_text("mine")
    status, out, err = call(*words, folder=tmp_path)
    assert (status, out) == (2, "")
    assert err.startswith("exotrack: error: ")
    assert said in err
    assert len(err.splitlines()) == 1
    assert (tmp_path / "there.toml").read_text() == "mine"
