"""Profile likelihood: how far a value can go before no choice of the others makes the data as probable.

The interval holds all values whose best log-likelihood lies within 1.92 of the top (half the 95 % point of chi-squared with one
degree of freedom). Where it does not end before the bound of the value, the data do not identify it on that side; that is said,
not hidden behind a standard error (Raue et al. 2009, Bioinformatics 25:1923).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from exotrack._blocks import Execution, map_blocks
from exotrack.errors import ParameterError
from exotrack.kinetics.fit import Fit, climb
from exotrack.kinetics.scheme import Real

FIRST = 0.25
"""First step away from the top in the searched scale where no standard error is known."""
LONGEST = 1.5
"""Longest step, a factor of 4.5 in a rate."""
MOST = 24
"""Steps on one side."""
FLAT, NEAR = 2.0, 1.0
"""A coordinate with a larger standard error, or nearer to its bound, in the searched scale, may hang on nothing."""
CLOSE = 0.04
"""How near the drop at an end of the interval comes to the wanted one, in log-likelihood."""


@dataclass(frozen=True, eq=False)
class Profile:
    """The profile of one value.

    value : the best. grid, drop : (n,) values tried, ascending, and how far the best log-likelihood lies below the top there.
    low, high : ends of the interval; NaN on a side where the data set no end. verdict : identified, or in words what is not.
    """

    name: str
    value: float
    grid: Real
    drop: Real
    low: float
    high: float
    verdict: str

    @property
    def identified(self) -> bool:
        """Whether the data bound the value on both sides."""
        return bool(np.isfinite(self.low) and np.isfinite(self.high))


def profile(best: Fit, name: str, level: float = 0.95) -> Profile:
    """The profile of the free value `name` around a fit; `ParameterError` if there is none of that name."""
    from scipy.stats import chi2

    k, wanted = _place(best, name), float(chi2.ppf(level, 1)) / 2
    sides = [_side(best, k, wanted, sign) for sign in (-1, 1)]
    at = np.concatenate([sides[0][0][::-1], best.x[k : k + 1], sides[1][0]])
    drop = np.concatenate([sides[0][1][::-1], [0.0], sides[1][1]])
    f = best.problem.free[k]
    low, high = (f.from_scale(end) if np.isfinite(end) else float("nan") for end in (sides[0][2], sides[1][2]))
    verdict = _verdict(low, high, level)
    return Profile(name, best.values[name], np.array([f.from_scale(x) for x in at]), drop.clip(0), low, high, verdict)


def profiles(best: Fit, names: Sequence[str] = (), level: float = 0.95, run: Execution = Execution()) -> list[Profile]:
    """The profiles of `names`, or of all free values, as parallel tasks; the numbers do not depend on how many run at once."""
    wanted = list(names) or [f.name for f in best.problem.free]
    return list(map_blocks("profiles", profile, [(best, name, level) for name in wanted], run))


def drop_at(best: Fit, name: str, value: float) -> float:
    """How far the log-likelihood with the free value `name` held at `value`, all others at their best, lies below the top.

    Twice of it is the likelihood ratio; the 95 % interval of `profile` holds the values where it is 1.92 or less. A value beyond
    the bounds of `name` counts as the bound.
    """
    k = _place(best, name)
    low, high = best.problem.bounds[k]
    x = min(max(best.problem.free[k].to_scale(value), low), high)
    return max(_held(best, k, x, best.x)[1], 0.0)


def _place(best: Fit, name: str) -> int:
    names = [f.name for f in best.problem.free]
    if name not in names:
        raise ParameterError(f"no free value {name}; there are {', '.join(names)}")
    return names.index(name)


def _verdict(low: float, high: float, level: float) -> str:
    below, above = np.isfinite(low), np.isfinite(high)
    if below and above:
        return "identified"
    if not below and not above:
        return "not identified by these data: its profile is flat"
    if above:
        return f"not identified from below: {level:.0%} say no more than at most {high:.3g}"
    return f"not identified from above: {level:.0%} say no more than at least {low:.3g}"


def _side(best: Fit, k: int, wanted: float, sign: int) -> tuple[Real, Real, float]:
    """(n,) points outwards, (n,) drops there, and where the drop is `wanted`; NaN if it is not before the bound."""
    bound = best.problem.bounds[k, 0 if sign < 0 else 1]
    spread = np.sqrt(best.covariance[k, k])
    step = float(np.clip(spread, 1e-3, LONGEST / 2)) if np.isfinite(spread) and spread > 0 else FIRST
    at, drops, states = [float(best.x[k])], [0.0], [best.x]
    for _ in range(MOST):
        room = abs(bound - at[-1])
        if room < 1e-9:
            return np.array(at[1:]), np.array(drops[1:]), float("nan")
        x, drop = _held(best, k, at[-1] + sign * min(step, room), states[-1])
        at, drops, states = [*at, float(x[k])], [*drops, drop], [*states, x]
        if drop >= wanted:
            break
        step = min(step * (2.0 if drop - drops[-2] < wanted / 3 else 1.0), LONGEST)
    else:
        return np.array(at[1:]), np.array(drops[1:]), float("nan")
    return _ended(best, k, wanted, at, drops, states)


def _ended(best: Fit, k: int, wanted: float, at: list[float], drops: list[float], states: list[Real]) -> tuple[Real, Real, float]:
    """Close in on where the drop is `wanted`, between the last two points; its root is nearly a straight line there."""
    inner, outer = len(at) - 2, len(at) - 1
    for _ in range(6):
        a, b = np.sqrt(max(drops[inner], 0.0)), np.sqrt(drops[outer])
        share = float(np.clip((np.sqrt(wanted) - a) / (b - a), 0.02, 0.98))
        guess = at[inner] + share * (at[outer] - at[inner])
        x, drop = _held(best, k, guess, states[inner])
        at, drops, states = [*at, guess], [*drops, drop], [*states, x]
        if abs(drop - wanted) < CLOSE:
            break
        inner, outer = (len(at) - 1, outer) if drop < wanted else (inner, len(at) - 1)
    order = np.argsort(np.abs(np.array(at[1:]) - at[0]))
    return np.array(at[1:])[order], np.array(drops[1:])[order], at[-1]


def _held(best: Fit, k: int, value: float, near: Real) -> tuple[Real, float]:
    """The best of the other coordinates with coordinate `k` at `value`, and how far below the top that is."""
    start, bounds = np.array(near), best.problem.bounds
    spread = np.diag(best.covariance)
    known = np.isfinite(spread) & (spread > 0)
    if known[k]:
        # Where the ridge of a parabola would lie.
        move = best.covariance[:, k] / spread[k] * (value - near[k])
        start = np.clip(start + np.where(np.isfinite(move), move, 0.0).clip(-1.0, 1.0), bounds[:, 0], bounds[:, 1])
    start[k] = value
    size = np.where(known, np.sqrt(np.where(known, spread, 1.0)), 1.0).clip(1e-3, 1.0)
    x, height = climb(best.problem, start, bounds, (k,), size)
    asleep = _asleep(x, bounds, spread) & (np.arange(len(x)) != k)
    if asleep.any():
        awake, higher = climb(best.problem, np.where(asleep, best.problem.first, start), bounds, (k,), np.ones(len(x)))
        x, height = (awake, higher) if higher > height else (x, height)
    return x, best.log_likelihood - height


def _asleep(x: Real, bounds: Real, spread: Real) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    """(n,) coordinates so far out that nothing hangs on them: a rate near 0 has no slope in its logarithm, so would stay."""
    flat = ~np.isfinite(spread) | (spread > FLAT**2)
    return np.asarray(flat | (x - bounds[:, 0] < NEAR) | (bounds[:, 1] - x < NEAR))
