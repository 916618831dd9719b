"""Pictures of what vesicles do besides fusing: arrive, tether, dock, leave, and fuse again and again."""

from __future__ import annotations

from typing import Any

import numpy as np
import panels as p
from drawings import AROUND, FROM_EVENT, MIDDLE, RING_UM, event_of, intensity, light, shown, track_of, turned_down, zero
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from scenes import Scene

from exotrack.report.numbers import number

LEAST_SIGHT = 4.0
"""A spot at least so many standard errors high has a height above the membrane that can be told."""


def heights(scene: Scene, trace: Any) -> tuple[Any, Any]:
    """Height (nm) that the brightness of a trace tells, z = d ln(I0 / I), and its error; I0 is that of the quiet ones."""
    depth, traces = scene.result.params.classify.penetration_nm, scene.result.traces
    middle = trace["track_id"].iloc[0]
    contact = float(traces[(traces["track_id"] != middle) & traces["observed"]]["amplitude"].median())
    seen = trace["amplitude"].where(trace["amplitude"] > LEAST_SIGHT * trace["amplitude_sd"])
    return depth * np.log(contact / seen), depth * trace["amplitude_sd"] / seen


def true_height(scene: Scene) -> tuple[Any, Any]:
    """Times (s) and heights (nm) that were simulated for the vesicle of the picture."""
    vesicle = scene.vesicles[0]
    return vesicle.grid.middle, vesicle.path.z_nm


def leaving(scene: Scene, steps: list[int]) -> Figure:
    """Undocking: the frames, the height by brightness, the light around the place."""
    event = event_of(scene, "undocking")
    fig = p.figure()
    p.strip(fig, scene, p.View(shown(event.frame, 3, steps), event.frame, MIDDLE, 1.3))
    left, middle, right = p.panels(
        fig, [("time (s)", "height of the spot (counts)"), ("time (s)", "height above contact (nm)"), ("time (s)", AROUND)]
    )
    trace, colour = track_of(scene), p.KIND["undocking"]
    t = trace["t_s"] - event.t_s
    p.points(left, t, trace["amplitude"], trace["amplitude_sd"], colour)
    z, sd = heights(scene, trace)
    p.points(middle, t, z, sd, colour)
    when, true = true_height(scene)
    middle.plot(when - event.t_s, true, color=p.INK, lw=1.2, ls="--")
    middle.set_ylim(-40, 400)
    p.says(middle, "z = d ln(I₀/I)\n(dashed: simulated)", 0.04)
    light(right, scene, RING_UM, event.t_s, colour, (-1.0, 1.5))
    right.set_ylim(-1500, 4000)
    p.says(right, "no cloud")
    p.headroom(left, 0.3)
    p.says(left, f"docked for {event.docked_s:.1f} s,\nthen gone in a few frames")
    for ax in (left, middle, right):
        zero(ax)
        ax.set_xlim(-1.0, 1.5)
    return fig


def coming(scene: Scene, frames: list[int], now: int, at_um: tuple[float, float]) -> Figure:
    """Arrival, tethering and docking: the frames, the height by brightness and the steps, shaded by the state that was found."""
    fig = p.figure()
    p.strip(fig, scene, p.View(frames, now, at_um, 1.1))
    left, right = p.panels(fig, [("time (s)", "height above contact (nm)"), ("time (s)", "distance (µm)")])
    trace, episodes = track_of(scene), p.stays(scene, MIDDLE, 2.0)
    for ax in (left, right):
        p.states(ax, episodes)
    z, sd = heights(scene, trace)
    p.points(left, trace["t_s"], z, sd, p.INK)
    when, true = true_height(scene)
    left.plot(when, true, color=p.MUTED, lw=0.8)
    left.set(ylim=(-30, 300), xlim=(frames[0] * scene.movie.frame_s - 0.2, scene.movie.duration_s))
    p.key(left, ("mobile", "tethered", "docked"))
    track = scene.near("tracks", MIDDLE, 2.5)
    track = track[track["track_id"] == trace["track_id"].iloc[0]]
    end = track[["y_um", "x_um"]].tail(20).mean()
    right.plot(track["t_s"], np.hypot(track["y_um"] - end["y_um"], track["x_um"] - end["x_um"]), "-", color=p.INK, lw=1.0)
    right.set_xlim(left.get_xlim())
    _diffusion_of(right, episodes)
    return fig


