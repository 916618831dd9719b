"""Matrices of the models, what of them is seen, and exact expectations: against algebra, an ODE solver and each other."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.linalg import expm

from exotrack.errors import InputError
from exotrack.kinetics import exact
from exotrack.kinetics.catalogue import Model, load, models
from exotrack.kinetics.drive import Course, driven, rested
from exotrack.kinetics.exact import expected
from exotrack.kinetics.generator import generator, resting, scheme

SCHEMED = [name for name in models() if name != "omv_release"]


@pytest.mark.parametrize("name", models())
def test_rows_hold_all_that_leaves_and_nothing_negative(name: str) -> None:
    model = load(name)
    g = generator(model)
    off = g.q - np.diag(np.diag(g.q))
    assert off.min() >= 0
    out = [sum(r for w, r in zip(model.transitions, g.rates, strict=True) if w.source == state) for state in model.names]
    np.testing.assert_allclose(-np.diag(g.q), out, rtol=1e-14)
    assert (g.q.sum(axis=1) <= 1e-12 * np.abs(g.q).max()).all()


@pytest.mark.parametrize("name", SCHEMED)
def test_the_scheme_is_the_visible_block(name: str) -> None:
    model = load(name)
    seen = scheme(model)
    block = [k for k, state in enumerate(model.states) if state.seen == "docked"]
    assert seen.n_states == len(block)
    g = generator(model)
    np.testing.assert_allclose(np.diag(seen.stay), np.diag(g.q)[block], rtol=1e-14)
    assert seen.entry.sum() == pytest.approx(1)
    assert "full_fusion" in seen.fates


def test_a_kiss_ends_the_stay_and_the_next_begins_with_the_open_pore() -> None:
    model = load("neuroendocrine_core")
    seen = scheme(model, {"fuse_max": 0.25, "K_Ca": 1e-3})
    assert seen.fates == ("undocking", "full_fusion", "kiss_and_run")
    np.testing.assert_allclose(seen.stay, [[-0.23, 0.15, 0], [0.05, -0.3, 0], [2, 0, -2]], rtol=1e-6)
    np.testing.assert_allclose(seen.exits, [[0.08, 0, 0], [0, 0.175, 0.075], [0, 0, 0]], rtol=1e-6)
    again = scheme(model, {"fuse_max": 0.25, "K_Ca": 1e-3}, entry="K")
    assert again.mean() == pytest.approx(seen.mean() + 0.5, rel=1e-9)
    np.testing.assert_allclose(again.fractions(), seen.fractions(), rtol=1e-9)


def test_outer_membrane_vesicles_have_no_stay_to_compare() -> None:
    with pytest.raises(InputError, match="no state in it is seen as docked"):
        scheme(load("omv_release"))


def test_no_priming_and_no_calcium_in_constitutive_secretion() -> None:
    model = load("constitutive")
    assert set(model.inputs) == {"ATP"}
    assert not {w.event for w in model.transitions} & {"priming", "unpriming"}
    fast, slow = scheme(model), scheme(model, None, {"ATP": 55.0})
    assert slow.exits[0, 1] == pytest.approx(0.5 * fast.exits[0, 1], rel=1e-4)


def test_atp_gates_priming_and_calcium_gates_fusion() -> None:
    model = load("neuroendocrine_core")
    half = scheme(model, None, {"ATP": 55.0}).stay[0, 1]
    assert half == pytest.approx(0.075, rel=1e-9)
    assert scheme(model, None, {"Ca": 0.0}).fractions()[1] == 0.0
    assert scheme(model, None, {"Ca": 1.0}).exits[1, 1:].sum() == pytest.approx(1.0, rel=1e-9)


def test_a_negative_rate_and_an_entry_that_is_not_seen_are_errors() -> None:
    model = load("neuroendocrine_core")
    with pytest.raises(InputError, match=r"transition P -> F: the rate is -"):
        generator(model, {"phi_kiss": 2.0}, {"Ca": 1.0})
    with pytest.raises(InputError, match="state R is not seen as docked"):
        scheme(model, entry="R")


@pytest.mark.parametrize("name", ["neuroendocrine_core", "insulin_chen2008", "insulin_hcsp2009", "constitutive", "omv_release"])
def test_rest_does_not_change(name: str) -> None:
    model = load(name)
    rest = resting(model)
    later = expected(model, [0.0, 1e4], start=rest).numbers[-1]
    np.testing.assert_allclose(later, rest, rtol=1e-6, atol=1e-9)


def test_a_model_that_empties_has_no_rest() -> None:
    model = load("chromaffin_two_pool")
    with pytest.raises(InputError, match=r"never comes to rest \(nothing leaves F\)"):
        resting(model)


STEPPED = Course.steps([(0.0, {"Ca": 0.1, "ATP": 3000.0}), (3.0, {"Ca": 2.0}), (7.5, {"Ca": 0.3})])


def test_expectations_agree_with_an_ode_solver() -> None:
    model = load("neuroendocrine_core")
    times = np.array([0.0, 1.0, 2.9, 3.1, 6.0, 7.5, 20.0])
    found = expected(model, times, STEPPED, start="initial")

    def slope(t: float, x: np.ndarray) -> np.ndarray:
        return generator(model, None, STEPPED.at(t)).q.T @ x

    at, y = 0.0, np.array([s.initial for s in model.states])
    for stop in times[1:]:
        for a, b in (
            (at, min(max(3.0, at), stop)),
            (min(max(3.0, at), stop), min(max(7.5, at), stop)),
            (min(max(7.5, at), stop), stop),
        ):
            if b > a:
                middle = 0.5 * (a + b)
                y = solve_ivp(lambda t, x, m=middle: slope(m, x), (a, b), y, method="LSODA", rtol=1e-10, atol=1e-10).y[:, -1]
        at = stop
        np.testing.assert_allclose(found.numbers[list(times).index(stop)], y, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", ["neuroendocrine_core", "insulin_chen2008", "insulin_hcsp2009", "omv_release", "constitutive"])
def test_eigenvectors_and_the_exponential_agree(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model = load(name)
    times = [0.0, 0.01, 1.0, 40.0]
    one = expected(model, times, start="initial")
    monkeypatch.setattr(exact, "WORST_CONDITION", 0.0)
    two = expected(model, times, start="initial")
    np.testing.assert_allclose(one.numbers, two.numbers, rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(one.counts, two.counts, rtol=1e-7, atol=1e-9)


def test_what_arrives_less_what_leaves_is_there() -> None:
    model = load("insulin_chen2008")
    found = expected(model, [0.0, 500.0], Course.constant({"Cmd": 5.0, "Ci": 0.3, "G": 3.0}), start="initial")
    into = found.counts[-1] @ np.array([not w.source for w in model.transitions])
    out = found.counts[-1] @ np.array([not w.target for w in model.transitions])
    assert found.numbers[-1].sum() - found.numbers[0].sum() == pytest.approx(into - out, rel=1e-8)
    table = found.table()
    assert table["n_docking"].iloc[-1] == pytest.approx(into)
    assert found.seen("docked")[0] == pytest.approx(sum(s.initial for s in model.states if s.seen == "docked"))


def test_the_states_of_a_lone_vesicle_are_those_of_the_exponential() -> None:
    model = load("synaptic_fivesite")
    start = np.eye(7)[0]
    found = expected(model, [0.0, 1e-4, 1e-3], Course.constant({"Ca": 10.0}), start)
    np.testing.assert_allclose(found.numbers[1], start @ expm(generator(model, None, {"Ca": 10.0}).q * 1e-4), atol=1e-9)
    assert found.events("full_fusion")[-1] == pytest.approx(found.numbers[-1][6], rel=1e-9)


@pytest.fixture(scope="module")
def chen() -> Model:
    return load("insulin_chen2008")


def test_calcium_is_solved_first_and_fed_in(chen: Model) -> None:
    voltage = Course.steps([(0.0, {"V": -70.0}), (10.0, {"V": -20.0})])
    course = driven(chen, voltage, 60.0, 0.5)
    assert course.at(5.0)["Cmd"] == pytest.approx(rested(chen)["Cmd"], rel=1e-6)
    assert course.at(59.0)["Ci"] == pytest.approx(rested(chen, None, {"V": -20.0})["Ci"], rel=1e-3)
    coarse = expected(chen, [0.0, 60.0], course).events("full_fusion")[-1]
    fine = expected(chen, [0.0, 60.0], driven(chen, voltage, 60.0, 0.05)).events("full_fusion")[-1]
    assert coarse == pytest.approx(fine, rel=0.01)


def test_calcium_follows_its_equation(chen: Model) -> None:
    voltage = Course.steps([(0.0, {"V": -70.0}), (1.0, {"V": -20.0})])
    course = driven(chen, voltage, 6.0, 0.01)
    inside = course.t_s > 1.5
    c = {key: value[inside] for key, value in course.levels.items()}
    ci, dt = c["Ci"], 0.01
    slope = np.gradient(ci, dt)
    jl = 41 * ci**2 / (0.27**2 + ci**2) + 21 * ci / (0.5 + ci) + 18.67 * (ci - 0.25) - 0.94
    jr = 5.18e-15 * 0.25 * (250 * 0.5 * (-20.0 - 25)) / 1.15e-12
    told = -0.01 * jr + 0.00365 * 0.01 * 200 * (c["Cmd"] - ci) - 0.01 * jl
    np.testing.assert_allclose(slope[1:-1], told[1:-1], atol=2e-3 * np.abs(told).max())


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Course.steps([]), "no change is given"),
        (lambda: Course.steps([(0.0, {}), (1.0, {"Ca": 1.0})]), "Ca has no value at the start"),
        (lambda: Course(np.array([1.0, 0.0]), {"Ca": np.zeros(2)}), "must be numbers that increase"),
        (lambda: Course(np.array([0.0, 1.0]), {"Ca": np.array([1.0, np.nan])}), "Ca has 2 values for 2 times, or some"),
        (lambda: driven(load("omv_release"), Course.constant({"area": 1.0}), 1.0, 0.1), "nothing in it is driven"),
        (lambda: expected(load("constitutive"), [1.0, 0.0]), "times: expected numbers"),
        (lambda: expected(load("constitutive"), [0.0, 1.0], start="rest"), "start is 'rest'"),
        (lambda: expected(load("constitutive"), [0.0, 1.0], start=[1.0]), "expected 7 numbers"),
    ],
)
def test_bad_inputs_are_named(make: object, said: str) -> None:
    with pytest.raises(InputError, match=said):
        make()  # type: ignore[operator]
