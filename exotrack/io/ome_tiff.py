"""OME-TIFF, in one file or in several of one folder."""

from __future__ import annotations

import ntpath
from dataclasses import replace
from pathlib import Path

import numpy as np

from exotrack.errors import InputError
from exotrack.io.guard import check_readable, shown
from exotrack.io.ome_xml import OmeImage, parse
from exotrack.io.stored import Stored
from exotrack.io.tiff import Head, Where, lay_out, read_head, stored


def read_ome(head: Head, series: int | None) -> Stored:
    """What an OME-TIFF holds. Axes T C Z.

    Raises `InputError` if the OME-XML names files outside the folder, or does not match the pages.
    """
    image, images = parse(head.description, head.name, series)
    t, c, z, y, x = image.shape
    if (y, x) != (head.pages.one(257), head.pages.one(256)):
        raise InputError(
            f"{head.name}: OME-XML declares {y} x {x} pixels, the pages have {head.pages.one(257)} x {head.pages.one(256)}; "
            "save the movie again"
        )
    found = stored(head, _where(head, image, images), "TCZYX", (t, c, z))
    bits = image.bits
    return replace(
        found,
        pixel_y=image.pixel_y,
        pixel_x=image.pixel_x,
        pixel_z=image.pixel_z,
        interval=image.interval,
        plane_s=image.plane_s,
        channels=image.channels,
        ceiling=float(2**bits - 1) if bits and head.dtype.kind == "u" else found.ceiling,
    )


def _where(head: Head, image: OmeImage, images: int) -> Where:
    """Place of every plane, through all files the XML names."""
    total = image.shape[0] * image.shape[1] * image.shape[2]
    files = sorted({entry.file for entry in image.entries})
    paths = {file: _path(head, image, file, len(files)) for file in files}
    heads = {path: head if path == head.path else _other(path, head) for path in paths.values()}
    order = sorted(heads, key=str)
    laid = {path: lay_out(heads[path], _expected(image, paths, path)) for path in order}
    if images == 1 and len(order) == 1 and len(head.pages.ifds) > len(image.entries):
        raise InputError(
            f"{head.name}: OME-XML describes {len(image.entries)} planes, the file holds {len(head.pages.ifds)} pages; "
            "save the movie again with the right number"
        )
    file, ifds, data = (np.full(total, fill, np.int64) for fill in (0, -1, -1))
    whole = np.zeros(total, bool)
    for entry in image.entries:
        place = laid[paths[entry.file]]
        if 0 <= entry.page < len(place.ifds):
            file[entry.plane] = order.index(paths[entry.file])
            ifds[entry.plane], data[entry.plane] = place.ifds[entry.page], place.data[entry.page]
            whole[entry.plane] = place.whole[entry.page]
    return Where(tuple(map(str, order)), file, ifds, data, whole)


def _expected(image: OmeImage, paths: dict[str, Path], path: Path) -> int:
    return 1 + max(entry.page for entry in image.entries if paths[entry.file] == path)


def _path(head: Head, image: OmeImage, file: str, files: int) -> Path:
    """The file an entry means. Renamed single files are known by their UUID; nothing outside the folder is opened."""
    if not file or file == head.path.name:
        return head.path
    if "/" in file or "\\" in file or ntpath.splitdrive(file)[0] or file in (".", ".."):
        raise InputError(f"{head.name}: its OME-XML names {file[:80]!r}, outside the movie's folder; such a file is refused")
    if image.files.get(file) and image.files[file] == image.own_uuid:
        return head.path
    path = head.path.parent / file
    if path.exists() and path.resolve().parent != head.path.parent.resolve():
        raise InputError(f"{head.name}: its OME-XML names {file[:80]!r}, a link out of the movie's folder; it is refused")
    if path.exists():
        return path
    if files == 1:
        return head.path
    raise InputError(f"{head.name}: part {file[:80]!r} of the movie is missing; put all parts into one folder")


def _other(path: Path, head: Head) -> Head:
    check_readable(path)
    other = read_head(path)
    kind = (257, 256, 258, 339, 259)
    if [other.pages.one(tag) for tag in kind] != [head.pages.one(tag) for tag in kind]:
        raise InputError(f"{shown(path)}: its frames differ from those of {head.name}; a movie has frames of one shape and kind")
    if other.pages.order != head.pages.order:
        raise InputError(f"{shown(path)}: its byte order differs from that of {head.name}; save both parts the same way")
    return other
