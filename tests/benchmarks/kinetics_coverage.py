"""Do 95 % intervals of fitted rates hold the truth? ``python tests/benchmarks/kinetics_coverage.py FOLDER [STUDIES [CASE ...]]``.

Each of STUDIES (200) simulated studies is drawn vesicle by vesicle, recorded as a camera would, and fitted. The profile interval
of a rate holds the truth just where the likelihood ratio of the truth is 3.84 or less, which is one climb instead of the ten of a
whole profile. The fit looks at the true values first, which saves time: what is measured is the intervals. Three studies of each
case are fitted and profiled without that. FOLDER gets a line for each study as it is done, so a run that was cut goes on, and
studies can be added.

Cases: one state; two hidden states; one state whose exits are called wrongly, with the counts of a calibration; constitutive and
neuroendocrine_core as the catalogue has them, drawn by the stochastic simulation of whole cells, resealing included.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from docked import TRUE, movie, two_states, watched

from exotrack.kinetics import Calls, Course, Free, Problem, Scheme
from exotrack.kinetics.catalogue import Model, load
from exotrack.kinetics.drive import Course as Inputs
from exotrack.kinetics.fit import fit
from exotrack.kinetics.generator import scheme
from exotrack.kinetics.likelihood import View
from exotrack.kinetics.observe import Camera
from exotrack.kinetics.profiles import drop_at, profile
from exotrack.kinetics.records import Place, records
from exotrack.kinetics.sightings import sightings
from exotrack.kinetics.stays import SEEN_EXITS
from exotrack.kinetics.stochastic import simulate

HALF_CHI2 = 1.9207
SIMPLE = {"undocking": 0.3, "full_fusion": 0.1, "kiss_and_run": 0.05}
WRONG = np.array([[0.92, 0.02, 0.02, 0.04], [0.08, 0.75, 0.07, 0.10], [0.12, 0.13, 0.65, 0.10]])
"""How exits are called in the case with wrong calls: undocking, full fusion, kiss-and-run (rows); the same and lost (columns)."""
INJECTED = 200
"""Of each kind, in its calibration."""
CAMERA = Camera(frame_s=0.1, n_frames=600, min_frames=3)
KISS = Free("phi_kiss", 1e-4, 0.9999, "logit", "")


@dataclass(frozen=True)
class Case:
    """What is simulated and fitted. draw : a study's table of stays, and its calibration if it has one."""

    true: Mapping[str, float]
    free: tuple[Free, ...]
    make: Callable[[Mapping[str, float]], View]
    draw: Callable[[np.random.Generator], tuple[pd.DataFrame, Calls | None]]


def rates(names: Mapping[str, float]) -> tuple[Free, ...]:
    """Free rates."""
    return tuple(Free(name) for name in names)


def one_state(values: Mapping[str, float]) -> Scheme:
    """Three competing fates."""
    return Scheme.one_state(**values)


def miscalled(rng: np.random.Generator) -> tuple[pd.DataFrame, Calls]:
    """A study whose exits are called wrongly, and a calibration that has seen `INJECTED` of each kind."""
    table = movie(one_state(SIMPLE), 100, 600, rng)
    names = np.array([*SEEN_EXITS, "lost"])
    kinds = table["exit_kind"].to_numpy(dtype=object).copy()
    for row in np.flatnonzero(table["exit_observed"]):
        kinds[row] = names[rng.choice(4, p=WRONG[SEEN_EXITS.index(kinds[row])])]
    counts = np.array([rng.multinomial(INJECTED, row) for row in WRONG])
    return table.assign(exit_kind=kinds, exit_observed=np.isin(kinds, SEEN_EXITS)), Calls(SEEN_EXITS, counts)


def whole_cells(
    model: Model, values: Mapping[str, float], rng: np.random.Generator, cells: int = 4, course: Inputs | None = None
) -> pd.DataFrame:
    """Docked stays of whole cells drawn by the stochastic simulation, as `CAMERA` records them."""
    parts = []
    for cell in range(cells):
        population = simulate(model, CAMERA.n_frames * CAMERA.frame_s, rng, course, values=values)
        parts.append(watched(records(population, Place(CAMERA.frame_s), rng).episodes, CAMERA, rng, f"cell{cell}"))
    return pd.concat(parts, ignore_index=True)


def of_catalogue(name: str, true: Mapping[str, float], fixed: Mapping[str, float]) -> Case:
    """A model of the catalogue with the values of `true` free."""
    model = load(name)
    inside = [state.name for state in model.states if state.seen in model.stay]
    resealed = np.array([float(state == "K") for state in inside])

    def make(values: Mapping[str, float]) -> Course:
        return Course((scheme(model, {**fixed, **values}),), resealed=resealed)

    def draw(rng: np.random.Generator) -> tuple[pd.DataFrame, None]:
        return whole_cells(model, {**fixed, **true}, rng), None

    free = tuple(KISS if key == KISS.name else Free(key) for key in true)
    return Case(true, free, make, draw)


