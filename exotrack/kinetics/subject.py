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
from exotrack.kinetics.catalogue import Model, Parameter, Transition
from exotrack.kinetics.course import Course
from exotrack.kinetics.fit import Free, Problem
from exotrack.kinetics.generator import namespace, scheme
from exotrack.kinetics.scheme import Real, Scheme
from exotrack.kinetics.sightings import Sightings

LOST = "lost_per_s"
"""Name of the observer's rate of losing a vesicle from sight."""
CONFOUNDED = 1e-6
"""Singular value of the rates against the fitted values, over the largest, below which some act only together."""
LEAST, STEP = 1e-9, 1e-3
"""Rate (1/s) below which one is as good as none; step of derivatives on the searched scale."""
Values = Mapping[str, float]


@dataclass(frozen=True, eq=False)
class Subject:
    """A model with its inputs.

    values : parameters that differ from the model's own. inputs, stimulated : inputs throughout, and those that differ from the
    first stimulus on (empty: none do). merged : kiss-and-run counts as fusion, since a model that is compared has no other.
    losing : vesicles are also lost from sight, at a rate that is fitted. free : what is fitted. held : reason by name of what
    acts on the stay, or was to be fitted, and is not fitted.
    """

    model: Model
    values: Values = field(default_factory=dict)
    inputs: Values = field(default_factory=dict)
    stimulated: Values = field(default_factory=dict)
    merged: bool = False
    losing: bool = False
    free: tuple[Free, ...] = ()
    held: Mapping[str, str] = field(default_factory=dict)

    @property
    def published(self) -> dict[str, float]:
        """Value of every parameter before any fit."""
        return {**self.model.values, **self.values}

    def start(self) -> dict[str, float]:
        """The fitted values before the fit."""
        own = self.published
        return {f.name: 0.0 if f.name == LOST else own[f.name] for f in self.free}

    def course(self, values: Values) -> Course:
        """What the values make of a docked stay; those that are not given keep the model's numbers."""
        own = {**self.values, **{key: value for key, value in values.items() if key != LOST}}
        levels = [self.inputs, {**self.inputs, **self.stimulated}] if self.stimulated else [self.inputs]
        made = [self._scheme(own, level) for level in levels]
        schemes = [one for one, _ in made]
        residents, resealed = self._starts(*made[0])
        lost = float(values.get(LOST, 0.0))
        ready = [one.losing("lost", lost) if self.losing else one for one in schemes]
        return Course(tuple(ready), (0.0,) * (len(ready) - 1), residents, resealed)

    def problem(self, data: Sightings, calls: Calls | None = None) -> Problem:
        """What is fitted to `data`."""
        return Problem(self.course, self.free, data, calls)

    def _scheme(self, own: Values, inputs: Values) -> tuple[Scheme, Real]:
        """The docked stay, and (m, m) rates at which it ends by a kiss-and-run after which another begins."""
        shape, model = self._shape, self.model
        space = namespace(model, own, inputs)
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
        entry = shape.entry if shape.entry is not None else scheme(model, own, inputs).entry
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

    def _starts(self, made: Scheme, back: Real) -> tuple[Real | None, Real | None]:
        """States of residents, to which resealed vesicles belong too, and of vesicles that have just resealed."""
        if not back.any():
            return made.rested(), None
        try:
            dwell = np.linalg.solve(-(made.stay + back).T, made.entry)
        except np.linalg.LinAlgError:
            dwell = np.full(made.n_states, np.nan)
        if not np.isfinite(dwell).all() or dwell.min() < -1e-9 * np.abs(dwell).max():
            raise InputError(f"model {self.model.id}: docked vesicles never leave for good at these values; give them a way out")
        into = dwell.clip(0.0) @ back
        return dwell.clip(0.0) / dwell.clip(0.0).sum(), into / into.sum() if into.sum() > 0 else None


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
) -> Subject:
    """Make a model ready.

    Parameters
    ----------
    frame_s : longest frame interval (s). exits : kinds of exit that were seen.
    values, inputs, stimulated : parameters and inputs that differ from the model's; see `Subject`. free : what to fit; the
        model's own choice if empty. merged, losing : see `Subject`.

    Raises
    ------
    InputError : the model has no docked stay, knows no such exit, or nothing of it can be told at this frame interval.
    ParameterError : an unknown parameter or input, or a choice of free ones that act only together.
    """
    model.given(values, {**(inputs or {}), **(stimulated or {})})
    bare = Subject(model, values or {}, inputs or {}, stimulated or {}, merged, False)
    known = bare.course({}).fates
    strange = sorted({kind for kind in exits if kind not in known and not (merged and kind == "kiss_and_run")})
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
    _require_apart(bare, chosen, bool(free))
    others = [name for name, one in model.parameters.items() if name not in (*chosen, *held) and one.lower < one.upper]
    acts = np.abs(slopes(bare, others)).max(axis=0, initial=0.0) > 1e-9
    held |= {name: "held at the model's value" for name, does in zip(others, acts, strict=True) if does}
    ready = tuple(free_of(model.parameters[name], bare.published[name]) for name in chosen)
    nuisance = (Free(LOST, 1e-6, 10.0),) if losing else ()
    return replace(bare, losing=losing, free=(*ready, *nuisance), held=held)


