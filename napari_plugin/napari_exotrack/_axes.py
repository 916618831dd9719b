"""Axes of matplotlib in the colours of a theme; no Qt."""

from __future__ import annotations

from typing import Any


def plain_axes(ax: Any, colours: dict[str, str], x_label: str, y_label: str) -> None:
    """Axes in the colours of a theme, without the upper and right frame."""
    ax.set_facecolor("none")
    ax.set_xlabel(x_label, color=colours["muted"], fontsize=8, labelpad=1)
    ax.set_ylabel(y_label, color=colours["muted"], fontsize=8, labelpad=2)
    ax.tick_params(colors=colours["muted"], labelsize=7.5, length=3, width=0.6, pad=2)
    for side, spine in ax.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(colours["muted"])
        spine.set_linewidth(0.6)
    ax.grid(True, color=colours["grid"], linewidth=0.6)
    ax.set_axisbelow(True)
