"""From pixels to rates: are those found that made a movie? ``python tests/benchmarks/kinetics_study.py FOLDER [CELLS [SEED]]``.

CELLS (3) cells are simulated for a minute each, analysed as movies of a user would be, and calibrated. The rates of docking,
undocking, full fusion and kiss-and-run are then told from what was found, in several ways, and set beside the rates that made the
movies and beside what is commonly read off such tables. The same is done with the true stays, as a perfect analysis would have
found them: what differs is the analysis's. SEED (7) is that of the movies. FOLDER keeps what is done, so a run that was cut goes
on.
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
from scipy.linalg import expm

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from docked import watched

from exotrack._blocks import Execution
from exotrack.calibrate import calibrate, settings_for
from exotrack.kinetics import Calls, Course, Free, Problem, Scheme, Study, read_study
from exotrack.kinetics.arrivals import arrivals
from exotrack.kinetics.course import with_dead_ends
from exotrack.kinetics.fit import fit
from exotrack.kinetics.likelihood import View
from exotrack.kinetics.observe import Camera
from exotrack.kinetics.profiles import profiles
from exotrack.kinetics.sightings import sightings
from exotrack.kinetics.stays import CHANCES, SEEN_EXITS
from exotrack.movie import Movie
from exotrack.params import preset
from exotrack.pipeline import analyse
from exotrack.simulate import Simulation, Truth, simulate, simulation

CHANGES: dict[str, Any] = {
    "field": {"height_px": 160, "width_px": 160, "n_frames": 600},
    "cell": {"cover": 0.85},
    "kinetics": {"newcomer_fraction": 0.0},
}
"""A small cell for a minute; no newcomers, whose fusions obey no rate."""
ROUNDS: dict[str, Any] = {
    "repeats": 10, "per_um2": 0.1, "as_found": 1.0, "docking_fraction": 0.35, "decoy_fraction": 0.15,
}  # fmt: skip
"""How each cell is calibrated: injected vesicles as bright as its own, more that undock and fewer decoys than by default."""
CELLS, SEED = 3, 7
ALONE = Execution(1)


def simulated() -> Simulation:
    """What makes the movies."""
    return simulation("granule").updated(CHANGES)


def movies(folder: Path, cells: int, seed: int) -> None:
    """Simulate, analyse and calibrate what is missing."""
    for cell in range(cells):
        home = folder / f"cell{cell}"
        if all((home / name).exists() for name in ("results", "injected_stays.parquet")):
            continue
        home.mkdir(parents=True, exist_ok=True)
        begun = time.process_time()
        truth = simulate(simulated(), np.random.default_rng([seed, cell]))
        movie = held(truth, f"cell{cell}")
        for name in ("episodes", "cells"):
            getattr(truth, name).to_parquet(home / f"true_{name}.parquet")
        drawn = time.process_time()
        result = analyse(movie, preset("granule"), run=ALONE)
        if not (home / "results").exists():
            result.write(home / "results")
        read = time.process_time()
        settings = settings_for(preset("granule")).updated({"calibrate": ROUNDS})
        done = calibrate(movie, settings, np.random.default_rng([11, cell]), untouched=result, run=ALONE)
        done.injections.to_parquet(home / "injections.parquet")
        done.injected_stays.to_parquet(home / "injected_stays.parquet")
        took = f"analysed in {read - drawn:.0f} s, calibrated in {time.process_time() - read:.0f} s"
        print(f"cell {cell}: simulated in {drawn - begun:.0f} s, {took}", flush=True)


def held(truth: Truth, name: str) -> Movie:
    """The movie with its pixels in memory: simulated ones are rendered whenever they are read."""
    movie = truth.movie
    pixels = movie.read(0, len(movie))
    kept = Movie.from_array(pixels, pixel_um=movie.pixel_um, frame_s=movie.frame_s, movie_id=name)
    return replace(kept, sources=movie.sources, ceiling=movie.ceiling)


RATES = tuple(Free(name) for name in SEEN_EXITS)
VISITORS = (Free("visitors", 0.01, 0.95, "logit", ""), Free("visitors_leave", 0.3, 30.0))
IMMOBILE = (Free("dead_resident", 1e-4, 0.9, "logit", ""),)
LOST = (Free("lost"),)


@dataclass(frozen=True)
class Reading:
    """One way to read the stays: what is free beside the three rates, and what says how a stay ended.

    evidence : kind (as it is called), chances (the probabilities of each exit) or counts (calls, with those of the calibration).
    residents : use what was docked in the first frame too; things that never leave are among it.
    """

    name: str
    more: tuple[Free, ...] = ()
    evidence: str = "kind"
    residents: bool = True


READINGS = (
    Reading("one state"),
    Reading("visitors", VISITORS),
    Reading("visitors, arrivals only", VISITORS, residents=False),
    Reading("visitors, immobile", (*VISITORS, *IMMOBILE)),
    Reading("visitors, immobile, probabilities", (*VISITORS, *IMMOBILE), "chances"),
    Reading("visitors, calibration", (*VISITORS, *LOST), "counts"),
    Reading("visitors, immobile, calibration", (*VISITORS, *IMMOBILE, *LOST), "counts"),
    Reading("visitors, arrivals only, calibration", (*VISITORS, *LOST), "counts", residents=False),
)


def scheme(values: Mapping[str, float]) -> View:
    """Docked vesicles that undock or fuse; visitors that only leave; things that only get lost, if they are asked for."""
    rates = [values[name] for name in SEEN_EXITS]
    exits, entry = np.array([rates]), np.ones(1)
    if "visitors" in values:
        exits = np.array([rates, [values["visitors_leave"], 0.0, 0.0]])
        entry = np.array([1.0 - values["visitors"], values["visitors"]])
    made = Scheme(-np.diag(exits.sum(axis=1)), exits, SEEN_EXITS, entry)
    if "lost" in values:
        made = made.losing("lost", values["lost"])
    if "dead_resident" in values:
        return with_dead_ends(made, 0.0, values["dead_resident"])
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
        evidence = "probabilities" if reading.evidence == "chances" else "calls"
        data = sightings(table, evidence, residents=reading.residents, keep=keep)
        best = fit(Problem(scheme, (*RATES, *reading.more), data, calls if reading.evidence == "counts" else None), starts=2)
        row = f"{reading.name:40}"
        for p, t in zip(profiles(best, SEEN_EXITS), true, strict=True):
            mark = "*" if p.low > t or p.high < t else ""  # a side without an end holds everything
            row += f"{f'{p.value:.4f} ({p.low:.4f} to {p.high:.4f}){mark}':>30}"
        more = ", ".join(f"{f.name} {best.values[f.name]:.3g}" for f in reading.more)
        print(f"{row}  {best.log_likelihood:.1f} {more}", flush=True)


def arriving() -> float:
    """Expected dockings per um^2 and s, on average over the movie: tethered vesicles times the rate at which they dock."""
    sim = simulated()
    k, end = sim.kinetics, sim.field.duration_s
    settled, visits = k.dock_per_s * (1 - k.visitor_fraction), k.dock_per_s * k.visitor_fraction
    after, near = k.fuse_per_s * k.kiss_fraction * k.leave_after_kiss, k.stays_near
    # Mobile, tethered, settled, visitors, and what comes from the depth: time derivative of each (rows) by each (columns).
    flow = np.array([
        [-(k.tether_per_s + k.depart_per_s), k.untether_per_s, near * (k.undock_per_s + after), near / k.visitor_s, 1],
        [k.tether_per_s, -(k.dock_per_s + k.untether_per_s), 0, 0, 0],
        [0, settled, -(k.undock_per_s + k.fuse_per_s * (1 - k.kiss_fraction) + after), 0, 0],
        [0, visits, 0, -1 / k.visitor_s, 0],
        [0, 0, 0, 0, 0],
    ])  # fmt: skip
    start = np.array([k.mobile_per_um2, k.tethered_per_um2, k.docked_per_um2, 0, k.arrivals_per_um2_s])
    times = np.linspace(0, end, 601)
    step, states = expm(flow * times[1]), [start]
    for _ in times[1:]:
        states.append(step @ states[-1])
    tethered = np.array(states)[:, 1]
    return float(k.dock_per_s * (0.5 * tethered[0] + tethered[1:-1].sum() + 0.5 * tethered[-1]) / (len(times) - 1))


def dockings(study: Study, homes: list[Path], injected: pd.DataFrame, calls: Calls) -> None:
    """How often vesicles dock, of all and of those that are no visitors, beside what made the movies and what happened."""
    true = [pd.read_parquet(home / "true_episodes.parquet") for home in homes]
    cells = pd.concat([pd.read_parquet(home / "true_cells.parquet") for home in homes])
    exposure = float((cells["area_um2"] * cells["observed_s"]).sum())
    docked = [one[one["state"] == "docked"].sort_values(["track_id", "t_first_s"]) for one in true]
    share = 1 - simulated().kinetics.visitor_fraction
    # A stay that follows a docked one at once is that of a resealed vesicle.
    came = pd.concat([_fresh(stays) for stays in docked])
    keep = (study.stays["entry_kind"] != "resealing").to_numpy()
    data = sightings(study.stays, "calls", residents=False, keep=keep)
    best = fit(Problem(scheme, (*RATES, *VISITORS, *LOST), data, calls), starts=2)
    plain = fit(Problem(scheme, (*RATES, *VISITORS), data), starts=2)
    print(f"\ndockings per 1000 um^2 and s: {'all':>34}{'no visits':>34}")
    rate = arriving()
    print(f"{'true rate':30}{1000 * rate:>34.3f}{1000 * rate * share:>34.3f}")
    happened = [1000 * len(came) / exposure, 1000 * (~came["visitor"]).sum() / exposure]
    print(f"{'what happened':30}{happened[0]:>34.3f}{happened[1]:>34.3f}")
    both = [lambda _: 1.0, lambda values: 1 - values["visitors"]]
    known = [arrivals(study, best, injected, part) for part in both]
    bare = [arrivals(study, plain, None, part) for part in both]
    print(
        f"{'naive: found over area and time':30}{f'{1000 * bare[0].uncorrected:.3f} ({bare[0].uncorrected / rate - 1:+.0%})':>33}"
    )
    for name, rows in (("without the calibration", bare), ("corrected by the calibration", known)):
        cells_ = "".join(f"{f'{1000 * a.rate:.3f} ({1000 * a.low:.3f} to {1000 * a.high:.3f})':>34}" for a in rows)
        print(f"{name:30}{cells_}")
    print(f"{known[0].n_found} found, of which {known[0].n_false:.0f} none; recall {known[0].recall:.0%}", flush=True)


def _fresh(stays: pd.DataFrame) -> pd.DataFrame:
    """Docked stays of one movie that begin with a docking, not with the resealing of a vesicle."""
    before = stays["t_first_s"].shift() + stays["duration_s"].shift()
    same = (stays["track_id"].diff() == 0) & ((stays["t_first_s"] - before).abs() < 1e-6)
    return stays[~same & stays["entry_observed"]]


def report(folder: Path, cells: int, least_s: float) -> None:
    """The rates, from what was found and from what was there."""
    k = simulated().kinetics
    true = [k.undock_per_s, k.fuse_per_s * (1 - k.kiss_fraction), k.fuse_per_s * k.kiss_fraction]
    homes = [folder / f"cell{cell}" for cell in range(cells)]
    study = read_study([home / "results" for home in homes], least_s=least_s)
    movie = study.movies.iloc[0]
    camera = Camera(float(movie["frame_s"]), int(movie["movie_frames"]), int(movie["min_frames"]))
    rng = np.random.default_rng(3)
    there = [watched(pd.read_parquet(home / "true_episodes.parquet"), camera, rng, home.name) for home in homes]
    injected = pd.concat([pd.read_parquet(home / "injected_stays.parquet") for home in homes], ignore_index=True)
    calls = Calls.of_stays(injected, camera.min_frames)
    print(f"\nstays of {camera.min_frames} frames ({camera.min_frames * camera.frame_s:g} s) or more; *: the truth lies outside")
    print("calibration, called " + ", ".join((*SEEN_EXITS, "lost", "going on")) + f":\n{calls.counts}")
    print(f"false exits: {calls.false} in {calls.watched_s:.0f} s")
    compared("true stays", pd.concat(there, ignore_index=True), true, None)
    compared("found stays", study.stays, true, calls)
    dockings(study, homes, injected, calls)


def main() -> None:
    """Make what is missing, and print both tables, for every stay and for those of two seconds or more."""
    given = dict(enumerate(sys.argv))
    folder, cells, seed = Path(given[1]), int(given.get(2, CELLS)), int(given.get(3, SEED))
    movies(folder, cells, seed)
    for least_s in (0.0, 2.0):
        report(folder, cells, least_s)


if __name__ == "__main__":
    main()
