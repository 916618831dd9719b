"""The verdicts of a comparison in sentences, for the head of its page and the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from exotrack.kinetics.subject import LEAVE, VISITORS
from exotrack.report.numbers import missing, number, probability

if TYPE_CHECKING:
    from collections.abc import Iterator

    from exotrack.kinetics.arrivals import Arrivals
    from exotrack.kinetics.compare import Comparison
    from exotrack.kinetics.verdict import Verdict

ALPHA = 0.05
"""p-values up to this reject. They are counts of redrawn sets, of which the data are one, so that equal counts."""


def summary(comparison: Comparison) -> list[tuple[str, str]]:
    """(kind, sentence) for every model and question; kind is ok, warning or info."""
    said = []
    for name, found in comparison.verdicts.items():
        said += _published(comparison, name)
        said.append(_fitted(comparison, name))
        said.append(_identified(comparison, name))
        if found.constitutive is not None:
            p = found.constitutive.p_value
            words = "are needed: one docked state with constant rates is rejected" if p <= ALPHA else (
                "are not shown: one docked state with constant rates explains these stays as well"
            )  # fmt: skip
            said.append(
                ("info", f"{name}: its hidden steps {words} (p = {probability(p)}, {found.constitutive.repeats} redrawn sets).")
            )
        said += [("info", f"{name}: {text}") for text in (*_optional(found), *_dockings(comparison, name))]
        said += _naive(comparison, name)
    if len(comparison.ranking) > 1:
        said.append(_best(comparison))
    said += [("warning", f"Not compared: {reason}.") for reason in comparison.refused.values()]
    return said


def _p(comparison: Comparison, name: str, rates: str) -> float:
    table = comparison.goodness
    mine = table[(table["model"] == name) & (table["rates"] == rates) & (table["test"] == "any")]
    return float(mine["p_value"].iloc[0])


def _published(comparison: Comparison, name: str) -> list[tuple[str, str]]:
    found = comparison.verdicts[name]
    if not found.published:
        return [("info", f"{name}: (i) none of its rates is a published one, so there is nothing to test without fitting.")]
    p = _p(comparison, name, "published")
    lost = found.fit.log_likelihood - found.published_log_likelihood
    agree = "do not agree" if p <= ALPHA else "agree"
    kind = "warning" if p <= ALPHA else "ok"
    words = (
        f"the published rates {agree} with these stays (p = {probability(p)}; {number(lost)} in log-likelihood below the best)"
    )
    return [(kind, f"{name}: (i) {words}.")]


def _fitted(comparison: Comparison, name: str) -> tuple[str, str]:
    p = _p(comparison, name, "fitted")
    if p <= ALPHA:
        return "warning", f"{name}: (ii) the scheme does not agree with these stays whatever its rates (p = {probability(p)})."
    return "ok", f"{name}: (ii) with its rates free the scheme agrees with these stays (p = {probability(p)})."


def _identified(comparison: Comparison, name: str) -> tuple[str, str]:
    table = comparison.rates
    mine = table[(table["model"] == name) & (table["role"] == "fitted")]
    lost = list(mine.loc[~mine["identified"], "parameter"])
    if not lost:
        return "ok", f"{name}: these data identify all {len(mine)} fitted values."
    return "warning", f"{name}: not identified by these data: {', '.join(lost)}."


def _optional(found: Verdict) -> Iterator[str]:
    """What the optional terms say."""
    if found.dead is not None:
        words = "are shown" if found.dead.p_value <= ALPHA else "are not shown"
        yield f"dead ends, docked vesicles that neither fuse nor leave, {words} (p {_equals(found.dead.p_value)} without them)."
    if found.visitors is not None:
        p, share = found.visitors.p_value, found.fit.values[VISITORS]
        said = "are shown" if p <= ALPHA else "are not shown"
        stay = f"{number(share, 2)} of those that dock, for {number(1 / found.fit.values[LEAVE], 2)} s on average"
        yield f"visitors, which only leave again ({stay}), {said} (p = {probability(p)}, {found.visitors.repeats} redrawn sets)."
    if found.cells is not None:
        words = "differ in their rates" if found.cells.p_value <= ALPHA else "are not shown to differ in their rates"
        yield f"cells {words} (p {_equals(found.cells.p_value)} if they are alike)."


def _dockings(comparison: Comparison, name: str) -> Iterator[str]:
    """How often vesicles dock."""
    found = comparison.dockings.get(name)
    if found is None:
        return
    one = found.every
    how = "as the calibration corrects what was missed and what was none" if found.calibrated else "without a calibration"
    rest = f", {_per_area(found.settled)} without visitors" if found.settled is not None else ""
    yield (
        f"per 1000 µm² and s {_per_area(one)} vesicles dock {how}{rest}; "
        f"those found over area and time are {number(1000 * one.uncorrected)}."
    )


def _per_area(one: Arrivals) -> str:
    return f"{number(1000 * one.rate)} ({number(1000 * one.low)} to {number(1000 * one.high)})"


def _equals(p: float) -> str:
    return "< 0.01" if p < 0.01 else f"= {probability(p)}"


def _naive(comparison: Comparison, name: str) -> list[tuple[str, str]]:
    table = comparison.rates
    mine = table[(table["model"] == name) & (table["role"] == "derived")]
    worst = mine[mine["parameter"] == "mean_docked"]
    if worst.empty or missing(worst["naive_bias"].iloc[0]):
        return []
    row = worst.iloc[0]
    bias = f"{100 * row['naive_bias']:+.0f} %"
    return [("info", f"{name}: a naive mean of the stays that end in sight is {number(row['naive'])} s where the model finds "
             f"{number(row['value'])} s: {bias}.")]  # fmt: skip


def _best(comparison: Comparison) -> tuple[str, str]:
    table = comparison.ranking
    first, second = table.iloc[0], table.iloc[1]
    if missing(second["left_out_behind"]):
        ahead = second["aic"] - first["aic"]
        return "info", f"{first['model']} is ahead of {second['model']} by {number(ahead)} in AIC; one cell cannot say more."
    ahead, sd = second["left_out_behind"], second["left_out_behind_sd"]
    sure = "clearly" if ahead > 2 * sd else "but not clearly"
    return (
        "info",
        f"{first['model']} tells cells left out better than {second['model']}, {sure}: by {number(ahead)} ± {number(sd, 2)}.",
    )
