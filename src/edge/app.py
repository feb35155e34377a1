"""An app: the composition of resources, middleware, jobs and consumers, and the pipeline of a request through it."""

import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, cast

from edge.access import PUBLIC, Actor, require
from edge.context import NO_CALLER, Ports
from edge.endpoint import Endpoint, PlanError, Route
from edge.errors import (
    BadRequest,
    MethodNotAllowed,
    NotConfigured,
    NotFound,
    Problem,
    Unauthorized,
    UrlTooLong,
)
from edge.events import Delivery, EventHandler, Frame, Outcome, Retry, Tick
from edge.failures import failure_response, frame_problem, report_missing, trace_of
from edge.http import Response, close
from edge.injection import CallerTables, Injector, Provider
from edge.pipeline import Middleware, nested
from edge.ports import Assets, Background, Clock, Fetch, Limit, Log
from edge.ports.crypto import Crypto
from edge.ports.events import LIVE_AUDIENCES, Audience
from edge.ports.model import ModelServers
from edge.ports.workflows import Run
from edge.reach import Reach
from edge.request import URL_LIMIT, Request
from edge.routes import Consumer, FrameRoute, Routes
from edge.routing import Router
from edge.settings import Settings


class PlainHttpOnly(BadRequest):
    """This is no WebSocket."""

    title = "This is no WebSocket"


type Authenticate = Callable[..., Awaitable[Actor]]
"""Called with a request and any ports that its signature requests; `Unauthorized` if the caller is unknown."""

type Admit = Callable[..., Awaitable[None]]
"""Called with an anonymous request, and any ports that its signature requests; a problem refuses it."""

type Revalidate = Callable[..., Awaitable[Actor]]
"""Called with an actor, and any ports that its signature requests; returns the actor with its current rights.

`Unauthorized` if the credential has ended.
"""

type CountFrame = Callable[..., Awaitable[None]]
"""Called with the actor of a socket's frame, and any ports that its signature requests; a problem refuses the frame."""

RUNTIME_PORTS = (Assets, Background, Clock, Crypto, Fetch, Log, ModelServers)
"""The ports of every runtime; all others are bindings, named in the settings."""

MAX_RETRY_DELAY = 43_200
"""The longest delay that the platform's queues accept, in seconds."""


