"""What a worker does with one movie: read, analyse, write the tables and the stamp, and return a few lines."""

from __future__ import annotations

import errno
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from exotrack._blocks import Execution
from exotrack.batch.dataset import publish
from exotrack.batch.lock import holds
from exotrack.batch.marker import Marker
from exotrack.batch.places import is_url
from exotrack.batch.remote import fetch
from exotrack.batch.stamp import LOGS, MOVIES, Stamp, code_version, opening, read_stamp, sha256, traits
from exotrack.batch.store import STAMP, Store, store
from exotrack.batch.study import Entry
from exotrack.errors import ExotrackError, InputError, TryAgainError
from exotrack.tables import EVENT_KINDS

if TYPE_CHECKING:
    from exotrack.pipeline import Result

TRIES = 3
"""Times a movie is read when the disk or the network fails in between."""
PAUSE_S = 1.0
_FULL = (errno.ENOSPC, errno.EDQUOT)
_PASSING = (errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.ECONNRESET, errno.EAGAIN, errno.EBUSY)

Tell = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Task:
    """One movie and where its results go. compare : results are there; redo them only if the content of the input differs.

    work : name of the run's folder for things in preparation. lock, run : that of the run, see `exotrack.batch.lock.holds`.
    code : version of exotrack the study is run with.
    threads : of this worker. spread : workers over which the blocks of this movie are spread, 0 for none.
    most_starts : times it may be begun without an end, 0 for any. alone : nothing else runs meanwhile.
    """

    entry: Entry
    out: str
    work: str
    code: str
    lock: str = ""
    run: str = ""
    command: str = ""
    compare: bool = False
    threads: int = 1
    spread: int = 0
    most_starts: int = 0
    alone: bool = False


@dataclass(frozen=True)
class Outcome:
    """What became of a movie. status : done, kept (the content was the same), failed, again (no fault of the movie)."""

    movie: str
    status: str
    reason: str = ""
    counts: Mapping[str, float] | None = None
    wall_s: float = 0.0
    worker: str = ""


def do(task: Task, tell: Tell | None = None) -> Outcome:
    """Work on one movie; every failure that is the movie's own comes back as an `Outcome`."""
    begun = time.perf_counter()
    try:
        place = store(task.out)
        with Marker(place, task.entry.movie) as marker:
            found = _tried(task, place, tell)
        return replace(found, wall_s=time.perf_counter() - begun, worker=marker.host)
    except TryAgainError as error:
        return Outcome(task.entry.movie, "again", str(error))
    except Exception as error:  # noqa: BLE001 - one bad movie never stops a study; the whole text is in its log
        if behind(error, _FULL):
            return Outcome(
                task.entry.movie, "again", f"{task.out}: the disk is full; free some space and run the same command again"
            )
        return Outcome(task.entry.movie, "failed", _logged(task, error), None, time.perf_counter() - begun)


def _tried(task: Task, place: Store, tell: Tell | None) -> Outcome:
    if task.code != code_version():
        raise TryAgainError(f"a worker has exotrack {code_version()}, the study is run with {task.code}; install one version")
    for left in range(TRIES - 1, -1, -1):
        try:
            return _done(task, place, tell)
        except (OSError, InputError) as error:
            if not left or not behind(error, _PASSING):
                raise
            time.sleep(PAUSE_S)
    raise AssertionError("a loop that ends by a return or an error")


