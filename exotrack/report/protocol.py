"""The protocol panel: drift of the stage, solutions with the pools they show, and the marker at events. Empty without any."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup

from exotrack._drift import drift_um
from exotrack.movie import Movie
from exotrack.params import ProtocolParams
from exotrack.report import charts
from exotrack.report.kinds import KINDS
from exotrack.report.numbers import number, plain, with_error

POOLS = (
    ("Surface fraction", "surface_fraction"), ("dF/F in NH4Cl", "nh4cl_dff"), ("dF/F in acid", "quench_dff"),
    ("Pool (spots)", "pool_spots"), ("Fused of pool", "fused_of_pool"),
)  # fmt: skip


@dataclass(frozen=True)
class Protocol:
    """What the panel shows.

    solutions : in words, or empty. heads, pools : a table with a row per cell. drift : in words, or empty; chart : its course.
    marker : rows (kind, dF/F with error, events); shift : in words.
    """

    solutions: str
    heads: list[str]
    pools: list[list[str]]
    drift: str
    chart: Markup | None
    marker: list[tuple[str, str, int]]
    shift: str

    @property
    def any(self) -> bool:
        """Whether there is anything to show."""
        return bool(self.solutions or self.drift or self.marker)


def protocol(movie: Movie, tables: dict[str, Any], params: ProtocolParams, provenance: dict[str, Any]) -> Protocol:
    """The panel from the tables, the windows in `params`, and how the channels lie to one another in `provenance`."""
    named = (("NH4Cl", params.nh4cl_s), ("acid", params.quench_s))
    words = [f"{name} {plain(first)}–{plain(last)} s" for name, windows in named for first, last in windows]
    moved = drift_um(tables["frames"])
    return Protocol(
        ", ".join(words),
        ["Cell", *(head for head, _ in POOLS)],
        [_pool(cell) for cell in tables["cells"].to_dict("records")] if words else [],
        *_drift(movie, tables["frames"], moved),
        _marker(tables["events"]),
        _shift(provenance.get("marker")),
    )


def _pool(cell: dict[str, Any]) -> list[str]:
    return [str(cell["cell_id"]), *(with_error(cell[key], cell[f"{key}_sd"]) for _, key in POOLS)]


def _drift(movie: Movie, frames: Any, moved: Any) -> tuple[str, Markup | None]:
    if not moved.any():
        return "", None
    far = np.hypot(*moved.T)
    error = float(np.nanmedian(frames[["drift_y_sd_um", "drift_x_sd_um"]].to_numpy()))
    text = f"up to {number(1000 * far.max(), 2)} nm; standard error about {number(1000 * error, 2)} nm"
    ax = charts.axes(4.6, 2.2, "time (s)", "drift (nm)")
    step = -(-len(far) // 600)
    t_s = frames["t_s"].to_numpy()[::step]
    for column, colour, line in ((0, charts.INK, "-"), (1, charts.MODEL, "--")):
        ax.plot(t_s, 1000 * moved[::step, column], color=colour, lw=1.6, ls=line)
    ax.set_xlim(0, movie.duration_s)
    return text, charts.to_svg(ax, "drift", f"Drift of the stage along y and x against time; {text}")


def _marker(events: Any) -> list[tuple[str, str, int]]:
    """Mean over the events of a kind, with the error of the mean from their scatter."""
    rows = []
    for kind in KINDS.values():
        values = events.loc[events["kind"] == kind.name, "marker_dff"].dropna().to_numpy(dtype=float)
        if len(values):
            sd = float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else float("nan")
            rows.append((kind.plural, with_error(values.mean(), sd), len(values)))
    return rows


def _shift(record: Any) -> str:
    if not isinstance(record, dict) or "shift_um" not in record:
        return ""
    y, x = record["shift_um"]
    sd = record.get("shift_sd_um") or (float("nan"), float("nan"))
    return f"{with_error(1000 * y, 1000 * sd[0])}, {with_error(1000 * x, 1000 * sd[1])} nm (y, x; {record.get('shift', '')})"
