"""Discord's answers, and its refusals by their codes."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from aiohttp import web

from sims.discord.forms import Fault, nested

CODES: Mapping[int, tuple[int, str]] = {
    10003: (404, "Unknown Channel"),
    10004: (404, "Unknown Guild"),
    10008: (404, "Unknown Message"),
    10015: (404, "Unknown Webhook"),
    10062: (404, "Unknown interaction"),
    10063: (404, "Unknown application command"),
    20012: (403, "You are not authorized to perform this action on this application"),
    30032: (400, "Maximum number of application commands reached"),
    40060: (400, "Interaction has already been acknowledged."),
    50006: (400, "Cannot send an empty message"),
    50027: (401, "Invalid Webhook Token"),
    50109: (400, "The request body contains invalid JSON."),
    220003: (400, "Webhooks can only create threads in forum channels"),
}
TYPES = "Expected \"Content-Type\" header to be one of {'application/json'}."


class Refusal(Exception):
    """A request that Discord refuses."""

    def __init__(self, status: int, body: Mapping[str, Any]) -> None:
        super().__init__(f"{status} {json.dumps(body, ensure_ascii=False)}")
        self.status = status
        self.body = body


def refusal(code: int, status: int | None = None) -> Refusal:
    """Return the refusal of a code."""
    usual, message = CODES[code]
    return Refusal(status or usual, {"message": message, "code": code})


def plain(status: int) -> Refusal:
    """Return a refusal that has no code of its own."""
    return Refusal(status, {"message": f"{status}: {web.Response(status=status).reason}", "code": 0})


def refuse(faults: Iterable[Fault]) -> None:
    """Refuse a form that has faults."""
    if errors := nested(faults):
        raise Refusal(400, {"message": "Invalid Form Body", "code": 50035, "errors": errors})


async def body_of(request: web.Request) -> Any:
    """Return a request's JSON."""
    if request.content_type != "application/json":
        raise Refusal(400, {"_misc": [TYPES]})
    try:
        return json.loads(await request.read(), parse_constant=_no_number)
    except ValueError:
        raise refusal(50109) from None


def _no_number(name: str) -> None:
    raise ValueError(name)


def flag(request: web.Request, name: str) -> bool:
    """Return a truth value of the query."""
    text = request.query.get(name, "false").lower()
    if text not in {"true", "false", "1", "0"}:
        refuse([Fault("BOOLEAN_TYPE_CONVERT", "Must be either true or false.", (name,))])
    return text in {"true", "1"}
