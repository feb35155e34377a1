"""No body of 1 MiB blocks other requests: each model that reads one gets the shapes that cost it the most."""

import json
import time
from collections.abc import Iterator
from datetime import datetime
from functools import cache
from typing import Any, get_args

import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import from_json

import core_tessie.app
import devcapsules.app
import discord_bot.app
import klear_karma.app
import platform_api.app
import vinyl_vault.app
from core_tessie.actions.kinds import KINDS
from core_tessie.agent.tools import TOOLS
from discord_bot.interactions import Payload
from edge.errors import InvalidBody, Problem, list_faults
from edge.json_body import MOST_VALUES, body_check
from edge.request import BODY_LIMIT

pytestmark = pytest.mark.slow

APPS = (
    core_tessie.app.app,
    devcapsules.app.app,
    discord_bot.app.app,
    klear_karma.app.app,
    platform_api.app.app,
    vinyl_vault.app.app,
)
BODIES = [
    (f"{app.name} {endpoint.method} {endpoint.path}", item.hint)
    for app in APPS
    for endpoint in app.endpoints
    for item in endpoint.inputs
    if item.kind == "body"
]
MODELS: dict[str, Any] = {
    **dict(BODIES),
    **{f"action {name}": kind.takes for name, kind in KINDS.items()},
    **{f"tool {name}": tool.takes for name, tool in TOOLS.items()},
    "interaction": Payload,
}
READ: dict[str, Any] = {}
"""Those of the models that differ, each by the first that reads it."""
for _where, _model in MODELS.items():
    if _model not in READ.values():
        READ[_where] = _model
YARDSTICK = b"[" + b"[]," * 345_000 + b"[]]"
"""JSON of 1 MiB that takes the longest to be read."""
MOST_WORK = 6
"""Most CPU of a body, as a multiple of reading 1 MiB as JSON: 150 ms if that takes 25 ms."""
LARGEST = 100_000


def numbered(item: str, count: int) -> str:
    return ",".join([item % number for number in range(count)] if "%" in item else [item] * count)


FULL = MOST_VALUES // 2 - 10
"""Items that hold almost as many values as a body may."""
INNER = {
    "lists": f"[{numbered('[]', FULL)}]",
    "objects": f"[{numbered('{}', FULL)}]",
    "members": f"{{{numbered('"%x":[]', FULL)}}}",
    "scalars": f"[{numbered('1', FULL * 2)}]",
    "too many": YARDSTICK.decode(),
    "text": json.dumps("x" * (BODY_LIMIT - 200)),
    "escapes": json.dumps('"' * (BODY_LIMIT // 2 - 200)),
    "name": json.dumps({"x" * (BODY_LIMIT - 200): []}),
}
FLAT = (str, int, float, bool, datetime, type(None))


def shapes(hint: Any, share: int) -> Iterator[tuple[str, bytes]]:
    """Yield bodies: as a whole, in the first field, and in each field that may hold more than one value.

    Each field gets one of `share` shapes, the next field those that follow; a whole body gets all.
    """
    fields = hint.model_fields if isinstance(hint, type) and issubclass(hint, BaseModel) else {}
    begins = [("", "")]
    for number, (name, field) in enumerate(fields.items()):
        if number == 0 or not all(kind in FLAT for kind in get_args(field.annotation) or [field.annotation]):
            begins.append((f'{{"{field.alias or name}":', "}"))
    for turn, (begin, end) in enumerate(begins):
        for number, (what, inner) in enumerate(INNER.items()):
            if not begin or number % share == turn % share:
                yield f"{begin}{what}", (begin + inner + end).encode()


ATTEMPTS = 4
"""Measurements of a body that seems to take too much: another process disturbs one of them, not all."""


@cache
def yardstick() -> float:
    """Return the seconds that the yardstick takes at its quickest."""
    return min(cpu(from_json, YARDSTICK) for _ in range(5))


def share_of_yardstick(work: Any, given: Any) -> float:
    """Return how many times the CPU of the yardstick some work takes, at the least of a few attempts.

    The quickest yardstick is the strictest one. Work that seems to take too much is measured again.
    """
    least = cpu(work, given) / yardstick()
    for _ in range(ATTEMPTS):
        if least <= MOST_WORK:
            break
        least = min(least, cpu(work, given) / cpu(from_json, YARDSTICK))
    return least


def cpu(work: Any, *given: Any) -> float:
    """Return the seconds of CPU that work takes."""
    began = time.process_time()
    work(*given)
    return time.process_time() - began


EACH = pytest.mark.parametrize("share", [8, pytest.param(1, marks=pytest.mark.soak)])


@EACH
@pytest.mark.parametrize("where", READ)
def test_no_shape_of_a_body_blocks_for_long(where: str, share: int) -> None:
    check = body_check(READ[where])
    answers: list[int] = []

    def look(body: bytes) -> None:
        try:
            answer = check(body)
        except Problem as raised:
            answer = raised
        if isinstance(answer, Problem):
            answers.append(len(json.dumps(answer.document("/", "1"))))

    found = {what: share_of_yardstick(look, body) for what, body in shapes(READ[where], share)}
    assert answers or where.endswith("/d1/{table}")  # which takes any JSON
    assert {what: work for what, work in found.items() if work > MOST_WORK} == {}
    assert max(answers, default=0) < LARGEST


@EACH
@pytest.mark.parametrize("where", ["interaction", *(f"action {name}" for name in KINDS)])
def test_no_shape_of_a_value_that_is_read_already_blocks_for_long(where: str, share: int) -> None:
    """Values that are validated as Python: payloads of actions, and interactions, of which the bytes are signed."""
    validator = TypeAdapter[Any](MODELS[where])
    answers: list[int] = []

    def look(value: object) -> None:
        try:
            validator.validate_python(value)
        except ValidationError as invalid:
            answers.append(len(json.dumps(InvalidBody(list_faults(invalid)).document("/", "1"))))

    found = {what: share_of_yardstick(look, from_json(body)) for what, body in shapes(MODELS[where], share)}
    assert {what: work for what, work in found.items() if work > MOST_WORK} == {}
    assert max(answers) < LARGEST
