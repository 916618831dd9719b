"""Counts and fractions with clusters, against statsmodels and against what can be worked out by hand."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import statsmodels.api as sm

from exotrack.errors import InputError
from exotrack.stats import gee

ANIMAL = np.repeat(np.arange(10), 6)
GROUP = (ANIMAL >= 5).astype(int)
X = np.column_stack([GROUP, np.ones(60)]).astype(float)
FIRST = np.array([1.0, 0.0])


def counts(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Counts and exposures of 60 cells."""
    rng = np.random.default_rng(seed)
    exposure = rng.uniform(50, 200, 60)
    mean = exposure * 0.1 * np.exp(0.3 * rng.standard_normal(10)[ANIMAL] + 0.3 * rng.standard_normal(60) + 0.4 * GROUP)
    return rng.poisson(mean).astype(float), exposure


@pytest.mark.parametrize(("ours", "theirs"), [("none", "robust"), ("md", "bias_reduced")])
def test_rates_and_their_errors_are_those_of_statsmodels(ours: gee.Correction, theirs: str) -> None:
    y, exposure = counts()
    found = gee.fit(y, X, exposure, "poisson", ANIMAL)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        peer = sm.GEE(y, X, groups=ANIMAL, family=sm.families.Poisson(), exposure=exposure).fit(cov_type=theirs)
    np.testing.assert_allclose(found.beta, peer.params, rtol=1e-7)
    np.testing.assert_allclose(found.cov(ours), peer.cov_params(), rtol=1e-6)


def test_fractions_and_their_errors_are_those_of_statsmodels() -> None:
    rng = np.random.default_rng(1)
    n = rng.integers(5, 30, 60)
    y = rng.binomial(n, 0.3 + 0.1 * GROUP)
    found = gee.fit(y.astype(float), X, n.astype(float), "binomial", ANIMAL)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        peer = sm.GEE(y / n, X, groups=ANIMAL, family=sm.families.Binomial(), weights=n).fit(cov_type="robust")
    np.testing.assert_allclose(found.beta, peer.params, rtol=1e-7)
    np.testing.assert_allclose(found.cov(), peer.cov_params(), rtol=1e-6)


def test_blocks_are_levels_of_their_own() -> None:
    y, exposure = counts(2)
    block, group = np.repeat(np.arange(30), 2), np.tile([0.0, 1.0], 30)
    found = gee.fit(y, group[:, None], exposure, "poisson", ANIMAL, block)
    levels = (block[:, None] == np.arange(30)).astype(float)
    peer = sm.GLM(y, np.column_stack([group, levels]), family=sm.families.Poisson(), exposure=exposure).fit()
    assert found.beta[0] == pytest.approx(peer.params[0], rel=1e-6)
    assert found.bread[0, 0] == pytest.approx(peer.cov_params()[0, 0], rel=1e-6)


def test_like_animals_have_the_degrees_of_freedom_of_t_tests() -> None:
    y, exposure = counts(3)[0], np.full(60, 100.0)
    found = gee.fit(y, X, exposure, "poisson", ANIMAL)
    assert 6.0 < found.df(FIRST) <= 8.0
    even = np.tile([40.0, 50.0, 60.0, 50.0, 45.0, 55.0], 10) + np.repeat(np.tile([-5.0, 5.0], 5), 6)
    assert gee.fit(even, X, exposure, "poisson", ANIMAL).df(FIRST) == pytest.approx(8.0, abs=0.25)
    crossed = np.tile(np.repeat(np.arange(5), 6), 2)
    paired = gee.fit(even, X[:, :1], exposure, "poisson", crossed, crossed)
    assert paired.df(np.ones(1)) == pytest.approx(4.0, abs=0.1)


def test_an_error_is_never_smaller_than_that_of_counting() -> None:
    alike = np.full(60, 4.0)
    value, sd, _ = gee.fit(alike, X, np.full(60, 100.0), "poisson", ANIMAL).contrast(FIRST, "kc")
    assert value == pytest.approx(0.0, abs=1e-9)
    assert sd == pytest.approx(np.sqrt(2 / (30 * 4.0)), rel=1e-6)


def test_one_animal_in_a_condition_tells_no_error() -> None:
    y, exposure = counts()
    alone = np.where(GROUP == 1, 5, ANIMAL)
    _, sd, df = gee.fit(y, X, exposure, "poisson", alone).contrast(FIRST)
    assert np.isnan(sd)
    assert np.isnan(df)


@pytest.mark.parametrize("y", [np.zeros(60), np.where(GROUP == 0, 3.0, 0.0)])
def test_no_event_has_no_estimate(y: np.ndarray) -> None:
    with pytest.raises(InputError, match="no estimate"):
        gee.fit(y, X, np.full(60, 10.0), "poisson", ANIMAL)
