"""Waiting times, shares of outcomes, stimulation and motion, against closed forms and scipy's distributions."""

from __future__ import annotations

import numpy as np
import pytest
from cases import bare_simulation
from scipy import stats

from exotrack.simulate.lives import Life, Stay, draw_life
from exotrack.simulate.motion import draw_path, make_grid
from exotrack.simulate.presets import Simulation

LONG = {"n_frames": 1000}  # 100 s


def lives(sim: Simulation, phase: str, n: int, seed: int = 0) -> list[Life]:
    rng = np.random.default_rng(seed)
    return [draw_life(sim, phase, 0.0, rng) for _ in range(n)]  # type: ignore[arg-type]


def test_docked_vesicles_wait_exponentially_for_fusion() -> None:
    sim = bare_simulation(field=LONG, kinetics={"fuse_per_s": 0.5})
    waits = [life.fusions[0].t_s for life in lives(sim, "docked", 1500)]
    assert stats.kstest(waits, stats.expon(scale=2.0).cdf).pvalue > 0.01


def test_competing_exits_share_by_their_rates() -> None:
    sim = bare_simulation(field=LONG, kinetics={"fuse_per_s": 0.3, "undock_per_s": 0.1, "stays_near": 0.0, "kiss_fraction": 0.4})
    drawn = lives(sim, "docked", 3000)
    fused = [life.fusions[0] for life in drawn if life.fusions]
    assert len(fused) / len(drawn) == pytest.approx(0.75, abs=0.03)
    assert np.mean([f.kind == "kiss_and_run" for f in fused]) == pytest.approx(0.4, abs=0.035)


def test_a_fifth_of_the_first_fusions_are_newcomers() -> None:
    sim = bare_simulation(field=LONG, kinetics={"fuse_per_s": 0.1, "newcomer_fraction": 0.2})
    drawn = [life for life in lives(sim, "docked", 2000) if life.fusions]
    new = [life for life in drawn if life.fusions[0].t_s - life.start <= 0.3 + 1e-9]
    assert len(new) / len(drawn) == pytest.approx(0.2, abs=0.04)
    assert all(life.stays[0].phase == "mobile" and life.stays[1].phase == "docked" for life in new if life.entered)


def test_kiss_and_run_releases_between_a_fifth_and_four_fifths_and_may_repeat() -> None:
    sim = bare_simulation(field=LONG, kinetics={"fuse_per_s": 0.2, "kiss_fraction": 1.0, "leave_after_kiss": 0.0})
    drawn = lives(sim, "docked", 200)
    fractions = [f.fraction for life in drawn for f in life.fusions]
    assert 0.2 <= min(fractions) < 0.3
    assert 0.7 < max(fractions) <= 0.8
    assert np.mean([len(life.fusions) for life in drawn]) > 5


def test_fusions_follow_the_stimulus() -> None:
    stimulated = {"stimulus_s": (20.0,), "stimulated_per_s": 2.0, "stimulated_tau_s": 1.0, "fuse_per_s": 0.001}
    sim = bare_simulation(field={"n_frames": 400}, kinetics=stimulated)
    t = np.array([life.fusions[0].t_s for life in lives(sim, "docked", 2000) if life.fusions])
    soon = ((t > 20) & (t < 25)).sum()
    assert soon / 2000 == pytest.approx(1 - np.exp(-2.0 * (1 - np.exp(-5.0))), abs=0.04)
    assert (t < 20).sum() < 80


@pytest.mark.parametrize(("phase", "d"), [("mobile", 0.03), ("tethered", 2e-3), ("docked", 1e-4)])
def test_mean_squared_displacement_is_4Dt(phase: str, d: float) -> None:
    sim = bare_simulation(field={"n_frames": 4000})
    life = Life((Stay(phase, 0.0, 400.0),), (), entered=False)  # type: ignore[arg-type]
    grid = make_grid(sim, 0.0, 400.0, [])
    path = draw_path(sim, life, (2.0, 2.0), grid, np.random.default_rng(1))
    every = 6 * 5  # five frames of five exposed sub-steps and the read-out
    moved = (path.y_um[every:] - path.y_um[:-every]) ** 2 + (path.x_um[every:] - path.x_um[:-every]) ** 2
    lag = np.mean(grid.middle[every:] - grid.middle[:-every])
    assert moved.mean() == pytest.approx(4 * d * lag, rel=0.06)


def test_heights_are_those_of_the_state() -> None:
    sim = bare_simulation(field={"n_frames": 200})
    grid = make_grid(sim, 0.0, 20.0, [])
    heights = {}
    for phase in ("mobile", "tethered", "docked"):
        life = Life((Stay(phase, 0.0, 20.0),), (), entered=False)  # type: ignore[arg-type]
        heights[phase] = np.array([draw_path(sim, life, (2, 2), grid, np.random.default_rng(s)).z_nm for s in range(60)])
    assert heights["docked"].max() < 12
    assert heights["tethered"].min() >= 25
    assert heights["tethered"].mean() == pytest.approx(sim.vesicles.tethered_nm, rel=0.1)
    assert heights["mobile"].mean() == pytest.approx(sim.vesicles.mobile_nm, rel=0.1)


def test_undocking_takes_several_frames_and_docking_at_most_two() -> None:
    sim = bare_simulation()
    stays = (Stay("tethered", 0.0, 1.0), Stay("docked", 1.0, 2.0), Stay("leaving", 2.0, 4.0))
    grid = make_grid(sim, 0.0, 4.0, [1.0, 2.0])
    z = draw_path(sim, Life(stays, (), entered=False), (2.0, 2.0), grid, np.random.default_rng(3)).z_nm
    light = np.exp(-z / 100.0)
    assert light[grid.middle > 1.1][0] > 0.9
    gone = grid.middle[(grid.middle > 2.0) & (light < 0.1)][0] - 2.0
    assert 0.4 < gone < 1.5


def test_a_grid_covers_each_exposure_exactly_once() -> None:
    sim = bare_simulation(field={"exposure": 0.6})
    grid = make_grid(sim, 0.0, 4.0, [1.234, 2.0, 2.05])
    np.testing.assert_allclose(np.bincount(grid.frame, grid.share), 1.0, atol=1e-6)
