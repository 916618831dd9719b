"""The stamp of a movie's results: what they were made from, so that a later run can tell whether they still hold.

It lies in the folder of the tables and is renamed into place with them. A movie is done when its stamp says what the study
says now: the same content of the input, parameters, way of opening, mask and version of exotrack. The time a file was
changed is used only to avoid reading it again; where it differs, the content decides.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any

import exotrack
from exotrack.batch.places import is_url
from exotrack.batch.remote import traits as remote_traits
from exotrack.batch.store import STAMP, Store
from exotrack.batch.study import Entry
from exotrack.io.plain import to_json

MOVIES, DATASET, FAILED, RUNNING, LOGS = "movies", "dataset", "failed", "running", "logs"
"""Folders below that of a study."""
_APART = (
    "batch", "cli.py", "_batch_cli.py", "_batch_progress.py", "_calibrations.py", "_compare_cli.py", "_comparison.py", "_demo.py",
    "_em_cli.py", "_em_geometry.py", "_em_geometry_tables.py", "_em_params.py", "_em_runs.py", "_em_simulation.py",
    "_em_tables.py", "_models_cli.py", "_patterned.py", "_report_cli.py", "_runs.py", "_statistics.py", "_stats_cli.py",
    "_studied.py", "_study_report.py", "_terminal.py", "em", "kinetics", "score", "simulate", "stats",
)  # fmt: skip
"""What is outside of an analysis and cannot change a table."""


@dataclass(frozen=True)
class Stamp:
    """What the results of one movie were made from.

    sha256 : of the input's content. paths, traits : its files, and their sizes and times then. mask : SHA-256 of the mask.
    code : version of exotrack and of its source. files : bytes of each file of the results.
    """

    movie: str
    source: str
    sha256: str
    paths: list[str]
    traits: str
    params: dict[str, Any]
    opened: dict[str, Any]
    mask: str
    code: str
    design: dict[str, str]
    files: dict[str, int]
    wall_s: float
    counts: dict[str, float]
    record: dict[str, Any]

    def to_json(self) -> bytes:
        """As it lies on disk."""
        return to_json(asdict(self))


def read_stamp(place: Store, movie: str) -> Stamp | None:
    """The stamp of a movie; None if it has none, or none that can be understood."""
    content = place.read(f"{MOVIES}/{movie}/{STAMP}")
    try:
        values = json.loads(content or b"")
        return Stamp(**{entry.name: values[entry.name] for entry in fields(Stamp)})
    except (ValueError, KeyError, TypeError):
        return None


def why_stale(stamp: Stamp, entry: Entry, code: str, files: Mapping[str, int]) -> str:
    """Why results with this stamp do not hold any more, apart from their input; empty if they do."""
    lost = [name for name, size in stamp.files.items() if files.get(name) != size]
    if lost:
        return f"{lost[0]} is missing or damaged" + (f" and {len(lost) - 1} more files" if len(lost) > 1 else "")
    if code != stamp.code:
        return f"exotrack changed ({stamp.code} -> {code})"
    now = json.loads(to_json(entry.params.model_dump(mode="json")))
    if changes := list(_changes(stamp.params, now)):
        return "parameters changed: " + ", ".join(changes[:3]) + (f" and {len(changes) - 3} more" if len(changes) > 3 else "")
    if changes := list(_changes(stamp.opened, json.loads(to_json(opening(entry))))):
        return "opened differently: " + ", ".join(changes)
    if entry.source != stamp.source and not _moved(entry.source, stamp):
        return f"another input ({stamp.source} -> {entry.source})"
    return ""


def opening(entry: Entry) -> dict[str, Any]:
    """What decides how a movie is read, but for the content of its mask."""
    return {**entry.opened, "marker_channel": entry.marker_channel, "masked": entry.mask is not None}


def traits(paths: Sequence[str]) -> str:
    """What says without reading that files are the same as before: their names, sizes and times of change."""
    lines = []
    for path in paths:
        if is_url(path):
            lines.append(remote_traits(path))
            continue
        for file in _below(Path(path)):
            found = file.stat()
            lines.append(f"{file.name} {found.st_size} {found.st_mtime_ns}")
    return hashlib.sha256("\n".join(lines).encode("utf-8", "surrogateescape")).hexdigest()


def code_version() -> str:
    """Version of exotrack, and the start of a checksum of the source and the models that make the tables."""
    return f"{exotrack.__version__}+{_source()}"


def sha256(path: Path) -> str:
    """Checksum of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@cache
def _source() -> str:
    root = Path(exotrack.__file__).parent
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*")):
        inner = path.relative_to(root)
        if path.is_file() and inner.parts[0] not in (*_APART, "_sample_data") and "__pycache__" not in inner.parts:
            digest.update(f"{inner.as_posix()}\n{path.stat().st_size}\n".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def _moved(source: str, stamp: Stamp) -> bool:
    """Whether the same files, by name, size and time, now lie elsewhere; the content is compared if not."""
    return Path(source).name == Path(stamp.source).name


def _below(path: Path) -> list[Path]:
    if path.is_dir():
        return sorted(file for file in path.rglob("*") if file.is_file())
    return [path]


def _changes(before: Mapping[str, Any], now: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for key in sorted({*before, *now}):
        old, new = before.get(key), now.get(key)
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            yield from _changes(old, new, f"{prefix}{key}.")
        elif old != new:
            yield f"{prefix}{key} {old!r} -> {new!r}"
