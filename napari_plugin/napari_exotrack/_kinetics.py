"""What the compare dock draws and lists: from the tables alone, or from a finished ``exotrack compare``; no Qt.

Curves are drawn with matplotlib on axes that are given; colours and line styles are those of the report.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from exotrack.report.numbers import missing
from exotrack.tables import FUSION_KINDS
from napari_exotrack._axes import plain_axes

if TYPE_CHECKING:
    import pandas as pd

    from exotrack.io import Results

STYLES = {"undocking": "--", "full_fusion": "-", "kiss_and_run": "-.", "lost": ":"}
STEPS = "steps-post"
CURVES = ("incidence", "survival", "release")
NAME_POINTS = 9
"""Height of a name at the end of a line."""
Y_LABELS = {"incidence": "fraction ended", "survival": "fraction still docked", "release": "fusions per cell"}


@dataclass(frozen=True)
class Compared:
    """A folder that ``exotrack compare`` wrote: curves by model, and its tables."""

    models: Mapping[str, Any]
    tables: Mapping[str, pd.DataFrame]
    notes: tuple[str, ...]


def read_compared(folder: Path) -> Compared:
    """Read a comparison; `InputError` names what is missing or damaged."""
    from exotrack.errors import InputError
    from exotrack.io.results import read_table
    from exotrack.tables import COMPARISON

    try:
        content = json.loads((folder / "comparison.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{folder}: holds no comparison ({error}); run exotrack compare") from None
    tables = {table.name: read_table(folder / f"{table.name}.parquet", table) for table in COMPARISON}
    refused = tuple(f"{model}: {why}" for model, why in content["refused"].items())
    return Compared(content["models"], tables, (*refused, *(str(note) for note in content["notes"])))


def stays(results: Sequence[Results]) -> pd.DataFrame:
    """Docked stays whose beginning was seen, of all results together."""
    import pandas as pd

    every = pd.concat([one.tables["episodes"] for one in results], ignore_index=True)
    return every[(every["state"] == "docked") & every["entry_observed"].astype(bool)]


def draw_seen(ax: Any, curve: str, results: Sequence[Results], colours: dict[str, str]) -> None:
    """What was seen, without a model: Kaplan-Meier with its band, incidence of each fate, fusions so far per cell."""
    plain_axes(ax, colours, "time (s)" if curve == "release" else "time docked (s)", Y_LABELS[curve])
    if curve == "release":
        _seen_release(ax, results, colours)
        return
    from exotrack.kinetics.estimators import aalen_johansen, kaplan_meier

    table = stays(results)
    if table.empty:
        _say(ax, "no docked stay whose beginning was seen", colours)
        return
    seen, length = table["exit_observed"].to_numpy(bool), table["duration_s"].to_numpy(float)
    last = float(length.max())
    if curve == "survival":
        found = kaplan_meier(length, seen)
        _band(ax, found.t_s, found.low, found.high, colours["docking"], last)
        ax.plot(
            np.append(found.t_s, last), np.append(found.value, found.value[-1]), color=colours["docking"], lw=1.8, drawstyle=STEPS
        )
        ax.set(xlim=(0, last), ylim=(0, 1.02))
        return
    fate = np.where(seen & table["exit_kind"].isin(list(STYLES)).to_numpy(bool), table["exit_kind"].to_numpy(str), "")
    fates = tuple(kind for kind in STYLES if (fate == kind).any())
    if not fates:
        _say(ax, "no docked stay whose end was seen", colours)
        return
    ends = aalen_johansen(length, fate, fates)
    for k, one in enumerate(fates):
        _band(ax, ends.t_s, ends.low[k], ends.high[k], colours[_colour(one)], last)
        _fate(ax, ends.t_s, ends.value[k], one, colours, last)
    ax.set(xlim=(0, 1.3 * last), ylim=(0, None))
    _spread(ax)


def draw_compared(ax: Any, curve: str, model: Any, part: str, colours: dict[str, str]) -> None:
    """What was seen with the 95 % bands of a model that went through the same camera."""
    plain_axes(ax, colours, "time (s)" if curve == "release" else "time docked (s)", Y_LABELS[curve])
    band = model["release"] if curve == "release" else model[curve].get(part)
    if band is None:
        _say(ax, f"too few {part} for this curve" if curve != "release" else "no release was compared", colours)
        return
    arrays = {key: np.array(value, float) for key, value in band.items()}
    t = arrays["t_s"]
    if curve == "release":
        for key, colour, style in (("expected", "muted", "--"), ("seen", "full_fusion", "-")):
            value, sd = arrays[key], arrays[f"{key}_sd"]
            ax.fill_between(t, np.maximum(value - 1.96 * sd, 0), value + 1.96 * sd, color=colours[colour], alpha=0.2, lw=0)
            ax.plot(t, value, color=colours[colour], lw=1.6, ls=style)
    elif curve == "survival":
        ax.fill_between(t, arrays["low"], arrays["high"], color=colours["docking"], alpha=0.25, lw=0)
        ax.plot(t, arrays["middle"], color=colours["muted"], lw=1.0, ls="--")
        ax.plot(t, arrays["seen"], color=colours["docking"], lw=1.8, drawstyle=STEPS)
    else:
        for k, fate in enumerate(model["fates"]):
            ax.fill_between(t, arrays["low"][k], arrays["high"][k], color=colours[_colour(fate)], alpha=0.22, lw=0)
            _fate(ax, t, arrays["seen"][k], fate, colours, float(t[-1]))
        ax.set_xlim(float(t[0]), float(t[-1] + 0.3 * np.ptp(t)))
    ax.set_ylim(bottom=0)
    _spread(ax)


def counted(results: Sequence[Results]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Heads and rows: events of each kind, their rate with its interval, of each open result."""
    from exotrack.report.rates import counts

    heads = ("movie", "kind", "called", "sure", "per 1000\nµm² min", "95 %\nlow", "95 %\nhigh")
    rows = []
    for one in results:
        movie = str(one.provenance.get("movie_id", one.folder.name))
        for found in counts(one.tables["events"], one.tables["candidates"], one.tables["cells"]):
            sure = "" if found.confident is None else str(found.confident)
            numbers = (_text(value) for value in (found.rate, found.low, found.high))
            rows.append((movie, found.kind.label, str(found.called), sure, *numbers))
    return heads, rows


