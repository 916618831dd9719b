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
from exotrack.kinetics._rows import comparison_rows, goodness_rows, micrograph_rows, rate_rows
from exotrack.kinetics._said import said
from exotrack.kinetics.calls import Calls
from exotrack.kinetics.catalogue import Model, load
from exotrack.kinetics.conditions import condition_rows
from exotrack.kinetics.content import Content, Membrane, content, membrane
from exotrack.kinetics.contrasts import event_rates
from exotrack.kinetics.dockings import Dockings, docking_rows, dockings
from exotrack.kinetics.evidence import Evidence, evidence
from exotrack.kinetics.fit import Fit, fit
from exotrack.kinetics.goodness import Observed
from exotrack.kinetics.micrograph import Micrograph
from exotrack.kinetics.predicted import Setup, over_cells, parts_of
from exotrack.kinetics.ranking import rank
from exotrack.kinetics.resample import Nest
from exotrack.kinetics.stays import SEEN_EXITS
from exotrack.kinetics.study import Study
from exotrack.kinetics.subject import DEAD_NEW, DEAD_OLD, Subject, subject
from exotrack.kinetics.verdict import Effort, Verdict, verdict
from exotrack.tables import COMPARISON, Comparisons, ConditionRates, EventRates, Goodness, Ranking, Rates, Stays

USUAL = Effort()
CELLS_REPEATS = 1000
"""Replicates of the cluster bootstrap of what was seen; it costs next to nothing."""


@dataclass(frozen=True)
class Wanted:
    """What to compare, and how.

    values, inputs : of the models, by name; each goes to the models that have it. stimulated : inputs from the first stimulus
    on. free : parameters to fit instead of the models' own choice. residents : use vesicles that were docked in the first frame.
    diameter_nm : of a vesicle, for the area; None takes the model's. dead_ends : some docked vesicles neither fuse nor leave.
    visitors : some of those that dock only leave, at a rate of their own. micrograph : counts of vesicles at rest, a further term
    of the likelihood.
    """

    values: Mapping[str, float] = field(default_factory=dict)
    inputs: Mapping[str, float] = field(default_factory=dict)
    stimulated: Mapping[str, float] = field(default_factory=dict)
    free: Sequence[str] = ()
    residents: bool = True
    diameter_nm: float | None = None
    dead_ends: bool = False
    visitors: bool = False
    micrograph: Micrograph | None = None


@dataclass(frozen=True, eq=False)
class Comparison:
    """What came out.

    rates ... condition_rates : tables of `exotrack.tables.COMPARISON`. verdicts : by model, the best first, all the figures need.
    dockings : how often vesicles dock, by model, where that can be told. refused : reason by model that could not be compared.
    notes : plain sentences on what not to believe.
    """

    study: Study
    evidence: Evidence
    wanted: Wanted
    verdicts: Mapping[str, Verdict]
    dockings: Mapping[str, Dockings]
    rates: pd.DataFrame
    comparison: pd.DataFrame
    ranking: pd.DataFrame
    goodness: pd.DataFrame
    event_rates: pd.DataFrame
    condition_rates: pd.DataFrame
    content: Content | None
    membrane: Membrane | None
    refused: Mapping[str, str]
    notes: tuple[str, ...]

    @property
    def tables(self) -> dict[str, pd.DataFrame]:
        """The tables by name."""
        return {one.name: self.evidence.stays if one is Stays else getattr(self, one.name) for one in COMPARISON}


def compare(
    study: Study,
    models: Sequence[Model],
    wanted: Wanted = Wanted(),
    calls: Calls | None = None,
    effort: Effort = USUAL,
    injected: pd.DataFrame | None = None,
) -> Comparison:
    """Compare a study with models.

    Parameters
    ----------
    study : from `read_study`. models : from `catalogue.load`. calls : how exits are called, from calibrations.
    effort : starts, redrawn sets, seed and workers; the numbers do not depend on the workers. injected : table `InjectedStays`
        of the same calibrations, by which dockings are corrected; None: they are counted plainly.

    Raises
    ------
    InputError : no model can be compared with these stays; says why for each. ParameterError : an unknown parameter or input.
    """
    _require_known(models, wanted)
    _require_stimuli(study, wanted)
    known = {model.id: model for model in models}
    seen_kinds = set(study.stays.loc[study.stays["exit_observed"], "exit_kind"])
    merged = "kiss_and_run" in seen_kinds and any(no_kiss(model) for model in models)
    seen, notes = evidence(study, wanted.residents, calls, merged)
    subjects, refused = _subjects(known, seen, wanted)
    if not subjects:
        raise InputError("; ".join(refused.values()))
    fits = _fits(subjects, seen, effort)
    table = rank(fits, True, effort.run)
    null = _null(seen, wanted)
    found = {
        name: verdict(subjects[name], seen, fits[name], effort, null if _hidden(subjects[name], null) else None)
        for name in table["model"]
    }
    limits, counted = _limits(next(iter(found.values())), seen, effort)
    best = next(iter(found.values())).subject.model
    alike = [row for name, one in found.items() for row in condition_rows(name, one.fit, one.fit.problem.told(one.fit.x), effort)]
    docked, untold = _dockings(study, fits, list(found), injected, effort)
    return Comparison(
        study, seen, wanted, found, docked,
        Rates.build(pd.DataFrame([
            row for name, one in found.items() for row in (*rate_rows(name, one, seen), *docking_rows(name, docked.get(name)))
        ])),
        Comparisons.build(pd.DataFrame([
            row for name, one in found.items()
            for row in (*comparison_rows(name, one, limits, counted), *micrograph_rows(name, one))
        ])),
        Ranking.build(table),
        Goodness.build(pd.DataFrame([row for name, one in found.items() for row in goodness_rows(name, one)])),
        EventRates.build(pd.DataFrame(list(event_rates(study, effort.seed, effort.run)))),
        ConditionRates.build(pd.DataFrame(alike)) if alike else ConditionRates.empty(),
        content(study), membrane(study, best, wanted.diameter_nm), refused,
        (*study.notes, *notes, *said(found), *untold),
    )  # fmt: skip


