"""Small studies: movies of a second or so of work, and a run without a command line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from exotrack.batch.cluster import Wanted
from exotrack.batch.run import How, Ran, run_study
from exotrack.batch.study import read_study
from exotrack.batch.work import Outcome

CSV = ("events", "spots", "tracks", "traces", "episodes", "candidates", "fits", "cells", "frames")


def small_movie(path: Path, seed: int, n_frames: int = 12) -> Path:
    """A vesicle that appears in frame 5 and stays, on a Poisson background; 32 x 32 pixels of 0.1 um, 0.1 s apart."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:32, :32]
    spot = 400 * np.exp(-((y - 16) ** 2 + (x - 16 - seed % 5) ** 2) / 3.0)
    shown = (np.arange(n_frames) > 4)[:, None, None]
    frames = rng.poisson(200 + spot * shown).astype(np.uint16)
    path.parent.mkdir(parents=True, exist_ok=True)
    tifffile.imwrite(path, frames, imagej=True, resolution=(10, 10), metadata={"axes": "TYX", "unit": "um", "finterval": 0.1})
    return path


def small_study(folder: Path, names: Sequence[str] = ("ctrl/a", "drug/b"), text: str = "") -> Path:
    """A study file with a movie for each CONDITION/NAME, found by a pattern."""
    for seed, name in enumerate(names):
        small_movie(folder / "data" / f"{name}.tif", seed)
    path = folder / "study.toml"
    path.write_text('preset = "granule"\n[movies]\npattern = "data/{condition}/{movie}.tif"\n' + text, encoding="utf-8")
    return path


class Seen:
    """Remembers what a run said."""

    def __init__(self) -> None:
        self.outcomes: list[Outcome] = []
        self.stages: list[str] = []
        self.notes: list[str] = []
        self.plan: dict[str, str] = {}

    def planned(self, items: Any) -> None:
        """The plan."""
        self.plan = {item.entry.movie: f"{item.state}: {item.reason}" for item in items}

    def started(self, client: Any, workers: int) -> None:
        """The workers are there."""

    def note(self, text: str) -> None:
        """A note."""
        self.notes.append(text)

    def finished(self, outcome: Outcome, done: int, total: int) -> None:
        """A movie has ended."""
        self.outcomes.append(outcome)

    def stage(self, movie: str, what: str, done: int, total: int) -> None:
        """A movie has come so far."""
        self.stages.append(what)

    def tick(self, workers: int) -> None:
        """Some time has passed."""


def run(study: Path, out: Path | str, where: str, how: How = How(), **changes: Any) -> tuple[Ran, Seen]:
    """Run a study on the scheduler at `where`."""
    seen = Seen()
    return run_study(read_study(study, changes), out, Wanted(where), how, seen), seen


def tables(out: Path) -> dict[str, bytes]:
    """Content of every table below a study's folder, by its path; what holds times of day is left out."""
    kept = [path for path in out.rglob("*") if path.suffix in (".parquet", ".csv") and path.stem != "movies"]
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in kept}
