"""Simulate, analyse and score; what a movie gave is kept on disk, so that a run that was cut goes on where it stood."""

from __future__ import annotations

import hashlib
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import exotrack
from exotrack._blocks import Execution
from exotrack.movie import ArrayFrames
from exotrack.params import preset
from exotrack.report.rates import poisson_interval
from exotrack.score import Evidence, Gates, Scores, score
from exotrack.score.matching import coordinates, pair
from exotrack.tables import FUSION_KINDS

from .points import Point

SEED = 31415
UM2_MIN = 1000.0
"""Rates are per so many um^2 and minute."""
PROBABILITIES = ["p_full_fusion", "p_kiss_and_run", "p_other"]


def stamp() -> str:
    """A mark of the code and weights that results rest on: what was kept of another version is not used."""
    home = Path(exotrack.__file__).parent
    rooms = ("simulate", "detect", "link", "measure", "classify")
    files = sorted(path for room in rooms for path in (home / room).rglob("*") if path.suffix in (".py", ".npz"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:12]


def movie(point: Point, name: str, number: int, keep: Path, only_kept: bool = False) -> dict[str, Any] | None:
    """Tables of one movie of `point` analysed with preset `name`: true and found fusions, candidates, and what it was.

    None if it is not kept and `only_kept`.
    """
    sim = point.simulation(name)
    about = f"{sim.model_dump_json()} {preset(name).model_dump_json()} {number} {SEED}"
    path = keep / f"{name} {hashlib.sha256(about.encode()).hexdigest()[:16]}.pkl"
    if path.exists():
        kept: dict[str, Any] = pd.read_pickle(path)
        return kept
    if only_kept:
        return None
    begin = time.perf_counter()
    truth = exotrack.simulate(sim, np.random.default_rng([SEED, number, *name.encode()]))
    frames = ArrayFrames(truth.movie.read(0, len(truth.movie)))  # rendered once, not at every reading
    shown = replace(truth.movie, frames=frames, movie_id=f"{name} {number}")
    result = exotrack.analyse(shown, preset(name), run=Execution(workers=1))
    found = {
        "true": _fusions(truth.events).assign(movie_id=shown.movie_id),
        "found": _fusions(result.events),
        "candidates": result.candidates[["y_um", "x_um", *PROBABILITIES]].assign(
            movie_id=shown.movie_id, t_s=result.candidates["t0_frame"] * sim.field.frame_s
        ),
        "n_frames": sim.field.n_frames, "snr": sim.snr(), "frame_s": sim.field.frame_s, "pixel_um": sim.field.pixel_um,
        "um2_min": float((truth.footprint > 0).sum()) * sim.field.pixel_um**2 * sim.field.duration_s / 60.0,
    }  # fmt: skip
    partial = path.with_suffix(".partial")
    pd.to_pickle(found, partial)
    partial.replace(path)
    calls = f"{len(found['true'])} fusions, {len(found['found'])} calls"
    print(f"{name}, {point.axis} {point.value} {number}: {calls}, {time.perf_counter() - begin:.0f} s", flush=True)
    return found


def _fusions(events: pd.DataFrame) -> pd.DataFrame:
    return events[events["kind"].isin(FUSION_KINDS)].reset_index(drop=True)


def movies(point: Point, name: str, keep: Path, only_kept: bool) -> list[dict[str, Any]]:
    """The movies of `point`, those that are kept or all."""
    many = [movie(point, name, number, keep, only_kept) for number in range(point.movies)]
    return [one for one in many if one is not None]


def secreting(point: Point, name: str, keep: Path, only_kept: bool = False) -> dict[str, Any] | None:
    """F1 of any fusion, confidence and calibration over the movies of `point`, as plain numbers; None without a movie."""
    many = movies(point, name, keep, only_kept)
    if not many:
        return None
    true, found, candidates = (
        pd.concat([one[key] for one in many], ignore_index=True) for key in ("true", "found", "candidates")
    )
    true = true[true["frame"].between(1, many[0]["n_frames"] - 2)].reset_index(drop=True)
    gates = Gates.for_movie(many[0]["pixel_um"], many[0]["frame_s"])
    scores = score(true, found, gates, Evidence(candidates=candidates))
    sure = found["confident"].to_numpy(bool)
    right = right_calls(true, found, gates)
    return {
        "axis": point.axis, "value": point.value, "n_movies": len(many), "snr": many[0]["snr"],
        "um2_min": sum(one["um2_min"] for one in many),
        **counted(scores), "n_confident": int(sure.sum()), "n_confident_right": int((sure & right).sum()),
        "claimed": float((1.0 - found["p_other"]).mean()) if len(found) else float("nan"),
    }  # fmt: skip


def right_calls(true: pd.DataFrame, found: pd.DataFrame, gates: Gates) -> np.ndarray[Any, Any]:
    """(n_found,) calls that are paired with a true, visible fusion, whatever the kind."""
    names = sorted({*true["movie_id"], *found["movie_id"]})
    seen = true[true["visible"].astype(bool)]
    ours, theirs = (coordinates(table, names, gates.fusion_s, gates.distance_um) for table in (seen, found))
    return np.isin(np.arange(len(found)), pair(ours, theirs).found)


def counted(scores: Scores) -> dict[str, Any]:
    """Counts, F1 with its interval, kinds and calibration error of any fusion."""
    count = scores["fusion_any"]
    return {
        "n_true": count.n_true, "n_found": count.n_found, "precision": count.precision, "recall": count.recall,
        "f1": count.f1, "f1_interval": count.f1_interval, "kind_right": scores.kind_right,
        "calibration_error": scores.calibration[0].error,
    }  # fmt: skip


def silent(point: Point, name: str, keep: Path, only_kept: bool = False) -> dict[str, Any] | None:
    """False fusions of a cell that does not secrete, per 1,000 um^2 and minute; None without a movie."""
    many = movies(point, name, keep, only_kept)
    if not many:
        return None
    calls = pd.concat([one["found"] for one in many], ignore_index=True)
    return {"cause": point.axis, "size": point.value, "n_movies": len(many), **rates(calls, sum(one["um2_min"] for one in many))}


def real(path: Path, frame_s: float, name: str) -> dict[str, Any]:
    """False fusions of a real movie without secretion, over its whole field."""
    movie = exotrack.open_movie(path, frame_s=frame_s)
    events = exotrack.analyse(movie, preset(name), run=Execution(workers=1)).events
    area = movie.shape[1] * movie.shape[2] * movie.pixel_um**2
    return rates(_fusions(events), area * movie.duration_s / 60.0)


def rates(calls: pd.DataFrame, um2_min: float) -> dict[str, Any]:
    """Numbers of calls, and their rates with 95 % intervals."""
    told: dict[str, Any] = {"um2_min": um2_min}
    for key, n in (("all", len(calls)), ("confident", int(calls["confident"].sum()) if len(calls) else 0)):
        low, high = poisson_interval(n)
        told |= {f"n_{key}": n, f"{key}_rate": [value * UM2_MIN / um2_min for value in (n, low, high)]}
    return told
