"""Agreement of two raters over the same events: Cohen's kappa over all answers and for each kind; no Qt.

Cohen, Educ Psychol Meas 20:37 (1960): kappa = (p_o - p_e) / (1 - p_e), the agreement beyond what the two would reach if
each gave its own answers as often but at random. The standard error is that of Fleiss, Cohen and Everitt (1969).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from exotrack.tables import EVENT_KINDS
from napari_exotrack._journal import NO_EVENT

ANSWERS = (*EVENT_KINDS, NO_EVENT)
"""Everything that can be said of an event."""


@dataclass(frozen=True)
class Kappa:
    """Agreement on one question.

    of : a kind (it or not it), or "all" for all answers at once. n : events both raters judged. agreed : share with the same
    answer. kappa, sd : NaN where it is undefined (no event, or both always gave the same single answer).
    """

    of: str
    n: int
    agreed: float
    kappa: float
    sd: float


def agreement(one: Mapping[int, str], other: Mapping[int, str]) -> list[Kappa]:
    """Kappa over all answers, then for each answer against the rest, over the events in both.

    one, other : answer (a kind or `NO_EVENT`) by number of the event.
    """
    both = sorted(set(one) & set(other))
    a, b = ([answers[event] for event in both] for answers in (one, other))
    found = [_kappa("all", _table(a, b, ANSWERS))]
    for answer in ANSWERS:
        yes_a, yes_b = ([str(value == answer) for value in values] for values in (a, b))
        found.append(_kappa(answer, _table(yes_a, yes_b, ("True", "False"))))
    return found


def _table(a: Sequence[str], b: Sequence[str], answers: Sequence[str]) -> NDArray[np.float64]:
    counts = np.zeros((len(answers), len(answers)))
    for first, second in zip(a, b, strict=True):
        counts[answers.index(first), answers.index(second)] += 1
    return counts


def _kappa(of: str, counts: NDArray[np.float64]) -> Kappa:
    n = int(counts.sum())
    if n == 0:
        return Kappa(of, 0, math.nan, math.nan, math.nan)
    p = counts / n
    rows, columns = p.sum(axis=1), p.sum(axis=0)
    agreed, chance = float(np.trace(p)), float(rows @ columns)
    if chance >= 1:
        return Kappa(of, n, agreed, math.nan, math.nan)
    kappa = (agreed - chance) / (1 - chance)
    # Fleiss, Cohen and Everitt 1969, equation 13: the standard error of a kappa that is not 0.
    margin = columns[:, None] + rows[None, :]
    same = (np.diag(p) * (1 - np.diag(margin) * (1 - kappa)) ** 2).sum()
    unlike = p * margin.T**2
    other = (1 - kappa) ** 2 * (unlike.sum() - np.trace(unlike))
    variance = (same + other - (kappa - chance * (1 - kappa)) ** 2) / (n * (1 - chance) ** 2)
    return Kappa(of, n, agreed, kappa, math.sqrt(max(float(variance), 0.0)))