def _diffusion_of(ax: Any, episodes: Any) -> None:
    """Write the diffusion coefficient that was found over each stay."""
    for k, row in enumerate(episodes.itertuples()):
        middle = max(row.t_first_s, ax.get_xlim()[0]) + 0.5 * row.duration_s
        value = f"{1e4 * row.diffusion_um2_s:.0f}" if row.diffusion_um2_s > 1e-4 else f"{1e4 * row.diffusion_um2_s:.1f}"
        words = ("D = " if k == 0 else "") + value + (" ×10⁻⁴ µm²/s" if k == len(episodes) - 1 else "")
        ax.text(middle, 0.97, words, transform=ax.get_xaxis_transform(), ha="center", va="top", fontsize=7.5, color=p.INK)
    p.headroom(ax, 0.12)


def passing_by(scene: Scene, frames: list[int], now: int) -> Figure:
    """Moving through the field: the frames, the brightness with a ramp, the path."""
    fig = p.figure()
    p.strip(fig, scene, p.View(frames, now, MIDDLE, 1.3))
    left, right = p.panels(fig, [("time (s)", "height of the spot (counts)"), ("x (µm)", "y (µm)")], widths=(1.5, 1))
    trace = track_of(scene)
    p.points(left, trace["t_s"], trace["amplitude"], trace["amplitude_sd"], p.KIND[""])
    track = scene.near("tracks", MIDDLE, 2.5)
    track = track[track["track_id"] == trace["track_id"].iloc[0]]
    place = (track["x_um"] - track["x_um"].iloc[0], track["y_um"] - track["y_um"].iloc[0])
    right.plot(*place, color=p.MUTED, lw=0.8)
    right.scatter(*place, c=track["t_s"], cmap="viridis", s=10, lw=0, zorder=3)
    right.set_aspect("equal", "datalim")
    right.invert_yaxis()
    p.says(right, "dark to light: time", 0.04)
    p.headroom(left, 0.25)
    p.says(left, turned_down(scene))
    return fig


def until_empty(scene: Scene, frames: list[int], now: int) -> Figure:
    """One vesicle that kisses and runs again and again: what each lets out, and what is left."""
    events = scene.near("events", MIDDLE).sort_values("t_s")
    fig = p.figure()
    p.strip(fig, scene, p.View(frames, now, MIDDLE, 1.2, gamma=0.8))
    (ax,) = p.panels(fig, [("time (s)", "height of the spot (counts)")])
    trace = track_of(scene)
    p.points(ax, trace["t_s"], trace["amplitude"], trace["amplitude_sd"], p.KIND["kiss_and_run"])
    top = float(trace["amplitude"].max())
    for event, true in zip(events.itertuples(), scene.vesicles[0].life.fusions, strict=True):
        zero(ax, event.t_s)
        content = f"content_before {number(event.content_before, 2)}\nfraction_released {number(event.fraction_released, 2)}"
        words = f"fusion_number {event.fusion_number}\n{content} (true {true.fraction:.2f})"
        ax.text(event.t_s + 0.12, 1.32 * top, words, fontsize=7.5, color=p.INK, va="top", linespacing=1.4)
    ax.set(ylim=(-0.05 * top, 1.36 * top), xlim=(0, scene.movie.duration_s))
    return fig


