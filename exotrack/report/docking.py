"""The docking panel: survival of docked vesicles and how their stays ended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from exotrack.report import charts
from exotrack.report.numbers import number
from exotrack.report.survival import Survival, kaplan_meier
from exotrack.tables import EXIT_KINDS

EXIT_WORDS = {
    "undocking": "undocked",
    "full_fusion": "fused fully",
    "kiss_and_run": "kissed and ran",
    "lost": "lost from sight",
    "censored": "still docked when the movie ended",
}


@dataclass(frozen=True)
class Docking:
    """Stays in the docked state: `seen` entered in sight, `before` were docked already; `exits` are rows of the table."""

    n: int
    seen: Survival
    before: Survival
    chart: Markup | None
    exits: list[tuple[str, int, int, str, str]]

    @property
    def median(self) -> str:
        """Median dwell of the stays entered in sight; says so when more than half outlast the movie."""
        if self.seen.at_risk[0] == 0:
            return "not measured: no entry was seen"
        if self.seen.median_s != self.seen.median_s:
            return "not reached: over half outlast what was seen"
        return f"{number(self.seen.median_s)} s"


def docking(episodes: Any) -> Docking:
    """The panel from the episodes table; an exit counts as seen where `exit_observed` says so."""
    docked = episodes[episodes["state"] == "docked"]
    entered, old = docked[docked["entry_observed"]], docked[~docked["entry_observed"]]
    seen = kaplan_meier(entered["duration_s"], entered["exit_observed"])
    before = kaplan_meier(old["duration_s"], old["exit_observed"])
    return Docking(len(docked), seen, before, _chart(seen, before), _exits(docked))


def _exits(docked: Any) -> list[tuple[str, int, int, str, str]]:
    rows = []
    for kind in EXIT_KINDS:
        stays = docked[docked["exit_kind"] == kind]
        if len(stays):
            times = stays["duration_s"]
            spread = f"{number(times.quantile(0.25))} to {number(times.quantile(0.75))}"
            rows.append((EXIT_WORDS[kind], len(stays), int(stays["entry_observed"].sum()), number(times.median()), spread))
    return rows


def _chart(seen: Survival, before: Survival) -> Markup | None:
    if seen.at_risk[0] + before.at_risk[0] == 0:
        return None
    ax = charts.axes(5.2, 2.6, "time docked (s)", "fraction still docked")
    for curve, colour, line in ((before, charts.MUTED, "--"), (seen, charts.KISS, "-")):
        if curve.at_risk[0] == 0:
            continue
        end = max([*curve.t_s, *curve.censored_s])
        t, s = [*curve.t_s, end], [*curve.survival, curve.survival[-1]]
        ax.plot(t, s, drawstyle="steps-post", color=colour, lw=1.6, ls=line)
        if curve is seen:
            low, high = [*curve.low, curve.low[-1]], [*curve.high, curve.high[-1]]
            ax.fill_between(t, low, high, step="post", color=colour, alpha=0.18, lw=0)
            ends = curve.censored_s
            at = curve.survival[curve.t_s.searchsorted(ends, side="right") - 1]
            ax.plot(ends, at, "|", color=colour, ms=6, mew=1)
    ax.set_ylim(0, 1.03)
    ax.set_xlim(left=0)
    return charts.to_svg(ax, "docking-survival", "Kaplan-Meier survival of docked vesicles against time docked, with 95 % band")
