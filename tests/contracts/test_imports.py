"""Arrows point inwards: who may import whom, who may know which library, and what an import may cost."""

from __future__ import annotations

import ast
import json
import subprocess
import sys

import pytest
from sources import imported, modules

STAGES = {"detect", "link", "measure", "classify"}
CORE = {
    "_table",
    "_calibration",
    "_em_tables",
    "_em_geometry_tables",
    "_em_params",
    "_comparison",
    "_statistics",
    "_patterned",
    "_studied",
    "errors",
    "params",
    "_settings",
    "_drift",
    "tables",
    "physics",
    "movie",
    "_blocks",
    "_frames",
    "_memory",
    "_steps",
    "__version__",
}
MAY_IMPORT: dict[str, set[str]] = {
    "errors": set(),
    "physics": {"errors"},
    "_settings": {"errors"},
    "params": {"errors", "_settings", "_em_params"},
    "_em_params": {"errors", "_settings"},
    "_em_tables": {"_table"},
    "_em_geometry_tables": {"_table", "_em_tables"},
    "_drift": {"errors", "movie", "tables"},
    "_table": {"errors"},
    "_calibration": {"_table"},
    "_comparison": {"_table"},
    "_statistics": {"_table"},
    "_patterned": {"_table"},
    "_studied": {"_table"},
    "tables": {
        "errors",
        "_table",
        "_calibration",
        "_comparison",
        "_statistics",
        "_patterned",
        "_studied",
        "_em_tables",
        "_em_geometry_tables",
    },
    "movie": {"errors", "physics"},
    "_memory": set(),
    "_steps": set(),
    "_blocks": {"errors", "movie", "_memory"},
    "_frames": CORE,
    **dict.fromkeys(STAGES, CORE),
    "io": CORE,
    "em": CORE | {"io"},
    "simulate": CORE | {"io"},
    "provenance": CORE | {"io"},
    "score": CORE | {"io"},
    "kinetics": CORE | {"io"},
    "stats": CORE | {"io", "kinetics"},  # the cluster bootstrap, and which stays an analysis records
    "report": CORE | {"io", "kinetics", "provenance", "stats"},
    "pipeline": CORE | STAGES | {"io", "provenance", "report"},
    "batch": CORE | {"io", "pipeline", "provenance"},
    "calibrate": CORE | {"io", "pipeline", "provenance", "report", "score", "simulate"},
}
"""What each room of exotrack may import besides itself. The outermost rooms (the command line) are not listed: they may all."""

OWNERS = {
    "dask": {"_blocks", "io", "batch"},
    "dask_jobqueue": {"batch"},
    "distributed": {"_batch_progress", "_blocks", "io", "batch"},
    "fsspec": {"batch"},
    "matplotlib": {"report"},
    "typer": {
        "cli",
        "_batch_cli",
        "_batch_progress",
        "_commands",
        "_compare_cli",
        "_demo",
        "_em_cli",
        "_em_runs",
        "_models_cli",
        "_report_cli",
        "_runs",
        "_stats_cli",
        "_terminal",
    },
    "rich": {"cli", "_runs", "_terminal"},
    "tifffile": {"io", "simulate"},
    "zarr": {"io"},
    "h5py": {"io"},
    "cellpose": {"em"},
    "trackpy": {"link"},
    "jinja2": {"report"},
    "antimony": {"kinetics"},
    "libsbml": {"kinetics"},
    "pyarrow": {"io"},
    **{
        key: set()
        for key in ("napari", "qtpy", "magicgui", "PyQt5", "PyQt6", "PySide6", "vispy", "npe2", "sklearn", "torch", "pytest")
    },
}
"""Library to the rooms of exotrack that may know it."""

SOURCES = modules("exotrack")
HEAVY = ("pandas", "numba", "scipy", "matplotlib", "tifffile", "trackpy", "zarr", "dask", "skimage", "pyarrow", "jinja2")


def room(name: str) -> str:
    """``exotrack.detect._fit`` lies in the room ``detect``; the package itself in the room ``""``."""
    return name.split(".")[1] if "." in name else ""


def broken(sources: dict[str, ast.Module]) -> list[str]:
    """Imports of one another that `MAY_IMPORT` does not allow."""
    found = []
    for name, tree in sources.items():
        allowed = MAY_IMPORT.get(room(name))
        for target in imported(tree):
            if allowed is not None and target.startswith("exotrack.") and room(target) not in allowed | {room(name)}:
                found.append(f"{name} imports {target}")
    return found


def test_no_room_imports_outwards_and_no_stage_another() -> None:
    assert broken(SOURCES) == []


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("exotrack.detect._fit", "from exotrack.link import link"),
        ("exotrack.measure", "import exotrack.classify._models"),
        ("exotrack.classify", "from exotrack import detect"),
        ("exotrack.movie", "from exotrack.io import open_movie"),
        ("exotrack.io.tiff", "from exotrack.pipeline import analyse"),
        ("exotrack.em.sections", "from exotrack.link import link"),
    ],
)
def test_an_outward_import_would_be_seen(name: str, line: str) -> None:
    inside = ast.parse(f"def later():\n    {line}")
    assert len(broken({name: inside})) == 1


def test_every_listed_room_exists() -> None:
    rooms = {room(name) for name in SOURCES}
    assert set(MAY_IMPORT) <= rooms


@pytest.mark.parametrize("library", OWNERS)
def test_a_library_is_known_to_its_rooms_only(library: str) -> None:
    users = {room(name) for name, tree in SOURCES.items() if library in {t.split(".")[0] for t in imported(tree)}}
    assert users <= OWNERS[library]


WITHOUT_QT = (
    "_agreement", "_axes", "_cluster", "_colours", "_conditions", "_convert", "_em_model", "_export", "_form_model",
    "_journal", "_keys", "_kinetics", "_movie_reader", "_opened", "_pick", "_preview_worker", "_reader", "_review",
    "_sample_data", "_selection", "_sets", "_source", "_writer",
)  # fmt: skip
"""Modules of the plugin that work without a viewer; the others draw."""


def test_the_conversions_of_the_plugin_know_no_qt() -> None:
    for name, tree in modules("napari_plugin/napari_exotrack").items():
        if name.rpartition(".")[2] in WITHOUT_QT:
            assert {target.split(".")[0] for target in imported(tree)}.isdisjoint({"napari", "qtpy", "magicgui", "vispy"})


@pytest.mark.parametrize(
    "code", ["import exotrack", "import exotrack.cli", "import exotrack.io, exotrack.params, exotrack.tables"]
)
def test_importing_loads_nothing_heavy(code: str) -> None:
    assert loaded(code) == []


def test_help_loads_nothing_heavy() -> None:
    words = "import sys; sys.argv = ['exotrack', '--help']\nfrom exotrack.cli import main\ntry: main()\nexcept SystemExit: pass"
    assert loaded(words) == []


def loaded(code: str) -> list[str]:
    """Which `HEAVY` libraries are loaded after `code` ran in a process of its own."""
    tell = f"\nimport json, sys\nprint(json.dumps([name for name in {HEAVY} if name in sys.modules]))"
    done = subprocess.run([sys.executable, "-W", "error", "-c", code + tell], capture_output=True, text=True, check=True)
    names: list[str] = json.loads(done.stdout.splitlines()[-1])
    return names
