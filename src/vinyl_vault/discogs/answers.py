"""Answers of Discogs, kept in R2 by key: a burst for one key is one call, in whatever isolates it arrives."""

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
"""Seconds for which Discogs' 404, or a search without hits, is remembered; no other failure is."""
FAULT_S = 3
"""Seconds for which the callers who waited for a failed call get its failure, and make no call of their own."""
LEASE_S = 60.0
FIRST_LOOK_S = 0.15
LAST_LOOK_S = 1.0
AHEAD_S = 300
"""Seconds that an answer may lie ahead; a clock was set back since one that lies further."""

type Make = Callable[[], Awaitable[Json]]
"""Asks Discogs; `DiscogsNotFound` where it has no such thing."""


class Answer(NamedTuple):
    """An answer: `data` is None where Discogs had none; `age_s` its age, `was_kept` if it came out of R2."""

    data: Json | None
    age_s: int
    was_kept: bool = True


class Answers:
    """Answers by key, each an object `data/{key}.json`."""

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
        """Return the fresh answer under a key, else what `make` gives; an old one where Discogs fails.

        Errors: `DiscogsBusy` where another is asking and is not done in time, and those of `make`.
        """
        kept = await self.read(key)
        if kept is not None and self._is_fresh(kept, fresh_s):
            return kept
        try:
            return await self._flights.join(key, lambda: self._make(key, make, fresh_s))
        except Problem as fault:
            if kept is None or kept.data is None:
                raise
            self._log("warning", "old answer served", key=key, error=f"{type(fault).__name__}: {fault}"[:300])
            return kept

    async def read(self, key: str) -> Answer | None:
        """Return what is kept under a key, however old; None where there is nothing that can be read."""
        document = await self._document(f"data/{key}.json")
        if document is None or not isinstance(at := document.get("at"), int):
            return None
        data = document.get("data")
        return Answer(data, self._now() - at) if data is None or isinstance(data, dict) else None

    async def keep(self, key: str, data: Json | None) -> Answer:
        """Keep an answer from now on."""
        at = self._now()
        body = to_json({"at": at, "data": data})
        await self._bucket.put(f"data/{key}.json", body, content_type="application/json")
        return Answer(data, 0, was_kept=False)

    async def _make(self, key: str, make: Make, fresh_s: Callable[[Json], float]) -> Answer:
        """Ask Discogs where nobody else does; wait for the answer of whoever does."""
        name, look_s, waited_s = f"discogs:{key}", FIRST_LOOK_S, 0.0
        while (until := await self._leases.take(name, LEASE_S)) is None:
            if waited_s >= self._wait_s:
                raise DiscogsBusy(LAST_LOOK_S)
            await self._clock.sleep(look_s)
            waited_s, look_s = waited_s + look_s, min(LAST_LOOK_S, look_s * 2)
            kept = await self.read(key)
            if kept is not None and self._is_fresh(kept, fresh_s):
                return kept
        try:
            return await self._ask(key, make, fresh_s, waited_s)
        finally:
            await self._leases.give_back(name, until)

    async def _ask(self, key: str, make: Make, fresh_s: Callable[[Json], float], waited_s: float) -> Answer:
        kept = await self.read(key)  # what another asked for between our look and our lease
        if kept is not None and self._is_fresh(kept, fresh_s):
            return kept
        await self._raise_fault(key, FAULT_S + waited_s)
        try:
            return await self.keep(key, await make())
        except DiscogsNotFound:
            return await self.keep(key, None)
        except Problem as fault:
            await self._keep_fault(key, fault)
            raise

    async def _raise_fault(self, key: str, longest_s: float) -> None:
        """Raise the failure of a call that was made just now, or while we waited for it."""
        fault = await self._document(f"faults/{key}.json")
        at = fault.get("at") if fault else None
        if fault is None or not isinstance(at, int) or not -FAULT_S <= self._now() - at <= longest_s:
            return
        if fault.get("status") == DiscogsBusy.status:
            raise DiscogsBusy(float(fault.get("wait") or FAULT_S))
        raise ServiceAway("Discogs failed just now", FAULT_S)

    async def _keep_fault(self, key: str, fault: Problem) -> None:
        members = {"at": self._now(), "status": fault.status, "wait": fault.extra.get("retry_after")}
        try:
            await self._bucket.put(f"faults/{key}.json", to_json(members), content_type="application/json")
        except PortError as broken:
            self._log("warning", "failure not kept", key=key, error=str(broken))

    async def _document(self, name: str) -> dict[str, Any] | None:
        found = await self._bucket.get(name)
        if found is None:
            return None
        try:
            document = from_json(b"".join([part async for part in found[1]]))
        except ValueError:
            return None
        return document if isinstance(document, dict) else None

    def _is_fresh(self, answer: Answer, fresh_s: Callable[[Json], float]) -> bool:
        longest = MISSING_S if answer.data is None else fresh_s(answer.data)
        return -AHEAD_S <= answer.age_s < longest

    def _now(self) -> int:
        return int(self._clock.now().timestamp())
