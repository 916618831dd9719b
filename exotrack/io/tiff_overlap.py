"""Pixels of a TIFF that lie where other pixels or a table lie: the only trace that a damaged offset leaves."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from exotrack.errors import InputError

_MOST = 5_000_000
"""Strips looked at; a movie of more is not checked, since the tables alone would fill memory."""


@dataclass(eq=False)
class Ranges:
    """Bytes of the file in use: strips and tiles of pixels with their page, and tables. All as start and length."""

    pixels: list[tuple[int, list[int], list[int]]] = field(default_factory=list)
    tables: list[tuple[int, int]] = field(default_factory=list)
    strips: int = 0

    def add_pixels(self, page: int, starts: list[int], lengths: list[int]) -> None:
        """Strips of one page."""
        self.strips += len(starts)
        if self.strips <= _MOST:
            self.pixels.append((page, starts, lengths))

    def refuse_overlap(self, name: str) -> None:
        """Raise `InputError` if pixels overlap other pixels, other than being the very same, or a table."""
        if self.strips > _MOST or not self.pixels:
            return
        page = np.repeat([each[0] for each in self.pixels], [len(each[1]) for each in self.pixels])
        start, length = (np.concatenate([np.asarray(each[k], np.int64) for each in self.pixels]) for k in (1, 2))
        order = np.lexsort((length, start))
        order = order[(start[order] > 0) & (length[order] > 0)]
        page, start, stop = page[order], start[order], (start + length)[order]
        same = (start[1:] == start[:-1]) & (stop[1:] == stop[:-1])
        wrong = np.flatnonzero((start[1:] < stop[:-1]) & ~same)
        if len(wrong):
            raise _damaged(name, f"pages {page[wrong[0]]} and {page[wrong[0] + 1]} overlap")
        hit = self._in_tables(start, stop)
        if len(hit):
            raise _damaged(name, f"page {page[hit[0]]} overlap a table of the file")

    def _in_tables(self, start: NDArray[np.int64], stop: NDArray[np.int64]) -> NDArray[np.int64]:
        """Which strips (sorted by start) share bytes with a table."""
        if not len(start):
            return start
        tables = np.array(self.tables, np.int64).reshape(-1, 2)
        begin, end = tables[:, 0], tables.sum(axis=1)
        # the last strip that starts before a table ends is the only one that can reach into it, unless it starts inside
        before = np.searchsorted(start, end, side="left") - 1
        reaches = (before >= 0) & (stop[before] > begin)
        return np.asarray(before[reaches], np.int64)


def _damaged(name: str, what: str) -> InputError:
    return InputError(f"{name}: the pixels of {what}; the file is damaged, copy it again")
