"""The form of parameters: one page for each stage, built from what params.py declares."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QGridLayout,
    QLabel,
    QLineEdit,
    QScrollArea,
    QSlider,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from exotrack.params import Analysis, preset
from napari_exotrack._form_model import STAGES, Field, checked, fields, parsed, share_of, shown, slid, values_of

STEPS = 400
TITLES = dict(zip(STAGES, ("Detect", "Link", "Measure", "Classify", "Cell", "Protocol"), strict=True))


class FieldRow:
    """Editor, slider and reason of one parameter; `text` is what is in it."""

    def __init__(self, field: Field, heard: Callable[[], None], warn: str) -> None:
        self.field, self._warn = field, warn
        self.label = QLabel(field.label)
        self.slider: QSlider | None = None
        self.reason = QLabel()
        self.reason.setWordWrap(True)
        self.reason.setStyleSheet(f"color: {warn};")
        self.reason.hide()
        self.editor: Any
        if field.kind == "yes_no":
            self.editor = QCheckBox()
            self.editor.toggled.connect(heard)
        elif field.kind == "choice":
            self.editor = QComboBox()
            self.editor.addItems(field.choices)
            self.editor.currentTextChanged.connect(heard)
        else:
            self.editor = QLineEdit()
            self.editor.textEdited.connect(heard)
            self.editor.setMinimumWidth(70)
            self._slide(heard)
        for widget in (self.label, self.editor):
            widget.setToolTip(f"<p>{field.about}</p><p><code>{field.key}</code></p>")

    @property
    def value(self) -> Any:
        """What is in the editor, as a value or as the text that stands for none."""
        if self.field.kind == "yes_no":
            return self.editor.isChecked()
        if self.field.kind == "choice":
            return self.editor.currentText()
        return parsed(self.field, self.editor.text())

    def show(self, value: Any) -> None:
        """Put a value into the editor without telling."""
        for widget in (self.editor, self.slider):
            if widget is not None:
                widget.blockSignals(True)
        if self.field.kind == "yes_no":
            self.editor.setChecked(bool(value))
        elif self.field.kind == "choice":
            self.editor.setCurrentText(str(value))
        else:
            self.editor.setText(shown(self.field, value))
            self._follow()
        for widget in (self.editor, self.slider):
            if widget is not None:
                widget.blockSignals(False)

    def refuse(self, reason: str) -> None:
        """Show in red why the value cannot be taken, or that it can."""
        self.reason.setText(reason)
        self.reason.setVisible(bool(reason))
        self.editor.setStyleSheet(f"border: 1px solid {self._warn};" if reason else "")

    def _slide(self, heard: Callable[[], None]) -> None:
        if not self.field.slides:
            return
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(0, STEPS)
        self.slider.setMinimumWidth(70)

        def moved(step: int) -> None:
            self.editor.setText(shown(self.field, slid(self.field, step / STEPS)))
            heard()

        self.slider.valueChanged.connect(moved)

    def _follow(self) -> None:
        if self.slider is None:
            return
        value = parsed(self.field, self.editor.text())
        if isinstance(value, float):
            blocked = self.slider.blockSignals(True)
            self.slider.setValue(round(STEPS * share_of(self.field, value)))
            self.slider.blockSignals(blocked)


class ParamsForm(QWidget):
    """All parameters; `params` is None while one of them is wrong. `heard` is told of every change."""

    def __init__(self, heard: Callable[[], None], warn: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._heard = heard
        self.preset = "granule"
        self.params: Analysis | None = None
        self.rows = {field.key: FieldRow(field, self._changed, warn) for field in fields()}
        self.tabs = QTabWidget()
        self.tabs.setUsesScrollButtons(False)
        self.tabs.tabBar().setExpanding(False)
        for stage in STAGES:
            self.tabs.addTab(self._page(stage), TITLES[stage])
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.tabs)
        self.show_params(preset("granule"))

    def show_params(self, params: Analysis) -> None:
        """Put parameters into the form."""
        self.preset = params.preset
        for key, value in values_of(params).items():
            self.rows[key].show(value)
        self._changed()

    def _page(self, stage: str) -> QScrollArea:
        page, grid = QWidget(), QGridLayout()
        grid.setContentsMargins(4, 4, 4, 4)
        grid.setVerticalSpacing(3)
        grid.setColumnStretch(1, 2)
        grid.setColumnStretch(2, 1)
        rows = [row for row in self.rows.values() if row.field.stage == stage]
        for number, row in enumerate(rows):
            grid.addWidget(row.label, 2 * number, 0)
            if row.slider is not None:
                grid.addWidget(row.slider, 2 * number, 1)
                grid.addWidget(row.editor, 2 * number, 2)
            else:
                grid.addWidget(row.editor, 2 * number, 1, 1, 2)
            grid.addWidget(row.reason, 2 * number + 1, 0, 1, 3)
        grid.setRowStretch(2 * len(rows), 1)
        page.setLayout(grid)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setWidget(page)
        area.setFrameShape(QScrollArea.Shape.NoFrame)
        return area

    def _changed(self, *_: object) -> None:
        self.params, wrong = checked(self.preset, {key: row.value for key, row in self.rows.items()})
        for key, row in self.rows.items():
            row.refuse(wrong.get(key, ""))
            row._follow()
        for index, stage in enumerate(STAGES):
            bad = any(key.startswith(f"{stage}.") for key in wrong)
            self.tabs.setTabText(index, TITLES[stage] + (" !" if bad else ""))
        self._heard()
