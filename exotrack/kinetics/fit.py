"""Maximum likelihood: the rates that make the docked stays most probable, from several starts.

Rates are searched by their logarithm and fractions by their logit, so that no step leaves what is possible. How exits are
called may be estimated along with the rates: the counts of the calibration are then data like any other, and what they leave
open widens the intervals of the rates.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from exotrack.errors import ParameterError
from exotrack.kinetics._curvature import covariance
from exotrack.kinetics.calls import Calls
from exotrack.kinetics.likelihood import View, exposure_rates, log_likelihood
from exotrack.kinetics.scheme import Real, Scheme
from exotrack.kinetics.sightings import SOFT, Sightings

Make = Callable[[Mapping[str, float]], View]
Term = Callable[[Mapping[str, float]], float]

STEP = 1e-5
"""Step of a derivative in the searched scale: far below any standard error, far above rounding."""
TRIED = 12
"""Points of the search space that are tried for each free value before the best are followed."""
SPREAD = 30.0
"""Starts of rates lie within this factor of events over exposure."""
SAME = 0.02
"""Starts that end within this log-likelihood of the best, elsewhere, are told: the data do not choose between them."""
NEAR_BOUND = 1e-3


@dataclass(frozen=True)
class Free:
    """A value to be found.

    scale : log for rates, logit for fractions, linear for what may be negative. start : where to look first; None: anywhere.
    """

    name: str
    lower: float = 1e-5
    upper: float = 1e3
    scale: Literal["log", "logit", "linear"] = "log"
    unit: str = "1/s"
    start: float | None = None

    def __post_init__(self) -> None:
        inside = {"log": self.lower > 0, "logit": self.lower > 0 and self.upper < 1, "linear": True}[self.scale]
        if not (inside and self.lower < self.upper < np.inf):
            raise ParameterError(f"{self.name}: bounds {self.lower:g} to {self.upper:g} do not fit its {self.scale} scale")

    def to_scale(self, value: float) -> float:
        """From a value to the scale that is searched."""
        if self.scale == "log":
            return float(np.log(value))
        return float(np.log(value / (1 - value))) if self.scale == "logit" else value

    def from_scale(self, x: float) -> float:
        """From the scale that is searched to a value within the bounds."""
        value = x if self.scale == "linear" else float(np.exp(x) if self.scale == "log" else 1 / (1 + np.exp(-x)))
        return min(max(value, self.lower), self.upper)

    def per_scale(self, value: float) -> float:
        """Change of the value with the searched scale."""
        return {"log": value, "logit": value * (1 - value), "linear": 1.0}[self.scale]


@dataclass(frozen=True, eq=False)
class Problem:
    """What is fitted to what.

    make : from the values by name to a scheme, a course, or one for each label of the data.
    free : the values to be found. data : from `sightings`. calls : how exits are called; None: as they are.
    learn_calls : estimate how exits are called along with the rates, from the calibration's counts and the stays.
    terms : further log-likelihoods of the values, such as of an EM snapshot.
    """

    make: Make
    free: tuple[Free, ...]
    data: Sightings
    calls: Calls | None = None
    learn_calls: bool = True
    terms: tuple[Term, ...] = ()

    def __post_init__(self) -> None:
        if not self.free or len({f.name for f in self.free}) != len(self.free):
            raise ParameterError("a fit needs free values, each of its own name")
        if self.calls is not None and any((group.code == SOFT).any() for group in self.data.groups):
            raise ParameterError("probabilities and calls cannot both be used; make the sightings with evidence 'calls'")

    @property
    def n_calls(self) -> int:
        """Number of log-ratios of calls that are estimated too."""
        return len(self.calls.start()) if self.calls is not None and self.learn_calls and not self.calls.known else 0

    @property
    def bounds(self) -> Real:
        """(n, 2) limits of what is searched: the free values, then the log-ratios of calls."""
        own = [[f.to_scale(f.lower), f.to_scale(f.upper)] for f in self.free]
        return np.array(own + [[-15.0, 5.0]] * self.n_calls)

    @property
    def region(self) -> Real:
        """(n_free, 2) limits of where to look first: rates around events over exposure, fractions away from 0 and 1."""
        total = max(sum(exposure_rates(self.data).values()), 1e-6)
        limits = self.bounds[: len(self.free)].copy()
        for k, f in enumerate(self.free):
            if f.scale == "log" and f.unit == "1/s":
                near = np.clip(np.log([total / SPREAD, total * SPREAD]), *limits[k])
                limits[k] = near if near[1] > near[0] else limits[k]
            elif f.scale == "logit":
                limits[k] = max(limits[k, 0], -3.0), min(limits[k, 1], 3.0)
        return limits

    @property
    def first(self) -> Real:
        """(n,) the first point to try: the given starts, the middle of the region where none is given, the counts of calls."""
        middle = self.region.mean(axis=1)
        own = [f.to_scale(f.start) if f.start is not None else middle[k] for k, f in enumerate(self.free)]
        logs = self.calls.start() if self.n_calls and self.calls is not None else np.empty(0)
        return np.concatenate([np.clip(own, *self.bounds[: len(self.free)].T), logs])

    def values(self, x: Real) -> dict[str, float]:
        """The free values at a searched point."""
        return {f.name: f.from_scale(float(at)) for f, at in zip(self.free, x, strict=False)}

    def __call__(self, x: Real) -> float:
        """Log-likelihood at a searched point."""
        values = self.values(x)
        total = log_likelihood(self.make(values), self.data, self.told(x))
        if self.n_calls and self.calls is not None:
            total += self.calls.log_likelihood(x[len(self.free) :])
        return total + sum(term(values) for term in self.terms)

    def told(self, x: Real) -> Calls | None:
        """How exits are called at a searched point."""
        return self.calls.at(x[len(self.free) :]) if self.n_calls and self.calls is not None else self.calls


@dataclass(frozen=True, eq=False)
class Fit:
    """The best values found.

    values : by name. sd : standard errors from the curvature, infinite where it is flat; NaN at a bound.
    log_likelihood : of all data. x : the searched point. covariance : (n, n) of the searched scale. n_evaluations : likelihoods
    computed. others : values of other starts that fit as well. notes : plain sentences on what not to believe.
    """

    problem: Problem = field(repr=False)
    values: Mapping[str, float]
    sd: Mapping[str, float]
    log_likelihood: float
    x: Real = field(repr=False)
    covariance: Real = field(repr=False)
    n_evaluations: int
    others: tuple[Mapping[str, float], ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def n_free(self) -> int:
        """Number of values that were free, those of calls left out: they are the calibration's."""
        return len(self.problem.free)

    def view(self) -> View:
        """The scheme at the best values."""
        return self.problem.make(self.values)


