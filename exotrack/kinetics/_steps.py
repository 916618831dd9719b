"""The stochastic simulation itself: one event after another (Gillespie 1977, J Phys Chem 81:2340), compiled."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray


class Plan(NamedTuple):
    """A model as arrays.

    source, target : (T,) number of the state of each transition, -1 outside. rates : (S, T) 1/s in each span of constant
    inputs; sizes : (S, T) mean number of a batch. edges : (S + 1,) times (s) of the spans. told : (T,) whether it is written
    down. docks : (T,) whether it needs a free site. sited : (n,) whether the state holds a site. opened : (n,) whether the
    pore is open. fuses : (T,) whether all content goes.
    """

    source: NDArray[np.int32]
    target: NDArray[np.int32]
    rates: NDArray[np.float64]
    sizes: NDArray[np.float64]
    edges: NDArray[np.float64]
    told: NDArray[np.bool_]
    docks: NDArray[np.bool_]
    sited: NDArray[np.bool_]
    opened: NDArray[np.bool_]
    fuses: NDArray[np.bool_]


class Cargo(NamedTuple):
    """How content changes: tau_s, infinite for none; refill_per_s; empty, part below which a vesicle is spent; spent, the
    state it then goes to, or -1."""

    tau_s: float
    refill_per_s: float
    empty: float
    spent: int


@njit(nogil=True, cache=True)
def _longer(old: Any, n: int) -> Any:
    new = np.empty(n, old.dtype)
    new[: len(old)] = old
    return new


@njit(nogil=True, cache=True)
def _weigh(plan: Plan, span: int, counts: Any, sites: int, weights: Any) -> float:
    """Rates (1/s) of all transitions of the population into `weights`; their sum."""
    free = 1.0
    if sites >= 0:
        held = 0
        for k in range(len(counts)):
            if plan.sited[k]:
                held += counts[k]
        free = max(0.0, 1.0 - held / sites) if sites > 0 else 0.0
    total = 0.0
    for k in range(len(weights)):
        w = plan.rates[span, k]
        if plan.source[k] >= 0:
            w *= counts[plan.source[k]]
        if plan.docks[k]:
            w *= free
        weights[k] = w
        total += w
    return total


@njit(nogil=True, cache=True)
def _poisson(rng: Any, mean: float) -> int:
    """A Poisson number as the arrivals of a process in time `mean`: numba takes half a minute to compile its own."""
    n, t = 0, -np.log1p(-rng.random())
    while t < mean:
        n, t = n + 1, t - np.log1p(-rng.random())
    return n


@njit(nogil=True, cache=True)
def _aged(content: float, open_now: bool, passed: float, cargo: Cargo) -> float:
    """Content after `passed` seconds with the pore open or shut."""
    if open_now:
        return content * np.exp(-passed / cargo.tau_s)
    return 1.0 - (1.0 - content) * np.exp(-cargo.refill_per_s * passed)


@njit(nogil=True, cache=True)
def play(rng: Any, plan: Plan, cargo: Cargo, begin: Any, sites: int, most: int) -> Any:
    """Play the population through all spans.

    Parameters
    ----------
    begin : (v,) state of each vesicle at the start. sites : number of docking sites, -1 for no limit.
    most : steps after which to give up.

    Returns
    -------
    t_s, vesicle, transition (T for a spent vesicle that leaves), state after it (-1 outside), content before and after it, of
    every transition that is told; state (n,) counts at the end; whether `most` was reached.
    """
    n_states, n_ways = len(plan.opened), len(plan.source)
    n, room, steps, told = len(begin), max(2 * len(begin), 64), 0, 0
    state, place, content, since = np.full(room, -1, np.int32), np.zeros(room, np.int32), np.ones(room), np.zeros(room)
    members, counts = np.zeros((n_states, room), np.int32), np.zeros(n_states, np.int64)
    for v in range(n):
        state[v], place[v], since[v] = begin[v], counts[begin[v]], plan.edges[0]
        members[begin[v], counts[begin[v]]] = v
        counts[begin[v]] += 1
    log, numbers, weights = np.empty((1024, 3)), np.empty((1024, 3), np.int64), np.empty(n_ways)
    for span in range(len(plan.edges) - 1):
        t = plan.edges[span]
        while True:
            total = _weigh(plan, span, counts, sites, weights)
            if total <= 0:
                break
            t -= np.log1p(-rng.random()) / total
            if t >= plan.edges[span + 1]:
                break
            steps += 1
            if steps > most:
                return log[:told], numbers[:told], counts, True
            left, k = rng.random() * total, 0
            while k < n_ways - 1 and left >= weights[k]:
                left -= weights[k]
                k += 1
            while weights[k] <= 0:  # rounding may step past the last possible way
                k -= 1
            batch = 1
            if plan.source[k] < 0 and plan.sizes[span, k] > 1:
                batch += _poisson(rng, plan.sizes[span, k] - 1.0)
            for _ in range(batch):
                if plan.source[k] < 0:
                    if n == room:
                        room *= 2
                        state, place = _longer(state, room), _longer(place, room)
                        content, since = _longer(content, room), _longer(since, room)
                        wider = np.zeros((n_states, room), np.int32)
                        wider[:, : room // 2] = members
                        members = wider
                    v, n = n, n + 1
                    state[v], content[v], since[v] = -1, 1.0, t
                else:
                    v = members[plan.source[k], int(rng.random() * counts[plan.source[k]])]
                told, log, numbers = _take(plan, cargo, (t, v, k), (state, place, content, since), members, counts,
                                           (told, log, numbers))  # fmt: skip
    return log[:told], numbers[:told], counts, False


@njit(nogil=True, cache=True)
def _take(plan: Plan, cargo: Cargo, what: Any, vesicles: Any, members: Any, counts: Any, diary: Any) -> Any:
    """One vesicle takes one transition: content brought up to date, moved, written down if it is to be told."""
    t, v, k = what
    state, _, content, since = vesicles
    told, log, numbers = diary
    old, new = state[v], plan.target[k]
    if not plan.told[k]:
        _move(v, new, vesicles, members, counts)
        return told, log, numbers
    was_open = old >= 0 and plan.opened[old]
    before = _aged(content[v], was_open, t - since[v], cargo)
    after = 0.0 if plan.fuses[k] else before
    _move(v, new, vesicles, members, counts)
    told, log, numbers = _tell((t, before, after), (v, k, new), (told, log, numbers))
    content[v], since[v] = 1.0 if plan.fuses[k] else after, t
    shut = was_open and new >= 0 and not plan.opened[new]
    if shut and cargo.spent >= 0 and after < cargo.empty:
        _move(v, cargo.spent, vesicles, members, counts)
        told, log, numbers = _tell((t, after, after), (v, len(plan.source), cargo.spent), (told, log, numbers))
        content[v] = 1.0
    return told, log, numbers


@njit(nogil=True, cache=True)
def _tell(reals: Any, whole: Any, diary: Any) -> Any:
    told, log, numbers = diary
    if told == len(log):
        wider, more = np.empty((2 * told, 3)), np.empty((2 * told, 3), np.int64)
        wider[:told], more[:told] = log, numbers
        log, numbers = wider, more
    log[told, 0], log[told, 1], log[told, 2] = reals
    numbers[told, 0], numbers[told, 1], numbers[told, 2] = whole
    return told + 1, log, numbers


@njit(nogil=True, cache=True)
def _move(v: int, new: int, vesicles: Any, members: Any, counts: Any) -> None:
    """Take vesicle `v` out of the list of its state (the last one takes its place) and put it at the end of another."""
    state, place, _, _ = vesicles
    old = state[v]
    if old >= 0:
        counts[old] -= 1
        last = members[old, counts[old]]
        members[old, place[v]], place[last] = last, place[v]
    if new >= 0:
        members[new, counts[new]], place[v] = v, counts[new]
        counts[new] += 1
    state[v] = new
