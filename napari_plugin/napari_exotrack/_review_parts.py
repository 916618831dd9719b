"""Parts of the review dock: the row of filters, the list of shortcuts, the table of agreement."""

from __future__ import annotations

import math
from collections.abc import Callable

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QDoubleSpinBox,
    QGridLayout,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QTableWidget,
    QTableWidgetItem,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from exotrack.report.kinds import KINDS
from napari_exotrack._keys import KEYS
from napari_exotrack._review import AUTOMATIC, Review
from napari_exotrack._table_model import Filter, words


class FilterRow(QWidget):
    """Kinds to list, range of probability, shortest docking, only what is left; `heard` is told of every change."""

    def __init__(self, colours: dict[str, str], heard: Callable[[Filter], None], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._heard = heard
        kinds, limits, layout = QHBoxLayout(), QHBoxLayout(), QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(3)
        self.kinds: dict[str, QToolButton] = {}
        for name, kind in KINDS.items():
            button = QToolButton(self)
            button.setText(kind.label)
            button.setCheckable(True)
            button.setChecked(True)
            button.setToolTip(f"List {kind.plural.lower()}")
            button.setStyleSheet(
                f"QToolButton {{ color: {colours['muted']}; border: 1px solid {colours['line']}; "
                "border-radius: 3px; padding: 2px 4px; }"
                f"QToolButton:checked {{ color: {colours[name]}; border-color: {colours[name]}; }}"
            )
            button.toggled.connect(self._tell)
            kinds.addWidget(button)
            self.kinds[name] = button
        kinds.addStretch()
        self.low, self.high = (_spin(value, 1.0, 0.05, "Probability of the call") for value in (0.0, 1.0))
        self.docked = _spin(0.0, 9999.0, 1.0, "Docked for at least so long before it (s)")
        self.docked.setSuffix(" s")
        self.left = QCheckBox("not judged")
        self.left.setToolTip("List only events that you have not judged yet")
        for words_, widget in (("p", self.low), ("to", self.high), ("docked ≥", self.docked)):
            limits.addWidget(QLabel(words_))
            limits.addWidget(widget)
            widget.valueChanged.connect(self._tell)
        limits.addWidget(self.left)
        limits.addStretch()
        self.left.toggled.connect(self._tell)
        layout.addLayout(kinds)
        layout.addLayout(limits)

    @property
    def wanted(self) -> Filter:
        """What is asked for."""
        kinds = frozenset(name for name, button in self.kinds.items() if button.isChecked())
        return Filter(kinds, (self.low.value(), self.high.value()), self.docked.value(), self.left.isChecked())

    def hide_calls(self, hidden: bool) -> None:
        """In blind mode nothing may be filtered by what is hidden."""
        for widget in (*self.kinds.values(), self.low, self.high, self.docked):
            widget.setEnabled(not hidden)

    def _tell(self, *_: object) -> None:
        self._heard(self.wanted)


def _spin(value: float, most: float, step: float, meaning: str) -> QDoubleSpinBox:
    box = QDoubleSpinBox()
    box.setRange(0.0, most)
    box.setSingleStep(step)
    box.setDecimals(2)
    box.setValue(value)
    box.setToolTip(meaning)
    box.setKeyboardTracking(False)
    box.setButtonSymbols(QDoubleSpinBox.ButtonSymbols.NoButtons)
    width = 52 if most > 1 else 34  # napari's own style is wider than the dock has room for
    box.setStyleSheet(f"QDoubleSpinBox {{ min-width: {width}px; max-width: {width}px; padding: 1px; }}")
    return box


class Shortcuts(QDialog):
    """The keys, and what they do."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Keys of the review")
        grid = QGridLayout(self)
        for row, key in enumerate(KEYS):
            letter = QLabel(f"<b>{key.letter}</b>")
            grid.addWidget(letter, row, 0)
            grid.addWidget(QLabel(key.words), row, 1)
        grid.addWidget(QLabel("They work in the viewer and in the table."), len(KEYS), 0, 1, 2)


class Agreement(QDialog):
    """Cohen's kappa of two raters, chosen from those in the journal and the analysis."""

    HEADS = ("", "events", "agreed", "kappa", "± se")

    def __init__(self, review: Review, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Agreement")
        self.resize(460, 420)
        self._review = review
        names = [AUTOMATIC, *review.raters()]
        self.one, self.other = QComboBox(), QComboBox()
        for box, chosen in ((self.one, AUTOMATIC), (self.other, review.rater)):
            box.addItems(names)
            box.setCurrentText(chosen)
            box.currentTextChanged.connect(self._fill)
        self.table = QTableWidget(0, len(self.HEADS))
        self.table.setHorizontalHeaderLabels(self.HEADS)
        self.table.verticalHeader().hide()
        self.table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        self.note = QLabel()
        self.note.setWordWrap(True)
        row, layout = QHBoxLayout(), QVBoxLayout(self)
        row.addWidget(self.one)
        row.addWidget(QLabel("and"))
        row.addWidget(self.other)
        layout.addLayout(row)
        layout.addWidget(self.table)
        layout.addWidget(self.note)
        self._fill()

    def _fill(self, *_: object) -> None:
        one, other = self.one.currentText(), self.other.currentText()
        rows = self._review.compare(one, other)
        self.table.setRowCount(len(rows))
        for row, found in enumerate(rows):
            texts = (words(found.of), str(found.n), _text(found.agreed), _text(found.kappa), _text(found.sd))
            for column, text in enumerate(texts):
                item = QTableWidgetItem(text)
                item.setFlags(item.flags() & ~Qt.ItemFlag.ItemIsEditable)
                self.table.setItem(row, column, item)
        seeing = [name for name in (one, other) if name != AUTOMATIC]
        parts = [
            f"{name} judged {self._review.judged_blind(name)} of {len(self._review.answers(name))} blind"
            f" and added {self._review.missed(name)} that were missed"
            for name in seeing
        ]
        self.note.setText(
            "; ".join(parts)
            + ". Who sees the call tends to follow it: only blind judgements measure agreement with the analysis. "
            "A dash is undefined: no event, or both always said the same."
        )


def _text(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.2f}"
