"""Episodes: the stays of every track in its states, with how each began and ended, and the events between them."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from exotrack.classify._states import DOCKED, MOBILE, TETHERED, covariance_diffusion, states
from exotrack.movie import Movie
from exotrack.params import ClassifyParams
from exotrack.tables import STATES, Episodes

EDGE_FRAMES = 2
"""A track that starts or ends this close to the movie's ends may have been there before or after: not observed."""
GONE = 0.45
"""Brightness after a track's end, relative to before, below which the vesicle has left rather than been lost."""


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
    rows: list[dict[str, Any]] = []
    for track_id, track in traces.groupby("track_id", sort=True):
        rows += _of_track(movie, int(track_id), track, fusions.get(int(track_id), []), params, sigma_um)
    for number, row in enumerate(rows, start=1):
        row["episode_id"] = number
    return Episodes.build(pd.DataFrame(rows)) if rows else Episodes.empty()


def _of_track(
    movie: Movie, track_id: int, track: pd.DataFrame, fusions: list[Fusion], params: ClassifyParams, sigma_um: float
) -> list[dict[str, Any]]:
    """Episodes of one track; each part between fusions has its own brightest level, for cargo may have left."""
    rows: list[dict[str, Any]] = []
    start = -1
    for fusion in [*fusions, None]:
        stop = fusion.frame if fusion is not None else len(movie)
        part = track[(track["frame"] >= start) & (track["frame"] < stop)]
        seen = part[part["observed"] & np.isfinite(part["amplitude"])]
        if len(seen) >= 2:
            rows += _of_part(movie, track_id, part, seen, (start >= 0, fusion), params, sigma_um)
        if fusion is not None and fusion.kind == "full_fusion":
            break
        start = stop
    return rows


def _of_part(
    movie: Movie,
    track_id: int,
    part: pd.DataFrame,
    seen: pd.DataFrame,
    ends: tuple[bool, Fusion | None],
    params: ClassifyParams,
    sigma_um: float,
) -> list[dict[str, Any]]:
    after_fusion, fusion = ends
    frame, time = seen["frame"].to_numpy(), seen["t_s"].to_numpy()
    place = seen[["y_um", "x_um"]].to_numpy()
    height = np.maximum(seen["amplitude"].to_numpy(), seen["amplitude_sd"].to_numpy())
    brightest = _brightest(height)
    error = math.sqrt(2.0) * sigma_um * seen["amplitude_sd"].to_numpy() / height
    log_brightness = np.log(height / brightest)
    path = states(time, place, error, log_brightness, params, movie.frame_s)
    stays = _merge_short(_stays(path), time, params.min_docked_s, movie.frame_s)
    stays = _sharpen(stays, np.log(height))
    rows = []
    for k, stay in enumerate(stays):
        inside = slice(stay.first, stay.last + 1)
        entry, exit_kind = True, "undocking"
        if k == 0:
            entry = not after_fusion and frame[0] > EDGE_FRAMES
        if k == len(stays) - 1:
            exit_kind = _exit(movie, part, int(frame[-1]), brightest, fusion)
        elif stay.state != DOCKED:
            exit_kind = "lost"
        rows.append(
            {
                "movie_id": movie.movie_id,
                "track_id": track_id,
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
                "height_nm": float(-params.penetration_nm * np.mean(log_brightness[inside])),
            }
        )
    return rows


def _brightest(height: NDArray[np.float64]) -> float:
    """The level of a vesicle in contact: the 80th percentile of three-frame medians, which one flash does not move."""
    padded = np.concatenate([height[:1], height, height[-1:]])
    medians = np.median(np.lib.stride_tricks.sliding_window_view(padded, 3), axis=1)
    return float(np.percentile(medians, 80))


def _stays(path: NDArray[np.int64]) -> list[Stay]:
    cuts = np.flatnonzero(np.diff(path)) + 1
    firsts, lasts = np.concatenate([[0], cuts]), np.concatenate([cuts, [len(path)]]) - 1
    return [Stay(int(path[a]), int(a), int(b)) for a, b in zip(firsts, lasts, strict=True)]


def _merge_short(stays: list[Stay], time: NDArray[np.float64], least_s: float, frame_s: float) -> list[Stay]:
    """Docked stays shorter than `least_s` become tethered; a gap that short between docked stays becomes docked."""

    def lasts(stay: Stay) -> float:
        return float(time[stay.last] - time[stay.first]) + frame_s

    def joined(parts: list[Stay]) -> list[Stay]:
        whole: list[Stay] = []
        for part in parts:
            if whole and whole[-1].state == part.state:
                part = Stay(part.state, whole.pop().first, part.last)
            whole.append(part)
        return whole

    bridged = [
        Stay(DOCKED, s.first, s.last)
        if 0 < k < len(stays) - 1 and stays[k - 1].state == stays[k + 1].state == DOCKED and lasts(s) < 0.5 * least_s
        else s
        for k, s in enumerate(stays)
    ]
    bridged = joined(bridged)
    return joined([Stay(TETHERED, s.first, s.last) if s.state == DOCKED and lasts(s) < least_s else s for s in bridged])


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
    for episode in table.to_dict("records"):
        starts = {STATES[DOCKED]: "docking", STATES[TETHERED]: "tethering"}.get(episode["state"])
        if starts is not None and episode["entry_observed"] and not _loosened(starts, episode, table):
            rows.append(_row(starts, episode, episode["first_frame"], place, movie))
        if episode["state"] == STATES[DOCKED] and episode["exit_kind"] == "undocking":
            rows.append(_row("undocking", episode, min(episode["last_frame"] + 1, len(movie) - 1), place, movie))
    return rows


def _loosened(starts: str, episode: dict[str, Any], table: pd.DataFrame) -> bool:
    """A tethered stay straight after a docked one is an undocking already counted, not a tethering."""
    if starts != "tethering":
        return False
    before = table[(table["track_id"] == episode["track_id"]) & (table["last_frame"] < episode["first_frame"])]
    return len(before) > 0 and before.iloc[-1]["state"] == STATES[DOCKED]


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


__all__ = ["MOBILE", "Fusion", "episodes", "transitions"]
