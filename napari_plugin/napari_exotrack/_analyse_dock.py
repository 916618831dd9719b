"""The analyse dock: parameters, live preview, a run in a process of its own, its results as layers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QApplication, QFileDialog

from exotrack.errors import ExotrackError
from exotrack.params import preset, read_toml
from napari_exotrack._analyse_layout import AnalyseLayout
from napari_exotrack._background import Background
from napari_exotrack._cluster import Order, write_params, write_study
from napari_exotrack._colours import palette
from napari_exotrack._opened import open_results
from napari_exotrack._preview import Preview
from napari_exotrack._process import Command, Estimate
from napari_exotrack._reader import layers_of
from napari_exotrack._source import place_for_results, write_movie

PREVIEW = "preview spots"
PAUSE_MS = 120
"""A slider that moves asks once it rests for so long."""


class AnalyseDock(AnalyseLayout):
    """Analyses one image layer at a time; `source` is what is known of it."""

    def __init__(self, napari_viewer: Any) -> None:
        self._ready = False
        super().__init__(napari_viewer)
        self.command = Command(self._progressed, self._ended, self)
        self.preview = Preview(self._previewed, self)
        self.writing = Background(self)
        self._order: Order | None = None
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(PAUSE_MS)
        self._pause.timeout.connect(self._ask)
        self._ready = True
        self._connect()
        self._preset_chosen(self.presets.currentText())
        self.movie.refresh()
        self._idle()

    def _connect(self) -> None:
        self.presets.currentTextChanged.connect(self._preset_chosen)
        self.load_button.clicked.connect(lambda: self.load())
        self.save_button.clicked.connect(lambda: self.save())
        self.browse.clicked.connect(self._browse)
        self.run_button.clicked.connect(lambda: self.run())
        self.cancel_button.clicked.connect(self.cancel)
        self.command_button.clicked.connect(lambda: self.for_cluster())
        self.live.toggled.connect(self._live_toggled)
        self.out.textChanged.connect(self._check)
        self.viewer.dims.events.point.connect(self._moved)

    def let_go(self) -> None:
        """End the children and let go of the viewer."""
        self.command.close()
        self.preview.close()
        self.writing.close()
        self.viewer.dims.events.point.disconnect(self._moved)
        self.movie.let_go()

    def _check(self, *_: object) -> None:
        """Whether it can be run, and if not, why."""
        if not self._ready:
            return
        source, busy = self.movie.source, self.command.running
        self.trouble.say(self.movie.trouble)
        if source is not None and not self.out.text():
            self.out.setText(str(place_for_results(source.path)))
        why = "" if self.form.params is not None else "The parameters in red are not possible"
        why = why or ("" if source is not None else self.movie.trouble) or ("" if self.out.text() else "Say where the results go")
        self.run_button.setEnabled(not why and not busy)
        self.run_button.setToolTip(why)
        self.command_button.setEnabled(not why)
        self.cancel_button.setEnabled(busy)
        self.movie.setEnabled(not busy)
        if self.live.isChecked():
            self._pause.start()

    # parameters --------------------------------------------------------------

    def _preset_chosen(self, name: str) -> None:
        self.form.show_params(preset(name))
        self._check()

    def load(self, path: Path | None = None) -> None:
        """Take parameters from a TOML file; asks for one if none is given."""
        if path is None:
            picked, _ = QFileDialog.getOpenFileName(self, "Parameters", "", "TOML (*.toml)")
            if not picked:
                return
            path = Path(picked)
        try:
            params = read_toml(path)
        except ExotrackError as error:
            self.note.say(str(error))
            return
        self.presets.blockSignals(True)
        self.presets.setCurrentText(params.preset)
        self.presets.blockSignals(False)
        self.form.show_params(params)
        self.note.say("")
        self._check()

    def save(self, path: Path | None = None) -> None:
        """Write the parameters as TOML; asks where if no path is given."""
        if self.form.params is None:
            self.note.say("The parameters in red are not possible, so that there is nothing to save")
            return
        if path is None:
            picked, _ = QFileDialog.getSaveFileName(self, "Parameters", "params.toml", "TOML (*.toml)")
            if not picked:
                return
            path = Path(picked)
        try:
            write_params(self.form.params, path)
            self.note.say(f"Written to {path}", "ok")
        except ExotrackError as error:
            self.note.say(str(error))

    def _browse(self) -> None:
        picked = QFileDialog.getExistingDirectory(self, "Folder for the results", self.out.text())
        if picked:
            self.out.setText(picked)

    # preview -----------------------------------------------------------------

    def _moved(self, *_: object) -> None:
        if self.live.isChecked():
            self._pause.start()

    def _live_toggled(self, wanted: bool) -> None:
        layer = next((one for one in self.viewer.layers if one.name == PREVIEW), None)
        if layer is not None:
            layer.visible = wanted
        self.found.setText("")
        self._check()

    def _ask(self) -> None:
        source = self.movie.source
        if source is None or self.form.params is None or not self.live.isChecked():
            return
        frame = int(self.viewer.dims.current_step[self.viewer.dims.ndim - 3])
        self.found.setText("looking…")
        self.preview.ask(source, min(frame, source.shape[0] - 1), self.form.params.detect.model_dump())

    def _previewed(self, answer: dict[str, Any], frame: int) -> None:
        """Show what was found in a frame."""
        import numpy as np

        layer = next((one for one in self.viewer.layers if one.name == PREVIEW), None)
        if answer["error"]:
            self.found.setText(answer["error"])
            return
        spots = np.array([(frame, *spot) for spot in answer["spots"]], float).reshape(-1, 3)
        image, source = self.movie.layer, self.movie.source
        if image is None or source is None or not self.live.isChecked():
            return
        self.found.setText(f"{len(spots)} spots")
        if layer is None:
            place = {"scale": image.scale[-3:], "units": image.units[-3:], "axis_labels": image.axis_labels[-3:]}
            layer = self.viewer.add_points(
                spots, name=PREVIEW, face_color="transparent", border_color=palette(dark=True)["ok"], border_width=0.12,
                size=0.8 / source.pixel_um, symbol="disc", **place,
            )  # fmt: skip
            self.viewer.layers.selection.active = image
        layer.data = spots

    # running -----------------------------------------------------------------

    def order(self) -> Order | None:
        """The run that the form stands for; None while it cannot be run."""
        source = self.movie.source
        if source is None or self.form.params is None or not self.out.text():
            return None
        out = Path(self.out.text()).expanduser()
        movie = source.path or out / f"{Path(source.name).name}.tif"
        opened = {**source.opened, "pixel_um": source.pixel_um, "frame_s": source.frame_s}
        return Order(movie, out, out / f"{movie.name}.params.toml", opened, self.overwrite.isChecked())

    def run(self) -> None:
        """Analyse in a process of its own; the pixels of a layer without a file are written to one first."""
        order, source = self.order(), self.movie.source
        if order is None or source is None or self.form.params is None or self.command.running:
            return
        self._order = order
        self.note.say("")
        try:
            write_params(self.form.params, order.params)
        except (ExotrackError, OSError) as error:
            self.note.say(f"{order.out}: cannot be written ({error})")
            return
        if source.path is None:
            self.doing.setText("writing the pixels of the layer to a file")
            self.run_button.setEnabled(False)
            pixel_um, frame_s = order.opened["pixel_um"], order.opened["frame_s"]
            self.writing.ask(lambda: write_movie(source, order.movie, pixel_um, frame_s), self._written)
        else:
            self._begin()

    def _written(self, answer: Any) -> None:
        if isinstance(answer, Exception):
            self.note.say(str(answer))
            self._idle()
        else:
            self._begin()

    def _begin(self) -> None:
        assert self._order is not None
        self.command.start("exotrack", self._order.words, self._order.out)
        self.doing.setText("starting")
        self._check()

    def cancel(self) -> None:
        """Stop the run; nothing half-written is left."""
        self.doing.setText("stopping")
        self.command.stop()

    def _progressed(self, estimate: Estimate) -> None:
        self.bar.setValue(round(1000 * estimate.share))
        self.doing.setText(estimate.words)

    def _ended(self, status: int | None, printed: str, said: str) -> None:
        order = self._order
        self._idle()
        if status is None:
            self.note.say("Stopped; nothing was written")
        elif status != 0 or order is None:
            self.note.say(said or "The run failed without a word")
        else:
            self.note.say(printed.strip().split(" -> ")[0], "ok")
            self._show_results(order)

    def _idle(self) -> None:
        self.bar.setValue(0)
        self.doing.setText("")
        self._check()

    def _show_results(self, order: Order) -> None:
        """Open what was written as layers; the layer that was analysed is hidden below them."""
        from napari.layers import Layer

        from exotrack.io.formats import stem

        try:
            opened = open_results(order.out / (stem(order.movie).lstrip(".") or "movie"))
        except ExotrackError as error:
            self.note.say(str(error))
            return
        analysed = self.movie.layer
        if analysed is not None and opened.movie is not None:
            analysed.visible = False
        for data in layers_of(opened):
            self.viewer.add_layer(Layer.create(*data))

    def for_cluster(self, folder: Path | None = None) -> None:
        """Copy the command and write it with its parameters and a study file; asks for a folder if none is given."""
        order = self.order()
        if order is None or self.form.params is None:
            return
        if folder is None:
            picked = QFileDialog.getExistingDirectory(self, "Folder for the study file", self.out.text())
            if not picked:
                return
            folder = Path(picked)
        calibration = {key: order.opened[key] for key in ("pixel_um", "frame_s")}
        try:
            study = write_study(folder, "study", self.form.params, [order.movie], calibration)
        except (ExotrackError, OSError) as error:
            self.note.say(f"{folder}: cannot be written ({error})")
            return
        command = Order(order.movie, order.out, folder / "study.params.toml", order.opened, order.overwrite).command
        QApplication.clipboard().setText(command)
        self.note.say(f"Copied: {command}\nWritten: {study}; add movies to study.csv and run it with exotrack batch", "ok")
