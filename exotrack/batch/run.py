"""A study from files to one results folder, starting where the last run stopped."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from exotrack._blocks import default_workers
from exotrack.batch import dataset
from exotrack.batch.cluster import Wanted, connected
from exotrack.batch.drive import PATIENCE_S, Drive, Watch
from exotrack.batch.lock import Lock, Shard, locked
from exotrack.batch.marker import unmark
from exotrack.batch.places import is_url
from exotrack.batch.plan import Item, plan
from exotrack.batch.record import write_movies, write_study
from exotrack.batch.stamp import FAILED, LOGS, MOVIES, RUNNING, code_version
from exotrack.batch.store import STAMP, LocalStore, Store, store
from exotrack.batch.study import Entry, Study
from exotrack.batch.work import Task

if TYPE_CHECKING:
    from distributed import Client

HUGE = 4_000_000_000
"""Bytes of a file from which its blocks are spread over all workers: on one it would hold up the rest of the study."""
PARTS = ".parts"
LEFT_BEHIND = (".tmp", ".old")


@dataclass(frozen=True)
class Ran:
    """What a run did. items : the plan as it stands at the end, of the whole study. done : movies analysed now."""

    place: Store
    items: tuple[Item, ...]
    done: int
    failed: dict[str, str]

    @property
    def counts(self) -> Counter[str]:
        """Movies of the whole study by state."""
        return Counter(item.state for item in self.items)


class Watcher(Watch, Protocol):
    """Told, besides the progress, what was planned and where the live view is."""

    def planned(self, items: Sequence[Item]) -> None:
        """The plan, before any work."""

    def started(self, client: Client, workers: int) -> None:
        """The workers are being started."""

    def note(self, text: str) -> None:
        """Something the user should know."""


@dataclass(frozen=True)
class How:
    """How a study is run: nothing here changes a table. again : try movies that were set aside. performance : file to write."""

    shard: Shard = Shard()
    again: bool = False
    performance: Path | None = None
    huge_bytes: int = HUGE
    command: str = ""


def run_study(study: Study, out: str | Path, wanted: Wanted, how: How, watch: Watcher) -> Ran:
    """Analyse what is not done yet, each movie into its folder below `out` and into the dataset.

    Raises `TryAgainError` if another run holds the folder, the disk is full, or workers have another version of exotrack.
    """
    place = store(out)
    with locked(place, how.shard) as lock:
        _swept(place, lock, how.shard, watch)
        write_study(place, study)
        items = plan(study, place, how.shard, how.again)
        watch.planned(items)
        todo = [item for item in items if item.to_do]
        _settle(study, place, items)
        drive = None
        try:
            if todo:
                drive = _driven(place, todo, wanted, how, lock, watch)
            every = plan(study, place)
            write_movies(place, study, every, str(how.shard))
        finally:
            _tidied(place, how.shard, todo)
    failed = {} if drive is None else {name: outcome.reason for name, outcome in drive.failed.items()}
    return Ran(place, tuple(every), 0 if drive is None else drive.done, failed)


def _driven(place: Store, todo: Sequence[Item], wanted: Wanted, how: How, lock: Lock, watch: Watcher) -> Drive:
    logs = place.root / LOGS / "jobs" if isinstance(place, LocalStore) else None
    if wanted.where == "local" and not any(_huge(item.entry, how) for item in todo):
        wanted = replace(wanted, workers=min(wanted.workers or default_workers(), len(todo)))
    with connected(wanted, logs) as (client, workers), _reported(how.performance):
        watch.started(client, workers)
        patience_s = None if wanted.where == "slurm" else PATIENCE_S
        drive = Drive(client, place, watch, workers, wanted.allowed_failures, patience_s=patience_s)
        drive.run(todo, [_task(item, place, how, lock, workers) for item in todo])
    return drive


def _task(item: Item, place: Store, how: How, lock: Lock, workers: int) -> Task:
    entry = item.entry
    return Task(
        entry, place.where, str(how.shard), code_version(), lock.name, lock.run, how.command,
        compare=item.state == "touched", spread=workers if _huge(entry, how) else 0,
    )  # fmt: skip


def _huge(entry: Entry, how: How) -> bool:
    return not is_url(entry.source) and _bytes(entry) >= how.huge_bytes


def _bytes(entry: Entry) -> int:
    path = Path(entry.source)
    try:
        return sum(file.stat().st_size for file in path.rglob("*")) if path.is_dir() else path.stat().st_size
    except OSError:
        return 0


def _settle(study: Study, place: Store, items: Sequence[Item]) -> None:
    """Bring the dataset in line with the movies that are done: those of another condition now, those whose run was killed."""
    dataset.clear(place, study.movies)
    names = {entry.movie for entry in study.movies}
    for left in {name.removesuffix(".json") for name in place.names(FAILED)} - names:
        place.remove(f"{FAILED}/{left}.json")
        place.remove(f"{LOGS}/{left}.log")
    for item in items:
        stamp = item.stamp
        if item.state != "done" or stamp is None:
            continue
        if dict(item.entry.design) != stamp.design:
            renewed = replace(stamp, design=dict(item.entry.design))
            place.write(f"{MOVIES}/{item.entry.movie}/{STAMP}", renewed.to_json())
        if not dataset.published(place, item.entry, stamp):
            dataset.publish(place, item.entry)


def _swept(place: Store, lock: Lock, shard: Shard, watch: Watcher) -> None:
    """Remove what runs that were killed had in preparation."""
    whole = shard.count == 1
    place.remove(PARTS if whole else f"{PARTS}/{shard}")
    if lock.after:
        watch.note(f"an earlier run was killed ({'; '.join(lock.after)}); going on from there")
    if lock.after and whole and isinstance(place, LocalStore):
        for left in place.root.rglob(".*"):
            if left.suffix in LEFT_BEHIND and left.is_file():
                left.unlink(missing_ok=True)


def _tidied(place: Store, shard: Shard, todo: Sequence[Item]) -> None:
    """Remove what workers that were ended had in preparation, and their marks."""
    place.remove(f"{PARTS}/{shard}")
    if place.names(RUNNING):
        for item in todo:
            unmark(place, item.entry.movie)
    if not isinstance(place, LocalStore):
        return
    for name in (PARTS, RUNNING, FAILED, LOGS):
        with suppress(OSError):  # it holds something, or is not there
            (place.root / name).rmdir()


@contextmanager
def _reported(path: Path | None) -> Iterator[Any]:
    """Dask's own performance report, if one is wished."""
    from distributed import performance_report

    with nullcontext() if path is None else performance_report(filename=str(path)):
        yield
