"""The widgets of the review dock and how they are laid out and connected; what they do is in `_review_dock`."""

from __future__ import annotations

import getpass
from collections.abc import Callable
from functools import partial
from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QComboBox,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QLineEdit,
    QMenu,
    QProgressBar,
    QPushButton,
    QSplitter,
    QTableView,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from exotrack.report.kinds import KINDS
from napari_exotrack._colours import palette
from napari_exotrack._ending import EndingWidget
from napari_exotrack._keys import BY_ACTION, BY_LETTER, KEYS
from napari_exotrack._look import Note, fill_height, is_dark
from napari_exotrack._montage import MontageView
from napari_exotrack._preferences import preference
from napari_exotrack._review_parts import FilterRow
from napari_exotrack._trace import TraceView

NO_RESULTS = (
    "No results are open. Open a results folder (drop it on the viewer, or the button), or analyse a movie in the Analyse dock."
)


class KeyTable(QTableView):
    """A table in which the letters of the review act, instead of looking for rows that begin with them."""

    def __init__(self, act: Callable[[str], None]) -> None:
        super().__init__()
        self._act = act

    def keyPressEvent(self, event: Any) -> None:
        """Act on a letter; leave the rest to the table."""
        action = BY_LETTER.get(event.text().upper())
        if action is None or event.modifiers() not in (Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.ShiftModifier):
            super().keyPressEvent(event)
        else:
            self._act(action)


