"""``exotrack em``: micrographs into tables of vesicles."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from exotrack import _em_geometry, _runs, _terminal
from exotrack._em_geometry import Surroundings
from exotrack.errors import InputError, ParameterError, TryAgainError

if TYPE_CHECKING:
    import pandas as pd

    from exotrack._blocks import Execution
    from exotrack.em.membrane import Membrane
    from exotrack.em.profiles import Profiles
    from exotrack.em.stack import Stack
    from exotrack.params import EmAnalysis


@dataclass(frozen=True)
class EmWishes:
    """What the user asks of a run besides the parameters."""

    opened: Mapping[str, Any] = field(default_factory=dict)
    labels: Path | None = None
    split: bool = False
    backend: str | None = None
    around: Surroundings = field(default_factory=Surroundings)
    workers: int | None = None
    overwrite: bool = False


def chosen(preset: str | None, file: Path | None, changes: Sequence[str]) -> EmAnalysis:
    """The parameters: preset, then the file, then single changes; `ParameterError` says which name is unknown."""
    from exotrack.params import em_preset, read_em_toml

    if file is not None:
        params = read_em_toml(file, None if preset is None else em_preset(preset))
    else:
        params = em_preset(preset or "synaptic")
    return params.updated(_runs.changed(changes), "--set") if changes else params


def spacing(given: str | None) -> tuple[float, ...] | None:
    """``"30,8,8"`` as numbers; `ParameterError` says what is none."""
    if given is None:
        return None
    try:
        return tuple(float(part) for part in given.split(","))
    except ValueError:
        raise ParameterError(f"--spacing-nm takes Z,Y,X or one number in nm, such as 30,8,8, found {given!r}") from None


def run_all(images: Sequence[Path], out: Path, params: EmAnalysis, wishes: EmWishes) -> int:
    """Analyse each image into its folder below `out`; returns the exit status, as `_runs.run_all` does."""
    wishes.around.check()
    every = _runs.places(images, out, wishes.overwrite)
    masks = {"--labels": wishes.labels, "--membrane": wishes.around.membrane, "--active-zone": wishes.around.active_zone}
    for flag, given in masks.items():
        if given is not None and len(every) > 1:
            raise InputError(f"{flag} is of one image, {len(every)} were given; run them one by one")
    failed = 0
    for path, folder in every.items():
        try:
            said = run_one(path, folder, params, wishes)
        except TryAgainError:
            raise
        except Exception as error:
            if len(every) == 1 or _terminal.interruption_behind(error) is not None:
                raise
            failed += 1
            _terminal.complain(f"{path.name}: {_terminal.explained(error)}")
        else:
            typer.echo(f"{folder.name}: {said} -> {folder}")
    if failed:
        typer.echo(f"{len(every) - failed} of {len(every)} images done, {failed} failed")
    return 1 if failed else 0


def run_one(path: Path, folder: Path, params: EmAnalysis, wishes: EmWishes) -> str:
    """Open, analyse and write one image; returns what to say of it."""
    from exotrack.em import fill, open_stack
    from exotrack.io.results import write_results
    from exotrack.provenance import Recorder

    recorder = Recorder()
    stack = open_stack(path, **wishes.opened, image_id=folder.name)
    with _terminal.Bars(stack.image_id) as bars:
        with recorder.stage("vesicles"):
            found = _found(stack, params, wishes, bars)
            stack = found.stack
        with recorder.stage("filling"):
            table = fill(found.vesicles, stack, params.filling, params.vesicles.section_nm)
        with recorder.stage("membrane"):
            tables, membrane = _em_geometry.described(table, stack, wishes.around, found.profiles, found.membrane)
    for note in stack.notes:
        _terminal.complain(f"{path.name}: {note}", "note")
    record = recorder.plain(params) | _record(stack, path, wishes, found.says)
    write_results(
        folder,
        tables,
        params,
        record,
        overwrite=wishes.overwrite,
        extra=lambda place: _em_geometry.write_page(place, stack, tables, membrane, wishes.around, record),
    )
    return _said(tables["vesicles"])


def _said(table: pd.DataFrame) -> str:
    """What was found, in a line."""
    kinds = table["filling"].value_counts()
    filling = ", ".join(f"{kinds[kind]} {kind}" for kind in ("full", "partial", "empty", "unresolved") if kinds.get(kind))
    middle = f", median diameter {table['diameter_nm'].median():.1f} nm" if len(table) else ""
    states = table.loc[table["state"] != "", "state"].value_counts()
    placed = "; " + ", ".join(f"{n} {state}" for state, n in states.items()) if len(states) else ""
    return f"{len(table)} vesicles{middle}" + (f" ({filling})" if filling else "") + placed


@dataclass(frozen=True)
class _Found:
    """Vesicles of a stack whose contrast is settled; of a serial stack the profiles of its sections; what a backend says; the
    membrane, if it is known already."""

    stack: Stack
    vesicles: pd.DataFrame
    profiles: Profiles | None = None
    says: Mapping[str, Any] = field(default_factory=dict)
    membrane: Membrane | None = None


def _found(stack: Stack, params: EmAnalysis, wishes: EmWishes, bars: Any) -> _Found:
    """Vesicles of the stack, by whatever means were wished."""
    from exotrack.em import read_vesicles
    from exotrack.em.backends import find_with
    from exotrack.em.detect import cautioned, is_volume, settle

    if stack.flat and wishes.around.section_nm is not None:
        stack = replace(stack, spacing_nm=(wishes.around.section_nm, *stack.spacing_nm[1:]))
    stack = settle(stack, params.vesicles)
    serial = not stack.flat and not is_volume(stack, params.vesicles)
    if wishes.labels is not None:
        table = read_vesicles(wishes.labels, stack, split=wishes.split)
        return _Found(stack, table, _label_profiles(wishes.labels, stack) if serial else None)
    if wishes.backend is not None:
        table, says = find_with(wishes.backend, stack)
        return _Found(stack, table, says=says)
    return _detected(cautioned(stack, params.vesicles), params, wishes, bars, serial)


def _detected(stack: Stack, params: EmAnalysis, wishes: EmWishes, bars: Any, serial: bool) -> _Found:
    """By our own means; rings of serial sections are kept before they are joined."""
    from exotrack import link
    from exotrack._blocks import Execution
    from exotrack.em import detect
    from exotrack.em.profiles import ring_profiles
    from exotrack.em.sections import joined, unjoined

    run = Execution(workers=wishes.workers, progress=bars)
    rings = detect(stack, params.vesicles, run, unjoined)
    stack, rings, membrane = _beside(stack, rings, params, wishes, run, serial)
    if not serial:
        return _Found(stack, rings, membrane=membrane)
    table = joined(rings, stack, link)
    return _Found(stack, table, ring_profiles(rings, table, stack.shape[0]), membrane=membrane)


def _beside(
    stack: Stack, rings: pd.DataFrame, params: EmAnalysis, wishes: EmWishes, run: Execution, serial: bool
) -> tuple[Stack, pd.DataFrame, Membrane | None]:
    """What is found beside the membrane once its mask is painted over; the stack says so."""
    from exotrack.em import detect
    from exotrack.em._plan import thickness
    from exotrack.em.beside import SAID, painted, with_second_look
    from exotrack.em.sections import unjoined

    if wishes.around.membrane is None or wishes.around.lines:
        return stack, rings, None
    membrane = _em_geometry.membrane_given(wishes.around, stack)
    hidden = painted(stack, membrane)
    if hidden is None:
        return stack, rings, membrane
    again = detect(hidden, params.vesicles, run, unjoined)
    deep = not stack.flat and not serial
    section_nm = thickness(stack, params.vesicles, deep)
    rings = with_second_look(rings, again, membrane, params.vesicles.max_overlap, section_nm, deep)
    return replace(stack, notes=(*stack.notes, SAID)), rings, membrane


def _label_profiles(path: Path, stack: Stack) -> Profiles | None:
    """Profiles of the sections of a label image; None of points, which have none."""
    from exotrack.em._points import POINT_FILES
    from exotrack.em.labels import read_labels
    from exotrack.em.profiles import label_profiles

    if path.suffix.lower() in POINT_FILES:
        return None
    return label_profiles(read_labels(path, stack), stack.spacing_nm)


def _record(stack: Stack, path: Path, wishes: EmWishes, meta: Mapping[str, Any]) -> dict[str, Any]:
    """What the record of a micrograph holds besides that of any work."""
    from exotrack.provenance import files_record

    around = wishes.around
    masks = {"labels": wishes.labels, "membrane": around.membrane, "active_zone": around.active_zone}
    return {
        "movie_id": stack.image_id,
        "input": files_record(getattr(stack.voxels, "frames", stack.voxels), path),
        "image": _image(stack),
        "opened": _opening(stack, path, wishes),
        "command": shlex.join(["exotrack", *sys.argv[1:]]),
        "backend": wishes.backend or ("labels" if wishes.labels else "own"),
        "backend_says": dict(meta),
        "rule": None if around.membrane is None else around.rule or "touching",
        "section_nm": around.section_nm,
        "traced": around.traced,
        "membrane_nm": around.membrane_nm,
        "masks": {name: files_record(None, mask) for name, mask in masks.items() if mask is not None},
    }


def _opening(stack: Stack, path: Path, wishes: EmWishes) -> dict[str, Any]:
    """How the image was opened, so that it can be opened again: what was found out is settled."""
    z, y, x = stack.spacing_nm
    spacing = [y, x] if z != z else [z, y, x]
    return {"path": str(path.absolute()), **wishes.opened, "spacing_nm": spacing, "contrast": stack.contrast}


def rewrite_any(folder: Path, source: Path | None, calibration: Path | None) -> Path:
    """Make report.html of a results folder again, be it of a movie or of a micrograph; `source` is that, if it was moved."""
    from exotrack.io.results import is_of_micrograph

    if not is_of_micrograph(folder):
        return _runs.rewrite_report(folder, source, calibration)
    if calibration is not None:
        raise ParameterError("--calibration is of a movie; these are results of a micrograph, leave it out")
    return rewrite_report(folder, source)


def rewrite_report(folder: Path, image: Path | None) -> Path:
    """Make report.html of a micrograph's results folder again from its tables, the image and the masks.

    Raises `InputError` if the image is gone or of another shape. Without its mask the membrane is not drawn; the page says so.
    """
    from exotrack.em import open_stack
    from exotrack.io.results import read_results

    results = read_results(folder, "micrograph")
    record = dict(results.provenance)
    opened, known = dict(record.get("opened") or {}), record.get("image") or {}
    saved = opened.pop("path", None)
    if image is None and saved is None:
        raise InputError(f"{folder}: does not say which image it is of; give it with --movie")
    path = image or Path(str(saved))
    stack = open_stack(path, **opened, image_id=str(record.get("movie_id", folder.name)))
    shape = tuple(known.get(key) for key in ("sections", "height", "width"))
    if stack.shape != shape:
        raise InputError(f"{path}: holds {stack.shape} sections x rows x columns, analysed were {shape}; give it with --movie")
    stack = replace(stack, notes=tuple(known.get("notes", stack.notes)))
    masks = {name: Path(str(mask["path"])) for name, mask in (record.get("masks") or {}).items() if isinstance(mask, Mapping)}
    there = masks.get("membrane")
    drawn = (bool(record.get("traced")), record.get("membrane_nm"))
    around = Surroundings(there, masks.get("active_zone"), record.get("rule"), record.get("section_nm"), *drawn)
    membrane = None
    if there is not None and there.exists():
        membrane = _em_geometry.membrane_given(around, stack)
    elif there is not None:
        stack = replace(stack, notes=(*stack.notes, f"the membrane is not drawn: {there.name} is no longer where it was"))
    _em_geometry.write_page(folder, stack, results.tables, membrane, around, record)
    return folder / "report.html"


def _image(stack: Stack) -> dict[str, Any]:
    z, y, x = stack.shape
    return {
        "sections": z,
        "height": y,
        "width": x,
        "dtype": str(stack.voxels.dtype),
        "spacing_nm": [None if value != value else value for value in stack.spacing_nm],
        "contrast": stack.contrast,
        "sources": dict(stack.sources),
        "notes": list(stack.notes),
    }