def fit(problem: Problem, starts: int = 4, seed: int = 0) -> Fit:
    """Find the most probable values.

    Parameters
    ----------
    starts : how many of the points tried are followed to the top.
    seed : of the points tried; the result does not depend on the order of the rows or the number of workers.

    Raises
    ------
    ParameterError, InputError : see `Problem` and `exotrack.kinetics.likelihood.log_likelihood`.
    """
    count = _Counted(problem)
    points = _points(problem, seed)
    best = sorted(((count(x), k) for k, x in enumerate(points)), reverse=True)[: max(starts, 1)]
    tops = sorted((climb(count, points[k], problem.bounds) for _, k in best), key=lambda top: -top[1])
    x, value = tops[0]
    spread = covariance(count, x, problem.bounds)
    sd = _sds(problem, x, spread)
    others = tuple(problem.values(other) for other, height in tops[1:] if value - height < SAME and _differ(other, x))
    values = problem.values(x)
    return Fit(problem, values, sd, value, x, spread, count.n, others, _notes(problem, values, others))


class _Counted:
    """A problem that counts how often it was asked."""

    def __init__(self, problem: Problem) -> None:
        self.problem, self.n = problem, 0

    def __call__(self, x: Real) -> float:
        self.n += 1
        return self.problem(x)


