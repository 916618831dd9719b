"""Drift of the stage: how far the sample has moved in the picture, frame by frame, with its standard error.

Runs of frames are averaged, which steadies the picture and lets noise and passing vesicles fade. Each mean is reduced to detail
of the size of vesicles (uneven light and dust shadows stay with the camera and would hold the estimate back), clipped (one bright
fusion must not outweigh a hundred resting vesicles), and registered by phase correlation (`skimage.registration`, Guizar-Sicairos
et al. 2008, Opt Lett 33:156) against the running mean of those before it, moved back by their drift.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from exotrack._blocks import Execution, map_blocks
from exotrack._frames import read_usable, usable
from exotrack.measure._register import Registration, Windowed, register
from exotrack.measure._smooth import along, smooth
from exotrack.movie import Movie
from exotrack.params import Analysis

Real = NDArray[np.float64]

RUN_S, MOST_RUNS = 1.0, 200
"""Length of a run (s), and most runs of a movie: a settling stage moves by 1 nm in a second; a jump is seen frame by frame."""
MOST_PX = 512
"""Side of the square that is looked at, that with most detail in it: more makes the error smaller than any use of it."""
CREDIBLE_PX = 0.15
"""Standard error beyond which a run tells nothing: what noise alone gives at its best match."""
JUMP_PX = 0.5
"""Move between two runs from which their frames are looked at one by one: less blurs a vesicle by under a tenth of its width."""
MEMORY = 30
"""Runs that the reference remembers: enough to be steady, few enough to follow vesicles that come and go."""
LEAST_UM, LEAST_Z = 0.02, 4.0
"""Drift that is corrected unasked: see `params.ProtocolParams.drift`; four standard errors of one of 200 runs are never noise."""


class Drift(NamedTuple):
    """Drift of every frame from the first usable one and its standard error, (n_frames, 2) um; whether it is worth correcting."""

    um: Real
    sd_um: Real
    significant: bool


def with_drift(movie: Movie, frames: pd.DataFrame, params: Analysis, run: Execution = Execution()) -> pd.DataFrame:
    """The Frames table with its four columns of drift filled in, as `params.protocol.drift` asks."""
    wanted = params.protocol.drift
    if wanted == "off":
        return frames
    found = estimate_drift(movie, frames, params.detect.sigma_um, run)
    um = found.um if found.significant or wanted == "on" else np.zeros_like(found.um)
    return frames.assign(
        drift_y_um=um[:, 0], drift_x_um=um[:, 1], drift_y_sd_um=found.sd_um[:, 0], drift_x_sd_um=found.sd_um[:, 1]
    )


def estimate_drift(movie: Movie, frames: pd.DataFrame, sigma_um: float, run: Execution = Execution()) -> Drift:
    """Estimate the drift of a movie.

    Parameters
    ----------
    movie : read once, in runs; memory is that of a few pictures.
    frames : a Frames table; only usable frames count.
    sigma_um : width of a vesicle's image: detail of this size is what is followed.
    run : how fast; never changes the result.

    Where nothing can be followed (no detail, too few frames) the drift is 0, its error missing, and it is not significant.
    """
    n = len(movie)
    per = max(round(RUN_S / movie.frame_s), -(-n // MOST_RUNS), 1)
    good = usable(frames)
    cut = [np.flatnonzero(good[k : k + per]) + k for k in range(0, n, per)]
    cut = [rows for rows in cut if len(rows)]
    if len(cut) < 2:
        return _none(n)
    window = Windowed.richest(_mean(movie, cut[0]), sigma_um / movie.pixel_um, MOST_PX)
    at, seen = _followed(movie, cut, window, run)
    if len(at) < 2:
        return _none(n)
    every, first = np.arange(n, dtype=float), int(np.argmax(good))
    um, sd_um = np.empty((n, 2)), np.empty((n, 2))
    beyond = False
    for axis in (0, 1):
        moved, sd, pieces = smooth(at, seen[:, axis], seen[:, 2 + axis], JUMP_PX)
        course, error = along(every, at, moved, pieces), np.interp(every, at, sd)
        um[:, axis], sd_um[:, axis] = (course - course[first]) * movie.pixel_um, error * movie.pixel_um
        far = np.abs(um[:, axis])
        beyond |= bool(np.any((far > LEAST_UM) & (far > LEAST_Z * np.hypot(sd_um[:, axis], sd_um[first, axis]))))
    return Drift(um, sd_um, beyond)


def _none(n: int) -> Drift:
    return Drift(np.zeros((n, 2)), np.full((n, 2), np.nan), False)


def _followed(movie: Movie, cut: list[NDArray[np.int64]], window: Windowed, run: Execution) -> tuple[Real, Real]:
    """Middle (frames) of each credible run or frame and what it says: shift (y, x) and its errors, (n, 4) pixels."""
    reference = Registration(MEMORY, CREDIBLE_PX, window.sigma_px)
    early: list[NDArray[np.float32]] = []
    seen = np.empty((len(cut), 4))
    for k, picture in enumerate(_pictures(movie, cut, window, run)):
        seen[k] = reference.follow(picture)
        early += [picture] if k < MEMORY // 2 else []
        if k == min(MEMORY, len(cut)) - 1 and reference.mean is not None:
            # The first runs had little to be compared with: they are looked at again, now that there is a mean.
            seen[: len(early)] = [register(one, reference.mean, window.sigma_px) for one in early]
    return _refined(movie, cut, window, reference, seen, run)


def _refined(
    movie: Movie, cut: list[NDArray[np.int64]], window: Windowed, reference: Registration, seen: Real, run: Execution
) -> tuple[Real, Real]:
    """The credible runs, those on either side of a jump replaced by their single frames; see `_followed`."""
    at = np.flatnonzero(_credible(seen))
    middle = np.array([float(np.mean(cut[k])) for k in at])
    jumps = {
        piece.start
        for axis in (0, 1)
        for piece in (smooth(middle, seen[at, axis], seen[at, 2 + axis], JUMP_PX)[2][1:] if len(at) > 1 else [])
    }
    if not jumps or reference.mean is None:
        return middle, seen[at]
    beside = np.isin(np.arange(len(at)), sorted(jumps | {k - 1 for k in jumps}))
    singles = [np.array([frame]) for k in at[beside] for frame in cut[k]]
    alone = np.array([register(picture, reference.mean, window.sigma_px) for picture in _pictures(movie, singles, window, run)])
    keep = _credible(alone)
    middle = np.concatenate([middle[~beside], np.concatenate(singles)[keep]])
    order = np.argsort(middle, kind="stable")
    return middle[order], np.concatenate([seen[at[~beside]], alone[keep]])[order]


def _credible(seen: Real) -> NDArray[np.bool_]:
    return np.asarray((np.nan_to_num(seen[:, 2:], nan=np.inf) < CREDIBLE_PX).all(axis=1))


def _pictures(movie: Movie, cut: list[NDArray[np.int64]], window: Windowed, run: Execution) -> Iterator[NDArray[np.float32]]:
    return map_blocks("drift", _picture, [(movie, rows, window) for rows in cut], run)


def _picture(movie: Movie, rows: NDArray[np.int64], window: Windowed) -> NDArray[np.float32]:
    return window.detail(_mean(movie, rows))


def _mean(movie: Movie, rows: NDArray[np.int64]) -> Real:
    """Mean of the frames `rows` (ascending), read at most a tenth of a gigabyte at a time."""
    _, height, width = movie.shape
    most = max(100_000_000 // (height * width * movie.dtype.itemsize), 1)
    total = np.zeros((height, width))
    for start in range(int(rows[0]), int(rows[-1]) + 1, most):
        stop = min(start + most, int(rows[-1]) + 1)
        pixels, _ = read_usable(movie, start, stop)
        mine = rows[(rows >= start) & (rows < stop)] - start
        total += pixels[mine].sum(axis=0, dtype=np.float64)
    return total / len(rows)
