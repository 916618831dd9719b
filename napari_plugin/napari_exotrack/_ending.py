"""The end of a dock, however it comes: its cross, the viewer's, or that of the program.

napari takes a dock out of its frame, or destroys it with the viewer, without closing it. Children at work would go on, and the
viewer would call what is gone.
"""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QEvent
from qtpy.QtWidgets import QApplication, QWidget


class EndingWidget(QWidget):
    """A widget whose `let_go` is called once, while it is still whole."""

    def __init__(self) -> None:
        super().__init__()
        self.is_over = False
        self._held = False
        self._watched: QWidget | None = None
        app = QApplication.instance()
        if app is not None:
            app.aboutToQuit.connect(self.end)

    def let_go(self) -> None:
        """End children and hear no more of the viewer; subclasses say what that is. Children first: the rest may fail."""

    def end(self) -> None:
        """Let go, once."""
        if self.is_over:
            return
        self.is_over = True
        self._watched = None
        try:
            self.let_go()
        finally:
            if self.parent() is None:
                self.deleteLater()  # nobody else would, and what is connected to it keeps it and the viewer alive

    def event(self, event: Any) -> bool:
        """Watch the window that the widget is put into, and end when it is taken out of its dock."""
        kind = event.type()
        if kind == QEvent.Type.Show and self._watched is None and not self.is_over and self.window() is not self:
            self._watched = self.window()
        if kind == QEvent.Type.ParentChange:
            if self._held and self.parent() is None:
                self.end()
            self._held = self.parent() is not None
        # Minimising hides too, but that comes from the window system.
        if kind == QEvent.Type.Hide and self._watched is not None and not event.spontaneous() and not self._watched.isVisible():
            self.end()  # the viewer was closed, not only the dock hidden
        return bool(super().event(event))

    def closeEvent(self, event: Any) -> None:
        """End."""
        self.end()
        super().closeEvent(event)
