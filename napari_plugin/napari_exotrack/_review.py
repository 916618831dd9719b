"""A review of the calls of one results folder: who says what of each event, undone and redone at will; no Qt.

Nothing here changes the results. Decisions live in the `Journal`; what follows from them is a table of events in which the
calls that a person changed are marked ``edited``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from exotrack.errors import InputError
from exotrack.tables import EVENT_KINDS, Events
from napari_exotrack._agreement import Kappa, agreement
from napari_exotrack._journal import NO_EVENT, Entry, Journal, fingerprint, now, place_of
from napari_exotrack._missed import with_missed

if TYPE_CHECKING:
    import pandas as pd

AUTOMATIC = "automatic"
"""The rater that the analysis is in `Review.compare`."""


class Review:
    """What `rater` decided on `events`, kept in a journal as it happens.

    Parameters
    ----------
    events : the Events table as the analysis left it; it stays so, as ``found``. ``events`` has those that were added, too.
    journal : file of the journal, made with the first decision; read if it is there.
    rater : name under which decisions are kept.

    Raises `InputError` if the journal cannot be read. ``changed`` is called with the number of each event whose decision
    changes, ``remade`` after events came or went.
    """

    def __init__(self, events: pd.DataFrame, journal: Path, rater: str) -> None:
        self.found = self.events = events.reset_index(drop=True)
        self.journal = Journal(journal, fingerprint(self.found))
        self.blind = False
        self.changed: list[Callable[[int], None]] = []
        self.remade: list[Callable[[], None]] = []
        self._row = {int(event): row for row, event in enumerate(self.found["event_id"])}
        self._call = dict(zip(self._row, self.found["kind"].astype(str), strict=True))
        self.rater = ""
        self.decisions: dict[int, str] = {}
        self.be(rater)

    @classmethod
    def of_folder(cls, folder: Path, events: pd.DataFrame, rater: str) -> Review:
        """The review of a results folder, resumed where it was left."""
        return cls(events, place_of(folder), rater)

    def be(self, rater: str) -> None:
        """Decide as `rater` from now on, on top of what that person decided before."""
        name = rater.strip()
        if not name or name == AUTOMATIC:
            raise InputError(f"a rater needs a name, and {AUTOMATIC!r} is the analysis; found {rater!r}")
        self.rater = name
        self.added = {entry.event_id: entry for entry in self.journal.entries if entry.who == name and entry.what == "add"}
        self.decisions, self._done, self._undone = self._replayed(name)
        self._remake()

    def keep_at(self, journal: Path) -> None:
        """Keep the journal at another place from now on, with everything so far."""
        self.journal = self.journal.moved(journal)

    def call(self, event_id: int) -> str:
        """What the analysis called an event, "" for one that was added; `InputError` if there is no such event."""
        if event_id not in self._call:
            if event_id in self.added:
                return ""
            raise InputError(f"there is no event {event_id} in these results")
        return self._call[event_id]

    def answer(self, event_id: int) -> str:
        """What the rater says of an event, or what it was called where nothing is said yet."""
        return self.decisions.get(event_id) or self.call(event_id)

    def accept(self, event_id: int) -> None:
        """The call is right. In blind mode nobody saw the call, so that it cannot be accepted (`InputError`)."""
        if event_id in self.added:
            return  # who added it said so already
        if self.blind:
            raise InputError("in blind mode the call is hidden: say what it is, or that it is no event")
        self._decide("accept", event_id, self.call(event_id))

    def reject(self, event_id: int) -> None:
        """Nothing happened here."""
        self._decide("reject", event_id, NO_EVENT)

    def change(self, event_id: int, kind: str) -> None:
        """It is a `kind`; `InputError` if there is no such kind."""
        if kind not in EVENT_KINDS:
            raise InputError(f"{kind!r} is no kind of event; known are {', '.join(EVENT_KINDS)}")
        self._decide("change", event_id, kind)

    def add(self, kind: str, seen: Mapping[str, Any]) -> int:
        """The analysis missed a `kind`; its new number, which no rater has used. seen : what `_missed.seen_at` gives."""
        if kind not in EVENT_KINDS:
            raise InputError(f"{kind!r} is no kind of event; known are {', '.join(EVENT_KINDS)}")
        number = 1 + max([0, *self._row, *(entry.event_id for entry in self.journal.entries)])
        entry = Entry(self.rater, now(), "add", number, "", kind, self.blind, **seen)
        self.journal.write(entry)
        self.added[number] = entry
        self._done.append(entry)
        self._undone.clear()
        return self._set(number, kind)

    def missed(self, rater: str) -> int:
        """How many events a rater added and did not take back."""
        last = {entry.event_id: entry.now for entry in self.journal.entries if entry.who == rater}
        return sum(event not in self._row and said not in ("", NO_EVENT) for event, said in last.items())

    def undo(self) -> int | None:
        """Take the last decision back, also one of an earlier session; its event, or None if nothing is left to undo."""
        if not self._done:
            return None
        entry = self._done[-1]
        self._write("undo", entry.event_id, entry.now, entry.was)
        self._undone.append(self._done.pop())
        return self._set(entry.event_id, entry.was)

    def redo(self) -> int | None:
        """Decide again what was undone last; its event, or None if nothing was."""
        if not self._undone:
            return None
        entry = self._undone[-1]
        self._write("redo", entry.event_id, entry.was, entry.now)
        self._done.append(self._undone.pop())
        return self._set(entry.event_id, entry.now)

    @property
    def steps(self) -> tuple[int, int]:
        """How many decisions can be undone and redone."""
        return len(self._done), len(self._undone)

    def progress(self) -> Counter[str]:
        """Number of events accepted, changed, rejected, added and not yet reviewed (``left``)."""
        there = (event for event, said in self.decisions.items() if event in self._row or said not in ("", NO_EVENT))
        found = Counter(self.state(event) for event in there)
        found["left"] = len(self.events) - found.total()
        return found

    def state(self, event_id: int) -> str:
        """accepted, changed, rejected, added, or left (not reviewed)."""
        said = self.decisions.get(event_id, "")
        if event_id in self.added and said not in ("", NO_EVENT):
            return "added"
        if not said:
            return "left"
        if said == NO_EVENT:
            return "rejected"
        return "accepted" if said == self.call(event_id) else "changed"

    def compare(self, one: str, other: str) -> list[Kappa]:
        """Agreement of two raters, of whom one may be `AUTOMATIC`, on the events that both judged."""
        return agreement(self.answers(one), self.answers(other))

    def answers(self, rater: str) -> dict[int, str]:
        """What a rater said of each event that was found and that he or she judged; `AUTOMATIC` said something of all."""
        if rater == AUTOMATIC:
            return dict(self._call)
        said = self.decisions if rater == self.rater else self._replayed(rater)[0]
        return {event: answer for event, answer in said.items() if event in self._row}

    def raters(self) -> list[str]:
        """Everybody in the journal, and who is reviewing now."""
        return list(dict.fromkeys([*self.journal.raters(), self.rater]))

    def judged_blind(self, rater: str) -> int:
        """How many events have their last decision of `rater` from blind mode."""
        last = {entry.event_id: entry.blind for entry in self.journal.entries if entry.who == rater}
        return sum(last[event] for event in self.answers(rater) if event in last)

    def reviewed(self, unreviewed: bool = True) -> pd.DataFrame:
        """The Events table as the rater leaves it: rejected events gone, missed ones added, changed kinds in place; the latter
        two marked ``edited``.

        unreviewed : keep events that nobody judged, as they were called.

        A changed call is certain, so that its probabilities become 1 and 0; its measures stay what they were.
        """
        events = self.events.copy()
        ids = events["event_id"].to_numpy()
        said = np.array([self.decisions.get(int(event), "") for event in ids], object)
        changed = np.array([self.state(int(event)) == "changed" for event in ids], bool)
        events.loc[changed, "kind"] = said[changed]
        events["edited"] = events["edited"].to_numpy(bool) | changed
        events.loc[changed, "confident"] = True
        for column, kind in (("p_full_fusion", "full_fusion"), ("p_kiss_and_run", "kiss_and_run")):
            events.loc[changed, column] = (said[changed] == kind).astype(float)
        fusion = np.isin(said[changed].astype(str), ("full_fusion", "kiss_and_run"))
        events.loc[changed, "p_other"] = 1.0 - fusion.astype(float)
        kept = (said != NO_EVENT) & (unreviewed | (said != ""))
        return Events.build(events[kept].reset_index(drop=True))

    def _decide(self, what: str, event_id: int, answer: str) -> None:
        was = self.decisions.get(event_id, "")
        self.call(event_id)
        if was == answer:
            return
        self._done.append(self._write(what, event_id, was, answer))
        self._undone.clear()
        self._set(event_id, answer)

    def _write(self, what: str, event_id: int, was: str, answer: str) -> Entry:
        row = self.added[event_id] if event_id in self.added else self.found.iloc[self._row[event_id]]
        place = int(row.frame), float(row.y_um), float(row.x_um)
        entry = Entry(self.rater, now(), what, event_id, was, answer, self.blind, *place)
        self.journal.write(entry)
        return entry

    def _set(self, event_id: int, answer: str) -> int:
        if answer:
            self.decisions[event_id] = answer
        else:
            self.decisions.pop(event_id, None)
        if event_id in self.added:
            self._remake()
        else:
            for hear in self.changed:
                hear(event_id)
        return event_id

    def _remake(self) -> None:
        """The table anew, with the events that were added and are still there."""
        now = ((entry, self.decisions.get(event, "")) for event, entry in self.added.items())
        there = [(entry, said) for entry, said in now if said not in ("", NO_EVENT)]
        self.events = with_missed(self.found, there)
        for hear in self.remade:
            hear()

    def _replayed(self, rater: str) -> tuple[dict[int, str], list[Entry], list[Entry]]:
        """Decisions, what can be undone and what can be redone, as the journal tells them."""
        decisions: dict[int, str] = {}
        done: list[Entry] = []
        undone: list[Entry] = []
        own: set[int] = set()
        for entry in self.journal.entries:
            if entry.who == rater and entry.what == "add":
                own.add(entry.event_id)
            if entry.who != rater or (entry.event_id not in self._row and entry.event_id not in own):
                continue
            if entry.what == "undo":
                undone += [done.pop()] if done else []
            elif entry.what == "redo":
                done += [undone.pop()] if undone else []
            else:
                done.append(entry)
                undone.clear()
            decisions[entry.event_id] = entry.now
        return {event: said for event, said in decisions.items() if said}, done, undone
