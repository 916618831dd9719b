"""False positives on frames without a signal, against the rate that was asked for."""

from __future__ import annotations

from typing import Any

from . import ours, peers
from .movies import BLANKS, abc, blank
from .scale import Scale

SEED = 200
RATES = (0.1, 1.0)
PEER_FRAMES = 20
"""Frames given to the others: their numbers are large or nought."""


def run(scale: Scale) -> dict[str, Any]:
    """Per kind of frame: false spots a frame of exotrack at each stated rate, and of others with a threshold tuned on movie A."""
    tuning = abc("A", scale, max(scale.tuning_frames // 2, 2), SEED)
    thresholds = {p.name: peers.tuned(p, tuning) for p in peers.detectors(1.3) if p.scored and peers.installed(p.package)}
    rows: dict[str, dict[str, Any]] = {}
    for number, kind in enumerate(BLANKS, 1):
        pixels = blank(kind, scale, SEED + number)
        # Rates are per frame whatever its size, so a smaller field changes nothing.
        row: dict[str, Any] = {f"{rate:g}": len(ours.detect(pixels, rate=rate)) / len(pixels) for rate in RATES}
        some = pixels[:PEER_FRAMES]
        for peer in peers.detectors(1.3):
            if peer.name in thresholds:
                row[peer.name] = len(peers.located(peer, some, thresholds[peer.name])) / len(some)
        if peers.installed("trackpy"):
            row["trackpy.locate, no threshold given"] = sum(len(peers.trackpy_locate(None, image, 0.0)) for image in some) / len(
                some
            )
        rows[kind] = row
    return {"rows": rows, "frames": scale.blank_frames, "rates": list(RATES)}
