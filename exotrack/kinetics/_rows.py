"""The rows of the tables of a comparison, from the verdicts on its models."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from exotrack.errors import InputError
from exotrack.kinetics._grammar import Node
from exotrack.kinetics.evidence import Evidence
from exotrack.kinetics.generator import generator, namespace
from exotrack.kinetics.identifiable import slowest_of
from exotrack.kinetics.naive import naive_stay
from exotrack.kinetics.profiles import Profile
from exotrack.kinetics.scheme import Real
from exotrack.kinetics.stays import SEEN_EXITS
from exotrack.kinetics.subject import BESIDE, LEAVE, own
from exotrack.kinetics.verdict import Verdict

Row = dict[str, Any]
NONE = float("nan")
Z = 1.959964


def rate_rows(name: str, found: Verdict, seen: Evidence) -> Iterator[Row]:
    """Rows of the table `Rates`: what was fitted, what was to be and is held, and what follows."""
    about, best = found.subject, found.fit
    published, parameters = about.published, about.model.parameters
    naive = found.naive.values if found.naive is not None else {}
    units = {f.name: f.unit for f in about.free}
    for profile in found.profiles:
        one = parameters.get(profile.name)
        value = best.values[profile.name]
        sd = best.sd[profile.name]
        identified, verdict = told(found, profile, seen.data.fastest_s)
        yield {
            "model": name, "parameter": profile.name, "role": "fitted" if one else "nuisance",
            "unit": one.unit if one else units[profile.name], "published": published.get(profile.name, NONE),
            "evidence": _evidence(found, profile.name),
            "unverified": bool(one and one.unverified and one.name not in about.values),
            "value": value, "sd": sd if math.isfinite(sd) else NONE, "low": profile.low, "high": profile.high,
            "identified": identified, "verdict": verdict, **_naive(naive.get(profile.name, NONE), value),
        }  # fmt: skip
    for parameter, reason in about.held.items():
        one = parameters[parameter]
        yield {
            "model": name, "parameter": parameter, "role": "held", "unit": one.unit, "published": published[parameter],
            "evidence": _evidence(found, parameter), "unverified": one.unverified and parameter not in about.values,
            "value": published[parameter], "sd": NONE, "low": NONE, "high": NONE, "identified": False,
            "verdict": reason if reason.startswith("held") else f"not fitted: {reason}", "naive": NONE, "naive_bias": NONE,
        }  # fmt: skip
    yield from _derived(name, found, seen)


def told(found: Verdict, profile: Profile, frame_s: float) -> tuple[bool, str]:
    """Whether the data tell a value, and in words what they do not."""
    if profile.name not in BESIDE:
        fitted = replace(found.subject.alone(), values={**found.subject.values, **own(found.fit.values)}, free=())
        rate = slowest_of(fitted, [profile.name])[profile.name]
        if rate is not None and np.isfinite(rate) and rate * frame_s > 1:
            return False, f"not identified by these data: {rate:.3g} per s is faster than the frame interval of {frame_s:g} s"
    elif profile.name == LEAVE and profile.value * frame_s > 1:
        return False, f"not identified by these data: visits are shorter than the frame interval of {frame_s:g} s"
    if profile.identified:
        return True, "identified"
    return False, profile.verdict if "these data" in profile.verdict else f"not identified by these data ({profile.verdict})"


def _evidence(found: Verdict, name: str) -> str:
    if name in found.subject.values:
        return "U"
    return found.subject.model.parameters[name].evidence if name in found.subject.model.parameters else ""


def _naive(value: float, true: float) -> Row:
    return {"naive": value, "naive_bias": (value - true) / true if true else NONE}


def _derived(name: str, found: Verdict, seen: Evidence) -> Iterator[Row]:
    """Mean stay and fates of a vesicle that docks, and rates that the model derives from fitted ones: by the delta method."""
    mean, shares = naive_stay(seen.stays)
    for label, unit, of in _quantities(found):
        value = of(found.fit.values)
        sd, low, high = _delta(found, of, value)
        naive = mean if label == "mean_docked" else of(found.naive.values) if found.naive is not None else NONE
        if label.startswith("to_"):
            naive = float(shares[SEEN_EXITS.index(label[3:])])
        yield {
            "model": name, "parameter": label, "role": "derived", "unit": unit, "evidence": "", "unverified": False,
            "published": of(found.published) if found.published else NONE, "value": value, "sd": sd, "low": low, "high": high,
            "identified": math.isfinite(sd),
            "verdict": "follows from the fitted values" if math.isfinite(sd) else "not identified by these data",
            **_naive(naive, value),
        }  # fmt: skip


def _quantities(found: Verdict) -> Iterator[tuple[str, str, Callable[[Mapping[str, float]], float]]]:
    about = found.subject
    inputs = {**about.inputs, **about.stimulated}
    moved = {f.name for f in about.free}

    def stay(values: Mapping[str, float]) -> Any:
        return about.alone().course(values).schemes[-1]

    def mean(values: Mapping[str, float]) -> float:
        try:
            return float(stay(values).mean())
        except InputError:
            return NONE

    def share(fate: str) -> Callable[[Mapping[str, float]], float]:
        def of(values: Mapping[str, float]) -> float:
            made = stay(values)
            try:
                return float(made.fractions()[made.fates.index(fate)])
            except InputError:
                return NONE

        return of

    def derived(key: str) -> Callable[[Mapping[str, float]], float]:
        return lambda values: float(namespace(about.model, {**about.values, **own(values)}, inputs)[key])

    for key, tree in about.model.derived.items():
        if moved & set(tree.names()):
            yield key, "1/s", derived(key)
    yield "mean_docked", "s", mean
    for fate in stay(found.fit.values).fates:
        if fate in SEEN_EXITS:
            yield f"to_{fate}", "1", share(fate)


def _delta(found: Verdict, of: Callable[[Mapping[str, float]], float], value: float) -> tuple[float, float, float]:
    """Standard error and 95 % interval of a positive quantity, on the log scale; NaN where the data do not tell it."""
    best, n = found.fit, len(found.subject.free)
    spread = best.covariance[:n, :n]
    slope, away = np.zeros(n), np.isfinite(np.diag(best.covariance)[:n])
    if not math.isfinite(value) or value <= 0:
        return NONE, NONE, NONE
    for k in range(n):
        up, down = best.x[:n].copy(), best.x[:n].copy()
        up[k], down[k] = up[k] + 1e-3, down[k] - 1e-3
        slope[k] = (of(best.problem.values(up)) - of(best.problem.values(down))) / 2e-3 / value
    if (np.abs(slope[~away]) > 1e-6).any():
        return NONE, NONE, NONE
    sd = float(np.sqrt(_form(slope[away], spread[np.ix_(away, away)])))
    return sd * value, value * math.exp(-Z * sd), value * math.exp(Z * sd)


def _form(slope: Real, spread: Real) -> float:
    return max(float(slope @ spread @ slope), 0.0)


def comparison_rows(
    name: str, found: Verdict, limits: Mapping[tuple[str, str], tuple[float, float]], n: Mapping[str, int]
) -> Iterator[Row]:
    """Rows of the table `Comparisons`. limits : of what was seen, over cells. n : stays of each part."""
    for rates, one in found.predictions.items():
        for (part, what), (value, drawn) in one.observables.items():
            low, high = limits[part, what]
            middle, sd = float(drawn.mean()), float(drawn.std(ddof=1))
            far = min((drawn >= value - 1e-12).sum(), (drawn <= value + 1e-12).sum())
            yield {
                "model": name, "rates": rates, "observable": what, "part": part, "unit": "s" if what == "mean_recorded" else "1",
                "n": n[part], "observed": value, "observed_low": low, "observed_high": high, "expected": middle,
                "expected_sd": sd, "distance": (value - middle) / sd if sd > 0 else NONE,
                "p_value": float(min(1.0, 2 * (1 + far) / (1 + len(drawn)))),
            }  # fmt: skip


def micrograph_rows(name: str, found: Verdict) -> Iterator[Row]:
    """Rows of the table `Comparisons` with the shares of classes in micrographs; none without."""
    about = found.subject
    if about.micrograph is None:
        return
    snapshot = about.micrograph.snapshot
    n, every = sum(snapshot.counts.values()), {"published": found.published, "fitted": found.fit.values}
    for rates, values in every.items():
        told = about.micrograph.fractions(about.model, {**about.values, **own(values)}, about.inputs) if values else {}
        for what, share in told.items():
            seen = snapshot.counts[what] / n
            error, sd = (math.sqrt(snapshot.design_effect * p * (1 - p) / n) for p in (seen, share))
            far = (seen - share) / sd if sd > 0 else NONE
            yield {
                "model": name, "rates": rates, "observable": f"share_{what}", "part": "micrographs", "unit": "1", "n": n,
                "observed": seen, "observed_low": max(seen - Z * error, 0.0), "observed_high": min(seen + Z * error, 1.0),
                "expected": share, "expected_sd": sd, "distance": far,
                "p_value": math.erfc(abs(far) / math.sqrt(2)) if math.isfinite(far) else NONE,
            }  # fmt: skip


def goodness_rows(name: str, found: Verdict) -> Iterator[Row]:
    """Rows of the table `Goodness`."""
    for rates, test in found.tests.items():
        for key, p in test.p.items():
            yield {
                "model": name, "rates": rates, "test": key, "statistic": test.value.get(key, NONE), "p_value": p,
                "n_redrawn": len(test.null), "n_failed": test.failed,
            }  # fmt: skip
    if found.rescaled is not None:
        for key, p in found.rescaled.p.items():
            yield {
                "model": name, "rates": "fitted", "test": key, "statistic": found.rescaled.value[key], "p_value": p,
                "n_redrawn": found.rescaled_repeats, "n_failed": 0,
            }  # fmt: skip
    for key, one in (("constitutive", found.constitutive), ("visitors", found.visitors)):
        if one is None:
            continue
        yield {
            "model": name, "rates": "fitted", "test": key, "statistic": one.gain, "p_value": one.p_value,
            "n_redrawn": one.repeats, "n_failed": one.n_failed,
        }  # fmt: skip
    if found.dead is not None:
        yield _mixture(name, "dead_ends", found.dead.statistic, found.dead.p_value)
    if found.cells is not None:
        yield _mixture(name, "cells", found.cells.gain, found.cells.p_value)


def _mixture(name: str, test: str, gain: float, p_value: float) -> Row:
    return {
        "model": name, "rates": "fitted", "test": test, "statistic": gain, "p_value": p_value, "n_redrawn": 0, "n_failed": 0,
    }  # fmt: skip


def drawn(found: Verdict, identified: Mapping[str, bool]) -> dict[str, tuple[float, bool]]:
    """Rate (1/s) of every transition at the fitted values, and whether all it depends on is identified.

    By "A -> B, event". identified : by parameter; what is not in it counts as known, as it was not fitted.
    """
    about = found.subject
    values = {**about.values, **own(found.fit.values)}
    inputs = {**about.inputs, **about.stimulated}
    rates = generator(about.model, values, inputs).rates

    def needs(tree: Node) -> set[str]:
        names = set(tree.names())
        return names.union(*(needs(about.model.derived[name]) for name in names if name in about.model.derived))

    return {
        f"{one.words}, {one.event}": (float(rate), all(identified.get(name, True) for name in needs(one.rate)))
        for one, rate in zip(about.model.transitions, rates, strict=True)
    }
