"""Intervals that need no model of the spread: animals, and cells within them, drawn again (see `exotrack.kinetics.resample`).

A replicate only changes how often each cell counts, so every effect is written as a ratio of sums over cells: rates and odds of
sums where nothing is paired, Mantel and Haenszel's ratio over blocks, or over pieces of age, where something is (Rothman,
Greenland & Lash 2008, Modern Epidemiology, ch. 15).

Intervals of a bootstrap are too narrow for few clusters: they use the quantiles of the normal law and not of t, and, where whole
clusters are drawn, n where n - 1 is meant. Both are known numbers, by which they are widened (Hesterberg 2015, Am Stat 69:371).

With covariates or an interaction an effect is no ratio of sums. It is then that of the model, moved in each replicate by one of
Newton's steps from the fit to all cells, whose sums are over cells again (Moulton & Zeger 1991, Comput Stat Data Anal 11:53).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from exotrack._blocks import Execution
from exotrack.kinetics.resample import Nest, bootstrap
from exotrack.stats.effects import fitted, linear
from exotrack.stats.measures import Measure
from exotrack.stats.rows import Numbers, Real, Rows

Log = Callable[[Real], Real]
"""Weights (b, U) of the drawn units -> (b,) log of the effect."""
RIDGE, LOST = 1e-10, 1e6
"""What is added to the information so that a covariate no drawn cell has can be left out, of its mean; and the ratio of variances
from which the effect itself is no longer told."""


def intervals(
    parts: Sequence[tuple[Measure, Rows]], df: Sequence[float], drawn: Numbers, cluster: Numbers, stratum: Numbers, repeats: int,
    seed: int, run: Execution = Execution(),
) -> tuple[Real, Real]:  # fmt: skip
    """(M,) and (M,) ends of the 95 % intervals of the effects of M measures of the same two conditions.

    Parameters
    ----------
    parts : measures with their rows; `rows.unit` are rows of the table of units.
    df : degrees of freedom of each effect, by its model.
    drawn : (N,) for each row of units, the number of what is drawn: the row, or its block where conditions are paired.
    cluster, stratum : (U,) cluster of each of them, and the group within which clusters are drawn.
    """
    nest = Nest.of(list(range(len(cluster))), cluster.tolist(), stratum.tolist())
    logs = [_log(measure, rows, drawn, len(cluster)) for measure, rows in parts]
    if nest.n_units < 2:
        return np.full(len(parts), np.nan), np.full(len(parts), np.nan)
    found = bootstrap(_All(logs), nest, repeats=repeats, seed=seed, run=run)
    # Where clusters are drawn whole, their spread is that of n values around their own mean: (n - 1) / n of the true one.
    whole = np.sqrt(nest.n_units / (nest.n_units - 1)) if len(cluster) == nest.n_units else 1.0
    wider = whole * stdtrit(np.maximum(np.asarray(df, dtype=float), 1.0), 0.975) / stdtrit(np.inf, 0.975)
    with np.errstate(over="ignore", invalid="ignore"):
        low, high = (np.exp(found.value + wider * (end - found.value)) for end in (found.low, found.high))
    return low, high


class _All:
    """All effects of a replicate."""

    def __init__(self, logs: Sequence[Log]) -> None:
        self.logs = logs

    def __call__(self, weights: Real) -> Real:
        with np.errstate(divide="ignore", invalid="ignore"):
            values = np.stack([one(weights) for one in self.logs], axis=1)
        return np.where(np.isfinite(values), values, np.nan)


def _log(measure: Measure, rows: Rows, drawn: Numbers, n: int) -> Log:
    place = drawn[rows.unit]
    if not rows.plain:
        return _stepped(measure, rows, place, n)

    def sums(values: Real, which: NDArray[np.bool_]) -> Real:
        return np.asarray(np.bincount(place[which], values[which], n), dtype=float)

    second, first = rows.group == 1, rows.group == 0
    if measure.family == "level":
        return _levels(rows, sums, first, second)
    if rows.piece is not None:
        parts = [_four(measure, rows, sums, first & (rows.piece == k), second & (rows.piece == k)) for k in np.unique(rows.piece)]
        return lambda w: _mantel([tuple(w @ one for one in four) for four in parts])
    four = _four(measure, rows, sums, first, second)
    if rows.block is None:
        return lambda w: _mantel([tuple(w @ one for one in four)])
    a, b, c, d = four
    whole = a + b + c + d if measure.family == "fraction" else b + d
    with np.errstate(divide="ignore", invalid="ignore"):
        top, bottom = (np.where(whole > 0, part / whole, 0.0) for part in (a * d, c * b))
    return lambda w: np.log(w @ top) - np.log(w @ bottom)


def _four(
    measure: Measure, rows: Rows, sums: Callable[..., Real], first: NDArray[np.bool_], second: NDArray[np.bool_]
) -> tuple[Real, ...]:
    """Events and exposure (or successes and failures) of the second condition and the first, by what is drawn."""
    other = rows.bottom - rows.top if measure.family == "fraction" else rows.bottom
    return sums(rows.top, second), sums(other, second), sums(rows.top, first), sums(other, first)


def _mantel(strata: Sequence[tuple[Real, ...]]) -> Real:
    top, bottom = np.zeros(()), np.zeros(())
    for a, b, c, d in strata:
        whole = b + d
        top = top + np.where(whole > 0, a * d / np.where(whole > 0, whole, 1.0), 0.0)
        bottom = bottom + np.where(whole > 0, c * b / np.where(whole > 0, whole, 1.0), 0.0)
    return np.asarray(np.log(top) - np.log(bottom))


def _levels(rows: Rows, sums: Callable[..., Real], first: NDArray[np.bool_], second: NDArray[np.bool_]) -> Log:
    y, one = np.log(rows.top), np.ones(len(rows.top))
    if rows.block is None:
        a, b, c, d = sums(y, second), sums(one, second), sums(y, first), sums(one, first)
        return lambda w: (w @ a) / (w @ b) - (w @ c) / (w @ d)
    n_second, n_first = sums(one, second), sums(one, first)
    known = (n_second > 0) & (n_first > 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        apart = np.where(known, sums(y, second) / n_second - sums(y, first) / n_first, 0.0)
    return lambda w: (w @ apart) / (w @ known)


def _stepped(measure: Measure, rows: Rows, place: Numbers, n: int) -> Log:
    """One of Newton's steps from the model of all cells."""
    if measure.family == "level":
        model = linear(rows, rows.block is not None)
        beta, c, at = np.linalg.lstsq(model.x, model.y, rcond=None)[0], model.c, place[model.at]
        scores, parts = np.zeros((n, len(c))), np.zeros((n, len(c), len(c)))
        np.add.at(scores, at, model.x * (model.y - model.x @ beta)[:, None])
        np.add.at(parts, at, model.x[:, :, None] * model.x[:, None, :])
    else:
        found = fitted(measure, rows, place)
        beta, c = found.beta, np.eye(len(found.beta))[0]
        missing = n - len(found.scores)
        scores, parts = np.pad(found.scores, ((0, missing), (0, 0))), np.pad(found.parts, ((0, missing), (0, 0), (0, 0)))
    value, whole = float(c @ beta), parts.sum(axis=0)
    little = RIDGE * np.trace(whole) / len(c) * np.eye(len(c))
    known = float(c @ np.linalg.solve(whole + little, c))

    def log(weights: Real) -> Real:
        information = np.einsum("bu,uij->bij", weights, parts) + little
        along = np.linalg.solve(information, np.broadcast_to(c, (len(weights), len(c)))[:, :, None])[:, :, 0]
        moved = value + (along * (weights @ scores)).sum(axis=1)
        return np.asarray(np.where(along @ c < LOST * known, moved, np.nan))

    return log
