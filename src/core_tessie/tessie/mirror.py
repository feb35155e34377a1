"""`/tessieapi`: the mirror of Tessie's REST API, which adds the owner's key."""

import re
from typing import Annotated, NamedTuple

from pydantic import WithJsonSchema
from pydantic_core import from_json

from core_tessie.reach import VehicleOutOfReach, sees_all, vehicle
from core_tessie.tessie.client import Tessie, TessieFailed, TessieRequest, TessieTimeout
from core_tessie.tessie.corrections import Corrections
from core_tessie.tessie.masking import masked
from core_tessie.tessie.vin import VIN
from edge import OPERATOR, READER, Actor, BadRequest, Forbidden, NotConfigured, Operation, Request, Response, Routes
from edge.endpoint import ANY_STATUS
from edge.errors import BadGateway, MethodNotAllowed
from edge.http import HeaderList, percent_decode
from edge.ports import Fetched
from edge.reach import CHECKED, OPEN

routes = Routes("/tessieapi", tag="tessieapi", access=READER)

METHODS = ("DELETE", "GET", "HEAD", "PATCH", "POST", "PUT")
READS = frozenset(
    {
        "battery",
        "battery_health",
        "charges",
        "consumption_since_charge",
        "drivers",
        "drives",
        "firmware_alerts",
        "fleet_telemetry_config",
        "idles",
        "last_idle_state",
        "location",
        "map",
        "path",
        "plate",
        "roles",
        "state",
        "states",
        "status",
        "tire_pressure",
        "weather",
    }
)
"""Paths below a VIN on which a GET only reads. Tessie takes commands by GET, too."""
OPERATORS_READS = frozenset({"invitations"})
"""Paths likewise; but the links in their answers let anybody drive the car."""

FLEET_READS = re.compile(
    r"vehicles|products|energy_sites/[0-9]+/(?:site_info|live_status|calendar_history|telemetry_history)"
    r"|users/(?:region|feature_config)|dx/charging/(?:history|sessions)"
    r"|vehicles/[A-Z0-9]+(?:/(?:vehicle_data|mobile_enabled|nearby_charging_sites|options|recent_alerts"
    r"|release_notes|service_data|specs))?"
)
"""Paths of Tesla's API, below `/api/1`, on which a GET only reads."""
_FLEET_LISTS = frozenset({"vehicles", "products"})

_SEGMENT = re.compile(r"(?!\.+$)[A-Za-z0-9._~-]+")
_QUERY = re.compile(r"[!-~]*")
MirroredVin = Annotated[str, WithJsonSchema({"type": "string", "pattern": f"^{VIN.pattern}$"})]
MirroredPath = Annotated[str, WithJsonSchema({"type": "string", "pattern": "^[A-Za-z0-9_~-][A-Za-z0-9._~/-]*$"})]
_PASSED_ON = ("accept", "accept-language", "content-type")
_CONDITIONS = ("if-match", "if-none-match", "if-modified-since")
_VALIDATORS = frozenset({"etag", "last-modified"})
_WITHOUT_BODY = frozenset({204, 205, 304})
_PASSED_BACK = re.compile(
    r"cache-control|content-(disposition|language|range|type)|etag|last-modified|retry-after|(x-)?ratelimit.*"
)


class InvalidVin(BadRequest):
    """Not a VIN."""

    title = "Not a VIN"

    def __init__(self, text: str) -> None:
        super().__init__(f"{VIN.words}; this has {len(text)}")


class InvalidPath(BadRequest):
    """Not a path of Tessie's."""

    title = "Not a path of Tessie's"


class AnswerWithheld(BadGateway):
    """Tessie's answer may hold secrets that cannot be removed."""

    title = "Tessie's answer may hold secrets that cannot be removed"

    def __init__(self) -> None:
        super().__init__(
            "the answer is not complete, plain JSON; an administrator's key gets it unchanged", upstream="Tessie"
        )


class AnswerOutOfReach(Forbidden):
    """This answer is about all vehicles."""

    title = "This answer is about all vehicles"

    def __init__(self) -> None:
        super().__init__("the rows of the key's vehicles cannot be separated from the others; use an unbound key")


_ANSWERED = Operation({200: {"application/json": None}, ANY_STATUS: {"application/json": None}})


@routes.get("/vehicles", TessieFailed, TessieTimeout, NotConfigured, AnswerWithheld, operation=_ANSWERED, reach=CHECKED)
async def list_tessie_vehicles(request: Request, actor: Actor, tessie: Tessie) -> Response:
    """List the vehicles of the account, as Tessie answers; a bound key sees its own.

    The `tokens` of the answer are an administrator's; for all others they are null.
    """
    # A condition on the whole list would tell a bound caller when other vehicles' rows change.
    conditions = _CONDITIONS if actor.subjects is None else ()
    outgoing = _outgoing(request, "/vehicles", None, _headers(request, actor, conditions))
    answer = _mirrored(await tessie.send(outgoing), actor)
    return answer if actor.subjects is None else _within(answer, actor)


