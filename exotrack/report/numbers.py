"""Numbers as a reader wants them: as many digits as the error bears, and a dash where nothing was measured."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

MISSING = "–"


def missing(value: Any) -> bool:
    """Whether `value` is None, NaN, NA or infinite."""
    try:
        return not math.isfinite(float(value))
    except (TypeError, ValueError):
        return True


def number(value: Any, digits: int = 3) -> str:
    """`value` with `digits` significant digits and no exponent between 1e-4 and 1e6; a dash if it is missing."""
    if missing(value):
        return MISSING
    value = float(value)
    if value == 0:
        return "0"
    size = math.floor(math.log10(abs(value)))
    if not -5 < size < 6:
        return f"{value:.{digits - 1}e}"
    return f"{value:.{max(digits - 1 - size, 0)}f}"


def plain(value: Any, digits: int = 6) -> str:
    """As `number`, without zeros that say nothing: for times, places and ticks, whose error is not in question."""
    text = number(value, digits)
    return text.rstrip("0").rstrip(".") if "." in text and "e" not in text else text


def probability(value: Any) -> str:
    """Two decimals, never a 0 or 1 that is not one."""
    if missing(value):
        return MISSING
    value = float(value)
    return "<0.01" if 0 < value < 0.01 else ">0.99" if 0.99 < value < 1 else f"{value:.2f}"


def with_error(value: Any, sd: Any, unit: str = "") -> str:
    """``value ± sd unit``, both cut after the second digit of `sd`; without the error if that is missing."""
    if missing(value):
        return MISSING
    tail = f" {unit}" if unit else ""
    if missing(sd) or float(sd) <= 0:
        return number(value) + tail
    decimals = 1 - math.floor(math.log10(float(sd)))
    if not -5 <= decimals <= 7:
        return f"{number(value)} ± {number(sd, 2)}{tail}"
    return f"{float(value):.{max(decimals, 0)}f} ± {float(sd):.{max(decimals, 0)}f}{tail}"


def quantity(value: Any, unit: str, digits: int = 3) -> str:
    """``value unit``, or a dash alone."""
    return MISSING if missing(value) else f"{number(value, digits)} {unit}"


def nice_ticks(low: float, high: float, about: int = 6) -> list[float]:
    """Round numbers (1, 2 or 5 times a power of ten apart) from `low` to `high`, roughly `about` of them."""
    if not high > low:
        return [low]
    rough = (high - low) / max(about, 1)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * 0.999)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [float(np.round(k * step, 12)) for k in range(first, last + 1)]


def bar_um(width_um: float) -> float:
    """Length (um) of a scale bar for a picture `width_um` wide: the largest of 1, 2, 5 x 10^n under a quarter of it."""
    power = 10.0 ** math.floor(math.log10(width_um / 4))
    return float(max(factor * power for factor in (1, 2, 5) if factor * power <= width_um / 4 * 1.001))
