"""`/tessieapi`: the mirror of Tessie's REST API, with the owner's key added on the way."""

import re
from typing import Annotated

from pydantic import WithJsonSchema
from pydantic_core import from_json

from core_tessie.reach import VehicleOutOfReach, reach
from core_tessie.tessie import Ask, Tessie, TessieFailed, TessieTimeout
from core_tessie.vin import VIN
from edge.access import OPERATOR, READER, Actor
from edge.endpoint import ANY_STATUS, Operation
from edge.errors import BadRequest, Forbidden, MethodNotAllowed, NotConfigured
from edge.http import HeaderList, Request, Response, percent_decode
from edge.ports import Fetched
from edge.routes import Routes

routes = Routes("/tessieapi", tag="tessieapi", access=READER)

METHODS = ("DELETE", "GET", "HEAD", "PATCH", "POST", "PUT")
ACTIONS = frozenset({"command", "wake"})
"""First segments of the paths that act on a car, whatever the method: Tessie takes commands by GET too."""

_SEGMENT = re.compile(r"(?!\.+$)[A-Za-z0-9._~-]+")
_QUERY = re.compile(r"[!-~]*")
MirroredVin = Annotated[str, WithJsonSchema({"type": "string", "pattern": f"^{VIN.pattern}$"})]
MirroredPath = Annotated[str, WithJsonSchema({"type": "string", "pattern": "^[A-Za-z0-9_~-][A-Za-z0-9._~/-]*$"})]
_PASSED_ON = ("accept", "accept-language", "content-type", "if-match", "if-none-match", "if-modified-since", "range")
_PASSED_BACK = re.compile(
    r"cache-control|content-(disposition|language|range|type)|etag|last-modified|retry-after|(x-)?ratelimit.*"
)


class InvalidVin(BadRequest):
    """Not a VIN."""

    title = "Not a VIN"

    def __init__(self, given: str) -> None:
        super().__init__(f"{VIN.words}; this has {len(given)}")


class InvalidPath(BadRequest):
    """Not a path of Tessie's."""

    title = "Not a path of Tessie's"


@routes.get("/vehicles", TessieFailed, TessieTimeout, NotConfigured)
async def list_tessie_vehicles(request: Request, actor: Actor, tessie: Tessie) -> Response:
    """List the vehicles of the account, as Tessie answers; who is bound to some of them sees these."""
    answer = _mirrored(await tessie.send(_ask(request, "/vehicles", None, b"")))
    return answer if actor.subjects is None else _within(answer, actor)


_REFUSED = (InvalidVin, VehicleOutOfReach, InvalidPath, TessieFailed, TessieTimeout, NotConfigured)
_ANSWERED = Operation({200: {}, ANY_STATUS: {}})


@routes.any("/{vin}/{path:path}", *_REFUSED, operation=_ANSWERED)
async def mirror_tessie(
    request: Request, vin: MirroredVin, path: MirroredPath, actor: Actor, tessie: Tessie
) -> Response:
    """Pass a request on to Tessie's API and its answer back.

    Path, query, method and body go through as they came; status, body and content type come back as they are. A GET
    needs the reader role; whatever acts on a car (another method, `command/…`, `wake`) needs operator. A GET is
    repeated after 408, 429, 502, 503 and 504 under one deadline; anything else is sent once.
    """
    if request.method not in METHODS:
        raise MethodNotAllowed(request.method, METHODS)
    if not VIN.matches(vin):
        raise InvalidVin(vin)
    reach(actor, vin)
    path = _safe_path(path)
    ask = _ask(request, f"/{vin}/{path}", vin, await request.body())
    if not ask.is_safe and actor.role < OPERATOR:
        raise Forbidden("what acts on a car needs the role operator")
    return _mirrored(await tessie.send(ask))


def _safe_path(path: str) -> str:
    """Return a path that stays below the VIN however it is decoded further on: plain words, none of them dots."""
    segments = percent_decode(path).removesuffix("/").split("/")
    if not all(_SEGMENT.fullmatch(segment) for segment in segments):
        raise InvalidPath("a segment is letters, digits, '-', '_', '~' and '.', and not dots alone")
    return "/".join(segments)


def _ask(request: Request, path: str, vin: str | None, body: bytes) -> Ask:
    if not _QUERY.fullmatch(request.query):
        raise BadRequest("the query is not percent-encoded")
    method = "GET" if request.method == "HEAD" else request.method
    acts = method != "GET" or (vin is not None and path.split("/")[2] in ACTIONS)
    return Ask(
        method=method,
        path=path,
        query="&".join(pair for pair in request.query.split("&") if not _is_token(pair)),
        headers=tuple((name, value) for name in _PASSED_ON if (value := request.headers.get(name)) is not None),
        body=body,
        vin=vin,
        request_id=request.id,
        traceparent=str(request.trace) if request.trace else None,
        is_safe=not acts,
    )


def _is_token(pair: str) -> bool:
    """Tell whether a query pair is Tessie's other way to send a key, which is not the caller's to choose here."""
    return percent_decode(pair.partition("=")[0]).lower() == "access_token"


def _within(answer: Response, actor: Actor) -> Response:
    """Return Tessie's list with nothing but what the caller may reach; nothing where it is none that can be read."""
    try:
        listed = from_json(answer.body if isinstance(answer.body, bytes) else b"")
        results = [one for one in listed["results"] if actor.may_reach(one["vin"])]
    except (ValueError, LookupError, TypeError):
        results = []
    return Response.json({"results": results}, answer.status)


def _mirrored(fetched: Fetched) -> Response:
    headers: HeaderList = [(name, value) for name, value in fetched.headers if _PASSED_BACK.fullmatch(name)]
    return Response(fetched.body, fetched.status, headers)
