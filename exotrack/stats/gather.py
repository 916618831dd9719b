"""A study read from disk: results folders found, their cells put into one table, the design beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from exotrack._blocks import Execution, map_blocks
from exotrack.errors import InputError
from exotrack.io.mask import read_footprint
from exotrack.io.results import of_movie, read_provenance, read_table
from exotrack.stats.cells import Movie, empty_stays, periods, read_movie, units_of
from exotrack.stats.design import STIMULUS, Design
from exotrack.stats.filling import counts
from exotrack.stats.patterns import Found, Latencies, RateMap, latencies, patterns, seen_in
from exotrack.tables import TEXT, Movies, PatternCurves, Patterns, Sites, Table, Units, Vesicles

if TYPE_CHECKING:
    import pandas as pd

PATTERNED = ("near_pairs", "near_pairs_expected", "repeats", "repeats_expected")
"""What patterns tell of every unit."""
TOLD_AS = {"animal_id": "animal", "study_id": "study"}
"""Columns of a study's movies to what a design calls them."""
MAPS = 12
"""Maps that a page shows: of the cells with most fusions."""


@dataclass(frozen=True, eq=False)
class Gathered:
    """All cells of a study: `units` (columns of `Units` and of the design), their docked `stays`, `notes`.

    tables, latencies : with patterns, what is written besides, and the course of every unit after its stimulus. maps : where the
    fusions of the cells with most of them were.
    """

    units: pd.DataFrame
    stays: pd.DataFrame
    notes: tuple[str, ...] = ()
    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    latencies: tuple[Latencies, ...] = ()
    maps: tuple[RateMap, ...] = ()


def find(paths: Sequence[str | Path], filling: bool = False) -> list[Path]:
    """Results folders: each path itself, or all that lie in it however deep; `InputError` where there is none."""
    mark = f"{Vesicles.name if filling else 'cells'}.parquet"
    made_by = "exotrack em" if filling else "exotrack run"
    found: list[Path] = []
    for path in map(Path, paths):
        if not path.is_dir():
            raise InputError(f"{path}: no such folder; give results of `{made_by}`, or a folder of them")
        inside = sorted(file.parent for file in path.rglob(mark) if not any(part.startswith(".") for part in file.parts))
        if not inside:
            raise InputError(f"{path}: holds no results ({mark}); give folders that `{made_by}` wrote, or a folder of them")
        found += [folder for folder in inside if folder not in found]
    return found


def gather(
    paths: Sequence[str | Path], design: Design | None = None, by: str = "condition", run: Execution = Execution(),
    seed: int | None = None,
) -> Gathered:  # fmt: skip
    """Read all movies.

    Parameters
    ----------
    paths : results folders of ``exotrack run``, or folders of them.
    design : what each movie is; None: what the study says whose folder it is in, or folders named ``condition=NAME`` and the
        like, or the records of the runs.
    by : "stimulus" splits every cell at its first stimulus.
    seed : also look at patterns in space and time, with random patterns drawn from it.

    Raises
    ------
    InputError : nothing to read, a movie that comes twice or that the design lacks, one that cannot be counted.
    """
    folders = find(paths)
    known = design or told_by(folders)
    parts = list(map_blocks("read", _one, [(folder, known, by == STIMULUS, seed) for folder in folders], run))
    return together(parts, known, by, seed is not None)


def together(parts: Sequence[Part], known: Design, by: str = "condition", patterned: bool = False) -> Gathered:
    """All movies of a study in one; parameters and errors as of `gather`."""
    import pandas as pd

    _require_once([str(part.units["movie_id"].iloc[0]) for part in parts])
    begins, stays, courses = 0, [], list[Latencies]()
    for part in parts:
        stays.append(part.stays.assign(row=part.stays["row"] + begins))
        courses += [one.moved(begins) for one in part.latencies]
        begins += len(part.units)
    units = pd.concat([part.units for part in parts], ignore_index=True)
    columns = (*known.columns, STIMULUS) if by == STIMULUS else known.columns
    notes = [f"{name}: is in {known.source} but has no results" for name in known.unused(sorted(set(units["movie_id"])))]
    kinds = [name for name in units if str(name).startswith(("n_", "expected_"))]
    if not units[kinds].to_numpy(float).sum() > 0:
        raise InputError(f"the tables of {len(parts)} movies hold no events: there is nothing to compare; see their reports")
    tables = _patterned([part.found for part in parts]) if patterned else {}
    return Gathered(
        _built(units, columns),
        pd.concat(stays, ignore_index=True),
        tuple(notes),
        tables,
        tuple(courses),
        _most([part.found for part in parts]),
    )


def gather_filling(paths: Sequence[str | Path], design: Design | None = None) -> Gathered:
    """Read the vesicles of electron micrographs, and count the classes of filling in each image (see `filling.counts`)."""
    import pandas as pd

    folders = find(paths, filling=True)
    known = design or told_by(folders)
    counted = [counts(read_table(folder / "vesicles.parquet", Vesicles)) for folder in folders]
    units = pd.concat(counted, ignore_index=True)
    _require_once(units["movie_id"].tolist())
    about = pd.DataFrame([known.of(name) for name in units["movie_id"]], index=units.index)
    unused = [f"{name}: is in {known.source} but has no results" for name in known.unused(units["movie_id"].tolist())]
    ready = _built(units.assign(**{key: about[key] for key in known.columns}), known.columns)
    return Gathered(ready, empty_stays(), tuple(unused))


