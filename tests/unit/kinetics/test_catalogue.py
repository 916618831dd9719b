"""The catalogue: every model complete, its golden numbers right, and what is wrong in a user's file named."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from exotrack.errors import ExotrackError, InputError, ParameterError
from exotrack.kinetics.catalogue import DEFAULT, EVIDENCE, HERE, load, models
from exotrack.kinetics.golden import checks, verified

NAMES = {
    "neuroendocrine_core", "insulin_chen2008", "insulin_hcsp2009", "synaptic_fivesite", "synaptic_allosteric2005",
    "synaptic_dualsensor2007", "chromaffin_two_pool", "constitutive", "omv_release",
}  # fmt: skip
TINY = """
[model]
id = "tiny"
title = "one docked state"
about = ""
reference = ""
status = ""
[parameters]
k = { value = 2.0, unit = "1/s", lower = 0.1, upper = 10.0 }
[inputs]
Ca = { value = 1.0, unit = "uM", about = "" }
[[states]]
name = "D"
seen = "docked"
[[states]]
name = "F"
[[transitions]]
to = "D"
rate = 0.5
event = "docking"
[[transitions]]
from = "D"
to = "F"
rate = "k * Ca"
event = "full_fusion"
"""


def test_the_nine_models_are_there_and_the_default_comes_first() -> None:
    assert set(models()) == NAMES
    assert models()[0] == DEFAULT == "neuroendocrine_core"


@pytest.mark.parametrize("name", sorted(NAMES))
def test_every_golden_number_comes_out(name: str) -> None:
    found = list(checks(load(name)))
    assert len(found) >= 3
    assert [(one.words, one.found, one.golden.value) for one in found if not one.agrees] == []
    assert all(one.golden.within <= 0.06 and len(one.golden.source) > 10 for one in found)


@pytest.mark.parametrize("name", sorted(NAMES))
def test_every_number_has_a_unit_bounds_and_evidence(name: str) -> None:
    model = load(name)
    for key, one in model.parameters.items():
        assert one.unit, key
        assert one.lower < one.upper
        assert one.evidence in EVIDENCE
        assert one.evidence != "U"
        assert one.about.endswith("."), key
        assert one.source or one.evidence == "F", key
    assert model.fitted
    assert model.reference
    assert model.status


def test_what_is_from_memory_is_unverified_and_nothing_else_is() -> None:
    assert len(load("chromaffin_two_pool").unverified) == 10
    assert "UNVERIFIED" in load("chromaffin_two_pool").status
    assert set(load("omv_release").unverified) == {"bud_per_um2_s", "lysis_per_s", "burst", "diameter"}
    assert [name for name in models() if load(name).unverified] == ["chromaffin_two_pool", "omv_release"]


def test_a_golden_number_that_is_wrong_would_be_seen(tmp_path: Path) -> None:
    text = (HERE / "insulin_chen2008.toml").read_text().replace("rm2 = { value = 0.001,", "rm2 = { value = 0.0011,")
    (tmp_path / "wrong.toml").write_text(text)
    with pytest.raises(InputError, match=r"insulin_chen2008: resting N6 is .*, expected 218"):
        verified(load(tmp_path / "wrong.toml"))


def test_the_stages_of_tethering_are_free() -> None:
    assert load("constitutive").names == ("T1", "T2", "T3", "T4", "D", "K", "F")
    one, nine = load("constitutive", stages={"T": 1}), load("constitutive", stages={"T": 9})
    assert one.names == ("T", "D", "K", "F")
    assert len(nine.names) == 12
    assert [w.target for w in nine.transitions if w.event == "tethering"] == ["T1"]
    assert [w.source for w in nine.transitions if w.event == "docking"] == ["T9"]
    with pytest.raises(InputError, match="0 stages of state 'T'"):
        load("constitutive", stages={"T": 0})
    with pytest.raises(InputError, match="state D has stages, so one transition from it"):
        load("constitutive", stages={"D": 3})


def test_a_model_of_ones_own_is_loaded(tmp_path: Path) -> None:
    (tmp_path / "tiny.toml").write_text(TINY)
    model = load(tmp_path / "tiny.toml")
    assert model.names == ("D", "F")
    assert model.parameters["k"].evidence == "U"
    assert model.changed({"k": 3.0}).values == {"k": 3.0}
    assert model.values == {"k": 2.0}


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('rate = "k * Ca"', 'rate = "k * Cb"', "transition D -> F: the name 'Cb' is not known here; did you mean 'Ca'"),
        ('rate = "k * Ca"', 'rate = "open(k)"', "no function 'open'"),
        ('event = "full_fusion"', 'event = "fusion"', "event 'fusion'; did you mean 'full_fusion'"),
        ('event = "full_fusion"', "", "transition D -> F ends a stay; its event must be one of undocking"),
        ('event = "docking"', "", r"transition \(\) -> D begins a stay; its event must be docking"),
        ('to = "F"', 'to = "G"', "no state 'G'"),
        ("value = 2.0", "value = 20.0", "20 is not between its bounds 0.1 and 10"),
        ("value = 2.0", 'value = "2"', "value must be a number, found '2'"),
        ("value = 2.0, ", "", "parameter k: 'value' is missing"),
        ('unit = "1/s"', 'units = "1/s"', "unknown entry 'units'; did you mean 'unit'"),
        ('seen = "docked"', 'seen = "dock"', "is seen as 'dock'; it must be one of mobile"),
        ('name = "F"', 'name = "D"', "the name 'D' is used twice"),
        ('name = "F"', 'name = "exp"', "the name 'exp' is used twice, or cannot be a name"),
        ("[inputs]", "[input]", r"unknown part \[input\]; did you mean 'inputs'"),
        ('id = "tiny"', "", r"\[model\]: 'id' is missing"),
        ("[model]", "[model", "not TOML"),
        ('unit = "1/s"', 'evidence = "X", unit = "1/s"', "evidence is 'X'; it must be one of A, S"),
        ("rate = 0.5", "", r"transition \(\) -> D: no rate"),
        ("rate = 0.5", "rate = 0.5\nsize = 2\nfrom = 'F'", "only arrivals from outside have a size"),
    ],
)
def test_what_is_wrong_in_a_file_is_named(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert old in TINY
    (tmp_path / "tiny.toml").write_text(TINY.replace(old, new, 1))
    with pytest.raises(InputError, match=said):
        load(tmp_path / "tiny.toml")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("insulin_chen", "no model 'insulin_chen'; did you mean 'insulin_chen2008'"),
        ("nowhere.toml", "nowhere.toml: no such file"),
        ("nowhere.xml", "nowhere.xml: no such file"),
    ],
)
def test_an_unknown_model_is_an_error_that_helps(name: str, said: str) -> None:
    with pytest.raises(InputError, match=re.escape(said)):
        load(name)


def test_an_unknown_parameter_or_input_is_an_error_that_helps() -> None:
    model = load(DEFAULT)
    with pytest.raises(ParameterError, match="no parameter 'k_unprimed'; did you mean 'k_unprime'"):
        model.given({"k_unprimed": 1.0})
    with pytest.raises(ParameterError, match=r"no input 'Mg'; it has Ca, ATP|no input 'Mg'"):
        model.given(None, {"Mg": 1.0})
    with pytest.raises(ExotrackError, match="no state 'X'"):
        model.state("X")
