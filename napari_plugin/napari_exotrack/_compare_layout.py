"""The widgets of the compare dock and how they are laid out; what they do is in `_compare_dock`."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QComboBox,
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

from exotrack.kinetics.catalogue import models
from napari_exotrack._copy_table import CopyTable
from napari_exotrack._ending import EndingWidget
from napari_exotrack._kinetics import CURVES
from napari_exotrack._look import Note, canvas, filled_column

PARTS = ("newcomers", "residents")
SEEN = ("Rates of events",)
MOVIES = "Movies"
COMPARED = ("Model", "Tests", "Ranking", *SEEN)
CONDITIONS = ("Effects", "Conditions", "Cells", "Pairs")
ABOUT_PART = {
    False: "Newcomers docked during the movie; residents were docked in its first frame",
    True: "Conditions: the second is what the first is compared with",
}
ABOUT_LIST = (
    "Tick the movies and conditions that are to be taken together; click on a comparison or on statistics to see them again"
)


class CompareLayout(EndingWidget):
    """Everything that is seen of the dock. Subclasses give what the buttons do."""

    def __init__(self, viewer: Any) -> None:
        super().__init__()
        self.viewer = viewer
        layout = filled_column(self, 390)
        self.note = Note(viewer)
        layout.addLayout(self._list_row())
        layout.addLayout(self._model_row())
        layout.addLayout(self._conditions_row())
        layout.addLayout(self._progress_row())
        layout.addWidget(self.note)
        layout.addLayout(self._figure_row())
        self.figure, self.canvas = canvas(210)
        layout.addWidget(self.canvas, 1)
        self.tabs = QTabWidget()
        self.tabs.setUsesScrollButtons(False)
        self.tabs.tabBar().setExpanding(False)
        self.tables = {name: CopyTable() for name in (*COMPARED, MOVIES, *CONDITIONS)}
        for name, table in self.tables.items():
            self.tabs.addTab(table, name)
        layout.addWidget(self.tabs, 1)
        self.copy_button = QPushButton("Copy values")
        self.copy_button.setToolTip("The rows that are selected, or all, with their heads, for a spreadsheet")
        layout.addLayout(_row(self.copy_button))

    def _list_row(self) -> QHBoxLayout:
        self.results = QListWidget()
        self.results.setFixedHeight(84)
        self.results.setToolTip(ABOUT_LIST)
        self.results.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.results.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.add_button = QPushButton("Add…")
        self.add_button.setToolTip("A folder of exotrack run, batch, compare or stats")
        self.design_button = QPushButton("Design…")
        self.design_button.setToolTip(
            "A CSV file with movie_id, condition, animal; not needed for a study, which knows its design"
        )
        self.quick = QCheckBox("quick look")
        self.quick.setChecked(True)
        self.quick.setToolTip("Few redrawn sets: for a look, not for a paper")
        row, beside = _row(self.results), QVBoxLayout()
        for widget in (self.add_button, self.design_button, self.quick):
            beside.addWidget(widget)
        beside.addStretch()
        row.addLayout(beside)
        return row

    def _model_row(self) -> QHBoxLayout:
        self.model = QComboBox()
        self.model.addItems(models())
        self.model.setToolTip("Kinetic model; exotrack models show NAME tells where it is from")
        self.run_button = QPushButton("Compare with model")
        row = _row(QLabel("model"), self.model, self.run_button)
        row.setStretch(1, 1)
        return row

    def _conditions_row(self) -> QHBoxLayout:
        self.by = QComboBox()
        self.by.setEditable(True)
        self.by.setToolTip("Column of the design by which the ticked movies are compared; stimulus: before and after it")
        self.conditions_button = QPushButton("Compare conditions")
        row = _row(QLabel("by"), self.by, self.conditions_button)
        row.setStretch(1, 1)
        return row

    def _progress_row(self) -> QVBoxLayout:
        self.cancel_button, self.doing, self.bar = QPushButton("Cancel"), QLabel(), QProgressBar()
        self.bar.setMaximum(0)
        self.bar.setMaximumHeight(12)
        self.progress = QWidget()
        row = QHBoxLayout(self.progress)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.bar, 1)
        row.addWidget(self.doing, 2)
        row.addWidget(self.cancel_button)
        self.progress.hide()
        both = QVBoxLayout()
        both.addWidget(self.progress)
        return both

    def _figure_row(self) -> QHBoxLayout:
        self.curve, self.part, self.export_button = QComboBox(), QComboBox(), QPushButton("Export figure…")
        self.curve.addItems(CURVES)
        self.part.addItems(PARTS)
        row = _row(self.curve, self.part, self.export_button)
        row.setStretch(0, 3)
        row.setStretch(1, 2)
        for box in (self.curve, self.part, self.by, self.model):
            box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
            box.setMinimumContentsLength(8)
        return row

    def show_tables(self, names: tuple[str, ...]) -> None:
        """Show these tables alone; the first in front, unless one of them is already."""
        before = self.tabs.tabText(self.tabs.currentIndex())
        for index in range(self.tabs.count()):
            self.tabs.setTabVisible(index, self.tabs.tabText(index) in names)
        if before not in names:
            self.tabs.setCurrentWidget(self.tables[names[0]])

    def offer(self, curves: tuple[str, ...], parts: tuple[str, ...], of_conditions: bool) -> None:
        """Offer other figures; what was chosen stays where it is among them."""
        for box, names in ((self.curve, curves), (self.part, parts)):
            if [box.itemText(k) for k in range(box.count())] != list(names):
                chosen = box.currentText()
                box.blockSignals(True)
                box.clear()
                box.addItems(names)
                box.setCurrentIndex(max(box.findText(chosen), 0) if names else -1)
                box.blockSignals(False)
        self.part.setToolTip(ABOUT_PART[of_conditions])

    def put(self, name: str, tip: str, data: Any, ticks: bool) -> QListWidgetItem:
        """A new line of the list; ticked if it can be."""
        item = QListWidgetItem(name)
        item.setToolTip(tip)
        item.setData(Qt.ItemDataRole.UserRole, data)
        if ticks:
            item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
        self.results.blockSignals(True)
        if ticks:
            item.setCheckState(Qt.CheckState.Checked)
        self.results.addItem(item)
        self.results.blockSignals(False)
        return item


def _row(*widgets: QWidget) -> QHBoxLayout:
    row = QHBoxLayout()
    for widget in widgets:
        row.addWidget(widget)
    return row
