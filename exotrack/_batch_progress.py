"""How far a study has come: a line for each movie on stdout, what is under way on stderr, bars on a terminal."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer

from exotrack import _terminal
from exotrack.tables import EVENT_KINDS

if TYPE_CHECKING:
    from distributed import Client

    from exotrack.batch.plan import Item
    from exotrack.batch.work import Outcome

EVERY_S = 60.0
"""Time between two lines on what is under way, where there is no terminal."""
SHOWN = 8
"""Movies named in such a line."""


class Progress:
    """Told by a run of a study; see `exotrack.batch.run.Watcher`."""

    def __init__(self, dashboard: bool = False) -> None:
        self._dashboard = dashboard
        self._begun = self._said = time.monotonic()
        self._left, self._gone, self._total = 0.0, 0.0, 0
        self._sizes: dict[str, float] = {}
        self._under_way: dict[str, str] = {}
        self._bars = _terminal.Bars()

    def close(self) -> None:
        """Take the bars away."""
        self._bars.__exit__()

    def note(self, text: str) -> None:
        """Something the user should know."""
        _terminal.complain(text, "note")

    def planned(self, items: Sequence[Item]) -> None:
        """The plan, before any work."""
        from exotrack.batch.plan import counted

        todo = [item for item in items if item.to_do]
        self._sizes = weights([item.entry.source for item in todo], [item.entry.movie for item in todo])
        self._left, self._total = sum(self._sizes.values()), len(todo)
        typer.echo(f"{len(items)} movies: {counted(items)}")
        for item in items:
            if item.reason and item.state in ("stale", "touched", "aside"):
                typer.echo(f"  {shown(item.entry.movie)}: {item.state}: {shown(item.reason)}")

    def started(self, client: Client, workers: int) -> None:
        """The workers are being started."""
        self._begun = self._said = time.monotonic()
        link = f"; live view at {client.dashboard_link}" if self._dashboard else ""
        self.note(f"{workers} workers{link}")

    def finished(self, outcome: Outcome, done: int, total: int) -> None:
        """A movie is done, kept or failed."""
        size = self._sizes.pop(outcome.movie, 0.0)
        self._left, self._gone = self._left - size, self._gone + size
        self._under_way.pop(outcome.movie, None)
        took = f"({outcome.wall_s:.1f} s)"
        if outcome.status == "done" and outcome.counts is not None:
            counts = outcome.counts
            found = ", ".join(f"{counts[f'n_{kind}']:.0f} {kind.replace('_', ' ')}" for kind in EVENT_KINDS)
            typer.echo(f"{done}/{total} {shown(outcome.movie)}: {found} {took}{self._remaining()}")
        elif outcome.status == "kept":
            typer.echo(f"{done}/{total} {shown(outcome.movie)}: {outcome.reason}, kept {took}")
        else:
            word = "set aside: " if outcome.status == "aside" else ""
            _terminal.complain(f"{outcome.movie}: {word}{outcome.reason}")
        sys.stdout.flush()
        self._bars("movies", done, total)

    def stage(self, movie: str, what: str, done: int, total: int) -> None:
        """A movie has come so far."""
        if movie in self._sizes:
            self._under_way[movie] = f"{what} {done}/{total}"

    def tick(self, workers: int) -> None:
        """Some time has passed."""
        now = time.monotonic()
        self._bars("movies", self._total - len(self._sizes), self._total)
        if now - self._said < EVERY_S or sys.stderr.isatty():
            return
        self._said = now
        if workers == 0:
            self.note("waiting for workers: none has come yet")
            return
        named = ", ".join(f"{shown(movie)} {stage}" for movie, stage in list(self._under_way.items())[:SHOWN])
        done = self._total - len(self._sizes)
        self.note(f"{done} of {self._total} movies{self._remaining()}{': ' + named if named else ''}")

    def _remaining(self) -> str:
        spent = time.monotonic() - self._begun
        if not self._gone or self._left <= 0 or spent < 1.0:
            return ""
        return f", about {span(spent / self._gone * self._left)} left"


def weights(sources: Sequence[str], names: Sequence[str]) -> dict[str, float]:
    """How much work each movie is, by the bytes of its file; all alike where that is not known of each."""
    import os

    sizes = {}
    for source, name in zip(sources, names, strict=True):
        try:
            sizes[name] = float(os.stat(source).st_size)
        except OSError:
            return dict.fromkeys(names, 1.0)
        if os.path.isdir(source):
            return dict.fromkeys(names, 1.0)
    return {name: size or 1.0 for name, size in sizes.items()}


def span(seconds: float) -> str:
    """A time to wait, for people: ``50 s``, ``4 min``, ``2.5 h``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def shown(text: str) -> str:
    """Text in one line of a terminal."""
    return " ".join("".join(mark if mark.isprintable() else "?" for mark in text).split())