_ACCOUNT = (TessieFailed, TessieTimeout, NotConfigured, AnswerWithheld, AnswerOutOfReach)


@routes.get("/battery_health", *_ACCOUNT, operation=_ANSWERED, reach=CHECKED)
async def list_battery_health(request: Request, actor: Actor, tessie: Tessie) -> Response:
    """Compare the batteries of all vehicles with new ones; a bound key sees those of its vehicles."""
    return await _list(request, "/battery_health", "results", actor, tessie)


@routes.get("/charging_invoices", *_ACCOUNT, operation=_ANSWERED, reach=CHECKED)
async def list_charging_invoices(request: Request, actor: Actor, tessie: Tessie) -> Response:
    """List Supercharging invoices, which Tessie has for fleet accounts; a bound key sees those of its vehicles."""
    return await _list(request, "/charging_invoices", "results", actor, tessie)


@routes.get(
    "/auth/tesla_scopes",
    TessieFailed,
    TessieTimeout,
    NotConfigured,
    AnswerWithheld,
    operation=_ANSWERED,
    reach=OPEN,
)
async def list_tesla_scopes(request: Request, actor: Actor, tessie: Tessie) -> Response:
    """List Tessie's permissions at Tesla for the account: the same for every caller."""
    outgoing = _outgoing(request, "/auth/tesla_scopes", None, _headers(request, actor, ()))
    return _mirrored(await tessie.send(outgoing), actor)


class Mirror(NamedTuple):
    """Tessie, and the local copy of the corrections that the mirror passes on."""

    tessie: Tessie
    corrections: Corrections


_REFUSED = (InvalidVin, VehicleOutOfReach, InvalidPath, TessieFailed, TessieTimeout, NotConfigured, AnswerWithheld)


@routes.any("/api/1/{path:path}", *_ACCOUNT, InvalidPath, VehicleOutOfReach, operation=_ANSWERED, reach=CHECKED)
async def mirror_fleet_api(request: Request, path: MirroredPath, actor: Actor, tessie: Tessie) -> Response:
    """Pass a request on to Tesla's Fleet API, which Tessie serves below `/api/1`, and return its answer.

    A bound key gets its own rows of `vehicles` and `products`, and paths that name one of its
    vehicles by the VIN; all other paths are about all vehicles. As below a VIN, readers get only paths that read.
    """
    if request.method not in METHODS:
        raise MethodNotAllowed(request.method, METHODS)
    path = _safe_path(path)
    is_read = request.method in {"GET", "HEAD"} and FLEET_READS.fullmatch(path) is not None
    if actor.role < OPERATOR and not is_read:
        raise Forbidden("readers may GET paths that only read; others may act on a car and need the role operator")
    if is_read and path in _FLEET_LISTS:
        return await _list(request, f"/api/1/{path}", "response", actor, tessie)
    vin = _vin_in(path)
    if not actor.may_reach(vin):
        raise VehicleOutOfReach("name a vehicle that the key is bound to by its VIN: GET /auth/me lists them")
    outgoing = _outgoing(request, f"/api/1/{path}", vin, _headers(request, actor, _CONDITIONS))
    return _mirrored(await tessie.send(outgoing._replace(body=await request.body(), is_safe=is_read)), actor)


@routes.any("/{vin}/{path:path}", *_REFUSED, operation=_ANSWERED, reach=vehicle("vin"))
async def mirror_tessie(
    request: Request, vin: MirroredVin, path: MirroredPath, actor: Actor, mirror: Mirror
) -> Response:
    """Pass a request on to Tessie's API and return its answer.

    Path, query, method and body go through as they came. Status, body and content type come back as they are, but
    a car's `tokens` are null for all but administrators.

    A GET of a path that only reads needs the role reader. All others may act on a car (another method, any other path,
    such as `command/…` and `wake`) and need operator, and so do `invitations`. A GET that only reads is repeated after
    408, 429, 502, 503 and 504 under one deadline; all others are sent once.
    """
    if request.method not in METHODS:
        raise MethodNotAllowed(request.method, METHODS)
    if not VIN.matches(vin):
        raise InvalidVin(vin)
    path = _safe_path(path)
    outgoing = _outgoing(request, f"/{vin}/{path}", vin, _headers(request, actor, _CONDITIONS))
    is_read = outgoing.method == "GET" and path in READS | OPERATORS_READS
    if actor.role < OPERATOR and not (is_read and path in READS):
        raise Forbidden("readers may GET paths that only read; others may act on a car and need the role operator")
    outgoing = outgoing._replace(body=await request.body(), is_safe=is_read)
    fetched = await mirror.tessie.send(outgoing)
    if not is_read:
        await mirror.corrections.take(outgoing, fetched)
    return _mirrored(fetched, actor)


