"""Score intervals of proportions, against scipy's."""

from __future__ import annotations

import math

import pytest
from scipy.stats import binomtest

from exotrack.score.counts import Count, wilson


@pytest.mark.parametrize(("successes", "trials"), [(0, 1), (1, 1), (0, 20), (20, 20), (3, 10), (67, 150), (1, 1000)])
def test_intervals_are_those_of_scipy(successes: int, trials: int) -> None:
    peer = binomtest(successes, trials).proportion_ci(0.95, method="wilson")
    assert wilson(successes, trials) == pytest.approx((peer.low, peer.high), abs=1e-12)


def test_a_proportion_of_nothing_is_undefined() -> None:
    assert all(math.isnan(limit) for limit in wilson(0, 0))


@pytest.mark.parametrize("tp", range(11))
def test_proportions_lie_within_their_intervals(tp: int) -> None:
    count = Count("docking", n_true=10, n_found=12, tp=tp)
    for value, (low, high) in (
        (count.precision, count.precision_interval),
        (count.recall, count.recall_interval),
        (count.f1, count.f1_interval),
    ):
        assert 0 <= low <= value <= high <= 1
