"""Lenient reading of foreign records: an unreadable field costs that field, and an item of a list costs that item."""

from collections.abc import Iterable, Sequence
from copy import deepcopy
from typing import Any, NamedTuple

from pydantic import BaseModel, ValidationError

type Place = tuple[int | str, ...]


class Record[M: BaseModel](NamedTuple):
    """A record, None if it lacks a required member; `unreadable` names the places that were left out."""

    value: M | None
    unreadable: list[str]


def read[M: BaseModel](model: type[M], value: Any) -> Record[M]:
    """Return a record without its unreadable parts."""
    unreadable = list[str]()
    copied = False
    while True:
        try:
            return Record(model.model_validate(value), unreadable)
        except ValidationError as fault:
            value = value if copied else deepcopy(value)
            copied = True
            errors = fault.errors(include_url=False, include_context=False, include_input=False)
            removed = _remove(value, [_culprit(error["loc"], error["type"]) for error in errors])
            unreadable += removed
            if not removed:
                return Record(None, unreadable + [".".join(map(str, error["loc"])) for error in errors])


def read_all[M: BaseModel](model: type[M], value: Iterable[Any]) -> tuple[list[M], int]:
    """Return the readable records of a list, and how many fields and records were left out."""
    records = [read(model, item) for item in value]
    return [record.value for record in records if record.value is not None], sum(
        len(record.unreadable) for record in records
    )


def _culprit(place: Place, kind: str) -> Place:
    """Return the place to leave out: for a missing member the object that lacks it."""
    return place[:-1] if kind == "missing" else place


def _remove(value: Any, places: Sequence[Place]) -> list[str]:
    """Remove the values at some places, the last items of a list first, and return the places that were there."""
    present = {_within(value, place) for place in places} - {()}
    for place in sorted(present, key=_order, reverse=True):
        holder = value
        try:
            for step in place[:-1]:
                holder = holder[step]
            del holder[place[-1]]
        except (LookupError, TypeError):  # what held it is removed already
            continue
    return [".".join(map(str, place)) for place in sorted(present, key=str)]


def _order(place: Place) -> list[tuple[str, int]]:
    return [(step, 0) if isinstance(step, str) else ("", step) for step in place]


def _within(value: Any, place: Place) -> Place:
    """Return as much of a place as there is: validators add steps of their own, such as a union's member."""
    steps = list[int | str]()
    for step in place:
        is_there = step in value if isinstance(value, dict) else isinstance(value, list) and isinstance(step, int)
        if not is_there or (isinstance(value, list) and int(step) >= len(value)):
            break
        value = value[step]
        steps.append(step)
    return tuple(steps)
