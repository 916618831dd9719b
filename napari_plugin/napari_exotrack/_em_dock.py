"""The EM dock: vesicles of a micrograph, a membrane that is drawn or traced, their states by a rule that is chosen live."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from qtpy.QtWidgets import QFileDialog

from exotrack.em.states import RULES
from exotrack.errors import ExotrackError
from exotrack.tables import Vesicles
from napari_exotrack._background import Background
from napari_exotrack._em_clicks import MEMBRANE, EmClicks
from napari_exotrack._em_layout import EmLayout, why_none
from napari_exotrack._em_model import Micrograph
from napari_exotrack._mouse import on_click
from napari_exotrack._process import Command, Estimate
from napari_exotrack._source import layer_units_in, write_planes

VESICLES, DISTANCES = "vesicles", "distances"


class EmDock(EmClicks, EmLayout):
    """Works on one micrograph at a time; `micrograph` is what is known of its vesicles."""

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__(napari_viewer)
        self.micrograph: Micrograph | None = None
        self.command = Command(self._progressed, self._ended, self)
        self.tracing = Background(self)
        self._folder = tempfile.TemporaryDirectory(prefix="exotrack-em-")
        self._number, self._showing = 0, False
        self._connect()
        self._list()

    def _connect(self) -> None:
        self.layer.currentIndexChanged.connect(self._chosen)
        self.spacing.textChanged.connect(self._chosen)
        self.find_button.clicked.connect(lambda: self.find())
        self.cancel_button.clicked.connect(self.command.stop)
        self.draw_button.clicked.connect(lambda: self.draw())
        self.traced.toggled.connect(self._drawn)
        self.rule.currentTextChanged.connect(self._rule_chosen)
        self.add_button.toggled.connect(self._adding)
        self.delete_button.clicked.connect(lambda: self.delete())
        self.undo_button.clicked.connect(lambda: self.step("undo"))
        self.redo_button.clicked.connect(lambda: self.step("redo"))
        self.diameter.editingFinished.connect(lambda: self.resize_chosen())
        self.save_button.clicked.connect(lambda: self.save())
        self.table.itemSelectionChanged.connect(self._row_chosen)
        self.viewer.layers.events.inserted.connect(self._list)
        self.viewer.layers.events.removed.connect(self._list)
        self._pressed = on_click(self.click)
        self.viewer.mouse_drag_callbacks.append(self._pressed)

    def let_go(self) -> None:
        """End the child and let go of the viewer."""
        self.command.close()
        self.tracing.close()
        self.viewer.layers.events.inserted.disconnect(self._list)
        self.viewer.layers.events.removed.disconnect(self._list)
        if self._pressed in self.viewer.mouse_drag_callbacks:
            self.viewer.mouse_drag_callbacks.remove(self._pressed)
        self._folder.cleanup()

    # the image ---------------------------------------------------------------

    def _list(self, *_: object) -> None:
        from napari.layers import Image

        images = [one for one in self.viewer.layers if isinstance(one, Image) and not one.rgb and one.ndim in (2, 3)]
        chosen = self.layer.currentData()
        self.layer.blockSignals(True)
        self.layer.clear()
        for one in images:
            self.layer.addItem(one.name, one)
        self.layer.setCurrentIndex(next((k for k, one in enumerate(images) if one is chosen), len(images) - 1))
        self.layer.blockSignals(False)
        if self.layer.currentData() is not chosen or not images:
            image = self.layer.currentData()
            known = None if image is None else layer_units_in(image, "nm")
            self.spacing.setText("" if known is None else ", ".join(f"{value:.6g}" for value in known))
            self._chosen()

    def _chosen(self, *_: object) -> None:
        """Another image or spacing: what was found belongs to the old one."""
        image, spacing = self.layer.currentData(), self.spacing_nm()
        why = "" if image is not None else why_none(self.viewer)
        if image is not None and spacing is None:
            why = "The layer does not say how large a pixel is: give one number in nm, or three (z, y, x)"
        self.trouble.say(why)
        self.find_button.setEnabled(not why and not self.command.running)
        self.draw_button.setEnabled(not why)
        self.micrograph = None if why or spacing is None else Micrograph(image.name, spacing, image.ndim == 2)
        if self.micrograph is not None:
            self.micrograph.rule = self.rule.currentText()
        self.show_all()

    # finding -----------------------------------------------------------------

    def find(self) -> None:
        """Find vesicles in a process of its own."""
        image, spacing = self.layer.currentData(), self.spacing_nm()
        if image is None or spacing is None:
            return
        self._number += 1
        out = Path(self._folder.name) / str(self._number)
        out.mkdir()
        given = spacing if image.ndim == 3 else spacing[-1:]
        words = ["em", str(out / "image.npy"), "--out", str(out / "found"), "--preset", self.preset.currentText()]
        words += ["--spacing-nm", ",".join(f"{value:g}" for value in given)]
        words += ["--set", f"vesicles.min_score={self.score.value():g}"]
        self.note.say("")
        self.doing.setText("looking for vesicles")
        self.find_button.setEnabled(False)
        data = image.data
        self.tracing.ask(lambda: write_planes(data, out / "image.npy"), lambda answer: self._begin(words, out, answer))

    def _begin(self, words: list[str], out: Path, answer: Any) -> None:
        if isinstance(answer, Exception):
            self._ended(2, "", str(answer))
            return
        self.command.start("exotrack", words, out / "found", {})
        self.cancel_button.setEnabled(True)

    def _progressed(self, estimate: Estimate) -> None:
        self.doing.setText("looking for vesicles" if estimate.what == "starting" else f"looking: {estimate.what}")

    def _ended(self, status: int | None, printed: str, said: str) -> None:
        from exotrack.io.results import read_table

        self.doing.setText("")
        self.find_button.setEnabled(True)
        self.cancel_button.setEnabled(False)
        if status != 0 or self.micrograph is None:
            self.note.say("Stopped" if status is None else said or "The search failed without a word")
            return
        path = Path(self._folder.name) / str(self._number) / "found" / "image" / "vesicles.parquet"
        micrograph = self.micrograph
        self._try(lambda: micrograph.take(Vesicles.build(read_table(path, Vesicles).assign(image_id=micrograph.name))))
        self.note.say(f"{len(micrograph.vesicles)} vesicles", "ok")
        self.show_all()

    # the membrane ------------------------------------------------------------

    def draw(self) -> None:
        """Draw the membrane: a layer of lines in the mode that adds a point with each click; a double click ends the line."""
        image = self.layer.currentData()
        if image is None:
            return
        layer = self._own(MEMBRANE)
        if layer is None:
            axes = {"scale": image.scale, "units": image.units, "axis_labels": image.axis_labels}
            layer = self.viewer.add_shapes(
                None, ndim=image.ndim, name=MEMBRANE, edge_width=1.5, edge_color="#f0e442", face_color="transparent", **axes
            )
            layer.events.data.connect(self._drawn)
        self.viewer.layers.selection.active = layer
        layer.mode = "add_path"
        self.note.say("Click along the membrane; a double click ends the line", "ok")

    def _drawn(self, *_: object) -> None:
        """Lines were drawn, moved or removed."""
        layer, micrograph, image = self._own(MEMBRANE), self.micrograph, self.layer.currentData()
        if layer is None or micrograph is None or image is None:
            return
        lines = [np.array(line) for line in layer.data]
        if not self.traced.isChecked():
            self._try(lambda: micrograph.draw(lines))
            self.show_all()
            return
        picture = np.asarray(image.data) if micrograph.flat else None
        if picture is None:
            self.note.say("Tracing needs a single section; draw whole lines, one in each section")
            return
        self.tracing.ask(lambda: micrograph.draw(lines, picture), self._traced)

    def _traced(self, answer: Any) -> None:
        self.note.say(str(answer) if isinstance(answer, Exception) else "")
        self.show_all()

    def _rule_chosen(self, name: str) -> None:
        self.rule.setToolTip(RULES[name].describe())
        if self.micrograph is not None:
            micrograph = self.micrograph
            self._try(lambda: micrograph.decide(name))
            self.show_all()

    # correcting --------------------------------------------------------------

    def delete(self) -> None:
        """Take the selected vesicles out."""
        numbers, micrograph = self.chosen_numbers(), self.micrograph
        if micrograph is not None and numbers:
            self._try(lambda: micrograph.delete(numbers))
            self.show_all()

    def resize_chosen(self) -> None:
        """Give the selected vesicle the diameter in the field."""
        numbers, micrograph = self.chosen_numbers(), self.micrograph
        if micrograph is None or len(numbers) != 1:
            return
        row = micrograph.vesicles.set_index("vesicle_id").loc[numbers[0]]
        if abs(float(row["diameter_nm"]) - self.diameter.value()) > 0.05:
            self._try(lambda: micrograph.resize(numbers[0], self.diameter.value()))
            self.show_all()

    def step(self, which: str) -> None:
        """Undo or redo."""
        if self.micrograph is not None and getattr(self.micrograph, which)():
            self.show_all()

    def save(self, path: Path | None = None) -> None:
        """Write the table of vesicles; asks for a name if none is given."""
        if self.micrograph is None:
            return
        if path is None:
            picked, _ = QFileDialog.getSaveFileName(self, "Vesicles", "vesicles.csv", "Tables (*.csv *.parquet)")
            if not picked:
                return
            path = Path(picked)
        micrograph = self.micrograph
        if self._try(lambda: micrograph.write(path)) is not None:
            self.note.say(f"Written to {path}", "ok")

    # showing -----------------------------------------------------------------

    def _row_chosen(self) -> None:
        """Go to the selected vesicle."""
        numbers, micrograph, layer = self.chosen_numbers(), self.micrograph, self._own(VESICLES)
        if self._showing or micrograph is None or not numbers or layer is None:
            return
        from napari_exotrack._link import camera

        place = int(np.flatnonzero(micrograph.vesicles["vesicle_id"] == numbers[0])[0])
        world = layer.data_to_world(layer.data[place])
        if not self.staying:
            seen = camera(self.viewer)
            seen.center = (*seen.center[:-2], *world[-2:])
            if not micrograph.flat:
                self.viewer.dims.set_point(self.viewer.dims.ndim - 3, world[-3])
        layer.selected_data = {place}
        self.diameter.setValue(float(micrograph.vesicles["diameter_nm"].iloc[place]))

    def show_all(self) -> None:
        """Bring layers and table to what is known."""
        self._showing = True
        micrograph, image = self.micrograph, self.layer.currentData()
        self.fill(micrograph)
        for name in (VESICLES, DISTANCES):
            if (layer := self._own(name)) is not None and (micrograph is None or image is None):
                self.viewer.layers.remove(layer)
        if micrograph is not None and image is not None and (len(micrograph.vesicles) or self._own(VESICLES) is not None):
            self._show_layers(micrograph, image)
        self._showing = False

    def _show_layers(self, micrograph: Micrograph, image: Any) -> None:
        axes = {"scale": image.scale, "units": image.units, "axis_labels": image.axis_labels}
        points, lines = self._own(VESICLES), self._own(DISTANCES)
        active = self.viewer.layers.selection.active
        if points is None:
            points = self.viewer.add_points(
                None, ndim=image.ndim, name=VESICLES, face_color="transparent", border_width=0.06, **axes
            )
        points.data = micrograph.points()
        if len(points.data):
            points.size, points.border_color = micrograph.sizes(), micrograph.colours()
        ends = micrograph.lines()
        if lines is None and ends:
            lines = self.viewer.add_vectors(
                np.zeros((0, 2, image.ndim)), name=DISTANCES, edge_color="#f0e442", edge_width=0.6, vector_style="line", **axes
            )
        if lines is not None:
            lines.data = np.array([(one[0], one[1] - one[0]) for one in ends]).reshape(-1, 2, image.ndim)
        if active is not None and active in self.viewer.layers:
            self.viewer.layers.selection.active = active

    def _own(self, name: str) -> Any:
        return next((layer for layer in self.viewer.layers if layer.name == name), None)

    def _try(self, work: Any) -> Any:
        try:
            done = work()
        except ExotrackError as error:
            self.note.say(str(error))
            return None
        self.note.say("")
        return done
