"""Where results come from: the input and its checksum, the versions, the parameters, how long it took and what it needed.

The record is plain values only, so that it can be written as JSON and read by anything. Besides the path of the input
it names no path of the machine.
"""

from __future__ import annotations

import hashlib
import platform
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from exotrack import __version__
from exotrack.movie import Movie
from exotrack.params import Analysis, Params
from exotrack.physics import Noise

DEPENDENCIES = (
    "dask", "imagecodecs", "numba", "numpy", "pandas", "pyarrow", "pydantic", "scikit-image", "scipy", "tifffile",
    "trackpy", "zarr",
)  # fmt: skip
"""Whose version can change a number."""


@dataclass
class Recorder:
    """Takes the time of each stage and collects the warnings on the way.

    >>> recorder = Recorder()
    >>> with recorder.stage("detect"):
    ...     pass
    >>> list(recorder.stages_s)
    ['detect']
    """

    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    stages_s: dict[str, float] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    _begun: float = field(default_factory=time.perf_counter)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Take the time (s) of what happens inside, and keep its warnings instead of showing them."""
        begun = time.perf_counter()
        with warnings.catch_warnings(record=True) as caught:
            yield
        self.stages_s[name] = self.stages_s.get(name, 0.0) + round(time.perf_counter() - begun, 4)
        for warning in caught:
            text = f"{name}: {warning.category.__name__}: {warning.message}"
            if text not in self.warnings:
                self.warnings.append(text)

    def record(self, movie: Movie, params: Analysis, noise: Noise) -> dict[str, Any]:
        """The provenance of an analysis that ends now."""
        return {
            "movie_id": movie.movie_id,
            "input": input_record(movie),
            "movie": movie_record(movie),
            "noise": {"slope": noise.slope, "intercept": noise.intercept, "source": noise.source},
            **self.plain(params),
        }

    def plain(self, params: Params) -> dict[str, Any]:
        """What the record of any work that ends now holds, whatever it was done to."""
        return {
            "exotrack": __version__,
            "params": params.model_dump(mode="json"),
            "started": self.started.isoformat(timespec="seconds"),
            "finished": datetime.now(UTC).isoformat(timespec="seconds"),
            "wall_s": round(time.perf_counter() - self._begun, 3),
            "stages_s": dict(self.stages_s),
            "peak_memory_mb": peak_memory_mb(),
            "python": platform.python_version(),
            "platform": platform.platform(),
            "versions": {name: metadata.version(name) for name in DEPENDENCIES},
            "warnings": list(self.warnings),
        }


def movie_record(movie: Movie) -> dict[str, Any]:
    """Size and calibration of a movie, with where each calibration value came from."""
    n, height, width = movie.shape
    return {
        "n_frames": n,
        "height": height,
        "width": width,
        "dtype": str(movie.dtype),
        "pixel_um": movie.pixel_um,
        "frame_s": movie.frame_s,
        "time_stamps": movie.times_s is not None,
        "ceiling": None if movie.ceiling is None else float(movie.ceiling),
        "sources": dict(movie.sources),
        "notes": list(movie.notes),
    }


def input_record(movie: Movie) -> dict[str, Any] | str:
    """First path, number of files, size (bytes) and SHA-256 of the movie's files; "array" for pixels that have none.

    A folder counts with every file in it. The checksum of several files is that of ``sha256sum`` of each, in order.
    """
    return files_record(movie.frames)


def files_record(source: Any, path: Path | None = None) -> dict[str, Any] | str:
    """As `input_record`, of what `source` reads; `path` is the file of a source that does not know its own."""
    paths = input_paths(source) or ([] if path is None else [path])
    files = [file for each in paths for file in _files(each)]
    if not files:
        return "array"
    sums = [_sha256(file) for file in files]
    several = "".join(f"{one}  {file.name}\n" for one, file in zip(sums, files, strict=True))
    return {
        "path": str(paths[0].absolute()),
        "files": len(files),
        "bytes": sum(file.stat().st_size for file in files),
        "sha256": sums[0] if len(sums) == 1 else hashlib.sha256(several.encode("utf-8", "surrogateescape")).hexdigest(),
    }


def peak_memory_mb() -> float:
    """Largest resident memory (MB) of this process since it started."""
    if sys.platform == "win32":
        import psutil

        return round(psutil.Process().memory_info().peak_wset / 1e6, 1)
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6, 1)


def input_paths(source: Any) -> list[Path]:
    """The files and folders that pixels come from, of what reads them (such as ``movie.frames``); none for an array."""
    # Every reader's frames know their files by one of these names; frames of an array know none.
    paths = getattr(source, "paths", None) or [getattr(source, "path", None)]
    return [Path(path) for path in dict.fromkeys(paths) if path is not None]


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        return sorted(file for file in path.rglob("*") if file.is_file())
    return [path] if path.is_file() else []


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
