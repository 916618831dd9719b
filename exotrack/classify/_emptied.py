"""Decay time and released fraction of called fusions from the vesicle's own light."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exotrack.classify._own import Light
from exotrack.classify._pores import closed, emptying, fade_grid, fit, full_grid, kiss_grid, staying
from exotrack.classify._posterior import excess, known, marginal, spent

Real = NDArray[np.float64]
FASTEST_S, SLOWEST_S, CLOSES_S = 0.03, 12.0, 4.0
"""Time constants tried: a pore that empties a granule in less is not known; one that closes does within seconds."""
PER_FOLD = 3.0
"""Time constants tried per factor e."""
PORES = ((1.0, 0.6), (1.5, 0.25), (2.2, 0.15))
"""(exponent, weight) of exp(-(t/tau)^p): a pore that keeps its size, and pores that widen while cargo leaves."""
PARTIAL, PARTIAL_ERROR = (0.1, 0.85), 0.05
"""A kiss-and-run releases a part: one that seems to release all has left, or faded, as well."""
CLOSED = (0.35, 0.65)
"""Parts released until the pore closes: the smaller, the straighter the course."""
NO_FLASH = 0.8
"""Weight of cargo that is as bright before the pore opens as after."""
WAITS_S = (0.0, 0.15, 0.35, 0.7, 1.2)
"""Times a narrow pore may keep the cargo (NPY: 0.9 s in the mean, Gucek et al. 2019)."""
REMAINS = 0.2
"""What a full fusion may seem to leave behind, relative to the light before: background that is brighter at the place."""
ACIDIFIES_S = (4.0,)
TAILS = (0.25, 0.5)
"""Part of the light that an acidifying vesicle of a cargo that flashes loses, and in what time."""
STAYS = 0.6
"""Weight of a vesicle that stays after a kiss-and-run; of the others half go at once."""
AWAY_S = (0.0, 0.3, 0.8, 1.8)
FADES_S = (0.15, 0.4, 0.8)
"""How soon after the opening a vesicle leaves, and in what time it sinks out of the field."""
ACID_S = (0.8, 30.0)
"""Time constants of re-acidification tried."""
OPENS_S = (0.0, 0.1, 0.2, 0.35, 0.6, 1.0, 1.7)
"""Times a pore stays open, and the vesicle neutral."""
OPENS_WEIGHT = (1.0, 1.0, 1.0, 1.0, 0.7, 0.4, 0.2)
SINKS_S = (0.0, 0.15, 0.35, 0.7, 1.2, 2.0, 3.2, 5.0, 8.0)
LEVEL = 0.1
"""How well the light after all has faded is that of before, relative to the rise."""
BLEACHED_PER_S = (0.003, 0.01, 0.025)
"""Rates of bleaching that are common."""
KISS_ERROR = 0.2
"""The same of kiss-and-run, after which vesicles move, bob and acidify."""
GROUND = 0.07
"""Error of a released fraction from background that is brighter or darker at the place than around it."""
UNTOLD = 0.3
"""Error from which a fraction is not told: any value between 0 and 1 has one of 0.29."""
MODEL_ERROR = 0.08
"""Relative error of a time constant from what no model here has: images that are no Gaussian, heights that wander."""


def full(light: Light, t0: float, frame_s: float, coarse: float) -> tuple[float, float, float, float]:
    """Decay (frames) and released fraction of a full fusion of visible cargo, each with its error; missing if not known.

    t0, coarse : start and time constant by the coarse fit (frames).
    """
    taus, t0s = _taus(frame_s, SLOWEST_S), _starts(t0, coarse)
    shapes, share = (np.array(column) for column in zip(*PORES, strict=True))
    waits = np.array(WAITS_S) / frame_s
    chi2, gone = _empty(len(t0s), len(taus), len(shapes), 1 + len(waits))
    before = _level(light, t0)
    full_grid(light, t0s, taus, shapes, waits, 1.0 / (REMAINS * before) ** 2, chi2, gone)
    prior = np.log(np.array([NO_FLASH, 0.5, *([0.5 / (len(waits) - 1)] * (len(waits) - 1))]))
    prior[1:] += math.log(1.0 - NO_FLASH)
    i, j, x, m = np.unravel_index(int(np.argmin(chi2)), chi2.shape)
    body = np.zeros(len(light.times))
    wait = float(waits[m - 1]) if m else 0.0
    emptying(light.times, (t0s[i], t0s[i] + wait), (taus[j], False, shapes[x]), body)
    held = np.clip(t0s[i] - light.times, 0.0, 1.0)
    columns = np.zeros((3, len(held)))
    closed(held, body, 1.0 - held, (0.0, float(m)), columns)
    return _summary(light, columns, 3 if m else 2, chi2, gone, taus, np.log(share)[:, None] + prior[None, :], MODEL_ERROR)


def kiss(light: Light, t0: float, frame_s: float, coarse: float) -> tuple[float, float, float, float]:
    """The same of a kiss-and-run of visible cargo."""
    taus, t0s = _taus(frame_s, CLOSES_S), _starts(t0, coarse)
    tails = np.array([(0.0, 1.0, 0.0), (0.0, 1.0, 1.0), *((part, s / frame_s, 0.0) for part in TAILS for s in ACIDIFIES_S)])
    aways, leaves = _aways(frame_s, AWAY_S, (0.15,))
    shapes = np.array(CLOSED)
    chi2, gone = _empty(len(t0s), len(taus), len(shapes), len(tails), len(aways))
    bleached = BLEACHED_PER_S[1] * frame_s
    kiss_grid(light, t0s, taus, shapes, (tails, aways, bleached), chi2, gone)
    partial = -0.5 * ((gone - np.clip(gone, *PARTIAL)) / PARTIAL_ERROR) ** 2
    flash = np.log([NO_FLASH, *([(1.0 - NO_FLASH) / (len(tails) - 1)] * (len(tails) - 1))])
    i, j, x, p, q = np.unravel_index(int(np.argmin(chi2)), chi2.shape)
    body, stays, held = np.zeros(len(light.times)), np.zeros(len(light.times)), np.clip(t0s[i] - light.times, 0.0, 1.0)
    emptying(light.times, (t0s[i], t0s[i]), (taus[j], True, shapes[x]), body)
    staying(light.times, t0s[i], (tails[p, 0], tails[p, 1]), tuple(aways[q]), bleached, stays)
    columns = np.zeros((3, len(held)))
    closed(held, body, stays, (tails[p, 0], tails[p, 2]), columns)
    found = _summary(
        light, columns, 3 if tails[p, 2] else 2, chi2, gone, taus, (flash[:, None] + leaves[None, :])[None] + partial, KISS_ERROR
    )
    # What lost nearly all its light has left, or was filled up by another: what it released is not known.
    return found if not found[2] > PARTIAL[1] else (math.nan,) * 4


def fade(light: Light, opening: int, frame_s: float) -> tuple[float, float]:
    """Time constant (frames) with which a dark vesicle that lit up in frame `opening` fades, and its error; missing if not known.

    It may leave instead: what dims within a second cannot be told from that.
    """
    light = Light(light.times - opening, light.height, np.where(light.times == opening, 0.0, light.weight))
    used = light.weight > 0
    before, after = used & (light.times < 0), used & (light.times > 0)
    if before.sum() < 2 or after.sum() < 4:
        return math.nan, math.nan
    taus, opens = np.geomspace(*ACID_S, 19) / frame_s, np.array(OPENS_S) / frame_s
    aways, leaves = _aways(frame_s, SINKS_S, (0.0, 0.3))
    rise = max(float(np.median(light.height[after][:3]) - np.median(light.height[before])), 1e-3)
    chi2 = np.empty((len(opens), len(taus), len(aways)))
    ground = 1.0 / (LEVEL * rise) ** 2
    fade_grid(light, opens, taus, aways, ground, chi2)
    i, j, q = np.unravel_index(int(np.argmin(chi2)), chi2.shape)
    since = light.times - 0.5
    level = np.where(since < 0, 0.0, np.exp(-np.maximum(since - opens[i], 0.0) / taus[j]))
    late = since > aways[q, 0]
    level[late] *= aways[q, 2] + (1.0 - aways[q, 2]) * np.exp(-(since[late] - aways[q, 0]) / aways[q, 1])
    columns, heights = np.array([np.ones(len(level)), level, light.times > 0]), np.zeros(3)
    fit(light, columns, 3, np.array([0.0, 0.0, ground]), heights)
    misfit = excess(((light.height - heights @ columns) * np.sqrt(light.weight))[used], 6)
    seen = marginal(spent(chi2, misfit) + leaves[None, None, :] + np.log(OPENS_WEIGHT)[:, None, None], 1)
    log = np.log(taus)
    # Light fades by bleaching too: what is seen at 1 / (1 / tau + rate).
    rates = [np.exp(np.interp(np.log(taus / (1.0 + rate * frame_s * taus)), log, seen - seen.max())) for rate in BLEACHED_PER_S]
    return known(taus, np.log(np.mean(rates, axis=0) + 1e-300), MODEL_ERROR, both=True)


def _summary(
    light: Light, columns: Real, n: int, chi2: Real, gone: Real, taus: Real, prior: Real, model_error: float
) -> tuple[float, float, float, float]:
    heights = np.zeros(3)
    fit(light, columns, n, np.zeros(3), heights)
    used = light.weight > 0
    rest = ((light.height - heights @ columns) * np.sqrt(light.weight))[used]
    misfit = excess(rest, 6)
    weight = spent(chi2, misfit) + prior
    decay, decay_sd = known(taus, marginal(weight, 1), model_error)
    share = np.exp(weight - weight.max())
    share /= share.sum()
    good = share > 0
    mean = float(share[good] @ gone[good])
    between = float(share[good] @ (gone[good] - mean) ** 2)
    within = _part_variance(light, columns, n, heights) * misfit
    error = math.sqrt(between + within + GROUND**2)
    fraction = (float(np.clip(mean, 0.0, 1.0)), error) if error < UNTOLD else (math.nan, math.nan)
    return decay, decay_sd, *fraction


def _part_variance(light: Light, columns: Real, n: int, heights: Real) -> float:
    """Variance of the second height over the first."""
    normal = (columns[:n] * light.weight) @ columns[:n].T
    covariance = np.linalg.pinv(normal)
    slope = np.zeros(n)
    slope[0], slope[1] = -heights[1] / max(heights[0], 1e-9) ** 2, 1.0 / max(heights[0], 1e-9)
    return float(slope @ covariance @ slope)


def _taus(frame_s: float, slowest_s: float) -> Real:
    low, high = FASTEST_S / frame_s, max(slowest_s / frame_s, 4.0)
    return np.geomspace(low, high, round(PER_FOLD * math.log(high / low)))


def _starts(t0: float, coarse: float) -> Real:
    """A slow change has an uncertain start."""
    return t0 + float(np.clip(0.4 * coarse, 1.2, 6.0)) * np.linspace(-1.0, 1.0, 9)


def _empty(*shape: int) -> tuple[Real, Real]:
    return np.empty(shape), np.empty(shape)


def _level(light: Light, t0: float) -> float:
    before = (light.weight > 0) & (light.times + 1.0 <= t0)
    return max(float(np.median(light.height[before])) if before.any() else 0.0, 1e-3)


def _aways(frame_s: float, when_s: tuple[float, ...], left: tuple[float, ...]) -> tuple[Any, Any]:
    """(m, 3) ways to leave, for `staying`, and logarithms of their weights; the first stays. left : parts that stay in view."""
    ways = [(when / frame_s, fade / frame_s, part) for when in when_s for fade in FADES_S for part in left]
    each = len(FADES_S) * len(left)
    late = (1.0 - STAYS) / 2.0 / (each * (len(when_s) - 1))
    weights = [STAYS] + [(1.0 - STAYS) / 2.0 / each] * each + [late] * (each * (len(when_s) - 1))
    return np.array([(1e9, 1.0, 1.0), *ways]), np.log(weights)
