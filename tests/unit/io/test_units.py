"""Units as files write them."""

from __future__ import annotations

import math

import pytest

from exotrack.io.units import length_um, time_s


@pytest.mark.parametrize(
    ("unit", "um"),
    [
        ("um", 1),
        ("µm", 1),
        ("μm", 1),
        ("\\u00B5m", 1),
        ("Âµm", 1),
        ("micron", 1),
        ("Microns", 1),
        ("micrometer", 1),
        ("nm", 1e-3),
        ("nanometers", 1e-3),
        ("Å", 1e-4),
        ("angstrom", 1e-4),
        ("mm", 1e3),
        ("cm", 1e4),
        ("m", 1e6),
        ("metres", 1e6),
        ("inch", 25400),
        ("inches", 25400),
        ("in", 25400),
    ],
)
def test_lengths(unit: str, um: float) -> None:
    assert length_um(2.0, unit) == pytest.approx(2.0 * um)


@pytest.mark.parametrize(
    ("unit", "s"),
    [("s", 1), ("sec", 1), ("seconds", 1), ("ms", 1e-3), ("msec", 1e-3), ("µs", 1e-6), ("min", 60), ("hours", 3600), ("h", 3600)],
)
def test_times(unit: str, s: float) -> None:
    assert time_s(0.5, unit) == pytest.approx(0.5 * s)


@pytest.mark.parametrize("unit", ["", "pixel", "pixels", "px", "reference frame"])
def test_no_unit_is_no_calibration(unit: str) -> None:
    assert length_um(1.0, unit) is None


@pytest.mark.parametrize("value", [0.0, -1.0, math.nan, math.inf])
def test_values_that_are_no_sizes(value: float) -> None:
    assert length_um(value, "um") is None


def test_an_unknown_unit_is_named() -> None:
    with pytest.raises(ValueError, match="length unit 'furlong' is not understood"):
        length_um(1.0, "furlong")
