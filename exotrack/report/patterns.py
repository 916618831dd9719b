"""What the page of statistics says of where and when: tests by condition, the course after a stimulus, curves and maps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from markupsafe import Markup

from exotrack.report import charts
from exotrack.report.numbers import MISSING, number
from exotrack.report.rates import UM2_MIN

if TYPE_CHECKING:
    import pandas as pd

    from exotrack.stats import Statistics
    from exotrack.stats.patterns import RateMap

ALPHA = 0.05
MOST_CURVES = 60
"""Cells whose curves a figure draws; all are in the table."""
COLOURS = (charts.FULL, charts.KISS, charts.DOCKED, charts.MODEL, charts.TETHERED, charts.GREY)
"""Conditions in figures; further ones begin again, with dashes."""
TESTS = (
    ("clustering_p", "clustering_z", "places, all distances", "clustered", "apart"),
    ("nearest_p", "nearest_ratio", "nearest neighbour", "clustered", "apart"),
    ("repeats_p", "", "sites used again", "more than chance", ""),
    ("bursts_p", "bursts_z", "times, all lags", "in bursts", "apart"),
    ("trend_p", "mean_time", "rate over the movie", "rises", "falls"),
    ("follow_p", "follow_z", "near ones soon after", "more than chance", "less"),
)
"""Column of the p-value, column of the direction, what it is, and the words for above and below."""
MIDDLE = {"nearest_ratio": 1.0, "mean_time": 0.5}
"""Where a direction has its middle, if that is not 0."""
TURNED = ("nearest_ratio",)
"""Directions in which less is what the first word says."""


@dataclass(frozen=True)
class Panel:
    """What the page shows; rows are texts, figures SVG."""

    tests: list[tuple[str, ...]]
    curves: list[tuple[str, Markup]]
    response: Markup | None
    maps: list[tuple[str, Markup]]


def panel(statistics: Statistics) -> Panel | None:
    """The panel; None where no patterns were looked at."""
    tables = statistics.tables
    if "patterns" not in tables:
        return None
    keys = ["movie_id", "cell_id", "period"]
    groups = tables["units"].drop_duplicates(keys)[[*keys, "group"]] if statistics.plan.unit == "cell" else None
    patterns, curves = tables["patterns"], tables["pattern_curves"]
    if groups is None:
        patterns, curves = patterns.assign(group="all"), curves.assign(group="all")
        names: tuple[str, ...] = ("all",)
    else:
        patterns, curves = (one.merge(groups, how="inner", on=keys) for one in (patterns, curves))
        names = statistics.groups
    return Panel(_tests(patterns, names), _curves(curves, names), _response(tables["responses"], statistics.groups),
                 [(_title(one), _map(k, one)) for k, one in enumerate(statistics.maps)])  # fmt: skip


def _tests(patterns: pd.DataFrame, names: tuple[str, ...]) -> list[tuple[str, ...]]:
    """(what, condition, cells tested, found at 5 %, of them the one way, the other way)."""
    rows = []
    for kind, null, label in (
        ("fusion", "footprint", "Fusions"), ("fusion", "docked", "Fusions among docked vesicles"),
        ("docking", "footprint", "Dockings"),
    ):  # fmt: skip
        of_kind = patterns[(patterns["kind"] == kind) & (patterns["null"] == null)]
        for p, direction, what, above, below in TESTS:
            for name in names:
                tested = of_kind[(of_kind["group"] == name) & of_kind[p].notna()]
                if not tested.empty:
                    rows.append((f"{label}: {what}", name, *_share(tested, p, direction, above, below)))
    return rows


def _share(tested: pd.DataFrame, p: str, direction: str, above: str, below: str) -> tuple[str, ...]:
    found = tested[tested[p] <= ALPHA]
    share = f"{len(found)} of {len(tested)} ({100 * len(found) / len(tested):.0f} %)"
    if not direction:
        return share, f"{len(found)} {above}", MISSING
    up = (found[direction] > MIDDLE.get(direction, 0.0)) != (direction in TURNED)
    return share, f"{int(up.sum())} {above}", f"{int((~up).sum())} {below}"


def _curves(curves: pd.DataFrame, names: tuple[str, ...]) -> list[tuple[str, Markup]]:
    """Ripley's L and pairs in time of the fusions of every cell, less or over chance."""
    own = curves[(curves["kind"] == "fusion") & (curves["null"] == "footprint")]
    found = []
    for axis, label, y_label, words in (
        ("distance", "distance (µm)", "L over chance", "Fusions near one another: Ripley's L over that of chance, a line a cell"),
        ("lag", "lag (s)", "pairs over an even rate", "Fusions soon after one another, over an even rate, a line a cell"),
    ):  # fmt: skip
        mine = own[own["axis"] == axis]
        if not mine.empty:
            found.append((words, _lines(mine, names, axis, label, y_label, words)))
    return found


