"""True tables of a simulated population: episodes and events of the pipeline's own classes, arrivals, and membrane.

They hold what happened, not what a camera would have made of it: `exotrack.kinetics.observe` looks at them through a camera.
The rules are those of the tables of simulated movies: a fusion ends a docked stay, after a kiss-and-run the next begins with
the open pore; a vesicle that comes back into sight is another track.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from exotrack._table import EXIT_KINDS, MAYBE_WHOLE, REAL, STATES, TEXT, WHOLE, Column, Table
from exotrack.errors import InputError
from exotrack.kinetics.catalogue import STAY_ENDS
from exotrack.kinetics.membrane import area_gain_um2, area_um2
from exotrack.kinetics.stochastic import Population
from exotrack.tables import EVENT_KINDS, Episodes, Events

if TYPE_CHECKING:
    import pandas as pd

Row = dict[str, Any]
FUSIONS = ("full_fusion", "kiss_and_run")


class Arrivals(Table):
    """A simulated vesicle that comes into sight."""

    name = "arrivals"
    arrival_id = Column(WHOLE, "", "Number of the arrival, from 1, in order of time.")
    track_id = Column(WHOLE, "", "Number of the vesicle while it is in sight, from 1.")
    movie_id = Column(TEXT, "", "Name of the movie.")
    cell_id = Column(MAYBE_WHOLE, "", "Cell of the vesicle.")
    vesicle_id = Column(WHOLE, "", "Number of the vesicle, from 1: the same if it comes back.")
    t_s = Column(REAL, "s", "When it came into sight; missing for those in sight at the start.")
    state = Column(TEXT, "", "State it came into.", STATES)
    docked_at_s = Column(REAL, "s", "When it docked first after that; missing if it never did, or was docked at the start.")
    left_at_s = Column(REAL, "s", "When it went out of sight; missing for those in sight at the end.")


@dataclass(frozen=True)
class Place:
    """Where and how a population is recorded.

    frame_s : time between frames (s). area_um2 : footprint, a square over which vesicles lie evenly.
    stimulus_s : times of stimuli, for t_since_stimulus_s. cell_id, movie_id : written in every row.
    """

    frame_s: float = 0.1
    area_um2: float = 100.0
    stimulus_s: tuple[float, ...] = ()
    cell_id: int = 1
    movie_id: str = "simulated"


@dataclass(frozen=True)
class Records:
    """The true tables of one cell. episodes, events : as in a results folder; arrivals : see `Arrivals`."""

    episodes: pd.DataFrame
    events: pd.DataFrame
    arrivals: pd.DataFrame


class _Stay(NamedTuple):
    """Time in sight in one state; `kind` is the event that ended it, "" for a state that follows without one."""

    seen: str
    start: float
    stop: float
    kind: str
    first: bool
    last: bool


def records(population: Population, place: Place, rng: np.random.Generator) -> Records:
    """Write a population down, from time 0 to the end of the simulation.

    Parameters
    ----------
    population : what `simulate` gave. place : frames, footprint and names. rng : draws where vesicles lie.

    Raises
    ------
    InputError : a frame interval longer than the simulation, or an area that is none.
    """
    if not 0 < place.frame_s <= population.stop_s or not place.area_um2 > 0:
        raise InputError(
            f"frames of {place.frame_s:g} s in {population.stop_s:g} s on {place.area_um2:g} um^2; give a frame shorter than the "
            "simulation and a positive area"
        )
    order = np.argsort(population.vesicle, kind="stable")
    edges = np.searchsorted(population.vesicle[order], np.arange(len(population.begin) + 1))
    episodes: list[Row] = []
    events: list[Row] = []
    arrivals: list[Row] = []
    for vesicle, (a, b) in enumerate(pairwise(edges)):
        for stays, steps in _sightings(population, int(population.begin[vesicle]), order[a:b]):
            if stays[-1].stop <= 0:
                continue
            y, x = rng.uniform(0, math.sqrt(place.area_um2), 2)
            own = {"track_id": len(arrivals) + 1, "movie_id": place.movie_id, "cell_id": place.cell_id}
            at = own | {"y_um": float(y), "x_um": float(x)}
            episodes += [at | _episode(population, place, stay) for stay in stays if stay.stop > 0]
            events += [at | row for row in _events(population, place, stays, steps)]
            arrivals.append(own | {"vesicle_id": vesicle + 1} | _arrival(population, stays))
    return Records(
        _table(Episodes, episodes, "episode_id", "t_first_s"),
        _table(Events, events, "event_id", "t_s"),
        _table(Arrivals, arrivals, "arrival_id", "t_s"),
    )


def _table(table: type[Table], rows: list[Row], key: str, order: str) -> pd.DataFrame:
    """Rows in order of time, numbered from 1; y_um and x_um kept where the table has no such columns."""
    import pandas as pd

    if not rows:
        return table.empty()
    frame = pd.DataFrame(rows).sort_values(order, kind="stable", na_position="first")
    frame[key] = np.arange(1, len(frame) + 1)
    return table.build(frame)


def _sightings(population: Population, state: int, mine: NDArray[np.intp]) -> Iterator[tuple[list[_Stay], list[int]]]:
    """Each time that a vesicle is in sight: its stays in order, and which of the population's changes are its own."""
    states = population.model.states
    seen = states[state].seen if state >= 0 else ""
    since, entered = population.start_s, False
    stays: list[_Stay] = []
    steps: list[int] = []
    for k in mine:
        t, kind = float(population.t_s[k]), population.kind(int(population.transition[k]))
        new = states[population.state[k]].seen if population.state[k] >= 0 else ""
        ends = seen != new or (kind in STAY_ENDS and seen != "")
        if seen or new:
            steps.append(int(k))
        if ends and seen:
            stays.append(_Stay(seen, since, t, kind if kind in STAY_ENDS else "", entered, not new))
        if seen and not new:
            yield stays, steps
            stays, steps = [], []
        if ends:
            entered, since = bool(new), t
        seen = new
    if seen:
        yield [*stays, _Stay(seen, since, population.stop_s, "censored", entered, True)], steps


