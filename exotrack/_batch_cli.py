"""``exotrack batch`` and ``exotrack status``: a study of many movies on this machine or a cluster."""

from __future__ import annotations

import importlib.util
import json
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from exotrack import _runs, _terminal
from exotrack.errors import InputError, ParameterError

if TYPE_CHECKING:
    from exotrack.batch.lock import Shard
    from exotrack.batch.plan import Item
    from exotrack.batch.run import Ran


def batch(  # noqa: PLR0913 - one argument per option of the command
    study: Annotated[Path, typer.Argument(metavar="STUDY.toml", help="Study file; docs/batch.md has its form.")],
    out: Annotated[str, typer.Option("--out", metavar="DIR", help="Folder or URL for the study's results.")],
    scheduler: Annotated[
        str, typer.Option("--scheduler", metavar="WHERE", help="local, slurm, tls://HOST:PORT, or a scheduler file.")
    ] = "local",
    workers: Annotated[
        int | None, typer.Option("--workers", min=1, metavar="N", help="Processes, or jobs of SLURM. Never changes a result.")
    ] = None,
    memory_gb: Annotated[
        float | None, typer.Option("--memory-gb", min=0.1, metavar="X", help="Most memory of a local worker; else its share.")
    ] = None,
    profile: Annotated[
        Path | None, typer.Option("--profile", metavar="FILE.toml", help="How SLURM is asked: workflows/slurm.toml shows it.")
    ] = None,
    shard: Annotated[
        str | None, typer.Option("--shard", metavar="I/N", help="Only part I (from 1) of N, for arrays of jobs.")
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="Change one parameter for all movies; may be repeated."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and why, and stop.")] = False,
    again: Annotated[bool, typer.Option("--again", help="Also try movies that killed their workers before.")] = False,
    dashboard: Annotated[bool, typer.Option("--dashboard", help="Say where Dask's live view is (needs bokeh).")] = False,
    performance: Annotated[
        Path | None, typer.Option("--performance", metavar="FILE.html", help="Write Dask's performance report (needs bokeh).")
    ] = None,
    open_network: Annotated[
        bool, typer.Option("--open-network", help="Accept a scheduler that is not encrypted and not on this machine.")
    ] = False,
) -> int:
    """Analyse a study of many movies; resumes where it stopped."""
    from exotrack.batch.cluster import Wanted
    from exotrack.batch.profile import read_profile
    from exotrack.batch.run import How, run_study
    from exotrack.batch.study import read_study

    part = sharded(shard)
    if (dashboard or performance) and importlib.util.find_spec("bokeh") is None:
        raise InputError("Dask's live view and performance report need bokeh; pip install bokeh")
    wanted = Wanted(scheduler, workers, memory_gb, read_profile(profile), open_network)
    read = read_study(study, _runs.changed(set_ or ()))
    if dry_run:
        from exotrack.batch.plan import plan
        from exotrack.batch.store import store

        _show_plan(plan(read, store(out), part, again))
        return 0
    from exotrack._batch_progress import Progress

    watch = Progress(dashboard)
    try:
        command = shlex.join(["exotrack", *sys.argv[1:]])
        ran = run_study(read, out, wanted, How(part, again, performance, command=command), watch)
    finally:
        watch.close()
    return _show_end(ran)


def status(
    out: Annotated[str, typer.Argument(metavar="DIR", help="Folder or URL of a study.")],
    json_: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
) -> None:
    """Say which movies of a study are done, running, failed or stale."""
    from exotrack._batch_progress import shown
    from exotrack.batch.status import status as looked
    from exotrack.batch.store import store

    found = looked(store(out))
    if json_:
        typer.echo(json.dumps(found.plain(), indent=2))
        return
    typer.echo(f"{found.study}: {', '.join(f'{count} {state}' for state, count in found.counts.items())}")
    for run in found.runs:
        typer.echo(f"  at work: {run}")
    for movie, mark in found.running.items():
        times = "" if mark.starts == 1 else f", for the {mark.starts}th time"
        typer.echo(f"  {shown(movie)}: running on {mark.host} since {mark.since}{times}")
    for item in found.items:
        if item.state not in ("done", "new") and item.entry.movie not in found.running:
            typer.echo(f"  {shown(item.entry.movie)}: {item.state}: {shown(item.reason)}")


def sharded(text: str | None) -> Shard:
    """``2/8`` as the second of eight parts; `ParameterError` if it is none."""
    from exotrack.batch.lock import Shard

    if text is None:
        return Shard()
    first, _, last = text.partition("/")
    if not (first.isdecimal() and last.isdecimal() and 1 <= int(first) <= int(last) <= 100_000):
        raise ParameterError(f"--shard takes I/N, such as 1/8 to 8/8, found {text!r}")
    return Shard(int(first), int(last))


def _show_plan(items: list[Item]) -> None:
    from exotrack._batch_progress import shown
    from exotrack.batch.plan import counted

    for item in items:
        reason = f": {shown(item.reason)}" if item.reason else ""
        typer.echo(f"{shown(item.entry.movie)}: {item.state}{reason}")
    todo = sum(item.to_do for item in items)
    typer.echo(f"{len(items)} movies: {counted(items)}; {todo} would be worked on")


def _show_end(ran: Ran) -> int:
    """Say how the study stands, and what to do about failures; returns the exit status."""
    counts = ran.counts
    bad = counts["failed"] + counts["aside"]
    typer.echo(f"{counts['done']} of {len(ran.items)} movies done ({ran.done} now), {bad} failed -> {ran.place.where}")
    for item in ran.items:
        if item.state == "aside" and item.entry.movie not in ran.failed:
            _terminal.complain(f"{item.entry.movie}: was set aside: {item.reason}; --again tries it once more", "note")
    mine = set(ran.failed) | {item.entry.movie for item in ran.items if item.state == "aside"}
    return 1 if mine else 0
