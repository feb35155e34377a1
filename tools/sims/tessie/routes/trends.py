"""How a car went over time: states, path, battery health, consumption, alerts, invoices."""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sims.tessie.cars import ANCHOR, DAY_S, Car
from sims.tessie.fleet import SimulatedCar
from sims.tessie.moment import Moment
from sims.tessie.queries import Query, Window, answer, choice, flag, page, timezone, units, whole
from sims.tessie.records import Json
from sims.tessie.routes.cars import car_of, fleet_of
from sims.tessie.timeline import condensed, drives_between, idle_share_since, path_points, state_row, state_times

_ALERT_EVERY_S = 23 * DAY_S
_ALERTS = (
    ("APP_w304_autopilotUnavailable", "Autopilot features temporarily unavailable", 812),
    ("VCFRONT_a192_washerFluidLow", "Washer fluid low", 40_113),
    ("UI_a137_homelinkFailed", None, 96),
)


def _span(vehicle: SimulatedCar, query: Query, default_s: int | None) -> tuple[int, int]:
    """The requested window inside the car's history; without `from`, the last `default_s` or all of it."""
    window = Window.of(query)
    now = vehicle.now()
    until = now if window.until is None else min(now, int(window.until))
    since = vehicle.history.start if default_s is None else until - default_s
    return max(vehicle.history.start, since if window.since is None else int(window.since)), until


