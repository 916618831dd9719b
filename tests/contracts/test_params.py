"""Parameters: declared once with unit and reason, written and read without loss, wrong ones named."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from exotrack.calibrate.settings import Settings
from exotrack.errors import ParameterError
from exotrack.params import PRESETS, Analysis, EmAnalysis, declared, preset, read_toml, to_toml
from exotrack.simulate import PRESETS as SIMULATIONS
from exotrack.simulate import EmSimulation, Simulation, read_simulation, simulation

UNITS = {
    "per_um2_s": "1/um^2/s", "per_um2": "1/um^2", "per_um": "1/um", "per_s": "1/s", "um2_s": "um^2/s", "um_s": "um/s",
    "nm_s": "nm/s", "um_rs": "um/sqrt(s)", "um": "um", "nm": "nm", "s": "s", "px": "px",
    "photons": ("photons", "photons/px"), "e": "e-",
}  # fmt: skip
"""Ending of a name to the unit it promises; the longest ending counts."""
SUFFIXES = sorted(UNITS, key=len, reverse=True)

every = [
    *declared(Settings),
    *((f"em.{name}", *rest) for name, *rest in declared(EmAnalysis)),
    *((f"simulation.{name}", *rest) for name, *rest in declared(Simulation)),
    *((f"em_simulation.{name}", *rest) for name, *rest in declared(EmSimulation)),
]


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_survives_toml(name: str, tmp_path: Path) -> None:
    path = tmp_path / "params.toml"
    path.write_text(to_toml(preset(name)), encoding="utf-8")
    assert read_toml(path) == preset(name)
    assert read_toml(path).preset == name


@pytest.mark.parametrize("name", SIMULATIONS)
def test_a_simulation_survives_toml(name: str, tmp_path: Path) -> None:
    path = tmp_path / "simulation.toml"
    path.write_text(to_toml(simulation(name)), encoding="utf-8")
    assert read_simulation(path) == simulation(name)


def test_every_analysis_preset_has_a_simulation() -> None:
    assert list(PRESETS) == [name for name in SIMULATIONS if name != "vesicle_like"]  # it tests tracking, and is no label


def test_written_parameters_explain_themselves() -> None:
    lines = to_toml(preset("granule")).splitlines()
    at = lines.index("sigma_um = 0.13")
    assert lines[at - 1].startswith("# Gaussian width of a vesicle's image. Default:")


@pytest.mark.parametrize(
    ("name", "unit", "about"), [(name, unit, about) for name, unit, _, about in every], ids=[e[0] for e in every]
)
def test_a_parameter_has_a_unit_and_a_reason(name: str, unit: str, about: str) -> None:
    suffix = next((suffix for suffix in SUFFIXES if name.endswith("_" + suffix)), None)
    if suffix is not None:
        assert unit in UNITS[suffix] if isinstance(UNITS[suffix], tuple) else unit == UNITS[suffix]
    if name.rpartition(".")[2] not in ("preset", "cargo", "kind"):
        assert "Default" in about


UNKNOWN = {
    "[detect]\nsigma = 1.0": "detect.sigma: unknown parameter; did you mean 'sigma_um'?",
    "[detekt]\nsigma_um = 1.0": "detekt: unknown parameter; did you mean 'detect'?",
    "[link]\nmax_gap = 2": "link.max_gap: unknown parameter; did you mean 'max_gap_frames'?",
    "[classify]\nxyzzy = 2": "classify.xyzzy: unknown parameter",
    "[detect]\nsigma_um = -1": "detect.sigma_um: input should be greater than 0, found -1",
    "[classify]\ncargo = 'liquid'": "classify.cargo: input should be 'lumenal' or 'ph_sensitive', found 'liquid'",
    "[detect]\nsigma_um = nan": "detect.sigma_um: input should be a finite number, found nan",
}


@pytest.mark.parametrize("text", UNKNOWN)
def test_a_wrong_parameter_is_named_with_the_nearest_right_one(text: str, tmp_path: Path) -> None:
    path = tmp_path / "p.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ParameterError) as caught:
        read_toml(path)
    assert str(caught.value) == f"{path}: {UNKNOWN[text]}"


def test_every_wrong_parameter_is_named_at_once() -> None:
    with pytest.raises(ParameterError, match=r"sigma: unknown.*max_step: unknown"):
        Analysis.read({"detect": {"sigma": 1}, "link": {"max_step": 2}})


def test_what_is_no_toml_says_where_to_look(tmp_path: Path) -> None:
    path = tmp_path / "p.toml"
    path.write_text("sigma_um: 1", encoding="utf-8")
    with pytest.raises(ParameterError, match=r"is not TOML \(.*\); see docs/parameters\.md for the form"):
        read_toml(path)


def test_a_file_changes_only_what_it_names(tmp_path: Path) -> None:
    path = tmp_path / "p.toml"
    path.write_text("preset = 'synapse'\n[link]\nmin_spots = 5\n", encoding="utf-8")
    assert read_toml(path) == preset("synapse").updated({"link": {"min_spots": 5}})
    assert tomllib.loads(to_toml(read_toml(path)))["link"]["min_spots"] == 5
