"""From results folders to a comparison: what the tables say, that workers change nothing, what is refused and why."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from docked import TRUE, movie, two_states
from populations import results

from exotrack._blocks import Execution
from exotrack.errors import InputError, ParameterError
from exotrack.kinetics.calls import CALLED, Calls
from exotrack.kinetics.catalogue import load
from exotrack.kinetics.compare import Comparison, Wanted, compare
from exotrack.kinetics.content import content, membrane
from exotrack.kinetics.course import Course, frame_law
from exotrack.kinetics.laws import laws, marks
from exotrack.kinetics.likelihood import log_likelihood
from exotrack.kinetics.naive import naive_stay, uncorrected
from exotrack.kinetics.sightings import sightings
from exotrack.kinetics.stays import SEEN_EXITS
from exotrack.kinetics.study import Study, read_study
from exotrack.kinetics.subject import LOST, subject
from exotrack.kinetics.verdict import Effort, published
from exotrack.tables import COMPARISON

BRIEF = Effort(starts=1, repeats=19, run=Execution(workers=1))
RATES = {"k_fuse": 0.2, "k_undock": 0.1, "arrive": 1.0, "phi_kiss": 0.3, "tether_s": 4.0}
EXITS = ("undocking", "full_fusion", "kiss_and_run")


@pytest.fixture(scope="module")
def constitutive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two cells that secrete constitutively, at known rates."""
    return results(tmp_path_factory.mktemp("populations") / "steady", "constitutive", 3, values=RATES, duration_s=60.0)


@pytest.fixture(scope="module")
def compared(constitutive: Path) -> Comparison:
    """They, compared with the model that made them."""
    return compare(read_study([constitutive]), [load("constitutive")], effort=BRIEF)


def test_rates_that_made_the_stays_are_found_and_what_is_naive_is_biased(compared: Comparison) -> None:
    rates = compared.rates.set_index("parameter")
    for name in ("k_undock", "k_fuse", "phi_kiss"):
        assert rates.loc[name, "low"] < RATES[name] < rates.loc[name, "high"]
        assert rates.loc[name, "identified"] and rates.loc[name, "verdict"] == "identified"
    assert rates.loc["mean_docked", "value"] == pytest.approx(1 / 0.3, rel=0.2)
    assert rates.loc["k_fuse", "naive_bias"] != 0
    assert rates.loc["k_fuse", "naive"] == pytest.approx((1 + rates.loc["k_fuse", "naive_bias"]) * rates.loc["k_fuse", "value"])


def test_the_model_that_made_the_stays_is_not_rejected_and_its_published_rates_are(compared: Comparison) -> None:
    p = compared.goodness.set_index(["rates", "test"])["p_value"]
    assert p["fitted", "any"] > 0.05
    assert p["published", "any"] == 0.05  # the smallest that 19 redrawn sets can give
    seen = compared.comparison[compared.comparison["rates"] == "fitted"]
    assert (seen["distance"].abs() < 4).all()
    assert seen.loc[seen["observable"].str.startswith("share"), "observed"].between(0, 1).all()


def test_the_tables_keep_their_contract(compared: Comparison) -> None:
    for table in COMPARISON:
        table.check(compared.tables[table.name])
        # One condition alone has no rates to compare.
        assert (len(compared.tables[table.name]) > 0) == (table.name != "condition_rates")


def test_one_or_two_workers_give_the_same_numbers(constitutive: Path, compared: Comparison) -> None:
    again = compare(read_study([constitutive]), [load("constitutive")], effort=Effort(1, 19, 0, Execution(workers=2)))
    for name, table in compared.tables.items():
        pd.testing.assert_frame_equal(table, again.tables[name])


