"""How large a run is, and the clock."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Scale:
    """Sizes of the movies. `size_px` is the side of the field; densities are per 512 x 512 pixels and scale with it."""

    name: str
    size_px: int = 512
    detection_frames: int = 300
    other_frames: int = 100
    tuning_frames: int = 12
    blank_frames: int = 400
    localisation_frames: int = 60
    fits: int = 20_000
    vesicle_frames: int = 100
    movies: int = 2
    link_frames: int = 500
    dense_frames: int = 20
    dense_spots: tuple[int, ...] = (250, 500, 1000, 2000, 4000)
    patience_s: float = 60.0

    def number(self, per_frame: float) -> float:
        """Spots in this field at `per_frame` in 512 x 512 pixels."""
        return per_frame * (self.size_px / 512.0) ** 2


FULL = Scale("full")
QUICK = Scale(
    "quick", size_px=256, detection_frames=40, other_frames=20, tuning_frames=4, blank_frames=60, localisation_frames=20,
    fits=4000, vesicle_frames=40, movies=1, link_frames=100, dense_frames=8, dense_spots=(250, 500, 1000), patience_s=20.0,
)  # fmt: skip
TINY = Scale(
    "tiny", size_px=96, detection_frames=6, other_frames=4, tuning_frames=2, blank_frames=4, localisation_frames=3,
    fits=200, vesicle_frames=8, movies=1, link_frames=12, dense_frames=4, dense_spots=(40, 80), patience_s=20.0,
)  # fmt: skip
SCALES = {scale.name: scale for scale in (FULL, QUICK, TINY)}


def cpu(call: Callable[[], Any]) -> tuple[Any, float]:
    """What `call` returns, and the processor time (s) it took, summed over threads."""
    begin = time.process_time()
    result = call()
    return result, max(time.process_time() - begin, 1e-6)


def quickest(call: Callable[[], Any], enough_s: float = 2.0, most: int = 5) -> tuple[Any, float]:
    """As `cpu`, the least of as many times as fit into `enough_s`, at most `most`: what is short is easily disturbed."""
    result, least = cpu(call)
    total = least
    for _ in range(most - 1):
        if total + least > enough_s:
            break
        result, seconds = cpu(call)
        least, total = min(least, seconds), total + seconds
    return result, least
