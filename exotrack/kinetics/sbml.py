"""Models as Antimony and SBML, and first-order SBML or Antimony of others as a model. Needs the extra ``sbml``.

SBML knows nothing of what a camera sees, so a map comes with it: a TOML file that names what is seen of each species and which
reaction is which event. Inputs are exported as constants at the values they are given, calcium's own equations are not.
"""

from __future__ import annotations

import importlib
import math
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from exotrack._settings import nearest
from exotrack.errors import InputError
from exotrack.kinetics._grammar import Node, name, written
from exotrack.kinetics._linear import coefficients, expression, negated, sign
from exotrack.kinetics._reading import from_content
from exotrack.kinetics.catalogue import EVIDENCE, Model, Transition
from exotrack.kinetics.generator import Values, namespace

_UNITS = {
    "s": "second",
    "1/s": "per_second",
    "vesicles/s": "item_per_second",
    "1/uM/s": "per_uM_per_second",
    "uM": "uM",
    "nm": "nm",
    "mV": "mV",
    "1": "dimensionless",
}
_DECLARED = """  unit per_second = 1 / second
  unit item_per_second = item / second
  unit uM = 1e-6 mole / litre
  unit per_uM_per_second = 1e6 litre / (mole * second)
  unit nm = 1e-9 metre
  unit mV = 1e-3 volt
  unit time_unit = second
  unit substance = item
  unit extent = item"""
_TAKEN = re.compile(
    r"\b(area|length|volume|substance|extent|time|pi|e|avogadro|infinity|inf|nan|true|false|model|module|species|compartment|reaction"
    r"|event|unit|at|in|is|has|end|gene|operator|formula|const|var|delete|import|function|after|priority|persistent|delay|floor|ceil"
    r"|ceiling|factorial|piecewise|root|sqr|sin|cos|tan|normal|uniform|bernoulli|binomial|cauchy|chisquare|exponential|gamma|laplace"
    r"|lognormal|poisson|rayleigh|second|item|mole|litre|metre|gram|volt|ampere|kelvin|hertz|joule|newton|pascal|watt|tesla)\b"
)
"""Words that Antimony keeps for itself: a name like that gets a ``_`` behind it."""
SPECIES, CONVERSION = 247, 182
"""Terms of the Systems Biology Ontology given to species (simple chemical) and to reactions (conversion)."""


def require(module: str) -> Any:
    """A package of the extra, or an `InputError` that says how to install it."""
    try:
        return importlib.import_module(module)
    except ImportError as problem:
        raise InputError(f'SBML and Antimony need the package {module}; pip install "exotrack[sbml]"') from problem


def antimony_text(model: Model, values: Values = None, inputs: Values = None) -> str:
    """The model in Antimony: numbers of vesicles per cell, seconds; what a camera sees goes into comments.

    Parameters
    ----------
    model, values : the model, and parameters that differ from its own. inputs : held at these, as constants.
    """
    space = namespace(model, values, inputs)
    used = _used(model)
    lines = [f"// {model.title}", f"// {model.reference}", f"// {model.status}", f"model {_named(model.id)}()", _DECLARED]
    lines += ["  compartment cell = 1", "  cell has dimensionless"]
    for one in model.states:
        seen = f"seen as {one.seen}" if one.seen else "not seen"
        lines.append(f"  substanceOnly species {_named(one.name)} in cell = {one.initial!r}  // {seen}: {one.about}")
        lines += [f"  {_named(one.name)} has item", f"  {_named(one.name)}.sboTerm = {SPECIES}"]
    for key in used:
        if key in model.derived:
            continue
        given = model.parameters.get(key) or model.inputs[key]
        lines.append(f"  {_named(key)} = {space[key]!r}  // {_told(model, key)}")
        lines += [f"  {_named(key)} has {_UNITS[given.unit]}"] if given.unit in _UNITS else []
    lines += [f"  {_named(key)} := {_named(written(tree))}" for key, tree in model.derived.items() if key in used]
    lines += [line for k, one in enumerate(model.transitions, 1) for line in _reaction(k, one)]
    return "\n".join([*lines, "end", ""])


def _named(text: str) -> str:
    return _TAKEN.sub(r"\1_", text)


