"""Charts of a micrograph's page: distances against random placement, diameters before and after correction."""

from __future__ import annotations

from typing import Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from exotrack.report import charts
from exotrack.report.numbers import missing

WIDTH, HEIGHT = 5.6, 2.7


def distances(bins: Any) -> Markup | None:
    """Vesicles per bin of distance (bars), and what random placement gives (line, with its 95 % range)."""
    if not len(bins) or not bins["n"].sum():
        return None
    kind = bins["distance_kind"].iloc[0]
    ax = charts.axes(WIDTH, HEIGHT, f"distance of the {kind} from the membrane (nm)", "vesicles")
    low, high = bins["from_nm"].to_numpy(), bins["to_nm"].to_numpy()
    low = np.maximum(low, high - np.median(high - low))  # the open bin below 0 is drawn as wide as the others
    ax.bar(low, bins["n"], high - low, align="edge", color=charts.KISS, alpha=0.75, linewidth=0)
    if bins["n_random"].notna().all():
        edges = np.append(low, high[-1])
        ax.stairs(bins["n_random"], edges, color=charts.MODEL, linewidth=1.6, baseline=None)
        for side in ("n_random_low", "n_random_high"):
            ax.stairs(bins[side], edges, color=charts.MUTED, linewidth=0.9, linestyle="--", baseline=None)
    ax.set_xlim(low[0], high[-1])
    ax.set_ylim(0, None)
    return charts.to_svg(ax, "em-distances", "Vesicles by distance from the membrane, and random placement")


def diameters(values: NDArray[np.float64], sizes: Any) -> Markup | None:
    """Diameters as seen (bars), their mean, and the corrected mean with the corrected spread."""
    if not len(values):
        return None
    ax = charts.axes(WIDTH, HEIGHT, "diameter (nm)", "vesicles")
    number, edges = np.histogram(values, min(max(int(np.sqrt(len(values)) * 2), 8), 40))
    ax.bar(edges[:-1], number, np.diff(edges), align="edge", color=charts.KISS, alpha=0.75, linewidth=0)
    ax.axvline(float(values.mean()), color=charts.MUTED, linewidth=1.4, linestyle="--")
    row = sizes.iloc[0] if len(sizes) else None
    if row is not None and not missing(row.diameter_nm):
        ax.axvline(row.diameter_nm, color=charts.FULL, linewidth=1.8)
        x = np.linspace(max(row.diameter_nm - 4 * row.spread_nm, 0), row.diameter_nm + 4 * row.spread_nm, 120)
        bell = np.exp(-0.5 * ((x - row.diameter_nm) / row.spread_nm) ** 2)
        ax.plot(x, bell * number.max(), color=charts.FULL, linewidth=1.2)
    ax.set_xlim(0, None)
    ax.set_ylim(0, None)
    return charts.to_svg(ax, "em-diameters", "Diameters as seen and corrected")
