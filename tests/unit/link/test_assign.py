"""The assignment over all frames against a dense solver, and the regions that are linked apart."""

from __future__ import annotations

import numpy as np
import pytest

from exotrack.link._assign import Assignment
from exotrack.link._regions import grouped, regions


def listed(costs, first=0):
    """Edges below 0 of rows from `first` on, as `Assignment.add` takes them."""
    rows, columns = np.nonzero(costs[first:] < 0)
    starts = np.searchsorted(rows, np.arange(len(costs) - first + 1))
    return starts, columns, costs[first:][rows, columns]


def forward(rng, n, share):
    """Costs between spots of which only later ones may follow; most pairs have none."""
    costs = np.where(rng.random((n, n)) < share, -10 * rng.random((n, n)), 1.0)
    costs[np.tril_indices(n)] = 1.0
    return costs


@pytest.mark.parametrize("share", [0.05, 0.3, 0.9])
@pytest.mark.parametrize("n", [2, 9, 60])
def test_rows_added_one_by_one_cost_as_little_as_the_best_of_all(rng, n, share):
    from scipy.optimize import linear_sum_assignment

    for _ in range(20):
        costs = forward(rng, n, share)
        ours = Assignment(n)
        half = n // 2
        ours.add((0, 0, half), *listed(costs[:half]))
        ours.add((0, half, n), *listed(costs))
        taken = np.flatnonzero(ours.follower >= 0)
        assert len(set(ours.follower[taken])) == len(taken)
        assert (ours.leader[ours.follower[taken]] == taken).all()
        free = np.minimum(costs, 0.0)
        least = free[linear_sum_assignment(free)].sum()
        assert costs[taken, ours.follower[taken]].sum() == pytest.approx(least)


def test_a_row_that_may_not_change_keeps_whom_it_has():
    costs = np.ones((4, 4))
    costs[0, 2], costs[0, 3], costs[1, 2] = -5, -4, -3
    free = Assignment(4)
    free.add((0, 0, 1), *listed(costs[:1]))
    assert free.follower.tolist() == [2, -1, -1, -1]
    free.add((0, 1, 4), *listed(costs))
    assert free.follower.tolist() == [3, 2, -1, -1]
    settled = Assignment(4)
    settled.add((0, 0, 1), *listed(costs[:1]))
    settled.add((1, 1, 4), *listed(costs, 1))
    assert settled.follower.tolist() == [2, -1, -1, -1]


def test_spots_of_different_regions_are_further_apart_than_any_link(rng):
    from scipy.spatial import cKDTree

    places = np.concatenate([rng.normal(centre, 0.8, (60, 2)) for centre in ((0, 0), (9, 2), (3, 14))])
    number = regions(places, 1.0)
    assert len(set(number)) >= 3
    pairs = cKDTree(places).query_pairs(1.0, output_type="ndarray")
    assert (number[pairs[:, 0]] == number[pairs[:, 1]]).all()
    parts = grouped(number, 2)
    assert sorted(np.concatenate(parts)) == list(range(len(places)))
    assert all(set(number[a]).isdisjoint(number[b]) for a, b in [parts])
