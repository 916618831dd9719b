"""What the review dock does besides judging: adding what was missed, exports, another place for the journal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qtpy.QtWidgets import QFileDialog

from napari_exotrack._journal import SUFFIX
from napari_exotrack._missed import seen_at
from napari_exotrack._table_model import words


class ReviewExtras:
    """Part of the review dock, which has `review`, `opened`, `link`, `viewer`, `note` and `_try`."""

    def wait_for_missed(self: Any, kind: str | None) -> None:
        """The next click in the picture adds an event of this kind that the analysis missed; None: no more."""
        if self.link is None:
            return
        self.link.to_place = None if kind is None else lambda *at: self.add_missed(kind, *at)
        if kind is None:
            self.note.say("")
        elif self.viewer.dims.ndisplay != 2:
            self.note.say("Events are added in the flat view: switch the 3-D view off first")
        else:
            self.note.say(f"Click where the {words(kind)} is, in the first frame that shows it. Esc: not now", "ok")

    def add_missed(self: Any, kind: str, frame: int, y_um: float, x_um: float) -> None:
        """Add an event at a place in the picture (um) and choose it."""
        review, opened, link = self.review, self.opened, self.link
        assert review is not None
        assert opened is not None
        assert link is not None
        link.to_place = None
        track = link.track_at(frame, y_um, x_um)
        number = self._try(lambda: review.add(kind, seen_at(opened, frame, y_um, x_um, track)))
        self._go_to(number)

    def keep_journal_at(self: Any) -> None:
        """Ask where to keep the journal, for folders that cannot be written."""
        if self.review is None:
            return
        picked, _ = QFileDialog.getSaveFileName(self, "Keep the journal at", f"review{SUFFIX}", f"Journal (*{SUFFIX})")
        if picked and self.review is not None:
            review = self.review
            self._try(lambda: review.keep_at(Path(picked)))
            self._say_state()

    def export(self: Any, what: str) -> None:
        """Ask for a folder and write the true tables, or the corrected results, to it."""
        from napari_exotrack import _export

        review, opened = self.review, self.opened
        if review is None or opened is None:
            return
        start = opened.folder.with_name(f"{opened.folder.name}_{what}")
        picked, _ = QFileDialog.getSaveFileName(self, f"Name of the new folder of {what} tables", str(start))
        if not picked:
            return
        write = _export.write_truth if what == "truth" else _export.write_corrected
        if self._try(lambda: write(review, opened.results, Path(picked))) is not None:
            left = review.progress()["left"]
            unjudged = f"; {left} events were not judged and are in it as called" if left else ""
            self.note.say(f"Written to {picked}{unjudged}", "ok")
