"""A table to read and to copy from."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtGui import QKeySequence
from qtpy.QtWidgets import QApplication, QHeaderView, QTableWidget, QTableWidgetItem


class CopyTable(QTableWidget):
    """A table to read and to copy from: all of it, or what is selected, with its heads, as a spreadsheet takes it."""

    def __init__(self) -> None:
        super().__init__()
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(22)
        self.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        self.horizontalHeader().setStretchLastSection(True)

    def fill(self, heads: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
        """Show rows of texts."""
        self.setColumnCount(len(heads))
        self.setHorizontalHeaderLabels(list(heads))
        self.setRowCount(len(rows))
        for number, row in enumerate(rows):
            for column, text in enumerate(row):
                item = QTableWidgetItem(text)
                item.setToolTip(text)
                item.setFlags(item.flags() & ~Qt.ItemFlag.ItemIsEditable)
                self.setItem(number, column, item)

    def copy(self) -> None:
        """Put it on the clipboard."""
        chosen = sorted({index.row() for index in self.selectedIndexes()}) or range(self.rowCount())
        columns = range(self.columnCount())
        lines = ["\t".join(self.horizontalHeaderItem(column).text().replace("\n", " ") for column in columns)]
        lines += ["\t".join(self.item(row, column).text() for column in columns) for row in chosen]
        QApplication.clipboard().setText("\n".join(lines))

    def keyPressEvent(self, event: Any) -> None:
        """Copy on the usual keys."""
        if event.matches(QKeySequence.StandardKey.Copy):
            self.copy()
        else:
            super().keyPressEvent(event)
