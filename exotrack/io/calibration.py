"""Pixel size and frame times: what the user gives wins, then what the file says; nothing is guessed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from exotrack.errors import CalibrationError
from exotrack.io.stored import Found, Stored
from exotrack.movie import FRAME_S_RANGE, PIXEL_UM_RANGE

SQUARE = 1e-3
"""Pixels count as square when the two pitches agree to this fraction: above rounding in files, below any optics."""


@dataclass(frozen=True, eq=False)
class Calibration:
    """Pixel size (um), frame interval (s), time of each frame (s) or None, where they came from, what to know."""

    pixel_um: float
    frame_s: float
    times_s: NDArray[np.float64] | None
    sources: dict[str, str]
    notes: tuple[str, ...] = ()


def resolve(
    stored: Stored, name: str, plane_s: NDArray[np.float64] | None, pixel_um: float | None, frame_s: float | None
) -> Calibration:
    """Calibration of the chosen planes.

    Parameters
    ----------
    plane_s : (n_frames,) time stamps (s) of the chosen planes, or None.
    pixel_um, frame_s : what the user gave, or None.

    Raises
    ------
    CalibrationError : a value is missing, absurd, or the pixels are not square; the text names the flag to give.
    """
    pixel = _pixel(stored, name, pixel_um)
    times, note = _usable_times(plane_s)
    if frame_s is not None:
        interval, times, note = Found(float(frame_s), "--frame-s"), None, ""
    elif times is not None:
        median, stated = float(np.median(np.diff(times))), stored.interval.value
        interval = Found(median, "file: median of the time stamps")
        if stated is not None and abs(stated / median - 1) > 0.05:
            note = f"the file says {stated:g} s a frame, its time stamps {median:g} s; the time stamps are used"
    else:
        interval = Found(stored.interval.value, f"file: {stored.interval.source}", stored.interval.problem)
    found = {
        "pixel_um": _checked(name, "pixel size", pixel, PIXEL_UM_RANGE, "um", "--pixel-um"),
        "frame_s": _checked(name, "frame interval", interval, FRAME_S_RANGE, "s", "--frame-s"),
    }
    sources = {"pixel_um": pixel.source, "frame_s": interval.source}
    if times is not None:
        sources["times_s"] = "file: time stamps"
    return Calibration(found["pixel_um"], found["frame_s"], times, sources, (note,) if note else ())


def _pixel(stored: Stored, name: str, given: float | None) -> Found:
    if given is not None:
        return Found(float(given), "--pixel-um")
    y, x = stored.pixel_y, stored.pixel_x
    if y.value is not None and x.value is not None and abs(y.value - x.value) > SQUARE * max(y.value, x.value):
        raise CalibrationError(
            f"{name}: pixels are not square, {y.value:g} um in y and {x.value:g} um in x ({x.source}); "
            "resample the movie, or if the file is wrong give the pixel size with --pixel-um"
        )
    found = x if x.value is not None else y
    return Found(found.value, f"file: {found.source}", x.problem or y.problem)


def _checked(name: str, what: str, found: Found, allowed: tuple[float, float], unit: str, flag: str) -> float:
    low, high = allowed
    if found.value is None:
        why = found.problem or f"the file does not give the {what}"
        raise CalibrationError(f"{name}: {why}; give it in {unit} with {flag}")
    if not low <= found.value <= high:
        raise CalibrationError(
            f"{name}: {what} of {found.value:g} {unit} ({found.source}) is not between {low:g} and {high:g} {unit}; "
            f"give the true value with {flag}"
        )
    return found.value


def _usable_times(plane_s: NDArray[np.float64] | None) -> tuple[NDArray[np.float64] | None, str]:
    """Times from the first frame on, or None and why time stamps that are there are not used."""
    if plane_s is None or len(plane_s) < 2 or np.all(np.isnan(plane_s)) or np.all(plane_s == plane_s[0]):
        return None, ""
    if not np.all(np.isfinite(plane_s)):
        return None, f"{np.sum(~np.isfinite(plane_s))} of {len(plane_s)} frames have no time stamp; time stamps are not used"
    if np.any(np.diff(plane_s) <= 0):
        return None, "the time stamps do not increase from frame to frame; they are not used"
    return plane_s - plane_s[0], ""
