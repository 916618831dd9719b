"""What statistics found, in sentences and cells of tables: for the terminal, the head of the page and its methods."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from exotrack.report.numbers import MISSING, missing, number
from exotrack.report.rates import UM2_MIN

if TYPE_CHECKING:
    from exotrack.stats import Measure, Statistics

ALPHA = 0.05
SHOWN = {
    "1/um^2/s": (UM2_MIN, "per 1000 µm² and min"),
    "um^2/s": (1.0, "µm²/s"),
    "1": (1.0, ""),
    "1/s": (1.0, "1/s"),
    "s": (1.0, "s"),
}
"""Unit in the tables to the factor and unit with which people see it."""


def p_words(value: Any) -> str:
    """A p-value with two digits, never 0."""
    if missing(value):
        return MISSING
    return "< 0.0001" if value < 1e-4 else f"{value:.4f}" if value < 0.001 else f"{value:.2g}" if value < 0.1 else f"{value:.2f}"


def interval(low: Any, high: Any) -> str:
    """``low to high``, or a dash."""
    return MISSING if missing(low) or missing(high) else f"{number(low)} to {number(high)}"


def sizes(statistics: Statistics) -> str:
    """Cells and animals of every condition: the sample size of the study."""
    units = statistics.tables["units"]
    word = row_word(statistics)
    parts = []
    for name in statistics.groups:
        mine = units[units["group"] == name]
        parts.append(f"{name}: {plural(len(mine), word)} of {plural(mine['cluster'].nunique(), statistics.cluster_kind)}")
    blocks = units.loc[units["block"] != "", "block"].nunique()
    tail = f"; compared within {plural(blocks, 'pair')}" if blocks else ""
    return "; ".join(parts) + tail


def row_word(statistics: Statistics) -> str:
    """What a row of units is, in one word."""
    if (
        statistics.measures
        and statistics.measures[0].top[0].startswith("n_full")
        and "n_partial" in statistics.measures[0].bottom
    ):
        return "image"
    return statistics.plan.unit


def plural(n: int, word: str) -> str:
    """``1 cell``, ``2 cells``."""
    return f"{n} {word}{'' if n == 1 else 's'}"


def sentences(statistics: Statistics) -> list[tuple[str, str]]:
    """(kind, sentence): sample sizes, notes, then every comparison; kind is ok, warning or info."""
    titles = {one.name: one.title for one in statistics.measures}
    said = [("info", f"Sample size. {sizes(statistics)}.")]
    if statistics.plan.adjust:
        said.append(("info", f"Held constant: {', '.join(statistics.plan.adjust)}."))
    said += [("warning", f"{text}.") for text in statistics.notes]
    for row in statistics.tables["effects"].itertuples():
        said.append(_sentence(row, titles[row.measure], statistics))
    return said


def _sentence(row: Any, title: str, statistics: Statistics) -> tuple[str, str]:
    size = (
        f"{row.n_cells_group} + {plural(row.n_cells_reference, row_word(statistics))}, "
        f"{row.n_clusters_group} + {plural(row.n_clusters_reference, statistics.cluster_kind)}"
    )
    if missing(row.p_value):
        return "info", f"{title}, {against(row.reference, row.group, row.within)}: no test, {row.note} ({size})."
    kind = "ok" if row.p_holm <= ALPHA else "info"
    return kind, (
        f"{title}, {against(row.reference, row.group, row.within)}: "
        f"{row.scale} {number(row.effect)} [{number(row.low)}, {number(row.high)}], "
        f"p = {p_words(row.p_value)}, corrected {p_words(row.p_holm)} ({size})."
    )


def ratio(reference: str, group: str, within: str) -> str:
    """The same as `against` where there is little room."""
    return f"{group} / {reference}" + (f", {within}" if within else "")


def against(reference: str, group: str, within: str) -> str:
    """What is compared with what, and within which value of an interacting column."""
    return f"{group} over {reference}" + (f", {within}" if within else "")


def shown(measure: Measure, value: Any) -> str:
    """A value of a measure as people see it, without unit."""
    return number(None if missing(value) else float(value) * SHOWN[measure.unit][0])


def axis(measure: Measure) -> str:
    """Label of the axis of a measure."""
    unit = SHOWN[measure.unit][1]
    return f"{measure.title} ({unit})" if unit else measure.title


def methods(statistics: Statistics, record: Mapping[str, Any]) -> str:
    """A paragraph for a paper that says what was done here, and no more."""
    families = {one.family for one in statistics.measures}
    units, word = statistics.tables["units"], statistics.cluster_kind
    what = "Conditions" if statistics.plan.by == "condition" else f"Conditions ({statistics.plan.by})"
    parts = [
        f"{what} were compared with exotrack {record.get('exotrack', '')} across "
        f"{plural(len(units), row_word(statistics))} nested in {plural(units['cluster'].nunique(), word)}; the {word} was the "
        "independent unit and no test was made on single vesicles.",
        *[text.format(word=word) for which, text in MODELS if families & set(which)],
    ]
    if bool(statistics.tables["effects"]["paired"].any()):
        parts.append("Conditions were compared within pairs.")
    if statistics.plan.adjust:
        parts.append(f"The models held {' and '.join(statistics.plan.adjust)} constant; values of conditions are not adjusted.")
    if statistics.plan.interaction:
        parts.append(
            f"Effects were told within each {statistics.plan.interaction}, and compared between them as ratios of these effects."
        )
    if "patterns" in statistics.tables:
        parts.append(PATTERNS)
    tests = int(statistics.tables["effects"]["p_value"].notna().sum())
    parts.append(
        f"p-values are two-sided and were corrected for {plural(tests, 'test')} (Holm). Bootstrap intervals are from "
        f"{record.get('repeats')} replicates that draw {word}s, and cells within them, with replacement (BCa)."
    )
    return " ".join(parts)


PATTERNS = (
    "Patterns were tested in every cell against 199 random ones with as many events in the same footprint: Ripley's L with "
    "translation correction by its largest studentised deviation over distances, mean distance to the nearest neighbour, events "
    "at sites used before (0.3 µm), pairs in time over lags to a quarter of the movie, and near events soon after one another by "
    "shuffling times."
)
"""What is said of patterns."""
MODELS = (
    (("rate",), "Event counts had a log-linear model with the logarithm of footprint area times observed time as offset."),
    (("fraction",), "Fractions had a logistic model weighted by counts."),
    (
        ("hazard",),
        "The rate of leaving the docked state had a piecewise exponential model, with late entry at the shortest recorded stay "
        "and stays without a seen end censored.",
    ),
    (
        ("rate", "fraction", "hazard"),
        "These were fitted by generalised estimating equations clustered by {word}, with Kauermann and Carroll's small-sample "
        "covariance and t quantiles with Satterthwaite degrees of freedom.",
    ),
    (
        ("level",),
        "Levels were averaged on the log scale for each cell and compared with a linear mixed model (restricted maximum "
        "likelihood, random {word}, Satterthwaite degrees of freedom of at most {word}s less conditions).",
    ),
)
"""Families of measures to what is said of their model."""
