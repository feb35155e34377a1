"""The parts of a query that decide, count and call."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sims.sanity.groq.nodes import Node, Scope
from sims.sanity.groq.texts import matches
from sims.sanity.groq.values import Instant, PathPattern, Value, compare, equal, number, type_of


@dataclass(frozen=True, slots=True)
class Logic:
    """`left && right` and `left || right`: `decides` is the value of one side that settles the result."""

    left: Node
    right: Node
    decides: bool

    def of(self, scope: Scope) -> Value:
        """Return true, false, or null if the result depends on a value that is not a boolean."""
        both = self.left.of(scope), self.right.of(scope)
        if any(operand is self.decides for operand in both):
            return self.decides
        return None if any(not isinstance(operand, bool) for operand in both) else not self.decides


@dataclass(frozen=True, slots=True)
class Not:
    """`!base`."""

    base: Node

    def of(self, scope: Scope) -> Value:
        """Return the opposite, or null if the value is not a boolean."""
        value = self.base.of(scope)
        return not value if isinstance(value, bool) else None


@dataclass(frozen=True, slots=True)
class Within:
    """`base in start...end`."""

    base: Node
    start: Node
    end: Node
    with_end: bool

    def of(self, scope: Scope) -> Value:
        """Tell whether the value is in the range; null if it cannot be compared."""
        value = self.base.of(scope)
        low, high = compare(value, self.start.of(scope)), compare(value, self.end.of(scope))
        if low is None or high is None:
            return None
        return low >= 0 and (high <= 0 if self.with_end else high < 0)


@dataclass(frozen=True, slots=True)
class Select:
    """`select(condition => value, …, else)`."""

    choices: Sequence[tuple[Node, Node]]
    otherwise: Node | None

    def of(self, scope: Scope) -> Value:
        """Return the value of the first condition that is true."""
        for condition, value in self.choices:
            if condition.of(scope) is True:
                return value.of(scope)
        return self.otherwise.of(scope) if self.otherwise else None


@dataclass(frozen=True, slots=True)
class Contains:
    """`left in right`."""

    left: Node
    right: Node

    def of(self, scope: Scope) -> Value:
        """Tell whether an array, or a pattern of paths, contains it; null for any other value."""
        value, among = self.left.of(scope), self.right.of(scope)
        if isinstance(among, list):
            return any(equal(value, item) for item in among)
        return value in among if isinstance(among, PathPattern) and isinstance(value, str) else None


@dataclass(frozen=True, slots=True)
class Operation:
    """`left + right` and the like."""

    sign: str
    left: Node
    right: Node

    def of(self, scope: Scope) -> Value:
        """Return the operator's result for both sides."""
        return OPERATORS[self.sign](self.left.of(scope), self.right.of(scope))


@dataclass(frozen=True, slots=True)
class Signed:
    """`-base` and `+base`."""

    base: Node
    factor: int

    def of(self, scope: Scope) -> Value:
        """Return the number, or null if the value is not one."""
        return _arithmetic(lambda left, right: left * right)(self.base.of(scope), self.factor)


@dataclass(frozen=True, slots=True)
class Call:
    """`name(…)`; the function gets the scope, for `now()` and `references()`, and the values of its arguments."""

    function: Callable[..., Value]
    arguments: Sequence[Node]

    def of(self, scope: Scope) -> Value:
        """Return the function's result."""
        return self.function(scope, *(operand.of(scope) for operand in self.arguments))


def _arithmetic(calculate: Callable[[Value, Value], Value]) -> Callable[[Value, Value], Value]:
    def of_numbers(left: Value, right: Value) -> Value:
        if not all(isinstance(argument, int | float) and not isinstance(argument, bool) for argument in (left, right)):
            return None
        try:
            return number(calculate(left, right))
        except (ArithmeticError, ValueError):
            return None

    return of_numbers


def _ordered(holds: Callable[[int], bool]) -> Callable[[Value, Value], Value]:
    def of_both(left: Value, right: Value) -> Value:
        order = compare(left, right)
        return None if order is None else holds(order)

    return of_both


def _plus(left: Value, right: Value) -> Value:
    if type_of(left) == type_of(right) and isinstance(left, str | list):
        return left + right
    if isinstance(left, dict) and isinstance(right, dict):
        return left | right
    if isinstance(right, Instant):
        left, right = right, left
    if isinstance(left, Instant):
        return left.later(right) if isinstance(right, int | float) and not isinstance(right, bool) else None
    return _arithmetic(lambda first, other: first + other)(left, right)


def _minus(left: Value, right: Value) -> Value:
    if isinstance(left, Instant) and isinstance(right, Instant):
        return number((left.at - right.at).total_seconds())
    if isinstance(left, Instant):
        return _plus(left, _arithmetic(lambda first, other: first - other)(0, right))
    return _arithmetic(lambda first, other: first - other)(left, right)


OPERATORS: dict[str, Callable[[Value, Value], Value]] = {
    "==": equal,
    "!=": lambda left, right: not equal(left, right),
    "<": _ordered(lambda order: order < 0),
    "<=": _ordered(lambda order: order <= 0),
    ">": _ordered(lambda order: order > 0),
    ">=": _ordered(lambda order: order >= 0),
    "match": matches,
    "+": _plus,
    "-": _minus,
    "*": _arithmetic(lambda left, right: left * right),
    "/": _arithmetic(lambda left, right: left / right),
    "%": _arithmetic(math.fmod),
    "**": _arithmetic(lambda left, right: left**right if abs(right) <= 1_024 else math.nan),
}
