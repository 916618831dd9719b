"""The assignment solver against trying every assignment, and its two methods against each other."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from exotrack.link import _subnets


def cost_of(follows, cost, alone, n_rows):
    return sum(cost[i, follows[i]] if i in follows else alone for i in range(n_rows))


def problem(rng, n_rows, n_columns, density=0.5):
    cost = rng.uniform(0.01, 1.0, (n_rows, n_columns))
    allowed = rng.random((n_rows, n_columns)) < density
    allowed[np.arange(n_rows), rng.integers(0, n_columns, n_rows)] = True
    allowed[rng.integers(0, n_rows, n_columns), np.arange(n_columns)] = True
    return cost, allowed


@pytest.mark.parametrize("shape", [(4, 4), (5, 3), (3, 5)])
def test_finds_the_cheapest_of_all_assignments(rng, shape):
    for _ in range(20):
        cost, allowed = problem(rng, *shape)
        row, column = np.nonzero(allowed)
        follows = _subnets.cheapest(row, column, cost[row, column], 0.6)
        # Every way to give each row a column of its own, where a column beyond the last, or one not allowed, is none.
        choices = permutations(range(shape[1] + shape[0]), shape[0])
        best = min(sum(cost[i, j] if j < shape[1] and allowed[i, j] else 0.6 for i, j in enumerate(choice)) for choice in choices)
        assert all(allowed[pair] for pair in follows.items())
        assert len(set(follows.values())) == len(follows)
        assert cost_of(follows, cost, 0.6, shape[0]) == pytest.approx(best)


def test_dense_and_sparse_solutions_cost_the_same(rng):
    cost, allowed = problem(rng, 120, 140, density=0.05)
    row, column = np.nonzero(allowed)
    arguments = (row, column, np.minimum(cost[row, column], 0.6), 0.6, cost.shape)
    dense, sparse = _subnets._dense(*arguments), _subnets._sparse(*arguments)
    capped = np.minimum(cost, 0.6)
    assert cost_of(dense, capped, 0.6, 120) == pytest.approx(cost_of(sparse, capped, 0.6, 120))
