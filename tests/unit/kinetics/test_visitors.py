"""Visitors, which dock and only leave again, as a term of a comparison; and the docking rate among its rows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from docked import lives, record

from exotrack._blocks import Execution
from exotrack.errors import InputError
from exotrack.kinetics.arrivals import _Recall
from exotrack.kinetics.catalogue import load
from exotrack.kinetics.compare import Wanted, compare
from exotrack.kinetics.course import with_visitors
from exotrack.kinetics.fit import Fit, fit
from exotrack.kinetics.profiles import profiles
from exotrack.kinetics.scheme import Scheme
from exotrack.kinetics.sightings import sightings
from exotrack.kinetics.stays import SEEN_EXITS
from exotrack.kinetics.study import Study
from exotrack.kinetics.subject import LEAVE, VISITORS, Subject, subject
from exotrack.kinetics.verdict import Effort
from exotrack.kinetics.written import as_plain
from exotrack.report.kinetics import render_comparison
from exotrack.report.kinetics_words import summary

TRUE = {"k_undock": 0.1, "k_fuse": 0.2, "phi_kiss": 0.0}
SHARE, LEAVES = 0.4, 2.0
RATE, AREA, N, FRAME_S, LEAST = 0.03, 200.0, 300, 0.1, 3


def law(share: float = SHARE) -> Scheme:
    """Docked vesicles that undock or fuse, and visitors."""
    fuse, kiss = TRUE["k_fuse"] * (1 - TRUE["phi_kiss"]), TRUE["k_fuse"] * TRUE["phi_kiss"]
    own = Scheme.one_state(undocking=TRUE["k_undock"], full_fusion=fuse, kiss_and_run=kiss)
    return with_visitors(own, share, LEAVES) if share else own


def drawn(seed: int, share: float = SHARE, n: int | None = None) -> pd.DataFrame:
    """What a camera records of vesicles that dock at a known rate."""
    rng = np.random.default_rng(seed)
    number = rng.poisson(RATE * AREA * N * FRAME_S) if n is None else n
    stay, fate = lives(law(share), number, rng)
    came = rng.random(number) * N * FRAME_S
    return record(came, stay, np.asarray(SEEN_EXITS)[fate], np.zeros(number, bool), rng, frame_s=FRAME_S, min_frames=LEAST,
                  n_frames=N, cells=1)  # fmt: skip


def fitted(table: pd.DataFrame, visitors: bool) -> tuple[Subject, Fit]:
    about = subject(load("constitutive"), FRAME_S, ("undocking", "full_fusion"), free=["k_undock", "k_fuse"],
                    values={"phi_kiss": 0.0}, merged=True, visitors=visitors)  # fmt: skip
    return about, fit(about.problem(sightings(table, "calls")), 2)


def test_undocking_is_biased_by_visitors_unless_they_are_fitted() -> None:
    table = drawn(1, n=700)
    _, without = fitted(table, False)
    _, best = fitted(table, True)
    assert without.values["k_undock"] > 1.5 * TRUE["k_undock"]
    true = TRUE | {VISITORS: SHARE, LEAVE: LEAVES}
    for one in profiles(best, ["k_undock", "k_fuse", VISITORS, LEAVE]):
        assert one.low < true[one.name] < one.high, one.name
    assert best.log_likelihood > without.log_likelihood + 20
    clean = drawn(2, 0.0, 300)
    assert fitted(clean, True)[1].log_likelihood < fitted(clean, False)[1].log_likelihood + 5


def test_visitors_are_a_state_beside_the_models_own() -> None:
    about = subject(load("constitutive"), 0.1, SEEN_EXITS, visitors=True, losing=True, dead=("dead_residents",))
    values = {**about.start(), VISITORS: 0.3, LEAVE: 2.0, "lost_per_s": 0.1}
    course = about.course(values)
    scheme = course.schemes[0]
    at, mine = scheme.fates.index("undocking"), scheme.n_states - 2
    assert scheme.entry[mine:].tolist() == pytest.approx([0.3, 0.0]) and scheme.entry.sum() == pytest.approx(1.0)
    assert scheme.exits[mine, at] == pytest.approx(2.0) and scheme.exits[mine].sum() == pytest.approx(2.1)
    assert scheme.stay[mine, :mine].sum() == scheme.stay[:mine, mine].sum() == 0.0
    assert course.resealed is not None and course.resealed[mine] == 0.0
    # Of those docked in the first frame few are visitors: they have left by then, and no kiss-and-run makes one of them.
    alone = replace(about.alone(), free=()).course(values)
    own = alone.schemes[0]
    assert alone.resealed is not None and own.n_states == mine
    kiss = own.fates.index("kiss_and_run")
    first, again = own.fractions()[kiss], own.entering(alone.resealed).fractions()[kiss]
    stayed_s = own.mean() + first * own.entering(alone.resealed).mean() / (1 - again)
    assert course.residing()[mine] == pytest.approx(0.15 / (0.15 + 0.7 * stayed_s), rel=1e-6)
    trigger = subject(load("synaptic_allosteric2005"), 0.1, ("full_fusion",), visitors=True)
    assert trigger.undocking
    with pytest.raises(InputError, match="visitors: they undock"):
        with_visitors(Scheme.one_state(full_fusion=1.0), 0.1, 1.0)
    with pytest.raises(InputError, match=r"share of 1\.2"):
        with_visitors(law(0.0), 1.2, 1.0)


def study(seed: int) -> Study:
    """The recorded stays as a study of one cell."""
    table = drawn(seed)
    cells = pd.DataFrame({"movie_id": ["movie"], "cell_id": [1], "area_um2": [AREA], "observed_s": [N * FRAME_S]})
    movies = pd.DataFrame({
        "movie_id": ["movie"], "study_id": "", "animal_id": "", "condition": "", "frame_s": FRAME_S, "min_frames": LEAST,
        "movie_frames": N, "observed_s": N * FRAME_S, "before_s": 0.0, "stimulus_s": np.nan, "cargo": "lumenal",
    })  # fmt: skip
    labels = {"study_id": "", "animal_id": "", "condition": ""}
    from exotrack.tables import Events

    return Study(table, Events.empty().assign(**labels), cells.assign(**labels), movies)


def test_visitors_and_the_docking_rate_are_named_in_tables_report_and_json() -> None:
    found = compare(study(5), [load("constitutive")], Wanted({"k_fuse": 0.2}, free=("k_undock",), visitors=True),
                    effort=Effort(1, 19, 0, Execution(workers=1)))  # fmt: skip
    rates = found.rates.set_index("parameter")
    for name, true in ((VISITORS, SHARE), ("docking_rate", RATE), ("settling_rate", RATE * (1 - SHARE))):
        assert rates.loc[name, "low"] < true < rates.loc[name, "high"], name
    assert rates.loc[LEAVE, "role"] == "nuisance" and rates.loc["docking_rate", "unit"] == "1/um^2/s"
    assert rates.loc["docking_rate", "naive"] < rates.loc["docking_rate", "value"]  # the shortest visits are not recorded
    assert "counted plainly" in rates.loc["docking_rate", "verdict"]
    assert rates.loc["mean_docked", "value"] == pytest.approx(1 / 0.3, rel=0.3)
    p = found.goodness.set_index("test")["p_value"]
    assert p["visitors"] == 0.05  # the smallest that 19 redrawn sets can give
    words = " ".join(text for _, text in summary(found))
    assert "visitors, which only leave again" in words and "are shown (p = 0.05, 19 redrawn sets)" in words
    assert "vesicles dock without a calibration" in words
    page = render_comparison(found, {})
    assert "None of those that dock is a visitor" in page and "settling_rate" in page
    plain = as_plain(found)
    assert plain["wanted"]["visitors"] is True
    told = plain["models"]["constitutive"]
    assert told["dockings"]["settling_rate"]["rate"] < told["dockings"]["docking_rate"]["rate"]
    assert not told["dockings"]["calibrated"] and told["visitors"]["p_value"] == 0.05


def test_recall_of_a_length_of_which_none_was_injected_is_that_of_all() -> None:
    some = _Recall(np.array([0.0, 10.0, 10.0, 0.0]), np.array([0.0, 5.0, 9.0, 0.0]), 0.0, 0.0)
    assert some.shares() == pytest.approx([0.7, 0.5, 0.9, 0.7])
    with pytest.raises(InputError, match="of 0 injected dockings none was found"):
        _Recall(np.zeros(4), np.zeros(4), 0.0, 0.0).shares()
