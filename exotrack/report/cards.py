"""One card per called fusion: strip, intensity with the model, squared width with the model, the numbers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup

from exotrack._drift import in_camera
from exotrack.movie import Movie
from exotrack.report import charts
from exotrack.report.kinds import KINDS, Kind
from exotrack.report.numbers import missing, number, plain, probability, quantity, with_error
from exotrack.report.quality import lost_frames
from exotrack.report.strips import Strip, strips, window
from exotrack.tables import FUSION_KINDS

MAX_CARDS = 60
LEAST_WIDTHS = 4
"""Frames with a width below which there is nothing to see in a chart of widths."""
MAX_POINTS = 160
"""A chart 4 inches wide shows no more; longer series are thinned."""


@dataclass(frozen=True)
class Card:
    """A fusion ready for the page. `shares` are (kind or "other", words, percent) of the probability bar."""

    event_id: int
    kind: Kind
    title: str
    confident: bool
    edited: bool
    shares: list[tuple[str, str, float]]
    strip: Strip
    intensity: Markup | None
    width: Markup | None
    numbers: list[tuple[str, str, str]]


def chosen(events: Any) -> Any:
    """The fusions that get a card: the `MAX_CARDS` of highest probability of their own kind, in order of time."""
    fusions = events[events["kind"].isin(FUSION_KINDS)]
    own = np.where(fusions["kind"] == "full_fusion", fusions["p_full_fusion"], fusions["p_kiss_and_run"])
    order = np.argsort(-np.nan_to_num(own, nan=-1.0), kind="stable")[:MAX_CARDS]
    return fusions.iloc[order].sort_values(["t_s", "event_id"])


def cards(movie: Movie, tables: dict[str, Any], radius_um: float) -> list[Card]:
    """A card for each of `chosen` events, their pixels read together."""
    picked = list(chosen(tables["events"]).itertuples(index=False))
    placed = in_camera(chosen(tables["events"]), tables["frames"]).itertuples(index=False)
    shown = strips(movie, [window(event, movie, radius_um) for event in placed], lost_frames(tables["frames"]))
    fits = dict(iter(tables["fits"].groupby("event_id")))
    tracks = [event.track_id for event in picked if not missing(event.track_id)]
    traces = dict(iter(tables["traces"][tables["traces"]["track_id"].isin(tracks)].groupby("track_id")))
    empty_fit, empty_trace = tables["fits"].iloc[:0], tables["traces"].iloc[:0]
    return [
        _card(event, strip, fits.get(event.event_id, empty_fit),
              empty_trace if missing(event.track_id) else traces.get(int(event.track_id), empty_trace))
        for event, strip in zip(picked, shown, strict=True)
    ]  # fmt: skip


def _card(event: Any, strip: Strip, fit: Any, trace: Any) -> Card:
    kind = KINDS[event.kind]
    return Card(
        int(event.event_id), kind, f"{kind.label} {event.event_id}", bool(event.confident), bool(event.edited),
        list(_shares(event)), strip, _intensity(event, fit, trace), _width(event, fit), list(_numbers(event)),
    )  # fmt: skip


def _shares(event: Any) -> Iterator[tuple[str, str, float]]:
    named = (("full_fusion", "full fusion"), ("kiss_and_run", "kiss-and-run"), ("other", "no fusion"))
    for key, words in named:
        p = getattr(event, f"p_{key}")
        yield key, f"{words} {probability(p)}", 0.0 if missing(p) else round(100 * float(p), 1)


def _numbers(event: Any) -> Iterator[tuple[str, str, str]]:
    """(name, value with error and unit, what it means)."""
    entry = "" if not missing(event.docked_entry_observed) and event.docked_entry_observed else "at least "
    yield "Time", f"{plain(event.t_s)} s", f"Frame {event.frame}"
    yield "Position (y, x)", f"{number(event.y_um, 4)}, {number(event.x_um, 4)} µm", "From the centre of pixel (0, 0)"
    yield "Amplitude", quantity(event.amplitude, "counts"), "Brightness at the event"
    yield "dF/F", number(event.dff), "Rise over the local background without camera offset"
    yield "Rise", quantity(event.rise_s, "s"), "From the level before to the peak"
    yield "Decay", with_error(event.decay_s, event.decay_sd_s, "s"), "Time constant after the peak"
    diffusion = with_error(event.diffusion_um2_s, event.diffusion_sd_um2_s, "µm²/s")
    yield "Diffusion", diffusion, "Of the spreading cargo, from sigma² = s0² + 2 D t"
    released = with_error(event.fraction_released, event.fraction_released_sd)
    yield "Fraction released", released, "Of the cargo"
    docked = quantity(event.docked_s, "s")
    yield "Docked before", docked if missing(event.docked_s) else entry + docked, "Time docked, as far as it was seen"
    if event.role:
        yield "Vesicle", event.role, "When it came, relative to the stimulus or the movie's start"
    if not missing(event.fusion_number):
        yield "Fusion of its vesicle", _ordinal(int(event.fusion_number)), "Counted from the first that was called"
    if not missing(event.content_before) and event.fusion_number > 1:
        yield "Content before", number(event.content_before, 2), "Cargo left by its earlier fusions, relative to before the first"
    if not missing(event.marker_dff):
        yield (
            "Marker dF/F",
            with_error(event.marker_dff, event.marker_dff_sd),
            "Marker at the vesicle over that of the ring around it",
        )
    if not missing(event.saturated) and event.saturated:
        yield "Clipped", "yes", "The detector clipped the spot: amplitude and dF/F are too low"
    if not missing(event.t_since_stimulus_s):
        yield "Since stimulus", quantity(event.t_since_stimulus_s, "s"), "Time since the last stimulus"
    owner = f"{plain(event.cell_id)} / {plain(event.track_id, 9)}"
    yield "Cell / track", owner, "Numbers in the tables"


def _ordinal(k: int) -> str:
    tail = "th" if 10 <= k % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(k % 10, "th")
    return f"{k}{tail}"


def _thin(rows: Any) -> Any:
    return rows.sort_values("frame").iloc[:: -(-max(len(rows), 1) // MAX_POINTS)]


def _intensity(event: Any, fit: Any, trace: Any) -> Markup | None:
    """Intensity around the event with its error band and the model, the residuals below, the track's trace behind."""
    fit = _thin(fit[np.isfinite(fit["intensity"])])
    t0 = float(event.t_s)
    trace = trace[np.isfinite(trace["intensity"])]
    if len(fit):
        spare = 0.35 * float(fit["t_s"].max() - fit["t_s"].min())
        trace = trace[(trace["t_s"] >= fit["t_s"].min() - spare) & (trace["t_s"] <= fit["t_s"].max() + spare)]
    trace = _thin(trace)
    if not len(fit) and not len(trace):
        return None
    rows, shade = (fit, charts.BY_KIND[event.kind]) if len(fit) else (trace, charts.MUTED)
    ax = charts.axes(4.3, 2.75 if len(fit) else 2.3, "time from the event (s)", "intensity (counts)")
    ax.axvline(0, color=charts.MUTED, lw=0.8, ls=":")
    ax.plot(trace["t_s"] - t0, trace["intensity"] + _offset(fit, trace), color=charts.MUTED, lw=0.8, alpha=0.8)
    t, value, sd = rows["t_s"] - t0, rows["intensity"], rows["intensity_sd"].fillna(0)
    ax.fill_between(t, value - sd, value + sd, color=shade, alpha=0.22, lw=0)
    ax.plot(t, value, "o", ms=2.6, color=shade, mec="none")
    ax.plot(fit["t_s"] - t0, fit["intensity_model"], color=charts.MODEL, lw=1.5)
    if len(fit):
        low = charts.residuals(ax)
        left = (fit["intensity"] - fit["intensity_model"]) / fit["intensity_sd"]
        low.plot(fit["t_s"] - t0, left.clip(-4.4, 4.4), "o", ms=2.2, color=shade, mec="none")
    label = f"Intensity against time from {event.kind.replace('_', ' ')} {event.event_id}, measured and fitted, with residuals"
    return charts.to_svg(ax, f"intensity-{event.event_id}", label)


