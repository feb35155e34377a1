"""Tesla's Fleet API as Tessie passes it through: the same cars in the `response` envelope."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sims.tessie.errors import error
from sims.tessie.fleet import SimulatedCar
from sims.tessie.records import Json
from sims.tessie.routes.cars import car_of, fleet_of
from sims.tessie.state import state

_SCOPES = [
    "openid",
    "offline_access",
    "vehicle_device_data",
    "vehicle_location",
    "vehicle_cmds",
    "vehicle_charging_cmds",
]


def _summary(vehicle: SimulatedCar) -> Json:
    return {
        key: value for key, value in state(vehicle).items() if not isinstance(value, dict) or key == "granular_access"
    }


async def vehicles(request: Request) -> Response:
    """The cars without their sub-objects."""
    cars = [_summary(vehicle) for vehicle in fleet_of(request)]
    pages = {"previous": None, "next": None, "current": 1, "per_page": 100, "count": len(cars), "pages": 1}
    return JSONResponse({"response": cars, "pagination": pages, "count": len(cars)})


async def products(request: Request) -> Response:
    """All products: the cars, and products added by a test, such as an energy site."""
    listed = [*(_summary(vehicle) for vehicle in fleet_of(request)), *request.app.state.other_products]
    return JSONResponse({"response": listed, "count": len(listed)})


async def vehicle_data(request: Request) -> Response:
    """The State in the envelope; 408 while the car sleeps."""
    vehicle = car_of(request)
    if vehicle.moment().status == "asleep":
        return error(request.url.path, 408, "vehicle unavailable: vehicle is offline or asleep")
    return JSONResponse({"response": state(vehicle)})


async def scopes(_request: Request) -> Response:
    """The scopes that the account granted."""
    return JSONResponse({"scopes": _SCOPES})


async def energy_site(request: Request) -> Response:
    """The energy product that a test has added, by the number of its site."""
    for product in request.app.state.other_products:
        if str(product.get("energy_site_id")) == request.path_params["site"]:
            return JSONResponse({"response": product})
    return error(request.url.path, 404, "not_found")


ROUTES = [
    Route("/api/1/energy_sites/{site}/{what}", energy_site),
    Route("/api/1/vehicles", vehicles),
    Route("/api/1/products", products),
    Route("/api/1/vehicles/{vin}/vehicle_data", vehicle_data),
    Route("/auth/tesla_scopes", scopes),
]
