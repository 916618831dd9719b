"""The docking rate as part of a comparison: of all that dock, and of those that do not only visit, beside plain counting."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from exotrack.errors import InputError
from exotrack.kinetics.arrivals import Arrivals, arrivals
from exotrack.kinetics.fit import Fit
from exotrack.kinetics.study import Study
from exotrack.kinetics.subject import VISITORS

if TYPE_CHECKING:
    import pandas as pd

DOCKING, SETTLING = "docking_rate", "settling_rate"
"""Names of the rates (1/um^2/s) of all dockings, and of those that are no visits."""
UNIT = "1/um^2/s"


class Dockings(NamedTuple):
    """How often vesicles dock: all of them, and those that are no visitors where these were fitted. calibrated : recall and false
    dockings are those of a calibration; else every docking long enough is taken as found, and none as false."""

    every: Arrivals
    settled: Arrivals | None
    calibrated: bool

    @property
    def by_name(self) -> dict[str, Arrivals]:
        """The rates by their names in the table `Rates`."""
        return {DOCKING: self.every} | ({} if self.settled is None else {SETTLING: self.settled})


def dockings(study: Study, best: Fit, injected: pd.DataFrame | None, seed: int) -> tuple[Dockings | None, str]:
    """How often vesicles dock by a fitted law, and why that is not told; either is empty.

    study : where they were found. injected : table `InjectedStays` of calibrations of its movies; None without.
    """
    try:
        every = arrivals(study, best, injected, seed=seed)
        settled = None
        if VISITORS in best.values:
            settled = arrivals(study, best, injected, lambda values: 1.0 - values[VISITORS], seed)
    except InputError as error:
        return None, f"the docking rate is not told: {error}"
    return Dockings(every, settled, injected is not None), ""


def docking_rows(name: str, found: Dockings | None) -> Iterator[dict[str, Any]]:
    """Rows of the table `Rates`; none without. name : of the model whose law the stays follow."""
    if found is None:
        return
    nan = float("nan")
    for parameter, one in found.by_name.items():
        low, high = (end if math.isfinite(end) else nan for end in (one.low, one.high))
        yield {
            "model": name, "parameter": parameter, "role": "derived", "unit": UNIT, "published": nan, "evidence": "",
            "unverified": False, "value": one.rate, "sd": nan, "low": low, "high": high,
            "identified": math.isfinite(low) and math.isfinite(high), "verdict": _words(one, found.calibrated),
            "naive": one.uncorrected, "naive_bias": (one.uncorrected - one.rate) / one.rate if one.rate > 0 else nan,
        }  # fmt: skip


def _words(one: Arrivals, calibrated: bool) -> str:
    if not calibrated:
        return f"{one.n_found} found, counted plainly: no calibration says how many were missed"
    return f"{one.n_found} found, of which {one.n_false:.0f} none by the calibration; its recall is {one.recall:.0%}"
