"""The page of a comparison of conditions: sample sizes and doubts first, then effects, then every measure with its cells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from exotrack.io.atomic import atomic_file
from exotrack.report import listing
from exotrack.report import statistics_figures as figures
from exotrack.report.numbers import number
from exotrack.report.page import made, resource, template
from exotrack.report.patterns import panel as patterns_panel
from exotrack.report.statistics_words import (
    SHOWN,
    against,
    interval,
    methods,
    p_words,
    plural,
    ratio,
    row_word,
    sentences,
    shown,
    sizes,
)

if TYPE_CHECKING:
    from exotrack.stats import Measure, Statistics

Rows = list[tuple[str, ...]]
MOST_PAGES = 3
"""Comparisons of which each measure shows its pairs."""


@dataclass(frozen=True)
class Panel:
    """What the page shows of one measure; figures are SVG, rows are texts."""

    name: str
    title: str
    superplot: Markup
    pairs: list[Markup]
    groups: Rows
    unit: str


def write_statistics_report(folder: Path, statistics: Statistics, record: Mapping[str, Any]) -> Path:
    """Write ``folder/report.html``, all at once, and return its path.

    Raises `OutputError` or `TryAgainError` if it cannot be written.
    """
    path = Path(folder) / "report.html"
    with atomic_file(path) as temporary:
        temporary.write_bytes(render_statistics(statistics, record).encode("utf-8", "replace"))
    return path


def render_statistics(statistics: Statistics, record: Mapping[str, Any]) -> str:
    """The page as text. record : how it was made, as provenance.json holds it."""
    units, effects = statistics.tables["units"], statistics.tables["effects"]
    sets = list(dict.fromkeys(zip(effects["reference"], effects["group"], effects["within"], strict=True)))
    facts = [
        ("Compared", statistics.plan.by), ("Conditions", str(len(statistics.groups))),
        (f"{row_word(statistics).capitalize()}s", str(len(units))),
        (f"{statistics.cluster_kind.capitalize()}s", str(units["cluster"].nunique())),
        ("Movies", str(units["movie_id"].nunique())) if row_word(statistics) == "cell" else ("Tests", str(len(effects))),
        *([("Held constant", ", ".join(statistics.plan.adjust))] if statistics.plan.adjust else []),
        ("Made", made(dict(record))),
    ]  # fmt: skip
    forests = [(against(*names), figures.forest(f"forest-{k}", statistics, names)) for k, names in enumerate(sets)]
    said = sentences(statistics)
    return template("statistics_page.html.j2").render(
        style=Markup(resource("report.css")), statistics=statistics, facts=facts,
        notes=[one for one in said if one[0] == "warning"], size=sizes(statistics), forests=[one for one in forests if one[1]],
        effects=[_effect(row, statistics) for row in effects.itertuples()],
        panels=[_panel(one, statistics, sets) for one in statistics.measures],
        patterns=patterns_panel(statistics),
        methods=methods(statistics, record), kind=statistics.cluster_kind, row=row_word(statistics),
        cells=plural(len(units), row_word(statistics)), provenance=list(listing.provenance_rows(dict(record))),
    )  # fmt: skip


def _effect(row: Any, statistics: Statistics) -> tuple[str, ...]:
    title = next(one.title for one in statistics.measures if one.name == row.measure)
    size = f"{row.n_cells_group} + {row.n_cells_reference}", f"{row.n_clusters_group} + {row.n_clusters_reference}"
    found = number(row.effect), interval(row.low, row.high), interval(row.boot_low, row.boot_high)
    return (
        title, ratio(row.reference, row.group, row.within), row.scale, *found,
        p_words(row.p_value), p_words(row.p_holm), *size, number(row.df, 2), row.note,
    )  # fmt: skip


def _panel(measure: Measure, statistics: Statistics, sets: list[tuple[str, str, str]]) -> Panel:
    table = statistics.tables["summaries"]
    rows: Rows = [
        (
            row.group, str(row.n_cells), str(row.n_clusters), number(row.n_events),
            shown(measure, row.value), f"{shown(measure, row.low)} to {shown(measure, row.high)}", shown(measure, row.median),
            f"{shown(measure, row.lowest)} to {shown(measure, row.highest)}",
        )
        for row in table[table["measure"] == measure.name].itertuples()
    ]  # fmt: skip
    pairs = [figures.paired(f"{measure.name}-pairs-{k}", measure, statistics, names) for k, names in enumerate(sets[:MOST_PAGES])]
    return Panel(
        measure.name, measure.title, figures.superplot(f"{measure.name}-super", measure, statistics),
        [one for one in pairs if one is not None], rows, SHOWN[measure.unit][1],
    )  # fmt: skip
