"""The client of Tessie's API: adds the key (nowhere else does), retries, keeps the call budget and shares calls."""

from typing import NamedTuple

from core_tessie.journal import Journal
from core_tessie.settings import TessieSettings
from core_tessie.tessie.raw_answers import Call
from edge import Background, Clock, Fetch, Log
from edge.clients.single_flight import SingleFlight, single_flight_of
from edge.clients.upstream import RetryPolicy, Tries, retry
from edge.errors import BadGateway, GatewayTimeout
from edge.http import HeaderList
from edge.ports import Fetched, FetchTimeout, Pace, PortError, Throttle

GATEWAY_FAULTS = frozenset({502, 503, 504})

ATTEMPTS = 5
"""How often a safe call is made at most."""
ACTION_PATIENCE = RetryPolicy(attempts=1, attempt=120.0, deadline=120.0)
"""For requests that act on a car: waking one takes up to 90 s, and nothing is sent twice."""
ATTEMPT_TIMEOUT = 10.0
"""Seconds for one attempt of a safe call."""


class TessieFailed(BadGateway):
    """Tessie failed."""

    title = "Tessie failed"


class TessieTimeout(GatewayTimeout):
    """Tessie did not answer in time."""

    title = "Tessie did not answer in time"


class TessieRequest(NamedTuple):
    """A request to Tessie: `path` and `query` as they are sent; `is_safe` if repeating it changes nothing.

    A request that is not `is_patient` is tried once: a later call will do as well.
    """

    method: str
    path: str
    query: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    vin: str | None = None
    request_id: str = ""
    traceparent: str | None = None
    is_safe: bool = True
    is_patient: bool = True


class Budget:
    """The rate limit of calls to Tessie: `pace` for all isolates and processes that share the throttle.

    Without a throttle, or while it fails, calls are made at once: then only Tessie's own limit bounds them.
    """

    def __init__(self, throttle: Throttle | None, pace: Pace, clock: Clock, log: Log) -> None:
        self._throttle = throttle
        self._pace = pace
        self._clock = clock
        self._log = log

    async def take(self) -> None:
        """Wait until a call is within the budget."""
        if self._throttle is None:
            return
        try:
            seconds = await self._throttle.reserve("tessie", self._pace)
        except PortError as fault:
            self._log("error", "call budget not available; calling Tessie without it", error=str(fault))
            return
        if seconds:
            await self._clock.sleep(seconds)


class Tessie:
    """Calls Tessie, records every answer, and lets a burst of identical GETs share one call."""

    def __init__(  # noqa: PLR0913, PLR0917 - a provider's parameters are its services
        self,
        settings: TessieSettings,
        fetch: Fetch,
        clock: Clock,
        journal: Journal,
        background: Background,
        log: Log,
    ) -> None:
        self._base_url = settings.tessie_base_url
        self._key = settings.tessie_api_key
        self._patience = RetryPolicy(ATTEMPTS, ATTEMPT_TIMEOUT, settings.tessie_deadline_s, settings.tessie_back_off_s)
        self._fetch = fetch
        self._clock = clock
        self._journal = journal
        pace = Pace(settings.tessie_calls_per_second, settings.tessie_calls_at_once)
        self._budget = Budget(settings.tessie_throttle, pace, clock, log)
        self._single_flight: SingleFlight[tuple[object, ...], Fetched] = single_flight_of(background, "tessie")

    async def send(self, request: TessieRequest) -> Fetched:
        """Return Tessie's answer of any status; `TessieFailed` or `TessieTimeout` if there is none."""
        if request.method != "GET" or not request.is_safe:
            return await self._call(request)
        return await self._single_flight.join(
            (request.path, request.query, request.headers, request.is_patient), lambda: self._call(request)
        )

    async def _call(self, request: TessieRequest) -> Fetched:
        url = self._base_url + request.path + (f"?{request.query}" if request.query else "")

        async def once(seconds: float) -> Fetched:
            return await self._fetch(
                request.method, url, headers=self._headers(request), body=request.body, timeout=seconds
            )

        patience = self._patience if request.is_safe else ACTION_PATIENCE
        if not request.is_patient:
            patience = patience._replace(attempts=1)
        return self._finish(request, await retry(once, patience, self._clock, self._budget.take))

    def _headers(self, request: TessieRequest) -> HeaderList:
        headers = [*request.headers, ("authorization", f"Bearer {self._key.get_secret_value()}")]
        if request.request_id:
            headers.append(("x-request-id", request.request_id))
        if request.traceparent:
            headers.append(("traceparent", request.traceparent))
        return headers

    def _finish(self, request: TessieRequest, tries: Tries) -> Fetched:
        outcome = tries.outcome
        call = Call(
            method=request.method,
            path=request.path,
            query=request.query,
            vin=request.vin,
            request_id=request.request_id,
            attempts=len(tries.history),
            latency_ms=round(tries.seconds * 1000, 1),
            acts=not request.is_safe,
        )
        if isinstance(outcome, Fetched):
            self._journal.record(call._replace(fetched=outcome))
            if not (request.is_safe and outcome.status in GATEWAY_FAULTS):
                return outcome
        else:
            self._journal.record(call._replace(error=str(outcome)))
        kind = TessieTimeout if isinstance(outcome, FetchTimeout) else TessieFailed
        raise kind(tries.summary(), upstream="Tessie", attempts=tries.history)
