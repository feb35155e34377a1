"""The entrypoint: JavaScript's events in, the app's answers out."""

import asyncio
from collections.abc import AsyncIterable, Awaitable, Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from js import JSON, TransformStream
from js import Response as JsResponse
from pydantic_core import to_json
from pyodide.ffi import JsException, create_proxy, jsnull, to_js
from workers import WorkerEntrypoint

from edge.app import App
from edge.context import Ports
from edge.errors import NotConfigured
from edge.events import Delivery, Tick
from edge.http import FixedHeaders, Response, close
from edge.ports import (
    Assets,
    Background,
    Bucket,
    Clock,
    Database,
    Fetch,
    KeyValue,
    Log,
    Mailer,
    Queue,
    Quotas,
    RateLimiter,
    Throttle,
)
from edge.ports.crypto import Crypto
from edge.ports.events import Events
from edge.ports.model import Model, ModelServers
from edge.ports.telemetry import Telemetry
from edge.ports.workflows import Workflow
from edge.request import Request
from edge.runtimes.workers.crypto import WebCrypto
from edge.runtimes.workers.database import D1
from edge.runtimes.workers.events import DurableEvents, NativeUpgrade
from edge.runtimes.workers.js_bridge import (
    NativeStream,
    from_object,
    is_nothing,
    message_of,
    raw,
    read_all,
    read_at_once,
    to_object,
)
from edge.runtimes.workers.mailer import SendEmail
from edge.runtimes.workers.model import FetchedModels, WorkersAi
from edge.runtimes.workers.quotas import DurableQuotas
from edge.runtimes.workers.runtime import AssetsBinding, ConsoleLog, ContextBackground, RuntimeClock, RuntimeFetch
from edge.runtimes.workers.storage import R2, Kv, QueueProducer, RateLimit
from edge.runtimes.workers.telemetry import AnalyticsEngine, begin_event
from edge.runtimes.workers.throttle import DurableThrottle
from edge.runtimes.workers.workflows import WorkflowBinding
from edge.settings import Field, Settings

ADAPTERS: dict[Any, Callable[[Any], object]] = {
    Database: D1,
    KeyValue: Kv,
    Bucket: R2,
    Queue: QueueProducer,
    Quotas: DurableQuotas,
    Events: DurableEvents,
    Model: WorkersAi,
    Workflow: WorkflowBinding,
    Throttle: DurableThrottle,
    Mailer: SendEmail,
}
"""The adapter for a binding of each port type."""

_NO_BODY = frozenset({101, 204, 205, 304})
LONGEST_LENGTH = 12
"""Digits of a `Content-Length` that is no more than any limit."""


def worker(app: App, adapters: Mapping[Any, Callable[[Any], object]] | None = None) -> type[WorkerEntrypoint]:
    """Return an app's entrypoint class. Every method of such a class can be called from outside, so it has no others.

    `adapters` are those of ports that few apps have.
    """
    isolate = Isolate(app, ADAPTERS | dict(adapters or {}))

    class Default(WorkerEntrypoint):
        def fetch(self, request: Any) -> Any:
            return isolate.fetch(request.js_object, self.env, self.ctx)

        # The runtime calls these two with three arguments, the last two of them None.
        async def scheduled(self, controller: Any, _env: Any = None, _ctx: Any = None) -> None:
            await isolate.scheduled(controller, self.env, self.ctx)

        async def queue(self, batch: Any, _env: Any = None, _ctx: Any = None) -> None:
            await isolate.queue(raw(batch), self.env, self.ctx)

    return Default


class Isolate:
    """An app in one isolate. The settings are read at the first event, as nothing may be read at import."""

    def __init__(self, app: App, adapters: Mapping[Any, Callable[[Any], object]] = ADAPTERS) -> None:
        self.app = app
        self._adapters = adapters
        self._settings: Settings | None = None
        self._shared: dict[Any, object] = {}
        self._singletons: dict[Any, object] = {}

    async def fetch(self, request: Any, env: Any, context: Any) -> Any:
        """Answer a request."""
        ports = self.ports(env, context)
        url = request.url
        headers = request.headers
        path, _, query = url[url.index("/", 8) :].partition("?")
        sent = JsHeaders(headers)
        response = await self.app.fetch(
            Request(request.method, path, query, sent, _reader(request, sent), ports, sent.client)
        )
        try:
            return _to_js(response, request, context)
        except (JsException, ValueError) as fault:  # such as a line break or a lone surrogate in a header
            ports.log("error", "response refused", error=message_of(fault))
            with suppress(JsException):  # it was taken, and cannot be closed any more
                await close(response.body)
            return JsResponse.new(jsnull, to_object({"status": 500}))

    async def scheduled(self, controller: Any, env: Any, context: Any) -> None:
        """Run the jobs of a cron trigger."""
        at = datetime.fromtimestamp(controller.scheduledTime / 1000, UTC)
        try:
            await self.app.scheduled(Tick(controller.cron, at), self.ports(env, context))
        except ExceptionGroup as faults:
            if faults.split(NotConfigured)[1] is not None:  # else reported in a line, and the health is degraded
                raise

    async def queue(self, batch: Any, env: Any, context: Any) -> None:
        """Hand a batch to its consumer, then acknowledge each message or ask for a retry."""
        ports = self.ports(env, context)
        messages = {message.id: message for message in batch.messages}
        deliveries = [_delivery(message) for message in messages.values()]
        queue = batch.queue.removesuffix(f"-{ports.settings.environment}")  # each environment has queues of its own
        for outcome in await self.app.queue(queue, deliveries, ports):
            if outcome.retry_after is None:
                messages[outcome.id].ack()
            else:
                messages[outcome.id].retry(to_object({"delaySeconds": outcome.retry_after}))

    def ports(self, env: Any, context: Any) -> Ports:
        """Return the ports of one event."""
        if self._settings is None:
            self._settings = self._read(env)
        begin_event()
        log: Any = self._shared[Log]
        runtime = {**self._shared, Background: ContextBackground(context, log)}
        return Ports(self._settings, runtime, self._singletons)

    def _read(self, env: Any) -> Settings:
        values = {}
        for field in self.app.settings.fields:
            value = getattr(env, field.name, None)
            if not is_nothing(value):
                values[field.name] = self._adapted(field, value, env)
        settings = self.app.settings(values)
        self._shared |= {
            Assets: AssetsBinding(getattr(env, "ASSETS", None)),
            Clock: RuntimeClock(),
            Crypto: WebCrypto(),
            Fetch: RuntimeFetch(),
            ModelServers: FetchedModels(),
            Log: ConsoleLog("info" if "log_level" in settings.faults else settings.log_level),
        }
        return settings

    def _adapted(self, field: Field, value: Any, env: Any) -> object:
        """Return the adapter of a binding; a variable's value unchanged."""
        if field.port is Telemetry:  # it reads by HTTP, not from the binding
            return AnalyticsEngine(value, lambda name: _text(getattr(env, name, None)), self._shared)
        if field.port is RateLimiter:
            return RateLimit(value, self.app.limits[field.name])
        adapter = self._adapters.get(field.port)
        return adapter(value) if adapter else value


