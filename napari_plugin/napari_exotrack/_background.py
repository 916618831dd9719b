"""Short work beside the viewer: one thread, and only the answer to the last question is heard.

For reading frames, which waits for the disk; what computes for long runs in a process of its own (`_process`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from qtpy.QtCore import QObject, QRunnable, QThreadPool, Signal


class _Told(QObject):
    """Carries an answer from the thread to the window's."""

    done = Signal(int, object, object)


class _Work(QRunnable):
    def __init__(self, number: int, work: Callable[[], Any], heard: Callable[[Any], None], told: _Told) -> None:
        super().__init__()
        self._number, self._work, self._heard, self._told = number, work, heard, told

    def run(self) -> None:
        """Work and tell; an error is an answer too."""
        try:
            answer = self._work()
        except Exception as error:  # noqa: BLE001 - in a thread nobody else would hear it; the hearer shows it
            answer = error
        self._told.done.emit(self._number, self._heard, answer)


class Background(QObject):
    """Asks one question at a time; a newer question makes older ones void."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._number = 0
        self._told = _Told()
        self._told.done.connect(self._arrived)
        self._pool = QThreadPool(self)
        self._pool.setMaxThreadCount(1)

    def ask(self, work: Callable[[], Any], heard: Callable[[Any], None]) -> None:
        """Call ``heard(work())`` here once the thread has done the work; an exception is passed as the answer."""
        self._number += 1
        self._pool.clear()
        self._pool.start(_Work(self._number, work, heard, self._told))

    def forget(self) -> None:
        """Make what was asked void."""
        self._number += 1
        self._pool.clear()

    def close(self) -> None:
        """Forget, and wait for the thread."""
        self.forget()
        self._pool.waitForDone()

    def _arrived(self, number: int, heard: Callable[[Any], None], answer: Any) -> None:
        if number == self._number:
            heard(answer)
