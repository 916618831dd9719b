"""Linking: VESICLE-like movies from pixels to tracks, and tracks from given spots against the clock."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from exotrack.score import score_tracks
from exotrack.tables import Spots

from . import ours, peers
from .matching import compare
from .movies import PIXEL_UM, Made, degraded, points, vesicle_like, walks
from .scale import Scale, cpu, quickest

SEED = 400
TUNING = 50
GATE_UM = 5 * PIXEL_UM
LEVELS, DENSITIES = (2, 4, 7), {"low": 100, "mid": 500, "high": 1000}
SIGMA_PX, REACH_PX, GAP, LEAST = 1.2, 7.0, 2, 3
"""Told to every method: width of a spot, and 3.5 standard deviations of a step along an axis as the longest."""
OUR_REACH_PX = 9.0
"""exotrack weighs steps by how likely they are, so its limit may be wider: 4.5 standard deviations."""
PUBLISHED = {
    "2 low": (0.660, 0.607, 0.797), "2 mid": (0.574, 0.484, 0.839), "2 high": (0.383, 0.311, 1.088),
    "4 low": (0.878, 0.861, 0.433), "4 mid": (0.687, 0.622, 0.607), "4 high": (0.530, 0.442, 0.801),
    "7 low": (0.888, 0.851, 0.254), "7 mid": (0.700, 0.622, 0.543), "7 high": (0.582, 0.494, 0.683),
}  # fmt: skip
"""Best alpha, best beta and best RMSE (pixels) of any method on the challenge's own vesicle scenario, read off Fig. 2 of
Chenouard et al. 2014; three different methods may hold the three."""
BASELINES = ("OpenCV DoG(1, 4)", peers.TRACKPY)
TUNING_FRAMES, WARM = 6, 12


def run(scale: Scale) -> dict[str, Any]:
    """Rows "SNR density" with the scores of every method, means over movies; the seeds of tuning and reporting differ."""
    rows = {}
    for i, level in enumerate(LEVELS):
        for j, (word, density) in enumerate(DENSITIES.items()):
            seed = SEED + 100 * (3 * i + j)
            tuning = vesicle_like(level, density, replace(scale, vesicle_frames=TUNING_FRAMES), seed + TUNING)
            many = [_movie(vesicle_like(level, density, scale, seed + k), tuning) for k in range(scale.movies)]
            rows[f"{level} {word}"] = {name: _mean([one[name] for one in many]) for name in many[0]}
    return {"rows": rows, "movies": scale.movies, "frames": scale.vesicle_frames}


def _movie(made: Made, tuning: Made) -> dict[str, Any]:
    """Scores of every method on one movie."""
    size = made.pixels.shape[1]
    ours.link(ours.detect(made.pixels[:WARM], SIGMA_PX), OUR_REACH_PX, GAP, LEAST)  # compiles
    spots, finding = cpu(lambda: ours.detect(made.pixels, SIGMA_PX))
    tracks, joining = cpu(lambda: ours.link(spots, OUR_REACH_PX, GAP, LEAST))
    scores = {ours.NAME: _scores(made, tracks) | _costs(made, points(spots), size, finding, joining)}
    for peer in peers.detectors(SIGMA_PX, 0.0, 0.0):
        if peer.name not in BASELINES:
            continue
        name = f"{peer.name} + trackpy.link"
        if not (peers.installed(peer.package) and peers.installed("trackpy")):
            scores[name] = {"missing": True}
            continue
        threshold = peers.tuned(peer, tuning)
        found, finding = cpu(lambda peer=peer, at=threshold: peers.located(peer, made.pixels, at))
        scores[name] = _linked(made, found, size, finding)
    return scores


def _linked(made: Made, found: Any, size: int, finding: float) -> dict[str, Any]:
    from trackpy.linking.utils import SubnetOversizeException

    table = peers.table(found)
    try:
        tracks, joining = cpu(lambda: peers.trackpy_link(table, REACH_PX, GAP, LEAST))
    except SubnetOversizeException:
        return {"failed": "SubnetOversizeException"}
    return _scores(made, tracks) | _costs(made, found, size, finding, joining)


def _scores(made: Made, tracks: pd.DataFrame) -> dict[str, float]:
    true = made.tracks.assign(movie_id="m")
    s = score_tracks(true, tracks.assign(movie_id="m"), GATE_UM)
    return {"alpha": s.alpha, "beta": s.beta, "jsc": s.jsc, "jsc_theta": s.jsc_theta, "rmse_px": s.rmse_um / PIXEL_UM}


def _costs(made: Made, found: Any, size: int, finding: float, joining: float) -> dict[str, float]:
    return {"f1": compare(made.spots, found, size).f1, "detect_s": finding, "link_s": joining}


def _mean(many: list[dict[str, Any]]) -> dict[str, Any]:
    for one in many:
        if "failed" in one or "missing" in one:
            return one
    return {key: float(np.mean([one[key] for one in many])) for key in many[0]}


@dataclass(frozen=True)
class Linker:
    """A linker: spots (table), longest step (pixels), gap and least spots to tracks."""

    name: str
    package: str | None
    link: Callable[[pd.DataFrame, float, int, int], pd.DataFrame]
    frames: int | None = None


LINKERS = (
    Linker(ours.NAME, None, ours.link),
    Linker("trackpy.link (memory 3)", "trackpy", peers.trackpy_link),
    Linker("laptrack, data frames", "laptrack", partial(peers.laptrack_link, arrays=False), 100),
    Linker("laptrack, arrays", "laptrack", partial(peers.laptrack_link, arrays=True), 100),
)
"""`frames`: of how many the slow ones are given the first."""
STEP_PX, SLOW_GAP, SLOW_LEAST = 5.0, 3, 4


def speed(scale: Scale) -> dict[str, Any]:
    """About 100 slow spots a frame, as they are and degraded: frames a second, and the scores."""
    tracks = walks(scale, scale.number(100), scale.link_frames, 0.75, SEED + 1)
    plain = tracks.drop(columns="track_id").sort_values(["frame", "y_um"], kind="stable", ignore_index=True)
    rows: dict[str, Any] = {}
    for word, spots in (("perfect", plain), ("degraded", degraded(tracks, scale.size_px, SEED + 2))):
        for linker in LINKERS:
            row = rows.setdefault(linker.name, {})
            if linker.package and not peers.installed(linker.package):
                row["missing"] = True
                continue
            n = min(scale.link_frames, linker.frames or scale.link_frames)
            given = Spots.build(spots[spots["frame"] < n])
            linker.link(given[given["frame"] < 12].copy(), STEP_PX, SLOW_GAP, SLOW_LEAST)  # compiles
            found, seconds = quickest(lambda linker=linker, given=given: linker.link(given, STEP_PX, SLOW_GAP, SLOW_LEAST))
            true = tracks[tracks["frame"] < n].assign(movie_id="m")
            s = score_tracks(true, found.assign(movie_id="m"), GATE_UM)
            row[word] = {"frames_per_s": n / seconds, "alpha": s.alpha, "beta": s.beta, "jsc_theta": s.jsc_theta, "frames": n}
    return {"rows": rows, "spots_per_frame": len(plain) / scale.link_frames}
