"""A stand-in for MusicBrainz and the Cover Art Archive: a request a second, a User-Agent with a contact, redirects."""

import re
import time
from typing import ClassVar

from aiohttp import web

from sims.discogs.images import grey_jpeg
from sims.discogs.rates import Window
from sims.server import StandIn

_CONTACT = re.compile(r"[\w.-]+/\d[\w.]* .*(https?://|@)\S+")
_CODE = re.compile(r"barcode:([0-9]+)")


class CoverArtSim(StandIn):
    """Releases by barcode at `/ws/2/release`, front covers at `/release/{mbid}/front-500`.

    `releases` gives ids by barcode, `covers` bytes by id, `elsewhere` an address to which covers lead instead.
    """

    options: ClassVar = {"access_log": None}

    def __init__(self, port: int = 0) -> None:
        super().__init__(port)
        self.window = Window(time.monotonic, 1.0)
        self.requests: list[str] = []
        self.reset()

    def reset(self) -> None:
        """Know one release with a cover, and one without."""
        self.releases = {"036000291452": "0f9a2c11-1111-4222-8333-444455556666", "4006381333931": "bare"}
        self.covers = {"0f9a2c11-1111-4222-8333-444455556666": grey_jpeg(500, 500)}
        self.elsewhere = ""
        self.requests.clear()
        self.window.clear()

    def application(self) -> web.Application:
        """Return both services."""
        app = web.Application()
        routes = [
            web.get("/ws/2/release", self._search),
            web.get("/release/{id}/front-500", self._front),
            web.get("/archive/{id}.jpg", self._file),
        ]
        app.add_routes(routes)
        return app

    async def _search(self, request: web.Request) -> web.Response:
        self.requests.append(request.path_qs)
        if not _CONTACT.fullmatch(request.headers.get("User-Agent", "")):
            return web.json_response({"error": "Forbidden"}, status=403)
        if not self.window.take(1):
            return web.json_response({"error": "Your requests are exceeding the allowable rate limit."}, status=503)
        codes = _CODE.findall(request.query.get("query", ""))
        releases = [self.releases[code] for code in codes if code in self.releases]
        return web.json_response({"count": len(releases), "releases": [{"id": id_, "score": 100} for id_ in releases]})

    async def _front(self, request: web.Request) -> web.Response:
        self.requests.append(request.path_qs)
        id_ = request.match_info["id"]
        if id_ not in self.covers:
            return web.Response(status=404, text="No cover art found for release")
        return web.Response(status=307, headers={"location": self.elsewhere or f"{self.url}/archive/{id_}.jpg"})

    async def _file(self, request: web.Request) -> web.Response:
        self.requests.append(request.path_qs)
        return web.Response(body=self.covers[request.match_info["id"]], content_type="image/jpeg")
