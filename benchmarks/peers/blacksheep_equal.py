"""The small API in BlackSheep with all that this kernel does."""

from typing import Any

from blacksheep import Content, Request, Response
from pydantic import ValidationError

from benchmarks.peers.blacksheep_api import build
from benchmarks.peers.equal import equal, invalid


def refuse(fault: ValidationError, request: Request) -> Response:
    """Tell what is wrong with a body."""
    scope: Any = request.scope
    document = invalid(fault, request.path, scope["request_id"])
    return Response(422, content=Content(b"application/problem+json", document))


_plain = build(refuse)
app = equal(_plain)
start = _plain.start
