"""A stimulated study of two conditions, from results folders to rates: what came when, how much more often, and who differs."""

from __future__ import annotations

import numpy as np
import pytest
from docked import TRUE, movie, two_states
from populations import results

from exotrack._blocks import Execution
from exotrack.kinetics.calls import CALLED, Calls
from exotrack.kinetics.catalogue import load
from exotrack.kinetics.compare import Comparison, Wanted, compare
from exotrack.kinetics.contrasts import event_rates
from exotrack.kinetics.course import Course
from exotrack.kinetics.fates import fate_matrices
from exotrack.kinetics.fit import fit
from exotrack.kinetics.goodness import Observed
from exotrack.kinetics.latency import latency
from exotrack.kinetics.laws import laws, marks
from exotrack.kinetics.sightings import sightings
from exotrack.kinetics.stays import SEEN_EXITS
from exotrack.kinetics.study import Study, read_study
from exotrack.kinetics.subject import subject
from exotrack.kinetics.verdict import Effort

MADE = {"k_undock": 0.1, "k_prime": 0.3, "k_unprime": 0.05, "fuse_max": 1.0, "phi_kiss": 0.3, "k_tether": 0.001}
REST, CALCIUM, WHEN_S = {"Ca": 0.1}, {"Ca": 3.0}, 10.0


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """Four animals of two cells, two of a condition in which primed vesicles fuse five times as fast; calcium rises at 10 s."""
    place = tmp_path_factory.mktemp("stimulated")
    folders, design = [], {}
    for k, (condition, fuse_max) in enumerate((("low", 0.3), ("low", 0.3), ("high", 1.5), ("high", 1.5))):
        folders.append(
            results(place / f"movie{k}", "neuroendocrine_core", k, values=MADE | {"fuse_max": fuse_max}, inputs=REST,
                    stimulus=(WHEN_S, CALCIUM))
        )  # fmt: skip
        design[f"movie{k}"] = {"condition": condition, "animal_id": f"animal{k}"}
    return read_study(folders, design)


@pytest.fixture(scope="module")
def compared(study: Study) -> Comparison:
    """They, compared with the model that made them."""
    wanted = Wanted(inputs=REST, stimulated=CALCIUM)
    return compare(study, [load("neuroendocrine_core")], wanted, effort=Effort(1, 9, 0, Execution(workers=1)))


def test_the_model_with_calcium_holds_and_one_law_for_all_times_does_not(compared: Comparison) -> None:
    p = compared.goodness.set_index(["model", "rates", "test"])["p_value"]
    assert p["neuroendocrine_core", "fitted", "constitutive"] == 0.1  # the smallest of 9 redrawn sets
    assert compared.verdicts["neuroendocrine_core"].constitutive.gain > 100


def test_rates_of_conditions_differ_by_the_factor_that_made_them(compared: Comparison) -> None:
    table = compared.condition_rates.set_index(["model", "condition", "parameter"])
    low = table.loc[("neuroendocrine_core", "low", "fuse_max")]
    assert low["reference"] == "high" and low["ratio"] == pytest.approx(0.2, rel=0.5)
    assert low["ratio_low"] < 0.2 < low["ratio_high"] < 1
    kept = table.loc[("neuroendocrine_core", "low", "k_undock")]
    assert kept["ratio_low"] < 1 < kept["ratio_high"]


def test_fusions_come_more_often_after_the_stimulus(study: Study) -> None:
    rows = {(row["condition"], row["period"], row["kind"]): row for row in event_rates(study)}
    for condition in ("low", "high"):
        after, before = (rows[condition, period, "fusion"] for period in ("after", "before"))
        assert after["reference"] == "before" and after["ratio"] == pytest.approx(after["rate"] / before["rate"], nan_ok=True)
        assert after["ratio_low"] > 1.5
        # Two animals are too few to resample.
        assert after["unit"] == "event" and after["n_units"] == 2
        assert before["exposure"] == pytest.approx(4 * 100.0 * WHEN_S)
        assert before["n_events"] + after["n_events"] == rows[condition, "all", "fusion"]["n_events"]
    assert rows["low", "after", "docking"]["ratio_low"] < 1 < rows["low", "after", "docking"]["ratio_high"]
    assert rows["low", "all", "full_fusion"]["reference"] == "high"


def test_expected_fusions_since_the_stimulus_are_those_of_the_rates(compared: Comparison) -> None:
    """Sums over vesicles of their chance to fuse equal the fusions in all, as a fit makes them; each group lies in its band."""
    groups = compared.verdicts["neuroendocrine_core"].latency
    assert set(groups) == {"docked before", "newcomers"}
    for one in groups.values():
        assert (np.diff(one.expected) >= 0).all() and one.seen[-1] == pytest.approx(len(one.latencies_s) / 8, abs=0.2)
        assert abs(one.seen[-1] - one.expected[-1]) < 4 * np.hypot(one.expected_sd[-1], 0.1)


def test_hazards_of_constant_rates_are_those_rates() -> None:
    scheme = two_states(prime=50.0, unprime=1e-9, undock=1e-9, fuse=0.5, kiss=0.3)
    table = movie(scheme, 100, 400, np.random.default_rng(3))
    table = table.assign(t_since_stimulus_s=table["t_entry_s"] - 10.0)
    number, of = marks(table, dated=False)
    observed = Observed.of(table, SEEN_EXITS, number.tolist())
    found = latency(table, observed, laws(Course((scheme,)), of), np.zeros(len(table), dtype=np.int64))
    late = found["newcomers"]
    some = np.isfinite(late.hazard)  # none can be watched before the shortest stay has passed
    assert some.sum() >= 7 and late.hazard_expected[some] == pytest.approx((1 - np.exp(-0.05)) / 0.1, rel=0.02)
    assert (late.low[some] <= 0.5).mean() > 0.8 and (late.high[some] >= 0.48).mean() > 0.8
    assert (
        latency(table.assign(t_since_stimulus_s=np.nan), observed, laws(Course((scheme,)), of), np.zeros(len(table), int)) == {}
    )


def test_wrong_calls_are_undone_in_the_matrix_of_fates() -> None:
    """Of the full fusions 30 % are called kiss-and-run: the matrix gives them back, and says how many calls it moved."""
    table = movie(two_states(**TRUE | {"kiss": 0.2, "prime": 5.0, "unprime": 1e-6}), 0, 600, np.random.default_rng(5))
    full = table["exit_kind"] == "full_fusion"
    wrong = full & (np.random.default_rng(6).random(len(table)) < 0.3)
    table = table.assign(exit_kind=table["exit_kind"].mask(wrong, "kiss_and_run"))
    counts = np.zeros((3, len(CALLED)))
    counts[[0, 1, 1, 2], [0, 1, 2, 2]] = [5000, 7000, 3000, 5000]
    best = fit(subject(load("constitutive"), 0.1, SEEN_EXITS).problem(sightings(table, "calls"), Calls(SEEN_EXITS, counts)), 1)
    (found,) = fate_matrices(best, table)
    assert found.number.sum() == pytest.approx(table["exit_observed"].sum())
    j = found.true.index("full_fusion")
    assert found.number.sum(axis=1)[j] == pytest.approx(full.sum(), rel=0.12)
    assert found.number[j, found.called.index("kiss_and_run")] == pytest.approx(wrong.sum(), rel=0.3)
    assert found.before[found.called.index("full_fusion")] == pytest.approx((full & ~wrong).sum() / table["exit_observed"].sum())
