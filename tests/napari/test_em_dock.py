"""Vesicles of a micrograph, corrected by hand and placed by a rule: the model, and the dock in a viewer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from exotrack.errors import InputError
from exotrack.io.results import read_table
from exotrack.tables import Vesicles
from napari_exotrack._em_model import Micrograph

Docks = Callable[..., Any]
LINE = [np.array([(100.0, 0.0), (100.0, 200.0)])]


def synapse() -> np.ndarray[Any, Any]:
    """A micrograph of 2 nm pixels: vesicles of 40 nm as dark rings, a dark membrane at row 100."""
    y, x = np.mgrid[:200, :200]
    picture = np.full((200, 200), 170.0)
    for row, column in ((85, 40), (60, 90), (40, 150), (84, 140), (25, 40)):
        away = np.hypot(y - row, x - column)
        picture[np.abs(away - 8.4) < 1.7] = 70
    picture[99:102] = 60
    return np.random.default_rng(2).normal(picture, 8).clip(0, 255).astype(np.uint8)


def model() -> Micrograph:
    """Two vesicles of 40 nm on 2 nm pixels, 0 and 40 nm above a membrane whose inner face is at 196.25 nm."""
    micrograph = Micrograph("m", (60.0, 2.0, 2.0), flat=True)
    micrograph.add((100 - 1.875 - 10.0, 50.0), 40.0)
    micrograph.add((100 - 1.875 - 30.0, 120.0), 40.0)
    micrograph.draw(LINE)
    return micrograph


def test_distances_are_from_the_face_of_the_membrane() -> None:
    micrograph = model()
    np.testing.assert_allclose(micrograph.vesicles["dist_pm_surface_nm"], (0, 40), atol=0.01)
    (first, _) = micrograph.lines()
    np.testing.assert_allclose(first[0], (88.125, 50))
    assert 97 < first[1][0] <= 100


def test_the_rule_changes_states_at_once_and_one_that_cannot_be_used_changes_nothing() -> None:
    micrograph = model()
    assert list(micrograph.vesicles["state"]) == ["docked", "reserve"]
    micrograph.decide("bilayer_5")
    assert list(micrograph.vesicles["state"]) == ["docked", "tethered"]
    assert len(set(micrograph.colours())) == 2
    with pytest.raises(InputError, match="needs the active zone"):
        micrograph.decide("ribbon")
    assert micrograph.rule == "bilayer_5"


def test_corrections_are_placed_and_can_be_taken_back() -> None:
    micrograph = model()
    micrograph.resize(2, 60.0)
    assert micrograph.vesicles["dist_pm_surface_nm"][1] == pytest.approx(30, abs=0.01)
    number = micrograph.add((20.0, 20.0), 50.0)
    micrograph.delete([1])
    assert list(micrograph.vesicles["vesicle_id"]) == [2, number]
    assert micrograph.undo()
    assert micrograph.undo()
    assert micrograph.undo()
    np.testing.assert_allclose(micrograph.vesicles["diameter_nm"], (40, 40))
    assert micrograph.redo()
    assert micrograph.vesicles["diameter_nm"][1] == 60
    with pytest.raises(InputError, match="diameter above 0"):
        micrograph.add((1, 1), 0.0)


def test_without_a_membrane_there_are_no_states() -> None:
    micrograph = model()
    micrograph.draw([])
    assert set(micrograph.vesicles["state"]) == {""}
    assert micrograph.lines() == []


def test_a_traced_membrane_lies_on_the_one_in_the_picture() -> None:
    micrograph = model()
    micrograph.draw([np.array([(97.0, 3.0), (103.0, 190.0)])], synapse())
    assert micrograph.membrane is not None
    np.testing.assert_allclose(micrograph.membrane.vertices[5:-5, 0] / 2, 100, atol=1.0)


def test_a_volume_keeps_its_three_axes(tmp_path: Path) -> None:
    micrograph = Micrograph("m", (30.0, 8.0, 8.0), flat=False)
    micrograph.add((4.0, 20.0, 30.0), 100.0)
    np.testing.assert_allclose(micrograph.points(), [(4, 20, 30)])
    micrograph.draw([np.array([(z, 40.0, 0.0), (z, 40.0, 60.0)]) for z in range(9)])
    assert micrograph.vesicles["dist_pm_centre_nm"][0] == pytest.approx(160 - 3.75, abs=0.5)
    table = read_table(micrograph.write(tmp_path / "v.csv"), Vesicles)
    assert table["z_nm"][0] == 120


def test_the_dock_finds_draws_decides_and_corrects(docks: Docks, qtbot: Any, tmp_path: Path) -> None:
    dock = docks("em", show=False)
    assert "Open a micrograph first" in dock.trouble.text()
    image = dock.viewer.add_image(synapse(), name="synapse")
    assert "how large a pixel is" in dock.trouble.text()
    dock.viewer.layers.remove(image)
    image = dock.viewer.add_image(synapse(), name="synapse", scale=(0.002, 0.002), units=("um", "um"))
    assert dock.spacing_nm() == (2, 2, 2)
    dock.score.setValue(0.7)
    dock.find_button.click()
    qtbot.waitUntil(lambda: not dock.command.running and dock.table.rowCount() > 0, timeout=120_000)
    found = dock.micrograph.vesicles
    assert len(found) == 5
    layer = dock.viewer.layers["vesicles"]
    np.testing.assert_allclose(layer.scale, image.scale)
    middle = sorted(tuple(row) for row in np.rint(layer.data).astype(int))
    np.testing.assert_allclose(middle, sorted([(85, 40), (60, 90), (40, 150), (84, 140), (25, 40)]), atol=1.5)
    dock.draw()
    assert dock.viewer.layers["membrane"].mode == "add_path"
    dock.viewer.layers["membrane"].add_paths([np.array([(100.0, 0.0), (100.0, 199.0)])])
    assert "proximal" in dock.counts.text()
    assert len(dock.viewer.layers["distances"].data) == 5
    before = list(dock.micrograph.vesicles["state"])
    dock.rule.setCurrentText("bilayer_10")
    assert list(dock.micrograph.vesicles["state"]) != before
    assert "docked" in dock.counts.text()
    dock.table.selectRow(2)
    assert layer.selected_data == {2}
    dock.diameter.setValue(55.0)
    dock.diameter.editingFinished.emit()
    assert dock.micrograph.vesicles["diameter_nm"][2] == 55
    assert layer.size[2] == pytest.approx(27.5)
    dock.add((150.0, 60.0))
    assert dock.table.rowCount() == 6
    dock.delete_button.click()
    assert dock.table.rowCount() == 5
    dock.undo_button.click()
    assert len(layer.data) == 6
    dock.save(tmp_path / "v.parquet")
    assert len(read_table(tmp_path / "v.parquet", Vesicles)) == 6
    dock.rule.setCurrentText("ribbon")
    assert "needs the active zone" in dock.note.text()


def test_clicks_choose_and_add_vesicles(docks: Docks, canvas_click: Any, qtbot: Any) -> None:
    dock = docks("em")
    dock.viewer.add_image(synapse(), name="synapse", scale=(0.002, 0.002), units=("um", "um"))
    dock.diameter.setValue(40.0)
    dock.add((85.0, 40.0))
    dock.add((60.0, 90.0))
    dock.viewer.reset_view()
    canvas_click(dock.viewer, 0.174, 0.082)  # within the first, beside its middle
    assert dock.chosen_numbers() == [1]
    dock.viewer.reset_view()
    canvas_click(dock.viewer, 0.3, 0.3)
    assert len(dock.micrograph.vesicles) == 2
    dock.add_button.click()
    canvas_click(dock.viewer, 0.08, 0.3)
    added = dock.micrograph.vesicles.iloc[-1]
    assert dock.chosen_numbers() == [3]
    np.testing.assert_allclose((added["y_nm"], added["x_nm"], added["diameter_nm"]), (80, 300, 40), atol=2)
    np.testing.assert_allclose(dock.viewer.layers["vesicles"].data[-1], (40, 150), atol=1)
    canvas_click(dock.viewer, -0.01, 0.3)
    assert "outside the image" in dock.note.text()
    dock.add_button.click()
    dock.delete_button.click()
    assert list(dock.micrograph.vesicles["vesicle_id"]) == [1, 2]
    dock.undo_button.click()
    assert len(dock.viewer.layers["vesicles"].data) == 3
    dock.draw()
    canvas_click(dock.viewer, 0.17, 0.08)
    assert dock.chosen_numbers() != [1]
