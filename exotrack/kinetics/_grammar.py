"""The small language of rates: numbers, names, ``+ - * / ^``, parentheses, a few functions. Nothing is executed as Python.

``k1 * Ca + k2 * hill(ATP, 55, 4)`` is read into a tree, which is evaluated, differentiated from species, or written out again.
``^`` (or ``**``) binds tighter than a sign before it and groups to the right, as in algebra: ``-2^2`` is -4.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from exotrack._settings import nearest
from exotrack.errors import InputError

_TOKEN = re.compile(r"\s*(?:(\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?)|([A-Za-z_]\w*)|(\*\*|[-+*/^(),]))")
_CALL = re.compile(r"([A-Za-z_]\w*)\s*\(")
_BINDS = {"+": 1, "-": 1, "*": 2, "/": 2, "^": 4}
_SIGN = 3
DEEPEST = 100
"""Parentheses and operators inside one another; more is no rate."""


def hill(x: float, half: float, n: float) -> float:
    """x^n / (half^n + x^n): 0 at x = 0, 1/2 at x = half."""
    raised = float(x**n)
    return raised / (float(half**n) + raised)


FUNCTIONS: dict[str, tuple[int, Callable[..., float]]] = {
    "hill": (3, hill),
    "exp": (1, math.exp),
    "log": (1, math.log),
    "sqrt": (1, math.sqrt),
    "abs": (1, abs),
    "min": (2, min),
    "max": (2, max),
}
"""Function to its number of arguments and what it does; ``log`` is the natural logarithm."""


@dataclass(frozen=True)
class Node:
    """A number, a name, or an operator or function (``head``) of ``parts``. A sign before something is the operator ``neg``."""

    head: str
    parts: tuple[Node, ...] = ()
    number: float = math.nan

    def names(self) -> Iterator[str]:
        """Every name in it, some more than once."""
        if self.head == "name":
            yield self.parts[0].head
        else:
            for part in self.parts:
                yield from part.names()


def number(value: float) -> Node:
    """A number as a node."""
    return Node("number", (), value)


def name(word: str) -> Node:
    """A name as a node."""
    return Node("name", (Node(word),))


def parse(text: str, where: str = "rate") -> Node:
    """Read an expression.

    Parameters
    ----------
    text : the expression, such as ``"r20 * Ca / (Ca + Kp)"``.
    where : what it belongs to, for the error.

    Raises
    ------
    InputError : it is not of this language; says what was found where.
    """
    return _Reader(text, where).whole()


class _Reader:
    """Precedence climbing over a list of tokens (kind, text, column)."""

    def __init__(self, text: str, where: str) -> None:
        self.text, self.where, self.at, self.depth = text, where, 0, 0
        self.tokens: list[tuple[str, str, int]] = []
        for call in _CALL.finditer(text):  # named first: whatever else is wrong with it, this must not be there
            if call.group(1) not in FUNCTIONS:
                raise self.problem(f"no function {call.group(1)!r}{nearest(call.group(1), FUNCTIONS)}", call.start())
        place, end = 0, len(text.rstrip())
        while place < end:
            found = _TOKEN.match(text, place)
            if found is None:
                raise self.problem(f"{text[place:].strip()[0]!r} is not allowed", place)
            kind = ("number", "name", "sign")[(found.lastindex or 1) - 1]
            word = found.group(found.lastindex or 1)
            self.tokens.append((kind, "^" if word == "**" else word, found.start(found.lastindex or 1)))
            place = found.end()

    def problem(self, what: str, place: int) -> InputError:
        return InputError(
            f"{self.where}: {what} (character {place + 1} of {self.text!r}); allowed are numbers, names, + - * / ^ ( ) "
            f"and {', '.join(FUNCTIONS)}"
        )

    def next(self) -> tuple[str, str, int]:
        return self.tokens[self.at] if self.at < len(self.tokens) else ("end", "", len(self.text))

    def take(self, word: str) -> None:
        _, found, place = self.next()
        if found != word:
            raise self.problem(f"expected {word!r}, found {found or 'the end'!r}", place)
        self.at += 1

    def whole(self) -> Node:
        tree = self.climb(1)
        _, word, place = self.next()
        if self.at < len(self.tokens):
            raise self.problem(f"expected an operator, found {word!r}", place)
        return tree

    def climb(self, least: int) -> Node:
        self.depth += 1
        if self.depth > DEEPEST:
            raise self.problem("nested too deeply", self.next()[2])
        left = self.single()
        while (word := self.next()[1]) in _BINDS and _BINDS[word] >= least:
            self.at += 1
            right = self.climb(_BINDS[word] + (word != "^"))
            left = Node(word, (left, right))
        self.depth -= 1
        return left

    def single(self) -> Node:
        kind, word, place = self.next()
        self.at += 1
        if kind == "number":
            return number(float(word))
        if kind == "name":
            return self.call(word, place) if self.next()[1] == "(" else name(word)
        if word in ("-", "+"):
            inner = self.climb(_SIGN)
            return Node("neg", (inner,)) if word == "-" else inner
        if word == "(":
            inner = self.climb(1)
            self.take(")")
            return inner
        raise self.problem(f"expected a number or a name, found {word or 'the end'!r}", place)

    def call(self, word: str, place: int) -> Node:
        self.take("(")
        parts = [self.climb(1)]
        while self.next()[1] == ",":
            self.at += 1
            parts.append(self.climb(1))
        self.take(")")
        if len(parts) != FUNCTIONS[word][0]:
            raise self.problem(f"{word} takes {FUNCTIONS[word][0]} arguments, found {len(parts)}", place)
        return Node(word, tuple(parts))


def evaluate(tree: Node, values: Mapping[str, float], where: str = "rate") -> float:
    """The value of `tree`; `InputError` if a name has none, or the arithmetic has no answer."""
    try:
        return _value(tree, values)
    except KeyError as missing:
        word = str(missing.args[0])
        raise InputError(f"{where}: the name {word!r} is not known here{nearest(word, values)}") from None
    except (ArithmeticError, ValueError) as problem:
        used = ", ".join(f"{word} = {values[word]:g}" for word in dict.fromkeys(tree.names()))
        raise InputError(f"{where}: {written(tree)} has no value ({problem}) with {used or 'no names'}") from None


def _value(tree: Node, values: Mapping[str, float]) -> float:
    head, parts = tree.head, tree.parts
    if head == "number":
        return tree.number
    if head == "name":
        return values[parts[0].head]
    first = _value(parts[0], values)
    if head == "neg":
        return -first
    if head in FUNCTIONS:
        return float(FUNCTIONS[head][1](first, *(_value(part, values) for part in parts[1:])))
    second = _value(parts[1], values)
    if head == "+":
        return first + second
    if head == "-":
        return first - second
    if head == "*":
        return first * second
    if head == "/":
        return first / second
    result = first**second
    if isinstance(result, complex):
        raise ValueError("a negative number to a fraction")
    return float(result)


def written(tree: Node, least: int = 0) -> str:
    """`tree` in the notation that Antimony, SBML's infix and this language share: hill is spelled out."""
    head, parts = tree.head, tree.parts
    if head == "number":
        return repr(tree.number).removesuffix(".0")
    if head == "name":
        return parts[0].head
    if head == "hill":
        x, half, n = parts
        raised = Node("^", (x, n))
        return written(Node("/", (raised, Node("+", (Node("^", (half, n)), raised)))), least)
    if head == "neg":
        text, binds = f"-{written(parts[0], 5)}", _SIGN
    elif head in FUNCTIONS:
        return f"{'ln' if head == 'log' else head}({', '.join(written(part) for part in parts)})"
    else:
        binds = _BINDS[head]
        # A tree keeps its shape: a - (b - c) and (a ^ b) ^ c need their parentheses, a ^ (b ^ c) and (a - b) - c do not.
        left, right = (binds + 1, binds) if head == "^" else (binds, binds + 1)
        text = f"{written(parts[0], left)} {head} {written(parts[1], right)}".replace(" ^ ", "^" if head == "^" else " ^ ")
    return f"({text})" if binds < least else text
