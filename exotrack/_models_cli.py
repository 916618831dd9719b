"""``exotrack models``: list, show and export the reference models."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from exotrack import _terminal
from exotrack.errors import OutputError, ParameterError

if TYPE_CHECKING:
    from exotrack.kinetics.catalogue import Model

app = typer.Typer(help="Reference models: list, show or export them.", invoke_without_command=True)

Name = Annotated[str, typer.Argument(metavar="NAME", help="A model of the catalogue, or a TOML, SBML or Antimony file.")]
See = Annotated[Path | None, typer.Option("--map", metavar="FILE", help="What is seen of each state of an SBML file (TOML).")]
FORMATS = {".toml": "toml", ".xml": "sbml", ".sbml": "sbml", ".ant": "antimony"}


@app.callback()
def _help(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@app.command("list")
def list_() -> None:
    """List the models of the catalogue."""
    from exotrack.kinetics import describe

    _terminal.show_table("models", ("name", "what", "states", "fitted", "from memory", "status"), describe.summary())


@app.command()
def show(name: Name, see: See = None) -> None:
    """Show a model: states, rates with their evidence, and golden numbers computed anew."""
    from exotrack.kinetics import describe
    from exotrack.kinetics.golden import checks

    model = _loaded(name, see)
    typer.echo(f"{model.id}: {model.title}\n\n{model.about.strip()}\n\nreference: {model.reference}\nstatus: {model.status}")
    for note in model.notes:
        typer.echo(f"note: {note}")
    _terminal.show_table("states", describe.STATES, describe.state_rows(model))
    _terminal.show_table("transitions", describe.TRANSITIONS, describe.transition_rows(model))
    if model.derived:
        _terminal.show_table("derived", ("name", "is"), [(key, describe.said(tree)) for key, tree in model.derived.items()])
    _terminal.show_table("parameters", describe.PARAMETERS, describe.parameter_rows(model))
    if model.inputs:
        _terminal.show_table("inputs", ("input", "default", "unit", "meaning"), describe.input_rows(model))
    found = [(one.words, f"{one.found:.6g}", f"{one.golden.value:g}", "yes" if one.agrees else "NO") for one in checks(model)]
    if found:
        _terminal.show_table("golden numbers", ("what", "computed", "expected", "agrees"), found)
    if model.unverified:
        typer.echo(describe.doubts(model))


@app.command()
def export(
    name: Name,
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="File to write; printed if not given.")] = None,
    to: Annotated[
        str | None, typer.Option("--format", metavar="F", help="toml, sbml or antimony; else by FILE's ending.")
    ] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="Change a parameter or input; may be repeated.")
    ] = None,
    see: See = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace FILE if it is there.")] = False,
) -> None:
    """Write a model as TOML to copy, SBML or Antimony."""
    from exotrack.io.atomic import atomic_file
    from exotrack.kinetics.describe import doubts

    model = _loaded(name, see)
    text = _text(model, name, _format(to, out), set_ or [])
    if model.unverified:
        _terminal.complain(f"{model.id}: {doubts(model)}", "note")
    if out is None:
        typer.echo(text, nl=False)
        return
    if out.exists() and not overwrite:
        raise OutputError(f"{out}: is already there; choose another name, or replace it with --overwrite")
    with atomic_file(out) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")
    typer.echo(f"{model.id} -> {out}")


def _loaded(name: str, see: Path | None) -> Model:
    from exotrack.kinetics.catalogue import load

    return load(name, see)


def _format(to: str | None, out: Path | None) -> str:
    wanted = to or (FORMATS.get(out.suffix.lower(), "") if out is not None else "toml")
    if wanted not in FORMATS.values():
        raise ParameterError(f"--format: no format {wanted or '(none)'!r}; there are toml, sbml and antimony")
    return wanted


def _text(model: Model, name: str, form: str, changes: list[str]) -> str:
    from exotrack.kinetics.catalogue import HERE, models
    from exotrack.kinetics.sbml import antimony_text, sbml_text

    given = [_change(words) for words in changes]
    values = {key: value for key, value in given if key not in model.inputs}
    inputs = {key: value for key, value in given if key in model.inputs}
    model.given(values, inputs)
    if form == "toml":
        path = HERE / f"{name}.toml" if name in models() else Path(name)
        if given or path.suffix.lower() != ".toml":
            raise ParameterError(
                "--format toml copies a TOML file as it stands; change values in the copy, or export sbml or antimony"
            )
        return path.read_text(encoding="utf-8")
    return antimony_text(model, values, inputs) if form == "antimony" else sbml_text(model, values, inputs)


def _change(words: str) -> tuple[str, float]:
    key, _, value = words.partition("=")
    try:
        return key.strip(), float(value)
    except ValueError:
        raise ParameterError(f"--set: expected NAME=NUMBER, found {words!r}") from None
