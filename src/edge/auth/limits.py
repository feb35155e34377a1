"""Rate limits: authenticated callers by their name, anonymous ones by their address; and daily quotas."""

from datetime import UTC, datetime, time, timedelta
from ipaddress import IPv6Address, ip_network
from typing import NamedTuple

from edge.access import Actor
from edge.errors import Problem
from edge.http import Response
from edge.ports import Clock, Quotas, RateLimiter
from edge.request import Request


class TooManyRequests(Problem):
    """Too many requests."""

    title = "Too many requests"
    status = 429

    def __init__(self, limit: str, wait: int) -> None:
        super().__init__(f"over the limit of {limit}", headers=[("retry-after", str(wait))], retry_after=wait)


class LimitState(NamedTuple):
    """A caller's state in one limit: `calls` in `window` seconds, `left` of them if that is known.

    `reset` is the number of seconds until all of them are available again.
    """

    name: str
    calls: int
    window: int
    left: int | None
    reset: int


class Limits:
    """Counts calls. Without a limiter and quotas there are no limits."""

    def __init__(self, limiter: RateLimiter | None, quotas: Quotas | None, clock: Clock) -> None:
        self._limiter = limiter
        self._quotas = quotas
        self._clock = clock

    async def count(self, request: Request, actor: Actor) -> None:
        """Count an authenticated caller's call; `TooManyRequests` if it is over a limit."""
        await self._count(actor, request.limit_states)

    async def count_frame(self, actor: Actor) -> None:
        """Count a frame of an authenticated caller's socket as a call; `TooManyRequests` if it is over a limit."""
        await self._count(actor, [])

    async def _count(self, actor: Actor, limit_states: list[LimitState]) -> None:
        await self._take(limit_states, "key", f"key {actor.name}")
        if self._quotas is not None and actor.daily_calls is not None:
            now = self._clock.now()
            used = await self._quotas.add(actor.name, now.date().isoformat())
            tomorrow = datetime.combine(now.date() + timedelta(days=1), time(), UTC)
            left = actor.daily_calls - used
            reset = int((tomorrow - now).total_seconds()) + 1
            limit_states.append(LimitState("day", actor.daily_calls, 86_400, max(left, 0), reset))
            if left < 0:
                raise TooManyRequests(f"{actor.daily_calls} calls a day", reset)

    async def admit(self, request: Request) -> None:
        """Count an anonymous call; `TooManyRequests` if its address is over the limit."""
        await self._take(request.limit_states, "address", f"address {address(request)}")

    async def count_look_up(self, request: Request) -> None:
        """Count a look-up of a credential that may be a guess; `TooManyRequests` beyond the address's budget."""
        await self._take(request.limit_states, "look-ups", f"look-ups {address(request)}")

    async def _take(self, limit_states: list[LimitState], name: str, key: str) -> None:
        if self._limiter is None:
            return
        state = await self._limiter.take(key)
        calls, window = state.limit
        limit_states.append(LimitState(name, calls, window, state.left, state.reset))
        if not state.ok:
            raise TooManyRequests(f"{calls} calls in {window} s", state.reset)


async def admit(request: Request, limits: Limits) -> None:
    """Rate-limit anonymous requests by address: public routes, and requests whose authentication failed."""
    await limits.admit(request)


async def count_frame(actor: Actor, limits: Limits) -> None:
    """Count a frame of a socket against the caller's limits, as a request."""
    await limits.count_frame(actor)


async def bound(limiter: RateLimiter | None, key: str) -> None:
    """Count a call with a limiter of its own, if there is one; `TooManyRequests` if it is over the limit."""
    state = await limiter.take(key) if limiter else None
    if state and not state.ok:
        raise TooManyRequests(f"{state.limit.calls} calls in {state.limit.period} s", state.reset)


def address(request: Request) -> str:
    """Return the network of a request's client: the addresses of one subscriber."""
    return network(request.client)


def rate_limit_headers(request: Request, response: Response) -> None:
    """Add the caller's limits to a response (draft-ietf-httpapi-ratelimit-headers)."""
    if limit_states := request.limit_states:
        policy = ", ".join([f'"{standing.name}";q={standing.calls};w={standing.window}' for standing in limit_states])
        response.headers.append(("ratelimit-policy", policy))
        remaining = [
            f'"{standing.name}";r={standing.left};t={standing.reset}'
            for standing in limit_states
            if standing.left is not None
        ]
        if remaining:
            response.headers.append(("ratelimit", ", ".join(remaining)))


def network(address: str) -> str:
    """Return a subscriber's network: an IPv4 address, also one mapped to IPv6, or half of an IPv6 one."""
    if ":" not in address:
        return address[:50]
    try:
        whole = IPv6Address(address.partition("%")[0])
    except ValueError:
        return address[:50]
    return str(whole.ipv4_mapped or ip_network((int(whole) >> 64 << 64, 64)))
