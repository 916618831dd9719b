"""What a study folder looks like from outside: done, running, failed, stale, and whether a run is at work."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from exotrack.batch.lock import Held, held
from exotrack.batch.marker import Mark, read_mark
from exotrack.batch.plan import Item, plan
from exotrack.batch.record import stored_study
from exotrack.batch.stamp import RUNNING
from exotrack.batch.store import Store


@dataclass(frozen=True)
class Status:
    """items : every movie of the study. running : marks by movie. runs : those that hold the folder."""

    study: str
    items: tuple[Item, ...]
    running: dict[str, Mark]
    runs: tuple[Held, ...]

    @property
    def counts(self) -> dict[str, int]:
        """Movies by state; one that is being worked on counts as running."""
        states = ["running" if item.entry.movie in self.running else item.state for item in self.items]
        return {state: states.count(state) for state in dict.fromkeys((*sorted(states),))}

    def plain(self) -> dict[str, Any]:
        """The same for programs."""
        return {
            "study": self.study,
            "counts": self.counts,
            "runs": [str(run) for run in self.runs],
            "running": {name: {"host": mark.host, "pid": mark.pid, "since": mark.since} for name, mark in self.running.items()},
            "movies": {item.entry.movie: {"state": item.state, "reason": item.reason} for item in self.items},
        }


def status(place: Store) -> Status:
    """Look at a study folder without changing it. Raises `InputError` if it is none."""
    study = stored_study(place)
    runs = tuple(lock for lock in held(place) if lock.alive)
    names = [name.removesuffix(".json") for name in place.names(RUNNING) if name.endswith(".json")] if runs else []
    marks = {name: read_mark(place, name) for name in names}
    return Status(study.name, tuple(plan(study, place)), {name: mark for name, mark in marks.items() if mark}, runs)
