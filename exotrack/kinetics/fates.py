"""What exits were called and what they were, as far as the calibration or the probabilities of the calls say.

A call is evidence, not the truth: the chance that a stay ended by each fate follows from how long it lasted, from the fitted
rates and from how often each fate is called so (Bayes). Summed over stays it gives the fates before and after the correction.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from exotrack.kinetics.calls import CALLED
from exotrack.kinetics.likelihood import fate_chances
from exotrack.kinetics.scheme import Real

if TYPE_CHECKING:
    import pandas as pd

    from exotrack.kinetics.fit import Fit

STILL = "still_docked"
"""What a vesicle was whose exit was called although it had not left."""
ROUNDING = 1e-9


@dataclass(frozen=True, eq=False)
class FateMatrix:
    """Expected numbers of stays by how they ended and what that was called.

    period : all, or before or after the first stimulus. true : the J fates, and `STILL` where calls may be false. called : the L
    calls.
    number : (J, L). Stays that outlasted the movie are not in it, nor those lost from sight without a calibration.
    """

    period: str
    true: tuple[str, ...]
    called: tuple[str, ...]
    number: Real

    @property
    def before(self) -> Real:
        """(L,) share of each call."""
        return np.asarray(self.number.sum(axis=0) / self.number.sum())

    @property
    def after(self) -> Real:
        """(J,) share of each fate."""
        return np.asarray(self.number.sum(axis=1) / self.number.sum())


def fate_matrices(best: Fit, stays: pd.DataFrame) -> list[FateMatrix]:
    """The matrix of all stays, and of those that ended before and after the first stimulus, where there is one.

    best : a fit to `stays`, whose rows are in the order of its data.
    """
    problem = best.problem
    chance = fate_chances(best.view(), problem.data, problem.told(best.x))
    false = (1.0 - chance.sum(axis=1, keepdims=True)).clip(0.0)
    fates, chance = _fates(best), np.column_stack([chance, false])
    if np.nan_to_num(false).max(initial=0.0) > ROUNDING:
        fates = (*fates, STILL)
    chance = chance[:, : len(fates)]
    code = np.array([CALLED.index(kind) if kind in CALLED else -1 for kind in stays["exit_kind"]])
    told = np.isfinite(chance).all(axis=1) & (code >= 0)
    end = stays["t_since_stimulus_s"].to_numpy(float) + stays["duration_s"].to_numpy(float)
    found = []
    for period, mine in (("all", np.ones(len(stays), dtype=bool)), ("before", end <= 0), ("after", end > 0)):
        rows = np.flatnonzero(told & mine)
        if len(rows):
            number = np.zeros((len(CALLED), len(fates)))
            np.add.at(number, code[rows], chance[rows])
            keep = number.sum(axis=1) > 0
            called = tuple(name for name, some in zip(CALLED, keep, strict=True) if some)
            found.append(FateMatrix(period, fates, called, number[keep].T))
    return found


def _fates(best: Fit) -> tuple[str, ...]:
    from exotrack.kinetics.likelihood import course_of

    return course_of(best.view(), best.problem.data.labels[0]).fates