def climb(
    value: Callable[[Real], float], x: Real, bounds: Real, held: Sequence[int] = (), size: Real | None = None
) -> tuple[Real, float]:
    """Follow `value` uphill from `x` within `bounds`, with the coordinates `held` as they are. Returns the top and its height.

    size : (n,) how far each coordinate can be expected to move; makes the search shorter.
    """
    from scipy.optimize import minimize

    free = np.setdiff1d(np.arange(len(x)), np.asarray(held, dtype=int))
    whole = np.array(x, dtype=float)
    unit = np.ones(len(free)) if size is None else size[free]
    if not len(free):
        return whole, value(whole)

    def down(part: Real) -> tuple[float, Real]:
        whole[free] = np.clip(part * unit, bounds[free, 0], bounds[free, 1])
        height, slope = value(whole), np.empty(len(free))
        for row, k in enumerate(free):
            near = whole.copy()
            near[k] += STEP if whole[k] + STEP <= bounds[k, 1] else -STEP
            slope[row] = (value(near) - height) / (near[k] - whole[k])
        return -height, -slope * unit

    # A slope of 0.01 per unit costs less than 0.0001 in log-likelihood wherever the data say anything.
    options = {"maxiter": 200, "ftol": 1e-9, "gtol": 1e-2, "maxcor": 20}
    found = minimize(down, whole[free] / unit, jac=True, method="L-BFGS-B", bounds=bounds[free] / unit[:, None], options=options)
    whole[free] = np.clip(found.x * unit, bounds[free, 0], bounds[free, 1])
    return whole.copy(), -float(found.fun)


def _points(problem: Problem, seed: int) -> Real:
    """(n, n_searched) points: the first, then a Latin hypercube in the region where to look."""
    rng = np.random.default_rng(seed)
    n, p = TRIED * len(problem.free), len(problem.free)
    cube = (np.argsort(rng.random((p, n)), axis=1).T + rng.random((n, p))) / n
    low, high = problem.region.T
    first = problem.first
    return np.vstack([first, np.concatenate([low + cube * (high - low), np.tile(first[p:], (n, 1))], axis=1)])


def _sds(problem: Problem, x: Real, found: Real) -> dict[str, float]:
    spread = np.sqrt(np.diag(found))
    return {f.name: float(spread[k] * f.per_scale(f.from_scale(x[k]))) for k, f in enumerate(problem.free)}


def _differ(one: Real, other: Real) -> bool:
    return bool(np.abs(one - other).max() > 0.2)


def _slowest(problem: Problem, values: Mapping[str, float], f: Free) -> float:
    """Slowest rate (1/s) that a value acts on; 0 if it acts on none."""
    near = f.from_scale(f.to_scale(values[f.name]) - STEP)
    one, other = _rates(problem.make(values)), _rates(problem.make({**values, f.name: near}))
    acts = (np.abs(one - other) > 1e-6 * np.abs(one)) & (one > 0)
    return float(one[acts].min()) if acts.any() else 0.0


def _rates(view: View) -> Real:
    """All rates (1/s) of a view between states and out of them; the diagonals are negative."""
    parts = list(view.values()) if isinstance(view, Mapping) else [view]
    schemes = [scheme for part in parts for scheme in ([part] if isinstance(part, Scheme) else part.schemes)]
    return np.concatenate([np.concatenate([scheme.stay, scheme.exits], axis=1).ravel() for scheme in schemes])


def _notes(problem: Problem, values: Mapping[str, float], others: Sequence[Any]) -> tuple[str, ...]:
    """What not to believe."""
    notes = []
    for f in problem.free:
        value, frame_s = values[f.name], problem.data.fastest_s
        rate = _slowest(problem, values, f)
        if rate * frame_s > 1:
            notes.append(f"{f.name} acts at {rate:.3g} per s, faster than a frame of {frame_s:g} s: the movie cannot tell it")
        at = f.to_scale(value)
        for edge, word in ((f.lower, "lower"), (f.upper, "upper")):
            if abs(at - f.to_scale(edge)) < NEAR_BOUND:
                notes.append(f"{f.name} is at its {word} bound of {edge:g}")
    if others:
        notes.append(f"{len(others) + 1} different sets of values fit equally well: the data do not choose between them")
    return tuple(notes)
