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
    one, given = car_of(request), await body_of(request)
    given = dict(request.query_params) | given
    if "tag" not in given:
        raise BadQuery("tag is required")
    listed = {record["id"]: record for record in one.records("drives")}
    ids = _ids(given) if given.get("drives") else _ids_in(_texts(given), list(listed.values()))
    for id_ in ids:
        if id_ not in listed:
            raise BadQuery(f"no drive {id_}")
    for id_ in ids:
        one.amend("drives", id_, {"tag": given["tag"] or None})
    return JSONResponse({"result": True})


def _ids(given: Json) -> list[int]:
    drives = given["drives"]
    parts = drives.split(",") if isinstance(drives, str) else drives if isinstance(drives, list) else [drives]
    try:
        return [int(part) for part in parts]
    except (TypeError, ValueError):
        raise BadQuery("drives must be ids, separated by commas") from None


def _ids_in(query: Query, records: list[Json]) -> list[int]:
    window = Window.of(query)
    if not window.given:
        raise BadQuery("drives, or from and to, are required")
    return [record["id"] for record in records if window.holds(record["started_at"])]


def _texts(given: Json) -> dict[str, str]:
    return {key: str(value) for key, value in given.items() if value is not None}


async def set_cost(request: Request) -> Response:
    """Set a charge's cost, by query or body; null or empty clears it."""
    one = car_of(request)
    given = dict(request.query_params) | await body_of(request)
    if "cost" not in given:
        raise BadQuery("cost is required")
    # `currency` is accepted and dropped: the record does not carry it.
    if one.amend("charges", request.path_params["id"], {"cost": number(_texts(given), "cost")}) is None:
        raise HTTPException(404, "Charge not found")
    return JSONResponse({"result": True})


ROUTES = [
    Route("/{vin}/drives/set_tag", set_tag, methods=["POST"]),
    Route("/{vin}/charges/{id:int}/set_cost", set_cost, methods=["POST"]),
]
