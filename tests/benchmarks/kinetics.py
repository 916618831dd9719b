"""How fast and how right is the likelihood of docked stays? ``python tests/benchmarks/kinetics.py [REPEATS]``.

Prints the time of a likelihood and a fit of 6,000 vesicles on one core; the survival behind it beside scipy's and RoadRunner's
integrators; what five readings of the same tables say of the true rates; and exact against naive mean stays.
REPEATS (40) is the number of 30 s movies of about 300 vesicles for the third. How often intervals hold the truth is measured by
kinetics_coverage.py.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from docked import TRUE, movie, two_states

from exotrack.kinetics import Free, Problem, Scheme
from exotrack.kinetics.course import steps
from exotrack.kinetics.fit import fit
from exotrack.kinetics.likelihood import log_likelihood
from exotrack.kinetics.profiles import profiles
from exotrack.kinetics.sightings import sightings

FREE = (*(Free(name) for name in ("prime", "unprime", "undock", "fuse")), Free("kiss", 1e-3, 0.999, "logit", ""))
FRAME_S, FRAMES = 0.1, 300


def make(values: Mapping[str, float]) -> Scheme:
    """The scheme of two states."""
    return two_states(**values)


def milliseconds(task: Callable[[], Any], repeats: int = 30) -> float:
    """Median processor time of a task in ms, after one run to warm up."""
    task()
    taken = []
    for _ in range(repeats):
        start = time.process_time()
        task()
        taken.append(time.process_time() - start)
    return 1e3 * float(np.median(taken))


def speed() -> None:
    """Likelihood, fit and profiles of about 6,000 vesicles."""
    table = movie(two_states(**TRUE), 1_500, 5_100, np.random.default_rng(3))
    data = sightings(table)
    print(f"{data.n_stays} vesicles, {sum(len(g.timeless.count) for g in data.groups)} different stays and ends")
    print(f"likelihood {milliseconds(lambda: log_likelihood(two_states(**TRUE), data), 200):.2f} ms (target 3)")
    start = time.process_time()
    best = fit(Problem(make, FREE, data))
    print(f"fit of 5 values from 4 of 61 starts {time.process_time() - start:.2f} s (target 5), {best.n_evaluations} likelihoods")
    start = time.process_time()
    for p in profiles(best):
        print(f"  {p.name:8} true {TRUE[p.name]:.3f}  {p.value:.3f} ({p.low:.3f} to {p.high:.3f}) {p.verdict}")
    print(f"profiles of 5 values {time.process_time() - start:.2f} s")


def integrators() -> None:
    """Both states at 300 frames: one exponential and doubling, against solvers of differential equations."""
    from scipy.integrate import solve_ivp
    from scipy.linalg import expm

    scheme, t = two_states(**TRUE), np.arange(FRAMES) * FRAME_S

    def doubling() -> Any:
        return steps(scheme.entry, scheme.over(FRAME_S)[0], FRAMES - 1)

    own = doubling()
    print(f"states at {FRAMES} frames: own {milliseconds(doubling):.3f} ms")

    def slope(_t: float, y: Any) -> Any:
        return y @ scheme.stay

    def lsoda() -> Any:
        return solve_ivp(slope, (0, t[-1]), scheme.entry, "LSODA", t, rtol=1e-8, atol=1e-10).y.T

    def exponentials() -> Any:
        return scheme.entry @ expm(t[:, None, None] * scheme.stay)

    for name, task in (("scipy expm", exponentials), ("scipy LSODA", lsoda), ("RoadRunner", roadrunner(t))):
        if task is None:
            print(f"  {name:12} is not installed")
            continue
        print(f"  {name:12} {milliseconds(task):8.3f} ms, largest difference {np.abs(task() - own).max():.1e}")


def roadrunner(t: Any) -> Callable[[], Any] | None:
    """The same by RoadRunner, from Antimony; None without it."""
    try:
        import antimony
        import roadrunner as rr
    except ImportError:
        return None
    text = "model m; docked = 1; primed = 0; -> ; " + "; ".join(f"{k} = {v}" for k, v in TRUE.items())
    text = text.replace("-> ; ", "docked -> primed; prime*docked; primed -> docked; unprime*primed; "
                        "docked -> ; undock*docked; primed -> ; fuse*primed; ")  # fmt: skip
    antimony.loadAntimonyString(text + "; end")
    runner = rr.RoadRunner(antimony.getSBMLString("m"))
    runner.integrator.relative_tolerance, runner.integrator.absolute_tolerance = 1e-8, 1e-10

    def task() -> Any:
        runner.reset()
        return np.asarray(runner.simulate(t[0], t[-1], len(t), ["docked", "primed"]))

    return task


def readings(repeats: int) -> None:
    """Medians and robust spreads of five readings of the same tables."""
    rng, scheme = np.random.default_rng(5), two_states(**TRUE)
    rows: dict[str, list[list[float]]] = {}
    for _ in range(repeats):
        table = movie(scheme, 60, 250, rng)
        ways = {
            "full likelihood": sightings(table),
            "arrivals only": sightings(table, residents=False),
            "ignores the filter": sightings(table.assign(min_frames=1)),
            "residents as new": sightings(table.assign(entry_kind="docking", entry_observed=True)),
        }
        for name, data in ways.items():
            best = fit(Problem(make, FREE, data), starts=1)
            rows.setdefault(name, []).append([best.values[key] for key in TRUE])
        done = table[table["exit_observed"]]
        shares = [float((done["exit_kind"] == kind).mean()) for kind in ("undocking", "full_fusion", "kiss_and_run")]
        rows.setdefault("counting", []).append([float(done["duration_s"].mean()), *shares])
    print(f"{'median (robust sd)':20}" + "".join(f"{key + ' ' + format(true, '.2f'):>16}" for key, true in TRUE.items()))
    for name, found in rows.items():
        middle, low, high = np.percentile(found, [50, 15.87, 84.13], axis=0)
        if name != "counting":
            print(
                f"{name:20}" + "".join(f"{m:9.3f} ({(b - a) / 2:.3f})"[-16:] for m, a, b in zip(middle, low, high, strict=True))
            )
        else:
            true = [scheme.mean(), *scheme.fractions()]
            print("counting: mean stay, undocking, full fusion, kiss-and-run " + ", ".join(f"{m:.3f}" for m in middle))
            print("   true                                                   " + ", ".join(f"{m:.3f}" for m in true))


def naive() -> None:
    """Exact and naive mean stay of 200 one-state vesicles, 400 times."""
    print("true mean, filter: exact (sd), naive mean of n_frames * frame")
    rng = np.random.default_rng(6)
    for mean_s, least in ((0.15, 3), (0.5, 3), (0.5, 5)):
        exact, counted = [], []
        for _ in range(400):
            stay = rng.exponential(mean_s, 20_000)
            frames = np.ceil((stay - rng.random(20_000) * FRAME_S) / FRAME_S)
            kept = frames[frames >= least][:200]
            # With one state the most probable rate is that of a geometric law; a test holds the likelihood to it.
            exact.append(-FRAME_S / np.log1p(-len(kept) / (len(kept) + (kept - least).sum())))
            counted.append(kept.mean() * FRAME_S)
        print(f"  {mean_s:.2f} s, {least} frames: {np.mean(exact):.3f} ({np.std(exact):.3f}), {np.mean(counted):.3f}")


if __name__ == "__main__":
    speed()
    integrators()
    naive()
    readings(int(sys.argv[1]) if len(sys.argv) > 1 else 40)
