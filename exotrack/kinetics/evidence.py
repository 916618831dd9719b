"""The stays as every model that is compared meets them, and why some are not used."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from exotrack.errors import InputError
from exotrack.kinetics.calls import Calls
from exotrack.kinetics.sightings import STARTS, Sightings, sightings
from exotrack.kinetics.study import Study


@dataclass(frozen=True, eq=False)
class Evidence:
    """The stays as every model meets them.

    stays : those that are used, a `Stays` table. data : the same for the likelihood. cell : (n,) number of the cell of each.
    calls : how exits are called, from calibrations; None: as they are.
    """

    stays: pd.DataFrame
    data: Sightings
    cell: np.ndarray[tuple[int], np.dtype[np.int64]]
    calls: Calls | None = None


def evidence(study: Study, residents: bool, calls: Calls | None, merged: bool) -> tuple[Evidence, list[str]]:
    """The stays that are used, and plain sentences on what that means.

    residents : use the vesicles docked in the first frame. merged : kiss-and-run counts as fusion, for all models.

    Raises
    ------
    InputError : no stay ends in sight, fewer than two can be used, or calls are calibrated but kinds of fusion are merged.
    """
    stays, notes = study.stays, []
    if merged:
        notes.append("a model that is compared has no kiss-and-run: both kinds of fusion count as one, for all models")
        if calls is not None:
            raise InputError("calibrated calls tell kiss-and-run from full fusion, but a model has none; compare it without them")
        stays = _as_one(stays)
    used = stays["entry_kind"].isin([s for s in STARTS if residents or s != "resident"])
    stays = stays[used].reset_index(drop=True)
    data = sightings(stays, "calls" if calls is not None else "auto")
    if calls is None:
        notes.append("no calibration was given: calls are taken as their probabilities say, or as right where there are none")
    else:
        notes.append(calls.words())
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
