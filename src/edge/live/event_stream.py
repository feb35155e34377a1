"""Responses as server-sent events: each is sent as it comes, with a comment as a heartbeat in between."""

import asyncio
from collections.abc import AsyncGenerator

from edge.http import Response
from edge.negotiation import best
from edge.request import Request

JSON = "application/json"
SSE = "text/event-stream"
HEARTBEAT = 5.0
"""Seconds of silence after which a comment is sent: only a write shows that the client has left."""

_COMMENT = b":\n\n"


def wants_events(request: Request, stream: bool | None = None) -> bool:
    """Tell whether a caller asks for events rather than JSON: by `stream`, else by naming them in its Accept header.

    `*/*`, and a header that likes both as well, gets JSON: that is what generated clients send.
    """
    return best(request.headers.get("accept"), (JSON, SSE)) == SSE if stream is None else stream


def event_stream(events: AsyncGenerator[bytes]) -> Response:
    """Return the response that sends events; they are closed with it, also if the client leaves early."""
    headers = [("content-type", SSE), ("cache-control", "no-store"), ("x-accel-buffering", "no")]
    return Response(_with_heartbeats(events), headers=headers)


async def _with_heartbeats(events: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    coming: asyncio.Future[bytes | None] | None = None
    try:
        while True:
            coming = asyncio.ensure_future(anext(events, None))
            while not (await asyncio.wait((coming,), timeout=HEARTBEAT))[0]:
                yield _COMMENT
            event = coming.result()
            if event is None:
                return
            yield event
    finally:
        if coming is not None and not coming.done():
            coming.cancel()
            await asyncio.wait((coming,))
        await events.aclose()
