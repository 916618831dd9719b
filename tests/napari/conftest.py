"""A results folder as a run leaves it, filled with the shipped truth, so that no analysis is needed to show it."""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import exotrack
from exotrack._runs import sample
from exotrack.io.mask import write_footprint
from exotrack.io.results import read_table
from exotrack.measure import footprint
from exotrack.params import preset
from exotrack.provenance import movie_record
from exotrack.tables import ALL, Events, Frames, Tracks

LIBRARIES = (
    "libEGL.so.1", "libGL.so.1", "libglib-2.0.so.0", "libdbus-1.so.3", "libfontconfig.so.1", "libxkbcommon-x11.so.0",
    "libxcb-cursor.so.0", "libxcb-icccm.so.4", "libxcb-keysyms.so.1", "libxcb-shape.so.0",
)  # fmt: skip
"""What Qt loads to draw on X; without one of them it ends the whole process."""


def lacking() -> list[str]:
    """What a viewer needs and this machine does not have."""
    found = []
    for name in LIBRARIES:
        try:
            ctypes.CDLL(name)
        except OSError:
            found.append(name)
    return found + ([] if shutil.which("Xvfb") else ["Xvfb"])


@pytest.fixture(scope="session")
def drawable() -> None:
    """Tests that draw are skipped where Qt cannot, unless EXOTRACK_REQUIRE_VIEWER=1."""
    missing = lacking()
    if missing:
        reason = f"a napari viewer needs {', '.join(missing)}; bash tests/run installs them on Debian"
        if os.environ.get("EXOTRACK_REQUIRE_VIEWER") == "1":
            pytest.fail(reason)
        pytest.skip(reason)


@pytest.fixture
def viewers(drawable: None, request: pytest.FixtureRequest) -> Callable[..., Any]:
    """Makes viewers that are closed after the test; napari's own fixture, asked for only where Qt can draw."""
    make: Callable[..., Any] = request.getfixturevalue("make_napari_viewer_proxy")
    return make


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results of the granule sample with the shipped truth in them."""
    movie = exotrack.open_movie(sample("granule.tif"))
    n = len(movie)
    frames = Frames.build({"movie_id": ["cell"] * n, "frame": range(n), "t_s": movie.t_s(range(n)), "status": ["ok"] * n})
    tables = {table.name: table.empty() for table in ALL} | {
        "frames": frames,
        "events": read_table(sample("granule_truth/events.parquet"), Events),
        "tracks": read_table(sample("granule_truth/tracks.parquet"), Tracks),
    }
    params = preset("granule")
    cells = footprint(movie, frames, params.cell)[0]
    return exotrack.write_results(
        tmp_path_factory.mktemp("written") / "cell", tables, params, {"movie_id": "cell", "movie": movie_record(movie)},
        extra=lambda folder: write_footprint(folder, cells, movie.pixel_um),
    )  # fmt: skip


@pytest.fixture
def results(written: Path, tmp_path: Path) -> Path:
    """Results of a copy of the granule sample, the copy beside them."""
    movie_path = tmp_path / "cell.tif"
    shutil.copy(sample("granule.tif"), movie_path)
    folder = Path(shutil.copytree(written, tmp_path / "out" / "cell"))
    record = json.loads((folder / "provenance.json").read_text(encoding="utf-8"))
    (folder / "provenance.json").write_text(json.dumps(record | {"opened": {"path": str(movie_path)}}), encoding="utf-8")
    return folder


@pytest.fixture
def docks(drawable: None, request: pytest.FixtureRequest) -> Any:
    """Opens a dock of the plugin by name in a viewer, on a results folder if one is given; closed after the test."""
    make, made = request.getfixturevalue("make_napari_viewer"), []

    def dock(name: str, folder: Path | None = None, *, viewer: Any = None, show: bool = True) -> Any:
        import importlib

        viewer = viewer or make(show=show)
        if show:
            viewer.window.resize(1280, 800)
        if folder is not None:
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", "the tables are shown without")
                for data in read_folder(str(folder)):
                    viewer.add_layer(Layer.create(*data))
        module = importlib.import_module(f"napari_exotrack._{name}_dock")
        one = getattr(module, f"{name.capitalize()}Dock")(viewer)
        made.append(viewer.window.add_dock_widget(one, name=name, area="right"))
        made[-1].exotrack_dock = one
        QApplication.processEvents()
        return one

    from napari.layers import Layer
    from qtpy.QtWidgets import QApplication

    from napari_exotrack._reader import read_folder

    yield dock
    for holder in made:
        if not holder.exotrack_dock.is_over:
            holder.exotrack_dock.close()
        holder.exotrack_dock = None


@pytest.fixture
def click_row(qtbot: Any) -> Any:
    """Clicks on a row of a dock's table with the mouse."""
    from qtpy.QtCore import Qt

    def click(dock: Any, row: int) -> None:
        index = dock.model.index(row, 1)
        dock.table.scrollTo(index)
        qtbot.mouseClick(dock.table.viewport(), Qt.MouseButton.LeftButton, pos=dock.table.visualRect(index).center())

    return click


@pytest.fixture
def canvas_click(qtbot: Any) -> Any:
    """Clicks with the mouse where a place (um) is drawn on the canvas."""
    from qtpy.QtCore import QPoint, Qt

    def click(viewer: Any, y_um: float, x_um: float) -> None:
        native = viewer.window._qt_viewer.canvas.native
        qtbot.wait(30)
        zoom, centre = viewer.scene.camera.zoom, viewer.scene.camera.center[-2:]
        x = native.width() / 2 + (x_um - centre[1]) * zoom
        y = native.height() / 2 + (y_um - centre[0]) * zoom
        qtbot.mouseClick(native, Qt.MouseButton.LeftButton, pos=QPoint(round(x), round(y)))
        qtbot.wait(30)

    return click


@pytest.fixture
def canvas_key(qtbot: Any) -> Any:
    """Presses a key on the canvas."""
    from qtpy.QtCore import Qt

    def press(viewer: Any, letter: str) -> None:
        native = viewer.window._qt_viewer.canvas.native
        native.setFocus()
        qtbot.keyClick(native, getattr(Qt.Key, f"Key_{letter}"))
        qtbot.wait(10)

    return press