def _told(model: Model, key: str) -> str:
    """What a number is, for a comment."""
    if key in model.inputs:
        rest = ", driven; held at rest" if any(drive.name == key for drive in model.drives) else ""
        return f"input ({model.inputs[key].unit}){rest}: {model.inputs[key].about}"
    given = model.parameters[key]
    doubt = "UNVERIFIED, from memory" if given.unverified else EVIDENCE[given.evidence]
    return f"{given.unit}; {doubt}; {given.about}"


def _reaction(number: int, one: Transition) -> list[str]:
    law = one.rate if one.size is None else Node("*", (one.rate, one.size))
    right = written(Node("*", (law, name(one.source)))) if one.source else written(law)
    event = f"  // {one.event}" if one.event else ""
    arrow = f"{_named(one.source)} -> {_named(one.target)}"
    return [f"  J{number}: {arrow}; {_named(right)}{event}", f"  J{number}.sboTerm = {CONVERSION}"]


def _used(model: Model) -> list[str]:
    """Names that the rates need, in the model's order."""
    wanted = {name for one in model.transitions for tree in (one.rate, one.size) if tree is not None for name in tree.names()}
    for key in reversed(list(model.derived)):
        if key in wanted:
            wanted |= set(model.derived[key].names())
    return [key for key in (*model.parameters, *model.inputs, *model.derived) if key in wanted]


def sbml_text(model: Model, values: Values = None, inputs: Values = None) -> str:
    """The model in SBML level 3, made from its Antimony."""
    return _translated(antimony_text(model, values, inputs), model.id)


def _translated(text: str, where: str) -> str:
    antimony = require("antimony")
    antimony.clearPreviousLoads()
    if antimony.loadAntimonyString(text) < 0:
        raise InputError(f"{where}: not Antimony ({' '.join(antimony.getLastError().split())})")
    return str(antimony.getSBMLString(antimony.getMainModuleName()))


def read_sbml(path: Path, see: Path | None = None) -> Model:
    """A first-order model in SBML or Antimony, with the map of what is seen.

    Parameters
    ----------
    path : .xml or .sbml, or .ant. see : the map; ``NAME.map.toml`` beside the file if not given.

    Raises
    ------
    InputError : it cannot be read, is not first order (names the reaction), or there is no map (says what to write).
    """
    libsbml = require("libsbml")
    text = path.read_text(encoding="utf-8", errors="replace")
    if path.suffix.lower() == ".ant":
        text = _translated(text, str(path))
    document = libsbml.readSBMLFromString(text)
    if document.getNumErrors(libsbml.LIBSBML_SEV_ERROR) or document.getNumErrors(libsbml.LIBSBML_SEV_FATAL):
        bad = next(
            e for e in map(document.getError, range(document.getNumErrors())) if e.getSeverity() >= libsbml.LIBSBML_SEV_ERROR
        )
        raise InputError(f"{path}: not SBML (line {bad.getLine()}: {' '.join(bad.getMessage().split())})")
    for option in ("promoteLocalParameters", "expandFunctionDefinitions", "expandInitialAssignments"):
        wish = libsbml.ConversionProperties()
        wish.addOption(option)
        document.convert(wish)
    content = _content(document.getModel(), path)
    return from_content(_mapped(content, see or path.with_suffix(".map.toml"), path), str(path), {})


def _content(source: Any, path: Path) -> dict[str, Any]:
    """The SBML model as the content of a model's TOML, all states unseen."""
    if source is None or not source.getNumReactions():
        raise InputError(f"{path}: no reactions in it")
    if source.getNumEvents() or any(not rule.isAssignment() for rule in source.getListOfRules()):
        raise InputError(f"{path}: events and rate rules are not first-order kinetics; give what they change as an input")
    species = {one.getId(): one for one in source.getListOfSpecies() if not (one.getBoundaryCondition() or one.getConstant())}
    fixed = {one.getId(): _amount(source, one) for one in source.getListOfSpecies() if one.getId() not in species}
    fixed |= {one.getId(): one.getSize() if one.isSetSize() else 1.0 for one in source.getListOfCompartments()}
    rules = {rule.getVariable(): expression(rule.getMath(), str(path)) for rule in source.getListOfRules()}
    fixed |= {one.getId(): one.getValue() for one in source.getListOfParameters() if one.getId() not in rules}
    values = {key: value for key, value in fixed.items() if math.isfinite(value)}
    laws = [_transitions(source, one, species, rules, values, path) for one in source.getListOfReactions()]
    transitions = [way for ways in laws for way in ways]
    return {
        "model": {"id": source.getId() or path.stem, "title": source.getName() or source.getId() or path.stem, "about": "",
                  "reference": path.name, "status": "given by the user"},
        "parameters": {
            key: {"value": value, "unit": "", "lower": min(0.0, 100 * value), "upper": max(0.0, 100 * value), "source": path.name}
            for key, value in values.items()
        },
        "derived": {key: written(tree) for key, tree in rules.items() if not set(tree.names()) & set(species)},
        "states": [{"name": key, "initial": _amount(source, one), "about": one.getName()} for key, one in species.items()],
        "transitions": transitions,
    }  # fmt: skip


