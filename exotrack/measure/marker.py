"""A second channel at every vesicle: the docking marker beside the cargo, and what is clipped.

The marker at a vesicle is the mean of a disk about its place less that of a ring around it; over the ring without the camera's
offset it is dF/F, comparable between cells that express more or less of the marker (after Gandasi and Barg 2014, Nat Commun
5:3914, who take the ring over the background beside the cell as the cell's level).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
from numba import njit
from numpy.typing import NDArray

from exotrack._blocks import Block, Execution, blocks, map_blocks
from exotrack._drift import drift_um
from exotrack._frames import read_usable, usable
from exotrack.measure._register import Windowed, register
from exotrack.measure.footprint import mean_image
from exotrack.movie import Movie
from exotrack.params import Analysis
from exotrack.physics import Noise

Real = NDArray[np.float64]

DISK_WIDTHS, RING_WIDTHS = 2.0, (3.0, 5.5)
"""Radius of the disk, and of the ring's two edges, in vesicle widths: a spot's light ends before the ring begins."""
LEAST_PIXELS = 6
"""Fewer pixels than this of the ring within the picture are no background."""
AROUND_S = 0.5
"""Frames this far on either side of an event say what the marker is there: the time in which a vesicle docks or lets go."""
CREDIBLE_PX, FURTHEST_UM = 0.5, 1.0
"""A shift between channels is believed up to this error and length: colours of one objective lie tenths of a um apart."""


def co_measure(
    movie: Movie,
    marker: Movie,
    traces: pd.DataFrame,
    frames: pd.DataFrame,
    params: Analysis,
    noise: Noise,
    run: Execution = Execution(),
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """The Traces table with the marker's three columns, and for the record how the channels lie to one another.

    Parameters
    ----------
    movie, marker : two channels of one movie.
    traces, frames : tables of the first; the stage's drift is that of both.
    params : `protocol.marker_shift_um` if it is known; the width of a vesicle.
    noise : of the marker's channel.
    run : how fast; never changes the result.
    """
    sigma_px = params.detect.sigma_um / movie.pixel_um
    shift_px, record = channel_shift(movie, marker, frames, params, run)
    order = np.argsort(traces["frame"].to_numpy(), kind="stable")
    frame = traces["frame"].to_numpy()[order]
    moved = drift_um(frames)[frame] / movie.pixel_um + shift_px
    place = traces[["y_um", "x_um"]].to_numpy(float)[order] / movie.pixel_um + moved
    cut = [(block, slice(*np.searchsorted(frame, [block.start, block.stop]))) for block in blocks(marker, run)]
    tasks = [(marker, block, frame[rows], place[rows], sigma_px, noise) for block, rows in cut if rows.stop > rows.start]
    found = list(map_blocks("marker", _block, tasks, run))
    values = np.full((len(traces), 3), np.nan)
    values[order] = np.concatenate(found) if found else np.empty((0, 3))
    values[~usable(frames)[traces["frame"].to_numpy()]] = np.nan
    names = ("marker_intensity", "marker_intensity_sd", "marker_background")
    return traces.assign(**{name: values[:, k] for k, name in enumerate(names)}), record


def _block(marker: Movie, block: Block, frame: NDArray[np.int64], place: Real, sigma_px: float, noise: Noise) -> Real:
    """(n, 3) disk less ring, its standard error, and ring, of the rows of one block."""
    pixels, _ = read_usable(marker, block.start, block.stop)
    out = np.full((len(frame), 3), np.nan)
    radii = (DISK_WIDTHS * sigma_px, RING_WIDTHS[0] * sigma_px, RING_WIDTHS[1] * sigma_px)
    _disks(pixels, frame - block.start, np.ascontiguousarray(place), radii, (noise.slope, noise.intercept), out)
    return out


@njit(nogil=True, cache=True)
def _disks(
    pixels: NDArray[Any],
    frame: NDArray[np.int64],
    place: Real,
    radii: tuple[float, float, float],
    noise: tuple[float, float],
    out: Real,
) -> None:
    """Fill `out`: means over disk and ring, the error from noise in the disk and from all scatter in the ring."""
    _, height, width = pixels.shape
    disk, near, far = radii
    for k in range(len(frame)):
        y, x = place[k, 0], place[k, 1]
        n, inside, m, around, squares = 0, 0.0, 0, 0.0, 0.0
        for i in range(max(math.ceil(y - far), 0), min(math.floor(y + far) + 1, height)):
            for j in range(max(math.ceil(x - far), 0), min(math.floor(x + far) + 1, width)):
                away = (i - y) ** 2 + (j - x) ** 2
                value = float(pixels[frame[k], i, j])
                if away <= disk * disk:
                    n += 1
                    inside += value
                elif near * near <= away <= far * far:
                    m += 1
                    around += value
                    squares += value * value
        if n > 0 and m >= LEAST_PIXELS:
            ring = around / m
            scatter = max(squares / m - ring * ring, 0.0) / (m - 1)
            own = max(noise[0] * inside / n + noise[1], 0.0) / n
            out[k, 0], out[k, 1], out[k, 2] = inside / n - ring, math.sqrt(own + scatter), ring


def channel_shift(
    movie: Movie, marker: Movie, frames: pd.DataFrame, params: Analysis, run: Execution = Execution()
) -> tuple[Real, dict[str, Any]]:
    """Where a point of the cargo's channel lies in the marker's: shift (y, x; pixels), and a record of it in um."""
    given = params.protocol.marker_shift_um
    if given:
        return np.array(given) / movie.pixel_um, {"shift_um": list(given), "shift_sd_um": None, "shift": "given"}
    from scipy import fft

    sigma_px = params.detect.sigma_um / movie.pixel_um
    first, second = (mean_image(channel, frames, run) for channel in (movie, marker))
    whole = Windowed(0, 0, first.shape[0], first.shape[1], sigma_px)
    seen = register(whole.detail(second), fft.fft2(whole.detail(first)), sigma_px)
    shift, sd = seen[:2], seen[2:]
    if np.any(sd > CREDIBLE_PX) or np.hypot(*shift) * movie.pixel_um > FURTHEST_UM:
        none = "none found: the channels show too little in common; taken as 0"
        return np.zeros(2), {"shift_um": [0.0, 0.0], "shift_sd_um": None, "shift": none}
    um = movie.pixel_um
    return shift, {"shift_um": [float(s * um) for s in shift], "shift_sd_um": [float(s * um) for s in sd], "shift": "estimated"}


def at_events(events: pd.DataFrame, traces: pd.DataFrame, movie: Movie, offset: float | None) -> pd.DataFrame:
    """An Events table with the marker's dF/F at each event, from the traces of its track within `AROUND_S`."""
    if offset is None or events.empty:
        return events
    tracks = {int(key): part for key, part in traces.groupby("track_id")}
    rows = [
        _dff(tracks.get(int(track)) if pd.notna(track) else None, float(movie.t_s(int(frame))), offset)
        for track, frame in zip(events["track_id"], events["frame"], strict=True)
    ]
    return events.assign(marker_dff=[row[0] for row in rows], marker_dff_sd=[row[1] for row in rows])


