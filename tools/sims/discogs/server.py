"""The stand-in's HTTP server, in a thread of its own."""

import asyncio
import re
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from aiohttp import web

from sims.discogs.catalogue import RATES, RELEASES, Release, hit, matches, price, whole
from sims.discogs.images import grey_jpeg, signature, signed
from sims.discogs.rates import WITH_KEY, WITHOUT_KEY, Window
from sims.server import StandIn

KEY = "discogs-sim-key"
SECRET = "discogs-sim-secret"
IMAGE_SECONDS = 600
MOST_A_PAGE = 100

_NAMED_AGENT = re.compile(r"[\w.-]+/\d[\w.]*( \+?\(?\+?https?://\S+\)?)?", re.ASCII)
_GENERIC_AGENTS = ("python", "curl", "wget", "aiohttp", "httpx", "node", "undici", "mozilla", "go-http", "axios")
_FIELDS = ("q", "title", "release_title", "artist", "label", "catno", "barcode", "format")

type Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Fault:
    """How a request fails: after `delay` seconds with a `status`, or a broken connection, if its path begins so."""

    status: int | None = None
    delay: float = 0.0
    reset: bool = False
    retry_after: int | None = None
    body: str | None = None
    path: str = "/"


@dataclass(slots=True)
class SeenRequest:
    """A request that came, and the status of its answer."""

    path: str
    query: dict[str, str]
    user_agent: str
    status: int = 0


