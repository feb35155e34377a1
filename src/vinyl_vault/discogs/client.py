"""A client of the Discogs API: it adds key, User-Agent and currency, and takes every call from the budget."""

from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from pydantic_core import from_json

from edge import Clock, Fetch, NotFound
from edge.clients.upstream import RetryPolicy, UpstreamFailed, UpstreamTimeout, retry, retry_after
from edge.http import HeaderList
from edge.ports import Fetched, FetchTimeout
from vinyl_vault.discogs.budget import Budget
from vinyl_vault.discogs.settings import DiscogsSettings

NAME = "Discogs"
PATIENCE = RetryPolicy(attempts=3, attempt=10.0, deadline=20.0)
ACCEPT = ("accept", "application/vnd.discogs.v2.discogs+json")

type Json = dict[str, Any]
type Take = Callable[[], Awaitable[None]]


class DiscogsNotFound(NotFound):
    """Discogs has no such release."""

    title = "Discogs has no such release"


class Discogs:
    """Calls Discogs: each attempt takes a call from the budget, and a 429 pauses the calls of all isolates."""

    def __init__(self, settings: DiscogsSettings, fetch: Fetch, clock: Clock, budget: Budget) -> None:
        self._settings = settings
        self._fetch = fetch
        self._clock = clock
        self._budget = budget
        self._take: Take = budget.take

    def spare(self) -> "Discogs":
        """Return a client for background work, which uses only spare calls."""
        other = Discogs(self._settings, self._fetch, self._clock, self._budget)
        other._take = self._budget.take_spare
        return other

    @property
    def _search_options(self) -> dict[str, str]:
        return {"type": "release", "per_page": "25", "curr_abbr": self._settings.discogs_currency}

    async def search(self, **query: str) -> list[Json]:
        """Return the releases found by a search, in the order of Discogs."""
        document = await self._json("/database/search", self._search_options | query)
        results = document.get("results")
        if not isinstance(results, list):
            raise UpstreamFailed(f"{NAME} answered a search without results", upstream=NAME)
        return [hit for hit in results if isinstance(hit, dict) and hit.get("type") == "release" and _id_of(hit)]

    async def release(self, id_: int, currency: str) -> Json:
        """Return a release with its lowest price in a currency; raises `DiscogsNotFound` if there is none."""
        return await self._json(f"/releases/{id_}", {"curr_abbr": currency})

    async def stats(self, id_: int, currency: str) -> Json:
        """Return the number of copies of a release for sale, and the lowest price in a currency."""
        return await self._json(f"/marketplace/stats/{id_}", {"curr_abbr": currency})

    async def image(self, url: str) -> bytes:
        """Return an image's bytes, only from addresses of Discogs: the key must not be sent elsewhere."""
        if not self._is_own(url):
            raise UpstreamFailed(f"{NAME} returned an image address outside of its own site", upstream=NAME)
        fetched = await self._get(url, ("accept", "image/jpeg, image/png, image/webp"))
        if fetched.status != 200:
            raise _failed(fetched.status)
        return fetched.body

    async def _json(self, path: str, query: dict[str, str]) -> Json:
        url = f"{self._settings.discogs_api_url}{path}?{urlencode(query, quote_via=quote)}"
        fetched = await self._get(url, ACCEPT)
        if fetched.status == 404:
            raise DiscogsNotFound
        if fetched.status != 200:
            raise _failed(fetched.status)
        try:
            document = from_json(fetched.body)
        except ValueError:
            document = None
        if not isinstance(document, dict):
            raise UpstreamFailed(f"{NAME} did not answer with a JSON object", upstream=NAME)
        return document

    async def _get(self, url: str, accept: tuple[str, str]) -> Fetched:
        headers = [*self._headers(), accept]

        async def once(seconds: float) -> Fetched:
            fetched = await self._fetch("GET", url, headers=headers, timeout=seconds)
            if fetched.status == 429:
                raise await self._budget.refuse(retry_after(fetched, self._clock.now()))
            return fetched

        tries = await retry(once, PATIENCE, self._clock, self._take)
        if isinstance(tries.outcome, Fetched):
            return tries.outcome
        kind = UpstreamTimeout if isinstance(tries.outcome, FetchTimeout) else UpstreamFailed
        raise kind(f"{NAME}: {tries.summary()}", upstream=NAME, attempts=tries.history)

    def _headers(self) -> HeaderList:
        settings = self._settings
        key, secret = settings.discogs_key.get_secret_value(), settings.discogs_secret.get_secret_value()
        return [
            ("user-agent", settings.discogs_user_agent),
            ("authorization", f"Discogs key={key}, secret={secret}"),
        ]

    def _is_own(self, url: str) -> bool:
        """Tell whether an address has the API's origin, or is on discogs.com over HTTPS."""
        try:
            parts, own = urlsplit(url), urlsplit(self._settings.discogs_api_url)
            origin = (parts.scheme, parts.hostname, parts.port)
        except ValueError:
            return False
        if "@" in parts.netloc:
            return False
        is_discogs = (parts.hostname or "").endswith(".discogs.com") and parts.scheme == "https"
        return (is_discogs and parts.port is None) or origin == (own.scheme, own.hostname, own.port)


def _failed(status: int) -> UpstreamFailed:
    return UpstreamFailed(f"{NAME} answered {status}", upstream=NAME, upstream_status=status)


def _id_of(hit: Json) -> bool:
    id_ = hit.get("id")
    return isinstance(id_, int) and not isinstance(id_, bool) and id_ > 0
