"""What an installation contains: built here as pip would, the wheel from the source archive."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from sources import ROOT

import exotrack

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
SAMPLES = ("granule.tif", "phluorin.tif", "granule_truth/events.parquet", "phluorin_truth/tracks.csv", "README.md")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The wheel made from the source archive."""
    place = tmp_path_factory.mktemp("package")
    build(ROOT, "sdist", place)
    with tarfile.open(next(place.glob("*.tar.gz"))) as archive:
        archive.extractall(place, filter="data")
    build(place / f"exotrack-{exotrack.__version__}", "wheel", place)
    return zipfile.ZipFile(next(place.glob("*.whl")))


def build(source: Path, target: str, place: Path) -> None:
    """What pip's build does, with the build backend that is installed."""
    words = [sys.executable, "-m", "hatchling", "build", "--target", target, "--directory", str(place)]
    done = subprocess.run(words, cwd=source, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_wheel_holds_every_module_and_what_they_need(wheel: zipfile.ZipFile) -> None:
    names = set(wheel.namelist())
    for package, base in (("exotrack", ROOT), ("napari_exotrack", ROOT / "napari_plugin")):
        files = [path for path in (base / package).rglob("*") if path.is_file() and "__pycache__" not in path.parts]
        assert {path.relative_to(base).as_posix() for path in files} <= names
    assert {f"exotrack/_sample_data/{name}" for name in SAMPLES} <= names
    assert {"exotrack/py.typed", "exotrack/report/report.html.j2", "exotrack/classify/weights_lumenal.npz"} <= names
    assert {name.split("/")[0] for name in names} == {
        "exotrack",
        "napari_exotrack",
        f"exotrack-{exotrack.__version__}.dist-info",
    }


def test_the_wheel_is_small(wheel: zipfile.ZipFile) -> None:
    assert sum(entry.compress_size for entry in wheel.infolist()) < 8_000_000


def test_the_command_and_the_plugin_are_announced(wheel: zipfile.ZipFile) -> None:
    entries = wheel.read(f"exotrack-{exotrack.__version__}.dist-info/entry_points.txt").decode()
    assert "exotrack = exotrack.cli:main" in entries
    assert "exotrack = napari_exotrack:napari.yaml" in entries


def test_an_unpacked_wheel_finds_its_sample(wheel: zipfile.ZipFile, tmp_path: Path) -> None:
    wheel.extractall(tmp_path)
    code = "import exotrack._runs as r; print(r.__file__); print(r.sample('granule.tif'))"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [
        str(tmp_path / "exotrack" / "_runs.py"),
        str(tmp_path / "exotrack" / "_sample_data" / "granule.tif"),
    ]


def test_neither_qt_nor_napari_nor_anything_copyleft_is_needed_to_run() -> None:
    needed = {Requirement(line).name.lower() for line in PROJECT["dependencies"]}
    assert needed.isdisjoint({"napari", "qtpy", "pyqt5", "pyqt6", "pyside6", "torch", "pylibczirw", "readlif", "bioio-czi"})


def test_the_promised_extras_are_there() -> None:
    assert {"napari", "io", "cluster", "s3", "slurm", "test", "all"} <= set(PROJECT["optional-dependencies"])


def test_every_python_that_is_promised_is_listed() -> None:
    assert PROJECT["requires-python"] == ">=3.11"
    listed = [
        line.rpartition(" ")[2] for line in PROJECT["classifiers"] if line.startswith("Programming Language :: Python :: 3.")
    ]
    assert listed == ["3.11", "3.12", "3.13"]
