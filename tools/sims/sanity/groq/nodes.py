"""The parts of a parsed query, each of which knows its value."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cmp_to_key
from typing import Protocol

from sims.sanity.groq.values import Value, compare_all


@dataclass(frozen=True, slots=True)
class Data:
    """The input of a query: the documents that it may read, and the moment that `now()` returns."""

    documents: Sequence[dict[str, Value]]
    now: datetime

    def find(self, id_: object) -> Value:
        """Return the document of an id, or None."""
        return next((document for document in self.documents if document.get("_id") == id_), None)


@dataclass(frozen=True, slots=True)
class Scope:
    """The meaning of `@` and `^`. A `passing` scope, that of an element in a traversal, is nobody's parent."""

    data: Data
    this: Value = None
    parent: "Scope | None" = None
    passing: bool = False

    def inner(self, this: Value, *, passing: bool = False) -> "Scope":
        """Return the scope inside this one."""
        return Scope(self.data, this, self.parent if self.passing else self, passing)


class Node(Protocol):
    """A part of a query."""

    def of(self, scope: Scope) -> Value:
        """Return its value."""


@dataclass(frozen=True, slots=True)
class Literal:
    """A value that the query writes, or that a parameter gives."""

    value: Value

    def of(self, _: Scope) -> Value:
        """Return it."""
        return self.value


@dataclass(frozen=True, slots=True)
class Everything:
    """`*`."""

    def of(self, scope: Scope) -> Value:
        """Return all documents."""
        return [*scope.data.documents]


@dataclass(frozen=True, slots=True)
class Above:
    """`@` with no levels, `^` with one, `^.^` with two."""

    levels: int = 0

    def of(self, scope: Scope) -> Value:
        """Return the value so many scopes up."""
        outer: Scope | None = scope
        for _ in range(self.levels):
            outer = outer and outer.parent
        return outer and outer.this


@dataclass(frozen=True, slots=True)
class Group:
    """`(…)`; keeps the inner expression from being joined with a following traversal."""

    inside: Node

    def of(self, scope: Scope) -> Value:
        """Return the value of the inner expression."""
        return self.inside.of(scope)


@dataclass(frozen=True, slots=True)
class Attribute:
    """`base.name`, or `name` of `@`."""

    base: Node
    name: str

    def of(self, scope: Scope) -> Value:
        """Return the attribute; null if the value has no attributes."""
        base = self.base.of(scope)
        return base.get(self.name) if isinstance(base, dict) else None


@dataclass(frozen=True, slots=True)
class Dereference:
    """`base->`."""

    base: Node

    def of(self, scope: Scope) -> Value:
        """Return the document that a reference names."""
        base = self.base.of(scope)
        id_ = base.get("_ref") if isinstance(base, dict) else None
        return scope.data.find(id_) if isinstance(id_, str) else None


@dataclass(frozen=True, slots=True)
class Element:
    """`base[3]`, `base[-1]`."""

    base: Node
    index: float

    def of(self, scope: Scope) -> Value:
        """Return the element, null if there is none."""
        base = self.base.of(scope)
        if not isinstance(base, list) or not isinstance(self.index, int):
            return None
        at = self.index + len(base) if self.index < 0 else self.index
        return base[at] if 0 <= at < len(base) else None


@dataclass(frozen=True, slots=True)
class Slice:
    """`base[1...3]`, or with its end, `base[1..3]`."""

    base: Node
    start: int
    end: int
    with_end: bool

    def of(self, scope: Scope) -> Value:
        """Return the elements of the range that are there."""
        base = self.base.of(scope)
        if not isinstance(base, list):
            return None
        start, end = (at + len(base) if at < 0 else at for at in (self.start, self.end))
        return base[max(start, 0) : max(end + self.with_end, 0)]


@dataclass(frozen=True, slots=True)
class Filter:
    """`base[test]`."""

    base: Node
    test: Node

    def of(self, scope: Scope) -> Value:
        """Return the elements for which the test is true, and not merely no false."""
        base = self.base.of(scope)
        return [item for item in base if self.test.of(scope.inner(item)) is True] if isinstance(base, list) else None


@dataclass(frozen=True, slots=True)
class Elements:
    """`base[]`."""

    base: Node

    def of(self, scope: Scope) -> Value:
        """Return an array itself, else null."""
        base = self.base.of(scope)
        return base if isinstance(base, list) else None


@dataclass(frozen=True, slots=True)
class Each:
    """The rest of a traversal, for each element of an array; `flat` puts the arrays of these behind one another."""

    base: Node
    rest: Node
    flat: bool = False

    def of(self, scope: Scope) -> Value:
        """Return the rest of the traversal applied to the elements."""
        base = self.base.of(scope)
        if not isinstance(base, list):
            return None
        results = [self.rest.of(scope.inner(item, passing=True)) for item in base]
        if not self.flat:
            return results
        return [inner for result in results for inner in (result if isinstance(result, list) else [result])]


@dataclass(frozen=True, slots=True)
class Projection:
    """`base{…}` of one object."""

    base: Node
    shape: "Object"

    def of(self, scope: Scope) -> Value:
        """Return the new object; null without an object."""
        base = self.base.of(scope)
        return self.shape.of(scope.inner(base)) if isinstance(base, dict) else None


@dataclass(frozen=True, slots=True)
class Member:
    """`"name": value`, or, without a name, `...value`; included only if its condition holds."""

    value: Node
    name: str | None = None
    condition: Node | None = None


@dataclass(frozen=True, slots=True)
class Object:
    """`{…}`."""

    members: Sequence[Member]

    def of(self, scope: Scope) -> Value:
        """Return the object; of members with the same name the last counts."""
        object_: dict[str, Value] = {}
        for member in self.members:
            if member.condition is not None and member.condition.of(scope) is not True:
                continue
            value = member.value.of(scope)
            if member.name is not None:
                object_[member.name] = value
            elif isinstance(value, dict):
                object_ |= value
        return object_


@dataclass(frozen=True, slots=True)
class Array:
    """`[…]`, of elements that stand for themselves or, after `...`, for theirs."""

    elements: Sequence[tuple[Node, bool]]

    def of(self, scope: Scope) -> Value:
        """Return the array."""
        items: list[Value] = []
        for element, spread in self.elements:
            value = element.of(scope)
            if not spread:
                items.append(value)
            elif isinstance(value, list):
                items += value
        return items


def _by_key(left: tuple[Value, Value], right: tuple[Value, Value]) -> int:
    return compare_all(left[0], right[0])


@dataclass(frozen=True, slots=True)
class Order:
    """`base | order(…)`; each key with whether it is descending."""

    base: Node
    keys: Sequence[tuple[Node, bool]]

    def of(self, scope: Scope) -> Value:
        """Return the elements sorted, equal ones as they were."""
        base = self.base.of(scope)
        if not isinstance(base, list):
            return None
        for key, down in reversed(self.keys):
            pairs: list[tuple[Value, Value]] = [(key.of(scope.inner(item)), item) for item in base]
            pairs.sort(key=cmp_to_key(_by_key), reverse=down)
            base = [item for _, item in pairs]
        return base