def cases() -> dict[str, Case]:
    """Every case by name."""
    core = {"k_undock": 0.08, "k_prime": 0.15, "k_unprime": 0.05, "fuse_max": 0.25, "phi_kiss": 0.3}
    hidden = (*rates({key: value for key, value in TRUE.items() if key != "kiss"}), Free("kiss", 1e-3, 0.999, "logit", ""))
    return {
        "one_state": Case(SIMPLE, rates(SIMPLE), one_state, lambda rng: (movie(one_state(SIMPLE), 60, 250, rng), None)),
        "two_states": Case(
            TRUE, hidden, lambda v: two_states(**v), lambda rng: (movie(two_states(**TRUE), 250, 1_000, rng), None)
        ),
        "wrong_calls": Case(SIMPLE, rates(SIMPLE), one_state, miscalled),
        "constitutive": of_catalogue(
            "constitutive", {"k_undock": 0.1, "k_fuse": 0.25, "phi_kiss": 0.1}, {"arrive": 1.5, "tether_s": 5.0}
        ),
        "neuroendocrine_core": of_catalogue("neuroendocrine_core", core, {"K_Ca": 0.001, "k_tether": 0.01}),
    }


def study(case: Case, number: int) -> dict[str, object]:
    """One simulated study: estimates, and how far below the top the true value of each lies."""
    begun = time.process_time()
    table, calls = case.draw(np.random.default_rng([8, number]))
    data = sightings(table, "calls" if calls else "auto")
    near = tuple(replace(f, start=case.true[f.name]) for f in case.free)
    best = fit(Problem(case.make, near, data, calls), starts=1)
    drops = {name: drop_at(best, name, true) for name, true in case.true.items()}
    return {
        "study": number, "n_stays": data.n_stays, "values": dict(best.values), "sd": dict(best.sd), "drops": drops,
        "cpu_s": time.process_time() - begun,
    }  # fmt: skip


def agree(case: Case, number: int) -> dict[str, tuple[bool, bool]]:
    """Whether the truth is held by the whole profile, and by its likelihood ratio: the same, but at the edge."""
    table, calls = case.draw(np.random.default_rng([8, number]))
    best = fit(Problem(case.make, case.free, sightings(table, "calls" if calls else "auto"), calls), starts=2)
    found = {}
    for name, true in case.true.items():
        whole = profile(best, name)
        found[name] = (not (whole.low > true or whole.high < true), drop_at(best, name, true) <= HALF_CHI2)
    return found


def done(path: Path) -> list[dict[str, dict[str, float]]]:
    """The studies that a file holds; half a line at its end is left out."""
    if not path.exists():
        return []
    lines = path.read_text(encoding="utf-8").split("\n")[:-1]
    return [json.loads(line) for line in lines if line]


def summary(name: str, case: Case, rows: list[dict[str, dict[str, float]]]) -> None:
    """Coverage of each value with the range that chance allows, and the bias of the estimates."""
    n = len(rows)
    cpu = sum(float(row["cpu_s"]) for row in rows)  # type: ignore[arg-type]
    stays = np.mean([float(row["n_stays"]) for row in rows])  # type: ignore[arg-type]
    print(f"{name}: {n} studies of {stays:.0f} stays, {cpu:.0f} s")
    for key, true in case.true.items():
        held = np.mean([row["drops"][key] <= HALF_CHI2 for row in rows])
        found = np.array([row["values"][key] for row in rows])
        chance = np.sqrt(held * (1 - held) / n)
        print(f"  {key:12} true {true:<6g} held {held:6.1%} (+-{chance:.1%})  median {np.median(found):.4g}")


def main() -> None:
    """Do what is missing, and print all."""
    folder, studies = Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 200
    folder.mkdir(parents=True, exist_ok=True)
    known = cases()
    for name in sys.argv[3:] or list(known):
        path = folder / f"{name}.jsonl"
        rows = done(path)
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        with path.open("a", encoding="utf-8") as out:
            for number in range(len(rows), studies):
                rows.append(study(known[name], number))  # type: ignore[arg-type]
                out.write(json.dumps(rows[-1]) + "\n")
                out.flush()
        summary(name, known[name], rows)
        verdicts = [pair for number in range(3) for pair in agree(known[name], number).values()]
        print(f"  whole profiles agree in {sum(a == b for a, b in verdicts)} of {len(verdicts)}", flush=True)


if __name__ == "__main__":
    main()