def test_laws_are_those_of_the_frames_whether_dated_or_not() -> None:
    """Rates that change, but to the same, give the laws of rates that do not; both are the likelihood's own."""
    scheme = two_states(**TRUE)
    table = movie(scheme, 6, 30, np.random.default_rng(2))
    number, of = marks(table, dated=False)
    made = laws(Course((scheme,)), of)
    seen, left = frame_law(Course((scheme,)), 0.1, 50)
    new = made[[mark.kind for mark in of].index("docking")]
    assert new.lasting[1:51] == pytest.approx(seen) and new.ending[1:51] == pytest.approx(left)
    dated_number, dated = marks(table, dated=True)
    many = laws(Course((scheme, scheme), (1.3,)), dated)
    for row in range(len(table)):
        one, other = made[number[row]], many[dated_number[row]]
        n = other.n_frames
        assert other.lasting == pytest.approx(one.lasting[: n + 2]) and other.ending == pytest.approx(one.ending[: n + 1])
    total = 0.0
    for row, stay in enumerate(table.itertuples()):
        law = made[number[row]]
        j = SEEN_EXITS.index(stay.exit_kind) if stay.exit_observed else -1
        total += np.log((law.ending[stay.n_frames, j] if j >= 0 else law.lasting[stay.n_frames]) / law.recorded())
    assert total == pytest.approx(log_likelihood(scheme, sightings(table, "calls")))


def test_a_resealed_vesicle_begins_with_an_open_pore_and_residents_have_resealed_before() -> None:
    about = subject(load("neuroendocrine_core"), 0.1, EXITS, inputs={"Ca": 1.0})
    course = about.course({})
    assert course.resealed is not None and course.residents is not None
    assert course.resealed.tolist() == [0.0, 0.0, 1.0]
    assert course.schemes[0].rested()[2] == 0 < course.residents[2]


def test_what_acts_only_together_or_too_fast_or_not_at_all_is_said() -> None:
    core = load("neuroendocrine_core")
    with pytest.raises(ParameterError, match=r"fuse_max, K_Ca cannot be told apart: Ca never varied"):
        subject(core, 0.1, EXITS, free=["k_undock", "fuse_max", "K_Ca"])
    subject(core, 0.1, EXITS, free=["k_undock", "fuse_max", "K_Ca"], stimulated={"Ca": 5.0})
    held = subject(load("insulin_chen2008"), 30.0, ("undocking", "full_fusion")).held
    assert "faster than the frame interval of 30 s" in held["r1"]
    assert "acts on nothing" in subject(core, 0.1, EXITS, free=["k_undock", "k_tether"]).held["k_tether"]
    with pytest.raises(InputError, match="nothing of it can be told"):
        subject(core, 0.1, EXITS, free=["k_tether"])
    with pytest.raises(ParameterError, match="did you mean"):
        subject(core, 0.1, EXITS, free=["k_undok"])
    trigger = subject(load("synaptic_fivesite"), 0.1, ("undocking", "full_fusion"))
    assert trigger.undocking and "faster than the frame interval" in trigger.held["gamma"]
    with pytest.raises(InputError, match="synaptic_fivesite has no kiss_and_run, which was seen"):
        subject(load("synaptic_fivesite"), 0.1, EXITS)
    with pytest.raises(InputError, match="no state in it is seen as docked"):
        subject(load("omv_release"), 0.1, ())


def test_only_published_values_are_tested_as_they_are() -> None:
    assert published(subject(load("neuroendocrine_core"), 0.1, EXITS)) == ()
    assert published(subject(load("neuroendocrine_core"), 0.1, EXITS, values={"k_undock": 0.2})) == (0,)
    about = subject(load("constitutive"), 0.1, EXITS)
    assert [about.free[k].name for k in published(about)] == ["k_fuse"]


def test_models_without_kiss_and_run_meet_both_kinds_as_one(constitutive: Path) -> None:
    found = compare(read_study([constitutive]), [load("constitutive"), load("omv_release"), load("chromaffin_two_pool")],
                    Wanted(free=("k_undock", "k_fuse")), effort=Effort(1, 9, 0, Execution(workers=1)))  # fmt: skip
    assert set(found.verdicts) == {"constitutive", "chromaffin_two_pool"}
    assert "no state in it is seen as docked" in found.refused["omv_release"]
    assert "kiss_and_run" not in set(found.evidence.stays["exit_kind"])
    assert any("both kinds of fusion count as one" in note for note in found.notes)
    assert found.ranking["model"].iloc[0] == "constitutive"


