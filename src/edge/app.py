"""An app: the composition of resources, middleware, jobs and consumers, and the road of a request through it."""

import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, cast

from edge.access import PUBLIC, Actor, Role, require
from edge.context import NO_CALLER, Ports
from edge.endpoint import Endpoint, PlanError, Route
from edge.errors import (
    BadRequest,
    MethodNotAllowed,
    NotFound,
    Problem,
    Unauthorized,
    UrlTooLong,
)
from edge.events import Delivery, EventHandler, Frame, Outcome, Retry, Tick
from edge.failures import failure_response, frame_problem, trace_of
from edge.http import Response, close
from edge.injection import CallerTables, Injector, Provider
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


type Next = Callable[[Request], Awaitable[Response]]
type Middleware = Callable[..., Awaitable[Response]]
"""Called with a request, the rest of the road, and any ports that its signature asks for behind these two."""

type Authenticate = Callable[..., Awaitable[Actor]]
"""Called with a request and any ports that its signature asks for; `Unauthorized` where the caller is not known."""

type Admit = Callable[..., Awaitable[None]]
"""Called with a stranger's request, and any ports that its signature asks for; a problem keeps it out."""

type Revalidate = Callable[..., Awaitable[Actor]]
"""Called with an actor, and any ports that its signature asks for; returns it as its credential stands now.

`Unauthorized` where the credential has ended.
"""

type CountFrame = Callable[..., Awaitable[None]]
"""Called with the actor of a socket's frame, and any ports that its signature asks for; a problem refuses the frame."""

RUNTIME_PORTS = (Assets, Background, Clock, Crypto, Fetch, Log, ModelServers)
"""The ports of every runtime; all others are bindings, named in the settings."""

MAX_RETRY_DELAY = 43_200
"""Seconds, the longest delay that the platform's queues take."""


