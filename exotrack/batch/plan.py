"""What a run would do: which movies are done, which are not, and why."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from exotrack.batch.lock import Shard
from exotrack.batch.marker import read_mark
from exotrack.batch.stamp import FAILED, MOVIES, Stamp, code_version, read_stamp, traits, why_stale
from exotrack.batch.store import Store
from exotrack.batch.study import Entry, Study
from exotrack.errors import InputError

STATES = ("done", "new", "stale", "touched", "failed", "aside")


@dataclass(frozen=True)
class Failure:
    """A movie that failed the last time. aside : it killed its workers, and is left out until that is asked for."""

    movie: str
    reason: str
    source: str
    code: str
    attempts: int
    aside: bool
    when: str = ""


@dataclass(frozen=True)
class Item:
    """One movie of the plan.

    state : done; new; stale (its results do not hold); touched (files have other times, their content is compared); failed
    (is tried again); aside (is not). stamp : of the results that are there.
    """

    entry: Entry
    state: str
    reason: str = ""
    stamp: Stamp | None = None

    @property
    def to_do(self) -> bool:
        """Whether a run works on it."""
        return self.state not in ("done", "aside")


def plan(study: Study, place: Store, shard: Shard = Shard(), again: bool = False) -> list[Item]:
    """What is to be done with each movie of the shard, in the order of the study.

    again : also try movies that were set aside.
    """
    code = code_version()
    mine = study.movies[shard.index - 1 :: shard.count]
    with_results = set(place.names(MOVIES))
    failures = {name.removesuffix(".json") for name in place.names(FAILED)}
    return [_item(entry, place, code, entry.movie in with_results, entry.movie in failures, again) for entry in mine]


def _item(entry: Entry, place: Store, code: str, results: bool, failed: bool, again: bool) -> Item:
    stamp = read_stamp(place, entry.movie) if results else None
    failure = read_failure(place, entry.movie) if failed else None
    if failure is not None:
        known = failure.aside and failure.code == code and failure.source == entry.source
        return Item(entry, "aside" if known and not again else "failed", failure.reason, stamp)
    if not results:
        mark = read_mark(place, entry.movie)
        return Item(entry, "new", "" if mark is None else f"was begun {mark.starts} times and not ended")
    if stamp is None:
        return Item(entry, "stale", "the results have no stamp that can be read")
    if reason := why_stale(stamp, entry, code, place.sizes(f"{MOVIES}/{entry.movie}")):
        return Item(entry, "stale", reason, stamp)
    return _compared(entry, stamp)


def _compared(entry: Entry, stamp: Stamp) -> Item:
    """Results that hold if the input is what it was."""
    moved = entry.source != stamp.source
    paths = [entry.source, *stamp.paths[1:]] if moved else stamp.paths
    try:
        same = traits(paths) == stamp.traits
    except (OSError, InputError):
        same = False
    if same and not moved:
        return Item(entry, "done", "", stamp)
    return Item(entry, "touched", "moved; its content is compared" if moved else "the files have changed or were copied", stamp)


def read_failure(place: Store, movie: str) -> Failure | None:
    """The record of a failure; None if there is none."""
    try:
        return Failure(**json.loads(place.read(f"{FAILED}/{movie}.json") or b""))
    except (ValueError, TypeError):
        return None


def counted(items: Sequence[Item]) -> str:
    """How many movies are in which state, for people."""
    counts = Counter(item.state for item in items)
    words = {"touched": "touched (content will be compared)", "aside": "set aside", "failed": "failed before"}
    return ", ".join(f"{counts[state]} {words.get(state, state)}" for state in STATES if counts[state]) or "no movies"