async def _list(request: Request, path: str, member: str, actor: Actor, tessie: Tessie) -> Response:
    """Return an answer about all vehicles; for a bound key, the rows of its vehicles."""
    if actor.subjects is None:
        return _mirrored(
            await tessie.send(_outgoing(request, path, None, _headers(request, actor, _CONDITIONS))), actor
        )
    answer = _mirrored(await tessie.send(_outgoing(request, path, None, _headers(request, actor, ()))), actor)
    return _rows_within(answer, member, actor)


def _vin_in(path: str) -> str | None:
    """Return the VIN in a path of Tesla's, None if it names none: Tesla's vehicle numbers identify no vehicle here."""
    segments = path.split("/")
    return segments[1] if segments[0] == "vehicles" and len(segments) > 1 and VIN.matches(segments[1]) else None


def _safe_path(path: str) -> str:
    """Return a path that stays below the VIN however Tessie decodes it: plain segments, none of them only dots."""
    segments = percent_decode(path).removesuffix("/").split("/")
    if not all(_SEGMENT.fullmatch(segment) for segment in segments):
        raise InvalidPath("a segment consists of letters, digits, '-', '_', '~' and '.', and not of dots alone")
    return "/".join(segments)


def _outgoing(request: Request, path: str, vin: str | None, headers: HeaderList) -> TessieRequest:
    if not _QUERY.fullmatch(request.query):
        raise BadRequest("the query is not percent-encoded")
    return TessieRequest(
        method="GET" if request.method == "HEAD" else request.method,
        path=path,
        query="&".join(pair for pair in request.query.split("&") if not _is_token(pair)),
        headers=tuple(headers),
        vin=vin,
        request_id=request.id,
        traceparent=str(request.trace) if request.trace else None,
    )


def _headers(request: Request, actor: Actor, conditions: tuple[str, ...]) -> HeaderList:
    """Return the headers to pass on; `range` only for administrators, as a part of a body cannot be masked."""
    names = (*_PASSED_ON, *conditions, *(("range",) if sees_all(actor) else ()))
    return [(name, value) for name in names if (value := request.headers.get(name)) is not None]


def _is_token(pair: str) -> bool:
    """Tell whether a query pair is Tessie's alternative way to send a key, which callers may not use here."""
    return percent_decode(pair.partition("=")[0]).lower() == "access_token"


def _within(answer: Response, actor: Actor) -> Response:
    """Return Tessie's list without the vehicles out of the caller's reach; an empty list if it cannot be read."""
    try:
        listed = from_json(answer.body if isinstance(answer.body, bytes) else b"")
        results = [entry for entry in listed["results"] if actor.may_reach(entry["vin"])]
    except (ValueError, LookupError, TypeError):
        results = []
    return Response.json({"results": results}, 200 if answer.status in _WITHOUT_BODY else answer.status)


def _rows_within(answer: Response, member: str, actor: Actor) -> Response:
    """Return a list with the caller's rows alone; `AnswerOutOfReach` if they cannot be told apart."""
    try:
        listed = from_json(answer.body if isinstance(answer.body, bytes) else b"")
        rows = [row for row in listed[member] if _is_within(row, actor)]
    except (ValueError, LookupError, TypeError):
        if answer.status == 200:
            raise AnswerOutOfReach from None
        return Response.json({member: []}, answer.status)
    body: dict[str, object] = {member: rows}
    if "count" in listed:
        body["count"] = len(rows)
    if "pagination" in listed:
        body["pagination"] = _ONE_PAGE | {"per_page": len(rows), "count": len(rows)}
    return Response.json(body, answer.status)


def _is_within(row: object, actor: Actor) -> bool:
    vin = row.get("vin") if isinstance(row, dict) else None
    return isinstance(vin, str) and actor.may_reach(vin)


_ONE_PAGE: dict[str, object] = {"previous": None, "next": None, "current": 1, "pages": 1}


def _mirrored(fetched: Fetched, actor: Actor) -> Response:
    """Return Tessie's answer, masked for all but administrators; a masked body loses its ETag and Last-Modified."""
    headers: HeaderList = [(name, value) for name, value in fetched.headers if _PASSED_BACK.fullmatch(name)]
    if sees_all(actor):
        return Response(fetched.body, fetched.status, headers)
    body = masked(fetched.body)
    if body is None or fetched.status == 206:
        raise AnswerWithheld
    if body is not fetched.body:
        headers = [pair for pair in headers if pair[0] not in _VALIDATORS]
    return Response(body, fetched.status, headers)
