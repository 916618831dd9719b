"""A window of movies on the workers, until all are done: nothing is gathered here but a few lines for each.

What became of a movie is told by its worker as a message, not kept as a result on it: a result would be lost with the worker,
and the movie done twice.
"""

from __future__ import annotations

import queue
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol

from exotrack.batch.blame import SUSPECT, alone, forgotten, guilty, kept, suspected, unforeseen
from exotrack.batch.cluster import ALLOWED_FAILURES, mended
from exotrack.batch.marker import read_mark, unmark
from exotrack.batch.plan import Item
from exotrack.batch.store import Store
from exotrack.batch.work import Outcome, Task, Tell, do
from exotrack.errors import TryAgainError

if TYPE_CHECKING:
    from distributed import Client, Future

AHEAD = 3
"""Movies under way for each worker: enough that none waits, few enough that memory stays flat for 10,000 movies."""
TICK_S = 2.0
LOOK_S = 5.0
"""Time between looks at how many workers there are."""
TOPIC = "exotrack"
GROWN = "worker-restart-memory"
"""What Dask calls the end of a worker that grew beyond its memory."""
PATIENCE_S = 300.0
"""Without any worker for so long, a run ends: on a machine that is too busy Dask gives up starting a process anew."""
SEND_AGAIN = 3
"""Times a movie is handed out again after its worker was lost, before it becomes a suspect even if it left no mark."""

Work = Callable[[Task, Tell | None], Outcome]


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
    work: Work = do
    patience_s: float | None = PATIENCE_S
    failed: dict[str, Outcome] = field(default_factory=dict)
    _done: int = 0
    _there: int = 0
    _seen: float = field(default_factory=time.monotonic)
    _looked: float = 0.0
    _sent: dict[str, int] = field(default_factory=dict)
    _items: dict[str, Item] = field(default_factory=dict)
    _waiting: deque[Task] = field(default_factory=deque)
    _suspects: deque[Task] = field(default_factory=deque)
    _keys: set[str] = field(default_factory=set)
    _under_way: dict[str, tuple[Future[Any], Task]] = field(default_factory=dict)
    _grown: dict[int, int] = field(default_factory=dict)
    _news: queue.SimpleQueue[tuple[str, Outcome | None]] = field(default_factory=queue.SimpleQueue)

    @property
    def done(self) -> int:
        """Movies that are done now and did not fail."""
        return self._done - len(self.failed)

    def run(self, items: Sequence[Item], tasks: Sequence[Task]) -> None:
        """Work on `tasks`, which belong to `items`, until all have ended; `TryAgainError` if it cannot go on."""
        self._items = {item.entry.movie: item for item in items}
        self._waiting.extend(replace(task, most_starts=self.allowed_failures + 1) for task in tasks)
        self.client.subscribe_topic(TOPIC, self._heard)
        self.client.subscribe_topic(GROWN, lambda event: self._grown.update({event[1]["pid"]: event[1]["rss"]}))
        try:
            while self._waiting or self._suspects or self._under_way:
                while self._waiting and len(self._under_way) < AHEAD * self.workers:
                    self._send(self._waiting.popleft())
                if not self._under_way:
                    self._send(alone(self._suspects.popleft(), self.place))
                for key, outcome in self._heard_by_now():
                    if key in self._under_way:
                        self._keys.discard(key)
                        self._ended(*self._under_way.pop(key), outcome, len(tasks))
        finally:
            if self._under_way:
                self.client.cancel([future for future, _ in self._under_way.values()])
            for topic in (TOPIC, GROWN):
                self.client.unsubscribe_topic(topic)

    def _send(self, task: Task) -> None:
        movie = task.entry.movie
        if movie not in self._sent:
            unmark(self.place, movie)  # of an earlier run that was killed
        self._sent[movie] = self._sent.get(movie, 0) + 1
        key = f"movie-{movie}-{task.run[:8]}-{self._sent[movie]}"
        self._keys.add(key)  # before anything can be heard of it
        future = self.client.submit(on_worker, task, self.work, key, key=key, pure=False, retries=0)
        self._under_way[key] = future, task
        future.add_done_callback(lambda ended: self._news.put((ended.key, None)))

    def _heard_by_now(self) -> Iterator[tuple[str, Outcome | None]]:
        """What has been heard since the last time, after waiting a short time for it."""
        try:
            yield self._news.get(timeout=TICK_S)
            while True:
                yield self._news.get_nowait()
        except queue.Empty:
            self._look()

    def _look(self) -> None:
        """See that there are workers."""
        now = time.monotonic()
        if now - self._looked >= LOOK_S:
            self._looked, self._there = now, sum(self.client.nthreads().values())
            self._seen = now if self._there else self._seen
            if self._there < self.workers:
                mended(self.client, self.workers)
            if self.patience_s is not None and now - self._seen > self.patience_s:
                raise TryAgainError(f"no worker has been there for {self.patience_s:.0f} s; run the same command again")
        self.watch.tick(self._there)

    def _ended(self, future: Future[Any], task: Task, outcome: Outcome | None, total: int) -> None:
        """A movie has an outcome, or has lost its worker and is sent again, or is a suspect, or found guilty."""
        outcome = outcome or unforeseen(future, task)
        if outcome is not None and outcome.status != SUSPECT:
            self._take(outcome, task, total)
        elif task.alone:
            self._take(guilty(task, self.place, self._grown), task, total)
        elif outcome is None and self._sent[task.entry.movie] <= SEND_AGAIN and not self._worn(task):
            self._waiting.appendleft(task)
        else:
            self._suspects.append(task)

    def _worn(self, task: Task) -> bool:
        """Whether a movie was begun as often as it may be."""
        mark = read_mark(self.place, task.entry.movie)
        return mark is not None and mark.starts >= task.most_starts

    def _take(self, outcome: Outcome, task: Task, total: int) -> None:
        if outcome.status == "again":
            raise TryAgainError(outcome.reason)
        self._done += 1
        movie = outcome.movie
        if outcome.status in ("done", "kept"):
            forgotten(self._items[movie], self.place)
        else:
            self.failed[movie] = outcome
            kept(outcome, task, self._items[movie], self.place)
        self.watch.finished(outcome, self._done, total)

    def _heard(self, event: Any) -> None:
        """What a worker says, in the thread of the network; other runs may use the same scheduler."""
        said = event[1]
        if said["key"] not in self._keys:
            return
        if "outcome" in said:
            self._news.put((said["key"], Outcome(**said["outcome"])))
        else:
            self.watch.stage(said["movie"], said["what"], said["done"], said["total"])


def on_worker(task: Task, work: Work, key: str) -> Outcome:
    """`work` on a worker of Dask, telling the driver of its progress about once a second, and of its outcome."""
    from distributed import get_worker

    worker, last = get_worker(), 0.0

    def tell(what: str, done: int, total: int) -> None:
        nonlocal last
        if time.monotonic() - last >= 1.0:
            last = time.monotonic()
            worker.log_event(TOPIC, {"key": key, "movie": task.entry.movie, "what": what, "done": done, "total": total})

    outcome = suspected(task) or work(task, tell)
    worker.log_event(TOPIC, {"key": key, "outcome": asdict(outcome)})
    return outcome