def _dff(track: pd.DataFrame | None, t_s: float, offset: float) -> tuple[float, float]:
    """Mean dF/F around one event and its standard error, from the scatter of the frames or the noise, whichever is larger."""
    if track is None:
        return math.nan, math.nan
    near = track[(np.abs(track["t_s"] - t_s) <= AROUND_S) & np.isfinite(track["marker_intensity"])]
    ring = float(near["marker_background"].mean()) - offset
    if len(near) == 0 or not ring > 0:
        return math.nan, math.nan
    height, sd, n = near["marker_intensity"].to_numpy(), near["marker_intensity_sd"].to_numpy(), len(near)
    noise = math.sqrt(float((sd**2).sum())) / n
    scatter = float(height.std(ddof=1)) / math.sqrt(n) if n > 2 else 0.0
    return float(height.mean()) / ring, max(noise, scatter) / ring


def clipped(events: pd.DataFrame, tracks: pd.DataFrame) -> pd.DataFrame:
    """An Events table that says whether the spot was clipped in the frame of the event or one beside it."""
    known = tracks[tracks["observed"].fillna(True).astype(bool) & tracks["saturated"].notna()]
    at = dict(zip(zip(known["track_id"], known["frame"], strict=True), known["saturated"].astype(bool), strict=True))
    flags = []
    for track, frame in zip(events["track_id"], events["frame"], strict=True):
        seen = [] if pd.isna(track) else [at[key] for lag in (-1, 0, 1) if (key := (int(track), int(frame) + lag)) in at]
        flags.append(any(seen) if seen else pd.NA)
    return events.assign(saturated=pd.array(flags, dtype="boolean"))
