"""A study compared: every measure between every two conditions, in tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, product
from typing import TYPE_CHECKING, Any

import numpy as np

from exotrack._blocks import Execution
from exotrack.errors import InputError
from exotrack.stats.boot import intervals
from exotrack.stats.design import Plan, arrange, ordered
from exotrack.stats.effects import Effect, compared, described
from exotrack.stats.further import asked, doubts, keys
from exotrack.stats.gather import Gathered
from exotrack.stats.measures import SCALE, Measure
from exotrack.stats.patterns import RateMap, responses
from exotrack.stats.rows import Real, Rows, numbered, rows_of
from exotrack.tables import Effects, Pairs, Responses, Summaries

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class Statistics:
    """What was found: the tables by name, the plan, what is independent, conditions in order, what to keep in mind, maps of
    rates."""

    tables: dict[str, pd.DataFrame]
    plan: Plan
    cluster_kind: str
    groups: tuple[str, ...]
    measures: tuple[Measure, ...]
    notes: tuple[str, ...] = ()
    maps: tuple[RateMap, ...] = ()


def compare(
    study: Gathered, measures: Sequence[Measure], plan: Plan, *, repeats: int = 1000, rng: int = 0,
    run: Execution = Execution(),
) -> Statistics:  # fmt: skip
    """Compare the conditions of a study.

    Parameters
    ----------
    study : cells and stays, see `gather`. measures : see `measures.chosen`. plan : what is compared with what.
    repeats : replicates of the cluster bootstrap. rng : its seed.

    Raises
    ------
    InputError, ParameterError : a design that cannot be compared, see `design.arrange`; a single cell.
    """
    if len(study.units) < 2:
        raise InputError("there is one cell: nothing can be compared with it; give more results folders")
    arranged = arrange(study.units, plan)
    further = keys(arranged.units, plan)
    units, stays = _put_together(arranged.units, study.stays, plan.unit, further)
    used = [one for one in measures if (one.over(units)[0] > 0).any()]
    if not used:
        raise InputError("no cell has any of the measures; choose others with --measure")
    unseen = (
        [f"not seen in any cell: {', '.join(one.title for one in measures if one not in used)}"]
        if len(used) < len(measures)
        else []
    )
    groups = ordered(units["group"], plan)
    against = [(groups[0], one) for one in groups[1:]] if plan.reference else list(combinations(groups, 2))
    effects, pairs = [], []
    for names, more in product(against, list(asked(units, further, plan))):
        parts = [(one, rows_of(one, units, stays, names, more)) for one in used]
        found = [compared(measure, rows) for measure, rows in parts]
        ends = bootstrapped(units, parts, [one.df for one in found], repeats, rng, run)
        for (measure, rows), effect, *limits in zip(parts, found, *ends, strict=True):
            row = _effect(measure, rows, effect, names, limits) | {"within": more.within, "adjusted": ", ".join(plan.adjust)}
            effects.append(row | {"note": effect.note.replace("animal", arranged.cluster_kind)})
            if more.level is None:
                pairs += [pair | {"within": more.within} for pair in _pairs(measure, rows, names, units)]
    table = Effects.build(_frame(effects))
    tables = {
        "units": units.reset_index(drop=True),
        "summaries": Summaries.build(_frame([_summary(one, name, units) for one in used for name in groups])),
        "effects": Effects.build(table.assign(p_holm=holm(table["p_value"].to_numpy()))),
        "pairs": Pairs.build(_frame(pairs)),
        **_patterned(study, arranged.units, groups),
    }
    notes = (*study.notes, *arranged.notes, *doubts(arranged.units, further, plan), *unseen)
    return Statistics(tables, plan, arranged.cluster_kind, tuple(groups), tuple(used), notes, study.maps)


def _patterned(study: Gathered, units: pd.DataFrame, groups: Sequence[str]) -> dict[str, pd.DataFrame]:
    """Tables of patterns, where they were looked at."""
    if not study.tables:
        return {}
    return {**study.tables, Responses.name: responses(units, study.latencies, groups)}


def holm(p: Real) -> Real:
    """p-values corrected for the number of tests (Holm 1979, Scand J Stat 6:65); NaN are no tests."""
    known = np.flatnonzero(np.isfinite(p))
    order = known[np.argsort(p[known], kind="stable")]
    found = np.full(len(p), np.nan)
    found[order] = np.minimum(np.maximum.accumulate(p[order] * np.arange(len(order), 0, -1)), 1.0)
    return found


def _put_together(
    units: pd.DataFrame, stays: pd.DataFrame, unit: str, further: Sequence[str] = ()
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Units as rows of the wanted kind: counts and exposures are summed, levels averaged on the log scale.

    further : columns that a model holds besides; cells that differ in them stay apart.
    """
    if unit == "cell":
        return units, stays
    same = dict.fromkeys(("group", "cluster", "block", "period", *(["movie_id"] if unit == "movie" else []), *further))
    place = units.groupby(list(same), sort=True).ngroup()
    kept = units.groupby(place).first()
    for name in units.select_dtypes("float64"):
        column = units[name]
        if any(name in one.top and not one.bottom for one in _levels()):
            kept[name] = np.exp(np.log(column).groupby(place).mean())
        else:
            kept[name] = column.groupby(place).sum(min_count=1)
    kept = kept.assign(cell_id=kept["cell_id"].where(place.value_counts().sort_index() == 1))
    if unit != "movie":
        kept = kept.assign(movie_id="")
    return kept[list(units)], stays.assign(row=place.to_numpy()[stays["row"].to_numpy(np.intp)])


