"""What a vesicle is by when it came: resident, newcomer or visitor; and how much is left in one that fuses again.

A *resident* was docked when the stimulus came, a *newcomer* docked after it and stayed or fused, a *visitor* docked after it and
left again within `settled_s`. Without a stimulus the movie's first frame stands for it, and of those that came and fused only
vesicles first seen at most `newcomer_s` before are newcomers (Allersma et al. 2004).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from exotrack.params import ClassifyParams
from exotrack.tables import FUSION_KINDS


def roles(table: pd.DataFrame, params: ClassifyParams) -> list[str]:
    """Role of each row of an Episodes table; empty for those that are not docked, or where the movie does not tell.

    A pH-sensitive vesicle is dark until it fuses: when it came is not seen, so it has no role.
    """
    if params.cargo == "ph_sensitive":
        return [""] * len(table)
    found = []
    first_s = table.groupby("track_id")["t_first_s"].transform("min")
    for row, seen_s in zip(table.to_dict("records"), first_s, strict=True):
        found.append(_role(row, float(seen_s), params) if row["state"] == "docked" else "")
    return found


def _role(row: dict[str, Any], seen_s: float, params: ClassifyParams) -> str:
    start, stop = row["t_first_s"], row["t_first_s"] + row["duration_s"]
    if row["exit_kind"] == "undocking" and row["entry_observed"] and row["duration_s"] < params.settled_s:
        return "visitor"
    if params.stimulus_s:
        # That of the stimulus which it may have answered: the last before its end.
        stimulus = max((s for s in params.stimulus_s if s <= stop), default=min(params.stimulus_s))
        if start <= stimulus:
            return "resident"
        return "newcomer" if row["entry_observed"] else ""
    if row["exit_kind"] in FUSION_KINDS and row["entry_observed"] and stop - seen_s <= params.newcomer_s:
        return "newcomer"
    return "resident" if not row["entry_observed"] and row["first_frame"] == 0 else ""


def repeats(track_id: Sequence[int], fraction_released: Sequence[float]) -> tuple[list[int], list[float]]:
    """Number of each fusion within its vesicle, from 1, and the cargo left before it relative to before the first.

    Both arguments have one entry per fusion, in time order. Each fraction is of what was left, so what remains is their product;
    missing once one of them is unknown.
    """
    count: dict[int, int] = {}
    left: dict[int, float] = {}
    number, before = [], []
    for track, fraction in zip(track_id, fraction_released, strict=True):
        count[track] = count.get(track, 0) + 1
        number.append(count[track])
        before.append(left.get(track, 1.0))
        left[track] = before[-1] * (1.0 - float(np.clip(fraction, 0.0, 1.0)))
    return number, before
