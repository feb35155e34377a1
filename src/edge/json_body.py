"""JSON bodies: validation, and the refusal of malformed, invalid or oversized ones."""

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
)
from edge.request import Request

LARGE = 8 * 1024
"""Most bytes of a body that is checked without a limit on its values: its faults cost little."""
MOST_VALUES = 50_000
"""Most values of a JSON body, including those in arrays and objects."""
LONGEST_NAME = 500
"""Most characters of a member's name, with escapes counted as written."""

_ANY_JSON: tuple[Any, ...] = (JsonValue, dict[str, JsonValue])
_TEXT = re.compile(rb'"(?:[^"\\]++|\\.)*+"', re.DOTALL)
_SHORT_NAMES = re.compile(
    rb'(?:[^"]++|"(?:[^"\\]++|\\.)*+"(?!\s*+:)|"(?:[^"\\]|\\.){0,%d}+")*+' % LONGEST_NAME, re.DOTALL
)
"""Matches JSON up to its first name that is too long."""


def body_check(hint: Any) -> Callable[[bytes], object]:
    """Return the validator of a JSON body as `hint`: it returns the value, or the problem of an invalid body.

    A problem that is raised would cost an answer a twentieth of its time; only rare ones are.
    """
    validate = TypeAdapter(hint).validator.validate_json
    has_faults = hint not in _ANY_JSON

    def check(body: bytes) -> object:
        if body.find(b"NaN") >= 0 or body.find(b"Infinity") >= 0:  # `in` tries a number first: five times as slow
            _check_syntax(body)
        if len(body) > LARGE and has_faults:
            _refuse_bomb(body)
        try:
            return validate(body, strict=True)  # "1" is no number, 0 is not false
        except ValidationError as fault:
            errors = _errors(fault)
            if not _is_whole(errors):
                return _refusal(fault, errors)
        try:
            return validate(body)
        except ValidationError as fault:
            return _refusal(fault, _errors(fault))

    return check


def _refusal(invalid: ValidationError, errors: Sequence[ErrorDetails]) -> Problem:
    if not errors:
        return InvalidBody([Fault(pointer="", detail=f"{invalid.error_count()} faults")])
    if errors[0]["type"] == "json_invalid" and not errors[0]["loc"]:
        return MalformedJson(faults_of(errors)[0]["detail"])
    return InvalidBody(faults_of(errors))


def _is_whole(errors: Sequence[ErrorDetails]) -> bool:
    """Tell whether integers that were written as 1.0, as JSON Schema allows, are all that is wrong."""
    return bool(errors and errors[0]["type"] == "int_type") and all(
        error["type"] == "int_type" and isinstance(error["input"], float) and error["input"].is_integer()
        for error in errors
    )


def _errors(invalid: ValidationError) -> list[ErrorDetails]:
    """Return the errors, computed once; an empty list if there are too many, as the cost grows with the body."""
    if invalid.error_count() > MOST_FAULTS:
        return []
    return invalid.errors(include_url=False, include_context=False)


def _refuse_bomb(body: bytes) -> None:
    """Refuse a body of very many values, or with a very long name: each fault of a model may copy all of them.

    The content of texts is excluded only if there could be too many values.
    """
    if _SHORT_NAMES.fullmatch(body) is None:
        _check_syntax(body)
        raise InvalidBody([Fault(pointer="", detail=f"a member's name has more than {LONGEST_NAME} characters")])
    if _values(body) > MOST_VALUES and _values(_TEXT.sub(b"", body)) > MOST_VALUES:
        _check_syntax(body)
        raise InvalidBody([Fault(pointer="", detail=f"it holds more than {MOST_VALUES} values")])


def _values(body: bytes) -> int:
    """Return an upper bound of the values in a JSON text; marks inside of texts are counted, too."""
    return body.count(b",") + body.count(b"[") + body.count(b"{") + 1


def _check_syntax(body: bytes) -> None:
    """Refuse invalid JSON, and the numbers that JSON does not have and Pydantic would accept."""
    try:
        from_json(body, allow_inf_nan=False)
    except ValueError as fault:
        raise MalformedJson(f"Invalid JSON: {fault}") from None


def require_json(request: Request) -> None:
    """Refuse a body with a media type other than JSON."""
    content_type = request.headers.get("content-type") or "application/json"
    if content_type == "application/json":
        return
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type != "application/json" and not media_type.endswith("+json"):
        raise UnsupportedMediaType(f"send application/json, not {media_type[:100]}")
