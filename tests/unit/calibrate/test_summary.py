"""Counting: recall, confusion and biases of injections written down by hand, and who a call belongs to."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from exotrack.calibrate import Calibrated
from exotrack.calibrate.draw import Injection
from exotrack.calibrate.judge import judge
from exotrack.calibrate.summary import biases, confusion, recall
from exotrack.score import Gates
from exotrack.simulate.patches import Patches
from exotrack.tables import Events, Injections


def injections(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """A table of injections of which only the given columns matter."""
    plain = {"movie_id": "cell", "round": 1, "frame": 5, "t_s": 0.5, "y_um": 1.0, "x_um": 1.0, "snr": 5.0, "as_found": False}
    plain |= {"newcomer": False, "called": "", "brightness": 100.0}
    return Injections.build(pd.DataFrame([plain | {"injection_id": k} | row for k, row in enumerate(rows, 1)]))


def test_a_fusion_called_the_other_kind_is_found_but_not_right() -> None:
    rows = [{"kind": "full_fusion", "called": called} for called in ("full_fusion", "kiss_and_run", "undocking", "")]
    table = recall(injections(rows), 2).set_index(["kind", "part"])
    whole = table.loc[("full_fusion", "all")]
    assert (whole["n_injected"], whole["n_found"], whole["n_right"]) == (4, 2, 1)
    assert (whole["recall"], whole["right"]) == (0.5, 0.5)
    assert whole["recall_low"] == pytest.approx(0.150, abs=1e-3)
    assert ("kiss_and_run", "all") not in table.index
    counts = confusion(injections(rows)).set_index("called")["n"].to_dict()
    assert counts == {"full_fusion": 1, "kiss_and_run": 1, "undocking": 1, "nothing": 1, "docking": 0, "tethering": 0}


def test_bins_are_equal_in_the_logarithm_and_hold_everything_once() -> None:
    rows = [{"kind": "kiss_and_run", "brightness": b, "called": "kiss_and_run" if b > 25 else ""} for b in (10, 21, 30, 90, 160)]
    bins = recall(injections(rows), 4)
    bins = bins[(bins["kind"] == "kiss_and_run") & (bins["part"] == "bin")]
    np.testing.assert_allclose(bins["brightness_high"] / bins["brightness_low"], 2.0)
    assert bins["n_injected"].tolist() == [1, 2, 0, 2]
    assert bins["n_found"].tolist() == [0, 1, 0, 2]
    assert bins["recall"].isna().tolist() == [False, False, True, False]


def test_biases_and_coverage_are_of_those_of_the_right_kind() -> None:
    lag = np.linspace(-0.02, 0.06, 9)
    rows = [
        {"kind": "full_fusion", "called": "full_fusion", "found_t_s": 0.5 + step, "found_y_um": 1.03, "found_x_um": 1.04,
         "diffusion_um2_s": 0.1, "found_diffusion_um2_s": 0.12, "found_diffusion_sd_um2_s": 0.005 if k < 3 else 0.02}
        for k, step in enumerate(lag)
    ]  # fmt: skip
    rows.append({"kind": "full_fusion", "called": "kiss_and_run", "found_t_s": 9.0, "found_y_um": 1.0, "found_x_um": 1.0})
    table = biases(injections(rows)).set_index("measure")
    assert table.loc["t_s", "n"] == 9
    assert table.loc["t_s", "bias"] == pytest.approx(0.02)
    # The second least and second largest of nine: the interval of a median by binomial chance.
    assert table.loc["t_s", ["bias_low", "bias_high"]].tolist() == pytest.approx([-0.01, 0.05])
    assert table.loc["distance_um", "bias"] == pytest.approx(0.05)
    assert table.loc["diffusion_um2_s", "relative_bias"] == pytest.approx(0.2)
    assert table.loc["diffusion_um2_s", "coverage"] == pytest.approx(6 / 9)


def test_nothing_injected_gives_empty_tables_with_all_their_columns() -> None:
    empty = Injections.empty()
    for table in (recall(empty, 3), confusion(empty), biases(empty)):
        assert len(table) == 0
        assert "kind" in table


def thing(kind: str, t_s: float, y_um: float, **more: Any) -> Injection:
    """Something at x = 1 um that is seen from its instant to a second later."""
    frame = np.arange(round(10 * t_s), round(10 * t_s) + 11)
    row = {"kind": kind, "t_s": t_s, "y_um": y_um, "x_um": 1.0}
    still = np.ones(len(frame))
    return Injection((y_um, 1.0), Patches.join([]), row, frame, y_um * still, still, **more)


def calls(*rows: tuple[str, float, float]) -> pd.DataFrame:
    """Events (kind, t_s, y_um) at x = 1 um."""
    columns = {"kind": [r[0] for r in rows], "t_s": [r[1] for r in rows], "y_um": [r[2] for r in rows]}
    plain = {
        "event_id": np.arange(len(rows)),
        "movie_id": "cell",
        "x_um": 1.0,
        "confident": True,
        "edited": False,
        "p_other": 0.1,
    }
    frame = np.array([int(10 * r[1]) for r in rows], int)
    return Events.build(pd.DataFrame(plain | columns | {"frame": frame}, index=range(len(rows))))


def test_a_call_belongs_to_the_injected_then_to_the_movie_then_to_nobody(dark: Calibrated) -> None:
    things = [
        thing("full_fusion", 1.0, 1.0, also=({"kind": "docking", "t_s": 0.2, "y_um": 1.0, "x_um": 1.0},)),
        thing("kiss_and_run", 2.0, 5.0),
        thing("blink", 3.0, 7.0),
        thing("docked", 0.0, 9.0),
    ]
    own = calls(("full_fusion", 4.0, 3.0), ("undocking", 4.0, 9.5))
    events = calls(
        ("docking", 0.2, 1.0), ("kiss_and_run", 1.1, 1.1), ("undocking", 2.4, 5.1), ("full_fusion", 3.0, 7.2),
        ("full_fusion", 4.1, 3.0), ("kiss_and_run", 5.0, 5.0),
    )  # fmt: skip
    result = replace(dark.untouched, events=events, candidates=dark.untouched.candidates.iloc[:0])
    judged = judge(things, result, own, Gates())
    assert [row["called"] for row in judged.found] == ["kiss_and_run", "undocking", "full_fusion", ""]
    assert judged.found[3]["reasons"] == "no_candidate"
    assert {kind: n for kind, n in judged.caused.items() if n} == {"kiss_and_run": 1}
    assert {kind: n for kind, n in judged.lost.items() if n} == {"undocking": 1}