def _levels() -> tuple[Measure, ...]:
    from exotrack.stats.measures import LIVE

    return LIVE


def bootstrapped(
    units: pd.DataFrame, parts: Sequence[tuple[Measure, Rows]], df: Sequence[float], repeats: int, seed: int,
    run: Execution = Execution(),
) -> tuple[Real, Real]:  # fmt: skip
    """(M,) lower and upper ends of the bootstrap intervals of M measures; NaN where the model has none, or with no repeats.

    parts : measures with their rows, all of the same two conditions. df : degrees of freedom of each effect, by its model.
    """
    low, high = np.full(len(parts), np.nan), np.full(len(parts), np.nan)
    fit = [k for k, of in enumerate(df) if np.isfinite(of)]
    if not fit or repeats < 1:
        return low, high
    paired = bool((units["block"] != "").all())
    drawn = numbered(units["block"].to_numpy()) if paired else np.arange(len(units))
    used = np.unique(np.concatenate([drawn[parts[k][1].unit] for k in fit]))
    again = np.full(int(drawn.max()) + 1, -1)
    again[used] = np.arange(len(used))
    first = np.zeros(len(used), dtype=np.intp)
    mine = again[drawn] >= 0
    first[again[drawn[mine]]] = np.flatnonzero(mine)
    cluster = numbered(units["cluster"].to_numpy()[first])
    level = np.zeros(len(units), dtype=np.intp)
    for _, rows in parts:
        level[rows.unit] = 0 if rows.level is None else rows.level
    group = np.zeros(len(used), np.intp) if paired else numbered(units["group"].to_numpy()[first])
    stratum = 2 * group + level[first]
    ends = intervals([parts[k] for k in fit], [df[k] for k in fit], again[drawn], cluster, stratum, repeats, seed, run)
    low[fit], high[fit] = ends
    return low, high


def _effect(measure: Measure, rows: Rows, found: Effect, names: tuple[str, str], ends: Sequence[float]) -> dict[str, Any]:
    low, high = found.interval()
    cells = [len(np.unique(rows.unit[rows.group == one])) for one in (0, 1)]
    clusters = [len(np.unique(rows.cluster[rows.group == one])) for one in (0, 1)]
    scale = SCALE[measure.family] if rows.level is None else f"ratio of {SCALE[measure.family]}s"
    return {
        "measure": measure.name, "family": measure.family, "reference": names[0], "group": names[1],
        "paired": rows.block is not None,
        "n_cells_reference": cells[0], "n_cells_group": cells[1],
        "n_clusters_reference": clusters[0], "n_clusters_group": clusters[1], "scale": scale,
        "effect": float(np.exp(found.log)), "low": low, "high": high, "log_sd": found.sd, "df": found.df,
        "p_value": found.p_value,
        "boot_low": ends[0], "boot_high": ends[1],
    }  # fmt: skip


def _summary(measure: Measure, name: str, units: pd.DataFrame) -> dict[str, Any]:
    top, bottom = measure.over(units)
    keep = (units["group"] == name).to_numpy() & np.isfinite(top)
    n = int(keep.sum())
    found: dict[str, Any] = {"measure": measure.name, "unit": measure.unit, "group": name, "n_cells": n, "n_clusters": 0}
    if not n:
        return found
    cluster = numbered(units["cluster"].to_numpy()[keep])
    rows = Rows(top[keep], bottom[keep], np.zeros(n, np.intp), cluster, None, np.flatnonzero(keep))
    value, low, high = described(measure, rows)
    events = bottom[keep].sum() if measure.family in ("fraction", "level") else top[keep].sum()
    cells = top[keep] / bottom[keep]
    return found | {
        "n_clusters": int(cluster.max()) + 1, "n_events": float(events), "value": value, "low": low, "high": high,
        "lowest": cells.min(), "median": np.median(cells), "highest": cells.max(),
    }  # fmt: skip


def _pairs(measure: Measure, rows: Rows, names: tuple[str, str], units: pd.DataFrame) -> list[dict[str, Any]]:
    """Values of both conditions of every pair."""
    if rows.block is None:
        return []
    found = []
    y = np.log(rows.top) if measure.family == "level" else rows.top
    n = int(rows.block.max(initial=-1)) + 1
    sums = [[np.bincount(rows.block[rows.group == k], part[rows.group == k], n) for part in (y, rows.bottom)] for k in (0, 1)]
    unit = np.zeros(n, np.intp)
    unit[rows.block] = rows.unit
    with np.errstate(invalid="ignore", divide="ignore"):
        value = [np.exp(top / bottom) if measure.family == "level" else top / bottom for top, bottom in sums]
        ratio = np.where(value[0] > 0, value[1] / value[0], np.nan)
    for k in range(n):
        row = units.iloc[unit[k]]
        found.append({
            "measure": measure.name, "reference": names[0], "group": names[1], "block": row["block"], "cluster": row["cluster"],
            "value_reference": value[0][k], "value_group": value[1][k], "ratio": ratio[k],
        })  # fmt: skip
    return found


def _frame(rows: Sequence[dict[str, Any]]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(list(rows))
