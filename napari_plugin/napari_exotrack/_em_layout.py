"""The widgets of the EM dock and how they are laid out; what they do is in `_em_dock`."""

from __future__ import annotations

import math
from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
)

from exotrack.em.states import RULES
from exotrack.params import EM_PRESETS, VesicleParams
from napari_exotrack._copy_table import CopyTable
from napari_exotrack._ending import EndingWidget
from napari_exotrack._look import Note, filled_column

HEADS = ("#", "state", "surface\n(nm)", "centre\n(nm)", "diameter\n(nm)", "filling", "found\nby")


class EmLayout(EndingWidget):
    """Everything that is seen of the dock. Subclasses give what the buttons do."""

    def __init__(self, viewer: Any) -> None:
        super().__init__()
        self.viewer = viewer
        layout = filled_column(self, 430)
        self.trouble, self.note, self.doing = Note(viewer), Note(viewer), QLabel()
        layout.addWidget(self.trouble)
        layout.addLayout(self._image())
        layout.addLayout(self._finding())
        layout.addLayout(self._membrane())
        self.counts = QLabel()
        self.counts.setWordWrap(True)
        layout.addWidget(self.counts)
        self.table = CopyTable()
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        layout.addWidget(self.table, 1)
        layout.addLayout(self._correcting())
        layout.addWidget(self.note)

    def _image(self) -> QGridLayout:
        grid = QGridLayout()
        self.layer, self.spacing, self.preset = QComboBox(), QLineEdit(), QComboBox()
        self.spacing.setToolTip("Distance between pixels (nm): one number, or z, y, x")
        for name, (about, _) in EM_PRESETS.items():
            self.preset.addItem(name)
            self.preset.setItemData(self.preset.count() - 1, about, Qt.ItemDataRole.ToolTipRole)
        for row, (words, widget) in enumerate((("image", self.layer), ("pixel (nm)", self.spacing), ("vesicles", self.preset))):
            grid.addWidget(QLabel(words), row, 0)
            grid.addWidget(widget, row, 1)
        grid.setColumnStretch(1, 1)
        return grid

    def _finding(self) -> QHBoxLayout:
        row = QHBoxLayout()
        self.score = QDoubleSpinBox()
        self.score.setRange(0.0, 1.0)
        self.score.setSingleStep(0.05)
        self.score.setValue(VesicleParams().min_score)
        self.score.setToolTip("Score from which a candidate is a vesicle")
        self.find_button, self.cancel_button = QPushButton("Find vesicles"), QPushButton("Cancel")
        self.cancel_button.setEnabled(False)
        for widget in (QLabel("score from"), self.score, self.find_button, self.cancel_button, self.doing):
            row.addWidget(widget)
        row.addStretch()
        return row

    def _membrane(self) -> QHBoxLayout:
        row = QHBoxLayout()
        self.draw_button, self.traced, self.rule = QPushButton("Draw membrane"), QCheckBox("trace"), QComboBox()
        self.traced.setToolTip("Find the membrane in the image between the points that were clicked")
        self.rule.addItems(list(RULES))
        for k, rule in enumerate(RULES.values()):
            self.rule.setItemData(k, rule.describe(), Qt.ItemDataRole.ToolTipRole)
        self.rule.setToolTip("What docked and tethered mean")
        for widget in (self.draw_button, self.traced, QLabel("rule"), self.rule):
            row.addWidget(widget)
        row.addStretch()
        return row

    def _correcting(self) -> QVBoxLayout:
        both, first, second = QVBoxLayout(), QHBoxLayout(), QHBoxLayout()
        self.diameter = QDoubleSpinBox()
        self.diameter.setRange(5.0, 5000.0)
        self.diameter.setValue(45.0)
        self.diameter.setSuffix(" nm")
        self.diameter.setToolTip("Diameter of the selected vesicle, and of the next one that is added")
        self.add_button, self.delete_button = QPushButton("Add by clicks"), QPushButton("Delete")
        self.add_button.setCheckable(True)
        self.add_button.setToolTip("Every click in the picture adds a vesicle, until this is pressed again")
        self.delete_button.setToolTip("Take the selected vesicles out")
        self.undo_button, self.redo_button = QPushButton("Undo"), QPushButton("Redo")
        self.save_button, self.copy_button = QPushButton("Save table…"), QPushButton("Copy table")
        self.copy_button.clicked.connect(lambda: self.table.copy())
        for widget in (QLabel("diameter"), self.diameter, self.add_button, self.delete_button):
            first.addWidget(widget)
        for widget in (self.undo_button, self.redo_button, self.save_button, self.copy_button):
            second.addWidget(widget)
        both.addLayout(first)
        both.addLayout(second)
        return both

    def spacing_nm(self) -> tuple[float, float, float] | None:
        """Spacing (z, y, x) from the field, or None while it is impossible."""
        try:
            values = [float(part) for part in self.spacing.text().replace(";", ",").split(",")]
        except ValueError:
            return None
        if len(values) not in (1, 2, 3) or not all(0 < value < 1e5 for value in values):
            return None
        return (values[0], values[-2] if len(values) > 1 else values[0], values[-1])

    def chosen_numbers(self) -> list[int]:
        """Vesicles whose rows are selected."""
        rows = sorted({index.row() for index in self.table.selectedIndexes()})
        return [int(self.table.item(row, 0).text()) for row in rows]

    def fill(self, micrograph: Any) -> None:
        """The table and the counts of a micrograph, or of none."""
        rows = []
        table = None if micrograph is None else micrograph.vesicles
        if table is not None:
            for one in table.itertuples(index=False):
                numbers = (one.dist_pm_surface_nm, one.dist_pm_centre_nm, one.diameter_nm)
                rows.append((str(one.vesicle_id), one.state or "–", *(_text(v) for v in numbers), one.filling, one.backend))
            states = table.loc[table["state"] != "", "state"].value_counts()
            words = ", ".join(f"{n} {state}" for state, n in states.items())
            self.counts.setText(f"{len(table)} vesicles{': ' + words if words else ''}")
        else:
            self.counts.setText("")
        self.table.fill(HEADS, rows)


def why_none(viewer: Any) -> str:
    """Why no layer of the viewer can be taken for a micrograph."""
    from napari.layers import Image

    images = [one for one in viewer.layers if isinstance(one, Image)]
    colour = next((one.name for one in images if one.rgb), None)
    if colour is not None:
        return f"{colour} is a colour picture (RGB). Open the micrograph in grey, or use Layer > Split RGB"
    if images:
        return f"{images[-1].name} has {images[-1].ndim} axes; a micrograph has two, a stack of sections or a tomogram three"
    return "There is no image layer. Open a micrograph first: drop a file on the viewer"


def _text(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.1f}"
