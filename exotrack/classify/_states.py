"""Mobile, tethered or docked: a hidden Markov model of a track's steps and brightness.

The track is cut into short bins whose mean positions are compared: the localisation error of a mean falls with the number
of frames in it while diffusion grows with time, so a quarter of a second tells docked from tethered where single steps
cannot. In each state the step between bins is Gaussian with variance 2 D dt + 2 error^2 and the logarithm of the
brightness relative to the vesicle's brightest follows from its height, ln(I / I0) = -z / d.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from exotrack.params import ClassifyParams
from exotrack.tables import STATES

BIN_S = 0.25
"""Length of a bin: docked (1e-4) and tethered (2e-3 um^2/s) steps then differ by a factor 3 at 20 nm error and 20 Hz."""
DWELL_S = 2.0
"""Mean stay assumed in every state: visits and residences span 0.5 to 10 s; the model only needs the order of magnitude."""
HEIGHT_NM = (140.0, 45.0, 0.0)
"""Typical height of a mobile, tethered and docked vesicle: in the field, beyond the 25 nm reach of SNAREs, in contact."""
LOG_BRIGHTNESS_SD = (0.7, 0.25, 0.15)
"""Scatter of log brightness in each state beyond photon noise: heights, flicker, bleaching."""
ERROR_FLOOR_UM = 0.005
"""Localisation error that remains at any brightness: vibration and drift within a bin."""


def states(
    time_s: NDArray[np.float64],
    position_um: NDArray[np.float64],
    error_um: NDArray[np.float64],
    log_brightness: NDArray[np.float64],
    params: ClassifyParams,
    frame_s: float,
) -> NDArray[np.int64]:
    """State of each spot of one track, as an index into `tables.STATES`.

    time_s (n,), position_um (n, 2), error_um (n,) per axis, log_brightness (n,) relative to the vesicle's brightest.
    """
    bins = ((time_s - time_s[0]) / max(BIN_S, 0.999 * frame_s)).astype(int)
    _, which, count = np.unique(bins, return_inverse=True, return_counts=True)

    def mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.bincount(which, values) / count

    place = np.column_stack([mean(position_um[:, 0]), mean(position_um[:, 1])])
    error2 = mean(error_um**2) / count + ERROR_FLOOR_UM**2
    scores = brightness_scores(mean(log_brightness), mean(error_um) / np.sqrt(count), params)
    scores[1:] += step_scores(mean(time_s), place, error2, diffusions(params))
    leave = 1.0 - np.exp(-np.diff(mean(time_s), prepend=time_s[0]) / DWELL_S)
    return viterbi(scores, np.clip(leave, 1e-6, 0.5))[which]


def diffusions(params: ClassifyParams) -> NDArray[np.float64]:
    """Diffusion coefficient (um^2/s) that stands for each state, placed around the limits the user set."""
    docked, tethered = params.docked_max_um2_s, params.tethered_max_um2_s
    return np.array([6.0 * tethered, np.sqrt(docked * tethered), docked / 5.0])


def step_scores(
    time_s: NDArray[np.float64], place: NDArray[np.float64], error2: NDArray[np.float64], diffusion: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(n - 1, 3) log-likelihood of each step in each state; two axes."""
    r2 = (np.diff(place, axis=0) ** 2).sum(axis=1)[:, None]
    variance = 2.0 * diffusion[None, :] * np.diff(time_s)[:, None] + (error2[1:] + error2[:-1])[:, None]
    return np.asarray(-0.5 * r2 / variance - np.log(variance))


def brightness_scores(
    log_brightness: NDArray[np.float64], relative_error: NDArray[np.float64], params: ClassifyParams
) -> NDArray[np.float64]:
    """(n, 3) log-likelihood of the brightness in each state."""
    expected = -np.array(HEIGHT_NM)[None, :] / params.penetration_nm
    sd = np.hypot(np.array(LOG_BRIGHTNESS_SD)[None, :], relative_error[:, None])
    return np.asarray(-0.5 * ((log_brightness[:, None] - expected) / sd) ** 2 - np.log(sd))


@njit(nogil=True, cache=True)
def viterbi(scores: NDArray[np.float64], leave: NDArray[np.float64]) -> NDArray[np.int64]:
    """Likeliest path of states; `leave` is the chance of having left the state since the bin before, split evenly."""
    n, m = scores.shape
    best = scores[0].copy()
    back = np.zeros((n, m), np.int64)
    for k in range(1, n):
        stay, change = np.log(1.0 - leave[k]), np.log(leave[k] / (m - 1))
        new = np.empty(m)
        for s in range(m):
            top, arg = -np.inf, 0
            for r in range(m):
                value = best[r] + (stay if r == s else change)
                if value > top:
                    top, arg = value, r
            new[s], back[k, s] = top + scores[k, s], arg
        best = new
    path = np.empty(n, np.int64)
    path[n - 1] = np.argmax(best)
    for k in range(n - 1, 0, -1):
        path[k - 1] = back[k, path[k]]
    return path


def covariance_diffusion(time_s: NDArray[np.float64], position_um: NDArray[np.float64]) -> float:
    """Diffusion coefficient (um^2/s) free of localisation error, from steps and their covariance, mean of both axes.

    Vestergaard, Blainey and Flyvbjerg 2014, Phys Rev E 89:022726: D = <dx^2> / (2 dt) + <dx_n dx_(n+1)> / dt. NaN below four
    steps; noise can make it negative, which is reported as 0.
    """
    steps = np.diff(position_um, axis=0)
    if len(steps) < 4:
        return float("nan")
    dt = float(np.mean(np.diff(time_s)))
    value = np.mean(steps**2) / (2.0 * dt) + np.mean(steps[1:] * steps[:-1]) / dt
    return max(float(value), 0.0)


MOBILE, TETHERED, DOCKED = (STATES.index(name) for name in ("mobile", "tethered", "docked"))
