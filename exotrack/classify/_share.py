"""How common fusions are in one movie, and what that says of each of its candidates.

The trees are trained on movies full of fusions. In a movie where nothing fuses, hundreds of candidates that each look a little
like a fusion would yield a few calls. All candidates together tell how common fusions are: the share that explains their
probabilities best is found by expectation-maximisation (Saerens, Latinne and Decaestecker 2002, Neural Computation 14:21,
doi:10.1162/089976602753284446), and where it is low the odds of a fusion fall in proportion. They never rise.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Real = NDArray[np.float64]
TYPICAL = np.array([0.05, 0.035, 0.915])
"""Shares of full fusion, kiss-and-run and anything else that a movie is taken to have before its candidates are seen."""
WEIGHT = 30.0
"""Candidates that this expectation is worth: a movie of few candidates says little of its own."""
RARE = 0.04
"""Share of fusions below which odds fall: movies of the presets at rates far above physiology have more."""
ROUNDS = 100


def share(p: Real) -> float:
    """Share of fusions among candidates with probabilities `p` (n, 3)."""
    now = TYPICAL
    for _ in range(ROUNDS):
        each = p * (now / TYPICAL)
        now = (WEIGHT * TYPICAL + (each / each.sum(axis=1, keepdims=True)).sum(axis=0)) / (WEIGHT + len(p))
    return float(1.0 - now[2])


def in_movie(p: Real) -> Real:
    """The probabilities (n, 3) of all candidates of a movie, with odds of a fusion lowered where fusions are rare."""
    odds = p * np.array([1.0, 1.0, 0.0]) * min(share(p) / RARE, 1.0) + p * np.array([0.0, 0.0, 1.0])
    return np.asarray(odds / odds.sum(axis=1, keepdims=True))
