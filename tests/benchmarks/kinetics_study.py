"""From pixels to rates: are the rates that made a movie found? ``python tests/benchmarks/kinetics_study.py FOLDER [CELLS]``.

CELLS (4) cells are simulated for a minute each, analysed as movies of a user would be, and one of them calibrated. The rates of
undocking, full fusion and kiss-and-run are then fitted to the docked stays that were found, in several ways, and set beside the
rates that made the movies and beside what is commonly read off such tables. The same is done with the true stays, as a perfect
analysis would have found them: what differs is the analysis's. FOLDER keeps what is done, so a run that was cut goes on.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from docked import watched

from exotrack._blocks import Execution
from exotrack.calibrate import calibrate, settings_for
from exotrack.kinetics import Calls, Course, Free, Problem, Scheme, read_study
from exotrack.kinetics.course import with_dead_ends
from exotrack.kinetics.fit import fit
from exotrack.kinetics.likelihood import View
from exotrack.kinetics.observe import Camera
from exotrack.kinetics.profiles import profiles
from exotrack.kinetics.sightings import sightings
from exotrack.kinetics.stays import CHANCES, SEEN_EXITS
from exotrack.movie import Movie
from exotrack.params import preset
from exotrack.pipeline import Result, analyse
from exotrack.simulate import Simulation, Truth, simulate, simulation

CHANGES: dict[str, Any] = {
    "field": {"height_px": 160, "width_px": 160, "n_frames": 600},
    "cell": {"cover": 0.85},
    "kinetics": {"newcomer_fraction": 0.0},
}
"""A small cell for a minute; no newcomers, whose fusions obey no rate."""
CALIBRATED, ROUNDS = 0, {"repeats": 2, "per_um2": 0.2}
"""The cell that is calibrated, and how: more is injected than in a user's movie, to save rounds."""
ALONE = Execution(1)


def simulated() -> Simulation:
    """What makes the movies."""
    return simulation("granule").updated(CHANGES)


def movies(folder: Path, cells: int) -> None:
    """Simulate and analyse what is missing."""
    for cell in range(cells):
        home = folder / f"cell{cell}"
        wanted = [home / "results", *([home / "confusion.parquet"] if cell == CALIBRATED else [])]
        if all(path.exists() for path in wanted):
            continue
        home.mkdir(parents=True, exist_ok=True)
        begun = time.process_time()
        truth = simulate(simulated(), np.random.default_rng([7, cell]))
        movie = held(truth, f"cell{cell}")
        truth.episodes.to_parquet(home / "true_episodes.parquet")
        truth.events.to_parquet(home / "true_events.parquet")
        drawn = time.process_time()
        result = analyse(movie, preset("granule"), run=ALONE)
        if not wanted[0].exists():
            result.write(wanted[0])
        print(f"cell {cell}: simulated in {drawn - begun:.0f} s, analysed in {time.process_time() - drawn:.0f} s", flush=True)
        if cell == CALIBRATED:
            calibration(movie, result, wanted[1])


def calibration(movie: Movie, result: Result, out: Path) -> None:
    """How exits are called in this movie, as counts."""
    begun = time.process_time()
    settings = settings_for(preset("granule")).updated({"calibrate": ROUNDS})
    done = calibrate(movie, settings, np.random.default_rng(11), untouched=result, run=ALONE)
    done.confusion.to_parquet(out)
    print(f"calibrated in {time.process_time() - begun:.0f} s", flush=True)


def held(truth: Truth, name: str) -> Movie:
    """The movie with its pixels in memory: simulated ones are rendered whenever they are read."""
    movie = truth.movie
    pixels = movie.read(0, len(movie))
    kept = Movie.from_array(pixels, pixel_um=movie.pixel_um, frame_s=movie.frame_s, movie_id=name)
    return replace(kept, sources=movie.sources, ceiling=movie.ceiling)


RATES = tuple(Free(name) for name in SEEN_EXITS)
VISITORS = (Free("visitors", 0.01, 0.95, "logit", ""), Free("visitors_leave", 0.3, 30.0))
DEAD = (Free("dead_arriving", 1e-4, 0.9, "logit", ""), Free("dead_resident", 1e-4, 0.9, "logit", ""))
LOST = (Free("lost"),)


@dataclass(frozen=True)
class Reading:
    """One way to read the stays: what is free beside the three rates, and what says how a stay ended.

    evidence : kind (as it is called), chances (the probabilities of each exit) or counts (calls, with those of the calibration).
    """

    name: str
    more: tuple[Free, ...] = ()
    evidence: str = "kind"


READINGS = (
    Reading("one state"),
    Reading("and visitors", VISITORS),
    Reading("and dead ends", (*VISITORS, *DEAD)),
    Reading("and visitors, probabilities", VISITORS, "chances"),
    Reading("one state, calibration", LOST, "counts"),
    Reading("and visitors, calibration", (*VISITORS, *LOST), "counts"),
)