def test_calibrated_calls_are_corrected() -> None:
    """Of the full fusions 30 % are taken for kiss-and-runs: the counts that say so give the true fraction, calls do not."""
    rng = np.random.default_rng(5)
    truth = {"prime": 5.0, "unprime": 1e-6, "undock": 0.1, "fuse": 0.3, "kiss": 0.2}
    table = movie(two_states(**truth), 0, 900, rng)
    wrong = (table["exit_kind"] == "full_fusion") & (rng.random(len(table)) < 0.3)
    table = table.assign(exit_kind=table["exit_kind"].mask(wrong, "kiss_and_run"))
    counts = np.zeros((3, len(CALLED)))
    counts[[0, 1, 1, 2], [0, 1, 2, 2]] = [500, 700, 300, 500]
    found = {}
    from exotrack.kinetics.fit import fit

    about = subject(load("constitutive"), 0.1, EXITS)
    for name, calls in (("raw", None), ("corrected", Calls(SEEN_EXITS, counts))):
        found[name] = fit(about.problem(sightings(table, "calls"), calls), 1).values["phi_kiss"]
    assert found["raw"] > 0.38
    assert found["corrected"] == pytest.approx(0.2, abs=0.06)


def test_losing_from_sight_is_the_observers() -> None:
    about = subject(load("constitutive"), 0.1, EXITS, losing=True)
    course = about.course({LOST: 0.5, "k_fuse": 0.2, "k_undock": 0.1})
    assert course.schemes[0].fates[-1] == "lost" and [f.name for f in about.free][-1] == LOST
    assert course.schemes[0].exits[0].sum() == pytest.approx(0.8)


def test_a_naive_analysis_uses_what_ends_in_sight() -> None:
    table = movie(two_states(**TRUE), 20, 60, np.random.default_rng(1))
    bare = uncorrected(table)
    assert len(bare) == table["exit_observed"].sum() and set(bare["entry_kind"]) == {"docking"}
    mean, share = naive_stay(table)
    assert mean == pytest.approx(table.loc[table["exit_observed"], "duration_s"].mean()) and share.sum() == pytest.approx(1)


def test_content_and_membrane_follow_from_events(constitutive: Path) -> None:
    study = read_study([constitutive])
    cargo, added = content(study), membrane(study, load("constitutive"), diameter_nm=100.0)
    assert cargo is not None and added is not None
    assert cargo.kisses.sum() == (study.events["kind"] == "kiss_and_run").sum()
    assert cargo.until_empty == pytest.approx(1 + np.log(10) * (1 - cargo.first) / cargo.first)
    full = (study.events["kind"] == "full_fusion").sum()
    assert added.area_um2[-1] == pytest.approx(full / 2 * np.pi * 0.01)
    assert added.capacitance_ff[-1] == pytest.approx(10 * added.area_um2[-1])


def test_what_cannot_be_compared_is_refused(constitutive: Path) -> None:
    study = read_study([constitutive])
    one = [load("constitutive")]
    with pytest.raises(InputError, match="at least one model"):
        compare(study, [])
    with pytest.raises(InputError, match="given twice"):
        compare(study, one * 2)
    with pytest.raises(ParameterError, match="no input 'Calcium'"):
        compare(study, one, Wanted(inputs={"Calcium": 1.0}))
    with pytest.raises(ParameterError, match="no parameter 'k_fus'"):
        compare(study, one, Wanted(values={"k_fus": 1.0}))
    with pytest.raises(InputError, match="has no stimulus"):
        compare(study, one, Wanted(stimulated={"ATP": 1.0}))
    stays = study.stays[~study.stays["exit_observed"]]
    with pytest.raises(InputError, match=r"no docked stay ends in sight|docked stay can be used"):
        compare(Study(stays, study.events, study.cells, study.movies), one)
