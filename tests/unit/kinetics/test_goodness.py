"""Goodness of fit: distances by their definitions, size and power, and what is applied again to redrawn stays."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy.stats import cramervonmises, kstest

from exotrack._blocks import Execution
from exotrack.errors import InputError
from exotrack.kinetics import _pit
from exotrack.kinetics.goodness import Goodness, Observed, cox_snell, distances, goodness, settings
from exotrack.kinetics.observe import Camera, FrameLaw, observe
from exotrack.kinetics.scheme import FATES, Scheme
from exotrack.kinetics.stays import check

Real = NDArray[np.float64]
CAMERA = Camera(frame_s=0.1, n_frames=600)
ONE = FATES[:1]


def test_distances_of_points_are_the_textbook_ones() -> None:
    u = np.random.default_rng(0).uniform(size=60)
    found, i, s = _pit.distances(u, u), np.arange(1, 61), np.sort(u)
    assert found.ks == pytest.approx(kstest(u, "uniform").statistic * np.sqrt(60))
    assert found.cvm == pytest.approx(cramervonmises(u, "uniform").statistic)
    assert found.ad == pytest.approx(-60 - np.mean((2 * i - 1) * (np.log(s) + np.log1p(-s[::-1]))), rel=2e-3)
    e = -np.log1p(-u)
    assert found.trend == pytest.approx(abs((1 + np.log(e) - e * np.log(e)).sum()) / np.sqrt(60))


def test_distances_of_stretches_are_those_of_the_mean_law() -> None:
    rng = np.random.default_rng(1)
    low = rng.uniform(0, 0.9, 40)
    high = low + rng.uniform(0.001, 0.1, 40)
    high[:5], weight = 1.0, rng.integers(1, 4, 40).astype(float)
    u = np.linspace(0, 1, 60_001)
    law = (weight[:, None] * ((u - low[:, None]) / (high - low)[:, None]).clip(0, 1)).sum(axis=0) / weight.sum()
    found = _pit.distances(low, high, weight)
    assert found.ks == pytest.approx(np.sqrt(weight.sum()) * np.abs(law - u).max(), rel=1e-4)
    assert found.cvm == pytest.approx(weight.sum() * np.trapezoid((law - u) ** 2, u), rel=1e-4)
    inner = slice(1, -1)
    weighted = (law - u)[inner] ** 2 / (u * (1 - u))[inner]
    assert found.ad == pytest.approx(weight.sum() * np.trapezoid(weighted, u[inner]), rel=1e-2)
    counted = np.repeat(np.arange(40), weight.astype(int))
    np.testing.assert_allclose(_pit.distances(low[counted], high[counted]), found, rtol=1e-9)


def test_stretches_cover_the_unit_interval_evenly_under_the_law_whatever_is_cut_off() -> None:
    rng = np.random.default_rng(2)
    scheme = Scheme.one_state(undocking=0.2, full_fusion=0.1)
    law = FrameLaw.of(scheme, 0.5, 60, 3)
    start, lasts = rng.uniform(0, 28, 30_000), rng.exponential(1 / 0.3, 30_000)
    fate = np.where(rng.uniform(size=30_000) < 2 / 3, *FATES[:2])
    camera = Camera(0.5, 60, 3)
    rows = observe(start, start + lasts, fate, camera, rng, movie=np.arange(30_000))
    seen = Observed.of(rows[rows["entry_observed"]], FATES[:2])
    assert np.mean(seen.fate < 0) > 0.1
    low, high = seen.stretches([law])
    np.testing.assert_allclose(_pit.histogram(low, high), 0.1, atol=0.006)
    assert kstest(_pit.randomised(low, high, rng), "uniform").pvalue > 0.01
    residuals = cox_snell(seen, [law])
    early = (residuals.t_s > 0.1) & (residuals.t_s < 2)
    assert np.abs((residuals.value - residuals.t_s)[early] / residuals.sd[early]).max() < 3.5
    assert residuals.low[early][-1] < residuals.value[early][-1] < residuals.high[early][-1]
    wrong = FrameLaw.of(scheme.losing("undocking", 0.1), 0.5, 60, 3)
    assert distances(seen, [wrong])["cvm"] > 20 * distances(seen, [law])["cvm"]


def exponential(least: int, observed: Observed) -> list[FrameLaw]:
    """The likeliest exponential law: exits over frames at risk."""
    beyond, ended = int((observed.n_frames - least).sum()), int((observed.fate >= 0).sum())
    stay = max(beyond, 1) / (max(beyond, 1) + ended)
    lasting = np.concatenate([[1.0], stay ** np.arange(602)])
    return [FrameLaw(ONE, lasting, -np.diff(lasting)[:, None], least)]


def gamma_stays(shape: float, least: int, rng: np.random.Generator, n: int = 100) -> Observed:
    """`n` recorded stays of 5 s on average that follow a gamma law."""
    start = rng.uniform(0, 30, 3 * n)
    camera = Camera(CAMERA.frame_s, CAMERA.n_frames, least)
    rows = observe(start, start + rng.gamma(shape, 5 / shape, 3 * n), ONE[0], camera, rng)
    return Observed.of(rows[rows["entry_observed"]].head(n), ONE)


def verdict(shape: float, least: int, seed: int) -> Goodness:
    observed = gamma_stays(shape, least, np.random.default_rng(seed))
    return goodness(observed, partial(exponential, least), repeats=39, seed=seed, run=Execution(1))


def test_the_textbook_test_never_rejects_a_law_fitted_to_the_data() -> None:
    rng = np.random.default_rng(3)
    stays = rng.exponential(size=(150, 100))
    assert sum(kstest(row / row.mean(), "expon").pvalue <= 0.05 for row in stays) <= 1


def test_size_is_nominal() -> None:
    """P-values of 60 small studies are even; tests/benchmarks/goodness.py gives the size itself."""
    found = [verdict(1.0, 3, seed) for seed in range(60)]
    for name in ("ks", "cvm", "ad", "trend", "any"):
        assert kstest([one.p[name] for one in found], "uniform").pvalue > 0.005, name
        assert np.mean([one.p[name] <= 0.05 for one in found]) <= 0.15, name


def test_a_gamma_law_is_told_from_an_exponential_one() -> None:
    found = [verdict(1.5, 1, 1000 + seed).p for seed in range(30)]
    assert np.mean([p["trend"] <= 0.05 for p in found]) >= 0.6
    assert np.mean([p["any"] <= 0.05 for p in found]) >= 0.6


def test_one_or_many_workers_give_the_same_numbers() -> None:
    observed = gamma_stays(1.0, 1, np.random.default_rng(5))
    one, two = (goodness(observed, partial(exponential, 1), repeats=120, seed=2, run=Execution(k)) for k in (1, 3))
    np.testing.assert_array_equal(one.null, two.null)
    assert one.p == two.p


def two_state(rng: np.random.Generator, n: int) -> Observed:
    """Vesicles that undock before they are primed and fuse after: early exits undock, late ones fuse."""
    primed = rng.exponential(1 / 0.3, n)
    leave = rng.exponential(1 / 0.3, n)
    fused = primed + rng.exponential(1 / 0.6, n)
    fuse = leave > primed
    start = rng.uniform(0, 30, n)
    rows = observe(start, start + np.where(fuse, fused, leave), np.where(fuse, "full_fusion", "undocking"), CAMERA, rng)
    return Observed.of(rows[rows["entry_observed"]], FATES[:2])


def constant(observed: Observed) -> list[FrameLaw]:
    """The likeliest law of one state with two fates."""
    ended = np.bincount(observed.fate[observed.fate >= 0], minlength=2)
    rate = -np.log1p(-ended.sum() / (observed.n_frames - 1 + (observed.fate >= 0)).sum()) / CAMERA.frame_s
    share = ended / ended.sum()
    return [FrameLaw.of(Scheme.one_state(undocking=rate * share[0], full_fusion=rate * share[1]), CAMERA.frame_s, 600)]


def test_fates_that_come_too_late_are_seen() -> None:
    found = goodness(two_state(np.random.default_rng(6), 400), constant, repeats=99, seed=1)
    assert found.p["fates"] == 0.01
    assert found.p["any"] <= 0.02


def test_losses_are_applied_again() -> None:
    """Tracks lost at a constant rate, which the law does not know: redrawn stays are lost as often."""
    rng = np.random.default_rng(7)
    start, lasts, lost = rng.uniform(0, 30, 4000), rng.exponential(5, 4000), rng.exponential(8, 4000)
    rows = observe(start, start + np.minimum(lasts, lost), np.where(lost < lasts, "lost", "undocking"), CAMERA, rng)
    seen = Observed.of(rows[rows["entry_observed"]], ONE)
    law = exponential(1, seen)
    again = seen.redrawn(law, seen.losses(), rng)
    for pick in (lambda o: np.mean((o.fate < 0) & (o.n_frames < o.frames_left)), lambda o: o.n_frames.mean() / 100):
        assert pick(again) == pytest.approx(pick(seen), abs=0.03)
    assert -np.log(law[0].lasting[3] / law[0].lasting[2]) / 0.1 == pytest.approx(0.2, rel=0.06)


def test_published_rates_are_tested_as_they_are() -> None:
    seen = gamma_stays(1.0, 1, np.random.default_rng(8), 200)
    right, wrong = (FrameLaw.of(Scheme.one_state(undocking=rate), 0.1, 600) for rate in (0.2, 0.3))
    assert goodness(seen, lambda _: [right], repeats=99).p["cvm"] > 0.02
    assert goodness(seen, lambda _: [wrong], repeats=99).p["cvm"] == 0.01


def test_wrong_calls_are_applied_again() -> None:
    """Of the fusions 30 % are taken for undocking: the law that knows it agrees with the stays, the other is rejected."""
    rng = np.random.default_rng(9)
    calls = np.array([[1.0, 0.0], [0.3, 0.7]])
    law = FrameLaw.of(Scheme.one_state(undocking=0.1, full_fusion=0.2), 0.1, 600)
    n_frames, fate = law.draw(np.full(500, 400), rng)
    wrong = (fate == 1) & (rng.uniform(size=500) < 0.3)
    left, group = np.full(500, 400), np.zeros(500, dtype=np.int64)
    seen = Observed(n_frames, left, np.where(wrong, 0, fate), group, FATES[:2])
    assert goodness(seen, lambda _: [law.called(calls)], repeats=99).p["fates"] > 0.05
    assert goodness(seen, lambda _: [law], repeats=99).p["fates"] == 0.01


def test_newcomers_and_residents_of_two_cameras_are_tested_together_with_a_fit_that_wants_a_table() -> None:
    """Residents have a law of their own where states are hidden; ends redrawn into a table keep its contract."""
    rng = np.random.default_rng(11)
    scheme = Scheme(np.array([[-0.5, 0.4], [0.0, -1.0]]), np.array([[0.1, 0.0], [0.0, 1.0]]), FATES[:2], np.array([1.0, 0.0]))
    parts = []
    for camera in (Camera(0.1, 300), Camera(0.25, 120, 2)):
        law = [FrameLaw.of(scheme, camera.frame_s, 120, camera.min_frames, resident=old) for old in (False, True)]
        for old in (0, 1):
            start = np.full(150, 0 if old else 15)
            n_frames, fate = law[old].draw(np.full(150, 105), rng)
            row = observe([-1.0 if old else 2.0], [28.0], "undocking", camera, rng)
            first = {"first_frame": start, "n_frames": n_frames, "movie_frames": start + 105}
            kind = np.where(fate < 0, "censored", np.array(FATES)[fate])
            last = {"exit_kind": kind, "exit_observed": fate >= 0, "duration_s": n_frames * camera.frame_s}
            parts.append(row.loc[[0] * 150].reset_index(drop=True).assign(**first, **last))
    stays = pd.concat(parts, ignore_index=True)
    group, kinds = settings(stays)
    assert [(kind.entry_kind, kind.frame_s, kind.min_frames) for kind in kinds] == [
        ("docking", 0.1, 1), ("docking", 0.25, 2), ("resident", 0.1, 1), ("resident", 0.25, 2)
    ]  # fmt: skip
    seen = Observed.of(stays, FATES[:2], group)
    assert goodness(seen, lambda _: [kind.law(scheme) for kind in kinds], repeats=99).p["any"] > 0.05
    mixed = [kind._replace(entry_kind="docking").law(scheme) for kind in kinds]
    assert goodness(seen, lambda _: mixed, repeats=99).p["any"] <= 0.05
    again = seen.redrawn([kind.law(scheme) for kind in kinds], seen.losses(), rng).applied(stays)
    check(again)
    assert not again["n_frames"].equals(stays["n_frames"])


def test_bad_input_is_named() -> None:
    rows = observe([1.0, 2.0], [4.0, 5.0], "undocking", CAMERA, np.random.default_rng(0))
    with pytest.raises(InputError, match="there is 1 stay; a law can be tested against 2 or more"):
        Observed.of(rows.head(1), ONE)
    with pytest.raises(InputError, match="stay 0 has 700 frames"):
        Observed.of(rows.assign(n_frames=700), ONE)
    with pytest.raises(InputError, match="its exit cannot have been seen"):
        Observed.of(rows.assign(movie_frames=rows["first_frame"] + rows["n_frames"]), ONE)
    short = FrameLaw.of(Scheme.one_state(undocking=0.2), 0.1, 10)
    with pytest.raises(InputError, match="law is of 1 to 10; make it cover them"):
        distances(Observed.of(rows, ONE), [short])
    other = FrameLaw.of(Scheme.one_state(full_fusion=0.2), 0.1, 600)
    with pytest.raises(InputError, match="stays of group 0 have fates undocking; there is no law for them"):
        distances(Observed.of(rows, ONE), [other])
