"""TIFF movies: plain stacks, ImageJ hyperstacks, OME-TIFF, MetaMorph STK."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exotrack.errors import InputError
from exotrack.io.axes import colour
from exotrack.io.guard import check_frame_bytes, check_planes, one_error, shown, warnings_are_errors
from exotrack.io.raw import RawFrames
from exotrack.io.stored import Found, Planes, Stored, compact
from exotrack.io.tiff_frames import PageFrames
from exotrack.io.tiff_pages import LOST_TEXT, Pages, walk
from exotrack.movie import FrameSource

_RESOLUTION_UNITS = {2: "inch", 3: "cm"}


@dataclass(frozen=True, eq=False)
class Head:
    """What the first page says: decoded dtype, text, resolution, MetaMorph table."""

    path: Path
    pages: Pages
    dtype: np.dtype[Any]
    description: str
    per_unit: tuple[float | None, float | None]
    resolution_unit: str
    metamorph: dict[str, Any] | None

    @property
    def name(self) -> str:
        """File name for messages."""
        return shown(self.path)


@dataclass(frozen=True, eq=False)
class Where:
    """Every plane's place: file, page table, pixels (-1: not one uncompressed piece), and whether its bytes are there.

    `counted` is False where the file broke off and nothing says how many planes there were.
    """

    paths: tuple[str, ...]
    file: NDArray[np.int64]
    ifds: NDArray[np.int64]
    data: NDArray[np.int64]
    whole: NDArray[np.bool_]
    counted: bool = True


def read_head(path: Path) -> Head:
    """Walk and check the pages of one file and read what its first page says."""
    from tifffile import TiffFile

    pages = walk(path)
    check_frame_bytes(path, pages.one(257), pages.one(256), max(pages.one(258) // 8, 1))
    if pages.one(277) > 1:
        raise colour(shown(path), pages.one(277))
    pages.ranges.refuse_overlap(shown(path))
    lost = LOST_TEXT in pages.first
    if lost and not pages.ending:
        pages.ending = "its description lies beyond the end of the file"
    with one_error(path), warnings_are_errors(path, "tifffile", known=lost), TiffFile(path) as tif:
        page = tif.pages.first
        if pages.one(32997) > 1 or page.dtype is None:
            raise InputError(f"{shown(path)}: pixels of {pages.one(258)} bits in this layout are not read; save as 16-bit TIFF")
        tags = page.tags
        return Head(
            path,
            pages,
            np.dtype(page.dtype),
            str(page.description),
            (_ratio(tags.valueof(282)), _ratio(tags.valueof(283))),
            _RESOLUTION_UNITS.get(int(tags.valueof(296, default=2)), ""),
            tif.stk_metadata if 33629 in tags else None,
        )


def read_tiff(path: Path, series: int | None) -> Stored:
    """What a TIFF file holds, by the richest description it carries."""
    from exotrack.io.imagej import read_imagej
    from exotrack.io.ome_tiff import read_ome
    from exotrack.io.stk import read_stk

    head = read_head(path)
    if head.metamorph is not None:
        return read_stk(head, head.metamorph)
    if "<OME" in head.description[:4000] or head.description.rstrip().endswith("OME>"):
        return read_ome(head, series)
    if head.description.startswith("ImageJ="):
        return read_imagej(head)
    return read_plain(head)


def read_plain(head: Head) -> Stored:
    """A stack without a description, or with the small one tifffile writes."""
    axes, shape = _shaped(head)
    if shape and int(np.prod(shape)) < len(head.pages.ifds):
        axes, shape = "", ()
    count = int(np.prod(shape)) if shape else 0
    where = lay_out(head, count)
    if not shape:
        axes, shape = "I", (len(where.ifds),)
    return stored(head, where, axes + "YX", shape)


def stored(head: Head, where: Where, axes: str, shape: tuple[int, ...]) -> Stored:
    """`Stored` of planes that lie at `where`, calibrated by the resolution tags."""
    bits = head.pages.one(258)
    y, x = (_pitch(value, head.resolution_unit) for value in reversed(head.per_unit))
    if head.per_unit == (1.0, 1.0):
        y = x = Found()  # what programs write that know no resolution
    return Stored(
        axes,
        (*shape, head.pages.one(257), head.pages.one(256)),
        lambda planes: source(head, where, planes),
        pixel_y=y,
        pixel_x=x,
        ceiling=float(2**bits - 1) if head.dtype.kind == "u" and bits < 8 * head.dtype.itemsize else None,
        whole=None if where.whole.all() else where.whole,
        counted=where.counted,
        ending=head.pages.ending,
    )


def lay_out(head: Head, expected: int) -> Where:
    """Place of each of `expected` planes; 0 takes as many as there are pages.

    ImageJ (above 4 GB), MetaMorph and interrupted writers leave one page followed by all planes' pixels in one piece.
    """
    pages = head.pages
    check_planes(head.path, max(expected, 1))
    first = pages.data[0]
    if len(pages.ifds) == 1 and first > 0 and pages.plain:
        room = (pages.lost_next - first) // pages.frame_bytes if pages.lost_next else expected
        if expected == 0:
            expected = max(room, 1)
        if room >= expected > 1:
            data = first + pages.frame_bytes * np.arange(expected, dtype=np.int64)
            ifds = np.full(expected, pages.ifds[0], np.int64)
            return Where((str(head.path),), np.zeros(expected, np.int64), ifds, data, data + pages.frame_bytes <= pages.size)
    counted = expected > 0 or not pages.ending
    missing = max(expected - len(pages.ifds), 0)
    found = [np.asarray(values, np.int64) for values in (pages.ifds, pages.data)]
    ifds, data = (np.concatenate([values, np.full(missing, -1, np.int64)]) for values in found)
    whole = np.concatenate([np.asarray(pages.whole, bool), np.zeros(missing, bool)])
    return Where((str(head.path),), np.zeros(len(ifds), np.int64), ifds, data, whole, counted)


def source(head: Head, where: Where, planes: Planes) -> FrameSource:
    """Source of the chosen planes: straight from the file where they lie uncompressed, else through tifffile."""
    whole = where.whole[planes]
    used = np.where(whole, where.file[planes], where.file[planes].min())
    file = None if len(where.paths) == 1 else compact(used)
    size = (head.pages.one(257), head.pages.one(256))
    if head.pages.plain and np.all(where.data[planes][whole] > 0):
        dtype = head.dtype.newbyteorder(head.pages.order)  # type: ignore[arg-type]
        return RawFrames(where.paths, file, compact(np.where(whole, where.data[planes], -1)), *size, dtype.str)
    cut = bool(head.pages.ending)
    return PageFrames(where.paths, file, compact(np.where(whole, where.ifds[planes], -1)), *size, head.dtype.str, cut)


def _shaped(head: Head) -> tuple[str, tuple[int, ...]]:
    """Axes before Y and X from the small description tifffile writes: ``{"shape": [50, 64, 64], "axes": "TYX"}``."""
    if not head.description.startswith("{"):
        return "", ()
    try:
        found = json.loads(head.description)
        shape = tuple(int(length) for length in found["shape"])
    except (ValueError, KeyError, TypeError):
        return "", ()
    if len(shape) < 3 or shape[-2:] != (head.pages.one(257), head.pages.one(256)) or min(shape) < 1:
        return "", ()
    axes = str(found.get("axes", ""))
    if len(axes) != len(shape) or not axes.endswith("YX"):
        axes = "QRUVWABDEF"[: len(shape) - 2] + "YX" if len(shape) > 3 else "IYX"
    return axes[:-2], shape[:-2]


def _ratio(value: Any) -> float | None:
    if not isinstance(value, tuple) or len(value) != 2 or not value[1]:
        return None
    return float(value[0]) / float(value[1])


def _pitch(per_unit: float | None, unit: str) -> Found:
    """Pixel pitch from pixels per unit."""
    if not per_unit:
        return Found()
    return Found.length(1.0 / per_unit, unit, f"TIFF resolution, {per_unit:g} pixels per {unit or 'unit'}")


def with_unit(head: Head, found: Stored, unit_x: str, unit_y: str, source: str) -> Stored:
    """The same, its resolution read as pixels per `unit_x` and `unit_y`."""
    x, y = head.per_unit
    return replace(
        found,
        pixel_x=Found.length(1.0 / x if x else None, unit_x, source),
        pixel_y=Found.length(1.0 / y if y else None, unit_y, source),
    )
