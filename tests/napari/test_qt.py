"""The binding of Qt that the tests run with: the one that was asked for, and one that keeps its own count of what it holds."""

from __future__ import annotations

import os
import sys

import pytest
import qtpy
from pytestqt.qtbot import QtBot


@pytest.mark.other_qt
def test_the_binding_is_the_one_that_was_asked_for() -> None:
    asked = os.environ.get("QT_API", "pyqt6")
    assert qtpy.API == asked
    others = {"PyQt5", "PyQt6", "PySide2", "PySide6"} - {qtpy.API_NAME}
    assert {name.partition(".")[0] for name in sys.modules}.isdisjoint(others)


@pytest.mark.other_qt
def test_a_signal_gives_back_no_more_than_it_took(drawable: None, qtbot: QtBot) -> None:
    """PySide6 6.12.0 gives True back with every signal and None with every painted cell, which ends Python 3.11 in the end."""
    from qtpy.QtCore import QObject, Signal

    class Teller(QObject):
        told = Signal(int, object)

    teller, heard = Teller(), []
    teller.told.connect(lambda number, what: heard.append(number))
    before = [sys.getrefcount(one) for one in (True, None)]
    for number in range(100):
        teller.told.emit(number, None)
    assert len(heard) == 100
    assert [sys.getrefcount(one) for one in (True, None)] == pytest.approx(before, abs=50)
