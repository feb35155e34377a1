"""Values of tests: the author's JSON, the encoded form sent to programs, and the encoded return values.

An encoded value is a list of kind and content: `["i", "42"]`, `["l", [["s", "x"]]]`. It contains no JSON numbers, as
JSON has no NaN, no -0 and no large integers. docs/execution.md lists the kinds.
"""

import base64
import json
import re
from collections.abc import Callable, Mapping
from math import isnan
from typing import Any

MOST_BRACKETS = 200
"""Most levels of brackets in an encoded value: about three per level of the value."""
MOST_DIGITS = 1_000
LONGEST_SHOWN = 2_000
"""Most characters of a displayed value."""
_KINDS = {
    "b": "a boolean",
    "d": "a mapping",
    "e": "a set",
    "f": "a number",
    "i": "a number",
    "l": "a list",
    "n": "nothing",
    "o": "an object",
    "s": "a text",
    "t": "a tuple",
    "u": "nothing",
    "y": "bytes",
}
_STRINGS = re.compile(r'"(?:[^"\\]|\\.)*"')
_INTEGER = re.compile(rf"-?[0-9]{{1,{MOST_DIGITS}}}")
_FLOAT = re.compile(r"nan|-?inf|-?[0-9]{1,400}(\.[0-9]{1,400})?(e[+-]?[0-9]{1,4})?")
_SPECIAL = {"nan": "nan", "inf": "inf", "-inf": "-inf", "-0": "-0.0"}

type Encoded = list[Any]


class BadValue(Exception):
    """An encoded value or an author's JSON is invalid; the message gives the reason."""


def encode(value: Any) -> Encoded:
    """Encode an author's JSON; an object with one member `$…` is a value that JSON cannot express."""
    if value is None:
        return ["n"]
    if isinstance(value, bool):
        return ["b", value]
    if isinstance(value, int):
        if abs(value) >= 10**MOST_DIGITS:
            raise BadValue(f"an integer must have at most {MOST_DIGITS} digits")
        return ["i", str(value)]
    if isinstance(value, float):
        return ["f", repr(value)]
    if isinstance(value, str):
        return ["s", value]
    if isinstance(value, list):
        return ["l", [encode(part) for part in value]]
    if len(value) == 1 and (name := next(iter(value))) in _MARKED:
        return _marked(name, value[name])
    return ["d", [[["s", key], encode(part)] for key, part in value.items()]]


def _marked(name: str, content: Any) -> Encoded:
    try:
        return _MARKED[name](content)
    except (TypeError, ValueError):
        raise BadValue(f"{name} has invalid content") from None


def _pairs(content: Any) -> Encoded:
    if not isinstance(content, list) or not all(isinstance(pair, list) for pair in content):
        raise TypeError
    return ["d", [[encode(key), encode(part)] for key, part in content]]


def _parts(kind: str) -> Callable[[Any], Encoded]:
    def of(content: Any) -> Encoded:
        if not isinstance(content, list):
            raise TypeError
        return [kind, [encode(part) for part in content]]

    return of


def _integer(content: Any) -> Encoded:
    if not _INTEGER.fullmatch(content):
        raise ValueError
    return ["i", str(int(content))]


_MARKED: Mapping[str, Callable[[Any], Encoded]] = {
    "$tuple": _parts("t"),
    "$set": _parts("e"),
    "$dict": _pairs,
    "$float": lambda content: ["f", _SPECIAL[content] if content in _SPECIAL else repr(float(content))],
    "$int": _integer,
    "$bytes": lambda content: ["y", base64.b64encode(base64.b64decode(content, validate=True)).decode()],
}


def read(text: str) -> Encoded:
    """Parse and validate a program's untrusted encoded value; raises `BadValue` if it is invalid."""
    if _depth(text) > MOST_BRACKETS:
        raise BadValue("the value is nested too deeply")
    try:
        value = json.loads(text, parse_int=_refuse, parse_float=_refuse, parse_constant=_refuse)
        _check(value)
    except BadValue:
        raise
    except (ValueError, TypeError, LookupError, RecursionError):
        raise BadValue("the program did not write a valid encoded value") from None
    encoded: Encoded = value
    return encoded


def matches(expected: Encoded, actual: Encoded, tolerance: float | None = None) -> bool:
    """Tell whether a value equals the expected one, by the rules of docs/execution.md."""
    kinds = _group(expected[0]), _group(actual[0])
    if kinds[0] != kinds[1]:
        return False
    match kinds[0]:
        case "n":
            return True
        case "number":
            return _same_number(expected, actual, tolerance)
        case "sequence":
            return len(expected[1]) == len(actual[1]) and all(
                matches(left, right, tolerance) for left, right in zip(expected[1], actual[1], strict=True)
            )
        case "e":
            return {_key(part) for part in expected[1]} == {_key(part) for part in actual[1]}
        case "d":
            return _same_mapping(expected, actual, tolerance)
        case "o":
            return False
        case _:
            return bool(expected[1] == actual[1])


