"""What a camera can see of one vesicle in a kinetic model: the visible docked states, and the ways to leave them.

A vesicle moves between m visible states by first-order rates and leaves them by one of J fates. With S the rates between the
visible states (each row summing to minus what leaves it), s_j the rates of fate j and alpha the states at docking:
survival is alpha exp(S t) 1, the incidence of fate j is alpha (I - exp(S t)) (-S)^-1 s_j. It is the phase-type law with
competing exits, the same as an aggregated Markov model of one ion channel's open states (Colquhoun & Hawkes 1982, Phil Trans
R Soc B 300:1).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from exotrack.errors import InputError

FATES = ("undocking", "full_fusion", "kiss_and_run", "bleaching", "lost")
"""Every way a docked stay can end. Bleaching and loss are the observer's, not the vesicle's."""

ROUNDING = 1e-8
"""Largest relative error of sums that must be 0 or 1."""

Real = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Scheme:
    """Rates within and out of the visible docked states, constant in time.

    Parameters
    ----------
    stay : (m, m) 1/s; [a, b] is the rate from state a to b, the diagonal minus everything that leaves a, exits included.
    exits : (m, J) 1/s; [a, j] is the rate at which state a ends by fate j.
    fates : the J fates, out of `FATES`.
    entry : (m,) distribution over the states of a vesicle that has just docked.

    Raises
    ------
    InputError : shapes that do not fit, a negative rate, a row that does not sum to 0, an entry that does not sum to 1.
    """

    stay: Real
    exits: Real
    fates: tuple[str, ...]
    entry: Real

    def __post_init__(self) -> None:
        for name in ("stay", "exits", "entry"):
            object.__setattr__(self, name, np.asarray(getattr(self, name), dtype=float))
        object.__setattr__(self, "fates", tuple(self.fates))
        m, n_fates = len(self.entry), len(self.fates)
        if self.stay.shape != (m, m) or self.exits.shape != (m, n_fates) or m == 0 or n_fates == 0:
            raise InputError(
                f"scheme: rates {self.stay.shape}, exits {self.exits.shape}, {n_fates} fates and {m} entry states do not fit; "
                "give (m, m), (m, J), J and m"
            )
        strange = [fate for fate in self.fates if fate not in FATES]
        if strange or len(set(self.fates)) != n_fates:
            raise InputError(f"scheme: fates are {', '.join(self.fates)}; each must be one of {', '.join(FATES)}, once")
        self._check_numbers()

    def _check_numbers(self) -> None:
        whole = np.concatenate([self.stay, self.exits], axis=1)
        if not (np.isfinite(whole).all() and np.isfinite(self.entry).all()):
            raise InputError("scheme: a rate or an entry probability is not a finite number")
        off = self.stay - np.diag(np.diag(self.stay))
        if off.min() < 0 or self.exits.min() < 0:
            raise InputError(f"scheme: a rate is negative ({min(off.min(), self.exits.min()):g} per s); rates are 0 or more")
        size = np.abs(whole).max(axis=1)
        if (np.abs(whole.sum(axis=1)) > ROUNDING * np.maximum(size, 1e-300)).any():
            raise InputError("scheme: a row of rates does not sum to 0; its diagonal must be minus all that leaves the state")
        if self.entry.min() < -ROUNDING or abs(self.entry.sum() - 1) > ROUNDING:
            raise InputError(f"scheme: the entry distribution sums to {self.entry.sum():g}, not to 1")

    @property
    def n_states(self) -> int:
        """Number of visible states, m."""
        return len(self.entry)

    @classmethod
    def one_state(cls, **rates: float) -> Scheme:
        """The scheme without hidden states: one rate (1/s) for each fate, such as ``undocking=0.1, full_fusion=0.2``."""
        values = np.array([list(rates.values())], dtype=float)
        return cls(-values.sum(axis=1, keepdims=True), values, tuple(rates), np.ones(1))

    def losing(self, fate: str, rate: float) -> Scheme:
        """This scheme with one more exit, of the same `rate` (1/s) from every state: bleaching, or tracks that break."""
        if fate in self.fates:
            column = np.zeros_like(self.exits)
            column[:, self.fates.index(fate)] = rate
            return replace(self, stay=self.stay - rate * np.eye(self.n_states), exits=self.exits + column)
        exits = np.concatenate([self.exits, np.full((self.n_states, 1), float(rate))], axis=1)
        return Scheme(self.stay - rate * np.eye(self.n_states), exits, (*self.fates, fate), self.entry)

    def entering(self, entry: ArrayLike) -> Scheme:
        """This scheme with another distribution over the states at the start."""
        return replace(self, entry=np.asarray(entry, dtype=float))

    def over(self, step_s: float) -> tuple[Real, Real]:
        """(m, m) exp(S t) and (m, m) its integral from 0 to t, for t = `step_s` (s).

        Both come from one exponential of [[S, I], [0, 0]] (Van Loan 1978, IEEE Trans Automat Contr 23:395): no inverse of S
        is needed, so states that are never left do no harm.
        """
        from scipy.linalg import expm

        m = self.n_states
        both = np.zeros((2 * m, 2 * m))
        both[:m, :m], both[:m, m:] = self.stay * step_s, np.eye(m) * step_s
        flow = expm(both)
        return flow[:m, :m], flow[:m, m:]

    def survival(self, t_s: ArrayLike) -> Real:
        """Probability that a stay lasts longer than `t_s` (s, any shape)."""
        times = np.asarray(t_s, dtype=float)
        return np.asarray(self._states(times).sum(axis=-1).clip(0.0, 1.0))

    def incidence(self, t_s: ArrayLike) -> Real:
        """(..., J) probability that a stay has ended by each fate by `t_s` (s, any shape)."""
        times = np.asarray(t_s, dtype=float)
        flat = times.ravel()
        spent = np.array([self.entry @ self.over(float(t))[1] for t in flat]).reshape(*times.shape, self.n_states)
        return np.asarray(spent @ self.exits)

    def density(self, t_s: ArrayLike) -> Real:
        """(..., J) rate (1/s) at which stays end by each fate at age `t_s` (s, any shape)."""
        return np.asarray(self._states(np.asarray(t_s, dtype=float)) @ self.exits)

    def mean(self) -> float:
        """Mean stay (s); `InputError` if a state is never left."""
        return float(self._dwell().sum())

    def fractions(self) -> Real:
        """(J,) fraction of all stays that end by each fate."""
        return np.asarray(self._dwell() @ self.exits)

    def rested(self) -> Real:
        """(m,) distribution over the states of the vesicles that are docked at an instant, after a long rest at these rates.

        Residents have the residual time of a renewal process: alpha (-S)^-1, normalised. It holds while arrivals and rates
        have been constant for several mean stays.
        """
        dwell = self._dwell()
        return np.asarray(dwell / dwell.sum())

    def _dwell(self) -> Real:
        """(m,) mean time (s) spent in each state during a stay."""
        try:
            dwell = np.linalg.solve(-self.stay.T, self.entry)
        except np.linalg.LinAlgError:
            dwell = np.full(self.n_states, np.nan)
        if not np.isfinite(dwell).all() or dwell.min() < -ROUNDING * np.abs(dwell).max():
            raise InputError("scheme: a docked state is never left, so stays have no mean; give it an exit or leave it out")
        return np.asarray(dwell.clip(0.0))

    def _states(self, t_s: Real) -> Real:
        """(..., m) probability of each state at age `t_s`."""
        from scipy.linalg import expm

        flat = t_s.ravel()
        flows = expm(flat[:, None, None] * self.stay) if len(flat) else np.empty((0, self.n_states, self.n_states))
        return np.asarray(self.entry @ flows).reshape(*t_s.shape, self.n_states)


def table(scheme: Scheme) -> dict[str, Any]:
    """A `Scheme` as plain lists and numbers, for JSON."""
    return {
        "stay_per_s": scheme.stay.tolist(),
        "exits_per_s": scheme.exits.tolist(),
        "fates": list(scheme.fates),
        "entry": scheme.entry.tolist(),
    }
