"""One model against a study: its rates, what they predict, whether that agrees, and whether the hidden steps are needed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pandas as pd

from exotrack._blocks import Execution
from exotrack.errors import InputError
from exotrack.kinetics.calls import CALLED, Calls
from exotrack.kinetics.estimators import Curve
from exotrack.kinetics.evidence import Evidence
from exotrack.kinetics.fates import FateMatrix, fate_matrices
from exotrack.kinetics.fit import Fit, Problem, climb, fit
from exotrack.kinetics.flow import Flow, Released, flow, released, rescaled
from exotrack.kinetics.frailty import Frailty, frailty
from exotrack.kinetics.goodness import Goodness, Observed, cox_snell, goodness
from exotrack.kinetics.latency import Since, latency
from exotrack.kinetics.laws import Mark, laws, marks
from exotrack.kinetics.naive import naive_fit
from exotrack.kinetics.observe import FrameLaw
from exotrack.kinetics.predicted import Predicted, Setup, predicted
from exotrack.kinetics.profiles import Profile, profiles
from exotrack.kinetics.ranking import Nested, nested_test
from exotrack.kinetics.resample import spread
from exotrack.kinetics.rescaling import Rescaled
from exotrack.kinetics.scheme import Real
from exotrack.kinetics.sightings import sightings
from exotrack.kinetics.subject import BESIDE, VISITS, Subject, Values


@dataclass(frozen=True)
class Effort:
    """How much to compute: starts of a fit, redrawn sets, seed of everything that is drawn, workers, and the spread of cells."""

    starts: int = 4
    repeats: int = 199
    seed: int = 0
    run: Execution = Execution()
    frailty: bool = False


@dataclass(frozen=True, eq=False)
class Null:
    """Test of a simpler law within the model, such as one docked state that fuses or leaves at constant rates.

    gain : twice the gain in log-likelihood of the model over it. p_value : chance of as much under the simpler law, from
    redrawn stays to which both were fitted. values : its own. n_failed : redrawn sets to which either could not be fitted.
    """

    gain: float
    p_value: float
    values: Mapping[str, float]
    repeats: int
    n_failed: int


@dataclass(frozen=True, eq=False)
class Verdict:
    """All there is to say of one model. `published` parts are None if no rate of the model is a published one.

    latency : by group, empty without a stimulus. dead, visitors : tests of none, if they were fitted. cells : how they differ.
    """

    subject: Subject
    fit: Fit
    profiles: list[Profile]
    naive: Fit | None
    tests: dict[str, Goodness]
    predictions: dict[str, Predicted]
    flow: Flow
    released: Released | None
    rescaled: Rescaled | None
    rescaled_repeats: int
    residuals: Curve
    constitutive: Null | None
    published: Values
    published_log_likelihood: float
    latency: dict[str, Since]
    fates: list[FateMatrix]
    dead: Nested | None
    visitors: Null | None
    cells: Frailty | None


def verdict(about: Subject, seen: Evidence, best: Fit, effort: Effort, null: Subject | None = None) -> Verdict:
    """Judge a fitted model. null : the law without hidden steps to test it against; None: it has none itself, or cannot be."""
    number, of = marks(seen.stays, bool(about.stimulated))
    calls = best.problem.told(best.x)
    observed = Observed.of(seen.stays, _fates(about, calls), number.tolist())
    setup = Setup.of(seen.stays, seen.cell)
    bare = naive_fit(about, seen.stays, effort.starts, effort.seed)
    rates: dict[str, Values] = {"fitted": best.values}
    held = published(about)
    at, height = _held(about, best, held)
    if held:
        rates["published"] = best.problem.values(at)
    if bare is not None:
        rates["naive"] = bare.values
    known = {name: _laws(about, values, of, calls) for name, values in rates.items()}
    options = {"repeats": effort.repeats, "seed": effort.seed, "run": effort.run}
    again = partial(refit, about, seen.stays, best, of, calls)
    tests = {"fitted": goodness(observed, partial(again, best.x, ()), **options)}  # type: ignore[arg-type]
    if held:
        tests["published"] = goodness(observed, partial(again, at, held), **options)  # type: ignore[arg-type]
    repeats = max(effort.repeats, 199)
    going = flow(seen.stays, observed, known["fitted"], seen.cell, effort.seed)
    return Verdict(
        about,
        best,
        profiles(best, [f.name for f in about.free], run=effort.run),
        bare,
        tests,
        {name: predicted(observed, law, setup, **options) for name, law in known.items()},  # type: ignore[arg-type]
        going,
        released(going),
        rescaled(going, repeats, effort.seed),
        repeats,
        cox_snell(observed, known["fitted"]),
        None if null is None else against(about, null, seen, best, of, calls, effort),
        rates.get("published", {}),
        height,
        latency(seen.stays, observed, known["fitted"], seen.cell),
        fate_matrices(best, seen.stays),
        dead_ends(about, seen, best, effort),
        visitors(about, seen, best, of, calls, effort),
        frailty(best) if effort.frailty else None,
    )


def dead_ends(about: Subject, seen: Evidence, best: Fit, effort: Effort) -> Nested | None:
    """Test of the model without dead ends within that with them; None if they were not fitted."""
    if not about.dead:
        return None
    small = replace(about, dead=(), free=tuple(f for f in about.free if f.name not in about.dead))
    return nested_test(fit(small.problem(seen.data, seen.calls), effort.starts, effort.seed), best, len(about.dead))


def visitors(about: Subject, seen: Evidence, best: Fit, of: list[Mark], calls: Calls | None, effort: Effort) -> Null | None:
    """Test of the model without visitors within that with them; None if they were not fitted. Without them their rate of leaving
    means nothing, so that no textbook law of the gain holds."""
    if not about.visitors:
        return None
    small = replace(about, visitors=False, free=tuple(f for f in about.free if f not in VISITS))
    return against(about, small, seen, best, of, calls, effort)


def published(about: Subject) -> tuple[int, ...]:
    """Numbers of the fitted values that have a published value, or one that the user gave, to be tested as it is."""
    own = about.model.parameters
    return tuple(
        k for k, f in enumerate(about.free) if f.name not in BESIDE and (f.name in about.values or own[f.name].evidence != "F")
    )


def refit(
    about: Subject, stays: pd.DataFrame, best: Fit, of: Sequence[Mark], calls: Calls | None, x: Real, held: Sequence[int],
    observed: Observed,
) -> list[FrameLaw]:  # fmt: skip
    """Fit the model again to redrawn stays, from the searched point `x`, those of `held` as they are, and give its laws."""
    found, _ = _again(_problem(about, observed.applied(stays), calls), x[: len(about.free)], best, held)
    return _laws(about, best.problem.values(found), of, calls)


def against(
    about: Subject, null: Subject, seen: Evidence, best: Fit, of: list[Mark], calls: Calls | None, effort: Effort
) -> Null:
    """Test a simpler law, as that without hidden steps, within the model, by redrawing stays from it and fitting both again.

    Textbook laws of the gain do not hold: the law without hidden steps is a limit of the model in which hidden rates become
    infinite, where others no longer act.
    """
    plain = fit(replace(null.problem(seen.data, seen.calls)), effort.starts, effort.seed)
    number, of = marks(seen.stays, bool(null.stimulated or about.stimulated))
    law = _laws(null, plain.values, of, calls)
    observed = Observed.of(seen.stays, _fates(null, calls), number.tolist())
    lost = observed.losses()
    first = observed.redrawn(law, lost, np.random.default_rng(effort.seed)).applied(seen.stays)
    # The model as it looks where that law holds: a start from which its search finds the gains there are.
    like = fit(_problem(about, first, calls), effort.starts, effort.seed)
    task = partial(_gain, about, null, seen.stays, observed, tuple(law), lost, calls, (best, like, plain))
    gains = np.array(spread("test of a simpler law", task, effort.repeats, effort.seed, effort.run))
    gain = max(2 * (best.log_likelihood - plain.log_likelihood), 0.0)
    failed = int(np.isnan(gains).sum())
    p = (1 + (np.where(np.isnan(gains), np.inf, gains) >= gain - 1e-9).sum()) / (1 + len(gains))
    return Null(gain, float(p), dict(plain.values), effort.repeats, failed)


def _gain(  # noqa: PLR0913 - a task of its own, which knows nothing but its arguments
    about: Subject, null: Subject, stays: pd.DataFrame, observed: Observed, law: tuple[FrameLaw, ...], lost: Real,
    calls: Calls | None, starts: tuple[Fit, Fit, Fit], rng: np.random.Generator,
) -> float:  # fmt: skip
    best, like, plain = starts
    table = observed.redrawn(law, lost, rng).applied(stays)
    try:
        large, small = _problem(about, table, calls), _problem(null, table, calls)
        n = len(about.free)
        tops = [_again(large, start.x[:n], start)[1] for start in (best, like)]
        return max(2 * (max(tops) - _again(small, plain.x[: len(null.free)], plain)[1]), 0.0)
    except InputError:
        return float("nan")


def _problem(about: Subject, table: pd.DataFrame, calls: Calls | None) -> Problem:
    return Problem(about.course, about.free, sightings(table, "calls"), calls, learn_calls=False, terms=about.terms())


def _again(problem: Problem, x: Real, like: Fit, held: Sequence[int] = ()) -> tuple[Real, float]:
    """Search from `x`, with steps of the size that the errors of an earlier fit let expect."""
    spread_of = np.diag(like.covariance)[: len(x)]
    known = np.isfinite(spread_of) & (spread_of > 0)
    size = np.where(known, np.sqrt(np.where(known, spread_of, 1.0)), 1.0).clip(1e-3, 1.0)
    return climb(problem, x, problem.bounds, held, size)


def _laws(about: Subject, values: Values, of: Sequence[Mark], calls: Calls | None) -> list[FrameLaw]:
    course = about.course(values)
    return laws(course if calls is None else calls.seen(course), list(of))


def _fates(about: Subject, calls: Calls | None) -> tuple[str, ...]:
    return about.course(about.start()).fates if calls is None else CALLED


def _held(about: Subject, best: Fit, held: Sequence[int]) -> tuple[Real, float]:
    """The searched point with the published values as they are and the others at their best, and its log-likelihood."""
    x, own = best.x.copy(), about.start()
    for k in held:
        f = about.free[k]
        x[k] = f.to_scale(float(np.clip(own[f.name], f.lower, f.upper)))
    return climb(best.problem, x, best.problem.bounds, held)
