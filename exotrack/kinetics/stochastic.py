"""Populations of vesicles drawn at random, with what the exact solution leaves out: sites that fill up, vesicles that run empty.

`simulate` draws the lives of all vesicles of a cell; `exotrack.kinetics.records` writes them down as the true tables of
episodes, events and arrivals.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from exotrack.errors import InputError
from exotrack.kinetics.catalogue import Model
from exotrack.kinetics.drive import Course, rested
from exotrack.kinetics.exact import beginning
from exotrack.kinetics.generator import Generator, Values, generator

Real = NDArray[np.float64]
MOST_STEPS = 200_000_000
"""Steps of one cell after which to give up: minutes of computing."""


@dataclass(frozen=True)
class Limits:
    """What keeps vesicles from being independent.

    sites : number of docking sites, or None for no limit. A docking then happens in proportion to the sites that are free;
        tethered and mobile vesicles hold none.
    empty : part of the content below which a vesicle is spent: it undocks when its pore closes, to fill up in the reserve. 0
        for never. It needs a model that says where spent vesicles go.
    before_s : how long (s) to simulate before time 0, at the inputs of the start, so that the limits are felt from the start.
    """

    sites: int | None = None
    empty: float = 0.0
    before_s: float = 0.0


@dataclass(frozen=True, eq=False)
class Population:
    """The vesicles of one cell.

    begin : (v,) number of the state of each vesicle at the start, -1 for those that arrive later.
    t_s, vesicle, transition, state : (e,) every change that can be seen or has a name, in order: when (s), of which vesicle,
        by which of the model's transitions (their number if a spent vesicle leaves), into which state (-1: left the model).
    before, after : (e,) content of the vesicle before and after, 1 full. numbers : (n,) vesicles in each state at the end.
    start_s, stop_s : time simulated.
    """

    model: Model
    start_s: float
    stop_s: float
    begin: NDArray[np.int64]
    t_s: Real
    vesicle: NDArray[np.int64]
    transition: NDArray[np.int64]
    state: NDArray[np.int64]
    before: Real
    after: Real
    numbers: NDArray[np.int64]
    tau_s: float

    def kind(self, transition: int) -> str:
        """Name of the event that a transition is; a spent vesicle undocks."""
        ways = self.model.transitions
        return ways[transition].event if transition < len(ways) else "undocking"

    def times(self, kind: str) -> Real:
        """When (s) each event of a kind happened."""
        mine = [k for k in range(len(self.model.transitions) + 1) if self.kind(k) == kind]
        return np.asarray(self.t_s[np.isin(self.transition, mine)])


def simulate(
    model: Model,
    duration_s: float,
    rng: np.random.Generator,
    course: Course | None = None,
    start: ArrayLike | str = "resting",
    values: Values = None,
    limits: Limits = Limits(),
) -> Population:
    """Draw the lives of a cell's vesicles from time 0 to `duration_s`.

    Parameters
    ----------
    model, values : the model, and parameters that differ from its own. rng : the only source of chance.
    course : inputs over time; the model's own, constant, if not given.
    start : as for `expected`: ``resting``, ``initial``, or expected numbers (n,). Each state's is drawn from the Poisson
        law if vesicles arrive from outside, else the expected total is kept and dealt out.

    Raises
    ------
    InputError : no duration; a start that does not exist; limits without meaning; more than `MOST_STEPS` steps.
    """
    from exotrack.kinetics._steps import play

    if not (math.isfinite(duration_s) and duration_s > 0) or not limits.before_s >= 0:
        raise InputError(f"simulation: a duration of {duration_s:g} s after {limits.before_s:g} s; give positive times")
    if limits.sites is not None and limits.sites < 0:
        raise InputError(f"simulation: {limits.sites} docking sites; give 0 or more")
    course = course or Course.constant()
    cargo = _cargo(model, limits, model.given(values))
    spans, made = _spans(model, course, limits, duration_s, values)
    begin = _dealt(model, beginning(model, start, course, 0.0, values), rng)
    if limits.sites is not None:
        begin = _placed(model, begin, limits.sites, rng)
    rates, sizes = (np.array([getattr(g, part) for g in made]) for part in ("rates", "sizes"))
    sites = -1 if limits.sites is None else limits.sites
    log, numbers, gave_up = play(rng, *_plan(model), spans, rates, sizes, cargo, begin, sites, MOST_STEPS)
    if gave_up:
        raise InputError(
            f"model {model.id}: more than {MOST_STEPS:,} steps before {duration_s:g} s; its fastest rate is "
            f"{rates.max():g} per s: simulate a shorter time, or use the exact solution"
        )
    whole = log[:, 1:4].astype(np.int64)
    everyone = np.full(max(len(begin), int(whole[:, 0].max(initial=-1)) + 1), -1, np.int64)
    everyone[: len(begin)] = begin
    return Population(
        model, float(spans[0]), duration_s, everyone, t_s=log[:, 0].copy(), vesicle=whole[:, 0], transition=whole[:, 1],
        state=whole[:, 2], before=log[:, 4].copy(), after=log[:, 5].copy(), numbers=numbers, tau_s=float(cargo[0]),
    )  # fmt: skip


def _cargo(model: Model, limits: Limits, space: Mapping[str, float]) -> Real:
    """What `exotrack.kinetics._steps` wants to know of cargo."""
    told = model.release
    if limits.empty and not (0 < limits.empty < 1 and told.tau_s and told.spent):
        raise InputError(
            f"simulation: vesicles are empty below {limits.empty:g}; give a part between 0 and 1, and a model whose [release] "
            f"has tau_s and spent (model {model.id} has {'both' if told.tau_s and told.spent else 'not both'})"
        )
    tau = space[told.tau_s] if told.tau_s else math.inf
    refill = space[told.refill_per_s] if told.refill_per_s else 0.0
    return np.array([tau, refill, limits.empty, model.state(told.spent) if limits.empty else -1])


def _spans(model: Model, course: Course, limits: Limits, stop_s: float, values: Values) -> tuple[Real, list[Generator]]:
    """Edges (S + 1,) of the spans of constant inputs, and the rates in each."""
    rest = rested(model, values, course.at(0.0))
    spans = [(0.0 - limits.before_s, 0.0, course.at(0.0))] if limits.before_s else []
    spans += list(course.spans(0.0, stop_s))
    made = [generator(model, values, rest | inputs) for _, _, inputs in spans]
    return np.array([spans[0][0], *(b for _, b, _ in spans)]), made


def _plan(model: Model) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(T, 5) what each transition does, (n, 2) what each state is: see `exotrack.kinetics._steps`."""
    places = {name: k for k, name in enumerate(model.names)} | {"": -1}
    looks = {one.name: (one.seen, one.open) for one in model.states} | {"": ("", False)}
    ways = [
        (
            places[one.source],
            places[one.target],
            # What changes neither what is seen nor the pore, and has no name, happens often and tells nothing.
            bool(one.event) or looks[one.source] != looks[one.target],
            looks[one.target][0] == "docked" and looks[one.source][0] != "docked",
            one.event == "full_fusion",
        )
        for one in model.transitions
    ]
    return np.array(ways, np.int64), np.array([(one.seen == "docked", one.open) for one in model.states], np.int64)


def _dealt(model: Model, numbers: Real, rng: np.random.Generator) -> NDArray[np.int64]:
    """A state for each vesicle at the start."""
    if any(not one.source for one in model.transitions):
        drawn = rng.poisson(numbers)
    else:
        total = round(float(numbers.sum()))
        drawn = rng.multinomial(total, numbers / numbers.sum()) if total else np.zeros(len(numbers), int)
    return np.repeat(np.arange(len(numbers)), drawn)


def _placed(model: Model, begin: NDArray[np.int64], sites: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """No more docked vesicles than sites: those too many, drawn at random, are left out."""
    docked = np.array([state.seen == "docked" for state in model.states])[begin]
    keep = ~docked
    keep[rng.permutation(np.flatnonzero(docked))[:sites]] = True
    return np.asarray(begin[keep])
