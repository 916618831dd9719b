"""A window of movies on the workers, until all are done: nothing is gathered here but a few lines for each."""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

from exotrack.batch.cluster import ALLOWED_FAILURES
from exotrack.batch.dataset import withdraw
from exotrack.batch.marker import Mark, read_mark, unmark
from exotrack.batch.plan import Failure, Item
from exotrack.batch.stamp import FAILED, LOGS
from exotrack.batch.store import Store
from exotrack.batch.work import Outcome, Task, do
from exotrack.errors import TryAgainError

if TYPE_CHECKING:
    from distributed import Client, Future

AHEAD = 3
"""Movies under way for each worker: enough that none waits, few enough that memory stays flat for 10,000 movies."""
TICK_S = 2.0
TOPIC = "exotrack"
PATIENCE_S = 300.0
"""Without any worker for so long, a run ends: on a machine that is too busy Dask gives up starting a process anew."""
SEND_AGAIN = 3
"""Times a movie is handed out again after its worker was lost through no fault that it can be blamed for."""


class Watch(Protocol):
    """Who is told of the progress."""

    def finished(self, outcome: Outcome, done: int, total: int) -> None:
        """A movie is done, kept or failed."""

    def stage(self, movie: str, what: str, done: int, total: int) -> None:
        """A movie has come so far."""

    def tick(self, workers: int) -> None:
        """Some time has passed."""


@dataclass
class Drive:
    """The movies under way. failed : outcomes that are failures, by movie."""

    client: Client
    place: Store
    watch: Watch
    workers: int
    allowed_failures: int = ALLOWED_FAILURES
    work: Callable[[Task], Outcome] | None = None
    patience_s: float | None = PATIENCE_S
    failed: dict[str, Outcome] = field(default_factory=dict)
    _done: int = 0
    _seen: float = field(default_factory=time.monotonic)
    _sent: dict[str, int] = field(default_factory=dict)
    _items: dict[str, Item] = field(default_factory=dict)

    @property
    def done(self) -> int:
        """Movies that are done now and did not fail."""
        return self._done - len(self.failed)

    def run(self, items: Sequence[Item], tasks: Sequence[Task]) -> None:
        """Work on `tasks`, which belong to `items`, until all have ended; `TryAgainError` if it cannot go on."""
        self._items = {item.entry.movie: item for item in items}
        waiting, under_way = deque(tasks), dict[Any, Task]()
        total = len(tasks)
        self.client.subscribe_topic(TOPIC, self._heard)
        try:
            while waiting or under_way:
                while waiting and len(under_way) < AHEAD * self.workers:
                    task = waiting.popleft()
                    under_way[self._send(task)] = task
                for future in self._ended(list(under_way)):
                    task = under_way.pop(future)
                    outcome = self._outcome(future, task)
                    if outcome is None:
                        waiting.appendleft(task)
                    else:
                        self._take(outcome, task, total)
        finally:
            if under_way:
                self.client.cancel(list(under_way))
            self.client.unsubscribe_topic(TOPIC)

    def _send(self, task: Task) -> Future[Any]:
        movie = task.entry.movie
        if movie not in self._sent:
            unmark(self.place, movie)  # of an earlier run that was killed
        self._sent[movie] = self._sent.get(movie, 0) + 1
        key = f"movie-{movie}-{task.run[:8]}-{self._sent[movie]}"
        return self.client.submit(self.work or on_worker, task, key=key, pure=False, retries=0)

    def _ended(self, futures: list[Any]) -> list[Any]:
        """Those that have ended, within a short time."""
        from distributed import wait

        try:
            found = list(wait(futures, timeout=TICK_S, return_when="FIRST_COMPLETED").done)
        except TimeoutError:
            found = []
        there = self.workers if found else len(self.client.nthreads())
        now = time.monotonic()
        self._seen = now if there else self._seen
        if self.patience_s is not None and now - self._seen > self.patience_s:
            raise TryAgainError(f"no worker has been there for {self.patience_s:.0f} s; run the same command again")
        self.watch.tick(there)
        return found

    def _outcome(self, future: Future[Any], task: Task) -> Outcome | None:
        """What became of a task; None if it must be sent again."""
        from distributed import KilledWorker

        if future.status == "finished":
            found: Outcome = future.result()
            return found
        movie, error = task.entry.movie, None if future.status == "cancelled" else future.exception()
        if future.status in ("cancelled", "lost") or isinstance(error, KilledWorker):
            mark = read_mark(self.place, movie)
            guilty = mark is not None and mark.starts > self.allowed_failures
            if not guilty and self._sent[movie] <= SEND_AGAIN:
                return None
            return Outcome(movie, "aside", _killed(mark), worker="" if mark is None else mark.host)
        return Outcome(movie, "failed", f"unforeseen {type(error).__name__}: {' '.join(str(error).split())[:300]}")

    def _take(self, outcome: Outcome, task: Task, total: int) -> None:
        if outcome.status == "again":
            raise TryAgainError(outcome.reason)
        self._done += 1
        movie = outcome.movie
        if outcome.status in ("done", "kept"):
            if self._items[movie].state in ("failed", "aside"):
                self.place.remove(f"{FAILED}/{movie}.json")
                self.place.remove(f"{LOGS}/{movie}.log")
        else:
            self.failed[movie] = outcome
            self._keep(outcome, task)
        self.watch.finished(outcome, self._done, total)

    def _keep(self, outcome: Outcome, task: Task) -> None:
        """Write a failure down, and take the movie out of the dataset: what is there was made from something else."""
        movie, aside = outcome.movie, outcome.status == "aside"
        mark = read_mark(self.place, movie)
        when = datetime.now(UTC).isoformat(timespec="seconds")
        attempts = max(mark.starts if mark else 1, 1)
        record = Failure(movie, outcome.reason, task.entry.source, task.code, attempts, aside, when)
        self.place.write(f"{FAILED}/{movie}.json", json.dumps(asdict(record), indent=2).encode("utf-8", "backslashreplace"))
        if aside:
            self.place.write(f"{LOGS}/{movie}.log", f"{when} {outcome.reason}\n".encode("utf-8", "backslashreplace"))
        unmark(self.place, movie)
        stamp = self._items[movie].stamp
        for condition in {task.entry.condition, *([stamp.design.get("condition", "all")] if stamp else [])}:
            withdraw(self.place, movie, condition)

    def _heard(self, event: Any) -> None:
        said = event[1]
        self.watch.stage(said["movie"], said["what"], said["done"], said["total"])


def on_worker(task: Task) -> Outcome:
    """`do` on a worker of Dask, telling the driver of its progress about once a second."""
    from distributed import get_worker

    worker, last = get_worker(), 0.0

    def tell(what: str, done: int, total: int) -> None:
        nonlocal last
        if time.monotonic() - last >= 1.0:
            last = time.monotonic()
            worker.log_event(TOPIC, {"movie": task.entry.movie, "what": what, "done": done, "total": total})

    return do(task, tell)


def _killed(mark: Mark | None) -> str:
    if mark is None:
        return "its worker was lost before it began, several times; see the logs of the workers"
    where = f"{mark.starts} times, last on {mark.host} (process {mark.pid})"
    if mark.memory_gb:
        used = f"its worker had {mark.memory_gb:.2f} GB of {mark.limit_gb:.2f} GB and was ended"
        return f"out of memory: {used}, {where}; give workers more with --memory-gb or the profile"
    return f"its worker died {where}: a crash in a library or an end from outside"