def listed(table: pd.DataFrame, columns: Sequence[str]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Heads and rows of some columns of a table."""
    rows = [tuple(_text(value) for value in row) for row in table[list(columns)].itertuples(index=False)]
    return tuple(column.replace("_", " ") for column in columns), rows


def _seen_release(ax: Any, results: Sequence[Results], colours: dict[str, str]) -> None:
    cells = max(sum(max(len(one.tables["cells"]), 1) for one in results), 1)
    last = max(float(one.tables["frames"]["t_s"].max()) for one in results)
    for kind in FUSION_KINDS:
        t = np.sort(np.concatenate([_times(one, kind) for one in results]))
        y = np.arange(len(t) + 1) / cells
        _fate(ax, np.append(0, t), y, kind, colours, last)
    ax.set(xlim=(0, 1.3 * last), ylim=(0, None))
    _spread(ax)


def _times(one: Results, kind: str) -> Any:
    events = one.tables["events"]
    return events["t_s"][events["kind"] == kind].to_numpy(float)


def _band(ax: Any, t: Any, low: Any, high: Any, colour: str, last: float) -> None:
    ends = (np.append(values, values[-1]) for values in (t, low, high))
    t, low, high = ends
    t[-1] = last
    ax.fill_between(t, low, high, color=colour, alpha=0.2, lw=0, step="post")


def _fate(ax: Any, t: Any, y: Any, fate: str, colours: dict[str, str], last: float) -> None:
    """A rising line with its name at its end."""
    t, y = np.append(t, last), np.append(y, y[-1])
    colour = colours[_colour(fate)]
    ax.plot(t, y, color=colour, lw=1.7, ls=STYLES.get(fate, "-"), drawstyle=STEPS)
    words = fate.replace("_", " ").replace("kiss and run", "kiss-and-run")
    ax.annotate(words, (last, y[-1]), xytext=(4, 0), textcoords="offset points", color=colour, fontsize=7.5, va="center")


def _spread(ax: Any) -> None:
    """Move the names at the ends of lines apart where they would lie on one another."""
    names = sorted((one for one in ax.texts if hasattr(one, "xy")), key=lambda one: one.xy[1])
    low, high = ax.get_ylim()
    per_point = (high - low) / (72 * ax.figure.get_figheight() * ax.get_position().height)
    above = -np.inf
    for name in names:
        place = max(name.xy[1], above + NAME_POINTS * per_point)
        name.set_position((4, (place - name.xy[1]) / per_point))
        above = place


def _colour(fate: str) -> str:
    return {"lost": "other", "undocking": "undocking"}.get(fate, fate) if fate != "fused" else "full_fusion"


def _say(ax: Any, text: str, colours: dict[str, str]) -> None:
    ax.text(0.5, 0.5, text, transform=ax.transAxes, ha="center", color=colours["muted"], fontsize=8.5)


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if missing(value):
        return "–"
    if isinstance(value, float | np.floating):
        return f"{value:.0f}" if 100 <= abs(value) < 1e5 else f"{value:.3g}"
    return str(value)
