"""`/api/v1/platform`: numbers of the platform and the states of its services; both cached, with their age."""

import asyncio
from collections.abc import Awaitable
from datetime import datetime
from typing import Any, Literal, NotRequired, TypedDict

from pydantic import BaseModel
from pydantic_core import from_json, to_json

from edge import PUBLIC, Clock, KeyValue, Operation, Problem, Request, Response, Routes, SystemDatabase
from edge.clients.cache import Cache, CacheEntry, Terms
from edge.clients.upstream import UpstreamFailed, UpstreamTimeout
from edge.ports import PortError
from platform_api import NAME
from platform_api.content import accepted_age
from platform_api.discord_view import Community
from platform_api.queries import COUNTS
from platform_api.sanity import Sanity
from platform_api.settings import PlatformSettings

routes = Routes("/api/v1/platform", tag="platform", access=PUBLIC)

STATS = Terms(fresh=300)
STATUS = Terms(fresh=30, keep=3600, stale=30)
_FORMS = "SELECT form, count(*) AS n FROM submissions WHERE status = 'received' GROUP BY form"


class Counts(BaseModel):
    """How many documents there are in Sanity, by type, and events to come."""

    content: dict[str, int]
    upcoming_events: int


class Stats(TypedDict):
    """Numbers of the platform, `age_s` seconds old; `members` is null if Discord is not set up or away."""

    content: dict[str, int]
    upcoming_events: int
    submissions: dict[str, int]
    members: int | None
    as_of: datetime
    age_s: int


class ServiceStatus(TypedDict):
    """Whether one of the platform's services answered."""

    status: Literal["ok", "error", "not_configured"]
    message: NotRequired[str]


class PlatformStatus(TypedDict):
    """Whether all of it did, `age_s` seconds ago."""

    status: Literal["ok", "degraded"]
    services: dict[str, ServiceStatus]
    as_of: datetime
    age_s: int


class Overview:
    """Counts and asks."""

    def __init__(  # noqa: PLR0913, PLR0917 - a provider's parameters are what it is made of
        self,
        settings: PlatformSettings,
        sanity: Sanity,
        community: Community,
        db: SystemDatabase,
        kv: KeyValue,
        clock: Clock,
    ) -> None:
        self._settings = settings
        self._sanity = sanity
        self._community = community
        self._db = db
        self._kv = kv
        self._clock = clock

    async def stats(self) -> bytes:
        """Return `Stats` as JSON. Errors: Sanity's."""
        now = self._clock.now()
        counts = await self._sanity.query(Counts, COUNTS, now=now.replace(microsecond=0))
        stats = Stats(
            content=counts.content,
            upcoming_events=counts.upcoming_events,
            submissions={row["form"]: row["n"] for row in await self._db.all(_FORMS)},
            members=await self._members(),
            as_of=now,
            age_s=0,
        )
        return to_json(stats)

    async def status(self) -> bytes:
        """Return `PlatformStatus` as JSON, also while services are away."""
        probes = {
            "sanity": self._sanity.query(int, "count(*[false])"),
            "d1": self._db.probe(),
            "kv": self._kv.probe(),
            "ai": self._settings.ai.probe() if self._settings.ai else None,
            "discord": self._community.members(oldest=0) if self._settings.discord_bot_token else None,
        }
        checks = await asyncio.gather(*map(_service_status, probes.values()))
        services = dict(zip(probes, checks, strict=True))
        is_ok = all(check["status"] != "error" for check in checks)
        now = self._clock.now()
        return to_json(PlatformStatus(status="ok" if is_ok else "degraded", services=services, as_of=now, age_s=0))

    async def _members(self) -> int | None:
        try:
            return int(from_json((await self._community.members()).body)["members"])
        except Problem:
            return None


async def _service_status(asking: Awaitable[Any] | None) -> ServiceStatus:
    if asking is None:
        return ServiceStatus(status="not_configured")
    try:
        async with asyncio.timeout(10):
            await asking
    except (Problem, PortError) as fault:
        return ServiceStatus(status="error", message=str(fault)[:200])
    except TimeoutError:
        return ServiceStatus(status="error", message="no answer in 10 s")
    return ServiceStatus(status="ok")


@routes.get("/stats", UpstreamFailed, UpstreamTimeout, operation=Operation({200: {"application/json": Stats}}))
async def get_stats(cache: Cache, overview: Overview, request: Request) -> Response:
    """Get numbers of the platform."""
    return _aged(await cache.get("platform:stats", overview.stats, STATS, accepted_age(request)), request)


@routes.get("/status", operation=Operation({200: {"application/json": PlatformStatus}}))
async def get_status(cache: Cache, overview: Overview, request: Request) -> Response:
    """Get the states of the platform's services."""
    return _aged(await cache.get("platform:status", overview.status, STATUS, accepted_age(request)), request)


def _aged(entry: CacheEntry, request: Request) -> Response:
    """Return a cached body, with its age in it."""
    body = to_json(from_json(entry.body) | {"age_s": entry.age})
    return CacheEntry(body, entry.age, entry.was_cached, entry.terms).response(
        NAME, request.headers.get("if-none-match")
    )
