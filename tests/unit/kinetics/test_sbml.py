"""SBML and Antimony: what RoadRunner makes of an export, and which files of others are models."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from exotrack.errors import InputError
from exotrack.kinetics.catalogue import load, models
from exotrack.kinetics.drive import Course
from exotrack.kinetics.exact import expected
from exotrack.kinetics.generator import generator, scheme
from exotrack.kinetics.sbml import antimony_text, sbml_text

# SWIG's modules warn of their own types when they are loaded on newer Pythons.
pytestmark = pytest.mark.filterwarnings("ignore:.*has no __module__ attribute:DeprecationWarning")
INPUTS = {
    "insulin_chen2008": {"Cmd": 5.0, "Ci": 0.3, "G": 2.0},
    "neuroendocrine_core": {"Ca": 0.7, "ATP": 40.0},
    "omv_release": {"area": 3.0},
}
TWO = """
model two()
  compartment cell = 1
  substanceOnly species A in cell = 5
  substanceOnly species B in cell = 1
  substanceOnly species $W in cell = 3
  kf = 2; kb = 0.5; Ca = 0.1; in_ = 4
  drive := kf * Ca^2 / (1 + Ca^2)
  J0: -> A; in_
  J1: A -> B; drive * A
  J2: B -> ; kb * B
