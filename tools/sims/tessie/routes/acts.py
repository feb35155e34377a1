"""Routes that act on a car: wake and the commands."""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sims.tessie.commands import COMMANDS, Refused
from sims.tessie.routes.cars import car_of
from sims.tessie.state import state


async def wake(request: Request) -> Response:
    """Wake the car: at once here; a real one takes up to 90 s (a `slow` fault plays that)."""
    vehicle = car_of(request)
    vehicle.woken_at = vehicle.now()
    return JSONResponse({"result": True})


async def command(request: Request) -> Response:
    """Run one command; it wakes the car first. The history that follows does not change by it."""
    vehicle = car_of(request)
    action = COMMANDS.get(request.path_params["name"])
    if action is None:
        raise HTTPException(404, "Command not found")
    slept = vehicle.moment().status == "asleep"
    try:
        changes = action.run(request.query_params, state(vehicle))
    except Refused as refusal:
        return JSONResponse({"result": False, "reason": str(refusal)})
    vehicle.woken_at = vehicle.now()
    for section, values in changes.items():
        vehicle.changes.add(section, values, lasting=action.lasting, at=vehicle.now())
    return JSONResponse({"result": True, "woke": slept})


# The quick start shows plain GETs working beside the documented POST.
ROUTES = [
    Route("/{vin}/wake", wake, methods=["GET", "POST"]),
    Route("/{vin}/command/{name}", command, methods=["GET", "POST"]),
]