def roles(scene: Scene, frames: list[int], now: int, named: tuple[str, ...]) -> Figure:
    """Resident, newcomer and visitor: a strip each, and below the stays that were found, with the stimulus."""
    fig = p.figure(rows=len(named), panels_in=1.7)
    (ax,) = p.panels(fig, [("time (s)", "")], panels_in=1.7)
    (stimulus,) = scene.result.params.classify.stimulus_s
    for row, (name, (_, at)) in enumerate(zip(named, scene.lives, strict=True)):
        p.strip(fig, scene, p.View(frames, now, at, 1.1), row=row, name=name)
        for stay in p.stays(scene, at, 0.8).itertuples():
            box = Rectangle((stay.t_first_s, -row - 0.32), stay.duration_s, 0.64, color=p.STATE[stay.state], alpha=0.6, lw=0)
            ax.add_patch(box)
            if stay.role:
                middle = stay.t_first_s + 0.5 * stay.duration_s
                ax.text(middle, -row, stay.role, ha="center", va="center", fontsize=7.5, color=p.INK)
        fusions = scene.near("events", at, 0.8).query("kind == 'full_fusion'")
        ax.plot(fusions["t_s"], [-row] * len(fusions), "o", ms=7, color=p.KIND["full_fusion"])
    ax.axvline(stimulus, color=p.INK, lw=1.2, ls="--")
    ax.text(stimulus, 0.62, " stimulus", fontsize=7.5, color=p.INK, va="center")
    ax.set(ylim=(0.4 - len(named), 0.8), xlim=(0, 12), yticks=[-k for k in range(len(named))])
    ax.set_yticklabels([""] * len(named))
    ax.grid(False, axis="y")
    p.key(ax, ("mobile", "tethered", "docked"), 1.04)
    return fig


def measured(scene: Scene, steps: list[int]) -> Figure:
    """The measures of a fusion, written where they are read: time docked, decay, fraction released."""
    event = event_of(scene, "kiss_and_run")
    fig = p.figure()
    p.strip(fig, scene, p.View(shown(event.frame, 3, steps), event.frame, MIDDLE, 1.2))
    left, right = p.panels(fig, [("time (s)", "height of the spot (counts)"), (FROM_EVENT, "intensity (counts)")])
    trace, episodes = track_of(scene), p.stays(scene, MIDDLE, 2.0)
    p.states(left, episodes)
    p.points(left, trace["t_s"], trace["amplitude"], trace["amplitude_sd"], p.KIND["kiss_and_run"])
    p.headroom(left, 0.2)
    p.key(left, ("mobile", "tethered", "docked"))
    top = left.get_ylim()[1]
    span = {"arrowstyle": "<->", "color": p.INK, "lw": 0.9, "shrinkA": 0, "shrinkB": 0}
    start = event.t_s - event.docked_s
    left.annotate("", (start, 0.88 * top), (event.t_s, 0.88 * top), arrowprops=span)
    left.text(0.5 * (start + event.t_s), 0.9 * top, f"docked_s {event.docked_s:.1f} s", fontsize=7.5, ha="center", va="bottom")
    _levels(right, scene, event, span)
    return fig


def _levels(ax: Any, scene: Scene, event: Any, span: dict[str, Any]) -> None:
    fit = intensity(ax, scene, event)
    t, model = (fit["t_s"] - event.t_s).to_numpy(), fit["intensity_model"].to_numpy()
    before, after, top = float(model[t < -0.1].mean()), float(model[t > 1.5].mean()), float(model.max())
    ax.set(xlim=(-1.0, 2.0), ylim=(0, 1.3 * top))
    ax.axhline(before, color=p.MUTED, lw=0.8, ls="--")
    ax.annotate("", (1.5, before), (1.5, after), arrowprops=span)
    words = f"fraction_released {number(event.fraction_released, 2)}\n(true {scene.vesicles[0].life.fusions[0].fraction:.2f})"
    ax.text(1.44, 0.35 * after + 0.65 * before, words, fontsize=7.5, ha="right", va="center")
    at = event.decay_s
    level = after + (top - after) * np.exp(-1.0)
    ax.annotate("", (0.0, level), (at, level), arrowprops=span)
    ax.text(-0.06, level, f"decay_s {event.decay_s:.2f} s", fontsize=7.5, ha="right", va="center")
