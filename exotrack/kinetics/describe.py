"""Models in words: tables for the terminal and the page of the guide, both from the catalogue, so they cannot differ from it."""

from __future__ import annotations

from collections.abc import Sequence

from exotrack.kinetics._grammar import Node, written
from exotrack.kinetics.catalogue import DEFAULT, EVIDENCE, Model, Parameter, load, models
from exotrack.kinetics.golden import checks

Rows = list[tuple[str, ...]]
PARAMETERS = ("parameter", "value", "unit", "bounds", "fitted", "evidence", "meaning and source")
TRANSITIONS = ("from", "to", "rate (1/s)", "event")
STATES = ("state", "seen as", "at the start", "meaning")
GOLDEN = ("golden number", "expected", "within", "source")


def summary() -> Rows:
    """One row per model: name, title, states, parameters that are fitted, parameters that are unverified, status."""
    rows: Rows = []
    for name in models():
        model = load(name)
        mark = f"{name} (default)" if name == DEFAULT else name
        doubt = f"{len(model.unverified)} UNVERIFIED" if model.unverified else "none"
        rows.append((mark, model.title, str(len(model.states)), ", ".join(model.fitted), doubt, model.status))
    return rows


def evidence(one: Parameter) -> str:
    """How well a parameter is known: the letter, and UNVERIFIED in full."""
    return "M: UNVERIFIED" if one.unverified else one.evidence


def parameter_rows(model: Model) -> Rows:
    """The parameters, as `PARAMETERS` heads them."""
    rows: Rows = []
    for key, one in model.parameters.items():
        source = f" ({one.source})" if one.source else ""
        bounds = f"{one.lower:g} to {one.upper:g}"
        fitted = "yes" if one.fitted else ""
        rows.append((key, f"{one.value:g}", one.unit, bounds, fitted, evidence(one), f"{one.about}{source}"))
    return rows


def input_rows(model: Model) -> Rows:
    """The inputs: name, value where nothing else is given, unit, meaning."""
    own = {drive.name: f" d/dt = {said(drive.rate)}" for drive in model.drives}
    return [(key, f"{one.value:g}", one.unit, one.about + own.get(key, "")) for key, one in model.inputs.items()]


def state_rows(model: Model) -> Rows:
    """The states, as `STATES` heads them."""
    return [
        (one.name, (one.seen or "not seen") + (", pore open" if one.open else ""), f"{one.initial:g}", one.about)
        for one in model.states
    ]


def transition_rows(model: Model) -> Rows:
    """The transitions, as `TRANSITIONS` heads them."""
    rows: Rows = []
    for one in model.transitions:
        batch = f" in batches of {said(one.size)}" if one.size is not None else ""
        rows.append((one.source or "(outside)", one.target or "(outside)", said(one.rate) + batch, one.event))
    return rows


def golden_rows(model: Model) -> Rows:
    """The golden numbers: what is computed, what is expected, how near it must come, where it is from."""
    return [
        (check.words, f"{check.golden.value:g}", f"{100 * check.golden.within:g} %", check.golden.source)
        for check in checks(model)
    ]


def said(tree: Node | None) -> str:
    """An expression as text."""
    return "" if tree is None else written(tree)


def doubts(model: Model) -> str:
    """One line that names every unverified parameter, or nothing."""
    if not model.unverified:
        return ""
    return f"UNVERIFIED, from memory, check against the paper before use as a reference: {', '.join(model.unverified)}"


def page() -> str:
    """The body of docs/models.md: every model with its parameters, states, transitions and golden numbers."""
    letters = _table(("evidence", "means"), [(key, about) for key, about in EVIDENCE.items()])
    listed = _table(("model", "what", "status"), [(f"[`{n}`](#{n})", load(n).title, load(n).status) for n in models()])
    return "\n".join([listed, "## Evidence", "", letters, *(_described(load(name)) for name in models())])


def _described(model: Model) -> str:
    parts = [f"## {model.id}", "", f"{model.title}.", "", model.about.strip(), "", f"Reference: {model.reference}.", ""]
    parts += [f"Status: {model.status}.", ""]
    parts += [f"**{doubts(model)}**", ""] if model.unverified else []
    parts += [f"- {note}" for note in model.notes] + [""]
    parts += [_table(STATES, state_rows(model)), _table(TRANSITIONS, _code(transition_rows(model), 2))]
    if model.derived:
        parts.append(_table(("name", "stands for"), [(f"`{key}`", f"`{said(tree)}`") for key, tree in model.derived.items()]))
    parts.append(_table(PARAMETERS, _code(parameter_rows(model), 0)))
    if model.inputs:
        parts.append(_table(("input", "default", "unit", "meaning"), _code(input_rows(model), 0)))
    parts.append(_table(GOLDEN, golden_rows(model)))
    return "\n".join(parts)


def _code(rows: Rows, column: int) -> Rows:
    return [(*row[:column], f"`{row[column]}`", *row[column + 1 :]) for row in rows]


def _table(heads: Sequence[str], rows: Rows) -> str:
    lines = [f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}"]
    lines += [f"| {' | '.join(cell.replace('|', '/') for cell in row)} |" for row in rows]
    return "\n".join([*lines, ""])