def scheme(values: Mapping[str, float]) -> View:
    """Docked vesicles that undock or fuse; visitors that only leave; dead ends that only get lost, if they are asked for."""
    rates = [values[name] for name in SEEN_EXITS]
    exits, entry = np.array([rates]), np.ones(1)
    if "visitors" in values:
        exits = np.array([rates, [values["visitors_leave"], 0.0, 0.0]])
        entry = np.array([1.0 - values["visitors"], values["visitors"]])
    made = Scheme(-np.diag(exits.sum(axis=1)), exits, SEEN_EXITS, entry)
    if "lost" in values:
        made = made.losing("lost", values["lost"])
    if "dead_resident" in values:
        return with_dead_ends(made, values["dead_arriving"], values["dead_resident"])
    return Course((made,))


def naive(table: pd.DataFrame) -> list[tuple[str, list[float]]]:
    """What is commonly read off such a table: rates of the three exits (1/s)."""
    ended = table[table["exit_observed"]]
    number = np.array([float((ended["exit_kind"] == kind).sum()) for kind in SEEN_EXITS])
    whole = ended[ended["entry_observed"]]
    own = np.array([float((whole["exit_kind"] == kind).sum()) for kind in SEEN_EXITS])
    return [
        ("naive: whole stays only", list(own / whole["duration_s"].sum())),
        (
            "naive: 1 / mean stay before each exit",
            [1 / ended.loc[ended["exit_kind"] == k, "duration_s"].mean() for k in SEEN_EXITS],
        ),
        ("naive: exits over time docked", list(number / table["duration_s"].sum())),
    ]


def compared(title: str, table: pd.DataFrame, true: list[float], calls: Calls | None) -> None:
    """Every reading of a table, beside the truth."""
    print(
        f"\n{title}: {len(table)} docked stays, "
        + ", ".join(f"{n} {kind}" for kind, n in table["exit_kind"].value_counts().items())
    )
    print(f"{'':40}" + "".join(f"{name:>30}" for name in SEEN_EXITS))
    print(f"{'true':40}" + "".join(f"{value:>30.4f}" for value in true))
    for name, found in naive(table):
        print(f"{name:40}" + "".join(f"{f'{v:.4f} ({v / t - 1:+.0%})':>30}" for v, t in zip(found, true, strict=True)))
    keep = (table["entry_kind"] != "resealing").to_numpy()
    for reading in READINGS:
        known = table.loc[table["exit_observed"], list(CHANCES)].notna().all(axis=None)
        if (reading.evidence == "counts" and calls is None) or (reading.evidence == "chances" and not known):
            continue
        data = sightings(table, "probabilities" if reading.evidence == "chances" else "calls", keep=keep)
        best = fit(Problem(scheme, (*RATES, *reading.more), data, calls if reading.evidence == "counts" else None), starts=3)
        row = f"{reading.name:40}"
        for p, t in zip(profiles(best, SEEN_EXITS), true, strict=True):
            mark = "*" if p.low > t or p.high < t else ""  # a side without an end holds everything
            row += f"{f'{p.value:.4f} ({p.low:.4f} to {p.high:.4f}){mark}':>30}"
        more = ", ".join(f"{f.name} {best.values[f.name]:.3g}" for f in reading.more)
        print(f"{row}  {best.log_likelihood:.1f} {more}", flush=True)


def report(folder: Path, cells: int, least_s: float) -> None:
    """The rates, from what was found and from what was there."""
    k = simulated().kinetics
    true = [k.undock_per_s, k.fuse_per_s * (1 - k.kiss_fraction), k.fuse_per_s * k.kiss_fraction]
    study = read_study([folder / f"cell{cell}" / "results" for cell in range(cells)], least_s=least_s)
    movie = study.movies.iloc[0]
    camera = Camera(float(movie["frame_s"]), int(movie["movie_frames"]), int(movie["min_frames"]))
    rng = np.random.default_rng(3)
    homes = [folder / f"cell{cell}" for cell in range(cells)]
    there = [watched(pd.read_parquet(home / "true_episodes.parquet"), camera, rng, home.name) for home in homes]
    counts = homes[CALIBRATED] / "confusion.parquet"
    calls = Calls.of_confusion(pd.read_parquet(counts)) if counts.exists() else None
    print(f"\nstays of {camera.min_frames} frames ({camera.min_frames * camera.frame_s:g} s) or more; *: the truth lies outside")
    if calls is not None:
        print("calibration, called " + ", ".join((*SEEN_EXITS, "lost")) + f":\n{calls.counts}")
    compared("true stays", pd.concat(there, ignore_index=True), true, None)
    compared("found stays", study.stays, true, calls)


def main() -> None:
    """Make what is missing, and print both tables, for every stay and for those of two seconds or more."""
    folder, cells = Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 4
    movies(folder, cells)
    for least_s in (0.0, 2.0):
        report(folder, cells, least_s)


if __name__ == "__main__":
    main()
