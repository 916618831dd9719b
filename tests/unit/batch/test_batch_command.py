"""``exotrack batch`` as a process among processes: what it says, its exit status, and what is left when it is ended."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from studied import run, small_study, tables

from exotrack._terminal import exit_status
from exotrack.cli import app

HERE = [sys.executable, "-m", "exotrack"]


@contextmanager
def started(*words: object, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """The command in a group of its own, with the signals of a terminal; whatever it started is gone at the end."""

    def as_in_a_terminal() -> None:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)

    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "env": {**os.environ, **environment}}
    with subprocess.Popen([*HERE, *map(str, words)], **pipes, text=True, process_group=0, preexec_fn=as_in_a_terminal) as process:
        try:
            yield process
        finally:
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass


def call(*words: object, **environment: str) -> tuple[int, str]:
    """Exit status, and what was said on both streams."""
    with started(*words, **environment) as process:
        said, _ = process.communicate(timeout=250)
    return process.returncode, said


def here(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str]:
    """The same in this process, which costs less where nothing is ended."""
    capsys.readouterr()
    status = exit_status(lambda: app([*map(str, words)], prog_name="exotrack", standalone_mode=False))
    said = capsys.readouterr()
    return status, said.out + said.err


def until(true: Callable[[], bool], seconds: float = 200.0) -> None:
    """Wait until something is true."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)


def group(pid: int) -> list[int]:
    """Processes that belong to the group of `pid`."""
    found = []
    for process in psutil.process_iter():
        try:
            if os.getpgid(process.pid) == pid and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process.pid)
        except (ProcessLookupError, psutil.NoSuchProcess):
            continue
    return found


def test_a_killed_an_interrupted_and_a_resumed_run_end_where_one_run_does(
    scheduler: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study, out = small_study(tmp_path, ("x/a", "x/b", "y/c")), tmp_path / "out"
    with started("batch", study, "--out", out, "--workers", 1) as process:
        until(lambda: (out / "movies" / "a" / "stamp.json").exists())
        assert listening(group(process.pid)) == {"127.0.0.1"}
        process.send_signal(signal.SIGKILL)
        process.wait()
        until(lambda: not group(process.pid), 20)
    status, said = here(capsys, "status", out, "--json")
    assert status == 0
    found = json.loads(said)
    assert found["counts"]["done"] >= 1
    assert (found["runs"], found["running"]) == ([], {})
    with started("batch", study, "--out", out, "--workers", 1) as process:
        until(lambda: at_work(out, process.pid))
        status, refused = here(capsys, "batch", study, "--out", out)
        assert status == 75
        assert f"process {process.pid}, since 20" in refused
        begun = time.monotonic()
        os.killpg(process.pid, signal.SIGINT)
        said, _ = process.communicate(timeout=60)
        assert time.monotonic() - begun < 30
    assert process.returncode == 130
    assert "note: an earlier run was killed" in said
    assert "Traceback" not in said
    assert said.rstrip().endswith("interrupted (SIGINT); nothing half-written was left")
    until(lambda: not group(process.pid), 20)
    assert not [path for path in out.rglob("*") if path.suffix in (".tmp", ".old")]
    assert not (out / ".parts").exists()
    ran, _ = run(study, out, scheduler)
    assert ran.counts == {"done": 3}
    run(study, tmp_path / "whole", scheduler)
    assert tables(out) == tables(tmp_path / "whole")


def at_work(out: Path, pid: int) -> bool:
    """Whether a worker of the run of `pid` is at a movie; marks of one that was killed may lie there too."""
    marks = [path.read_text() for path in (out / "running").glob("*.json")]
    return not {json.loads(mark)["pid"] for mark in marks if mark}.isdisjoint(group(pid))


def listening(pids: list[int]) -> set[str]:
    """Addresses that processes of these numbers listen at."""
    found = set()
    for pid in pids:
        for one in psutil.Process(pid).net_connections("inet"):
            if one.status == psutil.CONN_LISTEN:
                found.add(one.laddr.ip)
    return found


def test_the_command_says_what_was_done_and_what_failed(
    scheduler: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study, out = small_study(tmp_path, ("x/a",)), tmp_path / "out"
    (tmp_path / "data" / "x" / "<b>.tif").write_text("bad")
    status, said = here(capsys, "batch", study, "--out", out, "--dry-run")
    assert (status, said) == (0, "<b>: new\na: new\n2 movies: 2 new; 2 would be worked on\n")
    assert not out.exists()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    out.symlink_to(elsewhere)
    words = ("batch", study, "--out", out, "--scheduler", scheduler)
    status, said = call(*words, LC_ALL="C", TZ="Pacific/Kiritimati")
    assert status == 1
    lines = said.splitlines()
    assert "2 movies: 2 new" in lines
    assert lines[-1] == f"1 of 2 movies done (1 now), 1 failed -> {elsewhere}"
    assert (elsewhere / "movies" / "a" / "stamp.json").is_file()
    assert any(line.startswith("exotrack: error: <b>: ") for line in lines)
    status, said = here(capsys, "status", out)
    assert (status, said.splitlines()[0]) == (0, "study: 1 done, 1 failed")
    shutil.rmtree(tmp_path / "data")
    status, said = here(capsys, *words)
    assert (status, said.count("\n")) == (2, 1)
    assert "matches no file" in said


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("--shard", "3/2"), "--shard takes I/N, such as 1/8 to 8/8, found '3/2'"),
        (("--scheduler", "tcp://192.0.2.1:8786"), "is not encrypted, so whoever reaches it can run programs as you"),
        (("--scheduler", "lokal"), "is neither local nor slurm, nor an address"),
        (("--scheduler", "http://127.0.0.1:1"), "addresses of kind 'http' are not known"),
        (("--profile", "gone.toml"), "gone.toml: cannot be read (No such file or directory); give a TOML profile"),
        (("--set", "detect.sigma=1"), "detect.sigma: unknown parameter; did you mean 'sigma_um'?"),
    ],
)
def test_bad_use_is_refused_in_one_line(
    words: tuple[str, ...], text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, said = here(capsys, "batch", small_study(tmp_path, ("x/a",)), "--out", tmp_path / "out", *words)
    assert status == 2
    assert text in said
    assert said.count("\n") <= 2
