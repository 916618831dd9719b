"""Numbers as a reader wants them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from exotrack.report.numbers import bar_um, nice_ticks, number, plain, probability, with_error


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (0.04561, "0.0456"), (123.4, "123"), (1234.5, "1234"), (-2.0, "-2.00"), (3e-9, "3.00e-09"), (np.nan, "–"),
     (pd.NA, "–"), (None, "–"), (np.inf, "–")],
)  # fmt: skip
def test_three_significant_digits(value, text):
    assert number(value) == text


@pytest.mark.parametrize(
    ("value", "sd", "text"),
    [(0.31234, 0.0421, "0.312 ± 0.042 s"), (1234.0, 120.0, "1234 ± 120 s"), (2.0, np.nan, "2.00 s"), (np.nan, 1.0, "–")],
)
def test_the_error_bears_two_digits(value, sd, text):
    assert with_error(value, sd, "s") == text


@pytest.mark.parametrize(("p", "text"), [(0.0, "0.00"), (0.004, "<0.01"), (0.5, "0.50"), (0.999, ">0.99"), (1.0, "1.00")])
def test_a_probability_is_never_rounded_to_certainty(p, text):
    assert probability(p) == text


def test_times_bear_no_empty_zeros():
    assert [plain(v) for v in (7.0, 1.5, 120, 0.033)] == ["7", "1.5", "120", "0.033"]


@pytest.mark.parametrize(("low", "high"), [(0, 12), (0, 0.37), (-3, 1000), (0, 3600)])
def test_ticks_are_round_and_inside(low, high):
    ticks = nice_ticks(low, high)
    assert 3 <= len(ticks) <= 12
    assert min(ticks) >= low and max(ticks) <= high
    assert np.allclose(np.diff(ticks), ticks[1] - ticks[0])


def test_scale_bar_fits():
    assert [bar_um(width) for width in (2.3, 16, 80)] == [0.5, 2.0, 20.0]
