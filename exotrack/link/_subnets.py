"""Solve one subnetwork of trackpy: who in this frame follows whom.

trackpy finds the subnetworks (sources and destinations that compete within the search range) and solves them by search,
whose time grows exponentially: beyond 30 points it gives up with an exception. The optimum it looks for, the smallest
sum of squared steps where a source without successor costs the search range squared (Crocker and Grier 1996, J Colloid
Interface Sci 179:298), is a linear assignment problem, so here everything larger than one pair is solved as one: same
answer, polynomial time, no size at which it stops. Points are put in the order in which they were made first: trackpy
keeps them in sets, whose order changes from run to run, and ties must not depend on it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

DENSE = 1_000
"""Up to here a dense matrix (8 MB at most) is faster than the sparse solver."""


def solve_subnet(sources: set[Any], destinations: set[Any], search_range: float, **options: Any) -> tuple[list[Any], list[Any]]:
    """Link one subnetwork; has the signature trackpy expects of a ``link_strategy``.

    Parameters
    ----------
    sources, destinations : sets of trackpy points; each source lists its candidates (point, distance) in `forward_cands`.
    search_range : longest step, in the unit of the coordinates; its square is the cost of ending a track.
    options : ``max_size``, which trackpy passes and which does not apply here.

    Returns
    -------
    Two lists of equal length: sources and the destinations that follow them, None where there is none.
    """
    if not sources:
        return [None] * len(destinations), list(destinations)
    if len(sources) == len(destinations) == 1:
        return list(sources), list(destinations)
    rows, columns = sorted(sources, key=age), sorted(destinations, key=age)
    number = {id(point): j for j, point in enumerate(columns)}
    edges = np.array([(i, number[id(point)], d) for i, row in enumerate(rows) for point, d in row.forward_cands])
    follows = cheapest(edges[:, 0].astype(int), edges[:, 1].astype(int), edges[:, 2] ** 2, search_range**2)
    starts = list(rows)
    stops = [None if follows.get(i) is None else columns[follows[i]] for i in range(len(rows))]
    taken = set(follows.values())
    orphans = [point for j, point in enumerate(columns) if j not in taken]
    return starts + [None] * len(orphans), stops + orphans


def cheapest(row: NDArray[Any], column: NDArray[Any], cost: NDArray[Any], alone: float) -> dict[int, int]:
    """Row to column for the assignment of least total cost, where a row left alone costs `alone`.

    Parameters
    ----------
    row, column, cost : (n_edges,) the pairs that may be assigned and what each costs; those above `alone` never are.
    """
    n_rows, n_columns = int(row.max()) + 1, int(column.max()) + 1
    found = _dense if max(n_rows, n_columns) <= DENSE else _sparse
    return found(row, column, np.minimum(cost, alone), alone, (n_rows, n_columns))


def _dense(row: NDArray[Any], column: NDArray[Any], cost: NDArray[Any], alone: float, shape: tuple[int, int]) -> dict[int, int]:
    from scipy.optimize import linear_sum_assignment

    # A pair that is not allowed costs as much as staying alone, and there are enough columns for every row to do so: the
    # optimum is then that of the problem with one dummy column for each row, at half the size.
    matrix = np.full((shape[0], max(shape)), alone)
    matrix[row, column] = cost
    pairs = zip(*linear_sum_assignment(matrix), strict=True)
    return {int(i): int(j) for i, j in pairs if j < shape[1] and matrix[i, j] < alone}


def _sparse(row: NDArray[Any], column: NDArray[Any], cost: NDArray[Any], alone: float, shape: tuple[int, int]) -> dict[int, int]:
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import min_weight_full_bipartite_matching

    dummies = np.arange(shape[0])
    rows, columns = np.concatenate([row, dummies]), np.concatenate([column, shape[1] + dummies])
    # The solver takes a stored zero for no edge at all; one added to every edge moves no optimum.
    weights = np.concatenate([cost / alone, np.ones(shape[0])]) + 1.0
    graph = csr_array((weights, (rows, columns)), shape=(shape[0], shape[1] + shape[0]))
    pairs = zip(*min_weight_full_bipartite_matching(graph), strict=True)
    return {int(i): int(j) for i, j in pairs if j < shape[1]}


def age(point: Any) -> Any:
    """Number of a trackpy point in the order in which the points were made."""
    return point.uuid
