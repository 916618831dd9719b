"""MetaMorph STK: one page, all planes behind it in one piece, and a table of times and distances."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exotrack.errors import InputError
from exotrack.io.stored import Found, Stored
from exotrack.io.tiff import Head, lay_out, stored


def read_stk(head: Head, table: dict[str, Any]) -> Stored:
    """What a MetaMorph file holds; `table` is tifffile's reading of its UIC tags."""
    count = int(table.get("NumberPlanes", 1))
    if not head.pages.plain or head.pages.data[0] < 0:
        raise InputError(f"{head.name}: a compressed MetaMorph file; save it uncompressed, or as TIFF")
    distance = np.asarray(table.get("ZDistance", np.zeros(count)), float)
    found = stored(head, lay_out(head, count), ("Z" if count > 1 and np.any(distance != 0) else "T") + "YX", (count,))
    found = replace(found, plane_s=_times(table, count))
    if table.get("XCalibration") and str(table.get("CalibrationUnits", "")).strip():
        unit = str(table["CalibrationUnits"])
        found = replace(
            found,
            pixel_x=Found.length(table["XCalibration"], unit, "MetaMorph XCalibration"),
            pixel_y=Found.length(table.get("YCalibration") or None, unit, "MetaMorph YCalibration"),
        )
    return found


def _times(table: dict[str, Any], count: int) -> NDArray[np.float64] | None:
    """Time of creation of each plane (s), across midnight where the day is given."""
    created = table.get("DatetimeCreated")
    if created is not None and len(created) == count and not np.any(np.isnat(created)):
        return np.asarray((created - created[0]) / np.timedelta64(1, "ns"), float) * 1e-9
    of_day = table.get("TimeCreated")
    if of_day is None or len(of_day) != count:
        return None
    return np.asarray(of_day, float) * 1e-3
