"""A model's TOML file, read and checked: every name known, every number in its bounds, every stay with a beginning and an end."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, fields, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

from exotrack._settings import nearest
from exotrack._table import STATES
from exotrack.errors import InputError
from exotrack.kinetics._grammar import FUNCTIONS, Node, number, parse
from exotrack.kinetics.catalogue import (
    EVENTS,
    EVIDENCE,
    STAY_ENDS,
    Drive,
    Golden,
    Input,
    Model,
    Parameter,
    Release,
    State,
    Transition,
)

GOLDEN = ("resting", "stay", "dwell", "branch", "passage", "peak", "hazard", "drive", "value", "count")
"""What a golden number may be: see `exotrack.kinetics.golden`."""
_T = TypeVar("_T")
_PARTS = ("model", "parameters", "inputs", "derived", "states", "transitions", "drives", "release", "golden")
MOST_STAGES = 200


def read_model(path: Path, stages: Mapping[str, int]) -> Model:
    """The model in a TOML file; `InputError` names the entry that is wrong and what was expected."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as problem:
        raise InputError(f"{path}: not TOML ({str(problem)[:200]})") from problem
    try:
        return from_content(content, str(path), stages)
    except (AttributeError, KeyError, TypeError, ValueError) as problem:  # a value of another kind than it should be
        said = " ".join(str(problem).split())[:200]
        raise InputError(
            f"{path}: an entry is missing or of the wrong type ({said}); see docs/models.md for the form"
        ) from problem


def from_content(content: Mapping[str, Any], where: str, stages: Mapping[str, int]) -> Model:
    """The model that the content of a TOML file says."""
    for part in content:
        if part not in _PARTS:
            raise InputError(f"{where}: unknown part [{part}]{nearest(part, _PARTS)}")
    head = dict(content.get("model", {}))
    states = [_state(one, where) for one in _list(content, "states", where)]
    many = {one["name"]: int(one.get("stages", 1)) for one in content.get("states", [])} | dict(stages)
    transitions = [_transition(one, where) for one in _list(content, "transitions", where)]
    model = Model(
        **_only(Model, head, f"{where}: [model]", ("id", "title", "about", "reference", "status", "notes", "stay")),
        parameters={key: _parameter(key, one, where) for key, one in content.get("parameters", {}).items()},
        inputs={
            key: _made(Input, {"name": key, **one}, f"{where}: input {key}") for key, one in content.get("inputs", {}).items()
        },
        derived={key: _rate(text, f"{where}: {key}") for key, text in content.get("derived", {}).items()},
        states=tuple(states),
        transitions=tuple(transitions),
        drives=tuple(_drive(one, where) for one in content.get("drives", [])),
        golden=tuple(_made(Golden, one, f"{where}: golden {n}") for n, one in enumerate(content.get("golden", []), 1)),
        release=_made(Release, content.get("release", {}), f"{where}: [release]"),
    )
    _check_names(model, where)
    _check_states(model, where)
    _check_stay(model, where)
    slow = [one.rate for one, raw in zip(transitions, content["transitions"], strict=True) if raw.get("erlang")]
    return _staged(model, slow, many, where)


def _list(content: Mapping[str, Any], part: str, where: str) -> list[Mapping[str, Any]]:
    found = content.get(part, [])
    if not isinstance(found, list) or not found:
        raise InputError(f"{where}: no [[{part}]]; a model needs at least one")
    return found


def _only(kind: type[Any], given: Mapping[str, Any], where: str, wanted: tuple[str, ...]) -> dict[str, Any]:
    """Those of the fields `wanted` that are given, lists as tuples; those without a default must be."""
    for key in given:
        if key not in wanted:
            raise InputError(f"{where}: unknown entry {key!r}{nearest(key, wanted)}")
    needed = {one.name for one in fields(kind) if one.default is MISSING and one.default_factory is MISSING}
    missing = [key for key in wanted if key in needed and key not in given]
    if missing:
        raise InputError(f"{where}: {missing[0]!r} is missing")
    return {key: tuple(value) if isinstance(value, list) else value for key, value in given.items()}


