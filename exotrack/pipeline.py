"""analyse: a movie through all stages, in the only order there is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from exotrack._blocks import Execution
from exotrack._memory import give_back
from exotrack.errors import InputError
from exotrack.movie import Movie
from exotrack.params import Analysis, preset
from exotrack.physics import Noise
from exotrack.provenance import Recorder
from exotrack.tables import ALL, EVENT_KINDS, SOLUTIONS, Cells, Episodes, Events

if TYPE_CHECKING:
    import pandas as pd

Labels = NDArray[np.integer[Any]]


@dataclass(frozen=True)
class Result:
    """Every table of an analysis (classes of the same names in `exotrack.tables`), and what it was made from.

    footprint : (height, width) labels of the cells, 0 outside. provenance : see `exotrack.provenance`.
    """

    movie: Movie
    params: Analysis
    frames: pd.DataFrame
    spots: pd.DataFrame
    tracks: pd.DataFrame
    traces: pd.DataFrame
    episodes: pd.DataFrame
    events: pd.DataFrame
    candidates: pd.DataFrame
    fits: pd.DataFrame
    cells: pd.DataFrame
    footprint: Labels
    provenance: Mapping[str, Any]

    @property
    def tables(self) -> dict[str, pd.DataFrame]:
        """The tables by name, in the order of `exotrack.tables.ALL`."""
        return {table.name: getattr(self, table.name) for table in ALL}

    def in_pictures(self, name: str) -> pd.DataFrame:
        """Table `name` with its places (y_um, x_um) where they lie in the pictures: drift of the stage added."""
        from exotrack._drift import in_camera

        return in_camera(self.tables[name], self.frames)

    def noting(self, **entries: Any) -> Result:
        """The same result with further entries in its provenance."""
        return replace(self, provenance={**self.provenance, **entries})

    def write(self, folder: str | Path, *, overwrite: bool = False, calibrated: Mapping[str, pd.DataFrame] | None = None) -> Path:
        """Write tables, parameters, provenance, data dictionary, footprint and report to `folder`, all or nothing.

        calibrated : the tables of a calibration of the same movie, to be shown in the report.

        Raises as `exotrack.io.write_results` does.
        """
        from exotrack.io.mask import write_footprint
        from exotrack.io.results import write_results
        from exotrack.report import write_report

        def others(place: Path) -> None:
            write_footprint(place, self.footprint, self.movie.pixel_um)
            write_report(
                place,
                movie=self.movie,
                tables=self.tables,
                params=self.params,
                provenance=dict(self.provenance),
                footprint=self.footprint,
                calibrated=calibrated,
            )

        return write_results(folder, self.tables, self.params, self.provenance, overwrite=overwrite, extra=others)


def analyse(
    movie: Movie,
    params: Analysis | None = None,
    *,
    mask: Labels | None = None,
    marker: Movie | None = None,
    run: Execution = Execution(),
) -> Result:
    """Find, follow, measure and classify the vesicles of a movie.

    Parameters
    ----------
    movie : the pixels and their calibration.
    params : None takes the preset ``granule``.
    mask : (height, width) labels of the cells, 0 outside, in place of the estimated footprint; drawn on the first usable frame.
    marker : another channel of the same movie, measured at every vesicle and event.
    run : how fast; never changes the result.

    Raises `InputError` if too few frames can be used, or mask or marker have another shape than the movie.
    """
    from exotrack._drift import in_sample
    from exotrack._frames import require_usable, survey, usable
    from exotrack.classify import classify
    from exotrack.detect import detect, estimate_noise
    from exotrack.link import link
    from exotrack.measure import at_events, clipped, co_measure, measure, with_drift, with_solutions

    params = preset("granule") if params is None else params
    if mask is not None and mask.shape != movie.shape[1:]:
        raise InputError(f"{movie.movie_id}: the mask has shape {mask.shape}, the frames {movie.shape[1:]}; give one that fits")
    if marker is not None and marker.shape != movie.shape:
        raise InputError(
            f"{movie.movie_id}: the marker has shape {marker.shape}, the movie {movie.shape}; give channels of one movie"
        )
    recorder, noted = Recorder(), dict[str, Any]()
    with _stage(recorder, "survey"):
        frames = with_solutions(survey(movie, run), params.protocol)
        require_usable(frames, movie.movie_id)
        noise = movie.noise or estimate_noise(movie, usable(frames))
    with _stage(recorder, "drift"):
        frames = with_drift(movie, frames, params, run)
    with _stage(recorder, "detect"):
        spots = in_sample(detect(movie, params.detect, noise, run), frames)
    with _stage(recorder, "link"):
        # In NH4Cl everything shows, so that links through it would join what has nothing to do with one another.
        tracks = link(spots[~_exchanged(spots, frames)], params.link, run)
    with _stage(recorder, "measure"):
        traces = measure(movie, tracks, params.measure, noise, frames, run)
    if marker is not None:
        with _stage(recorder, "marker"):
            second = marker.noise or estimate_noise(marker, usable(frames))
            traces, noted["marker"] = co_measure(movie, marker, traces, frames, params, second, run)
    with _stage(recorder, "footprint"):
        footprint, source = _footprint(movie, frames, params, mask, run)
    with _stage(recorder, "classify"):
        calls = classify(movie, traces, params.classify, noise, frames, params.detect.sigma_um, run)
    events = clipped(at_events(calls.events, traces, movie, None if marker is None else second.offset), tracks)
    events = Events.build(events.assign(cell_id=_cell_of(events, footprint, movie)))
    places = calls.episodes.merge(
        traces[["track_id", "frame", "y_um", "x_um"]].rename(columns={"frame": "first_frame"}),
        how="left", on=["track_id", "first_frame"],
    )  # fmt: skip
    episodes = Episodes.build(calls.episodes.assign(cell_id=_cell_of(places, footprint, movie)))
    cells = _cells(movie, events, footprint, source, usable(frames))
    return Result(
        movie, params, frames, spots, tracks, traces, episodes, events, calls.candidates, calls.fits,
        _with_pools(cells, movie, frames, spots, footprint, noise, params, run), footprint,
        {**recorder.record(movie, params, noise), **noted},
    )  # fmt: skip


@contextmanager
def _stage(recorder: Recorder, name: str) -> Iterator[None]:
    """One stage: timed, and what it no longer needs given back before the next begins."""
    with recorder.stage(name):
        yield
        give_back()


def _footprint(movie: Movie, frames: pd.DataFrame, params: Analysis, mask: Labels | None, run: Execution) -> tuple[Labels, str]:
    from exotrack.measure import footprint

    return (mask, "mask") if mask is not None else footprint(movie, frames, params.cell, run)


def _cell_of(places: pd.DataFrame, footprint: Labels, movie: Movie) -> pd.Series:
    """Label under y_um, x_um of each row, missing outside every cell or where there is no place."""
    import pandas as pd

    row, column = (places[key].to_numpy(float) / movie.pixel_um for key in ("y_um", "x_um"))
    known = np.isfinite(row) & np.isfinite(column)
    height, width = footprint.shape
    cell = np.zeros(len(places), np.int64)
    nearest_row = np.clip(np.rint(row[known]), 0, height - 1).astype(int)
    nearest_column = np.clip(np.rint(column[known]), 0, width - 1).astype(int)
    cell[known] = footprint[nearest_row, nearest_column]
    return pd.Series(cell, index=places.index, dtype="Int64").where(pd.Series(cell > 0, index=places.index))


def _exchanged(table: pd.DataFrame, frames: pd.DataFrame) -> NDArray[np.bool_]:
    """(n_rows,) rows of frames in which a solution is in the bath."""
    return np.asarray(frames["status"].isin(SOLUTIONS).to_numpy()[table["frame"].to_numpy()], bool)


def _with_pools(
    cells: pd.DataFrame, movie: Movie, frames: pd.DataFrame, spots: pd.DataFrame, footprint: Labels, noise: Noise,
    params: Analysis, run: Execution,
) -> pd.DataFrame:  # fmt: skip
    """The Cells table with what NH4Cl and acid tell, where there was any."""
    from exotrack.measure import fused_of_pool, pools

    if not (params.protocol.nh4cl_s or params.protocol.quench_s) or cells.empty:
        return cells
    owned = spots.assign(cell_id=_cell_of(spots, footprint, movie))
    found = pools(movie, frames, owned, footprint, noise.offset, params.protocol, run)
    return Cells.build(fused_of_pool(cells.assign(**found)))


def _cells(movie: Movie, events: pd.DataFrame, footprint: Labels, source: str, seen: NDArray[np.bool_]) -> pd.DataFrame:
    """One row per label: area, time seen, number of events of each kind."""
    cells, pixels = np.unique(footprint[footprint > 0], return_counts=True)
    lasts_s = np.diff(movie.t_s(np.arange(len(movie))), append=movie.duration_s)
    counted = {
        f"n_{kind}": [int(((events["cell_id"] == cell) & (events["kind"] == kind)).sum()) for cell in cells]
        for kind in EVENT_KINDS
    }
    return Cells.build(
        {
            "movie_id": [movie.movie_id] * len(cells),
            "cell_id": cells,
            "area_um2": pixels * movie.pixel_um**2,
            "observed_s": [float(lasts_s[seen].sum())] * len(cells),
            **counted,
            "footprint": [source] * len(cells),
        }
    )