class App:
    """Routes, jobs and consumers, compiled at import. It names no runtime: each of its methods gets its ports.

    `tables` declares the owners of the rows in the first database: a handler's `Database` holds its caller's rows
    alone. `authenticate` identifies the caller of each route that is not public. `admit` runs before public routes, and
    after a failed authentication: a limit on anonymous requests thus bounds their guesses, too. `revalidate` checks the
    credential of an open socket or stream, and `count_frame` counts a socket's frame as a request. `audiences` maps
    each type of live events to its readers. `queues` maps each binding of type `Queue` to the name of its queue,
    `limits` each `RateLimiter` to its limit. `migrations` is the app's folder below `migrations/`, empty for the
    default Worker.
    """

    def __init__(  # noqa: PLR0913 - the composition root is a list of parts
        self,
        name: str,
        *,
        version: str,
        settings: type[Settings],
        resources: Sequence[Routes],
        authenticate: Authenticate,
        admit: Admit | None = None,
        revalidate: Revalidate | None = None,
        count_frame: CountFrame | None = None,
        audiences: Mapping[str, Audience] | None = None,
        middleware: Sequence[Middleware] = (),
        providers: Sequence[Callable[..., Any] | Provider] = (),
        tables: CallerTables | None = None,
        queues: Mapping[str, str] | None = None,
        limits: Mapping[str, Limit] | None = None,
        migrations: str = "",
    ) -> None:
        self.name = name
        self.version = version
        self.settings = settings
        self.queues = queues or {}
        self.limits = limits or {}
        self.migrations = migrations
        self.tables = tables
        self.middleware = middleware
        providers = [*providers, *(provider for group in resources for provider in group.providers)]
        self._begins = tables is not None or any(isinstance(provider, Provider) for provider in providers)
        injector = self.injector = Injector(settings, RUNTIME_PORTS, providers, tables)
        self.endpoints = [self._endpoint(route) for group in resources for route in group.routes]
        self.router = Router(self.endpoints, {endpoint.path for endpoint in self.endpoints if endpoint.route.is_alone})
        self._plan_events(resources)
        self._authenticate = injector.bind(authenticate, 1)
        self._admit = injector.bind(admit, 1) if admit else None
        self._bind_live(resources, revalidate, count_frame)
        self.audiences = LIVE_AUDIENCES | dict(audiences or {})
        self._dialects = [(group.prefix, group.translate_problem) for group in resources if group.translate_problem]
        self._pipeline = nested(middleware, self._answer, injector)
        self._compose(resources)

    def _compose(self, resources: Sequence[Routes]) -> None:
        """Tell each group the app, once the app is whole."""
        for group in resources:
            group.compose(self)

    def _plan_events(self, resources: Sequence[Routes]) -> None:
        """Plan the handlers that the clock, the queues, clients' frames and workflows start."""
        injector = self.injector
        self.jobs = [(job.cron, EventHandler(job.handler, Tick, injector)) for group in resources for job in group.jobs]
        self.consumers = _by_queue(consumer for group in resources for consumer in group.consumers)
        self._consume = {
            queue: EventHandler(consumer.handler, Delivery, injector) for queue, consumer in self.consumers.items()
        }
        self.frames = {frame.type: frame for group in resources for frame in group.frames}
        self._on_frame = {frame.type: self._frame_handler(frame) for frame in self.frames.values()}
        self.workflows = {
            workflow.binding: EventHandler(workflow.handler, Run, injector)
            for group in resources
            for workflow in group.workflows
        }

    def _bind_live(
        self, resources: Sequence[Routes], revalidate: Revalidate | None, count_frame: CountFrame | None
    ) -> None:
        """Prepare the checks of open sockets and streams: the app's own, or those of the group with the socket."""
        live = next((group for group in resources if group.socket_path), None)
        self.socket_path = live.socket_path if live else "/ws"
        if live is not None:
            revalidate = revalidate or live.revalidate
            count_frame = count_frame or live.count_frame
        self._revalidate = _bind_actor(self.injector, revalidate) if revalidate else None
        self._count_frame = _bind_actor(self.injector, count_frame) if count_frame else None

    def _endpoint(self, route: Route) -> Endpoint:
        self.injector.takes_rows = False
        endpoint = Endpoint(route, self.injector.for_caller)
        if route.access is not PUBLIC:
            self._check_reach(f"{route.method} {route.path}", route.reach)
        return endpoint

    def _frame_handler(self, frame: FrameRoute) -> EventHandler[Frame]:
        self.injector.takes_rows = False
        handler = EventHandler(frame.handler, Frame, self.injector.for_caller)
        if frame.reach is not None and frame.reach.argument:
            raise PlanError(f"frame {frame.type}: its reach names no argument")
        self._check_reach(f"frame {frame.type}", frame.reach)
        return handler

    def _check_reach(self, where: str, reach: Reach | None) -> None:
        """Raise `PlanError` if an app with tables has a route that does not declare how it keeps callers apart."""
        if self.tables is None or self.injector.takes_rows:
            return
        if reach is None:
            raise PlanError(f"{where}: take the caller's Database, or declare its reach=, such as OPEN or subject(…)")
        if reach.is_optional:
            raise PlanError(f"{where}: a caller that names no subject gets its own rows: take its Database")

    def fetch(self, request: Request) -> Awaitable[Response]:
        """Answer a request; every fault becomes a response."""
        if self._begins:
            request.ports = request.ports.begin()
        response = self._pipeline(request)
        return _without_body(response) if request.method == "HEAD" else response

    async def scheduled(self, tick: Tick, ports: Ports) -> None:
        """Run the jobs of a cron expression, each of them even if another fails; then raise the failures."""
        faults = list[Exception]()
        ports = self._begin(ports)
        due = [job for cron, job in self.jobs if cron == tick.cron]
        if not due:
            ports.log("error", "no job has this cron expression", cron=tick.cron)
        for job in due:
            try:
                await job(tick, ports)
            except NotConfigured as fault:
                report_missing(fault, ports, f"job of {tick.cron}")
                faults.append(fault)
            except Exception as fault:
                ports.log("error", "job failed", cron=tick.cron, error=trace_of(fault))
                faults.append(fault)
        if faults:
            raise ExceptionGroup(f"jobs of {tick.cron}", faults)

    async def queue(self, queue: str, deliveries: Iterable[Delivery], ports: Ports) -> list[Outcome]:
        """Hand each message to the queue's consumer and return the outcome of each."""
        consumer, run = self.consumers[queue], self._consume[queue]
        return [await _deliver(consumer, run, delivery, self._begin(ports)) for delivery in deliveries]

    async def revalidate(self, actor: Actor, ports: Ports) -> Actor:
        """Return a caller with its credential's current rights; `Unauthorized` if the credential has ended."""
        if actor.expires_at is not None and actor.expires_at <= time.time():
            raise Unauthorized("the key or token has expired")
        return actor if self._revalidate is None else await self._revalidate(actor, ports)

    async def admit_frame(self, frame: Frame, ports: Ports) -> Actor:
        """Authorize and count a socket's frame as a request; return its actor with the credential's current rights.

        Errors: `Unauthorized` if the credential has ended, and any other problem that refuses the frame.
        """
        try:
            actor = await self.revalidate(frame.actor, ports)
            if self._count_frame is not None:
                await self._count_frame(actor, ports)
        except Problem:
            raise
        except Exception as fault:
            raise frame_problem(frame, ports, fault, self.socket_path) from None
        return actor

    async def frame(self, frame: Frame, ports: Ports) -> dict[str, Any]:
        """Return the answer to a frame: `result`, the handler's return value, or `problem`, the document of a fault."""
        try:
            return {"result": await self._frame(frame, ports)}
        except Problem as fault:
            problem = fault
        except Exception as fault:
            problem = frame_problem(frame, ports, fault, self.socket_path)
        return {"problem": problem.document(self.socket_path, frame.request_id)}

    async def workflow(self, binding: str, run: Run, ports: Ports) -> Any:
        """Run a workflow from its last finished step, and return its result."""
        return await self.workflows[binding](run, self._begin(ports))

    def provide[T](self, kind: type[T], ports: Ports) -> T:
        """Return a provider's value, made of the ports; `PlanError` if no provider makes it."""
        take = self.injector(kind)
        if take is None:
            raise PlanError(f"nothing provides {kind}")
        return cast("T", take(ports))

    async def _frame(self, frame: Frame, ports: Ports) -> Any:
        kind = frame.body.get("type") if isinstance(frame.body, dict) else None
        route = self.frames.get(kind) if isinstance(kind, str) else None
        if route is None:
            raise BadRequest(f"a frame is a JSON object with a type: {', '.join(['ping', 'subscribe', *self.frames])}")
        require(frame.actor, route.access)
        if route.reach is not None and route.reach.is_checked:
            route.reach.check(frame.actor, (), ())
        return await self._on_frame[route.type](frame, self._begin(ports, frame.actor))

    def _begin(self, ports: Ports, caller: object = NO_CALLER) -> Ports:
        """Return the ports of one event, if providers or callers depend on the event."""
        return ports.begin(caller) if self._begins else ports

    async def _answer(self, request: Request) -> Response:
        try:
            if request.refusal is not None:
                raise request.refusal
            try:
                endpoint, request.params = self._find(request)
            except Problem as refused:
                return await self._unrouted(request, refused)
            request.route = endpoint.path
            if endpoint.access is PUBLIC:
                if self._admit:
                    await self._admit(request)
            else:
                try:
                    request.actor = actor = await self._authenticate(request)
                except Unauthorized:  # a guess counts as an anonymous request
                    if self._admit:
                        await self._admit(request)
                    raise
                require(actor, endpoint.access)
            if self._begins:
                request.ports.caller = request.actor
            response = await endpoint(request)
            if isinstance(response, Problem):
                return self._failed(request, response)
            return response if isinstance(response.body, bytes) else await _streamed(request, response)
        except Exception as fault:
            return self._failed(request, fault)

    def _failed(self, request: Request, fault: Exception) -> Response:
        """Return the response to a request that failed, in the dialect of its path."""
        response = failure_response(request, fault)
        if not self._dialects:
            return response
        path = f"{request.route or request.path}/"
        for prefix, translate in self._dialects:
            if path.startswith(f"{prefix}/"):
                return translate(request, response)
        return response

    def _find(self, request: Request) -> tuple[Endpoint, tuple[str, ...]]:
        """Return the route and its parameters; `UrlTooLong`, or the router's errors."""
        if len(request.path) + len(request.query) > URL_LIMIT:
            raise UrlTooLong(f"path and query have at most {URL_LIMIT} characters")
        return self.router.find(request.method, request.path)

    async def _unrouted(self, request: Request, refused: Problem) -> Response:
        """Answer a request without a route: a file, the methods of a path, or the problem; each counts as anonymous."""
        if self._admit:
            await self._admit(request)
        if isinstance(refused, NotFound) and Assets in request.ports.runtime and (asset := await _asset(request)):
            return asset
        if isinstance(refused, MethodNotAllowed) and request.method == "OPTIONS":
            return Response(status=204, headers=list(refused.headers))
        return self._failed(request, refused)


