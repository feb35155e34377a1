"""GROQ's functions, those that this evaluator knows."""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC
from decimal import ROUND_HALF_UP, Decimal

from sims.sanity.groq.nodes import Scope
from sims.sanity.groq.texts import portable_text
from sims.sanity.groq.values import Instant, PathPattern, Value, equal, number, text_of, type_of


@dataclass(frozen=True, slots=True)
class Function:
    """A function of a scope and the values of its arguments, of which there are `least` to `most`."""

    call: Callable[..., Value]
    least: int = 1
    most: float = 1


def _coalesce(_: Scope, *values: Value) -> Value:
    return next((value for value in values if value is not None), None)


def _count(_: Scope, value: Value) -> Value:
    return len(value) if isinstance(value, list) else None


def _date_time(_: Scope, value: Value) -> Value:
    if isinstance(value, str):
        return Instant.parse(value)
    return value if isinstance(value, Instant) else None


def _length(_: Scope, value: Value) -> Value:
    return len(value) if isinstance(value, str | list) else None


def _lower(_: Scope, value: Value) -> Value:
    return value.lower() if isinstance(value, str) else None


def _upper(_: Scope, value: Value) -> Value:
    return value.upper() if isinstance(value, str) else None


def _now(scope: Scope) -> Value:
    return scope.data.now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{scope.data.now.microsecond // 1000:03}Z"


def _references(scope: Scope, *values: Value) -> Value:
    listed = itertools.chain.from_iterable(value if isinstance(value, list) else [value] for value in values)
    ids = {item for item in listed if isinstance(item, str)}
    return any(reference in ids for reference in references(scope.this))


def references(value: Value) -> Iterator[str]:
    """Yield the ids that a value refers to, at any depth."""
    if isinstance(value, dict) and value.get("_ref"):
        yield value["_ref"]
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from references(inner)


def _round(_: Scope, value: Value, digits: Value = 0) -> Value:
    if type_of(value) != "number" or not isinstance(digits, int) or digits < 0:
        return None
    exact = Decimal(value).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)
    return number(float(exact))


def _split(_: Scope, value: Value, separator: Value) -> Value:
    if not isinstance(value, str) or not isinstance(separator, str):
        return None
    if not value:
        return []
    return value.split(separator) if separator else [*value]


def _starts_with(_: Scope, value: Value, start: Value) -> Value:
    return value.startswith(start) if isinstance(value, str) and isinstance(start, str) else None


def _compact(_: Scope, value: Value) -> Value:
    return [item for item in value if item is not None] if isinstance(value, list) else None


def _unique(_: Scope, value: Value) -> Value:
    if not isinstance(value, list):
        return None
    scalars = {"string", "number", "boolean", "datetime"}
    unique: list[Value] = []
    for item in value:
        if type_of(item) not in scalars or not any(equal(item, before) for before in unique):
            unique.append(item)
    return unique


def _join(_: Scope, value: Value, separator: Value) -> Value:
    if not isinstance(value, list) or not isinstance(separator, str):
        return None
    texts = [text_of(item) for item in value]
    return None if None in texts else separator.join(text or "" for text in texts)


def _intersects(_: Scope, left: Value, right: Value) -> Value:
    if not isinstance(left, list) or not isinstance(right, list):
        return None
    return any(equal(item, other) for item in left for other in right)


def _of_numbers(reduce: Callable[[list[Value]], Value]) -> Callable[..., Value]:
    def reduced(_: Scope, value: Value) -> Value:
        present = _compact(_, value)
        if present is None or any(type_of(item) != "number" for item in present):
            return None
        return reduce(present)

    return reduced


FUNCTIONS: dict[str, Function] = {
    "coalesce": Function(_coalesce, 0, float("inf")),
    "count": Function(_count),
    "dateTime": Function(_date_time),
    "defined": Function(lambda _, value: value is not None),
    "length": Function(_length),
    "lower": Function(_lower),
    "upper": Function(_upper),
    "now": Function(_now, 0, 0),
    "path": Function(lambda _, value: PathPattern(value) if isinstance(value, str) else None),
    "references": Function(_references, 1, float("inf")),
    "round": Function(_round, 1, 2),
    "string": Function(lambda _, value: text_of(value)),
    "string::lower": Function(_lower),
    "string::upper": Function(_upper),
    "string::split": Function(_split, 2, 2),
    "string::startsWith": Function(_starts_with, 2, 2),
    "array::compact": Function(_compact),
    "array::intersects": Function(_intersects, 2, 2),
    "array::join": Function(_join, 2, 2),
    "array::unique": Function(_unique),
    "math::avg": Function(_of_numbers(lambda numbers: number(sum(numbers) / len(numbers)) if numbers else None)),
    "math::max": Function(_of_numbers(lambda numbers: max(numbers, default=None))),
    "math::min": Function(_of_numbers(lambda numbers: min(numbers, default=None))),
    "math::sum": Function(_of_numbers(lambda numbers: number(sum(numbers)))),
    "pt::text": Function(lambda _, value: portable_text(value)),
}
