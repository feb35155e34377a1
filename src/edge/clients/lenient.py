"""Lenient reading of foreign records: an unreadable field costs that field, and an item of a list costs that item."""

from collections.abc import Iterable, Sequence
from copy import deepcopy
from typing import Any, NamedTuple

from pydantic import BaseModel, ValidationError

type Place = tuple[int | str, ...]


class Record[M: BaseModel](NamedTuple):
    """A record, None where it lacks what its model requires; `unreadable` names the places that were left out."""

    value: M | None
    unreadable: list[str]


def read[M: BaseModel](model: type[M], given: Any) -> Record[M]:
    """Return a record without its unreadable parts."""
    unreadable = list[str]()
    copied = False
    while True:
        try:
            return Record(model.model_validate(given), unreadable)
        except ValidationError as fault:
            given = given if copied else deepcopy(given)
            copied = True
            errors = fault.errors(include_url=False, include_context=False, include_input=False)
            removed = _remove(given, [_culprit(one["loc"], one["type"]) for one in errors])
            unreadable += removed
            if not removed:
                return Record(None, unreadable + [".".join(map(str, one["loc"])) for one in errors])


def read_all[M: BaseModel](model: type[M], given: Iterable[Any]) -> tuple[list[M], int]:
    """Return the readable records of a list, and how many fields and records were left out."""
    records = [read(model, one) for one in given]
    return [one.value for one in records if one.value is not None], sum(len(one.unreadable) for one in records)


def _culprit(place: Place, kind: str) -> Place:
    """Return the place to leave out: for a missing member the object that lacks it."""
    return place[:-1] if kind == "missing" else place


def _remove(given: Any, places: Sequence[Place]) -> list[str]:
    """Remove the values at some places, the last items of a list first, and return the places that were there."""
    found = {_within(given, place) for place in places} - {()}
    for place in sorted(found, key=_order, reverse=True):
        holder = given
        try:
            for step in place[:-1]:
                holder = holder[step]
            del holder[place[-1]]
        except (LookupError, TypeError):  # what held it is removed already
            continue
    return [".".join(map(str, place)) for place in sorted(found, key=str)]


def _order(place: Place) -> list[tuple[str, int]]:
    return [(step, 0) if isinstance(step, str) else ("", step) for step in place]


def _within(given: Any, place: Place) -> Place:
    """Return as much of a place as there is: validators add steps of their own, such as a union's member."""
    steps = list[int | str]()
    for step in place:
        is_there = step in given if isinstance(given, dict) else isinstance(given, list) and isinstance(step, int)
        if not is_there or (isinstance(given, list) and int(step) >= len(given)):
            break
        given = given[step]
        steps.append(step)
    return tuple(steps)