class App:
    """Routes, jobs and consumers, compiled at import. It names no runtime: each of its methods gets its ports.

    `tables` declares whose the rows of the first database are: a handler's `Database` holds those of its caller alone.
    `admit` stands before what is public, as `authenticate` does before all else, and behind that for who is not known
    there: what bounds strangers bounds their tries. `revalidate` looks at the credential of a socket or stream that is
    open, `count_frame` counts a socket's frame as a request, and `audiences` gives for each type of live events who
    gets them. `queues` gives for each binding of type `Queue` the name of its
    queue, `limits` for each `RateLimiter` what it allows; `migrations` is the app's folder below `migrations/`, empty
    for the default Worker.
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
        self.name, self.version, self.settings = name, version, settings
        self.queues, self.limits, self.migrations = queues or {}, limits or {}, migrations
        self.tables = tables
        self.middleware = middleware
        providers = [*providers, *(provider for group in resources for provider in group.providers)]
        self._begins = tables is not None or any(isinstance(provider, Provider) for provider in providers)
        injector = self.injector = Injector(settings, RUNTIME_PORTS, providers, tables)
        self.endpoints = [self._endpoint(route) for group in resources for route in group.routes]
        self.router = Router(self.endpoints)
        self._plan_jobs_and_consumers(resources)
        self._plan_frames_and_workflows(resources)
        self._authenticate = injector.bind(authenticate, 1)
        self._admit = injector.bind(admit, 1) if admit else None
        self._bind_live(resources, revalidate, count_frame)
        self.audiences = LIVE_AUDIENCES | dict(audiences or {})
        self._dialects = [(group.prefix, group.translate_problem) for group in resources if group.translate_problem]
        self._road: Next = self._answer
        for layer in reversed(middleware):
            self._road = _guarded(injector.bind(layer, 2), self._road)
        for group in resources:
            group.compose(self)

    def _plan_jobs_and_consumers(self, resources: Sequence[Routes]) -> None:
        """Plan the handlers that the clock and the queues start."""
        injector = self.injector
        self.jobs = [(job.cron, EventHandler(job.handler, Tick, injector)) for group in resources for job in group.jobs]
        self.consumers = _by_queue(one for group in resources for one in group.consumers)
        self._consume = {
            queue: EventHandler(consumer.handler, Delivery, injector) for queue, consumer in self.consumers.items()
        }

    def _plan_frames_and_workflows(self, resources: Sequence[Routes]) -> None:
        """Plan the handlers of the frames that clients send, and of workflows."""
        self.frames = {one.type: one for group in resources for one in group.frames}
        self._on_frame = {one.type: self._frame_handler(one) for one in self.frames.values()}
        self.workflows = {
            one.binding: EventHandler(one.handler, Run, self.injector) for group in resources for one in group.workflows
        }

    def _bind_live(
        self, resources: Sequence[Routes], revalidate: Revalidate | None, count_frame: CountFrame | None
    ) -> None:
        """Prepare the checks of open sockets and streams: the app's own, or those of the group with the socket."""
        live = next((group for group in resources if group.socket_path), None)
        self.socket_path = live.socket_path if live else "/ws"
        if live is not None:
            revalidate, count_frame = revalidate or live.revalidate, count_frame or live.count_frame
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
        """Raise `PlanError` where an app with tables has a route of which nothing says how it keeps callers apart."""
        if self.tables is None or self.injector.takes_rows:
            return
        if reach is None:
            raise PlanError(f"{where}: take the caller's Database, or say its reach=, such as OPEN or subject(…)")
        if reach.is_optional:
            raise PlanError(f"{where}: a caller that names no subject gets its own rows: take its Database")

    async def fetch(self, request: Request) -> Response:
        """Answer a request; whatever goes wrong, there is an answer."""
        request.ports = self._begin(request.ports)
        response = await self._road(request)
        return await _without_body(response) if request.method == "HEAD" else response

    async def scheduled(self, tick: Tick, ports: Ports) -> None:
        """Run the jobs of a cron expression, each of them even where another fails; then raise the failures."""
        faults = []
        ports = self._begin(ports)
        due = [job for cron, job in self.jobs if cron == tick.cron]
        if not due:
            ports.log("error", "no job has this cron expression", cron=tick.cron)
        for job in due:
            try:
                await job(tick, ports)
            except Exception as fault:
                ports.log("error", "job failed", cron=tick.cron, error=trace_of(fault))
                faults.append(fault)
        if faults:
            raise ExceptionGroup(f"jobs of {tick.cron}", faults)

    async def queue(self, queue: str, deliveries: Iterable[Delivery], ports: Ports) -> list[Outcome]:
        """Hand each message to the queue's consumer and return what is to become of each."""
        consumer, run = self.consumers[queue], self._consume[queue]
        return [await _deliver(consumer, run, delivery, self._begin(ports)) for delivery in deliveries]

    async def revalidate(self, actor: Actor, ports: Ports) -> Actor:
        """Return a caller as its credential stands now; `Unauthorized` where it has ended."""
        if actor.expires_at is not None and actor.expires_at <= time.time():
            raise Unauthorized("the key or token has expired")
        return actor if self._revalidate is None else await self._revalidate(actor, ports)

    async def admit_frame(self, frame: Frame, ports: Ports) -> Actor:
        """Let a socket's frame in as a request is, and count it; return its actor as the credential stands now.

        Errors: `Unauthorized` where the credential has ended, and any other problem that refuses the frame.
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
        """Return the answer to a frame: `result`, what its handler returned, or `problem`, the document of a fault."""
        try:
            return {"result": await self._frame(frame, ports)}
        except Problem as fault:
            problem = fault
        except Exception as fault:
            problem = frame_problem(frame, ports, fault, self.socket_path)
        return {"problem": problem.document(self.socket_path, frame.request_id)}

    async def workflow(self, binding: str, run: Run, ports: Ports) -> Any:
        """Run a workflow from where it stands, and return its result."""
        return await self.workflows[binding](run, self._begin(ports))

    def provide[T](self, kind: type[T], ports: Ports) -> T:
        """Return what a provider of the app makes of the ports; `PlanError` where none does."""
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
        """Return the ports of one event, where providers or callers tell events apart."""
        return ports.begin(caller) if self._begins else ports

    async def _answer(self, request: Request) -> Response:
        try:
            return await self._dispatch(request)
        except Exception as fault:
            response = failure_response(request, fault)
            for prefix, translate in self._dialects:
                if request.path.startswith(prefix):
                    return translate(request, response)
            return response

    async def _dispatch(self, request: Request) -> Response:
        if request.refusal is not None:
            raise request.refusal
        try:
            endpoint, request.params = self._find(request)
        except Problem as refused:
            return await self._unrouted(request, refused)
        request.route = endpoint.path
        if endpoint.access is not PUBLIC:
            try:
                await check(request, endpoint.access, self._authenticate)
            except Unauthorized:
                if self._admit:
                    await self._admit(request)
                raise
        elif self._admit:
            await self._admit(request)
        if self._begins:
            request.ports.caller = request.actor
        response = await endpoint(request)
        return response if isinstance(response.body, bytes) else await _streamed(request, response)

    def _find(self, request: Request) -> tuple[Endpoint, tuple[str, ...]]:
        """Return the route and its parameters; `UrlTooLong`, or what the router raises."""
        if len(request.path) + len(request.query) > URL_LIMIT:
            raise UrlTooLong(f"path and query have at most {URL_LIMIT} characters")
        return self.router.find(request.method, request.path)

    async def _unrouted(self, request: Request, refused: Problem) -> Response:
        """Answer what no route takes: a file, the methods of a path, or the problem; each counts as a stranger's."""
        if self._admit:
            await self._admit(request)
        if isinstance(refused, NotFound) and (asset := await _asset(request)):
            return asset
        if isinstance(refused, MethodNotAllowed) and request.method == "OPTIONS":
            return Response(status=204, headers=list(refused.headers))
        raise refused


