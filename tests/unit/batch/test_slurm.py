"""Workers as jobs of a real SLURM, which the test starts on the loopback interface."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from slurm import SEARCHED, missing, slurm
from sources import ROOT
from studied import run, small_study, tables

from exotrack.batch.profile import Profile, Slurm
from exotrack.batch.slurm import seconds_of, slurm_cluster
from exotrack.errors import InputError, ParameterError

PROFILE = """[slurm]
queue = "debug"
workers = 2
memory_gb = 2.0
walltime = "00:30:00"
interface = "lo"
shared = "{shared}"
"""


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


def listeners(pid: int) -> dict[int, str]:
    """Port and address of everything that the process and its children listen at."""
    found = {}
    for process in (psutil.Process(pid), *psutil.Process(pid).children(recursive=True)):
        for one in process.net_connections("inet"):
            if one.status == psutil.CONN_LISTEN:
                found[one.laddr.port] = one.laddr.ip
    return found


def test_a_study_on_two_nodes_survives_the_loss_of_a_job_and_is_the_same(
    environment: dict[str, str], scheduler: str, tmp_path: Path
) -> None:
    study, out = small_study(tmp_path, ("x/a", "x/b", "x/c", "y/d")), tmp_path / "out"
    (tmp_path / "profile.toml").write_text(PROFILE.format(shared=tmp_path / "keys"))
    words = [sys.executable, "-m", "exotrack", "batch", str(study), "--out", str(out), "--scheduler", "slurm"]
    words += ["--profile", str(tmp_path / "profile.toml")]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    with subprocess.Popen(words, env=environment, text=True, **pipes) as process:
        until(lambda: len(list((out / "running").glob("*.json"))) == 2 or process.poll() is not None)
        seen = listeners(process.pid)
        assert set(seen.values()) == {"127.0.0.1"}
        lost = jobs(environment)[0]
        subprocess.run(["scancel", lost], env=environment, check=True, timeout=60)
        said, _ = process.communicate(timeout=280)
    assert process.returncode == 0, said
    assert said.splitlines()[-1] == f"4 of 4 movies done (4 now), 0 failed -> {out}"
    run(study, tmp_path / "here", scheduler)
    assert tables(out) == tables(tmp_path / "here")
    until(lambda: not jobs(environment), 60)
    assert not list((tmp_path / "keys").iterdir())


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
