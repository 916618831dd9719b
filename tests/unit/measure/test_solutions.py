"""NH4Cl and acid: frames are taken out of the calls, and the pools come out as they were put in."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from exotrack._frames import survey, usable
from exotrack.measure import pools, with_solutions
from exotrack.movie import Movie
from exotrack.params import ProtocolParams
from exotrack.simulate import simulate, simulation

WINDOWS = ProtocolParams(quench_s=((4.0, 8.0),), nh4cl_s=((14.0, 18.0),), exchange_s=1.0)
N, OFFSET = 260, 100.0


def bathed(surface: float, inside: float, rest: float, fading: float = 0.0) -> Movie:
    """A square cell whose light is known: surface goes in acid, inside comes in NH4Cl; outside is 20 counts of haze."""
    t = np.arange(N) * 0.1
    acid, nh4cl = (t >= 4.0) & (t <= 8.0), (t >= 14.0) & (t <= 18.0)
    level = (surface * ~acid + inside * nh4cl + rest) * np.exp(-fading * t)
    light = np.full((N, 40, 40), 20.0)
    light[:, 10:30, 10:30] += level[:, None, None]
    noisy = np.random.default_rng(1).poisson(light) + OFFSET
    return Movie.from_array(noisy.astype(np.uint16), pixel_um=0.2, frame_s=0.1)


def footprint() -> np.ndarray:
    labels = np.zeros((40, 40), np.int32)
    labels[10:30, 10:30] = 3
    return labels


def spots(per_frame: int, in_nh4cl: int) -> pd.DataFrame:
    frame = np.repeat(np.arange(N), np.where((np.arange(N) >= 140) & (np.arange(N) <= 180), in_nh4cl, per_frame))
    return pd.DataFrame({"frame": frame, "cell_id": pd.array([3] * len(frame), dtype="Int64")})


def test_frames_with_a_solution_or_until_it_is_gone_are_not_used() -> None:
    movie = bathed(50, 30, 10)
    frames = with_solutions(survey(movie), WINDOWS)
    assert np.flatnonzero(frames["status"] == "quench").tolist() == list(range(40, 91))
    assert np.flatnonzero(frames["status"] == "nh4cl").tolist() == list(range(140, 191))
    assert usable(frames).sum() == N - 102


@pytest.mark.parametrize("fading", [0.0, 0.03])
def test_the_pools_come_out_as_they_were_put_in(fading: float) -> None:
    movie = bathed(50, 30, 10, fading)
    frames = with_solutions(survey(movie), WINDOWS)
    cell = pools(movie, frames, spots(4, 25), footprint(), OFFSET, WINDOWS).iloc[0]
    for key, true in (("surface_fraction", 50 / 80), ("nh4cl_dff", 30 / 60), ("quench_dff", -50 / 60)):
        assert cell[key] == pytest.approx(true, abs=4 * cell[f"{key}_sd"] + 0.005), key
        assert 0 < cell[f"{key}_sd"] < 0.03
    assert cell["pool_spots"] == 25
    assert cell["pool_spots_sd"] == 0


def test_without_a_window_nothing_is_made_up() -> None:
    movie = bathed(50, 30, 10)
    params = ProtocolParams(nh4cl_s=((14.0, 18.0),), exchange_s=1.0)
    cell = pools(movie, with_solutions(survey(movie), params), spots(4, 25), footprint(), OFFSET, params).iloc[0]
    assert np.isnan(cell["surface_fraction"])
    assert np.isnan(cell["quench_dff"])
    assert cell["nh4cl_dff"] == pytest.approx(0.5, abs=0.02)


def test_a_field_full_of_cell_takes_the_camera_offset_for_its_background() -> None:
    movie = bathed(50, 30, 10)
    whole = np.ones((40, 40), np.int32)
    cell = pools(movie, with_solutions(survey(movie), WINDOWS), spots(4, 25), whole, OFFSET, WINDOWS).iloc[0]
    assert cell["nh4cl_dff"] == pytest.approx(30 * 0.25 / (60 * 0.25 + 20), abs=0.02)


def test_the_simulated_surface_fraction_is_found() -> None:
    windows = {"quench_s": ((6.0, 10.0),), "nh4cl_s": ((16.0, 20.0),)}
    sim = simulation("phluorin").updated(
        {
            "field": {"n_frames": 260, "height_px": 112, "width_px": 112},
            "kinetics": {"fuse_per_s": 0.0, "newcomer_fraction": 0.0, "docked_per_um2": 0.4},
            "bath": windows | {"surface_share": 0.05},
        }
    )
    truth = simulate(sim, np.random.default_rng(5))
    params = ProtocolParams(**windows)
    none = pd.DataFrame({"frame": np.zeros(0, int), "cell_id": pd.array([], dtype="Int64")})
    frames = with_solutions(survey(truth.movie), params)
    cell = pools(truth.movie, frames, none, truth.footprint, 100.0, params).iloc[0]
    true = float(truth.cells["surface_fraction"].iloc[0])
    assert 0.2 < true < 0.8
    assert cell["surface_fraction"] == pytest.approx(true, abs=4 * cell["surface_fraction_sd"])
    assert cell["surface_fraction_sd"] < 0.06
