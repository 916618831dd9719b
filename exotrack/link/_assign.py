"""Who follows whom, over all frames at once: an assignment of least cost, found row by row.

Every spot is a row (it may have a successor) and a column (it may be one). A path cover of least cost is an assignment of rows
to columns in which a row may also stay alone at no cost (Zhang, Li and Nevatia 2008 put it as a flow). Rows are added one
after the other in the order of time, each by the shortest augmenting path (Jonker and Volgenant 1987, Computing 38:325). A path
never costs more than leaving somebody alone, so it stays in the neighbourhood: time grows with the number of spots and not
with its square, and there is no size at which the search gives up.

What lies `HORIZON` frames back is settled. A path that long has never been seen to change anything, and so a movie of any length
needs the memory of a few frames.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

HORIZON = 16
"""Frames after which a link is final: five times the longest gap by default, and rivalries die out over less."""


class Assignment:
    """The state of the search over n spots.

    follower, leader : (n,) the spot that follows each and the one it follows, -1 for none.
    """

    def __init__(self, n: int) -> None:
        self.follower: NDArray[np.int64] = np.full(n, -1, np.int64)
        self.leader: NDArray[np.int64] = np.full(n, -1, np.int64)
        self._price_row = np.zeros(n)
        self._price_column = np.zeros(n)

    def fix(self, rows: NDArray[np.int64], columns: NDArray[np.int64]) -> None:
        """Links that are certain; give no edges of these rows and to these columns."""
        self.follower[rows], self.leader[columns] = columns, rows

    def add(self, rows: tuple[int, int, int], starts: NDArray[np.int64], columns: NDArray[np.int64], costs: Any) -> None:
        """Add rows, each by its shortest augmenting path.

        Parameters
        ----------
        rows : first row that may still change, first new row, and one past the last.
        starts, columns, costs : edges of all rows from the first on: row ``rows[0] + k`` has those from ``starts[k]`` to
            ``starts[k + 1]`` (exclusive); costs are below 0, that of staying alone.
        """
        _add(rows, starts, columns, costs, self.follower, self.leader, self._price_row, self._price_column)


@njit(nogil=True, cache=True)
def _add(rows: Any, starts: Any, columns: Any, costs: Any, follower: Any, leader: Any, price_row: Any, price_column: Any) -> None:
    first, new, stop = rows
    # Distance of every column, the row it was reached from, whether it is scanned; and the list of those reached.
    distance, came_from = np.full(len(leader), np.inf), np.full(len(leader), -1, np.int64)
    scanned, touched = np.zeros(len(leader), np.bool_), np.empty(max(len(columns), 1), np.int64)
    graph, prices, work = (first, starts, columns, costs), (price_row, price_column), (distance, came_from, scanned, touched)
    for source in range(new, stop):
        if starts[source - first] == starts[source - first + 1]:
            continue
        found, alone, length, n_touched = _search(source, graph, leader, prices, work)
        price_row[source] += length
        for k in range(n_touched):
            j = touched[k]
            if scanned[j]:
                price_column[j] -= length - distance[j]
                price_row[leader[j]] += length - distance[j]
        if found < 0 and alone != source:
            found = follower[alone]
            follower[alone] = -1
        while found >= 0:
            row = came_from[found]
            given_up = follower[row]
            follower[row], leader[found] = found, row
            found = -1 if row == source else given_up
        for k in range(n_touched):
            distance[touched[k]], scanned[touched[k]] = np.inf, False


@njit(nogil=True, cache=True)
def _search(source: int, graph: Any, leader: Any, prices: Any, work: Any) -> Any:
    """Shortest path from a row to a free column, or to a row that had better stay alone.

    Returns
    -------
    The free column or -1, the row to leave alone, the length of the path, and how many columns were touched.
    """
    first, starts, columns, costs = graph
    price_row, price_column = prices
    distance, came_from, scanned, touched = work
    n_touched, base, row = 0, 0.0, source
    alone, least_alone = -1, np.inf
    while True:
        if base - price_row[row] < least_alone:
            alone, least_alone = row, base - price_row[row]
        for k in range(starts[row - first], starts[row - first + 1]):
            j = columns[k]
            # Whom an earlier row has taken for good is not to be had; and a path never comes back, not even by rounding.
            if scanned[j] or 0 <= leader[j] < first:
                continue
            there = base + costs[k] - price_row[row] - price_column[j]
            if there < distance[j]:
                if distance[j] == np.inf:
                    touched[n_touched] = j
                    n_touched += 1
                distance[j], came_from[j] = there, row
        nearest, least = -1, least_alone
        for k in range(n_touched):
            if not scanned[touched[k]] and distance[touched[k]] < least:
                nearest, least = touched[k], distance[touched[k]]
        if nearest < 0 or leader[nearest] < 0:
            return nearest, alone, least, n_touched
        scanned[nearest] = True
        row, base = leader[nearest], least
