"""The limits of components: rows of buttons and selects, modals, and the layout components of version 2."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from sims.discord.forms import (
    Check,
    Fault,
    boolean,
    choice,
    listed,
    model,
    required,
    snowflake,
    text,
    union,
    url,
    whole,
)

ID = text(100, 1)
EMOJI = model({"name": text(100), "id": snowflake, "animated": boolean})
LINK, PREMIUM = 5, 6
BUTTON, STRING_SELECT = 2, 3


def _button(button: dict[str, Any]) -> Iterator[Fault]:
    style = button["style"]
    needed = {LINK: "url", PREMIUM: "sku_id"}.get(style, "custom_id")
    if button.get(needed) is None:
        yield required(needed)
    for name in ("url", "sku_id", "custom_id"):
        if name != needed and button.get(name) is not None:
            yield Fault("BUTTON_COMPONENT_INVALID_MEMBER", f"A button of style {style} cannot have {name}", (name,))
    if style != PREMIUM and not button.get("label") and not button.get("emoji"):
        yield required("label")


def _select(select: dict[str, Any]) -> Iterator[Fault]:
    options = select.get("options") or []
    least, most = select.get("min_values"), select.get("max_values")
    least = 1 if least is None else least
    most = 1 if most is None else most
    if least > most:
        yield Fault("SELECT_COMPONENT_MIN_VALUES_TOO_LARGE", "Must not be more than max_values", ("min_values",))
    if options and most > len(options):
        yield Fault("SELECT_COMPONENT_MAX_VALUES_EXCEEDS_OPTIONS", "There are fewer options", ("max_values",))
    for value, count in Counter(option["value"] for option in options).items():
        if count > 1:
            message = f"The specified option value is already used: {value}"
            yield Fault("SELECT_COMPONENT_OPTION_VALUE_DUPLICATED", message, ("options",))
    if sum(bool(option.get("default")) for option in options) > most:
        yield Fault("SELECT_COMPONENT_TOO_MANY_DEFAULT_VALUES", "More defaults than max_values", ("options",))


def _text_input(component: dict[str, Any]) -> Iterator[Fault]:
    if (component.get("min_length") or 0) > (component.get("max_length") or 4000):
        yield Fault("TEXT_INPUT_COMPONENT_MIN_LENGTH_TOO_LARGE", "Must not be more than max_length", ("min_length",))


BUTTONS = model(
    {
        "style": choice(1, 2, 3, 4, LINK, PREMIUM),
        "label": text(80),
        "emoji": EMOJI,
        "custom_id": ID,
        "url": url("http", "https", "discord", most=512),
        "sku_id": snowflake,
        "disabled": boolean,
    },
    "style",
    also=_button,
)
OPTION = model(
    {"label": text(100, 1), "value": text(100, 1), "description": text(100), "emoji": EMOJI, "default": boolean},
    "label",
    "value",
)
PICKER: dict[str, Check] = {
    "custom_id": ID,
    "placeholder": text(150),
    "min_values": whole(0, 25),
    "max_values": whole(1, 25),
    "disabled": boolean,
    "required": boolean,
}
CHOICE = model(PICKER | {"options": listed(OPTION, 25, 1)}, "custom_id", "options", also=_select)
SELECTS: dict[int, Check] = {STRING_SELECT: CHOICE} | dict.fromkeys(
    (5, 6, 7, 8), model(PICKER, "custom_id", also=_select)
)
INPUT: dict[str, Check] = {
    "custom_id": ID,
    "style": choice(1, 2),
    "label": text(45, 1),
    "min_length": whole(0, 4000),
    "max_length": whole(1, 4000),
    "required": boolean,
    "value": text(4000),
    "placeholder": text(100),
}


def _width(row: dict[str, Any]) -> Iterator[Fault]:
    kinds = [component["type"] for component in row["components"]]
    if len(kinds) > 1 and set(kinds) != {BUTTON}:
        yield Fault("COMPONENT_LAYOUT_WIDTH_EXCEEDED", "A row has buttons, or one select", ("components",))


ROW = model({"components": listed(union({BUTTON: BUTTONS} | SELECTS), 5, 1)}, "components", also=_width)
TEXT = model({"content": text(4000, 1)}, "content")
MEDIA = model({"url": url("http", "https", "attachment")}, "url")
THUMBNAIL = model({"media": MEDIA, "description": text(1024), "spoiler": boolean}, "media")
SECTION = model(
    {"components": listed(union({10: TEXT}), 3, 1), "accessory": union({BUTTON: BUTTONS, 11: THUMBNAIL})},
    "components",
    "accessory",
)
FILE = model({"file": model({"url": url("attachment")}, "url"), "spoiler": boolean}, "file")
INNER: dict[int, Check] = {
    1: ROW,
    9: SECTION,
    10: TEXT,
    12: model({"items": listed(THUMBNAIL, 10, 1)}, "items"),
    13: FILE,
    14: model({"divider": boolean, "spacing": choice(1, 2)}),
}
CONTAINER = model(
    {"components": listed(union(INNER), 40, 1), "accent_color": whole(0, 0xFFFFFF), "spoiler": boolean}, "components"
)
ROWS = listed(union({1: ROW}), 5)
LAYOUT = listed(union(INNER | {17: CONTAINER}), 40)

INPUT_ROW = model(
    {"components": listed(union({4: model(INPUT, "custom_id", "style", "label", also=_text_input)}), 1, 1)},
    "components",
)
ASKED: dict[int, Check] = {4: model(INPUT, "custom_id", "style", also=_text_input)} | SELECTS
LABEL = model({"label": text(45, 1), "description": text(100), "component": union(ASKED)}, "label", "component")
QUESTIONS = listed(union({1: INPUT_ROW, 10: TEXT, 18: LABEL}), 5, 1)
MODAL = model({"custom_id": ID, "title": text(45, 1), "components": QUESTIONS}, "custom_id", "title", "components")


def rows(value: Any) -> Iterator[Fault]:
    """Check a message's components of the first kind."""
    faults = [*ROWS(value)]
    yield from faults
    yield from () if faults else _twice(value)


def layout(value: Any) -> Iterator[Fault]:
    """Check a message's components of version 2."""
    faults = [*LAYOUT(value)]
    yield from faults
    every = [*walked(value)] if not faults else []
    if len(every) > 40:
        yield Fault("COMPONENT_LAYOUT_TOO_MANY_COMPONENTS", "A message has 40 components at most")
    if sum(len(component.get("content") or "") for _, component in every) > 4000:
        yield Fault("COMPONENT_MAX_TOTAL_LENGTH", "The text of all components is of 4000 characters at most")
    yield from () if faults else _twice(value)


def modal(value: Any) -> Iterator[Fault]:
    """Check the content of a modal."""
    faults = [*MODAL(value)]
    yield from faults
    yield from () if faults else (fault.below("components") for fault in _twice(value["components"]))


def walked(components: list[Any], *path: object) -> Iterator[tuple[tuple[object, ...], dict[str, Any]]]:
    """Yield every component, with its path."""
    for place, component in enumerate(components):
        yield (*path, place), component
        yield from walked(component.get("components") or [], *path, place, "components")
        for name in ("accessory", "component"):
            if component.get(name):
                yield (*path, place, name), component[name]


def _twice(components: list[Any]) -> Iterator[Fault]:
    seen: set[str] = set()
    for path, component in walked(components):
        name = component.get("custom_id")
        if name is not None and name in seen:
            fault = Fault("COMPONENT_CUSTOM_ID_DUPLICATED", "Component custom id cannot be duplicated", ("custom_id",))
            yield fault.below(*path)
        seen.add(name or "")
