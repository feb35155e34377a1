"""Registration of commands: Discord's documents from the declarations, and how they differ from the registered ones.

No Worker loads this; `make register` does.
"""

from collections.abc import Iterator, Mapping, Sequence
from types import NoneType, UnionType
from typing import Any, Literal, NamedTuple, TypeAliasType, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from discord_bot.commands import Command, OptionKind, Planned

STRING, INTEGER, BOOLEAN, NUMBER = 3, 4, 5, 10
KINDS = {str: STRING, int: INTEGER, bool: BOOLEAN, float: NUMBER}
BOUNDS = {STRING: ("min_length", "max_length"), INTEGER: ("min_value", "max_value"), NUMBER: ("min_value", "max_value")}

type Document = dict[str, Any]


class Unregistrable(Exception):
    """A declaration that Discord has no form for."""


class Change(NamedTuple):
    """A planned change of a command: `members` are the paths that differ."""

    what: Literal["added", "changed", "removed"]
    name: str
    members: Sequence[str] = ()

    def __str__(self) -> str:
        sign = {"added": "+", "changed": "~", "removed": "-"}[self.what]
        return f"{sign} /{self.name}" + (f": {', '.join(self.members)}" if self.members else "")


def documents(planned: Mapping[tuple[str, str], Planned]) -> list[Document]:
    """Return the slash commands as they are registered, by name."""
    completed = {name for kind, name in planned if kind == "autocomplete"}
    slashes = [one.command for (kind, _), one in sorted(planned.items()) if kind == "slash"]
    return [_command(command, completed) for command in slashes]


def changes(wanted: Sequence[Document], known: Sequence[Document]) -> list[Change]:
    """Return what differs between what is wanted and what Discord knows, whatever it adds of its own."""
    new, old = ({one["name"]: one for one in some} for some in (wanted, known))
    found = [Change("added", name) for name in new.keys() - old.keys()]
    found += [Change("removed", name) for name in old.keys() - new.keys()]
    for name in new.keys() & old.keys():
        if members := list(_differing(new[name], old[name])):
            found.append(Change("changed", name, members))
    return sorted(found, key=lambda change: change.name)


def _command(command: Command, completed: set[str]) -> Document:
    model = command.takes
    fields = model.model_fields if model else {}
    options = [_option(name, field, f"{command.name} {name}" in completed) for name, field in fields.items()]
    options.sort(key=lambda option: not option["required"])
    return {"type": 1, "name": command.name, "description": command.description, "options": options}


def _option(name: str, field: FieldInfo, is_completed: bool) -> Document:
    hint, marks = _plain(field.annotation, list(field.metadata))
    choices = get_args(hint) if get_origin(hint) is Literal else ()
    marked = next((mark.number for mark in marks if isinstance(mark, OptionKind)), None)
    kind = marked or KINDS.get(type(choices[0]) if choices else hint)
    if kind is None or not field.description:
        raise Unregistrable(f"option {name}: {hint} is no type of an option, or it has no description")
    option: Document = {"type": kind, "name": name, "description": field.description, "required": field.is_required()}
    if choices:
        option["choices"] = [{"name": str(one).replace("-", " "), "value": one} for one in choices]
    if is_completed:
        option["autocomplete"] = True
    return option | (dict(_bounds(kind, marks)) if not choices and marked is None else {})


def _bounds(kind: int, marks: Sequence[Any]) -> Iterator[tuple[str, Any]]:
    names = BOUNDS.get(kind)
    if names is None:
        return
    for name, attributes in zip(names, (("ge", "min_length"), ("le", "max_length")), strict=True):
        bound = next((getattr(mark, one) for mark in marks for one in attributes if hasattr(mark, one)), None)
        if bound is not None:
            yield name, bound


def _plain(hint: Any, marks: list[Any]) -> tuple[Any, list[Any]]:
    """Return a type without names, marks and None, and all the marks."""
    if isinstance(hint, TypeAliasType):
        return _plain(hint.__value__, marks)
    if hasattr(hint, "__metadata__"):
        return _plain(get_args(hint)[0], [*marks, *hint.__metadata__])
    if get_origin(hint) in {Union, UnionType}:
        [inner] = [one for one in get_args(hint) if one is not NoneType] or [str]
        return _plain(inner, marks)
    return hint, marks


def _differing(new: Any, old: Any, path: str = "") -> Iterator[str]:
    """Yield the paths at which something is wanted otherwise; what is false or empty may as well be absent."""
    if isinstance(new, dict) and isinstance(old, dict):
        for name in new.keys() | (old.keys() & _OURS):
            yield from _differing(new.get(name), old.get(name), f"{path}.{name}" if path else name)
    elif isinstance(new, list) and isinstance(old, list) and len(new) == len(old):
        for place, (one, other) in enumerate(zip(new, old, strict=True)):
            yield from _differing(one, other, f"{path}.{place}")
    elif (new or None) != (old or None):
        yield path


_OURS = frozenset(
    {
        "description",
        "options",
        "choices",
        "autocomplete",
        "required",
        "min_value",
        "max_value",
        "min_length",
        "max_length",
    }
)
"""Defaults of a declaration: a member that Discord has and the declaration lacks counts as a difference."""
