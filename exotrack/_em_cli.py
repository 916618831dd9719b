"""The command ``exotrack em``: options in, one call, a few lines out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from exotrack import _em_runs
from exotrack._em_geometry import Surroundings
from exotrack._em_runs import rewrite_any as rewrite_any
from exotrack._em_simulation import simulate_one as simulate_one
from exotrack.errors import ParameterError

Image = Annotated[list[Path], typer.Argument(metavar="IMAGE...", help="Micrographs, serial sections or volumes.")]
Out = Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for the results; each image gets a folder in it.")]
Preset = Annotated[str | None, typer.Option("--preset", metavar="NAME", help="Size: synaptic, dense_core, granule or omv.")]
ParamsFile = Annotated[Path | None, typer.Option("--params", metavar="FILE.toml", help="Parameters, over the preset's.")]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="Change one parameter, such as vesicles.min_score=0.7; may be repeated."),
]
SpacingNm = Annotated[
    str | None,
    typer.Option("--spacing-nm", metavar="Z,Y,X", help="Distance between voxels (nm), or one number; wins over the file."),
]
Contrast = Annotated[
    str | None, typer.Option("--contrast", metavar="C", help="Whether membranes are dark or bright; else found out.")
]
Labels = Annotated[
    Path | None,
    typer.Option("--labels", metavar="FILE", help="Vesicles made elsewhere: label image, CSV, IMOD model, SynapsEM text."),
]
Split = Annotated[bool, typer.Option("--split-labels", help="Give each unconnected piece of a label a number of its own.")]
BackendName = Annotated[str | None, typer.Option("--backend", metavar="NAME", help="Find vesicles with an installed backend.")]
MembraneFile = Annotated[
    Path | None,
    typer.Option("--membrane", metavar="FILE", help="Mask of the plasma membrane or cell, or lines (CSV of napari shapes)."),
]
Trace = Annotated[
    bool, typer.Option("--trace", help="The points of the lines are clicks: find the membrane between them in the image.")
]
MembraneNm = Annotated[
    float | None,
    typer.Option("--membrane-nm", metavar="NM", help="Thickness of a drawn membrane (7.5); 0: the lines are its inner face."),
]
ActiveZone = Annotated[Path | None, typer.Option("--active-zone", metavar="FILE", help="Mask of the active zone or ribbon.")]
Rule = Annotated[
    str | None,
    typer.Option(
        "--rule",
        metavar="NAME",
        help="What docked and tethered mean: touching, tomography, bilayer_5, bilayer_10, ribbon or cryo_centre.",
    ),
]
SectionNm = Annotated[
    float | None,
    typer.Option("--section-nm", metavar="NM", help="Thickness of the section; corrects diameters and numbers for it."),
]
Channel = Annotated[str | None, typer.Option("--channel", help="Number (from 0) or name of the channel.")]
Series = Annotated[int | None, typer.Option("--series", min=0, help="Which image of the file (from 0).")]
Dataset = Annotated[str | None, typer.Option("--dataset", metavar="PATH", help="Path inside an HDF5 file.")]
Workers = Annotated[int | None, typer.Option("--workers", min=1, metavar="N", help="Threads; never changes a result.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace results that are already there.")]


def em(  # noqa: PLR0913 - one argument per option of the command
    images: Image,
    out: Out,
    preset: Preset = None,
    params: ParamsFile = None,
    set_: Set = None,
    spacing_nm: SpacingNm = None,
    contrast: Contrast = None,
    labels: Labels = None,
    split_labels: Split = False,
    backend: BackendName = None,
    membrane: MembraneFile = None,
    trace: Trace = False,
    membrane_nm: MembraneNm = None,
    active_zone: ActiveZone = None,
    rule: Rule = None,
    section_nm: SectionNm = None,
    channel: Channel = None,
    series: Series = None,
    dataset: Dataset = None,
    workers: Workers = None,
    overwrite: Overwrite = False,
) -> int:
    """Find vesicles in electron micrographs, say how full they are and, with --membrane, where they stand to it."""
    if contrast not in (None, "dark", "bright"):
        raise ParameterError(f"--contrast is dark or bright, found {contrast!r}")
    if labels is not None and backend is not None:
        raise ParameterError("--labels and --backend both say where the vesicles come from; give one of them")
    chosen = _em_runs.chosen(preset, params, set_ or ())
    number = int(channel) if channel is not None and channel.isdecimal() else channel
    given = {
        "spacing_nm": _em_runs.spacing(spacing_nm),
        "contrast": contrast,
        "channel": number,
        "series": series,
        "dataset": dataset,
    }
    opened = {key: value for key, value in given.items() if value is not None}
    around = Surroundings(membrane, active_zone, rule, section_nm, trace, membrane_nm)
    wishes = _em_runs.EmWishes(opened, labels, split_labels, backend, around, workers, overwrite)
    return _em_runs.run_all(images, out, chosen, wishes)
