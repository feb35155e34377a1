"""Data of a car's owner: plate, drivers, invitations, telemetry, roles."""

from random import Random

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sims.tessie.fleet import first_telemetry
from sims.tessie.queries import BadQuery
from sims.tessie.records import Json
from sims.tessie.routes.cars import body_of, car_of

_WEEK_S = 7 * 86_400


async def get_plate(request: Request) -> Response:
    """The plate, null until one is set."""
    return JSONResponse({"result": car_of(request).plate})


async def set_plate(request: Request) -> Response:
    """Set the plate, or clear it with null or ""."""
    vehicle = car_of(request)
    body = await body_of(request)
    body = dict(request.query_params) | body
    if "plate" not in body:
        raise BadQuery("plate is required")
    vehicle.plate = body["plate"] or None
    return JSONResponse({"result": True})


async def drivers(request: Request) -> Response:
    """Drivers beside the owner."""
    return JSONResponse({"results": car_of(request).drivers})


async def delete_driver(request: Request) -> Response:
    """Remove a driver, by the path's id (the body's `user_id` is the same)."""
    vehicle = car_of(request)
    id_ = request.path_params["id"]
    remaining = [driver for driver in vehicle.drivers if id_ not in (driver["user_id"], driver["my_tesla_unique_id"])]
    if len(remaining) == len(vehicle.drivers):
        raise HTTPException(404, "Driver not found")
    vehicle.drivers = remaining
    return JSONResponse({"result": True})


async def invitations(request: Request) -> Response:
    """Invitations to drive, revoked ones too."""
    return JSONResponse({"results": car_of(request).invitations})


async def invite(request: Request) -> Response:
    """Make an invitation; answers it whole, as the Fleet API describes one."""
    vehicle = car_of(request)
    number = 4_429_000 + vehicle.car.first_record % 1_000 + len(vehicle.invitations)
    code = f"{Random(f'{vehicle.car.vin}:{number}').getrandbits(128):032x}"
    invitation: Json = {
        "id": number,
        "id_str": str(number),
        "owner_id": 640_118,
        "share_user_id": None,
        "product_id": vehicle.car.vin,
        "product_type": "vehicle",
        "share_type": "customer",
        "state": "pending",
        "code": code,
        "created_at": vehicle.now(),
        "expires_at": vehicle.now() + _WEEK_S,
        "revoked_at": None,
        "share_link": f"https://example.com/_rs/1/{code}",
    }
    vehicle.invitations.insert(0, invitation)
    return JSONResponse(invitation)


async def revoke(request: Request) -> Response:
    """Revoke an invitation."""
    vehicle = car_of(request)
    for invitation in vehicle.invitations:
        if invitation["id"] == request.path_params["id"]:
            invitation.update(state="revoked", revoked_at=vehicle.now())
            return JSONResponse({"result": True})
    raise HTTPException(404, "Invitation not found")


async def get_telemetry(request: Request) -> Response:
    """The Fleet Telemetry configuration."""
    return JSONResponse(car_of(request).telemetry)


async def set_telemetry(request: Request) -> Response:
    """Replace the configuration. [U] of two documented answers, the later one."""
    vehicle = car_of(request)
    body = await body_of(request)
    config = body.get("config", body)
    vehicle.telemetry = {
        "synced": True,
        "config": first_telemetry(vehicle.car)["config"] | config,
        "update_available": False,
    }
    return JSONResponse({"result": True})


async def delete_telemetry(request: Request) -> Response:
    """Remove the configuration."""
    car_of(request).telemetry = {"synced": False, "config": None, "update_available": False}
    return JSONResponse({"result": True})


async def roles(request: Request) -> Response:
    """Owner, drivers and payers: 403 without a fleet account."""
    vehicle = car_of(request)
    if not request.app.state.fleet_account:
        raise HTTPException(403, "This endpoint requires a fleet account")
    names = [driver["driver_first_name"] for driver in vehicle.drivers]
    return JSONResponse({"result": {"owner": vehicle.car.habits.drivers[0], "drivers": names, "payers": []}})


ROUTES = [
    Route("/{vin}/plate", get_plate),
    Route("/{vin}/plate", set_plate, methods=["POST"]),
    Route("/{vin}/drivers", drivers),
    Route("/{vin}/drivers/{id:int}/delete", delete_driver, methods=["POST"]),
    Route("/{vin}/invitations", invitations),
    Route("/{vin}/invitations", invite, methods=["POST"]),
    Route("/{vin}/invitations/{id:int}/revoke", revoke, methods=["POST"]),
    Route("/{vin}/fleet_telemetry_config", get_telemetry),
    Route("/{vin}/fleet_telemetry_config", set_telemetry, methods=["POST"]),
    Route("/{vin}/fleet_telemetry_config", delete_telemetry, methods=["DELETE"]),
    Route("/{vin}/roles", roles),
]
