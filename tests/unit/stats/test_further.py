"""Covariates and interactions: known truth in, and designs that cannot hold a covariate constant."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from studies import Design, study

from exotrack.errors import InputError, ParameterError
from exotrack.stats import Gathered, Plan, Statistics, chosen, compare
from exotrack.tables import STATISTICS

MEASURES = chosen(["fusion_rate", "kiss_fraction", "decay", "leaving_rate"])
BIASED = Design(animals=40, day=2.0)
"""No effect, but most treated animals were seen on a day on which everything doubles."""


def drawn(seed: int, design: Design, **columns: object) -> Gathered:
    """A simulated study with further columns of the design."""
    one, _ = study(np.random.default_rng(seed), design)
    units = one.units.assign(**columns)
    units.attrs["design"] = tuple(dict.fromkeys((*one.units.attrs["design"], *columns)))
    return Gathered(units, one.stays)


def compared(one: Gathered, plan: Plan, repeats: int = 0) -> Statistics:
    """All measures of a study compared."""
    return compare(one, MEASURES, plan, repeats=repeats)


def effects(one: Gathered, plan: Plan, repeats: int = 0) -> pd.DataFrame:
    """Effects by measure."""
    return compared(one, plan, repeats).tables["effects"].set_index("measure")


@pytest.mark.parametrize("paired", [False, True])
def test_a_day_biases_the_crude_effect_and_not_the_adjusted_one(paired: bool) -> None:
    one = drawn(1, replace(BIASED, paired=paired))
    crude, held = effects(one, Plan()), effects(one, Plan(adjust=("day",)), repeats=200)
    # Three quarters against one quarter on the day that doubles everything: a bias of about a root of 2.
    assert (crude["effect"] > 1.2).all()
    assert (crude["p_value"] < 0.05).all()
    assert np.log(held["effect"]).abs().max() < 0.2
    assert (held["p_value"] > 0.02).all()
    assert held["adjusted"].eq("day").all()
    assert crude["adjusted"].eq("").all()
    # The bootstrap, a Newton step a replicate, tells the same errors.
    width = np.log(held["boot_high"] / held["boot_low"]) / np.log(held["high"] / held["low"])
    assert width.between(0.8, 1.3).all()
    assert ((held["boot_low"] < held["effect"]) & (held["effect"] < held["boot_high"])).all()


@pytest.mark.parametrize("paired", [False, True])
def test_an_effect_beside_the_day_is_found(paired: bool) -> None:
    held = effects(drawn(2, replace(BIASED, effect=1.5, paired=paired)), Plan(adjust=("day",)))
    for name, least, most in (("fusion_rate", 1.25, 1.8), ("decay", 1.25, 1.8), ("leaving_rate", 1.1, 1.7)):
        assert least < held.loc[name, "effect"] < most
    assert (held["low"] > 1).all()


def test_a_number_is_a_slope_and_a_batch_of_numbers_is_not() -> None:
    one = drawn(3, BIASED)
    rng = np.random.default_rng(0)
    age = np.where(one.units["day"] == "tue", 12.0, 10.0)[:, None] + rng.uniform(-0.5, 0.5, (len(one.units), 1))
    aged = drawn(3, BIASED, age=[f"{value:.1f}" for value in age[:, 0]], batch=np.where(one.units["day"] == "tue", "7", "3"))
    by_age, by_batch, by_day = (effects(aged, Plan(adjust=(name,))) for name in ("age", "batch", "day"))
    np.testing.assert_allclose(by_batch["effect"], by_day["effect"])
    assert np.log(by_age["effect"] / by_day["effect"]).abs().max() < 0.15


def test_the_adjusted_rate_is_that_of_a_poisson_regression() -> None:
    one = drawn(4, Design(animals=6, day=2.0, effect=1.5), age=[str(k % 7) for k in range(72)])
    row = effects(one, Plan(adjust=("day", "age"))).loc["fusion_rate"]
    units = one.units
    y = units[["expected_full_fusion", "expected_kiss_and_run"]].sum(axis=1)
    x = np.column_stack(
        [np.ones(72), units["condition"] == "treated", units["day"] == "tue", units["age"].astype(float)]
    ).astype(float)  # fmt: skip
    peer = sm.GLM(y, x, family=sm.families.Poisson(), offset=np.log(units["exposure"])).fit()
    assert np.log(row["effect"]) == pytest.approx(peer.params.iloc[1], abs=1e-6)


def test_the_adjusted_level_is_that_of_a_mixed_model() -> None:
    one = drawn(5, Design(animals=8, day=2.0, animal_sd=0.6))
    row = effects(one, Plan(adjust=("day",))).loc["decay"]
    known = one.units[one.units["decay_s"].notna()]
    x = np.column_stack([np.ones(len(known)), known["condition"] == "treated", known["day"] == "tue"]).astype(float)
    x = pd.DataFrame(x, columns=["level", "condition", "day"], index=known.index)
    peer = sm.MixedLM(np.log(known["decay_s"]), x, groups=known["animal"]).fit()
    assert np.log(row["effect"]) == pytest.approx(peer.params.iloc[1], abs=1e-3)
    assert row["log_sd"] == pytest.approx(peer.bse.iloc[1], rel=0.01)
    assert row["df"] <= 16 - 3 + 1e-9


@pytest.mark.parametrize("paired", [False, True])
def test_an_interaction_is_the_ratio_of_the_effects(paired: bool) -> None:
    found = compared(drawn(6, Design(effect=2.0, animals=60, genotypes=True, paired=paired)), Plan(interaction="genotype"), 60)
    for table in STATISTICS:
        table.check(found.tables[table.name])
    table = found.tables["effects"]
    ko, wt, ratio = (table[table["within"] == name].set_index("measure") for name in ("ko", "wt", "ko over wt"))
    for name in ("fusion_rate", "decay"):
        assert ko.loc[name, "effect"] == pytest.approx(2.0, rel=0.25)
        assert wt.loc[name, "effect"] == pytest.approx(1.0, rel=0.25)
        assert ratio.loc[name, "effect"] == pytest.approx(ko.loc[name, "effect"] / wt.loc[name, "effect"], rel=0.03)
        assert ratio.loc[name, "low"] > 1
        assert ratio.loc[name, "boot_low"] == pytest.approx(ratio.loc[name, "low"], rel=0.15)
    assert ratio["scale"].tolist() == [
        "ratio of rate ratios",
        "ratio of odds ratios",
        "ratio of ratios",
        "ratio of hazard ratios",
    ]
    # Animals of different genotypes are independent: the variances add.
    both = np.sqrt(ko["log_sd"] ** 2 + wt["log_sd"] ** 2)
    np.testing.assert_allclose(ratio.loc[both.index, "log_sd"], both, rtol=0.06)
    assert found.tables["pairs"]["within"].isin(["ko", "wt"]).all()
    assert len(found.tables["pairs"]) == (0 if not paired else 4 * 60)


def test_units_of_an_animal_keep_their_days_apart() -> None:
    one = drawn(7, Design(animals=6), day=np.tile(["mon", "tue"], 36))
    found = compared(one, Plan(unit="animal", adjust=("day",)))
    assert len(found.tables["units"]) == 24
    crude = effects(one, Plan(adjust=("day",))).loc["fusion_rate"]
    row = found.tables["effects"].set_index("measure").loc["fusion_rate"]
    assert row["effect"] == pytest.approx(crude["effect"])
    assert row["log_sd"] == pytest.approx(crude["log_sd"])


def test_a_covariate_that_goes_with_the_condition_leaves_a_warning_and_no_number() -> None:
    condition = drawn(8, Design()).units["condition"]
    for column, values in (("lab", condition.map({"control": "a", "treated": "b"})), ("day", condition)):
        found = compared(drawn(8, Design(), **{column: values.str.upper()}), Plan(adjust=(column,)), 20)
        assert any(f"condition is confounded with {column}" in note for note in found.notes)
        assert found.tables["effects"]["effect"].isna().all()
        assert found.tables["effects"]["note"].str.contains("goes with the covariates").all()
    # A number whose ranges do not meet leaves a straight line, which is said.
    rng = np.random.default_rng(1)
    age = np.where(condition == "treated", 20, 10) + rng.integers(0, 3, 60)
    found = compared(drawn(8, Design(), age=age.astype(str)), Plan(adjust=("age",)))
    assert any("no age in common" in note for note in found.notes)


def test_days_of_one_condition_and_too_many_covariates_are_said() -> None:
    one = drawn(9, Design(animals=4))
    number = one.units["animal"].str[1:].astype(int)
    some = compared(drawn(9, Design(animals=4), day=np.array(["x", "y", "z", "z"])[number % 4] + "1"), Plan(adjust=("day",)))
    assert not any("confounded" in note for note in some.notes)
    lone = compared(drawn(9, Design(animals=4), day=np.where(number == 0, "first", "later")), Plan(adjust=("day",)))
    assert any("1 of 2 values of day have one condition only" in note for note in lone.notes)
    assert lone.tables["effects"]["p_value"].notna().all()
    same = compared(drawn(9, Design(animals=4), lab="here"), Plan(adjust=("lab",)))
    assert any("lab is the same in all cells" in note for note in same.notes)
    many = effects(drawn(9, Design(animals=4), cage=[f"c{k % 4}" for k in number]), Plan(adjust=("cage",)))
    assert many.loc["decay", "df"] <= 8 - 5 + 1e-9
    none = effects(drawn(9, Design(animals=2), cage=[f"c{k}" for k in np.repeat([0, 1, 1, 2], 6)]), Plan(adjust=("cage",)))
    assert none["p_value"].isna().all()
    assert (none["note"] != "").all()


WRONG = {
    "unknown": (Plan(adjust=("dya",)), "--adjust dya: the design has no such column; did you mean 'day'?"),
    "twice": (Plan(adjust=("day", "day")), "--adjust day: is in the model already"),
    "the condition": (Plan(adjust=("condition",)), "--adjust condition: is in the model already"),
    "both": (Plan(adjust=("day",), interaction="day"), "--interaction day: is in the model already"),
    "one value": (Plan(interaction="only"), "--interaction only: all cells have one value"),
    "gap": (Plan(adjust=("gap",)), "--adjust gap: movie m0 has no value"),
}


@pytest.mark.parametrize("fault", WRONG)
def test_a_wrong_column_is_told_in_one_line(fault: str) -> None:
    plan, message = WRONG[fault]
    with pytest.raises((InputError, ParameterError)) as caught:
        compared(drawn(10, Design(day=2.0), only="x", gap=["", *["x"] * 59]), plan)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