def _bind_actor[T](injector: Injector, function: Callable[..., T]) -> Callable[[Actor, Ports], T]:
    """Return a function of an actor whose other arguments come from the ports."""
    takes = injector.arguments(function, 1)
    return lambda actor, ports: function(actor, *[take(ports) for take in takes])


async def _streamed(request: Request, response: Response) -> Response:
    """Return a response that streams, unless a WebSocket was requested: a handshake's answer has an end."""
    if request.method == "GET" and (request.headers.get("upgrade") or "").lower() == "websocket":
        await close(response.body)
        raise PlainHttpOnly("this streams over plain HTTP: ask for it without Upgrade")
    return response


def _by_queue(consumers: Iterable[Consumer]) -> dict[str, Consumer]:
    by_queue: dict[str, Consumer] = {}
    for consumer in consumers:
        if by_queue.setdefault(consumer.queue, consumer) is not consumer:
            raise PlanError(f"two consumers of {consumer.queue}")
    return by_queue


async def _deliver(consumer: Consumer, run: EventHandler[Delivery], delivery: Delivery, ports: Ports) -> Outcome:
    try:
        await run(delivery, ports)
    except Retry as again:
        ports.log("info", "message returned to its queue", queue=consumer.queue, id=delivery.id, reason=str(again))
        delay = _delay(consumer, delivery) if again.delay is None else min(max(again.delay, 0), MAX_RETRY_DELAY)
        return Outcome(delivery.id, delay)
    except NotConfigured as fault:
        report_missing(fault, ports, f"queue {consumer.queue}")
        return Outcome(delivery.id, _delay(consumer, delivery))
    except Exception as fault:
        ports.log("error", "message failed", queue=consumer.queue, id=delivery.id, error=trace_of(fault))
        return Outcome(delivery.id, _delay(consumer, delivery))
    return Outcome(delivery.id)


def _delay(consumer: Consumer, delivery: Delivery) -> int:
    return int(min(consumer.retry_delay * 2 ** min(max(delivery.attempts - 1, 0), 16), MAX_RETRY_DELAY))


async def _asset(request: Request) -> Response | None:
    if request.method not in {"GET", "HEAD"}:
        return None
    assets = cast("Assets", request.ports.runtime[Assets])
    asset = await assets.get(request.path, request.headers.get("if-none-match"))
    if asset is not None:  # the app sets CORS here; the files' own headers are for requests without a Worker
        asset.headers = [pair for pair in asset.headers if not pair[0].startswith("access-control-")]
    return asset


async def _without_body(answer: Awaitable[Response]) -> Response:
    """Return the response to HEAD: the length of the body that GET sends, and a stream closed before it is read."""
    response = await answer
    body, headers = response.body, response.headers
    if not isinstance(body, bytes):
        await close(body)
    elif body and response.header("content-length") is None:
        headers = [*headers, ("content-length", str(len(body)))]
    return Response(b"", response.status, headers, response.fixed)
