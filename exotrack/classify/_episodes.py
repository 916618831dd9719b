"""Episodes: the stays of every track in its states, with how each began and ended, and the events between them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from exotrack.classify._states import DOCKED, MOBILE, TETHERED, Walk, binned, covariance_diffusion, states
from exotrack.movie import Movie
from exotrack.params import ClassifyParams
from exotrack.tables import STATES, Episodes

EDGE_FRAMES = 2
"""A track that starts or ends this close to the movie's ends may have been there before or after: not observed."""
GONE = 0.45
"""Brightness after a track's end, relative to before, below which the vesicle has left rather than been lost."""


TYPICAL_SPOTS = 10
"""Tracks that count for the movie's typical brightness in contact: those seen for more than a passing moment."""
FADING_STRETCHES = 20
"""Stretches of two seconds needed before a rate of fading is believed."""


class Fusion(NamedTuple):
    """A called fusion of a track: its frame and kind."""

    frame: int
    kind: str


class Stay(NamedTuple):
    """Consecutive spots of one track in one state; indices into the track's observed rows, last inclusive."""

    state: int
    first: int
    last: int


def episodes(
    movie: Movie, traces: pd.DataFrame, fusions: dict[int, list[Fusion]], params: ClassifyParams, sigma_um: float
) -> pd.DataFrame:
    """Cut every track of a Traces table into episodes.

    fusions : called fusions of each track, ascending; a stay ends there with that kind, and a full fusion ends the track.
    Returns an Episodes table sorted by track then frame.
    """
    parts = [
        part
        for track_id, track in traces.groupby("track_id", sort=True)
        for part in _parts(int(track_id), track, fusions.get(int(track_id), []), sigma_um, movie.frame_s)
    ]
    if not parts:
        return Episodes.empty()
    fading = _fading(parts)
    for part in parts:
        part.walk.log_brightness[:] += fading * part.walk.time_s
    tops = [np.percentile(part.walk.log_brightness, 80) for part in parts if len(part.which) >= TYPICAL_SPOTS]
    typical = float(np.median(tops)) if tops else float(np.median(parts[0].walk.log_brightness))
    rows = [row for part in parts for row in _rows(movie, part, params, typical, fading)]
    return Episodes.build(pd.DataFrame(rows).assign(episode_id=np.arange(1, len(rows) + 1)))


class Part(NamedTuple):
    """A track between two fusions: its trace, the rows with a spot, and its walk."""

    track_id: int
    trace: pd.DataFrame
    seen: pd.DataFrame
    walk: Walk
    which: NDArray[np.int64]
    after_fusion: bool
    fusion: Fusion | None


def _parts(track_id: int, track: pd.DataFrame, fusions: list[Fusion], sigma_um: float, frame_s: float) -> Iterator[Part]:
    """The parts of one track; each has its own level of contact, for cargo may have left."""
    start = -1
    for fusion in [*fusions, None]:
        stop = fusion.frame if fusion is not None else int(track["frame"].iloc[-1]) + 1
        trace = track[(track["frame"] >= start) & (track["frame"] < stop)]
        seen = trace[trace["observed"] & np.isfinite(trace["amplitude"])]
        if len(seen) >= 2:
            height = np.maximum(seen["amplitude"].to_numpy(), seen["amplitude_sd"].to_numpy())
            relative = seen["amplitude_sd"].to_numpy() / height
            place = seen[["y_um", "x_um"]].to_numpy()
            error = math.sqrt(2.0) * sigma_um * relative
            walk, which = binned(seen["t_s"].to_numpy(), place, error, np.log(height), relative, frame_s)
            yield Part(track_id, trace, seen, walk, which, start >= 0, fusion)
        if fusion is not None and fusion.kind == "full_fusion":
            break
        start = stop


