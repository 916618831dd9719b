"""The figures of a comparison: scheme, incidence, survival, release, profiles, quantiles, content, area."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from markupsafe import Markup

from exotrack.report import charts
from exotrack.report.numbers import number

if TYPE_CHECKING:
    from exotrack.kinetics.content import Content, Membrane
    from exotrack.kinetics.flow import Released
    from exotrack.kinetics.predicted import Band, Predicted
    from exotrack.kinetics.profiles import Profile
    from exotrack.kinetics.verdict import Verdict

COLOURS = {"undocking": charts.TETHERED, "full_fusion": charts.FULL, "kiss_and_run": charts.KISS, "lost": charts.GREY}
STYLES = {"undocking": "--", "full_fusion": "-", "kiss_and_run": "-.", "lost": ":"}
WORDS = {"undocking": "undocking", "full_fusion": "full fusion", "kiss_and_run": "kiss-and-run", "lost": "lost"}
DROP = 1.92
"""Drop in log-likelihood at the ends of a 95 % interval."""


def incidence(uid: str, one: Predicted, part: str) -> Markup:
    """Incidence of each fate in the data (lines), with the model's bands."""
    band = one.incidence[part]
    ax = charts.axes(5.2, 3.0, "time docked (s)", "fraction ended")
    for j, fate in enumerate(one.fates):
        colour = COLOURS.get(fate, charts.INK)
        ax.fill_between(band.t_s, band.low[j], band.high[j], color=colour, alpha=0.22, lw=0)
        ax.plot(band.t_s, band.seen[j], color=colour, lw=1.8, ls=STYLES.get(fate, "-"), drawstyle="steps-post")
        _end_label(ax, band.t_s[-1], band.seen[j][-1], WORDS.get(fate, fate), colour)
    ax.set(xlim=(band.t_s[0], band.t_s[-1] + 0.3 * np.ptp(band.t_s)), ylim=(0, None))
    return charts.to_svg(ax, uid, f"Cumulative incidence of each fate of {part}, with 95 % bands of the model")


def _end_label(ax: Any, x: float, y: float, text: str, colour: str) -> None:
    ax.annotate(text, (x, y), xytext=(4, 0), textcoords="offset points", color=colour, fontsize=8, va="center")


def survival(uid: str, one: Predicted, part: str) -> Markup:
    """Survival on a log axis with the model's band."""
    band = one.survival[part]
    ax = charts.axes(5.2, 2.6, "time docked (s)", "fraction still docked")
    floor = max(float(band.seen[band.seen > 0].min(initial=1.0)) / 2, 1e-3)
    ax.set_yscale("log")
    ax.fill_between(
        band.t_s, np.maximum(band.low, floor / 4), np.maximum(band.high, floor / 4), color=charts.DOCKED, alpha=0.25, lw=0
    )
    ax.plot(band.t_s, np.maximum(band.middle, floor / 4), color=charts.MUTED, lw=1.0, ls="--")
    ax.plot(band.t_s, np.where(band.seen > 0, band.seen, np.nan), color=charts.DOCKED, lw=1.8, drawstyle="steps-post")
    ticks = [t for t in (1, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001) if t >= floor]
    _ticks(ax.yaxis, ticks)
    ax.set(ylim=(floor, 1.1), xlim=(band.t_s[0], band.t_s[-1]))
    return charts.to_svg(ax, uid, f"Fraction of {part} still docked on a log axis, with the 95 % band of the model")


def _ticks(axis: Any, ticks: list[float]) -> None:
    from matplotlib.ticker import NullLocator

    axis.set_minor_locator(NullLocator())
    axis.set_ticks(ticks, [f"{tick:g}" for tick in ticks])


def release(uid: str, one: Released) -> Markup:
    """Cumulative fusions of docked vesicles per cell, and those expected from who was docked."""
    ax = charts.axes(5.2, 2.8, "time (s)", "fusions per cell")
    for value, sd, colour in ((one.expected, one.expected_sd, charts.GREY), (one.seen, one.seen_sd, charts.FULL)):
        ax.fill_between(one.t_s, np.maximum(value - 1.96 * sd, 0), value + 1.96 * sd, color=colour, alpha=0.2, lw=0)
    ax.plot(one.t_s, one.expected, color=charts.MUTED, lw=1.4, ls="--")
    ax.plot(one.t_s, one.seen, color=charts.FULL, lw=1.8, drawstyle="steps-post")
    ax.set(xlim=(0, one.t_s[-1]), ylim=(0, None))
    return charts.to_svg(ax, uid, "Cumulative fusions per cell (solid) and those expected by the model (dashed), with 95 % bands")