class DiscogsSim(StandIn):
    """Discogs' API and images at one address, with one application's key and secret.

    `requests` holds all requests, `window` the calls that count towards the limit. `prices` and `covers` replace a
    release's price in dollars and the bytes of its image. `image_seconds` is the lifetime of an image's address.
    """

    options: ClassVar = {"access_log": None}

    def __init__(self, port: int = 0, *, window_s: float = 60.0, key: str = KEY) -> None:
        super().__init__(port)
        self.key = key
        self.secret = SECRET
        self.window = Window(time.monotonic, window_s)
        self.requests: list[SeenRequest] = []
        self.reset()

    def reset(self) -> None:
        """Have the records of the start, an empty window, no requests and no faults."""
        self.releases = {release.id: release for release in RELEASES}
        self.image_seconds = IMAGE_SECONDS
        self.prices: dict[int, float | None] = {}
        self.covers: dict[int, bytes] = {}
        self.faults: deque[Fault] = deque()
        self.limit = WITH_KEY
        self.requests.clear()
        self.window.clear()

    def fail(self, fault: Fault, count: int = 1) -> None:
        """Let the next `count` requests that the fault fits fail."""
        self.faults.extend([fault] * count)

    def calls(self, path: str = "/") -> list[SeenRequest]:
        """Return the requests of paths that begin with `path`."""
        return [request for request in self.requests if request.path.startswith(path)]

    def application(self) -> web.Application:
        """Return the API and the images."""
        app = web.Application(middlewares=[self._guard])
        app.add_routes(
            [
                web.get("/database/search", self._search),
                web.get("/releases/{id}", self._release),
                web.get("/masters/{id}", self._master),
                web.get("/marketplace/stats/{id}", self._stats),
                web.get("/marketplace/price_suggestions/{id}", self._suggestions),
                web.get("/images/{signature}/rs:fit/g:sm/q:90/h:600/w:600/{expires}/{name}", self._image),
            ]
        )
        return app

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Refuse as Discogs does, count the call, and put the limit into the answer's headers."""
        agent = request.headers.get("User-Agent", "")
        seen = SeenRequest(request.path, dict(request.query), agent)
        self.requests.append(seen)
        response = await self._answer(request, handler, agent)
        seen.status = response.status
        return response

    async def _answer(self, request: web.Request, handler: Handler, agent: str) -> web.StreamResponse:
        if not _NAMED_AGENT.fullmatch(agent) or agent.casefold().startswith(_GENERIC_AGENTS):
            return web.Response(status=403)
        standing = self._authenticated(request)
        if standing is None:
            return _message(401, "Invalid consumer token. Please register an app before making requests.")
        limit = self.limit if standing else WITHOUT_KEY
        if not self.window.take(limit):
            return _message(429, "You are making requests too quickly.", self.window.headers(limit))
        fault = next((fault for fault in self.faults if request.path.startswith(fault.path)), None)
        if fault is not None:
            self.faults.remove(fault)
        response = await (_fail(request, handler, fault) if fault else _handled(request, handler))
        response.headers.update(self.window.headers(limit))
        return response

    def _authenticated(self, request: web.Request) -> bool | None:
        """Tell whether a request has the key and the secret; None if it has other ones."""
        header = request.headers.get("Authorization", "")
        if header:
            return True if header == f"Discogs key={self.key}, secret={self.secret}" else None
        if "key" in request.query:
            return True if (request.query["key"], request.query.get("secret")) == (self.key, self.secret) else None
        return False

    async def _search(self, request: web.Request) -> web.Response:
        if not self._authenticated(request):
            return _message(401, "You must authenticate to access this resource.")
        query = {name: value for name in _FIELDS if (value := request.query.get(name))}
        kind = request.query.get("type", "")
        size = min(MOST_A_PAGE, _number(request, "per_page", 50))
        page = _number(request, "page", 1)
        fit = [release for release in self.releases.values() if matches(release, query)]
        items: list[dict[str, Any]] = []
        if kind in {"", "release"}:
            items += [hit(release, self.url, self._image_url(release)) for release in fit]
        if kind in {"", "master"}:
            items += self._master_hits(fit)
        pages = max(1, -(-len(items) // size))
        pagination = {"page": page, "pages": pages, "per_page": size, "items": len(items), "urls": {}}
        return web.json_response({"pagination": pagination, "results": items[(page - 1) * size : page * size]})

    def _master_hits(self, fit: list[Release]) -> list[dict[str, Any]]:
        first = {release.master_id: release for release in reversed(fit) if release.master_id}
        return [
            hit(release, self.url, self._image_url(release))
            | {"id": id_, "type": "master", "resource_url": f"{self.url}/masters/{id_}"}
            for id_, release in first.items()
        ]

    async def _release(self, request: web.Request) -> web.Response:
        release = self._alive(request)
        if release is None:
            return _message(404, "Release not found.")
        currency = request.query.get("curr_abbr", "USD")
        if currency not in RATES:
            return web.json_response({"detail": [{"loc": ["query", "curr_abbr"], "msg": "unknown"}]}, status=422)
        images = [self._image_of(release, number) for number in range(release.images)]
        return web.json_response(whole(self._priced(release), self.url, images, currency))

    async def _master(self, request: web.Request) -> web.Response:
        id_ = request.match_info["id"]
        versions = [
            release for release in self.releases.values() if str(release.master_id) == id_ and not release.is_dead
        ]
        if not versions:
            return _message(404, "Master Release not found.")
        main = versions[0]
        artists = [{"name": name, "anv": "", "join": ","} for name in main.artists]
        return web.json_response({"id": int(id_), "main_release": main.id, "title": main.title, "artists": artists})

    async def _stats(self, request: web.Request) -> web.Response:
        release = self._alive(request)
        if release is None:
            return _message(404, "Release not found.")
        currency = request.query.get("curr_abbr", "USD")
        if currency not in RATES:
            return web.json_response({"detail": [{"loc": ["query", "curr_abbr"], "msg": "unknown"}]}, status=422)
        value = price(self._priced(release), currency)
        lowest = None if value is None else {"value": value, "currency": currency}
        stats = {"num_for_sale": release.for_sale, "lowest_price": lowest, "blocked_from_sale": False}
        return web.json_response(stats)

    async def _suggestions(self, _: web.Request) -> web.Response:
        return _message(401, "You must authenticate to access this resource.")

    async def _image(self, request: web.Request) -> web.Response:
        name, expires = request.match_info["name"], request.match_info["expires"]
        if not self._authenticated(request):
            return web.Response(status=401)
        is_sound = expires.isdigit() and signature(name, int(expires)) == request.match_info["signature"]
        if not is_sound or time.time() >= int(expires):
            return web.Response(status=403)
        id_ = int(name.split("-")[1])
        body = self.covers.get(id_) or grey_jpeg(600, 600, 32 + id_ % 160)
        return web.Response(body=body, headers={"content-type": "image/jpeg"})

    def _alive(self, request: web.Request) -> Release | None:
        id_ = request.match_info["id"]
        release = self.releases.get(int(id_)) if id_.isdecimal() else None
        return None if release is None or release.is_dead else release

    def _priced(self, release: Release) -> Release:
        if release.id not in self.prices:
            return release
        members = {name: getattr(release, name) for name in Release.__slots__}
        return Release(**members | {"price_usd": self.prices[release.id]})

    def _image_url(self, release: Release, number: int = 0) -> str:
        if not release.images:
            return f"{self.url}/images/spacer.gif"
        return self.url + signed(f"R-{release.id}-{number}.jpeg", int(time.time()) + self.image_seconds)

    def _image_of(self, release: Release, number: int) -> dict[str, Any]:
        uri = self._image_url(release, number)
        kind = "secondary" if number else "primary"
        return {"type": kind, "uri": uri, "resource_url": uri, "uri150": uri, "width": 600, "height": 600}


async def _handled(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except web.HTTPException as wrong:
        return _message(wrong.status, "The requested resource was not found.")


async def _fail(request: web.Request, handler: Handler, fault: Fault) -> web.StreamResponse:
    await asyncio.sleep(fault.delay)
    if fault.reset and request.transport is not None:
        request.transport.abort()
        return web.Response(status=499)
    headers = {} if fault.retry_after is None else {"Retry-After": str(fault.retry_after)}
    if fault.body is not None:
        return web.Response(text=fault.body, status=fault.status or 200, headers=headers)
    if fault.status is None:
        return await _handled(request, handler)
    return _message(fault.status, "The stand-in fails on a test's request.", headers)


def _message(status: int, text: str, headers: dict[str, str] | None = None) -> web.Response:
    return web.json_response({"message": text}, status=status, headers=headers)


def _number(request: web.Request, name: str, default: int) -> int:
    text = request.query.get(name, "")
    return max(1, int(text)) if text.isdecimal() else default