def told_by(folders: Sequence[Path]) -> Design:
    """The design as the study says of which the results are, or their places (``condition=high K/animal=3/movie``), or the
    records of the runs."""
    from urllib.parse import unquote

    rows: dict[tuple[str, str], dict[str, str]] = {}
    columns: dict[str, None] = {}
    studies: dict[Path, dict[str, dict[str, str]]] = {}
    for folder in folders:
        record, home = read_provenance(folder), folder.absolute().parent.parent
        own = record.get("design")
        said = {str(key): str(value) for key, value in own.items()} if isinstance(own, dict) else {}
        if home not in studies:
            studies[home] = study_design(home) if (home / f"{Movies.name}.parquet").is_file() else {}
        said |= studies[home].get(folder.name, {})
        parts = [part.partition("=") for part in folder.absolute().parts if "=" in part]
        said |= {unquote(key): unquote(value) for key, _, value in parts}
        columns |= dict.fromkeys(said)
        rows[str(record.get("movie_id", folder.name)), ""] = said
    return Design(tuple(columns), {who: {key: said.get(key, "") for key in columns} for who, said in rows.items()})


def study_design(folder: Path) -> dict[str, dict[str, str]]:
    """What the study of a folder that ``exotrack batch`` wrote says of each movie, by its name; nothing that is empty."""
    table = read_table(folder / f"{Movies.name}.parquet", Movies)
    known = [name for name in table if name in ("condition", *TOLD_AS) or name not in Movies.columns()]
    return {
        str(row["movie_id"]): {TOLD_AS.get(name, str(name)): str(row[name]) for name in known if str(row[name])}
        for row in table.to_dict("records")
    }


@dataclass(frozen=True, eq=False)
class Part:
    """What one movie gives."""

    units: pd.DataFrame
    stays: pd.DataFrame
    found: Found = field(default_factory=Found)
    latencies: Sequence[Latencies] = ()


def _one(folder: Path, design: Design, split: bool, seed: int | None) -> Part:
    movie = read_movie(folder)
    part = part_of(movie, design, split)
    return part if seed is None else _with_patterns(part, folder, movie, split, seed)


def part_of(movie: Movie, design: Design, split: bool = False) -> Part:
    """What one movie gives; split : each cell before and after the first stimulus. `InputError` as of `gather`."""
    import pandas as pd

    units, stays = units_of(movie, split)
    who = zip(units["movie_id"], units["cell_id"], strict=True)
    about = pd.DataFrame([design.of(movie_id, cell) for movie_id, cell in who], index=units.index)
    extra: dict[str, Any] = {key: about[key] for key in design.columns}
    if split:
        extra[STIMULUS] = units["period"]
    return Part(units.assign(**extra), stays)


def _with_patterns(part: Part, folder: Path, movie: Movie, split: bool, seed: int) -> Part:
    """The same with its patterns, and with their counts in its units."""
    import pandas as pd

    parts, pixel_um = periods(movie, split), of_movie(movie.provenance, "pixel_um")
    if pixel_um is None or not pixel_um > 0:
        raise InputError(f"{folder}: provenance.json does not say the pixel size; run the analysis again")
    found = patterns(seen_in(movie, read_footprint(folder), float(pixel_um), parts), seed)
    rows = pd.DataFrame([row for row in found.patterns if row["kind"] == "fusion" and row["null"] == "footprint"])
    counted = part.units[["cell_id", "period"]].merge(rows, how="left", on=["cell_id", "period"])
    units = part.units.assign(**{name: counted[name].to_numpy() for name in PATTERNED if name in counted})
    return Part(units, part.stays, found, latencies(units, movie, parts))


def _most(parts: Sequence[Found]) -> tuple[RateMap, ...]:
    """The maps with most fusions, in the order of the movies."""
    every = [one for part in parts for one in part.maps]
    kept = set(sorted(range(len(every)), key=lambda k: (-len(every[k].places), k))[:MAPS])
    return tuple(one for k, one in enumerate(every) if k in kept)


def _patterned(parts: Sequence[Found]) -> dict[str, pd.DataFrame]:
    import pandas as pd

    every: tuple[tuple[type[Table], list[Any]], ...] = (
        (Patterns, [row for one in parts for row in one.patterns]),
        (PatternCurves, [row for one in parts for row in one.curves]),
        (Sites, [row for one in parts for row in one.sites]),
    )
    return {table.name: table.build(pd.DataFrame(rows)) for table, rows in every}


def _built(units: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    ready = Units.build(units.assign(group="", cluster="", block="")).astype(dict.fromkeys(columns, TEXT))
    ready.attrs["design"] = tuple(columns)
    return ready


def _require_once(names: Sequence[str]) -> None:
    twice = sorted({name for name in names if list(names).count(name) > 1}) if len(set(names)) < len(names) else []
    if twice:
        raise InputError(f"movie {twice[0]} comes {list(names).count(twice[0])} times; give each once, under a name of its own")
