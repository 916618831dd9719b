"""The page of a calibration on its own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from exotrack.io.atomic import atomic_file
from exotrack.movie import Movie
from exotrack.params import Analysis
from exotrack.report import listing
from exotrack.report.calibration import calibration
from exotrack.report.page import heading, template


def write_calibration_report(
    folder: Path, *, movie: Movie, tables: Mapping[str, Any], params: Analysis, provenance: dict[str, Any]
) -> Path:
    """Write ``folder/report.html`` of a calibration, all at once, and return its path.

    Parameters
    ----------
    folder : existing folder of the calibration.
    movie : what was calibrated; no pixel of it is read.
    tables : those of `exotrack.tables.CALIBRATION`, by name.
    params : the parameters, those of the calibration among them.
    provenance : the record of the calibration.

    Raises as `exotrack.report.write_report` does.
    """
    shown = {key: value for key, value in provenance.items() if key not in ("params", "warnings")}
    html = template("calibration_page.html.j2").render(
        **heading(movie, params, provenance), calibration=calibration(tables),
        parameters=listing.parameters(params), provenance=list(listing.provenance_rows(shown)),
    )  # fmt: skip
    path = Path(folder) / "report.html"
    with atomic_file(path) as temporary:
        temporary.write_bytes(html.encode("utf-8", "replace"))
    return path
