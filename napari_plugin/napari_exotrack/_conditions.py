"""Conditions compared, as the compare dock shows them: read from what ``exotrack stats`` wrote, drawn as in its report; no Qt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_exotrack._axes import plain_axes

if TYPE_CHECKING:
    import pandas as pd

    from exotrack.stats import Measure, Statistics

Names = tuple[str, str, str]
"""A comparison: reference, group, and within what, as in the table."""
EFFECTS = "effects"
"""The figure of all measures at once."""
IN_PAIRS = ", in pairs"
EFFECT_COLUMNS = (
    "measure", "effect", "low", "high", "p_value", "p_holm", "scale", "group", "reference", "within", "boot_low", "boot_high",
    "n_cells_group", "n_cells_reference", "n_clusters_group", "n_clusters_reference", "note",
)  # fmt: skip
SUMMARY_COLUMNS = ("measure", "group", "value", "low", "high", "unit", "n_cells", "n_clusters", "lowest", "median", "highest")


def read_statistics(folder: Path) -> Statistics:
    """Statistics as they were written; `InputError` names what is missing, damaged or unknown to this version."""
    from exotrack.errors import InputError, ParameterError
    from exotrack.io.results import read_provenance, read_table
    from exotrack.stats import Plan, Statistics
    from exotrack.tables import STATISTICS

    tables = {table.name: read_table(folder / f"{table.name}.parquet", table) for table in STATISTICS}
    record = read_provenance(folder)
    try:
        plan = Plan(str(record["by"]), str(record["unit"]), None, str(record["pair"]) or None, str(record["reference"]) or None)
        names, kind = [str(name) for name in record["measures"]], str(record["independent"])
        measures = tuple(_measure(name) for name in names)
    except (KeyError, TypeError, ParameterError) as error:
        raise InputError(
            f"{folder}: provenance.json is not that of this version's exotrack stats ({error}); run it again"
        ) from None
    groups = tuple(dict.fromkeys(tables["summaries"]["group"].astype(str)))
    notes = record.get("notes", ())
    return Statistics(tables, plan, kind, groups, measures, tuple(map(str, notes)) if isinstance(notes, list) else ())


def against(found: Statistics) -> list[Names]:
    """The comparisons."""
    columns = (found.tables["effects"][name].astype(str) for name in ("reference", "group", "within"))
    return list(dict.fromkeys(zip(*columns, strict=True)))


def figures(found: Statistics) -> list[str]:
    """Names of what can be drawn: all effects, each measure, and each that has pairs with them joined."""
    paired = set(found.tables["pairs"]["measure"])
    return [
        EFFECTS,
        *(one.title for one in found.measures),
        *(one.title + IN_PAIRS for one in found.measures if one.name in paired),
    ]


def draw_conditions(figure: Any, name: str, names: Names, found: Statistics, colours: Mapping[str, str]) -> None:
    """Draw one of `figures` of a comparison, in the colours of a theme."""
    from exotrack.report import statistics_figures as drawn
    from exotrack.report import statistics_words
    from exotrack.report.statistics_words import axis

    if name == EFFECTS:
        ax = figure.add_axes((0.49, 0.14, 0.48, 0.84))
        plain_axes(ax, colours, statistics_words.against(*names), "")
        if len(drawn.effects_of(found, names)):
            drawn.draw_forest(ax, found, names)
        else:
            say(ax, "no test was possible; the table says why", colours)
        ax.tick_params(axis="y", labelsize=7)
    else:
        measure = next(one for one in found.measures if name in (one.title, one.title + IN_PAIRS))
        ax = figure.add_axes((0.15, 0.12, 0.82, 0.84))
        plain_axes(ax, colours, "", axis(measure))
        if name.endswith(IN_PAIRS):
            drawn.draw_pairs(ax, measure, drawn.pairs_of(measure, found, names), names)
        else:
            drawn.draw_superplot(ax, measure, found)
    _themed(ax, colours)


def effect_rows(found: Statistics) -> pd.DataFrame:
    """Every comparison with the measures' titles."""
    table = found.tables["effects"][list(EFFECT_COLUMNS)]
    return table.assign(measure=_titles(found, table["measure"]))


def summary_rows(found: Statistics) -> pd.DataFrame:
    """Every measure in every condition, in the units that the figures have."""
    from exotrack.report.statistics_words import SHOWN

    table = found.tables["summaries"][list(SUMMARY_COLUMNS)]
    factor = table["unit"].map(lambda unit: SHOWN[unit][0])
    values = {name: table[name] * factor for name in ("value", "low", "high", "lowest", "median", "highest")}
    return table.assign(measure=_titles(found, table["measure"]), unit=table["unit"].map(lambda unit: SHOWN[unit][1]), **values)


def unit_rows(found: Statistics) -> pd.DataFrame:
    """Every cell (or movie, animal) with its value of each measure, as the figures have them."""
    from exotrack.report.statistics_words import SHOWN, axis

    units = found.tables["units"]
    values = {axis(one): one.values(units) * SHOWN[one.unit][0] for one in found.measures}
    return units[["movie_id", "cell_id", "period", "group", "cluster"]].assign(**values)


def pair_rows(found: Statistics) -> pd.DataFrame:
    """Every pair with both values, as the figures have them."""
    from exotrack.report.statistics_words import SHOWN

    table = found.tables["pairs"]
    factor = table["measure"].map({one.name: SHOWN[one.unit][0] for one in found.measures}).astype(float)
    values = {name: table[name] * factor for name in ("value_reference", "value_group")}
    return table.assign(measure=_titles(found, table["measure"]), **values)


def say(ax: Any, text: str, colours: Mapping[str, str]) -> None:
    """A sentence where nothing can be drawn."""
    ax.text(0.5, 0.5, text, transform=ax.transAxes, ha="center", color=colours["muted"], fontsize=8.5)


def _measure(name: str) -> Measure:
    from exotrack.errors import ParameterError
    from exotrack.stats.measures import FILLING, LIVE, PATTERNS

    for one in (*LIVE, *PATTERNS, *FILLING):
        if one.name == name:
            return one
    raise ParameterError(f"no measure {name!r}")


def _titles(found: Statistics, names: Sequence[str] | pd.Series) -> list[str]:
    titles = {one.name: one.title for one in found.measures}
    return [titles.get(str(name), str(name)) for name in names]


def _themed(ax: Any, colours: Mapping[str, str]) -> None:
    """Put a theme's colours where the report's drawing left its markers."""
    from matplotlib.colors import to_hex

    from exotrack.report.charts import THEME

    meant = {marker: colours[name.removeprefix("--")] for marker, name in THEME.items()}
    for line in ax.lines:
        for part in ("color", "markerfacecolor", "markeredgecolor"):
            now = getattr(line, f"get_{part}")()
            if now != "none" and (colour := meant.get(to_hex(now))) is not None:
                getattr(line, f"set_{part}")(colour)
