"""`/_sim`: switches for tests. Not part of Tessie, and needs no token."""

import json

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sims.tessie.faults import BadRule, Faults
from sims.tessie.fleet import RecordKind
from sims.tessie.journal import Journal
from sims.tessie.queries import BadQuery
from sims.tessie.records import Json
from sims.tessie.routes.cars import body_of, car_of, fleet_of

_CAR_SWITCHES = {"is_active", "shows_last_state"}


def _faults(request: Request) -> Faults:
    faults: Faults = request.app.state.faults
    return faults


def _journal(request: Request) -> Journal:
    journal: Journal = request.app.state.journal
    return journal


def _rules(faults: Faults) -> list[Json]:
    return [{name: getattr(rule, name) for name in rule.__slots__} for rule in faults.rules]


async def get_faults(request: Request) -> Response:
    """The rules, with how often each matched (`seen`) and failed a request (`fired`)."""
    return JSONResponse(_rules(_faults(request)))


async def put_faults(request: Request) -> Response:
    """Replace the rules."""
    try:
        _faults(request).replace(json.loads(await request.body()))
    except (BadRule, ValueError) as wrong:
        raise BadQuery(str(wrong)) from wrong
    return JSONResponse(_rules(_faults(request)))


async def delete_faults(request: Request) -> Response:
    """No rules."""
    _faults(request).rules.clear()
    return Response(status_code=204)


async def get_requests(request: Request) -> Response:
    """The requests received, oldest first."""
    return JSONResponse(list(_journal(request).entries))


async def delete_requests(request: Request) -> Response:
    """Forget the requests."""
    _journal(request).entries.clear()
    return Response(status_code=204)


async def get_clock(request: Request) -> Response:
    """The fleet's clock, epoch seconds."""
    return JSONResponse({"now": fleet_of(request).now()})


async def put_clock(request: Request) -> Response:
    """Pin the clock to `until` (ISO 8601 or epoch seconds); null sets the real one."""
    fleet = fleet_of(request)
    body = await body_of(request)
    try:
        fleet.pin(body["until"])
    except (KeyError, TypeError, ValueError):
        raise BadQuery("until must be an ISO 8601 instant, epoch seconds or null") from None
    return JSONResponse({"now": fleet.now()})


async def patch_drive(request: Request) -> Response:
    """Correct a drive."""
    return await _patch(request, "drives")


async def patch_charge(request: Request) -> Response:
    """Correct a charge."""
    return await _patch(request, "charges")


async def patch_idle(request: Request) -> Response:
    """Correct an idle."""
    return await _patch(request, "idles")


async def _patch(request: Request, kind: RecordKind) -> Response:
    """Set fields of a listed record, in miles and C, and move its `updated_at`; answers the record."""
    vehicle = car_of(request)
    id_ = request.path_params["id"]
    values = await body_of(request)
    record = next((record for record in vehicle.records(kind) if record["id"] == id_), None)
    if record is None:
        raise HTTPException(404, "No such record")
    if unknown := (set(values) - set(record)) | ({"id"} & set(values)):
        raise BadQuery(f"not fields to correct: {', '.join(sorted(unknown))}")
    corrected = vehicle.amend(kind, id_, values)
    if corrected is None:
        raise BadQuery("a running charge cannot be corrected")
    return JSONResponse(corrected)


async def delete_record(request: Request) -> Response:
    """Remove a record."""
    if not car_of(request).remove(_kind(request), request.path_params["id"]):
        raise HTTPException(404, "No such record")
    return Response(status_code=204)


async def put_records(request: Request) -> Response:
    """List records, too, each a whole one with its id."""
    body = json.loads(await request.body())
    if not isinstance(body, list) or not all(isinstance(record, dict) and "id" in record for record in body):
        raise BadQuery("a JSON list of records is expected")
    car_of(request).put(_kind(request), body)
    return Response(status_code=204)


def _kind(request: Request) -> RecordKind:
    kind: RecordKind = request.path_params["kind"]
    if kind not in ("drives", "charges", "idles"):
        raise HTTPException(404, "No such kind")
    return kind


async def patch_vehicle(request: Request) -> Response:
    """Set `is_active` or `shows_last_state` (false: `last_state` is null in `/vehicles`)."""
    vehicle = car_of(request)
    values = await body_of(request)
    if set(values) - _CAR_SWITCHES or not all(isinstance(value, bool) for value in values.values()):
        raise BadQuery(f"only booleans {', '.join(sorted(_CAR_SWITCHES))} can be set")
    for name, value in values.items():
        setattr(vehicle, name, value)
    return JSONResponse({"is_active": vehicle.is_active, "shows_last_state": vehicle.shows_last_state})


ROUTES = [
    Route("/_sim/faults", get_faults),
    Route("/_sim/faults", put_faults, methods=["PUT"]),
    Route("/_sim/faults", delete_faults, methods=["DELETE"]),
    Route("/_sim/requests", get_requests),
    Route("/_sim/requests", delete_requests, methods=["DELETE"]),
    Route("/_sim/clock", get_clock),
    Route("/_sim/clock", put_clock, methods=["PUT"]),
    Route("/_sim/drives/{vin}/{id:int}", patch_drive, methods=["PATCH"]),
    Route("/_sim/charges/{vin}/{id:int}", patch_charge, methods=["PATCH"]),
    Route("/_sim/idles/{vin}/{id:int}", patch_idle, methods=["PATCH"]),
    Route("/_sim/{kind}/{vin}/{id:int}", delete_record, methods=["DELETE"]),
    Route("/_sim/{kind}/{vin}", put_records, methods=["PUT"]),
    Route("/_sim/vehicles/{vin}", patch_vehicle, methods=["PATCH"]),
]
