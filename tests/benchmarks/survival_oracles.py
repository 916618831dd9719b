"""The estimators beside lifelines: the same numbers where lifelines is right, and the time both take.

lifelines 0.30 does not install beside the pandas that exotrack needs (it wants pandas before 3), so this is no part of the test
suite; statsmodels, which is, knows no late entry with competing fates. In an environment of its own:

    python -m venv oracle && oracle/bin/pip install lifelines
    PYTHONPATH=. oracle/bin/python tests/benchmarks/survival_oracles.py

Tied times: lifelines' Aalen-Johansen moves them at random, so that its answer depends on its seed. It is compared on times made
unequal beforehand, and its answers to the tied ones are printed.
"""

from __future__ import annotations

import time
import warnings
from typing import Any

import numpy as np
from lifelines import AalenJohansenFitter, KaplanMeierFitter, NelsonAalenFitter
from numpy.typing import NDArray

from exotrack.kinetics.estimators import Curve, aalen_johansen, kaplan_meier, nelson_aalen

FATES = ("undocking", "full_fusion", "kiss_and_run")


def stays(n: int = 400) -> tuple[NDArray[Any], ...]:
    """Stays in half seconds: last age, fate (0: censored), entry."""
    rng = np.random.default_rng(1)
    ends, censored = np.ceil(rng.exponential(5, n) * 2) / 2, np.ceil(rng.uniform(0, 12, n) * 2) / 2
    fate, last = np.where(ends <= censored, rng.integers(1, 4, n), 0), np.minimum(ends, censored)
    entry = np.floor(rng.uniform(0, 3, n) * 2) / 2
    kept = entry < last
    return last[kept], fate[kept], entry[kept]


def apart(theirs: Any, ours: Curve, values: NDArray[Any]) -> float:
    """Largest difference of a lifelines curve (indexed by time) from `values` (T,) of ours."""
    place = np.searchsorted(ours.t_s, theirs.index.to_numpy(), side="right") - 1
    return float(np.nanmax(np.abs(theirs.to_numpy().ravel() - values[place])))


def compare(entry: NDArray[Any] | None, last: NDArray[Any], fate: NDArray[Any]) -> None:
    """Print the differences."""
    names = np.array(["", *FATES])
    theirs, ours = KaplanMeierFitter().fit(last, fate > 0, entry=entry), kaplan_meier(last, fate > 0, entry)
    print(f"  survival {apart(theirs.survival_function_, ours, ours.value):.1e}", end="")
    print(f", its lower limit {apart(theirs.confidence_interval_.iloc[:, 0], ours, ours.low):.1e}")
    total = NelsonAalenFitter(nelson_aalen_smoothing=False).fit(last, fate > 0, entry=entry)
    hazard = nelson_aalen(last, np.where(fate > 0, "exit", ""), ("exit",), entry).of("exit")
    print(f"  hazard {apart(total.cumulative_hazard_, hazard, hazard.value):.1e}", end="")
    print(f", its variance {apart(total._cumulative_sq, hazard, hazard.sd**2):.1e}")
    unequal = last + np.arange(len(last)) * 1e-7
    began = time.perf_counter()
    every = aalen_johansen(unequal, names[fate], FATES, entry)
    own = time.perf_counter() - began
    for j, name in enumerate(FATES):
        began, one = time.perf_counter(), every.of(name)
        fitted = AalenJohansenFitter().fit(unequal, fate, event_of_interest=j + 1, entry=entry)
        taken = time.perf_counter() - began
        print(f"  incidence of {name} {apart(fitted.cumulative_density_, one, one.value):.1e}", end="")
        print(f", its variance {apart(fitted.variance_, one, one.sd**2):.1e}; {taken:.3f} s, ours {own:.4f} s for all fates")
    tied = [AalenJohansenFitter(seed=k).fit(last, fate, event_of_interest=1, entry=entry) for k in range(4)]
    print("  tied times, four seeds", *(f"{one.cumulative_density_.iloc[-1, 0]:.4f}" for one in tied), end="")
    print(f"; ours {aalen_johansen(last, names[fate], FATES, entry).value[0, -1]:.4f}")


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    last, fate, entry = stays()
    print("largest differences from the start")
    compare(None, last, fate)
    print("largest differences with late entry")
    compare(entry, last, fate)
