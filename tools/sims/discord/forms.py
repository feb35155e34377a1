"""Checks of a form's members, with Discord's error codes and messages.

Lengths are counted in characters (Unicode code points) and not in UTF-16 code units: Discord's staff says that the API,
which is in Python, does so (discord-api-docs issue 1315); only its JavaScript clients count code units.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class Fault:
    """An error in a form, and the path to it."""

    code: str
    message: str
    path: tuple[str, ...] = ()

    def below(self, *names: object) -> "Fault":
        """Return the fault as seen from further out."""
        return replace(self, path=(*(str(name) for name in names), *self.path))

    def __str__(self) -> str:
        return f"{'.'.join(self.path) or 'body'}: {self.code}: {self.message}"


type Check = Callable[[Any], Iterable[Fault]]


def nested(faults: Iterable[Fault]) -> dict[str, Any]:
    """Return the faults as the `errors` of Discord's answer."""
    tree: dict[str, Any] = {}
    for fault in faults:
        at = tree
        for name in fault.path:
            at = at.setdefault(name, {})
        at.setdefault("_errors", []).append({"code": fault.code, "message": fault.message})
    return tree


def required(name: str) -> Fault:
    """Return the fault of a member that is not there."""
    return Fault("BASE_TYPE_REQUIRED", "This field is required", (name,))


def text(most: int, least: int = 0) -> Check:
    """Return the check of a string by its length."""

    def check(value: Any) -> Iterator[Fault]:
        if not isinstance(value, str):
            yield Fault("STRING_TYPE_CONVERT", f'Could not interpret "{value}" as string.')
        else:
            yield from _length(len(value), most, least)

    return check


def prose(most: int, *, filled: bool = False) -> Check:
    """Return the check of an embed's text, which is trimmed before it is counted."""

    def check(value: Any) -> Iterator[Fault]:
        if not isinstance(value, str):
            yield Fault("STRING_TYPE_CONVERT", f'Could not interpret "{value}" as string.')
        elif filled and not value.strip():
            yield Fault("BASE_TYPE_REQUIRED", "This field is required")
        else:
            yield from _length(len(value.strip()), most, 0)

    return check


def _length(length: int, most: int, least: int) -> Iterator[Fault]:
    if least and not least <= length <= most:
        yield Fault("BASE_TYPE_BAD_LENGTH", f"Must be between {least} and {most} in length.")
    elif length > most:
        yield Fault("BASE_TYPE_MAX_LENGTH", f"Must be {most} or fewer in length.")


def whole(least: int, most: int) -> Check:
    """Return the check of an integer."""

    def check(value: Any) -> Iterator[Fault]:
        if not isinstance(value, int) or isinstance(value, bool):
            yield Fault("NUMBER_TYPE_COERCE", f'Value "{value}" is not int.')
        elif value < least:
            yield Fault("NUMBER_TYPE_MIN", f"int value should be greater than or equal to {least}.")
        elif value > most:
            yield Fault("NUMBER_TYPE_MAX", f"int value should be less than or equal to {most}.")

    return check