def difference(expected: Encoded, actual: Encoded) -> str:
    """Describe the difference between a value and the expected one."""
    kinds = _KINDS[expected[0]], _KINDS[actual[0]]
    if _group(expected[0]) != _group(actual[0]):
        of = f" of the type {actual[1]}" if actual[0] == "o" else ""
        return f"{kinds[0]} was expected, {kinds[1]}{of} was returned"
    if expected[0] in "ltde" and len(expected[1]) != len(actual[1]):
        return f"{len(expected[1])} items were expected, {len(actual[1])} were returned"
    return "another value was expected"


def show(value: Encoded) -> str:
    """Return a value as a readable text, shortened if it is long; it is neither code nor JSON."""
    text = _show(value)
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]} …"


def _show(value: Encoded) -> str:
    kind = value[0]
    if kind in "nu":
        return "null" if kind == "n" else "undefined"
    content = value[1]
    match kind:
        case "b":
            return "true" if content else "false"
        case "i" | "f":
            return str(content)
        case "s":
            return json.dumps(content, ensure_ascii=False).encode(errors="replace").decode()
        case "o":
            return f"<{content}>".encode(errors="replace").decode()
        case "y":
            return f"bytes({content})"
        case "d":
            return "{" + ", ".join(f"{_show(key)}: {_show(part)}" for key, part in content) + "}"
    opening, closing = {"l": "[]", "t": "()", "e": ("set(", ")")}[kind]
    return opening + ", ".join(_show(part) for part in content) + closing


def _group(kind: str) -> str:
    return {"u": "n", "i": "number", "f": "number", "l": "sequence", "t": "sequence"}.get(kind, kind)


def _same_number(expected: Encoded, actual: Encoded, tolerance: float | None) -> bool:
    if _exact(expected) == _exact(actual):
        return True
    if tolerance == 0 or (tolerance is None and expected[0] == actual[0] == "i"):
        return _is_nan(expected) and _is_nan(actual)
    left, right = _float(expected), _float(actual)
    if isnan(left) or isnan(right):
        return isnan(left) and isnan(right)
    if left == right:
        return True
    if abs(left) == float("inf") or abs(right) == float("inf"):
        return False
    if tolerance is None:
        return abs(left - right) <= max(1e-9 * max(abs(left), abs(right)), 1e-12)
    return abs(left - right) <= tolerance * max(1.0, abs(left))


def _exact(number: Encoded) -> int | float:
    return int(number[1]) if number[0] == "i" else float(number[1])


def _is_nan(number: Encoded) -> bool:
    return number[0] == "f" and isnan(float(number[1]))


def _float(number: Encoded) -> float:
    try:
        return float(number[1]) if number[0] == "f" else float(int(number[1]))
    except OverflowError:
        return float("-inf" if number[1].startswith("-") else "inf")


def _same_mapping(expected: Encoded, actual: Encoded, tolerance: float | None) -> bool:
    left = {_key(key): part for key, part in expected[1]}
    right = {_key(key): part for key, part in actual[1]}
    return left.keys() == right.keys() and all(matches(part, right[key], tolerance) for key, part in left.items())


def _key(value: Encoded) -> str:
    """Return a text that is equal for equal items of sets and keys of mappings; floats are compared exactly."""
    return json.dumps(_plain(value))


def _plain(value: Encoded) -> Any:
    kind = value[0]
    if kind in "nu":
        return "n"
    if kind in "if":
        number = _exact(value)
        return ["i", str(int(number))] if isinstance(number, int) or number.is_integer() else ["f", repr(number)]
    if kind in "lt":
        return ["l", [_plain(part) for part in value[1]]]
    if kind == "e":
        return ["e", sorted(_key(part) for part in value[1])]
    if kind == "d":
        return ["d", sorted([_key(key), _key(part)] for key, part in value[1])]
    return value


def _check(value: Any) -> None:
    """Raise an error unless a value is a valid encoded one."""
    kind = value[0]
    if not isinstance(value, list) or not isinstance(kind, str) or kind not in _KINDS:
        raise BadValue("the program did not write a valid encoded value")
    if kind in "nu":
        return
    content = value[1]
    if kind in "lte":
        for part in content:
            _check(part)
    elif kind == "d":
        for key, part in content:
            _check(key)
            _check(part)
    elif not _is_plain(kind, content):
        raise BadValue("the program did not write a valid encoded value")


def _is_plain(kind: str, content: Any) -> bool:
    if kind == "b":
        return isinstance(content, bool)
    if not isinstance(content, str):
        return False
    pattern = {"i": _INTEGER, "f": _FLOAT}.get(kind)
    return pattern is None or pattern.fullmatch(content) is not None


def _refuse(_: str) -> Any:
    raise BadValue("the program did not write a valid encoded value")


def _depth(text: str) -> int:
    depth = deepest = 0
    for mark in _STRINGS.sub("", text):
        depth += (mark in "[{") - (mark in "]}")
        deepest = max(deepest, depth)
    return deepest