def _offset(fit: Any, trace: Any) -> float:
    """What the trace lacks to lie on the fit's points: its background is that of a ring, in which neighbours shine."""
    both = fit[["frame", "intensity"]].merge(trace[["frame", "intensity"]], on="frame")
    return float((both["intensity_x"] - both["intensity_y"]).median()) if len(both) else 0.0


def _width(event: Any, fit: Any) -> Markup | None:
    """Squared width against time: a straight rise of slope 2 D where cargo spreads in the membrane."""
    fit = _thin(fit)
    t = (fit["t_s"] - float(event.t_s)).to_numpy(dtype=float)
    measured, model = fit["sigma_um"].to_numpy(dtype=float) ** 2, fit["sigma_model_um"].to_numpy(dtype=float) ** 2
    seen = np.isfinite(measured)
    if seen.sum() < LEAST_WIDTHS:
        return None
    ax = charts.axes(4.3, 2.3, "time from the event (s)", "width² (µm²)")
    ax.axvline(0, color=charts.MUTED, lw=0.8, ls=":")
    ax.plot(t, measured, "o", ms=2.6, color=charts.BY_KIND[event.kind], mec="none")
    # Where the light itself is too dim to have a width, that of the model says nothing either.
    ax.plot(t[seen], model[seen], color=charts.MODEL, lw=1.5)
    # One wild width of a dim spot must not flatten all others.
    usual = min(1.6 * float(np.percentile(measured[seen], 90)), 8.0 * float(np.median(measured[seen])))
    ax.set(xlim=(t.min(), t.max()), ylim=(0, max(usual, 1e-4)))
    label = f"Squared width against time from {event.kind.replace('_', ' ')} {event.event_id}, measured and fitted"
    return charts.to_svg(ax, f"width-{event.event_id}", label)
