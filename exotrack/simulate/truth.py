"""The true tables: the same classes as the found ones, filled with what the simulation knows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from exotrack.movie import Movie
from exotrack.simulate.histories import episode_rows, event_rows
from exotrack.simulate.marker import cluster
from exotrack.simulate.particles import Particles
from exotrack.simulate.patches import Patches
from exotrack.simulate.presets import Simulation
from exotrack.simulate.render import Course
from exotrack.simulate.scenery import Scenery
from exotrack.simulate.vesicles import Vesicle
from exotrack.simulate.visible import Rows, spot_rows
from exotrack.tables import EVENT_KINDS, Cells, Episodes, Events, Spots, Table, Tracks

EXTRA: dict[type[Table], dict[str, str]] = {
    Episodes: {"visible": "bool", "visitor": "bool", "y_um": "float64", "x_um": "float64"},
    Events: {"visible": "bool", "newcomer": "boolean", "release_s": "float64", "open_s": "float64", "marked": "boolean"},
}
"""Columns only the truth has: seen or not; short visit; place at entry; came at most 0.3 s before; when cargo starts to leave;
how long a kiss-and-run pore stays open; marker gathers under it."""


@dataclass(frozen=True)
class Truth:
    """A simulated movie and what is true of it.

    Attributes
    ----------
    movie : the movie; its pixels are rendered when read.
    spots, tracks : every vesicle in every frame in which its peak is at least ``vesicles.visible`` of the median vesicle's in
        contact: place in the picture (stage drift included, mean over the exposure), height and width of its image, the SNR of a
        matched filter and the Cramer-Rao bound of its place. Distractors are not spots of vesicles: they are in `others`.
        Free particles follow, each with a track of its own, in every frame they live through.
    episodes : stays in a state, whether or not the vesicle could be seen; `visible` says so (half of its frames or more).
    events : what happened with at least one frame before and after it. `visible` says whether a camera could see it: a dark
        (pH-sensitive) vesicle docks unseen. `t_s` is the true instant, `frame` the frame in whose interval it lies.
    cells : area, observed time, number of visible events per kind.
    params : the simulation.
    footprint : (height, width) label image, 1 inside the cell.
    marker : the second channel, if `params.marker.share` asks for one.
    others : distractors (kind, track-like rows: frame, y_um, x_um, amplitude) for explaining false calls.
    """

    movie: Movie
    spots: pd.DataFrame
    tracks: pd.DataFrame
    episodes: pd.DataFrame
    events: pd.DataFrame
    cells: pd.DataFrame
    params: Simulation
    footprint: NDArray[np.int32]
    others: pd.DataFrame
    marker: Movie | None = None


@dataclass(frozen=True)
class Told:
    """What is kept of the vesicles: rows of the tables, and light. Paths are let go vesicle by vesicle, to save memory.

    inside, outside : (n_frames,) photoelectrons of cargo that NH4Cl can brighten, and of cargo that acid in the bath can dim.
    """

    spots: list[Rows]
    episodes: list[dict[str, Any]]
    events: list[dict[str, Any]]
    patches: list[Patches]
    inside: NDArray[np.float64]
    outside: NDArray[np.float64]
    marker: list[Patches]


def follow(
    sim: Simulation,
    scenery: Scenery,
    course: Course,
    vesicles: Iterable[Vesicle],
    second: np.random.Generator | None = None,
) -> Told:
    """Write down what each vesicle does; track_id is the vesicle's number from 1. `second` draws which of them carry marker."""
    n = sim.field.n_frames
    told = Told([], [], [], [], np.zeros(n), np.zeros(n), [])
    least = sim.vesicles.visible * sim.vesicles.photons * sim.peak_fraction()
    for number, vesicle in enumerate(vesicles, 1):
        rows = spot_rows(sim, scenery, course, vesicle.seen, least)
        told.episodes.extend(episode_rows(sim, vesicle, rows, number))
        marked = second is not None and bool(second.random() < sim.marker.share)
        if marked:
            docked = [(stay.start, stay.stop) for stay in vesicle.life.stays if stay.phase == "docked"]
            told.marker.append(cluster(sim.marker, vesicle.grid, vesicle.path, docked))
        known = {} if second is None else {"marked": marked}
        told.events.extend(row | known for row in event_rows(sim, course, vesicle, rows, number))
        told.patches.append(vesicle.patches)
        told.inside[vesicle.seen.frame] += vesicle.held * (1.0 - vesicle.body.acid_brightness)
        told.outside[vesicle.seen.frame] += (vesicle.seen.photons - vesicle.held) * (1.0 - sim.cargo.acid_brightness)
        shown = rows.pop("visible")
        told.spots.append({key: values[shown] for key, values in rows.items()} | {"track_id": np.full(int(shown.sum()), number)})
    return told


def add_particles(told: Told, sim: Simulation, scenery: Scenery, course: Course, found: Particles) -> None:
    """Write down the free particles: spots and tracks, no states and no events; track_id goes on after the vesicles'."""
    rows = spot_rows(sim, scenery, course, found.seen, 0.0)
    shown = rows.pop("visible")
    number = found.owner + 1 + max((int(r["track_id"].max()) for r in told.spots if len(r["track_id"])), default=0)
    told.spots.append({key: values[shown] for key, values in rows.items()} | {"track_id": number[shown]})
    told.patches.append(found.patches)


