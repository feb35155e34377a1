"""An app: the composition of resources, middleware, jobs and consumers, and the road of a request through it."""

import traceback
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from edge.access import PUBLIC, Authenticate, check
from edge.endpoint import Endpoint, Injector
from edge.errors import PROBLEM_JSON, InternalError, MethodNotAllowed, NotFound, Problem
from edge.events import Delivery, EventHandler, Outcome, Retry, Tick
from edge.http import Request, Response
from edge.ports import Assets, Background, Clock, Fetch, Log, Ports
from edge.routes import Consumer, Routes
from edge.routing import Router
from edge.settings import Settings

type Next = Callable[[Request], Awaitable[Response]]
type Middleware = Callable[[Request, Next], Awaitable[Response]]
"""Called with a request and the rest of the road; it may answer itself, or change what the rest answers."""

RUNTIME_PORTS = (Assets, Background, Clock, Fetch, Log)
"""What every runtime provides; all else is a binding, named in the settings."""

MAX_RETRY_DELAY = 43_200
"""Seconds, the longest delay that the platform's queues take."""


class App:
    """Routes, jobs and consumers, compiled at import. It names no runtime: each of its methods gets its ports.

    `queues` gives for each binding of type `Queue` the name of its queue; `migrations` is the app's folder below
    `migrations/`, empty for the default Worker.
    """

    def __init__(  # noqa: PLR0913 - the composition root is a list of parts
        self,
        name: str,
        *,
        version: str,
        settings: type[Settings],
        resources: Sequence[Routes],
        authenticate: Authenticate,
        middleware: Sequence[Middleware] = (),
        providers: Sequence[Callable[..., Any]] = (),
        queues: Mapping[str, str] | None = None,
        migrations: str = "",
    ) -> None:
        self.name, self.version, self.settings = name, version, settings
        self.queues, self.migrations = queues or {}, migrations
        injector = Injector(settings, RUNTIME_PORTS, providers)
        self.endpoints = [Endpoint(route, injector) for group in resources for route in group.routes]
        self.router = Router(self.endpoints)
        self.jobs = [(job.cron, EventHandler(job.handler, Tick, injector)) for group in resources for job in group.jobs]
        self.consumers = {one.queue: one for group in resources for one in group.consumers}
        self._consume = {
            queue: EventHandler(consumer.handler, Delivery, injector) for queue, consumer in self.consumers.items()
        }
        self._authenticate = authenticate
        self._road: Next = self._answer
        for layer in reversed(middleware):
            self._road = partial(layer, call_next=self._road)  # type: ignore[call-arg]

    async def fetch(self, request: Request) -> Response:
        """Answer a request; whatever goes wrong, there is an answer."""
        try:
            return await self._road(request)
        except Exception as fault:
            return self._failed(request, fault)

    async def scheduled(self, tick: Tick, ports: Ports) -> None:
        """Run the jobs of a cron expression, each of them even where another fails; then raise the failures."""
        faults = []
        for cron, job in self.jobs:
            if cron == tick.cron:
                try:
                    await job(tick, ports)
                except Exception as fault:
                    ports.log("error", "job failed", cron=cron, error=_trace(fault))
                    faults.append(fault)
        if faults:
            raise ExceptionGroup(f"jobs of {tick.cron}", faults)

    async def queue(self, queue: str, deliveries: Iterable[Delivery], ports: Ports) -> list[Outcome]:
        """Hand each message to the queue's consumer and return what is to become of each."""
        consumer, run = self.consumers[queue], self._consume[queue]
        return [await _deliver(consumer, run, delivery, ports) for delivery in deliveries]

    async def _answer(self, request: Request) -> Response:
        try:
            response = await self._dispatch(request)
        except Problem as problem:
            response = problem_response(problem, request)
        except Exception as fault:
            response = self._failed(request, fault)
        return _without_body(response) if request.method == "HEAD" else response

    async def _dispatch(self, request: Request) -> Response:
        try:
            endpoint, request.params = self.router.find(request.method, request.path)
        except NotFound:
            asset = await _asset(request)
            if asset is None:
                raise
            return asset
        except MethodNotAllowed as refused:
            if request.method != "OPTIONS":
                raise
            return Response(status=204, headers=list(refused.headers))
        request.route = endpoint.path
        if endpoint.access is not PUBLIC:
            await check(request, endpoint.access, self._authenticate)
        return await endpoint(request)

    def _failed(self, request: Request, fault: Exception) -> Response:
        request.ports.log("error", "unhandled", request_id=request.id, route=request.route, error=_trace(fault))
        return problem_response(InternalError(), request)


def problem_response(problem: Problem, request: Request) -> Response:
    """Return a problem as the response to a request."""
    response = Response.json(problem.document(request.path, request.id), problem.status, PROBLEM_JSON)
    response.headers.extend(problem.headers)
    return response


async def _deliver(consumer: Consumer, run: EventHandler[Delivery], delivery: Delivery, ports: Ports) -> Outcome:
    try:
        await run(delivery, ports)
    except Retry as again:
        ports.log("info", "message put back", queue=consumer.queue, id=delivery.id, reason=str(again))
        return Outcome(delivery.id, _delay(consumer, delivery) if again.delay is None else again.delay)
    except Exception as fault:
        ports.log("error", "message failed", queue=consumer.queue, id=delivery.id, error=_trace(fault))
        return Outcome(delivery.id, _delay(consumer, delivery))
    return Outcome(delivery.id)


def _delay(consumer: Consumer, delivery: Delivery) -> int:
    return int(min(consumer.retry_delay * 2 ** (delivery.attempts - 1), MAX_RETRY_DELAY))


async def _asset(request: Request) -> Response | None:
    if request.method not in {"GET", "HEAD"}:
        return None
    assets: Assets = request.ports.runtime[Assets]  # type: ignore[assignment]
    return await assets.get(request.path, request.headers.get("if-none-match"))


def _without_body(response: Response) -> Response:
    if isinstance(response.body, bytes):
        response.headers.append(("content-length", str(len(response.body))))
    response.body = b""
    return response


def _trace(fault: BaseException) -> str:
    return "".join(traceback.format_exception(fault))