end
"""
MAP = '[seen]\nA = "docked"\n[events]\nJ0 = "docking"\nJ1 = "full_fusion"\n[inputs]\nCa = "calcium"\n'


@pytest.fixture(scope="module")
def roadrunner() -> Any:
    """RoadRunner, an independent simulator of SBML."""
    import roadrunner as rr

    return rr


@pytest.mark.parametrize("name", models())
def test_roadrunner_finds_the_same_generator(name: str, roadrunner: Any) -> None:
    model = load(name)
    runner = roadrunner.RoadRunner(sbml_text(model, None, INPUTS.get(name)))
    found = runner.getFullJacobian()
    order = [model.state(state) for state in found.rownames]
    assert sorted(order) == list(range(len(model.states)))
    q = generator(model, None, INPUTS.get(name)).q[np.ix_(order, order)]
    assert np.abs(np.asarray(found) - q.T).max() <= 1e-12 * np.abs(q).max()
    np.testing.assert_allclose(np.asarray(found), q.T, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", ["insulin_chen2008", "neuroendocrine_core", "omv_release"])
def test_roadrunner_simulates_the_same_numbers(name: str, roadrunner: Any) -> None:
    model = load(name)
    runner = roadrunner.RoadRunner(sbml_text(model, None, INPUTS[name]))
    runner.integrator.absolute_tolerance, runner.integrator.relative_tolerance = 1e-12, 1e-10
    runner.timeCourseSelections = ["time", *model.names]
    found = np.asarray(runner.simulate(0, 30, 4))
    hope = expected(model, found[:, 0], Course.constant(INPUTS[name]), "initial").numbers
    np.testing.assert_allclose(found[:, 1:], hope, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("name", models())
def test_an_export_is_consistent_sbml_and_comes_back(name: str, tmp_path: Path) -> None:
    import libsbml

    model = load(name)
    text = sbml_text(model)
    document = libsbml.readSBMLFromString(text)
    document.checkConsistency()
    assert document.getNumErrors(libsbml.LIBSBML_SEV_ERROR) == 0
    assert document.getLevel() == 3
    (tmp_path / "back.xml").write_text(text)
    seen = "".join(f'{state.name} = "{state.seen}"\n' for state in model.states)
    events = "".join(f'J{k} = "{way.event}"\n' for k, way in enumerate(model.transitions, 1))
    (tmp_path / "back.map.toml").write_text(f"[seen]\n{seen}[events]\n{events}")
    back = load(tmp_path / "back.xml")
    assert back.names == model.names
    np.testing.assert_allclose(generator(back).q, generator(model).q, rtol=1e-12)
    np.testing.assert_allclose(generator(back).arrivals, generator(model).arrivals, rtol=1e-12)
    assert [w.event for w in back.transitions] == [w.event for w in model.transitions]


def test_antimony_says_what_is_unverified_and_needs_no_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "antimony", None)
    text = antimony_text(load("chromaffin_two_pool"))
    assert text.count("UNVERIFIED, from memory") == 10
    assert "  J1:  -> U; arrive  // docking" in text
    with pytest.raises(InputError, match=r'needs? the package antimony; pip install "exotrack\[sbml\]"'):
        sbml_text(load("constitutive"))


def test_words_that_antimony_keeps_are_renamed() -> None:
    assert "gamma_ = 6960.0" in antimony_text(load("synaptic_fivesite"))
    assert "bud_per_um2_s * area_" in antimony_text(load("omv_release"))


@pytest.mark.parametrize("suffix", [".ant", ".xml"])
def test_a_first_order_model_of_others_is_loaded(tmp_path: Path, suffix: str) -> None:
    import antimony

    path = tmp_path / f"two{suffix}"
    antimony.loadAntimonyString(TWO)
    path.write_text(TWO if suffix == ".ant" else antimony.getSBMLString("two"))
    (tmp_path / "two.map.toml").write_text(MAP)
    model = load(path)
    assert model.names == ("A", "B")
    assert model.inputs["Ca"].value == 0.1
    rate = 2 * 0.25 / 1.25
    seen = scheme(model, None, {"Ca": 0.5})
    assert seen.exits[0, 0] == pytest.approx(rate)
    assert generator(model).arrivals.tolist() == [4.0, 0.0]
    assert expected(model, [0.0, 1.0], start="initial").numbers[0].tolist() == [5.0, 1.0]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("drive * A", "drive * A - kb * B"),
        ("drive * A", "A * drive - B * kb"),
        ("drive * A", "(kf * A - kb * B) * 3 / 2"),
        ("drive * A", "kf * (A + A) / 4 - -(-kb) * B"),
    ],
)
def test_a_reaction_both_ways_becomes_two(tmp_path: Path, old: str, new: str) -> None:
    (tmp_path / "two.ant").write_text(TWO.replace(old, new))
    (tmp_path / "two.map.toml").write_text("[seen]\n")
    model = load(tmp_path / "two.ant")
    scale = 1.5 if "3 / 2" in new else 1.0
    forward = {"drive * A - kb * B": 2 * 0.01 / 1.01, "A * drive - B * kb": 2 * 0.01 / 1.01}.get(
        new, 2.0 * scale if scale > 1 else 1.0
    )
    q = generator(model).q
    assert q[0, 1] == pytest.approx(forward)
    assert q[1, 0] == pytest.approx(0.5 * scale)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("drive * A", "drive * A * B", "reaction J1: not first order: the rate holds"),
        ("drive * A", "drive * A^2", "reaction J1: not first order"),
        ("drive * A", "drive * A / (1 + A)", "reaction J1: not first order"),
        ("drive * A", "drive * exp(A)", "reaction J1: not first order"),
        ("drive * A", "drive", "reaction J1: not first order: its rate depends on no species, its reactant is A"),
        ("kb * B", "kb * A", "reaction J2: not first order: its rate depends on A, its reactant is B"),
        ("kb * B", "-kb * B", "reaction J2: not first order: the rate -kb of B has the wrong sign"),
        ("J1: A -> B", "J1: 2A -> B", "reaction J1: not first order: one vesicle must become one vesicle"),
        ("J1: A -> B", "J1: A + B -> B", "reaction J1: not first order: one vesicle must become one vesicle"),
        ("kb = 0.5", "kb = 0.5; at (time > 3): kb = 2", "events and rate rules are not first-order kinetics"),
        ("kb = 0.5", "kb = 0.5; kb' = 2", "events and rate rules are not first-order kinetics"),
        ("drive * A", "drive * tan(kb) * A", "more than this language of rates says"),
        ("J1:", "J1: J1:", "not Antimony"),
    ],
)
def test_what_is_not_first_order_is_refused_by_name(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert old in TWO
    (tmp_path / "two.ant").write_text(TWO.replace(old, new))
    (tmp_path / "two.map.toml").write_text(MAP)
    with pytest.raises(InputError, match=said):
        load(tmp_path / "two.ant")


def test_without_a_map_it_says_what_to_write(tmp_path: Path) -> None:
    (tmp_path / "two.ant").write_text(TWO)
    with pytest.raises(InputError, match=r"write two.map.toml beside it with \[seen\] \(such as A = \"docked\"; species: A, B\)"):
        load(tmp_path / "two.ant")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[seen]\nC = "docked"\n', r"\[seen\] names 'C', which is not in two.ant"),
        ('[looks]\nA = "docked"\n', r"unknown part \[looks\]"),
        ('[events]\nJ9 = "docking"\n', r"\[events\] names 'J9'"),
        ('[seen]\nA = "dock"\n', "state A is seen as 'dock'"),
        ('[seen]\nA = "docked"\n', "begins a stay; its event must be docking|ends a stay"),
        ("[seen\n", "two.map.toml: not TOML"),
    ],
)
def test_a_map_that_does_not_fit_is_named(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "two.ant").write_text(TWO)
    (tmp_path / "two.map.toml").write_text(text)
    with pytest.raises(InputError, match=said):
        load(tmp_path / "two.ant")


def test_a_file_that_is_no_sbml_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "no.xml").write_text("<html></html>")
    with pytest.raises(InputError, match=r"no\.xml: not SBML"):
        load(tmp_path / "no.xml")


def test_concentrations_are_turned_into_numbers(tmp_path: Path) -> None:
    text = TWO.replace("compartment cell = 1", "compartment cell = 4").replace("substanceOnly species A", "species A")
    (tmp_path / "two.ant").write_text(text)
    (tmp_path / "two.map.toml").write_text(MAP)
    model = load(tmp_path / "two.ant")
    assert model.states[0].initial == pytest.approx(20.0)
    assert generator(model, None, {"Ca": 0.5}).q[0, 1] == pytest.approx(0.4 / 4)
