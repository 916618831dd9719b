"""The largest count a detector can give: what saturation is measured against."""

from __future__ import annotations

import numpy as np

from exotrack.errors import InputError
from exotrack.movie import FrameSource

_BITS = (8, 10, 11, 12, 13, 14, 15)
"""Depths of scientific cameras that store their counts in 16 bits."""
_AT_CEILING = 4
"""Pixels at exactly 2^bits - 1 before this is taken as clipping: by chance fewer than one pixel of five frames is."""


def ceiling(frames: FrameSource, stated: float | None) -> tuple[float | None, str]:
    """Largest count of the detector, and a note if it was inferred.

    The file's word wins. Otherwise five frames spread over the movie are looked at: when their largest value is exactly
    that of a camera's bit depth and several pixels have it, the data are clipped there. Else the dtype's largest value;
    None for real numbers.
    """
    if frames.dtype.kind not in "ui":
        return None, ""
    top = float(np.iinfo(frames.dtype).max)
    if stated is not None and 0 < stated <= top:
        return stated, ""
    if frames.dtype.itemsize == 1:
        return top, ""
    largest, count = _largest(frames)
    for bits in _BITS:
        if largest == 2**bits - 1 and count >= _AT_CEILING:
            return float(largest), f"{bits}-bit data: {largest} counts is taken as the detector's ceiling"
    return top, ""


def _largest(frames: FrameSource) -> tuple[int, int]:
    """Largest value and how many pixels have it, over five frames spread over the movie; unreadable ones are left out."""
    largest, count = 0, 0
    for frame in sorted({int(k) for k in np.linspace(0, frames.shape[0] - 1, 5)}):
        try:
            pixels = frames.read(frame, frame + 1)
        except InputError:
            continue
        top = int(pixels.max())
        here = int(np.count_nonzero(pixels == top))
        count = here + (count if top == largest else 0) if top >= largest else count
        largest = max(top, largest)
    return largest, count
