"""Does this cell secrete as a model says? A study and one or several models in, a `Comparison` out.

Two questions are kept apart. (i) Do the *published* rates agree with the stays? Nothing is fitted: they are tested as they are.
(ii) Does the *scheme* agree, with its rates free? They are fitted, each with its profile, and what the data do not tell is said.
Both tests redraw stays through the same camera. Beside them stands what an analysis without corrections makes of the same stays.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from exotrack._blocks import map_blocks
from exotrack.errors import ExotrackError, InputError
from exotrack.kinetics._rows import comparison_rows, goodness_rows, rate_rows
from exotrack.kinetics.calls import Calls
from exotrack.kinetics.catalogue import Model, load
from exotrack.kinetics.content import Content, Membrane, content, membrane
from exotrack.kinetics.fit import Fit, fit
from exotrack.kinetics.goodness import Observed
from exotrack.kinetics.predicted import Setup, over_cells, parts_of
from exotrack.kinetics.ranking import rank
from exotrack.kinetics.resample import Nest
from exotrack.kinetics.sightings import STARTS, sightings
from exotrack.kinetics.stays import SEEN_EXITS
from exotrack.kinetics.study import Study
from exotrack.kinetics.subject import Subject, subject, unvaried
from exotrack.kinetics.verdict import Effort, Evidence, Verdict, verdict
from exotrack.tables import Comparisons, Goodness, Ranking, Rates

USUAL = Effort()
CELLS_REPEATS = 1000
"""Replicates of the cluster bootstrap of what was seen; it costs next to nothing."""


@dataclass(frozen=True)
class Wanted:
    """What to compare, and how.

    values, inputs : of the models, by name; each goes to the models that have it. stimulated : inputs from the first stimulus
    on. free : parameters to fit instead of the models' own choice. residents : use vesicles that were docked in the first frame.
    diameter_nm : of a vesicle, for the area; None takes the model's.
    """

    values: Mapping[str, float] = field(default_factory=dict)
    inputs: Mapping[str, float] = field(default_factory=dict)
    stimulated: Mapping[str, float] = field(default_factory=dict)
    free: Sequence[str] = ()
    residents: bool = True
    diameter_nm: float | None = None


@dataclass(frozen=True, eq=False)
class Comparison:
    """What came out.

    rates, comparison, ranking, goodness : tables of `exotrack.tables.COMPARISON`. verdicts : by model, the best first, all the
    figures need. refused : reason by model that could not be compared. notes : plain sentences on what not to believe.
    """

    study: Study
    evidence: Evidence
    wanted: Wanted
    verdicts: Mapping[str, Verdict]
    rates: pd.DataFrame
    comparison: pd.DataFrame
    ranking: pd.DataFrame
    goodness: pd.DataFrame
    content: Content | None
    membrane: Membrane | None
    refused: Mapping[str, str]
    notes: tuple[str, ...]

    @property
    def tables(self) -> dict[str, pd.DataFrame]:
        """The tables by name."""
        return {"rates": self.rates, "comparison": self.comparison, "ranking": self.ranking, "goodness": self.goodness}


def compare(
    study: Study, models: Sequence[Model], wanted: Wanted = Wanted(), calls: Calls | None = None, effort: Effort = USUAL
) -> Comparison:
    """Compare a study with models.

    Parameters
    ----------
    study : from `read_study`. models : from `catalogue.load`. calls : how exits are called, from calibrations.
    effort : starts, redrawn sets, seed and workers; the numbers do not depend on the workers.

    Raises
    ------
    InputError : no model can be compared with these stays; says why for each. ParameterError : an unknown parameter or input.
    """
    _require_known(models, wanted)
    _require_stimuli(study, wanted)
    known = {model.id: model for model in models}
    seen_kinds = set(study.stays.loc[study.stays["exit_observed"], "exit_kind"])
    merged = "kiss_and_run" in seen_kinds and any(_no_kiss(model) for model in models)
    evidence, notes = _evidence(study, wanted, calls, merged)
    subjects, refused = _subjects(known, evidence, wanted)
    if not subjects:
        raise InputError("; ".join(refused.values()))
    fits = _fits(subjects, evidence, effort)
    table = rank(fits, True, effort.run)
    null = _null(subjects, evidence, wanted)
    found = {
        name: verdict(subjects[name], evidence, fits[name], effort, null if _hidden(subjects[name], null) else None)
        for name in table["model"]
    }
    limits, counted = _limits(next(iter(found.values())), evidence, effort)
    best = next(iter(found.values())).subject.model
    return Comparison(
        study, evidence, wanted, found,
        Rates.build(pd.DataFrame([row for name, one in found.items() for row in rate_rows(name, one, evidence)])),
        Comparisons.build(pd.DataFrame([r for name, one in found.items() for r in comparison_rows(name, one, limits, counted)])),
        Ranking.build(table),
        Goodness.build(pd.DataFrame([row for name, one in found.items() for row in goodness_rows(name, one)])),
        content(study), membrane(study, best, wanted.diameter_nm), refused,
        (*study.notes, *notes, *_said(found)),
    )  # fmt: skip


def _require_known(models: Sequence[Model], wanted: Wanted) -> None:
    """Every name must be known to one of the models; what `Model.given` says of the first is as good as of any."""
    if not models:
        raise InputError("a comparison needs at least one model; exotrack models list names them")
    names = [model.id for model in models]
    if len(set(names)) != len(names):
        raise InputError(f"model {next(n for n in names if names.count(n) > 1)} is given twice; give each once")
    for kind, given in (("values", wanted.values), ("inputs", {**wanted.inputs, **wanted.stimulated})):
        for name, value in given.items():
            if not any(name in (one.parameters if kind == "values" else one.inputs) for one in models):
                models[0].given(*(({name: value}, {}) if kind == "values" else ({}, {name: value})))
    for name in wanted.free:
        if not any(name in one.parameters for one in models):
            models[0].given({name: 0.0})


def _require_stimuli(study: Study, wanted: Wanted) -> None:
    without = study.movies.loc[study.movies["stimulus_s"].isna(), "movie_id"]
    if wanted.stimulated and len(without):
        names = ", ".join(wanted.stimulated)
        raise InputError(
            f"movie {without.iloc[0]} has no stimulus, so when {names} changed is not known; analyse it with --stimulus-s, or "
            "give the inputs that held throughout"
        )


def _no_kiss(model: Model) -> bool:
    return not any(one.event == "kiss_and_run" for one in model.transitions)


def _evidence(study: Study, wanted: Wanted, calls: Calls | None, merged: bool) -> tuple[Evidence, list[str]]:
    """The stays that are used, as all models meet them."""
    stays, notes = study.stays, []
    if merged:
        notes.append("a model that is compared has no kiss-and-run: both kinds of fusion count as one, for all models")
        if calls is not None:
            raise InputError("calibrated calls tell kiss-and-run from full fusion, but a model has none; compare it without them")
        stays = _as_one(stays)
    used = stays["entry_kind"].isin([s for s in STARTS if wanted.residents or s != "resident"])
    stays = stays[used].reset_index(drop=True)
    data = sightings(stays, "calls" if calls is not None else "auto")
    if calls is None:
        notes.append("no calibration was given: calls are taken as their probabilities say, or as right where there are none")
    if not stays["exit_observed"].any():
        raise InputError("no docked stay ends in sight: no rate can be told from these movies; record longer")
    return Evidence(stays, data, data.cells, calls), notes


def _as_one(stays: pd.DataFrame) -> pd.DataFrame:
    """Kiss-and-run as a fusion like any other; where a vesicle resealed, what it begins with is then not known."""
    kiss = stays["exit_kind"] == "kiss_and_run"
    p = stays["p_full_fusion"] + stays["p_kiss_and_run"]
    return stays.assign(
        exit_kind=stays["exit_kind"].mask(kiss, "full_fusion"),
        entry_kind=stays["entry_kind"].mask(stays["entry_kind"] == "resealing", "unknown"),
        entry_observed=stays["entry_observed"] & (stays["entry_kind"] != "resealing"),
        p_full_fusion=p,
        p_kiss_and_run=p * 0.0,
    )


def _subjects(models: Mapping[str, Model], evidence: Evidence, wanted: Wanted) -> tuple[dict[str, Subject], dict[str, str]]:
    """The models made ready, and why others cannot be."""
    ready, refused = {}, {}
    for name, model in models.items():
        try:
            ready[name] = _subject(model, evidence, wanted)
        except InputError as error:
            refused[name] = str(error)
    return ready, refused


def _subject(model: Model, evidence: Evidence, wanted: Wanted) -> Subject:
    stays = evidence.stays
    exits = sorted(set(stays.loc[stays["exit_observed"], "exit_kind"]) & set(SEEN_EXITS))
    return subject(
        model,
        evidence.data.fastest_s,
        exits,
        values={key: value for key, value in wanted.values.items() if key in model.parameters},
        inputs={key: value for key, value in wanted.inputs.items() if key in model.inputs},
        stimulated={key: value for key, value in wanted.stimulated.items() if key in model.inputs},
        free=[name for name in wanted.free if name in model.parameters],
        merged="kiss_and_run" not in exits and not _no_kiss(model),
        losing=evidence.calls is not None and bool((stays["exit_kind"] == "lost").any()),
    )


def _fits(subjects: Mapping[str, Subject], evidence: Evidence, effort: Effort) -> dict[str, Fit]:
    tasks = [(one.problem(evidence.data, evidence.calls), effort.starts, effort.seed) for one in subjects.values()]
    return dict(zip(subjects, map_blocks("models", fit, tasks, effort.run), strict=True))


def _null(subjects: Mapping[str, Subject], evidence: Evidence, wanted: Wanted) -> Subject | None:
    """One docked state with the same exits: the constitutive model of the catalogue. None if that cannot be compared."""
    try:
        return _subject(load("constitutive"), evidence, Wanted(residents=wanted.residents))
    except ExotrackError:
        return None


def _hidden(about: Subject, null: Subject | None) -> bool:
    """Whether a model has more than one docked state that a newcomer can reach, and more to fit than the law without."""
    if null is None or about.model.id == null.model.id or len(about.free) <= len(null.free):
        return False
    made = about.course(about.start()).schemes[-1]
    reached = made.entry > 0
    for _ in range(made.n_states):
        reached = reached | ((made.stay > 0) & reached[:, None]).any(axis=0)
    return int(np.sum(reached)) > 1


def _limits(
    found: Verdict, evidence: Evidence, effort: Effort
) -> tuple[dict[tuple[str, str], tuple[float, float]], dict[str, int]]:
    """Intervals over cells of what was seen, and the stays of each part."""
    stays, data = evidence.stays, evidence.data
    fates = next(iter(found.predictions.values())).fates
    observed = Observed.of(stays, fates)
    setup = Setup.of(stays, evidence.cell)
    owner = dict(zip(data.cells.tolist(), stays["animal_id"].tolist(), strict=True))
    animals = [owner.get(k) or f"cell {k}" for k in range(len(data.cell_names))]
    nest = Nest.of(list(data.cell_names), animals)
    counted = {part: int(setup.part(part).sum()) for part in parts_of(setup)}
    return over_cells(observed, setup, nest, CELLS_REPEATS, effort.seed), counted


def _said(found: Mapping[str, Verdict]) -> list[str]:
    """What not to believe of the fits."""
    said = []
    for name, one in found.items():
        # What is faster than a frame is told by the rate it acts at, in the table of rates, and not by the value alone.
        said += [f"{name}: {note}" for note in one.fit.notes if "faster than a frame" not in note]
        still = unvaried(one.subject)
        if still:
            level = one.subject.model.given({}, one.subject.inputs)
            words = ", ".join(f"{key} ({level[key]:g} {one.subject.model.inputs[key].unit})" for key in still)
            said.append(
                f"{name}: {words} never varied in these movies: rates that depend on it are effective ones, and how they depend "
                "on it is not identified"
            )
        doubtful = [key for key in one.subject.model.unverified if key not in one.subject.values]
        if doubtful:
            said.append(f"{name}: from memory and UNVERIFIED: {', '.join(doubtful)}")
    return said
