"""The review dock in a real viewer: clicks on the canvas and in the table, keys, and what they leave."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_exotrack._journal import NO_EVENT, place_of

Docks = Callable[..., Any]


def chosen_ring(viewer: Any) -> Any:
    """(frame, y, x) of the mark of the chosen event."""
    return viewer.layers["chosen event"].data[0]


def test_without_results_the_dock_says_how_to_get_some(docks: Docks) -> None:
    dock = docks("review", show=False)
    assert dock.empty.isVisibleTo(dock)
    assert not dock.body.isVisibleTo(dock)
    dock.do("accept")
    assert "Choose an event first" in dock.note.text()


@pytest.mark.other_qt
def test_a_click_on_a_row_takes_the_viewer_there(docks: Docks, results: Path, click_row: Any) -> None:
    dock = docks("review", results)
    events = dock.review.events.set_index("event_id")
    for row in (12, 3):
        click_row(dock, row)
        event = dock.selection.event_id
        assert event == dock.model.ids[row]
        at = events.loc[event]
        assert dock.link.frame == at["frame"]
        np.testing.assert_allclose(dock.viewer.scene.camera.center[-2:], (at["y_um"], at["x_um"]))
        np.testing.assert_allclose(chosen_ring(dock.viewer) * (0.1, 0.107, 0.107), (at["frame"] * 0.1, at["y_um"], at["x_um"]))
    assert dock.trace.figure.axes


@pytest.mark.parametrize("all_times", [False, True])
def test_a_click_on_an_event_in_the_picture_chooses_its_row(
    docks: Docks, results: Path, canvas_click: Any, all_times: bool
) -> None:
    dock = docks("review", results)
    events = dock.review.events
    at = events[events["kind"] == "full_fusion"].iloc[4]
    if all_times:
        dock.all_times.setChecked(True)
        dock.viewer.dims.set_current_step(0, 0)
    else:
        dock.viewer.dims.set_current_step(0, int(at["frame"]))
    canvas_click(dock.viewer, at["y_um"], at["x_um"])
    if all_times:  # several lie there: any of them is meant
        at = events.set_index("event_id").loc[dock.selection.event_id]
        assert np.hypot(at["y_um"] - dock.viewer.scene.camera.center[-2], at["x_um"] - dock.viewer.scene.camera.center[-1]) < 0.7
    else:
        assert dock.selection.event_id == at["event_id"]
    assert dock.model.ids[dock.table.currentIndex().row()] == dock.selection.event_id


def test_a_click_in_the_view_of_three_axes_chooses_an_event_of_any_time(docks: Docks, results: Path, canvas_click: Any) -> None:
    dock = docks("review", results)
    dock.viewer.dims.ndisplay = 3
    dock.viewer.reset_view()
    at = dock.review.events[dock.review.events["kind"] == "full_fusion"].iloc[4]
    canvas_click(dock.viewer, at["y_um"], at["x_um"])
    assert dock.selection.event_id is not None
    got = dock.review.events.set_index("event_id").loc[dock.selection.event_id]
    assert np.hypot(got["y_um"] - at["y_um"], got["x_um"] - at["x_um"]) < 0.7
    dock.wait_for_missed("docking")
    assert "flat view" in dock.note.text()


def test_results_of_another_movie_are_said(docks: Docks, results: Path) -> None:
    import tifffile

    meta = {"axes": "TYX", "unit": "um", "finterval": 0.1}
    pixels = np.zeros((5, 40, 40), np.uint16)
    tifffile.imwrite(results.parents[1] / "cell.tif", pixels, imagej=True, resolution=(9.35, 9.35), metadata=meta)
    dock = docks("review", results, show=False)
    assert "these are results of another movie" in dock.note.text()
    dock.do("next")
    assert dock.selection.event_id is not None


def test_a_click_on_a_track_chooses_it_and_one_on_nothing_does_not(docks: Docks, results: Path, canvas_click: Any) -> None:
    dock = docks("review", results)
    dock.filters.kinds["tethering"].setChecked(False)
    tracks = dock.opened.results.tables["tracks"]
    free = tracks[~tracks["track_id"].isin(dock.review.events["track_id"])].iloc[0]
    dock.viewer.dims.set_current_step(0, int(free["frame"]))
    canvas_click(dock.viewer, free["y_um"], free["x_um"])
    assert dock.selection.track_id is not None
    before = (dock.selection.event_id, dock.selection.track_id)
    near = tracks[(tracks["frame"] - free["frame"]).abs() <= 12]
    grid = np.stack(np.meshgrid(np.linspace(1, 12.5, 24), np.linspace(1, 12.5, 24)), axis=-1).reshape(-1, 2)
    away = np.hypot(grid[:, :1] - near["y_um"].to_numpy(), grid[:, 1:] - near["x_um"].to_numpy()).min(axis=1)
    canvas_click(dock.viewer, *grid[np.argmax(away)])
    assert (dock.selection.event_id, dock.selection.track_id) == before


@pytest.mark.other_qt
def test_keys_in_the_viewer_decide_go_on_and_undo(docks: Docks, results: Path, canvas_key: Any) -> None:
    dock = docks("review", results)
    canvas_key(dock.viewer, "N")
    first = dock.selection.event_id
    canvas_key(dock.viewer, "K")
    second = dock.selection.event_id
    assert dock.review.state(first) == "accepted"
    assert second == dock.model.ids[1]
    canvas_key(dock.viewer, "J")
    assert dock.review.decisions[second] == NO_EVENT
    canvas_key(dock.viewer, "G")
    assert dock.selection.event_id == second
    row = dock.review.events.index[dock.review.events["event_id"] == second][0]
    assert str(dock.link.events.symbol[row]) == "x"
    canvas_key(dock.viewer, "Q")
    assert second not in dock.review.decisions
    canvas_key(dock.viewer, "W")
    assert dock.review.decisions[second] == NO_EVENT
    canvas_key(dock.viewer, "H")
    assert dock.review.decisions[second] == "full_fusion"
    lines = place_of(results).read_text().splitlines()
    assert [json.loads(line)["what"] for line in lines[1:]] == ["accept", "reject", "undo", "redo", "change"]


def test_keys_work_in_the_table_too(docks: Docks, results: Path, click_row: Any, qtbot: Any) -> None:
    from qtpy.QtCore import Qt

    dock = docks("review", results)
    click_row(dock, 5)
    event = dock.selection.event_id
    dock.table.setFocus()
    qtbot.keyClick(dock.table, Qt.Key.Key_J)
    assert dock.review.decisions == {event: NO_EVENT}


def test_the_most_uncertain_call_comes_first(docks: Docks, results: Path) -> None:
    dock = docks("review", results, show=False)
    dock.review.events["p_other"] = 1.0
    dock.model._keys[2][:] = np.linspace(1, 0.5, len(dock.model._keys[2]))
    order = []
    for _ in range(3):
        dock.do("uncertain")
        order.append(dock.selection.event_id)
        dock.go_on.setChecked(False)
        dock.do("accept")
    assert order == list(dock.review.events["event_id"][::-1][:3])


def test_filters_list_and_show_only_what_passes(docks: Docks, results: Path) -> None:
    dock = docks("review", results, show=False)
    events = dock.review.events
    for kind in ("docking", "undocking", "tethering", "kiss_and_run"):
        dock.filters.kinds[kind].setChecked(False)
    assert set(dock.model.ids) == set(events["event_id"][events["kind"] == "full_fusion"])
    np.testing.assert_array_equal(dock.link.events.shown, events["kind"] == "full_fusion")
    dock.filters.docked.setValue(2.0)
    wanted = events[(events["kind"] == "full_fusion") & (events["docked_s"] >= 2)]
    assert set(dock.model.ids) == set(wanted["event_id"])
    dock.filters.docked.setValue(0.0)
    dock.do("next")
    dock.do("accept")
    judged = next(iter(dock.review.decisions))
    dock.filters.left.setChecked(True)
    assert judged not in dock.model.ids


def test_blind_mode_hides_the_call_and_the_name(docks: Docks, results: Path) -> None:
    from qtpy.QtCore import Qt

    dock = docks("review", results, show=False)
    dock.blind.setChecked(True)
    rows = range(dock.model.rowCount())
    assert {dock.model.data(dock.model.index(row, column)) for row in rows for column in (1, 2, 4)} == {"?"}
    assert {dock.model.data(dock.model.index(row, 1), Qt.ItemDataRole.ForegroundRole) for row in rows} == {None}
    assert len(np.unique(dock.link.events.border_color, axis=0)) == 1
    assert {str(symbol) for symbol in dock.link.events.symbol} == {"disc"}
    assert "cell" not in [layer.name for layer in dock.viewer.layers]
    assert dock.source.currentText() == "results 1"
    dock.filters.kinds["docking"].setChecked(False)
    assert dock.model.rowCount() == len(dock.review.events)
    dock.do("next")
    dock.do("accept")
    assert "in blind mode the call is hidden" in dock.note.text()
    dock.do("change")
    assert list(dock.review.decisions.values()) == ["full_fusion"]
    assert dock.review.journal.entries[0].blind
    dock.blind.setChecked(False)
    assert "cell" in [layer.name for layer in dock.viewer.layers]
    assert len(np.unique(dock.link.events.border_color, axis=0)) > 2


def test_closing_and_opening_again_resumes(docks: Docks, results: Path) -> None:
    dock = docks("review", results, show=False)
    dock.do("next")
    dock.do("reject")
    said = dict(dock.review.decisions)
    viewer = dock.viewer
    dock.close()
    assert "chosen event" not in viewer.layers
    again = docks("review", viewer=viewer)
    assert again.review.decisions == said
    assert again.undo_button.isEnabled()


def test_a_missed_event_is_added_where_the_picture_is_clicked(
    docks: Docks, results: Path, canvas_click: Any, canvas_key: Any
) -> None:
    dock = docks("review", results)
    before = len(dock.link.events.data)
    dock.viewer.dims.set_current_step(0, 33)
    dock.viewer.reset_view()
    dock.wait_for_missed("kiss_and_run")
    assert "Click where the kiss and run is" in dock.note.text()
    canvas_key(dock.viewer, "Escape")
    assert dock.link.to_place is None
    dock.wait_for_missed("kiss_and_run")
    canvas_click(dock.viewer, 4.0, 9.0)
    number = dock.selection.event_id
    assert number == dock.review.found["event_id"].max() + 1, dock.note.text()
    row = dock.review.events.set_index("event_id").loc[number]
    assert (row["kind"], row["frame"]) == ("kiss_and_run", 33)
    np.testing.assert_allclose((row["y_um"], row["x_um"]), (4.0, 9.0), atol=0.1)
    np.testing.assert_allclose(dock.link.events.data[-1], (33, row["y_um"] / 0.107, row["x_um"] / 0.107))
    at = dock.table.currentIndex().row()
    assert [dock.model.data(dock.model.index(at, column)) for column in (1, 5)] == ["missed", "kiss and run"]
    assert ", 1 added" in dock.state.text()
    canvas_key(dock.viewer, "H")
    assert dock.review.decisions[number] == "docking"
    assert dock.selection.event_id == number
    for _ in range(2):
        canvas_key(dock.viewer, "Q")
    assert len(dock.link.events.data) == before
    canvas_key(dock.viewer, "W")
    assert len(dock.link.events.data) == before + 1
    dock.wait_for_missed("docking")
    canvas_click(dock.viewer, -0.5, 5.0)
    assert "outside the movie" in dock.note.text()


def test_rejecting_an_event_that_was_added_stays_near(docks: Docks, results: Path) -> None:
    dock = docks("review", results, show=False)
    for go_on in (True, False):
        dock.go_on.setChecked(go_on)
        dock.add_missed("docking", 33, 4.0, 9.0)
        number = dock.selection.event_id
        row = dock.model.row_of(number)
        assert row > 5
        after = dock.model.ids[row + 1]
        dock.do("reject")
        assert dock.review.missed(dock.review.rater) == 0
        assert dock.selection.event_id == after
        assert dock.table.currentIndex().row() == row
    dock.do("undo")
    assert dock.selection.event_id == number
    dock.do("undo")
    assert dock.selection.event_id == after


def test_blind_mode_hides_what_the_status_bar_would_tell(docks: Docks, results: Path) -> None:
    dock = docks("review", results, show=False)
    whole = set(dock.link.events.features.columns)
    dock.blind.setChecked(True)
    assert list(dock.link.events.features.columns) == ["event_id"]
    dock.close()
    assert set(dock.viewer.layers["events"].features.columns) == whole


def test_agreement_is_shown_per_kind(docks: Docks, results: Path) -> None:
    from napari_exotrack._review_parts import Agreement

    dock = docks("review", results, show=False)
    for _ in range(5):
        dock.do("next")
        dock.do("accept")
    shown = Agreement(dock.review, dock)
    assert [shown.table.item(0, column).text() for column in (0, 1, 2)] == ["all", "5", "1.00"]
    assert "judged 0 of 5 blind" in shown.note.text()


def test_a_journal_that_cannot_be_written_is_said_in_the_dock(docks: Docks, results: Path) -> None:
    dock = docks("review", results, show=False)
    place_of(results).mkdir()
    dock.do("next")
    dock.do("reject")
    assert "cannot be written" in dock.note.text()
    assert dock.review.decisions == {}


def test_results_without_their_movie_are_reviewed_with_a_word(docks: Docks, results: Path) -> None:
    (results.parents[1] / "cell.tif").unlink()
    dock = docks("review", results, show=False)
    assert "Shown without the movie" in dock.note.text()
    dock.do("next")
    assert dock.selection.event_id is not None


def test_removing_the_layers_ends_the_review(docks: Docks, results: Path) -> None:
    dock = docks("review", results, show=False)
    dock.do("next")
    dock.viewer.layers.clear()
    assert dock.review is None
    assert dock.empty.isVisibleTo(dock)
