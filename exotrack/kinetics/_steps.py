"""The stochastic simulation itself: one event after another (Gillespie 1977, J Phys Chem 81:2340), compiled.

Few and wide arrays, no tuples of arrays: each array that is passed about costs numba seconds to compile.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

SOURCE, TARGET, TOLD, DOCKS, FUSES = 0, 1, 2, 3, 4
"""Columns of the (T, 5) whole numbers that say what a transition does: states from and to (-1 outside), and whether it is
written down, needs a free site, takes all content."""
SITED, OPENED = 0, 1
"""Columns of the (n, 2) whole numbers that say whether a state holds a site, and whether its pore is open."""
TAU, REFILL, EMPTY, SPENT = 0, 1, 2, 3
"""Entries of the cargo: time constant (s) of release, rate (1/s) of filling, part below which a vesicle is spent, state it
then goes to or -1."""
_STATE, _PLACE = 0, 1
_CONTENT, _SINCE = 0, 1


@njit(nogil=True, cache=True)
def _weigh(rates: Any, ways: Any, looks: Any, counts: Any, sites: int, weights: Any) -> float:
    """Rates (1/s) of all transitions of the population into `weights`; their sum."""
    free = 1.0
    if sites >= 0:
        held = 0
        for k in range(len(counts)):
            held += looks[k, SITED] * counts[k]
        free = max(0.0, 1.0 - held / sites) if sites > 0 else 0.0
    total = 0.0
    for k in range(len(weights)):
        w = rates[k]
        if ways[k, SOURCE] >= 0:
            w *= counts[ways[k, SOURCE]]
        if ways[k, DOCKS]:
            w *= free
        weights[k] = w
        total += w
    return total


@njit(nogil=True, cache=True)
def _wait(rng: Any) -> float:
    """An exponential number of mean 1; numba's own, and its Poisson numbers, take long to compile."""
    wait: float = -np.log1p(-rng.random())
    return wait


@njit(nogil=True, cache=True)
def _together(rng: Any, size: float) -> int:
    """How many arrive in a batch of mean `size`: one, and a Poisson number more."""
    n = 1
    if size > 1.0:
        t = _wait(rng)
        while t < size - 1.0:
            n += 1
            t += _wait(rng)
    return n


@njit(nogil=True, cache=True)
def _move(v: int, new: int, who: Any, members: Any, counts: Any) -> None:
    """Take vesicle `v` out of the list of its state (the last one takes its place) and put it at the end of another."""
    old = who[v, _STATE]
    if old >= 0:
        counts[old] -= 1
        last = members[old, counts[old]]
        members[old, who[v, _PLACE]] = last
        who[last, _PLACE] = who[v, _PLACE]
    if new >= 0:
        members[new, counts[new]] = v
        who[v, _PLACE] = counts[new]
        counts[new] += 1
    who[v, _STATE] = new


@njit(nogil=True, cache=True)
def _take(  # noqa: PLR0913 - a kernel takes arrays, not objects
    t: float, v: int, k: int, ways: Any, looks: Any, cargo: Any, who: Any, held: Any, log: Any
) -> int:
    """Bring the content of vesicle `v` up to date and write transition `k` down, in one or two rows; their number.

    It is written as t, vesicle, transition (T for a spent vesicle that leaves), state after it, content before and after it.
    """
    old, new = who[v, _STATE], ways[k, TARGET]
    was_open = old >= 0 and looks[old, OPENED] == 1
    before, passed = held[v, _CONTENT], t - held[v, _SINCE]
    if was_open:
        before *= np.exp(-passed / cargo[TAU])
    else:
        before = 1.0 - (1.0 - before) * np.exp(-cargo[REFILL] * passed)
    after = 0.0 if ways[k, FUSES] else before
    log[0, 0], log[0, 1], log[0, 2], log[0, 3], log[0, 4], log[0, 5] = t, v, k, new, before, after
    held[v, _CONTENT], held[v, _SINCE] = (1.0 if ways[k, FUSES] else after), t
    if cargo[SPENT] < 0 or not (was_open and new >= 0 and looks[new, OPENED] == 0 and after < cargo[EMPTY]):
        return 1
    log[1, 0], log[1, 1], log[1, 2], log[1, 3], log[1, 4], log[1, 5] = t, v, len(ways), cargo[SPENT], after, after
    held[v, _CONTENT] = 1.0
    return 2


@njit(nogil=True, cache=True)
def play(  # noqa: PLR0913 - a kernel takes arrays, not objects
    rng: Any, ways: Any, looks: Any, edges: Any, rates: Any, sizes: Any, cargo: Any, begin: Any, sites: int, most: int
) -> Any:
    """Play the population through all spans of constant inputs.

    Parameters
    ----------
    ways, looks, cargo : see `SOURCE`, `SITED`, `TAU`. edges : (S + 1,) times (s) of the spans.
    rates, sizes : (S, T) 1/s and mean number of a batch in each span.
    begin : (v,) state of each vesicle at the start. sites : number of docking sites, -1 for no limit.
    most : steps after which to give up.

    Returns
    -------
    (e, 6) rows as `_take` writes them, (n,) numbers in the states at the end, whether `most` was reached.
    """
    n, room, steps, told = len(begin), max(2 * len(begin), 64), 0, 0
    who, held = np.full((room, 2), -1), np.ones((room, 2))
    members, counts = np.zeros((len(looks), room), np.int64), np.zeros(len(looks), np.int64)
    for v in range(n):
        held[v, _SINCE] = edges[0]
        _move(v, begin[v], who, members, counts)
    log, weights = np.empty((1024, 6)), np.empty(len(ways))
    for span in range(len(edges) - 1):
        t = edges[span]
        while steps <= most:
            total = _weigh(rates[span], ways, looks, counts, sites, weights)
            t += _wait(rng) / total if total > 0 else np.inf
            if t >= edges[span + 1]:
                break
            steps += 1
            left, k = rng.random() * total, 0
            while k < len(ways) - 1 and left >= weights[k]:
                left -= weights[k]
                k += 1
            while weights[k] <= 0:  # rounding may step past the last possible way
                k -= 1
            old, batch = ways[k, SOURCE], 1
            if old < 0:
                batch = _together(rng, sizes[span, k])
            for _ in range(batch):
                v = n
                if old >= 0:
                    v = members[old, int(rng.random() * counts[old])]
                else:
                    n += 1
                if n > room:
                    more, also, wider = (
                        np.full((2 * room, 2), -1),
                        np.ones((2 * room, 2)),
                        np.zeros((len(looks), 2 * room), np.int64),
                    )
                    more[:room], also[:room], wider[:, :room] = who, held, members
                    who, held, members, room = more, also, wider, 2 * room
                if told + 2 > len(log):
                    longer = np.empty((2 * len(log), 6))
                    longer[:told] = log[:told]
                    log = longer
                new = ways[k, TARGET]
                if old < 0:
                    held[v, _SINCE] = t
                if ways[k, TOLD]:
                    rows = _take(t, v, k, ways, looks, cargo, who, held, log[told:])
                    told += rows
                    new = int(log[told - 1, 3])
                _move(v, new, who, members, counts)
    return log[:told], counts, steps > most
