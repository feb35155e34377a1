"""Events beside requests: ticks, deliveries, frames of a socket, workflow runs, and the plans of their handlers."""

import inspect
from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple, get_args, get_origin, get_type_hints

from pydantic import TypeAdapter, ValidationError

from edge.access import Actor
from edge.context import Ports
from edge.endpoint import Body, Handler, PlanError, TakePort
from edge.errors import InvalidBody, list_faults


class Tick(NamedTuple):
    """One firing of a cron expression.

    If it `is_dry`, its job changes nothing and returns the effects of a real run. It `is_late` if it makes up, at a
    start, for a firing that was missed or never came.
    """

    cron: str
    scheduled_at: datetime
    is_dry: bool = False
    is_late: bool = False


class Delivery(NamedTuple):
    """One message for a consumer; `attempts` is 1 the first time, `body` any JSON value."""

    id: str
    body: Any
    attempts: int
    sent_at: datetime


class Frame(NamedTuple):
    """A message of a client over the live socket: `body` is its JSON object, and its `type` selects the handler."""

    body: Any
    actor: Actor
    request_id: str


class Outcome(NamedTuple):
    """The outcome of a delivery: `retry_after` is None when it is done, else the seconds until its retry."""

    id: str
    retry_after: int | None = None


class Retry(Exception):
    """Raised by a consumer: deliver this message again, after `delay` seconds (None: the queue's own delay)."""

    def __init__(self, reason: str, delay: int | None = None) -> None:
        super().__init__(reason)
        self.delay = delay


class EventHandler[E]:
    """A job's or consumer's handler, ready to run on events of type E."""

    __slots__ = ("_takes", "handler")

    def __init__(self, handler: Handler, event: type[E], resolve: Callable[[Any], TakePort | None]) -> None:
        self.handler = handler
        hints = get_type_hints(handler, include_extras=True)
        names = inspect.signature(handler).parameters
        self._takes = [_take(handler, name, hints.get(name), event, resolve) for name in names]

    async def __call__(self, event: E, ports: Ports) -> Any:
        """Run the handler on one event and return its result."""
        return await self.handler(*(take(event, ports) for take in self._takes))


def _take[E](
    handler: Handler, name: str, hint: Any, event: type[E], resolve: Callable[[Any], TakePort | None]
) -> Callable[[E, Ports], object]:
    if hint is event:
        return lambda happened, _ports: happened
    if get_origin(hint) is Body and event is not Tick:
        validate = TypeAdapter(get_args(hint)[0]).validate_python
        if event is Frame:
            return lambda happened, _ports: _body(happened.body, validate)  # type: ignore[attr-defined]
        return lambda happened, _ports: validate(happened.body)  # type: ignore[attr-defined]
    if hint is Actor and event is Frame:
        return lambda happened, _ports: happened.actor  # type: ignore[attr-defined]
    where = f"{handler.__module__}.{handler.__qualname__}"
    try:
        port = resolve(hint)
    except PlanError as fault:
        raise PlanError(f"{where}: {name}: {fault}") from None
    if port is None:
        raise PlanError(f"{where}: nothing provides {name}: {hint}")
    return lambda _happened, ports: port(ports)


def _body(body: object, validate: Callable[[object], object]) -> object:
    """Return a frame's body, validated; `InvalidBody` lists its faults."""
    try:
        return validate(body)
    except ValidationError as invalid:
        raise InvalidBody(list_faults(invalid)) from None
