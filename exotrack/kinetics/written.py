"""A comparison as plain values, for JSON: verdicts, fits, profiles, tests and curves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from exotrack.kinetics._rows import drawn
from exotrack.kinetics.compare import Comparison
from exotrack.kinetics.dockings import Dockings
from exotrack.kinetics.latency import Since
from exotrack.kinetics.micrograph import Micrograph
from exotrack.kinetics.predicted import Band
from exotrack.kinetics.profiles import Profile
from exotrack.kinetics.scheme import table as scheme_table
from exotrack.kinetics.verdict import Verdict


def as_plain(comparison: Comparison) -> dict[str, Any]:
    """Everything of a comparison that is no table, as plain lists, numbers and texts."""
    wanted, evidence = comparison.wanted, comparison.evidence
    return {
        "movies": comparison.study.movies["movie_id"].tolist(),
        "n_stays": len(evidence.stays),
        "n_cells": evidence.data.n_cells,
        "calls_counts": None if evidence.calls is None else evidence.calls.counts.tolist(),
        "false_exits_per_s": None if evidence.calls is None else evidence.calls.false_per_s().tolist(),
        "wanted": {
            "values": dict(wanted.values), "inputs": dict(wanted.inputs), "stimulated": dict(wanted.stimulated),
            "free": list(wanted.free), "residents": wanted.residents, "diameter_nm": wanted.diameter_nm,
            "dead_ends": wanted.dead_ends, "visitors": wanted.visitors,
            "micrographs": _counts(wanted.micrograph),
        },
        "models": {name: _model(found, comparison) for name, found in comparison.verdicts.items()},
        "refused": dict(comparison.refused),
        "notes": list(comparison.notes),
    }  # fmt: skip


def _model(found: Verdict, comparison: Comparison) -> dict[str, Any]:
    mine = comparison.rates[(comparison.rates["model"] == found.subject.model.id) & (comparison.rates["role"] == "fitted")]
    identified = dict(zip(mine["parameter"], mine["identified"].tolist(), strict=True))
    course = found.subject.course(found.fit.values)
    return {
        "title": found.subject.model.title,
        "values": dict(found.fit.values),
        "published": dict(found.published),
        "naive": None if found.naive is None else dict(found.naive.values),
        "log_likelihood": found.fit.log_likelihood,
        "published_log_likelihood": found.published_log_likelihood if found.published else None,
        "held": dict(found.subject.held),
        "unverified": [key for key in found.subject.model.unverified if key not in found.subject.values],
        "transitions_per_s": {key: {"rate": rate, "identified": sure} for key, (rate, sure) in drawn(found, identified).items()},
        "schemes": [scheme_table(one) for one in course.schemes],
        "profiles": [_profile(one) for one in found.profiles],
        "fates": list(found.predictions["fitted"].fates),
        "incidence": _bands(found.predictions["fitted"].incidence),
        "survival": _bands(found.predictions["fitted"].survival),
        "release": None if found.released is None else {key: getattr(found.released, key).tolist() for key in _RELEASE},
        "since_stimulus": {group: _since(one) for group, one in found.latency.items()},
        "fates_corrected": [
            {"period": one.period, "true": one.true, "called": one.called, "number": one.number.tolist()} for one in found.fates
        ],
        "dead_ends": None if found.dead is None else {"gain": found.dead.statistic, "p_value": found.dead.p_value},
        "visitors": None if found.visitors is None else {
            "gain": found.visitors.gain, "p_value": found.visitors.p_value, "values": dict(found.visitors.values),
        },
        "dockings": _dockings(comparison.dockings.get(found.subject.model.id)),
        "spread_of_cells": None if found.cells is None else {
            "sd": found.cells.sd, "low": found.cells.low, "high": found.cells.high, "gain": found.cells.gain,
            "p_value": found.cells.p_value, "cells": found.cells.names, "factors": found.cells.factors.tolist(),
        },
        "constitutive": None if found.constitutive is None else {
            "gain": found.constitutive.gain, "p_value": found.constitutive.p_value, "values": dict(found.constitutive.values),
        },
    }  # fmt: skip


_RELEASE = ("t_s", "seen", "seen_sd", "expected", "expected_sd")


def _counts(about: Micrograph | None) -> dict[str, Any] | None:
    if about is None:
        return None
    return {
        "counts": dict(about.snapshot.counts), "design_effect": about.snapshot.design_effect, "left_out": dict(about.left_out),
        "n_images": about.n_images,
    }  # fmt: skip


def _dockings(found: Dockings | None) -> dict[str, Any] | None:
    if found is None:
        return None
    return {"calibrated": found.calibrated} | {name: one._asdict() for name, one in found.by_name.items()}


def _since(one: Since) -> dict[str, Any]:
    return {key: getattr(one, key).tolist() for key in Since.__dataclass_fields__} | {"median_s": one.median_s}


def _profile(one: Profile) -> dict[str, Any]:
    return {
        "name": one.name, "value": one.value, "grid": one.grid.tolist(), "drop": one.drop.tolist(), "low": one.low,
        "high": one.high, "verdict": one.verdict,
    }  # fmt: skip


def _bands(of: Mapping[str, Band]) -> dict[str, Any]:
    keys = ("t_s", "seen", "middle", "low", "high")
    return {part: {key: np.asarray(getattr(one, key)).tolist() for key in keys} for part, one in of.items()}
