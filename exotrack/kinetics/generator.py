"""Rates of a model as matrices: the generator of one vesicle's Markov chain, arrivals, and what of it a camera sees.

With x (n,) the expected number of vesicles in each state, dx/dt = Q^T x + a: Q[i, j] is the rate (1/s) from state i to j, the
diagonal minus all that leaves (also the model altogether), and a (n,) what arrives (vesicles per cell and s).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exotrack.errors import InputError
from exotrack.kinetics._grammar import evaluate
from exotrack.kinetics.catalogue import STAY_ENDS, Model, Transition
from exotrack.kinetics.scheme import Scheme

Real = NDArray[np.float64]
Values = Mapping[str, float] | None


@dataclass(frozen=True, eq=False)
class Generator:
    """The matrices of a model at one set of values and inputs.

    q : (n, n) 1/s. arrivals : (n,) vesicles per cell and s. rates : (T,) of every transition, in the model's order; an
    arrival's is that of batches. sizes : (T,) mean number that arrive in a batch, 1 for other transitions.
    """

    q: Real
    arrivals: Real
    rates: Real
    sizes: Real


def namespace(model: Model, values: Values = None, inputs: Values = None) -> dict[str, float]:
    """Every name of a model with its number: parameters, inputs and what is derived from them."""
    space = model.given(values, inputs)
    for key, tree in model.derived.items():
        space[key] = evaluate(tree, space, f"model {model.id}: {key}")
    return space


def generator(model: Model, values: Values = None, inputs: Values = None) -> Generator:
    """The matrices at `values` (parameters by name) and `inputs`; what is not given keeps the model's own number.

    Raises
    ------
    InputError : a rate that is negative, infinite or without a value; names the transition.
    ParameterError : a parameter or input that the model does not have.
    """
    space = namespace(model, values, inputs)
    n = len(model.states)
    places = {name: k for k, name in enumerate(model.names)}
    q, arrivals = np.zeros((n, n)), np.zeros(n)
    rates, sizes = np.zeros(len(model.transitions)), np.ones(len(model.transitions))
    for k, one in enumerate(model.transitions):
        rate = rates[k] = _rate(model, one, one.rate, space)
        if one.size is not None:
            sizes[k] = _rate(model, one, one.size, space)
        if not one.source:
            if one.target:
                arrivals[places[one.target]] += rate * sizes[k]
            continue
        i = places[one.source]
        q[i, i] -= rate
        if one.target:
            q[i, places[one.target]] += rate
    return Generator(q, arrivals, rates, sizes)


def _rate(model: Model, one: Transition, tree: Any, space: Mapping[str, float]) -> float:
    where = f"model {model.id}: transition {one.words}"
    rate = evaluate(tree, space, where)
    if not (math.isfinite(rate) and rate >= 0):
        raise InputError(f"{where}: the rate is {rate:g}; it must be 0 or more (check the values and inputs)")
    return rate


def resting(model: Model, values: Values = None, inputs: Values = None, made: Generator | None = None) -> Real:
    """(n,) numbers per cell that no longer change: Q^T x + a = 0.

    A model through which nothing flows in keeps the total it starts with (the states' initial numbers).

    Raises
    ------
    InputError : there is no such state, because vesicles gather somewhere for good or run out.
    """
    g = made or generator(model, values, inputs)
    n = len(g.arrivals)
    start = np.array([state.initial for state in model.states])
    live = _reached(g, start)
    matrix, right = g.q.T[np.ix_(live, live)].copy(), -g.arrivals[live]
    kept = np.abs(matrix.sum(axis=0)).max(initial=0.0) < 1e-12 * max(np.abs(matrix).max(initial=0.0), 1e-300)
    if kept and not g.arrivals.any():
        matrix, right = np.vstack([matrix, np.ones(len(live))]), np.append(right, start.sum())
    scale = np.abs(np.diag(g.q))[live]
    stuck = [model.names[live[k]] for k in np.flatnonzero(scale == 0)]
    found, _, rank, _ = np.linalg.lstsq(matrix, right, rcond=1e-15)
    off = np.abs(matrix @ found - right).max(initial=0.0)
    if rank < len(live) or off > 1e-6 * max(np.abs(right).max(initial=0.0), 1e-9) or found.min(initial=0.0) < -1e-6:
        where = f" (nothing leaves {', '.join(stuck)})" if stuck else ""
        raise InputError(f"model {model.id}: it never comes to rest{where}; give the numbers to start from")
    numbers = np.zeros(n)
    numbers[live] = found.clip(0.0)
    return numbers


def _reached(g: Generator, start: Real) -> NDArray[np.intp]:
    """States that ever hold vesicles: those started or arrived in, and all that lie downstream."""
    held = (start > 0) | (g.arrivals > 0)
    for _ in range(len(held)):
        held = held | (((g.q > 0) & held[:, None]).any(axis=0))
    return np.flatnonzero(held)


def scheme(model: Model, values: Values = None, inputs: Values = None, entry: str = "") -> Scheme:
    """What a camera sees of one docked vesicle: the visible block of the generator and the ways out of it.

    A transition that is called by a fate ends the stay even where the vesicle stays in sight: a kiss-and-run ends a docked
    stay, and another begins with the open pore, as in the tables of episodes.

    Parameters
    ----------
    model, values, inputs : as for `generator`.
    entry : state that the stay begins in, or empty: as the model's dockings have it. With several ways in, they are weighed
        by the numbers at rest; without any, by the initial numbers.

    Raises
    ------
    InputError : the model has no visible stay (outer-membrane vesicles never dock), or `entry` is none of its states.
    """
    g = generator(model, values, inputs)
    block = [k for k, state in enumerate(model.states) if state.seen in model.stay]
    fates = tuple(fate for fate in STAY_ENDS if any(one.event == fate for one in model.transitions))
    if not block or not fates:
        raise InputError(f"model {model.id}: no state in it is seen as {' or '.join(model.stay)}, so there is no stay to compare")
    stay, exits = np.zeros((len(block), len(block))), np.zeros((len(block), len(fates)))
    at = {model.names[k]: row for row, k in enumerate(block)}
    for one, rate in zip(model.transitions, g.rates, strict=True):
        if one.source not in at:
            continue
        row = at[one.source]
        stay[row, row] -= rate
        if one.event in fates:
            exits[row, fates.index(one.event)] += rate
        else:
            stay[row, at[one.target]] += rate
    return Scheme(stay, exits, fates, _entry(model, g, at, entry))


def _entry(model: Model, g: Generator, at: dict[str, int], entry: str) -> Real:
    weight = np.zeros(len(at))
    if entry:
        model.state(entry)
        if entry not in at:
            raise InputError(f"model {model.id}: state {entry} is not seen as {' or '.join(model.stay)}, so no stay begins there")
        weight[at[entry]] = 1.0
        return weight
    ways = [(one, k) for k, one in enumerate(model.transitions) if one.event == "docking" and one.target in at]
    targets = {one.target for one, _ in ways}
    if len(targets) == 1:
        weight[at[targets.pop()]] = 1.0
        return weight
    if ways:
        numbers = resting(model, made=g)
        for one, k in ways:
            held = numbers[model.state(one.source)] if one.source else g.sizes[k]
            weight[at[one.target]] += g.rates[k] * held
    else:
        weight = np.array([model.states[model.state(name)].initial for name in at])
    if weight.sum() <= 0:
        raise InputError(f"model {model.id}: nothing ever docks at these values, so no stay begins; name the state to begin in")
    return np.asarray(weight / weight.sum())
