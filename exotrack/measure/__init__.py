"""Measure: pixels and Tracks to Traces.

Every track is measured on the pixels in every frame from `before_s` before its first spot to `after_s` after its last,
inside its gaps too: the height, background and width of a spot at the track's place, by maximum likelihood under the
camera's noise. What a vesicle does before it is detected and after it is lost is what tells a fusion from a visit.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from exotrack._blocks import Block, Execution, blocks, map_blocks, owned
from exotrack._drift import drift_um
from exotrack._frames import read_usable, usable
from exotrack.measure._positions import Positions, positions
from exotrack.measure._spot_fit import measure_rows
from exotrack.measure.drift import estimate_drift, with_drift
from exotrack.measure.footprint import footprint
from exotrack.measure.marker import at_events, clipped, co_measure
from exotrack.measure.solutions import fused_of_pool, pools, with_solutions
from exotrack.movie import Movie
from exotrack.params import MeasureParams
from exotrack.physics import Noise
from exotrack.tables import Frames, Traces, Tracks

__all__ = [
    "at_events", "clipped", "co_measure", "estimate_drift", "footprint", "fused_of_pool", "measure", "pools", "with_drift",
    "with_solutions",
]  # fmt: skip

MEASURED = ("amplitude", "amplitude_sd", "background", "sigma_um", "intensity", "intensity_sd")


def measure(
    movie: Movie,
    tracks: pd.DataFrame,
    params: MeasureParams,
    noise: Noise,
    frames: pd.DataFrame,
    run: Execution = Execution(),
) -> pd.DataFrame:
    """Measure every track in every frame around it.

    Parameters
    ----------
    movie : the pixels.
    tracks : a Tracks table; its sigma_um is the width that is fitted.
    params : what to measure around and beyond a track.
    noise : camera noise, counts.
    frames : a Frames table; rows of frames that cannot be used are kept with missing measures and their status. Pixels are read
        where the drift it holds has taken each place.
    run : how fast; never changes the result.

    Returns
    -------
    A Traces table sorted by track then frame. Cost: about 20 us per row; memory: one block of pixels per worker.
    """
    Tracks.check(tracks)
    where = positions(movie, tracks, params)
    if len(where.frame) == 0:
        return Traces.empty()
    sigma_px = float(tracks["sigma_um"].median()) / movie.pixel_um
    settings = (sigma_px, params.radius_um / movie.pixel_um, noise.slope, noise.intercept)
    cut = [(block, owned(where.frame, block)) for block in blocks(movie, run)]
    cut = [(block, rows) for block, rows in cut if rows.stop > rows.start]
    drift = drift_um(frames)
    tasks = [(movie, block, where.rows(rows).moved(drift), settings) for block, rows in cut]
    values = np.empty((len(where.frame), len(MEASURED)))
    for (_, rows), part in zip(cut, map_blocks("measure", _measure_block, tasks, run), strict=True):
        values[rows] = part
    return _table(movie, where, values, frames)


def _measure_block(
    movie: Movie, block: Block, where: Positions, settings: tuple[float, float, float, float]
) -> NDArray[np.float64]:
    """(n, 6) measures of the rows of one block, in the order of `MEASURED`, width in um."""
    pixels, _ = read_usable(movie, block.start, block.stop)
    out = np.empty((len(where.frame), 6))
    scale = 1.0 / movie.pixel_um
    measure_rows(pixels, where.frame - block.start, where.y_um * scale, where.x_um * scale, settings, out)
    out[:, 3] *= movie.pixel_um
    return out


def _table(movie: Movie, where: Positions, values: NDArray[np.float64], frames: pd.DataFrame) -> pd.DataFrame:
    values[~usable(frames)[where.frame]] = np.nan
    # Columns are put in order one by one: this is the longest table, and sorting it whole takes it three times.
    order = np.lexsort((where.frame, where.track_id))
    where = where.rows(order)
    columns = {
        "track_id": where.track_id,
        "frame": where.frame,
        "t_s": movie.t_s(where.frame),
        "y_um": where.y_um,
        "x_um": where.x_um,
        **{key: values[order, k] for k, key in enumerate(MEASURED)},
        "observed": where.observed,
        "status": Frames.check(frames)["status"].take(where.frame).array,
    }
    return Traces.build(pd.DataFrame(columns, copy=False))
