"""How well matched events were placed in time and space, and how well they were measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Real = NDArray[np.floating[Any]]
Quartiles = tuple[float, float, float]

MEASURES = {
    "docked_s": None,
    "decay_s": "decay_sd_s",
    "diffusion_um2_s": "diffusion_sd_um2_s",
    "fraction_released": "fraction_released_sd",
}
"""Measure to the column of its standard error."""


@dataclass(frozen=True)
class Errors:
    """Errors of matched events of one kind: 25 %, 50 % and 75 % of found minus true time (s), and of the distance (um)."""

    kind: str
    n: int
    time_s: Quartiles
    distance_um: Quartiles


@dataclass(frozen=True)
class Measure:
    """One measure over matched events of one kind, where both tables have it.

    n : events it rests on.
    true, found : medians.
    bias : median of found - true; relative_bias : median of (found - true) / true.
    coverage : fraction of the events whose true value lies within found +- 1.96 standard errors; n_coverage of them.
    """

    name: str
    kind: str
    n: int
    true: float
    found: float
    bias: float
    relative_bias: float
    coverage: float
    n_coverage: int


def errors(kind: str, true: pd.DataFrame, found: pd.DataFrame) -> Errors:
    """Errors of `found` rows against the `true` rows they are matched with, row by row."""
    time_s, y_um, x_um = (_values(found, key) - _values(true, key) for key in ("t_s", "y_um", "x_um"))
    return Errors(kind, len(true), _quartiles(time_s), _quartiles(np.hypot(y_um, x_um)))


def measure(name: str, kind: str, true: pd.DataFrame, found: pd.DataFrame) -> Measure:
    """Compare one measure in `found` rows with the `true` rows they are matched with, row by row.

    A docking time counts only where both tables say that its beginning was seen: otherwise it is a lower limit.
    """
    ours, theirs = _values(true, name), _values(found, name)
    both = np.isfinite(ours) & np.isfinite(theirs)
    if name == "docked_s":
        both &= _seen(true) & _seen(found)
    step = theirs - ours
    with np.errstate(divide="ignore", invalid="ignore"):
        relative = step / ours
    sd = _values(found, MEASURES[name] or "")
    known = both & np.isfinite(sd)
    inside = np.abs(step[known]) <= 1.959963984540054 * sd[known]
    return Measure(
        name,
        kind,
        int(both.sum()),
        _median(ours[both]),
        _median(theirs[both]),
        _median(step[both]),
        _median(relative[both & (ours != 0)]),
        float(inside.mean()) if len(inside) else float("nan"),
        len(inside),
    )


def _values(events: pd.DataFrame, key: str) -> Real:
    return events[key].to_numpy(float, na_value=np.nan) if key in events else np.full(len(events), np.nan)


def _seen(events: pd.DataFrame) -> NDArray[np.bool_]:
    if "docked_entry_observed" not in events:
        return np.ones(len(events), bool)
    return np.asarray(events["docked_entry_observed"].astype("boolean").fillna(False), bool)


def _median(values: Real) -> float:
    return float(np.median(values)) if len(values) else float("nan")


def _quartiles(values: Real) -> Quartiles:
    values = values[np.isfinite(values)]
    if not len(values):
        return float("nan"), float("nan"), float("nan")
    low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])
    return float(low), float(middle), float(high)
