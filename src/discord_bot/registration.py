"""Registration of commands: Discord's documents from the declarations, and how they differ from the registered ones.

No Worker loads this; `make register` does.
"""

from collections.abc import Iterator, Mapping, Sequence
from types import NoneType, UnionType
from typing import Any, Literal, NamedTuple, TypeAliasType, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from discord_bot.commands import Command, OptionKind, Parent, Planned
from discord_bot.interactions import GROUP, SUBCOMMAND

STRING, INTEGER, BOOLEAN, NUMBER = 3, 4, 5, 10
KINDS = {str: STRING, int: INTEGER, bool: BOOLEAN, float: NUMBER}
BOUNDS = {STRING: ("min_length", "max_length"), INTEGER: ("min_value", "max_value"), NUMBER: ("min_value", "max_value")}

MENUS = {"user": 2, "message": 3}
NO_PARENTS: Mapping[str, Parent] = {}

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
        return f"{sign} {self.name}" + (f": {', '.join(self.members)}" if self.members else "")


def documents(planned: Mapping[tuple[str, str], Planned], parents: Mapping[str, Parent] = NO_PARENTS) -> list[Document]:
    """Return the commands as they are registered: slash commands by name, then those of menus."""
    completed = {name for kind, name in planned if kind == "autocomplete"}
    slashes = [planned_command.command for (kind, _), planned_command in sorted(planned.items()) if kind == "slash"]
    whole: dict[str, Document] = {}
    for command in slashes:
        _place(command, whole, parents, completed)
    menus = [
        (MENUS[kind], planned_command.command)
        for (kind, _), planned_command in sorted(planned.items())
        if kind in MENUS
    ]
    menu_documents = [
        {"type": number, "name": command.name} | _permissions(command.permissions) for number, command in menus
    ]
    return [*whole.values(), *menu_documents]


def changes(declared: Sequence[Document], registered: Sequence[Document]) -> list[Change]:
    """Return the changes from the registered commands to the declared ones, apart from members that Discord adds."""
    new, old = ({_title(document): document for document in some} for some in (declared, registered))
    differences = [Change("added", name) for name in new.keys() - old.keys()]
    differences += [Change("removed", name) for name in old.keys() - new.keys()]
    for name in new.keys() & old.keys():
        if members := list(_differing(new[name], old[name])):
            differences.append(Change("changed", name, members))
    return sorted(differences, key=lambda change: change.name)


def duplicates(declared: Sequence[Document], elsewhere: Sequence[Document]) -> list[str]:
    """Return the commands that are registered in another scope, too, so that people see them twice."""
    return sorted({_title(document) for document in declared} & {_title(document) for document in elsewhere})


def _title(document: Document) -> str:
    kind = document.get("type") or 1
    return f"/{document['name']}" if kind == 1 else f"{'user' if kind == 2 else 'message'} menu: {document['name']}"


def _place(command: Command, whole: dict[str, Document], parents: Mapping[str, Parent], completed: set[str]) -> None:
    """Add a slash command; a subcommand goes into its command, and into the group of it that its name has."""
    words = command.name.split(" ")
    own = {"name": words[-1], "description": command.description, "options": _options(command, completed)}
    if len(words) == 1:
        whole[command.name] = {"type": 1} | own | _permissions(command.permissions)
        return
    if command.permissions is not None:
        raise Unregistrable(f"/{command.name}: permissions are those of its command: declare parent({words[0]!r}, …)")
    top = whole.setdefault(words[0], {"type": 1} | _parent(words[0], parents) | _needed(words[0], parents))
    holder: Document = top
    if len(words) == 3:
        group = next((option for option in top["options"] if option["name"] == words[1]), None)
        if group is None:
            group = {"type": GROUP} | _parent(" ".join(words[:2]), parents)
            top["options"].append(group)
        holder = group
    holder["options"].append({"type": SUBCOMMAND} | own)


def _parent(name: str, parents: Mapping[str, Parent]) -> Document:
    last = name.rpartition(" ")[2]
    description = parents[name].description if name in parents else last.replace("-", " ").capitalize()
    return {"name": last, "description": description, "options": []}


def _needed(name: str, parents: Mapping[str, Parent]) -> Document:
    return _permissions(parents[name].permissions if name in parents else None)


def _permissions(bits: int | None) -> Document:
    return {} if bits is None else {"default_member_permissions": str(bits)}


def _options(command: Command, completed: set[str]) -> list[Document]:
    model = command.takes
    fields = model.model_fields if model else {}
    options = [_option(name, field, f"{command.name} {name}" in completed) for name, field in fields.items()]
    return sorted(options, key=lambda option: not option["required"])


def _option(name: str, field: FieldInfo, is_completed: bool) -> Document:
    hint, marks = _plain(field.annotation, list(field.metadata))
    choices = get_args(hint) if get_origin(hint) is Literal else ()
    marked = next((mark.number for mark in marks if isinstance(mark, OptionKind)), None)
    kind = marked or KINDS.get(type(choices[0]) if choices else hint)
    if kind is None or not field.description:
        raise Unregistrable(f"option {name}: {hint} is not a type of an option, or the option has no description")
    option: Document = {"type": kind, "name": name, "description": field.description, "required": field.is_required()}
    if choices:
        option["choices"] = [{"name": str(choice).replace("-", " "), "value": choice} for choice in choices]
    if is_completed:
        option["autocomplete"] = True
    return option | (dict(_bounds(kind, marks)) if not choices and marked is None else {})


def _bounds(kind: int, marks: Sequence[Any]) -> Iterator[tuple[str, Any]]:
    names = BOUNDS.get(kind)
    if names is None:
        return
    for name, attributes in zip(names, (("ge", "min_length"), ("le", "max_length")), strict=True):
        bound = next(
            (getattr(mark, attribute) for mark in marks for attribute in attributes if hasattr(mark, attribute)), None
        )
        if bound is not None:
            yield name, bound


def _plain(hint: Any, marks: list[Any]) -> tuple[Any, list[Any]]:
    """Return a type without names, marks and None, and all the marks."""
    if isinstance(hint, TypeAliasType):
        return _plain(hint.__value__, marks)
    if hasattr(hint, "__metadata__"):
        return _plain(get_args(hint)[0], [*marks, *hint.__metadata__])
    if get_origin(hint) in {Union, UnionType}:
        [inner] = [argument for argument in get_args(hint) if argument is not NoneType] or [str]
        return _plain(inner, marks)
    return hint, marks


def _differing(new: Any, old: Any, path: str = "") -> Iterator[str]:
    """Yield the paths at which two documents differ; a false or empty member equals an absent one."""
    if isinstance(new, dict) and isinstance(old, dict):
        for name in new.keys() | (old.keys() & _OURS):
            yield from _differing(new.get(name), old.get(name), f"{path}.{name}" if path else name)
    elif isinstance(new, list) and isinstance(old, list) and len(new) == len(old):
        for place, (new_item, old_item) in enumerate(zip(new, old, strict=True)):
            yield from _differing(new_item, old_item, f"{path}.{place}")
    elif (new or None) != (old or None):
        yield path


_OURS = frozenset(
    {
        "default_member_permissions",
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