def free_of(one: Parameter, value: float) -> Free:
    """How a parameter is searched: fractions on the logit scale, what is positive on the log scale."""
    low, high = one.lower, one.upper
    if one.unit == "1" and 0 <= low and high <= 1:
        low, high = max(low, 1e-4), min(high, 1 - 1e-4)
        return Free(one.name, low, high, "logit", one.unit, float(np.clip(value, low, high)))
    if low < 0:
        return Free(one.name, low, high, "linear", one.unit, value)
    low = max(low, 1e-6 * min(high, 1.0))
    return Free(one.name, low, high, "log", one.unit, float(np.clip(value, low, high)))


def slopes(bare: Subject, names: Sequence[str]) -> Real:
    """(rates, names) relative change of every rate of the stay with each value, on the scale on which that is searched."""
    at = bare.published

    def rates(values: Values) -> Real:
        return np.concatenate([_rates(one).ravel() for one in bare.course(values).schemes])

    size = np.maximum(np.abs(rates({})), LEAST)
    columns = []
    for name in names:
        f = free_of(bare.model.parameters[name], at[name])
        x = f.to_scale(f.start if f.start is not None else at[name])
        columns.append((rates({name: f.from_scale(x + STEP)}) - rates({name: f.from_scale(x - STEP)})) / size / (2 * STEP))
    return np.array(columns).T.reshape(-1, len(names))


def _rates(one: Scheme) -> Real:
    """(m, m + J) rates between the states and out of them."""
    return np.concatenate([one.stay, one.exits], axis=1)


def slowest_of(bare: Subject, names: Sequence[str]) -> dict[str, float | None]:
    """Slowest rate (1/s) of the stay that each value acts on; None for one that acts on none."""
    moved = slopes(bare, names)
    whole = [_rates(one) for one in bare.course({}).schemes]
    rate = np.concatenate([np.where(np.eye(*w.shape) > 0, np.inf, w).ravel() for w in whole])
    acts = np.abs(moved) > 1e-9
    return {name: float(rate[acts[:, k]].min()) if acts[:, k].any() else None for k, name in enumerate(names)}


def _chosen(bare: Subject, wanted: Sequence[str], frame_s: float) -> tuple[list[str], dict[str, str]]:
    """The parameters to fit, and of the others why not."""
    chosen, held = [], {}
    for name, slowest in slowest_of(bare, wanted).items():
        if slowest is None:
            held[name] = "acts on nothing that is seen of a docked stay at these inputs"
            continue
        if bare.model.parameters[name].evidence != "F" and np.isfinite(slowest) and slowest * frame_s > 1:
            held[name] = f"acts at {slowest:.3g} per s, faster than the frame interval of {frame_s:g} s"
            continue
        chosen.append(name)
    return chosen, held


def _require_apart(bare: Subject, names: Sequence[str], asked: bool) -> None:
    """`ParameterError` if some of the values act only together, so that no data of this kind can tell them apart."""
    matrix = slopes(bare, names)
    _, size, axes = np.linalg.svd(matrix, full_matrices=False)
    if len(size) == 0 or size[-1] > CONFOUNDED * size[0]:
        return
    together = [name for name, part in zip(names, axes[-1], strict=True) if abs(part) > 1e-3]
    still = unvaried(bare)
    why = f"{' and '.join(still)} never varied" if still else "they enter the rates in one way only"
    what = f"model {bare.model.id}: {', '.join(together)} cannot be told apart: {why}"
    raise ParameterError(f"{what}; fit one of them and hold the others" + ("" if asked else ", with --free"))


def unvaried(bare: Subject) -> list[str]:
    """Inputs that act on the stay and were the same throughout."""
    found = []
    for name in bare.model.inputs:
        if name in bare.stimulated:
            continue
        level = bare.model.given({}, bare.inputs)[name]
        base, moved = bare.course({}), replace(bare, inputs={**bare.inputs, name: level * 1.5 + 1e-3}).course({})
        parts = zip(base.schemes, moved.schemes, strict=True)
        if any(not np.allclose(_rates(a), _rates(b), rtol=1e-4, atol=LEAST) for a, b in parts):
            found.append(name)
    return found
