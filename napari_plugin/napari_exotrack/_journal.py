"""The journal of a review: one JSON line for every decision, undo and redo, never rewritten; no Qt.

It lies beside the results folder (``out/cell`` and ``out/cell.review.jsonl``), so that running the analysis again does not
delete what people decided. The first line says of which calls it speaks; a line that a crash cut short is ignored.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from exotrack.errors import InputError, OutputError

if TYPE_CHECKING:
    import pandas as pd

NO_EVENT = "no_event"
"""What a person says where nothing happened."""
SUFFIX = ".review.jsonl"


@dataclass(frozen=True)
class Entry:
    """Who did what to which event, and when.

    what : accept, reject, change, add (an event that the analysis missed), undo or redo. was, now : decision before and after
    (a kind, `NO_EVENT`, or "" for none). blind : the automatic call was hidden. frame, y_um, x_um : where the event is, for
    readers without the tables. What follows is known of added events only.
    """

    who: str
    when: str
    what: str
    event_id: int
    was: str
    now: str
    blind: bool
    frame: int
    y_um: float
    x_um: float
    movie_id: str = ""
    t_s: float = math.nan
    cell_id: int | None = None
    track_id: int | None = None


ADDED_ONLY = ("movie_id", "t_s", "cell_id", "track_id")


def place_of(folder: Path) -> Path:
    """Where the journal of a results folder lies."""
    folder = folder.absolute()
    return folder.with_name(folder.name + SUFFIX)


def fingerprint(events: pd.DataFrame) -> str:
    """What tells the calls of one analysis from those of another: number, kind, frame and place of every event."""
    rows = zip(events["event_id"], events["kind"], events["frame"], events["y_um"], events["x_um"], strict=True)
    text = "\n".join(f"{event},{kind},{frame},{y:.4f},{x:.4f}" for event, kind, frame, y, x in rows)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def now() -> str:
    """The time in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


class Journal:
    """The lines of one journal file. Reading it makes no file; the first decision does.

    Raises `InputError` if the file is there and cannot be read.
    """

    def __init__(self, path: Path, calls: str) -> None:
        self.path, self.calls = path, calls
        self.entries: list[Entry] = []
        self.set_aside: Path | None = None
        head, entries = _read(path) if path.exists() else (None, [])
        if head is not None and head.get("calls") != calls:
            self.set_aside = self._put_aside(str(head.get("calls")))
        else:
            self.entries = entries

    def write(self, entry: Entry) -> None:
        """Append one line and see it safely on the disk; `OutputError` if that fails, and then nothing was decided."""
        lines = [] if self.path.exists() else [json.dumps({"journal": "exotrack review", "version": 1, "calls": self.calls})]
        lines.append(json.dumps(_told(entry)))
        try:
            with self.path.open("a+b") as file:
                # A line that a crash cut short must not swallow this one.
                whole = file.seek(0, os.SEEK_END) == 0 or (file.seek(-1, os.SEEK_END), file.read(1))[1] == b"\n"
                file.write(("" if whole else "\n").encode() + ("\n".join(lines) + "\n").encode())
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise OutputError(
                f"{self.path}: cannot be written ({error.strerror}); nothing was decided, choose another place for the journal"
            ) from None
        self.entries.append(entry)

    def moved(self, path: Path) -> Journal:
        """The same journal kept at `path` from now on, with all lines so far; `OutputError` if that cannot be written."""
        other = Journal(path, self.calls)
        known = set(other.entries)
        for entry in self.entries:
            if entry not in known:
                other.write(entry)
        return other

    def raters(self) -> list[str]:
        """Everybody who decided something, in order of appearance."""
        return list(dict.fromkeys(entry.who for entry in self.entries))

    def _put_aside(self, calls: str) -> Path:
        """Rename a journal of other calls: numbers of events mean nothing across analyses, and nobody's work is deleted."""
        aside = self.path.with_name(self.path.name.removesuffix(SUFFIX) + f".review-{calls[:8]}.jsonl")
        try:
            os.replace(self.path, aside)
        except OSError as error:
            raise OutputError(f"{self.path}: is of another analysis and cannot be renamed ({error.strerror})") from None
        return aside


def _read(path: Path) -> tuple[dict[str, Any] | None, list[Entry]]:
    """The head and the entries."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: the journal cannot be read ({error}); choose another place for it") from None
    found = list(_parsed(lines))
    if not found or found[0].get("journal") != "exotrack review":
        raise InputError(f"{path}: is no journal of a review; choose another place for it")
    return found[0], [entry for line in found[1:] if (entry := _entry(line)) is not None]


def _parsed(lines: list[str]) -> Iterator[dict[str, Any]]:
    for line in lines:
        try:
            value = json.loads(line)
        except ValueError:
            continue  # the process ended in the middle of a line
        if isinstance(value, dict):
            yield value


def _told(entry: Entry) -> dict[str, Any]:
    told = asdict(entry)
    return told if entry.what == "add" else {key: value for key, value in told.items() if key not in ADDED_ONLY}


def _entry(values: dict[str, Any]) -> Entry | None:
    try:
        known = {key: values[key] for key in Entry.__dataclass_fields__ if key not in ADDED_ONLY}
    except KeyError:
        return None
    return Entry(**known, **{key: values[key] for key in ADDED_ONLY if key in values})
