"""Parts of the pictures of the guide: a strip of frames with times and a scale bar, and panels of curves below it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from scenes import Scene

WIDE_IN, TILE_IN, DPI = 8.6, 0.72, 120
INK, MUTED, GRID = "#18202a", "#5a6672", "#e2e7ec"
KIND = {
    "full_fusion": "#d55e00", "kiss_and_run": "#0072b2", "docking": "#009e73", "undocking": "#b8578f", "tethering": "#c98a00",
    "": "#7a8794",
}  # fmt: skip
"""Colours of the kinds, as in the report; what was turned down is grey."""
STATE = {"mobile": "#9aa5b1", "tethered": "#e0a526", "docked": "#2aa67e"}
TEXT = 8.0


def figure(rows: int = 1, panels_in: float = 2.15) -> Figure:
    """An empty figure for `rows` strips of frames above panels `panels_in` high."""
    return Figure(figsize=(WIDE_IN, rows * TILE_IN + panels_in + 0.08), dpi=DPI, facecolor="white")


@dataclass(frozen=True)
class View:
    """What a strip shows: frames, the one that is framed and that times count from, the place, half the side (um).

    gamma : of the grey values; below 1 dim light is brighter than it is.
    """

    frames: Sequence[int]
    now: int
    at_um: tuple[float, float]
    half_um: float = 1.2
    gamma: float = 1.0


def strip(fig: Figure, scene: Scene, view: View, row: int = 0, name: str = "") -> None:
    """Draw the frames of a view side by side, in one contrast, with their times."""
    movie, side = scene.movie, round(view.half_um / scene.movie.pixel_um)
    y, x = (round(value / movie.pixel_um) for value in view.at_um)
    crops = [movie[k][y - side : y + side + 1, x - side : x + side + 1].astype(float) for k in view.frames]
    black, white = np.percentile(crops, [2.0, 99.9])
    left = 0.72 if name else 0.06
    wide, high = (WIDE_IN - left - 0.03) / len(crops), fig.get_figheight()
    size = min(wide - 0.03, TILE_IN - 0.04)
    for k, (frame, crop) in enumerate(zip(view.frames, crops, strict=True)):
        box = ((left + k * wide) / WIDE_IN, 1 - (0.04 + row * TILE_IN + size) / high, size / WIDE_IN, size / high)
        ax = fig.add_axes(box, xticks=[], yticks=[])
        grey = np.clip((crop - black) / (white - black), 0, 1) ** view.gamma
        ax.imshow(grey, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
        for spine in ax.spines.values():
            spine.set(visible=frame == view.now, color="#f0e442", linewidth=2.0)
        text = _time(scene, frame, view.now) + (" s" if k == 0 else "")
        ax.text(0.06, 0.94, text, color="white", fontsize=7, va="top", transform=ax.transAxes)
        if k == 0:
            ax.add_patch(Rectangle((1.2, 2 * side - 1.6), 1.0 / movie.pixel_um, 0.04 * 2 * side, color="white"))
            ax.text(1.2, 2 * side - 2.2, "1 µm", color="white", fontsize=7, va="bottom")
    if name:
        fig.text(0.01, 1 - (0.04 + row * TILE_IN + 0.5 * size) / high, name, fontsize=TEXT, color=INK, va="center")


def _time(scene: Scene, frame: int, now: int) -> str:
    t_s = round(float(scene.movie.t_s(frame) - scene.movie.t_s(now)), 6)
    return "0" if t_s == 0 else f"{t_s:+.{2 if scene.movie.frame_s < 0.1 else 1}f}".replace("-", "−")


def panels(fig: Figure, labels: Sequence[tuple[str, str]], panels_in: float = 2.15, widths: Sequence[float] = ()) -> list[Axes]:
    """Axes side by side at the bottom, one for each (label of x, label of y)."""
    shares = np.array(widths or [1.0] * len(labels), float)
    gap, edge = 0.62, 0.1
    room = (WIDE_IN - gap * len(labels) - edge) * shares / shares.sum()
    made, left, high = [], 0.0, fig.get_figheight()
    for (x_label, y_label), wide in zip(labels, room, strict=True):
        left += gap
        ax = fig.add_axes((left / WIDE_IN, 0.42 / high, wide / WIDE_IN, (panels_in - 0.62) / high))
        left += wide
        ax.set_xlabel(x_label, color=MUTED, fontsize=TEXT, labelpad=2)
        ax.set_ylabel(y_label, color=MUTED, fontsize=TEXT, labelpad=2)
        ax.tick_params(colors=MUTED, labelsize=7.5, length=3, width=0.6, pad=2)
        for side, spine in ax.spines.items():
            spine.set(visible=side in ("left", "bottom"), color=MUTED, linewidth=0.6)
        ax.grid(True, color=GRID, linewidth=0.6)
        ax.set_axisbelow(True)
        made.append(ax)
    return made


def points(ax: Axes, t: Any, value: Any, sd: Any, colour: str) -> None:
    """Measured points with their standard errors as a band."""
    t, value, sd = (np.asarray(column, float) for column in (t, value, sd))
    ax.fill_between(t, value - sd, value + sd, color=colour, alpha=0.2, lw=0)
    ax.plot(t, value, "o", ms=3.0, color=colour, mec="none")


def says(ax: Axes, text: str, x: float = 0.97, y: float = 0.94, colour: str = INK, **how: Any) -> None:
    """Words inside the axes, at parts of its width and height."""
    side = "right" if x > 0.5 else "left"
    ax.text(x, y, text, transform=ax.transAxes, ha=side, va="top", fontsize=TEXT, color=colour, linespacing=1.4, **how)


def headroom(ax: Axes, times: float) -> None:
    """Lengthen the axis upwards by so many times its length, so that words find room."""
    low, high = ax.get_ylim()
    ax.set_ylim(low, high + times * (high - low))


def states(ax: Axes, episodes: Any, zero_s: float = 0.0) -> None:
    """Shade stays that the analysis found."""
    for row in episodes.itertuples():
        first = row.t_first_s - zero_s
        ax.axvspan(first, first + row.duration_s, color=STATE[row.state], alpha=0.22, lw=0)


def stays(scene: Scene, at_um: tuple[float, float], reach_um: float = 1.6) -> Any:
    """Episodes of the tracks near a place, in order of time."""
    near = scene.near("tracks", at_um, reach_um)["track_id"].unique()
    episodes = scene.result.episodes
    return episodes[episodes["track_id"].isin(near)].sort_values("t_first_s")


def key(ax: Axes, names: Sequence[str], y: float = 1.02) -> None:
    """Names of the shaded states above the axes."""
    for k, name in enumerate(names):
        ax.add_patch(Rectangle((0.02 + 0.28 * k, y + 0.015), 0.035, 0.06, transform=ax.transAxes, color=STATE[name], alpha=0.5,
                               clip_on=False, lw=0))  # fmt: skip
        ax.text(0.065 + 0.28 * k, y, name, transform=ax.transAxes, fontsize=7.5, color=MUTED, va="bottom")
