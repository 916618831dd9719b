"""Tracks as walks in even time steps: cut at fusions, continued a little beyond their spots, freed of fading.

A track is followed for a second before its first and after its last spot, where only its light is known: a vesicle that was
there unseen is told so from one that came.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from exotrack.classify._states import Walk

Real = NDArray[np.float64]
Whole = NDArray[np.int64]

STEP_S = 0.1
"""Frames closer in time are averaged up to this: finer than any stay that could be told, a third of the work at 30 Hz."""
BEYOND_S = 1.0
"""How far a track is followed beyond its spots: vesicles leave the field within about half a second."""
RELEASE_S = 0.3
"""After a fusion the light is that of leaving cargo for so long (Weiss et al. 2014: NPY within 200 ms) and says no height."""
FADING_STRETCHES = 20
"""Stretches of two seconds needed before a rate of fading is believed."""
QUIET_TRACKS = 8
"""Tracks needed before their steps set the localisation error."""


class Fusion(NamedTuple):
    """A called fusion of a track: its frame and kind."""

    frame: int
    kind: str


class Part(NamedTuple):
    """A track between two fusions.

    frame, t_s, place_um, amplitude, seen : (n,), (n, 2) rows of its trace. first : frame of the walk's first step; each step
    holds `bin_frames` frames. after : the fusion it begins with. fusion : the fusion it ends with.
    """

    track_id: int
    frame: Whole
    place_um: Real
    amplitude: Real
    seen: NDArray[np.bool_]
    walk: Walk
    first: int
    bin_frames: int
    after: Fusion | None
    fusion: Fusion | None


def parts(traces: pd.DataFrame, fusions: dict[int, list[Fusion]], sigma_um: float, frame_s: float) -> list[Part]:
    """Every track of a Traces table, cut at its fusions (ascending), freed of fading and with errors true to its steps."""
    ordered = np.argsort(traces["track_id"].to_numpy(), kind="stable")
    ids, start = np.unique(traces["track_id"].to_numpy()[ordered], return_index=True)
    names = ("frame", "y_um", "x_um", "amplitude", "amplitude_sd", "observed")
    columns = [np.split(traces[name].to_numpy()[ordered], start[1:]) for name in names] if len(ids) else []
    found = [
        part
        for track_id, *track in zip(ids.tolist(), *columns, strict=True)
        for part in _of_track(track_id, track, fusions.get(track_id, []), sigma_um, frame_s)
    ]
    rate, factor = fading(found), error_factor(found)
    return [part._replace(walk=_freed(part, rate, factor, frame_s)) for part in found]


def _of_track(
    track_id: int, track: Sequence[NDArray[Any]], fusions: list[Fusion], sigma_um: float, frame_s: float
) -> Iterator[Part]:
    frame, y_um, x_um, amplitude, sd, observed = track
    place, seen = np.column_stack([y_um, x_um]), observed & np.isfinite(amplitude)
    width, beyond = max(1, int(STEP_S / frame_s + 1e-6)), max(2, round(BEYOND_S / frame_s))
    after: Fusion | None = None
    for fusion in [*fusions, None]:
        start = after.frame if after else int(frame[0])
        stop = fusion.frame if fusion else int(frame[-1]) + 1
        mine = np.flatnonzero(seen & (frame >= start) & (frame < stop))
        if len(mine) >= 2:
            low = start if after else max(int(frame[mine[0]]) - beyond, start)
            rows = slice(*np.searchsorted(frame, [low, min(int(frame[mine[-1]]) + beyond + 1, stop)]))
            level = amplitude[rows].copy()
            if after:
                level[: max(1, round(RELEASE_S / frame_s))] = np.nan
            walk = _binned(frame[rows] - low, place[rows], level, sd[rows], seen[rows], width, sigma_um, frame_s)
            walk = walk._replace(begun=after is not None or int(frame[mine[0]]) == low)
            yield Part(track_id, frame[rows], place[rows], amplitude[rows], seen[rows], walk, low, width, after, fusion)
        after = fusion


def _binned(
    since: Whole, place: Real, amplitude: Real, sd: Real, seen: NDArray[np.bool_], width: int, sigma_um: float, frame_s: float
) -> Walk:
    """Average rows of a trace into steps of `width` frames."""
    step = since // width
    n = int(step[-1]) + 1
    usable = np.isfinite(amplitude) & (sd > 0)
    lit, spots = np.bincount(step, usable, n), np.bincount(step, seen, n)

    def total(values: Real, of: NDArray[np.bool_]) -> Real:
        return np.asarray(np.bincount(step[of], values[of], n))

    with np.errstate(divide="ignore", invalid="ignore"):
        # A spot's centre and its height share their noise: sd(place) = sqrt(2) sigma sd(A) / A on an even background.
        relative = sd / np.maximum(amplitude, sd)
        error = math.sqrt(2.0) * sigma_um * np.sqrt(total(relative**2, seen & usable)) / spots
        at = np.column_stack([total(place[:, axis], seen) / spots for axis in (0, 1)])
        error = np.where(error > 0, error, sigma_um)
        return Walk(at, error, total(amplitude, usable) / lit, np.sqrt(total(sd**2, usable)) / lit, width * frame_s, False)


def _freed(part: Part, rate: float, factor: float, frame_s: float) -> Walk:
    walk = part.walk
    gain = np.exp(rate * frame_s * (part.first + part.bin_frames * np.arange(len(walk.amplitude))))
    return walk._replace(amplitude=walk.amplitude * gain, amplitude_sd=walk.amplitude_sd * gain, error_um=walk.error_um * factor)


def fading(found: list[Part]) -> float:
    """Rate (1/s) at which vesicles fade: the median slope of log brightness over stretches of two seconds; at least 0.

    Of the half that moves least if they are many: in contact the field is strongest, and bleaching fastest.
    """
    slopes, moves = [], []
    for part in found:
        step_s, amplitude, place = part.walk.step_s, part.walk.amplitude, part.walk.place_um
        lit = np.flatnonzero(np.isfinite(place[:, 0]) & (amplitude > 0))
        time, log = lit * step_s, np.log(amplitude[lit])
        stretch = max(int(2.0 / step_s), 4)
        for k in range(0, len(time) - stretch, stretch):
            rows = slice(k, k + stretch + 1)
            if time[k + stretch] - time[k] < 1.5 * stretch * step_s:
                since = time[rows] - time[rows].mean()
                slopes.append(float(since @ log[rows] / (since @ since)))
                moves.append(float(np.median(np.sum(np.diff(place[lit[rows]], axis=0) ** 2, axis=1))))
    if len(slopes) < FADING_STRETCHES:
        return 0.0
    return max(-float(np.median(np.array(slopes)[np.array(moves) <= np.median(moves)])), 0.0)


def error_factor(found: list[Part]) -> float:
    """True localisation error over the expected one, from successive steps of vesicles that hardly move.

    Noise makes successive steps go back and forth, <dx_n dx_(n+1)> = -error^2 (Vestergaard et al. 2014); motion does not.
    """
    ratios = []
    for part in found:
        steps, expected = np.diff(part.walk.place_um, axis=0), part.walk.error_um[1:-1] ** 2
        back = -(steps[1:] * steps[:-1]).mean(axis=1)
        known = np.isfinite(back)
        if known.sum() >= 20 and np.mean(steps[1:][known] ** 2) < 3.0 * np.mean(expected[known]):
            ratios.append(np.mean(back[known]) / np.mean(expected[known]))
    return math.sqrt(float(np.clip(np.median(ratios), 0.5, 4.0))) if len(ratios) >= QUIET_TRACKS else 1.0
