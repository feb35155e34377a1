"""A resource's declarations: its routes, scheduled jobs, queue consumers, socket frames and workflows."""

from collections.abc import Awaitable, Callable, Sequence
from functools import partialmethod
from typing import NamedTuple, Protocol

from edge.access import Actor, Role
from edge.context import Ports
from edge.endpoint import Handler, Operation, Route
from edge.errors import Problem
from edge.events import EventHandler, Tick
from edge.http import Response
from edge.injection import CallerTables, Injector, Provider
from edge.reach import Reach
from edge.request import BODY_LIMIT, Request
from edge.routing import ANY

_SIGNED = Operation()


class Job(NamedTuple):
    """A handler that the clock starts: `cron` has five fields, in UTC, and is compared character for character."""

    cron: str
    handler: Handler


class Consumer(NamedTuple):
    """A handler of each message of a queue; the numbers are those of the platform's consumer settings."""

    queue: str
    handler: Handler
    batch_size: int = 10
    batch_timeout: float = 5.0
    max_retries: int = 3
    retry_delay: int = 30
    max_concurrency: int = 1
    dead_letter: str | None = None


class FrameRoute(NamedTuple):
    """A handler of one type of frames that clients send over the live socket, and the role for them."""

    type: str
    handler: Handler
    access: Role
    reach: Reach | None = None


class WorkflowRoute(NamedTuple):
    """A handler that is a workflow; the setting `binding` starts it."""

    binding: str
    handler: Handler


class Composition(Protocol):
    """The parts of a composed app that a group of routes may plan with."""

    @property
    def jobs(self) -> Sequence[tuple[str, EventHandler[Tick]]]:
        """Return the jobs, each with its cron expression."""

    @property
    def tables(self) -> CallerTables | None:
        """Return the declared tables."""

    @property
    def injector(self) -> Injector:
        """Return the source of handlers' arguments."""

    def provide[T](self, kind: type[T], ports: Ports) -> T:
        """Return a provider's value."""


class Routes:
    """A group of routes under one prefix. Role and reach are declared for the group or for each route."""

    def __init__(self, prefix: str = "", *, tag: str, access: Role | None = None, reach: Reach | None = None) -> None:
        self.prefix = prefix
        self.tag = tag
        self.access = access
        self.reach = reach
        self.routes: list[Route] = []
        self.jobs: list[Job] = []
        self.consumers: list[Consumer] = []
        self.frames: list[FrameRoute] = []
        self.workflows: list[WorkflowRoute] = []

    translate_problem: Callable[[Request, Response], Response] | None = None
    """Rewrites the problems of all paths under the group's prefix, for clients that expect another shape."""

    socket_path: str = ""
    """The path of the group's live socket, if any; the app's handlers answer its frames."""

    revalidate: Callable[..., Awaitable[Actor]] | None = None
    count_frame: Callable[..., Awaitable[None]] | None = None
    """With a live socket: the check of its credential, and of its frames; the app's own take precedence."""

    providers: Sequence[Provider] = ()
    """Providers for the group's handlers, in addition to the app's own."""

    def compose(self, app: Composition) -> None:
        """Plan the group's other calls, beside its routes; called once, when the app is composed."""

    def on(  # noqa: PLR0913 - a route's own members
        self,
        method: str,
        path: str = "",
        *problems: type[Problem],
        access: Role | None = None,
        status: int = 200,
        body_limit: int = BODY_LIMIT,
        operation: Operation = _SIGNED,
        reach: Reach | None = None,
        location: str = "",
        alone: bool = False,
    ) -> Callable[[Handler], Handler]:
        """Declare the handler of a method and path, with the problems that it raises; see `Route`."""
        role = access if access is not None else self.access
        if role is None:
            raise TypeError(f"{method} {self.prefix}{path} has no role: set access=")

        def declare(handler: Handler) -> Handler:
            where = (self.prefix + path).rstrip("/") or "/"
            how = (problems, status, body_limit, operation, reach or self.reach, location, alone)
            self.routes.append(Route(method, where, handler, role, self.tag, *how))
            return handler

        return declare

    get = partialmethod(on, "GET")
    post = partialmethod(on, "POST")
    put = partialmethod(on, "PUT")
    patch = partialmethod(on, "PATCH")
    delete = partialmethod(on, "DELETE")
    any = partialmethod(on, ANY)
    """The handler of every method that has no handler of its own."""

    def cron(self, expression: str) -> Callable[[Handler], Handler]:
        """Declare the job of a cron expression."""

        def declare(handler: Handler) -> Handler:
            self.jobs.append(Job(expression, handler))
            return handler

        return declare

    def queue(  # noqa: PLR0913 - the platform's own consumer settings
        self,
        name: str,
        *,
        batch_size: int = 10,
        batch_timeout: float = 5.0,
        max_retries: int = 3,
        retry_delay: int = 30,
        max_concurrency: int = 1,
        dead_letter: str | None = None,
    ) -> Callable[[Handler], Handler]:
        """Declare the consumer of a queue."""

        def declare(handler: Handler) -> Handler:
            limits = (batch_size, batch_timeout, max_retries, retry_delay, max_concurrency, dead_letter)
            self.consumers.append(Consumer(name, handler, *limits))
            return handler

        return declare

    def frame(self, type_: str, *, access: Role, reach: Reach | None = None) -> Callable[[Handler], Handler]:
        """Declare the handler of a frame's type. Its return value goes back to the socket, as JSON."""

        def declare(handler: Handler) -> Handler:
            self.frames.append(FrameRoute(type_, handler, access, reach))
            return handler

        return declare

    def workflow(self, binding: str) -> Callable[[Handler], Handler]:
        """Declare the workflow that a binding starts."""

        def declare(handler: Handler) -> Handler:
            self.workflows.append(WorkflowRoute(binding, handler))
            return handler

        return declare
