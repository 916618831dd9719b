"""What every reader is wrapped in: any failure becomes one InputError of one line."""

from __future__ import annotations

import logging
import os
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from exotrack.errors import ExotrackError, InputError, printable

MAX_FRAME_BYTES = 1_000_000_000
"""A frame of 1 GB is 22,000 x 22,000 pixels of 16 bits: larger than any camera, smaller than a laptop's memory."""
MAX_SECTION_BYTES = 100_000_000_000
"""A stitched micrograph may be far larger than memory: it is read in windows."""
_most: ContextVar[int] = ContextVar("most bytes of a frame", default=MAX_FRAME_BYTES)
MAX_PLANES = 20_000_000
"""A header that declares more planes than this is damaged or hostile: the tables of offsets alone would fill memory."""


def shown(path: str | os.PathLike[str]) -> str:
    """Name of a file for a message of one line: control characters are escaped, very long names are cut."""
    name = printable(Path(path).name)
    return name if len(name) <= 120 else f"{name[:80]}...{name[-30:]}"


@contextmanager
def one_error(path: str | os.PathLike[str], doing: str = "cannot be read as a movie") -> Iterator[None]:
    """Turn every exception into an `InputError` that names the file; errors of exotrack pass as they are.

    Readers of damaged files raise nearly anything (struct.error, IndexError, KeyError, RuntimeError, MemoryError, ...),
    so the net is as wide as Exception.
    """
    try:
        yield
    except ExotrackError:
        raise
    except Exception as problem:
        raise InputError(f"{shown(path)}: {doing}: {_first_line(problem)}") from problem


def _first_line(problem: Exception) -> str:
    if isinstance(problem, PermissionError):
        return "permission denied; ask its owner for the right to read it"
    text = " ".join(str(problem).split())[:200]
    kind = type(problem).__name__
    return f"the file is damaged or not of this kind ({kind}: {text})" if text else f"the file is damaged ({kind})"


@contextmanager
def warnings_are_errors(path: str | os.PathLike[str], name: str, known: bool = False) -> Iterator[None]:
    """Collect what the logger `name` says in this thread, at WARNING or above, and raise the first as `InputError`.

    tifffile logs "invalid page offset" and goes on with fewer frames; for a measurement that is a failure. `known` keeps
    it silent instead, for a file whose damage is already known.
    """
    said: list[str] = []
    here = threading.get_ident()

    def keep(record: logging.LogRecord) -> bool:
        if record.thread != here or record.levelno < logging.WARNING:
            return True
        said.append(" ".join(record.getMessage().split())[:200])
        return False

    logger = logging.getLogger(name)
    logger.addFilter(keep)
    try:
        yield
    finally:
        logger.removeFilter(keep)
    if said and not known:
        raise InputError(f"{shown(path)}: the file is damaged: {said[0]}")


def check_readable(path: Path) -> None:
    """Refuse what is not a readable, non-empty file, without opening it (opening a FIFO would wait for ever)."""
    name = shown(path)
    try:
        found = path.stat()
    except FileNotFoundError:
        if path.is_symlink():
            raise InputError(f"{name}: the link points to {shown(path.readlink())}, which does not exist") from None
        raise InputError(f"{name}: no such file in {path.parent}; check the path") from None
    except OSError as problem:
        raise InputError(f"{name}: cannot be reached: {problem.strerror}") from None
    if not stat.S_ISREG(found.st_mode):
        raise InputError(f"{name}: not a regular file; give the movie file itself")
    if found.st_size == 0:
        raise InputError(f"{name}: the file is empty (0 bytes); copy it again from the microscope")
    if not os.access(path, os.R_OK):
        raise InputError(f"{name}: permission denied; ask its owner for the right to read it")


@contextmanager
def read_in_windows() -> Iterator[None]:
    """Inside, frames may be as large as `MAX_SECTION_BYTES`: nobody will ask for a whole one."""
    token = _most.set(MAX_SECTION_BYTES)
    try:
        yield
    finally:
        _most.reset(token)


def check_frame_bytes(path: str | os.PathLike[str], height: int, width: int, itemsize: int) -> None:
    """Refuse a header that declares absurd frames before anything is allocated."""
    if min(height, width) < 1:
        raise InputError(f"{shown(path)}: the header declares frames of {height} x {width} pixels; the file is damaged")
    if height * width * itemsize > _most.get():
        raise InputError(
            f"{shown(path)}: the header declares frames of {height} x {width} pixels "
            f"({height * width * itemsize / 1e9:.1f} GB each, at most {_most.get() / 1e9:g} GB is read); "
            "the file is damaged or not a movie"
        )


def check_planes(path: str | os.PathLike[str], planes: int) -> None:
    """Refuse a header that declares an absurd number of planes."""
    if not 0 < planes <= MAX_PLANES:
        raise InputError(f"{shown(path)}: the header declares {planes} planes; the file is damaged or not a movie")
