"""Tessie's API as a client: the key is added here and nowhere else; retries, budget and shared calls live here."""

import asyncio
import random
from dataclasses import dataclass, replace
from datetime import datetime
from email.utils import parsedate_to_datetime
from time import monotonic

from core_tessie.journal import Call, Journal
from core_tessie.settings import TessieSettings
from edge.errors import BadGateway, GatewayTimeout
from edge.http import HeaderList
from edge.ports import Clock, Fetch, Fetched, FetchError, FetchTimeout

RETRYABLE = frozenset({408, 429, 502, 503, 504})
"""Statuses after which a repeated GET may succeed; 408 is a sleeping car."""
GATEWAY_FAULTS = frozenset({502, 503, 504})

ATTEMPTS = 5
"""How often a safe call is made at most."""
ACTION_DEADLINE = 120.0
"""Seconds for what acts on a car: waking one takes up to 90."""
ATTEMPT_TIMEOUT = 10.0
"""Seconds for one attempt of a safe call."""
FIRST_BACK_OFF = 0.5
"""Seconds before the first retry, at most; each further one doubles it."""


class TessieFailed(BadGateway):
    """Tessie failed."""


class TessieTimeout(GatewayTimeout):
    """Tessie did not answer in time."""


@dataclass(frozen=True, slots=True)
class Ask:
    """A request to Tessie: `path` and `query` as they are sent; `is_safe` when repeating it changes nothing."""

    method: str
    path: str
    query: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    vin: str | None = None
    request_id: str = ""
    traceparent: str | None = None
    is_safe: bool = True


class Budget:
    """A token bucket: `rate` calls a second over time, `burst` of them at once."""

    def __init__(self, rate: float, burst: int, clock: Clock) -> None:
        self._rate, self._burst, self._clock = rate, burst, clock
        self._left, self._filled = float(burst), 0.0

    async def take(self) -> None:
        """Wait until a call is within the budget."""
        now = monotonic()
        self._left = min(self._burst, self._left + (now - self._filled) * self._rate)
        self._filled = now
        self._left -= 1
        if self._left < 0:
            await self._clock.sleep(-self._left / self._rate)


class Tessie:
    """Calls Tessie, records every answer, and lets a burst of identical GETs share one call."""

    def __init__(self, settings: TessieSettings, fetch: Fetch, clock: Clock, journal: Journal) -> None:
        self._base_url, self._key = settings.tessie_base_url, settings.tessie_api_key
        self._deadline = settings.tessie_deadline_s
        self._fetch, self._clock, self._journal = fetch, clock, journal
        self._budget = Budget(settings.tessie_calls_per_second, settings.tessie_calls_at_once, clock)
        self._flights: dict[tuple[str, str, tuple[tuple[str, str], ...]], asyncio.Task[Fetched]] = {}

    async def send(self, ask: Ask) -> Fetched:
        """Return Tessie's answer, whatever its status; `TessieFailed` or `TessieTimeout` where there is none."""
        if ask.method != "GET" or not ask.is_safe:
            return await self._call(ask)
        key = (ask.path, ask.query, ask.headers)
        flight = self._flights.get(key)
        if flight is None:
            flight = asyncio.ensure_future(self._call(ask))
            self._flights[key] = flight
            flight.add_done_callback(lambda _: self._flights.pop(key, None))
        return await asyncio.shield(flight)

    async def _call(self, ask: Ask) -> Fetched:
        deadline = monotonic() + (self._deadline if ask.is_safe else ACTION_DEADLINE)
        started, tried = monotonic(), list[str]()
        while True:
            await self._budget.take()
            outcome = await self._attempt(ask, deadline - monotonic())
            tried.append(_told(outcome))
            pause = _pause(outcome, len(tried), self._clock.now()) if ask.is_safe else None
            if pause is None or monotonic() + pause >= deadline:
                return self._finish(ask, outcome, tried, started)
            await self._clock.sleep(pause)

    async def _attempt(self, ask: Ask, left: float) -> Fetched | FetchError:
        seconds = max(0.001, min(left, ATTEMPT_TIMEOUT) if ask.is_safe else left)
        url = self._base_url + ask.path + (f"?{ask.query}" if ask.query else "")
        try:
            return await self._fetch(ask.method, url, headers=self._headers(ask), body=ask.body, timeout=seconds)
        except FetchError as fault:
            return fault

    def _headers(self, ask: Ask) -> HeaderList:
        headers = [*ask.headers, ("authorization", f"Bearer {self._key.get_secret_value()}")]
        if ask.request_id:
            headers.append(("x-request-id", ask.request_id))
        if ask.traceparent:
            headers.append(("traceparent", ask.traceparent))
        return headers

    def _finish(self, ask: Ask, outcome: Fetched | FetchError, tried: list[str], started: float) -> Fetched:
        seconds = monotonic() - started
        call = Call(
            method=ask.method, path=ask.path, query=ask.query, vin=ask.vin, request_id=ask.request_id,
            attempts=len(tried), latency_ms=round(seconds * 1000, 1),
        )  # fmt: skip
        if isinstance(outcome, Fetched):
            self._journal.record(replace(call, fetched=outcome))
            if not (ask.is_safe and outcome.status in GATEWAY_FAULTS):
                return outcome
        else:
            self._journal.record(replace(call, error=str(outcome)))
        raise _problem(outcome, tried, seconds)


def retry_after(fetched: Fetched, now: datetime) -> float | None:
    """Return the seconds that `Retry-After` asks for (a number or an HTTP date), or None."""
    given = fetched.header("retry-after")
    if given is None:
        return None
    if given.strip().isdigit():
        return float(given)
    try:
        return max(0.0, (parsedate_to_datetime(given) - now).total_seconds())
    except (ValueError, TypeError):
        return None


def _pause(outcome: Fetched | FetchError, attempts: int, now: datetime) -> float | None:
    """Return the seconds before the next attempt, with full jitter, or None where this outcome stands."""
    jittered = random.uniform(0, FIRST_BACK_OFF * 2 ** (attempts - 1))
    if attempts == ATTEMPTS or (isinstance(outcome, Fetched) and outcome.status not in RETRYABLE):
        return None
    if isinstance(outcome, FetchError):
        return jittered
    asked = retry_after(outcome, now)
    return jittered if asked is None else asked + jittered


def _told(outcome: Fetched | FetchError) -> str:
    return str(outcome.status) if isinstance(outcome, Fetched) else str(outcome)


def _problem(outcome: Fetched | FetchError, tried: list[str], seconds: float) -> TessieFailed | TessieTimeout:
    kind = TessieTimeout if isinstance(outcome, FetchTimeout) else TessieFailed
    return kind(f"{len(tried)} attempts in {seconds:.1f} s, the last: {tried[-1]}", upstream="Tessie", attempts=tried)
