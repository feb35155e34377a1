"""An app: the composition of resources, middleware, jobs and consumers, and the road of a request through it."""

import traceback
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, cast

from pydantic import ValidationError
from pydantic_core import to_json

from edge.access import PUBLIC, Authenticate, check
from edge.crypto import Crypto
from edge.endpoint import Endpoint, PlanError, Route
from edge.errors import (
    PROBLEM_JSON,
    BadRequest,
    Forbidden,
    InternalError,
    InvalidBody,
    MethodNotAllowed,
    NotFound,
    Problem,
    ServiceAway,
    StorageConflict,
    Unauthorized,
    UnstorableValue,
    UrlTooLong,
    faults_of,
)
from edge.events import Delivery, EventHandler, Frame, Outcome, Retry, Tick
from edge.http import URL_LIMIT, Request, Response
from edge.injection import CallerTables, Injector, Provider
from edge.ports import (
    NO_CALLER,
    Assets,
    Background,
    CheckViolation,
    Clock,
    ConstraintViolation,
    DatabaseError,
    Fetch,
    ForeignKeyViolation,
    Limit,
    Log,
    NotNullViolation,
    OutOfScope,
    PortError,
    Ports,
    UniqueViolation,
)
from edge.reach import Reach
from edge.routes import Consumer, FrameRoute, Routes
from edge.routing import Router
from edge.settings import Settings
from edge.workflows import Run

type Next = Callable[[Request], Awaitable[Response]]
type Middleware = Callable[..., Awaitable[Response]]
"""Called with a request, the rest of the road, and any ports that its signature asks for behind these two."""

type Admit = Callable[..., Awaitable[None]]
"""Called with a stranger's request, and any ports that its signature asks for; a problem keeps it out."""

RUNTIME_PORTS = (Assets, Background, Clock, Crypto, Fetch, Log)
"""What every runtime provides; all else is a binding, named in the settings."""

MAX_RETRY_DELAY = 43_200
"""Seconds, the longest delay that the platform's queues take."""


class App:
    """Routes, jobs and consumers, compiled at import. It names no runtime: each of its methods gets its ports.

    `tables` declares whose the rows are of the first database: a handler's `Database` then holds its caller's alone.
    `tables` declares whose the rows of the first database are: a handler's `Database` holds those of its caller alone.
    `admit` stands before what is public, as `authenticate` does before all else, and behind that for who is not known
    there: what bounds strangers bounds their tries. `queues` gives for each binding of type `Queue` the name of its
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
        self._begins = tables is not None or any(isinstance(provider, Provider) for provider in providers)
        injector = self.injector = Injector(settings, RUNTIME_PORTS, providers, tables)
        self.endpoints = [self._endpoint(route) for group in resources for route in group.routes]
        self.router = Router(self.endpoints)
        self.jobs = [(job.cron, EventHandler(job.handler, Tick, injector)) for group in resources for job in group.jobs]
        self.consumers = _by_queue(one for group in resources for one in group.consumers)
        self._consume = {
            queue: EventHandler(consumer.handler, Delivery, injector) for queue, consumer in self.consumers.items()
        }
        self.frames = {one.type: one for group in resources for one in group.frames}
        self._on_frame = {one.type: self._frame_handler(one) for one in self.frames.values()}
        self.workflows = {
            one.binding: EventHandler(one.handler, Run, injector) for group in resources for one in group.workflows
        }
        self._authenticate = injector.bind(authenticate, 1)
        self._admit = injector.bind(admit, 1) if admit else None
        self._road: Next = self._answer
        for layer in reversed(middleware):
            self._road = _guarded(injector.bind(layer, 2), self._road)
        for group in resources:
            group.compose(self)

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
        if self.tables is not None and reach is None and not self.injector.takes_rows:
            raise PlanError(f"{where}: take the caller's Database, or say its reach=, such as OPEN or subject(…)")

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
                ports.log("error", "job failed", cron=tick.cron, error=_trace(fault))
                faults.append(fault)
        if faults:
            raise ExceptionGroup(f"jobs of {tick.cron}", faults)

    async def queue(self, queue: str, deliveries: Iterable[Delivery], ports: Ports) -> list[Outcome]:
        """Hand each message to the queue's consumer and return what is to become of each."""
        consumer, run = self.consumers[queue], self._consume[queue]
        return [await _deliver(consumer, run, delivery, self._begin(ports)) for delivery in deliveries]

    async def frame(self, frame: Frame, ports: Ports) -> dict[str, Any]:
        """Return the answer to a frame: `result`, what its handler returned, or `problem`, the document of a fault."""
        try:
            return {"result": await self._frame(frame, ports)}
        except Problem as fault:
            problem = fault
        except ValidationError as fault:
            errors = fault.errors(include_url=False, include_context=False, include_input=False)
            problem = InvalidBody(faults_of(errors))
        except Exception as fault:
            refused = _refused(fault, ports, frame.request_id) if isinstance(fault, DatabaseError) else None
            if refused is None:
                ports.log("error", "frame failed", request_id=frame.request_id, error=_trace(fault))
            problem = refused or InternalError()
        return {"problem": problem.document("/ws", frame.request_id)}

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
        if frame.actor.role < route.access:
            raise Forbidden(f"this needs the role {route.access.name.lower()}")
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
            return _failed(request, fault)

    async def _dispatch(self, request: Request) -> Response:
        _check_refused(request)
        try:
            endpoint, request.params = self.router.find(request.method, request.path)
        except NotFound as unknown:
            return await self._asset(request, unknown)
        except MethodNotAllowed as refused:
            if request.method != "OPTIONS":
                raise
            return Response(status=204, headers=list(refused.headers))
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
        return await endpoint(request)

    async def _asset(self, request: Request, unknown: NotFound) -> Response:
        if self._admit:
            await self._admit(request)
        if asset := await _asset(request):
            return asset
        raise unknown


