"""The mark that a worker sets while it works on a movie: who, where, for the how-manieth time, and how near to its memory limit.

It is what is left of a worker that was killed, and the only witness of why.
"""

from __future__ import annotations

import json
import os
import socket
import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from exotrack.batch.stamp import RUNNING
from exotrack.batch.store import Store
from exotrack.errors import ExotrackError

LOOK_S = 0.1
"""Time between looks at the memory: Dask's own guard looks as often."""
NEAR = 0.8
"""Part of the limit from which the memory is written down; Dask ends a worker at 0.95."""
STEP = 1.03
"""Growth from which it is written down again."""


@dataclass(frozen=True)
class Mark:
    """starts : times a worker began with the movie and did not end. memory_gb : the last, if it came near limit_gb."""

    starts: int
    host: str
    pid: int
    since: str
    memory_gb: float = 0.0
    limit_gb: float = 0.0


def read_mark(place: Store, movie: str) -> Mark | None:
    """The mark that a worker left; None if there is none."""
    content = place.read(f"{RUNNING}/{movie}.json")
    try:
        return Mark(**json.loads(content or b""))
    except (ValueError, TypeError):
        return None


def unmark(place: Store, movie: str) -> None:
    """Remove the mark of a movie, and one that a worker was writing when it was killed."""
    for name in place.names(RUNNING):
        if name == f"{movie}.json" or (name.startswith(f".{movie}.json.") and name.endswith(".tmp")):
            place.remove(f"{RUNNING}/{name}")


class Marker:
    """Sets the mark of a movie on entering, keeps it while the memory grows, and removes it on leaving, by an error too."""

    def __init__(self, place: Store, movie: str) -> None:
        self._place, self._name, self._movie = place, f"{RUNNING}/{movie}.json", movie
        self._over = threading.Event()
        self._watch = threading.Thread(target=self._look, daemon=True)
        self._limit = _limit()
        self.host = socket.gethostname()

    def __enter__(self) -> Marker:
        before = read_mark(self._place, self._movie)
        self._said: dict[str, Any] = {
            "starts": (before.starts if before else 0) + 1,
            "host": self.host,
            "pid": os.getpid(),
            "since": datetime.now(UTC).isoformat(timespec="seconds"),
            "limit_gb": round(self._limit / 1e9, 3),
        }
        self._place.write(self._name, json.dumps(self._said).encode(), lasting=False)
        if self._limit:
            self._watch.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        if self._limit:
            self._watch.join()
        self._place.remove(self._name)

    def _look(self) -> None:
        import psutil

        process, told = psutil.Process(), NEAR * self._limit
        while not self._over.wait(LOOK_S):
            used = process.memory_info().rss
            if used < told:
                continue
            told = STEP * used
            said = {**self._said, "memory_gb": round(used / 1e9, 3)}
            try:
                self._place.write(self._name, json.dumps(said).encode(), lasting=False)
            except ExotrackError:
                continue  # the disk is full: the work itself will meet it and say so


def _limit() -> int:
    """Memory (bytes) that this worker of a Dask cluster may take; 0 if it has no limit or is none."""
    from distributed import get_worker

    try:
        return int(get_worker().memory_manager.memory_limit or 0)
    except ValueError:
        return 0
