"""``exotrack report`` of a study folder: its movies, their quality and their conditions on one page."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from exotrack import __version__
from exotrack.errors import ExotrackError, InputError

if TYPE_CHECKING:
    import pandas as pd

    from exotrack._blocks import Execution
    from exotrack.report.study_quality import Quality
    from exotrack.stats import Design, Statistics
    from exotrack.stats.gather import Part

SHOWN = ("fusion_rate", "kiss_fraction", "fused_fraction", "leaving_rate", "docking_rate", "decay")
"""Measures of the page: those most asked for; `exotrack stats` has all."""
REPEATS = 400
"""Replicates of the bootstrap beside the models' intervals: a page is to be made in a minute."""


def is_study(folder: Path) -> bool:
    """Whether a folder is one that ``exotrack batch`` wrote."""
    return (folder / "study.json").is_file() and (folder / "movies.parquet").is_file()


def study_report(folder: Path, comparisons: Sequence[Path], run: Execution) -> Path:
    """Write report.html of a study; returns its path.

    Parameters
    ----------
    folder : of ``exotrack batch``. comparisons : folders of ``exotrack compare`` whose rates are shown. run : how fast.

    Raises
    ------
    InputError : no movie is done, or what is there cannot be read.
    """
    from exotrack._blocks import map_blocks
    from exotrack.io.results import read_table
    from exotrack.report.study import DONE, StudyResults, write_study_report
    from exotrack.stats.gather import told_by
    from exotrack.tables import Movies

    movies = read_table(folder / "movies.parquet", Movies)
    done = movies.loc[movies["status"].isin(DONE), "movie_id"].tolist()
    if not done:
        raise InputError(f"{folder}: no movie is done yet; run exotrack batch, exotrack status {folder} says how far it is")
    places = [folder / "movies" / name for name in done]
    design = told_by(places) if movies["condition"].nunique() > 1 else None
    seen = list(map_blocks("movies", _movie, [(place, design) for place in places], replace(run, processes=True)))
    quality = [one for one, _ in seen]
    if design is None:
        found, why = None, f"There is one condition ({movies['condition'].iloc[0]}): nothing to compare it with."
    else:
        found, why = _conditions([part for _, part in seen], design, run)
    study = json.loads((folder / "study.json").read_text(encoding="utf-8"))
    record = {"exotrack": __version__, "started": datetime.now(UTC).isoformat(timespec="seconds"), "repeats": REPEATS}
    return write_study_report(
        folder,
        StudyResults(
            str(study.get("study", folder.name)), movies, quality, found, why, {one.name: _rates(one) for one in comparisons},
            presets(study), record,
        ),
    )  # fmt: skip


def _movie(folder: Path, design: Design | None) -> tuple[Quality, Part | ExotrackError | None]:
    """The quality of a movie, and what it gives to the comparison or why it gives nothing; its tables are read once."""
    from exotrack.report.study_quality import quality_of
    from exotrack.stats.cells import read_movie
    from exotrack.stats.gather import part_of

    movie = read_movie(folder)
    quality = quality_of(folder, movie)
    try:
        return quality, part_of(movie, design) if design else None
    except ExotrackError as error:
        return quality, error


def _conditions(parts: Sequence[Part | ExotrackError | None], design: Design, run: Execution) -> tuple[Statistics | None, str]:
    """Conditions compared, or the reason why not."""
    from exotrack.stats import Plan, chosen, compare
    from exotrack.stats.gather import Part, together

    try:
        for part in parts:
            if isinstance(part, ExotrackError):
                raise part
        study = together([part for part in parts if isinstance(part, Part)], design)
        return compare(study, chosen(SHOWN), Plan(), repeats=REPEATS, run=run), ""
    except ExotrackError as error:
        return None, f"Conditions are not compared: {error}."


def presets(study: dict[str, Any]) -> list[str]:
    """Every set of parameters as its preset and what differs from it."""
    from exotrack.io.plain import to_json
    from exotrack.params import preset

    said = []
    for one in study.get("params", []):
        usual = json.loads(to_json(preset(one["preset"]).model_dump(mode="json")))
        changes = [
            f"{stage}.{key} = {value}"
            for stage, values in one.items() if isinstance(values, dict)
            for key, value in values.items() if usual[stage].get(key) != value
        ]  # fmt: skip
        said.append(f"preset {one['preset']}" + (f" with {', '.join(changes)}" if changes else ""))
    return list(dict.fromkeys(said))


def _rates(folder: Path) -> pd.DataFrame:
    from exotrack.io.results import read_table
    from exotrack.tables import Rates

    if not (folder / "rates.parquet").is_file():
        raise InputError(f"{folder}: holds no rates; give a folder that `exotrack compare` wrote")
    return read_table(folder / "rates.parquet", Rates)
