"""The rules for the content of a message, by the way that it is sent."""

import re
from collections.abc import Iterator
from typing import Any

from sims.discord.components import layout, rows
from sims.discord.embeds import LINK, embeds
from sims.discord.forms import Check, Fault, bits, boolean, choice, listed, model, required, snowflake, text, whole

SUPPRESS_EMBEDS, EPHEMERAL, LOADING, SILENT, COMPONENTS_V2 = 1 << 2, 1 << 6, 1 << 7, 1 << 12, 1 << 15
SENT = SUPPRESS_EMBEDS | SILENT | COMPONENTS_V2
MEMBERS = ("content", "embeds", "components", "poll")
"""A message has one of these at least."""


def _exclusive(mentions: dict[str, Any]) -> Iterator[Fault]:
    for kind in ("users", "roles"):
        if kind in (mentions.get("parse") or []) and mentions.get(kind):
            message = f'parse:["{kind}"] and {kind}: [ids...] are mutually exclusive.'
            yield Fault("MESSAGE_ALLOWED_MENTIONS_PARSE_EXCLUSIVE", message)


MENTIONS = model(
    {
        "parse": listed(choice("roles", "users", "everyone"), 3),
        "roles": listed(snowflake, 100),
        "users": listed(snowflake, 100),
        "replied_user": boolean,
    },
    also=_exclusive,
)
ANSWER = model({"poll_media": model({"text": text(55, 1)}, "text")}, "poll_media")
POLL = model(
    {
        "question": model({"text": text(300, 1)}, "text"),
        "answers": listed(ANSWER, 10, 1),
        "duration": whole(1, 768),
        "allow_multiselect": boolean,
        "layout_type": choice(1),
    },
    "question",
    "answers",
)
FORM: dict[str, Check] = {"content": text(2000), "tts": boolean, "allowed_mentions": MENTIONS, "poll": POLL}


def username(value: Any) -> Iterator[Fault]:
    """Check the name that a webhook's message shows."""
    yield from text(80, 1)(value)
    lowered = str(value).lower()
    for word in ("clyde", "discord", "```", "system message"):
        if word in lowered:
            yield Fault("USERNAME_INVALID_CONTAINS", f'Username cannot contain "{word}"')
    if re.fullmatch("everyone|here", lowered.strip()):
        yield Fault("USERNAME_INVALID_STRING", f'Username cannot be "{lowered.strip()}"')


WEBHOOK: dict[str, Check] = {"username": username, "avatar_url": LINK}


def draft(body: Any, *, allowed: int = SENT, more: dict[str, Check] | None = None) -> list[Fault]:
    """Return the faults for which Discord would refuse a message; `allowed` are the flags that may be set."""
    if not isinstance(body, dict):
        return [*model({})(body)]
    flags = body.get("flags")
    second = isinstance(flags, int) and bool(flags & COMPONENTS_V2)
    active: Check = layout if second else rows
    members = FORM | (more or {}) | {"embeds": embeds, "components": active, "flags": bits(allowed)}
    faults = [*model(members)(body)]
    if second:
        faults += [_legacy(name) for name in ("content", "embeds", "poll") if body.get(name)]
        faults += [] if body.get("components") else [required("components")]
    return faults


def _legacy(name: str) -> Fault:
    message = "The field cannot be used together with IS_COMPONENTS_V2"
    return Fault("MESSAGE_CANNOT_USE_LEGACY_FIELDS_WITH_COMPONENTS_V2", message, (name,))


def empty(body: dict[str, Any]) -> bool:
    """Tell whether a message is empty."""
    content = body.get("content")
    return not (isinstance(content, str) and content.strip()) and not any(body.get(name) for name in MEMBERS[1:])
