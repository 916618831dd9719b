"""The plain tables of the page: events, parameters, provenance."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from exotrack.params import Analysis, declared
from exotrack.report.kinds import KINDS, Kind
from exotrack.report.numbers import MISSING, missing, number, plain, probability
from exotrack.tables import ROLES, Events

MAX_ROWS = 1500
EVENT_COLUMNS = (
    "event_id", "kind", "confident", "t_s", "frame", "y_um", "x_um", "p_full_fusion", "p_kiss_and_run", "p_other", "amplitude",
    "dff", "rise_s", "decay_s", "diffusion_um2_s", "fraction_released", "docked_s", "role",
    "fusion_number", "content_before", "marker_dff", "saturated", "track_id", "cell_id",
)  # fmt: skip


@dataclass(frozen=True)
class EventRow:
    """A row of the events table; a cell is (text, what it sorts by)."""

    event_id: int
    kind: Kind
    cells: list[tuple[str, str]]


def event_heads() -> list[tuple[str, str]]:
    """(column, meaning with unit) of the shown columns."""
    known = Events.columns()
    return [(key, known[key].about + (f" ({known[key].unit})" if known[key].unit else "")) for key in EVENT_COLUMNS]


def event_rows(events: Any) -> list[EventRow]:
    """The first `MAX_ROWS` events in order of time."""
    first = events.sort_values(["t_s", "event_id"]).head(MAX_ROWS)
    return [
        EventRow(int(row.event_id), KINDS[row.kind], [_cell(key, row) for key in EVENT_COLUMNS])
        for row in first.itertuples(index=False)
    ]


def _cell(key: str, row: Any) -> tuple[str, str]:
    value, kind = getattr(row, key), KINDS[row.kind]
    if key == "kind":
        return kind.label, str(list(KINDS).index(row.kind))
    if key == "confident" and kind.fusion:
        return ("yes", "1") if value else ("no", "0")
    if key == "role":
        return (value, str(ROLES.index(value))) if value else (MISSING, "")
    if key == "saturated" and kind.fusion and not missing(value):
        return ("yes", "1") if value else ("no", "0")
    if key in ("confident", "saturated") or missing(value):
        return MISSING, ""
    if key in ("event_id", "frame", "fusion_number", "track_id", "cell_id"):
        return str(int(value)), str(int(value))
    text = probability(value) if key.startswith("p_") else plain(value) if key == "t_s" else number(value)
    return text, repr(float(value))


def parameters(params: Analysis) -> list[tuple[str, str, str, str, bool]]:
    """(dotted name, value, unit, meaning, differs from the default) of every parameter."""
    plain = params.model_dump()
    rows = []
    for name, unit, default, about in declared(type(params)):
        value: Any = plain
        for step in name.split("."):
            value = value[step]
        rows.append((name, _shown(value), unit, about, value != default))
    return rows


def _shown(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return ", ".join(_shown(item) for item in value) or "none"
    if isinstance(value, bool) or not isinstance(value, float):
        return str(value)
    return f"{value:g}"


def provenance_rows(provenance: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """(dotted name, value) of everything in a provenance record, however it is nested."""
    for key, value in provenance.items():
        if isinstance(value, Mapping):
            yield from provenance_rows(value, f"{prefix}{key}.")
        elif isinstance(value, Sequence) and not isinstance(value, str) and any(isinstance(v, Mapping) for v in value):
            for index, item in enumerate(value):
                yield from provenance_rows(item if isinstance(item, Mapping) else {"": item}, f"{prefix}{key}.{index}.")
        else:
            yield f"{prefix}{key}", _shown(value)
