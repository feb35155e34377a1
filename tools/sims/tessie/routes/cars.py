"""The car that a request is about, and the JSON body it carries."""

import json

from starlette.exceptions import HTTPException
from starlette.requests import Request

from sims.tessie.fleet import Fleet, SimulatedCar
from sims.tessie.queries import BadQuery
from sims.tessie.records import Json


def fleet_of(request: Request) -> Fleet:
    """The fleet that the app serves."""
    fleet: Fleet = request.app.state.fleet
    return fleet


def car_of(request: Request) -> SimulatedCar:
    """The car of the path's VIN, or 404."""
    fleet = fleet_of(request)
    vin = request.path_params["vin"]
    if vin not in fleet:
        raise HTTPException(404, "Vehicle not found")
    return fleet[vin]


async def body_of(request: Request) -> Json:
    """The body as a JSON object; empty without a body."""
    raw = await request.body()
    if not raw.strip():
        return {}
    try:
        document = json.loads(raw)
    except ValueError:
        raise BadQuery("the body is not JSON") from None
    if not isinstance(document, dict):
        raise BadQuery("the body is not a JSON object")
    return document
