"""JSON bodies: validation, and the refusal of what is malformed, wrong, or too much to look at."""

import re
from collections.abc import Callable, Sequence
from typing import Any

from pydantic import JsonValue, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails, from_json

from edge.errors import (
    MOST_FAULTS,
    Fault,
    InvalidBody,
    MalformedJson,
    Problem,
    UnsupportedMediaType,
    faults_of,
    list_faults,
)
from edge.request import Request

LARGE = 8 * 1024
"""Bytes of a body up to which its faults cannot be a burden, whatever it holds."""
MOST_VALUES = 50_000
"""Values that a JSON body may hold, those in arrays and objects counted with these."""
LONGEST_NAME = 500
"""Characters of a member's name, escapes counted as they are written."""

_ANY_JSON: tuple[Any, ...] = (JsonValue, dict[str, JsonValue])
_NO_JSON = ("json_invalid", ())
_TEXT = re.compile(rb'"(?:[^"\\]++|\\.)*+"', re.DOTALL)
_SHORT_NAMES = re.compile(
    rb'(?:[^"]++|"(?:[^"\\]++|\\.)*+"(?!\s*+:)|"(?:[^"\\]|\\.){0,%d}+")*+' % LONGEST_NAME, re.DOTALL
)
"""Matches JSON up to its first name that is too long."""


def body_check(hint: Any) -> Callable[[bytes], object]:
    """Return what validates a JSON body as `hint`; it raises `InvalidBody` or `MalformedJson`."""
    validate = TypeAdapter(hint).validator.validate_json
    has_faults = hint not in _ANY_JSON

    def check(body: bytes) -> object:
        if b"NaN" in body or b"Infinity" in body:
            _check_syntax(body)
        if len(body) > LARGE and has_faults:
            _refuse_bomb(body)
        try:
            return validate(body, strict=True)  # "1" is no number, 0 is not false
        except ValidationError as fault:
            invalid = fault
        errors = _errors(invalid)
        if _is_whole(errors):
            try:
                return validate(body)
            except ValidationError as fault:
                errors, invalid = _errors(fault), fault
        raise _refusal(invalid, errors)

    return check


def _refusal(invalid: ValidationError, errors: Sequence[ErrorDetails]) -> Problem:
    if not errors:
        return InvalidBody(list_faults(invalid))
    faults = faults_of(errors)
    if [(error["type"], error["loc"]) for error in errors] == [_NO_JSON]:
        return MalformedJson(faults[0]["detail"])
    return InvalidBody(faults)


def _is_whole(errors: Sequence[ErrorDetails]) -> bool:
    """Tell whether integers that were written as 1.0, as JSON Schema allows, are all that is wrong."""
    return bool(errors) and all(
        error["type"] == "int_type" and isinstance(error["input"], float) and error["input"].is_integer()
        for error in errors
    )


def _errors(invalid: ValidationError) -> list[ErrorDetails]:
    """Return the errors, once for all that looks at them; none of too many, as listing them costs what was sent."""
    if invalid.error_count() > MOST_FAULTS:
        return []
    return invalid.errors(include_url=False, include_context=False)


def _refuse_bomb(body: bytes) -> None:
    """Refuse a body of very many values, or with a very long name: each fault of a model may copy all of them.

    What stands inside of texts is taken out only where there could be too many.
    """
    if _SHORT_NAMES.fullmatch(body) is None:
        _check_syntax(body)
        raise InvalidBody([Fault(pointer="", detail=f"a member's name has more than {LONGEST_NAME} characters")])
    if _values(body) > MOST_VALUES and _values(_TEXT.sub(b"", body)) > MOST_VALUES:
        _check_syntax(body)
        raise InvalidBody([Fault(pointer="", detail=f"it holds more than {MOST_VALUES} values")])


def _values(body: bytes) -> int:
    """Return how many values a JSON text holds at most; marks inside of texts are counted, too."""
    return body.count(b",") + body.count(b"[") + body.count(b"{") + 1


def _check_syntax(body: bytes) -> None:
    """Refuse what is no JSON, and the numbers that JSON does not have and Pydantic would take."""
    try:
        from_json(body, allow_inf_nan=False)
    except ValueError as fault:
        raise MalformedJson(f"Invalid JSON: {fault}") from None


def require_json(request: Request) -> None:
    """Refuse a body that its media type calls something else than JSON."""
    given = request.headers.get("content-type") or "application/json"
    if given == "application/json":
        return
    media_type = given.partition(";")[0].strip().lower()
    if media_type != "application/json" and not media_type.endswith("+json"):
        raise UnsupportedMediaType(f"send application/json, not {media_type[:100]}")