def _check_refused(request: Request) -> None:
    """Raise what the server refuses a request for, or that its URL is too long."""
    if request.refusal is not None:
        raise request.refusal
    if len(request.path) + len(request.query) > URL_LIMIT:
        raise UrlTooLong(f"path and query have at most {URL_LIMIT} characters")


def problem_response(problem: Problem, request: Request) -> Response:
    """Return a problem as the response to a request."""
    try:
        body = to_json(problem.document(request.path, request.id))
    except ValueError:  # a member that is no JSON, such as a lone surrogate: what is always sound is left
        body = to_json({"type": problem.type, "title": problem.title, "status": problem.status})
    return Response(body, problem.status, [("content-type", PROBLEM_JSON), *problem.headers])


def _guarded(layer: Middleware, inner: Next) -> Next:
    """Answer for a layer that fails, so that the layers outside it still do their part."""

    async def answer(request: Request) -> Response:
        try:
            return await layer(request, inner)
        except Exception as fault:
            return _failed(request, fault)

    return answer


def _failed(request: Request, fault: Exception) -> Response:
    if isinstance(fault, Problem):
        return problem_response(fault, request)
    if isinstance(fault, PortError) and fault.is_away:
        request.ports.log("error", "a service is away", request_id=request.id, route=request.route, error=str(fault))
        return problem_response(ServiceAway(wait=5), request)
    if isinstance(fault, DatabaseError) and (refused := _refused(fault, request.ports, request.id)):
        return problem_response(refused, request)
    request.ports.log("error", "unhandled", request_id=request.id, route=request.route, error=_trace(fault))
    return problem_response(InternalError(), request)


def _refused(fault: DatabaseError, ports: Ports, request_id: str) -> Problem | None:
    """Return what a row that the database refused is to the caller, without a value; None for any other error."""
    columns = ", ".join(fault.columns) if isinstance(fault, ConstraintViolation) else ""
    problem: Problem
    match fault:
        case OutOfScope():
            problem = Forbidden("a row is outside what this caller may write")
        case UniqueViolation():
            problem = StorageConflict(f"a row with this {columns or 'key'} exists")
        case ForeignKeyViolation():
            problem = StorageConflict("a row that is referred to does not exist, or others refer to this one")
        case NotNullViolation():
            problem = UnstorableValue(f"{columns or 'a column'} needs a value")
        case CheckViolation():
            rule = fault.constraint if (fault.constraint or "").isidentifier() else columns
            problem = UnstorableValue(f"{rule or 'a column'} does not take this value")
        case _:
            return None
    ports.log("warning", "row refused", request_id=request_id, error=str(fault))
    return problem


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
        ports.log("error", "message failed", queue=consumer.queue, id=delivery.id, error=_trace(fault))
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
        close = getattr(body, "aclose", None)
        if close is not None:
            await close()
    elif body and response.header("content-length") is None:
        headers = [*headers, ("content-length", str(len(body)))]
    return Response(b"", response.status, headers)


def _trace(fault: BaseException) -> str:
    return "".join(traceback.format_exception(fault))
