"""Figures of a comparison of conditions: superplots, paired plots, the forest of effects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from markupsafe import Markup

from exotrack.report import charts
from exotrack.report.numbers import missing, nice_ticks, plain
from exotrack.report.statistics_words import SHOWN, against, axis

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from exotrack.stats import Measure, Statistics

MOST_DRAWN = 200
"""Cells of a condition that a figure draws; all are counted."""
HALF = 0.32
"""Half of the width that a condition takes, in distances between conditions."""
MOST_ABOVE = 1.6
"""How far an interval is drawn above the highest cell, as a ratio to it."""
MOST_LINES = 60
"""Pairs that a figure joins."""


def superplot(uid: str, measure: Measure, statistics: Statistics) -> Markup:
    """Cells small, animals large, each animal in a column of its own, and the condition's value with its 95 % interval.

    After Lord, Velle, Mullins & Fritz-Laylin 2020 (J Cell Biol 219:e202001064).
    """
    ax = charts.axes(5.2, 3.0, "", axis(measure))
    draw_superplot(ax, measure, statistics)
    words = f"{measure.title} in {', '.join(statistics.groups)}: cells as small dots, {statistics.cluster_kind}s as large ones"
    return charts.to_svg(ax, uid, words)


def draw_superplot(ax: Axes, measure: Measure, statistics: Statistics) -> None:
    """The same on axes that are given, in the marker colours of `charts.THEME`."""
    units = statistics.tables["units"]
    factor = SHOWN[measure.unit][0]
    values = measure.values(units) * factor
    highest: list[float] = []
    for k, name in enumerate(statistics.groups):
        mine = (units["group"] == name).to_numpy() & np.isfinite(values)
        if mine.any():
            _column(ax, k, measure, units[mine], values[mine], factor)
        highest.append(_interval(ax, k, statistics.tables["summaries"], measure, name, factor))
    ax.set_xlim(-0.5, len(statistics.groups) - 0.5)
    ax.set_xticks(range(len(statistics.groups)), [_short(name) for name in statistics.groups])
    ax.grid(False, axis="x")
    top = float(np.nanmax(values)) if np.isfinite(values).any() else 1.0
    # Intervals of few animals may reach far beyond all cells: then they are cut, with an arrow, so that cells stay apart.
    top = max(top, min(max(highest, default=0.0), MOST_ABOVE * top)) * 1.08 or 1.0
    ax.set_ylim(0, top)
    for k, high in enumerate(highest):
        if high > top:
            ax.plot([k + HALF + 0.1], [top * 0.985], ls="", marker="^", ms=5, color=charts.INK)


def _places(n: int) -> np.ndarray[Any, Any]:
    """Columns of n animals around the middle of their condition."""
    return np.zeros(1) if n == 1 else np.linspace(-HALF, HALF, n)


def _column(ax: Any, k: int, measure: Measure, units: pd.DataFrame, values: np.ndarray[Any, Any], factor: float) -> None:
    names, own = np.unique(units["cluster"].to_numpy(dtype=object).astype(str), return_inverse=True)
    place = _places(len(names))
    # A step of the golden ratio spreads dots of one column evenly, the same in every run.
    shift = ((np.arange(len(values)) * 0.618034) % 1 - 0.5) * min(0.8 * HALF / max(len(names), 1), 0.12)
    some = np.unique(np.linspace(0, len(values) - 1, min(len(values), MOST_DRAWN)).astype(int))
    ax.plot(k + place[own][some] + shift[some], values[some], ls="", marker="o", ms=3.0, color=charts.MUTED, mew=0, alpha=0.6)
    large = _of_clusters(measure, units, own, len(names)) * factor
    size = 7.0 if len(names) <= 12 else 4.0
    ax.plot(k + place, large, ls="", marker="o", ms=size, mfc=charts.DOCKED, mec=charts.INK, mew=0.7, alpha=0.85)


def _of_clusters(measure: Measure, units: pd.DataFrame, own: np.ndarray[Any, Any], n: int) -> np.ndarray[Any, Any]:
    """Value of each animal: sums over sums, or the mean on the log scale."""
    top, bottom = measure.over(units)
    known = np.isfinite(top)
    y = np.log(np.where(known, top, 1.0)) if measure.family == "level" else np.where(known, top, 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        found = np.bincount(own, np.where(known, y, 0.0), n) / np.bincount(own, np.where(known, bottom, 0.0), n)
    return np.asarray(np.exp(found) if measure.family == "level" else found)


def _interval(ax: Any, k: int, summaries: pd.DataFrame, measure: Measure, name: str, factor: float) -> float:
    """Draw the value of a condition with its interval; returns its upper end, 0 without one."""
    row = summaries[(summaries["measure"] == measure.name) & (summaries["group"] == name)].iloc[0]
    if missing(row["value"]):
        return 0.0
    x = k + HALF + 0.1
    ax.plot([x], [row["value"] * factor], marker="D", ms=4, color=charts.INK)
    if missing(row["low"]) or missing(row["high"]):
        return 0.0
    ax.plot([x, x], [row["low"] * factor, row["high"] * factor], color=charts.INK, lw=1.4)
    return float(row["high"]) * factor


def paired(uid: str, measure: Measure, statistics: Statistics, names: tuple[str, str, str]) -> Markup | None:
    """The values of each pair joined by a line; None without pairs. names : reference, group and within, as in the table."""
    mine = pairs_of(measure, statistics, names)
    if mine.empty:
        return None
    ax = charts.axes(3.4, 3.0, "", axis(measure))
    draw_pairs(ax, measure, mine, names)
    higher = int((mine["value_group"] > mine["value_reference"]).sum())
    where = f", {names[2]}" if names[2] else ""
    words = f"{measure.title}: pairs of {names[0]} and {names[1]}{where}; {higher} of {len(mine)} are higher in {names[1]}"
    return charts.to_svg(ax, uid, words)


def pairs_of(measure: Measure, statistics: Statistics, names: tuple[str, str, str]) -> pd.DataFrame:
    """The rows of pairs of a measure in one comparison."""
    mine = _compared(statistics.tables["pairs"], names)
    return mine[mine["measure"] == measure.name]


def draw_pairs(ax: Axes, measure: Measure, mine: pd.DataFrame, names: tuple[str, str, str]) -> None:
    """The values of pairs (`pairs_of`) joined by lines on axes that are given."""
    factor = SHOWN[measure.unit][0]
    for row in mine.head(MOST_LINES).itertuples():
        ends = [row.value_reference * factor, row.value_group * factor]
        up = ends[1] >= ends[0]
        ax.plot([0, 1], ends, color=charts.FULL if up else charts.KISS, ls="-" if up else "--", lw=1, marker="o", ms=4, alpha=0.8)
    ax.set_xlim(-0.35, 1.35)
    ax.set_xticks([0, 1], [_short(name) for name in names[:2]])
    ax.set_ylim(0, None)
    ax.grid(False, axis="x")


def _compared(table: pd.DataFrame, names: tuple[str, str, str]) -> pd.DataFrame:
    """Rows of one comparison: its reference, group and within."""
    return table[(table["reference"] == names[0]) & (table["group"] == names[1]) & (table["within"] == names[2])]


def forest(uid: str, statistics: Statistics, names: tuple[str, str, str]) -> Markup | None:
    """All effects of one comparison on a log axis; None if there is none. names : reference, group and within."""
    n = len(effects_of(statistics, names))
    if not n:
        return None
    ax = charts.axes(6.6, 0.75 + 0.3 * n, against(_short(names[0]), _short(names[1]), _short(names[2])), "")
    box = ax.get_position()
    ax.set_position((0.42, box.y0 + 0.02, 0.56, 0.97 - box.y0 - 0.02))
    draw_forest(ax, statistics, names)
    return charts.to_svg(ax, uid, f"Effects of {against(*names)} with 95 % intervals on a log axis; 1 is no effect")


def effects_of(statistics: Statistics, names: tuple[str, str, str]) -> pd.DataFrame:
    """The rows of effects of one comparison that have an interval."""
    mine = _compared(statistics.tables["effects"], names)
    return mine[mine["low"].notna()]


def draw_forest(ax: Axes, statistics: Statistics, names: tuple[str, str, str]) -> None:
    """The effects of one comparison, of which there is at least one, on axes that are given."""
    mine = effects_of(statistics, names)
    titles = {one.name: one.title for one in statistics.measures}
    n = len(mine)
    ax.set_xscale("log")
    ax.axvline(1.0, color=charts.MUTED, lw=1, ls="--")
    for y, row in enumerate(mine.itertuples()):
        if not missing(row.boot_low):
            ax.plot([row.boot_low, row.boot_high], [y + 0.24, y + 0.24], color=charts.GREY, lw=2.2, solid_capstyle="butt")
        colour = charts.FULL if row.p_holm <= 0.05 else charts.INK
        ax.plot([row.low, row.high], [y, y], color=colour, lw=1.6)
        ax.plot([row.effect], [y], marker="D" if row.p_holm <= 0.05 else "o", ms=5, color=colour)
    ax.set_yticks(range(n), [titles[name] for name in mine["measure"]])
    ax.set_ylim(n - 0.5, -0.6)
    _log_ticks(ax, float(mine["low"].clip(lower=1e-3).min()), float(mine["high"].clip(upper=1e3).max()))


def _log_ticks(ax: Any, low: float, high: float) -> None:
    from matplotlib.ticker import NullLocator

    low, high = min(low, 0.8) / 1.1, max(high, 1.25) * 1.1
    ticks = [f * 10.0**p for p in range(-3, 4) for f in (1, 2, 5) if low <= f * 10.0**p <= high]
    if high / low < 4:
        ticks = [t for t in nice_ticks(low, high, 6) if t > 0]
    elif len(ticks) > 7:
        ticks = [10.0**p for p in range(-3, 4) if low <= 10.0**p <= high]
    ax.set_xlim(low, high)
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set_xticks(ticks, [plain(tick, 2) for tick in ticks])


def _short(name: str) -> str:
    return name if len(name) <= 18 else f"{name[:17]}…"