class JsHeaders:
    """Request headers, fetched from JavaScript one at a time."""

    __slots__ = ("_headers",)

    def __init__(self, headers: Any) -> None:
        self._headers = headers

    def get(self, name: str) -> str | None:
        """Return the header's values, joined by commas, or None."""
        value = self._headers.get(name)
        return value if isinstance(value, str) else None

    def client(self) -> str:
        """Return the address that Cloudflare says the request came from."""
        return self.get("cf-connecting-ip") or ""


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _delivery(message: Any) -> Delivery:
    sent_at = datetime.fromtimestamp(message.timestamp.getTime() / 1000, UTC)
    return Delivery(message.id, from_object(message.body), message.attempts, sent_at)


def _reader(request: Any, headers: JsHeaders) -> Callable[[int], Awaitable[bytes]]:
    async def read(limit: int) -> bytes:
        announced = headers.get("content-length") or ""
        if len(announced) < LONGEST_LENGTH and announced.isdecimal() and int(announced) <= limit:
            return await read_at_once(request, limit)
        return await read_all(request.body, limit)

    return read


def _to_js(response: Response, request: Any, context: Any) -> Any:
    if isinstance(response, NativeUpgrade):
        return response.to_js()
    text, has_type = _head(response)
    init = JSON.parse(text)
    body = response.body
    if isinstance(body, NativeStream):
        return JsResponse.new(body.body, init)
    if not isinstance(body, bytes):
        return _streaming(body, init, request, context)
    return JsResponse.new(_whole(body, response.status, has_type=has_type), init)


def _head(response: Response) -> tuple[str, bool]:
    """Return the JSON text of a response's status and headers, and whether they have a content type."""
    own = dict(response.headers)
    fixed, names = _fixed_members(response.fixed)
    has_type = "content-type" in own or "content-type" in names
    if fixed and len(own) == len(response.headers) and names.isdisjoint(own):
        members = f"{fixed},{to_json(own)[1:-1].decode()}" if own else fixed
        return f'{{"status":{response.status},"headers":{{{members}}}}}', has_type
    pairs = response.all_headers()
    headers = dict(pairs)  # an object is taken in half the time of a list of pairs
    whole: Any = headers if len(headers) == len(pairs) else pairs  # a name comes twice, such as Set-Cookie
    return to_json({"status": response.status, "headers": whole}).decode(), has_type


@lru_cache(maxsize=256)
def _fixed_members(groups: tuple[FixedHeaders, ...]) -> tuple[str, frozenset[str]]:
    """Return the fixed headers of a response as JSON members and their names; no members if a name comes twice."""
    pairs = [pair for group in groups for pair in group.pairs]
    headers = dict(pairs)
    return to_json(headers)[1:-1].decode() if len(headers) == len(pairs) else "", frozenset(headers)


def _whole(body: bytes, status: int, *, has_type: bool) -> Any:
    """Return a body in the form that JavaScript takes fastest. ASCII is passed as text if the headers have its type.

    Without one, JavaScript would add a type to text.
    """
    if not body or status in _NO_BODY:
        return jsnull
    return body.decode() if body.isascii() and has_type else to_js(body)


def _streaming(parts: AsyncIterable[bytes], init: Any, request: Any, context: Any) -> Any:
    """Return a response that is fed part by part after it has begun, until the client leaves."""
    pipe = TransformStream.new()
    response = JsResponse.new(pipe.readable, init)  # before any part is made: it may be refused for its headers
    context.waitUntil(_feed(parts, pipe.writable.getWriter(), request.signal))
    return response


async def _feed(parts: AsyncIterable[bytes], writer: Any, signal: Any) -> None:
    feeding = asyncio.ensure_future(_write(parts, writer))
    leave = create_proxy(lambda *_: feeding.cancel())
    signal.addEventListener("abort", leave)
    try:
        await asyncio.wait((feeding,))
    finally:
        signal.removeEventListener("abort", leave)
        leave.destroy()
        await close(parts)
    if not feeding.cancelled() and (fault := feeding.exception()) and not isinstance(fault, JsException):
        await writer.abort(str(fault))  # the client must not take a part for the whole
        raise fault


async def _write(parts: AsyncIterable[bytes], writer: Any) -> None:
    async for part in parts:
        await writer.write(to_js(part))
    await writer.close()
