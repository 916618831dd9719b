"""Figures and tables of what came after a stimulus, of what exits were called, and of how often events came."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from markupsafe import Markup

from exotrack.report import charts
from exotrack.report.numbers import missing, number, plain, probability

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from exotrack.kinetics.fates import FateMatrix
    from exotrack.kinetics.latency import Since
    from exotrack.kinetics.verdict import Verdict

Rows = list[tuple[str, ...]]
COLOURS = {"docked before": charts.DOCKED, "newcomers": charts.TETHERED}
PERIODS = {"all": "all movie", "before": "before the stimulus", "after": "after the stimulus"}


def release_since(uid: str, groups: Mapping[str, Since]) -> Markup:
    """Cumulative fusions per cell since the stimulus, of each group (solid), and those the law expects (dashed)."""
    ax = charts.axes(5.2, 3.0, "time since the stimulus (s)", "fusions per cell")
    for name, one in groups.items():
        colour = COLOURS[name]
        low, high = one.expected - 1.96 * one.expected_sd, one.expected + 1.96 * one.expected_sd
        ax.fill_between(one.t_s, np.maximum(low, 0), high, color=colour, alpha=0.2, lw=0)
        ax.plot(one.t_s, one.expected, color=colour, lw=1.2, ls="--")
        ax.plot(one.t_s, one.seen, color=colour, lw=1.8, drawstyle="steps-post")
        place = (one.t_s[-1], float(one.seen[-1]))
        ax.annotate(name, place, xytext=(4, 0), textcoords="offset points", color=colour, fontsize=8, va="center")
    end = float(next(iter(groups.values())).t_s[-1])
    ax.set(xlim=(0, 1.3 * end), ylim=(0, None))
    return charts.to_svg(
        ax,
        uid,
        "Cumulative fusions per cell since the stimulus of vesicles docked before it and of newcomers, with the model's bands",
    )


def hazard_since(uid: str, groups: Mapping[str, Since]) -> Markup:
    """Fusions per docked vesicle and second since the stimulus, in bins with exact 95 % intervals, and the law's (lines)."""
    ax = charts.axes(5.2, 3.0, "time since the stimulus (s)", "fusions per docked vesicle (/s)")
    top = 0.0
    for k, (name, one) in enumerate(groups.items()):
        colour, middle = COLOURS[name], (one.edges_s[1:] + one.edges_s[:-1]) / 2
        shift = (k - 0.5) * 0.3 * np.diff(one.edges_s)
        known = np.isfinite(one.hazard)
        ax.stairs(np.nan_to_num(one.hazard_expected), one.edges_s, color=colour, lw=1.2, ls="--", baseline=None)
        middle = middle + shift
        ax.vlines(middle[known], one.low[known], one.high[known], color=colour, lw=1.2)
        ax.plot(middle[known], one.hazard[known], color=colour, lw=0, marker="os"[k], ms=4)
        # Where few are left an interval may reach far above everything; it leaves the figure.
        top = max(top, *(1.6 * float(np.nanmax(part, initial=0.0)) for part in (one.hazard, one.hazard_expected)))
    end = float(next(iter(groups.values())).edges_s[-1])
    ax.set(xlim=(0, end), ylim=(0, top if top > 0 else None))
    return charts.to_svg(
        ax, uid, "Fusions per docked vesicle and second since the stimulus, of vesicles docked before it and of newcomers"
    )


def latencies(groups: Mapping[str, Since]) -> str:
    """Number of fusions and median latency of each group, in words."""
    return "; ".join(
        f"{name}: {len(one.latencies_s)} fusions"
        + (f", half of them within {number(one.median_s)} s" if len(one.latencies_s) else "")
        for name, one in groups.items()
    )


def fates(found: Verdict) -> list[dict[str, Any]]:
    """A table for each period: what exits were (rows) and what they were called (columns), with sums and shares."""
    return [_fates(one) for one in found.fates]


def _fates(one: FateMatrix) -> dict[str, Any]:
    words = [kind.replace("_", " ") for kind in one.true]
    rows = [
        (word, [plain(value, 3) for value in row], plain(float(row.sum()), 3), f"{100 * share:.0f} %", one.true[k])
        for k, (word, row, share) in enumerate(zip(words, one.number, one.after, strict=True))
        if row.sum() > 0
    ]
    called = zip(one.number.sum(axis=0), one.before, strict=True)
    return {
        "period": PERIODS[one.period],
        "called": [kind.replace("_", " ") for kind in one.called],
        "names": one.called,
        "rows": rows,
        "sums": [f"{plain(float(n), 3)} ({100 * share:.0f} %)" for n, share in called],
        "total": plain(float(one.number.sum()), 3),
    }


def event_rates(table: pd.DataFrame) -> Rows:
    """Rows of the table of event rates and their ratios."""
    return [
        (
            row.condition or "–", PERIODS[row.period], row.kind.replace("_", " "), str(row.n_cells), str(row.n_events),
            _with_ends(1e3 * row.rate, 1e3 * row.rate_low, 1e3 * row.rate_high),
            _with_ends(row.ratio, row.ratio_low, row.ratio_high) + (f" × {row.reference}" if row.reference else ""),
            f"{row.n_units} {row.unit}s" if row.unit != "event" else "events alone",
        )
        for row in table.itertuples()
    ]  # fmt: skip


def condition_rates(table: pd.DataFrame, name: str) -> Rows:
    """Rows of the table of fitted values by condition of one model."""
    return [
        (
            row.condition or "–", row.parameter, "" if row.unit == "1" else row.unit, str(row.n_stays), str(row.n_cells),
            _with_ends(row.value, row.low, row.high), "identified" if row.identified else "not identified",
            _with_ends(row.ratio, row.ratio_low, row.ratio_high) + (f" × {row.reference}" if row.reference else ""),
        )
        for row in table[table["model"] == name].itertuples()
    ]  # fmt: skip


def spread(found: Verdict) -> str:
    """How much cells differ, in words; empty if that was not asked."""
    one = found.cells
    if one is None:
        return ""
    ends = f"{number(one.low, 2)} to {number(one.high, 2)}"
    least, most = (number(value, 2) for value in (one.factors.min(), one.factors.max()))
    p = "p < 0.01" if one.p_value < 0.01 else f"p = {probability(one.p_value)}"
    return (
        f"Cells differ by a factor with standard deviation {number(one.sd, 2)} (95 %: {ends}; {p} if they are equal); the "
        f"factors found lie between {least} and {most}."
    )


def _with_ends(value: float, low: float, high: float) -> str:
    if missing(value) and missing(low):
        return "–"
    return f"{number(value)} [{number(low, 2)}, {number(high, 2)}]"
