"""A results folder as the docks use it: its tables, and its movie where that can still be read; no Qt."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_exotrack._convert import Place

if TYPE_CHECKING:
    import pandas as pd

    from exotrack.io import Results
    from exotrack.movie import Movie

KEY = "exotrack"
"""Under this key of its metadata a layer holds the `Opened` it was made from."""
NEEDED = ("events.parquet", "provenance.json")
"""Files that make a folder a results folder."""


@dataclass(frozen=True)
class Opened:
    """Results, and the movie they were made from. trouble : why there is no movie, or nothing."""

    results: Results
    movie: Movie | None
    trouble: str
    place: Place

    @property
    def folder(self) -> Path:
        """The results folder."""
        return self.results.folder

    @property
    def name(self) -> str:
        """Name of the movie."""
        return str(self.results.provenance.get("movie_id", self.folder.name))

    def in_picture(self, name: str) -> pd.DataFrame:
        """A table of the results with its places as they lie in the pictures."""
        return self.placed(self.results.tables[name])

    def placed(self, table: pd.DataFrame) -> pd.DataFrame:
        """Any table of this movie with its places as they lie in the pictures."""
        from exotrack._drift import in_camera

        return in_camera(table, self.results.tables["frames"])

    def cell_at(self, row: int, column: int) -> int | None:
        """Number of the cell at a pixel; None outside all of them, and where they cannot be told."""
        from exotrack.errors import ExotrackError

        if self.movie is None:
            return None
        try:
            return int(self.footprint()[row, column]) or None
        except ExotrackError:
            return None

    def footprint(self) -> NDArray[Any]:
        """(height, width) numbers of the cells; `ExotrackError` if they cannot be had."""
        from exotrack.io import read_mask
        from exotrack.io.mask import FOOTPRINT, read_footprint
        from exotrack.measure import footprint

        assert self.movie is not None
        if (self.folder / FOOTPRINT).is_file():
            return read_footprint(self.folder, self.movie.shape[1:])
        # Results of earlier versions do not hold it.
        mask = self.results.provenance.get("opened", {}).get("mask")
        if mask:
            return read_mask(mask, self.movie.shape[1:])
        return footprint(self.movie, self.results.tables["frames"], self.results.params.cell)[0]


def results_folder(path: str | Path) -> Path | None:
    """The results folder that `path` is, or whose events it is."""
    folder = Path(path)
    if folder.name == NEEDED[0]:
        folder = folder.parent
    return folder if all((folder / name).is_file() for name in NEEDED) else None


def open_results(path: str | Path, movie: Movie | None = None) -> Opened:
    """Open a results folder with the movie it names, or with `movie`.

    Raises `InputError` if a table is missing or damaged, or `movie` has another shape than the one that was analysed.
    """
    from exotrack.errors import ExotrackError
    from exotrack.io import read_results

    results = read_results(results_folder(path) or Path(path))
    known = results.provenance["movie"]
    place = Place(float(known["pixel_um"]), float(known["frame_s"]))
    if movie is not None:
        return Opened(results, _same(movie, known), "", place)
    try:
        return Opened(results, _movie(results), "", place)
    except ExotrackError as error:
        return Opened(results, None, str(error), place)


def missing_value(column: Any) -> Any:
    """What stands for nothing in a column (of `Table.columns`)."""
    return "" if column.dtype == "str" else None if column.dtype in ("Int64", "boolean") else np.nan


def rows_of(table: pd.DataFrame, column: str, value: int) -> pd.DataFrame:
    """The rows in which a sorted column has a value, without looking at all of them."""
    keys = table[column].to_numpy()
    first, last = np.searchsorted(keys, [value, value + 1])
    return table.iloc[first:last]


def _movie(results: Results) -> Movie:
    from exotrack.errors import InputError
    from exotrack.io import open_movie

    opened = {key: value for key, value in results.provenance.get("opened", {}).items() if key != "mask"}
    if "path" not in opened:
        raise InputError("the results were made from an array, not a file")
    movie = open_movie(opened.pop("path"), **opened).with_id(str(results.provenance["movie_id"]))
    return _same(movie, results.provenance["movie"])


def _same(movie: Movie, known: Any) -> Movie:
    from exotrack.errors import InputError

    analysed = (known["n_frames"], known["height"], known["width"])
    if movie.shape != analysed:
        raise InputError(
            f"{movie.movie_id}: the file now holds {movie.shape} frames x rows x columns, analysed were {analysed}; "
            "these are results of another movie"
        )
    return movie
