"""The data dictionary: what every column means, for machines (datapackage.json) and for people (Markdown).

Both are generated from `exotrack.tables`, so they cannot say anything else than the code does. The package follows
Data Package 2.0 (https://datapackage.org/standard/data-package/).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from exotrack import __version__, tables

if TYPE_CHECKING:
    import pandas as pd

PROFILES = "https://datapackage.org/profiles/2.0"
_TYPES = {
    "str": "string",
    "int64": "integer",
    "Int64": "integer",
    "float64": "number",
    "bool": "boolean",
    "boolean": "boolean",
}


def about(table: type[tables.Table]) -> str:
    """What one row of `table` is: the first line of its docstring."""
    return (table.__doc__ or "").strip().splitlines()[0]


def describe(table: type[tables.Table], frame: pd.DataFrame) -> dict[str, tables.Column]:
    """Every column of `frame` in order, those that `table` does not declare with what their dtype says."""
    known = table.columns()
    extra = "Further column: a feature the decision used." if table is tables.Candidates else "Further column."
    return {key: known.get(key, tables.Column(str(frame[key].dtype), "", extra)) for key in map(str, frame.columns)}


def datapackage(folder: Path, frames: Mapping[str, pd.DataFrame], title: str, created: str) -> dict[str, Any]:
    """The content of datapackage.json for the CSV files already written to `folder`.

    Parameters
    ----------
    folder : where ``NAME.csv`` lies for every table in `frames`.
    frames : tables by name.
    title : what was analysed, for people.
    created : date and time, ISO 8601.
    """
    known = {table.name: table for table in tables.EVERY}
    return {
        "$schema": f"{PROFILES}/datapackage.json",
        "name": re.sub(r"[^a-z0-9._-]+", "-", title.lower()).strip("-.") or "results",
        "title": title,
        "description": (
            "Tables written by exotrack. Coordinates are (t, y, x), the centre of pixel (0, 0) is 0 um; frames count from 0 "
            "and last frames are inclusive; an empty cell is undefined. Every CSV file has a Parquet twin of the same rows. "
            "Text that a spreadsheet would execute has an apostrophe put before it, in the CSV files only."
        ),
        "version": __version__,
        "created": created,
        "resources": [_resource(folder / f"{name}.csv", known[name], frame) for name, frame in frames.items()],
    }


def _resource(path: Path, table: type[tables.Table], frame: pd.DataFrame) -> dict[str, Any]:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {
        "name": table.name,
        "type": "table",
        "path": path.name,
        "scheme": "file",
        "format": "csv",
        "mediatype": "text/csv",
        "encoding": "utf-8",
        "description": about(table),
        "bytes": path.stat().st_size,
        "hash": f"sha256:{digest}",
        "schema": {
            "$schema": f"{PROFILES}/tableschema.json",
            "fields": [_field(name, column) for name, column in describe(table, frame).items()],
            "missingValues": [""],
        },
    }


def _field(name: str, column: tables.Column) -> dict[str, Any]:
    field: dict[str, Any] = {"name": name, "type": _TYPES.get(column.dtype, "any"), "description": column.about}
    if column.unit:
        field["unit"] = column.unit
    constraints: dict[str, Any] = {}
    if column.choices:
        constraints["enum"] = list(column.choices)
    if column.dtype in ("int64", "bool"):
        constraints["required"] = True
    return field | ({"constraints": constraints} if constraints else {})


def markdown() -> str:
    """The data dictionary as Markdown: a heading and a table of columns for each table."""
    parts = []
    for table in tables.EVERY:
        rows = [
            "| "
            + " | ".join(cell.replace("|", "\\|") for cell in (f"`{name}`", column.dtype, column.unit, meaning(column)))
            + " |"
            for name, column in table.columns().items()
        ]
        heads = "| column | type | unit | meaning |\n|---|---|---|---|\n"
        parts.append(f"## {table.name}\n\n{about(table)}\n\n{heads}" + "\n".join(rows) + "\n")
    return "\n".join(parts)


def meaning(column: tables.Column) -> str:
    """What a column means, with its closed set of values if it has one."""
    return column.about + (f" One of: {', '.join(column.choices)}." if column.choices else "")
