"""The review dock: table, trace and strip of events beside the viewer, every call open to correction."""

from __future__ import annotations

import getpass
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from qtpy.QtCore import QItemSelectionModel
from qtpy.QtWidgets import QFileDialog

from exotrack.errors import ExotrackError
from napari_exotrack._link import ViewerLink
from napari_exotrack._opened import KEY, Opened, open_results
from napari_exotrack._reader import layers_of
from napari_exotrack._review import Review
from napari_exotrack._review_extras import ReviewExtras
from napari_exotrack._review_layout import ReviewLayout
from napari_exotrack._review_parts import Agreement, Shortcuts
from napari_exotrack._selection import Selection
from napari_exotrack._table_model import EventsModel


class ReviewDock(ReviewExtras, ReviewLayout):
    """Shows the results that are open in the viewer, one at a time; `selection` says what is chosen."""

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__(napari_viewer)
        self.selection = Selection()
        self.review: Review | None = None
        self.link: ViewerLink | None = None
        self.model: EventsModel | None = None
        self.opened: Opened | None = None
        self._connect()
        self._find_results()

    # results -----------------------------------------------------------------

    def open_folder(self, folder: Path | None = None) -> None:
        """Open a results folder as layers and review it; asks for one if none is given."""
        if folder is None:
            picked = QFileDialog.getExistingDirectory(self, "Open a results folder of exotrack")
            if not picked:
                return
            folder = Path(picked)
        self._try(lambda: self.show_results(open_results(folder), add=True))

    def show_results(self, opened: Opened, add: bool = False) -> None:
        """Review these results; `add` shows their layers first."""
        from napari.layers import Layer

        if add:
            for data in layers_of(opened):
                self.viewer.add_layer(Layer.create(*data))
        self._find_results()
        index = next((k for k in range(self.source.count()) if self.source.itemData(k) is opened), -1)
        self.source.setCurrentIndex(index)

    def _find_results(self, *_: object) -> None:
        """List the results that have layers in the viewer."""
        found = list({id(o): o for layer in self.viewer.layers if (o := layer.metadata.get(KEY)) is not None}.values())
        chosen = self.opened if any(one is self.opened for one in found) else (found[-1] if found else None)
        self.source.blockSignals(True)
        self.source.clear()
        for number, one in enumerate(found, 1):
            self.source.addItem(f"results {number}" if self.blind.isChecked() else one.name, one)
        self.source.setCurrentIndex(next((k for k, one in enumerate(found) if one is chosen), -1))
        self.source.blockSignals(False)
        if chosen is not self.opened:
            self._start(chosen)

    def _source_chosen(self, index: int) -> None:
        opened = self.source.itemData(index)
        if opened is not self.opened:
            self._start(opened)

    def _start(self, opened: Opened | None) -> None:
        """Begin or resume the review of results, or of none."""
        self._let_go()
        self.opened = opened
        self.has_results(opened is not None)
        if opened is None:
            return
        events = opened.results.tables["events"]
        name = self.rater.text().strip() or getpass.getuser()
        self.review = self._try(lambda: Review.of_folder(opened.folder, events, name))
        if self.review is None:
            return
        self.review.blind = self.blind.isChecked()
        self.review.changed.append(self._decided)
        self.review.remade.append(self._show_review)
        self.trace.open(opened)
        self._show_review()
        aside = self.review.journal.set_aside
        lost = "" if not opened.trouble else f"Shown without the movie: {opened.trouble}"
        self.note.say(lost or (f"An earlier review was of other calls; it was kept as {aside.name}" if aside else ""))

    def _show_review(self) -> None:
        """The table and the layer of the review, anew where events came or went."""
        assert self.review is not None
        assert self.opened is not None
        order, chosen = None if self.model is None else self.model.order, self.selection.event_id
        near = None if self.model is None or chosen is None else self.model.row_of(chosen)
        self._cut_link()
        self.model = EventsModel(self.review, self.colours)
        if order is not None:
            self.model.sort(*order)
        self.table.setModel(self.model)
        self.size_columns()
        self.table.selectionModel().currentRowChanged.connect(self._row_chosen)
        self.link = ViewerLink(self.viewer, self.opened, self.review, self.selection)
        self.selection.hearers.append(self._chosen)
        self._filter(self.filters.wanted)
        self._chosen(self.selection)
        self._go_to(chosen)
        if near is not None and self.selection.event_id is None and len(self.model.ids):
            self._choose_row(min(near, len(self.model.ids) - 1))  # the event is gone: go on with what came after it

    def _cut_link(self) -> None:
        self.selection.hearers.clear()
        if self.link is not None:
            self.selection.hearers.append(self.link.follow)
            self.link.cut()
            self.selection.hearers.clear()
        self.selection.event_id = self.selection.track_id = None
        self.link = None

    def _let_go(self) -> None:
        if self.link is not None:
            if self.review is not None and self.review.blind:
                self.review.blind = False
                self.link.colour()
        self._cut_link()
        self.table.setModel(None)
        self.review, self.model = None, None

    # choosing ----------------------------------------------------------------

    def _row_chosen(self, now: Any, before: Any = None) -> None:
        if self.model is not None and self.link is not None and now.isValid():
            event = int(self.model.ids[now.row()])
            self.selection.choose(event, self.link.track_of(event))

    def _chosen(self, selection: Selection) -> None:
        """Bring table, trace and strip to what is chosen."""
        assert self.model is not None
        assert self.review is not None
        assert self.opened is not None
        event, blind = None, self.blind.isChecked()
        if selection.event_id is not None:
            row = self.model.row_of(selection.event_id)
            if row is not None and self.table.currentIndex().row() != row:
                flags = QItemSelectionModel.SelectionFlag.ClearAndSelect | QItemSelectionModel.SelectionFlag.Rows
                self.table.selectionModel().setCurrentIndex(self.model.index(row, 0), flags)
                self.table.scrollTo(self.model.index(row, 0))
            events = self.review.events
            event = next(self.opened.placed(events[events["event_id"] == selection.event_id]).itertuples(index=False))
        self.trace.show_event(event, selection.track_id, self.colours, blind)
        self.montage.ask(self.opened.movie, event, self.opened.results.params.measure.radius_um, self.colours)
        self._say_state()

    def next(self) -> None:
        """Choose the next listed event."""
        self._step(1)

    def previous(self) -> None:
        """Choose the listed event before."""
        self._step(-1)

    def _step(self, by: int) -> None:
        if self.model is None or not len(self.model.ids):
            return
        row = -1 if self.selection.event_id is None else self.model.row_of(self.selection.event_id)
        row = self.table.currentIndex().row() if row is None else row
        self._choose_row(int(np.clip(row + by, 0, len(self.model.ids) - 1)))

    def uncertain(self) -> None:
        """Choose the listed event that is not judged yet and has the least probable call."""
        if self.model is None or self.review is None:
            return
        left = np.flatnonzero(~np.isin(self.model.ids, list(self.review.decisions)))
        left = left[self.model.ids[left] != self.selection.event_id]
        if len(left):
            p = np.nan_to_num(self.model.p[left], nan=1.0)
            self._choose_row(int(left[np.argmin(p)]))

    def _choose_row(self, row: int) -> None:
        assert self.model is not None
        assert self.link is not None
        event = int(self.model.ids[row])
        self.selection.choose(event, self.link.track_of(event))

    # deciding ----------------------------------------------------------------

    def accept(self) -> None:
        """The call of the chosen event is right."""
        self._decide(lambda review, event: review.accept(event))

    def reject(self) -> None:
        """The chosen event is none."""
        self._decide(lambda review, event: review.reject(event))

    def change(self) -> None:
        """The chosen event is of the next kind in the list; a fusion first of the other kind of fusion."""
        order = ("full_fusion", "kiss_and_run", "docking", "undocking", "tethering")

        def to_next(review: Review, event: int) -> None:
            now = review.decisions.get(event, "") if review.blind else review.answer(event)
            review.change(event, order[(order.index(now) + 1) % len(order)] if now in order else order[0])

        self._decide(to_next, move_on=False)

    def change_to(self, kind: str) -> None:
        """The chosen event is a `kind`."""
        self._decide(lambda review, event: review.change(event, kind))

    def undo(self) -> None:
        """Take the last decision back and show its event."""
        self._go_to(self._try(lambda: None if self.review is None else self.review.undo()))

    def redo(self) -> None:
        """Decide again what was undone and show its event."""
        self._go_to(self._try(lambda: None if self.review is None else self.review.redo()))

    def _go_to(self, event: int | None) -> None:
        if event is not None and self.link is not None and self.link.has(event):
            self.selection.choose(event, self.link.track_of(event))

    def _decide(self, decision: Callable[[Review, int], None], move_on: bool = True) -> None:
        event, review = self.selection.event_id, self.review
        if review is None or event is None:
            self.note.say("Choose an event first: click a row, or an event in the picture")
            return
        before = len(review.journal.entries)
        self._try(lambda: decision(review, event))
        still_there = self.link is not None and self.link.has(event)
        if move_on and still_there and self.go_on.isChecked() and len(review.journal.entries) > before:
            self.next()

    def _decided(self, event_id: int) -> None:
        assert self.model is not None
        self.model.refresh(event_id)
        self._say_state()

    # settings ----------------------------------------------------------------

    def _filter(self, wanted: Any) -> None:
        if self.model is None or self.link is None:
            return
        self.model.filter(wanted)
        self.link.list_only(self.model.listed)
        self._say_state()
        if self.selection.event_id is not None and (row := self.model.row_of(self.selection.event_id)) is not None:
            self.table.selectRow(row)

    def _be_blind(self, blind: bool) -> None:
        self.filters.hide_calls(blind)
        if self.review is None or self.link is None or self.model is None:
            return
        self.review.blind = blind
        self.link.colour()
        self._find_results()
        self.model.filter(self.filters.wanted)
        self.link.list_only(self.model.listed)
        self._chosen(self.selection)

    def _be_rater(self) -> None:
        review = self.review
        if review is None or review.rater == self.rater.text().strip():
            return
        self._try(lambda: review.be(self.rater.text()))

    def show_agreement(self) -> None:
        """Show how far raters agree."""
        if self.review is not None:
            Agreement(self.review, self).show()

    def show_shortcuts(self) -> None:
        """Show the list of keys."""
        Shortcuts(self).show()

    def _try(self, work: Callable[[], Any]) -> Any:
        """Do it; what goes wrong is said in the dock."""
        try:
            done = work()
        except ExotrackError as error:
            self.note.say(str(error))
            return None
        self.note.say("")
        return done
