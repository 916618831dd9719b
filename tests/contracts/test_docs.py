"""Generated pages are current, and the others name everything they must."""

from __future__ import annotations

import importlib.util
import re
from types import ModuleType

import pytest
from sources import ROOT

from exotrack import tables
from exotrack.calibrate.settings import Settings
from exotrack.classify._calls import RULES
from exotrack.io.formats import _HOME
from exotrack.params import PRESETS, declared, preset, read_toml
from exotrack.simulate import PRESETS as SIMULATIONS


def maker() -> ModuleType:
    """docs/make.py as a module."""
    spec = importlib.util.spec_from_file_location("make_docs", ROOT / "docs" / "make.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def page(name: str) -> str:
    """Text of a page of the guide."""
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("path", maker().PAGES)
def test_a_generated_page_is_current(path: str) -> None:
    assert (ROOT / path).read_text(encoding="utf-8") == maker().PAGES[path](), "run python docs/make.py"


def test_the_parameters_page_holds_every_parameter_and_limit_of_the_analysis() -> None:
    text = page("parameters.md")
    missing = [name for name, *_ in declared(Settings) if name != "preset" and f"| `{name}` |" not in text]
    assert missing == []


def section(name: str) -> str:
    """The part of presets.md under the heading `name`."""
    return page("presets.md").partition(f"\n## {name}\n")[2].partition("\n## ")[0]


@pytest.mark.parametrize("name", PRESETS)
def test_the_presets_page_gives_every_change_with_its_value_and_reason(name: str) -> None:
    about, changes = PRESETS[name]
    text = section(name)
    assert " ".join(about.split()).rstrip(".") in " ".join(text.split())
    told = {key: (value, reason) for key, value, reason in re.findall(r"^\| `([\w.]+)` \| (\S+) \| (.+) \|$", text, re.MULTILINE)}
    made = {f"{stage}.{key}": value for stage, values in changes.items() for key, value in values.items()}
    assert told.keys() == made.keys()
    for key, value in made.items():
        assert told[key][0] == (f"{value:g}" if isinstance(value, float | int) else value)
        assert len(told[key][1]) > 10


def test_every_preset_can_be_simulated_and_is_in_the_readme() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert all(f"| `{name}` |" in text for name in PRESETS)
    assert set(SIMULATIONS) == {*PRESETS, "vesicle_like"}
    assert "exotrack simulate vesicle_like" in page("simulator.md")


def test_the_events_page_explains_every_reason() -> None:
    words = {rule[0] for rule in RULES} | {"duplicate", "unlike_fusion", "bright_before"}
    explained = set(re.findall(r"`(\w+)`", page("events.md").partition("| word |")[2].partition("\n\n")[0]))
    assert explained == words


def test_the_data_model_names_every_table_and_status() -> None:
    text = page("data-model.md")
    assert all(f"| `{table.name}` |" in text for table in tables.EVERY)
    assert all(f"| `{status}` |" in text for status in tables.FRAME_STATUSES)


def test_the_formats_page_names_every_reader() -> None:
    text = page("formats.md")
    assert all(word in text for word in ("ImageJ", "OME-TIFF", "STK", "OME-Zarr", "MRC", "ND2", "CZI", "LIF"))
    special = {suffix for suffix, (module, _) in _HOME.items() if module != "sequence"}
    assert [suffix for suffix in sorted(special) if f"`{suffix}`" not in text] == []


def test_every_page_is_in_the_index() -> None:
    index = page("README.md")
    pages = {path.name for path in (ROOT / "docs").glob("*.md")} - {"README.md", "index.md"}
    assert {name for name in pages if f"[{name}]({name})" not in index} == set()


def test_the_settings_to_copy_are_the_preset() -> None:
    assert read_toml(ROOT / "workflows" / "granule.toml") == preset("granule")