def profile(uid: str, one: Profile, log: bool) -> Markup:
    """Profile likelihood of one value."""
    ax = charts.axes(2.6, 1.9, one.name, "drop")
    order = np.argsort(one.grid)
    ax.plot(one.grid[order], one.drop[order], color=charts.INK, lw=1.5, marker="o", ms=2.5)
    ax.axhline(DROP, color=charts.FULL, lw=1, ls="--")
    ax.axvline(one.value, color=charts.MUTED, lw=0.8, ls=":")
    if log and one.grid.min() > 0:
        ax.set_xscale("log")
        low, high = float(one.grid.min()), float(one.grid.max())
        nice = [f * 10.0**p for p in range(-9, 7) for f in (1, 2, 5) if low <= f * 10.0**p <= high]
        _ticks(ax.xaxis, nice[:: max(1, -(-len(nice) // 4))] if nice else [float(number(one.value, 2))])
    ax.set_ylim(-0.15, 5)
    state = "identified" if one.identified else "not identified by these data"
    return charts.to_svg(ax, uid, f"Profile likelihood of {one.name}: drop of the log-likelihood against its value; {state}")


def quantiles(uid: str, found: Verdict) -> Markup | None:
    """Intervals between fusions in operational time against those of a random sequence of mean 1; None without."""
    if found.rescaled is None or len(found.rescaled.intervals) < 3:
        return None
    from exotrack.kinetics.rescaling import quantiles as expected

    seen = found.rescaled.intervals
    middle, low, high = expected(len(seen))
    ax = charts.axes(5.2, 2.8, "expected interval (of mean 1)", "interval seen")
    ax.fill_between(middle, low, high, color=charts.GREY, alpha=0.3, lw=0)
    ax.plot(middle, middle, color=charts.MUTED, lw=1, ls="--")
    ax.plot(middle, seen, color=charts.FULL, lw=0, marker="o", ms=2.4)
    return charts.to_svg(ax, uid, "Quantiles of the rescaled intervals between fusions against those expected, with a 95 % band")


def residuals(uid: str, found: Verdict) -> Markup:
    """Cox-Snell residuals: the cumulative hazard against the line of slope 1."""
    curve = found.residuals
    ax = charts.axes(5.2, 2.8, "residual", "cumulative hazard")
    fine = np.isfinite(curve.value)
    t, low, high = curve.t_s[fine], curve.low[fine], curve.high[fine]
    ax.fill_between(t, low, np.where(np.isfinite(high), high, np.nan), color=charts.DOCKED, alpha=0.25, lw=0, step="post")
    ax.plot(t, curve.value[fine], color=charts.DOCKED, lw=1.6, drawstyle="steps-post")
    top = float(t.max(initial=1.0))
    ax.plot([0, top], [0, top], color=charts.MUTED, lw=1, ls="--")
    ax.set(xlim=(0, top), ylim=(0, 1.4 * top))
    return charts.to_svg(ax, uid, "Cox-Snell residuals of the time docked: cumulative hazard against the line of slope 1")


def released_content(uid: str, one: Content) -> Markup:
    """Fraction of the cargo that left at each fusion, by kind, as shares of each: one may be far more frequent."""
    ax = charts.axes(5.2, 2.6, "fraction of cargo released", "share of its kind")
    bins = np.linspace(0, 1.2, 25).tolist()
    known = {kind: values for kind, values in one.fractions.items() if len(values)}
    for k, (kind, values) in enumerate(known.items()):
        colour = charts.BY_KIND[kind]
        ax.hist(np.clip(values, 0, 1.2), bins, weights=np.full(len(values), 1 / len(values)), color=colour, alpha=0.55, lw=0)
        words = f"{WORDS[kind]} ({len(values)})"
        ax.annotate(words, (0.02, 0.94 - 0.1 * k), xycoords="axes fraction", color=colour, fontsize=8, va="center")
    ax.set(xlim=(0, 1.2), ylim=(0, None))
    return charts.to_svg(ax, uid, "Fraction of the cargo released at each full fusion and kiss-and-run")


def kisses(uid: str, one: Content) -> Markup | None:
    """How many kisses each vesicle made; None if none did."""
    if len(one.kisses) == 0:
        return None
    ax = charts.axes(5.2, 2.6, "kiss-and-runs of a vesicle", "vesicles")
    most = int(one.kisses.max())
    count = np.bincount(one.kisses.astype(int), minlength=most + 1)[1:]
    ax.bar(np.arange(1, most + 1), count, color=charts.KISS, width=0.7)
    if np.isfinite(one.until_empty):
        ax.axvline(one.until_empty, color=charts.INK, lw=1.2, ls="--")
    ax.set_xticks(np.arange(1, max(most, int(np.ceil(np.nan_to_num(one.until_empty)))) + 1)[:12])
    return charts.to_svg(ax, uid, "Kiss-and-runs of each vesicle; dashed: kisses until a tenth of the content is left")


def area(uid: str, one: Membrane) -> Markup:
    """Membrane added by full fusions, and its capacitance."""
    ax = charts.axes(5.2, 2.6, "time (s)", "area added (µm² per cell)")
    ax.plot(one.t_s, one.area_um2, color=charts.FULL, lw=1.8, drawstyle="steps-post")
    ax.set(ylim=(0, None), xlim=(0, None))
    figure: Any = ax.get_figure(root=True)
    box = ax.get_position()
    ax.set_position((box.x0, box.y0, box.width - 0.1, box.height))
    right = figure.add_axes(ax.get_position(), facecolor="none", sharex=ax)
    right.yaxis.tick_right()
    right.yaxis.set_label_position("right")
    low, high = ax.get_ylim()
    scale = one.capacitance_ff[-1] / one.area_um2[-1]
    right.set(ylim=(low * scale, high * scale), ylabel="capacitance (fF per cell)")
    right.yaxis.label.set(color=charts.MUTED, fontsize=8.5)
    right.tick_params(colors=charts.MUTED, labelsize=8, length=3, width=0.6, labelbottom=False)
    for side, spine in right.spines.items():
        spine.set_visible(side == "right")
        spine.set(color=charts.MUTED, linewidth=0.6)
    return charts.to_svg(ax, uid, "Membrane added by full fusions in the course of time, and its capacitance")


def at_risk(band: Band, length_s: np.ndarray[Any, Any], n: int = 6) -> list[tuple[str, int]]:
    """(time, stays that lasted until then or longer) at `n` times of a curve."""
    times = np.linspace(band.t_s[0], band.t_s[-1], n)
    return [(number(t), int((length_s >= t - 1e-9).sum())) for t in times]
