"""Writes to records: tags of drives, costs of charges."""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sims.tessie.queries import BadQuery, Query, Window, number
from sims.tessie.records import Json
from sims.tessie.routes.cars import body_of, car_of


async def set_tag(request: Request) -> Response:
    """Tag drives: `drives` as "1,2" or [1, 2], or all in `from`..`to`; null or "" takes the tag off."""
    vehicle = car_of(request)
    body = await body_of(request)
    body = dict(request.query_params) | body
    if "tag" not in body:
        raise BadQuery("tag is required")
    listed = {record["id"]: record for record in vehicle.records("drives")}
    ids = _ids(body) if body.get("drives") else _ids_in(_texts(body), list(listed.values()))
    for id_ in ids:
        if id_ not in listed:
            raise BadQuery(f"no drive {id_}")
    for id_ in ids:
        vehicle.amend("drives", id_, {"tag": body["tag"] or None})
    return JSONResponse({"result": True})


def _ids(body: Json) -> list[int]:
    drives = body["drives"]
    parts = drives.split(",") if isinstance(drives, str) else drives if isinstance(drives, list) else [drives]
    try:
        return [int(part) for part in parts]
    except (TypeError, ValueError):
        raise BadQuery("drives must be ids, separated by commas") from None


def _ids_in(query: Query, records: list[Json]) -> list[int]:
    window = Window.of(query)
    if not window.is_bounded:
        raise BadQuery("drives, or from and to, are required")
    return [record["id"] for record in records if window.holds(record["started_at"])]


def _texts(body: Json) -> dict[str, str]:
    return {key: str(value) for key, value in body.items() if value is not None}


async def set_cost(request: Request) -> Response:
    """Set a charge's cost, by query or body; null or empty clears it."""
    vehicle = car_of(request)
    body = dict(request.query_params) | await body_of(request)
    if "cost" not in body:
        raise BadQuery("cost is required")
    # `currency` is accepted and dropped: the record does not carry it.
    if vehicle.amend("charges", request.path_params["id"], {"cost": number(_texts(body), "cost")}) is None:
        raise HTTPException(404, "Charge not found")
    return JSONResponse({"result": True})


ROUTES = [
    Route("/{vin}/drives/set_tag", set_tag, methods=["POST"]),
    Route("/{vin}/charges/{id:int}/set_cost", set_cost, methods=["POST"]),
]
