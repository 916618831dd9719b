"""What a vesicle does in each state, as a hidden Markov model in physical units: how far it moves, how high it is, for how long.

Heights are counted in steps of brightness below that in contact, ln I = ln I0 - z / d, so that a penetration depth d other than
the real one only scales them.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from exotrack.classify._filter import Chain
from exotrack.params import ClassifyParams
from exotrack.tables import STATES

Real = NDArray[np.float64]
Whole = NDArray[np.int64]

MOBILE, TETHERED, DOCKED = (STATES.index(name) for name in ("mobile", "tethered", "docked"))
ABSENT = len(STATES)
"""Before a vesicle has come into view and after it has gone."""
STEP = 0.08
"""Step of log brightness: half the scatter of a bright vesicle's light."""


class Heights(NamedTuple):
    """Heights (nm) a state reaches; they settle at `mean` with `sd` within `settle_s` seconds; `climb` is a steady rise
    (nm/s) in its place."""

    levels: tuple[float, ...]
    mean: float
    sd: float
    settle_s: float
    climb: float = 0.0


CONTACT = Heights((-16.0, -8.0, 0.0, 8.0, 16.0, 24.0), 2.0, 11.0, 8.0)
"""Steady: what remains is slow, fading and focus."""
HELD = Heights((24.0, 32.0, 40.0, 48.0, 56.0, 64.0, 72.0, 80.0), 46.0, 14.0, 0.6)
"""On a tether: beyond the 25 nm reach of SNAREs, within the length of long tethers (exocyst, golgins: 30 to 80 nm)."""
FREE = Heights((26.0, 48.0, 74.0, 104.0, 138.0, 176.0, 222.0, 290.0), 140.0, 50.0, 0.3)
"""Free in the cortex, as far as the field reaches."""
RISING = Heights((8.0, 26.0, 48.0, 76.0, 110.0, 150.0, 205.0, 280.0), 0.0, 0.0, 0.0, 350.0)
"""Leaving contact for the depth."""
ALTERED = Heights((-48.0, -40.0, -32.0, -24.0, 24.0, 32.0, 40.0, 48.0, 56.0), 0.0, 80.0, 60.0)
"""In contact still, but its light is not its own: an unresolved neighbour came or went."""
NOWHERE = Heights((400.0,), 400.0, 1.0, 1.0)
STEADY, LOOSE, LIVELY, DARK = range(4)
"""Kinds of scatter of the light within a state, beyond photon noise: columns of `Evidence.light`."""
SCATTER = (0.06, 0.10, 0.16)
"""Its size in log brightness: flicker of the lamp and the fit; the vesicle's bobbing within a step."""


class Group(NamedTuple):
    """A state with one diffusion coefficient (um^2/s)."""

    state: int
    diffusion: float
    heights: Heights
    light: int
    share: float


class Model(NamedTuple):
    """The groups' states, and the arrays of the filter for one time step."""

    state: Whole
    height_nm: Real
    chain: Chain


RATES = {
    (MOBILE, TETHERED): 0.35, (MOBILE, DOCKED): 0.05, (MOBILE, ABSENT): 0.35,
    (TETHERED, MOBILE): 0.25, (TETHERED, DOCKED): 0.35, (TETHERED, ABSENT): 0.03,
    (DOCKED, MOBILE): 0.05, (DOCKED, TETHERED): 0.005, (DOCKED, ABSENT): 0.01,
    (ABSENT, MOBILE): 0.5, (ABSENT, TETHERED): 0.02, (ABSENT, DOCKED): 0.02,
}  # fmt: skip
"""Changes per second expected before anything is seen: a few seconds free or tethered, many docked. Each second of a track
says more, so only their order matters."""
BEGUN, UNSEEN = (0.3, 0.25, 0.4, 0.05), (0.15, 0.04, 0.06, 0.75)
"""Chance of each state where a track begins with the movie, and a second before the first spot of any other."""
ALTER_RATE = 0.02
"""A neighbour comes or goes (1/s)."""
RISE_RATE = 0.1
"""Of the docked, into the depth (1/s)."""