def _episode(population: Population, place: Place, stay: _Stay) -> Row:
    n_frames = int(population.stop_s / place.frame_s + 1e-9)
    start, stop = max(stay.start, 0.0), min(stay.stop, population.stop_s)
    first = min(int(start / place.frame_s), n_frames - 1)
    last = max(min(int(stop / place.frame_s) - 1, n_frames - 1), first)
    kind = stay.kind or ("lost" if stay.last else "")
    kind = kind if kind in EXIT_KINDS or not kind else "lost"
    return {
        "state": stay.seen, "first_frame": first, "last_frame": last, "n_frames": last - first + 1, "t_first_s": start,
        "duration_s": stop - start, "entry_observed": stay.first and stay.start > 0, "exit_observed": kind != "censored",
        "exit_kind": kind,
    }  # fmt: skip


def _events(population: Population, place: Place, stays: list[_Stay], steps: list[int]) -> Iterator[Row]:
    docked_from = {stay.stop: stay for stay in stays if stay.seen == "docked"}
    number, full = 0, math.nan
    for k in steps:
        kind, t = population.kind(int(population.transition[k])), float(population.t_s[k])
        if kind in FUSIONS:
            number += 1
            full = float(population.before[k]) if math.isnan(full) else full
        if kind not in EVENT_KINDS or t < 0:
            continue
        fused = kind in FUSIONS
        since = [t - s for s in place.stimulus_s if s <= t]
        row = {
            "kind": kind, "frame": int(t / place.frame_s), "t_s": t, "p_full_fusion": float(kind == "full_fusion"),
            "p_kiss_and_run": float(kind == "kiss_and_run"), "p_other": float(not fused), "confident": True, "edited": False,
            "t_since_stimulus_s": min(since) if since else math.nan,
        }  # fmt: skip
        if t in docked_from:
            stay = docked_from[t]
            row |= {"docked_s": t - max(stay.start, 0.0), "docked_entry_observed": stay.first and stay.start > 0}
        if fused:
            row |= {"fusion_number": number, "content_before": float(population.before[k]) / full} | _left(population, k, steps)
        yield row


def _left(population: Population, k: int, steps: list[int]) -> Row:
    """What a fusion let out, and for how long its pore was open: a kiss-and-run until the next change of the vesicle."""
    if population.kind(int(population.transition[k])) == "full_fusion":
        return {"fraction_released": 1.0, "open_s": math.nan}
    later = [j for j in steps if j > k]
    stop = float(population.t_s[later[0]]) if later else population.stop_s
    open_s = stop - float(population.t_s[k])
    fraction = 1.0 - math.exp(-open_s / population.tau_s)
    decay = -population.tau_s * math.log1p(-(1.0 - math.exp(-1.0)) * fraction) if math.isfinite(population.tau_s) else math.nan
    return {"fraction_released": fraction, "open_s": open_s if later else math.nan, "decay_s": decay}


def _arrival(population: Population, stays: list[_Stay]) -> Row:
    docked = [stay.start for stay in stays if stay.seen == "docked"]
    first, last = stays[0], stays[-1]
    return {
        "t_s": first.start if first.first and first.start > 0 else math.nan, "state": first.seen,
        "docked_at_s": docked[0] if docked and docked[0] > 0 else math.nan,
        "left_at_s": math.nan if last.kind == "censored" else last.stop,
    }  # fmt: skip


def membrane_um2(population: Population, t_s: ArrayLike, diameter_nm: float, whole_cell: float = 1.0) -> NDArray[np.float64]:
    """Membrane (um^2) that the population's fusions have added by each of `t_s` (s); times 10 it is capacitance (fF).

    Parameters
    ----------
    population : what `simulate` gave. t_s : (k,) times. diameter_nm : of a vesicle.
    whole_cell : surface of the cell over that of the footprint that was simulated.
    """
    pores: list[tuple[float, float]] = []
    opened: dict[int, float] = {}
    states = population.model.states
    for t, vesicle, state in zip(population.t_s, population.vesicle, population.state, strict=True):
        if state >= 0 and states[state].open:
            opened.setdefault(int(vesicle), float(t))
        elif int(vesicle) in opened:
            pores.append((opened.pop(int(vesicle)), float(t)))
    pores += [(t, math.inf) for t in opened.values()]
    return area_gain_um2(t_s, population.times("full_fusion"), pores, area_um2(diameter_nm), whole_cell)
