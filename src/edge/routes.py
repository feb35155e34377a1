"""A resource's declarations: its routes, scheduled jobs and queue consumers."""

from collections.abc import Callable
from dataclasses import dataclass

from edge.access import Role
from edge.endpoint import Handler, Operation, Route
from edge.errors import Problem
from edge.http import BODY_LIMIT
from edge.routing import ANY

_SIGNED = Operation()


@dataclass(frozen=True, slots=True)
class Job:
    """A handler that the clock starts: `cron` has five fields, in UTC, and is compared character for character."""

    cron: str
    handler: Handler


@dataclass(frozen=True, slots=True)
class Consumer:
    """A handler that is given each message of a queue; the numbers are those of the platform's consumer settings."""

    queue: str
    handler: Handler
    batch_size: int = 10
    batch_timeout: float = 5.0
    max_retries: int = 3
    retry_delay: int = 30
    max_concurrency: int = 1
    dead_letter: str | None = None


class Routes:
    """A group of routes under one prefix. Who may call them is said for the group, or for each route."""

    def __init__(self, prefix: str = "", *, tag: str, access: Role | None = None) -> None:
        self.prefix = prefix
        self.tag = tag
        self.access = access
        self.routes: list[Route] = []
        self.jobs: list[Job] = []
        self.consumers: list[Consumer] = []

    def on(  # noqa: PLR0913 - a route's own members
        self,
        method: str,
        path: str,
        *problems: type[Problem],
        access: Role | None = None,
        status: int = 200,
        body_limit: int = BODY_LIMIT,
        operation: Operation = _SIGNED,
    ) -> Callable[[Handler], Handler]:
        """Declare the handler of a method and path, with the problems that it raises."""
        role = access if access is not None else self.access
        if role is None:
            raise TypeError(f"{method} {self.prefix}{path} does not say who may call it: give access=")

        def declare(handler: Handler) -> Handler:
            where = (self.prefix + path).rstrip("/") or "/"
            self.routes.append(Route(method, where, handler, role, self.tag, problems, status, body_limit, operation))
            return handler

        return declare

    def get(
        self, path: str = "", *problems: type[Problem], access: Role | None = None, operation: Operation = _SIGNED
    ) -> Callable[[Handler], Handler]:
        """Declare the handler of GET, and so of HEAD."""
        return self.on("GET", path, *problems, access=access, operation=operation)

    def post(
        self,
        path: str = "",
        *problems: type[Problem],
        access: Role | None = None,
        status: int = 200,
        operation: Operation = _SIGNED,
    ) -> Callable[[Handler], Handler]:
        """Declare the handler of POST."""
        return self.on("POST", path, *problems, access=access, status=status, operation=operation)

    def put(
        self, path: str = "", *problems: type[Problem], access: Role | None = None, operation: Operation = _SIGNED
    ) -> Callable[[Handler], Handler]:
        """Declare the handler of PUT."""
        return self.on("PUT", path, *problems, access=access, operation=operation)

    def patch(
        self, path: str = "", *problems: type[Problem], access: Role | None = None, operation: Operation = _SIGNED
    ) -> Callable[[Handler], Handler]:
        """Declare the handler of PATCH."""
        return self.on("PATCH", path, *problems, access=access, operation=operation)

    def delete(
        self, path: str = "", *problems: type[Problem], access: Role | None = None, operation: Operation = _SIGNED
    ) -> Callable[[Handler], Handler]:
        """Declare the handler of DELETE."""
        return self.on("DELETE", path, *problems, access=access, operation=operation)

    def any(
        self, path: str = "", *problems: type[Problem], access: Role | None = None, operation: Operation = _SIGNED
    ) -> Callable[[Handler], Handler]:
        """Declare the handler of every method that has no handler of its own."""
        return self.on(ANY, path, *problems, access=access, operation=operation)

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