def _made(kind: type[_T], given: Mapping[str, Any], where: str) -> _T:
    if not isinstance(given, Mapping):
        raise InputError(f"{where}: expected a table of entries, found {given!r}")
    wanted = tuple(one.name for one in fields(kind))  # type: ignore[arg-type]
    ready = _only(kind, given, where, wanted)
    for one in fields(kind):  # type: ignore[arg-type]
        value = ready.get(one.name)
        if one.type == "float" and one.name in ready:
            if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
                raise InputError(f"{where}: {one.name} must be a number, found {value!r}")
            ready[one.name] = float(value)
        elif one.type in ("str", "bool") and one.name in ready and type(value).__name__ != one.type:
            raise InputError(f"{where}: {one.name} must be {'text' if one.type == 'str' else 'true or false'}, found {value!r}")
    return kind(**ready)


def _parameter(key: str, given: Mapping[str, Any], where: str) -> Parameter:
    place = f"{where}: parameter {key}"
    plain = {"name": key, "evidence": "U", "source": "", "about": "", "fitted": False}
    one = _made(Parameter, plain | dict(given), place)
    if one.evidence not in EVIDENCE:
        raise InputError(f"{place}: evidence is {one.evidence!r}; it must be one of {', '.join(EVIDENCE)}")
    if not one.lower <= one.value <= one.upper:
        raise InputError(f"{place}: {one.value:g} is not between its bounds {one.lower:g} and {one.upper:g}")
    return one


def _state(given: Mapping[str, Any], where: str) -> State:
    plain = {"seen": "", "initial": 0.0, "about": ""}
    own = {key: value for key, value in given.items() if key != "stages"}
    one = _made(State, plain | own, f"{where}: state {given.get('name', '?')}")
    if one.seen not in (*STATES, ""):
        raise InputError(f"{where}: state {one.name} is seen as {one.seen!r}; it must be one of {', '.join(STATES)}, or empty")
    if one.initial < 0:
        raise InputError(f"{where}: state {one.name} starts with {one.initial:g} vesicles; give 0 or more")
    return one


def _rate(text: Any, where: str) -> Node:
    return number(float(text)) if isinstance(text, int | float) and not isinstance(text, bool) else parse(str(text), where)


def _transition(given: Mapping[str, Any], where: str) -> Transition:
    source, target = str(given.get("from", "")), str(given.get("to", ""))
    place = f"{where}: transition {source or '()'} -> {target or '()'}"
    known = ("from", "to", "rate", "event", "size", "erlang")
    for key in given:
        if key not in known:
            raise InputError(f"{place}: unknown entry {key!r}{nearest(key, known)}")
    if "rate" not in given or source == target:
        raise InputError(f"{place}: " + ("no rate" if "rate" not in given else "begins and ends in the same place"))
    event = str(given.get("event", ""))
    if event not in (*EVENTS, ""):
        raise InputError(f"{place}: event {event!r}{nearest(event, EVENTS)}; it must be one of {', '.join(EVENTS)}, or empty")
    size = _rate(given["size"], place) if "size" in given else None
    if size is not None and source:
        raise InputError(f"{place}: only arrivals from outside have a size")
    return Transition(source, target, _rate(given["rate"], place), event, size)


def _drive(given: Mapping[str, Any], where: str) -> Drive:
    place = f"{where}: drive {given.get('name', '?')}"
    return _made(Drive, {**given, "rate": _rate(given.get("rate", ""), place)}, place)


def _check_names(model: Model, where: str) -> None:
    """No name twice, none that is a function, and every name in an expression is there before it is used."""
    seen: set[str] = set()
    for name in (*model.parameters, *model.inputs, *model.derived, *model.names):
        if name in seen or name in FUNCTIONS or not name.isidentifier():
            raise InputError(f"{where}: the name {name!r} is used twice, or cannot be a name")
        seen.add(name)
    known = {*model.parameters, *model.inputs}
    for key, tree in model.derived.items():
        _check_known(tree, known, f"{where}: {key}")
        known.add(key)
    for one in model.transitions:
        _check_known(one.rate, known, f"{where}: transition {one.words}")
        if one.size is not None:
            _check_known(one.size, known, f"{where}: transition {one.words}")
    for drive in model.drives:
        if drive.name not in model.inputs:
            raise InputError(f"{where}: drive {drive.name}: there is no input of that name")
        _check_known(drive.rate, known, f"{where}: drive {drive.name}")
    for key in (model.release.tau_s, model.release.refill_per_s, model.release.diameter_nm):
        if key and key not in model.parameters:
            raise InputError(f"{where}: [release] names {key!r}, which is no parameter{nearest(key, model.parameters)}")


