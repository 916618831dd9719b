"""Counts and fractions with clusters: generalised estimating equations whose errors hold for few animals.

The mean model is log-linear (counts with an exposure) or logistic (successes of trials), the working correlation is that of
independent rows, and all dependence is left to the covariance, which is made from the sums of residuals of whole clusters
(Liang & Zeger 1986, Biometrika 73:13). With few clusters those residuals are too small, since the fit follows each cluster by
its leverage. Two corrections undo this: (I - H)^-1/2 (Kauermann & Carroll 2001, J Am Stat Assoc 96:1387), which is unbiased if
clusters are alike, and (I - H)^-1 (Mancl & DeRouen 2001, Biometrics 57:126), which leaves each cluster out. The first errs to
small errors and the second to large ones; Ford & Westgate 2017 (Biom J 59:478) average them.

Quantiles are of t. Its degrees of freedom are those of the variance as a sum of squares of cluster sums (Satterthwaite 1946; Bell
& McCaffrey 2002, Surv Methodol 28:169): 2 (n - 1) for two conditions of n like animals, n - 1 for n animals that saw both, and
fewer where some animals weigh more than others.

Blocks (a pair of movies, a cell before and after) have a level of their own each, as in a paired test; they are eliminated, so
that their number costs nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from exotrack.errors import InputError

Real = NDArray[np.float64]
Numbers = NDArray[np.intp]
Family = Literal["poisson", "binomial"]
Correction = Literal["none", "kc", "md", "mean"]
STEPS, CLOSE = 60, 1e-10
"""Steps of the fit at most, and the relative change at which it is done."""
UNBOUNDED = 100.0
"""Standard error of a logarithm from which its estimate has run away."""
TAIL = 0.975
"""Quantile at which the error between clusters and that of counting are measured against one another."""
FIRM = 1e-9
"""1 - leverage below which a cluster alone decides a coefficient, so that no error can be told."""


@dataclass(frozen=True, eq=False)
class Fit:
    """A fitted model.

    beta : (p,) coefficients. bread : (p, p) inverse information. scores : (K, p) sum of x (y - mu) of each cluster.
    parts : (K, p, p) part of each cluster in the information. dispersion, between : phi and tau^2 of the working variance of a
    cluster's sum, phi M + tau^2 M^2 with M its information, from which the degrees of freedom are reckoned.
    """

    beta: Real
    bread: Real
    scores: Real
    parts: Real
    dispersion: float
    between: float

    def cov(self, correction: Correction = "none") -> Real:
        """(p, p) covariance of the coefficients, robust to any dependence within clusters."""
        if correction == "mean":
            return 0.5 * (self.cov("kc") + self.cov("md"))
        root, shrink = self._leverage(correction)
        moved = np.einsum("kij,kj->ki", shrink, self.scores @ root)
        return np.asarray(root @ (moved.T @ moved) @ root.T)

    def contrast(self, c: Real, correction: Correction = "mean") -> tuple[float, float, float]:
        """Value, standard error and degrees of freedom of c'beta; NaN errors where one cluster alone decides it.

        "mean" averages the standard errors of the two corrections, as Ford & Westgate do. No interval is narrower
        than that of counting, whose error is known: clusters can be alike by chance, the more so if they hold few events.
        """
        value = float(c @ self.beta)
        if not self.told(c):
            return value, float("nan"), float("nan")
        both: tuple[Correction, ...] = ("kc", "md") if correction == "mean" else (correction,)
        sd = float(np.mean([np.sqrt(max(float(c @ self.cov(one) @ c), 0.0)) for one in both]))
        df, counting = self.df(c), float(np.sqrt(c @ self.bread @ c))
        known = float(stdtrit(np.inf, TAIL)) * counting > float(stdtrit(df, TAIL)) * sd
        return (value, counting, float("inf")) if known else (value, sd, df)

    def told(self, c: Real) -> bool:
        """Whether no cluster alone decides c'beta."""
        root, _ = self._leverage("none")
        along = root.T @ c
        for part in self.parts:
            size, axes = np.linalg.eigh(np.eye(len(c)) - root.T @ part @ root)
            if (np.abs(axes.T @ along)[size < FIRM] > 1e-6 * np.linalg.norm(along)).any():
                return False
        return True

    def df(self, c: Real) -> float:
        """Degrees of freedom of the variance of c'beta under the working model: (sum of eigenvalues)^2 / sum of squares."""
        root, shrink = self._leverage("kc")
        a = np.einsum("kij,j->ki", shrink, root.T @ c) @ root.T
        gone = np.einsum("ij,kjl,kl->ki", self.bread, self.parts, a)
        spread = self.dispersion * self.parts + self.between * self.parts @ self.parts
        own = np.einsum("kij,kj->ki", spread, a)
        cross = own @ gone.T
        g = gone @ spread.sum(axis=0) @ gone.T - cross - cross.T
        g[np.diag_indices(len(a))] += (own * a).sum(axis=1)
        squares = float((g**2).sum())
        return float(np.trace(g)) ** 2 / squares if squares > 0 else float("nan")

    def _leverage(self, correction: Correction) -> tuple[Real, Real]:
        """Root of the bread, and (K, p, p) what the scores of each cluster are multiplied with, on the scale of that root."""
        root: Real = np.asarray(np.linalg.cholesky(self.bread), dtype=float)
        power = {"none": 0.0, "kc": -0.5, "md": -1.0}[correction]
        left = np.eye(len(root)) - np.einsum("ji,kjl,lm->kim", root, self.parts, root)
        size, axes = np.linalg.eigh(left)
        # What a cluster decides alone has no residual: it adds nothing, whatever it is multiplied with.
        scale = np.where(size > FIRM, np.maximum(size, FIRM) ** power, 0.0 if power else 1.0)
        return root, np.einsum("kij,kj,klj->kil", axes, scale, axes)


