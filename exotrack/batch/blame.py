"""Why a movie did not end: what is left of its worker, whether the movie is to blame, and the record of it.

A worker that dies takes with it whatever it was at, and may take down its neighbours: the memory of a machine is shared, and a
worker of a foreign cluster may be at several movies at once. So no movie is blamed for deaths that it had company in. One that
was begun too often without an end becomes a suspect, waits until all others have ended, and is then tried once more with the
cluster to itself. What kills a worker then is set aside.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from exotrack.batch.dataset import withdraw
from exotrack.batch.marker import Mark, read_mark, unmark
from exotrack.batch.plan import Failure, Item
from exotrack.batch.stamp import FAILED, LOGS
from exotrack.batch.store import Store, store
from exotrack.batch.work import Outcome, Task

if TYPE_CHECKING:
    from distributed import Future

SUSPECT = "suspect"
"""Status of a movie that was begun too often: no outcome of its own, it is not worked on."""


def suspected(task: Task) -> Outcome | None:
    """What a worker says that finds a movie begun more often than it may be; None if it may go on."""
    mark = read_mark(store(task.out), task.entry.movie) if task.most_starts else None
    if mark is None or mark.starts < task.most_starts:
        return None
    return Outcome(task.entry.movie, SUSPECT, _killed(mark), worker=mark.host)


def alone(task: Task, place: Store) -> Task:
    """A suspect as it is tried once more."""
    mark = read_mark(place, task.entry.movie)
    return replace(task, alone=True, most_starts=(0 if mark is None else mark.starts) + 1)


def unforeseen(future: Future[Any], task: Task) -> Outcome | None:
    """What an end without an outcome is: a failure, or None if the worker was lost."""
    from distributed import KilledWorker

    if future.status == "finished":
        try:
            found: Outcome = future.result(timeout=20)
        except Exception:  # noqa: BLE001 - whatever keeps a result from coming, the work was done and lost
            return None
        return found
    if future.status != "error":
        return None
    error = future.exception(timeout=20)
    if isinstance(error, KilledWorker):
        return None
    return Outcome(task.entry.movie, "failed", f"unforeseen {type(error).__name__}: {' '.join(str(error).split())[:300]}")


def guilty(task: Task, place: Store, grown: Mapping[int, int]) -> Outcome:
    """The outcome of a movie that killed its worker while nothing else ran.

    grown : processes that Dask ended for their memory, and the bytes they had.
    """
    mark = read_mark(place, task.entry.movie)
    if mark is not None and mark.pid in grown:
        mark = replace(mark, memory_gb=max(mark.memory_gb, grown[mark.pid] / 1e9))
    return Outcome(task.entry.movie, "aside", _killed(mark), worker="" if mark is None else mark.host)


def kept(outcome: Outcome, task: Task, item: Item, place: Store) -> None:
    """Write a failure down, and take the movie out of the dataset: what is there was made from something else."""
    movie, aside = outcome.movie, outcome.status == "aside"
    mark = read_mark(place, movie)
    when = datetime.now(UTC).isoformat(timespec="seconds")
    attempts = max(mark.starts if mark else 1, 1)
    record = Failure(movie, outcome.reason, task.entry.source, task.code, attempts, aside, when)
    place.write(f"{FAILED}/{movie}.json", json.dumps(asdict(record), indent=2).encode("utf-8", "backslashreplace"))
    if aside:
        place.write(f"{LOGS}/{movie}.log", f"{when} {outcome.reason}\n".encode("utf-8", "backslashreplace"))
    unmark(place, movie)
    for condition in {task.entry.condition, *([item.stamp.design.get("condition", "all")] if item.stamp else [])}:
        withdraw(place, movie, condition)


def forgotten(item: Item, place: Store) -> None:
    """Remove the record of an earlier failure of a movie that is done now."""
    if item.state in ("failed", "aside"):
        place.remove(f"{FAILED}/{item.entry.movie}.json")
        place.remove(f"{LOGS}/{item.entry.movie}.log")


def _killed(mark: Mark | None) -> str:
    if mark is None:
        return "its worker was lost before it began, several times; see the logs of the workers"
    where = f"{mark.starts} times, last on {mark.host} (process {mark.pid})"
    if mark.memory_gb:
        used = f"its worker had {mark.memory_gb:.2f} GB of {mark.limit_gb:.2f} GB and was ended"
        return f"out of memory: {used}, {where}; give workers more with --memory-gb or the profile"
    return f"its worker died {where}: a crash in a library or an end from outside"
