"""Further columns of the design in a model: covariates that are held constant, and one with which an effect may differ.

A covariate acts on the logarithm (of odds, for fractions) as the condition does, the same in every condition. It can only be held
constant where conditions share its values; where they do not, the condition and the covariate are one, and that is said.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from exotrack.errors import InputError, ParameterError
from exotrack.stats.design import DAYS, Plan, column, ordered_names

if TYPE_CHECKING:
    import pandas as pd

Real = NDArray[np.float64]
Numbers = NDArray[np.intp]
NEAR = 1e-9
"""Part of a column that may be left when others are taken from it, if it is their sum."""


@dataclass(frozen=True, eq=False)
class Further:
    """What a model of two conditions holds besides them.

    z : (U, q) covariates of all units. level : (U,) 0 or 1, which of two values of the interacting column, and -1 for others;
    None: no interaction. kept : (U,) units that are compared. within : value of the interacting column, in words.
    """

    z: Real
    kept: NDArray[np.bool_]
    level: Numbers | None = None
    within: str = ""


def keys(units: pd.DataFrame, plan: Plan) -> list[str]:
    """Columns of `units` that the models hold besides the condition; `InputError` or `ParameterError` for a wrong one."""
    found = []
    asked = [(name, "--adjust") for name in plan.adjust] + ([(plan.interaction, "--interaction")] if plan.interaction else [])
    for name, option in asked:
        own = str(column(units, name, option).name)
        if own in found or (units[own].astype("str") == units["group"]).all():
            raise ParameterError(f"{option} {name}: is in the model already; give each column once")
        found.append(own)
    if plan.interaction and units[found[-1]].nunique() < 2:
        raise InputError(f"--interaction {plan.interaction}: all cells have one value; an effect can differ between two or more")
    return found


def asked(units: pd.DataFrame, names: Sequence[str], plan: Plan) -> Iterator[Further]:
    """The models of a comparison: one, or with an interaction one within each of its values and one for every two of them.

    names : of `keys`.
    """
    adjusted = names[: len(plan.adjust)]
    z = np.concatenate([np.zeros((len(units), 0)), *(coded(units[name], name) for name in adjusted)], axis=1)
    every = np.ones(len(units), dtype=bool)
    if not plan.interaction:
        yield Further(z, every)
        return
    values = units[names[-1]].astype("str")
    levels = ordered_names(values)
    for level in levels:
        yield Further(z, (values == level).to_numpy(), None, level)
    for first, second in combinations(levels, 2):
        which = np.select([values == first, values == second], [0, 1], -1)
        yield Further(z, which >= 0, which, f"{second} over {first}")


def is_number(values: pd.Series, name: str) -> bool:
    """Whether a covariate is taken as a number: all its values are, and it is no day or batch, which have no distance."""
    import pandas as pd

    known = pd.to_numeric(values, errors="coerce").to_numpy(float)
    return name not in DAYS and bool(np.isfinite(known).all())


def coded(values: pd.Series, name: str) -> Real:
    """(U, q) columns of a covariate: a number as standard scores, anything else as one column a value but the first."""
    if is_number(values, name):
        number = values.astype(float).to_numpy()
        return np.asarray(((number - number.mean()) / (number.std() or 1.0))[:, None])
    text = values.astype("str")
    return np.stack([(text == one).to_numpy(float) for one in ordered_names(text)[1:]] or [np.zeros(len(text))], axis=1)


def doubts(units: pd.DataFrame, names: Sequence[str], plan: Plan) -> list[str]:
    """What a reader should know of the covariates: what they are taken for, and where conditions do not share their values.

    units : with group filled in. names : of `keys`.
    """
    told = []
    for name in names[: len(plan.adjust)]:
        if units[name].nunique() == 1:
            told.append(f"{name} is the same in all cells: there is nothing to hold constant")
            continue
        if is_number(units[name], name):
            ranges = units[name].astype(float).groupby(units["group"]).agg(["min", "max"])
            told += [
                f"{plan.by} is confounded with {name}: {one} and {other} have no {name} in common, so a difference is told from "
                f"that of {name} by a straight line only"
                for (one, a), (other, b) in combinations(ranges.iterrows(), 2)
                if a["max"] < b["min"] or b["max"] < a["min"]
            ]
            continue
        several = units["group"].groupby(units[name].astype("str")).nunique() > 1
        if not several.any() and name not in DAYS:
            told.append(f"{plan.by} is confounded with {name}: no {name} has two conditions, so nothing tells them apart")
        elif several.any() and not several.all():
            told.append(
                f"{int((~several).sum())} of {len(several)} values of {name} have one condition only, so they tell nothing of it"
            )
    return told


def independent(tested: Real, base: Real, further: Real, block: Numbers | None) -> NDArray[np.bool_]:
    """(q,) which columns of `further` (n, q) a model with the columns of `base` needs, as the others follow from those.

    tested : (n,) the column whose coefficient is asked for. block : (n,) blocks with a level of their own; None: no blocks.
    Raises `InputError` where `tested` follows from the others, so that it has no coefficient.
    """
    have = [_centred(one, block) for one in base.T]
    kept = np.zeros(further.shape[1], dtype=bool)
    for k, one in enumerate(_centred(one, block) for one in further.T):
        kept[k] = _new(one, have)
        have += [one] if kept[k] else []
    if not _new(_centred(tested, block), have):
        raise InputError("the condition goes with the covariates: its effect cannot be told from theirs")
    return kept


def _new(one: Real, have: Sequence[Real]) -> bool:
    """Whether a column is no sum of others."""
    size = float(np.linalg.norm(one))
    if not size > NEAR:
        return False
    if not have:
        return True
    others = np.stack(have, axis=1)
    left = one - others @ np.linalg.lstsq(others, one, rcond=None)[0]
    return bool(np.linalg.norm(left) > 1e3 * NEAR * size)


def _centred(one: Real, block: Numbers | None) -> Real:
    """A column less its mean in each block, where there are blocks."""
    if block is None:
        return one
    return np.asarray(one - (np.bincount(block, one) / np.bincount(block))[block])
