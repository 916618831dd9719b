"""What may be added to a comparison: dead ends, cells that differ, counts in micrographs, an undocking that a model lacks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from docked import TRUE, movie, two_states

from exotrack.errors import InputError
from exotrack.kinetics.catalogue import load
from exotrack.kinetics.course import Course, starts, with_dead_ends
from exotrack.kinetics.fit import Free, Problem, fit
from exotrack.kinetics.frailty import frailty, mixed
from exotrack.kinetics.generator import resting
from exotrack.kinetics.likelihood import cell_log_likelihood, log_likelihood
from exotrack.kinetics.micrograph import Micrograph, read_micrographs
from exotrack.kinetics.ranking import nested_test
from exotrack.kinetics.scheme import Scheme
from exotrack.kinetics.sightings import sightings
from exotrack.kinetics.snapshot import Snapshot
from exotrack.kinetics.subject import DEAD_NEW, DEAD_OLD, UNDOCKED, subject

EXITS = ("undocking", "full_fusion", "kiss_and_run")


def test_dead_ends_are_found_and_their_absence_is_rejected_only_where_there_are_some() -> None:
    rng = np.random.default_rng(4)
    scheme = Scheme.one_state(undocking=0.1, full_fusion=0.2, kiss_and_run=0.1)
    clean = movie(scheme, 80, 200, rng)
    held = clean["entry_kind"] == "resident"
    dead = held & (rng.random(len(clean)) < 0.3)
    last = clean["movie_frames"] - clean["first_frame"]
    mixed_in = clean.assign(
        n_frames=clean["n_frames"].mask(dead, last), exit_kind=clean["exit_kind"].mask(dead, "censored"),
        exit_observed=clean["exit_observed"] & ~dead, duration_s=clean["duration_s"].mask(dead, last * 0.1),
    )  # fmt: skip
    large = subject(load("constitutive"), 0.1, EXITS, dead=(DEAD_NEW, DEAD_OLD))
    small = replace(large, dead=(), free=large.free[:-2])
    p = {}
    for name, table in (("clean", clean), ("dead", mixed_in)):
        data = sightings(table, "calls")
        best = fit(large.problem(data), 2)
        p[name] = nested_test(fit(small.problem(data), 2), best, 2).p_value
        if name == "dead":
            assert best.values[DEAD_OLD] == pytest.approx(dead.sum() / held.sum(), abs=0.1)
            assert best.values["k_undock"] == pytest.approx(0.1, rel=0.3)
    assert p["clean"] > 0.05 and p["dead"] < 1e-6


def test_a_course_with_dead_ends_that_changes_keeps_its_residents_and_resealed() -> None:
    one, two = two_states(**TRUE), two_states(**TRUE | {"fuse": 1.0})
    plain = Course((one, two), (3.0,), resealed=np.array([0.0, 1.0]))
    course = with_dead_ends(plain, 0.1, 0.4)
    assert course.residing() == pytest.approx([*(0.6 * plain.residing()), 0.4])
    assert course.resealed is not None and course.resealed.tolist() == [0.0, 1.0, 0.0]
    assert course.switches_s == (3.0,) and course.schemes[1].exits[2].sum() == 0
    table = movie(one, 10, 30, np.random.default_rng(1))
    data = sightings(table, "calls")
    assert log_likelihood(with_dead_ends(plain, 0.0, 0.0), data) == pytest.approx(log_likelihood(plain, data))


def test_residents_that_resealed_are_those_of_the_general_law() -> None:
    """`Course.residing` counts the resealed as a vesicle that may kiss again and again does."""
    scheme, again = two_states(**TRUE), np.array([0.3, 0.7])
    found = Course((scheme,), resealed=again).residing()
    stayed, at = scheme.entering(again).fractions()[2], scheme.fractions()[2]
    per_docking = at / (1 - stayed)
    expected = scheme.entering((scheme.entry + per_docking * again) / (1 + per_docking)).rested()
    assert found == pytest.approx(expected)
    with pytest.raises(InputError, match="never leave for good"):
        starts(Scheme.one_state(kiss_and_run=1.0), np.ones((1, 1)), "here")


def test_the_spread_of_cells_is_that_of_the_closed_form() -> None:
    """One state: the mean over the grid is Gamma(v + n) / Gamma(v) v^v / (v + Lambda E)^(v + n) up to what s does not change."""
    from scipy.special import gammaln

    n, exposure, rate, logs = np.array([8.0, 40.0]), np.array([30.0, 60.0]), 0.4, np.linspace(-3, 3, 81)
    each = n[:, None] * logs - rate * np.exp(logs) * exposure[:, None]
    for sd in (0.2, 0.5, 1.0):
        v = 1 / sd**2
        closed = gammaln(v + n) - gammaln(v) + v * np.log(v) - (v + n) * np.log(v + rate * exposure)
        assert mixed(each, logs, sd) == pytest.approx(closed, abs=2e-3)


def test_cells_that_differ_are_told_from_cells_that_do_not() -> None:
    rng = np.random.default_rng(8)
    free = (Free("undocking"), Free("full_fusion"))
    found = {}
    for name, sd in (("alike", 0.0), ("different", 0.6)):
        factors = rng.gamma(1 / sd**2, sd**2, 12) if sd else np.ones(12)
        parts = [
            movie(
                Scheme.one_state(undocking=0.3 * z, full_fusion=0.2 * z, kiss_and_run=1e-9), 0, 40, rng, cells=1, name=f"m{k:02d}"
            )
            for k, z in enumerate(factors)
        ]
        data = sightings(pd.concat(parts, ignore_index=True), "calls")
        best = fit(Problem(lambda values: Scheme.one_state(**values), free, data), 1)
        one = frailty(best)
        assert one is not None and len(one.factors) == 12
        found[name] = one
        if sd:
            assert one.low < 0.6 < one.high and one.p_value < 1e-4
            assert np.corrcoef(one.factors, factors)[0, 1] > 0.8
            likely = cell_log_likelihood(best.view(), data).sum()
            assert likely == pytest.approx(best.log_likelihood)
    assert found["alike"].p_value > 0.05 and found["alike"].low == 0.0


def test_counts_of_micrographs_hold_the_shares_of_states_at_rest(tmp_path: Path) -> None:
    model = load("neuroendocrine_core")
    truth = {"k_dock": 0.6}
    rest = resting(model, truth)
    docked = rest[[k for k, state in enumerate(model.states) if state.seen == "docked"]].sum()
    tethered = rest[model.names.index("T")]
    n = 4000
    counts = {"docked": round(n * docked / (docked + tethered)), "tethered": round(n * tethered / (docked + tethered))}
    place = tmp_path / "em.csv"
    pd.DataFrame({"class": [*counts, "proximal"], "n": [*counts.values(), 7]}).to_csv(place, index=False)
    about = read_micrographs(place, [model])
    assert dict(about.snapshot.counts) == counts and about.left_out == {"proximal": 7} and about.snapshot.design_effect == 1.0
    one = subject(model, 0.1, EXITS, free=["k_undock", "k_dock", "phi_kiss"], micrograph=about)
    assert [f.name for f in one.free] == ["k_undock", "k_dock", "phi_kiss"]
    table = movie(
        two_states(prime=0.15, unprime=0.05, undock=0.08, fuse=2.0 * 0.001 / 1.001, kiss=0.3), 0, 60, np.random.default_rng(2)
    )
    best = fit(one.problem(sightings(table, "calls")), 1)
    told = about.fractions(model, best.values, {})
    assert told["docked"] == pytest.approx(counts["docked"] / n, abs=0.03)
    with pytest.raises(InputError, match=r"nothing of it can be told|acts on nothing"):
        subject(model, 0.1, EXITS, free=["k_dock"])


def test_images_that_differ_count_for_less(tmp_path: Path) -> None:
    folder = tmp_path / "em"
    folder.mkdir()
    rows = [
        (f"image{k}", state)
        for k, (d, t) in enumerate([(30, 2), (2, 30), (16, 16)])
        for state in ["docked"] * d + ["tethered"] * t
    ]
    pd.DataFrame(rows, columns=["image_id", "state"]).to_csv(folder / "vesicles.csv", index=False)
    about = read_micrographs(folder, [load("neuroendocrine_core")])
    assert about.n_images == 3 and dict(about.snapshot.counts) == {"docked": 48, "tethered": 48}
    assert about.snapshot.design_effect == pytest.approx(24.5)


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"class": ["docked", "tethered"], "count": [1, 2]}, "needs columns class and n"),
        ({"class": ["docked", "tethered"], "n": [1, -2]}, "counts are whole numbers of 0 or more"),
        ({"class": ["docked", "tethered"], "n": [1, "many"]}, "row 2: n is 'many'"),
        ({"class": ["docked", "reserve"], "n": [1, 2]}, "1 class of vesicles can be used"),
        ({"class": ["docked", "full"], "n": [1, 2]}, "class 'full' were counted, but none of its states is seen or called so"),
    ],
)
def test_counts_that_cannot_be_matched_are_refused(tmp_path: Path, columns: dict[str, list[object]], said: str) -> None:
    place = tmp_path / "em.csv"
    pd.DataFrame(columns).to_csv(place, index=False)
    model = load("neuroendocrine_core")
    with pytest.raises(InputError, match=said):
        subject(model, 0.1, EXITS, micrograph=read_micrographs(place, [model])).terms()[0]({})
    with pytest.raises(InputError, match="holds no vesicles"):
        read_micrographs(tmp_path, [model])


def test_a_model_without_rest_cannot_use_micrographs() -> None:
    about = Micrograph(Snapshot({"X0": 5, "X1": 5}), {})
    with pytest.raises(InputError, match="at rest it has no vesicle in any of the classes"):
        about.fractions(load("synaptic_fivesite"), {}, {})


def test_a_model_of_the_trigger_alone_gets_an_undocking_of_its_own() -> None:
    about = subject(load("synaptic_allosteric2005"), 0.1, ("undocking", "full_fusion"))
    assert [f.name for f in about.free][-1] == UNDOCKED and about.undocking
    scheme = about.course({UNDOCKED: 0.3}).schemes[0]
    assert scheme.fates[-1] == "undocking" and scheme.exits[:, -1] == pytest.approx(0.3)
    assert not subject(load("synaptic_allosteric2005"), 0.1, ("full_fusion",)).undocking
    with pytest.raises(InputError, match="has no kiss_and_run, which was seen"):
        subject(load("synaptic_allosteric2005"), 0.1, EXITS)
