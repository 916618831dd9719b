"""What every dock shares: colours of the viewer's theme, notes, plots that follow the theme."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel, QSizePolicy, QVBoxLayout, QWidget

from napari_exotrack._colours import palette


def is_dark(viewer: Any) -> bool:
    """Whether the viewer's theme is dark."""
    from napari.utils.theme import get_theme

    red, green, blue = get_theme(str(viewer.theme)).background.as_rgb_tuple()[:3]
    return 0.299 * red + 0.587 * green + 0.114 * blue < 128


class Note(QLabel):
    """A line that says what is missing or went wrong; hidden while there is nothing to say."""

    def __init__(self, viewer: Any, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self.setWordWrap(True)
        self.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
        self.say("")

    def say(self, text: str, kind: str = "warn") -> None:
        """Show a text (kind: warn, or ok), or nothing."""
        self.setText(text)
        colours = palette(is_dark(self._viewer))
        self.setStyleSheet(f"color: {colours[kind]}; padding: 2px;")
        self.setVisible(bool(text))


def fill_height(dock: QWidget) -> None:
    """Let a dock take the whole height of its area: napari would else add empty space below it."""
    dock.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)


def filled_column(dock: QWidget, width: int) -> QVBoxLayout:
    """The layout of a dock that takes the whole height of its area and is at least `width` pixels wide."""
    dock.setMinimumWidth(width)
    fill_height(dock)
    layout = QVBoxLayout(dock)
    layout.setContentsMargins(6, 4, 6, 4)
    layout.setSpacing(4)
    return layout


def canvas(height: int) -> tuple[Any, Any]:
    """A matplotlib figure without background and its Qt canvas, at least `height` pixels high."""
    from matplotlib.backends.backend_qtagg import FigureCanvasQTAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4, height / 100), dpi=100, facecolor="none")
    drawn = FigureCanvasQTAgg(figure)
    drawn.setStyleSheet("background: transparent;")
    drawn.setMinimumHeight(height)
    drawn.setMinimumWidth(120)
    return figure, drawn
