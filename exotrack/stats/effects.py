"""One measure compared between two conditions, by the model of its family, with the reason where it cannot be."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from exotrack.errors import InputError
from exotrack.stats import gee, mixed
from exotrack.stats.further import independent
from exotrack.stats.measures import Measure
from exotrack.stats.rows import Numbers, Real, Rows, numbered

CORRECTION: gee.Correction = "kc"
"""How errors are made larger for few clusters: chosen on simulated studies, see docs/statistics.md."""
LEVEL = 0.95


@dataclass(frozen=True)
class Effect:
    """log of the effect, its standard error and degrees of freedom; NaN with the reason in `note` where there is none."""

    log: float
    sd: float
    df: float
    note: str = ""

    @property
    def p_value(self) -> float:
        """Chance of an effect as large if there were none, both sides."""
        from scipy.special import stdtr

        return float(2.0 * stdtr(self.df, -abs(self.log / self.sd))) if self.sd > 0 else float("nan")

    def interval(self, level: float = LEVEL) -> tuple[float, float]:
        """Interval of the effect itself, not its log."""
        from scipy.special import stdtrit

        if not self.sd > 0:
            return float("nan"), float("nan")
        far = float(stdtrit(self.df, 0.5 + level / 2)) * self.sd
        with np.errstate(over="ignore"):
            return float(np.exp(self.log - far)), float(np.exp(self.log + far))


NOTHING = float("nan")


def compared(measure: Measure, rows: Rows) -> Effect:
    """The effect of the second condition over the first."""
    lacking = _lacking(rows)
    if lacking:
        return Effect(NOTHING, NOTHING, NOTHING, lacking)
    try:
        value, sd, df = _level(rows) if measure.family == "level" else _counted(measure, rows)
    except InputError as error:
        return Effect(NOTHING, NOTHING, NOTHING, str(error))
    if not sd > 0:
        why = "one animal decides it alone" if min(_clusters(rows)) < 2 else "the cells do not vary"
        if not rows.plain:
            why = "too few animals are left for the covariates"
        return Effect(value, NOTHING, NOTHING, f"no error can be told: {why}")
    return Effect(value, sd, df)


def described(measure: Measure, rows: Rows) -> tuple[float, float, float]:
    """Value of a condition (all `rows` are of one) and its interval; NaN ends for one cluster."""
    ones = np.ones((len(rows.top), 1))
    one = np.ones(1)
    try:
        if measure.family == "level":
            if len(np.unique(rows.cluster)) < 2:
                return float(np.exp(np.log(rows.top).mean())), NOTHING, NOTHING
            effect = Effect(*mixed.fit(np.log(rows.top), ones, rows.cluster).contrast(one))
        else:
            family: gee.Family = "binomial" if measure.family == "fraction" else "poisson"
            effect = Effect(*gee.fit(rows.top, ones, rows.bottom, family, rows.cluster).contrast(one, CORRECTION))
    except InputError:
        total = float(rows.bottom.sum())
        return (float(rows.top.sum()) / total if total > 0 else NOTHING), NOTHING, NOTHING
    low, high = effect.interval()
    value = float(np.exp(effect.log))
    if measure.family == "fraction":
        return value / (1 + value), low / (1 + low), high / (1 + high)
    return value, low, high


def _clusters(rows: Rows) -> list[int]:
    """Clusters of each arm; where conditions are paired, of each level."""
    own = rows.arm if rows.block is None else np.zeros_like(rows.group) if rows.level is None else rows.level
    return [len(np.unique(rows.cluster[own == one])) for one in range(int(own.max(initial=0)) + 1)]


def _lacking(rows: Rows) -> str:
    """Why there is nothing to fit."""
    if min(int((rows.arm == one).sum()) for one in rows.arms) == 0:
        return "no cell of one condition has it" if rows.block is None else "no pair has it in both conditions"
    if min(_clusters(rows)) > 1:
        return ""
    if rows.block is not None:
        return "all pairs are of one animal: nothing tells the effect from it"
    return "a condition has one animal only: nothing tells the effect from it"


def fitted(measure: Measure, rows: Rows, cluster: Numbers | None = None) -> gee.Fit:
    """The model of counts or fractions; its first coefficient is what is asked for.

    cluster : (n,) whose sums are kept, from 0; None: those of the rows. Raises `InputError` where there is no estimate.
    """
    tested = (rows.group if rows.level is None else rows.group * rows.level).astype(float)
    base = np.ones((len(tested), 1)) if rows.block is None else np.zeros((len(tested), 0))
    if rows.piece is not None:
        levels = (rows.piece[:, None] == np.unique(rows.piece)).astype(float)
        base = levels if rows.block is None else levels[:, 1:]
    if not rows.plain:
        sides = [] if rows.level is None else [rows.group[:, None], rows.level[:, None]]
        more = np.concatenate([*sides, *([] if rows.z is None else [rows.z])], axis=1).astype(float)
        base = np.concatenate([base, more[:, independent(tested, base, more, rows.block)]], axis=1)
    for one in rows.arms:
        mine = rows.arm == one
        if not rows.top[mine].sum() > 0 or (measure.family == "fraction" and not (rows.bottom - rows.top)[mine].sum() > 0):
            raise InputError("a condition has no such event, or nothing else: the effect has no bound")
    family: gee.Family = "binomial" if measure.family == "fraction" else "poisson"
    x = np.column_stack([tested, base])
    return gee.fit(rows.top, x, rows.bottom, family, rows.cluster if cluster is None else cluster, rows.block)


def _counted(measure: Measure, rows: Rows) -> tuple[float, float, float]:
    found = fitted(measure, rows)
    return found.contrast(np.eye(len(found.beta))[0], CORRECTION)


@dataclass(frozen=True, eq=False)
class Linear:
    """A linear model of logs: y (m,), x (m, p), what of its coefficients the effect is (p,), the condition or level of each row
    for what animals add of their own (m,), and the row that each stands for (m,)."""

    y: Real
    x: Real
    c: Real
    arm: Numbers
    at: Numbers


def linear(rows: Rows, apart: bool) -> Linear:
    """The model of a level; `apart`: of the differences within blocks, else of the cells."""
    y = np.log(rows.top)
    z = np.zeros((len(y), 0)) if rows.z is None else rows.z
    if not apart:
        x, c, arm = rows.named(rows.arms), np.array([-1.0, 1.0] if rows.level is None else [1.0, -1.0, -1.0, 1.0]), rows.arm
        return _without(Linear(y, x, c, arm, np.arange(len(y))), z)
    assert rows.block is not None
    own = numbered(rows.block * 2 + (0 if rows.level is None else rows.level))
    n = np.stack([np.bincount(own[rows.group == one], minlength=own.max() + 1) for one in (0, 1)])
    both = np.asarray((n > 0).all(axis=0), dtype=bool)

    def difference(values: Real) -> Real:
        sums = [np.bincount(own[rows.group == one], values[rows.group == one], len(both)) for one in (0, 1)]
        return np.asarray((sums[1] / np.maximum(n[1], 1) - sums[0] / np.maximum(n[0], 1))[both])

    at = np.unique(own, return_index=True)[1][both]
    level = np.zeros(len(at), dtype=np.intp) if rows.level is None else rows.level[at]
    x = np.ones((len(at), 1)) if rows.level is None else (level[:, None] == np.array([0, 1])).astype(float)
    c = np.ones(1) if rows.level is None else np.array([-1.0, 1.0])
    return _without(Linear(difference(y), x, c, level, at), np.stack([*(difference(one) for one in z.T)], axis=1) if z.size else
                    np.zeros((len(at), 0)))  # fmt: skip


def _without(model: Linear, z: Real) -> Linear:
    """The model with its covariates, without those that follow from others."""
    if not z.shape[1]:
        return model
    tested = model.x @ model.c
    base = np.ones((len(tested), 1)) if len(model.c) > 1 else np.zeros((len(tested), 0))
    sides = model.x[:, 1:-1] if len(model.c) > 2 else np.zeros((len(tested), 0))
    kept = independent(tested, np.concatenate([base, sides], axis=1), z, None)
    x = np.concatenate([model.x, z[:, kept]], axis=1)
    return Linear(model.y, x, np.concatenate([model.c, np.zeros(int(kept.sum()))]), model.arm, model.at)


def _level(rows: Rows) -> tuple[float, float, float]:
    model = linear(rows, rows.block is not None and bool(rows.block.max() > rows.cluster.max()))
    return mixed.fit(model.y, model.x, rows.cluster[model.at], model.arm).contrast(model.c)