class ReviewLayout(EndingWidget):
    """Everything that is seen of the dock. Subclasses give what buttons and keys do."""

    def __init__(self, viewer: Any) -> None:
        super().__init__()
        self.viewer = viewer
        self.setMinimumWidth(410)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(6, 4, 6, 4)
        layout.setSpacing(4)
        self.note = Note(viewer)
        layout.addLayout(self._head())
        layout.addWidget(self.note)
        self.body = QWidget()
        inner = QVBoxLayout(self.body)
        inner.setContentsMargins(0, 0, 0, 0)
        inner.setSpacing(4)
        inner.addLayout(self._who())
        self.filters = FilterRow(self.colours, lambda wanted: self._filter(wanted))
        inner.addWidget(self.filters)
        inner.addWidget(self._views(), 1)
        inner.addLayout(self._answers())
        inner.addLayout(self._foot())
        layout.addWidget(self.body, 1)
        self.empty = QLabel(NO_RESULTS)
        self.empty.setWordWrap(True)
        layout.addWidget(self.empty, 1)
        self.empty.setAlignment(Qt.AlignmentFlag.AlignTop)
        fill_height(self)
        self.has_results(False)

    @property
    def colours(self) -> dict[str, str]:
        """Colours of the viewer's theme."""
        return palette(is_dark(self.viewer))

    def size_columns(self) -> None:
        """Columns as wide as what is in them; the last takes what is left."""
        for column, width in enumerate((38, 92, 42, 72, 86)):
            self.table.setColumnWidth(column, width)

    def has_results(self, there: bool) -> None:
        """Show the table, or how to come by one."""
        self.body.setVisible(there)
        self.empty.setVisible(not there)

    def _head(self) -> QHBoxLayout:
        row = QHBoxLayout()
        self.source = QComboBox()
        self.source.setToolTip("Results that are open in the viewer")
        self.open_button = QPushButton("Open results…")
        self.more = QToolButton()
        self.more.setText("More")
        self.more.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        menu = QMenu(self)
        for words, action in (
            ("Keys…", lambda: self.show_shortcuts()),
            ("Agreement…", lambda: self.show_agreement()),
            ("Export as truth for exotrack score…", lambda: self.export("truth")),
            ("Write corrected results…", lambda: self.export("corrected")),
            ("Keep the journal elsewhere…", lambda: self.keep_journal_at()),
        ):
            menu.addAction(words, action)
        self.more.setMenu(menu)
        self.more.setStyleSheet("QToolButton { padding-right: 14px; }")  # napari's own leaves no room for the arrow
        row.addWidget(self.source, 1)
        row.addWidget(self.open_button)
        row.addWidget(self.more)
        return row

    def _who(self) -> QHBoxLayout:
        row = QHBoxLayout()
        self.rater = QLineEdit(str(preference("review", "rater", "") or getpass.getuser()))
        self.rater.setToolTip("Decisions are kept under this name")
        self.rater.setMaximumWidth(110)
        self.blind = QCheckBox("blind")
        self.blind.setToolTip("Hide the automatic call, its probability and the name of the movie")
        self.go_on = QCheckBox("go on")
        self.go_on.setToolTip("Choose the next event after a decision")
        self.go_on.setChecked(bool(preference("review", "go_on", True)))
        self.all_times = QCheckBox("all times")
        self.all_times.setToolTip("Show the events of all times on the brightest of all frames")
        row.addWidget(QLabel("rater"))
        row.addWidget(self.rater)
        for box in (self.blind, self.go_on, self.all_times):
            row.addWidget(box)
        row.addStretch()
        return row

    def _views(self) -> QSplitter:
        split = QSplitter(Qt.Orientation.Vertical)
        self.table = KeyTable(self.do)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.table.setSortingEnabled(True)
        self.table.sortByColumn(3, Qt.SortOrder.AscendingOrder)
        self.table.verticalHeader().hide()
        self.table.verticalHeader().setDefaultSectionSize(21)
        self.table.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        head = self.table.horizontalHeader()
        head.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        head.setMinimumSectionSize(34)
        head.setStretchLastSection(True)
        self.table.setMinimumHeight(110)
        self.trace = TraceView(self._go_to_frame)
        self.montage = MontageView(self._go_to_frame)
        for widget, share in ((self.table, 5), (self.trace, 3), (self.montage, 2)):
            split.addWidget(widget)
            split.setStretchFactor(split.count() - 1, share)
        split.setChildrenCollapsible(False)
        return split

    def _answers(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(3)
        self.accept_button, self.reject_button = QPushButton("Right (K)"), QPushButton("No event (J)")
        for button, action in ((self.accept_button, "accept"), (self.reject_button, "reject")):
            button.setToolTip(BY_ACTION[action].words)
            button.clicked.connect(partial(self.do, action))
            row.addWidget(button)
        self.kind_button = QPushButton("It is… (H)")
        self.kind_button.setToolTip("Say what it is; H changes to the next kind")
        menu = QMenu(self)
        for name, kind in KINDS.items():
            menu.addAction(kind.label, partial(self._change_to, name))
        self.kind_button.setMenu(menu)
        row.addWidget(self.kind_button)
        self.undo_button, self.redo_button = QPushButton("Undo (Q)"), QPushButton("Redo (W)")
        for button, action in ((self.undo_button, "undo"), (self.redo_button, "redo")):
            button.clicked.connect(partial(self.do, action))
            row.addWidget(button)
        return row

    def _foot(self) -> QHBoxLayout:
        row = QHBoxLayout()
        self.progress = QProgressBar()
        self.progress.setMaximumHeight(14)
        self.progress.setMaximumWidth(60)
        self.progress.setTextVisible(False)
        self.progress.setToolTip("Events that you judged")
        self.state = QLabel()
        row.addWidget(self.progress)
        row.addWidget(self.state, 1)
        self.missed_button = QPushButton("Missed…")
        self.missed_button.setToolTip("Add an event that the analysis missed: say what it is, then click on it in the picture")
        menu = QMenu(self)
        for name, kind in KINDS.items():
            menu.addAction(kind.label, partial(self._wait_for_missed, name))
        self.missed_button.setMenu(menu)
        row.addWidget(self.missed_button)
        return row

    def _connect(self: Any) -> None:
        """Buttons, keys and the viewer to what they do."""
        self.open_button.clicked.connect(lambda: self.open_folder())
        self.source.currentIndexChanged.connect(self._source_chosen)
        self.blind.toggled.connect(self._be_blind)
        self.rater.editingFinished.connect(self._be_rater)
        self.all_times.toggled.connect(lambda wanted: self.link is not None and self.link.project(wanted))
        for key in KEYS:
            self.viewer.bind_key(key.letter, self._from_viewer(key.action), overwrite=True)
        self.viewer.bind_key("Escape", lambda _: self.wait_for_missed(None), overwrite=True)
        self.viewer.layers.events.inserted.connect(self._find_results)
        self.viewer.layers.events.removed.connect(self._find_results)
        self.viewer.dims.events.point.connect(self._frame_changed)
        self.viewer.events.theme.connect(self._theme_changed)

    def _from_viewer(self, action: str) -> Any:
        def act(_: Any) -> None:
            self.do(action)

        return act

    def do(self, action: str, *_: object) -> None:
        """Do what a key stands for."""
        getattr(self, action)()

    def let_go(self: Any) -> None:
        """Give the viewer back as it was."""
        self._let_go()
        self.montage.background.close()
        for key in KEYS:
            self.viewer.bind_key(key.letter, None, overwrite=True)
        self.viewer.bind_key("Escape", None, overwrite=True)
        self.viewer.layers.events.inserted.disconnect(self._find_results)
        self.viewer.layers.events.removed.disconnect(self._find_results)
        self.viewer.dims.events.point.disconnect(self._frame_changed)
        self.viewer.events.theme.disconnect(self._theme_changed)

    def _change_to(self: Any, kind: str, *_: object) -> None:
        self.change_to(kind)

    def _wait_for_missed(self: Any, kind: str, *_: object) -> None:
        self.wait_for_missed(kind)

    def _go_to_frame(self: Any, frame: int) -> None:
        if self.link is not None:
            dims = self.viewer.dims
            dims.set_current_step(dims.ndim - 3, frame)

    def _frame_changed(self: Any, *_: object) -> None:
        if self.link is not None:
            self.trace.at_frame(self.link.frame)

    def _theme_changed(self: Any, *_: object) -> None:
        if self.review is not None:
            self._chosen(self.selection)

    def _say_state(self: Any) -> None:
        """Progress, and what can be undone."""
        if self.review is None:
            return
        total, count = len(self.review.events), self.review.progress()
        self.progress.setMaximum(max(total, 1))
        self.progress.setValue(total - count["left"])
        changed = f"{count['changed'] + count['rejected']} changed"
        self.state.setText(f"{total - count['left']} of {total} judged, {changed}, {count['added']} added")
        self.state.setToolTip(self.state.text())
        done, undone = self.review.steps
        self.undo_button.setEnabled(done > 0)
        self.redo_button.setEnabled(undone > 0)
        self.accept_button.setEnabled(not self.review.blind)
