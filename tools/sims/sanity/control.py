"""The switches of the stand-in for tests over HTTP, under `/_sim/`; no token is needed; not part of Sanity."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Protocol

from aiohttp import web

from sims.sanity.api import json_response
from sims.sanity.documents import Document
from sims.sanity.faults import Journal, RequestEntry
from sims.sanity.hooks import Delivery, Hooks
from sims.sanity.refusals import api_error


class Controlled(Protocol):
    """The parts of a stand-in that its control changes and shows."""

    journal: Journal
    hooks: Hooks

    @property
    def documents(self) -> Mapping[str, Document]:
        """Return all documents."""

    @property
    def requests(self) -> Sequence[RequestEntry]:
        """Return the requests that came."""

    @property
    def deliveries(self) -> Sequence[Delivery]:
        """Return the calls of the webhooks."""

    def put(self, document: Document) -> Document:
        """Write a document."""

    def delete(self, id_: str) -> bool:
        """Delete a document."""

    def hook(self, url: str, secret: str | None = None) -> None:
        """Register a hook."""

    def fail(self, *args: Any, **switches: Any) -> None:
        """Let the next requests fail."""

    def reset(self) -> None:
        """Restore the initial state."""


class Control:
    """The switches over HTTP: each is a method of the stand-in."""

    def __init__(self, sim: Controlled) -> None:
        self.sim = sim

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        return [
            web.get("/_sim/documents", self.documents),
            web.put("/_sim/documents/{id}", self.put),
            web.delete("/_sim/documents/{id}", self.delete),
            web.get("/_sim/requests", self.requests),
            web.get("/_sim/deliveries", self.deliveries),
            web.post("/_sim/hooks", self.hook),
            web.post("/_sim/fail", self.fail),
            web.post("/_sim/reset", self.reset),
        ]

    async def documents(self, _: web.Request) -> web.Response:
        """Return all documents."""
        return json_response([*self.sim.documents.values()])

    async def put(self, request: web.Request) -> web.Response:
        """Write a document."""
        document = await request.json()
        return json_response(self.sim.put(document | {"_id": request.match_info["id"]}))

    async def delete(self, request: web.Request) -> web.Response:
        """Delete a document."""
        return json_response({"deleted": self.sim.delete(request.match_info["id"])})

    async def requests(self, _: web.Request) -> web.Response:
        """Return the journal."""
        return json_response([asdict(request) for request in self.sim.requests])

    async def deliveries(self, _: web.Request) -> web.Response:
        """Return the calls of the webhooks."""
        return json_response([delivery._asdict() for delivery in self.sim.deliveries])

    async def hook(self, request: web.Request) -> web.Response:
        """Register a hook: {"url", "secret"?}."""
        document = await request.json()
        self.sim.hook(document["url"], document.get("secret"))
        return json_response({"hooks": len(self.sim.hooks.hooks)})

    async def fail(self, request: web.Request) -> web.Response:
        """Let the next requests fail: {"status", "count", "delay", "reset", "retry_after", "body"}, none needed."""
        try:
            self.sim.fail(**await request.json())
        except TypeError as wrong:
            raise api_error(400, str(wrong)) from None
        return json_response({"faults": len(self.sim.journal.faults)})

    async def reset(self, _: web.Request) -> web.Response:
        """Restore the initial state."""
        self.sim.reset()
        return json_response({"documents": len(self.sim.documents)})
