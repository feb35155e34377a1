"""Declarations of the bot's commands, like those of routes: each names its handler and how it is answered."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, NamedTuple, get_args, get_origin, get_type_hints

from pydantic import BaseModel, Field

from discord_bot.interactions import Interaction, Kind
from edge import Body, PlanError
from edge.endpoint import Handler
from edge.events import EventHandler
from edge.injection import Injector


class OptionKind(NamedTuple):
    """Marks an option that is more to Discord than its JSON type says."""

    number: int


type _Id = Annotated[str, Field(pattern=r"^[0-9]{1,20}$")]
User = Annotated[_Id, OptionKind(6)]
"""An option that is a user; the value is the user's id."""
Channel = Annotated[_Id, OptionKind(7)]
"""An option that is a channel; the value is its id."""
Role = Annotated[_Id, OptionKind(8)]
"""An option that is a role; the value is its id."""


class Command(NamedTuple):
    """A declared handler. One that `is_deferred` is answered for at once, and runs after that.

    `permissions` are the bits that a member needs to see the command (0: administrators alone), None for nobody's.
    """

    kind: Kind
    name: str
    handler: Handler
    description: str = ""
    is_deferred: bool = False
    is_private: bool = False
    permissions: int | None = None

    @property
    def takes(self) -> type[BaseModel] | None:
        """The model of the options or fields: the handler's `Body[…]`."""
        for hint in get_type_hints(self.handler, include_extras=True).values():
            if get_origin(hint) is Body:
                model: type[BaseModel] = get_args(hint)[0]
                return model
        return None


class Parent(NamedTuple):
    """A command, or a group of it, that has subcommands."""

    description: str
    permissions: int | None = None


class Planned(NamedTuple):
    """A command, ready to run."""

    command: Command
    takes: type[BaseModel] | None
    run: EventHandler[Interaction]


class Commands:
    """The commands of one resource, with the buttons, menus and forms that belong to them."""

    def __init__(self) -> None:
        self.declared: list[Command] = []
        self.parents: dict[str, Parent] = {}

    def slash(
        self,
        name: str,
        description: str,
        *,
        is_deferred: bool = False,
        is_private: bool = False,
        permissions: int | None = None,
    ) -> Callable[[Handler], Handler]:
        """Declare a slash command; its options are the fields of the model that the handler takes as `Body`.

        A subcommand's name is `command subcommand`, or `command group subcommand`; `parent` describes the command.
        """
        how = {"is_deferred": is_deferred, "is_private": is_private, "permissions": permissions}
        return self._declare("slash", name, description, **how)

    def parent(self, name: str, description: str, *, permissions: int | None = None) -> None:
        """Describe a command, or a group of it, that has subcommands; `permissions` are those of the command."""
        self.parents[name] = Parent(description, permissions)

    def user_menu(
        self, name: str, *, is_deferred: bool = False, is_private: bool = True, permissions: int | None = None
    ) -> Callable[[Handler], Handler]:
        """Declare an entry of the menu of users; the handler takes the `Interaction`, which has the `target`."""
        how: dict[str, Any] = {"is_deferred": is_deferred, "is_private": is_private, "permissions": permissions}
        return self._declare("user", name, **how)

    def message_menu(
        self, name: str, *, is_deferred: bool = False, is_private: bool = True, permissions: int | None = None
    ) -> Callable[[Handler], Handler]:
        """Declare an entry of the menu of messages; the handler takes the `Interaction`, which has the `target`."""
        how: dict[str, Any] = {"is_deferred": is_deferred, "is_private": is_private, "permissions": permissions}
        return self._declare("message", name, **how)

    def button(self, name: str, *, is_private: bool = True) -> Callable[[Handler], Handler]:
        """Declare the handler of the buttons with the id `name`, or with an id that begins with it and a colon."""
        return self._declare("button", name, is_private=is_private)

    def select(self, name: str, *, is_private: bool = True) -> Callable[[Handler], Handler]:
        """Declare the handler of a choice in a menu with such an id."""
        return self._declare("select", name, is_private=is_private)

    def modal(self, name: str, *, is_private: bool = True) -> Callable[[Handler], Handler]:
        """Declare the handler of a form; its fields are those of the model that the handler takes as `Body`."""
        return self._declare("modal", name, is_private=is_private)

    def autocomplete(self, command: str, option: str) -> Callable[[Handler], Handler]:
        """Declare the handler that completes an option of a slash command."""
        return self._declare("autocomplete", f"{command} {option}")

    def _declare(self, kind: Kind, name: str, description: str = "", **how: Any) -> Callable[[Handler], Handler]:
        def declare(handler: Handler) -> Handler:
            self.declared.append(Command(kind, name, handler, description, **how))
            return handler

        return declare


def plan(groups: list[Commands], injector: Injector) -> dict[tuple[str, str], Planned]:
    """Return all handlers by kind and name; `PlanError` if two have the same, or one completes no option."""
    planned_commands: dict[tuple[str, str], Planned] = {}
    for command in (command for group in groups for command in group.declared):
        key = command.kind, command.name
        if key in planned_commands:
            raise PlanError(f"two handlers of the {command.kind} {command.name}")
        planned_commands[key] = Planned(
            command, command.takes, EventHandler(command.handler, Interaction, injector.for_caller)
        )
    for kind, name in planned_commands:
        slash, _, option = name.rpartition(" ")
        planned = planned_commands.get(("slash", slash))
        if kind == "autocomplete" and not (planned and planned.takes and option in planned.takes.model_fields):
            raise PlanError(f"autocomplete of {name}: the command has no such option")
        if kind == "slash":
            _check_name(name, planned_commands)
    return planned_commands


def _check_name(name: str, planned: Mapping[tuple[str, str], Planned]) -> None:
    """Raise `PlanError` for a subcommand of a command that has a handler itself, and for one too deep."""
    words = name.split(" ")
    if len(words) > 3:
        raise PlanError(f"/{name}: a command has a group and a subcommand at most")
    above = [" ".join(words[:depth]) for depth in range(1, len(words))]
    for parent in above:
        if ("slash", parent) in planned:
            raise PlanError(f"/{parent} has subcommands, so it has no handler of its own: /{name}")
