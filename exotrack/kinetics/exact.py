"""Exact expected numbers and events of a model whose inputs change in steps.

Between two changes dx/dt = Q^T x + a has a closed solution: by the eigenvectors of Q where they are well conditioned, else by a
matrix exponential (Van Loan 1978, IEEE Trans Automat Contr 23:395). Vesicles are independent here: a limited number of docking
sites, and vesicles that stop when empty, need `exotrack.kinetics.stochastic`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from exotrack.errors import InputError
from exotrack.kinetics.catalogue import Model
from exotrack.kinetics.drive import Course, rested
from exotrack.kinetics.generator import Generator, Values, generator, resting

if TYPE_CHECKING:
    import pandas as pd

Real = NDArray[np.float64]
WORST_CONDITION = 1e7
"""Condition of the eigenvectors beyond which a matrix exponential is safer: it costs as many of the 16 digits."""


@dataclass(frozen=True, eq=False)
class Expected:
    """What a model expects, per cell.

    t_s : (k,) times (s). numbers : (k, n) vesicles in each of the model's states. counts : (k, T) how often each of the model's
    transitions has happened since the first time.
    """

    model: Model
    t_s: Real
    numbers: Real
    counts: Real

    def events(self, kind: str, via: str = "") -> Real:
        """(k,) events of a kind since the first time, only those out of the state `via` if it is named."""
        mine = [one.event == kind and via in ("", one.source) for one in self.model.transitions]
        return np.asarray(self.counts[:, mine].sum(axis=1))

    def seen(self, what: str) -> Real:
        """(k,) vesicles that are seen as ``docked``, ``tethered`` or ``mobile``."""
        return np.asarray(self.numbers[:, [state.seen == what for state in self.model.states]].sum(axis=1))

    def table(self) -> pd.DataFrame:
        """Columns ``t_s``, one for each state, and ``n_KIND`` for each kind of event."""
        import pandas as pd

        kinds = dict.fromkeys(one.event for one in self.model.transitions if one.event)
        columns: dict[str, Any] = {"t_s": self.t_s}
        columns |= {name: self.numbers[:, k] for k, name in enumerate(self.model.names)}
        return pd.DataFrame(columns | {f"n_{kind}": self.events(kind) for kind in kinds})


def expected(
    model: Model,
    t_s: ArrayLike,
    course: Course | None = None,
    start: ArrayLike | str = "resting",
    values: Values = None,
) -> Expected:
    """Expected numbers and events at each of `t_s` (s, increasing).

    Parameters
    ----------
    model, values : the model, and parameters that differ from its own.
    course : inputs over time; the model's own, constant, if not given.
    start : (n,) numbers per cell at the first time, or ``resting`` (at the inputs of that time) or ``initial`` (the model's).

    Raises
    ------
    InputError : times that do not increase; a start that does not fit or does not exist.
    """
    times = np.atleast_1d(np.asarray(t_s, float))
    if times.ndim != 1 or not len(times) or not np.isfinite(times).all() or (np.diff(times) <= 0).any():
        raise InputError("times: expected numbers (s) that increase, at least one")
    course = course or Course.constant()
    now, counted = beginning(model, start, course, float(times[0]), values), np.zeros(len(model.transitions))
    numbers, counts = [now], [counted]
    for a, b, inputs in course.spans(float(times[0]), float(times[-1])):
        g = generator(model, values, inputs)
        wanted = times[(times > a) & (times <= b)]
        ends = wanted if len(wanted) and wanted[-1] == b else np.append(wanted, b)
        states, passed = _along(model, g, now, ends - a)
        numbers.extend(states[: len(wanted)])
        counts.extend(counted + passed[: len(wanted)])
        now, counted = states[-1], counted + passed[-1]
    return Expected(model, times, np.array(numbers), np.array(counts))


def beginning(model: Model, start: ArrayLike | str, course: Course, t_s: float, values: Values = None) -> Real:
    """(n,) numbers per cell to start from: see `expected`. Driven inputs that `course` does not give are at rest too."""
    if isinstance(start, str):
        if start == "initial":
            return np.array([state.initial for state in model.states])
        if start != "resting":
            raise InputError(f"start is {start!r}; give resting, initial, or a number for each state")
        inputs = course.at(t_s)
        return resting(model, values, rested(model, values, inputs) | inputs)
    given = np.asarray(start, float)
    if given.shape != (len(model.states),) or not np.isfinite(given).all() or given.min() < 0:
        raise InputError(f"start: expected {len(model.states)} numbers of 0 or more ({', '.join(model.names)})")
    return given


def _along(model: Model, g: Generator, start: Real, taus: Real) -> tuple[Real, Real]:
    """Numbers (k, n) and passages of each transition (k, T) after each of `taus` (s) at constant rates."""
    spent, now = _by_eigenvectors(g, start, taus) or _by_exponential(g, start, taus)
    places = {name: k for k, name in enumerate(model.names)}
    counts = np.empty((len(taus), len(g.rates)))
    for k, one in enumerate(model.transitions):
        counts[:, k] = g.rates[k] * (spent[:, places[one.source]] if one.source else taus * g.sizes[k])
    return now.clip(0.0), counts


def _by_eigenvectors(g: Generator, start: Real, taus: Real) -> tuple[Real, Real] | None:
    """Time spent in each state and numbers (k, n), or None if the eigenvectors are too nearly dependent."""
    eigenvalues, vectors = np.linalg.eig(g.q.T)
    if not np.linalg.cond(vectors) < WORST_CONDITION:
        return None
    first, inflow = np.linalg.solve(vectors, np.stack([start, g.arrivals], axis=1).astype(complex)).T
    z = eigenvalues * taus[:, None]
    small = np.abs(z) < 1e-3
    safe = np.where(small, 1.0, z)
    once = np.where(small, 1 + z / 2 + z**2 / 6 + z**3 / 24, np.expm1(safe) / safe)
    twice = np.where(small, 0.5 + z / 6 + z**2 / 24 + z**3 / 120, (np.expm1(safe) - safe) / safe**2)
    tau = taus[:, None]
    now = (np.exp(z) * first + tau * once * inflow) @ vectors.T
    spent = (tau * once * first + tau**2 * twice * inflow) @ vectors.T
    return spent.real, now.real


def _by_exponential(g: Generator, start: Real, taus: Real) -> tuple[Real, Real]:
    """The same by exponentials of [[Q^T, 0, a], [I, 0, 0], [0, 0, 0]], one for each time."""
    from scipy.linalg import expm

    n = len(start)
    whole = np.zeros((2 * n + 1, 2 * n + 1))
    whole[:n, :n], whole[:n, -1], whole[n : 2 * n, :n] = g.q.T, g.arrivals, np.eye(n)
    begin = np.concatenate([start, np.zeros(n), [1.0]])
    ends = np.array([expm(whole * tau) @ begin for tau in taus])
    return ends[:, n : 2 * n], ends[:, :n]
