"""The mixed model of levels, against lme4's published numbers, statsmodels and t-tests."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from scipy import stats

from exotrack.errors import InputError
from exotrack.stats import mixed

DYESTUFF = [
    1545, 1440, 1440, 1520, 1580, 1540, 1555, 1490, 1560, 1495, 1595, 1550, 1605, 1510, 1560,
    1445, 1440, 1595, 1465, 1545, 1595, 1630, 1515, 1635, 1625, 1520, 1455, 1450, 1480, 1445,
]  # fmt: skip
"""Yields of six batches (Davies & Goldsmith 1972), the first example of lme4."""
APART = np.array([-1.0, 1.0])


def cells(seed: int, crossed: bool = False) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Values, covariates and animals of cells of uneven animals."""
    rng = np.random.default_rng(seed)
    group = np.repeat([0, 1], 30)
    animal = np.tile(np.repeat(np.arange(5), 6), 2) + (0 if crossed else 5) * group
    y = 0.5 * rng.standard_normal(10)[animal] + 0.4 * rng.standard_normal(60) + 0.3 * group
    keep = rng.uniform(size=60) < 0.7
    return y[keep], np.column_stack([group == 0, group == 1]).astype(float)[keep], animal[keep]


def test_it_equals_lme4_on_its_own_example() -> None:
    found = mixed.fit(np.array(DYESTUFF, float), np.ones((30, 1)), np.repeat(np.arange(6), 5))
    assert found.beta[0] == pytest.approx(1527.5)
    assert np.sqrt(found.cov[0, 0]) == pytest.approx(19.38, abs=0.01)
    assert found.variances[1:] == pytest.approx([1764.05, 2451.25], rel=1e-4)
    assert -2 * found.log_likelihood == pytest.approx(319.6543, abs=1e-4)
    assert found.contrast(np.ones(1))[2] == pytest.approx(5.0, abs=1e-3)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_it_equals_statsmodels(seed: int) -> None:
    y, x, animal = cells(seed)
    found = mixed.fit(y, x, animal)
    table = pd.DataFrame({"y": y, "group": x[:, 1], "animal": animal})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        peer = smf.mixedlm("y ~ 0 + C(group)", table, groups="animal").fit()
    np.testing.assert_allclose(found.beta, peer.params.iloc[:2], atol=1e-4)
    np.testing.assert_allclose(np.sqrt(np.diag(found.cov)), peer.bse.iloc[:2], rtol=5e-3)
    assert found.log_likelihood == pytest.approx(peer.llf, abs=1e-5)
    assert found.variances[2] == pytest.approx(peer.scale, rel=1e-3)


def test_even_animals_give_the_t_test_on_their_means() -> None:
    rng = np.random.default_rng(4)
    animal, group = np.repeat(np.arange(10), 6), np.repeat([0, 1], 30)
    y = rng.standard_normal(10)[animal] + 0.3 * rng.standard_normal(60)
    value, sd, df = mixed.fit(y, np.column_stack([group == 0, group == 1]).astype(float), animal).contrast(APART)
    mean = y.reshape(10, 6).mean(axis=1)
    peer = stats.ttest_ind(mean[5:], mean[:5])
    assert value / sd == pytest.approx(peer.statistic, rel=1e-4)
    assert df == pytest.approx(8.0, abs=1e-3)


def test_even_pairs_give_the_paired_t_test_on_their_means() -> None:
    rng = np.random.default_rng(5)
    animal, group = np.tile(np.repeat(np.arange(5), 6), 2), np.repeat([0, 1], 30)
    y = rng.standard_normal(5)[animal] + 0.8 * rng.standard_normal((2, 5))[group, animal] + 0.2 * rng.standard_normal(60)
    value, sd, df = mixed.fit(y, np.column_stack([group == 0, group == 1]).astype(float), animal).contrast(APART)
    mean = y.reshape(2, 5, 6).mean(axis=2)
    peer = stats.ttest_rel(mean[1], mean[0])
    assert value / sd == pytest.approx(peer.statistic, rel=1e-3)
    assert df == pytest.approx(4.0, abs=0.01)


def test_one_group_in_each_condition_is_refused() -> None:
    with pytest.raises(InputError, match="two animals"):
        mixed.fit(np.arange(4.0), np.repeat(np.eye(2), 2, axis=0), np.array([0, 0, 1, 1]))
