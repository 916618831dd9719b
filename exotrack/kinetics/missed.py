"""Sojourns too short to be seen: what they do to the ones that are, and how to see through it.

Where something comes and goes at one place (a pore that flickers, a vesicle that leaves and returns), an absence shorter than the
dead time tau is not seen, and the presences on both sides of it look like one. Apparent sojourns are then too long: 2 s look like
5.8 s if absences of 0.2 s on average are missed below 0.2 s. For two states the law of what is seen is exact here (Hawkes, Jalali
& Colquhoun 1990, Phil Trans R Soc A 332:511); for more states the mean is (`apparent_rates`). Sojourns that end for good need
none of this: the filter in `exotrack.kinetics.likelihood` is the whole correction there.

Both presences and absences shorter than tau go unseen. An apparent presence begins tau after it is certain to count, so its
length t >= tau has density R(t - tau) a exp(-b tau), with R(u) the chance that no absence as long as tau began before u and that
it is present at u. a and b are the rates of leaving and of coming back (1/s).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import comb, factorial

import numpy as np
from numpy.typing import ArrayLike

from exotrack.errors import InputError
from exotrack.kinetics.scheme import Real

EXACT = 4
"""Dead times up to which the exact series is used; beyond, its leading exponential is right to rounding (see the tests)."""


def apparent_mean(leaving_per_s: float, back_per_s: float, dead_s: float) -> float:
    """Mean apparent presence (s): (mu_A + mu_F) exp(tau / mu_F) - mu_F, with mu_A = 1 / leaving, mu_F = 1 / back."""
    present, absent = 1 / leaving_per_s, 1 / back_per_s
    return float((present + absent) * np.exp(dead_s / absent) - absent)


def apparent_density(t_s: ArrayLike, leaving_per_s: float, back_per_s: float, dead_s: float) -> Real:
    """Density (1/s) of apparent presences of length `t_s` (s, any shape); 0 below the dead time."""
    times = np.asarray(t_s, dtype=float)
    a, b, tau = float(leaving_per_s), float(back_per_s), float(dead_s)
    if not (a > 0 and b > 0 and tau >= 0):
        raise InputError(f"rates {a:g} and {b:g} per s must be above 0 and the dead time {tau:g} s at least 0")
    if tau == 0:
        return np.asarray(np.where(times >= 0, a * np.exp(-a * times), 0.0))
    u = times - tau
    # Neither form is asked where it does not hold: the series loses digits at late times, the exponential grows at early ones.
    early = _series(np.clip(u, 0.0, EXACT * tau), a, b, tau)
    late = _leading(np.maximum(u, EXACT * tau), a, b, tau)
    return np.asarray(np.where(u < 0, 0.0, np.where(u <= EXACT * tau, early, late) * a * np.exp(-b * tau)))


def _series(u: Real, a: float, b: float, tau: float) -> Real:
    """R(u) for 0 <= u <= EXACT tau.

    Its Laplace transform is (s + b) / (s (s + l) + c exp(-s tau)), l = a + b, c = a b exp(-b tau); expanded in c, term n is that
    of (s + b) / (s (s + l))^(n + 1), delayed by n tau.
    """
    total, c = np.zeros_like(u), a * b * np.exp(-b * tau)
    for n in range(EXACT + 1):
        late = u - n * tau
        total += np.where(late >= 0, (-c) ** n * _delayed(np.maximum(late, 0.0), n, a + b, b), 0.0)
    return total


def _delayed(t: Real, n: int, rate: float, b: float) -> Real:
    """Inverse Laplace transform of (s + b) / (s (s + rate))^(n + 1)."""
    k = n + 1

    def both(i: int, j: int) -> Real:
        """Of 1 / (s^i (s + rate)^j): partial fractions around both poles."""
        total = np.zeros_like(t)
        for p in range(1, i + 1):
            weight = (-1.0) ** (i - p) * comb(i - p + j - 1, i - p) / rate ** (j + i - p)
            total += weight * t ** (p - 1) / factorial(p - 1)
        for q in range(1, j + 1):
            weight = (-1.0) ** i * comb(j - q + i - 1, j - q) / rate ** (i + j - q)
            total += weight * t ** (q - 1) / factorial(q - 1) * np.exp(-rate * t)
        return total

    # (s + b) = s + b, so one power of s less, or b times all of it.
    return both(k - 1, k) + b * both(k, k) if k > 1 else np.exp(-rate * t) + b * both(1, 1)


def _leading(u: Real, a: float, b: float, tau: float) -> Real:
    """R(u) for late u: the only real pole of its transform 1 / W(s), with its residue.

    W(s) = s + a - a b (1 - exp(-(s + b) tau)) / (s + b) rises throughout, from below 0 at -a to above 0 at 0.
    """
    from scipy.optimize import brentq

    def value(s: float) -> float:
        return s + a - a * b * _missed(s + b, tau)

    s = float(brentq(value, -a, 0.0, xtol=1e-14, rtol=1e-14))
    h = 1e-5 * (a + b)
    slope = 1 - a * b * (_missed(s + b + h, tau) - _missed(s + b - h, tau)) / (2 * h)
    return np.asarray(np.exp(s * u) / slope)


def _missed(x: float, tau: float) -> float:
    """Integral of exp(-x t) from 0 to tau."""
    return tau * (1 - x * tau / 2) if abs(x * tau) < 1e-8 else float(-np.expm1(-x * tau) / x)


@dataclass(frozen=True)
class TwoState:
    """Rates of leaving and coming back (1/s), their standard errors in the logarithm, and the log-likelihood."""

    leaving_per_s: float
    back_per_s: float
    log_sd: tuple[float, float]
    log_likelihood: float


def two_state_log_likelihood(
    present_s: ArrayLike, absent_s: ArrayLike, leaving_per_s: float, back_per_s: float, dead_s: float
) -> float:
    """Log-likelihood of apparent presences and absences (s), all at least as long as the dead time."""
    here = apparent_density(present_s, leaving_per_s, back_per_s, dead_s)
    gone = apparent_density(absent_s, back_per_s, leaving_per_s, dead_s)
    return float(np.log(np.maximum(here, 1e-300)).sum() + np.log(np.maximum(gone, 1e-300)).sum())


def fit_two_state(present_s: Sequence[float] | Real, absent_s: Sequence[float] | Real, dead_s: float) -> TwoState:
    """Rates of leaving and coming back from apparent presences and absences (s), each at least `dead_s` long.

    The likelihood has two tops, a slow pair of rates and a fast one that the dead time hides (Ball & Sansom 1989, Proc R Soc B
    236:385); the slow one, which starts from the apparent means, is given.
    Raises `InputError` if there are fewer than two of either or one is shorter than the dead time.
    """
    from scipy.optimize import minimize

    here, gone = np.asarray(present_s, dtype=float), np.asarray(absent_s, dtype=float)
    if len(here) < 2 or len(gone) < 2:
        raise InputError(f"{len(here)} presences and {len(gone)} absences are too few: give at least two of each")
    if min(here.min(), gone.min()) < dead_s:
        raise InputError(f"a sojourn of {min(here.min(), gone.min()):g} s is shorter than the dead time of {dead_s:g} s")

    def down(x: Real) -> float:
        return -two_state_log_likelihood(here, gone, float(np.exp(x[0])), float(np.exp(x[1])), dead_s)

    start = np.log([1 / max(here.mean() - dead_s, dead_s / 10, 1e-9), 1 / max(gone.mean() - dead_s, dead_s / 10, 1e-9)])
    found = minimize(down, start, method="Nelder-Mead", options={"xatol": 1e-6, "fatol": 1e-8, "maxiter": 2000})
    covariance = np.linalg.inv(_curvature(down, found.x))
    rates = np.exp(found.x)
    sd = np.sqrt(np.diag(covariance))
    return TwoState(float(rates[0]), float(rates[1]), (float(sd[0]), float(sd[1])), -float(found.fun))


def _curvature(down: Callable[[Real], float], x: Real, h: float = 1e-3) -> Real:
    """(2, 2) second derivatives."""
    e = np.eye(2) * h
    cross = (down(x + e[0] + e[1]) - down(x + e[0] - e[1]) - down(x - e[0] + e[1]) + down(x - e[0] - e[1])) / (4 * h * h)
    own = [(down(x + e[k]) - 2 * down(x) + down(x - e[k])) / h**2 for k in (0, 1)]
    return np.array([[own[0], cross], [cross, own[1]]])


def apparent_rates(stay: Real, away: Real, back: Real, gone: Real, dead_s: float) -> tuple[Real, Real]:
    """Rates (1/s) among present states as they appear when absences shorter than `dead_s` are missed, to first order.

    Parameters
    ----------
    stay : (m, m) rates among the present states, diagonal included. away : (m, k) to absent states. back : (k, m) from them.
    gone : (k, k) rates among the absent states, diagonal included.

    Returns
    -------
    rates : (m, m); apparent presences last as exp(rates t) says. weight : (m, m), by which the start of one is multiplied.
    With H(s) = stay + away (integral of exp(-s t) exp(gone t) over 0 to tau) back, they are (I - H'(0))^-1 H(0) and
    (I - H'(0))^-1: exact in the mean, and in shape where presences are long against the dead time.
    """
    from scipy.linalg import expm

    k = len(gone)
    chain = np.zeros((3 * k, 3 * k))
    # exp([[G, I, 0], [0, 0, I], [0, 0, 0]] t) holds the integral of exp(G u) and that of it once more (Van Loan 1978).
    chain[:k, :k], chain[:k, k : 2 * k], chain[k : 2 * k, 2 * k :] = gone, np.eye(k), np.eye(k)
    flow = expm(chain * dead_s)
    once, twice = flow[:k, k : 2 * k], flow[:k, 2 * k :]
    first = dead_s * once - twice  # the integral of u exp(G u)
    weight = np.linalg.inv(np.eye(len(stay)) + away @ first @ back)
    return np.asarray(weight @ (stay + away @ once @ back)), np.asarray(weight)
