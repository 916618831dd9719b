"""A movie kept as one TIFF file per frame: a folder, a pattern, or the first file of a numbered series."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from exotrack.errors import InputError
from exotrack.io.guard import check_readable, shown
from exotrack.io.stored import Stored
from exotrack.io.tiff import Head, Where, read_head, read_plain, read_tiff, stored

_SUFFIXES = {".tif", ".tiff"}


def read_tiff_or_sequence(path: Path, series: int | None) -> Stored:
    """A TIFF file; one that holds a single frame and begins a numbered series is read as that series."""
    found = read_tiff(path, series)
    if int(np.prod(found.shape[:-2])) > 1 or found.ending:
        return found
    prefix, number, _ = split_number(path.stem)
    if number is None:
        return found
    family = [other for other in _frames_in(path.parent) if _family(other) == (prefix, path.suffix.lower())]
    family = [other for other in family if other.name != path.name or other == path]
    if len(family) < 2:
        return found
    if family[0].name != path.name:
        raise InputError(
            f"{shown(path)}: a single frame, number {number} of a series of {len(family)} files; "
            f"give the first one, {shown(family[0])}, or the folder"
        )
    return _series(path, family)


def read_sequence(path: Path, series: int | None) -> Stored:
    """All TIFF frames of a folder or pattern, in natural order."""
    if path.is_dir():
        return _series(path, _frames_in(path))
    if not path.parent.is_dir():
        raise InputError(f"{shown(path)}: no such folder {path.parent}; check the path")
    files = natural(file for file in path.parent.glob(path.name) if file.suffix.lower() in _SUFFIXES)
    if not files:
        raise InputError(f"{shown(path)}: no TIFF file in {path.parent} matches; check the pattern")
    return _series(path, files)


def split_number(stem: str) -> tuple[str, int | None, int]:
    """Prefix, last number and its digits: ``cell_0012`` is ("cell_", 12, 4); number None if there is none."""
    found = re.search(r"(\d+)(?!.*\d)", stem)
    if not found:
        return stem, None, 0
    return stem[: found.start()] + "#" + stem[found.end() :], int(found[1]), len(found[1])


def natural(files: Iterable[Path]) -> list[Path]:
    """Files in the order a person counts: ``t2`` before ``t10``."""

    def key(file: Path) -> list[tuple[int, str]]:
        return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", file.name.lower())]

    return sorted(files, key=key)


def _frames_in(folder: Path) -> list[Path]:
    return natural(
        file for file in folder.iterdir() if file.suffix.lower() in _SUFFIXES and file.is_file() and not file.name.startswith(".")
    )


def _family(path: Path) -> tuple[str, str]:
    return split_number(path.stem)[0], path.suffix.lower()


def _series(path: Path, files: list[Path]) -> Stored:
    """Frames of `files` in order, all of the first one's shape and kind."""
    if len(files) == 1:
        return read_tiff(files[0], None)
    _check_numbers(path, files)
    heads = [_single(file, path) for file in files]
    first = heads[0]
    kind = (257, 256, 258, 339)
    for head in heads[1:]:
        here, there = ([each.pages.one(tag) for tag in kind] for each in (head, first))
        if here != there or head.dtype != first.dtype:
            raise InputError(
                f"{head.name}: {here[0]} x {here[1]} pixels of {head.dtype}, the first frame {first.name} has "
                f"{there[0]} x {there[1]} of {first.dtype}; a movie has frames of one shape and kind"
            )
    same = all(head.pages.plain == first.pages.plain and head.pages.order == first.pages.order for head in heads)
    data = [head.pages.data[0] if same else -1 for head in heads]
    where = Where(
        tuple(str(file) for file in files),
        np.arange(len(files), dtype=np.int64),
        np.array([head.pages.ifds[0] for head in heads], np.int64),
        np.array(data, np.int64),
        np.array([head.pages.whole[0] for head in heads], bool),
    )
    one = _described(first)
    several = stored(first, where, "TYX", (len(files),))
    note = f"{len(files)} files, {first.name} to {heads[-1].name}, are taken as frames in time"
    return replace(several, pixel_y=one.pixel_y, pixel_x=one.pixel_x, interval=one.interval, ceiling=one.ceiling, notes=(note,))


def _described(head: Head) -> Stored:
    """Calibration as the first file gives it."""
    from exotrack.io.imagej import read_imagej
    from exotrack.io.ome_tiff import read_ome

    if "<OME" in head.description[:4000]:
        try:
            return read_ome(head, 0)
        except InputError:  # its XML may describe the whole series; only its calibration was wanted
            return read_plain(head)
    return read_imagej(head) if head.description.startswith("ImageJ=") else read_plain(head)


def _single(file: Path, path: Path) -> Head:
    check_readable(file)
    head = read_head(file)
    if len(head.pages.ifds) != 1 or head.metamorph is not None:
        raise InputError(
            f"{shown(file)}: holds {len(head.pages.ifds)} pages, a series has one frame in each file; "
            f"give this file itself, not {shown(path)}"
        )
    return head


def _check_numbers(path: Path, files: list[Path]) -> None:
    """Refuse a mixture of several series, and a series with gaps."""
    families = {_family(file) for file in files}
    if len(families) > 1:
        listed = ", ".join(sorted(prefix.replace("#", "*") + suffix for prefix, suffix in families)[:4])
        raise InputError(f"{shown(path)}: holds {len(families)} different series ({listed}); give one of them as a pattern")
    numbers = [split_number(file.stem)[1] for file in files]
    if numbers[0] is None:
        raise InputError(f"{shown(path)}: the files are not numbered, so their order is unknown; number them")
    known = [number for number in numbers if number is not None]
    step = known[1] - known[0]
    for here, there in pairwise(known):
        if there - here != step or step < 1:
            raise InputError(
                f"{shown(path)}: the series has a gap: {here} is followed by {there}; find the missing frames, "
                "or number the files without gaps"
            )