def groups(params: ClassifyParams) -> list[Group]:
    """Each state with coefficients on its side of the limits the user set; a state's coefficients span a factor 4 to 16."""
    docked, tethered = params.docked_max_um2_s, params.tethered_max_um2_s
    middle = math.sqrt(docked * tethered)
    return [
        *(Group(MOBILE, d, FREE, LIVELY, 1 / 3) for d in (3 * tethered, 9 * tethered, 36 * tethered)),
        Group(MOBILE, 6 * tethered, RISING, LIVELY, 0.0),
        *(Group(TETHERED, d, HELD, LOOSE, 1 / 2) for d in (middle / 1.6, middle * 1.6)),
        *(Group(DOCKED, d, CONTACT, STEADY, 1 / 2) for d in (docked / 1.4, docked / 8)),
        *(Group(DOCKED, d, ALTERED, STEADY, 0.0) for d in (docked / 1.4, docked / 8)),
        Group(ABSENT, -1.0, NOWHERE, DARK, 1.0),
    ]


def model(params: ClassifyParams, step_s: float, begun: bool) -> Model:
    """The model for a time step (s). begun : the track begins with the movie or a fusion, so its vesicle may be in any state."""
    parts = groups(params)
    height = np.concatenate([np.array(p.heights.levels) for p in parts])
    count = np.array([len(p.heights.levels) for p in parts])
    within = np.zeros((len(height), len(height)))
    entry = np.empty(len(height))
    first = np.concatenate([[0], np.cumsum(count)])
    for part, a, b in zip(parts, first[:-1], first[1:], strict=True):
        within[a:b, a:b], entry[a:b] = _course(part.heights, step_s)
    offset = np.rint(height / params.penetration_nm / STEP).astype(np.int64)
    light = np.repeat([p.light for p in parts], count)
    state = np.array([p.state for p in parts])
    share = np.array([p.share for p in parts])
    begin = np.array(BEGUN if begun else UNSEEN)
    diffusion = np.array([p.diffusion for p in parts])
    chain = Chain(first, diffusion, offset, light, within, _between(parts, step_s), entry, begin[state] * share)
    return Model(np.repeat(state, count), height, chain)


def _course(heights: Heights, step_s: float) -> tuple[Real, Real]:
    """Chances of going from level to level in one step, and of the level on entering."""
    z = np.array(heights.levels)
    width = np.gradient(z) if len(z) > 1 else np.ones(1)
    if heights.climb:
        ahead = z[:, None] + heights.climb * step_s
        spread = np.full(len(z), math.hypot(0.7 * heights.climb * step_s, 8.0))
        entry = np.exp(-0.5 * ((z - 0.5 * heights.climb * step_s) / (0.5 * heights.climb * step_s + 8.0)) ** 2) * width
    else:
        kept = math.exp(-step_s / heights.settle_s)
        ahead = heights.mean + kept * (z[:, None] - heights.mean)
        spread = np.full(len(z), max(heights.sd * math.sqrt(1 - kept**2), 0.5 * float(width.max())))
        entry = np.exp(-0.5 * ((z - heights.mean) / (1.4 * heights.sd)) ** 2) * width
    chance = np.exp(-0.5 * ((z[None, :] - ahead) / spread[:, None]) ** 2) * width + 1e-9
    return chance / chance.sum(axis=1, keepdims=True), entry / entry.sum()


def _between(parts: list[Group], step_s: float) -> Real:
    """Chances of going from group to group in one step, from the rates."""
    from scipy.linalg import expm

    m = len(parts)
    rate = np.zeros((m, m))
    for g, one in enumerate(parts):
        for h, other in enumerate(parts):
            if one.state != other.state:
                rate[g, h] = RATES[one.state, other.state] * other.share
            elif one.diffusion == other.diffusion:
                rate[g, h] = ALTER_RATE
    rising = next(g for g, one in enumerate(parts) if one.heights is RISING)
    absent = next(g for g, one in enumerate(parts) if one.state == ABSENT)
    rate[:, rising] = [RISE_RATE if one.state == DOCKED else 0.0 for one in parts]
    rate[rising] = 0.0
    rate[rising, absent] = 2.0
    for g, one in enumerate(parts):
        if one.heights is FREE:
            rate[rising, g] = 0.3
    np.fill_diagonal(rate, 0.0)
    np.fill_diagonal(rate, -rate.sum(axis=1))
    return np.asarray(expm(rate * step_s))
