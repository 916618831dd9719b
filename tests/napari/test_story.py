"""One afternoon of a user: sample, analyse, click an event, re-call it, undo, save, reopen, and the same without the viewer."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from pandas.testing import assert_frame_equal

from exotrack._runs import sample
from exotrack.io import read_results
from exotrack.io.results import read_table
from exotrack.score import load_scored, score
from exotrack.tables import Events
from napari_exotrack._export import write_corrected, write_truth

Docks = Callable[..., Any]


def test_an_afternoon(docks: Docks, canvas_click: Any, canvas_key: Any, qtbot: Any, tmp_path: Path) -> None:
    # The sample, and its analysis with another confidence.
    analyse = docks("analyse")
    viewer = analyse.viewer
    viewer.open_sample("exotrack", "granule")
    analyse.out.setText(str(tmp_path / "out"))
    row = analyse.form.rows["classify.confidence"]
    row.editor.setText("0.8")
    row.editor.textEdited.emit("0.8")
    analyse.run_button.click()
    qtbot.waitUntil(lambda: not analyse.command.running, timeout=280_000)
    results = tmp_path / "out" / "granule"
    assert "full fusion" in analyse.note.text(), analyse.note.text()
    assert read_results(results).params.classify.confidence == 0.8
    for name in ("true tracks", "true events"):
        viewer.layers.remove(viewer.layers[name])

    # An event is clicked in the picture, called something else, and the change is taken back and made again.
    review = docks("review", viewer=viewer)
    at = review.review.events.query("kind == 'full_fusion' and p_full_fusion > 0.9").iloc[0]
    viewer.dims.set_current_step(0, int(at["frame"]))
    viewer.reset_view()
    canvas_click(viewer, at["y_um"], at["x_um"])
    event = review.selection.event_id
    assert event == at["event_id"]
    qtbot.waitUntil(lambda: review.montage.tiles is not None, timeout=10_000)
    assert np.ptp(review.montage.tiles.pixels) > 100
    assert review.trace.figure.axes
    canvas_key(viewer, "H")
    assert review.review.decisions == {event: "kiss_and_run"}
    canvas_key(viewer, "Q")
    assert review.review.decisions == {}
    canvas_key(viewer, "W")
    shot = viewer.window.screenshot(str(tmp_path / "shot.png"), flash=False)
    assert shot[..., :3].std() > 5

    # What was decided is on disk, comes back, and is what score takes for the truth.
    truth = write_truth(review.review, review.opened.results, tmp_path / "truth")
    corrected = write_corrected(review.review, review.opened.results, tmp_path / "corrected")
    assert read_table(corrected / "events.parquet", Events)["edited"].sum() == 1
    scores = score(load_scored(truth).events, load_scored(results).events)
    assert scores.confusion["kiss_and_run"]["full_fusion"] == 1
    review.close()
    viewer.layers.clear()
    again = docks("review", results, viewer=viewer)
    assert again.review.decisions == {event: "kiss_and_run"}

    # The same without the viewer: what the dock wrote, run by the command line, gives the same table.
    command = shlex.join(["run", str(sample("granule.tif")), "--out", str(tmp_path / "headless")])
    params = str(tmp_path / "out" / "granule.tif.params.toml")
    words = [sys.executable, "-m", "exotrack", *shlex.split(command), "--params", params]
    subprocess.run(words, check=True, capture_output=True)
    headless = read_table(tmp_path / "headless" / "granule" / "events.parquet", Events)
    assert_frame_equal(headless, read_table(results / "events.parquet", Events))
