"""How each picture of the guide is drawn: one function per kind of picture."""

from __future__ import annotations

from typing import Any

import numpy as np
import panels as p
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scenes import CENTRE_UM, Scene

MIDDLE = (CENTRE_UM, CENTRE_UM)
RING_UM = (0.75, 1.9)
"""Around the vesicle, beyond five widths of its own image: what is there has left it."""
FROM_EVENT = "time from the event (s)"


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


def ring(ax: Axes, scene: Scene, t0: float, colour: str, span: tuple[float, float]) -> None:
    """Light in a ring around the vesicle: measured, and what the simulator put there (dashed)."""
    seen, true = scene.light(*RING_UM)
    t = scene.movie.t_s(np.arange(len(scene.movie))) - t0
    inside = (t >= span[0]) & (t <= span[1])
    level = float(np.mean(seen[(t < -0.2)]))
    zero(ax)
    noise = float(np.std(seen[t < -0.2]))
    p.points(ax, t[inside], seen[inside] - level, np.full(inside.sum(), noise), colour)
    ax.plot(t[inside], true[inside] - true[t < -0.2].mean(), color=p.INK, lw=1.2, ls="--")


def release(scene: Scene, kind: str, steps: list[int], half_um: float = 1.7) -> Figure:
    """Lumenal cargo: the frames, the intensity with the fit, the light around the vesicle."""
    event = event_of(scene, kind)
    fig = p.figure()
    p.strip(fig, scene, shown(event.frame, 3, steps), event.t_s, MIDDLE, half_um, now=event.frame)
    left, right = p.panels(fig, [(FROM_EVENT, "intensity (counts)"), (FROM_EVENT, "light around it (counts)")])
    fit = intensity(left, scene, event)
    t = fit["t_s"] - event.t_s
    text = f"fit: τ = {event.decay_s:.3f} ± {event.decay_sd_s:.3f} s\nreleased {100 * event.fraction_released:.0f} %"
    p.says(left, text)
    ring(right, scene, event.t_s, p.KIND[kind], (float(t.min()), float(t.max())))
    p.says(right, f"the cloud: gone from the vesicle,\nnot yet from the cleft\n(dashed: simulated)\n\np = {probability(event):.2f}")
    return fig


def probability(event: Any) -> float:
    """Probability of the kind that was called."""
    return float(getattr(event, f"p_{event.kind}"))


def spreading(scene: Scene, kind: str, steps: list[int], half_um: float = 1.4) -> Figure:
    """Membrane cargo: the frames, the intensity with the fit, the squared width with the fit."""
    event = event_of(scene, kind)
    fig = p.figure()
    p.strip(fig, scene, shown(event.frame, 2, steps), event.t_s, MIDDLE, half_um, now=event.frame)
    left, right = p.panels(fig, [(FROM_EVENT, "intensity (counts)"), (FROM_EVENT, "width² (µm²)")])
    fit = intensity(left, scene, event)
    t = fit["t_s"] - event.t_s
    after = (t >= 0) & (t < 4)
    zero(right)
    right.plot(t[after], fit["sigma_um"][after] ** 2, "o", ms=3.0, color=p.KIND[kind], mec="none")
    right.plot(t[after], fit["sigma_model_um"][after] ** 2, color=p.INK, lw=1.5)
    start = float(fit["sigma_model_um"][t < 0.15].median() ** 2)
    right.set_ylim(0, 0.5)
    return fig