def _check_known(tree: Node, known: set[str], where: str) -> None:
    for name in tree.names():
        if name not in known:
            raise InputError(f"{where}: the name {name!r} is not known here{nearest(name, known)}; known are parameters, inputs "
                             "and what was derived before")  # fmt: skip


def _check_states(model: Model, where: str) -> None:
    for one in model.transitions:
        for name in (one.source, one.target):
            if name and name not in model.names:
                raise InputError(f"{where}: transition {one.words}: no state {name!r}{nearest(name, model.names)}")
    for golden in model.golden:
        if golden.what not in GOLDEN:
            raise InputError(f"{where}: golden number of {golden.what!r}{nearest(golden.what, GOLDEN)}; of {', '.join(GOLDEN)}")
        model.given(golden.values, golden.inputs)
    if model.release.spent and model.release.spent not in model.names:
        raise InputError(f"{where}: [release] spent: no state {model.release.spent!r}")


def _check_stay(model: Model, where: str) -> None:
    """A stay that the camera sees begins with a docking and ends with one of the fates."""
    inside = {state.name for state in model.states if state.seen in model.stay}
    for one in model.transitions:
        if one.source in inside and one.target not in inside and one.event not in STAY_ENDS:
            raise InputError(f"{where}: transition {one.words} ends a stay; its event must be one of {', '.join(STAY_ENDS)}")
        if one.target in inside and one.source not in inside and one.event != "docking":
            raise InputError(f"{where}: transition {one.words} begins a stay; its event must be docking")
        if one.source not in inside and one.event in STAY_ENDS and "docked" in model.stay:
            raise InputError(
                f"{where}: transition {one.words} is called {one.event}, but {one.source or '()'} is no docked state"
            )


def _staged(model: Model, slow: list[Node], many: Mapping[str, int], where: str) -> Model:
    """A state of n stages becomes n states: the waiting time of its ``erlang`` transition is then Erlang(n), CV 1/sqrt(n)."""
    for name, n in many.items():
        if n == 1:
            continue
        if name not in model.names or not 1 <= n <= MOST_STAGES:
            raise InputError(f"{where}: {n} stages of state {name!r}; give 1 to {MOST_STAGES} of one of {', '.join(model.names)}")
        ways = [one for one in model.transitions if one.source == name and any(one.rate is rate for rate in slow)]
        if len(ways) != 1:
            raise InputError(f"{where}: state {name} has stages, so one transition from it, and only one, must be erlang")
        stages = [f"{name}{k}" for k in range(1, n + 1)]
        if clash := {*stages} & {*model.names, *model.parameters, *model.inputs, *model.derived}:
            raise InputError(f"{where}: the stages of state {name} need the name {min(clash)!r}, which is taken")
        model = replace(model, states=tuple(_split(model, name, stages)), transitions=tuple(_routed(model, ways[0], stages)))
    return model


def _split(model: Model, name: str, stages: list[str]) -> Iterator[State]:
    for state in model.states:
        if state.name != name:
            yield state
            continue
        for k, stage in enumerate(stages):
            yield replace(state, name=stage, initial=state.initial if k == 0 else 0.0)


def _routed(model: Model, way: Transition, stages: list[str]) -> Iterator[Transition]:
    quick = replace(way, rate=Node("*", (number(len(stages)), way.rate)))
    for one in model.transitions:
        into = replace(one, target=stages[0]) if one.target == way.source else one
        if one is way:
            yield from (replace(quick, source=a, target=b, event="") for a, b in pairwise(stages))
            yield replace(quick, source=stages[-1])
        elif one.source == way.source:
            yield from (replace(into, source=stage) for stage in stages)
        else:
            yield into
