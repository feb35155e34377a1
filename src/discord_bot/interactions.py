"""Interactions that Discord sends when someone uses the bot, and the answers of handlers."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BaseModel, StrictBool, StrictInt
from pydantic import Field as PydanticField

from edge.clients.discord import Embed, clipped, message

PING, COMMAND, COMPONENT, AUTOCOMPLETE, SUBMIT = 1, 2, 3, 4, 5
SUBCOMMAND, GROUP = 1, 2
"""Types of options that are commands themselves."""
PONG, MESSAGE, DEFERRED, DEFERRED_UPDATE, UPDATE, CHOICES, MODAL = 1, 4, 5, 6, 7, 8, 9
PRIVATE = 1 << 6
"""The flag of a message that only its reader sees."""
MOST_CHOICES = 25
MOST = PydanticField(max_length=100)
"""Bounds the lists of an interaction: options, values, components."""
SEPARATOR = ":"
"""Between the parts of a component's id; the first names its handler."""

type Kind = Literal["slash", "user", "message", "button", "select", "modal", "autocomplete"]
"""The thing that was used: a slash command, a menu of users or messages, a component, a form, or a completion."""


@dataclass(frozen=True, slots=True)
class Interaction:
    """A user's interaction. `body` holds a command's options or a modal's fields, `values` the choices of a menu.

    `parts` follow the name in a component's id; `typed` is the text to complete. Of a user's or message's menu,
    `target_id` is the id of that user or message, and `target` Discord's description of it. With the `token` anyone
    may answer, for 15 minutes.
    """

    kind: Kind
    name: str
    body: Any
    id: str
    application_id: str
    token: str = field(repr=False)
    user_id: str
    user_name: str
    parts: tuple[str, ...] = ()
    values: tuple[str, ...] = ()
    typed: str = ""
    locale: str = ""
    guild_id: str | None = None
    channel_id: str | None = None
    has_message: bool = False
    target_id: str | None = None
    target: dict[str, Any] | None = None
    request_id: str = ""


class Button(NamedTuple):
    """A button: of a link, or of an id that begins with its handler's name."""

    label: str
    id: str = ""
    url: str = ""

    def document(self) -> dict[str, Any]:
        """Return it as Discord takes it."""
        component: dict[str, Any] = {"type": 2, "label": clipped(self.label, 80)}
        return component | ({"style": 5, "url": self.url} if self.url else {"style": 1, "custom_id": self.id})


class Select(NamedTuple):
    """A menu of several; `options` are pairs of label and value."""

    id: str
    options: Sequence[tuple[str, str]]
    placeholder: str = ""

    def document(self) -> dict[str, Any]:
        """Return it as Discord takes it."""
        options = [{"label": clipped(label, 100), "value": value} for label, value in self.options[:MOST_CHOICES]]
        component = {"type": 3, "custom_id": self.id, "options": options, "min_values": 1, "max_values": len(options)}
        return component | ({"placeholder": clipped(self.placeholder, 150)} if self.placeholder else {})


class Reply(NamedTuple):
    """A message in answer; with `is_update` it replaces the message of the button or menu that was used."""

    content: str = ""
    embeds: Sequence[Embed] = ()
    rows: Sequence[Sequence[Button | Select]] = ()
    is_private: bool = False
    is_update: bool = False

    def document(self) -> dict[str, Any]:
        """Return it as Discord takes it. Absent parts are sent empty, so that nothing of an older message is left."""
        rows = [{"type": 1, "components": [component.document() for component in row]} for row in self.rows]
        component = {"content": "", "embeds": []} | message(self.content, self.embeds) | {"components": rows}
        return component | ({"flags": PRIVATE} if self.is_private else {})


def plain(reply: Reply) -> Reply:
    """Return a reply as text alone, without the cards and components that may be wrong with it."""
    texts = [str(reply.content or "")]
    for embed in reply.embeds:
        texts += [str(text) for text in (embed.title, embed.description, *(" ".join(field) for field in embed.fields))]
    text = "\n".join(filter(None, texts)) or "Done."
    return Reply(clipped(text, 1900), is_private=reply.is_private, is_update=reply.is_update)


class Field(NamedTuple):
    """A question of a modal."""

    id: str
    label: str
    placeholder: str = ""
    value: str = ""
    most: int = 200
    is_required: bool = False

    def document(self) -> dict[str, Any]:
        """Return it as Discord takes it, in a row of its own."""
        optional = {"placeholder": clipped(self.placeholder, 100), "value": clipped(self.value, self.most)}
        component = {"type": 4, "custom_id": self.id, "style": 1, "label": clipped(self.label, 45)}
        component |= {"max_length": self.most, "required": self.is_required}
        return {"type": 1, "components": [component | {name: text for name, text in optional.items() if text}]}


