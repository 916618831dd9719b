"""A model made ready to be compared with stays: what of it acts on them, what is fitted, and what the data cannot answer.

The catalogue's model says what every rate is made of. Here it becomes a function from the fitted values to the `Course` of the
docked stay, with the inputs that held: the same throughout, or others from the first stimulus on. What acts faster than a frame,
or only together with something that never varied, is refused with the reason instead of being fitted to nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np

from exotrack._settings import nearest
from exotrack.errors import InputError, ParameterError
from exotrack.kinetics._grammar import evaluate
from exotrack.kinetics.calls import Calls
from exotrack.kinetics.catalogue import Model, Transition
from exotrack.kinetics.course import Course, starts, with_dead_ends, with_visitors
from exotrack.kinetics.fit import Free, Problem, Term
from exotrack.kinetics.generator import namespace, scheme
from exotrack.kinetics.identifiable import ACTS, fraction_slopes, free_of, in_micrograph, require_apart, slopes, slowest_of
from exotrack.kinetics.micrograph import Micrograph
from exotrack.kinetics.scheme import Real, Scheme
from exotrack.kinetics.sightings import Sightings

LOST, UNDOCKED = "lost_per_s", "undock_per_s"
"""Names of the observer's rate of losing a vesicle from sight, and of the undocking added to a model that has none."""
DEAD_NEW, DEAD_OLD = "dead_newcomers", "dead_residents"
"""Names of the fractions of dead ends among vesicles that dock, and among those docked in the first frame."""
VISITORS, LEAVE = "visitors", "visitors_leave_per_s"
"""Names of the share of those that dock which only visit, and of the rate at which these leave."""
VISITS = (Free(VISITORS, 0.01, 0.95, "logit", "1", 0.3), Free(LEAVE, 0.3, 30.0, start=2.0))
"""Bounds of visitors. A share below 0.01 is none, and above 0.95 nothing is left for the model. Slower than 0.3 per s, a visit of
3 s, they would change places with docked vesicles that undock; faster than 30 per s no camera at video rate shows them."""
BESIDE = (LOST, UNDOCKED, DEAD_NEW, DEAD_OLD, VISITORS, LEAVE)
"""What is fitted beside a model and is no parameter of it."""
Values = Mapping[str, float]


def own(values: Values) -> dict[str, float]:
    """The values that are parameters of the model."""
    return {key: value for key, value in values.items() if key not in BESIDE}


