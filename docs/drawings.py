"""How each picture of the guide is drawn: one function per kind of picture."""

from __future__ import annotations

from typing import Any

import numpy as np
import panels as p
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scenes import CENTRE_UM, Scene

from exotrack.report.numbers import probability

MIDDLE = (CENTRE_UM, CENTRE_UM)
RING_UM = (0.75, 1.9)
"""Around the vesicle, beyond five widths of its own image: what is there has left it."""
SPOT_UM = (0.0, 0.4)
FROM_EVENT = "time from the event (s)"
AROUND = "light around it (counts)"


def shown(frame: int, before: int, steps: list[int]) -> list[int]:
    """Frames of a strip: those before the event one by one, then those at `steps` after it."""
    return [*range(frame - before, frame), *(frame + step for step in steps)]


def event_of(scene: Scene, kind: str) -> Any:
    """The event of `kind` in the middle."""
    return next(scene.near("events", MIDDLE, 2.0).query("kind == @kind").itertuples())


def fit_of(scene: Scene, event: Any) -> Any:
    """The fit's rows of an event."""
    fits = scene.result.fits
    return fits[fits["event_id"] == event.event_id]


def zero(ax: Axes, x: float = 0.0) -> None:
    """A dotted line where the event is."""
    ax.axvline(x, color=p.MUTED, lw=0.8, ls=":")


def intensity(ax: Axes, scene: Scene, event: Any) -> Any:
    """Measured and fitted intensity of an event; the fit's rows."""
    fit = fit_of(scene, event)
    t = fit["t_s"] - event.t_s
    zero(ax)
    p.points(ax, t, fit["intensity"], fit["intensity_sd"], p.KIND[event.kind])
    ax.plot(t, fit["intensity_model"], color=p.INK, lw=1.5)
    return fit


def light(ax: Axes, scene: Scene, where: tuple[float, float], t0: float, colour: str, span: tuple[float, float]) -> None:
    """Light within a ring around the place: measured, with its noise, and what the simulator put there (dashed)."""
    seen, true = scene.light(*where)
    t = np.asarray(scene.movie.t_s(np.arange(len(scene.movie)))) - t0
    far = (t < -0.2) & (where == RING_UM)
    inside = (t >= span[0]) & (t <= span[1])
    zero(ax)
    noise = np.full(len(t), np.std((seen - true)[t < -0.2]))
    level, ground = (seen[far].mean(), true[far].mean()) if far.any() else (0.0, 0.0)
    p.points(ax, t[inside], (seen - level)[inside], noise[inside], colour)
    ax.plot(t[inside], (true - ground)[inside], color=p.INK, lw=1.2, ls="--")


def release(scene: Scene, kind: str, steps: list[int], half_um: float = 1.6) -> Figure:
    """Lumenal cargo: the frames, the intensity with the fit, the light around the vesicle."""
    event = event_of(scene, kind)
    fig = p.figure()
    p.strip(fig, scene, p.View(shown(event.frame, 3, steps), event.frame, MIDDLE, half_um, gamma=0.7))
    left, right = p.panels(fig, [(FROM_EVENT, "intensity (counts)"), (FROM_EVENT, AROUND)])
    fit = intensity(left, scene, event)
    t = fit["t_s"] - event.t_s
    true = true_fusion(scene)
    released = f"{event.fraction_released:.2f} ± {event.fraction_released_sd:.2f} (true {true.fraction:.2f})"
    p.says(left, f"τ = {event.decay_s:.3f} ± {event.decay_sd_s:.3f} s (true {decay_s(true):.3f})\nreleased {released}")
    light(right, scene, RING_UM, event.t_s, p.KIND[kind], (float(t.min()), float(t.max())))
    p.says(right, f"the cloud (dashed: simulated)\n{called(event)}")
    for ax in (left, right):
        p.headroom(ax, 0.25)
    return fig


def called(event: Any) -> str:
    """The call with its probability."""
    words = {"full_fusion": "full fusion", "kiss_and_run": "kiss-and-run"}[event.kind]
    p_kind = probability(getattr(event, f"p_{event.kind}"))
    return f"called {words},\np {'' if p_kind.startswith('>') else '= '}{p_kind}"