class Modal(NamedTuple):
    """A form that is shown at once: it can be the answer to no modal, and not a late one."""

    id: str
    title: str
    fields: Sequence[Field]

    def document(self) -> dict[str, Any]:
        """Return it as Discord takes it."""
        fields = [field.document() for field in self.fields]
        return {"custom_id": self.id, "title": clipped(self.title, 45), "components": fields}


MENUS: Mapping[int, Kind] = {2: "user", 3: "message"}
"""The kinds of commands by Discord's type, but for slash commands."""

type Choices = Sequence[tuple[str, str]]
"""Completions: pairs of a label and a value."""


Snowflake = Annotated[str, PydanticField(pattern=r"^[0-9]{1,20}$")]
Name = Annotated[str, PydanticField(max_length=200)]
Token = Annotated[str, PydanticField(pattern=r"^[A-Za-z0-9_=+/-][A-Za-z0-9._~=+/-]{0,999}$")]
"""Authorises an answer, and becomes a segment of a path."""
Text = Annotated[str, PydanticField(max_length=10_000, strict=True)]
Number = Annotated[float, PydanticField(strict=True, allow_inf_nan=False)]
Value = Text | StrictInt | Number | StrictBool | None


class _User(BaseModel):
    id: Snowflake
    username: Name = ""


class _Member(BaseModel):
    user: _User


class _Option(BaseModel):
    name: Name
    type: int = 3
    value: Value = None
    focused: bool = False
    options: Annotated[list["_Option"], MOST] = []


class _Input(BaseModel):
    """A component of a modal that may hold a user's input."""

    custom_id: Name | None = None
    value: Value = None
    values: list[Name] | None = None


class _Part(BaseModel):
    """A row of a modal with its components, or a label with its one."""

    components: Annotated[list[_Input], MOST] | None = None
    component: _Input | None = None


class _Data(BaseModel):
    name: Name = ""
    type: int = 1
    target_id: Snowflake | None = None
    resolved: dict[str, Any] | None = None
    options: Annotated[list[_Option], MOST] = []
    custom_id: Name = ""
    component_type: int = 2
    values: Annotated[list[Name], MOST] = []
    components: Annotated[list[_Part], MOST] = []


class Payload(BaseModel):
    """An interaction as Discord sends it, as far as it is read; the bounds lie above Discord's own."""

    id: Snowflake
    application_id: Snowflake
    type: int
    token: Token
    data: _Data
    user: _User | None = None
    member: _Member | None = None
    guild_id: Snowflake | None = None
    channel_id: Snowflake | None = None
    locale: Name = ""
    message: dict[str, Any] | None = None


def understood(payload: Payload, request_id: str) -> Interaction:
    """Return the interaction of a payload, with the name of its handler."""
    data = payload.data
    user = payload.member.user if payload.member else payload.user
    command, command_options = _subcommand(data)
    options = {option.name: option.value for option in command_options}
    focused = next((option for option in command_options if option.focused), None)
    first, *parts = data.custom_id.split(SEPARATOR)
    kinds: dict[int, tuple[Kind, str, Any]] = {
        COMMAND: (MENUS.get(data.type, "slash"), command, options),
        AUTOCOMPLETE: ("autocomplete", f"{command} {focused.name if focused else ''}", options),
        COMPONENT: ("button" if data.component_type == 2 else "select", first, {}),
        SUBMIT: ("modal", first, dict(_fields(data.components))),
    }
    kind, name, body = kinds.get(payload.type, ("slash", "", {}))
    return Interaction(
        kind,
        name,
        body,
        payload.id,
        payload.application_id,
        payload.token,
        user.id if user else "",
        user.username if user else "",
        parts=tuple(parts),
        values=tuple(data.values),
        typed=str(focused.value or "") if focused else "",
        locale=payload.locale,
        guild_id=payload.guild_id,
        channel_id=payload.channel_id,
        has_message=payload.message is not None,
        target_id=data.target_id,
        target=_target(data),
        request_id=request_id,
    )


def _subcommand(data: _Data) -> tuple[str, Sequence[_Option]]:
    """Return a command's name, with the names of its group and subcommand, and the options of that."""
    name = data.name
    options = data.options
    while len(options) == 1 and options[0].type in {SUBCOMMAND, GROUP}:
        name = f"{name} {options[0].name}"
        options = options[0].options
    return name, options


def _target(data: _Data) -> dict[str, Any] | None:
    """Return Discord's description of the user or message of a menu."""
    resolved = (data.resolved or {}).get("users" if data.type == 2 else "messages")
    target = resolved.get(data.target_id) if isinstance(resolved, dict) else None
    return target if isinstance(target, dict) else None


def _fields(parts: Sequence[_Part]) -> Iterator[tuple[str, Any]]:
    """Yield the fields of a modal, which are in rows or in labels."""
    for part in parts:
        for component in [*(part.components or []), *filter(None, [part.component])]:
            if component.custom_id is not None:
                yield (
                    component.custom_id,
                    component.value if "value" in component.model_fields_set else component.values,
                )