def number(value: Any) -> Iterator[Fault]:
    """Check a number."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        yield Fault("NUMBER_TYPE_COERCE", f'Value "{value}" is not float.')


def boolean(value: Any) -> Iterator[Fault]:
    """Check a truth value."""
    if not isinstance(value, bool):
        yield Fault("BOOLEAN_TYPE_CONVERT", "Must be either true or false.")


def snowflake(value: Any) -> Iterator[Fault]:
    """Check an id."""
    if not re.fullmatch("[0-9]{1,20}", str(value)):
        yield Fault("NUMBER_TYPE_COERCE", f'Value "{value}" is not snowflake.')


def moment(value: Any) -> Iterator[Fault]:
    """Check an instant in ISO 8601."""
    try:
        datetime.fromisoformat(value)
    except (TypeError, ValueError):
        yield Fault("DATE_TIME_TYPE_PARSE", f"Could not parse {value}. Should be ISO8601.")


def url(*schemes: str, most: int = 2048) -> Check:
    """Return the check of an address: of a scheme that is allowed, with a dot in its host."""

    def check(value: Any) -> Iterator[Fault]:
        if not isinstance(value, str):
            yield Fault("STRING_TYPE_CONVERT", f'Could not interpret "{value}" as string.')
            return
        yield from _length(len(value), most, 0)
        scheme, host = _address(value)
        if scheme is None or " " in value.strip():
            yield Fault("URL_TYPE_INVALID_URL", "Not a well formed URL.")
        elif scheme not in schemes:
            allowed = ", ".join(f"'{scheme}'" for scheme in schemes)
            yield Fault(
                "URL_TYPE_INVALID_SCHEME", f'Scheme "{scheme}" is not supported. Scheme must be one of ({allowed}).'
            )
        elif scheme in {"http", "https"} and not re.fullmatch(r"[^.]{1,63}(\.[^.]{1,63})+", host):
            yield Fault("URL_TYPE_INVALID_URL", "Not a well formed URL.")

    return check


def _address(value: str) -> tuple[str | None, str]:
    try:
        parts = urlsplit(value.strip())
        return (parts.scheme or None) if "://" in value else None, parts.hostname or ""
    except ValueError:
        return None, ""


def choice(*values: object) -> Check:
    """Return the check of a value that is one of some."""

    def check(value: Any) -> Iterator[Fault]:
        if isinstance(value, bool) or not isinstance(value, str | int) or value not in values:
            yield Fault("BASE_TYPE_CHOICES", f"Value must be one of ({', '.join(map(str, values))}).")

    return check


def bits(allowed: int) -> Check:
    """Return the check of flags; ours refuses those that the documentation does not allow there."""

    def check(value: Any) -> Iterator[Fault]:
        faults = [*whole(0, 2**53)(value)]
        yield from faults
        if not faults and value & ~allowed:
            yield Fault("BASE_TYPE_CHOICES", f"Only the flags of {allowed} can be set here, not {value & ~allowed}.")

    return check


def listed(item: Check, most: int, least: int = 0) -> Check:
    """Return the check of a list and of each of its items."""

    def check(value: Any) -> Iterator[Fault]:
        if not isinstance(value, list):
            yield Fault("LIST_TYPE_CONVERT", "Only iterables may be used in a ListType")
            return
        yield from _length(len(value), most, least)
        for place, item_ in enumerate(value):
            if item_ is None:
                yield Fault("LIST_ITEM_VALUE_REQUIRED", "List item values of ModelType are required", (str(place),))
            else:
                yield from (fault.below(place) for fault in item(item_))

    return check


def model(members: Mapping[str, Check], *needed: str, also: Check | None = None) -> Check:
    """Return the check of an object: members that are null are not there, those that are not known are ignored."""

    def check(value: Any) -> Iterator[Fault]:
        if not isinstance(value, dict):
            yield Fault("MODEL_TYPE_CONVERT", "Only dictionaries may be used in a ModelType")
            return
        yield from (required(name) for name in needed if value.get(name) is None)
        faults = [
            fault.below(name)
            for name, member in members.items()
            if value.get(name) is not None
            for fault in member(value[name])
        ]
        yield from faults
        if also and not faults:
            yield from also(value)

    return check


def union(kinds: Mapping[int, Check]) -> Check:
    """Return the check of an object, chosen by its `type`."""

    def check(value: Any) -> Iterator[Fault]:
        if not isinstance(value, dict):
            yield Fault("MODEL_TYPE_CONVERT", "Only dictionaries may be used in a ModelType")
        elif isinstance(value.get("type"), bool) or value.get("type") not in [*kinds]:
            allowed = ", ".join(map(str, kinds)) + ("," if len(kinds) == 1 else "")
            yield Fault("UNION_TYPE_CHOICES", f'Value of field "type" must be one of ({allowed}).', ("type",))
        else:
            yield from kinds[value["type"]](value)

    return check
