"""Walk the pages of a TIFF file without decoding a pixel: where each lies, and whether the file still holds it.

Libraries that read TIFF stop quietly at the first broken link of the chain of pages and return what they have; so the
chain is walked here, every page is compared with the first, and every strip's last byte with the size of the file.
Format: TIFF 6.0 (Adobe 1992) and its 64-bit extension BigTIFF.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from exotrack.errors import InputError
from exotrack.io.guard import shown
from exotrack.io.tiff_overlap import Ranges

MAX_PAGES = 500_000
"""Longer chains take minutes to walk; a movie of more frames than this is written as one block (ImageJ) or as OME-Zarr."""
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_CODES = {1: "u1", 3: "u2", 4: "u4", 13: "u4", 16: "u8", 18: "u8"}
_SIGNATURE = {
    256: "width",
    257: "height",
    258: "bits per sample",
    259: "compression",
    277: "samples per pixel",
    284: "planar configuration",
    317: "predictor",
    339: "sample format",
}
_WANTED = {*_SIGNATURE, 254, 266, 273, 279, 324, 325, 32997}
TEXT = 270
LOST_TEXT = -270
"""Key in `Pages.first` that says: the description lies beyond the end of the file."""
_DEFAULTS = {258: 1, 259: 1, 266: 1, 277: 1, 284: 1, 317: 1, 339: 1, 254: 0, 32997: 1}


@dataclass(eq=False)
class Pages:
    """The chain of pages of one file; thumbnails are left out.

    Attributes
    ----------
    size : of the file (bytes). order : byte order, ``<`` or ``>``.
    first : values of the first page's tags by number.
    ifds : where each page's table of tags begins.
    data : where its pixels begin if they lie in one uncompressed piece, else -1.
    whole : whether all its pixels lie inside the file.
    ending : why the walk stopped before the end of the chain, or "".
    lost_next : the link that points outside the file, or 0.
    ranges : bytes in use.
    """

    size: int
    order: str
    first: dict[int, list[int]] = field(default_factory=dict)
    ifds: list[int] = field(default_factory=list)
    data: list[int] = field(default_factory=list)
    whole: list[bool] = field(default_factory=list)
    ending: str = ""
    lost_next: int = 0
    ranges: Ranges = field(default_factory=Ranges)

    def one(self, tag: int) -> int:
        """First value of a tag of the first page, or the standard's default."""
        values = self.first.get(tag)
        return values[0] if values else _DEFAULTS.get(tag, 0)

    @property
    def frame_bytes(self) -> int:
        """Uncompressed bytes of one page."""
        return -(-self.one(256) * self.one(258) * self.one(277) // 8) * self.one(257)

    @property
    def plain(self) -> bool:
        """Pixels of one page are numbers of whole bytes that need no decoding."""
        return (
            self.one(259) == self.one(317) == self.one(266) == self.one(277) == self.one(32997) == 1
            and self.one(258) in (8, 16, 32, 64)
            and 324 not in self.first
        )


@dataclass(frozen=True)
class _Layout:
    """How numbers are written: classic TIFF or BigTIFF, either byte order."""

    order: str
    count: str
    entry: str
    link: str

    @classmethod
    def of(cls, head: bytes, name: str) -> _Layout:
        order = {b"II": "<", b"MM": ">"}.get(head[:2], "")
        version = struct.unpack(order + "H", head[2:4])[0] if order and len(head) >= 4 else 0
        if version == 42 and len(head) >= 8:
            return cls(order, order + "H", order + "HHI4s", order + "I")
        if version == 43 and len(head) >= 16:
            return cls(order, order + "Q", order + "HHQ8s", order + "Q")
        text = "".join(mark if 32 <= ord(mark) < 127 else "." for mark in head[:12].decode("latin-1"))
        raise InputError(f"{name}: not a TIFF file (it begins with {text!r}); export the movie as TIFF or OME-TIFF")


def walk(path: Path) -> Pages:
    """Walk all pages of `path`. Raises `InputError` if it is no TIFF, a page differs from the first, or has no pixels."""
    name = shown(path)
    with open(path, "rb") as file:
        layout = _Layout.of(file.read(16), name)
        pages = Pages(os.fstat(file.fileno()).st_size, layout.order)
        at = 4 if layout.link.endswith("I") else 8
        file.seek(at)
        following = _number(file, layout.link)
        seen: set[int] = set()
        while following:
            if following in seen:
                raise InputError(f"{name}: the pages of the file form a loop after {len(seen)} pages; the file is damaged")
            if len(seen) >= MAX_PAGES:
                raise InputError(f"{name}: more than {MAX_PAGES} pages; save the movie as OME-Zarr or in parts")
            seen.add(following)
            try:
                tags, after = _page(file, layout, following, pages)
            except (struct.error, ValueError, OverflowError) as problem:
                pages.ending, pages.lost_next = _why(problem, following, pages), following
                break
            _append(pages, tags, following, name)
            following = after
    if not pages.ifds:
        raise InputError(f"{name}: {pages.ending or 'the file holds no image'}; the file is damaged, copy it again")
    return pages


def _why(problem: Exception, link: int, pages: Pages) -> str:
    if link >= pages.size - 8:
        return f"the next page should begin at byte {link}, the file ends at byte {pages.size}"
    return f"the table of page {len(pages.ifds)} is damaged or cut short"


def _number(file: BinaryIO, code: str) -> int:
    value: int = struct.unpack(code, file.read(struct.calcsize(code)))[0]
    return value


def _page(file: BinaryIO, layout: _Layout, offset: int, pages: Pages) -> tuple[dict[int, Any], int]:
    """Wanted tags of the page at `offset` and the link to the next one; ValueError or struct.error if it is damaged."""
    size = pages.size
    if offset >= size:
        raise ValueError("beyond the end")
    file.seek(offset)
    count = _number(file, layout.count)
    if not 0 < count <= 4096:
        raise ValueError("impossible number of tags")
    width = struct.calcsize(layout.entry)
    table = file.read(width * count)
    after = _number(file, layout.link)
    pages.ranges.tables.append((offset, struct.calcsize(layout.count) + len(table) + struct.calcsize(layout.link)))
    tags: dict[int, Any] = {}
    for code, kind, length, value in struct.iter_unpack(layout.entry, table):
        need = _SIZES.get(kind, 1) * length
        if need > len(value):
            place = struct.unpack(layout.link, value)[0]
            pages.ranges.tables.append((place, need))
            if code == TEXT and place + need > size:
                tags[LOST_TEXT] = [1]
        if code in _WANTED and kind in _CODES:
            tags[code] = _values(file, layout, kind, length, value, size)
    return tags, after


def _values(file: BinaryIO, layout: _Layout, kind: int, length: int, value: bytes, size: int) -> list[int]:
    need = _SIZES[kind] * length
    if need > len(value):
        offset = struct.unpack(layout.link, value)[0]
        if offset + need > size:
            raise ValueError("tag beyond the end")
        file.seek(offset)
        value = file.read(need)
    found: list[int] = np.frombuffer(value[:need], layout.order + _CODES[kind]).tolist()
    return found


def _append(pages: Pages, tags: dict[int, list[int]], offset: int, name: str) -> None:
    if tags.get(254, [0])[0] & 1 and pages.ifds:
        return  # a thumbnail of another page
    if not pages.ifds:
        pages.first = tags
        if not (pages.one(256) and pages.one(257)):
            raise InputError(f"{name}: the first page has no width or height; the file is damaged, copy it again")
    for code, what in _SIGNATURE.items():
        here = tags.get(code, [_DEFAULTS.get(code, 0)])
        there = pages.first.get(code, [_DEFAULTS.get(code, 0)])
        if here != there:
            raise InputError(
                f"{name}: page {len(pages.ifds)} differs from the first in {what} ({_text(here)}, first {_text(there)}); "
                "a movie has frames of one shape and kind"
            )
    starts = tags.get(324) or tags.get(273) or []
    counts = tags.get(325) or tags.get(279) or ([pages.frame_bytes] if len(starts) == 1 and pages.plain else [])
    page = len(pages.ifds)
    good = len(starts) > 0 and len(starts) == len(counts)
    enough = not pages.plain or not all(counts) or sum(counts) >= pages.frame_bytes
    one_piece = good and pages.plain and _in_one_piece(starts, counts, pages.frame_bytes)
    pages.ifds.append(offset)
    pages.whole.append(good and enough and all(a + b <= pages.size for a, b in zip(starts, counts, strict=True)))
    pages.data.append(starts[0] if one_piece else -1)
    if one_piece:
        pages.ranges.add_pixels(page, starts[:1], [pages.frame_bytes])
    elif good:
        pages.ranges.add_pixels(page, starts, counts)


def _in_one_piece(starts: list[int], counts: list[int], need: int) -> bool:
    if starts[0] <= 0 or sum(counts) < need:
        return False
    return all(a + n == b for a, n, b in zip(starts, counts, starts[1:], strict=False))


def _text(values: list[int]) -> str:
    return " ".join(map(str, values[:4]))
