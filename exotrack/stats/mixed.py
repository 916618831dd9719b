"""Positive measures of cells on the log scale: a linear mixed model with random animals, by restricted maximum likelihood.

A cell's value is that of its condition, plus what its animal adds in this condition, plus its own. Where animals saw several
conditions, an animal also adds the same to all its cells, so that the effect is told within animals, and is still allowed to
differ between them: ``y ~ condition + (1 | animal) + (1 | animal:condition)``. Where each animal saw one condition, this is
``y ~ condition + (1 | animal)``, and equals what lme4 and statsmodels find.

Cells of an animal in a condition with the same covariates form a group; the likelihood splits exactly in that of the means of
groups and that of the spread of cells around them. Degrees of freedom are Satterthwaite's (as Kuznetsova, Brockhoff &
Christensen 2017, J Stat Softw 82(13)), but never more than animals less conditions and less the covariates that differ between
animals.

Animals that differ less than their cells make them do by chance give a variance between animals below 0, as in the analysis of
variance, and it is kept: even designs then give the t-test on the means of animals. lme4 and statsmodels set it to 0 ("singular
fit"), which with the degrees of freedom of animals makes false positives too rare, and with those of cells too frequent.
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
    """Means of the cells of an animal in a condition that have the same covariates.

    mean, n : (G,) mean and cells. x : (G, p) condition and covariates. animal : (G,) number of the animal. arm : (G,) number of
    the animal in its condition. within : sum of squares of cells around their means. spare : cells less groups. told : the
    spread of cells shows, as some arm has several. crossed : some animals are in several conditions.
    """

    mean: Real
    n: Real
    x: Real
    animal: Numbers
    arm: Numbers
    within: float
    spare: int
    told: bool
    crossed: bool

    @classmethod
    def of(cls, y: Real, x: Real, animal: Numbers, condition: Numbers | None = None) -> Groups:
        """Group rows of the same covariates, animal and condition; None: conditions are what differs in the covariates."""
        where = np.unique(x, axis=0, return_inverse=True)[1].reshape(-1) if condition is None else condition
        keys = np.column_stack([animal, where, x])
        kinds, own = np.unique(keys, axis=0, return_inverse=True)
        own = own.reshape(-1)
        n = np.bincount(own).astype(float)
        mean = np.bincount(own, y) / n
        owners = kinds[:, 0].astype(np.intp)
        arms, arm = np.unique(kinds[:, :2], axis=0, return_inverse=True)
        within, crossed = float(((y - mean[own]) ** 2).sum()), len(np.unique(owners)) < len(arms)
        return cls(mean, n, kinds[:, 2:], owners, arm.reshape(-1), within, len(y) - len(n), len(y) > len(arms), crossed)

    @property
    def size(self) -> Real:
        """(A,) cells of each arm."""
        return np.asarray(np.bincount(self.arm, self.n), dtype=float)

    def arms(self, which: NDArray[np.bool_] | None = None) -> tuple[Real, Numbers]:
        """(A, p) mean covariates of the arms, and the animal of each; of the groups in `which`, None: of all."""
        rows = np.arange(len(self.n)) if which is None else np.flatnonzero(which)
        _, first, own = np.unique(self.arm[rows], return_index=True, return_inverse=True)
        total = np.bincount(own, self.n[rows])
        means = [np.bincount(own, self.n[rows] * column) / total for column in self.x[rows].T]
        return np.stack(means, axis=1), self.animal[rows][first]


@dataclass(frozen=True, eq=False)
class Mixed:
    """A fitted model: `beta` (p,), `cov` (p, p), variances (3,) of animal, animal in condition, cell; the log-likelihood."""

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
        """Animals less conditions and covariates, of the animals that say something of c'beta."""
        g, tested = self.groups, c != 0
        x, animal = g.arms(np.abs(g.x @ c) > 0)
        animals = len(np.unique(animal))
        if not g.crossed:
            return float(animals - np.linalg.matrix_rank(x))
        own = np.unique(animal, return_inverse=True)[1]
        inside = x - np.stack([np.bincount(own, column) / np.bincount(own) for column in x.T], axis=1)[own]
        ranks = [int(np.linalg.matrix_rank(part, tol=1e-9)) for part in (inside, inside[:, tested])]
        return float(animals - 1 - ranks[0] + ranks[1])

    def _satterthwaite(self, c: Real, variance: float) -> float:
        g, at = self.groups, self.variances
        step = np.full(3, 1e-4 * float(np.abs(at).sum())).tolist()
        free = np.flatnonzero(np.abs(at) > NONE * np.abs(at).sum()).tolist()
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


def fit(y: Real, x: Real, animal: Numbers, condition: Numbers | None = None) -> Mixed:
    """Fit the model to cells.

    Parameters
    ----------
    y : (n,) values, on the log scale. x : (n, p) covariates, of full rank.
    animal : (n,) number of the animal of each cell, from 0.
    condition : (n,) number of what an animal adds to of its own; None: each set of covariates.

    Raises
    ------
    InputError : as many conditions as groups, so that no spread between animals can be told.
    """
    from scipy.optimize import minimize

    g = Groups.of(y, x, animal, condition)
    spare = len(g.n) - int(np.linalg.matrix_rank(g.x))
    if len(g.size) <= np.linalg.matrix_rank(g.arms()[0]) or not spare:
        raise InputError(
            "the comparison needs two animals or more in a condition, and more than it has covariates: no spread is seen else"
        )
    whole = max(float(np.var(y)), 1e-300)
    residual = g.mean - g.x @ np.linalg.lstsq(g.x, g.mean, rcond=None)[0]
    between = float((residual**2).sum()) / spare / whole
    within = [g.within / g.spare / whole if g.spare else between] if g.told else []
    start = np.log(np.maximum([*([0.5 * between] if g.crossed else []), between, *within], 1e-6))

    def cost(logs: Real) -> float:
        return -_reml(g, _variances(np.exp(logs) * whole, g))[0]

    found = minimize(cost, start, method="L-BFGS-B", bounds=[(-25.0, 8.0)] * len(start))
    variances = _variances(np.exp(found.x) * whole, g)
    value, beta, cov = _reml(g, variances)
    return Mixed(beta, cov, variances, value, g)


def _variances(values: Real, g: Groups) -> Real:
    """(animal, animal in condition, cell) from the values that are searched.

    Without crossing the first is 0, without several cells in an arm the last is. What is searched of the second is its sum
    with what the mean of the largest arm has from its cells, so that it may itself be below 0.
    """
    found = np.zeros(3)
    found[0 if g.crossed else 1 :][: len(values)] = values
    found[1] -= found[2] / g.size.max()
    return found


def _reml(g: Groups, variances: Real) -> tuple[float, Real, Real]:
    """Restricted log-likelihood, coefficients, their covariance."""
    p = g.x.shape[1]
    normal, right, square, logdet = np.zeros((p, p)), np.zeros(p), 0.0, 0.0
    for rows in _alike(g):
        own = np.eye(rows.shape[1]) * (variances[2] / g.n[rows])[:, :, None] + variances[0]
        own += variances[1] * (g.arm[rows][:, :, None] == g.arm[rows][:, None, :])
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
