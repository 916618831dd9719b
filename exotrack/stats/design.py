"""The design of a study: which condition, animal, day or pair each movie belongs to, and what is independent of what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from exotrack._settings import nearest
from exotrack.errors import InputError, ParameterError

if TYPE_CHECKING:
    import pandas as pd

ALIASES = {"animal": "animal_id", "animal_id": "animal", "study": "study_id", "study_id": "study"}
"""Columns that other commands know by another name."""
STIMULUS = "stimulus"
"""What --by names to compare the time before the first stimulus with that after it."""
UNITS = ("cell", "movie", "animal")
DAYS = ("day", "date", "batch", "session")
"""Columns that, if a condition goes with them, can explain a difference as well."""


@dataclass(frozen=True)
class Plan:
    """What to compare.

    by : column of the design, or "stimulus". unit : what a row is: cell, movie or animal. nested : column of what is
    independent; None: animal if the design tells it, else the pair, else the movie. pair : column within whose values conditions
    are compared; None: within what is independent where all of it saw all conditions; "none": never. reference : condition that
    all others are compared with; None: all with one another, the first in order being the reference. adjust : columns held
    constant. interaction : column whose values may change the effect; it is then told within each, and compared between them.
    """

    by: str = "condition"
    unit: str = "cell"
    nested: str | None = None
    pair: str | None = None
    reference: str | None = None
    adjust: tuple[str, ...] = ()
    interaction: str | None = None

    def __post_init__(self) -> None:
        if self.unit not in UNITS:
            raise ParameterError(f"--unit: {self.unit!r} is no unit{nearest(self.unit, UNITS)}; give one of {', '.join(UNITS)}")


@dataclass(frozen=True)
class Design:
    """Columns of a design by (movie, cell); cell "" stands for all cells of the movie. source : where it comes from."""

    columns: tuple[str, ...] = ()
    rows: Mapping[tuple[str, str], Mapping[str, str]] = field(default_factory=dict)
    source: str = "the results"

    def of(self, movie: str, cell: object = "") -> dict[str, str]:
        """What the design says of a cell; `InputError` if it has no row for it."""
        found = self.rows.get((movie, str(cell)), self.rows.get((movie, "")))
        if found is None:
            raise InputError(f"{self.source}: has no row for movie {movie}; add one, or leave its folder out")
        return dict(found)

    def unused(self, movies: Sequence[str]) -> list[str]:
        """Movies of the design without results."""
        return sorted({movie for movie, _ in self.rows} - set(movies))


def read_design(path: Path) -> Design:
    """Read a CSV file with a column movie_id (or image_id), perhaps cell_id, and any others; those of results are left out.

    Raises `InputError` if it cannot be read, lacks that column, or says two things of a movie.
    """
    import csv

    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            table = csv.DictReader(file)
            rows = list(table)
            heads = tuple(name.strip() for name in table.fieldnames or ())
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: cannot be read as a table ({error}); give a CSV file with a column movie_id") from None
    key = next((name for name in ("movie_id", "image_id") if name in heads), None)
    if key is None or not rows:
        raise InputError(f"{path}: needs a column movie_id and rows; found {', '.join(heads) or 'nothing'}")
    found: dict[tuple[str, str], dict[str, str]] = {}
    for row in rows:
        said = {
            name.strip(): (value or "").strip()
            for name, value in row.items()
            if isinstance(name, str) and not isinstance(value, list)
        }
        who = said[key], said.get("cell_id", "")
        if who in found and found[who] != said:
            raise InputError(
                f"{path}: movie {who[0]} has two rows that differ; give one a movie, or one a cell with a column cell_id"
            )
        found[who] = said
    return Design(tuple(name for name in heads if name != "image_id" and name not in measured()), found, str(path))


def measured() -> frozenset[str]:
    """Columns that results bring themselves, so that no design can: ``movies.csv`` of a batch holds many of them."""
    from exotrack.tables import Movies, Units

    return frozenset((Units.columns().keys() | Movies.columns().keys()) - {"condition", "animal_id", "study_id"})


@dataclass(frozen=True, eq=False)
class Arranged:
    """Units with group, cluster and block; what is independent, in one word; what a reader should know of the design."""

    units: pd.DataFrame
    cluster_kind: str
    notes: tuple[str, ...]


def arrange(units: pd.DataFrame, plan: Plan) -> Arranged:
    """Fill in group, cluster and block of every unit, and say what a reader should know of the design.

    Raises
    ------
    InputError : an unknown column, a cell without a value in it, fewer than two conditions, a pair that spans animals.
    """
    group = column(units, plan.by, "--by")
    names = ordered_names(group)
    if len(names) < 2:
        raise InputError(f"--by {plan.by}: all {len(units)} cells have {names[0]!r}; a comparison needs two conditions or more")
    if plan.reference is not None and plan.reference not in names:
        raise ParameterError(f"--reference: no {plan.by} {plan.reference!r}; there are {', '.join(names)}")
    pair = None if plan.pair in (None, "none") else column(units, str(plan.pair), "--pair")
    kind, cluster = _clusters(units, plan, pair)
    block = pair if pair is not None else _blocks(units, plan, cluster, group)
    ready = units.assign(group=group, cluster=cluster, block="" if block is None else block)
    if block is not None:
        spanning = ready.groupby("block")["cluster"].nunique()
        if (spanning > 1).any():
            name = str(spanning.idxmax())
            raise InputError(
                f"pair {name!r} spans {spanning.max()} {kind}s; a pair lies within one: give pairs names of their own"
            )
    return Arranged(ready, kind, (*_told(kind, plan), *_doubts(ready, kind, plan)))


def ordered(group: pd.Series, plan: Plan) -> list[str]:
    """The conditions, the reference first: the one that was named, else a control by its name, else by the alphabet."""
    names = ordered_names(group)
    return sorted(names, key=lambda name: name != plan.reference) if plan.reference else names


def ordered_names(values: pd.Series) -> list[str]:
    """The different values, controls by their name first, then numbers by size, then words by the alphabet."""
    return sorted(set(values), key=_natural)


def column(units: pd.DataFrame, name: str, option: str) -> pd.Series:
    """The values of a column of the design, none empty; `InputError` naming the nearest column, or what lacks a value."""
    key = name if name in units else ALIASES.get(name, name)
    known = [str(one) for one in units.attrs.get("design", ())]
    if key not in units or key not in known:
        there = f"there are {', '.join(known)}" if known else "the results name none: give a table with --design FILE.csv"
        raise InputError(f"{option} {name}: the design has no such column{nearest(name, known)}; {there}")
    values = units[key].fillna("").astype("str")
    if (values == "").any():
        row = units[values == ""].iloc[0]
        raise InputError(f"{option} {name}: movie {row['movie_id']} has no value; fill it in, or leave the movie out")
    return values


def _clusters(units: pd.DataFrame, plan: Plan, pair: pd.Series | None) -> tuple[str, pd.Series]:
    """Name of what is independent, and which of it each unit belongs to."""
    known = units.attrs.get("design", ())
    if plan.nested is not None:
        return plan.nested.removesuffix("_id"), column(units, plan.nested, "--nested")
    for name in ("animal", "animal_id"):
        if name in known and units[name].fillna("").astype("str").ne("").all():
            return "animal", units[name].astype("str")
    if pair is not None:
        return "pair", pair
    return "movie", units["movie_id"]


def _blocks(units: pd.DataFrame, plan: Plan, cluster: pd.Series, group: pd.Series) -> pd.Series | None:
    """What is compared within itself if nothing else is said: cells around a stimulus, else clusters that all saw everything."""
    if plan.pair == "none":
        return None
    if plan.by == STIMULUS:
        return units["movie_id"] + " cell " + units["cell_id"].astype("str")
    seen = group.groupby(cluster).nunique()
    return cluster if (seen == group.nunique()).all() else None


def _told(kind: str, plan: Plan) -> list[str]:
    if kind == "movie" and plan.nested is None:
        return ["animals are not told, so movies count as independent: with --design FILE.csv and a column animal they need not"]
    return []


def _doubts(units: pd.DataFrame, kind: str, plan: Plan) -> list[str]:
    """Where the design cannot support a test, or only weakly."""
    notes = []
    per = units.groupby("group")["cluster"].nunique()
    for group, n in per.items():
        if n == 1:
            notes.append(f"{group} has one {kind}: no test can tell it from its {kind}; it is described only")
        elif n < 4:
            notes.append(f"{group} has {n} {kind}s: intervals are wide, and lean on {kind}s being alike; aim for 5 or more")
    for name in DAYS:
        if name not in units.attrs.get("design", ()) or name == plan.by or not units[name].astype("str").ne("").all():
            continue
        if (units.groupby(name)["group"].nunique() == 1).all():
            notes.append(
                f"{plan.by} is confounded with {name}: no {name} has two conditions, so a difference between {name}s looks the "
                "same as an effect; spread conditions over each"
            )
    crossed = units.groupby("cluster")["group"].nunique()
    if (units["block"] == "").all() and (crossed > 1).any() and plan.pair is None:
        notes.append(
            f"{int((crossed > 1).sum())} of {len(crossed)} {kind}s saw several conditions; they are not treated as pairs"
        )
    return notes


def _natural(text: str) -> tuple[int, float, str]:
    """Numbers by size before words; controls and what comes before something first."""
    words = text.strip().lower()
    try:
        return 1, float(words), words
    except ValueError:
        return (0, 0.0, words) if words in FIRST else (2, 0.0, words)


FIRST = (
    "control",
    "ctrl",
    "wt",
    "wild type",
    "wild-type",
    "vehicle",
    "before",
    "rest",
    "baseline",
    "unstimulated",
    "mock",
    "untreated",
)
"""Conditions that others are compared with."""