def true_tables(
    movie: Movie, told: Told, scenery: Scenery, sim: Simulation, others: pd.DataFrame, marker: Movie | None = None
) -> Truth:
    """Fill the tables from what was written down."""
    tracks = _tracks(told.spots, movie)
    order = np.lexsort((tracks["y_um"], tracks["frame"]))
    events = _numbered(Events, told.events, "event_id", "t_s", movie, scenery)
    return Truth(
        movie=movie,
        spots=Spots.build(tracks.drop(columns=["track_id", "observed"]).iloc[order]),
        tracks=tracks,
        episodes=_numbered(Episodes, told.episodes, "episode_id", "t_first_s", movie, scenery),
        events=events,
        cells=_cells(sim, movie, scenery, events, told),
        params=sim,
        footprint=scenery.footprint,
        others=others,
        marker=marker,
    )


def _tracks(rows: list[Rows], movie: Movie) -> pd.DataFrame:
    """The visible rows of all vesicles, in order of vesicle and frame."""
    if not rows:
        return Tracks.empty()
    columns = {key: np.concatenate([r[key] for r in rows]) for key in rows[0]}
    return Tracks.build(pd.DataFrame({**columns, "movie_id": movie.movie_id, "observed": True}))


def _numbered(
    table: type[Table], rows: list[dict[str, Any]], key: str, order: str, movie: Movie, scenery: Scenery
) -> pd.DataFrame:
    """Rows in order of time, numbered from 1, with the cell they lie in."""
    extra = EXTRA[table]
    if not rows:
        empty: pd.DataFrame = table.empty().assign(**{c: pd.Series(dtype=dtype) for c, dtype in extra.items()})
        return empty
    frame = pd.DataFrame(rows).sort_values(order, kind="stable")
    shape = scenery.footprint.shape
    y, x = (np.rint(frame[c] / movie.pixel_um).astype(int).clip(0, n - 1) for c, n in zip(("y_um", "x_um"), shape, strict=True))
    label = scenery.footprint[y, x]
    frame["cell_id"] = pd.array(np.where(label > 0, label, 0), dtype="Int64")
    frame.loc[label == 0, "cell_id"] = pd.NA
    frame[key], frame["movie_id"] = np.arange(1, len(frame) + 1), movie.movie_id
    frame = frame.reindex(columns=[*frame.columns, *(c for c in extra if c not in frame)])
    built: pd.DataFrame = table.build(frame).astype(extra)
    return built


def _cells(sim: Simulation, movie: Movie, scenery: Scenery, events: pd.DataFrame, told: Told) -> pd.DataFrame:
    shown = events["kind"][events["visible"]] if len(events) else events["kind"]
    counts = {f"n_{kind}": [int((shown == kind).sum())] for kind in EVENT_KINDS}
    area = float((scenery.footprint > 0).sum()) * sim.field.pixel_um**2
    plain = {"movie_id": [movie.movie_id], "cell_id": [1], "area_um2": [area], "observed_s": [sim.field.duration_s]}
    return Cells.build({**plain, **counts, "footprint": ["mask"], "surface_fraction": [_surface_fraction(sim, scenery, told)]})


def _surface_fraction(sim: Simulation, scenery: Scenery, told: Told) -> float:
    """Part of the cell's label that lies on its surface, in the middle of the first NH4Cl window; NaN without one."""
    if not sim.bath.nh4cl_s:
        return float("nan")
    frame = min(int(np.mean(sim.bath.nh4cl_s[0]) / sim.field.frame_s), sim.field.n_frames - 1)
    faded = sim.cell.bleach_floor + (1.0 - sim.cell.bleach_floor) * np.exp(-sim.cell.bleach_per_s * frame * sim.field.frame_s)
    label = float(scenery.surface(sim)[scenery.footprint > 0].sum()) * (1.0 - sim.cargo.acid_brightness) * faded
    on = label + float(told.outside[frame])
    whole = on + float(told.inside[frame])
    return on / whole if whole > 0 else float("nan")


def other_rows(sim: Simulation, course: Course, others: Sequence[tuple[str, Patches]]) -> pd.DataFrame:
    """One row per distractor and frame it shows in."""
    parts = []
    for number, (kind, p) in enumerate(others, 1):
        one = pd.DataFrame({"frame": p.frame, "y_um": p.y_um, "x_um": p.x_um, "photons": p.photons, "var_um2": p.var_um2})
        one = one.groupby("frame", as_index=False).agg({"y_um": "mean", "x_um": "mean", "photons": "sum", "var_um2": "mean"})
        parts.append(one.assign(kind=kind, other_id=number))
    if not parts:
        return pd.DataFrame(columns=["other_id", "kind", "frame", "y_um", "x_um", "sigma_um", "amplitude"])
    table = pd.concat(parts, ignore_index=True)
    table["sigma_um"] = np.sqrt(table["var_um2"] + sim.optics.psf_sigma_um**2)
    table["amplitude"] = table["photons"] * sim.camera.gain * sim.field.pixel_um**2 / (2 * np.pi * table["sigma_um"] ** 2)
    table["y_um"] += course.shift_y_um[table["frame"]]
    table["x_um"] += course.shift_x_um[table["frame"]]
    return table[["other_id", "kind", "frame", "y_um", "x_um", "sigma_um", "amplitude"]]
