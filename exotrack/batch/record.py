"""What a study folder says of itself: the study it is of (study.json), and what became of each movie (movies.parquet, .csv)."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from exotrack import __version__
from exotrack.batch.plan import Item
from exotrack.batch.store import Store
from exotrack.batch.study import Entry, Study
from exotrack.errors import InputError, ParameterError
from exotrack.io.plain import to_json
from exotrack.params import Analysis
from exotrack.tables import EVENT_KINDS, Movies

if TYPE_CHECKING:
    import pandas as pd

STUDY = "study.json"
NUMBERS = ("n_frames", "n_tracks", "n_cells", "area_um2", "observed_s", *(f"n_{kind}" for kind in EVENT_KINDS))


def write_study(place: Store, study: Study) -> None:
    """Write down which movies a folder is for, so that it can be asked for its state without the study file."""
    params: list[dict[str, Any]] = []
    numbers: dict[int, int] = {}
    movies = []
    for entry in study.movies:
        if id(entry.params) not in numbers:
            numbers[id(entry.params)] = len(params)
            params.append(entry.params.model_dump(mode="json"))
        movies.append(
            {
                "movie": entry.movie,
                "source": entry.source,
                "params": numbers[id(entry.params)],
                "design": dict(entry.design),
                "opened": dict(entry.opened),
                "mask": entry.mask,
                "marker_channel": entry.marker_channel,
            }
        )
    content = {"study": study.name, "exotrack": __version__, "columns": study.columns, "params": params, "movies": movies}
    place.write(STUDY, to_json(content))


def stored_study(place: Store) -> Study:
    """The study that a folder is for; `InputError` if it is none."""
    content = place.read(STUDY)
    if content is None:
        raise InputError(f"{place.where}: holds no study; give a folder that `exotrack batch` wrote")
    try:
        said = json.loads(content)
        params = [Analysis.read(values) for values in said["params"]]
        movies = tuple(Entry(**{**one, "params": params[one["params"]]}) for one in said["movies"])
        return Study(str(said["study"]), movies, tuple(said["columns"]))
    except (ValueError, KeyError, TypeError, IndexError, ParameterError) as error:
        raise InputError(f"{place.where}: {STUDY} cannot be read ({error}); run exotrack batch again") from None


def movies_table(study: Study, items: Iterable[Item]) -> pd.DataFrame:
    """The table `Movies`: a row for each item, the further columns of the design last."""
    rows = [_row(item) for item in items]
    further = [name for name in study.columns if name not in Movies.columns()]
    columns = {name: [row.get(name) for row in rows] for name in (*Movies.columns(), *further)}
    for name, column in Movies.columns().items():
        if column.dtype == "str":
            columns[name] = [value or "" for value in columns[name]]
        elif column.dtype == "float64":
            columns[name] = [math.nan if value is None else value for value in columns[name]]
    return Movies.build({**columns, **{name: [value or "" for value in columns[name]] for name in further}})


def write_movies(place: Store, study: Study, items: Sequence[Item], work: str) -> pd.DataFrame:
    """Write the table of movies as Parquet and CSV, prepared in the room `work`, and return it."""
    from exotrack.io.results import write_table

    frame = movies_table(study, items)
    with place.room(work) as room:
        for form in ("parquet", "csv"):
            write_table(frame, Movies, room / f"movies.{form}")
            place.write(f"movies.{form}", (room / f"movies.{form}").read_bytes())
    return frame


def _row(item: Item) -> dict[str, Any]:
    entry, stamp = item.entry, item.stamp
    row: dict[str, Any] = {
        **entry.design,
        "movie_id": entry.movie,
        "condition": entry.condition,
        "status": item.state,
        "reason": item.reason,
        "input": entry.source,
    }
    if stamp is None or item.state != "done":
        return row
    movie = stamp.record["movie"]
    return row | {
        "sha256": stamp.sha256,
        "exotrack": stamp.code,
        "pixel_um": movie["pixel_um"],
        "frame_s": movie["frame_s"],
        "wall_s": stamp.wall_s,
        "peak_memory_mb": stamp.record["peak_memory_mb"],
        **{name: stamp.counts[name] for name in NUMBERS},
    }
