"""The table of events for Qt: sorted and filtered as whole columns, so that ten thousand rows take milliseconds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QAbstractTableModel, QModelIndex, Qt
from qtpy.QtGui import QColor

from exotrack.tables import EVENT_KINDS
from napari_exotrack._journal import NO_EVENT
from napari_exotrack._review import Review

HEADS = ("#", "Call", "p", "Time (s)", "Docked (s)", "You say")
MEANINGS = (
    "Number of the event", "What the analysis called it", "Probability of that call", "Time from the first frame",
    "Time docked before it, as far as it was seen", "What you decided",
)  # fmt: skip
NUMBER, CALL, P, TIME, DOCKED, SAID = range(6)
HIDDEN = "?"
MISSED = "missed"
"""What the analysis called an event that a person added."""


@dataclass(frozen=True)
class Filter:
    """Which events are listed: kinds, range of probability, shortest docking (s), and whether only those not judged yet."""

    kinds: frozenset[str] = field(default_factory=lambda: frozenset(EVENT_KINDS))
    p: tuple[float, float] = (0.0, 1.0)
    docked_s: float = 0.0
    only_left: bool = False


def words(answer: str) -> str:
    """An answer for people."""
    return answer.replace("_", " ") if answer != NO_EVENT else "no event"


def probabilities(events: Any) -> NDArray[np.float64]:
    """(n,) probability of the call of each event; NaN where it has none."""
    p = events["p_other"].to_numpy(float).copy()
    for kind in ("full_fusion", "kiss_and_run"):
        own = (events["kind"] == kind).to_numpy(bool)
        p[own] = events[f"p_{kind}"].to_numpy(float)[own]
    return p


class EventsModel(QAbstractTableModel):
    """Rows of `review`, in the order and selection that were asked for; `ids` has their event numbers."""

    def __init__(self, review: Review, colours: dict[str, str]) -> None:
        super().__init__()
        self._review, self._colours = review, colours
        events = review.events
        self._id = events["event_id"].to_numpy(np.int64)
        self._kind = events["kind"].to_numpy(str)
        self._frame = events["frame"].to_numpy(np.int64)
        self._keys = {
            NUMBER: self._id.astype(float),
            P: probabilities(events),
            TIME: events["t_s"].to_numpy(float),
            DOCKED: events["docked_s"].to_numpy(float),
        }
        self._place = {int(event): row for row, event in enumerate(self._id)}
        self._filter = Filter()
        self._sorted = (TIME, True)
        self._rows: NDArray[np.int64] = np.arange(len(self._id))
        self._arrange()

    @property
    def order(self) -> tuple[int, Any]:
        """Column and direction of the order, as `sort` takes them."""
        column, up = self._sorted
        return column, Qt.SortOrder.AscendingOrder if up else Qt.SortOrder.DescendingOrder

    @property
    def ids(self) -> NDArray[np.int64]:
        """Numbers of the listed events, in order."""
        return self._id[self._rows]

    @property
    def listed(self) -> NDArray[np.bool_]:
        """(n,) which of all events are listed."""
        shown = np.zeros(len(self._id), bool)
        shown[self._rows] = True
        return shown

    @property
    def p(self) -> NDArray[np.float64]:
        """Probability of the call of each listed event."""
        return self._keys[P][self._rows]

    def filter(self, wanted: Filter) -> None:
        """List the events that pass."""
        self._filter = wanted
        self._again()

    def sort(self, column: int, order: Any = Qt.SortOrder.AscendingOrder) -> None:
        """Order by a column; events with the same value, or without one, stay in the order of their numbers, the latter last."""
        self._sorted = (column, order == Qt.SortOrder.AscendingOrder)
        self._again()

    def row_of(self, event_id: int) -> int | None:
        """Where an event is listed, or None."""
        found = np.flatnonzero(self._rows == self._place.get(event_id, -1))
        return int(found[0]) if len(found) else None

    def refresh(self, event_id: int | None = None) -> None:
        """Tell views that a decision changed, or, without a number, that everything may look different."""
        first, last = 0, len(self._rows) - 1
        if event_id is not None:
            row = self.row_of(event_id)
            if row is None:
                return
            first = last = row
        if last >= first:
            self.dataChanged.emit(self.index(first, 0), self.index(last, len(HEADS) - 1))

    def rowCount(self, parent: QModelIndex = QModelIndex()) -> int:  # noqa: B008 - Qt's name and default
        """Number of listed events."""
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: QModelIndex = QModelIndex()) -> int:  # noqa: B008 - Qt's name and default
        """Number of columns."""
        return 0 if parent.isValid() else len(HEADS)

    def headerData(self, section: int, orientation: Any, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Heads of the columns and what they mean."""
        if orientation != Qt.Orientation.Horizontal:
            return None
        if section == TIME and self._review.blind:
            return {Qt.ItemDataRole.DisplayRole: "Frame", Qt.ItemDataRole.ToolTipRole: "First frame that shows it"}.get(role)
        return {Qt.ItemDataRole.DisplayRole: HEADS, Qt.ItemDataRole.ToolTipRole: MEANINGS}.get(role, [None] * 6)[section]

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Text, alignment and colour of a cell."""
        column = index.column()
        if role == Qt.ItemDataRole.TextAlignmentRole:
            side = Qt.AlignmentFlag.AlignLeft if column in (CALL, SAID) else Qt.AlignmentFlag.AlignRight
            return (side | Qt.AlignmentFlag.AlignVCenter).value  # bindings differ in what else they take for flags
        row = int(self._rows[index.row()])
        if role == Qt.ItemDataRole.DisplayRole:
            return self._text(row, column)
        if role == Qt.ItemDataRole.ForegroundRole and column in (CALL, SAID):
            colour = self._colours.get(self._answer(row, column))
            return QColor(colour) if colour else None
        return None

    def _answer(self, row: int, column: int) -> str:
        if column == SAID:
            return self._review.decisions.get(int(self._id[row]), "")
        if self._review.state(int(self._id[row])) == "added":
            return MISSED
        return HIDDEN if self._review.blind else str(self._kind[row])

    def _text(self, row: int, column: int) -> str:
        if column in (CALL, SAID):
            return words(self._answer(row, column))
        if column == NUMBER:
            return str(self._id[row])
        if self._review.blind and column in (P, DOCKED):
            return HIDDEN
        if self._review.blind and column == TIME:  # fusions are placed between frames, which would tell them
            return str(self._frame[row])
        value = self._keys[column][row]
        return f"{value:.2f}" if np.isfinite(value) else "–"

    def _again(self) -> None:
        self.beginResetModel()
        self._arrange()
        self.endResetModel()

    def _arrange(self) -> None:
        wanted = self._filter
        low, high = wanted.p
        keep = np.ones(len(self._id), bool)
        if not self._review.blind:  # what is hidden must not be found out with a filter
            keep &= np.isin(self._kind, list(wanted.kinds))
            p = self._keys[P]
            if (low, high) != (0.0, 1.0):
                keep &= (p >= low) & (p <= high)
            if wanted.docked_s > 0:
                keep &= self._keys[DOCKED] >= wanted.docked_s
        if wanted.only_left:
            keep &= ~np.isin(self._id, list(self._review.decisions))
        rows = np.flatnonzero(keep)
        key = self._key(rows)
        order = np.argsort(key, kind="stable")
        if not self._sorted[1]:
            order = np.argsort(-key, kind="stable")
        self._rows = rows[order]

    def _key(self, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        column = self._sorted[0]
        if column in (CALL, P, DOCKED) and self._review.blind:
            return self._keys[NUMBER][rows]
        if column == TIME and self._review.blind:
            return self._frame[rows].astype(float)
        if column == CALL:
            return np.unique(self._kind, return_inverse=True)[1][rows].astype(float)
        if column == SAID:
            said = np.array([self._review.decisions.get(int(event), "~") for event in self._id[rows]])
            return np.unique(said, return_inverse=True)[1].astype(float)
        return self._keys[column][rows]
