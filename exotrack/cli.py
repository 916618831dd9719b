"""The command line: options in, one call of the library, a few lines out.

Exit status: 0 done, 1 some movies failed, 2 bad use or bad input, 75 try again, 130 and 143 interrupted. Nothing heavy is
imported before a command is chosen, so that help comes at once.
"""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from exotrack import __version__, _calibrations, _commands, _demo, _em_cli, _runs, _terminal

app = typer.Typer(
    name="exotrack",
    help="From a secretion movie to docking, full fusion and kiss-and-run events.",
    invoke_without_command=True,
    add_completion=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
_commands.add_to(app)

Out = Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for the results; each movie gets a folder in it.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace results that are already there.")]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="Change one parameter, such as classify.confidence=0.95; may be repeated."),
]
Workers = Annotated[
    int | None, typer.Option("--workers", min=1, metavar="N", help="Threads; all cores if not given. Never changes a result.")
]
PixelUm = Annotated[float | None, typer.Option("--pixel-um", metavar="X", help="Side of a pixel (um); wins over the file.")]

Preset = Annotated[
    str | None, typer.Option("--preset", metavar="NAME", help="What glows: granule, phluorin, synapse or constitutive.")
]
ParamsFile = Annotated[Path | None, typer.Option("--params", metavar="FILE.toml", help="Parameters, over the preset's.")]
FrameS = Annotated[float | None, typer.Option("--frame-s", metavar="Y", help="Time between frames (s); wins over the file.")]
StimulusS = Annotated[
    list[float] | None, typer.Option("--stimulus-s", metavar="T", help="Time of a stimulus (s); may be repeated.")
]
Mask = Annotated[Path | None, typer.Option("--mask", metavar="FILE", help="Image of cell numbers, 0 outside.")]
Channel = Annotated[str | None, typer.Option("--channel", help="Number (from 0) or name of the channel.")]
Axes = Annotated[str | None, typer.Option("--axes", help="Letters of the stored axes in order, such as TYX.")]
Series = Annotated[int | None, typer.Option("--series", min=0, help="Which image of the file (from 0).")]
AllowPartial = Annotated[bool, typer.Option("--allow-partial", help="Use the whole frames of a truncated file.")]


def main() -> NoReturn:
    """Entry point of the ``exotrack`` command."""
    # Blocks of frames are the unit of parallel work: threads inside a block would only compete with those between blocks.
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    # A file name that is no text must not end a run in the line that says it is done.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    sys.exit(_terminal.exit_status(lambda: app(prog_name="exotrack", standalone_mode=False)))


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"exotrack {__version__}")
        raise typer.Exit


def _opened(*, channel: str | None, allow_partial: bool, **given: Any) -> dict[str, Any]:
    """Arguments of `open_movie` that were given."""
    number = int(channel) if channel is not None and channel.isdecimal() else channel
    every = {**given, "channel": number, "allow_partial": allow_partial or None}
    return {key: value for key, value in every.items() if value is not None}


