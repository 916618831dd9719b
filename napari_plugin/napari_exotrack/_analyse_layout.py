"""The widgets of the analyse dock and how they are laid out; what they do is in `_analyse_dock`."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QProgressBar,
    QPushButton,
    QToolButton,
    QVBoxLayout,
)

from exotrack.params import PRESETS
from napari_exotrack._colours import palette
from napari_exotrack._ending import EndingWidget
from napari_exotrack._form import ParamsForm
from napari_exotrack._look import Note, filled_column, is_dark
from napari_exotrack._movie_choice import MovieChoice
from napari_exotrack._preferences import preference


class AnalyseLayout(EndingWidget):
    """Everything that is seen of the dock. Subclasses give what the buttons do."""

    def __init__(self, viewer: Any) -> None:
        super().__init__()
        self.viewer = viewer
        layout = filled_column(self, 390)
        self.trouble = Note(viewer)
        layout.addWidget(self.trouble)
        self.movie = MovieChoice(viewer, lambda: self._check())
        layout.addWidget(self.movie)
        layout.addLayout(self._presets())
        self.form = ParamsForm(lambda: self._check(), palette(is_dark(viewer))["warn"])
        self.form.setMinimumHeight(220)
        layout.addWidget(self.form, 1)
        layout.addLayout(self._preview_row())
        layout.addLayout(self._out())
        layout.addLayout(self._run_row())
        self.note = Note(viewer)
        layout.addWidget(self.note)

    def _presets(self) -> QHBoxLayout:
        row = QHBoxLayout()
        self.presets = QComboBox()
        for name, (about, _) in PRESETS.items():
            self.presets.addItem(name)
            self.presets.setItemData(self.presets.count() - 1, about, Qt.ItemDataRole.ToolTipRole)
        chosen = str(preference("analyse", "preset", "granule"))
        self.presets.setCurrentText(chosen)
        self.load_button, self.save_button = QPushButton("Load…"), QPushButton("Save…")
        self.load_button.setToolTip("Parameters from a TOML file, the same that exotrack run --params takes")
        self.save_button.setToolTip("Parameters to a TOML file, the same that exotrack run --params takes")
        row.addWidget(QLabel("what glows"))
        row.addWidget(self.presets, 1)
        row.addWidget(self.load_button)
        row.addWidget(self.save_button)
        return row

    def _preview_row(self) -> QHBoxLayout:
        row = QHBoxLayout()
        self.live = QCheckBox("preview spots of this frame")
        self.live.setToolTip("Detect in the current frame as parameters change, from it and four frames on each side")
        self.found = QLabel()
        row.addWidget(self.live)
        row.addWidget(self.found, 1)
        return row

    def _out(self) -> QHBoxLayout:
        row = QHBoxLayout()
        self.out = QLineEdit(str(preference("analyse", "out", "") or ""))
        self.out.setPlaceholderText("folder for the results")
        self.browse = QToolButton()
        self.browse.setText("…")
        self.overwrite = QCheckBox("replace")
        self.overwrite.setToolTip("Replace results of this movie that are already there; a review of them is kept beside them")
        row.addWidget(QLabel("results in"))
        row.addWidget(self.out, 1)
        row.addWidget(self.browse)
        row.addWidget(self.overwrite)
        return row

    def _run_row(self) -> QVBoxLayout:
        both, row = QVBoxLayout(), QHBoxLayout()
        self.run_button, self.cancel_button = QPushButton("Run"), QPushButton("Cancel")
        self.command_button = QPushButton("For the cluster…")
        self.command_button.setToolTip("Write the command line and a study file that do the same without the viewer")
        for button in (self.run_button, self.cancel_button, self.command_button):
            row.addWidget(button)
        self.bar = QProgressBar()
        self.bar.setMaximum(1000)
        self.bar.setMaximumHeight(14)
        self.bar.setTextVisible(False)
        self.doing = QLabel()
        both.addLayout(row)
        both.addWidget(self.bar)
        both.addWidget(self.doing)
        return both

    def _check(self) -> None:
        """Told of every change; subclasses act."""
