"""Golden numbers: what must come out of a model if it was copied rightly, computed here and compared.

============ ======================================================================================================
``resting``  number of vesicles per cell in a state at rest
``stay``     mean length (s) of a visible stay that begins in ``start``, or the fraction that ends by a fate
``dwell``    mean time (s) in one state at a time
``branch``   probability that a vesicle leaves ``start`` by an event
``passage``  ``mean`` (s) or ``cv`` of the time from ``start`` to the event ``via``, of those that get there
``peak``     highest rate (1/s) of an event per vesicle that begins in ``start``
``hazard``   slowest rate (1/s) at which the visible states that can be reached from ``start`` are left
``drive``    a driven input once it no longer changes
``value``    an expression of parameters and inputs
``count``    events per cell (out of ``via``) in ``time_s`` after the inputs step, from rest or the ``initial`` numbers
============ ======================================================================================================
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from exotrack.errors import InputError
from exotrack.kinetics._grammar import evaluate, parse
from exotrack.kinetics.catalogue import Golden, Model
from exotrack.kinetics.drive import Course, driven, rested
from exotrack.kinetics.exact import expected
from exotrack.kinetics.generator import generator, namespace, resting, scheme

STEPS = 400
"""Steps into which a driven input is cut over the time of a count."""


@dataclass(frozen=True)
class Check:
    """A golden number, what was found, and whether the two agree."""

    golden: Golden
    found: float

    @property
    def agrees(self) -> bool:
        """Within the part of the value that the golden number allows."""
        return abs(self.found - self.golden.value) <= self.golden.within * abs(self.golden.value)

    @property
    def words(self) -> str:
        """What was computed, in words."""
        one = self.golden
        parts = [one.what, one.of, f"from {one.start}" if one.start else "", f"by {one.via}" if one.via else ""]
        parts.append(f"in {one.time_s:g} s" if one.time_s else "")
        given = ", ".join(f"{key} = {value:g}" for key, value in {**one.inputs, **one.values}.items())
        return " ".join(part for part in parts if part) + (f" at {given}" if given else "")


def checks(model: Model) -> Iterator[Check]:
    """Compute every golden number of a model."""
    for one in model.golden:
        yield Check(one, _KINDS[one.what](model, one))


def _inputs(model: Model, one: Golden) -> dict[str, float]:
    """The inputs that are named; driven ones that are not are those of rest under them."""
    free = dict(one.inputs)
    return rested(model, one.values, free) | free


def _resting(model: Model, one: Golden) -> float:
    return float(resting(model, one.values, _inputs(model, one))[model.state(one.of)])


def _stay(model: Model, one: Golden) -> float:
    seen = scheme(model, one.values, _inputs(model, one), one.start)
    return seen.mean() if one.of == "mean" else float(seen.fractions()[seen.fates.index(one.of)])


def _dwell(model: Model, one: Golden) -> float:
    g = generator(model, one.values, _inputs(model, one))
    return float(-1.0 / g.q[model.state(one.of), model.state(one.of)])


def _branch(model: Model, one: Golden) -> float:
    g = generator(model, one.values, _inputs(model, one))
    ways = zip(model.transitions, g.rates, strict=True)
    rate = sum(rate for way, rate in ways if way.source == one.start and way.event == one.of)
    return float(-rate / g.q[model.state(one.start), model.state(one.start)])


def _passage(model: Model, one: Golden) -> float:
    g = generator(model, one.values, _inputs(model, one))
    before, end = g.q.copy(), np.zeros(len(model.states))
    for way, rate in zip(model.transitions, g.rates, strict=True):
        if way.source and way.event == one.via:
            end[model.state(way.source)] += rate
            if way.target:
                before[model.state(way.source), model.state(way.target)] -= rate
    live = _downstream(before, model.state(one.start))
    turn = np.linalg.inv(-before[np.ix_(live, live)])
    at = np.zeros(len(live))
    at[live.index(model.state(one.start))] = 1.0
    reach, mean, square = (float(k * at @ np.linalg.matrix_power(turn, p) @ end[live]) for k, p in ((1, 1), (1, 2), (2, 3)))
    mean, square = mean / reach, square / reach
    return mean if one.of == "mean" else float(np.sqrt(square - mean**2) / mean)


def _peak(model: Model, one: Golden) -> float:
    seen = scheme(model, one.values, _inputs(model, one), one.start)
    values, vectors = np.linalg.eig(seen.stay.T)
    weight = (seen.exits[:, seen.fates.index(one.of)] @ vectors) * np.linalg.solve(vectors, seen.entry.astype(complex))
    low, high = 0.01 / np.abs(values.real).max(), 10.0 / np.abs(values.real).max()
    while high < 10.0 / np.abs(values.real).min():
        high *= 2
    for _ in range(6):  # closer and closer around the highest
        times = np.geomspace(low, high, 400)
        rates = (np.exp(values * times[:, None]) @ weight).real
        best = int(rates.argmax())
        low, high = times[max(best - 2, 0)], times[min(best + 2, len(times) - 1)]
    return float(rates.max())


def _hazard(model: Model, one: Golden) -> float:
    seen = scheme(model, one.values, _inputs(model, one), one.start)
    live = _downstream(seen.stay, *np.flatnonzero(seen.entry))
    return float(-np.linalg.eigvals(seen.stay[np.ix_(live, live)]).real.max())


def _drive(model: Model, one: Golden) -> float:
    return _inputs(model, one)[one.of]


def _value(model: Model, one: Golden) -> float:
    return evaluate(parse(one.of), namespace(model, one.values, _inputs(model, one)))


def _count(model: Model, one: Golden) -> float:
    free = {key: value.value for key, value in model.inputs.items() if key not in {drive.name for drive in model.drives}}
    rest = free | rested(model, one.values, free)
    course = Course.steps([(0.0, rest), (1e-9, rest | dict(one.inputs))])
    if model.drives:
        stepped = Course.steps([(0.0, free), (1e-9, free | dict(one.inputs))])
        course = driven(model, stepped, one.time_s, one.time_s / STEPS, one.values)
    start = "initial" if one.start == "initial" else resting(model, one.values, rest)
    return float(expected(model, [0.0, one.time_s], course, start, one.values).events(one.of, one.via)[-1])


def _downstream(rates: np.ndarray, *start: int) -> list[int]:
    """States that can be reached from `start` at these rates."""
    found = list(map(int, start))
    for state in found:
        found += [int(k) for k in np.flatnonzero(rates[state] > 0) if k not in found]
    return sorted(found)


_KINDS: dict[str, Callable[[Model, Golden], float]] = {
    "resting": _resting,
    "stay": _stay,
    "dwell": _dwell,
    "branch": _branch,
    "passage": _passage,
    "peak": _peak,
    "hazard": _hazard,
    "drive": _drive,
    "value": _value,
    "count": _count,
}


def verified(model: Model) -> Model:
    """The model itself, if all its golden numbers come out; else an `InputError` that names the first that does not."""
    for check in checks(model):
        if not check.agrees:
            raise InputError(f"model {model.id}: {check.words} is {check.found:.6g}, expected {check.golden.value:g}")
    return model