def _fading(parts: list[Part]) -> float:
    """Rate (1/s) at which vesicles fade: the median slope of log brightness over stretches of two seconds; at least 0."""
    slopes = []
    for part in parts:
        time, log = part.walk.time_s, part.walk.log_brightness
        stretch = int(2.0 / max(float(np.median(np.diff(time))) if len(time) > 1 else 2.0, 1e-9))
        for k in range(0, len(time) - max(stretch, 4), max(stretch, 4)):
            piece = slice(k, k + max(stretch, 4) + 1)
            slopes.append(float(np.polyfit(time[piece], log[piece], 1)[0]))
    return max(-float(np.median(slopes)), 0.0) if len(slopes) >= FADING_STRETCHES else 0.0


def _rows(movie: Movie, part: Part, params: ClassifyParams, typical: float, fading: float) -> list[dict[str, Any]]:
    """Episodes of one part."""
    seen = part.seen
    frame, time = seen["frame"].to_numpy(), seen["t_s"].to_numpy()
    place = seen[["y_um", "x_um"]].to_numpy()
    height = np.maximum(seen["amplitude"].to_numpy(), seen["amplitude_sd"].to_numpy())
    path, contact = states(part.walk, params, typical)
    log_height = np.log(height) + fading * time
    stays = _sharpen(_merge_short(_stays(path[part.which]), time, params.min_docked_s, movie.frame_s), log_height)
    rows = []
    for k, stay in enumerate(stays):
        inside = slice(stay.first, stay.last + 1)
        entry, exit_kind = True, "undocking"
        if k == 0:
            level = float(np.median(height[stay.first : stay.first + 5]))
            entry = not part.after_fusion and frame[0] > EDGE_FRAMES and _dark_before(part.trace, int(frame[0]), level)
        if k == len(stays) - 1:
            level = float(np.median(height[max(stay.last - 4, stay.first) : stay.last + 1]))
            exit_kind = _exit(movie, part.trace, int(frame[-1]), level, part.fusion)
        elif stay.state != DOCKED:
            exit_kind = "lost"
        rows.append(
            {
                "movie_id": movie.movie_id,
                "track_id": part.track_id,
                "state": STATES[stay.state],
                "first_frame": int(frame[stay.first]),
                "last_frame": int(frame[stay.last]),
                "t_first_s": float(time[stay.first]),
                "duration_s": float(time[stay.last] - time[stay.first]) + movie.frame_s,
                "n_frames": int(frame[stay.last] - frame[stay.first]) + 1,
                "entry_observed": entry,
                "exit_observed": exit_kind not in ("censored", "lost") or k < len(stays) - 1,
                "exit_kind": exit_kind,
                "diffusion_um2_s": covariance_diffusion(time[inside], place[inside]),
                "height_nm": float(-params.penetration_nm * np.mean(log_height[inside] - contact)),
            }
        )
    return rows


def _stays(path: NDArray[np.int64]) -> list[Stay]:
    cuts = np.flatnonzero(np.diff(path)) + 1
    firsts, lasts = np.concatenate([[0], cuts]), np.concatenate([cuts, [len(path)]]) - 1
    return [Stay(int(path[a]), int(a), int(b)) for a, b in zip(firsts, lasts, strict=True)]


def _merge_short(stays: list[Stay], time: NDArray[np.float64], least_s: float, frame_s: float) -> list[Stay]:
    """Docked stays shorter than `least_s` become tethered; stays of half that between or before others join them."""

    def lasts(stay: Stay) -> float:
        return float(time[stay.last] - time[stay.first]) + frame_s

    def joined(parts: list[Stay]) -> list[Stay]:
        whole: list[Stay] = []
        for part in parts:
            if whole and whole[-1].state == part.state:
                part = Stay(part.state, whole.pop().first, part.last)
            whole.append(part)
        return whole

    parts = joined([s._replace(state=TETHERED) if s.state == DOCKED and lasts(s) < least_s else s for s in stays])
    settled: list[Stay] = []
    for k, stay in enumerate(parts):
        short = lasts(stay) < 0.5 * least_s and stay.state != DOCKED and len(parts) > 1
        if short and settled and k + 1 < len(parts) and settled[-1].state == parts[k + 1].state:
            stay = stay._replace(state=settled[-1].state)
        elif short and stay.state == TETHERED:
            stay = stay._replace(state=MOBILE)
        settled.append(stay)
    return joined(settled)


