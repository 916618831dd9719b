"""Are regulated and constitutive data told apart? ``python tests/benchmarks/kinetics_regulation.py FOLDER [STUDIES]``.

Three kinds of data, whole cells drawn by the stochastic simulation: the model `constitutive` with a stimulus that does nothing;
`neuroendocrine_core` with calcium that rises at the stimulus; the same at constant calcium, where only priming tells. Each is
fitted by `constitutive`, by `constitutive` whose fusion may change at the stimulus, and by `neuroendocrine_core` at constant
calcium. Of the first data, how often a likelihood-ratio test at 5 % rejects `constitutive` is its size, of the others its power.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from kinetics_coverage import KISS, done, of_catalogue, whole_cells

from exotrack.kinetics import Course, Free, Problem
from exotrack.kinetics.catalogue import load
from exotrack.kinetics.drive import Course as Inputs
from exotrack.kinetics.fit import Fit, fit
from exotrack.kinetics.generator import scheme
from exotrack.kinetics.ranking import nested_test
from exotrack.kinetics.sightings import Sightings, sightings

STIMULUS_S = 30.0
PLAIN, CORE = load("constitutive"), load("neuroendocrine_core")
RESEALED = np.array([0.0, 1.0])
STEADY = {"arrive": 1.5, "tether_s": 5.0, "k_undock": 0.1, "k_fuse": 0.25, "phi_kiss": 0.1}
PRIMED = {"k_undock": 0.08, "k_prime": 0.3, "k_unprime": 0.05, "fuse_max": 2.0, "phi_kiss": 0.1, "k_tether": 0.005}
CALCIUM_UM = (0.5, 0.7)
"""Before and after the stimulus; fusion of primed vesicles is 0.22 and 0.51 per s."""


def drawn(kind: str, rng: np.random.Generator) -> pd.DataFrame:
    """Two cells of a kind of data."""
    if kind == "constitutive":
        table = whole_cells(PLAIN, STEADY, rng, 2)
    else:
        after = CALCIUM_UM[1 if kind == "stimulated" else 0]
        course = Inputs.steps([(0.0, {"Ca": CALCIUM_UM[0]}), (STIMULUS_S, {"Ca": after})])
        table = whole_cells(CORE, PRIMED, rng, 2, course)
    return table.assign(t_since_stimulus_s=table["t_entry_s"] - STIMULUS_S)


def plain(values: Mapping[str, float]) -> Course:
    """`constitutive`, with another rate of fusion after the stimulus if there is one."""
    before = scheme(PLAIN, {key: value for key, value in values.items() if key != "after"})
    if "after" not in values:
        return Course((before,), resealed=RESEALED)
    later = scheme(PLAIN, {"k_undock": values["k_undock"], "k_fuse": values["after"], "phi_kiss": values["phi_kiss"]})
    return Course((before, later), (0.0,), resealed=RESEALED)


def fits(data: Sightings) -> tuple[Fit, Fit, Fit]:
    """constitutive; with a change at the stimulus; with priming."""
    rates = (Free("k_undock"), Free("k_fuse"), KISS)
    small = fit(Problem(plain, rates, data), starts=1)
    near = tuple(replace(f, start=small.values[f.name]) for f in rates)
    changed = fit(Problem(plain, (*near, Free("after", start=small.values["k_fuse"])), data), starts=1)
    free = ("k_undock", "k_prime", "k_unprime", "fuse_max", "phi_kiss")
    priming = of_catalogue("neuroendocrine_core", {key: PRIMED[key] for key in free}, {"K_Ca": 0.001})
    undock, fuse = small.values["k_undock"], small.values["k_fuse"]
    # constitutive is the limit in which priming comes and goes at once, half of the vesicles being primed.
    start = {
        "k_undock": 2 * undock,
        "k_prime": 100.0,
        "k_unprime": 100.0,
        "fuse_max": 2 * fuse,
        "phi_kiss": small.values["phi_kiss"],
    }
    large = [
        fit(Problem(priming.make, tuple(replace(f, start=place[f.name]) for f in priming.free), data), starts=1)
        for place in (start, PRIMED)
    ]
    return small, changed, max(large, key=lambda one: one.log_likelihood)


def study(kind: str, number: int) -> dict[str, object]:
    """The gains in log-likelihood of one study."""
    begun = time.process_time()
    data = sightings(drawn(kind, np.random.default_rng([17, number])))
    small, changed, primed = fits(data)
    test = nested_test(small, changed)
    return {
        "n_stays": data.n_stays, "p_changed": test.p_value, "gain_primed": 2 * (primed.log_likelihood - small.log_likelihood),
        "aic_primed": 2 * primed.n_free - 2 * primed.log_likelihood < 2 * small.n_free - 2 * small.log_likelihood,
        "cpu_s": time.process_time() - begun,
    }  # fmt: skip


def main() -> None:
    """Do what is missing, and print."""
    folder, studies = Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 200
    folder.mkdir(parents=True, exist_ok=True)
    for kind in ("constitutive", "stimulated", "constant calcium"):
        path = folder / f"regulation_{kind.replace(' ', '_')}.jsonl"
        rows = done(path)
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        with path.open("a", encoding="utf-8") as out:
            for number in range(len(rows), studies):
                rows.append(study(kind, number))  # type: ignore[arg-type]
                out.write(json.dumps(rows[-1]) + "\n")
                out.flush()
        table = pd.DataFrame(rows)
        print(f"{kind}: {len(table)} studies of {table['n_stays'].mean():.0f} stays, {table['cpu_s'].sum():.0f} s; rejected:")
        print(f"  fusion changes at the stimulus {(table['p_changed'] <= 0.05).mean():.3f}")
        for name, level in (("half chi-squared of 1", 2.706), ("chi-squared of 2", 5.991)):
            print(f"  priming, {name:22} {(table['gain_primed'] > level).mean():.3f}")
        print(f"  priming, by AIC {table['aic_primed'].mean():.3f}", flush=True)


if __name__ == "__main__":
    main()
