"""``exotrack run``, ``demo`` and ``report``: movies through the pipeline into results folders."""

from __future__ import annotations

import shlex
import sys
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from exotrack import _terminal
from exotrack.errors import InputError, OutputError, ParameterError, TryAgainError
from exotrack.tables import EVENT_KINDS

if TYPE_CHECKING:
    from exotrack.movie import Movie
    from exotrack.params import Analysis
    from exotrack.pipeline import Labels, Result


@dataclass(frozen=True)
class Wishes:
    """What the user asks of a run besides the science: how movies are opened (arguments of `open_movie`), and how."""

    opened: Mapping[str, Any] = field(default_factory=dict)
    mask: Path | None = None
    workers: int | None = None
    overwrite: bool = False
    marker_channel: int | str | None = None


def run_all(movies: Sequence[Path], out: Path, params: Analysis, wishes: Wishes) -> int:
    """Analyse each movie into its folder below `out`; returns the exit status.

    A single movie that fails raises. Of several, each that fails is reported in a line and the rest is completed.
    """
    every = places(movies, out, wishes.overwrite)
    failed = 0
    for path, folder in every.items():
        try:
            result = run_one(path, folder, params, wishes)
        except TryAgainError:
            raise  # the disk is as full for the next movie
        except Exception as error:
            if len(every) == 1 or _terminal.interruption_behind(error) is not None:
                raise
            failed += 1
            text = _terminal.explained(error)
            _terminal.complain(text if path.name in text else f"{path.name}: {text}")
        else:
            typer.echo(f"{folder.name}: {counted(result)} -> {folder / 'report.html'}")
    if failed:
        typer.echo(f"{len(every) - failed} of {len(every)} movies done, {failed} failed")
    return 1 if failed else 0


def run_one(path: Path, folder: Path, params: Analysis, wishes: Wishes, **noted: Any) -> Result:
    """Open, analyse and write one movie, under the name of its folder; `noted` goes into its provenance."""
    from exotrack._blocks import Execution
    from exotrack.io import open_movie
    from exotrack.pipeline import analyse

    movie, mask = opened(path, wishes)
    movie = movie.with_id(folder.name)
    second = wishes.marker_channel
    marker = None if second is None else open_movie(path, **{**wishes.opened, "channel": second})
    with _terminal.Bars(movie.movie_id) as bars:
        result = analyse(movie, params, mask=mask, marker=marker, run=Execution(workers=wishes.workers, progress=bars))
    result = result.noting(command=shlex.join(["exotrack", *sys.argv[1:]]), opened=opening(path, wishes), **noted)
    result = result if second is None else result.noting(marker_channel=second)
    result.write(folder, overwrite=wishes.overwrite)
    return result


def opened(path: Path, wishes: Wishes) -> tuple[Movie, Labels | None]:
    """The movie under the name of its file, with its notes said, and the mask if one is wished."""
    from exotrack.io import open_movie, read_mask
    from exotrack.io.formats import stem

    movie = open_movie(path, **wishes.opened).with_id(_text(stem(path)).lstrip(".") or "movie")
    for note in movie.notes:
        _terminal.complain(f"{path.name}: {note}", "note")
    return movie, None if wishes.mask is None else read_mask(wishes.mask, movie.shape[1:])


def opening(path: Path, wishes: Wishes) -> dict[str, Any]:
    """How a movie was opened, for its record."""
    mask = {} if wishes.mask is None else {"mask": str(wishes.mask)}
    return {"path": str(path.absolute()), **wishes.opened, **mask}


def counted(result: Result) -> str:
    """Number of events of each kind and the time it took, for people."""
    kinds = result.events["kind"].value_counts()
    counts = ", ".join(f"{kinds.get(kind, 0)} {kind.replace('_', ' ')}" for kind in EVENT_KINDS)
    return f"{counts} ({result.provenance['wall_s']:.1f} s)"


def windows(given: Sequence[str] | None, option: str) -> list[tuple[float, float]]:
    """``["55:60"]`` as ``[(55.0, 60.0)]``; `ParameterError` says what is no window."""
    found = []
    for text in given or ():
        first, _, last = text.partition(":")
        try:
            found.append((float(first), float(last)))
        except ValueError:
            raise ParameterError(f"{option} takes FIRST:LAST in seconds, such as 55:60, found {text!r}") from None
    return found


def chosen_params(
    preset: str | None,
    file: Path | None,
    stimulus_s: Sequence[float],
    changes: Sequence[str],
    start: Callable[[str], Analysis] | None = None,
    protocol: Mapping[str, Any] | None = None,
) -> Analysis:
    """The parameters: preset, then the file, then options and single changes. `ParameterError` says which name is unknown.

    start : gives the parameters of a preset; None takes those of an analysis. protocol : options of `ProtocolParams`.
    """
    from exotrack.params import PRESETS, read_toml
    from exotrack.params import preset as by_name

    if preset is None and file is None:
        raise ParameterError(f"say what glows with --preset ({', '.join(PRESETS)}), or give parameters with --params FILE.toml")
    start = start or by_name
    params = start(preset) if preset is not None else None
    if file is not None:
        params = read_toml(file, params or start)
    assert params is not None
    if stimulus_s:
        params = params.updated({"classify": {"stimulus_s": list(stimulus_s)}}, "--stimulus-s")
    given = {key: value for key, value in (protocol or {}).items() if value}
    if given:
        params = params.updated({"protocol": given}, ", ".join(f"--{key.replace('_', '-')}" for key in given))
    return params.updated(changed(changes), "--set") if changes else params


