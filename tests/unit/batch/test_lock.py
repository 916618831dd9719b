"""One run at a time in a results folder."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from exotrack.batch.lock import SILENT_S, Shard, held, holds, locked
from exotrack.batch.store import store
from exotrack.errors import TryAgainError


def forged(folder: Path, **said: object) -> None:
    """A lock as another run would have left it."""
    usual = {"run": "x", "shard": [1, 1], "host": "elsewhere", "pid": 1, "began": 1.0, "started": "then", "beat": time.time()}
    (folder / "locks").mkdir(exist_ok=True)
    (folder / "locks" / "1-of-1.json").write_text(json.dumps(usual | said))


def test_a_second_run_is_refused_with_host_and_start_of_the_first(tmp_path: Path) -> None:
    place = store(tmp_path)
    with locked(place, Shard()) as lock:
        assert holds(place, lock.name, lock.run)
        who = f"{socket.gethostname()}, process {os.getpid()}, since 20"
        with pytest.raises(TryAgainError, match=f"is being worked on by {re.escape(who)}"), locked(place, Shard()):
            pass
        assert [str(one).startswith(who) for one in held(place)] == [True]
    assert held(place) == []
    assert not holds(place, lock.name, lock.run)


def test_shards_of_one_array_run_together_and_no_others(tmp_path: Path) -> None:
    place = store(tmp_path)
    with locked(place, Shard(1, 2)), locked(place, Shard(2, 2)):
        for other in (Shard(1, 2), Shard(), Shard(1, 3)):
            with pytest.raises(TryAgainError, match="shard"), locked(place, other):
                pass
        assert len(held(place)) == 2


def test_the_lock_of_a_process_that_is_gone_is_taken_over(tmp_path: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    for said in ({"pid": gone.pid}, {"pid": os.getpid()}):  # the number of a process is used again
        forged(tmp_path, host=socket.gethostname(), **said)
        with locked(store(tmp_path), Shard()) as lock:
            assert len(lock.after) == 1


def test_a_run_on_another_machine_is_dead_once_it_is_silent(tmp_path: Path) -> None:
    forged(tmp_path)
    with pytest.raises(TryAgainError, match="by elsewhere, process 1, since then;"), locked(store(tmp_path), Shard()):
        pass
    forged(tmp_path, beat=time.time() - SILENT_S - 1)
    with locked(store(tmp_path), Shard()) as lock:
        assert lock.after == ["elsewhere, process 1, since then"]


def test_a_lock_that_cannot_be_understood_is_no_lock_but_is_not_overwritten(tmp_path: Path) -> None:
    forged(tmp_path)
    (tmp_path / "locks" / "1-of-1.json").write_text("{")
    with pytest.raises(TryAgainError, match="another run that just started"), locked(store(tmp_path), Shard()):
        pass
