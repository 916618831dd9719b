"""Pictures of the napari plugin for docs/plugin.md: every dock in its main states, at 1280 x 800, dark and light.

Usage: xvfb-run -a -s "-screen 0 1400x900x24" python docs/plugin_pictures.py [FOLDER]

Analyses the shipped granule movie first, into a temporary folder. Pictures go to docs/pictures unless a folder is given.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

HERE = Path(__file__).parent / "pictures"
SIZE = (1280, 800)
THEMES = ("dark", "light")


def results_of_the_sample(folder: Path) -> Path:
    """Results of the shipped granule movie."""
    subprocess.run([sys.executable, "-m", "exotrack", "demo", "--out", str(folder)], check=True, stdout=subprocess.DEVNULL)
    return folder / "granule"


@contextmanager
def window(theme: str) -> Iterator[Any]:
    """A viewer of the size of a small laptop's screen."""
    import napari

    viewer = napari.Viewer(show=True)
    viewer.theme = theme
    viewer.window.resize(*SIZE)
    yield viewer
    viewer.close()


def settle(seconds: float = 1.0) -> None:
    """Let Qt draw."""
    from qtpy.QtWidgets import QApplication

    stop = time.monotonic() + seconds
    while time.monotonic() < stop:
        QApplication.processEvents()
        time.sleep(0.01)


def until(done: Callable[[], bool], seconds: float = 180.0) -> None:
    """Let Qt draw until something is done."""
    stop = time.monotonic() + seconds
    while not done() and time.monotonic() < stop:
        settle(0.05)
    assert done()


def shot(viewer: Any, name: str, into: Path) -> None:
    """Save the whole window."""
    viewer.window.resize(*SIZE)
    settle(1.5)
    place = into / f"plugin_{name}.png"
    viewer.window.screenshot(str(place), flash=False)
    with Image.open(place) as picture:  # a screen has few colours: a third of the bytes, nothing lost to the eye
        few = picture.convert("RGB").quantize(256, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    few.save(place, optimize=True)


def dock(viewer: Any, name: str) -> Any:
    """Open a dock as the Plugins menu does."""
    _, widget = viewer.window.add_plugin_dock_widget("exotrack", name)
    settle()
    return widget


def review(viewer: Any, theme: str, results: Path, into: Path) -> None:
    """A fusion chosen; the same in blind mode; all times at once."""
    viewer.open(str(results), plugin="exotrack")
    one = dock(viewer, "Review")
    events = one.review.events
    best = events[events["kind"] == "full_fusion"].sort_values("amplitude").iloc[-1]
    one.selection.choose(int(best["event_id"]), one.link.track_of(int(best["event_id"])))
    viewer.scene.camera.zoom = 70
    until(lambda: one.montage.tiles is not None)
    shot(viewer, f"review_{theme}", into)
    if theme == "dark":
        one.blind.setChecked(True)
        shot(viewer, "review_blind", into)
        one.blind.setChecked(False)
        one.all_times.setChecked(True)
        until(lambda: "all times (brightest)" in viewer.layers)
        viewer.reset_view()
        shot(viewer, "review_all_times", into)
        one.all_times.setChecked(False)


def analyse(viewer: Any, theme: str, results: Path, into: Path) -> None:
    """Live preview; a value that cannot be."""
    viewer.open_sample("exotrack", "granule")
    for name in ("true tracks", "true events"):
        viewer.layers.remove(viewer.layers[name])
    one = dock(viewer, "Analyse")
    one.out.setText("results")
    viewer.dims.set_current_step(0, 40)
    one.live.setChecked(True)
    until(lambda: "preview spots" in viewer.layers)
    shot(viewer, f"analyse_{theme}", into)
    if theme == "dark":
        row = one.form.rows["detect.background_um"]
        row.editor.setText("-1")
        row.editor.textEdited.emit("-1")
        shot(viewer, "analyse_refused", into)


def compare(viewer: Any, theme: str, results: Path, into: Path) -> None:
    """What was seen, without a model."""
    viewer.open(str(results), plugin="exotrack")
    one = dock(viewer, "Compare")
    one.curve.setCurrentText("incidence")
    shot(viewer, f"compare_{theme}", into)


def conditions(viewer: Any, theme: str, results: Path, into: Path) -> None:
    """A study of six simulated movies in two conditions, compared."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
    from populations import study_folder

    one = dock(viewer, "Compare")
    with tempfile.TemporaryDirectory() as folder:
        one.add(study_folder(Path(folder) / "calcium"))
        until(lambda: len(one.chosen()) == 6)
        if theme == "dark":
            one.curve.setCurrentText("survival")
            shot(viewer, "study_dark", into)
        one.run_conditions()
        until(lambda: one.statistics is not None)
        if theme == "dark":
            shot(viewer, "effects_dark", into)
        one.curve.setCurrentText("Fusions")
        shot(viewer, f"conditions_{theme}", into)


def middle(mask: np.ndarray[Any, Any], every: int = 8) -> np.ndarray[Any, Any]:
    """(n, 2) points along the middle of a membrane that lies across the picture, or up and down it."""
    across = mask.any(axis=0).mean() >= mask.any(axis=1).mean()
    seen = mask if across else mask.T
    points = [
        (np.flatnonzero(seen[:, column])[0] + 2.0, column) for column in range(0, seen.shape[1], every) if seen[:, column].any()
    ]
    rows = np.array([point[0] for point in points])
    usual = np.array([np.median(rows[max(k - 3, 0) : k + 4]) for k in range(len(rows))])
    kept = np.array(points)[np.abs(rows - usual) < 4]  # a pore leads into the vesicle behind it
    return kept[:, :: 1 if across else -1]


def em(viewer: Any, theme: str, results: Path, into: Path) -> None:
    """A simulated synapse: vesicles found, a membrane drawn, distances, states."""
    from exotrack.em import open_stack

    with tempfile.TemporaryDirectory() as folder:
        words = [sys.executable, "-m", "exotrack", "simulate", "em", "--out", f"{folder}/em", "--rng", "1"]
        subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
        stack, mask = (open_stack(Path(folder) / "em" / f"{name}.tif") for name in ("synthetic", "membrane"))
        picture, pixel_um = stack.read()[0], stack.spacing_nm[-1] / 1000
        line = middle(mask.read()[0] > 0)
    viewer.add_image(picture, name="synapse", scale=(pixel_um, pixel_um), units=("um", "um"))
    one = dock(viewer, "EM")
    one.find()
    until(lambda: one.table.rowCount() > 0)
    one.rule.setCurrentText("bilayer_10")
    one.draw()
    viewer.layers["membrane"].add_paths([line])
    one.table.selectRow(0)
    viewer.scene.camera.zoom *= 2
    shot(viewer, f"em_{theme}", into)


SCENES = {"review": review, "analyse": analyse, "compare": compare, "conditions": conditions, "em": em}


def main() -> None:
    """Make all pictures, or those named after the folder."""
    into = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE
    into.mkdir(parents=True, exist_ok=True)
    wanted = sys.argv[2:] or list(SCENES)
    with tempfile.TemporaryDirectory() as folder:
        results = results_of_the_sample(Path(folder) / "demo")
        for name in wanted:
            for theme in THEMES:
                with window(theme) as viewer:
                    SCENES[name](viewer, theme, results, into)


if __name__ == "__main__":
    main()
