"""The compare dock: what open results, or a study, say of kinetics and conditions, and how well a model agrees."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog

from exotrack.errors import ExotrackError
from napari_exotrack import _conditions, _sets
from napari_exotrack._background import Background
from napari_exotrack._compare_layout import MOVIES
from napari_exotrack._compare_shown import CompareShown
from napari_exotrack._kinetics import listed, read_compared
from napari_exotrack._opened import KEY
from napari_exotrack._process import Command, Estimate
from napari_exotrack._sets import Line

QUICK = ["--repeats", "19", "--starts", "2"]
"""For a look; the command line's own numbers are for a paper."""
QUICK_CONDITIONS = ["--repeats", "100"]
MOVIE_COLUMNS = (
    "movie_id", "condition", "animal_id", "status", "n_cells", "n_full_fusion", "n_kiss_and_run", "n_docking", "n_undocking",
    "observed_s", "reason",
)  # fmt: skip
NOTHING = "Open a results folder in the viewer, or add one, a study or statistics, to see what they say"


class CompareDock(CompareShown):
    """Curves and tables of the movies that are ticked; or, of what is chosen in the list, a comparison or statistics."""

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__(napari_viewer)
        self.design: Path | None = None
        self.command = Command(self._progressed, self._ended, self)
        self.reading = Background(self)
        self._folder = tempfile.TemporaryDirectory(prefix="exotrack-compare-")
        self._number = 0
        self._left_out = ""
        self._then: Callable[[Path], None] = self.show_comparison
        self._connect()
        self.refresh()

    def _connect(self) -> None:
        self.results.itemChanged.connect(self._ticked)
        self.results.itemSelectionChanged.connect(self._selected)
        self.add_button.clicked.connect(lambda: self.add())
        self.run_button.clicked.connect(lambda: self.run())
        self.conditions_button.clicked.connect(lambda: self.run_conditions())
        self.design_button.clicked.connect(lambda: self.take_design())
        self.cancel_button.clicked.connect(self.command.stop)
        for box in (self.curve, self.part, self.model):
            box.currentTextChanged.connect(self.draw)
        self.export_button.clicked.connect(lambda: self.export())
        self.copy_button.clicked.connect(lambda: self.tabs.currentWidget().copy())
        self.viewer.layers.events.inserted.connect(self.refresh)
        self.viewer.layers.events.removed.connect(self.refresh)
        self.viewer.events.theme.connect(self.draw)

    def let_go(self) -> None:
        """End the child and let go of the viewer."""
        self.command.close()
        self.reading.close()
        self.viewer.layers.events.inserted.disconnect(self.refresh)
        self.viewer.layers.events.removed.disconnect(self.refresh)
        self.viewer.events.theme.disconnect(self.draw)
        self._folder.cleanup()

    # what there is -----------------------------------------------------------

    def ticked(self) -> list[Line]:
        """Lines that are ticked."""
        items = [self.results.item(row) for row in range(self.results.count())]
        return [item.data(Qt.ItemDataRole.UserRole) for item in items if item.checkState() == Qt.CheckState.Checked]

    def chosen(self) -> list[Any]:
        """Movies of the lines that are ticked, as far as they have been read."""
        return [movie for line in self.ticked() for movie in line.movies or ()]

    def _lines(self) -> list[Line]:
        every = [self.results.item(row).data(Qt.ItemDataRole.UserRole) for row in range(self.results.count())]
        return [one for one in every if isinstance(one, Line)]

    def refresh(self, *_: object) -> None:
        """List the results that are open in the viewer, and those that were added."""
        before = len(self._lines())
        for layer in self.viewer.layers:
            opened = layer.metadata.get(KEY)
            if opened is not None:
                self._list(Line(opened.name, (opened.folder,), {}, (opened.results,)))
        if len(self._lines()) > before or not before:
            self._ticked()

    def add(self, folder: Path | None = None) -> None:
        """Add results, a study, statistics or a comparison without showing layers; asks for a folder if none is given."""
        if folder is None:
            picked = QFileDialog.getExistingDirectory(self, "Add a folder of exotrack run, batch, compare or stats")
            if not picked:
                return
            folder = Path(picked)
        try:
            getattr(self, f"_add_{_sets.kind_of(folder)}")(folder)
        except ExotrackError as error:
            self.note.say(str(error))

    def _add_results(self, folder: Path) -> None:
        self._list(_sets.line_of_results(folder))
        self._ticked()

    def _add_several(self, folder: Path) -> None:
        for one in _sets.results_in(folder):
            self._list(Line(one.name, (one,)))
        self._ticked()

    def _add_study(self, folder: Path) -> None:
        lines, movies = _sets.lines_of_study(folder)
        for line in lines:
            self._list(line)
        self._left_out = _sets.left_out(movies)
        self.tables[MOVIES].fill(*listed(movies, MOVIE_COLUMNS))
        self._ticked()

    def _add_statistics(self, folder: Path) -> None:
        self.show_statistics(folder)

    def _add_comparison(self, folder: Path) -> None:
        self.show_comparison(folder)

    def _list(self, line: Line) -> None:
        if line.folders in [one.folders for one in self._lines()]:
            return
        self.put(line.name, "\n".join(map(str, line.folders[:12])), line, ticks=True)
        columns = list(dict.fromkeys(["condition", *_sets.columns_of(self._lines()), "stimulus"]))
        chosen = self.by.currentText() or "condition"
        self.by.clear()
        self.by.addItems(columns)
        self.by.setCurrentText(chosen)

    def _ticked(self, *_: object) -> None:
        """Other movies: what is seen of them, read first if need be."""
        self.results.blockSignals(True)
        self.results.setCurrentItem(None)
        self.results.blockSignals(False)
        lines = self.ticked()
        self._idle()
        unread = [line for line in lines if line.movies is None]
        self.note.say("" if lines else NOTHING)
        if unread:
            self.note.say(f"Reading {sum(len(line.folders) for line in unread)} movies", "ok")
            self.reading.ask(lambda: [(line, line.read()) for line in unread], self._read)
        self.present(None)

    def _read(self, answer: Any) -> None:
        if isinstance(answer, Exception):
            self.note.say(str(answer))
            return
        for line, movies in answer:
            line.movies = movies
        self.note.say(self._left_out)
        self.present(self.shown)

    def _selected(self) -> None:
        item = self.results.currentItem()
        data = None if item is None else item.data(Qt.ItemDataRole.UserRole)
        self.present(None if isinstance(data, Line) else data)

    # what was found before ----------------------------------------------------

    def show_comparison(self, folder: Path) -> None:
        """Show what ``exotrack compare`` wrote to a folder. Raises `InputError` if it holds no comparison."""
        compared = read_compared(folder)
        for name in compared.models:
            if self.model.findText(name) < 0:
                self.model.addItem(name)
        if self.model.currentText() not in compared.models and compared.models:
            self.model.setCurrentText(next(iter(compared.models)))
        self._found(f"comparison: {', '.join(compared.models)}", str(folder), compared)

    def show_statistics(self, folder: Path) -> None:
        """Show what ``exotrack stats`` wrote to a folder. Raises `InputError` if it holds no statistics."""
        found = _conditions.read_statistics(folder)
        self._found(f"statistics: {found.plan.by} ({', '.join(found.groups)})", str(folder), found)

    def _found(self, name: str, tip: str, data: Any) -> None:
        item = self.put(name, tip, data, ticks=False)
        self.results.setCurrentItem(item)
        self.results.scrollToItem(item)

    # comparing ---------------------------------------------------------------

    def run(self) -> None:
        """Compare the ticked movies with the chosen model in a process of its own."""
        words = ["compare", *self._folders(), "--model", self.model.currentText()]
        self._start([*words, *(QUICK if self.quick.isChecked() else [])], self.show_comparison)

    def run_conditions(self) -> None:
        """Compare conditions of the ticked movies in a process of its own."""
        lines, by = self.ticked(), self.by.currentText().strip()
        told = self.design or _sets.write_design(lines, Path(self._folder.name) / "design.csv")
        known = told is not None or any(movie.provenance.get("design") for movie in self.chosen())
        if not known and by != "stimulus":
            self.note.say("Nothing says which condition these movies are of: give a table with movie_id and condition (Design…)")
            return
        words = ["stats", *self._folders(), "--by", by, *(["--design", str(told)] if told else [])]
        self._start([*words, *(QUICK_CONDITIONS if self.quick.isChecked() else [])], self.show_statistics)

    def take_design(self, path: Path | None = None) -> None:
        """Take the conditions of the movies from a CSV file; asks for one if none is given."""
        if path is None:
            picked, _ = QFileDialog.getOpenFileName(self, "Design of the study", "", "Table (*.csv)")
            if not picked:
                return
            path = Path(picked)
        from exotrack.stats import read_design

        try:
            columns = [name for name in read_design(path).columns if name not in ("movie_id", "cell_id")]
        except ExotrackError as error:
            self.note.say(str(error))
            return
        self.design = path
        self.design_button.setToolTip(str(path))
        self.by.addItems([name for name in columns if self.by.findText(name) < 0])
        self.note.say(f"{path.name}: {', '.join(columns)}", "ok")

    def _folders(self) -> Sequence[str]:
        return [str(folder) for line in self.ticked() for folder in line.folders]

    def _start(self, words: list[str], then: Callable[[Path], None]) -> None:
        if self.command.running or not self.ticked():
            return
        self._number += 1
        self._then = then
        out = Path(self._folder.name) / str(self._number)
        self.command.start("exotrack", [*words, "--out", str(out)], out.parent, {})
        self.note.say("")
        self.doing.setText("comparing")
        self._idle()

    def _progressed(self, estimate: Estimate) -> None:
        self.doing.setText(f"comparing: {estimate.what}")

    def _ended(self, status: int | None, printed: str, said: str) -> None:
        self._idle()
        if status is None:
            self.note.say("Stopped")
        elif status != 0:
            self.note.say(said or "The comparison failed without a word")
        else:
            try:
                self._then(Path(self._folder.name) / str(self._number))
            except ExotrackError as error:
                self.note.say(str(error))

    def _idle(self) -> None:
        """What can be pressed now."""
        busy = self.command.running
        self.progress.setVisible(busy)
        for button in (self.run_button, self.conditions_button):
            button.setEnabled(bool(self.ticked()) and not busy)
