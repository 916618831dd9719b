"""The benchmark of calling: every point can be simulated, what is counted is right, and the page says what the numbers say."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from benchmarks.calling.movies import rates, right_calls
from benchmarks.calling.page import page
from benchmarks.calling.points import AXES, CAUSES, DURATION_S, PRESETS

from exotrack.score import Gates


@pytest.mark.parametrize("preset", PRESETS)
def test_every_point_changes_what_it_says(preset: str) -> None:
    base = AXES[0].simulation(preset)
    for point in AXES[1:]:
        sim = point.simulation(preset)
        assert sim != base
        assert sim.field.duration_s == pytest.approx(15.0 if point.value == "0.02 s" else DURATION_S)
    half, double = (point.simulation(preset).snr() for point in AXES[1:3])
    assert (half, double) == pytest.approx((0.5 * base.snr(), 2.0 * base.snr()))
    assert all(point.simulation(preset).kinetics.fuse_per_s == 0.0 for point in CAUSES)
    assert len({point.simulation(preset).model_dump_json() for point in CAUSES}) == len(CAUSES)


def test_a_rate_is_per_area_and_time() -> None:
    told = rates(pd.DataFrame({"confident": [True, False, False]}), 500.0)
    assert (told["n_all"], told["n_confident"]) == (3, 1)
    assert told["all_rate"][0] == pytest.approx(6.0)
    assert told["confident_rate"][1:] == pytest.approx([2 * 0.0253, 2 * 5.572], rel=1e-2)


def test_a_call_is_right_once_and_in_its_own_movie() -> None:
    true = pd.DataFrame({"movie_id": ["a", "b"], "t_s": [1.0, 1.0], "y_um": 2.0, "x_um": 2.0, "visible": [True, False]})
    found = pd.DataFrame({"movie_id": ["a", "a", "b"], "t_s": [1.1, 1.3, 1.0], "y_um": 2.0, "x_um": 2.1})
    assert np.array_equal(right_calls(true, found, Gates()), [True, False, False])


def axis_row(axis: str, value: str, f1: float, confident: int) -> dict[str, object]:
    return {
        "axis": axis, "value": value, "n_movies": 2, "snr": 6.0, "um2_min": 100.0, "n_true": 20, "n_found": 20, "precision": f1,
        "recall": f1, "f1": f1, "f1_interval": [f1 - 0.1, f1 + 0.1], "kind_right": 1.0, "calibration_error": 0.02,
        "n_confident": confident, "n_confident_right": confident, "claimed": 0.8,
    }  # fmt: skip


def test_the_page_says_where_it_degrades_and_whether_confident_falls() -> None:
    rows = [axis_row("as it is", "", 0.85, 10), axis_row("SNR", "half", 0.5, 2), axis_row("camera", "8-bit", 0.8, 12)]
    rows.append(axis_row("frame interval", "1 s", 0.4, 11))
    quiet = [{"cause": "flicker", "size": "5 %", "n_movies": 2, **rates(pd.DataFrame({"confident": [False]}), 100.0)}]
    text = page({"axes": {"granule": rows}, "silent": {"granule": quiet}, "real": None})
    assert "SNR, half (F1 0.50, confident 10 %: confident falls too)" in text
    assert "frame interval, 1 s (F1 0.40, confident 55 %: confident does not fall)" in text
    assert "It holds at camera, 8-bit 0.80." in text
    assert "precision at SNR, half, frame interval, 1 s." in text
    assert "| granule | flicker | 5 % | 2 | 100 | 1 | 10.0 [0.3, 55.7] | 0 | 0.0 [0.0, 36.9] |" in text
    assert "Not measured" in text