@dataclass(frozen=True, eq=False)
class Subject:
    """A model with its inputs.

    values : parameters that differ from the model's own. inputs, stimulated : inputs throughout, and those that differ from the
    first stimulus on (empty: none do). merged : kiss-and-run counts as fusion, since a model that is compared has no other.
    losing : vesicles are also lost from sight, at a rate that is fitted. undocking : they also undock, at a rate that is fitted,
    since the model knows no undocking. dead : which fractions of dead ends are fitted, `DEAD_NEW` and `DEAD_OLD`. visitors : a
    part of those that dock only visits, of which the share and the rate of leaving are fitted.
    micrograph : counts of vesicles by class at rest, a term of the likelihood. free : what is fitted. held : reason by name of
    what acts on the stay, or was to be fitted, and is not fitted.
    """

    model: Model
    values: Values = field(default_factory=dict)
    inputs: Values = field(default_factory=dict)
    stimulated: Values = field(default_factory=dict)
    merged: bool = False
    losing: bool = False
    undocking: bool = False
    dead: tuple[str, ...] = ()
    visitors: bool = False
    micrograph: Micrograph | None = None
    free: tuple[Free, ...] = ()
    held: Mapping[str, str] = field(default_factory=dict)

    @property
    def published(self) -> dict[str, float]:
        """Value of every parameter before any fit."""
        return {**self.model.values, **self.values}

    def start(self) -> dict[str, float]:
        """The fitted values before the fit."""
        known = self.published
        visit = {f.name: float(f.start or 0.0) for f in VISITS}
        return {f.name: visit.get(f.name, 0.0) if f.name in BESIDE else known[f.name] for f in self.free}

    def alone(self) -> Subject:
        """The vesicle of the model by itself: nothing is lost from sight, and there are neither dead ends nor visitors."""
        return replace(self, losing=False, dead=(), visitors=False)

    def course(self, values: Values) -> Course:
        """What the values make of a docked stay; those that are not given keep the model's numbers."""
        numbers = {**self.values, **own(values)}
        levels = [self.inputs, {**self.inputs, **self.stimulated}] if self.stimulated else [self.inputs]
        made = [self._scheme(numbers, level) for level in levels]
        if self.undocking:
            made = [(one.losing("undocking", float(values.get(UNDOCKED, 0.0))), back) for one, back in made]
        if self.visitors:
            share, leave = (float(values.get(f.name, f.start or 0.0)) for f in VISITS)
            made = [(with_visitors(one, share, leave), np.pad(back, (0, 1))) for one, back in made]
        residents, resealed = starts(*made[0], f"model {self.model.id}")
        lost = float(values.get(LOST, 0.0))
        if self.visitors and resealed is None and "kiss_and_run" in made[0][0].fates:
            # What has just resealed docked as no visitor.
            resealed = np.append(made[0][0].entry[:-1] / made[0][0].entry[:-1].sum(), 0.0)
        ready = [one.losing("lost", lost) if self.losing else one for one, _ in made]
        found = Course(tuple(ready), (0.0,) * (len(ready) - 1), residents, resealed)
        if not self.dead:
            return found
        return with_dead_ends(found, float(values.get(DEAD_NEW, 0.0)), float(values.get(DEAD_OLD, 0.0)))

    def terms(self) -> tuple[Term, ...]:
        """What micrographs add to the log-likelihood; none without."""
        return () if self.micrograph is None else (self._micrograph_term,)

    def _micrograph_term(self, values: Values) -> float:
        if self.micrograph is None:
            return 0.0
        return self.micrograph.log_likelihood(self.model, {**self.values, **own(values)}, self.inputs)

    def problem(self, data: Sightings, calls: Calls | None = None) -> Problem:
        """What is fitted to `data`."""
        return Problem(self.course, self.free, data, calls, terms=self.terms())

    def _scheme(self, numbers: Values, inputs: Values) -> tuple[Scheme, Real]:
        """The docked stay, and (m, m) rates at which it ends by a kiss-and-run after which another begins."""
        shape, model = self._shape, self.model
        space = namespace(model, numbers, inputs)
        stay, exits = np.zeros((shape.m, shape.m)), np.zeros((shape.m, len(shape.fates)))
        back = np.zeros_like(stay)
        for one, row, column, fate, into in shape.ways:
            rate = evaluate(one.rate, space, f"model {model.id}: transition {one.words}")
            if not 0 <= rate < np.inf:
                raise InputError(
                    f"model {model.id}: transition {one.words} has rate {rate:g} at these values; it must be 0 or more"
                )
            stay[row, row] -= rate
            if fate >= 0:
                exits[row, fate] += rate
            else:
                stay[row, column] += rate
            if into >= 0:
                back[row, into] += rate
        entry = shape.entry if shape.entry is not None else scheme(model, numbers, inputs).entry
        return Scheme(stay, exits, shape.fates, entry), back

    @cached_property
    def _shape(self) -> _Shape:
        model = self.model
        made = scheme(model, self.values, self.inputs)
        at = {state.name: row for row, state in enumerate(s for s in model.states if s.seen in model.stay)}
        names = [fate for fate in made.fates if not (self.merged and fate == "kiss_and_run")]
        fates = tuple(names) if "full_fusion" in names or not self.merged else (*names, "full_fusion")
        ways = []
        for one in model.transitions:
            if one.source not in at:
                continue
            fate = "full_fusion" if self.merged and one.event == "kiss_and_run" else one.event
            j = fates.index(fate) if fate in fates else -1
            into = at.get(one.target, -1) if one.event == "kiss_and_run" else -1
            ways.append((one, at[one.source], at.get(one.target, -1), j, into))
        docked = {one.target for one in model.transitions if one.event == "docking" and one.target in at}
        return _Shape(len(at), fates, tuple(ways), made.entry if len(docked) <= 1 else None)