def _lines(curves: pd.DataFrame, names: tuple[str, ...], axis: str, x_label: str, y_label: str, words: str) -> Markup:
    ax = charts.axes(5.2, 3.0, x_label, y_label)
    cells = list(curves.groupby(["movie_id", "cell_id", "period"], sort=False))
    alpha = 0.75 if len(cells) <= 12 else 0.35
    labelled: set[str] = set()
    for _, one in cells[:MOST_CURVES]:
        k = names.index(one["group"].iloc[0])
        with np.errstate(invalid="ignore", divide="ignore"):
            y = (one["value"] / one["expected"]).to_numpy()
        label = names[k] if names[k] not in labelled and len(names) > 1 else None
        labelled.add(names[k])
        style = "-" if k < len(COLOURS) else "--"
        ax.plot(one["at"], y, color=COLOURS[k % len(COLOURS)], lw=1.0, ls=style, alpha=alpha, label=label)
    ax.axhline(1.0, color=charts.MUTED, lw=1, ls="--")
    ax.set_ylim(0, min(ax.get_ylim()[1], 6.0))
    ax.set_xlim(0, None)
    if len(names) > 1:
        ax.legend(fontsize=7.5, frameon=False, labelcolor=charts.MUTED)
    return charts.to_svg(ax, f"pattern-{axis}", words)


def _response(table: pd.DataFrame, groups: tuple[str, ...]) -> Markup | None:
    if table.empty:
        return None
    ax = charts.axes(6.6, 3.0, "time since the stimulus (s)", "fusions per 1000 µm² and min")
    for k, name in enumerate(groups):
        mine = table[table["group"] == name]
        if mine.empty:
            continue
        width = float((mine["until_s"] - mine["from_s"]).iloc[0])
        x = (mine["from_s"] + mine["until_s"]) / 2 + (k - (len(groups) - 1) / 2) * width * 0.12
        colour = COLOURS[k % len(COLOURS)]
        ax.plot(x, mine["rate"] * UM2_MIN, marker="o", ms=3.5, lw=1.0, color=colour, label=name)
        ax.vlines(x, mine["low"] * UM2_MIN, mine["high"] * UM2_MIN, color=colour, lw=0.9, alpha=0.7)
    ax.axvline(0.0, color=charts.INK, lw=1, ls=":")
    top = float((table["rate"] * UM2_MIN).max())
    high = float((table["high"] * UM2_MIN).max())
    ax.set_ylim(0, min(high if np.isfinite(high) else top, 2.5 * top) * 1.05 or 1.0)
    ax.legend(fontsize=7.5, frameon=False, labelcolor=charts.MUTED)
    return charts.to_svg(ax, "response", "Fusions per area and time before and after the first stimulus, with 95 % intervals")


def _title(one: RateMap) -> str:
    part = "" if one.who["period"] == "whole" else f", {one.who['period']} the stimulus"
    peak = number(float(np.nanmax(one.rate)) * UM2_MIN)
    return f"{one.who['movie_id']}, cell {one.who['cell_id']}{part}: {len(one.places)} fusions; up to {peak} per 1000 µm² and min"


def _map(k: int, one: RateMap) -> Markup:
    """The smooth rate in grey-blue under the fusions; those at a site with others are filled."""
    height, width = one.rate.shape
    side = 2.4
    ax = charts.axes(side * width / max(height, width) + 0.1, side * height / max(height, width) + 0.1, "", "")
    ax.set_position((0.0, 0.0, 1.0, 1.0))
    ax.set_axis_off()
    y, x = one.corner_um
    extent = (
        x - one.pixel_um / 2, x + (width - 0.5) * one.pixel_um, y + (height - 0.5) * one.pixel_um, y - one.pixel_um / 2
    )  # fmt: skip
    ax.imshow(one.rate, extent=extent, cmap="cividis", vmin=0.0, interpolation="nearest", alpha=0.85)
    again = one.site
    ax.plot(one.places[~again, 1], one.places[~again, 0], ls="", marker="o", ms=3, mfc="none", mec="white", mew=0.8)
    ax.plot(one.places[again, 1], one.places[again, 0], ls="", marker="o", ms=3.6, mfc=charts.KISS, mec="white", mew=0.6)
    _scale_bar(ax, extent)
    ax.set_xlim(*extent[:2])
    ax.set_ylim(*extent[2:])
    return charts.to_svg(ax, f"rate-map-{k}", f"Map of {_title(one)}")


def _scale_bar(ax: Any, extent: tuple[float, ...]) -> None:
    """A bar of 1, 2, 5 or 10 um, about a fifth of the width, below on the left."""
    span = extent[1] - extent[0]
    length = max((step for step in (0.5, 1.0, 2.0, 5.0, 10.0, 20.0) if step <= span / 3), default=span / 3)
    left, low = extent[0] + 0.04 * span, extent[2] - 0.04 * (extent[2] - extent[3])
    ax.plot([left, left + length], [low, low], color=charts.INK, lw=2.5, solid_capstyle="butt")
    ax.text(left, low - 0.02 * (extent[2] - extent[3]), f"{length:g} µm", color=charts.INK, fontsize=7.5, va="bottom")
