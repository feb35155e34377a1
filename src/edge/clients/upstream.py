"""Outbound HTTP with one deadline, retries of safe calls, and faults that name the responsible side."""

import random
from collections.abc import Awaitable, Callable
from datetime import datetime
from time import monotonic
from typing import Any, NamedTuple

from pydantic import TypeAdapter, ValidationError
from pydantic_core import from_json

from edge.errors import BadGateway, GatewayTimeout, list_faults
from edge.http import HeaderList
from edge.ports import Clock, Fetch, Fetched, FetchError, FetchTimeout, FetchUnreached

RETRYABLE = frozenset({408, 429, 502, 503, 504})
"""Statuses after which the same call may succeed."""
FIRST_BACK_OFF = 0.5
"""Seconds before the first retry, at most; each further one doubles it."""


class UpstreamFailed(BadGateway):
    """Another service failed."""

    title = "Another service failed"


class UpstreamUnreached(UpstreamFailed):
    """Another service cannot be reached: it was sent nothing."""

    title = "Another service cannot be reached: it was sent nothing"


class UpstreamTimeout(GatewayTimeout):
    """Another service did not answer in time."""

    title = "Another service did not answer in time"


class UpstreamRefused(UpstreamFailed):
    """Another service refused the request."""

    title = "Another service refused the request"


class RetryPolicy(NamedTuple):
    """The limits of retries: `attempt` are the seconds of one try, `deadline` those of all.

    `back_off` are the most seconds before the first retry; each further one doubles it.
    """

    attempts: int = 3
    attempt: float = 10.0
    deadline: float = 25.0
    back_off: float = FIRST_BACK_OFF


class Tries(NamedTuple):
    """The result of a call: its last outcome, every outcome in words, and the seconds in all."""

    outcome: Fetched | FetchError
    history: list[str]
    seconds: float

    def summary(self) -> str:
        """Return the tries in one line."""
        return f"{len(self.history)} attempts in {self.seconds:.1f} s, the last: {self.history[-1]}"


async def retry(
    send: Callable[[float], Awaitable[Fetched]],
    policy: RetryPolicy,
    clock: Clock,
    gate: Callable[[], Awaitable[None]] | None = None,
) -> Tries:
    """Call `send` with its seconds, retry after transient faults, and return the last outcome.

    A server's `Retry-After` is obeyed within the deadline; `gate` is awaited before each try.
    """
    started = monotonic()
    outcomes = list[str]()
    while True:
        if gate is not None:
            await gate()
        left = policy.deadline - (monotonic() - started)
        outcome = await _try(send, max(0.001, min(left, policy.attempt)))
        outcomes.append(str(outcome.status if isinstance(outcome, Fetched) else outcome))
        pause = _pause(outcome, len(outcomes), policy, clock.now())
        if pause is None or monotonic() - started + pause >= policy.deadline:
            return Tries(outcome, outcomes, monotonic() - started)
        await clock.sleep(pause)


class Call(NamedTuple):
    """A request to another service; `is_safe` if repeating it changes nothing."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    is_safe: bool = True


class Upstream:
    """Another service, called `name` in its faults."""

    def __init__(self, name: str, fetch: Fetch, clock: Clock, policy: RetryPolicy | None = None) -> None:
        self.name = name
        self._fetch = fetch
        self._clock = clock
        self._patience = policy or RetryPolicy()

    async def send(self, call: Call) -> Fetched:
        """Return the answer, of any status; `UpstreamFailed` or `UpstreamTimeout` if there is none."""
        policy = self._patience if call.is_safe else self._patience._replace(attempts=1)
        headers: HeaderList = [*call.headers]

        async def once(seconds: float) -> Fetched:
            return await self._fetch(call.method, call.url, headers=headers, body=call.body, timeout=seconds)

        tries = await retry(once, policy, self._clock)
        if isinstance(tries.outcome, Fetched):
            return tries.outcome
        kind = next((kind for fault, kind in _KINDS if isinstance(tries.outcome, fault)), UpstreamFailed)
        raise kind(f"{self.name}: {tries.summary()}", upstream=self.name, attempts=tries.history)

    async def json(self, call: Call) -> Any:
        """Return the JSON of a 2xx answer, None without a body; else as `send`, and `UpstreamRefused` for 4xx."""
        fetched = await self.send(call)
        if not 200 <= fetched.status < 300:
            kind = UpstreamRefused if 400 <= fetched.status < 500 else UpstreamFailed
            raise kind(f"{self.name} answered {fetched.status}", upstream=self.name, upstream_status=fetched.status)
        try:
            return from_json(fetched.body) if fetched.body else None
        except ValueError:
            raise UpstreamFailed(f"{self.name} answered with invalid JSON", upstream=self.name) from None


def checked[T](kind: type[T], value: object, upstream: str) -> T:
    """Return another service's answer as a `kind`; `UpstreamFailed` if it does not fit."""
    try:
        return TypeAdapter(kind).validate_python(value)
    except ValidationError as fault:
        first = list_faults(fault)[0]
        place = first["pointer"].removeprefix("/") or "it"
        raise UpstreamFailed(
            f"{upstream} sent an unexpected answer: {place}: {first['detail']}", upstream=upstream
        ) from None


_KINDS: tuple[tuple[type[FetchError], type[UpstreamFailed | UpstreamTimeout]], ...] = (
    (FetchTimeout, UpstreamTimeout),
    (FetchUnreached, UpstreamUnreached),
)


def retry_after(fetched: Fetched, now: datetime) -> float | None:
    """Return the seconds that `Retry-After` asks for (a number or an HTTP date), or None."""
    header = (fetched.header("retry-after") or "").strip()
    try:
        return max(0.0, float(header))
    except ValueError:
        pass
    from email.utils import parsedate_to_datetime  # noqa: PLC0415 - on first use: few services send a date

    try:
        return max(0.0, (parsedate_to_datetime(header) - now).total_seconds())
    except (ValueError, TypeError, OverflowError):
        return None


async def _try(send: Callable[[float], Awaitable[Fetched]], seconds: float) -> Fetched | FetchError:
    try:
        return await send(seconds)
    except FetchError as fault:
        return fault


def _pause(outcome: Fetched | FetchError, attempts: int, policy: RetryPolicy, now: datetime) -> float | None:
    """Return the seconds before the next attempt, with full jitter, or None if this outcome is final."""
    if attempts >= policy.attempts or (isinstance(outcome, Fetched) and outcome.status not in RETRYABLE):
        return None
    retry_after_s = retry_after(outcome, now) if isinstance(outcome, Fetched) else None
    return random.uniform(0, policy.back_off * 2 ** (attempts - 1)) + (retry_after_s or 0.0)
