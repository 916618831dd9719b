"""Positive measures of cells on the log scale: a linear mixed model with random animals, by restricted maximum likelihood.

A cell's value is that of its condition, plus what its animal adds in this condition, plus its own. Where animals saw several
conditions, an animal also adds the same to all its cells, so that the effect is told within animals, and is still allowed to
differ between them: ``y ~ condition + (1 | animal) + (1 | animal:condition)``. Where each animal saw one condition, this is
``y ~ condition + (1 | animal)``, and equals what lme4 and statsmodels find.

The condition is the same for all cells of an animal in it, so the likelihood splits exactly in that of the means of these groups
and that of the spread of cells around them. Degrees of freedom are Satterthwaite's (as Kuznetsova, Brockhoff & Christensen
2017, J Stat Softw 82(13)), but never more than animals less conditions: where the variance between animals is found to be 0,
they would else be those of independent cells.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from exotrack.errors import InputError

Real = NDArray[np.float64]
Numbers = NDArray[np.intp]
NONE = 1e-8
"""Part of the whole variance below which a component counts as none."""


@dataclass(frozen=True, eq=False)
class Groups:
    """Means of the cells of an animal in a condition.

    mean, n : (G,) mean and cells. x : (G, p) covariates. animal : (G,) number of the animal. within : sum of squares of cells
    around their means. spare : cells less groups. crossed : some animals are in several groups.
    """

    mean: Real
    n: Real
    x: Real
    animal: Numbers
    within: float
    spare: int
    crossed: bool

    @classmethod
    def of(cls, y: Real, x: Real, animal: Numbers) -> Groups:
        """Group rows of the same covariates and animal."""
        keys = np.column_stack([animal, x])
        kinds, own = np.unique(keys, axis=0, return_inverse=True)
        n = np.bincount(own).astype(float)
        mean = np.bincount(own, y) / n
        owners = kinds[:, 0].astype(np.intp)
        within = float(((y - mean[own]) ** 2).sum())
        return cls(mean, n, kinds[:, 1:], owners, within, len(y) - len(n), len(np.unique(owners)) < len(owners))


@dataclass(frozen=True, eq=False)
class Mixed:
    """A fitted model: `beta` (p,), `cov` (p, p), variances of (animal,) animal in condition, and cell; the log-likelihood."""

    beta: Real
    cov: Real
    variances: Real
    log_likelihood: float
    groups: Groups = field(repr=False)

    def contrast(self, c: Real) -> tuple[float, float, float]:
        """Value, standard error and degrees of freedom of c'beta."""
        variance = float(c @ self.cov @ c)
        most = self._most(c)
        if not variance > 0 or not most > 0:
            return float(c @ self.beta), float("nan"), float("nan")
        return float(c @ self.beta), float(np.sqrt(variance)), min(self._satterthwaite(c, variance), most)

    def _most(self, c: Real) -> float:
        """Animals less conditions, of the animals that say something of c'beta."""
        g = self.groups
        used = np.abs(g.x @ c) > 0
        animals = len(np.unique(g.animal[used]))
        return float(animals - (1 if g.crossed else np.linalg.matrix_rank(g.x[used])))

    def _satterthwaite(self, c: Real, variance: float) -> float:
        g, at = self.groups, self.variances
        step = np.full(3, 1e-4 * float(at.sum())).tolist()
        free = np.flatnonzero(at > NONE * at.sum()).tolist() if at.sum() > 0 else []
        if not len(free):
            return float("inf")

        def moved(*shifts: tuple[int, float]) -> Real:
            there = at.copy()
            for k, by in shifts:
                there[k] += by
            return there

        slope, bend = np.zeros(len(free)), np.zeros((len(free), len(free)))
        for i, k in enumerate(free):
            slope[i] = (_told(g, moved((k, step[k])), c) - _told(g, moved((k, -step[k] / 2)), c)) / (1.5 * step[k])
            for j, m in enumerate(free):
                bend[i, j] = _bend(g, moved, (k, step[k] / 2), (m, step[m] / 2))
        try:
            spread = np.linalg.inv(-bend)
        except np.linalg.LinAlgError:
            return float("inf")
        error = float(slope @ spread @ slope)
        return 2.0 * variance**2 / error if error > 0 else float("inf")