def _dockings(
    study: Study, fits: Mapping[str, Fit], names: Sequence[str], injected: pd.DataFrame | None, effort: Effort
) -> tuple[dict[str, Dockings], list[str]]:
    """How often vesicles dock by the fit of each model, and of those by which it cannot be told, why."""
    every = {name: dockings(study, fits[name], injected, effort.seed) for name in names}
    return {name: one for name, (one, _) in every.items() if one}, [f"{name}: {why}" for name, (_, why) in every.items() if why]


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


def no_kiss(model: Model) -> bool:
    """Whether a model has no kiss-and-run."""
    return not any(one.event == "kiss_and_run" for one in model.transitions)


def _subjects(models: Mapping[str, Model], seen: Evidence, wanted: Wanted) -> tuple[dict[str, Subject], dict[str, str]]:
    """The models made ready, and why others cannot be."""
    ready, refused = {}, {}
    for name, model in models.items():
        try:
            ready[name] = _subject(model, seen, wanted)
        except InputError as error:
            refused[name] = str(error)
    return ready, refused


def _subject(model: Model, seen: Evidence, wanted: Wanted) -> Subject:
    stays = seen.stays
    exits = sorted(set(stays.loc[stays["exit_observed"], "exit_kind"]) & set(SEEN_EXITS))
    return subject(
        model,
        seen.data.fastest_s,
        exits,
        values={key: value for key, value in wanted.values.items() if key in model.parameters},
        inputs={key: value for key, value in wanted.inputs.items() if key in model.inputs},
        stimulated={key: value for key, value in wanted.stimulated.items() if key in model.inputs},
        free=[name for name in wanted.free if name in model.parameters],
        merged="kiss_and_run" not in exits and not no_kiss(model),
        losing=seen.calls is not None and bool((stays["exit_kind"] == "lost").any()),
        dead=_dead(stays) if wanted.dead_ends else (),
        visitors=wanted.visitors,
        micrograph=wanted.micrograph,
    )


def _dead(stays: pd.DataFrame) -> tuple[str, ...]:
    """Fractions of dead ends that the stays can speak of."""
    old = stays["entry_kind"] == "resident"
    return (*([DEAD_NEW] if (~old).any() else []), *([DEAD_OLD] if old.any() else []))


def _fits(subjects: Mapping[str, Subject], seen: Evidence, effort: Effort) -> dict[str, Fit]:
    tasks = [(one.problem(seen.data, seen.calls), effort.starts, effort.seed) for one in subjects.values()]
    return dict(zip(subjects, map_blocks("models", fit, tasks, effort.run), strict=True))


def _null(seen: Evidence, wanted: Wanted) -> Subject | None:
    """One docked state with the same exits: the constitutive model of the catalogue. None if that cannot be compared."""
    try:
        same = Wanted(residents=wanted.residents, dead_ends=wanted.dead_ends, visitors=wanted.visitors)
        return _subject(load("constitutive"), seen, same)
    except ExotrackError:
        return None


def _hidden(about: Subject, null: Subject | None) -> bool:
    """Whether a model has more than one docked state that a newcomer can reach, and more to fit than the law without."""
    if null is None or about.model.id == null.model.id or len(about.free) <= len(null.free):
        return False
    made = about.alone().course(about.start()).schemes[-1]
    reached = made.entry > 0
    for _ in range(made.n_states):
        reached = reached | ((made.stay > 0) & reached[:, None]).any(axis=0)
    return int(np.sum(reached)) > 1


def _limits(found: Verdict, seen: Evidence, effort: Effort) -> tuple[dict[tuple[str, str], tuple[float, float]], dict[str, int]]:
    """Intervals over cells of what was seen, and the stays of each part."""
    stays, data = seen.stays, seen.data
    fates = next(iter(found.predictions.values())).fates
    observed = Observed.of(stays, fates)
    setup = Setup.of(stays, seen.cell)
    owner = dict(zip(data.cells.tolist(), stays["animal_id"].tolist(), strict=True))
    animals = [owner.get(k) or f"cell {k}" for k in range(len(data.cell_names))]
    nest = Nest.of(list(data.cell_names), animals)
    counted = {part: int(setup.part(part).sum()) for part in parts_of(setup)}
    return over_cells(observed, setup, nest, CELLS_REPEATS, effort.seed), counted
