"""The rules for a bot's answer to an interaction."""

from collections.abc import Iterator, Mapping
from typing import Any

from sims.discord.components import modal
from sims.discord.drafts import EPHEMERAL, SENT, draft, empty
from sims.discord.forms import Fault, bits, choice, listed, model, text

PING, COMMAND, COMPONENT, AUTOCOMPLETE, SUBMIT = 1, 2, 3, 4, 5
PONG, MESSAGE, DEFERRED, DEFERRED_UPDATE, UPDATE, CHOICES, MODAL = 1, 4, 5, 6, 7, 8, 9
ALLOWED: Mapping[int, tuple[int, ...]] = {
    PING: (PONG,),
    COMMAND: (MESSAGE, DEFERRED, MODAL, 10, 12),
    COMPONENT: (MESSAGE, DEFERRED, DEFERRED_UPDATE, UPDATE, MODAL, 10, 12),
    AUTOCOMPLETE: (CHOICES,),
    SUBMIT: (MESSAGE, DEFERRED, DEFERRED_UPDATE, UPDATE, 10, 12),
}
LOST = ("content", "embeds", "components", "poll", "tts", "attachments")
"""Members that a deferred answer cannot carry."""
VALUES: Mapping[int, tuple[type, ...]] = {3: (str,), 4: (int,), 10: (int, float)}


def answer_faults(payload: Mapping[str, Any], answer: Any) -> list[Fault]:
    """Return the faults for which Discord would refuse this answer to an interaction."""
    allowed = ALLOWED.get(payload.get("type", 0), ())
    if payload.get("type") == SUBMIT and "message" not in payload:
        allowed = tuple(kind for kind in allowed if kind not in {DEFERRED_UPDATE, UPDATE})
    faults = [*model({"type": choice(*allowed)}, "type")(answer)]
    return faults or [fault.below("data") for fault in _data(payload, answer["type"], answer.get("data"))]


def _data(payload: Mapping[str, Any], kind: int, data: Any) -> list[Fault]:
    if data is not None and not isinstance(data, dict):
        return [*model({})(data)]
    fields = data or {}
    if kind == MODAL:
        return [*modal(fields)]
    if kind == CHOICES:
        return [*_choices(payload, fields)]
    if kind in {DEFERRED, DEFERRED_UPDATE}:
        return [*_deferred(fields)]
    if kind not in {MESSAGE, UPDATE}:
        return []
    faults = draft(fields, allowed=SENT | EPHEMERAL)
    return faults or ([Fault("50006", "Cannot send an empty message")] if kind == MESSAGE and empty(fields) else [])


def _deferred(data: dict[str, Any]) -> Iterator[Fault]:
    yield from model({"flags": bits(EPHEMERAL)})(data)
    for name in LOST:
        if data.get(name):
            yield Fault("DEFERRED_CARRIES_NOTHING", "A deferred answer takes only flags, this is lost", (name,))


def _choices(payload: Mapping[str, Any], data: dict[str, Any]) -> Iterator[Fault]:
    kind = next((option["type"] for option in _options(payload.get("data") or {}) if option.get("focused")), None)

    def value(value_: Any) -> Iterator[Fault]:
        if isinstance(value_, bool) or not isinstance(value_, VALUES.get(kind or 0, (str, int, float))):
            yield Fault("BASE_TYPE_CHOICES", f"Could not interpret {value_!r} as a value of the option's type {kind}.")
        elif isinstance(value_, str):
            yield from text(100)(value_)

    choice = model({"name": text(100, 1), "value": value}, "name", "value")
    yield from model({"choices": listed(choice, 25)}, "choices")(data)


def _options(data: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for option in data.get("options") or []:
        yield option
        yield from _options(option)
