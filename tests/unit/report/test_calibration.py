"""The calibration panel: what it counts, what it says, and that nothing injected or found breaks it."""

from __future__ import annotations

import pandas as pd
import pytest

from exotrack.params import preset
from exotrack.report import write_calibration_report
from exotrack.report.calibration import calibration, half_found
from exotrack.report.page import render
from exotrack.tables import CALIBRATION, Confusion, FalseCalls, InjectedStays, Injections, Recall


def recall_rows(shares, kind="fusion_any"):
    """Bins of brightness 10 to 20, 20 to 40, ... with ten injections each, and all of them."""
    rows = [
        {"kind": kind, "part": "bin", "brightness_low": 10.0 * 2**k, "brightness_high": 20.0 * 2**k, "snr": 2.0 * 2**k,
         "n_injected": 10, "n_found": round(10 * s), "recall": s, "recall_low": max(s - 0.2, 0), "recall_high": min(s + 0.2, 1),
         "n_right": round(10 * s), "right": 1.0, "right_low": 0.7, "right_high": 1.0}
        for k, s in enumerate(shares)
    ]  # fmt: skip
    return [*rows, rows[-1] | {"part": "all"}]


@pytest.fixture
def tables():
    """Twenty full fusions, a kiss-and-run called full fusion, a blink called one, and an undisturbed movie."""
    kinds = ["full_fusion"] * 20 + ["kiss_and_run", "blink"]
    called = ["full_fusion"] * 17 + [""] * 3 + ["full_fusion"] * 2
    reasons = [""] * 17 + ["no_candidate", "no_change|crowded", "crowded"] + [""] * 2
    plain = {"movie_id": "cell", "round": 2, "frame": 3, "as_found": True, "newcomer": False}
    counted = [
        {"kind": was, "called": now, "n": n, "n_injected": whole, "share": n / whole}
        for was, now, n, whole in (
            ("full_fusion", "full_fusion", 17, 20), ("full_fusion", "nothing", 3, 20),
            ("kiss_and_run", "full_fusion", 1, 1), ("blink", "full_fusion", 1, 1),
        )
    ]  # fmt: skip
    wrong = {
        "n_calls": 4,
        "n_confident": 3,
        "rate": 8.0,
        "rate_low": 2.18,
        "rate_high": 21.4,
        "n_caused": 1,
        "n_own": 8,
        "n_lost": 2,
    }
    columns = {"kind": kinds, "called": called, "reasons": reasons, "injection_id": range(22)}
    return {table.name: table.empty() for table in CALIBRATION} | {
        "injections": Injections.build(pd.DataFrame(columns | plain)),
        "recall": Recall.build(
            pd.DataFrame(recall_rows([0.0, 0.2, 0.8, 1.0]) + recall_rows([0.0, 0.2, 0.8, 1.0], "full_fusion"))
        ),
        "confusion": Confusion.build(pd.DataFrame(counted)),
        "false_calls": FalseCalls.build(pd.DataFrame([{"kind": kind} | wrong for kind in ("full_fusion", "fusion_any")])),
    }


def test_half_of_the_fusions_are_found_between_the_bins_that_straddle_it():
    table = Recall.build(pd.DataFrame(recall_rows([0.0, 0.2, 0.8, 1.0])))
    brightness, snr = half_found(table)
    assert brightness == pytest.approx((20 * 40 * 40 * 80) ** 0.25)
    assert snr == pytest.approx((4 * 8) ** 0.5)
    assert half_found(Recall.build(pd.DataFrame(recall_rows([0.1, 0.2])))) is None
    assert half_found(Recall.empty()) is None


