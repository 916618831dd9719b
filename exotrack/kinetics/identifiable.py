"""What of a model the stays can tell: which rates a value acts on, and which values act only together.

All is asked of a `exotrack.kinetics.subject.Subject` by its rates, and of the micrographs beside it by their fractions: how much
each changes with a value, on the scale on which that is searched.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from exotrack.errors import ParameterError
from exotrack.kinetics.catalogue import Parameter
from exotrack.kinetics.fit import Free
from exotrack.kinetics.scheme import Real, Scheme

if TYPE_CHECKING:
    from exotrack.kinetics.subject import Subject

CONFOUNDED = 1e-6
"""Singular value of the rates against the fitted values, over the largest, below which some act only together."""
LEAST, STEP = 1e-9, 1e-3
"""Rate (1/s) below which one is as good as none; step of derivatives on the searched scale."""
ACTS = 1e-9
"""Relative change below which a value acts on nothing."""
Values = Mapping[str, float]


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

    def rates(values: Values) -> Real:
        return np.concatenate([_rates(one).ravel() for one in bare.course(values).schemes])

    return _slopes(bare, names, rates)


def fraction_slopes(bare: Subject, names: Sequence[str]) -> Real:
    """(classes, names) the same of the fractions of micrographs; (0, names) without."""
    about = bare.micrograph
    if about is None:
        return np.empty((0, len(names)))

    def fractions(values: Values) -> Real:
        return np.array(list(about.fractions(bare.model, {**bare.values, **values}, bare.inputs).values()))

    return _slopes(bare, names, fractions)


def in_micrograph(bare: Subject, names: Sequence[str]) -> set[str]:
    """Those of `names` that act on the fractions of micrographs."""
    acts = np.abs(fraction_slopes(bare, names)).max(axis=0, initial=0.0) > ACTS
    return {name for name, does in zip(names, acts, strict=True) if does}


def _slopes(bare: Subject, names: Sequence[str], rates: Callable[[Values], Real]) -> Real:
    at = bare.published
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
    acts = np.abs(moved) > ACTS
    return {name: float(rate[acts[:, k]].min()) if acts[:, k].any() else None for k, name in enumerate(names)}


def require_apart(bare: Subject, names: Sequence[str], asked: bool) -> None:
    """`ParameterError` if some of the values act only together, so that no data of this kind can tell them apart."""
    matrix = np.concatenate([slopes(bare, names), fraction_slopes(bare, names)])
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
