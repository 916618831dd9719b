"""Time rescaling: right ways have their nominal size, wrong ways do not, and a wrong model is seen."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import kstest

from exotrack.errors import InputError
from exotrack.kinetics.rescaling import Operational, operational, quantiles, rescaling

Real = NDArray[np.float64]
CELLS, UNTIL_S = 12, 60.0


def cells(seed: int) -> tuple[Real, NDArray[np.int64], Real]:
    """Events of cells of rates of their own: times, cells, rates."""
    rng = np.random.default_rng(seed)
    rate = rng.gamma(1.0, 0.25, CELLS)
    cell = np.repeat(np.arange(CELLS), rng.poisson(rate * UNTIL_S))
    return rng.uniform(0, UNTIL_S, len(cell)), cell, rate


def test_joined_cells_have_the_nominal_size_and_the_wrong_ways_do_not() -> None:
    studies, rejected = 250, {"pooled": 0, "dropped": 0, "joined": 0, "joined, rates known": 0, "shape": 0}
    observed = np.full(CELLS, UNTIL_S)
    for seed in range(studies):
        at, cell, rate = cells(seed)
        own = [np.diff(np.sort(at[cell == c]), prepend=0.0) for c in range(CELLS)]
        pooled = np.concatenate(own) * len(at) / observed.sum()
        rejected["pooled"] += kstest(pooled, "expon").pvalue <= 0.05
        rejected["dropped"] += kstest(np.concatenate([x * rate[c] for c, x in enumerate(own)]), "expon").pvalue <= 0.05
        free = rescaling(operational(at, cell, observed), repeats=99, seed=seed)
        known = rescaling(operational(at, cell, observed, expected=rate * observed), repeats=99, seed=seed)
        rejected["joined"] += free.p["joined"] <= 0.05
        rejected["shape"] += free.p["shape"] <= 0.05
        rejected["joined, rates known"] += known.p["joined"] <= 0.05
    size = {name: count / studies for name, count in rejected.items()}
    for name in ("joined", "shape", "joined, rates known"):
        assert 0.01 <= size[name] <= 0.10, size
    assert size["pooled"] > 0.7
    assert size["dropped"] > 0.10


def test_a_burst_after_the_stimulus_is_rescaled_away_and_seen_otherwise() -> None:
    """Events come at a rate that falls with a time constant of 10 s; cells differ in size."""
    rng, found = np.random.default_rng(1), []
    count = rng.integers(5, 40, CELLS)
    cell = np.repeat(np.arange(CELLS), count)
    at = -10 * np.log(1 - rng.uniform(size=len(cell)) * (1 - np.exp(-6)))
    observed = np.full(CELLS, UNTIL_S)
    for falling in (True, False):
        cumulative = (lambda t, c: 3.0 * c * 0 + 1 - np.exp(-t / 10)) if falling else None
        found.append(rescaling(operational(at, cell, observed, cumulative), repeats=199).p)
    assert min(found[0].values()) > 0.05
    assert max(found[1].values()) <= 0.01


def test_regular_events_are_seen_by_their_intervals() -> None:
    """Refractory sites: gamma intervals of shape 3, as evenly spread as Poisson events in the long run."""
    rng = np.random.default_rng(2)
    at = np.cumsum(rng.gamma(3.0, 1 / 3, 150))
    found = rescaling(operational(at, np.zeros(150, dtype=int), [at[-1] + 0.5]), repeats=199)
    assert found.p["joined"] <= 0.01
    assert found.intervals.mean() == pytest.approx(1, abs=0.02)


def test_joined_intervals_by_hand() -> None:
    """Two cells of 10 s with 2 and 1 events: units of 5 s and of 10 s, across the seam too."""
    found = rescaling(operational([2.0, 9.0, 4.0], [0, 0, 1], [10.0, 10.0]), repeats=9)
    assert found.intervals.tolist() == pytest.approx(sorted([0.4, 1.4, 0.2 + 0.4]))


def test_cells_without_events_count_where_rates_are_known() -> None:
    events = operational([1.0, 2.0], [0, 2], [10.0] * 3, expected=[1.0, 20.0, 1.0])
    assert isinstance(events, Operational)
    assert rescaling(events, repeats=199).intervals[-1] > 20
    assert rescaling(operational([1.0, 2.0], [0, 2], [10.0] * 3), repeats=19).intervals[-1] < 2


def test_the_band_of_a_qq_plot_holds_its_share_of_points() -> None:
    middle, low, high = quantiles(50)
    points = np.sort(np.random.default_rng(3).exponential(size=(2000, 50)), axis=1)
    np.testing.assert_allclose(((low < points) & (points < high)).mean(axis=0), 0.95, atol=0.02)
    np.testing.assert_allclose((points < middle).mean(axis=0), 0.5, atol=0.04)


BAD = {
    "none": (([1.0], [0], [10.0]), "1 events; 2 or more are needed"),
    "outside": (([1.0, 11.0], [0, 0], [10.0]), "event 1 is at 11 s, but its cell was observed from 0 to 10 s"),
    "cell": (([1.0, 2.0], [0, 3], [10.0]), "numbers from 0 to 0"),
    "flat": (([1.0, 2.0], [0, 0], [10.0], lambda t, c: 0 * t), "must rise from 0"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_named(case: str) -> None:
    arguments, message = BAD[case]
    with pytest.raises(InputError, match=message):
        operational(*arguments)
