"""The analysis that most papers make, of the same stays: to show what it costs.

Only stays whose end was seen count, each as long as the frames that show it; those docked from the start count as if they had
just docked, the shortest stay that is recorded is forgotten, and what was called is what was. The same scheme is then fitted.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from exotrack.errors import InputError
from exotrack.kinetics.fit import Fit, Problem, fit
from exotrack.kinetics.scheme import Real
from exotrack.kinetics.sightings import sightings
from exotrack.kinetics.stays import CHANCES, SEEN_EXITS
from exotrack.kinetics.subject import BESIDE, UNDOCKED, Subject


def uncorrected(stays: pd.DataFrame) -> pd.DataFrame:
    """The stays as such an analysis takes them; may be none."""
    seen = stays[stays["exit_observed"]]
    unknown = dict.fromkeys(CHANCES, np.nan)
    return seen.assign(entry_kind="docking", entry_observed=True, min_frames=1, **unknown).reset_index(drop=True)


def naive_fit(about: Subject, stays: pd.DataFrame, starts: int, seed: int) -> Fit | None:
    """The scheme fitted to `uncorrected` stays; None if these are fewer than two."""
    about = about.alone()
    free = tuple(f for f in about.free if f.name not in BESIDE or f.name == UNDOCKED)
    try:
        return fit(Problem(about.course, free, sightings(uncorrected(stays), "calls")), starts, seed)
    except InputError:
        return None


def naive_stay(stays: pd.DataFrame) -> tuple[float, Real]:
    """Mean length (s) of the stays whose end was seen, and (3,) shares of `SEEN_EXITS` among them; NaN without any."""
    seen = stays[stays["exit_observed"]]
    if len(seen) == 0:
        return float("nan"), np.full(len(SEEN_EXITS), np.nan)
    share = [float((seen["exit_kind"] == kind).mean()) for kind in SEEN_EXITS]
    return float(seen["duration_s"].mean()), np.array(share)
