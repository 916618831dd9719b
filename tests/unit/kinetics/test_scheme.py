"""The visible states of a docked vesicle: laws that are known in closed form, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from docked import TRUE, lives, two_states

from exotrack.errors import InputError
from exotrack.kinetics import Scheme
from exotrack.kinetics.course import Course, with_dead_ends


def test_one_state_decays_exponentially_and_shares_its_exits_by_their_rates() -> None:
    scheme, t = Scheme.one_state(undocking=0.1, full_fusion=0.3), np.array([[0.0, 1.0], [2.0, 10.0]])
    assert scheme.survival(t) == pytest.approx(np.exp(-0.4 * t), rel=1e-12)
    assert scheme.incidence(t) == pytest.approx(np.array([0.25, 0.75]) * (1 - np.exp(-0.4 * t))[..., None], rel=1e-10)
    assert scheme.mean() == pytest.approx(2.5) and scheme.fractions() == pytest.approx([0.25, 0.75])


def test_two_states_have_the_fates_and_the_mean_of_the_reference() -> None:
    scheme = two_states(**TRUE)
    assert scheme.mean() == pytest.approx(7.317, abs=1e-3)
    assert scheme.fractions() == pytest.approx([0.390, 0.427, 0.183], abs=5e-4)
    assert scheme.survival(5.0) + scheme.incidence(5.0).sum() == pytest.approx(1.0, abs=1e-12)


def test_the_density_is_the_slope_of_the_incidence() -> None:
    scheme, h = two_states(**TRUE), 1e-4
    slope = (scheme.incidence(3 + h) - scheme.incidence(3 - h)) / (2 * h)
    assert scheme.density(3.0) == pytest.approx(slope, rel=1e-6)


def test_residents_are_in_the_states_that_a_snapshot_finds() -> None:
    scheme, rng = two_states(**TRUE), np.random.default_rng(5)
    # Of stays that began evenly over the past, those still going: their mean residual time is E[T^2] / 2 E[T].
    stay, _ = lives(scheme, 200_000, rng)
    residual = np.mean(stay**2) / (2 * np.mean(stay))
    assert scheme.entering(scheme.rested()).mean() == pytest.approx(residual, rel=0.02)


def test_losing_adds_an_exit_of_the_same_rate_from_every_state() -> None:
    scheme = two_states(**TRUE)
    losing = scheme.losing("bleaching", 0.1).losing("bleaching", 0.1)
    t = np.linspace(0, 20, 5)
    assert losing.fates == (*scheme.fates, "bleaching")
    assert losing.survival(t) == pytest.approx(scheme.survival(t) * np.exp(-0.2 * t), rel=1e-10)


def test_residents_hold_those_that_have_kissed_and_stayed() -> None:
    scheme, again = two_states(**TRUE), np.array([0.1, 0.9])
    # The chain in which a kiss-and-run leads back: what arrives and stays away from every other exit balances.
    closed = scheme.stay + np.outer(scheme.exits[:, 2], again)
    dwell = np.linalg.solve(-closed.T, scheme.entry)
    found = Course((scheme,), resealed=again).residing()
    assert found == pytest.approx(dwell / dwell.sum(), rel=1e-9)
    assert abs(found[0] - Course((scheme,)).residing()[0]) > 0.01


def test_dead_ends_stay_for_ever() -> None:
    course = with_dead_ends(two_states(**TRUE), 0.2, 0.5)
    assert course.schemes[0].survival(1e4) == pytest.approx(0.2, abs=1e-9)
    assert course.residing()[2] == 0.5
    with pytest.raises(InputError, match="never left"):
        course.schemes[0].mean()


@pytest.mark.parametrize(
    ("stay", "exits", "fates", "entry", "words"),
    [
        ([[-1.0]], [[0.5]], ("undocking",), [1], "does not sum to 0"),
        ([[-1.0]], [[1.0]], ("undocking",), [0.5], "sums to 0.5"),
        ([[1.0]], [[-1.0]], ("undocking",), [1], "negative"),
        ([[-1.0]], [[1.0]], ("flying",), [1], "must be one of"),
        ([[-1.0]], [[1.0]], ("undocking", "lost"), [1], "do not fit"),
        ([[-np.nan]], [[1.0]], ("undocking",), [1], "finite"),
    ],
)
def test_a_scheme_that_cannot_be_is_refused(stay: list, exits: list, fates: tuple, entry: list, words: str) -> None:
    with pytest.raises(InputError, match=words):
        Scheme(stay, exits, fates, entry)


def test_a_course_needs_a_time_for_each_change_in_order() -> None:
    one = Scheme.one_state(undocking=1.0)
    with pytest.raises(InputError, match="times of change"):
        Course((one, one))
    with pytest.raises(InputError, match="ascend"):
        Course((one, one, one), (2.0, 1.0))
    with pytest.raises(InputError, match="same states and fates"):
        Course((one, Scheme.one_state(full_fusion=1.0)), (1.0,))
