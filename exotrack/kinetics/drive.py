"""Inputs over time: calcium, voltage or ATP that change in steps, and calcium worked out from the membrane's own equations.

Models are linear in the vesicles once their inputs are known. Calcium does not depend on the vesicles, so its equations are
solved first and fed in as steps short enough to follow it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from exotrack.errors import InputError
from exotrack.kinetics._grammar import evaluate
from exotrack.kinetics.catalogue import Model
from exotrack.kinetics.generator import Values

if TYPE_CHECKING:
    import pandas as pd

Real = NDArray[np.float64]
LONG_S = 1e4
"""Longer than any drive takes to come to rest (s)."""


@dataclass(frozen=True, eq=False)
class Course:
    """Inputs that hold between changes.

    t_s : (k,) times of the changes (s), increasing. levels : name to (k,) values, each from its time to the next; the first
    also before, the last also after.
    """

    t_s: Real
    levels: Mapping[str, Real]

    def __post_init__(self) -> None:
        t = np.asarray(self.t_s, float)
        levels = {key: np.asarray(value, float) for key, value in self.levels.items()}
        if t.ndim != 1 or not len(t) or not np.isfinite(t).all() or (np.diff(t) <= 0).any():
            raise InputError("inputs: the times of the changes must be numbers that increase, at least one")
        for key, value in levels.items():
            if value.shape != t.shape or not np.isfinite(value).all():
                raise InputError(f"inputs: {key} has {value.size} values for {len(t)} times, or some that are no numbers")
        object.__setattr__(self, "t_s", t)
        object.__setattr__(self, "levels", levels)

    @classmethod
    def steps(cls, changes: Sequence[tuple[float, Mapping[str, float]]]) -> Course:
        """From (time in s, inputs from then on): an input that a change does not name keeps its value."""
        if not changes:
            raise InputError("inputs: no change is given, not even the values at the start")
        now: dict[str, float] = {}
        rows = [dict(now := {**now, **new}) for _, new in changes]
        if set(rows[0]) != set(rows[-1]):
            raise InputError(f"inputs: {min(set(rows[-1]) - set(rows[0]))} has no value at the start")
        return cls(np.array([t for t, _ in changes], float), {key: np.array([row[key] for row in rows]) for key in rows[0]})

    @classmethod
    def constant(cls, inputs: Values = None) -> Course:
        """Inputs that never change."""
        return cls(np.zeros(1), {key: np.array([float(value)]) for key, value in (inputs or {}).items()})

    @classmethod
    def read(cls, table: pd.DataFrame) -> Course:
        """From a table with a column ``t_s`` and one for each input, such as a measured Ca trace."""
        if "t_s" not in table:
            raise InputError(f"inputs: no column t_s; found {', '.join(map(str, table.columns))}")
        return cls(table["t_s"].to_numpy(float), {str(key): table[key].to_numpy(float) for key in table if key != "t_s"})

    def at(self, t_s: float) -> dict[str, float]:
        """The inputs at a time."""
        k = max(int(np.searchsorted(self.t_s, t_s, side="right")) - 1, 0)
        return {key: float(value[k]) for key, value in self.levels.items()}

    def spans(self, start_s: float, stop_s: float) -> Iterator[tuple[float, float, dict[str, float]]]:
        """(from, to, inputs) of every stretch of constant inputs between two times."""
        inner = self.t_s[(self.t_s > start_s) & (self.t_s < stop_s)]
        edges = [start_s, *inner.tolist(), stop_s]
        for a, b in pairwise(edges):
            if b > a:
                yield a, b, self.at(a)


def rested(model: Model, values: Values = None, inputs: Values = None) -> dict[str, float]:
    """The driven inputs (such as calcium) once they no longer change, other inputs held."""
    if not model.drives:
        return {}
    from scipy.optimize import root

    slope = _slope(model, values, inputs)
    near = _solved(slope, np.array([drive.initial for drive in model.drives]), np.array([0.0, LONG_S]))[-1]
    found = root(lambda y: slope(0.0, y), near, tol=1e-13)
    best = found.x if found.success and np.allclose(found.x, near, rtol=1e-2) else near
    return {drive.name: float(value) for drive, value in zip(model.drives, best, strict=True)}


def driven(model: Model, course: Course, stop_s: float, step_s: float, values: Values = None) -> Course:
    """`course` with the driven inputs solved and fed in.

    Parameters
    ----------
    model : one with drives. course : the other inputs (voltage).
    stop_s : until when (s), from the first change of `course`; before that everything rests.
    step_s : length of the steps (s) in which the driven inputs are held, each at the mean over its step.
    """
    if not model.drives:
        raise InputError(
            f"model {model.id}: nothing in it is driven; give its inputs ({', '.join(model.inputs) or 'none'}) as they are"
        )
    first = float(course.t_s[0])
    if not (0 < step_s <= stop_s - first):
        raise InputError(f"inputs: steps of {step_s:g} s between {first:g} and {stop_s:g} s; give a positive one that fits in")
    edges = np.unique(np.concatenate([np.arange(first, stop_s, step_s), course.t_s[course.t_s < stop_s], [stop_s]]))
    now = np.array(list(rested(model, values, _others(model, course.at(first))).values()))
    parts: list[Real] = []
    for a, b, inputs in course.spans(first, stop_s):
        inside = edges[(edges >= a) & (edges <= b)]
        quarters = np.interp(np.arange(4 * len(inside) - 3) / 4, np.arange(len(inside)), inside)
        path = _solved(_slope(model, values, _others(model, inputs)), now, quarters)
        parts.append((path[:-1:4] + 4 * path[1::4] + 2 * path[2::4] + 4 * path[3::4] + path[4::4]) / 12)
        now = path[-1]
    means = np.concatenate(parts)
    levels: dict[str, Any] = {key: np.array([course.at(t)[key] for t in edges[:-1]]) for key in course.levels}
    levels |= {drive.name: means[:, k] for k, drive in enumerate(model.drives)}
    return Course(edges[:-1], levels)


def _others(model: Model, inputs: Mapping[str, float]) -> dict[str, float]:
    own = {drive.name for drive in model.drives}
    return {key: value for key, value in inputs.items() if key not in own}


def _slope(model: Model, values: Values, inputs: Values) -> Callable[[float, Real], Real]:
    """The right-hand side of the driven inputs' equations, for the solvers of scipy."""
    space = model.given(values, inputs)

    def slope(_: float, y: Real) -> Real:
        space.update({drive.name: float(one) for drive, one in zip(model.drives, y, strict=True)})
        for key, tree in model.derived.items():
            space[key] = evaluate(tree, space, f"model {model.id}: {key}")
        return np.array([evaluate(drive.rate, space, f"model {model.id}: drive {drive.name}") for drive in model.drives])

    return slope


def _solved(slope: Callable[[float, Real], Real], start: Real, times: Real) -> Real:
    from scipy.integrate import solve_ivp

    done = solve_ivp(slope, (times[0], times[-1]), start, method="LSODA", t_eval=times, rtol=1e-9, atol=1e-12)
    if not done.success:
        raise InputError(f"inputs: the equations of the driven inputs could not be solved ({done.message})")
    return np.asarray(done.y.T)
