"""Mobile, tethered, docked or absent: how likely each is in each step of a track, from its places and its brightness.

The model is in `_model`, its likelihood in `_filter`. How bright a vesicle is in contact is not known: every level is tried,
weighted by how common it is among the vesicles of the movie, which is fitted to all tracks together (empirical Bayes). So a
vesicle that never docked can be told by its dimness, and one that ran about at an even height by its steps.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from exotrack.classify._filter import Evidence, backward, forward
from exotrack.classify._model import ABSENT, SCATTER, STEP, Model

Real = NDArray[np.float64]
Whole = NDArray[np.int64]

ERROR_FLOOR_UM = 0.004
"""Localisation error that remains at any brightness: vibration of the stage."""
POPULATION_SD = (0.25, 0.7)
"""Least and greatest log-scatter of the brightness in contact between vesicles of one movie."""
STRAY_LIGHT = 0.02
"""Part of the measured heights that are a neighbour's or spoilt."""
EVERY = 3
"""Levels of contact are tried at every third step of brightness: a docked vesicle's own levels fill in the rest."""

FAR = 12.0
"""Log-likelihood below the best at which a level of contact is given up."""


class Walk(NamedTuple):
    """One track in even time steps (n), from before its first spot to after its last.

    place_um : (n, 2), NaN without a spot. error_um : (n,) of the place per axis. amplitude, amplitude_sd : (n,) counts, NaN where
    no frame can be used. step_s : time step. begun : it begins with the movie or a fusion, so in any state.
    """

    place_um: Real
    error_um: Real
    amplitude: Real
    amplitude_sd: Real
    step_s: float
    begun: bool


class Told(NamedTuple):
    """Probability of mobile, tethered, docked and absent in each step (n, 4); expected height above contact (nm, n);
    log brightness in contact."""

    probability: Real
    height_nm: Real
    contact: float


class Levels(NamedTuple):
    """Levels of contact tried for one track: steps of log brightness, and the log-likelihood of each."""

    contact: Whole
    loglik: Real


def evidence(walk: Walk, convention: str = "physical") -> tuple[Evidence, int]:
    """What a walk tells, and the step of log brightness (counts) that the first column of its light stands for.

    convention : mobility leaves the height out, height the places; see `ClassifyParams`.
    """
    seen = np.isfinite(walk.place_um[:, 0])
    usable = np.isfinite(walk.amplitude) & (walk.amplitude_sd > 0)
    bright = walk.amplitude[usable & seen]
    top = max(float(np.percentile(bright, 90)), float(np.median(walk.amplitude_sd[usable]))) if len(bright) else 1.0
    high, low = math.ceil((math.log(top) + 1.8) / STEP), math.floor((math.log(top) - 3.2) / STEP)
    level = np.exp(STEP * np.arange(low, high + 1))
    light = np.ones((len(seen), len(SCATTER) + 1, len(level)))
    _light(walk.amplitude, walk.amplitude_sd, seen, level, np.array(SCATTER), top, light)
    if convention == "mobility":
        light[:, :-1] = light[:, :-1].mean(axis=2, keepdims=True)
    seen &= convention != "height"
    variance = np.where(seen, walk.error_um**2 + ERROR_FLOOR_UM**2, -1.0)
    return Evidence(np.nan_to_num(walk.place_um), variance, light, walk.step_s), low


@njit(nogil=True, cache=True)
def _light(amplitude: Real, sd: Real, seen: NDArray[np.bool_], level: Real, scatter: Real, top: float, out: Real) -> None:
    """Fill `Evidence.light` (n, kinds + 1, levels) where there is a measured height; the last kind is the dark."""
    stray, dark = STRAY_LIGHT / (2.0 * top), len(scatter)
    for t in range(len(amplitude)):
        if not (np.isfinite(amplitude[t]) and sd[t] > 0):
            continue
        nothing = _normal(amplitude[t], math.hypot(sd[t], 0.05 * top)) + 5 * stray
        for j in range(len(level)):
            out[t, dark, j] = nothing
            for kind in range(dark):
                lit = _normal(amplitude[t] - level[j], math.hypot(sd[t], scatter[kind] * level[j])) + stray
                # Where a spot was not seen inside a track, the vesicle may have been elsewhere.
                out[t, kind, j] = lit if seen[t] else 0.7 * lit + 0.3 * nothing


@njit(nogil=True, cache=True)
def _normal(residual: float, sd: float) -> float:
    return math.exp(-0.5 * (residual / sd) ** 2) / (sd * math.sqrt(2.0 * math.pi))


def levels(track: Evidence, low: int, made: Model) -> Levels:
    """Try every level of contact: from that of the brightest spots to that of a vesicle that stayed high above."""
    columns = track.light.shape[2]
    tried = np.arange(math.floor(2.8 / STEP), columns, EVERY)
    alpha, likely = (np.empty((len(track.place_var), len(made.state))) for _ in range(2))
    loglik = np.full(len(tried), -np.inf)
    for k in range(0, len(tried), 2):
        loglik[k] = forward(track, made.chain, int(tried[k]), alpha, likely)
    for k in range(1, len(tried), 2):
        if loglik[k - 1 : k + 2].max() > loglik[::2].max() - FAR:
            loglik[k] = forward(track, made.chain, int(tried[k]), alpha, likely)
    return Levels(tried + low, loglik)


def population(found: list[Levels], rounds: int = 20) -> tuple[float, float]:
    """Mean and sd of the log brightness in contact over the vesicles of a movie, by expectation-maximisation."""
    if not found:
        return 0.0, POPULATION_SD[1]
    mean = float(np.median([STEP * one.contact[int(np.argmax(one.loglik))] for one in found]))
    sd = POPULATION_SD[1]
    for _ in range(rounds):
        first = second = 0.0
        for one in found:
            level = STEP * one.contact
            weight = weights(one, mean, sd)
            first += float(weight @ level)
            second += float(weight @ level**2)
        mean = first / len(found)
        sd = float(np.clip(math.sqrt(max(second / len(found) - mean**2, 0.0)), *POPULATION_SD))
    return mean, sd


def weights(found: Levels, mean: float, sd: float) -> Real:
    """Probability of each level of contact."""
    log = found.loglik - 0.5 * ((STEP * found.contact - mean) / sd) ** 2
    part = np.exp(log - log.max())
    return np.asarray(part / part.sum())


def told(track: Evidence, low: int, made: Model, found: Levels, mean: float, sd: float) -> Told:
    """Probabilities of the states, over all levels of contact that matter."""
    weight = weights(found, mean, sd)
    weight = np.where(weight > 0.02, weight, 0.0)
    weight /= weight.sum()
    n, kinds = len(track.place_var), (made.state[:, None] == np.arange(ABSENT + 1)).astype(float)
    probability, height = np.zeros((n, ABSENT + 1)), np.zeros(n)
    alpha, likely = (np.empty((n, len(made.state))) for _ in range(2))
    for contact, part in zip(found.contact, weight, strict=True):
        if part > 0:
            forward(track, made.chain, int(contact - low), alpha, likely)
            backward(made.chain, alpha, likely)
            probability += part * (alpha @ kinds)
            height += part * (alpha @ made.height_nm)
    return Told(probability, height, float(weight @ found.contact) * STEP)
