"""From what was injected and found to recall, confusion, biases and the bound on false calls."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from exotrack.pipeline import Result
from exotrack.report.rates import UM2_MIN, exposure_um2_s, poisson_interval
from exotrack.score.counts import wilson
from exotrack.score.measures import MEASURES, measure
from exotrack.tables import EVENT_KINDS, FUSION_KINDS, INJECTED_KINDS, Biases, Confusion, FalseCalls, Recall

Real = NDArray[np.floating[Any]]
GROUPS: dict[str, tuple[str, ...]] = {"fusion_any": FUSION_KINDS} | {
    kind: (kind,) for kind in (*FUSION_KINDS, "docking", "undocking")
}
"""Rows of table `Recall` to the kinds they hold."""
UNITS = {"docked_s": "s", "decay_s": "s", "diffusion_um2_s": "um^2/s", "fraction_released": "1"}
FEWEST = 6
"""A median of fewer values has no 95 % interval from their order."""


def recall(injections: pd.DataFrame, bins: int) -> pd.DataFrame:
    """Table `Recall`: by kind, in `bins` of brightness equal in the logarithm, of those as bright as found, and of all."""
    events = injections[injections["kind"].isin(EVENT_KINDS)]
    rows = []
    if len(events):
        edges = np.geomspace(events["brightness"].min(), events["brightness"].max(), bins + 1)
        bin_of = np.clip(np.searchsorted(edges, events["brightness"], side="right") - 1, 0, bins - 1)
        for kind, kinds in GROUPS.items():
            mine = events["kind"].isin(kinds)
            if not mine.any():
                continue
            rows += [
                _recalled(kind, "bin", events[mine & (bin_of == k)], float(edges[k]), float(edges[k + 1])) for k in range(bins)
            ]
            for part, chosen in (("as_found", events[mine & events["as_found"]]), ("all", events[mine])):
                if len(chosen) == 0:
                    continue
                light = chosen["brightness"]
                rows.append(_recalled(kind, part, chosen, float(light.min()), float(light.max())))
    return Recall.build(pd.DataFrame(rows))


def _recalled(kind: str, part: str, events: pd.DataFrame, low: float, high: float) -> dict[str, Any]:
    is_fusion = events["kind"].isin(FUSION_KINDS)
    hit = events["called"].isin(FUSION_KINDS) & is_fusion | (events["called"] == events["kind"])
    n, found, right = len(events), int(hit.sum()), int((events["called"] == events["kind"]).sum())
    row: dict[str, Any] = {"kind": kind, "part": part, "brightness_low": low, "brightness_high": high}
    row |= {"snr": float(events["snr"].median()), "n_injected": n, "n_found": found, "n_right": right}
    return row | _share("recall", found, n) | _share("right", right, found)


def confusion(injections: pd.DataFrame) -> pd.DataFrame:
    """Table `Confusion`: every injected kind against every kind it may have been called."""
    rows = []
    for kind in INJECTED_KINDS:
        called = injections.loc[injections["kind"] == kind, "called"].replace("", "nothing")
        for word in (*EVENT_KINDS, "nothing"):
            n = int((called == word).sum())
            if len(called):
                rows.append({"kind": kind, "called": word, "n": n, "n_injected": len(called)} | _share("share", n, len(called)))
    return Confusion.build(pd.DataFrame(rows))


def _share(name: str, part: int, whole: int) -> dict[str, float]:
    low, high = wilson(part, whole)
    return {name: part / whole if whole else float("nan"), f"{name}_low": low, f"{name}_high": high}


def biases(injections: pd.DataFrame) -> pd.DataFrame:
    """Table `Biases`: instant and place of every kind, and the measures of fusions, where the kind is right."""
    rows = []
    for kind in GROUPS:
        if kind in EVENT_KINDS:
            rows += list(_biases_of(kind, injections[(injections["kind"] == kind) & (injections["called"] == kind)]))
    return Biases.build(pd.DataFrame(rows))


def _biases_of(kind: str, right: pd.DataFrame) -> Iterator[dict[str, Any]]:
    if len(right) == 0:
        return
    found = right[[key for key in right if key.startswith("found_")]].rename(columns=lambda key: key.removeprefix("found_"))
    lag = (found["t_s"] - right["t_s"]).to_numpy(float)
    away = np.hypot(found["y_um"] - right["y_um"], found["x_um"] - right["x_um"]).to_numpy(float)
    nan = float("nan")
    nothing = {"true": nan, "found": nan, "relative_bias": nan, "n_coverage": 0} | _share("coverage", 0, 0)
    yield {"measure": "t_s", "kind": kind, "unit": "s"} | _middle(lag) | nothing
    yield {"measure": "distance_um", "kind": kind, "unit": "um"} | _middle(away) | nothing
    for name in MEASURES if kind in FUSION_KINDS else ():
        said = measure(name, kind, right, found)
        if said.n:
            step = _steps(name, right, found)
            held = round(said.coverage * said.n_coverage) if said.n_coverage else 0
            known = {"true": said.true, "found": said.found, "relative_bias": said.relative_bias, "n_coverage": said.n_coverage}
            yield (
                {"measure": name, "kind": kind, "unit": UNITS[name]}
                | _middle(step)
                | known
                | _share("coverage", held, said.n_coverage)
            )


def _steps(name: str, true: pd.DataFrame, found: pd.DataFrame) -> Real:
    """Measured minus true where both are known; of docked times, those whose beginning was seen."""
    step = (found[name] - true[name]).to_numpy(float, na_value=np.nan)
    if name == "docked_s":
        seen = [np.asarray(t["docked_entry_observed"].astype("boolean").fillna(False), bool) for t in (true, found)]
        step = np.where(seen[0] & seen[1], step, np.nan)
    return np.asarray(step[np.isfinite(step)], float)


def _middle(values: Real) -> dict[str, Any]:
    """Median with its 95 % interval from order statistics, and 1.4826 times the median absolute deviation."""
    from scipy.stats import binom

    middle = float(np.median(values))
    low = high = float("nan")
    if len(values) >= FEWEST:
        rank = max(int(binom.ppf(0.025, len(values), 0.5)), 1)
        order = np.sort(values)
        low, high = float(order[rank - 1]), float(order[-rank])
    spread = 1.4826 * float(np.median(np.abs(values - middle)))
    return {"n": len(values), "bias": middle, "bias_low": low, "bias_high": high, "spread": spread}


def false_calls(
    untouched: Result, caused: list[Mapping[str, int]], lost: list[Mapping[str, int]], confident: float
) -> pd.DataFrame:
    """Table `FalseCalls`: from the untouched movie, and from the calls that rounds brought about or lost.

    confident : probability from which a fusion is confident; other kinds have none.
    """
    events, cells = untouched.events, untouched.cells
    inside = events[events["cell_id"].notna()]
    exposure = exposure_um2_s(cells)
    observed_s = float(cells["observed_s"].max()) if len(cells) else float("nan")
    rows = []
    for kind, kinds in {"fusion_any": FUSION_KINDS, **{kind: (kind,) for kind in EVENT_KINDS}}.items():
        mine = inside[inside["kind"].isin(kinds)]
        low, high = poisson_interval(len(mine))
        sure = 1.0 - mine["p_other"] >= confident if kind == "fusion_any" else mine["confident"]
        rows.append({
            "kind": kind, "n_calls": len(mine), "n_confident": int(sure.sum()),
            "area_um2": float(cells["area_um2"].sum()), "observed_s": observed_s,
            "rate": len(mine) * UM2_MIN / exposure, "rate_low": low * UM2_MIN / exposure, "rate_high": high * UM2_MIN / exposure,
            "n_caused": sum(one[k] for one in caused for k in kinds), "n_lost": sum(one[k] for one in lost for k in kinds),
            "n_own": int(events["kind"].isin(kinds).sum()) * len(caused),
        })  # fmt: skip
    return FalseCalls.build(pd.DataFrame(rows))
