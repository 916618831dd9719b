"""Whether a rate law is first order: its coefficient for each species, by algebra on the expression."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from exotrack.errors import InputError
from exotrack.kinetics._grammar import Node, evaluate, name, number, written

Parts = dict[str, Node]
"""Species to the expression it is multiplied by; "" to what stands alone."""
_SAME = {"ln": "log", "power": "^", "pow": "^"}
_CALLS = ("exp", "ln", "log", "sqrt", "abs", "min", "max", "root")


def expression(tree: Any, where: str) -> Node:
    """A formula of libsbml as an expression of this package's language; `InputError` if it says more than that."""
    import libsbml

    if tree.isNumber():
        return number(float(tree.getValue()))
    if tree.getType() == libsbml.AST_NAME:
        return name(tree.getName())
    parts = tuple(expression(tree.getChild(k), where) for k in range(tree.getNumChildren()))
    kinds = {libsbml.AST_PLUS: "+", libsbml.AST_MINUS: "-", libsbml.AST_TIMES: "*", libsbml.AST_DIVIDE: "/"}
    kinds |= {libsbml.AST_POWER: "^", libsbml.AST_FUNCTION_POWER: "^"}
    calls = {libsbml.AST_FUNCTION_EXP: "exp", libsbml.AST_FUNCTION_LN: "log", libsbml.AST_FUNCTION_ABS: "abs"}
    calls |= {libsbml.AST_FUNCTION_MIN: "min", libsbml.AST_FUNCTION_MAX: "max"}
    head = kinds.get(tree.getType())
    if head == "-" and len(parts) == 1:
        return Node("neg", parts)
    if head in ("+", "*") and len(parts) != 2:
        whole = number(0.0 if head == "+" else 1.0)
        for k, part in enumerate(parts):
            whole = part if k == 0 else Node(head, (whole, part))
        return whole
    if head and len(parts) == 2:
        return Node(head, parts)
    if tree.getType() == libsbml.AST_FUNCTION_ROOT and len(parts) == 2:
        return Node("^", (parts[1], Node("/", (number(1.0), parts[0]))))
    if tree.getType() in calls and len(parts) == (2 if calls[tree.getType()] in ("min", "max") else 1):
        return Node(calls[tree.getType()], parts)
    raise InputError(f"{where}: {libsbml.formulaToL3String(tree)} is more than this language of rates says")


def coefficients(tree: Node, species: set[str], rules: Mapping[str, Node], where: str) -> Parts:
    """Take a rate law apart: k1 * A - k2 * B becomes {A: k1, B: -k2}.

    Parameters
    ----------
    tree : the law. species : names that are species. rules : names that stand for an expression; those that hold no species
        stay names.

    Raises
    ------
    InputError : a species is multiplied by a species, divided by, raised or inside a function.
    """

    def refuse() -> InputError:
        return InputError(f"{where}: not first order: the rate holds {written(tree)}; it must be a sum of rates times a species")

    def inner(part: Node) -> Parts:
        return coefficients(part, species, rules, where)

    head, parts = tree.head, tree.parts
    if head == "name":
        word = parts[0].head
        if word in rules and _holds(rules[word], species, rules):
            return inner(rules[word])
        return {word: number(1.0)} if word in species else {"": tree}
    if not any(_holds(part, species, rules) for part in parts):
        return {"": tree}
    if head == "neg":
        return {key: negated(one) for key, one in inner(parts[0]).items()}
    if head in ("+", "-"):
        whole = inner(parts[0])
        for key, one in inner(parts[1]).items():
            new = one if head == "+" else negated(one)
            whole[key] = Node("+", (whole[key], new)) if key in whole else new
        return whole
    if head in ("*", "/"):
        linear = [k for k, part in enumerate(parts) if _holds(part, species, rules)]
        if len(linear) > 1 or (head == "/" and linear == [1]):
            raise refuse()
        other = parts[1 - linear[0]]
        return {
            key: other if head == "*" and one == number(1.0) else Node(head, (one, other))
            for key, one in inner(parts[linear[0]]).items()
        }
    raise refuse()


def _holds(tree: Node, species: set[str], rules: Mapping[str, Node]) -> bool:
    return any(word in species or (word in rules and _holds(rules[word], species, rules)) for word in tree.names())


def negated(tree: Node) -> Node:
    """Minus `tree`, without a double sign."""
    return tree.parts[0] if tree.head == "neg" else Node("neg", (tree,))


def sign(tree: Node, values: Mapping[str, float], where: str) -> float:
    """The value of a coefficient, where all its names have values; else 1, since nothing speaks against it."""
    return evaluate(tree, values, where) if set(tree.names()) <= set(values) else (-1.0 if tree.head == "neg" else 1.0)
