"""Detection: F1 on the movies A, B and C with one parameter set against thresholds tuned on the truth, and speed on A."""

from __future__ import annotations

from typing import Any

from . import ours, peers
from .matching import Found, compare
from .movies import Array, Made, abc, points
from .scale import Scale, quickest

SEEDS = {"A": 101, "B": 102, "C": 103}
TUNING = 50
"""Added to a seed for the frames on which the others' thresholds are tuned; exotrack does not see them."""
WARM = 12
"""Frames seen before the clock starts, for what is compiled when it is first needed."""


def run(scale: Scale) -> dict[str, Any]:
    """Rows of detectors: per movie F1, precision, recall, RMSE (pixels), threshold; frames and MB a second on A."""
    rows: dict[str, dict[str, Any]] = {}
    for which, seed in SEEDS.items():
        frames = scale.detection_frames if which == "A" else scale.other_frames
        made = abc(which, scale, frames, seed)
        other = abc(which, scale, scale.tuning_frames, seed + TUNING).before(scale.tuning_frames)
        ours.detect(made.pixels[:WARM])  # compiles
        found, seconds = quickest(lambda made=made: ours.detect(made.pixels))
        rows.setdefault(ours.NAME, {})[which] = _measured(made, points(found), seconds)
        for peer in peers.detectors(1.3):
            row = rows.setdefault(peer.name, {"package": peer.package})
            if not peers.installed(peer.package):
                row["missing"] = True
                continue
            threshold = peers.tuned(peer, other)
            found, seconds = quickest(lambda made=made, peer=peer, at=threshold: peers.located(peer, made.pixels, at))
            row[which] = _measured(made, found, seconds) | {"threshold": threshold}
    spots = len(made.spots) / max(len(made.pixels), 1)
    return {"rows": rows, "spots_per_frame": spots, "frames": scale.detection_frames, "tuning_frames": scale.tuning_frames}


def _measured(made: Made, found: Array, seconds: float) -> dict[str, float]:
    score: Found = compare(made.spots, found, made.pixels.shape[1])
    return {
        "f1": score.f1,
        "precision": score.right / max(score.right + score.false, 1),
        "recall": score.right / max(score.right + score.missed, 1),
        "rmse_px": score.rmse(),
        "frames_per_s": len(made.pixels) / seconds,
        "mb_per_s": made.pixels.nbytes / 1e6 / seconds,
    }
