"""Tables and movie in, one self-contained HTML file out."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, FunctionLoader, StrictUndefined, Template
from markupsafe import Markup
from numpy.typing import NDArray

import exotrack
from exotrack import tables as contract
from exotrack.errors import InputError
from exotrack.io.atomic import atomic_file
from exotrack.movie import Movie
from exotrack.params import Analysis
from exotrack.report import listing, quality
from exotrack.report.calibration import calibration
from exotrack.report.cards import MAX_CARDS, cards, chosen
from exotrack.report.cell import cell_view
from exotrack.report.docking import docking
from exotrack.report.kinds import KINDS
from exotrack.report.numbers import missing, number, plain, quantity
from exotrack.report.protocol import protocol
from exotrack.report.rates import counts
from exotrack.report.rejected import rejected
from exotrack.report.states import states
from exotrack.tables import FUSION_KINDS


def write_report(
    folder: Path,
    *,
    movie: Movie,
    tables: dict[str, Any],
    params: Analysis,
    provenance: dict[str, Any],
    footprint: NDArray[Any] | None = None,
    calibrated: Mapping[str, Any] | None = None,
) -> Path:
    """Write ``folder/report.html``, all at once, and return its path.

    Parameters
    ----------
    folder : existing folder of the movie's results.
    movie : its pixels are read again in small runs, only around the events shown.
    tables : name to table, as in `exotrack.tables`; a table that is absent counts as empty.
    params : the parameters of the run.
    provenance : the record of the run, nested as it likes.
    footprint : (height, width) cell numbers or mask, 0 outside; None draws no outline.
    calibrated : the tables of a calibration of the same movie; None shows none.

    Raises
    ------
    InputError : a table that breaks its contract, or belongs to another movie.
    OutputError, TryAgainError : the file cannot be written.
    """
    html = render(movie=movie, tables=tables, params=params, provenance=provenance, footprint=footprint, calibrated=calibrated)
    path = Path(folder) / "report.html"
    with atomic_file(path) as temporary:
        # A file name of undecodable bytes holds lone surrogates, which UTF-8 cannot carry: they become question marks.
        temporary.write_bytes(html.encode("utf-8", "replace"))
    return path


def render(
    *,
    movie: Movie,
    tables: dict[str, Any],
    params: Analysis,
    provenance: dict[str, Any],
    footprint: NDArray[Any] | None = None,
    calibrated: Mapping[str, Any] | None = None,
) -> str:
    """The page as text; parameters are those of `write_report`."""
    whole = {table.name: table.check(tables[table.name]) if table.name in tables else table.empty() for table in contract.ALL}
    _require_same_movie(movie, whole)
    script = resource("report.js")
    shown = {key: value for key, value in provenance.items() if key not in ("params", "warnings")}
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")
    return template("report.html.j2").render(
        script=Markup(script), script_digest=digest, **heading(movie, params, provenance),
        calibration=None if calibrated is None else calibration(calibrated),
        **_panels(movie, whole, params, footprint, provenance),
        parameters=listing.parameters(params), provenance=list(listing.provenance_rows(shown)),
    )  # fmt: skip


def _require_same_movie(movie: Movie, tables: dict[str, Any]) -> None:
    for name in ("frames", "events", "candidates", "fits"):
        frames = tables[name]["frame"]
        if len(frames) and not 0 <= frames.min() <= frames.max() < len(movie):
            raise InputError(
                f"{movie.movie_id}: table {name} names frame {frames.max()}, the movie has {len(movie)} frames; "
                "give the movie that the tables were made from"
            )


def _panels(
    movie: Movie, tables: dict[str, Any], params: Analysis, footprint: NDArray[Any] | None, provenance: dict[str, Any]
) -> dict[str, Any]:
    """What the template draws from the tables and the pixels."""
    warnings = [str(text) for text in provenance.get("warnings", ())]
    events, cells = tables["events"], tables["cells"]
    counted = counts(events, tables["candidates"], cells)
    good = quality.usable(tables["frames"])
    bleached = quality.bleaching(good["t_s"].to_numpy(dtype=float), good["mean"].to_numpy(dtype=float))
    radius_um = params.measure.radius_um
    return {
        "counts": counted,
        "cells": list(cells.itertuples(index=False)),
        "area_um2": float(cells["area_um2"].sum()) if len(cells) else float("nan"),
        "n_fusions": int(events["kind"].isin(FUSION_KINDS).sum()),
        "outside": int(events["cell_id"].isna().sum()) if len(cells) else 0,
        "findings": quality.findings(movie, tables["frames"], counted, bleached, warnings, events),
        "bleaching_chart": quality.chart(tables["frames"], bleached),
        "cell": cell_view(movie, tables, footprint, params.classify.stimulus_s, set(chosen(events)["event_id"])),
        "cards": cards(movie, tables, radius_um),
        "states": states(movie, tables, params.classify.stimulus_s, params.classify.cargo == "ph_sensitive"),
        "docking": docking(tables["episodes"]),
        "protocol": protocol(movie, tables, params.protocol, provenance),
        "rejected": rejected(movie, tables["candidates"], tables["frames"], radius_um),
        "event_heads": listing.event_heads(),
        "event_rows": listing.event_rows(events),
        "n_events": len(events),
    }


def template(name: str) -> Template:
    """A template of this folder, with what every page uses."""
    environment = Environment(loader=FunctionLoader(resource), autoescape=True, undefined=StrictUndefined)
    environment.filters |= {"number": number, "quantity": quantity}
    environment.globals |= {"kinds": KINDS, "version": exotrack.__version__, "max_cards": MAX_CARDS}
    return environment.get_template(name)


def heading(movie: Movie, params: Analysis, provenance: dict[str, Any]) -> dict[str, Any]:
    """What the head of every page says of the movie and the run."""
    style = Markup(resource("report.css"))
    return {"style": style, "movie": movie, "size": _size(movie), "preset": params.preset, "made": made(provenance)}


def resource(name: str) -> str:
    """The text of a file of this folder."""
    return files("exotrack.report").joinpath(name).read_text(encoding="utf-8")


def _size(movie: Movie) -> list[tuple[str, str]]:
    n, height, width = movie.shape
    um = movie.pixel_um
    return [
        ("Frames", f"{n}"),
        ("Field", f"{height} × {width} px ({number(height * um)} × {number(width * um)} µm)"),
        ("Pixel", f"{um:g} µm"),
        ("Interval", f"{movie.frame_s:g} s"),
        ("Duration", f"{plain(movie.duration_s)} s"),
    ]


def made(provenance: dict[str, Any]) -> str:
    """When the run was made: the date its record states, else now."""
    for key in ("finished", "ended", "date", "created", "started"):
        value = provenance.get(key)
        if isinstance(value, str) and value:
            return value[:16].replace("T", " ") + (" UTC" if value.endswith(("+00:00", "Z")) else "")
        if isinstance(value, (int, float)) and not missing(value):
            return datetime.fromtimestamp(float(np.float64(value)), UTC).strftime("%Y-%m-%d %H:%M UTC")
    return datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
