"""One run at a time in a results folder; the shards of one array run beside one another."""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from exotrack.batch.store import Store
from exotrack.errors import ExotrackError, TryAgainError

BEAT_S = 20.0
"""How often a run says that it is alive."""
SILENT_S = 300.0
"""A run on another machine that has said nothing for so long is taken to be dead."""
LOCKS = "locks"


@dataclass(frozen=True)
class Shard:
    """Part `index` (from 1) of `count` of the movies of a study."""

    index: int = 1
    count: int = 1

    def __str__(self) -> str:
        return f"{self.index}-of-{self.count}"


@dataclass(frozen=True)
class Held:
    """A lock as found: which shard of how many, by whom, whether its holder lives."""

    name: str
    run: str
    shard: Shard
    host: str
    pid: int
    started: str
    alive: bool

    def __str__(self) -> str:
        part = "" if self.shard.count == 1 else f" (shard {self.shard.index} of {self.shard.count})"
        return f"{self.host}, process {self.pid}, since {self.started}{part}"


def held(place: Store) -> list[Held]:
    """The locks in a results folder."""
    found = []
    for name in place.names(LOCKS):
        content = place.read(f"{LOCKS}/{name}") if name.endswith(".json") else None
        try:
            said = json.loads(content or b"")
            shard = Shard(int(said["shard"][0]), int(said["shard"][1]))
            who = (str(said["host"]), int(said["pid"]), str(said["started"]))
            run = str(said["run"])
        except (ValueError, KeyError, TypeError, IndexError):
            continue  # gone meanwhile
        found.append(Held(name, run, shard, *who, alive=_alive(said)))
    return found


@dataclass(frozen=True)
class Lock:
    """A lock that is held. run : tells this run from all others. after : who had left theirs behind, killed."""

    name: str
    run: str
    after: list[str]


def holds(place: Store, name: str, run: str) -> bool:
    """Whether the lock `name` is still that of `run`: a worker may outlive the run that asked it for something."""
    try:
        return bool(json.loads(place.read(name) or b"")["run"] == run)
    except (ValueError, KeyError, TypeError):
        return False


@contextmanager
def locked(place: Store, shard: Shard) -> Iterator[Lock]:
    """Hold the results folder for `shard`; `TryAgainError` names the host and start of a run that holds it already."""
    name = f"{LOCKS}/{shard}.json"
    mine = _mine(shard)
    dead = [lock for lock in held(place) if not lock.alive]
    for lock in dead:
        place.remove(f"{LOCKS}/{lock.name}")
    taken = place.create(name, _told(mine))
    others = [lock for lock in held(place) if lock.alive and lock.run != mine["run"] and _meets(lock, shard)]
    if others or not taken:
        if taken:
            place.remove(name)
        who = str(others[0]) if others else "another run that just started"
        raise TryAgainError(f"{place.where}: is being worked on by {who}; wait for it or choose another place with --out")
    over = threading.Event()
    beat = threading.Thread(target=_beat, args=(place, name, mine, over), daemon=True)
    beat.start()
    try:
        yield Lock(name, mine["run"], [str(lock) for lock in dead])
    finally:
        over.set()
        beat.join()
        place.remove(name)


def _meets(lock: Held, shard: Shard) -> bool:
    """Whether a lock stands in the way: that of the same shard, or of a run that cuts the study differently."""
    return lock.shard.count != shard.count or lock.shard.index == shard.index


def _mine(shard: Shard) -> dict[str, Any]:
    return {
        "run": uuid.uuid4().hex,
        "shard": [shard.index, shard.count],
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "began": _began(os.getpid()),
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": " ".join(sys.argv[:20])[:500],
        "job": os.environ.get("SLURM_JOB_ID", ""),
    }


def _told(mine: dict[str, Any]) -> bytes:
    return json.dumps({**mine, "beat": time.time()}).encode()


def _beat(place: Store, name: str, mine: dict[str, Any], over: threading.Event) -> None:
    while not over.wait(BEAT_S):
        try:
            place.write(name, _told(mine))
        except ExotrackError:
            continue  # a full disk: the run itself will meet it and say so


def _alive(said: dict[str, Any]) -> bool:
    if said["host"] == socket.gethostname():
        return bool(said.get("began") is not None and _began(int(said["pid"])) == said["began"])
    return time.time() - float(said.get("beat", 0)) < SILENT_S


def _began(pid: int) -> float | None:
    """When a process of this machine was started; None if there is none. Numbers of processes are used again."""
    import psutil

    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else float(process.create_time())
    except psutil.NoSuchProcess:
        return None
