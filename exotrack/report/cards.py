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


def _thin(rows: Any) -> Any:
    return rows.sort_values("frame").iloc[:: -(-max(len(rows), 1) // MAX_POINTS)]


def _intensity(event: Any, fit: Any, trace: Any) -> Markup | None:
    """Background-corrected intensity around the event with its error band, the model, and the track's trace behind."""
    fit = _thin(fit[np.isfinite(fit["intensity"])])
    t0 = float(event.t_s)
    if len(fit):
        spare = 0.35 * float(fit["t_s"].max() - fit["t_s"].min())
        trace = trace[(trace["t_s"] >= fit["t_s"].min() - spare) & (trace["t_s"] <= fit["t_s"].max() + spare)]
    trace = _thin(trace[np.isfinite(trace["intensity"])])
    if not len(fit) and not len(trace):
        return None
    colour = charts.BY_KIND[event.kind]
    ax = charts.axes(4.3, 2.3, "time from the event (s)", "intensity (counts)")
    ax.axvline(0, color=charts.MUTED, lw=0.8, ls=":")
    ax.plot(trace["t_s"] - t0, trace["intensity"], color=charts.MUTED, lw=0.8, alpha=0.8)
    for rows, shade in ((fit, colour),) if len(fit) else ((trace, charts.MUTED),):
        t, value, sd = rows["t_s"] - t0, rows["intensity"], rows["intensity_sd"].fillna(0)
        ax.fill_between(t, value - sd, value + sd, color=shade, alpha=0.22, lw=0)
        ax.plot(t, value, "o", ms=2.6, color=shade, mec="none")
    ax.plot(fit["t_s"] - t0, fit["intensity_model"], color=charts.MODEL, lw=1.5)
    label = f"Intensity against time from {event.kind.replace('_', ' ')} {event.event_id}, measured and fitted"
    return charts.to_svg(ax, f"intensity-{event.event_id}", label)


def _width(event: Any, fit: Any) -> Markup | None:
    """Squared width against time: a straight rise of slope 2 D where cargo spreads in the membrane."""
    fit = _thin(fit)
    t = (fit["t_s"] - float(event.t_s)).to_numpy(dtype=float)
    measured, model = fit["sigma_um"].to_numpy(dtype=float) ** 2, fit["sigma_model_um"].to_numpy(dtype=float) ** 2
    if not np.isfinite(measured).any() and not np.isfinite(model).any():
        return None
    ax = charts.axes(4.3, 2.3, "time from the event (s)", "width² (µm²)")
    ax.axvline(0, color=charts.MUTED, lw=0.8, ls=":")
    ax.plot(t, measured, "o", ms=2.6, color=charts.BY_KIND[event.kind], mec="none")
    ax.plot(t, model, color=charts.MODEL, lw=1.5)
    finite = np.concatenate([measured[np.isfinite(measured)], model[np.isfinite(model)]])
    # One wild width of a dim spot must not flatten all others.
    ax.set_ylim(0, max(1.6 * float(np.percentile(finite, 90)), 1e-4))
    label = f"Squared width against time from {event.kind.replace('_', ' ')} {event.event_id}, measured and fitted"
    return charts.to_svg(ax, f"width-{event.event_id}", label)