def fit(y: Real, x: Real, size: Real, family: Family, cluster: Numbers, block: Numbers | None = None) -> Fit:
    """Fit the model.

    Parameters
    ----------
    y : (n,) counts, or successes; sums of probabilities will do.
    x : (n, p) covariates, of full rank together with the blocks.
    size : (n,) exposure, or trials; above 0.
    cluster : (n,) number of the independent cluster of each row, from 0.
    block : (n,) number of the block of each row, from 0; blocks lie within clusters. None: no blocks.

    Raises
    ------
    InputError : no estimate exists: no events (or no failures) where the covariates set a level of their own.
    """
    beta, mu, weight, centred = _solve(y, x, size, family, block)
    info = centred.T @ (weight[:, None] * centred)
    try:
        bread: Real = np.asarray(np.linalg.inv(info), dtype=float)
        np.linalg.cholesky(bread)
    except np.linalg.LinAlgError:
        raise InputError("the comparison has no estimate: some of its covariates act only together") from None
    if not (np.diag(bread) < UNBOUNDED**2).all():
        raise InputError("the comparison has no estimate: a condition without any event, or with nothing else")
    n = int(cluster.max()) + 1
    scores, parts = np.zeros((n, x.shape[1])), np.zeros((n, x.shape[1], x.shape[1]))
    np.add.at(scores, cluster, centred * (y - mu)[:, None])
    np.add.at(parts, cluster, (centred * weight[:, None])[:, :, None] * centred[:, None, :])
    return Fit(beta, bread, scores, parts, *_working(y - mu, weight, scores, parts, x.shape[1]))


def _solve(y: Real, x: Real, size: Real, family: Family, block: Numbers | None) -> tuple[Real, Real, Real, Real]:
    """Coefficients, means, weights, and covariates less their weighted means in the blocks, by Newton's steps."""
    own = np.zeros(len(y), dtype=np.intp) if block is None else block
    level = np.zeros(len(y))
    eta = _begin(y, size, family, own)
    beta = np.zeros(x.shape[1])
    for step in range(STEPS):
        mu, weight = _mean(eta, size, family)
        working = eta + (y - mu) / weight
        if block is None:
            centred, target = x, working
        else:
            centred, target = (part - _inside(part, weight, own) for part in (x, working))
        root = np.sqrt(weight)
        new: Real = np.asarray(np.linalg.lstsq(root[:, None] * centred, root * target, rcond=None)[0], dtype=float)
        if block is not None:
            level = _inside(working - x @ new, weight, own)
        eta = np.clip(x @ new + level, -30.0, 30.0)
        moved = np.abs(new - beta).max()
        beta = new
        if step and moved < CLOSE * (1.0 + np.abs(beta).max()):
            mu, weight = _mean(eta, size, family)
            centred = x if block is None else x - _inside(x, weight, own)
            return beta, mu, weight, centred
    raise InputError("the comparison has no estimate: a condition without any event, or with nothing else")


def _begin(y: Real, size: Real, family: Family, block: Numbers) -> Real:
    """Linear predictor from the pooled value; rows on their own would begin at the border where they have no event."""
    total, whole = y.sum(), size.sum()
    if not total > 0 or (family == "binomial" and not total < whole):
        raise InputError("the comparison has no estimate: a condition without any event, or with nothing else")
    share = total / whole
    return np.full(len(y), np.log(share if family == "poisson" else share / (1.0 - share)))


def _mean(eta: Real, size: Real, family: Family) -> tuple[Real, Real]:
    """Mean and its slope with the linear predictor."""
    if family == "poisson":
        mu = size * np.exp(eta)
        return mu, np.maximum(mu, 1e-12)
    p = 1.0 / (1.0 + np.exp(-eta))
    return size * p, np.maximum(size * p * (1.0 - p), 1e-12)


def _inside(values: Real, weight: Real, block: Numbers) -> Real:
    """Weighted mean of each row's block, for each row."""
    total = np.bincount(block, weight)
    if values.ndim == 1:
        return np.asarray((np.bincount(block, weight * values) / total)[block])
    return np.stack([_inside(column, weight, block) for column in values.T], axis=1)


def _working(residual: Real, weight: Real, scores: Real, parts: Real, p: int) -> tuple[float, float]:
    """phi from the rows, tau^2 from what the sums of clusters vary beyond it; both from moments."""
    pearson = float((residual**2 / weight).sum()) / max(len(residual) - p, 1)
    information = np.trace(parts, axis1=1, axis2=2)
    extra = float(((scores**2).sum(axis=1) - pearson * information).sum())
    squares = float((parts**2).sum())
    return max(pearson, 1e-6), max(extra, 0.0) / squares if squares > 0 else 0.0
