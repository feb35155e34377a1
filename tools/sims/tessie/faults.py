"""Failures on demand: rules that tests set over HTTP, and the middleware that obeys them."""

import asyncio
import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal, get_args

from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sims.tessie.errors import error
from sims.tessie.records import Json

type Kind = Literal[
    "unauthorized",
    "not_found",
    "asleep",
    "offline",
    "rate_limited",
    "server_error",
    "bad_gateway",
    "slow",
    "malformed",
    "cut_off",
    "html_error",
    "null_state",
    "bad_request",
    "other_shape",
    "empty",
    "fields",
    "unlisted",
    "odd_vins",
]

_TYPES: dict[str, type | tuple[type, ...]] = {
    "kind": str,
    "path": str,
    "vin": str,
    "method": str,
    "status": int,
    "retry_after": int,
    "delay": (int, float),
    "times": int,
    "every": int,
    "fields": dict,
}
_UNAVAILABLE = "vehicle unavailable: vehicle is offline or asleep"


class BadRule(ValueError):
    """A rule that is not valid."""


@dataclass(slots=True)
class Rule:
    """When `path` (a regex searched in the path), `vin` and `method` match: fail as `kind`.

    `fields` replace values in each record of the answer. `times` is the highest number of failures (None: no limit).
    `every` n leaves n-1 of n matching requests alone; `delay` and `retry_after` in seconds. `seen` counts matches,
    `fired` failures.
    """

    kind: Kind
    path: str = ""
    vin: str | None = None
    method: str | None = None
    status: int | None = None
    retry_after: int = 1
    delay: float = 0.0
    times: int | None = None
    every: int = 1
    fields: Json | None = None
    seen: int = 0
    fired: int = 0

    @classmethod
    def parse(cls, document: object) -> "Rule":
        """A rule from its JSON object."""
        if not isinstance(document, dict) or document.get("kind") not in get_args(Kind.__value__):
            raise BadRule(f"kind must be one of {', '.join(get_args(Kind.__value__))}")
        fields = {key: value for key, value in document.items() if value is not None}
        for key, value in fields.items():
            if not isinstance(value, _TYPES.get(key, ())):
                raise BadRule(f"{key} is not a key of a rule, or its type is wrong")
        try:
            re.compile(fields.get("path", ""))
        except re.error as wrong:
            raise BadRule(f"path is no regular expression: {wrong}") from wrong
        if fields.get("every", 1) < 1:
            raise BadRule("every must be 1 or more")
        return cls(**fields)

    def fires(self, method: str, path: str) -> bool:
        """Count the request if it matches; return whether this one fails."""
        if not self._matches(method, path) or (self.times is not None and self.fired >= self.times):
            return False
        self.seen += 1
        if self.seen % self.every:
            return False
        self.fired += 1
        return True

    def _matches(self, method: str, path: str) -> bool:
        # `/vehicles` names no car: a null_state rule for one car applies to its entry there.
        listing = self.kind in ("null_state", "unlisted") and path == "/vehicles"
        of_car = self.vin is None or self.vin in path or listing
        stateless = self.kind == "null_state" and not listing and not path.endswith("/state")
        return of_car and not stateless and self.method in (None, method) and re.search(self.path, path) is not None


class Faults:
    """The rules in force; the first that fires decides."""

    def __init__(self, rules: Iterable[Rule] = ()) -> None:
        self.rules = list(rules)

    def replace(self, rules: object) -> None:
        """Put other rules in force, from a JSON list."""
        if not isinstance(rules, list):
            raise BadRule("a JSON list of rules is expected")
        self.rules = [Rule.parse(rule) for rule in rules]

    def firing(self, method: str, path: str) -> Rule | None:
        """The rule that this request falls to."""
        return next((rule for rule in self.rules if rule.fires(method, path)), None)


