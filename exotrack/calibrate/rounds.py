"""calibrate(): the untouched movie once, then rounds of injecting and analysing, then what they say together."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from exotrack._blocks import Execution, Progress
from exotrack._frames import ceiling_of, usable
from exotrack.calibrate.draw import Injection
from exotrack.calibrate.exits import exits
from exotrack.calibrate.inject import InjectedFrames
from exotrack.calibrate.judge import Judged, judge
from exotrack.calibrate.learn import learn
from exotrack.calibrate.plan import injections_table, plan
from exotrack.calibrate.settings import Settings, analysis_of, settings_for
from exotrack.calibrate.stage import Ground, preset_of, scenery_for, simulation_for
from exotrack.calibrate.summary import biases, confusion, false_calls, recall
from exotrack.errors import InputError
from exotrack.movie import Movie
from exotrack.params import Analysis
from exotrack.pipeline import Labels, Result, analyse
from exotrack.score import Gates
from exotrack.simulate.patches import Patches
from exotrack.tables import CALIBRATION, InjectedStays, Injections

STAGES = ("survey", "detect", "measure", "classify")
"""Stages that tell how far they are, in their order."""


@dataclass(frozen=True)
class Calibrated:
    """What a calibration gives: the tables of `exotrack.tables.CALIBRATION`, and what they were made from.

    untouched : the analysis of the movie as it is. provenance : its record, and under ``calibration`` what was learned and done.
    """

    settings: Settings
    untouched: Result
    injections: pd.DataFrame
    injected_stays: pd.DataFrame
    recall: pd.DataFrame
    confusion: pd.DataFrame
    biases: pd.DataFrame
    false_calls: pd.DataFrame
    provenance: Mapping[str, Any]

    @property
    def tables(self) -> dict[str, pd.DataFrame]:
        """The tables by name, in the order of `exotrack.tables.CALIBRATION`."""
        return {table.name: getattr(self, table.name) for table in CALIBRATION}

    def noting(self, **entries: Any) -> Calibrated:
        """The same with further entries in its provenance."""
        return replace(self, provenance={**self.provenance, **entries})

    def write(self, folder: str | Path, *, overwrite: bool = False) -> Path:
        """Write tables, parameters, provenance, data dictionary and report to `folder`, all or nothing.

        Raises as `exotrack.io.write_results` does.
        """
        from exotrack.io.results import write_results
        from exotrack.report import write_calibration_report

        def report(place: Path) -> Path:
            movie, record = self.untouched.movie, dict(self.provenance)
            return write_calibration_report(place, movie=movie, tables=self.tables, params=self.settings, provenance=record)

        return write_results(folder, self.tables, self.settings, self.provenance, overwrite=overwrite, extra=report)


def calibrate(
    movie: Movie,
    settings: Analysis,
    rng: np.random.Generator,
    *,
    mask: Labels | None = None,
    untouched: Result | None = None,
    run: Execution = Execution(),
) -> Calibrated:
    """Inject simulated events into a movie, analyse it, and say what was found.

    Parameters
    ----------
    movie : the user's movie; it is read block by block, as in any analysis.
    settings : the analysis to calibrate; as `Settings` with ``settings.calibrate``, else that has its defaults.
    rng : all randomness comes from it; the same state gives the same tables.
    mask : (height, width) labels of the cells, 0 outside, in place of the estimated footprint.
    untouched : what `analyse` gave for this movie, these parameters and this mask, if it is there already.
    run : how fast; never changes the result.

    Raises `InputError` where `untouched` was made with other parameters, and where nothing can be injected: too few frames, no
    noise to count light by, no room.
    """
    begun = time.perf_counter()
    settings = settings_for(settings)
    analysis, p = analysis_of(settings), settings.calibrate
    progress = _Steps(run.progress, p.repeats + 1)
    if untouched is None:
        untouched = analyse(movie, analysis, mask=mask, run=replace(run, progress=progress.of(0)))
    elif untouched.params != analysis or untouched.movie.movie_id != movie.movie_id:
        raise InputError(f"{movie.movie_id}: the analysis that is there has other parameters or another movie; leave it out")
    learned = learn(untouched, preset_of(settings).vesicles.bleach_per_s)
    sim = simulation_for(settings, movie, learned)
    ground = Ground(untouched, learned, sim, scenery_for(untouched, learned, sim), p)
    gates = Gates.for_movie(movie.pixel_um, movie.frame_s)
    rounds: list[list[Injection]] = []
    judged: list[Judged] = []
    docked: list[list[dict[str, Any]]] = []
    left_out = 0
    for number, own in enumerate(rng.spawn(p.repeats), 1):
        things, without_room = plan(ground, own)
        left_out += without_room
        injected = injected_movie(ground, things, int(own.integers(2**63)))
        result = analyse(injected, analysis, mask=untouched.footprint, run=replace(run, progress=progress.of(number)))
        rounds.append(things)
        judged.append(judge(things, result, untouched.events, gates))
        docked += exits(things, result, untouched, gates)
    if not any(rounds):
        raise InputError(
            f"{movie.movie_id}: found no room for a single injection among the movie's own events; lower calibrate.clear_um "
            f"({p.clear_um:g} um) or calibrate.apart_um ({p.apart_um:g} um)"
        )
    table = injections_table(rounds, movie.movie_id)
    found = pd.DataFrame([row for one in judged for row in one.found])
    injections = Injections.build(pd.concat([table, found], axis=1).assign(newcomer=_yes(table)))
    record = _record(ground, len(injections), left_out) | {"wall_s": round(time.perf_counter() - begun, 3)}
    return Calibrated(
        settings, untouched, injections, _stays(injections, docked),
        recall(injections, p.bins), confusion(injections), biases(injections),
        false_calls(untouched, [j.caused for j in judged], [j.lost for j in judged], settings.classify.confidence),
        {
            **untouched.provenance, "finished": datetime.now(UTC).isoformat(timespec="seconds"),
            "params": settings.model_dump(mode="json"), "calibration": record,
        },
    )  # fmt: skip


def _stays(injections: pd.DataFrame, docked: Sequence[Sequence[Mapping[str, Any]]]) -> pd.DataFrame:
    """Table `InjectedStays`; docked : its rows for each injection, in their order."""
    shared = injections[["injection_id", "movie_id", "round", "as_found"]].to_dict("records")
    rows = [{**mine, **stay} for mine, stays in zip(shared, docked, strict=True) for stay in stays]
    return InjectedStays.build(pd.DataFrame(rows)) if rows else InjectedStays.empty()


def _record(ground: Ground, injected: int, left_out: int) -> dict[str, Any]:
    """What was learned of the movie and done with it."""
    learned, (low, high) = ground.learned, ground.heights
    return {
        "rounds": ground.params.repeats, "injected": injected, "left_out_for_want_of_room": left_out,
        "dimmest_counts": low, "brightest_counts": high, "sigma_um": learned.sigma_um, "bleach_per_s": learned.bleach_per_s,
        "simulation": ground.sim.preset, **learned.release, "sources": dict(learned.sources),
    }  # fmt: skip


def injected_movie(ground: Ground, things: list[Injection], seed: int) -> Movie:
    """The movie with the light of `things` added to it when it is read, and the noise that was estimated without it."""
    movie = ground.result.movie
    frames = InjectedFrames(
        movie.frames,
        Patches.join([thing.patches for thing in things]),
        ground.sim.optics.psf_sigma_um,
        movie.pixel_um,
        ground.learned.noise.slope,
        ceiling_of(movie),
        usable(ground.result.frames),
        seed,
    )
    return replace(movie, frames=frames, noise=ground.learned.noise)


def _yes(table: pd.DataFrame) -> NDArray[np.bool_]:
    if "newcomer" not in table:
        return np.zeros(len(table), bool)
    return np.asarray(table["newcomer"].astype("boolean").fillna(False), bool)


class _Steps:
    """Progress of several analyses as one: a hundred steps for each."""

    def __init__(self, progress: Progress | None, n_runs: int) -> None:
        self._progress, self._n = progress, n_runs

    def of(self, number: int) -> Progress | None:
        """What analysis `number` (from 0) is to call."""
        progress = self._progress
        if progress is None:
            return None

        def step(what: str, done: int, total: int) -> None:
            if what in STAGES:
                part = (STAGES.index(what) + done / max(total, 1)) / len(STAGES)
                progress("calibrate", int(100 * (number + part)), 100 * self._n)

        return step