class _Shape(NamedTuple):
    """What of a model does not depend on values: (transition, row, column, fate or -1, state it reseals into or -1) each."""

    m: int
    fates: tuple[str, ...]
    ways: tuple[tuple[Transition, int, int, int, int], ...]
    entry: Real | None


def subject(  # noqa: PLR0913 - what a user may choose of a model
    model: Model,
    frame_s: float,
    exits: Sequence[str],
    *,
    values: Values | None = None,
    inputs: Values | None = None,
    stimulated: Values | None = None,
    free: Sequence[str] = (),
    merged: bool = False,
    losing: bool = False,
    dead: Sequence[str] = (),
    visitors: bool = False,
    micrograph: Micrograph | None = None,
) -> Subject:
    """Make a model ready.

    Parameters
    ----------
    frame_s : longest frame interval (s). exits : kinds of exit that were seen.
    values, inputs, stimulated : parameters and inputs that differ from the model's; see `Subject`. free : what to fit; the
        model's own choice if empty. merged, losing, dead, visitors, micrograph : see `Subject`.

    Raises
    ------
    InputError : the model has no docked stay, knows no such exit, or nothing of it can be told at this frame interval.
    ParameterError : an unknown parameter or input, or a choice of free ones that act only together.
    """
    model.given(values, {**(inputs or {}), **(stimulated or {})})
    bare = Subject(model, values or {}, inputs or {}, stimulated or {}, merged, micrograph=micrograph)
    known = scheme(model, bare.values, bare.inputs).fates
    # Undocking is added to a model of the trigger of fusion alone; a kind of fusion that it does not know is beyond it.
    undocks = ("undocking" in exits or visitors) and "undocking" not in known
    strange = sorted({kind for kind in exits if kind not in (*known, "undocking") and not (merged and kind == "kiss_and_run")})
    if strange:
        raise InputError(
            f"model {model.id} has no {strange[0]}, which was seen; add one to a copy (exotrack models export {model.id} --out "
            "mine.toml), or compare another model"
        )
    unknown = [name for name in free if name not in model.parameters]
    if unknown:
        raise ParameterError(f"model {model.id}: no parameter {unknown[0]!r}{nearest(unknown[0], model.parameters)}")
    chosen, held = _chosen(bare, tuple(free) or model.fitted, frame_s)
    if not chosen:
        why = "; ".join(f"{name}: {reason}" for name, reason in held.items()) or "it names no rate to fit"
        raise InputError(f"model {model.id}: nothing of it can be told from these stays ({why})")
    require_apart(bare, chosen, bool(free))
    others = [name for name, one in model.parameters.items() if name not in (*chosen, *held) and one.lower < one.upper]
    acts = np.abs(np.concatenate([slopes(bare, others), fraction_slopes(bare, others)])).max(axis=0, initial=0.0) > ACTS
    held |= {name: "held at the model's value" for name, does in zip(others, acts, strict=True) if does}
    ready = tuple(free_of(model.parameters[name], bare.published[name]) for name in chosen)
    beside = [Free(name, 1e-6, 10.0) for name, asked in ((LOST, losing), (UNDOCKED, undocks)) if asked]
    beside += [Free(name, 1e-4, 0.99, "logit", "1", 0.1) for name in dead]
    beside += VISITS if visitors else ()
    return replace(bare, losing=losing, undocking=undocks, dead=tuple(dead), visitors=visitors, free=(*ready, *beside), held=held)


def _chosen(bare: Subject, wanted: Sequence[str], frame_s: float) -> tuple[list[str], dict[str, str]]:
    """The parameters to fit, and of the others why not."""
    chosen, held = [], {}
    told = in_micrograph(bare, wanted)
    for name, slowest in slowest_of(bare, wanted).items():
        if slowest is None and name in told:
            chosen.append(name)
            continue
        if slowest is None:
            held[name] = "acts on nothing that is seen of a docked stay at these inputs"
            continue
        if bare.model.parameters[name].evidence != "F" and np.isfinite(slowest) and slowest * frame_s > 1:
            held[name] = f"acts at {slowest:.3g} per s, faster than the frame interval of {frame_s:g} s"
            continue
        chosen.append(name)
    return chosen, held