def _amount(source: Any, species: Any) -> float:
    size = source.getCompartment(species.getCompartment()).getSize()
    amount = species.getInitialAmount() if species.isSetInitialAmount() else species.getInitialConcentration() * size
    return float(amount) if math.isfinite(amount) else 0.0


def _transitions(
    source: Any, one: Any, species: Mapping[str, Any], rules: Mapping[str, Node], values: Mapping[str, float], path: Path
) -> list[dict[str, Any]]:
    """One transition, or two of a reaction that goes both ways; an `InputError` if the law is not first order."""
    where = f"{path}: reaction {one.getId()}"
    ends = [
        [part for part in side if part.getSpecies() in species] for side in (one.getListOfReactants(), one.getListOfProducts())
    ]
    if any(len(side) > 1 or any(part.getStoichiometry() != 1 for part in side) for side in ends):
        raise InputError(f"{where}: not first order: one vesicle must become one vesicle (at most one reactant and one product)")
    left, right = (side[0].getSpecies() if side else "" for side in ends)
    if one.getKineticLaw() is None:
        raise InputError(f"{where}: it has no kinetic law")
    parts = coefficients(expression(one.getKineticLaw().getMath(), where), set(species), rules, where)
    found = []
    for key, part in parts.items():
        inside = key in species and not species[key].getHasOnlySubstanceUnits()
        tree = Node("/", (part, name(species[key].getCompartment()))) if inside else part
        back = key == right and key != left
        if (key not in (left, right) and key) or (not key and left):
            raise InputError(
                f"{where}: not first order: its rate depends on {key or 'no species'}, its reactant is {left or 'none'}"
            )
        if sign(tree, values, where) * (-1 if back else 1) < 0:
            raise InputError(f"{where}: not first order: the rate {written(tree)} of {key or 'an arrival'} has the wrong sign")
        start, stop = (right, left) if back else (left, right)
        found.append({"from": start, "to": stop, "rate": written(negated(tree) if back else tree), "id": one.getId()})
    return found


def _mapped(content: dict[str, Any], see: Path, path: Path) -> dict[str, Any]:
    """The content with what the map says: [seen] species = state, [events] reaction = event, [inputs] name = about."""
    if not see.is_file():
        known = [str(one["name"]) for one in content["states"]]
        raise InputError(
            f"{path}: SBML does not say what a camera sees; write {see.name} beside it with [seen] (such as {known[0]} = "
            f'"docked"; species: {", ".join(known)}) and [events] (reaction = "docking", "undocking", "full_fusion" or '
            '"kiss_and_run")'
        )
    try:
        told = tomllib.loads(see.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as problem:
        raise InputError(f"{see}: not TOML ({problem})") from problem
    parts = {"seen": {one["name"] for one in content["states"]}, "events": {one["id"] for one in content["transitions"]},
             "inputs": set(content["parameters"]), "open": {one["name"] for one in content["states"]}}  # fmt: skip
    for part, entries in told.items():
        if part not in parts:
            raise InputError(f"{see}: unknown part [{part}]{nearest(part, parts)}; there may be {', '.join(parts)}")
        for key in entries:
            if key not in parts[part]:
                raise InputError(f"{see}: [{part}] names {key!r}, which is not in {path.name}{nearest(key, parts[part])}")
    for state in content["states"]:
        state |= {
            "seen": told.get("seen", {}).get(state["name"], ""),
            "open": bool(told.get("open", {}).get(state["name"], False)),
        }
    for way in content["transitions"]:
        way["event"] = told.get("events", {}).get(way.pop("id"), "")
    for key, about in told.get("inputs", {}).items():
        given = content["parameters"].pop(key)
        content.setdefault("inputs", {})[key] = {"value": given["value"], "unit": "", "about": str(about)}
    return content