def _sharpen(stays: list[Stay], log_height: NDArray[np.float64], reach: int = 6) -> list[Stay]:
    """Move each boundary of a docked stay to the steepest change of brightness within `reach` spots, if there is one."""
    sharp = list(stays)
    for k in range(len(sharp) - 1):
        left, right = sharp[k], sharp[k + 1]
        if DOCKED not in (left.state, right.state):
            continue
        sign = 1.0 if right.state == DOCKED else -1.0
        low, high = max(left.first + 1, right.first - reach), min(right.last, right.first + reach)
        if high <= low:
            continue
        places = np.arange(low, high + 1)
        change = [
            sign * (np.mean(log_height[p : min(p + 4, right.last + 1)]) - np.mean(log_height[max(p - 4, left.first) : p]))
            for p in places
        ]
        if max(change) > 0.15:
            cut = int(places[int(np.argmax(change))])
            sharp[k], sharp[k + 1] = left._replace(last=cut - 1), right._replace(first=cut)
    return sharp


def _dark_before(trace: pd.DataFrame, first: int, level: float) -> bool:
    """Whether the place was dark before a part's first spot: else the vesicle was there and only its track begins."""
    before = trace[(trace["frame"] < first - 1) & (trace["frame"] >= first - 7)]["amplitude"].to_numpy()
    before = before[np.isfinite(before)]
    return len(before) > 0 and bool(np.median(before) < GONE * level)


def _exit(movie: Movie, part: pd.DataFrame, last: int, brightest: float, fusion: Fusion | None) -> str:
    """How the last stay of a part ended."""
    if fusion is not None:
        return fusion.kind
    if last >= len(movie) - 1 - EDGE_FRAMES:
        return "censored"
    after = part[(part["frame"] > last) & (part["frame"] <= last + 6)]["amplitude"].to_numpy()
    after = after[np.isfinite(after)]
    if len(after) == 0:
        return "lost"
    return "undocking" if np.median(after) < GONE * brightest else "lost"


def transitions(table: pd.DataFrame, traces: pd.DataFrame, movie: Movie) -> list[dict[str, Any]]:
    """Dockings, undockings and tetherings that an Episodes table implies, as rows of an Events table."""
    place = traces.set_index(["track_id", "frame"])[["y_um", "x_um", "amplitude"]]
    rows = []
    before: dict[str, Any] = {"track_id": None}
    for episode in table.to_dict("records"):
        starts = {STATES[DOCKED]: "docking", STATES[TETHERED]: "tethering"}.get(episode["state"])
        # A tethered stay straight after a docked one is an undocking already counted, not a tethering.
        loosened = starts == "tethering" and before["track_id"] == episode["track_id"] and before["state"] == STATES[DOCKED]
        if starts is not None and episode["entry_observed"] and not loosened:
            rows.append(_row(starts, episode, episode["first_frame"], place, movie))
        if episode["state"] == STATES[DOCKED] and episode["exit_kind"] == "undocking":
            rows.append(_row("undocking", episode, min(episode["last_frame"] + 1, len(movie) - 1), place, movie))
        before = episode
    return rows


def _row(kind: str, episode: dict[str, Any], frame: int, place: pd.DataFrame, movie: Movie) -> dict[str, Any]:
    y, x, amplitude = place.loc[(episode["track_id"], min(frame, episode["last_frame"]))].to_numpy()
    row = {
        "movie_id": movie.movie_id,
        "track_id": episode["track_id"],
        "kind": kind,
        "frame": frame,
        "t_s": float(movie.t_s(frame)),
        "y_um": y,
        "x_um": x,
        "amplitude": amplitude,
        "confident": bool(episode["n_frames"] >= 5),
    }
    if kind == "undocking":
        row |= {"docked_s": episode["duration_s"], "docked_entry_observed": episode["entry_observed"]}
    return row


__all__ = ["Fusion", "episodes", "transitions"]
