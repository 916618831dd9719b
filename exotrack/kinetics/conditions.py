"""The rates of each condition: the same scheme fitted to the cells of one alone, and how its values differ from another's.

Intervals of the ratios allow for vesicles of a cell being alike: their errors are those of the sandwich, H^-1 (sum over cells of
g g') H^-1 with H the curvature and g the slope of the log-likelihood of a cell (Williams 2000, Biometrics 56:645), or those of
the likelihood where these are larger.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from exotrack._blocks import map_blocks
from exotrack.kinetics.calls import Calls
from exotrack.kinetics.fit import Fit, Free, Problem, fit
from exotrack.kinetics.likelihood import cell_log_likelihood
from exotrack.kinetics.profiles import profiles
from exotrack.kinetics.scheme import Real
from exotrack.kinetics.verdict import Effort

FEWEST = 10
"""Stays from which on a condition gets rates of its own."""
STEP = 1e-4


def condition_rows(name: str, best: Fit, calls: Calls | None, effort: Effort) -> Iterator[dict[str, Any]]:
    """Rows of the table `ConditionRates` of one model; none if there are not two conditions with stays enough.

    best : its fit to all stays. calls : how exits are called, as that fit has it; None: as they are.
    """
    parts = _parts(best, calls)
    if len(parts) < 2:
        return
    fits = dict(
        zip(
            parts,
            map_blocks("conditions", fit, [(one, effort.starts, effort.seed) for one in parts.values()], effort.run),
            strict=True,
        )
    )
    errors = {condition: robust(one) for condition, one in fits.items()}
    reference = next(iter(fits))
    for condition, found in fits.items():
        for k, one in enumerate(profiles(found, run=effort.run)):
            free = found.problem.free[k]
            yield {
                "model": name, "condition": condition, "parameter": one.name, "unit": free.unit, "value": one.value,
                "n_stays": found.problem.data.n_stays, "n_cells": found.problem.data.n_cells,
                "low": one.low, "high": one.high, "identified": one.identified,
                **(_ratio(free, k, (fits[reference], errors[reference]), (found, errors[condition]), reference)
                   if condition != reference else {"reference": "", **dict.fromkeys(RATIO, np.nan)}),
            }  # fmt: skip


RATIO = ("ratio", "ratio_low", "ratio_high")


def _parts(best: Fit, calls: Calls | None) -> dict[str, Problem]:
    """The problem of each condition that has stays enough, by name, starting from the values of all."""
    data = best.problem.data
    condition = np.array([name[0] for name in data.cell_names])[data.cells]
    free = tuple(replace(f, start=best.values[f.name]) for f in best.problem.free)
    found = {}
    for name in sorted(set(condition.tolist())):
        mine = condition == name
        if int((mine & data.used).sum()) >= FEWEST:
            found[name] = replace(best.problem, data=data.only(mine), free=free, calls=calls, learn_calls=False)
    return found


def robust(best: Fit) -> Real:
    """(p, p) covariance of the searched scale that allows for vesicles of a cell being alike; NaN for fewer than two cells.

    A value at a bound, or one that the stays do not tell, has NaN.
    """
    problem, p = best.problem, len(best.problem.free)
    cells = np.unique(problem.data.cells[problem.data.used])
    found = np.full((p, p), np.nan)
    spread = best.covariance[:p, :p]
    away = np.flatnonzero(np.isfinite(np.diag(spread)))
    if len(cells) < 2 or not len(away):
        return found
    slope = np.empty((len(cells), len(away)))
    for row, k in enumerate(away):
        ends = []
        for sign in (1, -1):
            x = best.x.copy()
            x[k] += sign * STEP
            ends.append(cell_log_likelihood(problem.make(problem.values(x)), problem.data, problem.told(x))[cells])
        slope[:, row] = (ends[0] - ends[1]) / (2 * STEP)
    slope -= slope.mean(axis=0)
    inner = spread[np.ix_(away, away)]
    found[np.ix_(away, away)] = inner @ (slope.T @ slope) @ inner * len(cells) / (len(cells) - 1)
    return found


def _ratio(free: Free, k: int, first: tuple[Fit, Real], second: tuple[Fit, Real], reference: str) -> dict[str, Any]:
    """Ratio of the value of `second` to that of `first`, with limits by Student's law on the log scale."""
    from scipy.special import stdtrit

    a, b = (one.values[free.name] for one, _ in (first, second))
    none = {"reference": reference, "ratio": b / a if a else np.nan, "ratio_low": np.nan, "ratio_high": np.nan}
    degrees = sum(one.problem.data.n_cells - 1 for one, _ in (first, second))
    if free.scale == "linear" or a <= 0 or degrees < 1:
        return none
    # From the searched scale to the logarithm of the value. Of few cells the sandwich is too narrow at times.
    errors = [
        np.fmax(spread[k, k], one.covariance[k, k]) * (free.per_scale(value) / value) ** 2
        for (one, spread), value in ((first, a), (second, b))
    ]
    wide = float(stdtrit(degrees, 0.975) * np.sqrt(sum(errors)))
    if not np.isfinite(wide):
        # At least one of them is at a bound, or is told by the stays of one cell alone.
        return none | {"ratio": np.nan}
    return none | {"ratio_low": b / a * float(np.exp(-wide)), "ratio_high": b / a * float(np.exp(wide))}
