"""The `Fetch`, `Clock`, `Background`, `Log` and `Assets` ports on the Workers runtime's own primitives."""

import asyncio
import json
from collections.abc import Coroutine
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

from js import AbortSignal, Array, console
from js import fetch as js_fetch
from pydantic_core import to_json
from pyodide.ffi import JsException, to_js

from edge.errors import PayloadTooLarge
from edge.http import HeaderList, Response
from edge.ports import Fetched, FetchError, FetchTimeout, Log
from edge.runtimes.limits import check_headers
from edge.runtimes.workers.js_bridge import from_object, message_of, raw, read_all, to_object
from edge.settings import LOG_LEVELS

MAX_ANSWER = 25 * 1024 * 1024
"""Most bytes of an answer: an isolate has 128 MB for everything."""

_DROPPED = frozenset({"content-encoding", "content-length", "transfer-encoding", "connection"})
_points: ContextVar[list[int]] = ContextVar("points written in this event")


def begin_event() -> None:
    """Count the points of this event and of its background work separately."""
    _points.set([0])


def count_point() -> int:
    """Return how many points this event has written, with this one; 1 outside of an event."""
    written = _points.get([0])
    written[0] += 1
    return written[0]


class RuntimeFetch:
    """Outbound HTTP by the runtime's `fetch`, which decompresses bodies."""

    async def __call__(
        self, method: str, url: str, *, headers: HeaderList | None = None, body: bytes = b"", timeout: float = 10.0
    ) -> Fetched:
        check_headers(headers or [])
        options = to_object({"method": method, "headers": headers or [], "redirect": "manual"})
        options.signal = AbortSignal.timeout(int(timeout * 1000))
        if body:
            options.body = to_js(body)
        try:
            answer = await js_fetch(url, options)
            return Fetched(answer.status, _headers(answer.headers), await read_all(answer.body, MAX_ANSWER))
        except PayloadTooLarge:
            raise FetchError(f"the answer is larger than {MAX_ANSWER} bytes") from None
        except JsException as fault:
            if fault.name in {"TimeoutError", "AbortError"}:
                raise FetchTimeout(f"no whole answer in {timeout:g} s") from None
            raise FetchError(message_of(fault)) from None


class RuntimeClock:
    """The runtime's clock, which stands still while nothing is awaited."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class ContextBackground:
    """Work that keeps its event's context alive, for at most 30 s after the response."""

    def __init__(self, context: Any, log: Log) -> None:
        self._context = context
        self._log = log

    def add(self, work: Coroutine[Any, Any, object]) -> None:
        self._context.waitUntil(self._run(work))

    async def _run(self, work: Coroutine[Any, Any, object]) -> None:
        try:
            await work
        except Exception as fault:
            self._log("error", "background work failed", error=f"{type(fault).__name__}: {fault}")


class ConsoleLog:
    """Writes one JSON line per call to the console, for Workers Logs to read its fields."""

    def __init__(self, level: str) -> None:
        self._enabled = frozenset(LOG_LEVELS[LOG_LEVELS.index(level) :])

    def writes(self, level: str) -> bool:
        return level in self._enabled

    def __call__(self, level: str, message: str, **fields: object) -> None:
        if level not in self._enabled:
            return
        entry = {"level": level, "message": message, **fields}
        try:
            line = to_json(entry, inf_nan_mode="null", fallback=str).decode()
        except Exception:  # such as a lone surrogate: a line that reads worse is better than none
            line = json.dumps(entry, default=str)
        (console.error if level == "error" else console.log)(line)


class AssetsBinding:
    """The static files behind the binding ASSETS; without it there are none."""

    def __init__(self, binding: Any) -> None:
        self._binding = raw(binding)

    async def get(self, path: str, if_none_match: str | None = None) -> Response | None:
        if self._binding is None:
            return None
        headers = {"if-none-match": if_none_match} if if_none_match else {}
        answer = await self._binding.fetch(f"https://assets.local{path}", to_object({"headers": headers}))
        if answer.status not in {200, 304}:
            return None
        return Response(await read_all(answer.body, MAX_ANSWER), answer.status, _headers(answer.headers))


def _headers(headers: Any) -> HeaderList:
    pairs = from_object(Array.from_(headers))
    return [(name, value) for name, value in pairs if name not in _DROPPED]
