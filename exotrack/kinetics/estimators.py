"""Survival without a model: Kaplan-Meier, Nelson-Aalen and Aalen-Johansen, exact at ties, with late entry and competing fates.

Stays are measured in frames, so nearly all their times are tied; nothing here breaks a tie at random. With d_j(t) stays
that end by fate j at t, d = sum_j d_j, and Y(t) at risk (entered before t, not ended before t):

* survival S(t) = prod_{s <= t} (1 - d/Y) (Kaplan & Meier 1958, J Am Stat Assoc 53:457), its variance
  S^2 sum d / (Y (Y - d)) (Greenwood 1926);
* cumulative hazard H_j(t) = sum d_j / Y (Nelson 1972, Technometrics 14:945; Aalen 1978, Ann Stat 6:701), its variance
  sum d_j (Y - d_j) / Y^3 (Andersen, Borgan, Gill & Keiding 1993, sec. IV.1.3: the one that is right at ties);
* incidence F_j(t) = sum S(s-) d_j / Y (Aalen & Johansen 1978, Scand J Stat 5:141), its variance, with A = F_j(t) - F_j(s),
  sum A^2 d / (Y (Y - d)) - 2 A S(s-) d_j / Y^2 + S(s-)^2 d_j (Y - d_j) / Y^3: the delta method on a multinomial at each
  time, hence exact at ties too (Gaynor et al. 1993, J Am Stat Assoc 88:400). Incidences and survival sum to 1.

A stay censored at t is at risk at t; one that enters at t is not. Fates may be probabilities: each stay then counts for each
fate by its share. 1 - Kaplan-Meier with other fates as censoring is *not* an incidence: it overstates it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri

from exotrack.errors import InputError
from exotrack.kinetics._risk import Risk, steps

Real = NDArray[np.float64]


@dataclass(frozen=True)
class Curve:
    """A step function: `value` holds from each `t_s` until the next, and after the last.

    t_s : (T,) s, the first is the start, where nothing has ended yet.
    value, sd, low, high : (T,), or (J, T) for each of J fates; sd is 0 at the start, NaN where it is undefined.
    at_risk : (T,) stays under observation just before `t_s`.
    exits : shape of `value`; stays that ended at `t_s`.
    fates : names of the J fates; empty for a curve that knows none.
    """

    t_s: Real
    value: Real
    sd: Real
    low: Real
    high: Real
    at_risk: Real
    exits: Real
    fates: tuple[str, ...] = ()

    def at(self, t_s: ArrayLike) -> Real:
        """(..., G) value at each of (G,) `t_s` (s); NaN before the start."""
        return steps(self.t_s, self.value, np.asarray(t_s, dtype=float), np.full(self.value.shape[:-1], np.nan))

    def first_below(self, level: float = 0.5) -> float:
        """First time (s) at which a survival curve is at or below `level`: 0.5 gives the median; NaN if it never is."""
        fallen = np.flatnonzero(self.value <= level + 1e-12)
        return float(self.t_s[fallen[0]]) if fallen.size else float("nan")

    def of(self, fate: str) -> Curve:
        """The curve of one fate."""
        if fate not in self.fates:
            raise InputError(f"fate {fate!r} is not in this curve; it has {', '.join(self.fates) or 'none'}")
        j = self.fates.index(fate)
        return Curve(self.t_s, self.value[j], self.sd[j], self.low[j], self.high[j], self.at_risk, self.exits[j])


def kaplan_meier(
    exit_s: ArrayLike, seen: ArrayLike, entry_s: ArrayLike | None = None, *, from_s: float = 0.0, level: float = 0.95
) -> Curve:
    """Survival of stays, with Greenwood's error and a band on the log-log scale.

    Parameters
    ----------
    exit_s : (n,) age (s) at which each stay ended or was last seen.
    seen : (n,) whether the end was seen; the others are censored.
    entry_s : (n,) age (s) from which each was under observation (left truncation); None: from the start.
    from_s : the curve is conditional on lasting beyond this age (s). With late entry, choose one at which enough are at risk:
        the curve falls to 0 for good where the few early ones all end.
    level : confidence of `low` and `high`.

    Raises
    ------
    InputError : no stays, lengths that differ, ages that are negative or not finite, an entry not before its exit.
    """
    risk = Risk.of(exit_s, np.asarray(seen, dtype=float).reshape(-1, 1), ("exit",), entry_s, from_s=from_s)
    at_risk, exits = risk.totals()
    value = risk.survival()
    relative = np.cumsum(_ratio(exits[0], at_risk * (at_risk - exits[0]), np.inf))
    with np.errstate(invalid="ignore"):
        sd = np.where(value > 0, value * np.sqrt(relative), np.nan)
    return _curve(risk, value, sd, _log_log(value, sd, level), at_risk, exits[0], start=1.0)


def nelson_aalen(
    exit_s: ArrayLike,
    fate: ArrayLike,
    fates: Sequence[str],
    entry_s: ArrayLike | None = None,
    *,
    from_s: float = 0.0,
    level: float = 0.95,
) -> Curve:
    """Cumulative hazard of each fate, other fates counted as censoring, which for a hazard is right.

    Arguments as of `aalen_johansen`. The slope of a curve is that fate's rate (1/s) at that age; a straight line is a constant
    rate. `value`, `exits` are (J, T). The band is on the log scale.
    """
    risk = Risk.of(exit_s, fate, fates, entry_s, from_s=from_s)
    at_risk, exits = risk.totals()
    value = risk.hazard()
    sd = np.sqrt(np.cumsum(_ratio(exits * (at_risk - exits), at_risk**3, 0.0), axis=-1))
    with np.errstate(invalid="ignore", divide="ignore"):
        factor = np.exp(_z(level) * sd / value)
        band = np.where(value > 0, value / factor, 0.0), np.where(value > 0, value * factor, np.nan)
    return _curve(risk, value, sd, band, at_risk, exits, start=0.0)


def aalen_johansen(
    exit_s: ArrayLike,
    fate: ArrayLike,
    fates: Sequence[str],
    entry_s: ArrayLike | None = None,
    *,
    from_s: float = 0.0,
    level: float = 0.95,
) -> Curve:
    """Cumulative incidence of each of several competing fates: the probability to have ended by it, before any other.

    Parameters
    ----------
    exit_s : (n,) age (s) at which each stay ended or was last seen.
    fate : (n,) name of the fate of each, "" or "censored" for those whose end was not seen; or (n, J) probabilities of the
        fates, rows that sum to 1, or to 0 for the censored.
    fates : names of the J fates.
    entry_s, from_s, level : as in `kaplan_meier`.

    Returns
    -------
    Curve whose `value` is (J, T). ``curve.value.sum(axis=0)`` is 1 minus the Kaplan-Meier survival.

    Raises
    ------
    InputError : as `kaplan_meier`; a fate that is not in `fates`; probabilities that do not sum to 1.
    """
    risk = Risk.of(exit_s, fate, fates, entry_s, from_s=from_s)
    at_risk, exits = risk.totals()
    value = risk.incidence()
    total = exits.sum(axis=0)
    before = np.concatenate([[1.0], risk.survival()[:-1]])
    # Where the last ones end, A = 0 for ever after, so that the infinite first term drops out.
    spread = _ratio(total, at_risk * (at_risk - total), 0.0)
    cross = _ratio(before * exits, at_risk**2, 0.0)
    own = _ratio(before**2 * exits * (at_risk - exits), at_risk**3, 0.0)
    squares = value**2 * np.cumsum(spread) - 2 * value * np.cumsum(spread * value, axis=-1)
    squares += np.cumsum(spread * value**2, axis=-1)
    products = value * np.cumsum(cross, axis=-1) - np.cumsum(cross * value, axis=-1)
    sd = np.sqrt(np.maximum(squares - 2 * products + np.cumsum(own, axis=-1), 0.0))
    return _curve(risk, value, sd, _log_log(value, sd, level), at_risk, exits, start=0.0)


def _curve(risk: Risk, value: Real, sd: Real, band: tuple[Real, Real], at_risk: Real, exits: Real, start: float) -> Curve:
    """Put the start, where nothing has ended, before the times at which something did."""

    def begun(part: Real, first: float) -> Real:
        return np.concatenate([np.full((*part.shape[:-1], 1), first), part], axis=-1)

    low, high = (np.where(value == start, start, side) for side in band)
    return Curve(
        begun(risk.t_s, risk.from_s),
        begun(value, start),
        begun(sd, 0.0),
        begun(low, start),
        begun(high, start),
        begun(at_risk, risk.at_start),
        begun(exits, 0.0),
        risk.fates if value.ndim > 1 else (),
    )


def _log_log(value: Real, sd: Real, level: float) -> tuple[Real, Real]:
    """Limits that stay between 0 and 1 (Kalbfleisch & Prentice 1980, sec. 1.3): value^exp(-+ z sd / (value log value))."""
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        power = np.exp(np.abs(_z(level) * sd / (value * np.log(value))))
        low, high = value**power, value ** (1.0 / power)
    unknown = ~((value > 0) & (value < 1) & np.isfinite(sd))
    return np.where(unknown, 0.0, low), np.where(unknown, 1.0, high)


def _ratio(top: Real, bottom: Real, otherwise: float) -> Real:
    """top / bottom, `otherwise` where both bottom is 0 and top is not; 0 where top is 0."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(top == 0, 0.0, np.where(bottom > 1e-12, top / bottom, otherwise))


def _z(level: float) -> float:
    if not 0 < level < 1:
        raise InputError(f"confidence is {level:g}; give one between 0 and 1, such as 0.95")
    return float(ndtri(0.5 + level / 2))
