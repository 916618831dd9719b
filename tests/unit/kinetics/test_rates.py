"""Rates, release curves, fates and the balance of docked vesicles, cell by cell."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from exotrack.errors import InputError
from exotrack.kinetics._risk import shares
from exotrack.kinetics.balance import balance
from exotrack.kinetics.rates import Fates, Rates, Release, cell_keys, cell_numbers, garwood
from exotrack.kinetics.resample import Nest, bootstrap
from exotrack.tables import Cells

FATES = ("undocking", "full_fusion")


def table(n: int = 3) -> pd.DataFrame:
    counts = {f"n_{kind}": [0] * n for kind in ("tethering", "docking", "undocking", "kiss_and_run")}
    return Cells.build(
        {
            "movie_id": ["a", "a", "b"][:n], "cell_id": [1, 2, 1][:n], "area_um2": [100.0, 50.0, 200.0][:n],
            "observed_s": [60.0, 60.0, 30.0][:n], "n_full_fusion": [6, 0, 12][:n], **counts, "footprint": ["mask"] * n,
        }
    )  # fmt: skip


def test_a_pooled_rate_is_events_over_exposure() -> None:
    rates = Rates.of(table(), ["full_fusion", "kiss_and_run"])
    assert rates.pooled() == pytest.approx(18 / 15_000)
    assert rates.pooled([2, 0, 1]) == pytest.approx(24 / 18_000)
    low, high = rates.poisson()
    assert low[1] == 0
    assert high[1] == pytest.approx(-np.log(0.025) / 3000)


def test_exact_limits_of_a_poisson_count_hold_the_mean() -> None:
    from scipy.stats import chi2

    low, high = garwood([0, 1, 20])
    np.testing.assert_allclose(high, chi2.ppf(0.975, [2, 4, 42]) / 2)
    np.testing.assert_allclose(low[1:], chi2.ppf(0.025, [2, 40]) / 2)


def test_cells_that_differ_are_seen_and_only_resampling_allows_for_it() -> None:
    """300 studies of 30 cells of unequal size whose rates are gamma-distributed about 2e-3 per um^2 and s, or all alike."""
    rng = np.random.default_rng(1)
    exposure, cells = rng.uniform(2e3, 2e4, 30), tuple(("m", k) for k in range(30))
    alike = rng.poisson(2e-3 * exposure, (300, 30)).astype(float)
    apart = rng.poisson(2e-3 * exposure * rng.gamma(2.0, 0.5, (300, 30))).astype(float)
    assert np.mean([Rates(cells, count, exposure).dispersion()[1] < 0.05 for count in alike]) == pytest.approx(0.05, abs=0.04)
    assert np.mean([Rates(cells, count, exposure).dispersion()[0] for count in apart]) > 5
    found = bootstrap(lambda w: (w @ apart.T) / (w @ exposure)[:, None], Nest.of(cells), repeats=600, seed=1)
    one = Rates(cells, apart[7], exposure)
    np.testing.assert_allclose(bootstrap(one.pooled, Nest.of(cells), repeats=600, seed=1).low, found.low[7])
    assert 0.89 <= np.mean((found.low <= 2e-3) & (found.high >= 2e-3)) <= 0.98
    low, high = garwood(apart.sum(axis=1))
    assert np.mean((low <= 2e-3 * exposure.sum()) & (high >= 2e-3 * exposure.sum())) < 0.6


def test_a_ratio_of_two_conditions() -> None:
    rates = Rates.of(table(), "full_fusion")
    high = np.array([False, False, True])
    assert rates.ratio(high, ~high) == pytest.approx(np.log((12 / 6000) / (6 / 9000)))
    assert np.isnan(rates.ratio(high, ~high, [0, 1, 1]))


def test_cells_need_area_and_time() -> None:
    with pytest.raises(InputError, match="cell 2 of movie a needs an area"):
        Rates.of(table().assign(area_um2=[1.0, 0.0, 1.0]), "full_fusion")
    with pytest.raises(InputError, match="no counts of 'fusion'"):
        Rates.of(table(), "fusion")
    with pytest.raises(InputError, match="there are no cells"):
        Rates.of(table(0), "full_fusion")


def test_rows_find_their_cells() -> None:
    rows = pd.DataFrame({"movie_id": ["b", "a", "a"], "cell_id": pd.array([1, 2, None], dtype="Int64")})
    assert cell_numbers(rows, cell_keys(table())).tolist() == [2, 1, -1]
    with pytest.raises(InputError, match="cell 9 of movie a has events but is not in the table"):
        cell_numbers(rows.assign(cell_id=9, movie_id="a"), cell_keys(table()))


def test_a_release_curve_of_movies_of_unequal_length_does_not_bend() -> None:
    rng = np.random.default_rng(2)
    until = np.array([10.0, 20, 30, 40] * 25)
    count = rng.poisson(until * 0.5)
    cell = np.repeat(np.arange(100), count)
    curve = Release.of(rng.uniform(size=len(cell)) * until[cell], cell, np.zeros(100), until)
    at = np.array([5.0, 15, 25, 35])
    sd = curve.sd()[np.searchsorted(curve.t_s, at) - 1]
    assert np.abs((curve.mean_at(at) - 0.5 * at) / sd).max() < 3.5
    np.testing.assert_allclose(sd[0], np.sqrt(0.5 * 5 / 100), rtol=0.25)
    found = bootstrap(lambda w: curve.mean_at(at, w), Nest.of(range(100)), repeats=400, seed=0)
    np.testing.assert_allclose(found.sd, sd, rtol=0.2)


def test_a_release_curve_by_hand() -> None:
    curve = Release.of([1.0, 1.0, 3.0], [0, 1, 0], [0.0, 0.0], [5.0, 2.0], size=[10.0, 30.0])
    np.testing.assert_allclose(curve.mean(), [2 / 40, 2 / 40 + 1 / 10])
    np.testing.assert_allclose(curve.mean_at([0.5, 1.0, 4.0]), [0, 0.05, 0.15])
    assert Release.of([], [], [0.0], [5.0]).mean_at([1.0]).tolist() == [0.0]
    with pytest.raises(InputError, match="event 0 is at 6 s, when its cell was not observed"):
        Release.of([6.0], [0], [0.0], [5.0])


def test_fractions_of_fates_use_probabilities() -> None:
    share = shares([[0.2, 0.8], [1.0, 0.0], [0.0, 0.0]], FATES, 3)
    fates = Fates.of(share, [0, 1, 1], 3, FATES)
    np.testing.assert_allclose(fates.fractions(), [0.6, 0.4])
    np.testing.assert_allclose(fates.fractions([[1, 0, 0], [0, 0, 1]]), [[0.2, 0.8], [np.nan, np.nan]])


def test_the_balance_of_docked_vesicles_by_hand() -> None:
    first, last = [0.0, 1.0, 2.0, 2.5], [3.0, 2.0, 9.0, 4.0]
    share = shares(["full_fusion", "undocking", "", ""], FATES, 4)
    found = balance(first, last, [False, True, True, False], share, FATES, [0.0, 1.0, 2.0, 3.0, 4.0], size=[10.0])
    assert found.docked[0].tolist() == [1, 2, 2, 2, 1]
    assert found.arrivals[0].tolist() == [0, 1, 2, 2, 2]
    assert found.found[0].tolist() == [1, 1, 1, 2, 2]
    assert found.exits[0].tolist() == [[0, 0, 1, 1, 1], [0, 0, 0, 1, 1]]
    assert found.lost[0].tolist() == [0, 0, 0, 0, 1]
    assert found.density().tolist() == [0.1, 0.2, 0.2, 0.2, 0.1]
    assert found.arrival_rate() == pytest.approx(2 / 4 / 10)


def test_docked_in_a_long_rest_is_arrivals_times_mean_stay() -> None:
    """Little's law."""
    rng = np.random.default_rng(3)
    start = rng.uniform(-100, 100, 20_000)
    stop = start + rng.exponential(5, 20_000)
    shown = stop > 0
    share = shares(np.where(stop[shown] < 100, "undocking", ""), FATES[:1], int(shown.sum()))
    found = balance(np.maximum(start, 0)[shown], stop[shown], start[shown] > 0, share, FATES[:1], np.linspace(0, 100, 101))
    assert found.density().mean() == pytest.approx(float(found.arrival_rate()) * 5, rel=0.03)
    by_hand = [np.count_nonzero((start <= t) & (stop > t)) for t in np.linspace(0, 100, 101)]
    assert found.docked[0].tolist() == by_hand


def test_a_balance_needs_times_in_order() -> None:
    with pytest.raises(InputError, match="two or more ascending times"):
        balance([0.0], [1.0], [True], [[1.0]], FATES[:1], [1.0])
    with pytest.raises(InputError, match="stay 0 begins at 2 s and ends at 1 s"):
        balance([2.0], [1.0], [True], [[1.0]], FATES[:1], [0.0, 1.0])
