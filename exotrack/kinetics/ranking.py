"""Which of several models: information criteria, the score of cells left out, and tests of nested models.

The score of cells left out is the one to believe: rates are fitted to all cells but one, and the stays of that one are scored.
It asks what a comparison is for, whether a model tells the next cell, and vesicles of a cell are not independent, which the
information criteria take them to be.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from exotrack._blocks import Execution, map_blocks
from exotrack.errors import InputError, ParameterError
from exotrack.kinetics.fit import Fit, climb
from exotrack.kinetics.likelihood import stay_log_likelihood
from exotrack.kinetics.scheme import Real

if TYPE_CHECKING:
    import pandas as pd

SLACK = 0.5
"""Log-likelihood by which a larger model may fall short of one nested in it before its search has plainly failed."""


@dataclass(frozen=True)
class Nested:
    """A test of a model within a larger one.

    statistic : twice the gain in log-likelihood, at least 0. n_free, n_boundary : values the larger one has more, those that
    the smaller one holds inside and at the edge of what is possible. p_value : chance of such a gain if the smaller is right.
    """

    statistic: float
    n_free: int
    n_boundary: int
    p_value: float


def nested_test(small: Fit, large: Fit, n_boundary: int = 0) -> Nested:
    """Likelihood-ratio test of `small` within `large`, fitted to the same stays.

    n_boundary : how many of the values that `large` has more are at the edge of what is possible in `small`, such as a rate of 0.
    Half of the samples then gain nothing by each: the law is a mixture of chi-squared laws with binomial weights, 50:50 for one
    (Self & Liang 1987, J Am Stat Assoc 82:605; for more than one it takes their estimates to be independent).

    Raises
    ------
    ParameterError : `large` has no more values than `small`, or `n_boundary` is not among them.
    InputError : they were fitted to different stays, or `large` fits worse, so that its search has failed.
    """
    from scipy.stats import binom, chi2

    more = large.n_free - small.n_free
    if more < 1 or not 0 <= n_boundary <= more:
        raise ParameterError(f"the larger model has {more} values more, {n_boundary} of them at an edge: nothing to test")
    if small.problem.data.n_stays != large.problem.data.n_stays:
        raise InputError("the two models were fitted to different stays; fit both to the same")
    gain = 2 * (large.log_likelihood - small.log_likelihood)
    if gain < -2 * SLACK:
        raise InputError(f"the larger model fits worse, by {-gain / 2:.2f} in log-likelihood: fit it again with more starts")
    gain = max(gain, 0.0)
    p = 0.0
    for k in range(n_boundary + 1):
        degrees = more - n_boundary + k
        tail = float(chi2.sf(gain, degrees)) if degrees else float(gain <= 0)
        p += float(binom.pmf(k, n_boundary, 0.5)) * tail
    return Nested(gain, more - n_boundary, n_boundary, min(p, 1.0))


def left_out(best: Fit, run: Execution = Execution()) -> Real:
    """(n_cells,) log-likelihood of the stays of each cell under the values fitted to all others; NaN for cells without stays.

    Cells are parallel tasks; the numbers do not depend on how many run at once. Raises `InputError` for fewer than two cells.
    """
    data = best.problem.data
    cells = np.unique(data.cells[data.used])
    if len(cells) < 2:
        raise InputError("leaving a cell out needs at least two cells with docked stays")
    scores = np.full(len(data.cell_names), np.nan)
    tasks = [(best, int(cell)) for cell in cells]
    for cell, score in zip(cells, map_blocks("cells left out", _without, tasks, run), strict=True):
        scores[cell] = score
    return scores


def _without(best: Fit, cell: int) -> float:
    """Log-likelihood of one cell under the values fitted to all others, searched from the values fitted to all."""
    data = best.problem.data
    rest = replace(best.problem, data=data.only(data.cells != cell))
    spread = np.diag(best.covariance)
    known = np.isfinite(spread) & (spread > 0)
    size = np.where(known, np.sqrt(np.where(known, spread, 1.0)), 1.0).clip(1e-3, 1.0)
    x, _ = climb(rest, best.x, rest.bounds, size=size)
    alone = data.only(data.cells == cell)
    problem = best.problem
    return float(stay_log_likelihood(problem.make(problem.values(x)), alone, problem.told(x)).sum())


def rank(fits: Mapping[str, Fit], cells_left_out: bool = True, run: Execution = Execution()) -> pd.DataFrame:
    """Models by how well they tell what was seen, the best first.

    Parameters
    ----------
    fits : by name, all of the same stays.
    cells_left_out : score cells left out too, where there are at least two.

    Returns
    -------
    A row per model: model, n_free, log_likelihood, aic, bic (its n is the number of cells), aic_weight, and left_out (sum over
    cells), left_out_behind (how much the best is ahead) and left_out_behind_sd (standard error of that, over cells). Sorted by
    left_out, or by aic without it.
    """
    import pandas as pd

    sizes = {fit.problem.data.n_stays for fit in fits.values()}
    if len(sizes) != 1:
        raise InputError("the models were fitted to different stays, or there are none; fit all to the same")
    n_cells = next(iter(fits.values())).problem.data.n_cells
    rows = []
    for name, fit in fits.items():
        aic = 2 * fit.n_free - 2 * fit.log_likelihood
        bic = fit.n_free * np.log(max(n_cells, 1)) - 2 * fit.log_likelihood
        rows.append({"model": name, "n_free": fit.n_free, "log_likelihood": fit.log_likelihood, "aic": aic, "bic": bic})
    table = pd.DataFrame(rows)
    weight = np.exp(-0.5 * (table["aic"] - table["aic"].min()))
    table["aic_weight"] = weight / weight.sum()
    if not cells_left_out or n_cells < 2:
        gone = dict.fromkeys(("left_out", "left_out_behind", "left_out_behind_sd"), float("nan"))
        return table.assign(**gone).sort_values(["aic", "model"], ignore_index=True)
    scores = np.array([left_out(fit, run) for fit in fits.values()])
    scores = scores[:, np.isfinite(scores).all(axis=0)]
    table["left_out"] = scores.sum(axis=1)
    behind = scores[int(table["left_out"].to_numpy().argmax())] - scores
    table["left_out_behind"] = behind.sum(axis=1)
    table["left_out_behind_sd"] = behind.std(axis=1, ddof=1) * np.sqrt(behind.shape[1])
    return table.sort_values(["left_out", "model"], ascending=[False, True], ignore_index=True)
