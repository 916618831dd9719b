"""A study: a table of movies with their design and the parameters of each, read and checked whole before anything runs."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from exotrack.batch.names import movie_name, problem_with
from exotrack.batch.places import Root, Row, is_url, parts_of, pattern_rows, table_rows
from exotrack.batch.settings import Opening, StudyFile
from exotrack.errors import ExotrackError, InputError, ParameterError
from exotrack.io.formats import stem
from exotrack.params import PRESETS, Analysis, preset, read_toml

SAID_AT_ONCE = 20
"""Problems named in the message; a wrong column gives one for each of 10,000 lines."""
ALIASES = {"animal": "animal_id", "study": "study_id"}
"""Columns that other commands know by another name."""
OWN = ("movie", "preset", "stimulus_s")
RESERVED = ("path", "movie_id", "status", "reason", "input", "n_frames", "wall_s", "attempts", "worker", "peak_memory_mb")


@dataclass(frozen=True)
class Entry:
    """One movie of a study.

    movie : name in every table and of its folder. source : absolute path or URL. design : condition, animal_id, ...
    opened : arguments of `open_movie`. mask : path or URL. marker_channel : a second channel.
    """

    movie: str
    source: str
    params: Analysis
    design: Mapping[str, str] = field(default_factory=dict)
    opened: Mapping[str, Any] = field(default_factory=dict)
    mask: str | None = None
    marker_channel: int | str | None = None

    @property
    def condition(self) -> str:
        """Condition of the design; "all" where the study has none."""
        return self.design.get("condition", "all")


@dataclass(frozen=True)
class Study:
    """Movies in the order of the list. columns : names of the design."""

    name: str
    movies: tuple[Entry, ...]
    columns: tuple[str, ...]


def read_study(path: str | Path, changes: Mapping[str, Any] | None = None) -> Study:
    """Read and check a study file.

    Parameters
    ----------
    path : TOML; docs/batch.md has its form.
    changes : parameters by stage that win over everything in it.

    Raises `InputError` with all problems in one message.
    """
    path = Path(path)
    file = _file(path)
    try:
        root = Root.at(file.movies.root, path.parent)
        rows = _rows(file, path.parent, root)
    except (InputError, ParameterError) as error:
        raise InputError(f"{path.name}: {error}") from None
    problems: list[str] = []
    base = _Base(file, path.parent, dict(changes or {}), problems)
    entries = list(_entries(rows, file, root, base, problems)) if not problems else []
    problems += _doubles(entries)
    if not rows:
        problems.append("no movies are listed")
    if problems:
        raise InputError(_all(path.name, problems))
    columns = dict.fromkeys(key for entry in entries for key in entry.design)
    return Study(path.stem, tuple(entries), tuple(columns))


def _file(path: Path) -> StudyFile:
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); give a study file") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(f"{path}: is not TOML ({str(error)[:200]}); see docs/batch.md for the form") from None
    return StudyFile.read(values, path.name)


def _rows(file: StudyFile, folder: Path, root: Root) -> list[Row]:
    if (file.movies.table is None) == (file.movies.pattern is None):
        raise InputError("movies: give either table or pattern")
    if file.movies.pattern is not None:
        return pattern_rows(file.movies.pattern, root)
    assert file.movies.table is not None
    return table_rows(Path(Root.at(".", folder).place(file.movies.table)))


@dataclass
class _Base:
    """Parameters of movies that say nothing of their own, and those of the others; each made once."""

    file: StudyFile
    folder: Path
    changes: dict[str, Any]
    problems: list[str]
    made: dict[str, Analysis] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.file.preset is None and self.file.params is None:
            self.problems.append(f"say what glows with preset ({', '.join(PRESETS)}), or give params")
            return
        try:
            self.of(None, {})
        except ExotrackError as error:
            self.problems.append(str(error))

    def of(self, name: str | None, own: Mapping[str, Any]) -> Analysis:
        """The preset `name` or the study's, the study's file and changes, `own` over them, those of the command line last."""
        key = json.dumps([name, own], sort_keys=True, default=str)
        if key not in self.made:
            chosen = name or self.file.preset
            params = None if chosen is None else preset(chosen)
            if self.file.params is not None:
                params = read_toml(Root.at(".", self.folder).place(self.file.params), params)
            assert params is not None
            for values, source in ((self.file.analysis, "analysis"), (own, "parameters"), (self.changes, "--set")):
                params = params.updated(values, source) if values else params
            self.made[key] = params
        return self.made[key]


def _entries(rows: Sequence[Row], file: StudyFile, root: Root, base: _Base, problems: list[str]) -> Iterator[Entry]:
    named = parts_of(file.movies.pattern) if file.movies.pattern else []
    for row in rows:
        try:
            yield _entry(row, file, root, base, named)
        except ExotrackError as error:
            problems.append(f"{row.where}: {error}")


def _entry(row: Row, file: StudyFile, root: Root, base: _Base, named: Sequence[str]) -> Entry:
    said = {key: value for key, value in row.said.items() if value != ""}
    if not row.path:
        raise InputError("path is empty")
    source = root.place(row.path)
    _check_there(source, row.path)
    opening = _opening(said, file.open)
    nested = _parameters(said)
    design = _design(said)
    name = said.get("movie") or movie_name("_".join(said[part] for part in named) if named else stem(Path(row.path)))
    if bad := problem_with(name) or ("holds a / or starts with a dot" if "/" in name or name[0] == "." else ""):
        raise InputError(f"movie {bad}")
    mask = None if opening.mask is None else root.place(opening.mask)
    if mask is not None:
        _check_there(mask, opening.mask or "")
    opened = {key: value for key, value in opening.model_dump(exclude={"mask", "marker_channel"}).items() if value is not None}
    params = base.of(said.get("preset"), nested)
    return Entry(movie_name(name), source, params, design, opened, mask, opening.marker_channel)


def _check_there(source: str, said: str) -> None:
    # What is there but cannot be read fails alone, later; what is not there is a slip of the list.
    if not is_url(source) and not Path(source).is_symlink() and not Path(source).exists():
        raise InputError(f"{said[:120]!r}: no such file")


def _opening(said: Mapping[str, str], usual: Opening) -> Opening:
    own = {key: said[key] for key in Opening.model_fields if key in said}
    plain: dict[str, Any] = {key: int(value) if value.isdecimal() and "channel" in key else value for key, value in own.items()}
    return usual.updated(plain, "opening") if plain else usual


def _parameters(said: Mapping[str, str]) -> dict[str, Any]:
    """Columns with a dot in their name are parameters, written as in TOML; stimulus_s takes times separated by spaces or ;."""
    nested: dict[str, Any] = {}
    for key, value in said.items():
        stage, dot, name = key.partition(".")
        if dot:
            try:
                nested.setdefault(stage, {})[name] = tomllib.loads(f"value = {value}")["value"]
            except tomllib.TOMLDecodeError:
                nested.setdefault(stage, {})[name] = value
    if "stimulus_s" in said:
        nested.setdefault("classify", {})["stimulus_s"] = said["stimulus_s"].replace(";", " ").split()
    return nested


def _design(said: Mapping[str, str]) -> dict[str, str]:
    design = {}
    for key, value in said.items():
        if key in Opening.model_fields or key in OWN or "." in key:
            continue
        if not key.isidentifier() or len(key) > 40 or key in RESERVED:
            raise InputError(f"column {key[:60]!r}: is no name for a column of the design; use letters, digits and _")
        if bad := problem_with(value):
            raise InputError(f"{key} {bad}")
        design[ALIASES.get(key, key)] = value
    return design


def _doubles(entries: Sequence[Entry]) -> list[str]:
    """Movies listed twice, and names that would meet in one folder; some file systems do not tell capitals apart."""
    names: dict[str, Entry] = {}
    sources: dict[Any, Entry] = {}
    found = []
    for entry in entries:
        one = (entry.source, entry.opened.get("channel"), entry.opened.get("series"))
        other = names.setdefault(entry.movie.casefold(), entry)
        if other is not entry:
            found.append(f"two movies are called {entry.movie!r} ({other.source}, {entry.source}); give a column movie")
        if (twice := sources.setdefault(one, entry)) is not entry and twice is not other:
            found.append(f"{entry.source} is listed twice, as {twice.movie!r} and {entry.movie!r}")
    return found


def _all(name: str, problems: Sequence[str]) -> str:
    if len(problems) == 1:
        return f"{name}: {problems[0]}"
    listed = "; ".join(f"({number}) {text}" for number, text in enumerate(problems[:SAID_AT_ONCE], start=1))
    more = f"; and {len(problems) - SAID_AT_ONCE} more" if len(problems) > SAID_AT_ONCE else ""
    return f"{name}: {len(problems)} problems: {listed}{more}"
