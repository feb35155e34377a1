"""The stand-in's HTTP server, in a thread of its own."""

import asyncio
import copy
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import ClassVar

from aiohttp import web

from sims.sanity.api import Api, journal_entry, json_response
from sims.sanity.content import DATASET, PROJECT_ID, documents
from sims.sanity.control import Control
from sims.sanity.documents import Document
from sims.sanity.faults import Fault, Journal, RequestEntry
from sims.sanity.hooks import Delivery, Hook, Hooks
from sims.sanity.refusals import Refused, api_error
from sims.sanity.store import Change, Store
from sims.server import StandIn

WEBHOOK_SECRET = "whsec-sim-" + "s" * 24
_LONGEST_LINE = 1 << 20
"""Of a request; the limit that matters is Sanity's own, which is lower and answers with its error."""

type Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class SanitySim(StandIn):
    """A project with one private dataset, filled with the documents of Edge Collective.

    `now` is the moment that they are made for and that queries ask for with `now()`; without it that is the start's,
    and the clock's.
    """

    options: ClassVar = {"max_line_size": _LONGEST_LINE, "access_log": None}

    def __init__(self, port: int = 0, *, now: datetime | None = None) -> None:
        super().__init__(port)
        self.project_id = PROJECT_ID
        self.dataset = DATASET
        self.webhook_secret = WEBHOOK_SECRET
        self.started = (now or datetime.now(UTC)).replace(microsecond=0)
        self.journal = Journal()
        self.store = Store()
        self.hooks = Hooks(PROJECT_ID, DATASET)
        self.api = Api(self.store, DATASET, lambda: now or datetime.now(UTC), self.hooks.tell)
        self.read_token = self.api.read_token
        self.write_token = self.api.write_token
        self.store.fill(documents(self.started))

    @property
    def documents(self) -> dict[str, Document]:
        """All documents by id, drafts too; a copy."""
        return copy.deepcopy(self.store.documents)

    @property
    def requests(self) -> list[RequestEntry]:
        """The requests since the start or the last reset, without those for `/_sim/`."""
        return self.journal.requests

    @property
    def deliveries(self) -> list[Delivery]:
        """The attempts to deliver to hooks, since the start or the last reset."""
        return self.hooks.deliveries

    def put(self, document: Document) -> Document:
        """Write a document with `_id` and `_type` as an editor would, hooks hear of it, and return it as it is now."""
        change = self.store.put(document)
        self._tell(change)
        return copy.deepcopy(change.document)

    def delete(self, id_: str) -> bool:
        """Delete a document, call the webhooks, and return whether it existed."""
        change = self.store.delete(id_)
        if change is not None:
            self._tell(change)
        return change is not None

    def hook(self, url: str, secret: str | None = None) -> None:
        """Post changes to this URL from now on; signed with `webhook_secret` if no other is given."""
        self.hooks.add(Hook(url, secret or self.webhook_secret))

    def unhook(self) -> None:
        """Forget all hooks."""
        self.hooks.clear()

    def settle(self, timeout_s: float = 10.0) -> None:
        """Wait until all deliveries are made or given up."""
        self.run(self.hooks.settle(), timeout_s)

    def fail(  # noqa: PLR0913 - the parts of a fault, each with its own default
        self,
        status: int | None = None,
        *,
        count: int = 1,
        delay: float = 0.0,
        reset: bool = False,
        retry_after: int | None = None,
        body: str | None = None,
    ) -> None:
        """Let the next `count` requests fail, after those that shall fail already: see `Fault`; 0 forgets all."""
        if count == 0:
            self.journal.faults.clear()
        self.journal.faults.extend([Fault(status, delay, reset, retry_after, body)] * count)

    def reset(self) -> None:
        """Have the documents of the start, and an empty journal; no faults and deliveries. Hooks stay."""
        self.store.fill(documents(self.started))
        self.journal.clear()
        self.deliveries.clear()

    def application(self) -> web.Application:
        """Return Sanity's API, and the control."""
        app = web.Application(middlewares=[self._answered])
        app.add_routes([*self.api.routes(), *Control(self).routes()])
        return app

    async def closing(self) -> None:
        """Deliver no more."""
        await self.hooks.stop()

    def _tell(self, change: Change) -> None:
        self.soon(self.hooks.tell, [change])

    @web.middleware
    async def _answered(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answer errors in Sanity's format, and write the journal."""
        if request.path.startswith("/_sim/"):
            return await _with_errors(request, handler)
        entry = await journal_entry(request)
        self.requests.append(entry)
        fault = self.journal.fault()
        response = await (_failed(request, handler, fault) if fault else _with_errors(request, handler))
        entry.status = response.status
        return response


async def _with_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except Refused as refused:
        return json_response(refused.body, refused.status)
    except web.HTTPException as wrong:
        return json_response(api_error(wrong.status, wrong.reason).body, wrong.status)


async def _failed(request: web.Request, handler: Handler, fault: Fault) -> web.StreamResponse:
    await asyncio.sleep(fault.delay)
    if fault.reset and request.transport is not None:
        request.transport.abort()
        return web.Response(status=499)
    headers = {} if fault.retry_after is None else {"retry-after": str(fault.retry_after)}
    if fault.body is not None:
        return web.Response(text=fault.body, status=fault.status or 200, headers=headers)
    if fault.status is None:
        return await _with_errors(request, handler)
    refused = api_error(fault.status, "The stand-in fails on a test's request")
    return json_response(refused.body, fault.status, headers)
