"""The compare dock: what the open results say of kinetics, and how well a model agrees."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QProgressBar,
    QPushButton,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from exotrack.errors import ExotrackError
from exotrack.kinetics.catalogue import models
from napari_exotrack._colours import palette
from napari_exotrack._copy_table import CopyTable
from napari_exotrack._ending import EndingWidget
from napari_exotrack._kinetics import CURVES, Compared, counted, draw_compared, draw_seen, listed, read_compared
from napari_exotrack._look import Note, canvas, fill_height, is_dark
from napari_exotrack._opened import KEY, open_results
from napari_exotrack._process import Command, Estimate

QUICK = ["--repeats", "19", "--starts", "2"]
"""For a look; the command line's own numbers are for a paper."""
PARTS = ("newcomers", "residents")
RATES = ("parameter", "role", "unit", "published", "value", "low", "high", "verdict")
GOODNESS = ("rates", "test", "statistic", "p_value", "n_redrawn")
RANKING = ("model", "n_free", "log_likelihood", "aic", "aic_weight", "left_out_behind")


class CompareDock(EndingWidget):
    """Curves and tables of the results that are ticked; with bands of a model once one was compared."""

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__()
        self.viewer = napari_viewer
        self.compared: Compared | None = None
        self.command = Command(self._progressed, self._ended, self)
        self._folder = tempfile.TemporaryDirectory(prefix="exotrack-compare-")
        self._number = 0
        self.setMinimumWidth(390)
        fill_height(self)
        self._lay_out()
        self.viewer.layers.events.inserted.connect(self.refresh)
        self.viewer.layers.events.removed.connect(self.refresh)
        self.viewer.events.theme.connect(self.draw)
        self.refresh()

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(6, 4, 6, 4)
        layout.setSpacing(4)
        self.note = Note(self.viewer)
        self.results = QListWidget()
        self.results.setMaximumHeight(66)
        self.results.setToolTip("Results to be taken together")
        self.results.itemChanged.connect(self._ticked)
        self.add_button = QPushButton("Add results…")
        self.add_button.clicked.connect(lambda: self.add())
        self.model = QComboBox()
        self.model.addItems(models())
        self.model.setToolTip("Kinetic model; exotrack models show NAME tells where it is from")
        self.quick = QCheckBox("quick look")
        self.quick.setChecked(True)
        self.quick.setToolTip("Few redrawn sets: for a look, not for a paper")
        self.run_button, self.cancel_button = QPushButton("Compare"), QPushButton("Cancel")
        self.run_button.clicked.connect(lambda: self.run())
        self.cancel_button.clicked.connect(self.command.stop)
        self.bar, self.doing = QProgressBar(), QLabel()
        self.bar.setMaximum(0)
        self.bar.setMaximumHeight(12)
        self.part = QComboBox()
        self.part.addItems(PARTS)
        self.part.setToolTip("Newcomers docked during the movie; residents were docked in its first frame")
        self.part.currentTextChanged.connect(self.draw)
        self.figure, self.canvas = canvas(210)
        self.tabs = QTabWidget()
        self.curve = QComboBox()
        self.curve.addItems(CURVES)
        self.curve.currentTextChanged.connect(self.draw)
        self.tables = {name: CopyTable() for name in ("Rates of events", "Model", "Tests", "Ranking")}
        for name, table in self.tables.items():
            self.tabs.addTab(table, name)
        self.export_button, self.copy_button = QPushButton("Export figure…"), QPushButton("Copy values")
        self.export_button.clicked.connect(lambda: self.export())
        self.copy_button.clicked.connect(lambda: self.tabs.currentWidget().copy())
        layout.addWidget(self.results)
        layout.addLayout(_row(self.add_button, self.model, self.quick))
        layout.addLayout(_row(self.run_button, self.cancel_button, self.doing))
        layout.addWidget(self.bar)
        layout.addWidget(self.note)
        layout.addLayout(_row(self.curve, self.part, self.export_button))
        layout.addWidget(self.canvas, 1)
        layout.addWidget(self.tabs, 1)
        layout.addLayout(_row(self.copy_button))
        self._idle()

    def chosen(self) -> list[Any]:
        """Results that are ticked."""
        items = [self.results.item(row) for row in range(self.results.count())]
        return [item.data(Qt.ItemDataRole.UserRole) for item in items if item.checkState() == Qt.CheckState.Checked]

    def refresh(self, *_: object) -> None:
        """List the results that are open in the viewer, and those that were added."""
        held = {id(self.results.item(k).data(Qt.ItemDataRole.UserRole)) for k in range(self.results.count())}
        for layer in self.viewer.layers:
            opened = layer.metadata.get(KEY)
            if opened is not None and id(opened.results) not in held:
                held.add(id(opened.results))
                self._list(opened.name, opened.results)
        self._ticked()

    def add(self, folder: Path | None = None) -> None:
        """Add a results folder without showing it; asks for one if none is given."""
        if folder is None:
            picked = QFileDialog.getExistingDirectory(self, "Add a results folder of exotrack")
            if not picked:
                return
            folder = Path(picked)
        try:
            opened = open_results(folder)
        except ExotrackError as error:
            self.note.say(str(error))
            return
        self.note.say("")
        self._list(opened.name, opened.results)
        self._ticked()

    def _list(self, name: str, results: Any) -> None:
        item = QListWidgetItem(name)
        item.setToolTip(str(results.folder))
        item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
        item.setData(Qt.ItemDataRole.UserRole, results)
        self.results.blockSignals(True)
        item.setCheckState(Qt.CheckState.Checked)
        self.results.addItem(item)
        self.results.blockSignals(False)

    def _ticked(self, *_: object) -> None:
        """Other results: what was compared holds no more."""
        self.compared = None
        chosen = self.chosen()
        self.note.say("" if chosen else "Open a results folder in the viewer, or add one, to see its kinetics")
        self.run_button.setEnabled(bool(chosen) and not self.command.running)
        heads, rows = counted(chosen) if chosen else ((), [])
        self.tables["Rates of events"].fill(heads, rows)
        for name in ("Model", "Tests", "Ranking"):
            self.tables[name].fill((), [])
        self.draw()

    def draw(self, *_: object) -> None:
        """Draw the chosen curve."""
        colours = palette(is_dark(self.viewer))
        self.figure.clear()
        chosen = self.chosen()
        if chosen:
            ax = self.figure.add_axes((0.13, 0.17, 0.84, 0.78))
            model = self.compared.models.get(self.model.currentText()) if self.compared is not None else None
            if model is not None:
                draw_compared(ax, self.curve.currentText(), model, self.part.currentText(), colours)
            else:
                draw_seen(ax, self.curve.currentText(), chosen, colours)
        self.canvas.draw_idle()

    def run(self) -> None:
        """Compare the ticked results with the chosen model in a process of its own."""
        self._number += 1
        out = Path(self._folder.name) / str(self._number)
        words = ["compare", *(str(one.folder) for one in self.chosen()), "--model", self.model.currentText(), "--out", str(out)]
        self.command.start("exotrack", [*words, *(QUICK if self.quick.isChecked() else [])], out.parent, {})
        self.note.say("")
        self.doing.setText("comparing")
        self.run_button.setEnabled(False)
        self.cancel_button.setEnabled(True)
        self.bar.show()

    def _progressed(self, estimate: Estimate) -> None:
        self.doing.setText(f"comparing: {estimate.what}")

    def _ended(self, status: int | None, printed: str, said: str) -> None:
        self._idle()
        if status is None:
            self.note.say("Stopped")
        elif status != 0:
            self.note.say(said or "The comparison failed without a word")
        else:
            try:
                self._show(read_compared(Path(self._folder.name) / str(self._number)))
            except ExotrackError as error:
                self.note.say(str(error))

    def _show(self, compared: Compared) -> None:
        self.compared = compared
        self.note.say("; ".join(compared.notes))
        for name, table, columns in (("Model", "rates", RATES), ("Tests", "goodness", GOODNESS), ("Ranking", "ranking", RANKING)):
            self.tables[name].fill(*listed(compared.tables[table], columns))
        self.tabs.setCurrentWidget(self.tables["Model"])
        self.draw()

    def _idle(self) -> None:
        self.bar.hide()
        self.doing.setText("")
        self.cancel_button.setEnabled(False)
        self.run_button.setEnabled(bool(self.chosen()))

    def export(self, path: Path | None = None) -> None:
        """Save the figure on white ground as PDF, SVG or PNG; asks for a name if none is given."""
        if path is None:
            picked, _ = QFileDialog.getSaveFileName(self, "Export figure", "kinetics.pdf", "Figure (*.pdf *.svg *.png)")
            if not picked:
                return
            path = Path(picked)
        from matplotlib.figure import Figure

        figure, colours = Figure(figsize=(4.5, 3.2)), palette(dark=False)
        ax = figure.add_axes((0.13, 0.16, 0.84, 0.8))
        model = None if self.compared is None else self.compared.models.get(self.model.currentText())
        if model is not None:
            draw_compared(ax, self.curve.currentText(), model, self.part.currentText(), colours)
        else:
            draw_seen(ax, self.curve.currentText(), self.chosen(), colours)
        try:
            figure.savefig(path, dpi=300)
            self.note.say(f"Written to {path}", "ok")
        except (OSError, ValueError) as error:
            self.note.say(f"{path}: {error}")

    def let_go(self) -> None:
        """End the child and let go of the viewer."""
        self.command.close()
        self.viewer.layers.events.inserted.disconnect(self.refresh)
        self.viewer.layers.events.removed.disconnect(self.refresh)
        self.viewer.events.theme.disconnect(self.draw)
        self._folder.cleanup()


def _row(*widgets: QWidget) -> QHBoxLayout:
    row = QHBoxLayout()
    for widget in widgets:
        row.addWidget(widget)
    return row
