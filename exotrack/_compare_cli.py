"""``exotrack compare``: results folders and reference models in, tables, JSON and a report out."""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from exotrack import __version__, _terminal
from exotrack.errors import InputError, ParameterError

if TYPE_CHECKING:
    import pandas as pd

    from exotrack.kinetics.compare import Comparison

List = list[str] | None


def compare(  # noqa: PLR0913 - one argument per option of the command
    results: Annotated[list[Path], typer.Argument(metavar="RESULTS...", help="Results folders of exotrack run.")],
    model: Annotated[list[str], typer.Option("--model", metavar="NAME", help="Model or file; repeat to rank several.")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for the comparison.")],
    calibration: Annotated[
        list[Path] | None, typer.Option("--calibration", metavar="DIR", help="Correct calls by this; may be repeated.")
    ] = None,
    design: Annotated[
        Path | None, typer.Option("--design", metavar="FILE.csv", help="movie_id with study_id, animal_id or condition.")
    ] = None,
    input_: Annotated[
        List, typer.Option("--input", metavar="NAME=VALUE", help="An input, such as Ca=0.5; may be repeated.")
    ] = None,
    stimulated: Annotated[
        List, typer.Option("--stimulated", metavar="NAME=VALUE", help="An input from the first stimulus on.")
    ] = None,
    set_: Annotated[List, typer.Option("--set", metavar="NAME=VALUE", help="A parameter of the models; may be repeated.")] = None,
    free: Annotated[
        List, typer.Option("--free", metavar="NAME", help="Fit these parameters instead of the model's own; repeat.")
    ] = None,
    residents: Annotated[
        bool, typer.Option("--residents/--no-residents", help="Use vesicles docked in the first frame; they need a long rest.")
    ] = True,
    least_s: Annotated[
        float, typer.Option("--least-s", min=0.0, metavar="X", help="Use docked stays from this length (s) on.")
    ] = 0.0,
    dead_ends: Annotated[
        bool, typer.Option("--dead-ends", help="Fit the part of docked vesicles that neither fuse nor leave.")
    ] = False,
    visitors: Annotated[
        bool, typer.Option("--visitors", help="Fit the part of those that dock that are visitors, which only leave again.")
    ] = False,
    frailty: Annotated[bool, typer.Option("--frailty", help="Fit how much cells differ in their rates; takes longer.")] = False,
    em: Annotated[
        Path | None, typer.Option("--em", metavar="PATH", help="Vesicles in micrographs: CSV with class and n, or a folder.")
    ] = None,
    diameter_nm: Annotated[
        float | None, typer.Option("--diameter-nm", metavar="X", help="Diameter of a vesicle (nm), for the area.")
    ] = None,
    starts: Annotated[int, typer.Option("--starts", min=1, metavar="N", help="Searches from different starts.")] = 4,
    repeats: Annotated[int, typer.Option("--repeats", min=19, metavar="N", help="Redrawn sets of each test.")] = 99,
    rng: Annotated[int, typer.Option("--rng", min=0, metavar="N", help="Seed: the same number draws the same.")] = 0,
    workers: Annotated[
        int | None, typer.Option("--workers", min=1, metavar="N", help="Threads; all cores if not given. Never changes a result.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a comparison that is already there.")] = False,
) -> None:
    """Compare docked stays with kinetic models."""
    from exotrack.io.atomic import check_place

    check_place(out, overwrite)
    drivers = (numbers(set_, "--set"), numbers(input_, "--input"), numbers(stimulated, "--stimulated"))
    asked = Asked(tuple(results), tuple(model), tuple(calibration or ()), design, em, least_s)
    begun, started = time.perf_counter(), datetime.now(UTC)
    with _terminal.Bars("compare") as bars:
        found = _compared(
            asked,
            (*drivers, free or (), residents, diameter_nm, dead_ends, visitors),
            (starts, repeats, rng, frailty),
            workers,
            bars,
        )
    record = {
        "exotrack": __version__, "command": shlex.join(["exotrack", *sys.argv[1:]]),
        "started": started.isoformat(timespec="seconds"),
        "took_s": round(time.perf_counter() - begun, 1), "rng": rng, "starts": starts, "repeats": repeats,
        "results": [str(one) for one in results], "models": list(model), "calibrations": [str(one) for one in asked.calibrations],
        "micrographs": str(em or ""), "movie_id": ", ".join(found.study.movies["movie_id"]),
    }  # fmt: skip
    write(out, found, record, overwrite)
    _say(found, out)


class Asked(NamedTuple):
    """What to read for a comparison."""

    results: tuple[Path, ...]
    models: tuple[str, ...]
    calibrations: tuple[Path, ...]
    design: Path | None
    em: Path | None
    least_s: float


def _compared(
    asked: Asked, wanted: tuple[Any, ...], effort: tuple[int, int, int, bool], workers: int | None, progress: Any
) -> Comparison:
    """Read everything and compare. wanted : as `Wanted` has it; effort : starts, repeats, seed and whether cells differ."""
    from dataclasses import replace

    from exotrack._blocks import Execution
    from exotrack.kinetics.calls import Calls
    from exotrack.kinetics.catalogue import load
    from exotrack.kinetics.compare import Wanted
    from exotrack.kinetics.compare import compare as compared
    from exotrack.kinetics.micrograph import read_micrographs
    from exotrack.kinetics.study import read_study
    from exotrack.kinetics.verdict import Effort

    models = [load(name) for name in asked.models]
    counted = None if asked.em is None else read_micrographs(asked.em, models)
    study = read_study(asked.results, read_design(asked.design), asked.least_s)
    injected = injected_of(asked.calibrations, asked.results)
    calls = None if injected is None else Calls.of_stays(injected, int(study.movies["min_frames"].max()))
    run = Execution(workers=workers, progress=progress)
    asked_for = replace(Wanted(*wanted), micrograph=counted)
    return compared(study, models, asked_for, calls, Effort(*effort[:3], run, effort[3]), injected)


def _say(found: Comparison, out: Path) -> None:
    from exotrack.report.kinetics_words import summary

    for kind, text in summary(found):
        if kind == "warning":
            _terminal.complain(text, "note")
        else:
            typer.echo(text)
    typer.echo(f"report: {out / 'report.html'}")


def numbers(words: Sequence[str] | None, option: str) -> dict[str, float]:
    """NAME=VALUE options as numbers by name; `ParameterError` for anything else."""
    found = {}
    for word in words or ():
        name, _, value = word.partition("=")
        try:
            found[name.strip()] = float(value)
        except ValueError:
            raise ParameterError(f"{option}: expected NAME=NUMBER, found {word!r}") from None
    return found


def read_design(path: Path | None) -> dict[str, dict[str, str]]:
    """What a CSV file says of each movie, by movie_id; `InputError` if it cannot be read or lacks that column."""
    import csv

    from exotrack.kinetics.study import DESIGN

    if path is None:
        return {}
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: cannot be read as a table ({error}); give a CSV file with a column movie_id") from None
    if not rows or "movie_id" not in rows[0] or not set(rows[0]) & set(DESIGN):
        raise InputError(
            f"{path}: needs columns movie_id and one of {', '.join(DESIGN)}; found {', '.join(rows[0]) if rows else 'none'}"
        )
    return {row["movie_id"]: {key: row[key] or "" for key in DESIGN if key in row} for row in rows}


def injected_of(calibrations: Sequence[Path], results: Sequence[Path]) -> pd.DataFrame | None:
    """The injected docked stays of all calibrations together; each must be of a movie that is compared. None without any."""
    import pandas as pd

    from exotrack.io.results import read_calibration, read_provenance

    if not calibrations:
        return None
    injected = []
    for folder in calibrations:
        last: InputError | None = None
        for movie in results:
            try:
                injected.append(read_calibration(folder, read_provenance(movie))["injected_stays"])
                break
            except InputError as error:
                last = error
        else:
            raise last or InputError(f"{folder}: calibrates none of the movies")
    return pd.concat(injected, ignore_index=True)


def write(folder: Path, found: Comparison, record: dict[str, Any], overwrite: bool) -> None:
    """Write tables, data dictionary, JSON, provenance, report and the crate's metadata, all or nothing."""
    from exotrack.io.atomic import atomic_folder
    from exotrack.io.crate import write_crate
    from exotrack.io.plain import to_json
    from exotrack.io.results import write_described
    from exotrack.kinetics.written import as_plain
    from exotrack.report.kinetics import write_comparison_report

    with atomic_folder(folder, overwrite) as temporary:
        write_described(temporary, found.tables, str(record["movie_id"]), record)
        (temporary / "comparison.json").write_bytes(to_json(as_plain(found)))
        write_comparison_report(temporary, found, record)
        title = f"{', '.join(str(one) for one in record['models'])} for {record['movie_id']}"
        write_crate(temporary, title, "Kinetic models compared with docked stays", record, str(record["started"]))
