"""The page of a whole study: its design, every movie's quality, what failed and why, conditions compared, methods, citation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from markupsafe import Markup

from exotrack import __version__
from exotrack.io.atomic import atomic_file
from exotrack.report import charts, statistics_figures
from exotrack.report.numbers import missing, number, plain
from exotrack.report.page import made, resource, template
from exotrack.report.statistics_words import against, methods, plural, sentences, sizes
from exotrack.report.study_quality import HEADS, Quality, worst_first

if TYPE_CHECKING:
    import pandas as pd

    from exotrack.stats import Statistics

FIRST = 12
"""Movies named as those to look at first: what one looks at in half an hour."""
DONE = ("done", "touched")
"""States of movies that are in the results."""
CITATION = """cff-version: 1.2.0
message: Cite exotrack with this version, the study's own paper, and the sources that its methods name.
title: exotrack
type: software
version: {version}
license: BSD-3-Clause
authors:
  - name: the exotrack developers
"""


@dataclass(frozen=True)
class StudyResults:
    """What the page is made of.

    movies : table `Movies` with the further columns of the design. quality : of every movie that is done. statistics : conditions
    compared, None with the reason in `why_none`. kinetics : Rates tables of comparisons with models by the name of their folder.
    presets : presets and what of the parameters differs from them.
    """

    name: str
    movies: pd.DataFrame
    quality: Sequence[Quality]
    statistics: Statistics | None
    why_none: str
    kinetics: Mapping[str, pd.DataFrame]
    presets: Sequence[str]
    record: Mapping[str, Any]


def write_study_report(folder: Path, study: StudyResults) -> Path:
    """Write ``folder/report.html`` and ``folder/CITATION.cff``, each all at once; returns the path of the page.

    Raises `OutputError` or `TryAgainError` if they cannot be written.
    """
    with atomic_file(folder / "CITATION.cff") as temporary:
        temporary.write_text(CITATION.format(version=__version__), encoding="utf-8")
    path = folder / "report.html"
    with atomic_file(path) as temporary:
        temporary.write_bytes(render_study(study).encode("utf-8", "replace"))
    return path


def render_study(study: StudyResults) -> str:
    """The page as text."""
    movies, found = study.movies, study.statistics
    done = movies[movies["status"].isin(DONE)]
    facts = [
        ("Movies", str(len(movies))), ("Done", str(len(done))), ("Conditions", str(movies["condition"].nunique())),
        ("Animals", str(movies.loc[movies["animal_id"] != "", "animal_id"].nunique() or "not told")),
        ("Time observed", f"{plain(float(done['observed_s'].sum()) / 60, 3)} min"), ("Made", made(dict(study.record))),
    ]  # fmt: skip
    first = worst_first(study.quality)
    figures = [] if found is None else [
        (one.title, statistics_figures.superplot(f"study-{one.name}", one, found)) for one in found.measures
    ]  # fmt: skip
    return template("study_page.html.j2").render(
        style=Markup(resource("report.css")), name=study.name, facts=facts, design=_design(movies), figures=figures,
        forests=[] if found is None else _forests(found), said=[] if found is None else sentences(found),
        size="" if found is None else sizes(found), why_none=study.why_none, heads=HEADS,
        first=[(one.movie_id, _link(one.movie_id), "; ".join(one.flags)) for one in first[:FIRST]], n_first=len(first),
        quality=[(one.movie_id, _link(one.movie_id), one.row()) for one in study.quality],
        failed=[
            (row.movie_id, row.status, row.reason, row.input) for row in movies.itertuples() if row.status not in DONE
        ],
        snr=_histograms(study.quality), kinetics=[(name, _rates(table)) for name, table in study.kinetics.items()],
        methods=_methods(study), kind="" if found is None else found.cluster_kind,
    )  # fmt: skip


def _link(movie: str) -> str:
    return f"movies/{quote(movie)}/report.html"


def _design(movies: pd.DataFrame) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Heads and a row per condition: animals, movies, movies done, cells, minutes, fusions."""
    rows: list[tuple[str, ...]] = []
    for condition, own in movies.groupby("condition", sort=True):
        done = own[own["status"].isin(DONE)]
        animals = own.loc[own["animal_id"] != "", "animal_id"].nunique()
        fusions = done[["n_full_fusion", "n_kiss_and_run"]].astype("float64").sum().sum()
        rows.append((
            str(condition), str(animals) if animals else "not told", str(len(own)), str(len(done)),
            plain(done["n_cells"].astype("float64").sum()),
            number(done["area_um2"].sum()), plain(done["observed_s"].sum() / 60, 3), plain(fusions),
        ))  # fmt: skip
    return ("Condition", "Animals", "Movies", "Done", "Cells", "Area (µm²)", "Observed (min)", "Fusions"), rows


def _forests(found: Statistics) -> list[tuple[str, Markup]]:
    effects = found.tables["effects"]
    sets = dict.fromkeys(zip(effects["reference"], effects["group"], effects["within"], strict=True))
    drawn = [(against(*names), statistics_figures.forest(f"study-forest-{k}", found, names)) for k, names in enumerate(sets)]
    return [(words, figure) for words, figure in drawn if figure is not None]


def _histograms(quality: Sequence[Quality]) -> list[tuple[str, Markup]]:
    """How signal, light lost and fusions are spread over the movies."""
    figures = []
    for k, (label, values) in enumerate((
        ("signal over noise (median of the spots)", [one.snr for one in quality]),
        ("light lost over the movie (%)", [100 * one.drop for one in quality]),
        ("fusions in a movie", [float(one.fusions) for one in quality]),
    )):  # fmt: skip
        known = [value for value in values if not missing(value)]
        if len(known) >= 3:
            ax = charts.axes(3.4, 2.0, label, "movies")
            ax.hist(known, bins=min(20, max(5, len(known) // 3)), color=charts.DOCKED, alpha=0.8)
            ax.yaxis.get_major_locator().set_params(integer=True)  # type: ignore[call-arg]
            figures.append((label, charts.to_svg(ax, f"study-histogram-{k}", f"Histogram over {len(known)} movies: {label}")))
    return figures


def _rates(table: pd.DataFrame) -> list[tuple[str, ...]]:
    """(model, rate, value, interval, verdict) of a comparison with a model."""
    return [
        (
            str(row.model), f"{row.parameter} ({row.unit})", number(row.value), f"{number(row.low)} to {number(row.high)}",
            str(row.verdict),
        )
        for row in table[table["role"] != "nuisance"].itertuples()
    ]  # fmt: skip


def _versions(movies: pd.DataFrame) -> str:
    return ", ".join(sorted({str(one) for one in movies["exotrack"].dropna() if one}))


def _methods(study: StudyResults) -> str:
    done = int(study.movies["status"].isin(DONE).sum())
    left = len(study.movies) - done
    parts = [
        f"{done} movies were analysed with exotrack {_versions(study.movies) or __version__} ({'; '.join(study.presets)}). "
        "Vesicles were detected by a matched filter, localised by maximum likelihood, linked over time by likelihood, and "
        "measured by fits of their own spot shape. Stays (mobile, tethered, docked) come from a hidden Markov model; every "
        "candidate fusion has calibrated probabilities of full fusion, kiss-and-run and anything else, learnt from simulations.",
    ]
    if left:
        parts.append(f"{plural(left, 'movie')} could not be analysed and {'are' if left > 1 else 'is'} listed with the reason.")
    if study.statistics is not None:
        parts.append(methods(study.statistics, study.record))
    return " ".join(parts)
