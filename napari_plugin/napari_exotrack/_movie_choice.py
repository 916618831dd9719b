"""Which image layer is meant, and its calibration: fields that ask for what the layer does not say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from qtpy.QtWidgets import QComboBox, QGridLayout, QLabel, QLineEdit, QWidget

from exotrack.errors import ExotrackError
from exotrack.movie import FRAME_S_RANGE, PIXEL_UM_RANGE
from napari_exotrack._colours import palette
from napari_exotrack._look import is_dark
from napari_exotrack._source import Source, source_of

OWN = ("all times (brightest)",)
"""Images that the plugin made to look at."""


class MovieChoice(QWidget):
    """Lists the movies among the layers; `heard` is told of every change.

    `trouble` says in a sentence why nothing can be analysed, or is empty.
    """

    def __init__(self, viewer: Any, heard: Callable[[], None], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.viewer, self._heard = viewer, heard
        self._source: Source | None = None
        self.trouble = ""
        self.layers = QComboBox()
        self.layers.setToolTip("Image layer to analyse")
        self.pixel, self.interval = QLineEdit(), QLineEdit()
        self.pixel.setToolTip("Side of a pixel in the sample (µm)")
        self.interval.setToolTip("Time from one frame to the next (s)")
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.addWidget(QLabel("movie"), 0, 0)
        grid.addWidget(self.layers, 0, 1, 1, 3)
        for column, (words, edit) in enumerate((("pixel (µm)", self.pixel), ("interval (s)", self.interval))):
            grid.addWidget(QLabel(words), 1, 2 * column)
            grid.addWidget(edit, 1, 2 * column + 1)
            edit.textChanged.connect(self._changed)
        self.layers.currentIndexChanged.connect(self._chosen)
        viewer.layers.events.inserted.connect(self.refresh)
        viewer.layers.events.removed.connect(self.refresh)
        viewer.layers.selection.events.active.connect(self._active_changed)

    @property
    def layer(self) -> Any:
        """The chosen layer, or None."""
        return self.layers.currentData()

    @property
    def source(self) -> Source | None:
        """What is to be analysed, with the calibration in the fields; None while something is missing."""
        known = self._calibration()
        return None if self._source is None or known is None else replace(self._source, pixel_um=known[0], frame_s=known[1])

    def let_go(self) -> None:
        """Hear no more of the viewer."""
        self.viewer.layers.events.inserted.disconnect(self.refresh)
        self.viewer.layers.events.removed.disconnect(self.refresh)
        self.viewer.layers.selection.events.active.disconnect(self._active_changed)

    def refresh(self, *_: object) -> None:
        """List the layers anew."""
        from napari.layers import Image

        images = [one for one in self.viewer.layers if isinstance(one, Image) and one.name not in OWN]
        chosen = self.layer
        self.layers.blockSignals(True)
        self.layers.clear()
        for one in images:
            self.layers.addItem(one.name, one)
        self.layers.setCurrentIndex(next((k for k, one in enumerate(images) if one is chosen), len(images) - 1))
        self.layers.blockSignals(False)
        if self.layer is not chosen or not images:
            self._chosen()

    def _active_changed(self, *_: object) -> None:
        active = self.viewer.layers.selection.active
        at = next((k for k in range(self.layers.count()) if self.layers.itemData(k) is active), -1)
        if at >= 0 and self.isEnabled():
            self.layers.setCurrentIndex(at)

    def _chosen(self, *_: object) -> None:
        why = ""
        try:
            self._source = source_of(self.layer)
        except ExotrackError as error:
            self._source, why = None, str(error)
        for edit, value in ((self.pixel, "pixel_um"), (self.interval, "frame_s")):
            known = None if self._source is None else getattr(self._source, value)
            edit.blockSignals(True)
            edit.setText("" if known is None else f"{known:g}")
            edit.blockSignals(False)
            edit.setEnabled(self._source is not None)
        self._changed(why)

    def _changed(self, why: str = "") -> None:
        known = self._calibration()
        asked = "" if known else "The layer does not say how large a pixel is or how far apart its frames are: give both"
        self.trouble = asked if self._source is not None else (why or self.trouble)
        self._heard()

    def _calibration(self) -> tuple[float, float] | None:
        """Pixel (um) and interval (s) as they are in the fields, or None while one is impossible, which is then red."""
        found = []
        warn = palette(is_dark(self.viewer))["warn"]
        for edit, (low, high), unit in ((self.pixel, PIXEL_UM_RANGE, "µm"), (self.interval, FRAME_S_RANGE, "s")):
            try:
                value = float(edit.text())
            except ValueError:
                value = float("nan")
            good = low <= value <= high
            edit.setStyleSheet("" if good or self._source is None else f"border: 1px solid {warn};")
            edit.setPlaceholderText(f"{low:g} to {high:g} {unit}")
            found.append(value if good else None)
        return None if found[0] is None or found[1] is None else (found[0], found[1])