def true_fusion(scene: Scene) -> Any:
    """The fusion that was simulated in the middle."""
    return scene.vesicles[0].life.fusions[0]


def decay_s(true: Any) -> float:
    """Time in which all but 1/e of what is released has left."""
    return float(-np.log1p(-(1.0 - np.exp(-1.0)) * true.fraction) / true.rate)


def spreading(scene: Scene, kind: str, steps: list[int], half_um: float = 1.4, span_s: float = 3.0) -> Figure:
    """Membrane cargo: the frames, the intensity with the fit, the squared width with the fit."""
    event = event_of(scene, kind)
    fig = p.figure()
    p.strip(fig, scene, p.View(shown(event.frame, 2, steps), event.frame, MIDDLE, half_um))
    left, right = p.panels(fig, [(FROM_EVENT, "intensity (counts)"), (FROM_EVENT, "width² (µm²)")])
    fit = intensity(left, scene, event)
    t = fit["t_s"] - event.t_s
    after = (t > -0.05) & (t < span_s)
    width, model = (fit.loc[after, column] ** 2 for column in ("sigma_um", "sigma_model_um"))
    right.plot(t[after], width, "o", ms=3.0, color=p.KIND[kind], mec="none")
    right.plot(t[after], model, color=p.INK, lw=1.5)
    right.set(ylim=(0, 0.4), xlim=(-0.15, span_s))
    true = true_fusion(scene)
    if kind == "full_fusion":
        found = f"D = {event.diffusion_um2_s:.3f} ± {event.diffusion_sd_um2_s:.3f} µm²/s"
        p.says(right, f"{found}\n(true {true.diffusion:.3f})", 0.03)
    else:
        line = np.array([0.0, span_s])
        right.plot(line, model.iloc[0] + 2 * 0.05 * line, color=p.MUTED, lw=1.2, ls="--")
        p.says(right, "dashed: what D = 0.05 µm²/s\nwould have made of it", 0.03)
        p.says(left, f"τ = {event.decay_s:.1f} ± {event.decay_sd_s:.1f} s\n(true {scene.sim.cargo.reacidify_s:.1f}: acid again)")
    seen = f"{called(event)}\n\nrise_s {event.rise_s:.2f} s\ndff {event.dff:.1f}"
    p.says(*((left, seen) if kind == "full_fusion" else (right, seen, 0.97, 0.55)))
    return fig


def track_of(scene: Scene) -> Any:
    """Trace of the longest track in the middle."""
    near = scene.near("tracks", MIDDLE, 2.0)["track_id"]
    traces = scene.result.traces
    return traces[traces["track_id"] == near.mode().iloc[0]]


def lost(scene: Scene, around: int, steps: list[int], words: str, half_um: float = 1.3) -> Figure:
    """Light that goes, or comes and goes, without a fusion: frames, brightness, light around the place."""
    event = next(scene.near("events", MIDDLE, 2.0).itertuples(), None)
    t0 = float(scene.movie.t_s(around))
    colour = p.KIND["" if event is None else event.kind]
    fig = p.figure()
    p.strip(fig, scene, p.View(shown(around, 3, steps), around, MIDDLE, half_um))
    left, right = p.panels(fig, [("time (s)", "light of the spot (counts)"), ("time (s)", AROUND)])
    light(left, scene, SPOT_UM, t0, colour, (-2.0, 3.0))
    light(right, scene, RING_UM, t0, colour, (-2.0, 3.0))
    right.set_ylim(-1500, 4000)
    p.headroom(left, 0.25)
    p.says(left, words)
    p.says(right, f"no cloud\n\n{turned_down(scene)}" if event is None else "no cloud")
    return fig


def turned_down(scene: Scene) -> str:
    """What the candidates at the place were turned down for."""
    near = scene.near("candidates", MIDDLE, 1.5)
    if near.empty:
        return "nothing was even a candidate"
    top = near.loc[near["p_other"].idxmin()]
    reasons = top["reasons"].replace("|", ", ").replace("_", " ")
    return f"turned down: {reasons}\np of a fusion = {probability(1 - top['p_other'])}"
