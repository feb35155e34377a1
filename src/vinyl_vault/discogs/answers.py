"""Answers of Discogs, cached in R2 by key: simultaneous requests for one key make one call, across all isolates."""

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from pydantic_core import from_json, to_json

from edge import Background, Bucket, Clock, Log, Problem
from edge.clients.leases import Leases
from edge.clients.single_flight import SingleFlight, single_flight_of
from edge.errors import ServiceAway
from edge.ports import PortError
from vinyl_vault.discogs.budget import DiscogsBusy
from vinyl_vault.discogs.client import DiscogsNotFound, Json
from vinyl_vault.discogs.settings import DiscogsSettings

DAY_S = 86_400
MISSING_S = DAY_S
"""Seconds for which a 404 of Discogs, or a search without hits, is cached; other failures are not."""
FAULT_S = 3
"""Seconds for which the failure of a call is raised to callers that waited for it, instead of calling again."""
LEASE_S = 60.0
FIRST_LOOK_S = 0.15
LAST_LOOK_S = 1.0
AHEAD_S = 300
"""Most seconds that an answer may lie in the future; beyond that the clock was set back, and the answer is stale."""

type Make = Callable[[], Awaitable[Json]]
"""Calls Discogs; raises `DiscogsNotFound` if it has no such entry."""


class Answer(NamedTuple):
    """An answer: `data` is None if Discogs has none; `age_s` is its age, `was_cached` is true if it came from R2."""

    data: Json | None
    age_s: int
    was_cached: bool = True


class Answers:
    """Caches answers by key, each as an object `data/{key}.json`."""

    def __init__(
        self, settings: DiscogsSettings, leases: Leases, clock: Clock, background: Background, log: Log
    ) -> None:
        self._bucket: Bucket = settings.cache
        self._leases = leases
        self._clock = clock
        self._log = log
        self._wait_s = settings.discogs_wait_s
        self._flights: SingleFlight[str, Answer] = single_flight_of(background, "discogs")

    async def get(self, key: str, make: Make, fresh_s: Callable[[Json], float]) -> Answer:
        """Return the fresh cached answer of a key, else call `make`; if that fails, return a stale answer.

        Errors: `DiscogsBusy` if another isolate's call does not finish in time, and those of `make`.
        """
        cached = await self.read(key)
        if cached is not None and self._is_fresh(cached, fresh_s):
            return cached
        try:
            return await self._flights.join(key, lambda: self._make(key, make, fresh_s))
        except Problem as fault:
            if cached is None or cached.data is None:
                raise
            self._log("warning", "stale answer served", key=key, error=f"{type(fault).__name__}: {fault}"[:300])
            return cached

    async def read(self, key: str) -> Answer | None:
        """Return the cached answer of a key, of any age; None if there is no readable one."""
        document = await self._document(f"data/{key}.json")
        if document is None or not isinstance(at := document.get("at"), int):
            return None
        data = document.get("data")
        return Answer(data, self._now() - at) if data is None or isinstance(data, dict) else None

    async def keep(self, key: str, data: Json | None) -> Answer:
        """Cache an answer as of now."""
        at = self._now()
        body = to_json({"at": at, "data": data})
        await self._bucket.put(f"data/{key}.json", body, content_type="application/json")
        return Answer(data, 0, was_cached=False)

    async def _make(self, key: str, make: Make, fresh_s: Callable[[Json], float]) -> Answer:
        """Call Discogs under a lease; while another isolate holds it, wait for its answer."""
        name = f"discogs:{key}"
        look_s = FIRST_LOOK_S
        waited_s = 0.0
        while (until := await self._leases.take(name, LEASE_S)) is None:
            if waited_s >= self._wait_s:
                raise DiscogsBusy(LAST_LOOK_S)
            await self._clock.sleep(look_s)
            waited_s, look_s = waited_s + look_s, min(LAST_LOOK_S, look_s * 2)
            cached = await self.read(key)
            if cached is not None and self._is_fresh(cached, fresh_s):
                return cached
        try:
            return await self._ask(key, make, fresh_s, waited_s)
        finally:
            await self._leases.give_back(name, until)

    async def _ask(self, key: str, make: Make, fresh_s: Callable[[Json], float], waited_s: float) -> Answer:
        cached = await self.read(key)  # another isolate may have cached it before we got the lease
        if cached is not None and self._is_fresh(cached, fresh_s):
            return cached
        await self._raise_fault(key, FAULT_S + waited_s)
        try:
            return await self.keep(key, await make())
        except DiscogsNotFound:
            return await self.keep(key, None)
        except Problem as fault:
            await self._keep_fault(key, fault)
            raise

    async def _raise_fault(self, key: str, longest_s: float) -> None:
        """Raise the failure of a call that ended within the last `longest_s` seconds."""
        fault = await self._document(f"faults/{key}.json")
        at = fault.get("at") if fault else None
        if fault is None or not isinstance(at, int) or not -FAULT_S <= self._now() - at <= longest_s:
            return
        if fault.get("status") == DiscogsBusy.status:
            raise DiscogsBusy(float(fault.get("wait") or FAULT_S))
        raise ServiceAway("Discogs has just failed", FAULT_S)

    async def _keep_fault(self, key: str, fault: Problem) -> None:
        members = {"at": self._now(), "status": fault.status, "wait": fault.extra.get("retry_after")}
        try:
            await self._bucket.put(f"faults/{key}.json", to_json(members), content_type="application/json")
        except PortError as broken:
            self._log("warning", "failure not cached", key=key, error=str(broken))

    async def _document(self, name: str) -> dict[str, Any] | None:
        stored = await self._bucket.get(name)
        if stored is None:
            return None
        try:
            document = from_json(b"".join([part async for part in stored[1]]))
        except ValueError:
            return None
        return document if isinstance(document, dict) else None

    def _is_fresh(self, answer: Answer, fresh_s: Callable[[Json], float]) -> bool:
        longest = MISSING_S if answer.data is None else fresh_s(answer.data)
        return -AHEAD_S <= answer.age_s < longest

    def _now(self) -> int:
        return int(self._clock.now().timestamp())
