"""The law of every recorded stay under a course: of its frames and its fate, through the camera that recorded it.

Stays share a law if they began the same way, with the same frame interval and the same filter; where the rates change at a
stimulus, also in the same frame. These are the laws that tests of goodness redraw stays from.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from exotrack.kinetics.course import Course, Segment, segments, steps
from exotrack.kinetics.observe import FrameLaw
from exotrack.kinetics.scheme import Real
from exotrack.kinetics.sightings import Whole


class Mark(NamedTuple):
    """What stays of one law share; `first` is 0 where it does not matter. n_frames : of the longest movie from there on."""

    kind: str
    frame_s: float
    min_frames: int
    origin_s: float
    first: int
    n_frames: int


def marks(stays: pd.DataFrame, dated: bool) -> tuple[Whole, list[Mark]]:
    """(n,) number of the law of each row of a `Stays` table, and what its stays share. dated : the rates change in the movie."""
    origin = np.nan_to_num((stays["t_entry_s"] - stays["t_since_stimulus_s"]).to_numpy(dtype=float)).round(9)
    frame = stays["first_frame"].to_numpy(np.int64)
    own = pd.DataFrame({
        "kind": stays["entry_kind"].to_numpy(), "frame_s": stays["frame_s"].round(12).to_numpy(),
        "min_frames": stays["min_frames"].to_numpy(), "origin_s": origin if dated else 0.0, "first": frame if dated else 0,
    })  # fmt: skip
    number = own.groupby(list(own), sort=True).ngroup().to_numpy(np.int64)
    left = pd.Series(stays["movie_frames"].to_numpy(np.int64) - frame).groupby(number).max()
    rows = own.groupby(number).first().itertuples(index=False)
    return number, [
        Mark(str(kind), float(frame_s), int(least), float(at), int(begin), int(left[k]))
        for k, (kind, frame_s, least, at, begin) in enumerate(rows)
    ]


def laws(course: Course, of: list[Mark]) -> list[FrameLaw]:
    """The law of each mark."""
    cut: dict[tuple[float, float], list[Segment]] = {}
    found = []
    for mark in of:
        key = (mark.frame_s, mark.origin_s)
        parts = cut.setdefault(key, segments(course, *key)) if key not in cut else cut[key]
        states, leaving = _walk(course, parts, mark)
        lasting = np.concatenate([[1.0], states.sum(axis=1)])
        ending = np.concatenate([np.zeros((1, leaving.shape[1])), leaving[: mark.n_frames]])
        found.append(FrameLaw(course.fates, lasting.clip(0.0, 1.0), ending.clip(0.0), mark.min_frames))
    return found


def _walk(course: Course, parts: list[Segment], mark: Mark) -> tuple[Real, Real]:
    """(N + 1, m) states at each frame of a stay, and (N + 1, J) chances of leaving after it."""
    edges = [part.start for part in parts]

    def part_of(interval: int) -> int:
        return int(np.searchsorted(edges, interval, side="right")) - 1

    came = parts[part_of(mark.first - 1)]
    now = course.residing() if mark.kind == "resident" else came.resealed if mark.kind == "resealing" else came.docked
    if len(parts) == 1:
        states = steps(now, came.carry, mark.n_frames)
        return states, states @ came.leave
    walked, leaving, at, last = [], [], mark.first, mark.first + mark.n_frames
    while at <= last:
        part = parts[part_of(at)]
        n = min(part.stop, last + 1) - at
        run = steps(now, part.carry, n)
        walked.append(run[:n])
        leaving.append(run[:n] @ part.leave)
        now, at = run[n], at + n
    return np.concatenate(walked), np.concatenate(leaving)
