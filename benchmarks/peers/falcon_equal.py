"""The small API in Falcon with all that this kernel does: request id and trace, time taken, a key for all drives."""

import hmac
import os
import re
from time import perf_counter
from typing import Any

import falcon

from benchmarks.api import API_KEY
from benchmarks.peers.falcon_api import build

_REQUEST_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._~-]{0,127}")


class RequestId:
    async def process_request(self, req: Any, _resp: Any) -> None:
        request_id = req.get_header("x-request-id")
        fresh = os.urandom(24).hex()
        req.context.trace = (fresh[:32], fresh[32:]) if not req.get_header("traceparent") else None
        req.context.id = request_id if request_id and _REQUEST_ID.fullmatch(request_id) else fresh[:32]

    async def process_response(self, req: Any, resp: Any, _resource: Any, _succeeded: bool) -> None:
        resp.set_header("x-request-id", req.context.id)


class Timing:
    async def process_request(self, req: Any, _resp: Any) -> None:
        req.context.started = perf_counter()

    async def process_response(self, req: Any, resp: Any, _resource: Any, _succeeded: bool) -> None:
        resp.set_header("server-timing", f"app;dur={(perf_counter() - req.context.started) * 1000:.3f}")


class Key:
    async def process_request(self, req: Any, _resp: Any) -> None:
        if req.path.startswith("/drives"):
            scheme, _, token = (req.get_header("authorization") or "").partition(" ")
            if scheme.lower() != "bearer" or not hmac.compare_digest(token.encode(), API_KEY.encode()):
                raise falcon.HTTPUnauthorized


app = build([RequestId(), Timing(), falcon.CORSMiddleware(expose_headers="etag, server-timing, x-request-id"), Key()])
