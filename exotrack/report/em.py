"""The page of a micrograph: vesicles by state on the image, distances against chance, diameters before and after correction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup
from numpy.typing import ArrayLike, NDArray

from exotrack._em_geometry_tables import DistanceBins, Dockings, Pits, Sizes
from exotrack.errors import InputError
from exotrack.io.atomic import atomic_file
from exotrack.report import em_charts
from exotrack.report.listing import provenance_rows
from exotrack.report.numbers import MISSING, missing, number, with_error
from exotrack.report.page import resource, template
from exotrack.report.pictures import Picture, binned, picture
from exotrack.tables import EM_STATES, FILLINGS, Vesicles

LABELS = {"docked": "Docked", "tethered": "Tethered", "proximal": "Proximal", "reserve": "Reserve", "fusing": "Fusing"}
MAX_ROWS = 1000
NO_KISS = (
    "One image shows no events: kiss-and-run cannot be told from it, and a pale vesicle may also be a cut or a fixation artefact."
)


@dataclass(frozen=True)
class Mark:
    """A vesicle on the picture, in pixels of the picture."""

    y: float
    x: float
    radius: float
    state: str
    title: str


def write_em_report(  # noqa: PLR0913 - what a page shows, each by name
    folder: Path,
    *,
    image_id: str,
    pixels: ArrayLike,
    spacing_nm: tuple[float, float, float],
    tables: Mapping[str, Any],
    lines_nm: Sequence[NDArray[np.float64]] = (),
    section: int = 0,
    factor: int = 1,
    rule: str = "",
    notes: Sequence[str] = (),
    provenance: Mapping[str, Any] | None = None,
) -> Path:
    """Write ``folder/report.html``, all at once, and return its path.

    Parameters
    ----------
    folder : existing folder of the results.
    pixels : (y, x) grey values of the section shown.
    spacing_nm : distance of sections, rows and columns.
    tables : ``vesicles`` and, where there are any, ``dockings``, ``distance_bins``, ``sizes`` and ``pits``; an absent one
        is empty.
    lines_nm : the membrane in that section, lines (n, 2) of y, x in nm.
    section : number of the section shown; vesicles that reach into it are drawn.
    factor : side of the blocks of pixels over which `pixels` are means, where the section is large; spacing is that of the image.
    rule : the rule of the states in a line, as `Rule.describe` gives it.
    notes : what a reader should know (contrast, spacing, artefacts), a sentence each.
    provenance : the record of the run.

    Raises `InputError` for pixels that are no section or a table out of contract; `OutputError`, `TryAgainError` as files do.
    """
    values = np.asarray(pixels)
    if values.ndim != 2:
        raise InputError(f"report: pixels have {values.ndim} axes; give one section (y, x)")
    kinds = (Vesicles, Dockings, DistanceBins, Sizes, Pits)
    whole = {table.name: table.check(tables[table.name]) if table.name in tables else table.empty() for table in kinds}
    html = template("em_page.html.j2").render(
        style=Markup(resource("report.css") + resource("em.css")), image_id=image_id,
        facts=_facts((values.shape[0] * factor, values.shape[1] * factor), spacing_nm, whole),
        **_picture((values, factor), spacing_nm, whole["vesicles"], lines_nm, section), **_panels(whole), rule=rule,
        notes=[*notes, NO_KISS], labels=LABELS, provenance=list(provenance_rows(dict(provenance or {}))),
    )  # fmt: skip
    path = Path(folder) / "report.html"
    with atomic_file(path) as temporary:
        temporary.write_bytes(html.encode("utf-8", "replace"))
    return path


def _facts(shape: tuple[int, int], spacing: tuple[float, float, float], tables: Mapping[str, Any]) -> list[tuple[str, str]]:
    y, x = shape
    vesicles = tables["vesicles"]
    floors = vesicles["resolution_nm"].dropna()
    return [
        ("Image", f"{y} × {x} px ({number(y * spacing[1] / 1e3)} × {number(x * spacing[2] / 1e3)} µm)"),
        ("Pixel", f"{spacing[1]:g} × {spacing[2]:g} nm"),
        ("Section", f"{spacing[0]:g} nm" if spacing[0] > 0 else "thickness not known"),
        ("Found by", ", ".join(sorted(set(vesicles["backend"]))) or MISSING),
        ("Resolved", f"{number(floors.max(), 2)} nm" if len(floors) else MISSING),
    ]


def _picture(
    means: tuple[NDArray[Any], int],
    spacing: tuple[float, float, float],
    vesicles: Any,
    lines: Sequence[NDArray[np.float64]],
    section: int,
) -> dict[str, Any]:
    """The section with its marks; places are in pixels of the picture, whose first pixel has its centre at 0."""
    values, before = means
    small, factor = binned(values.astype(float), 1600)
    factor *= before
    drawn: Picture = picture(small, 0.5, 99.8)

    def at(nm: Any, axis: int) -> Any:
        return (nm / spacing[axis] - (factor - 1) / 2) / factor

    z = section * spacing[0]
    marks = []
    for row in vesicles.itertuples(index=False):
        half = row.diameter_nm / 2
        off = abs(row.z_nm - z) - spacing[0] / 2 if not missing(row.z_nm) else 0.0
        if missing(half) or off >= half:
            continue
        size = float(np.sqrt(half**2 - max(off, 0.0) ** 2))
        away = f", {number(row.dist_pm_surface_nm, 3)} nm from the membrane" if not missing(row.dist_pm_surface_nm) else ""
        title = f"Vesicle {row.vesicle_id}: {number(row.diameter_nm)} nm, {row.state or 'no state'}{away}"
        marks.append(Mark(at(row.y_nm, 1), at(row.x_nm, 2), size / spacing[2] / factor, row.state or "none", title))
    path = "".join("M" + "L".join(f"{at(x, 2):.1f} {at(y, 1):.1f}" for y, x in line) for line in lines)
    width_nm = values.shape[1] * before * spacing[2]
    power = 10.0 ** np.floor(np.log10(width_nm / 4))
    bar = max(f * power for f in (1, 2, 5) if f * power <= width_nm / 4 * 1.001)
    return {
        "picture": drawn, "marks": marks, "line": path, "bar_nm": bar, "bar_percent": 100 * bar / width_nm,
        "states": [state for state in (*EM_STATES, "none") if any(mark.state == state for mark in marks)], "section": section,
    }  # fmt: skip


def _panels(tables: Mapping[str, Any]) -> dict[str, Any]:
    vesicles, sizes, pits = tables["vesicles"], tables["sizes"], tables["pits"]
    diameters = vesicles["diameter_nm"].dropna().to_numpy(float)
    resolved = vesicles["filling"].value_counts()
    columns = ("vesicle_id", "diameter_nm", "dist_pm_surface_nm", "state", "filling", "occupancy", "score", "y_nm", "x_nm")
    rows = [[_cell(row[key]) for key in columns] for row in vesicles.head(MAX_ROWS)[list(columns)].to_dict("records")]
    return {
        "n": len(vesicles), "tiles": [_tile(row) for row in tables["dockings"].itertuples(index=False)],
        "distances": em_charts.distances(tables["distance_bins"]), "diameters": em_charts.diameters(diameters, sizes),
        "sizes": [_size_rows(row) for row in sizes.itertuples(index=False)],
        "reasons": [text for text in sizes["reason"] if text],
        "fillings": [(kind, int(resolved.get(kind, 0))) for kind in FILLINGS] if vesicles["filling"].ne("").any() else [],
        "pits": [[_cell(v) for v in row] for row in pits[list(_PIT)].itertuples(index=False)], "pit_heads": list(_PIT),
        "heads": columns, "rows": rows,
    }  # fmt: skip


_PIT = ("pit_id", "kind", "neck_nm", "mouth_nm", "height_nm", "width_nm", "fwhm_nm", "perimeter_nm", "y_nm", "x_nm")


def _cell(value: Any) -> str:
    if isinstance(value, str):
        return value or MISSING
    return str(value) if isinstance(value, int | np.integer) else number(value)


def _tile(row: Any) -> dict[str, str]:
    per = f"{number(row.per_um)} per µm of membrane" if not missing(row.per_um) else ""
    per = f"{number(row.per_um2)} per µm² of membrane" if not missing(row.per_um2) else per
    chance = ""
    if row.n_draws:
        p = max(row.p_random, 1 / (1 + row.n_draws))
        span = f"[{number(row.n_random_low, 2)}, {number(row.n_random_high, 2)}]"
        chance = f"{number(row.n_random, 2)} by chance {span}, p = {number(p, 2)}"
    return {"state": row.state, "label": LABELS[row.state], "n": str(row.n), "per": per, "chance": chance}


def _size_rows(row: Any) -> list[tuple[str, str]]:
    """The correction in words, one row per quantity."""
    cap = f"{number(row.cap_deg, 2)}°" if not missing(row.cap_deg) else "cannot be told"
    span = "" if missing(row.cap_low_deg) else f" (95 %: {number(row.cap_low_deg, 2)} to {number(row.cap_high_deg, 2)}°)"
    counted = (
        f"{number(row.n_vesicles)} ({number(row.n_low, 2)} to {number(row.n_high, 2)})"
        if not missing(row.n_vesicles)
        else f"at least {number(row.n_low, 2)}"
        if row.cap_from == "sections"
        else "cannot be told"
    )
    serial = row.cap_from == "sections"
    cap += " (by the sections that show a vesicle)" if serial else ""
    return [
        ("Section", f"{number(row.section_nm)} nm"),
        ("Profiles used", str(row.n_profiles)),
        ("Mean profile, as seen", f"{number(row.profile_nm)} nm"),
        ("Mean diameter, corrected", with_error(row.diameter_nm, row.diameter_sd_nm, "nm")),
        ("Spread of diameters", with_error(row.spread_nm, row.spread_sd_nm, "nm")),
        ("Caps lost below", cap + span),
        ("Profiles per vesicle", number(row.overcount)),
        (f"Vesicles centred in the {'stack' if serial else 'section'}", counted),
        ("Membrane per fusion (π d²)", f"{number(row.membrane_per_fusion_um2)} µm²"),
    ]  # fmt: skip
