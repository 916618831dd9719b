"""The study files, the profile, the job array and the Snakefile of workflows/, as a lab would copy and run them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from sources import ROOT
from studied import small_movie

from exotrack.batch.profile import read_profile
from exotrack.batch.study import read_study
from exotrack.io import read_results
from exotrack.params import PRESETS, preset

WORKFLOWS = ROOT / "workflows"
SHIPPED = ("data/control/m1/c1.tif", "data/control/m1/c2.tif", "data/high_K/m2/c1.tif")


@pytest.fixture
def lab(tmp_path: Path) -> Path:
    """A folder with copies of the files of workflows/ beside movies where they expect them."""
    shutil.copytree(WORKFLOWS, tmp_path / "lab")
    for name in SHIPPED:
        (tmp_path / "lab" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "lab" / name).touch()
    return tmp_path / "lab"


@pytest.mark.parametrize("name", PRESETS)
def test_there_is_a_study_for_each_preset(name: str, lab: Path) -> None:
    study = read_study(lab / f"study_{name}.toml")
    assert [entry.design for entry in study.movies][2] == {"condition": "high_K", "animal_id": "m2", "cell": "c1"}
    assert study.movies[0].params.updated({"classify": {"stimulus_s": []}}) == preset(name)


def test_the_table_is_a_study(lab: Path) -> None:
    study = read_study(lab / "study_table.toml")
    assert [entry.movie for entry in study.movies] == ["control_1", "control_2", "high_K_1"]
    assert study.movies[0].params.classify.stimulus_s == (10.0, 20.0)
    assert study.movies[2].opened == {"pixel_um": 0.16, "frame_s": 0.05}
    assert study.movies[2].params.link.max_gap_frames == 1


def test_the_profile_is_one() -> None:
    assert read_profile(WORKFLOWS / "slurm.toml").slurm.workers == 20


def test_the_array_gives_each_job_its_shard(lab: Path) -> None:
    program = lab / "exotrack"
    program.write_text('#!/bin/sh\necho "$@"\n')
    program.chmod(0o755)
    environment = {"PATH": f"{lab}:{os.environ['PATH']}", "SLURM_ARRAY_TASK_ID": "3", "SLURM_ARRAY_TASK_COUNT": "8"}
    words = ["bash", str(lab / "array.sbatch"), "a study.toml", "out"]
    said = subprocess.run(words, env=environment, capture_output=True, text=True, check=True).stdout
    assert said == "batch a study.toml --out out --shard 3/8 --workers 1\n"


def test_snakemake_runs_the_snakefile_and_finds_nothing_to_do_afterwards(tmp_path: Path) -> None:
    small_movie(tmp_path / "data" / "one cell.tif", 0)
    bin_of = Path(sys.executable).parent
    environment = {**os.environ, "PATH": f"{bin_of}:{os.environ['PATH']}", "XDG_CACHE_HOME": str(tmp_path / "cache")}
    words = [sys.executable, "-m", "snakemake", "--snakefile", str(WORKFLOWS / "Snakefile"), "--cores", "1", "--quiet", "all"]
    for _ in range(2):
        done = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    assert len(read_results(tmp_path / "results" / "one cell").tables["frames"]) == 12
    assert (tmp_path / "results" / "one cell.reported").exists()
