"""A car's present data: vehicles, state, battery, location, map, weather, tyres, status."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sims.tessie.cars import distance_m
from sims.tessie.events import Drive
from sims.tessie.fleet import RecordKind, SimulatedCar
from sims.tessie.moment import Moment
from sims.tessie.png import map_png
from sims.tessie.queries import BadQuery, Window, choice, flag, whole
from sims.tessie.records import Json
from sims.tessie.routes.cars import car_of, fleet_of
from sims.tessie.state import state
from sims.tessie.state_charge import pack
from sims.tessie.state_vehicle import LOW_BAR, tyre_bars

_PER_BAR = {"bar": 1.0, "kpa": 100.0, "psi": 14.503774}
_TYRE_NAMES = {"fl": "front_left", "fr": "front_right", "rl": "rear_left", "rr": "rear_right"}
_NEWEST: dict[str, RecordKind] = {"charge": "charges", "drive": "drives", "idle": "idles"}


async def vehicles(request: Request) -> Response:
    """Every car with its last state and the times of its newest records."""
    only_active = flag(request.query_params, "only_active")
    cars = [vehicle for vehicle in fleet_of(request) if vehicle.is_active or not only_active]
    return JSONResponse({"results": [_listed(vehicle) for vehicle in cars]})


def _listed(vehicle: SimulatedCar) -> Json:
    built: Json = {
        "vin": vehicle.car.vin,
        "is_active": vehicle.is_active,
        "is_archived_manually": not vehicle.is_active,
    }
    for name, kind in _NEWEST.items():
        newest = vehicle.records(kind)[:1]
        built[f"last_{name}_created_at"] = newest[0]["created_at"] if newest else None
        built[f"last_{name}_updated_at"] = vehicle.changed_at(kind)
    return built | {"last_state": state(vehicle) if vehicle.shows_last_state else None}


async def get_state(request: Request) -> Response:
    """The State; a live read (`use_cache=false`) of a sleeping car has one key only."""
    vehicle = car_of(request)
    if not flag(request.query_params, "use_cache", default=True) and vehicle.moment().status == "asleep":
        return JSONResponse({"state": "asleep"})
    return JSONResponse(state(vehicle))


async def status(request: Request) -> Response:
    """Whether the car sleeps, in `/status`'s own words."""
    return JSONResponse({"status": car_of(request).moment().status})


async def battery(request: Request) -> Response:
    """The pack: `battery_level` with decimals here, unlike in the state."""
    vehicle = car_of(request)
    seen = vehicle.reported()
    return JSONResponse(
        {
            "timestamp": seen.at,
            "battery_level": round(seen.percent, 3),
            "battery_range": round(seen.range_mi, 2),
            "ideal_battery_range": round(seen.range_mi * vehicle.car.battery.ideal_ratio, 2),
            "phantom_drain_percent": _phantom_drain(vehicle),
        }
        | pack(seen)
    )


def _phantom_drain(vehicle: SimulatedCar) -> float:
    """[U] undocumented: here, the loss of the newest finished idle, in % of a full pack."""
    newest = vehicle.idles[-1:]
    return (
        round(vehicle.car.percent(newest[0].start.range_mi - newest[0].end.range_mi, newest[0].end.at), 2)
        if newest
        else 0
    )


async def location(request: Request) -> Response:
    """The car's position, with the address of the nearer end of a drive under way."""
    vehicle = car_of(request)
    seen = vehicle.reported()
    saved = None if seen.activity == "driving" or vehicle.car.sparse else seen.event.place.saved
    return JSONResponse(
        {
            "latitude": seen.latitude,
            "longitude": seen.longitude,
            "address": _address(seen),
            "saved_location": saved,
        }
    )


def _address(seen: Moment) -> str:
    ends = [seen.event.place]
    if isinstance(seen.event, Drive):
        ends.append(seen.event.origin)
    return min(ends, key=lambda end: distance_m(seen.latitude, seen.longitude, end.latitude, end.longitude)).address


async def picture(request: Request) -> Response:
    """A map as PNG bytes."""
    query = request.query_params
    car_of(request)  # 404 without a car
    width, height = whole(query, "width", 300), whole(query, "height", 300)
    if max(width, height) > 2_000:
        raise BadQuery("width and height go up to 2000")
    whole(query, "zoom", 13, lowest=0)
    style = choice(query, "style", ("light", "dark"))
    return Response(map_png(width, height, whole(query, "marker_size", 75, lowest=0), style), media_type="image/png")


async def weather(request: Request) -> Response:
    """Weather at the car's position (OpenWeather's conventions)."""
    vehicle = car_of(request)
    seen = vehicle.moment()
    town = _address(seen).split(", ")[1]
    return JSONResponse({"location": town} | vehicle.history.weather.report(seen.at, seen.latitude))


async def tire_pressure(request: Request) -> Response:
    """Pressures now; with `from` or `to` [U] a row a day under `results`."""
    vehicle = car_of(request)
    query = request.query_params
    unit = choice(query, "pressure_format", ("bar", "kpa", "psi"))
    window = Window.of(query)
    if not window.is_bounded:
        return JSONResponse(_tyres(vehicle.reported(), unit))
    now = vehicle.now()
    since = max(vehicle.history.start, int(window.since or 0))
    until = now if window.until is None else min(now, int(window.until))
    return JSONResponse({"results": [_tyres(vehicle.moment(at), unit) for at in range(since, until + 1, 86_400)]})


def _tyres(seen: Moment, unit: str) -> Json:
    built: Json = {"timestamp": seen.at}
    for tyre, bar in tyre_bars(seen.outside_c, seen.odometer_mi).items():
        built[_TYRE_NAMES[tyre]] = round(bar * _PER_BAR[unit], 3)
        built[f"{_TYRE_NAMES[tyre]}_status"] = "unknown" if seen.car.sparse else "low" if bar < LOW_BAR else "normal"
    return built


ROUTES = [
    Route("/vehicles", vehicles),
    Route("/{vin}/state", get_state),
    Route("/{vin}/status", status),
    Route("/{vin}/battery", battery),
    Route("/{vin}/location", location),
    Route("/{vin}/map", picture),
    Route("/{vin}/weather", weather),
    Route("/{vin}/tire_pressure", tire_pressure),
]
