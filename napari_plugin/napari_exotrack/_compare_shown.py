"""What the compare dock shows: curves of movies, a comparison with a model, or statistics; as a figure and as tables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qtpy.QtWidgets import QFileDialog

from exotrack.report.statistics_words import ratio
from exotrack.stats import Statistics
from napari_exotrack import _conditions
from napari_exotrack._colours import palette
from napari_exotrack._compare_layout import COMPARED, CONDITIONS, MOVIES, PARTS, SEEN, CompareLayout
from napari_exotrack._kinetics import CURVES, Compared, counted, draw_compared, draw_seen, listed
from napari_exotrack._look import is_dark

RATES = ("parameter", "role", "unit", "published", "value", "low", "high", "verdict")
GOODNESS = ("rates", "test", "statistic", "p_value", "n_redrawn")
RANKING = ("model", "n_free", "log_likelihood", "aic", "aic_weight", "left_out_behind")
COUNTED = 200
"""Movies whose rates are listed one by one; what is drawn is of all."""
MOST_NOTED = 170
"""Letters of what the design cannot support that fit above the figure; the tooltip has all."""


class CompareShown(CompareLayout):
    """The showing part of the dock; subclasses say which movies are `chosen` and what can be pressed."""

    def __init__(self, viewer: Any) -> None:
        super().__init__(viewer)
        self.shown: Compared | Statistics | None = None

    @property
    def compared(self) -> Compared | None:
        """The comparison with a model that is shown."""
        return self.shown if isinstance(self.shown, Compared) else None

    @property
    def statistics(self) -> Statistics | None:
        """The comparison of conditions that is shown."""
        return self.shown if isinstance(self.shown, Statistics) else None

    def chosen(self) -> list[Any]:
        """Movies that are drawn and counted."""
        return []

    def present(self, data: Compared | Statistics | None) -> None:
        """Show a comparison, statistics, or what is seen of the ticked movies: figure and tables."""
        self.shown = data
        self.note.setToolTip("")
        if isinstance(data, Statistics):
            self._show_statistics(data)
        else:
            self.offer(CURVES, PARTS, of_conditions=False)
            movies = self.chosen()
            self.tables[SEEN[0]].fill(*(counted(movies[:COUNTED]) if movies else ((), [])))
            studied = (MOVIES,) if self.tables[MOVIES].rowCount() else ()
            self.show_tables((*(COMPARED if data is not None else SEEN), *studied))
        if isinstance(data, Compared):
            self.note.say("; ".join(data.notes))
            for name, table, columns in (
                ("Model", "rates", RATES),
                ("Tests", "goodness", GOODNESS),
                ("Ranking", "ranking", RANKING),
            ):
                self.tables[name].fill(*listed(data.tables[table], columns))
            self.tabs.setCurrentWidget(self.tables["Model"])
        self.draw()

    def _show_statistics(self, found: Statistics) -> None:
        notes = "; ".join(found.notes)
        self.note.say(notes if len(notes) <= MOST_NOTED else f"{notes[:MOST_NOTED].rpartition(' ')[0]} …")
        self.note.setToolTip(notes)
        self.offer(
            tuple(_conditions.figures(found)), tuple(ratio(*names) for names in _conditions.against(found)), of_conditions=True
        )
        rows = (_conditions.effect_rows, _conditions.summary_rows, _conditions.unit_rows, _conditions.pair_rows)
        for name, of in zip(CONDITIONS, rows, strict=True):
            table = of(found)
            self.tables[name].fill(*listed(table, list(table.columns)))
        self.show_tables(CONDITIONS)

    def draw(self, *_: object) -> None:
        """Draw the chosen figure."""
        self.figure.clear()
        self._draw_on(self.figure, palette(is_dark(self.viewer)))
        self.canvas.draw_idle()

    def _draw_on(self, figure: Any, colours: dict[str, str]) -> bool:
        """Draw on a figure; whether there is something to draw."""
        curve, movies = self.curve.currentText(), self.chosen()
        if isinstance(self.shown, Statistics):
            names = next((one for one in _conditions.against(self.shown) if ratio(*one) == self.part.currentText()), None)
            if names is not None and curve:
                _conditions.draw_conditions(figure, curve, names, self.shown, colours)
            return names is not None
        model = None if self.shown is None else self.shown.models.get(self.model.currentText())
        if model is None and not movies:
            return False
        ax = figure.add_axes((0.13, 0.17, 0.84, 0.78))
        if model is not None:
            draw_compared(ax, curve, model, self.part.currentText(), colours)
        else:
            draw_seen(ax, curve, movies, colours)
        return True

    def export(self, path: Path | None = None) -> None:
        """Save the figure on white ground as PDF, SVG or PNG; asks for a name if none is given."""
        from matplotlib.figure import Figure

        found = self.statistics if self.curve.currentText() == _conditions.EFFECTS else None
        figure = Figure(figsize=(4.5, 3.2) if found is None else (6.6, 0.9 + 0.3 * len(found.measures)))
        if not self._draw_on(figure, palette(dark=False)):
            self.note.say("Nothing is drawn yet")
            return
        if path is None:
            picked, _ = QFileDialog.getSaveFileName(self, "Export figure", "kinetics.pdf", "Figure (*.pdf *.svg *.png)")
            if not picked:
                return
            path = Path(picked)
        try:
            figure.savefig(path, dpi=300)
            self.note.say(f"Written to {path}", "ok")
        except (OSError, ValueError) as error:
            self.note.say(f"{path}: {error}")
