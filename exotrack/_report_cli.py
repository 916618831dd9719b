"""``exotrack report``: the page of a movie or micrograph again, or of a whole study."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from exotrack import _terminal


def report(
    results: Annotated[Path, typer.Argument(metavar="RESULTS", help="Results folder of one movie or micrograph, or of a study.")],
    movie: Annotated[
        Path | None, typer.Option("--movie", metavar="PATH", help="The movie or micrograph, if it has been moved.")
    ] = None,
    calibration: Annotated[
        Path | None, typer.Option("--calibration", metavar="DIR", help="Show this calibration of the same movie too.")
    ] = None,
    comparison: Annotated[
        list[Path] | None, typer.Option("--comparison", metavar="DIR", help="Of a study: show rates of exotrack compare too.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option("--workers", min=1, metavar="N", help="Of a study: threads; all cores if not given.")
    ] = None,
) -> None:
    """Make report.html from saved tables: of a movie again, of a study of many movies."""
    from exotrack import _em_cli, _study_report
    from exotrack.errors import ParameterError

    if _study_report.is_study(results):
        from exotrack._blocks import Execution

        if movie or calibration:
            raise ParameterError(f"{results}: is a study; --movie and --calibration are for one movie")
        with _terminal.Bars(results.name) as bars:
            page = _study_report.study_report(results, comparison or (), Execution(workers=workers, progress=bars))
        typer.echo(f"report: {page}")
        return
    if comparison:
        raise ParameterError(f"{results}: is no study of exotrack batch; --comparison needs one")
    typer.echo(f"report: {_em_cli.rewrite_any(results, movie, calibration)}")