@app.callback()
def options(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """From a secretion movie to docking, full fusion and kiss-and-run events."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@app.command()
def run(  # noqa: PLR0913 - one argument per option of the command
    movies: Annotated[list[Path], typer.Argument(metavar="MOVIE...", help="Movie files or folders.")],
    out: Out,
    preset: Preset = None,
    params: ParamsFile = None,
    set_: Set = None,
    pixel_um: PixelUm = None,
    frame_s: FrameS = None,
    stimulus_s: StimulusS = None,
    nh4cl_s: Annotated[
        list[str] | None, typer.Option("--nh4cl-s", metavar="T:T", help="First:last time (s) of NH4Cl; may be repeated.")
    ] = None,
    quench_s: Annotated[
        list[str] | None, typer.Option("--quench-s", metavar="T:T", help="First:last time (s) of acid; may be repeated.")
    ] = None,
    drift: Annotated[
        str | None, typer.Option("--drift", metavar="WHEN", help="Correct drift of the stage: auto, on or off.")
    ] = None,
    marker_channel: Annotated[
        str | None, typer.Option("--marker-channel", help="Number or name of a second channel, measured at each vesicle.")
    ] = None,
    mask: Mask = None,
    channel: Channel = None,
    axes: Axes = None,
    series: Series = None,
    workers: Workers = None,
    overwrite: Overwrite = False,
    allow_partial: AllowPartial = False,
) -> int:
    """Analyse movies into tables and a report."""
    protocol = {"nh4cl_s": _runs.windows(nh4cl_s, "--nh4cl-s"), "quench_s": _runs.windows(quench_s, "--quench-s"), "drift": drift}
    chosen = _runs.chosen_params(preset, params, stimulus_s or (), set_ or (), protocol=protocol)
    opened = _opened(pixel_um=pixel_um, frame_s=frame_s, axes=axes, series=series, channel=channel, allow_partial=allow_partial)
    second = int(marker_channel) if marker_channel is not None and marker_channel.isdecimal() else marker_channel
    return _runs.run_all(movies, out, chosen, _runs.Wishes(opened, mask, workers, overwrite, second))


@app.command()
def calibrate(  # noqa: PLR0913 - one argument per option of the command
    movie: Annotated[Path, typer.Argument(metavar="MOVIE", help="Movie file or folder.")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for the calibration.")],
    preset: Preset = None,
    params: ParamsFile = None,
    set_: Set = None,
    rng: Annotated[int, typer.Option("--rng", min=0, metavar="N", help="Seed: the same number injects the same.")] = 0,
    repeats: Annotated[
        int | None, typer.Option("--repeats", min=1, metavar="N", help="Rounds of injecting and analysing.")
    ] = None,
    pixel_um: PixelUm = None,
    frame_s: FrameS = None,
    stimulus_s: StimulusS = None,
    mask: Mask = None,
    channel: Channel = None,
    axes: Axes = None,
    series: Series = None,
    workers: Workers = None,
    overwrite: Overwrite = False,
    allow_partial: AllowPartial = False,
) -> None:
    """Inject simulated events into a movie: what would be found."""
    chosen = _calibrations.chosen_settings(preset, params, stimulus_s or (), set_ or (), repeats)
    opened = _opened(pixel_um=pixel_um, frame_s=frame_s, axes=axes, series=series, channel=channel, allow_partial=allow_partial)
    typer.echo(_calibrations.calibrate_one(movie, out, chosen, rng, _runs.Wishes(opened, mask, workers, overwrite)))


app.command()(_em_cli.em)


@app.command()
def demo(
    out: Out = Path("exotrack_demo"),
    workers: Workers = None,
    overwrite: Overwrite = False,
    protocol: Annotated[
        bool, typer.Option("--protocol", help="Simulate and analyse a movie with drift, solutions, marker and calibration too.")
    ] = False,
) -> None:
    """Analyse the shipped movie and score it.

    May be repeated: results of an earlier demo are replaced, anything else only with --overwrite. --protocol shows the rest
    on a small simulated movie.
    """
    _demo.demo(out, workers, overwrite, protocol)


@app.command()
def simulate(
    preset: Annotated[
        str,
        typer.Argument(
            metavar="PRESET",
            help="granule, phluorin, synapse, constitutive or vesicle_like; for micrographs em, em_sections, em_granules, "
            "em_volume or em_tomogram.",
        ),
    ],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for the movie and its true tables.")],
    rng: Annotated[int, typer.Option("--rng", min=0, metavar="N", help="Seed: the same number makes the same movie.")],
    set_: Set = None,
    overwrite: Overwrite = False,
) -> None:
    """Simulate a movie or an electron micrograph with known truth."""
    if preset == "em" or preset.startswith("em_"):
        typer.echo(_em_cli.simulate_one(preset, out, rng, set_ or (), overwrite))
        return
    import numpy as np

    from exotrack.io.atomic import atomic_folder
    from exotrack.simulate import simulate as simulated
    from exotrack.simulate import simulation
    from exotrack.simulate.write import write_truth

    settings = simulation(preset).updated(_runs.changed(set_ or ()), "--set")
    with atomic_folder(out, overwrite) as temporary:
        with _terminal.Bars() as bars:
            truth = simulated(settings, np.random.default_rng(rng))
            write_truth(truth, temporary, progress=lambda done, total: bars("simulate", done, total))
    kinds = truth.events["kind"].value_counts()
    counted = [f"{n} {kind.replace('_', ' ')}" for kind, n in kinds.items()] or [f"{truth.tracks['track_id'].nunique()} tracks"]
    typer.echo(f"{', '.join(counted)} -> {out}")


@app.command()
def score(
    true: Annotated[Path, typer.Argument(metavar="TRUE", help="Folder of true tables, or a file of true events or tracks.")],
    found: Annotated[Path, typer.Argument(metavar="FOUND", help="Results folder, or a file of found events or tracks.")],
    pixel_um: Annotated[
        float | None,
        typer.Option("--pixel-um", metavar="X", help="Pixel (um): events match within 4, tracks within 5."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
) -> None:
    """Compare found events and tracks with true ones.

    Tracks are compared by the measures of the Particle Tracking Challenge. They may come as its XML, GEFF, TrackMate's
    table of spots or napari data; then there are no events, and only tracks are compared.
    """
    from exotrack.score import load_pair, score_loaded

    scores = score_loaded(*load_pair(true, found, pixel_um), pixel_um)
    if json:
        typer.echo(scores.to_json())
        return
    if scores.counts:
        _terminal.show_table(f"{found} against {true}", *scores.rows())
    else:
        typer.echo(f"{found} against {true}: no events to compare, tracks only")
    typer.echo(scores.summary(counts=False))


@app.command()
def tracks(
    source: Annotated[Path, typer.Argument(metavar="IN", help="Results folder, or a file of tracks of any format.")],
    target: Annotated[Path, typer.Argument(metavar="OUT", help="File to write: .parquet, .csv, .geff or .xml.")],
    to: Annotated[
        str | None,
        typer.Option("--format", metavar="F", help="parquet, csv, geff, trackmate, napari or challenge; else OUT's ending."),
    ] = None,
    pixel_um: Annotated[
        float | None, typer.Option("--pixel-um", metavar="X", help="Pixel (um), where IN or OUT is in pixels.")
    ] = None,
    frame_s: Annotated[
        float | None, typer.Option("--frame-s", metavar="Y", help="Time between frames (s), if IN says none.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace OUT if it is there.")] = False,
) -> None:
    """Convert tracks between programs."""
    from exotrack.io import read_tracks, write_tracks
    from exotrack.io.results import of_movie, read_provenance

    table = read_tracks(source, pixel_um, frame_s)
    known = read_provenance(source) if (source / "provenance.json").is_file() else {}
    write_tracks(table, target, to, pixel_um or of_movie(known, "pixel_um"), overwrite)
    if len(table) and table["t_s"].isna().any():
        _terminal.complain(f"{source}: the time between frames is not known, so t_s is empty; --frame-s gives it", "note")
    typer.echo(f"{len(table)} spots of {table['track_id'].nunique()} tracks -> {target}")


@app.command()
def tables(markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown.")] = False) -> None:
    """Print the meaning of every column."""
    from exotrack import tables as contract
    from exotrack.io import dictionary

    if markdown:
        typer.echo(dictionary.markdown(), nl=False)
        return
    for table in contract.EVERY:
        rows = [(name, column.dtype, column.unit, dictionary.meaning(column)) for name, column in table.columns().items()]
        _terminal.show_table(f"{table.name}: {dictionary.about(table)}", ("column", "type", "unit", "meaning"), rows)
