"""What is compared between conditions: each measure, the model it needs, and where its numbers lie in the table of units."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from exotrack._settings import nearest
from exotrack.errors import ParameterError

if TYPE_CHECKING:
    import pandas as pd

Real = NDArray[np.float64]
SCALE = {"rate": "rate ratio", "fraction": "odds ratio", "level": "ratio", "hazard": "hazard ratio"}


@dataclass(frozen=True)
class Measure:
    """One measure.

    name : in the tables. title : for people. unit : of its values. family : its model, see `exotrack.tables.Effects`.
    top : columns of units that are summed: events, successes, ends of stays. Of a level, the one column that holds it.
    bottom : columns whose sum they are over: exposure, trials, time. Of a level, none.
    """

    name: str
    title: str
    unit: str
    family: str
    top: tuple[str, ...]
    bottom: tuple[str, ...] = ()

    def over(self, units: pd.DataFrame) -> tuple[Real, Real]:
        """(n,) top and (n,) bottom of every unit; NaN where it was not measured. The bottom of a level is 1."""
        top = units[list(self.top)].to_numpy(float).sum(axis=1)
        if not self.bottom:
            return np.where(top > 0, top, np.nan), np.where(top > 0, 1.0, np.nan)
        bottom = units[list(self.bottom)].to_numpy(float).sum(axis=1)
        known = np.isfinite(top) & (bottom > 0)
        return np.where(known, top, np.nan), np.where(known, bottom, np.nan)

    def values(self, units: pd.DataFrame) -> Real:
        """(n,) value of every unit, as figures show it."""
        top, bottom = self.over(units)
        return np.asarray(top / bottom)


def _rate(name: str, title: str, *top: str) -> Measure:
    return Measure(name, title, "1/um^2/s", "rate", top, ("exposure",))


def _share(name: str, title: str, top: tuple[str, ...], bottom: tuple[str, ...]) -> Measure:
    return Measure(name, title, "1", "fraction", top, bottom)


_FUSED = ("expected_full_fusion", "expected_kiss_and_run")
_CALLED = ("n_full_fusion", "n_kiss_and_run")
_FILLED = ("n_full", "n_partial", "n_empty")
LIVE: tuple[Measure, ...] = (
    _rate("fusion_rate", "Fusions", *_FUSED),
    _rate("full_fusion_rate", "Full fusions", _FUSED[0]),
    _rate("kiss_and_run_rate", "Kiss-and-runs", _FUSED[1]),
    _rate("fusion_rate_called", "Fusions as called", *_CALLED),
    _rate("docking_rate", "Dockings", "n_docking"),
    _rate("undocking_rate", "Undockings", "n_undocking"),
    _rate("tethering_rate", "Tetherings", "n_tethering"),
    _share("kiss_fraction", "Kiss-and-runs among fusions", _FUSED[1:], _FUSED),
    _share("fused_fraction", "Fusions among ends of docked stays", ("stay_fusions",), ("stay_ends",)),
    Measure("leaving_rate", "Rate of leaving the docked state", "1/s", "hazard", ("stay_ends",), ("stay_total_s",)),
    Measure("decay", "Decay time of fusions", "s", "level", ("decay_s",)),
    Measure("rise", "Rise time of fusions", "s", "level", ("rise_s",)),
    Measure("fusion_diffusion", "Diffusion of released cargo", "um^2/s", "level", ("fusion_diffusion_um2_s",)),
    Measure("mobile_diffusion", "Diffusion of mobile vesicles", "um^2/s", "level", ("mobile_diffusion_um2_s",)),
    Measure("kiss_release", "Cargo released by a kiss-and-run", "1", "level", ("kiss_release",)),
)
"""What movies are compared by."""
PATTERNS: tuple[Measure, ...] = (
    Measure("clustering", "Pairs of fusions within 1 µm, over chance", "1", "rate", ("near_pairs",), ("near_pairs_expected",)),
    Measure("repetition", "Fusions at a site again, over chance", "1", "rate", ("repeats",), ("repeats_expected",)),
)
"""What movies are compared by besides, with patterns: chance is an even spread over the footprint."""
FILLING: tuple[Measure, ...] = tuple(
    _share(f"{word}_fraction", f"{title} vesicles", (f"n_{word}",), _FILLED)
    for word, title in (("full", "Full"), ("partial", "Partly empty"), ("empty", "Empty"))
)
"""What electron micrographs are compared by."""


def chosen(names: Sequence[str], filling: bool = False, patterns: bool = False) -> tuple[Measure, ...]:
    """The measures of these names, in their order; all usual ones for none. `ParameterError` for an unknown name."""
    known = {one.name: one for one in (FILLING if filling else (*LIVE, *PATTERNS) if patterns else LIVE)}
    for name in names:
        if name not in known:
            raise ParameterError(f"--measure: no measure {name!r}{nearest(name, known)}; there are {', '.join(known)}")
    return tuple(known[name] for name in (names or [key for key in known if filling or key != "fusion_rate_called"]))
