"""Are cells alike? A factor of each cell by which all that happens to its docked vesicles is faster or slower: a gamma frailty.

The factor z of a cell is drawn from a gamma law of mean 1 and standard deviation s; its rates are z times those of all, so that
its clock runs z times as fast. The likelihood of a cell is the mean of that of its stays over z. With one docked state, n exits
and an exposure E it is prod(lambda_j^n_j) Gamma(v + n) / Gamma(v) v^v / (v + Lambda E)^(v + n) with v = 1 / s^2 (Clayton 1978,
Biometrika 65:141). In general the mean is taken over a grid of z, even in its logarithm, fine and wide enough for each cell.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from exotrack.kinetics.fit import Fit, climb
from exotrack.kinetics.likelihood import cell_log_likelihood
from exotrack.kinetics.scheme import Real
from exotrack.kinetics.sightings import Sightings, Whole

FEWEST = 3
"""Cells from which on their spread is asked for."""
WIDEST, NARROWEST = 3.0, 0.6
"""Ends of the grid in the logarithm of z."""
LEAST, MOST = 0.01, 3.0
"""Bounds of s that are searched."""
DROP = 1.920729


@dataclass(frozen=True, eq=False)
class Frailty:
    """How much cells differ.

    sd : standard deviation of the factor; low, high : ends of its 95 % interval with the rates at their best (low 0, or high NaN,
    where the data set none). gain : twice the gain in log-likelihood over equal cells. p_value : chance of as much if they are
    equal: half of a chi-squared law with one degree of freedom, since 0 is the edge of what is possible (Self & Liang 1987).
    factors : (C,) mean factor of each cell, given its stays. names : of these cells, see `Sightings.cell_names`.
    """

    sd: float
    low: float
    high: float
    gain: float
    p_value: float
    factors: Real
    names: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True, eq=False)
class _Cells:
    """The stays of a fit at every factor of the grid `logs` (Q,); `cells` (C,) are the numbers of those with stays."""

    best: Fit
    logs: Real
    cells: Whole
    copies: tuple[Sightings, ...]

    @classmethod
    def of(cls, best: Fit) -> _Cells:
        data = best.problem.data
        cells, many = np.unique(data.cells[data.used], return_counts=True)
        half = float(np.clip(8.0 / np.sqrt(many.min()), NARROWEST, WIDEST))
        # The likelihood of a cell is about 1 / sqrt(n) wide in log z; a mean over points 1.5 of it apart is exact to 0.1 %.
        n = 2 * int(np.clip(np.ceil(half * np.sqrt(many.max()) / 1.5), 15, 40)) + 1
        logs = np.linspace(-half, half, n)
        return cls(best, logs, cells, tuple(_faster(data, float(np.exp(z))) for z in logs))

    def each(self, x: Real) -> Real:
        """(C, Q) log-likelihood of the stays of each cell with each factor, at a searched point."""
        problem = self.best.problem
        view = problem.make(problem.values(x))
        calls = problem.told(x)
        return np.array([cell_log_likelihood(view, one, calls) for one in self.copies]).T[self.cells]

    def rest(self, x: Real) -> float:
        """Log-likelihood of what is not of a cell: calls and further terms."""
        problem = self.best.problem
        found = float(sum(term(problem.values(x)) for term in problem.terms))
        if problem.n_calls and problem.calls is not None:
            found += problem.calls.log_likelihood(x[len(problem.free) :])
        return found

    def __call__(self, x: Real) -> float:
        """Log-likelihood at a searched point whose last coordinate is log s."""
        return float(mixed(self.each(x[:-1]), self.logs, float(np.exp(x[-1]))).sum()) + self.rest(x[:-1])


def frailty(best: Fit) -> Frailty | None:
    """Fit the spread between cells along with the values of `best`, which took them for equal; None for fewer than 3 cells."""
    from scipy.special import chdtrc

    if best.problem.data.n_cells < FEWEST:
        return None
    about = _Cells.of(best)
    spread = np.diag(best.covariance)
    known = np.isfinite(spread) & (spread > 0)
    size = np.append(np.sqrt(np.where(known, spread, 1.0)).clip(1e-3, 1.0), 0.5)
    first = about.each(best.x)
    tried = np.geomspace(LEAST, MOST, 25)
    begin = tried[int(np.argmax([mixed(first, about.logs, s).sum() for s in tried]))]
    bounds = np.vstack([best.problem.bounds, np.log([[LEAST, MOST]])])
    top, height = climb(about, np.append(best.x, np.log(begin)), bounds, size=size)
    gain = max(2 * (height - best.log_likelihood), 0.0)
    sd = float(np.exp(top[-1])) if gain > 0 and top[-1] > np.log(LEAST) + 1e-6 else 0.0
    p = 0.5 * float(chdtrc(1, gain)) if sd > 0 else 1.0
    each = about.each(top[:-1])
    names = tuple(best.problem.data.cell_names[k] for k in about.cells)
    return Frailty(sd, *_ends(each, about.logs, max(sd, LEAST)), gain, p, _factors(each, about.logs, max(sd, LEAST)), names)


def mixed(each: Real, logs: Real, sd: float) -> Real:
    """(C,) log of the mean over a gamma law of standard deviation `sd` of (C, Q) log-likelihoods at factors exp(`logs`)."""
    from scipy.special import logsumexp

    return np.asarray(logsumexp(each + _weights(logs, sd), axis=1))


def _weights(logs: Real, sd: float) -> Real:
    """(Q,) logarithm of the shares of a gamma law of mean 1; what lies beyond the grid is no part of them."""
    from scipy.special import gammaln, logsumexp

    shape = 1.0 / sd**2
    found = shape * (np.log(shape) + logs - np.exp(logs)) - gammaln(shape) + np.log(logs[1] - logs[0])
    # A law narrower than the grid's step is all in the middle of it.
    return np.asarray(found - max(float(logsumexp(found)), 0.0))


def _faster(data: Sightings, factor: float) -> Sightings:
    """The same stays in a clock that runs `factor` times as fast; what happened at a frame still does."""
    groups = tuple(replace(one, frame_s=one.frame_s * factor, origin_s=one.origin_s * factor) for one in data.groups)
    return replace(data, groups=groups)


def _ends(each: Real, logs: Real, sd: float) -> tuple[float, float]:
    """Where the log-likelihood has dropped by 1.92 from its value at `sd`: 0 or NaN if it never does on a side."""
    from scipy.optimize import brentq

    top = float(mixed(each, logs, sd).sum())

    def above(x: float) -> float:
        return float(mixed(each, logs, float(np.exp(x))).sum()) - top + DROP

    at = np.log(sd)
    low = 0.0 if at <= np.log(LEAST) or above(np.log(LEAST)) > 0 else float(np.exp(brentq(above, np.log(LEAST), at)))
    high = float("nan") if above(np.log(MOST)) > 0 else float(np.exp(brentq(above, at, np.log(MOST))))
    return low, high


def _factors(each: Real, logs: Real, sd: float) -> Real:
    from scipy.special import softmax

    return np.asarray(softmax(each + _weights(logs, sd), axis=1) @ np.exp(logs))
