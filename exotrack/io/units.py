"""Units as microscope files write them, turned into um and s."""

from __future__ import annotations

import math
import re
import unicodedata

_UM = {
    "um": 1.0,
    "micron": 1.0,
    "micrometer": 1.0,
    "micrometre": 1.0,
    "pm": 1e-6,
    "picometer": 1e-6,
    "angstrom": 1e-4,
    "å": 1e-4,
    "nm": 1e-3,
    "nanometer": 1e-3,
    "nanometre": 1e-3,
    "mm": 1e3,
    "millimeter": 1e3,
    "millimetre": 1e3,
    "cm": 1e4,
    "centimeter": 1e4,
    "centimetre": 1e4,
    "m": 1e6,
    "meter": 1e6,
    "metre": 1e6,
    "in": 25_400.0,
    "inch": 25_400.0,
    "inche": 25_400.0,  # inches
}
_S = {
    "s": 1.0,
    "sec": 1.0,
    "second": 1.0,
    "ns": 1e-9,
    "nanosecond": 1e-9,
    "us": 1e-6,
    "microsecond": 1e-6,
    "ms": 1e-3,
    "msec": 1e-3,
    "millisecond": 1e-3,
    "min": 60.0,
    "minute": 60.0,
    "h": 3600.0,
    "hr": 3600.0,
    "hour": 3600.0,
    "d": 86_400.0,
    "day": 86_400.0,
}
_NO_UNIT = {"", "pixel", "px", "reference frame", "none", "null", "frame", "unit"}
"""What programs write where they know no unit; also as plurals."""


def length_um(value: float, unit: str) -> float | None:
    """Length in um; None for no unit at all (``pixel``, empty), a number that is not positive and finite.

    Raises `ValueError` for a unit that is not a length.
    """
    return _scaled(value, unit, _UM, "length")


def time_s(value: float, unit: str) -> float | None:
    """Time in s; None for no unit at all, or a number that is not positive and finite.

    Raises `ValueError` for a unit that is not a time.
    """
    return _scaled(value, unit, _S, "time")


def _scaled(value: float, unit: str, table: dict[str, float], what: str) -> float | None:
    word = _plain(unit)
    singular = word[:-1] if len(word) > 1 and word.endswith("s") else word
    if word in _NO_UNIT or singular in _NO_UNIT:
        return None
    factor = table.get(word, table.get(singular))
    if factor is None:
        raise ValueError(f"the {what} unit {unit.strip()[:40]!r} is not understood")
    return value * factor if math.isfinite(value) and value > 0 else None


def _plain(unit: str) -> str:
    """Lower case, one spelling of the micro sign, escapes such as ``\\u00B5`` undone, stray encoding marks removed."""
    text = re.sub(r"\\u([0-9a-fA-F]{4})", lambda found: chr(int(found[1], 16)), unit)
    text = unicodedata.normalize("NFKC", text.strip().strip("\0")).lower()
    # "Âµm" is UTF-8 read as Latin-1: the usual damage to a micro sign on its way through old programs
    return re.sub(r"^â?μ", "u", text).strip().removesuffix(".")
