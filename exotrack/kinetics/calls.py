"""How often an exit of one kind is called another: counts of a calibration, and what they say of the truth.

What was called is less than the truth and more than a guess: the likelihood of a call is the sum over true fates of the chance
that this fate is called so times the likelihood of that fate. The counts, not the fractions, are kept, since a calibration of 40
injections says less than one of 4,000.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from exotrack.errors import InputError
from exotrack.kinetics.scheme import Real
from exotrack.kinetics.stays import SEEN_EXITS

if TYPE_CHECKING:
    import pandas as pd

CALLED = (*SEEN_EXITS, "lost")
"""What an exit can be called. An exit that was missed leaves a stay that is lost from sight."""
PERKS = 1.0
"""Prior counts of a row, shared by its cells (Perks 1947, J Inst Actuaries 73:285): what was never seen is only rare."""


@dataclass(frozen=True, eq=False)
class Calls:
    """Counts (J, 4) of `true` fates (rows) by `CALLED` (columns)."""

    true: tuple[str, ...]
    counts: Real

    def __post_init__(self) -> None:
        counts = np.asarray(self.counts, dtype=float)
        object.__setattr__(self, "counts", counts)
        object.__setattr__(self, "true", tuple(self.true))
        if counts.shape != (len(self.true), len(CALLED)) or not np.isfinite(counts).all() or counts.min(initial=0) < 0:
            raise InputError(
                f"calls: counts of shape {counts.shape} for fates {', '.join(self.true)}; give one row of {len(CALLED)} counts "
                f"({', '.join(CALLED)}) for each fate, none negative"
            )
        empty = [fate for fate, row in zip(self.true, counts, strict=True) if row.sum() <= 0]
        if empty:
            raise InputError(f"calls: no {empty[0]} was injected, so how it is called is not known; calibrate with more of them")

    @classmethod
    def of_confusion(cls, confusion: pd.DataFrame) -> Calls:
        """The counts of a Confusion table of ``exotrack calibrate``.

        Exits called by no kind of exit (docking, tethering, nothing) count as lost.
        """
        rows = []
        for kind in SEEN_EXITS:
            mine = confusion[confusion["kind"] == kind]
            row = [float(mine.loc[mine["called"] == called, "n"].sum()) for called in SEEN_EXITS]
            rows.append([*row, float(mine["n"].sum()) - sum(row)])
        return cls(SEEN_EXITS, np.array(rows))

    @classmethod
    def certain(cls) -> Calls:
        """Every exit called what it is, known for certain."""
        return cls(SEEN_EXITS, np.eye(len(SEEN_EXITS), len(CALLED)))

    @property
    def known(self) -> bool:
        """Whether every fate is always called the same, so that there is nothing to estimate."""
        return bool(((self.counts > 0).sum(axis=1) == 1).all())

    def chances(self, logs: Real | None = None) -> Real:
        """(J, 4) chance of each call given the true fate; of given log-ratios (see `start`), or what the counts say."""
        if logs is None:
            return np.asarray(self.counts / self.counts.sum(axis=1, keepdims=True))
        free = np.zeros_like(self.counts)
        free[self._free()] = logs
        odds = np.exp(free - free.max(axis=1, keepdims=True))
        return np.asarray(odds / odds.sum(axis=1, keepdims=True))

    def start(self) -> Real:
        """(3 J,) log-ratios of each cell to the largest of its row, `PERKS` added: where an estimate of them starts."""
        smooth = np.log(self._smooth())
        ratios = smooth - smooth[np.arange(len(self.true)), self.counts.argmax(axis=1)][:, None]
        return np.asarray(ratios[self._free()])

    def log_likelihood(self, logs: Real) -> float:
        """Multinomial log-likelihood of the counts, `PERKS` added, less its largest value."""
        smooth = self._smooth()
        best = np.log(smooth / smooth.sum(axis=1, keepdims=True))
        return float((smooth * (np.log(np.maximum(self.chances(logs), 1e-300)) - best)).sum())

    def matrix(self, fates: tuple[str, ...], chances: Real | None = None) -> Real:
        """(len(fates), 4) chances for the fates of a scheme; bleaching and loss, unless calibrated, are called lost."""
        known = self.chances() if chances is None else chances
        found = np.zeros((len(fates), len(CALLED)))
        for row, fate in enumerate(fates):
            if fate in self.true:
                found[row] = known[self.true.index(fate)]
            else:
                found[row, CALLED.index(fate if fate in CALLED else "lost")] = 1.0
        return found

    def draw(self, rng: np.random.Generator) -> Calls:
        """Other counts that the same calibration might have stood for: each row from its Dirichlet distribution."""
        rows = [rng.dirichlet(row) * row.sum() for row in self._smooth()]
        return Calls(self.true, np.array(rows))

    def _smooth(self) -> Real:
        return np.asarray(self.counts + PERKS / len(CALLED))

    def _free(self) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
        """(J, 4) all cells but the largest of each row."""
        free = np.ones(self.counts.shape, dtype=bool)
        free[np.arange(len(self.true)), self.counts.argmax(axis=1)] = False
        return free
