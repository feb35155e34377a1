"""`/drives`, `/charges`, `/idles`: the records of the past."""

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sims.tessie.fleet import SimulatedCar
from sims.tessie.queries import Window, answer, at_least, flag, labelled, page, units, within
from sims.tessie.records import Json
from sims.tessie.routes.cars import car_of, fleet_of

type Filter = Callable[[Json], bool]


async def drives(request: Request) -> Response:
    """Drives by time, origin, destination, tag, driver profile and length (always in miles)."""
    query = request.query_params
    vehicle = car_of(request)
    return _listing(
        request,
        vehicle.records("drives"),
        [
            within(query, "origin", ("starting_latitude", "starting_longitude")),
            within(query, "destination", ("ending_latitude", "ending_longitude")),
            labelled(query, "tag", lambda record: record["tag"]),
            labelled(query, "driver_profile", lambda record: _driver(vehicle, record)),
            at_least(query, "minimum_distance", "odometer_distance"),
        ],
    )


async def charges(request: Request) -> Response:
    """Charges by time, place, kind and energy."""
    query = request.query_params
    only_super = flag(query, "superchargers_only")
    return _listing(
        request,
        car_of(request).records("charges"),
        [
            within(query, "origin", ("latitude", "longitude")),
            lambda record: record["is_supercharger"] or not only_super,
            at_least(query, "minimum_energy_added", "energy_added"),
        ],
    )


async def idles(request: Request) -> Response:
    """Idles by time and place."""
    vehicle = car_of(request)
    near = within(request.query_params, "origin", ("latitude", "longitude"))
    return _listing(request, vehicle.records("idles"), [near])


def _driver(vehicle: SimulatedCar, record: Json) -> str:
    # Tessie filters by a profile that the record itself does not show.
    number: int = record["id"] - vehicle.car.first_record
    return vehicle.history.drives[number].driver


def _listing(request: Request, records: list[Json], filters: list[Filter]) -> Response:
    """Newest first: filter, then cut to the page, then convert."""
    query = request.query_params
    window = Window.of(query)
    chosen = units(query)
    holds = _overlaps if fleet_of(request).filters_by_overlap else _starts
    matching = [record for record in records if holds(window, record) and all(keep(record) for keep in filters)]
    return answer(request, [chosen.convert(record) for record in page(query, matching)])


def _starts(window: Window, record: Json) -> bool:
    return window.holds(record["started_at"])


def _overlaps(window: Window, record: Json) -> bool:
    return window.overlaps(record["started_at"], record["ended_at"])


async def last_idle_state(request: Request) -> Response:
    """The battery when the car last came to stand."""
    vehicle = car_of(request)
    seen = vehicle.moment()
    parked = vehicle.moment(vehicle.idles[-1].start.at) if seen.activity != "parked" and vehicle.idles else seen
    level = vehicle.moment(parked.event.start.at) if parked.activity == "parked" else parked
    miles = round(level.range_mi, 2)
    return JSONResponse(
        {
            "result": {
                "timestamp": level.at,
                "battery_level": round(level.percent),
                "usable_battery_level": round(level.percent),
                "battery_range": miles,
                "est_battery_range": round(miles * 0.91, 2),
                "ideal_battery_range": round(miles * vehicle.car.battery.ideal_ratio, 2),
            }
        }
    )


ROUTES = [
    Route("/{vin}/drives", drives),
    Route("/{vin}/charges", charges),
    Route("/{vin}/idles", idles),
    Route("/{vin}/last_idle_state", last_idle_state),
]
