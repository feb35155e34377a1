"""The `Events` port in a Worker: it calls the Durable Object that holds the log."""

import json
from collections.abc import AsyncIterable, Sequence
from typing import Any

from pydantic_core import from_json, to_json
from pyodide.ffi import JsException

from edge.access import PUBLIC, Actor
from edge.http import Headers, Response
from edge.ports import PortError
from edge.ports.events import Draft, Event, Follow, Page, TooManyConnections, UpgradeRequired
from edge.runtimes import live_wire as wire
from edge.runtimes.workers.js_bridge import NativeStream, NativeUpgrade, message_of, raw, to_object
from edge.runtimes.workers.log_sockets import follow_document

NAME = "events"
"""The one object of a Worker."""
FOLLOW = "x-follow"
"""The header with the reader's request as JSON; the object is reached only through its binding."""


NOBODY = Actor("", PUBLIC, frozenset())
"""The reader of a probe, which gets no event."""


class DurableEvents:
    """The log as a Durable Object. A call crosses into JavaScript for the stub, the call and the answer's text."""

    def __init__(self, binding: Any) -> None:
        self._binding = raw(binding)

    async def publish(self, drafts: Sequence[Draft]) -> int:
        wire.documents(drafts, 0, wire.BEGINNING)  # refuses here what the object would: an error crosses as its words
        return int(await self._call("publish", drafts))

    async def read(self, follow: Follow, *, limit: int = 100) -> Page:
        page = await self._call("read", {"follow": follow_document(follow), "limit": limit})
        return Page([Event(*event) for event in page["events"]], page["oldest"], page["last"])

    async def forget(self) -> None:
        await self._call("forget", None)

    async def erase(self, caller: str) -> None:
        await self._call("forget", caller)

    async def stream(self, follow: Follow) -> AsyncIterable[bytes]:
        return NativeStream((await self._ask("stream", follow, {})).body)

    async def connect(self, headers: Headers, request_id: str, follow: Follow) -> Response:
        if (headers.get("upgrade") or "").lower() != "websocket":
            raise UpgradeRequired
        sent = {"upgrade": "websocket", "x-request-id": request_id}
        offered = headers.get("sec-websocket-protocol")
        if offered:
            sent["sec-websocket-protocol"] = offered
        return NativeUpgrade(await self._ask("socket", follow, sent))

    async def probe(self) -> None:
        await self.read(Follow(NOBODY), limit=0)

    async def _call(self, method: str, body: object) -> Any:
        stub = self._binding.getByName(NAME)
        try:
            return from_json(await getattr(stub, method)(to_json(body).decode()))
        except JsException as fault:
            raise PortError(f"events: {message_of(fault)}") from None

    async def _ask(self, path: str, follow: Follow, headers: dict[str, str]) -> Any:
        header = json.dumps(follow_document(follow))  # ASCII, as a header is
        init = to_object({"headers": {**headers, FOLLOW: header}})
        try:
            answer = await self._binding.getByName(NAME).fetch(f"https://events/{path}", init)
        except JsException as fault:
            raise PortError(f"events: {message_of(fault)}") from None
        if answer.status == TooManyConnections.status:
            raise TooManyConnections(follow.at_most)
        if answer.status not in {101, 200}:
            raise PortError(f"events: the log answered {answer.status}")
        return answer
