"""The trace of what is chosen, with the fitted model, as in the report; a click in it goes to the frame."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_exotrack._axes import plain_axes
from napari_exotrack._look import canvas
from napari_exotrack._opened import Opened, rows_of

AROUND_S = 6.0
"""Shown of a trace before and after an event that has no fit."""


class TraceView(QWidget):
    """Intensity against time, with error band, fitted model and the frame that the viewer shows."""

    def __init__(self, go: Callable[[int], None], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.figure, self._canvas = canvas(130)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._canvas)
        self._go = go
        self._opened: Opened | None = None
        self._traces = self._fits = None
        self._here: Any = None
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.setInterval(30)
        self._later.timeout.connect(self._canvas.draw_idle)
        self._canvas.mpl_connect("button_press_event", self._clicked)

    def open(self, opened: Opened) -> None:
        """Take traces and fits from these results."""
        self._opened = opened
        tables = opened.results.tables
        self._traces = tables["traces"].sort_values(["track_id", "frame"], kind="stable")
        self._fits = tables["fits"].sort_values(["event_id", "frame"], kind="stable")

    def show_event(self, event: Any, track_id: int | None, colours: dict[str, str], blind: bool) -> None:
        """Draw the trace of a track around an event (a row of the table, or None); a blind rater sees no model."""
        self.figure.clear()
        self._here = None
        if self._opened is None or (event is None and track_id is None):
            self._later.start()
            return
        fit = rows_of(self._fits, "event_id", -1 if event is None or blind else int(event.event_id))
        trace = rows_of(self._traces, "track_id", -1 if track_id is None else track_id)
        t_s = None if event is None else float(event.t_s)
        if t_s is not None and len(trace):
            first = min(fit["t_s"].min(), t_s - AROUND_S) if len(fit) else t_s - AROUND_S
            last = max(fit["t_s"].max(), t_s + AROUND_S) if len(fit) else t_s + AROUND_S
            trace = trace[(trace["t_s"] >= first) & (trace["t_s"] <= last)]
        ax = self.figure.add_axes((0.14, 0.27, 0.83, 0.68))
        plain_axes(ax, colours, "time (s)", "intensity (counts)")
        shade = colours["muted"] if event is None or blind else colours.get(str(event.kind), colours["muted"])
        _draw(ax, trace, fit, shade, colours)
        if t_s is not None:
            ax.axvline(t_s, color=colours["muted"], lw=0.9, ls=":")
        if not len(trace) and not len(fit):
            ax.text(
                0.5, 0.5, "nothing was measured here", color=colours["muted"], fontsize=8, ha="center", transform=ax.transAxes
            )
        ax.locator_params(axis="y", nbins=4)
        self._here = ax.axvline(np.nan, color=colours["ink"], lw=0.8, alpha=0.7)
        self._later.start()

    def at_frame(self, frame: int) -> None:
        """Move the line of the frame that is shown."""
        if self._here is not None and self._opened is not None:
            self._here.set_xdata([frame * self._opened.place.frame_s] * 2)
            self._later.start()

    def _clicked(self, event: Any) -> None:
        if event.xdata is not None and self._opened is not None:
            self._go(round(event.xdata / self._opened.place.frame_s))


def _draw(ax: Any, trace: Any, fit: Any, shade: str, colours: dict[str, str]) -> None:
    """The track's trace behind, the fitted event before it; the trace is laid on the fit's own background."""
    ax.plot(trace["t_s"], trace["intensity"] + _offset(fit, trace), color=colours["muted"] if len(fit) else shade, lw=0.9)
    if not len(fit):
        return
    t, value, sd = fit["t_s"], fit["intensity"], fit["intensity_sd"].fillna(0)
    ax.fill_between(t, value - sd, value + sd, color=shade, alpha=0.22, lw=0)
    ax.plot(t, value, "o", ms=2.4, color=shade, mec="none")
    ax.plot(t, fit["intensity_model"], color=colours["model"], lw=1.4)


def _offset(fit: Any, trace: Any) -> float:
    both = fit[["frame", "intensity"]].merge(trace[["frame", "intensity"]], on="frame")
    return float((both["intensity_x"] - both["intensity_y"]).median()) if len(both) else 0.0
