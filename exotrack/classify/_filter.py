"""The likelihood of a track under a `Model` of states, and how likely each state is in each step: the forward-backward method.

Hidden are the state with its diffusion coefficient (a *group* of the model) and the height above contact (a *level* of the
group). Position is followed in every group by a Kalman filter for a random walk seen through localisation error and motion
blur; where groups exchange probability their estimates are mixed (interacting multiple models: Blom and Bar-Shalom 1988, IEEE
Trans Autom Control 33:780). Given each step's likelihood per level the rest is a hidden Markov model (Rabiner 1989, Proc IEEE
77:257), whose cost grows in proportion to the number of steps.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

Real = NDArray[np.float64]
Whole = NDArray[np.int64]
STRAY_PLACE = 0.02 / 0.5**2
"""Density (1/um^2) of places that are a wrong link or a neighbour: one in fifty, anywhere within half a micrometre."""

NEVER = 1e-13
"""Probability of a level that is not followed further."""


class Chain(NamedTuple):
    """A `Model` as arrays: groups (g), levels (s) and what joins them.

    first : (g + 1,) where each group's levels begin. diffusion : (g,) um^2/s; negative where there is no vesicle.
    offset : (s,) steps of brightness below contact. light : (s,) column of `Evidence.light`.
    within : (s, s) change of level in one time step, block by block. between : (g, g) change of group in one step.
    entry : (s,) levels taken on entering a group. start : (g,) probability of each group before the first step.
    """

    first: Whole
    diffusion: Real
    offset: Whole
    light: Whole
    within: Real
    between: Real
    entry: Real
    start: Real


class Evidence(NamedTuple):
    """One track, step by step (n): place (um, n x 2) and its variance per axis, negative where there was no spot; the
    likelihood (n, kinds, b) of its light at each of b steps of brightness, for each kind of scatter; and the time step (s)."""

    place: Real
    place_var: Real
    light: Real
    step_s: float


@njit(nogil=True, cache=True)
def _mix(prior: Real, between: Real, at: Real, spread: Real, out_at: Real, out_spread: Real, part: Real) -> None:
    """Position estimates of each group before a step, from those of all groups after the last one. part : (g,) scratch."""
    m = len(prior)
    for h in range(m):
        weight = 0.0
        for g in range(m):
            part[g] = prior[g] * between[g, h]
            weight += part[g]
        scale = 1.0 / max(weight, 1e-300)
        y = x = wide = 0.0
        for g in range(m):
            part[g] *= scale
            y += part[g] * at[g, 0]
            x += part[g] * at[g, 1]
        for g in range(m):
            wide += part[g] * (spread[g] + 0.5 * ((at[g, 0] - y) ** 2 + (at[g, 1] - x) ** 2))
        out_at[h, 0], out_at[h, 1], out_spread[h] = y, x, wide


@njit(nogil=True, cache=True)
def _place(t: int, track: Evidence, diffusion: Real, at: Real, spread: Real, out: Real) -> None:
    """Likelihood (1/um^2) of the place in step t for each group; its position estimate is brought up to date."""
    error = track.place_var[t]
    for g in range(len(diffusion)):
        motion = 2.0 * max(diffusion[g], 0.0) * track.step_s
        spread[g] += motion
        out[g] = 1.0
        if error < 0.0:
            continue
        # Averaging over the step takes 2 R D dt from the error's variance, R = 1 / 6 (Berglund 2010).
        seen = spread[g] + max(error - motion / 6.0, 0.2 * error)
        y, x = track.place[t, 0] - at[g, 0], track.place[t, 1] - at[g, 1]
        out[g] = STRAY_PLACE
        if diffusion[g] >= 0.0:
            near = math.exp(-0.5 * (y * y + x * x) / seen) / (2.0 * math.pi * seen)
            out[g] += near
            gain = spread[g] / seen * near / (near + STRAY_PLACE)
            at[g, 0] += gain * y
            at[g, 1] += gain * x
            spread[g] *= 1.0 - gain
        else:
            at[g, 0], at[g, 1], spread[g] = track.place[t, 0], track.place[t, 1], error


@njit(nogil=True, cache=True)
def forward(track: Evidence, chain: Chain, contact: int, alpha: Real, likely: Real) -> float:
    """Log-likelihood of a track whose light in contact is at step `contact` of brightness.

    alpha : (n, s) filled with the probability of each level given the steps so far. likely : (n, s) filled with the
    likelihood of each step in each level.
    """
    n, m, levels = len(track.place_var), len(chain.diffusion), len(chain.entry)
    at, spread = np.zeros((m, 2)), np.ones(m)
    next_at, next_spread = np.zeros((m, 2)), np.ones(m)
    group, placed, part = chain.start.copy(), np.ones(m), np.empty(m)
    column = np.empty(levels, np.int64)
    for j in range(levels):
        column[j] = min(max(contact - chain.offset[j], 0), track.light.shape[2] - 1)
    total = 0.0
    begun = False
    for t in range(n):
        if begun:
            _mix(group, chain.between, at, spread, next_at, next_spread, part)
            at, spread, next_at, next_spread = next_at, next_spread, at, spread
            _place(t, track, chain.diffusion, at, spread, placed)
        elif track.place_var[t] >= 0.0:
            begun = True
            at[:] = track.place[t]
            spread[:] = track.place_var[t]
        for h in range(m):
            for j in range(chain.first[h], chain.first[h + 1]):
                likely[t, j] = placed[h] * track.light[t, chain.light[j], column[j]]
        norm = max(_step(t, chain, group, likely, alpha), 1e-290)
        total += math.log(norm)
        for h in range(m):
            group[h] = 0.0
            for j in range(chain.first[h], chain.first[h + 1]):
                alpha[t, j] /= norm
                group[h] += alpha[t, j]
    return total


@njit(nogil=True, cache=True)
def _step(t: int, chain: Chain, group: Real, likely: Real, alpha: Real) -> float:
    """Fill row t of `alpha`, not yet divided by its sum, which is returned. group : that of each group in the step before."""
    norm = 0.0
    for h in range(len(group)):
        a, b = chain.first[h], chain.first[h + 1]
        coming = group[h] if t == 0 else 0.0
        for g in range(len(group)):
            if g != h and t > 0:
                coming += group[g] * chain.between[g, h]
        for j in range(a, b):
            alpha[t, j] = coming * chain.entry[j]
        if t > 0:
            for i in range(a, b):
                stays = chain.between[h, h] * alpha[t - 1, i]
                if stays > NEVER:
                    for j in range(a, b):
                        alpha[t, j] += stays * chain.within[i, j]
        for j in range(a, b):
            alpha[t, j] *= likely[t, j]
            norm += alpha[t, j]
    return norm


@njit(nogil=True, cache=True)
def backward(chain: Chain, alpha: Real, likely: Real) -> None:
    """Turn `alpha` of `forward` into the probability of each level given all steps, in place."""
    n, m, levels = alpha.shape[0], len(chain.diffusion), alpha.shape[1]
    beta, ahead, entered = np.ones(levels), np.empty(levels), np.empty(m)
    for t in range(n - 2, -1, -1):
        top = 0.0
        for j in range(levels):
            ahead[j] = beta[j] * likely[t + 1, j]
            top = max(top, ahead[j])
        ahead /= max(top, 1e-300)
        for h in range(m):
            entered[h] = 0.0
            for j in range(chain.first[h], chain.first[h + 1]):
                entered[h] += chain.entry[j] * ahead[j]
        for g in range(m):
            away = 0.0
            for h in range(m):
                if h != g:
                    away += chain.between[g, h] * entered[h]
            a, b = chain.first[g], chain.first[g + 1]
            for i in range(a, b):
                beta[i] = away if alpha[t, i] > NEVER else 0.0
                if alpha[t, i] > NEVER:
                    stays = 0.0
                    for j in range(a, b):
                        stays += chain.within[i, j] * ahead[j]
                    beta[i] += chain.between[g, g] * stays
        norm = 0.0
        for j in range(levels):
            alpha[t, j] *= beta[j]
            norm += alpha[t, j]
        for j in range(levels):
            alpha[t, j] /= max(norm, 1e-300)
