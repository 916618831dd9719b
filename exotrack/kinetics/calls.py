"""How often an exit of one kind is called another: counts of a calibration, and what they make of a docked stay.

What was called is less than the truth and more than a guess. While a stay that was found runs, its vesicle may leave by fate j,
at the rate lambda_j; that is then called c with chance C_jc, or not noticed, and the stay runs on. Besides, a found stay can end
by a false exit although the vesicle is still docked, at the rate phi_c. What is seen therefore ends by c at the rate

    sum_j lambda_j C_jc + phi_c,

which is again a law of a docked stay, of calls instead of fates. The counts, not the fractions, are kept, since a calibration of
40 injections says less than one of 4,000: with them C and phi are estimated along with the rates.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from exotrack.errors import InputError
from exotrack.kinetics.course import Course
from exotrack.kinetics.scheme import Real, Scheme
from exotrack.kinetics.stays import SEEN_EXITS

if TYPE_CHECKING:
    import pandas as pd

CALLED = (*SEEN_EXITS, "lost")
"""What an exit can be called. An exit that was missed leaves a stay that is lost from sight, or one that runs on."""
GOING_ON = "going_on"
"""What becomes of an exit that nobody noticed: the stay runs on."""
PERKS = 1.0
"""Prior counts of a row, shared by its cells (Perks 1947, J Inst Actuaries 73:285): what was never seen is only rare."""


def counted(injected: pd.DataFrame, min_frames: int = 1) -> tuple[Real, Real, Real, float]:
    """What `Calls.of_stays` counts in a table `InjectedStays`, whether that is enough or not.

    Returns (3,) injected docked stays that ended in each of `SEEN_EXITS`, (3, 5) those of them of which a found stay was running
    by what ended it (`CALLED` and not noticed), (3,) false exits, and the time (s) for which found stays ran.
    """
    mine = injected[injected["as_found"] & ~injected["crowded"] & (injected["n_frames"] >= min_frames)]
    told = mine[mine["found"] & (mine["found_frames"] >= min_frames)]
    rows = [
        [float(((told["exit_kind"] == kind) & (told["called"] == called)).sum()) for called in (*CALLED, GOING_ON)]
        for kind in SEEN_EXITS
    ]
    every = [float((mine["exit_kind"] == kind).sum()) for kind in SEEN_EXITS]
    false = [float(mine[f"n_{kind}"].sum()) for kind in SEEN_EXITS]
    return np.array(every), np.array(rows), np.array(false), float(mine["watched_s"].sum())


@dataclass(frozen=True, eq=False)
class Calls:
    """How exits are called, as counts.

    true : the J fates that were counted. counts : (J, 4) of `true` (rows) by `CALLED` (columns), or (J, 5) with those that were
    not noticed last. false : (3,) found stays that ended by each of `SEEN_EXITS` while the vesicle was docked. watched_s : time
    for which those stays ran (s); 0 if false exits were not counted.
    """

    true: tuple[str, ...]
    counts: Real
    false: Real | None = None
    watched_s: float = 0.0

    def __post_init__(self) -> None:
        counts = np.asarray(self.counts, dtype=float)
        object.__setattr__(self, "counts", counts)
        object.__setattr__(self, "true", tuple(self.true))
        object.__setattr__(
            self, "false", np.zeros(len(SEEN_EXITS)) if self.false is None else np.asarray(self.false, dtype=float)
        )
        shapes = [(len(self.true), len(CALLED) + more) for more in (0, 1)]
        if counts.shape not in shapes or not np.isfinite(counts).all() or counts.min(initial=0) < 0:
            raise InputError(
                f"calls: counts of shape {counts.shape} for fates {', '.join(self.true)}; give one row of {len(CALLED)} counts "
                f"({', '.join(CALLED)}) for each fate, none negative, and those not noticed in a fifth if they were counted"
            )
        empty = [fate for fate, row in zip(self.true, counts, strict=True) if row.sum() <= 0]
        if empty:
            raise InputError(
                f"calls: no {empty[0]} of a vesicle whose docked stay was found was injected, so how it is called is not known; "
                "calibrate with more of them"
            )
        if self._false.shape != (len(SEEN_EXITS),) or not (self._false >= 0).all() or not 0 <= self.watched_s < np.inf:
            raise InputError(f"calls: false exits {self._false.tolist()} in {self.watched_s:g} s; give {len(SEEN_EXITS)} counts")

    @classmethod
    def of_stays(cls, injected: pd.DataFrame, min_frames: int = 1) -> Calls:
        """The counts of a table `InjectedStays` of ``exotrack calibrate``.

        Only vesicles as bright as those of the movie count, where no other vesicle lay, and that were docked for `min_frames`;
        of their exits, those that came while a found docked stay of `min_frames` or more was running: of such stays the
        likelihood speaks.
        """
        _, counts, false, watched_s = counted(injected, min_frames)
        return cls(SEEN_EXITS, counts, false, watched_s)

    @classmethod
    def certain(cls) -> Calls:
        """Every exit called what it is, known for certain."""
        return cls(SEEN_EXITS, np.eye(len(SEEN_EXITS), len(CALLED)))

    def __add__(self, other: Calls) -> Calls:
        """The counts of two calibrations together."""
        if self.true != other.true or self.counts.shape != other.counts.shape:
            raise InputError("calls: calibrations of different exits cannot be put together")
        return Calls(self.true, self.counts + other.counts, self._false + other._false, self.watched_s + other.watched_s)

    @property
    def known(self) -> bool:
        """Whether every fate is always called the same and nothing is false, so that there is nothing to estimate."""
        return bool(((self.counts > 0).sum(axis=1) == 1).all()) and not self.watched_s

    def chances(self) -> Real:
        """(J, 4 or 5) chance of each call given the true fate."""
        return np.asarray(self.counts / self.counts.sum(axis=1, keepdims=True))

    def false_per_s(self) -> Real:
        """(3,) rates (1/s) of false exits of a found stay, by `SEEN_EXITS`."""
        return self._false / self.watched_s if self.watched_s else np.zeros(len(SEEN_EXITS))

    def start(self) -> Real:
        """Where an estimate of chances and rates starts: log-ratios of each cell to the largest of its row, `PERKS` added, then
        logarithms of the rates of false exits, if they were counted."""
        smooth = np.log(self._smooth())
        ratios = smooth - smooth[np.arange(len(self.true)), self.counts.argmax(axis=1)][:, None]
        return np.concatenate([ratios[self._free()], np.log(self._smooth_false() / self.watched_s) if self.watched_s else []])

    def at(self, logs: Real) -> Calls:
        """These calls with the chances and rates that the logarithms of `start` stand for, and as many counts."""
        n = int(self._free().sum())
        free = np.zeros_like(self.counts)
        free[self._free()] = logs[:n]
        odds = np.exp(free - free.max(axis=1, keepdims=True))
        counts = odds * (self.counts.sum(axis=1) / odds.sum(axis=1))[:, None]
        return replace(self, counts=counts, false=np.exp(logs[n:]) * self.watched_s if self.watched_s else None)

    def log_likelihood(self, logs: Real) -> float:
        """Log-likelihood of the counts, `PERKS` added, less its largest value: multinomial, and Poisson for false exits."""
        told, smooth = self.at(logs), self._smooth()
        best = np.log(smooth / smooth.sum(axis=1, keepdims=True))
        total = float((smooth * (np.log(np.maximum(told.chances(), 1e-300)) - best)).sum())
        if self.watched_s:
            seen, expected = self._smooth_false(), told._false
            total += float((seen * np.log(np.maximum(expected, 1e-300) / seen) - expected + seen).sum())
        return total

    def matrix(self, fates: tuple[str, ...]) -> Real:
        """(len(fates), 4 or 5) chances for the fates of a scheme; bleaching and loss, unless calibrated, are called lost."""
        known = self.chances()
        found = np.zeros((len(fates), known.shape[1]))
        for row, fate in enumerate(fates):
            if fate in self.true:
                found[row] = known[self.true.index(fate)]
            else:
                found[row, CALLED.index(fate if fate in CALLED else "lost")] = 1.0
        return found

    def seen(self, course: Course, fate: str | None = None) -> Course:
        """What is seen of a course: the same docked states, with the exits as they are called in the place of fates.

        A vesicle of which nobody notices that it left is in the state that it was in; after a kiss-and-run, in that of a
        resealed one if the course knows such.

        fate : only calls that stand for this one are named so; all others, false exits too, are named bleaching.
        """
        schemes = tuple(self._seen(one, course.resealed, fate) for one in course.schemes)
        return Course(schemes, course.switches_s, course.residing(), course.resealed)

    def words(self) -> str:
        """What is corrected, in a sentence."""
        parts = []
        for fate, row in zip(self.true, self.counts, strict=True):
            n, right = row.sum(), row[CALLED.index(fate)]
            parts.append(f"of {n:.0f} {fate.replace('_', ' ')} exits {right / n:.0%} were called so")
        missed = self.counts[:, len(CALLED) :].sum() + self.counts[:, CALLED.index("lost")].sum()
        told = f"; {missed:.0f} exits were not noticed or lost from sight"
        false = f"; {self._false.sum():.0f} false exits in {self.watched_s:.0f} s docked" if self.watched_s else ""
        return f"calls are corrected by injected vesicles whose docked stay was found: {', '.join(parts)}{told}{false}"

    def draw(self, rng: np.random.Generator) -> Calls:
        """Other counts that the same calibration might have stood for: rows from Dirichlet, false exits from gamma laws."""
        rows = [rng.dirichlet(row) * row.sum() for row in self._smooth()]
        return replace(self, counts=np.array(rows), false=rng.gamma(self._smooth_false()) if self.watched_s else None)

    def _seen(self, scheme: Scheme, resealed: Real | None, fate: str | None) -> Scheme:
        told = self.matrix(scheme.fates)
        exits = scheme.exits @ told[:, : len(CALLED)]
        exits[:, : len(SEEN_EXITS)] += self.false_per_s()
        stay = scheme.stay - np.diag(np.diag(scheme.stay))
        if told.shape[1] > len(CALLED) and resealed is not None and "kiss_and_run" in scheme.fates:
            kiss = scheme.fates.index("kiss_and_run")
            stay = stay + np.outer(scheme.exits[:, kiss] * told[kiss, -1], resealed)
            stay -= np.diag(np.diag(stay))
        stay -= np.diag(stay.sum(axis=1) + exits.sum(axis=1))
        if fate is None:
            return Scheme(stay, exits, CALLED, scheme.entry)
        mine = scheme.fates.index(fate)
        own = np.outer(scheme.exits[:, mine], told[mine, : len(CALLED)])
        rest = (exits.sum(axis=1) - own.sum(axis=1)).clip(0.0)
        return Scheme(stay, np.column_stack([own, rest]), (*CALLED, "bleaching"), scheme.entry)

    @property
    def _false(self) -> Real:
        return np.asarray(self.false, dtype=float)

    def _smooth(self) -> Real:
        return np.asarray(self.counts + PERKS / self.counts.shape[1])

    def _smooth_false(self) -> Real:
        return np.asarray(self._false + PERKS / len(CALLED))

    def _free(self) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
        """(J, 4 or 5) all cells but the largest of each row."""
        free = np.ones(self.counts.shape, dtype=bool)
        free[np.arange(len(self.true)), self.counts.argmax(axis=1)] = False
        return free
