"""The commands that have a module of their own, put on the command line."""

from __future__ import annotations

import typer

from exotrack import _batch_cli, _compare_cli, _models_cli, _report_cli, _stats_cli


def add_to(app: typer.Typer) -> None:
    """Give `app` the commands of the modules beside `exotrack.cli`."""
    app.add_typer(_models_cli.app, name="models")
    for command in (_compare_cli.compare, _stats_cli.stats, _report_cli.report, _batch_cli.batch, _batch_cli.status):
        app.command(command.__name__)(command)
