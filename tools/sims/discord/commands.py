"""The rules for an application's commands."""

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sims.discord.answers import VALUES
from sims.discord.forms import Check, Fault, boolean, choice, listed, model, number, required, text, whole

SLASH, USER, MESSAGE = 1, 2, 3
SUB, GROUP, STRING, INTEGER, NUMBER, CHANNEL = 1, 2, 3, 4, 10, 7
MOST = {SLASH: 100, USER: 15, MESSAGE: 15}
SIZE = 8000
LOCALES = (
    "id",
    "da",
    "de",
    "en-GB",
    "en-US",
    "es-ES",
    "es-419",
    "fr",
    "hr",
    "it",
    "lt",
    "hu",
    "nl",
    "no",
    "pl",
    "pt-BR",
    "ro",
    "fi",
    "sv-SE",
    "vi",
    "tr",
    "cs",
    "el",
    "bg",
    "ru",
    "uk",
    "hi",
    "th",
    "zh-CN",
    "ja",
    "zh-TW",
    "ko",
)
MARKS = re.compile("[\u0900-\u097f\u0e00-\u0e7f]")
"""Devanagari and Thai: in Unicode their vowel signs are not letters."""


def _letter(sign: str) -> bool:
    return sign in "-_'" or unicodedata.category(sign)[0] in "LN" or bool(MARKS.match(sign))


def named(value: Any) -> Iterator[Fault]:
    """Check the name of a slash command or an option."""
    faults = [*text(32, 1)(value)]
    yield from faults
    if not faults and not all(map(_letter, value)):
        yield Fault("STRING_TYPE_REGEX", "String value did not match validation regex.")
    if not faults and (value != value.lower() or not all(map(_letter, value))):
        yield Fault("APPLICATION_COMMAND_INVALID_NAME", "Command name is invalid")


def localized(item: Check) -> Check:
    """Return the check of an object by locale."""

    def check(value: Any) -> Iterator[Fault]:
        if not isinstance(value, dict):
            yield Fault("DICT_TYPE_CONVERT", "Only dictionaries may be used in a DictType")
            return
        for locale, translation in value.items():
            yield from (fault.below(locale) for fault in choice(*LOCALES)(locale))
            yield from (fault.below(locale) for fault in item(translation))

    return check


def bitset(value: Any) -> Iterator[Fault]:
    """Check permissions, which are a number in a string."""
    if not re.fullmatch("[0-9]+", str(value)):
        yield Fault("NUMBER_TYPE_COERCE", f'Value "{value}" is not permissions.')


def _choices(kind: int) -> Check:
    def value(value_: Any) -> Iterator[Fault]:
        if isinstance(value_, bool) or not isinstance(value_, VALUES[kind]):
            yield Fault("APPLICATION_COMMAND_OPTIONS_CHOICE_TYPE", f"Value {value_!r} is not of the option's type")
        elif isinstance(value_, str):
            yield from text(100, 1)(value_)

    return listed(
        model({"name": text(100, 1), "name_localizations": localized(text(100, 1)), "value": value}, "name", "value"),
        25,
    )


DESCRIPTION = text(100, 1)
OPTION: dict[str, Check] = {
    "name": named,
    "name_localizations": localized(named),
    "description": DESCRIPTION,
    "description_localizations": localized(DESCRIPTION),
    "required": boolean,
    "autocomplete": boolean,
    "type": choice(*range(1, 12)),
}
ONLY: Mapping[str, tuple[int, ...]] = {
    "choices": (STRING, INTEGER, NUMBER),
    "autocomplete": (STRING, INTEGER, NUMBER),
    "min_value": (INTEGER, NUMBER),
    "max_value": (INTEGER, NUMBER),
    "min_length": (STRING,),
    "max_length": (STRING,),
    "channel_types": (CHANNEL,),
    "options": (SUB, GROUP),
    "required": tuple(range(3, 12)),
}
RANGES: dict[str, Check] = {
    "min_value": number,
    "max_value": number,
    "min_length": whole(0, 6000),
    "max_length": whole(1, 6000),
    "channel_types": listed(choice(*range(17)), 17),
}


def option(value: Any) -> Iterator[Fault]:
    """Check an option, with those below it."""
    faults = [*model(OPTION, "type", "name", "description")(value)]
    yield from faults
    if faults:
        return
    kind = value["type"]
    for name, kinds in ONLY.items():
        if value.get(name) and kind not in kinds:
            yield Fault("APPLICATION_COMMAND_OPTIONS_INVALID_MEMBER", f"Not for options of type {kind}", (name,))
    yield from model(RANGES)(value)
    if kind in VALUES:
        yield from model({"choices": _choices(kind)})(value)
    if value.get("autocomplete") and value.get("choices"):
        message = "Choices and autocomplete are mutually exclusive"
        yield Fault("APPLICATION_COMMAND_OPTIONS_AUTOCOMPLETE_CHOICES", message, ("choices",))
    yield from _below(kind, value)