class FaultMiddleware:
    """ASGI: fails requests by the rules."""

    def __init__(self, app: ASGIApp, faults: Faults) -> None:
        self._app = app
        self._faults = faults

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or hand it on."""
        path = scope.get("path", "")
        ours = scope["type"] != "http" or path.startswith("/_sim/")
        rule = None if ours else self._faults.firing(scope["method"], path)
        if rule is None:
            return await self._app(scope, receive, send)
        if rule.delay:
            await asyncio.sleep(rule.delay)
        if rule.kind == "slow":
            return await self._app(scope, receive, send)
        if rule.kind in _SPOILING:
            return await _spoiled(rule, path, await _whole(self._app, scope, receive), send)
        return await _failure(rule, path)(scope, receive, send)


_PLAIN = {
    "unauthorized": (401, "Invalid access token"),
    "not_found": (404, "Vehicle not found"),
    "offline": (408, _UNAVAILABLE),
    "bad_gateway": (502, "Bad gateway"),
    "bad_request": (400, "Invalid request"),
    "server_error": (500, "Internal server error"),
}


def _failure(rule: Rule, path: str) -> Response:
    """The answer in place of the real one; texts marked [U] in the facts are this simulator's choice."""
    if rule.kind == "asleep":
        return _asleep(rule, path)
    if rule.kind == "rate_limited":
        wait = str(rule.retry_after)
        return error(path, rule.status or 429, "Rate limit exceeded", {"Retry-After": wait, "RateLimit-Reset": wait})
    if rule.kind == "html_error":
        page = "<html><head><title>503</title></head><body><h1>Service Unavailable</h1></body></html>"
        return HTMLResponse(page, rule.status or 503)
    status, text = _PLAIN[rule.kind]
    return error(path, rule.status or status, text)


def _asleep(rule: Rule, path: str) -> Response:
    if path.endswith("/state"):
        return JSONResponse({"state": "asleep"}, rule.status or 200)
    if path.endswith("/status"):
        return JSONResponse({"status": "asleep"}, rule.status or 200)
    return error(path, rule.status or 408, _UNAVAILABLE)


async def _whole(app: ASGIApp, scope: Scope, receive: Receive) -> Response:
    """The real answer, collected."""
    started: list[Message] = []
    parts: list[bytes] = []

    async def collect(message: Message) -> None:
        if message["type"] == "http.response.start":
            started.append(message)
        else:
            parts.append(message.get("body", b""))

    await app(scope, receive, collect)
    response = Response(b"".join(parts), started[0]["status"])
    response.raw_headers = list(started[0]["headers"])
    return response


async def _spoiled(rule: Rule, path: str, real: Response, send: Send) -> None:
    """The real answer made unreadable, cut short, or without its state."""
    body = bytes(real.body)
    headers = [(name, value) for name, value in real.raw_headers if name != b"content-length"]
    if rule.kind == "malformed":
        body = body[: max(1, len(body) * 2 // 3)] + b'{"oops": tru'
    if rule.kind in _CHANGING:
        body = _CHANGING[rule.kind](rule, path, body)
    headers.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": rule.status or real.status_code, "headers": headers})
    if rule.kind == "cut_off":
        # Half of the announced length and no end: the server closes the connection.
        body = body[: len(body) // 2]
    await send({"type": "http.response.body", "body": body, "more_body": rule.kind == "cut_off"})


def _without_state(rule: Rule, path: str, body: bytes) -> bytes:
    """`last_state: null` in a listing of vehicles, null instead of one car's state."""
    state: Json = json.loads(body)
    if path != "/vehicles":
        return b"null"
    for vehicle in state.get("results", []):
        if rule.vin in (None, vehicle["vin"]):
            vehicle["last_state"] = None
    return json.dumps(state).encode()


def _in_another_shape(_rule: Rule, _path: str, body: bytes) -> bytes:
    """Another member in place of the results."""
    return json.dumps({"data": json.loads(body)}).encode()


def _emptied(_rule: Rule, _path: str, _body: bytes) -> bytes:
    """No results, though there are some."""
    return b'{"results": []}'


def _with_fields(rule: Rule, _path: str, body: bytes) -> bytes:
    """Replace values in the records' fields, or at the top level if there are no records."""
    state: Json = json.loads(body)
    for record in state.get("results", [state]):
        record.update(rule.fields or {})
    return json.dumps(state).encode()


def _without_car(rule: Rule, path: str, body: bytes) -> bytes:
    """A listing without one car."""
    state: Json = json.loads(body)
    if path == "/vehicles":
        state["results"] = [vehicle for vehicle in state["results"] if vehicle["vin"] != rule.vin]
    return json.dumps(state).encode()


def _with_odd_vins(_rule: Rule, _path: str, body: bytes) -> bytes:
    """A listing with entries that name no vehicle."""
    state: Json = json.loads(body)
    state["results"] += [{"vin": vin, "is_active": True} for vin in ("", "../..", "x" * 17, 5, None)] + ["?"]
    return json.dumps(state).encode()


_CHANGING: dict[str, Callable[[Rule, str, bytes], bytes]] = {
    "null_state": _without_state,
    "other_shape": _in_another_shape,
    "empty": _emptied,
    "fields": _with_fields,
    "unlisted": _without_car,
    "odd_vins": _with_odd_vins,
}
_SPOILING = {"malformed", "cut_off", *_CHANGING}