def _bind_actor[T](injector: Injector, function: Callable[..., T]) -> Callable[[Actor, Ports], T]:
    """Return a function of an actor whose other arguments come from the ports."""
    takes = injector.arguments(function, 1)
    return lambda actor, ports: function(actor, *[take(ports) for take in takes])


async def _streamed(request: Request, response: Response) -> Response:
    """Return a response that streams, unless a WebSocket was to be opened: a handshake's answer has an end."""
    if request.method == "GET" and (request.headers.get("upgrade") or "").lower() == "websocket":
        await close(response.body)
        raise PlainHttpOnly("this streams over plain HTTP: ask for it without Upgrade")
    return response


def _guarded(layer: Middleware, inner: Next) -> Next:
    """Answer for a layer that fails, so that the layers outside it still do their part."""

    async def answer(request: Request) -> Response:
        try:
            return await layer(request, inner)
        except Exception as fault:
            return failure_response(request, fault)

    return answer


def _by_queue(consumers: Iterable[Consumer]) -> dict[str, Consumer]:
    found: dict[str, Consumer] = {}
    for consumer in consumers:
        if found.setdefault(consumer.queue, consumer) is not consumer:
            raise PlanError(f"two consumers of {consumer.queue}")
    return found


async def _deliver(consumer: Consumer, run: EventHandler[Delivery], delivery: Delivery, ports: Ports) -> Outcome:
    try:
        await run(delivery, ports)
    except Retry as again:
        ports.log("info", "message put back", queue=consumer.queue, id=delivery.id, reason=str(again))
        delay = _delay(consumer, delivery) if again.delay is None else min(max(again.delay, 0), MAX_RETRY_DELAY)
        return Outcome(delivery.id, delay)
    except Exception as fault:
        ports.log("error", "message failed", queue=consumer.queue, id=delivery.id, error=trace_of(fault))
        return Outcome(delivery.id, _delay(consumer, delivery))
    return Outcome(delivery.id)


def _delay(consumer: Consumer, delivery: Delivery) -> int:
    return int(min(consumer.retry_delay * 2 ** min(max(delivery.attempts - 1, 0), 16), MAX_RETRY_DELAY))


async def _asset(request: Request) -> Response | None:
    if request.method not in {"GET", "HEAD"}:
        return None
    assets = cast("Assets | None", request.ports.runtime.get(Assets))
    asset = await assets.get(request.path, request.headers.get("if-none-match")) if assets else None
    if asset is not None:  # CORS is the app's matter here; the files' own is for where no Worker is woken
        asset.headers = [pair for pair in asset.headers if not pair[0].startswith("access-control-")]
    return asset


async def _without_body(response: Response) -> Response:
    """Return the response to HEAD: the length of the body that GET sends, and a stream closed before it is read."""
    body, headers = response.body, response.headers
    if not isinstance(body, bytes):
        await close(body)
    elif body and response.header("content-length") is None:
        headers = [*headers, ("content-length", str(len(body)))]
    return Response(b"", response.status, headers)


async def check(request: Request, role: Role, authenticate: Authenticate) -> None:
    """Let a request through that has at least `role`; `Unauthorized` or `Forbidden` else."""
    actor = await authenticate(request)
    request.actor = actor
    require(actor, role)