def fit(y: Real, x: Real, animal: Numbers) -> Mixed:
    """Fit the model to cells.

    Parameters
    ----------
    y : (n,) values, on the log scale. x : (n, p) covariates, the same for all cells of an animal in a condition.
    animal : (n,) number of the animal of each cell, from 0.

    Raises
    ------
    InputError : as many conditions as groups, so that no spread between animals can be told.
    """
    from scipy.optimize import minimize

    g = Groups.of(y, x, animal)
    if len(g.n) <= np.linalg.matrix_rank(g.x):
        raise InputError("the comparison needs two animals or more: with one in each condition no spread between them is seen")
    whole = max(float(np.var(y)), 1e-300)
    parts = (2 if g.crossed else 1) + (1 if g.spare else 0)

    def cost(logs: Real) -> float:
        return -_reml(g, _variances(np.exp(logs) * whole, g))[0]

    best = None
    for share in (0.1, 0.5):
        start = np.log(np.full(parts, share))
        found = minimize(cost, start, method="L-BFGS-B", bounds=[(-25.0, 5.0)] * (parts - 1) + [(-20.0, 5.0)])
        best = found if best is None or found.fun < best.fun else best
    assert best is not None
    variances = _variances(np.exp(best.x) * whole, g)
    variances = np.where(variances < NONE * variances.sum(), 0.0, variances)
    value, beta, cov = _reml(g, variances)
    return Mixed(beta, cov, variances, value, g)


def _variances(values: Real, g: Groups) -> Real:
    """(animal, animal in condition, cell): without crossing the first is 0, without several cells in a group the last is."""
    found = np.zeros(3)
    found[0 if g.crossed else 1 :][: len(values)] = values
    return found


def _reml(g: Groups, variances: Real) -> tuple[float, Real, Real]:
    """Restricted log-likelihood, coefficients, their covariance."""
    p = g.x.shape[1]
    normal, right, square, logdet = np.zeros((p, p)), np.zeros(p), 0.0, 0.0
    for rows in _alike(g):
        own = np.eye(rows.shape[1]) * (variances[1] + variances[2] / g.n[rows])[:, :, None] + variances[0]
        x, y = g.x[rows], g.mean[rows]
        solved = np.linalg.solve(own, np.concatenate([x, y[:, :, None]], axis=2))
        normal += np.einsum("bip,biq->pq", x, solved[:, :, :p])
        right += np.einsum("bip,bi->p", x, solved[:, :, p])
        square += float((y * solved[:, :, p]).sum())
        logdet += float(np.linalg.slogdet(own)[1].sum())
    cov: Real = np.asarray(np.linalg.inv(normal), dtype=float)
    beta = cov @ right
    value = -0.5 * (logdet + float(np.linalg.slogdet(normal)[1]) + square - float(beta @ right))
    value -= 0.5 * (len(g.n) - p) * np.log(2 * np.pi)
    if g.spare:
        value -= 0.5 * (g.spare * np.log(2 * np.pi * variances[2]) + g.within / variances[2] + np.log(g.n).sum())
    return value, beta, cov


def _alike(g: Groups) -> list[Numbers]:
    """Rows of the groups of each animal, (animals, groups of each), one array for each number of groups."""
    order = np.argsort(g.animal, kind="stable")
    begins = np.flatnonzero(np.diff(g.animal[order], prepend=-1))
    sizes = np.diff(np.append(begins, len(order)))
    return [order[begins[sizes == size][:, None] + np.arange(size)] for size in np.unique(sizes)]


def _told(g: Groups, variances: Real, c: Real) -> float:
    return float(c @ _reml(g, variances)[2] @ c)


def _bend(g: Groups, moved: Callable[..., Real], one: tuple[int, float], other: tuple[int, float]) -> float:
    """Second derivative of the restricted log-likelihood."""
    (k, a), (m, b) = one, other
    value = [_reml(g, moved((k, s * a), (m, t * b)))[0] for s, t in ((1, 1), (1, -1), (-1, 1), (-1, -1))]
    return float(value[0] - value[1] - value[2] + value[3]) / (4 * a * b)