def _below(kind: int, value: dict[str, Any]) -> Iterator[Fault]:
    inner = value.get("options")
    if kind == GROUP and not inner:
        yield required("options")
    if kind not in {SUB, GROUP} or inner is None:
        return
    yield from (fault.below("options") for fault in options(inner))
    kinds = {option.get("type") for option in inner if isinstance(option, dict)} if isinstance(inner, list) else set()
    if (kind == GROUP and kinds - {SUB}) or (kind == SUB and kinds & {SUB, GROUP}):
        yield Fault("APPLICATION_COMMAND_OPTIONS_TYPE_INVALID", "Not an option of this level", ("options",))


def options(value: Any) -> Iterator[Fault]:
    """Check a list of options: required ones first, each name once, and subcommands with nothing beside them."""
    faults = [*listed(option, 25)(value)]
    yield from faults
    if faults:
        return
    before: list[dict[str, Any]] = []
    for place, entry in enumerate(value):
        if entry.get("required") and any(not other.get("required") for other in before):
            message = "Required options must be placed before non-required options"
            yield Fault("APPLICATION_COMMAND_OPTIONS_REQUIRED_INVALID", message, (str(place),))
        if entry["name"] in [other["name"] for other in before]:
            yield Fault("APPLICATION_COMMAND_OPTIONS_NAME_ALREADY_EXISTS", "Option name already exists", (str(place),))
        before.append(entry)
    if 0 < sum(option["type"] in {SUB, GROUP} for option in value) < len(value):
        message = "Sub-command and sub-command group option types are mutually exclusive to all other types"
        yield Fault("APPLICATION_COMMAND_OPTIONS_TYPE_INVALID", message)


SHARED: dict[str, Check] = {
    "type": choice(*MOST),
    "default_member_permissions": bitset,
    "dm_permission": boolean,
    "nsfw": boolean,
    "integration_types": listed(choice(0, 1), 2, 1),
    "contexts": listed(choice(0, 1, 2), 3, 1),
}
SLASHED = SHARED | {
    "name": named,
    "name_localizations": localized(named),
    "description": DESCRIPTION,
    "description_localizations": localized(DESCRIPTION),
    "options": options,
}
TITLE = text(32, 1)
MENU = SHARED | {"name": TITLE, "name_localizations": localized(TITLE)}


def command(value: Any) -> list[Fault]:
    """Return the faults for which Discord would refuse a command."""
    kind = (value.get("type") or SLASH) if isinstance(value, dict) else SLASH
    if kind not in {USER, MESSAGE}:
        faults = [*model(SLASHED, "name", "description")(value)]
    else:
        faults = [*model(MENU, "name")(value)]
        for name in ("description", "options"):
            if value.get(name):
                message = f"Context menu commands cannot have {name}"
                faults.append(Fault("APPLICATION_COMMAND_CONTEXT_MENU_MEMBER_INVALID", message, (name,)))
    if not faults and _size(value) > SIZE:
        faults.append(Fault("APPLICATION_COMMAND_TOO_LARGE", f"Command exceeds maximum size ({SIZE})"))
    return faults


def commands(value: Any) -> list[Fault]:
    """Return the faults for which Discord would refuse a list of commands that overwrites all."""
    if not isinstance(value, list):
        return [Fault("LIST_TYPE_CONVERT", "Only iterables may be used in a ListType")]
    faults = [fault.below(place) for place, item in enumerate(value) for fault in command(item)]
    return faults or [*_names(value)]


def _names(value: Sequence[dict[str, Any]]) -> Iterator[Fault]:
    seen: set[tuple[int, str]] = set()
    for place, item in enumerate(value):
        if key_of(item) in seen:
            message = "Application command names must be unique"
            yield Fault("APPLICATION_COMMANDS_DUPLICATE_NAME", message, (str(place),))
        seen.add(key_of(item))


def too_many(value: Sequence[dict[str, Any]]) -> int:
    """Return the limit of a kind of command if there are more of it, else 0."""
    counts = {kind: sum(key_of(command)[0] == kind for command in value) for kind in MOST}
    return next((MOST[kind] for kind, count in counts.items() if count > MOST[kind]), 0)


def key_of(value: Mapping[str, Any]) -> tuple[int, str]:
    """Return the key that identifies a command: its type and name."""
    return value.get("type") or SLASH, value["name"]


def _size(value: Mapping[str, Any]) -> int:
    """Return the characters of all names, descriptions and values; of translations the longest counts."""
    size = sum(_longest(value, name) for name in ("name", "description"))
    size += len(value["value"]) if isinstance(value.get("value"), str) else 0
    return size + sum(_size(option) for name in ("options", "choices") for option in value.get(name) or [])


def _longest(value: Mapping[str, Any], name: str) -> int:
    texts = [value.get(name) or "", *(value.get(f"{name}_localizations") or {}).values()]
    return max(map(len, texts))
