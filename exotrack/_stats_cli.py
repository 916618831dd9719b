"""``exotrack stats``: results folders and a design in, comparisons between conditions out, in tables and a report."""

from __future__ import annotations

import shlex
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from exotrack import __version__, _terminal

if TYPE_CHECKING:
    from exotrack.stats import Statistics

Name = str | None


def stats(  # noqa: PLR0913 - one argument per option of the command
    results: Annotated[
        list[Path], typer.Argument(metavar="RESULTS...", help="Results folders of exotrack run, or folders of them.")
    ],
    by: Annotated[
        str, typer.Option("--by", metavar="COLUMN", help="Column of the design to compare; stimulus: before and after it.")
    ] = "condition",
    unit: Annotated[str, typer.Option("--unit", metavar="U", help="What a row is: cell, movie or animal.")] = "cell",
    nested: Annotated[
        Name, typer.Option("--nested", metavar="COLUMN", help="What is independent; animal if the design has it, else the movie.")
    ] = None,
    pair: Annotated[
        Name, typer.Option("--pair", metavar="COLUMN", help="Compare within each of its values; none: treat nothing as paired.")
    ] = None,
    design: Annotated[
        Path | None, typer.Option("--design", metavar="FILE.csv", help="movie_id with condition, animal, day, pair, ...")
    ] = None,
    reference: Annotated[
        Name, typer.Option("--reference", metavar="NAME", help="Compare all others with this condition only.")
    ] = None,
    adjust: Annotated[
        list[str] | None,
        typer.Option("--adjust", metavar="COLUMNS", help="Hold these columns of the design constant: day,age; may be repeated."),
    ] = None,
    interaction: Annotated[
        Name, typer.Option("--interaction", metavar="COLUMN", help="Ask whether the effect differs between its values.")
    ] = None,
    measure: Annotated[
        list[str] | None,
        typer.Option("--measure", metavar="NAME", help="Compare this only, such as fusion_rate; may be repeated."),
    ] = None,
    filling: Annotated[
        bool, typer.Option("--filling", help="Compare full, partial and empty vesicles of exotrack em results.")
    ] = False,
    patterns: Annotated[
        bool, typer.Option("--patterns", help="Also where and when: clusters, hot spots, bursts, the course after a stimulus.")
    ] = False,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for the tables and the report.")] = Path(
        "exotrack_stats"
    ),
    repeats: Annotated[int, typer.Option("--repeats", min=0, metavar="N", help="Replicates of the cluster bootstrap.")] = 1000,
    rng: Annotated[int, typer.Option("--rng", min=0, metavar="N", help="Seed: the same number draws the same.")] = 0,
    workers: Annotated[
        int | None, typer.Option("--workers", min=1, metavar="N", help="Threads; all cores if not given. Never changes a result.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace statistics that are already there.")] = False,
) -> None:
    """Compare conditions across cells and animals."""
    from exotrack._blocks import Execution
    from exotrack.errors import ParameterError
    from exotrack.io.atomic import check_place
    from exotrack.stats import Design, Plan, chosen, compare, gather, gather_filling, read_design

    if filling and patterns:
        raise ParameterError("--filling takes micrographs, --patterns takes movies; give one of them")
    check_place(out, overwrite)
    begun, started = time.perf_counter(), datetime.now(UTC)
    held = tuple(name.strip() for word in adjust or () for name in word.split(",") if name.strip())
    plan = Plan(by, unit, nested, pair, reference, held, interaction)
    measures = chosen(measure or (), filling, patterns)
    known: Design | None = read_design(design) if design else None
    with _terminal.Bars("stats") as bars:
        run = Execution(workers=workers, progress=bars)
        if filling:
            study = gather_filling(results, known)
        else:
            study = gather(results, known, by, replace(run, processes=True), rng if patterns else None)
        found = compare(study, measures, plan, repeats=repeats, rng=rng, run=run)
    record = {
        "exotrack": __version__, "command": shlex.join(["exotrack", *sys.argv[1:]]),
        "started": started.isoformat(timespec="seconds"), "took_s": round(time.perf_counter() - begun, 1), "rng": rng,
        "repeats": repeats, "results": [str(one) for one in results], "design": str(design or ""), "by": by, "unit": unit,
        "independent": found.cluster_kind, "pair": pair or "", "patterns": patterns, "reference": reference or "",
        "adjust": list(held), "interaction": interaction or "", "measures": [one.name for one in found.measures],
        "notes": list(found.notes),
    }  # fmt: skip
    write(out, found, record, overwrite)
    _say(found, out)


def _say(found: Statistics, out: Path) -> None:
    from exotrack.report.statistics_words import sentences

    for kind, text in sentences(found):
        if kind == "warning":
            _terminal.complain(text, "note")
        else:
            typer.echo(text)
    typer.echo(f"report: {out / 'report.html'}")


def write(folder: Path, found: Statistics, record: dict[str, Any], overwrite: bool) -> None:
    """Write tables, data dictionary, provenance and report, all or nothing."""
    from exotrack.io.atomic import atomic_folder
    from exotrack.io.crate import write_crate
    from exotrack.io.results import write_described
    from exotrack.report.statistics import write_statistics_report

    with atomic_folder(folder, overwrite) as temporary:
        title = f"{found.plan.by}: {', '.join(found.groups)}"
        write_described(temporary, found.tables, title, record)
        write_statistics_report(temporary, found, record)
        write_crate(temporary, title, "Conditions compared across cells and animals", record, str(record["started"]))
