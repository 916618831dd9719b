"""Pairing against brute force on tiny sets, and what must not change it."""

from __future__ import annotations

from itertools import permutations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from exotrack.score.matching import pair


@st.composite
def crowds(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Up to five true and five found points, crowded on a grid fine enough for ties and for points out of reach."""
    steps = st.integers(0, 8).map(lambda k: k / 4)
    point = st.tuples(st.integers(0, 1), steps, steps, st.just(0.0))
    both = [draw(st.lists(point, max_size=5)) for _ in range(2)]
    return tuple(np.array(points, float).reshape(-1, 4) for points in both)  # type: ignore[return-value]


def cost(a: np.ndarray, b: np.ndarray) -> float:
    step = a - b
    inside = step[0] == 0 and abs(step[1]) <= 1 and np.hypot(step[2], step[3]) <= 1
    return float(step[1:] @ step[1:]) if inside else np.inf


def best_by_trying_everything(true: np.ndarray, found: np.ndarray) -> tuple[int, float]:
    if len(true) > len(found):
        true, found = found, true
    best = (0, 0.0)
    for order in permutations(range(len(found)), len(true)):
        inside = [value for i, j in enumerate(order) if np.isfinite(value := cost(true[i], found[j]))]
        best = max(best, (len(inside), -sum(inside)))
    return best


@settings(max_examples=200, deadline=None)
@given(crowds())
def test_pairing_is_the_best_of_all(crowd: tuple[np.ndarray, np.ndarray]) -> None:
    true, found = crowd
    pairs = pair(true, found)
    assert len(set(pairs.true)) == len(pairs.true) == len(set(pairs.found))
    total = sum(cost(true[i], found[j]) for i, j in zip(*pairs, strict=True))
    number, least = best_by_trying_everything(true, found)
    assert len(pairs.true) == number
    assert np.isclose(total, -least)


@settings(max_examples=60, deadline=None)
@given(crowds(), st.randoms(use_true_random=False), st.floats(-50, 50))
def test_order_and_origin_do_not_change_the_number_of_pairs(crowd, random, shift) -> None:
    true, found = crowd
    again = true[random.sample(range(len(true)), len(true))], found[random.sample(range(len(found)), len(found))]
    moved = np.array([0.0, 16.0, -8.0, 4.0]) * round(shift)
    n = len(pair(true, found).true)
    assert len(pair(*again).true) == n
    assert len(pair(found, true).true) == n
    assert len(pair(true + moved, found + moved).true) == n


def test_a_point_without_a_place_is_never_paired() -> None:
    lost = np.array([[0, 1, np.nan, 0]], float)
    assert len(pair(lost, lost).true) == 0


def test_ten_thousand_points_take_no_quadratic_table() -> None:
    rng = np.random.default_rng(1)
    true = np.column_stack([np.zeros(20_000), *rng.uniform(0, 60, (3, 20_000))])
    shuffled = rng.permutation(20_000)
    pairs = pair(true, true[shuffled] + [0, 1e-4, 0, 0])
    assert np.array_equal(shuffled[pairs.found], pairs.true)
    assert len(pairs.true) == 20_000
