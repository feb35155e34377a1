"""The entrypoint: JavaScript's events in, the app's answers out."""

import asyncio
from collections.abc import AsyncIterable, Awaitable, Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from functools import lru_cache
from importlib import import_module
from typing import Any

from js import TransformStream
from pydantic_core import from_json, to_json
from pyodide.ffi import JsException, create_proxy, jsnull, to_js
from workers import WorkerEntrypoint, import_from_javascript

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
from edge.runtimes.workers.js_bridge import (
    NativeStream,
    NativeUpgrade,
    from_object,
    is_nothing,
    message_of,
    raw,
    read_all,
    read_at_once,
    to_object,
)
from edge.runtimes.workers.runtime import (
    AssetsBinding,
    ConsoleLog,
    ContextBackground,
    RuntimeClock,
    RuntimeFetch,
    begin_event,
)
from edge.settings import Field, Settings

ADAPTERS: dict[Any, Callable[[], Callable[..., object]]] = {
    Bucket: lambda: import_module("edge.runtimes.workers.storage").R2,
    Database: lambda: import_module("edge.runtimes.workers.database").D1,
    Events: lambda: import_module("edge.runtimes.workers.events").DurableEvents,
    KeyValue: lambda: import_module("edge.runtimes.workers.storage").Kv,
    Mailer: lambda: import_module("edge.runtimes.workers.mailer").SendEmail,
    Model: lambda: import_module("edge.runtimes.workers.model").WorkersAi,
    ModelServers: lambda: import_module("edge.runtimes.workers.model").FetchedModels,
    Queue: lambda: import_module("edge.runtimes.workers.storage").QueueProducer,
    Quotas: lambda: import_module("edge.runtimes.workers.quotas").DurableQuotas,
    RateLimiter: lambda: import_module("edge.runtimes.workers.storage").RateLimit,
    Telemetry: lambda: import_module("edge.runtimes.workers.telemetry").AnalyticsEngine,
    Throttle: lambda: import_module("edge.runtimes.workers.throttle").DurableThrottle,
    Workflow: lambda: import_module("edge.runtimes.workers.workflows").WorkflowBinding,
}
"""The adapter of each port, imported with an app that uses the port: adapters are most of this runtime's import."""

BRIDGE = "edge/runtimes/workers/bridge.mjs"
"""The JavaScript of this runtime, at its path in the upload; wrangler.toml has a rule for it."""
COMMON_HEADERS = frozenset(
    {
        *("x-request-id", "traceparent", "origin", "authorization", "x-api-key", "cf-connecting-ip", "accept"),
        *("if-match", "if-none-match", "if-unmodified-since", "content-type", "content-encoding", "content-length"),
        "upgrade",
    }
)
"""The headers that are read with the request's method and URL; each other one is a call of its own."""

_NO_BODY = frozenset({101, 204, 205, 304})
LONGEST_LENGTH = 12
"""Digits of a `Content-Length` that is no more than any limit."""


def worker(app: App, adapters: Mapping[Any, Callable[..., object]] | None = None) -> type[WorkerEntrypoint]:
    """Return an app's entrypoint class. Every method of such a class can be called from outside, so it has no others.

    `adapters` are those of ports that few apps have.
    """
    isolate = Isolate(app, adapters)

    class Default(WorkerEntrypoint):
        def fetch(self, request: Any) -> Any:
            return isolate.fetch(request.js_object, self.env, self.ctx)

        # The runtime calls these two with three arguments, the last two of them None.
        async def scheduled(self, controller: Any, _env: Any = None, _ctx: Any = None) -> None:
            await isolate.scheduled(controller, self.env, self.ctx)

        async def queue(self, batch: Any, _env: Any = None, _ctx: Any = None) -> None:
            await isolate.queue(raw(batch), self.env, self.ctx)

    return Default


class Bridge:
    """The functions of `bridge.mjs`: `read` a request, and `respond`."""

    __slots__ = ("read", "respond")

    def __init__(self, module: Any) -> None:
        self.read: Callable[[Any], str] = module.reader(to_js([*COMMON_HEADERS]))
        self.respond: Callable[[Any, str], Any] = module.respond


class Isolate:
    """An app in one isolate. The settings are read at the first event, as nothing may be read at import."""

    def __init__(self, app: App, adapters: Mapping[Any, Callable[..., object]] | None = None) -> None:
        self.app = app
        bound = {field.port for field in app.settings.fields}
        used = bound | {ModelServers} if app.injector.takes(ModelServers) else bound
        self._adapters = {port: load() for port, load in ADAPTERS.items() if port in used} | dict(adapters or {})
        self._bridge: Bridge | None = None
        self._settings: Settings | None = None
        self._shared: dict[Any, object] = {}
        self._singletons: dict[Any, object] = {}

    async def fetch(self, request: Any, env: Any, context: Any) -> Any:
        """Answer a request."""
        ports = self.ports(env, context)
        bridge = self._bridge
        if bridge is None:
            bridge = self._bridge = Bridge(import_from_javascript(BRIDGE))
        method, url, found = from_json(bridge.read(request))
        path, _, query = url[url.index("/", 8) :].partition("?")
        headers = JsHeaders(request, found)
        response = await self.app.fetch(
            Request(method, path, query, headers, _reader(request, headers), ports, headers.client)
        )
        try:
            return _to_js(response, bridge, request, context)
        except (JsException, ValueError) as fault:  # such as a line break or a lone surrogate in a header
            ports.log("error", "response refused", error=message_of(fault))
            with suppress(JsException):  # it was taken, and cannot be closed any more
                await close(response.body)
            return bridge.respond(jsnull, '{"status":500}')

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
            Log: ConsoleLog("info" if "log_level" in settings.faults else settings.log_level),
        }
        if ModelServers in self._adapters:
            self._shared[ModelServers] = self._adapters[ModelServers]()
        return settings

    def _adapted(self, field: Field, value: Any, env: Any) -> object:
        """Return the adapter of a binding; a variable's value unchanged."""
        adapter = self._adapters.get(field.port)
        if adapter is None:
            return value
        if field.port is Telemetry:  # it reads by HTTP, not from the binding
            return adapter(value, lambda name: _text(getattr(env, name, None)), self._shared)
        return adapter(value, self.app.limits[field.name]) if field.port is RateLimiter else adapter(value)


class JsHeaders:
    """Request headers: those of `COMMON_HEADERS` as they were found, each other one fetched from JavaScript."""

    __slots__ = ("_found", "_request")

    def __init__(self, request: Any, found: Mapping[str, str]) -> None:
        self._request = request
        self._found = found

    def get(self, name: str) -> str | None:
        """Return the header's values, joined by commas, or None."""
        value = self._found.get(name)
        return value if value is not None or name in COMMON_HEADERS else _text(self._request.headers.get(name))

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


def _to_js(response: Response, bridge: Bridge, request: Any, context: Any) -> Any:
    if isinstance(response, NativeUpgrade):
        return response.to_js()
    head, has_type = _head(response)
    body = response.body
    if isinstance(body, bytes):
        return bridge.respond(_whole(body, response.status, has_type=has_type), head)
    if isinstance(body, NativeStream):
        return bridge.respond(body.body, head)
    pipe = TransformStream.new()
    started = bridge.respond(pipe.readable, head)  # before any part is made: it may be refused for its headers
    context.waitUntil(_feed(body, pipe.writable.getWriter(), request.signal))
    return started


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


async def _feed(parts: AsyncIterable[bytes], writer: Any, signal: Any) -> None:
    """Write a response's parts after it has begun, until the client leaves."""
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