def behind(error: BaseException | None, numbers: tuple[int, ...]) -> bool:
    """Whether an error, or what it came from, is one that the system gave one of these numbers."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in numbers:
            return True
        error = error.__cause__ or error.__context__
    return False


def _done(task: Task, place: Store, tell: Tell | None) -> Outcome:
    from exotrack.io import open_movie, read_mask
    from exotrack.pipeline import analyse

    entry = task.entry
    with place.room(task.work) as room:
        path, mask_path = _here(entry.source, room / "input"), None if entry.mask is None else _here(entry.mask, room / "mask")
        movie = open_movie(path, **entry.opened).with_id(entry.movie)
        before = Before.of(entry, movie, path, mask_path)
        if task.compare and before.matches(place):
            return Outcome(entry.movie, "kept", "the content of the input is the same")
        mask = None if mask_path is None else read_mask(mask_path, movie.shape[1:])
        marker = None if entry.marker_channel is None else open_movie(path, **{**entry.opened, "channel": entry.marker_channel})
        with _spread(task) as run:
            result = analyse(movie, entry.params, mask=mask, marker=marker, run=replace(run, progress=tell))
        result = _noted(result, task, before)
        result.write(room / "out")
        counts = counted(result)
        stamp = before.stamp(result, counts, room / "out")
        (room / "out" / STAMP).write_bytes(stamp.to_json())
        before.check_unchanged()
        if task.run and not holds(place, task.lock, task.run):
            raise TryAgainError(f"{entry.movie}: the run that asked for it has ended")
        place.put(room / "out", f"{MOVIES}/{entry.movie}")
        publish(place, entry)
    return Outcome(entry.movie, "done", counts=counts)


@dataclass(frozen=True)
class Before:
    """What a movie's input was before it was analysed. paths : of its files; here : the same on this machine."""

    entry: Entry
    paths: list[str]
    traits: str
    sha256: str
    mask: str

    @classmethod
    def of(cls, entry: Entry, movie: Any, path: Path, mask: Path | None) -> Before:
        """Look at the files of an opened movie and read them once for their checksum."""
        from exotrack.provenance import input_paths, input_record

        paths = (
            [entry.source]
            if is_url(entry.source)
            else [str(file.absolute()) for file in input_paths(movie.frames)] or [str(path)]
        )
        known = traits(paths)
        record = input_record(movie)
        content = record["sha256"] if isinstance(record, Mapping) else ""
        return cls(entry, paths, known, content, "" if mask is None else sha256(mask))

    def matches(self, place: Store) -> bool:
        """Whether results made from the same content are there; their stamp then learns the new times of the files."""
        old = read_stamp(place, self.entry.movie)
        if old is None or (old.sha256, old.mask) != (self.sha256, self.mask):
            return False
        renewed = replace(old, source=self.entry.source, paths=self._all_paths(), traits=self._all_traits())
        place.write(f"{MOVIES}/{self.entry.movie}/{STAMP}", renewed.to_json())
        return True

    def stamp(self, result: Result, counts: dict[str, float], folder: Path) -> Stamp:
        """The stamp of what was made of it."""
        entry, record = self.entry, result.provenance
        return Stamp(
            movie=entry.movie,
            source=entry.source,
            sha256=self.sha256,
            paths=self._all_paths(),
            traits=self._all_traits(),
            params=entry.params.model_dump(mode="json"),
            opened=opening(entry),
            mask=self.mask,
            code=code_version(),
            design=dict(entry.design),
            files={file.name: file.stat().st_size for file in sorted(folder.iterdir()) if file.name != STAMP},
            wall_s=float(record["wall_s"]),
            counts=counts,
            record={key: record[key] for key in ("movie", "stages_s", "peak_memory_mb", "finished", "versions")},
        )

    def check_unchanged(self) -> None:
        """Refuse results of a movie that was written to meanwhile (`InputError`)."""
        if traits(self.paths) != self.traits:
            raise InputError(f"{self.entry.source}: changed while it was analysed; run again when it is complete")

    def _all_paths(self) -> list[str]:
        return self.paths + ([] if self.entry.mask is None else [self.entry.mask])

    def _all_traits(self) -> str:
        return traits(self._all_paths())


def counted(result: Result) -> dict[str, float]:
    """Events of each kind, frames, tracks and cells, and the area and time in which they were."""
    kinds = result.events["kind"].value_counts()
    found: dict[str, float] = {f"n_{kind}": int(kinds.get(kind, 0)) for kind in EVENT_KINDS}
    cells = result.cells
    return found | {
        "n_frames": len(result.frames),
        "n_tracks": int(result.tracks["track_id"].nunique()),
        "n_cells": len(cells),
        "area_um2": float(cells["area_um2"].sum()),
        "observed_s": float(cells["observed_s"].max()) if len(cells) else 0.0,
    }


def _here(source: str, folder: Path) -> Path:
    """The path itself, or a copy of what a URL names: readers seek in files, and a movie is read several times."""
    if not is_url(source):
        return Path(source)
    folder.mkdir()
    return fetch(source, folder)


def _noted(result: Result, task: Task, before: Before) -> Result:
    entry = task.entry
    opened = {"path": entry.source, **entry.opened} | ({} if entry.mask is None else {"mask": entry.mask})
    second = {} if entry.marker_channel is None else {"marker_channel": entry.marker_channel}
    known = result.provenance["input"]
    known = {**known, "path": before.paths[0]} if isinstance(known, Mapping) else known
    return result.noting(input=known, command=task.command, opened=opened, design=dict(entry.design), **second)


@contextmanager
def _spread(task: Task) -> Iterator[Execution]:
    """How fast: on this worker's threads, or in blocks over the workers of the cluster."""
    if not task.spread or is_url(task.entry.source):
        yield Execution(workers=task.threads)
        return
    from distributed import worker_client

    with worker_client():
        yield Execution(workers=task.spread, spread=True)


def _logged(task: Task, error: BaseException) -> str:
    """One line for the list; the whole traceback goes to the movie's log."""
    text = "".join(traceback.format_exception(error))
    try:
        store(task.out).write(f"{LOGS}/{task.entry.movie}.log", text.encode("utf-8", "backslashreplace"))
    except ExotrackError:
        pass  # the reason itself still reaches the list
    if isinstance(error, ExotrackError):
        return " ".join(str(error).split())
    if isinstance(error, MemoryError):
        return f"out of memory ({' '.join(str(error).split()) or 'MemoryError'}); give workers more with --memory-gb"
    frame = traceback.extract_tb(error.__traceback__)[-1]
    said = " ".join(str(error).split())[:300]
    return f"unforeseen {type(error).__name__}: {said} ({Path(frame.filename).name}, line {frame.lineno})"
