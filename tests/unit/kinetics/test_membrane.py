"""Membrane and content: the figures that papers give, and a simulation of kisses."""

from __future__ import annotations

import numpy as np
import pytest

from exotrack.errors import InputError
from exotrack.kinetics import membrane


@pytest.mark.parametrize(("diameter", "capacitance"), [(356.0, 3.98), (334.0, 3.5), (52.0, 0.084), (282.0, 2.5)])
def test_diameter_and_capacitance_are_those_of_the_papers(diameter: float, capacitance: float) -> None:
    assert membrane.capacitance_ff(membrane.area_um2(diameter)) == pytest.approx(capacitance, rel=0.012)
    assert membrane.diameter_nm(capacitance) == pytest.approx(diameter, rel=0.006)


def test_kisses_count_while_open_and_collapses_for_good() -> None:
    gain = membrane.area_gain_um2([0.0, 1.0, 2.5, 4.0], [1.0, 3.0], [(2.0, 3.5)], 0.4, whole_cell=2.0)
    np.testing.assert_allclose(gain, [0.0, 0.8, 1.6, 1.6])
    assert membrane.area_gain_um2([5.0], [], [], 0.4) == pytest.approx(0.0)


def test_repeated_kisses_release_what_the_formulas_say() -> None:
    rng = np.random.default_rng(5)
    opened = rng.exponential(0.5, (20_000, 60))
    left = membrane.content_left(1.0, np.cumsum(opened, axis=1), 0.5)
    assert 1 - left[:, 0].mean() == pytest.approx(membrane.released_by_first_kiss(0.5, 0.5), abs=0.01)
    assert membrane.released_by_first_kiss(0.5, 0.5) == 0.5
    assert membrane.kisses_until_empty(0.5, 0.5, 0.05) == pytest.approx(4.0, abs=0.01)
    assert ((left >= 0.05).sum(axis=1) + 1).mean() == pytest.approx(4.0, abs=0.05)


def test_what_no_vesicle_is_is_refused() -> None:
    for call in (
        lambda: membrane.area_um2(0.0),
        lambda: membrane.diameter_nm(-1.0),
        lambda: membrane.kisses_until_empty(1, 1, 1.5),
    ):
        with pytest.raises(InputError):
            call()