def test_the_panel_counts_what_was_called(tables):
    panel = calibration(tables)
    assert (panel.n, panel.rounds, panel.n_decoys, panel.n_fooled) == (22, 2, 1, 1)
    assert panel.called == ["full_fusion", "kiss_and_run", "nothing"]
    assert panel.confusion[0] == ("Full fusion", 20, [(17, True), (0, False), (3, False)])
    assert panel.confusion[2] == ("Blink", 1, [(1, False), (0, False), (0, True)])
    assert dict(panel.missed) == {"no_candidate": 1, "no_change": 1, "crowded": 2}
    assert [row[0] for row in panel.false_calls] == ["Any fusion", "Full fusion"]
    assert (panel.n_lost, panel.n_own, panel.n_caused) == (2, 8, 1)


def test_the_words_give_the_figures(tables):
    words = " ".join(calibration(tables).words)
    assert "Of 100 fusions of all brightness injected, about 100 would be found (80 to 100 %)" in words
    assert "from a brightness of about 40 counts on (SNR 5.7)" in words
    assert "at the very most 21 per 1000 µm² and minute can be false" in words


def test_a_calibration_in_which_nothing_came_out_is_shown_all_the_same(scene, tmp_path):
    empty = {table.name: table.empty() for table in CALIBRATION}
    path = write_calibration_report(tmp_path, movie=scene.movie, tables=empty, params=preset("granule"), provenance={})
    page = path.read_text()
    assert "No injected event was called by its kind" in page
    assert 'class="chart"' not in page


def test_the_report_of_a_run_holds_the_panel_if_it_is_given(scene, tables):
    given = {"movie": scene.movie, "tables": scene.tables, "params": preset("granule"), "provenance": {}}
    assert 'id="calibration"' not in render(**given)
    page = render(**given, calibrated=tables)
    assert page.count('id="calibration"') == page.count('href="#calibration"') == 1
    assert "22 simulated events and decoys" in page
    assert page.count('id="calibration-fusions') > 1  # ids of the chart are its own


def stay(exit_kind, called, **other):
    """A row of what was found of the docked stay of an injected vesicle."""
    plain = {
        "injection_id": 1, "movie_id": "cell", "round": 1, "as_found": True, "crowded": False, "t_first_s": 1.0,
        "duration_s": 2.0, "n_frames": 20, "entry_kind": "docking",
        "docking_found": True, "found": bool(called), "found_frames": 20 * bool(called),
        "watched_s": 2.0, "n_undocking": 0, "n_full_fusion": 0, "n_kiss_and_run": 0, "n_lost": 0, "n_dockings": 0,
    }  # fmt: skip
    return plain | {"exit_kind": exit_kind, "called": called} | other


def test_the_exits_of_injected_docked_vesicles_are_counted_by_what_they_were_called(tables, scene, tmp_path):
    rows = [
        stay("full_fusion", "full_fusion"), stay("full_fusion", "undocking"), stay("full_fusion", ""),
        stay("kiss_and_run", "going_on"), stay("undocking", "undocking", n_undocking=2),
        stay("undocking", "full_fusion", crowded=True), stay("undocking", "full_fusion", as_found=False),
    ]  # fmt: skip
    tables["injected_stays"] = InjectedStays.build(pd.DataFrame(rows))
    panel = calibration(tables)
    assert panel.stays == [
        ("Undocking", 1, 1, [(1, True), (0, False), (0, False), (0, False), (0, False)]),
        ("Full fusion", 3, 2, [(1, False), (1, True), (0, False), (0, False), (0, False)]),
        ("Kiss-and-run", 1, 1, [(0, False), (0, False), (0, True), (0, False), (1, False)]),
    ]
    assert panel.false_exits == "2 in undocking, 0 in full fusion, 0 in kiss-and-run, in 10.0 s for which such stays ran"
    given = {"movie": scene.movie, "params": preset("granule"), "provenance": {}}
    page = write_calibration_report(tmp_path, tables=tables, **given).read_text()
    assert page.count('id="stay-exits"') == page.count('href="#stay-exits"') == 1
    assert "Not noticed" in page and "2 in undocking" in page
    empty = write_calibration_report(tmp_path, tables=tables | {"injected_stays": InjectedStays.empty()}, **given).read_text()
    assert "stay-exits" not in empty