async def states(request: Request) -> Response:
    """Rows over time, newest first. [U] Without a window the last day; without an interval some 500 rows."""
    vehicle = car_of(request)
    query = request.query_params
    since, until = _span(vehicle, query, DAY_S)
    interval = whole(query, "interval", max(60, (until - since) // 500))
    chosen = units(query)
    lines = flag(query, "condense")
    times = list(state_times(vehicle, since, until, interval))[::-1]
    rows = [chosen.convert(state_row(vehicle, at)) for at in times]
    if lines and choice(query, "format", ("json", "csv")) == "json":
        return JSONResponse({"results": condensed(rows)})
    return answer(request, rows)


async def path(request: Request) -> Response:
    """The way driven, by default in the last 30 days; [U] `separate` gives a list for each drive."""
    vehicle = car_of(request)
    query = request.query_params
    timezone(query)
    window = _span(vehicle, query, 30 * DAY_S)
    simplify, details = flag(query, "simplify", default=True), flag(query, "details")
    ways = [path_points(vehicle, drive, window, simplify=simplify) for drive in drives_between(vehicle, *window)]
    points = [way if details else [_pair(point) for point in way] for way in ways if way]
    if flag(query, "separate"):
        return JSONResponse({"results": points})
    return JSONResponse({"results": [point for way in points for point in way]})


def _pair(point: Json) -> str:
    return f"{point['latitude']:.6f},{point['longitude']:.6f}"


def _health(car: Car, at: int, seen: Moment) -> Json:
    """Range and capacity at 100 %: capacity = max_range * k."""
    most = car.battery.max_range_mi(at)
    return {
        "odometer": round(seen.odometer_mi, 2),
        "max_range": round(most, 2),
        "max_ideal_range": round(most * car.battery.ideal_ratio, 2),
        "capacity": round(most * car.battery.kwh_per_mi, 2),
    }


async def battery_health(request: Request) -> Response:
    """Every car's battery against its capacity when new; degradation and health add up to 100."""
    query = request.query_params
    chosen = units(request.query_params)
    only_active = flag(query, "only_active")
    rows = []
    for vehicle in fleet_of(request):
        if vehicle.is_active or not only_active:
            _, until = _span(vehicle, query, None)
            rows.append(chosen.convert(_compared(vehicle, until)))
    return JSONResponse({"results": rows})


def _compared(vehicle: SimulatedCar, at: int) -> Json:
    measured = _health(vehicle.car, at, vehicle.moment(at))
    original = round(vehicle.car.battery.original_kwh, 2)
    lost = round((1 - measured["capacity"] / original) * 100, 1)
    shares = {"original_capacity": original, "degradation_percent": lost, "health_percent": round(100 - lost, 1)}
    return {"vin": vehicle.car.vin, "plate": vehicle.plate} | measured | shares


async def battery_health_of(request: Request) -> Response:
    """One car: `result` now, or `results`, one a day and newest first, for a timeframe."""
    vehicle = car_of(request)
    query = request.query_params
    chosen = units(query)
    if not Window.of(query).is_bounded:
        measured = chosen.convert(_health(vehicle.car, vehicle.now(), vehicle.moment()))
        del measured["odometer"]
        return JSONResponse({"result": measured})
    since, until = _span(vehicle, query, None)
    noons = range(since - since % DAY_S + DAY_S // 2, until + 1, DAY_S)
    rows = [
        {"timestamp": at} | chosen.convert(_health(vehicle.car, at, vehicle.moment(at))) for at in noons if at >= since
    ]
    return JSONResponse({"results": rows[::-1]})


async def consumption_since_charge(request: Request) -> Response:
    """Consumption since the last charge ended; all zero while one runs."""
    vehicle = car_of(request)
    chosen = units(request.query_params)
    seen = vehicle.moment()
    charges = vehicle.charges
    last = charges[-1].end if charges and seen.activity != "charging" else seen.event.start
    used = 0.0 if seen.activity == "charging" else last.range_mi - seen.range_mi
    driving = used and max(0.0, used - idle_share_since(vehicle, last.at))
    return JSONResponse(
        chosen.convert(
            {
                "last_charge_at": last.at,
                "distance_driven": round(seen.odometer_mi - last.odometer_mi, 2),
                "battery_percent_used": round(vehicle.car.percent(used, seen.at)),
                "battery_percent_used_by_driving": round(vehicle.car.percent(driving, seen.at)),
            }
            | _both(vehicle.car, used, "")
            | _both(vehicle.car, driving, "_by_driving")
        )
    )


def _both(car: Car, miles: float, ending: str) -> Json:
    return {
        f"rated_range_used{ending}": round(miles, 2),
        f"ideal_range_used{ending}": round(miles * car.battery.ideal_ratio, 2),
        f"energy_used{ending}": round(miles * car.battery.kwh_per_mi, 2),
    }


async def firmware_alerts(request: Request) -> Response:
    """Alerts so far, newest first; some have no description."""
    vehicle = car_of(request)
    first = ANCHOR + vehicle.car.vehicle_id % _ALERT_EVERY_S
    times = [at for at in range(first, vehicle.now() + 1, _ALERT_EVERY_S) if at >= vehicle.history.start]
    rows = []
    for turn, at in enumerate(times):
        name, description, count = _ALERTS[turn % len(_ALERTS)]
        rows.append({"timestamp": at, "name": name, "description": description, "recent_fleet_count": count + turn})
    return JSONResponse({"results": rows[::-1]})


async def charging_invoices(request: Request) -> Response:
    """Supercharging invoices: 403 without a fleet account."""
    if not request.app.state.fleet_account:
        raise HTTPException(403, "This endpoint requires a fleet account")
    query = request.query_params
    fleet = fleet_of(request)
    window = Window.of(query)
    vin = query.get("vin")
    rows = [
        _invoice(vehicle.car, record)
        for vehicle in fleet
        for record in vehicle.records("charges")
        if record["is_supercharger"] and vin in (None, "", vehicle.car.vin) and window.holds(record["started_at"])
    ]
    return answer(request, page(query, sorted(rows, key=lambda row: row["started_at"], reverse=True)))


def _invoice(car: Car, record: Json) -> Json:
    price = car.charging.super_price or 0.45
    drawn = round(record["energy_used"] or record["energy_added"])
    return {
        "id": record["id"],
        "started_at": record["started_at"],
        "ended_at": record["ended_at"],
        "invoice_number": f"SIM{record['id']:010d}",
        "vin": car.vin,
        "location": record["location"],
        "energy_used": drawn,
        "idle_minutes": 0,
        "charging_fees": round(drawn * price, 2),
        "idle_fees": 0,
        "total_cost": round(drawn * price, 2),
        "cost_per_kwh": price,
        "currency": car.charging.currency,
        "invoice_url": f"https://example.com/invoices/{record['id']}",
    }


ROUTES = [
    Route("/battery_health", battery_health),
    Route("/charging_invoices", charging_invoices),
    Route("/{vin}/states", states),
    Route("/{vin}/path", path),
    Route("/{vin}/battery_health", battery_health_of),
    Route("/{vin}/consumption_since_charge", consumption_since_charge),
    Route("/{vin}/firmware_alerts", firmware_alerts),
]
