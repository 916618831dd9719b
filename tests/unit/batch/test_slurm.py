"""Workers as jobs of a real SLURM, which the test starts on the loopback interface."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest
import tifffile
from slurm import SEARCHED, missing, slurm
from sources import ROOT
from studied import Seen, run, small_study, tables

from exotrack.batch.cluster import Wanted
from exotrack.batch.profile import Profile, Slurm
from exotrack.batch.run import How, run_study
from exotrack.batch.slurm import seconds_of, slurm_cluster
from exotrack.batch.study import read_study
from exotrack.errors import InputError, ParameterError

PROFILE = {"queue": "debug", "workers": 2, "memory_gb": 1.0, "walltime": "00:30:00", "interface": "lo"}


@pytest.fixture(scope="module")
def environment() -> Iterator[dict[str, str]]:
    """Environment in which the commands of a private SLURM work; skips where it is not installed, but not with CI=true."""
    if lacking := missing():
        if os.environ.get("EXOTRACK_REQUIRE_SLURM") == "1":
            pytest.fail(f"SLURM is required and {', '.join(lacking)} missing: apt-get install slurm-wlm munge")
        pytest.skip(f"SLURM is not installed ({', '.join(lacking)} missing): apt-get install slurm-wlm munge")
    with tempfile.TemporaryDirectory(prefix="slurm-") as root, slurm(Path(root)) as configuration:
        yield {**os.environ, "SLURM_CONF": str(configuration), "PATH": SEARCHED}


def jobs(environment: dict[str, str]) -> list[str]:
    """Numbers of the jobs that run."""
    words = ["squeue", "-h", "-t", "RUNNING", "-o", "%i"]
    return subprocess.run(words, env=environment, capture_output=True, text=True, check=True, timeout=60).stdout.split()


def until(true: Callable[[], bool], seconds: float = 200.0) -> None:
    """Wait until something is true."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.2)


def listening() -> set[str]:
    """Addresses at which this process listens."""
    return {one.laddr.ip for one in psutil.Process().net_connections("inet") if one.status == psutil.CONN_LISTEN}


@pytest.mark.timeout(600)  # jobs are lost and replaced, at the pace of SLURM's own clock
def test_a_study_on_two_nodes_survives_the_loss_of_a_job_and_a_movie_too_large_for_any_worker(
    environment: dict[str, str], scheduler: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("SLURM_CONF", "PATH"):
        monkeypatch.setenv(name, environment[name])
    study, out = small_study(tmp_path, ("x/a", "y/b")), tmp_path / "out"
    run(study, tmp_path / "here", scheduler)
    large_movie(tmp_path / "data" / "y" / "large.tif")
    study.write_text(study.read_text() + "[open]\npixel_um = 0.1\nframe_s = 0.1\n")
    asked = Profile.read({"slurm": {**PROFILE, "shared": str(tmp_path / "keys")}})
    lost: list[str] = []

    def lose() -> None:
        until(lambda: len(list((out / "running").glob("*.json"))) == 2)
        lost.extend(jobs(environment)[:1])
        subprocess.run(["scancel", *lost], env=environment, check=True, timeout=60)

    class Listening(Seen):
        """Looks at what this process listens at while the cluster is up."""

        def tick(self, workers: int) -> None:
            """Some time has passed."""
            self.notes.extend(listening())

    seen, thread = Listening(), threading.Thread(target=lose)
    thread.start()
    ran = run_study(read_study(study), out, Wanted("slurm", profile=asked, allowed_failures=0), How(), seen)
    thread.join()
    assert len(lost) == 1
    assert set(seen.notes) == {"127.0.0.1"}
    assert list(ran.failed) == ["large"]
    assert ran.failed["large"].startswith("out of memory: its worker had 0.")
    assert "GB of 0.75 GB and was ended, " in ran.failed["large"]
    assert ran.done == 2
    alike = {name: content for name, content in tables(out).items() if "large" not in name}
    assert alike == tables(tmp_path / "here")
    until(lambda: not jobs(environment), 60)
    assert not list((tmp_path / "keys").iterdir())


def large_movie(path: Path) -> None:
    """Two frames of 12,000 x 12,000 pixels, in few bytes."""
    frame = np.tile(np.random.default_rng(0).poisson(200, (100, 100)).astype(np.uint16), (120, 120))
    with tifffile.TiffWriter(path) as file:
        for _ in range(2):
            file.write(frame, compression="zlib", contiguous=False, photometric="minisblack")


def test_two_of_them_stand_beside_one_another(environment: dict[str, str]) -> None:
    with tempfile.TemporaryDirectory(prefix="slurm-") as root, slurm(Path(root), nodes=1) as configuration:
        for conf, nodes in ((configuration, {"n1"}), (Path(environment["SLURM_CONF"]), {"n1", "n2"})):
            words = ["sinfo", "-h", "-N", "-o", "%N"]
            said = subprocess.run(words, env={**environment, "SLURM_CONF": str(conf)}, capture_output=True, text=True, check=True)
            assert set(said.stdout.split()) == nodes


def test_the_job_array_of_workflows_runs_as_it_stands(environment: dict[str, str], tmp_path: Path) -> None:
    study, out = small_study(tmp_path, ("x/a", "y/b")), tmp_path / "out"
    words = ["sbatch", "--array=1-2", "--time=00:10:00", "--cpus-per-task=1", "--mem=2G", "--wait", f"--output={tmp_path}/%a.log"]
    words += [str(ROOT / "workflows" / "array.sbatch"), str(study), str(out)]
    path = {"PATH": f"{Path(sys.executable).parent}:{environment['PATH']}"}
    done = subprocess.run(words, env=environment | path, capture_output=True, text=True, check=False, timeout=280)
    assert done.returncode == 0, done.stderr + (tmp_path / "1.log").read_text()
    assert sorted(path.name for path in (out / "movies").iterdir()) == ["a", "b"]
    assert "2 of 2 movies done" in (tmp_path / "1.log").read_text() + (tmp_path / "2.log").read_text()


@pytest.mark.parametrize(("text", "seconds"), [("00:30:00", 1800), ("4:00:00", 14_400), ("2-01:00:10", 176_410)])
def test_wall_times_are_read(text: str, seconds: float) -> None:
    assert seconds_of(text) == seconds
    assert Profile.read({"slurm": {"walltime": text}}).slurm.walltime == text


@pytest.mark.parametrize("text", ["4h", "", "10:00", "00:30:00; rm -rf x"])
def test_a_wrong_wall_time_is_refused(text: str) -> None:
    with pytest.raises(ParameterError, match="walltime"):
        Profile.read({"slurm": {"walltime": text}})


def test_the_network_must_be_said(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", environment["PATH"])
    with pytest.raises(ParameterError, match=r"say the network of the cluster in the profile: \[slurm\] interface"):
        slurm_cluster(Slurm(), 1, None)


def test_keys_are_not_put_where_others_can_read_them(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", environment["PATH"])
    tmp_path.chmod(0o755)
    with pytest.raises(InputError, match="others can read this folder, and would get the keys of the cluster; chmod 700 it"):
        slurm_cluster(Slurm(interface="lo", shared=str(tmp_path)), 1, None)
