"""The page of a comparison with kinetic models: what was asked, what the data say, and the figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from markupsafe import Markup

from exotrack.io.atomic import atomic_file
from exotrack.kinetics._rows import drawn
from exotrack.report import kinetics_figures as figures
from exotrack.report import kinetics_stimulus as stimulus
from exotrack.report import listing
from exotrack.report.kinetics_scheme import scheme
from exotrack.report.kinetics_words import ALPHA, summary
from exotrack.report.numbers import missing, number, probability
from exotrack.report.page import made, resource, template

if TYPE_CHECKING:
    from exotrack.kinetics.compare import Comparison
    from exotrack.kinetics.verdict import Verdict

Rows = list[tuple[str, ...]]
TEST_WORDS = {
    "ks": "Length of stays: Kolmogorov-Smirnov", "cvm": "Length of stays: Cramér-von Mises",
    "ad": "Length of stays: Anderson-Darling",
    "trend": "Hazard rises or falls", "fates": "Fates, given the time", "any": "Stays, all of these together",
    "joined": "Fusions in time: intervals, cells joined", "shape": "Fusions in time: spread within cells",
    "constitutive": "One docked state without hidden steps", "dead_ends": "No docked vesicle is a dead end",
    "visitors": "None of those that dock is a visitor",
    "cells": "Cells are alike (equal rates)",
}  # fmt: skip
RATES_WORDS = {"published": "(i) published, as they are", "fitted": "(ii) fitted", "naive": "naive analysis"}


@dataclass(frozen=True)
class Page:
    """What the page shows of one model; figures are SVG, rows are texts."""

    name: str
    title: str
    doubts: str
    scheme: Markup
    rates: Rows
    incidence: list[tuple[str, Markup]]
    survival: list[tuple[str, Markup, list[tuple[str, int]]]]
    release: Markup | None
    profiles: list[tuple[Markup, str]]
    quantiles: Markup | None
    residuals: Markup
    tests: Rows
    observables: Rows
    latency: tuple[Markup, Markup, str] | None
    fates: list[dict[str, Any]]
    conditions: Rows
    spread: str


def write_comparison_report(folder: Path, comparison: Comparison, provenance: Mapping[str, Any]) -> Path:
    """Write ``folder/report.html`` of a comparison, all at once, and return its path.

    Raises `OutputError` or `TryAgainError` if it cannot be written.
    """
    path = Path(folder) / "report.html"
    with atomic_file(path) as temporary:
        temporary.write_bytes(render_comparison(comparison, provenance).encode("utf-8", "replace"))
    return path


def render_comparison(comparison: Comparison, provenance: Mapping[str, Any]) -> str:
    """The page as text."""
    stays, study = comparison.evidence.stays, comparison.study
    animals = sorted({name for name in stays["animal_id"] if name})
    facts = [
        ("Movies", str(len(study.movies))),
        ("Cells", str(comparison.evidence.data.n_cells)),
        ("Animals", str(len(animals)) if animals else "not given"),
        ("Docked stays", str(len(stays))),
        ("End not seen", f"{100 * (~stays['exit_observed']).mean():.0f} %"),
        ("Docked from the start", str(int((stays["entry_kind"] == "resident").sum()))),
        ("Shortest stay", f"{number((stays['min_frames'] * stays['frame_s']).max())} s"),
        ("Frame interval", f"{number(comparison.evidence.data.fastest_s)} s"),
        ("Calls corrected", "with calibration" if comparison.evidence.calls is not None else "no calibration given"),
        ("Compared", made(dict(provenance))),
    ]
    shown = {key: value for key, value in provenance.items() if key != "warnings"}
    return template("kinetics_page.html.j2").render(
        style=Markup(resource("report.css")), comparison=comparison, facts=facts, verdicts=summary(comparison),
        pages=[_page(comparison, name, one) for name, one in comparison.verdicts.items()], ranking=_ranking(comparison),
        event_rates=stimulus.event_rates(comparison.event_rates), content=_content(comparison),
        membrane=_membrane(comparison), provenance=list(listing.provenance_rows(shown)),
    )  # fmt: skip


def _page(comparison: Comparison, name: str, found: Verdict) -> Page:
    rates = comparison.rates[comparison.rates["model"] == name]
    fitted = rates[rates["role"].isin(("fitted", "nuisance"))]
    identified = dict(zip(fitted["parameter"], fitted["identified"], strict=True))
    model, one = found.subject.model, found.predictions["fitted"]
    length = {part: _length(comparison, part) for part in one.survival}
    doubtful = [key for key in model.unverified if key not in found.subject.values]
    return Page(
        name=name,
        title=model.title,
        doubts=", ".join(doubtful),
        scheme=scheme(f"{name}-scheme", found, drawn(found, identified)),
        rates=[_rate_row(row) for row in rates.itertuples()],
        incidence=[(part, figures.incidence(f"{name}-incidence-{part}", one, part)) for part in one.incidence],
        survival=[
            (part, figures.survival(f"{name}-survival-{part}", one, part), figures.at_risk(one.survival[part], length[part]))
            for part in one.survival
        ],
        release=None if found.released is None else figures.release(f"{name}-release", found.released),
        profiles=_profiles(name, found, identified),
        quantiles=figures.quantiles(f"{name}-quantiles", found),
        residuals=figures.residuals(f"{name}-residuals", found),
        tests=_tests(comparison, name),
        observables=_observables(comparison, name),
        latency=_latency(name, found),
        fates=stimulus.fates(found),
        conditions=stimulus.condition_rates(comparison.condition_rates, name),
        spread=stimulus.spread(found),
    )


def _latency(name: str, found: Verdict) -> tuple[Markup, Markup, str] | None:
    groups = found.latency
    if not groups:
        return None
    return (
        stimulus.release_since(f"{name}-since", groups), stimulus.hazard_since(f"{name}-hazard", groups),
        stimulus.latencies(groups),
    )  # fmt: skip


def _length(comparison: Comparison, part: str) -> np.ndarray[Any, Any]:
    stays = comparison.evidence.stays
    mine = (stays["entry_kind"] == "resident") == (part == "residents")
    return np.asarray(stays.loc[mine, "duration_s"], dtype=float)


def _profiles(name: str, found: Verdict, identified: Mapping[str, bool]) -> list[tuple[Markup, str]]:
    scales = {f.name: f.scale == "log" for f in found.subject.free}
    return [
        (
            figures.profile(f"{name}-profile-{k}", one, scales[one.name]),
            "identified" if identified[one.name] else "not identified by these data",
        )
        for k, one in enumerate(found.profiles)
    ]


def _rate_row(row: Any) -> tuple[str, ...]:
    unit = "" if row.unit == "1" else row.unit
    about = f"{row.evidence}: UNVERIFIED" if row.unverified else row.evidence
    interval = "–" if missing(row.low) and missing(row.high) else f"{number(row.low)} to {number(row.high)}"
    bias = "–" if missing(row.naive_bias) else f"{100 * row.naive_bias:+.0f} %"
    published = f"({number(row.published)})" if row.evidence == "F" else number(row.published)
    return (
        row.parameter, unit, published, about, number(row.value), interval, row.verdict, number(row.naive), bias,
    )  # fmt: skip


def _tests(comparison: Comparison, name: str) -> Rows:
    mine = comparison.goodness[comparison.goodness["model"] == name]
    return [
        (TEST_WORDS[row.test], RATES_WORDS[row.rates], number(row.statistic), probability(row.p_value), str(row.n_redrawn),
         "rejected" if row.p_value <= ALPHA else "not rejected")
        for row in mine.itertuples()
    ]  # fmt: skip


def _observables(comparison: Comparison, name: str) -> Rows:
    mine = comparison.comparison[comparison.comparison["model"] == name]
    rows: Rows = []
    for row in mine.itertuples():
        words = row.observable.replace("mean_recorded", "mean recorded stay (s)").replace("share_", "share: ").replace("_", " ")
        limits = "" if missing(row.observed_low) else f" [{number(row.observed_low, 2)}, {number(row.observed_high, 2)}]"
        far = "–" if missing(row.distance) else f"{row.distance:+.1f}"
        expected = f"{number(row.expected)} ± {number(row.expected_sd, 2)}"
        rows.append(
            (RATES_WORDS[row.rates], row.part, words, f"{number(row.observed)}{limits}", expected, far, probability(row.p_value))
        )
    return rows


def _ranking(comparison: Comparison) -> Rows:
    return [
        (
            row.model, str(row.n_free), f"{row.log_likelihood:.1f}", f"{row.aic - comparison.ranking['aic'].min():.1f}",
            f"{row.bic - comparison.ranking['bic'].min():.1f}", probability(row.aic_weight),
            "–" if missing(row.left_out) else f"{row.left_out:.1f}",
            _behind(row),
        )
        for row in comparison.ranking.itertuples()
    ]  # fmt: skip


def _behind(row: Any) -> str:
    if missing(row.left_out_behind) or row.left_out_behind == 0:
        return "–"
    return f"{row.left_out_behind:.1f} ± {number(row.left_out_behind_sd, 2)}"


def _content(comparison: Comparison) -> dict[str, Any] | None:
    one = comparison.content
    if one is None:
        return None
    return {
        "fractions": figures.released_content("content", one), "kisses": figures.kisses("kisses", one),
        "first": number(one.first, 2), "until": number(one.until_empty, 2), "kissed": len(one.kisses),
    }  # fmt: skip


def _membrane(comparison: Comparison) -> dict[str, Any] | None:
    one = comparison.membrane
    if one is None:
        return None
    return {
        "chart": figures.area("membrane", one), "diameter": number(one.diameter_nm), "evidence": one.evidence,
        "area": number(one.area_um2[-1]), "ff": number(one.capacitance_ff[-1]),
    }  # fmt: skip
