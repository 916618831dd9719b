"""A kinetic scheme drawn with its rates: what is seen of a docked vesicle, the ways out, and which rates the data tell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from exotrack.report import charts
from exotrack.report.kinetics_figures import COLOURS, WORDS
from exotrack.report.numbers import number

if TYPE_CHECKING:
    from exotrack.kinetics.catalogue import Transition
    from exotrack.kinetics.verdict import Verdict

GAP, DOWN = 2.7, 1.55
"""Distance of states, and of what they end in below them, in the figure's own units."""
SIDE = 1.9
"""Room to the left and right of the outer states, in the same."""
INCH, PX, LEAST_PX = 0.68, 118, 84
"""Inches to a unit; pixels to an inch where there is room, and the fewest at which words can be read."""


def scheme(uid: str, found: Verdict, rates: Mapping[str, tuple[float, bool]]) -> Markup:
    """The visible states in a row, transitions between them above and below, exits downwards.

    rates : "A -> B, event" to its rate (1/s) at the fitted values, and whether the data identify all that it depends on: solid
    lines if so, dashed if not.
    """
    model = found.subject.model
    row = [state for state in model.states if state.seen in model.stay]
    place = {state.name: (k * GAP, 0.0) for k, state in enumerate(row)}
    width = INCH * ((len(row) - 1) * GAP + 2 * SIDE)
    ax = charts.axes(width, 2.9, "", "")
    ax.set_position((0, 0, 1, 1))
    ax.set_axis_off()
    ax.set(xlim=(-SIDE, (len(row) - 1) * GAP + SIDE), ylim=(-2.4, 0.9 + 0.42 * (len(row) - 1) * (len(row) > 2)), aspect="auto")
    outs: dict[str, list[Transition]] = {}
    for one in model.transitions:
        rate, sure = rates.get(key(one), (float("nan"), True))
        if one.event == "docking" and one.target in place:
            x, y = place[one.target]
            _arrow(ax, (x - 1.6, y), (x - 0.62, y), charts.DOCKED, "-")
            ax.text(x - 1.6, y + 0.12, "docking", color=charts.DOCKED, fontsize=8, ha="left")
        elif one.source in place and (one.event in COLOURS or one.target not in place):
            outs.setdefault(one.source, []).append(one)
        elif one.source in place:
            _inner(ax, place[one.source], place[one.target], f"{number(rate)} /s", sure)
    for source, ways in outs.items():
        _ends(ax, place[source], ways, rates)
    for state in row:
        x, y = place[state.name]
        ax.text(x, y, state.name, ha="center", va="center", fontsize=11, color=charts.INK, fontweight="bold",
                bbox={"boxstyle": "round,pad=0.5", "fc": "none", "ec": charts.DOCKED, "lw": 1.6})  # fmt: skip
    drawn = charts.to_svg(
        ax, uid, f"Scheme of {model.id}: docked states, rates between them and the ways out; dashed: not identified"
    )
    # All schemes of a page at one scale; a long one scrolls on a narrow screen.
    size = f"max-width:{width * PX:.0f}px;min-width:{width * LEAST_PX:.0f}px"
    words = f"Scheme of {model.id}; scrolls sideways"
    return Markup(
        '<div class="scroll" tabindex="0" role="group" aria-label="{}"><div class="scheme" style="{}">{}</div></div>'
    ).format(words, size, drawn)


def key(one: Transition) -> str:
    """Name of a transition among those of its model."""
    return f"{one.words}, {one.event}"


def _inner(ax: Any, start: tuple[float, float], stop: tuple[float, float], text: str, sure: bool) -> None:
    """An arrow between two states: to the right above the row, to the left below it; further ones in a bow over them."""
    forth = stop[0] > start[0]
    side = 0.24 if forth else -0.24
    steps = abs(stop[0] - start[0]) / GAP
    if steps > 1.5:
        # Over the others, so that it crosses neither them nor the exits.
        _arrow(ax, (start[0], 0.42), (stop[0], 0.42), charts.INK, "-" if sure else "--", -0.32 if forth else 0.32)
        ax.text((start[0] + stop[0]) / 2, 0.62 + 0.42 * steps, text, ha="center", va="bottom", fontsize=8, color=charts.INK)
        return
    x0, x1 = (start[0] + 0.55, stop[0] - 0.55) if forth else (start[0] - 0.55, stop[0] + 0.55)
    _arrow(ax, (x0, side), (x1, side), charts.INK, "-" if sure else "--")
    ax.text(
        (x0 + x1) / 2,
        side + (0.12 if forth else -0.12),
        text,
        ha="center",
        va="bottom" if forth else "top",
        fontsize=8,
        color=charts.INK,
    )


def _ends(ax: Any, at: tuple[float, float], ways: list[Transition], rates: Mapping[str, tuple[float, bool]]) -> None:
    """Arrows from a state down to what its stays end in."""
    spread = [(k - (len(ways) - 1) / 2) * 1.25 for k in range(len(ways))]
    for shift, one in zip(spread, ways, strict=True):
        rate, sure = rates.get(key(one), (float("nan"), True))
        colour = COLOURS.get(one.event, charts.MUTED)
        end = (at[0] + shift, -DOWN)
        _arrow(ax, (at[0] + 0.2 * shift, -0.42), end, colour, "-" if sure else "--")
        words = WORDS.get(one.event, one.event or f"to {one.target}")
        ax.text(end[0], end[1] - 0.08, f"{words}\n{number(rate)} /s", ha="center", va="top", fontsize=8, color=colour)


def _arrow(ax: Any, start: tuple[float, float], stop: tuple[float, float], colour: str, line: str, bend: float = 0.0) -> None:
    style: Any = {"arrowstyle": "-|>", "color": colour, "lw": 1.5, "ls": line, "shrinkA": 0, "shrinkB": 0, "mutation_scale": 11}
    ax.annotate("", stop, start, arrowprops=style | {"connectionstyle": f"arc3,rad={bend}"})
