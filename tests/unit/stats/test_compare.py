"""Studies of known effect, and designs that cannot support a test."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
import statsmodels.duration.hazard_regression as hazards
from studies import Design, study

from exotrack.errors import InputError, ParameterError
from exotrack.stats import Gathered, Plan, Statistics, chosen, compare
from exotrack.stats.compare import holm
from exotrack.stats.design import arrange
from exotrack.stats.rows import pieces, rows_of
from exotrack.tables import STATISTICS

MEASURES = chosen(["fusion_rate", "kiss_fraction", "decay", "leaving_rate"])


def drawn(seed: int = 0, design: Design | None = None, **columns: object) -> Gathered:
    """A simulated study with further columns of the design."""
    one, _ = study(np.random.default_rng(seed), design or Design())
    units = one.units.assign(**columns)
    units.attrs["design"] = (*one.units.attrs["design"], *columns)
    return Gathered(units, one.stays)


def compared(one: Gathered, plan: Plan | None = None, repeats: int = 0) -> Statistics:
    """All measures of a study compared."""
    return compare(one, MEASURES, plan or Plan(), repeats=repeats)


@pytest.mark.parametrize("paired", [False, True])
def test_a_large_study_finds_the_effect(paired: bool) -> None:
    found = compared(drawn(1, Design(effect=1.5, animals=40, paired=paired)), repeats=100).tables["effects"].set_index("measure")
    assert found["paired"].eq(paired).all()
    for name in ("fusion_rate", "decay", "leaving_rate"):
        row = found.loc[name]
        # The hazards of whole conditions are less far apart than those of each cell, as the cells differ.
        assert row["effect"] == pytest.approx(1.3 if name == "leaving_rate" else 1.5, rel=0.2)
        assert row["p_value"] < 0.01
        assert row["boot_low"] == pytest.approx(row["low"], rel=0.08)
        assert row["boot_high"] == pytest.approx(row["high"], rel=0.08)
    assert found["n_clusters_group"].eq(40).all()
    assert (found["p_holm"] >= found["p_value"]).all()


def test_every_table_keeps_its_contract_and_counts_cells_and_animals() -> None:
    found = compared(drawn(2))
    for table in STATISTICS:
        table.check(found.tables[table.name])
    summary = found.tables["summaries"]
    assert summary["n_cells"].between(29, 30).all()  # a cell without fusions has no decay
    assert summary["n_clusters"].eq(5).all()
    assert (summary["low"] < summary["value"]).all()
    assert (summary["value"] < summary["high"]).all()
    assert found.tables["pairs"].empty


def test_the_value_of_a_condition_is_its_events_over_its_exposure() -> None:
    one = drawn(3)
    row = compared(one).tables["summaries"].query("measure == 'fusion_rate' and group == 'control'").iloc[0]
    mine = one.units[one.units["condition"] == "control"]
    counted = mine[["expected_full_fusion", "expected_kiss_and_run"]].to_numpy().sum()
    assert row["value"] == pytest.approx(counted / mine["exposure"].sum())
    assert row["n_events"] == pytest.approx(counted)


def test_rows_of_movies_or_animals_give_the_same_rates() -> None:
    one = drawn(4)
    rates = [
        compared(one, Plan(unit=unit)).tables["effects"].set_index("measure").loc["fusion_rate"] for unit in ("cell", "animal")
    ]
    assert rates[1]["n_cells_group"] == 5
    assert rates[1]["effect"] == pytest.approx(rates[0]["effect"])
    assert rates[1]["log_sd"] == pytest.approx(rates[0]["log_sd"])


def test_leaving_the_docked_state_is_that_of_coxs_model() -> None:
    one = drawn(5, Design(effect=1.5, animals=15))
    units = arrange(one.units, Plan()).units
    measure = chosen(["leaving_rate"])[0]
    row = compared(one).tables["effects"].set_index("measure").loc["leaving_rate"]
    stays, group = one.stays, (units["group"] == "treated").to_numpy(float)[one.stays["row"]]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        peer = hazards.PHReg(stays["exit_s"], group[:, None], status=stays["ended"], entry=stays["entry_s"]).fit()
    assert np.log(row["effect"]) == pytest.approx(peer.params[0], abs=0.03)
    rows = rows_of(measure, units, stays, ("control", "treated"))
    assert rows.top.sum() == stays["ended"].sum()
    assert rows.bottom.sum() == pytest.approx((stays["exit_s"] - stays["entry_s"]).sum())


def test_cells_around_a_stimulus_are_compared_with_themselves() -> None:
    one = drawn(6)
    half = len(one.units) // 2
    cell = np.tile(np.arange(half), 2)
    units = one.units.assign(
        movie_id=[f"m{k}" for k in cell], stimulus=one.units["condition"].map({"control": "before", "treated": "after"})
    )
    units["animal"] = [f"a{k // 6}" for k in cell]
    units.attrs["design"] = ("condition", "animal", "stimulus")
    found = compared(Gathered(units, one.stays), Plan(by="stimulus"), repeats=50)
    assert found.groups == ("before", "after")
    effects, pairs = found.tables["effects"], found.tables["pairs"]
    assert effects["paired"].all()
    assert (pairs["measure"] == "fusion_rate").sum() == half
    assert effects["p_value"].notna().all()
    assert effects["boot_low"].notna().all()


def test_several_conditions_are_compared_with_one_another_or_with_a_reference() -> None:
    one = drawn(7, Design(animals=9))
    number = one.units["animal"].str[1:].astype(int)
    units = one.units.assign(condition=np.array(["c", "a", "b"])[number % 3])
    units.attrs["design"] = ("condition", "animal")
    three = Gathered(units, one.stays)
    every = compared(three).tables["effects"]
    assert len(every) == 3 * len(MEASURES)
    found = compared(three, Plan(reference="c")).tables["effects"]
    assert set(found["reference"]) == {"c"}
    assert len(found) == 2 * len(MEASURES)
    both = found.merge(every, left_on=["measure", "group"], right_on=["measure", "reference"])
    mirrored = both[both["group_y"] == "c"]
    np.testing.assert_allclose(mirrored["effect_x"], 1 / mirrored["effect_y"], rtol=1e-5)


def test_holm_is_holm() -> None:
    np.testing.assert_allclose(holm(np.array([0.01, np.nan, 0.04, 0.03])), [0.03, np.nan, 0.06, 0.06])


def test_one_animal_a_condition_is_described_and_not_tested() -> None:
    one = drawn(8)
    found = compared(Gathered(_with(one.units, animal=one.units["condition"]), one.stays), repeats=20)
    assert found.tables["effects"]["p_value"].isna().all()
    assert found.tables["effects"]["note"].str.contains("one animal").all()
    assert found.tables["effects"]["boot_low"].isna().all()
    assert found.tables["summaries"]["value"].notna().all()
    assert sum("one animal" in note for note in found.notes) == 2


def test_a_condition_that_goes_with_the_day_is_said() -> None:
    days = drawn(9).units["condition"].map({"control": "mon", "treated": "tue"})
    assert any("confounded with day" in note for note in compared(drawn(9, day=days)).notes)
    spread = np.where(np.arange(60) % 2 == 0, "mon", "tue")
    assert not any("confounded" in note for note in compared(drawn(9, day=spread)).notes)


def test_animals_that_are_not_told_leave_movies_and_a_note() -> None:
    one = drawn(10)
    units = one.units.drop(columns="animal")
    units.attrs["design"] = ("condition",)
    found = compared(Gathered(units, one.stays))
    assert found.cluster_kind == "movie"
    assert any("animals are not told" in note for note in found.notes)


def test_a_condition_without_an_event_has_a_reason_and_no_number() -> None:
    one = drawn(11)
    silent = one.units["condition"] == "treated"
    units = _with(one.units, expected_full_fusion=one.units["expected_full_fusion"].where(~silent, 0.0),
                  expected_kiss_and_run=one.units["expected_kiss_and_run"].where(~silent, 0.0))  # fmt: skip
    row = compared(Gathered(units, one.stays)).tables["effects"].set_index("measure").loc["fusion_rate"]
    assert np.isnan(row["effect"])
    assert "no such event" in row["note"]


def _with(units: pd.DataFrame, **columns: object) -> pd.DataFrame:
    changed = units.assign(**columns)
    changed.attrs["design"] = units.attrs["design"]
    return changed


WRONG = {
    "unknown column": (Plan(by="conditon"), "--by conditon: the design has no such column; did you mean 'condition'?"),
    "unknown nesting": (Plan(nested="litter"), "--nested litter: the design has no such column"),
    "unknown reference": (Plan(reference="treted"), "--reference: no condition 'treted'; there are control, treated"),
    "pair across animals": (Plan(pair="condition"), "pair 'control' spans 5 animals"),
    "single condition": (Plan(by="only"), "--by only: all 60 cells have 'x'; a comparison needs two conditions or more"),
    "missing value": (Plan(by="gap"), "--by gap: movie m0 has no value"),
}


@pytest.mark.parametrize("fault", WRONG)
def test_a_wrong_plan_is_told_in_one_line(fault: str) -> None:
    plan, message = WRONG[fault]
    gap = ["", *["x"] * 59]
    with pytest.raises((InputError, ParameterError)) as caught:
        compared(drawn(12, only="x", gap=gap), plan)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_single_cell_and_unknown_words_are_told_in_one_line() -> None:
    one = drawn(13)
    with pytest.raises(InputError, match="there is one cell"):
        compared(Gathered(_with(one.units, group="").iloc[:1], one.stays.iloc[:0]))
    with pytest.raises(ParameterError, match=r"no measure 'fusion'; did you mean 'fusion_rate'\?"):
        chosen(["fusion"])
    with pytest.raises(ParameterError, match="'vesicle' is no unit"):
        Plan(unit="vesicle")


def test_pieces_of_no_stay_are_no_rows() -> None:
    one = drawn(14)
    units = arrange(one.units, Plan()).units
    rows = rows_of(chosen(["fusion_rate"])[0], units, one.stays, ("control", "treated"))
    assert len(pieces(rows, one.stays.iloc[:0]).top) == 0


def test_false_positives_are_rare_where_those_of_vesicles_are_not() -> None:
    # 40 studies without an effect, four measures each: the full table is in docs/statistics.md.
    from benchmarks.stats_size import run

    found = run(Design(cells=4), 40, 5, 0)
    rejected = np.mean([one["rejected"] for one in found.values()])
    assert 0.005 < rejected < 0.12
    assert np.mean([one["vesicles"] for one in found.values()]) > 0.3
