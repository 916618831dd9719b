"""Filling of granules by how full they truly are. Used by `em.py`."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from exotrack.em import Stack, detect, fill
from exotrack.params import em_preset
from exotrack.simulate import em_simulation, simulate_em

FILLED = (0.0, 1e-6, 0.15, 0.25, 0.5, 0.6, 0.75, 1.0)
"""Occupancies between which granules are counted: none at all, to the limits of the classes, and between."""


def filling(seeds: range) -> list[str]:
    """Granules by how full they are: how many are found, in which class, and how far off their occupancy is."""
    from em import matched
    from em_training import visible

    params, parts, number = em_preset("granule"), [], np.zeros(len(FILLED) - 1, int)
    fresh = {"per_um3": 14.0, "full": 0.25, "partial": 0.5, "partial_from": 0.02, "partial_to": 0.75}
    for seed in seeds:
        truth = simulate_em(em_simulation("em_granules").updated({"vesicles": fresh}), np.random.default_rng(seed))
        stack = Stack.from_array(truth.pixels, truth.spacing_nm, contrast="dark")
        true = visible(truth)
        number += np.histogram(true.loc[true["clear"], "occupancy"], FILLED)[0]
        for how, vesicles in (("found", detect(stack, params.vesicles)), ("outlined by the truth", given(truth))):
            found = fill(vesicles, stack, params.filling)
            rows, columns, _ = matched(true, found, ["y_nm", "x_nm"])
            one = found.iloc[columns][["filling", "occupancy", "occupancy_sd"]].reset_index(drop=True)
            same = true.iloc[rows].reset_index(drop=True)
            parts.append(one.assign(how=how, p=same["occupancy"])[same["clear"]])
    every = pd.concat(parts)
    lines = [
        "| occupancy | granules | found | full | partial | empty | unresolved | off by (mean) |",
        "|---|---|---|---|---|---|---|---|",
    ]
    mine = every[every["how"] == "found"]
    for low, high, n in zip(FILLED[:-1], FILLED[1:], number, strict=True):
        part = mine[(mine["p"] >= low) & (mine["p"] < high)]
        share = [int((part["filling"] == name).sum()) for name in ("full", "partial", "empty", "unresolved")]
        name = "none" if high < 1e-3 else f"{max(low, 0.02):g} to {min(high, 0.95):g}"
        off = (part["occupancy"] - part["p"]).mean()
        lines.append(f"| {name} | {n} | {len(part)} | " + " | ".join(map(str, share)) + f" | {off:+.3f} |")
    return [*lines, "", *(_judged(how, part, params.filling) for how, part in every.groupby("how"))]


def _judged(how: str, part: pd.DataFrame, limits: Any) -> str:
    """Classes and errors of granules in a line."""
    off, sd = (part["occupancy"] - part["p"]).to_numpy(float), part["occupancy_sd"].to_numpy(float)
    true = np.where(part["p"] >= limits.full_from, "full", np.where(part["p"] < limits.empty_below, "empty", "partial"))
    sure = (part["filling"] != "unresolved").to_numpy()
    right = (part["filling"] == true).to_numpy()[sure]
    return (
        f"Granules {how}: {len(part)}, {int((~sure).sum())} of them unresolved; {100 * right.mean():.0f} % of the classes are "
        f"right; the occupancy is off by {np.nanmean(off):+.3f} on average, {np.nanstd(off):.3f} from granule to granule; the "
        f"truth lies within one standard error in {100 * np.mean(np.abs(off) <= sd):.0f} %, within two in "
        f"{100 * np.mean(np.abs(off) <= 2 * sd):.0f} %."
    )


def given(truth: Any) -> pd.DataFrame:
    """The true vesicles whose centre is in the section, as a table that somebody outlined by their membrane."""
    true = truth.vesicles
    kept = true[(true["z_nm"].abs() <= truth.params.field.section_nm / 2) & ~true["touches_border"].astype(bool)]
    blank = dict.fromkeys(("occupancy", "membrane_intensity", "lumen_intensity"), np.nan)
    return kept.assign(diameter_nm=kept["profile_nm"], diameter_kind="area_eq", volume_nm3=np.nan, **blank)
