"""What the compare dock lists: movies to be taken together, and what was found of them before; no Qt.

A folder is told by what is in it: results of one movie, a study of many, statistics, or a comparison with a model.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_exotrack._opened import open_results, results_folder

if TYPE_CHECKING:
    import pandas as pd

HEADS = {"animal_id": "animal", "study_id": "study"}
"""Columns of a study's movies that `exotrack stats` knows by another name."""
MADE_BY = "exotrack run, exotrack batch, exotrack stats or exotrack compare"


@dataclass(frozen=True)
class Seen:
    """What of a movie's results is drawn and counted; a study has too many movies to read all of each."""

    folder: Path
    tables: Mapping[str, pd.DataFrame]
    provenance: Mapping[str, Any]


@dataclass(eq=False)
class Line:
    """Movies that are ticked together. design : what the study says of each, by its name. movies : None until they are read."""

    name: str
    folders: tuple[Path, ...]
    design: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    movies: tuple[Any, ...] | None = None

    def read(self) -> tuple[Any, ...]:
        """Its movies, read if they were not. Raises `InputError` naming the file that is missing or damaged."""
        return self.movies if self.movies is not None else tuple(seen(folder) for folder in self.folders)


def kind_of(folder: Path) -> str:
    """results, study, statistics, comparison, or several (results folders side by side); `InputError` for anything else."""
    from exotrack._study_report import is_study
    from exotrack.errors import InputError

    if results_folder(folder) is not None:
        return "results"
    if is_study(folder):
        return "study"
    for kind, name in (("statistics", "effects.parquet"), ("comparison", "comparison.json")):
        if (folder / name).is_file():
            return kind
    if results_in(folder):
        return "several"
    raise InputError(f"{folder}: is no folder of {MADE_BY}; give one that was written by one of them")


def results_in(folder: Path) -> list[Path]:
    """Results folders that lie side by side in a folder, as `exotrack run` leaves those of several movies."""
    return sorted(one for one in folder.iterdir() if results_folder(one) is not None) if folder.is_dir() else []


def line_of_results(folder: Path) -> Line:
    """The line of one results folder, read."""
    opened = open_results(folder)
    return Line(opened.name, (opened.folder,), {}, (opened.results,))


def lines_of_study(folder: Path) -> tuple[list[Line], pd.DataFrame]:
    """A line for each condition of a study, and the table of its movies.

    Raises `InputError` if the table cannot be read, or no movie is done.
    """
    from exotrack.errors import InputError
    from exotrack.io.results import read_table
    from exotrack.report.study import DONE
    from exotrack.tables import Movies

    movies = read_table(folder / "movies.parquet", Movies)
    done = movies[movies["status"].isin(DONE)]
    if done.empty:
        raise InputError(f"{folder}: no movie is done yet; exotrack status {folder} says how far it is")
    columns = [name for name in movies if name in ("condition", *HEADS) or name not in Movies.columns()]
    told = {
        str(row["movie_id"]): {HEADS.get(name, name): str(row[name]) for name in columns if str(row[name])}
        for row in done.to_dict("records")
    }
    lines = []
    for condition in dict.fromkeys(done["condition"]):
        names = [str(name) for name in done.loc[done["condition"] == condition, "movie_id"]]
        many = f"{len(names)} movie{'' if len(names) == 1 else 's'}"
        own = tuple(folder / "movies" / name for name in names)
        lines.append(Line(f"{folder.name}: {condition} ({many})", own, {name: told[name] for name in names}))
    return lines, movies


def left_out(movies: pd.DataFrame) -> str:
    """A sentence on the movies of a study that have no results; empty if all have."""
    from exotrack.report.study import DONE

    left = movies.loc[~movies["status"].isin(DONE), "status"].value_counts()
    if left.empty:
        return ""
    states = ", ".join(f"{n} {state}" for state, n in left.items())
    return f"{int(left.sum())} of {len(movies)} movies have no results ({states}); the table of movies says why"


def seen(folder: Path) -> Seen:
    """The tables of one movie that are drawn and counted; `InputError` names the file that is missing or damaged."""
    from exotrack.stats.cells import read_movie
    from exotrack.tables import Candidates

    movie = read_movie(folder)
    return Seen(folder, {**movie.tables, Candidates.name: Candidates.empty()}, movie.provenance)


def columns_of(lines: Sequence[Line]) -> list[str]:
    """Columns of the designs by which conditions can be compared."""
    return list(dict.fromkeys(name for line in lines for said in line.design.values() for name in said))


def write_design(lines: Sequence[Line], path: Path) -> Path | None:
    """Write the design of the movies as `exotrack stats` takes it; None where nothing is told of them."""
    heads = columns_of(lines)
    if not heads:
        return None
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["movie_id", *heads])
        for line in lines:
            for name, said in line.design.items():
                rows.writerow([name, *(said.get(head, "") for head in heads)])
    return path
