"""The language of rates: what it means, and that nothing else gets through it."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exotrack.errors import InputError
from exotrack.kinetics._grammar import evaluate, parse, written

SPACE = {"k1": 20.0, "Ca": 0.5, "K": 2.0, "n": 3.0}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3 * k1 * Ca", 30.0),
        ("k1 * Ca / (Ca + K)", 4.0),
        ("2 - 1 - 1", 0.0),
        ("8 / 4 / 2", 1.0),
        ("2 ^ 3 ^ 2", 512.0),
        ("-2 ^ 2", -4.0),
        ("2 ** -1", 0.5),
        ("(-2) ^ 2", 4.0),
        ("1e-3 + .5 + 2.", 2.501),
        ("hill(Ca, K, n)", 0.125 / 8.125),
        ("hill(0, K, n)", 0.0),
        ("exp(log(K)) + sqrt(4) + abs(-1)", 5.0),
        ("min(k1, K) + max(Ca, n)", 5.0),
        ("--2 + +3", 5.0),
    ],
)
def test_an_expression_means_what_algebra_says(text: str, value: float) -> None:
    assert evaluate(parse(text), SPACE) == pytest.approx(value, rel=1e-14)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("__import__('os')", "'__import__'"),
        ("k1.real", "'.'"),
        ("eval(k1)", "no function 'eval'"),
        ("open(K)", "no function 'open'"),
        ("k1[0]", r"'\['"),
        ("lambda: 1", "':' is not allowed"),
        ("k1 K", "expected an operator, found 'K'"),
        ("k1 *", "found 'the end'"),
        ("(k1", r"expected '\)'"),
        ("", "found 'the end'"),
        ("hill(Ca, K)", "hill takes 3 arguments, found 2"),
        ("k1 = 2", "'=' is not allowed"),
        ("sqr(K)", "did you mean 'sqrt'"),
    ],
)
def test_what_is_no_rate_is_refused_with_its_place(text: str, said: str) -> None:
    with pytest.raises(InputError, match=said) as refused:
        parse(text, "model mine: transition A -> B")
    assert str(refused.value).startswith("model mine: transition A -> B: ")


def test_a_deep_nest_is_refused_rather_than_crashing() -> None:
    with pytest.raises(InputError, match="nested too deeply"):
        parse("(" * 5000 + "1" + ")" * 5000)
    with pytest.raises(InputError, match="nested too deeply"):
        parse("-" * 5000 + "1")


def test_an_unknown_name_suggests_the_nearest() -> None:
    with pytest.raises(InputError, match="the name 'Caa' is not known here; did you mean 'Ca'"):
        evaluate(parse("k1 * Caa"), SPACE)


@pytest.mark.parametrize("text", ["1 / (K - 2)", "log(K - 2)", "(0 - K) ^ 0.5", "exp(1e6)", "hill(0, 0, 1)"])
def test_arithmetic_without_an_answer_names_the_values(text: str) -> None:
    with pytest.raises(InputError, match="has no value"):
        evaluate(parse(text), SPACE)


trees = st.recursive(
    st.sampled_from(["k1", "Ca", "K", "2", "0.5"]),
    lambda part: st.one_of(
        st.tuples(part, st.sampled_from(" + | - | * | / ".split("|")), part).map(lambda p: f"({p[0]}{p[1]}{p[2]})"),
        part.map(lambda p: f"(-{p})"),
        part.map(lambda p: f"({p})^2"),
        part.map(lambda p: f"2^({p}/1000)"),
    ),
    max_leaves=8,
)


@given(trees)
def test_what_is_written_means_the_same_here_and_in_python(text: str) -> None:
    tree = parse(text)
    try:
        value = eval(text.replace("^", "**"), {}, dict(SPACE))  # an independent reading of the same algebra
    except (ZeroDivisionError, OverflowError):
        return
    assert evaluate(tree, SPACE) == pytest.approx(value, rel=1e-12, abs=1e-300)
    assert evaluate(parse(written(tree)), SPACE) == pytest.approx(value, rel=1e-12, abs=1e-300)


def test_names_are_found_and_nothing_else() -> None:
    assert set(parse("k1 * hill(Ca, K, 4) + exp(-V / 2)").names()) == {"k1", "Ca", "K", "V"}
    assert math.isnan(parse("K").number)