def changed(changes: Sequence[str]) -> dict[str, Any]:
    """``["classify.confidence=0.95"]`` as ``{"classify": {"confidence": 0.95}}``; values as in TOML, bare words as text."""
    nested: dict[str, Any] = {}
    for change in changes:
        name, equals, value = change.partition("=")
        if not equals or not all(name.split(".")):
            raise ParameterError(f"--set takes NAME=VALUE, such as classify.confidence=0.95, found {change!r}")
        *stages, last = name.strip().split(".")
        inner = nested
        for stage in stages:
            inner = inner.setdefault(stage, {})
            if not isinstance(inner, dict):
                raise ParameterError(f"--set: {name} is set both as a value and as a stage; give one of them")
        try:
            inner[last] = tomllib.loads(f"value = {value}")["value"]
        except tomllib.TOMLDecodeError:
            inner[last] = value.strip()
    return nested


def rewrite_report(folder: Path, movie_path: Path | None, calibration: Path | None = None) -> Path:
    """Make report.html of a results folder again from its tables and the movie, with a calibration of the movie if given."""
    from exotrack.io import read_results
    from exotrack.io.mask import read_footprint
    from exotrack.io.results import read_calibration
    from exotrack.report import write_report

    results = read_results(folder, "movie")
    calibrated = None if calibration is None else read_calibration(calibration, results.provenance)
    movie = _reopened(results.provenance, movie_path)
    cells = read_footprint(folder, movie.shape[1:])
    return write_report(
        folder,
        movie=movie,
        tables=dict(results.tables),
        params=results.params,
        provenance=dict(results.provenance),
        footprint=cells,
        calibrated=calibrated,
    )


def sample(name: str) -> Path:
    """Path of shipped sample data: inside the installed package, or beside it in a checkout of the source."""
    import exotrack

    package = Path(exotrack.__file__).parent
    for place in (package / "_sample_data", package.parent / "sample_data"):
        if (place / name).exists():
            return place / name
    raise InputError(f"the shipped sample {name} is missing; install exotrack again")


def made_by_demo(folder: Path) -> bool:
    """Whether `folder` holds the results of ``exotrack demo`` and nothing that a person put there."""
    from exotrack.io.mask import FOOTPRINT
    from exotrack.io.results import FILES, read_provenance

    if folder.is_symlink() or not (folder / "provenance.json").is_file():
        return False
    if not {file.name for file in folder.iterdir()} <= {*FILES, FOOTPRINT, "report.html"}:
        return False
    try:
        return read_provenance(folder).get("demo") is True
    except InputError:
        return False


def places(movies: Sequence[Path], out: Path, overwrite: bool) -> dict[Path, Path]:
    """Folder of each movie, all checked before any work."""
    from exotrack.io.atomic import check_place
    from exotrack.io.formats import stem

    places: dict[Path, Path] = {}
    owners: dict[str, Path] = {}
    for path in movies:
        name = _text(stem(path)).lstrip(".") or "movie"
        # Some file systems do not tell capitals apart.
        other = owners.setdefault(name.casefold(), path)
        if other != path or path in places:
            raise OutputError(f"{other} and {path} would both be written to {out / name}; run them with different --out")
        places[path] = out / name
    for place in places.values():
        check_place(place, overwrite)
    return places


def _text(name: str) -> str:
    """A name in which control characters and bytes that are no text became underscores: it goes into every table."""
    return "".join(letter if letter.isprintable() else "_" for letter in name)


def _reopened(provenance: Mapping[str, Any], path: Path | None) -> Movie:
    from exotrack.io import open_movie

    record, known = provenance.get("input"), provenance.get("movie", {})
    if path is None and not isinstance(record, Mapping):
        raise InputError("the results were made from an array, not a file; give the movie with --movie")
    opened = dict(provenance.get("opened", {})) or {key: known.get(key) for key in ("pixel_um", "frame_s")}
    opened.pop("mask", None)
    saved = opened.pop("path", None) or (record["path"] if isinstance(record, Mapping) else None)
    movie = open_movie(path or Path(str(saved)), **opened)
    found, analysed = movie.shape, (known.get("n_frames"), known.get("height"), known.get("width"))
    if found != analysed:
        raise InputError(
            f"{path or saved}: holds {found} frames x rows x columns, analysed were {analysed}; give it with --movie"
        )
    return movie.with_id(str(provenance.get("movie_id", movie.movie_id)))
