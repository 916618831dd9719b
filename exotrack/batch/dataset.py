"""The tables of all movies as one dataset: dataset/TABLE/condition=.../movie=.../part-0.parquet, which pandas, DuckDB and R open.

The parts are the movies' own files under another name, not copies, where the disk can do that.
"""

from __future__ import annotations

from collections.abc import Sequence

from exotrack.batch.names import partition
from exotrack.batch.stamp import DATASET, MOVIES, Stamp
from exotrack.batch.store import Store
from exotrack.batch.study import Entry
from exotrack.tables import ALL

PART = "part-0.parquet"
TABLES = tuple(table.name for table in ALL)


def publish(place: Store, entry: Entry) -> None:
    """Put the tables of a movie into the dataset. That of the last table is there only if all are."""
    place.remove(f"{_folder(TABLES[-1], entry.condition, entry.movie)}/{PART}")
    for table in TABLES:
        folder = _folder(table, entry.condition, entry.movie)
        for left in place.names(folder):
            if left != PART:  # of a run that was killed
                place.remove(f"{folder}/{left}")
        place.same(f"{MOVIES}/{entry.movie}/{table}.parquet", f"{folder}/{PART}")


def withdraw(place: Store, movie: str, condition: str) -> None:
    """Take a movie out of the dataset; its own folder stays."""
    for table in reversed(TABLES):
        place.remove(_folder(table, condition, movie))


def published(place: Store, entry: Entry, stamp: Stamp) -> bool:
    """Whether the dataset holds the tables of a movie that is done."""
    sizes = place.sizes(_folder(TABLES[-1], entry.condition, entry.movie))
    return sizes.get(PART) == stamp.files.get(f"{TABLES[-1]}.parquet")


def clear(place: Store, entries: Sequence[Entry]) -> int:
    """Take out what belongs to no movie of the study any more; returns how many movies that were."""
    wanted = {(partition("condition", entry.condition), partition("movie", entry.movie)) for entry in entries}
    gone: set[tuple[str, str]] = set()
    for table in TABLES:
        for condition in place.names(f"{DATASET}/{table}"):
            found = {(condition, movie) for movie in place.names(f"{DATASET}/{table}/{condition}")}
            for one, movie in found - wanted:
                place.remove(f"{DATASET}/{table}/{one}/{movie}")
            gone |= found - wanted
            if not found & wanted:
                place.remove(f"{DATASET}/{table}/{condition}")
    return len(gone)


def _folder(table: str, condition: str, movie: str) -> str:
    return f"{DATASET}/{table}/{partition('condition', condition)}/{partition('movie', movie)}"
