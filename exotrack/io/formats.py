"""Which reader a path belongs to."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable
from pathlib import Path

from exotrack.errors import InputError
from exotrack.io.guard import check_readable, shown
from exotrack.io.stored import Stored

Reader = Callable[[Path, int | None], Stored]

READS = "TIFF, OME-TIFF, STK, OME-Zarr, MRC, ND2, CZI, LIF, or a folder of TIFF frames"
_HOME = {
    **dict.fromkeys((".tif", ".tiff", ".stk", ".btf", ".tf8", ".tf2"), ("sequence", "read_tiff_or_sequence")),
    **dict.fromkeys((".mrc", ".mrcs", ".rec", ".st", ".ali"), ("mrc", "read_mrc")),
    ".nd2": ("nd2", "read_nd2"),
    ".czi": ("czi", "read_czi"),
    ".lif": ("lif", "read_lif"),
}
_TIFF_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_ENDINGS = r"\.(ome\.tiff?|ome\.btf|ome\.tf[28]|ome\.zarr)$"


def stem(path: Path) -> str:
    """Name of the movie: the file's name without its ending; a pattern gives the part before its first wildcard."""
    name = re.sub(_ENDINGS, "", path.name, flags=re.IGNORECASE)
    if name == path.name and (not path.is_dir() or path.suffix == ".zarr"):
        name = path.stem
    if is_pattern(path):
        name = re.split(r"[*?\[]", name)[0].rstrip("_- .") or path.parent.resolve().name
    name = name or path.resolve().name or "movie"
    # Bytes that are no text (another alphabet's file system) become underscores: tables hold text, folders no backslash.
    return re.sub("[\ud800-\udfff]", "_", name)


def is_pattern(path: Path) -> bool:
    """A glob pattern, unless a file really has that name."""
    return any(mark in path.name for mark in "*?[") and not path.exists()


def find_reader(path: Path) -> Reader:
    """Reader for a path; `InputError` for what is not there, not readable, or of no known kind."""
    if is_pattern(path):
        return _reader("sequence", "read_sequence")
    if path.is_dir():
        return _folder(path)
    check_readable(path)
    suffix = path.suffix.lower()
    if suffix in _HOME:
        return _reader(*_HOME[suffix])
    with open(path, "rb") as file:
        head = file.read(4)
    if head in _TIFF_MAGIC:
        return _reader(*_HOME[".tif"])
    raise InputError(
        f"{shown(path)}: files {f'of type {suffix}' if suffix else 'without ending'} are not read; exotrack reads {READS}"
    )


def _folder(path: Path) -> Reader:
    if path.suffix.lower() == ".zarr" or any((path / name).exists() for name in ("zarr.json", ".zattrs", ".zgroup", ".zarray")):
        return _reader("ome_zarr", "read_ome_zarr")
    if any(entry.suffix.lower() in (".tif", ".tiff") for entry in path.iterdir()):
        return _reader("sequence", "read_sequence")
    raise InputError(f"{shown(path)}: a folder that holds neither OME-Zarr nor TIFF frames; exotrack reads {READS}")


def _reader(module: str, function: str) -> Reader:
    reader: Reader = getattr(importlib.import_module(f"exotrack.io.{module}"), function)
    return reader
