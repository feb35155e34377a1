"""The price of a charge: the tariff that fits it, and its time split by the rates that hold."""

import math
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from itertools import pairwise
from typing import NamedTuple

from core_tessie.tariffs.rates import DAY, Rate, TariffBody
from edge.instants import from_text
from edge.ports import Row
from edge.zones import zone_of

LONGEST = timedelta(days=60)
"""A charge that took longer has no estimate."""
GRID = timedelta(minutes=30)
"""Clocks are changed at full and half hours of UTC."""
EARTH_M = 6_371_000.0


class Tariff(NamedTuple):
    """A stored tariff."""

    id: str
    body: TariffBody


class Estimate(NamedTuple):
    """An estimated cost, and the tariff that it came from."""

    cost: float
    currency: str
    tariff_id: str


def estimate(charge: Row, tariffs: Sequence[Tariff]) -> Estimate | None:
    """Return the estimated cost of a charge, None if it has a cost or cannot be priced.

    `tariffs` are in the order of their creation; `charge` has `utc_offset_s`, the car's own clock.
    """
    if charge["cost"] is not None or charge["ended_at"] is None or charge["implausible"] is not None:
        return None
    fitting = [tariff for tariff in tariffs if fits(tariff.body, charge)]
    if not fitting:
        return None
    best = max(fitting, key=lambda tariff: precedence(tariff.body))
    cost = price(best.body, charge)
    return None if cost is None else Estimate(round(cost, 4) + 0.0, best.body.currency, best.id)


def fits(tariff: TariffBody, charge: Row) -> bool:
    """Tell whether a tariff applies to a charge, by vehicle, charger and place."""
    if tariff.vin not in {None, charge["vin"]} or tariff.charger not in {None, _charger(charge)}:
        return False
    if tariff.saved_location is not None:
        return _folded(tariff.saved_location) == _folded(charge["saved_location"])
    if tariff.latitude is None or tariff.longitude is None or tariff.radius_m is None:
        return True
    if charge["latitude"] is None or charge["longitude"] is None:
        return False
    here = (tariff.latitude, tariff.longitude)
    return distance_m(here, (charge["latitude"], charge["longitude"])) <= tariff.radius_m


def precedence(tariff: TariffBody) -> tuple[bool, int, bool, float]:
    """Return a tariff's sort key: vehicle, then place, charger and smaller radius; of equals the first counts."""
    place = 2 if tariff.saved_location is not None else 1 if tariff.latitude is not None else 0
    return tariff.vin is not None, place, tariff.charger is not None, -(tariff.radius_m or 0.0)


def price(tariff: TariffBody, charge: Row) -> float | None:
    """Return the cost of a charge by a tariff, None if a rate, its energy or the clock is missing."""
    start, end = from_text(charge["started_at"]), from_text(charge["ended_at"])
    clock = _clock(tariff, charge)
    if not start <= end <= start + LONGEST:
        return None
    if tariff.rates[0].is_constant:
        parts = [(tariff.rates[0], end - start)]
    elif clock is None:
        return None
    else:
        parts = []
        for rate, duration in _parts(tariff.rates, start, end, clock):
            if rate is None:
                return None
            parts.append((rate, duration))
    return _sum(parts, _energy(charge))


def distance_m(here: tuple[float, float], there: tuple[float, float]) -> float:
    """Return the metres between two points, each latitude and longitude in degrees."""
    lat_1, lon_1, lat_2, lon_2 = map(math.radians, (*here, *there))
    half = math.sin((lat_2 - lat_1) / 2) ** 2
    half += math.cos(lat_1) * math.cos(lat_2) * math.sin((lon_2 - lon_1) / 2) ** 2
    return 2 * EARTH_M * math.asin(min(1.0, math.sqrt(half)))


def _sum(parts: Sequence[tuple[Rate, timedelta]], energy_kwh: float | None) -> float | None:
    """Return the price of the parts of a charge; its energy is spread evenly over its time."""
    if energy_kwh is None:
        if any(rate.per_kwh for rate, _ in parts):
            return None
        energy_kwh = 0.0
    total_s = sum(duration.total_seconds() for _, duration in parts)
    cost = parts[0][0].per_session
    for rate, duration in parts:
        seconds = duration.total_seconds()
        share = seconds / total_s if total_s else 1.0 / len(parts)
        cost += energy_kwh * share * rate.per_kwh + seconds / 60 * rate.per_minute
    return cost


def _parts(
    rates: Sequence[Rate], start: datetime, end: datetime, clock: tzinfo
) -> Iterator[tuple[Rate | None, timedelta]]:
    """Yield each rate of a time span with its duration, None if no rate holds; an empty span yields one part."""
    for since, until in pairwise(_edges(rates, start, end, clock)):
        local = since.astimezone(clock)
        yield next((rate for rate in rates if rate.holds(local)), None), until - since


def _edges(rates: Sequence[Rate], start: datetime, end: datetime, clock: tzinfo) -> list[datetime]:
    """Return the start, the end, and the instants between them at which a rate may change."""
    edges: set[datetime] = set()
    at = datetime.fromtimestamp(start.timestamp() // GRID.total_seconds() * GRID.total_seconds(), UTC) + GRID
    while at < end:
        edges.add(at)
        at += GRID
    times = {time for rate in rates for time in rate.edges()}
    day = start.astimezone(clock).date()
    while day <= end.astimezone(clock).date():
        for time in times:
            for fold in (0, 1):  # an hour that the clocks repeat
                edges.add(datetime.combine(day, time.replace(fold=fold), clock).astimezone(UTC))
        day += DAY
    return [start, *sorted(edge for edge in edges if start < edge < end), end]


def _clock(tariff: TariffBody, charge: Row) -> tzinfo | None:
    if tariff.timezone is not None:
        return zone_of(tariff.timezone)
    offset_s = charge["utc_offset_s"]
    return None if offset_s is None or abs(offset_s) >= 86_400 else timezone(timedelta(seconds=offset_s))


def _energy(charge: Row) -> float | None:
    """Return the larger of the energies added and used, None if the charge has neither."""
    energies = [charge[name] for name in ("energy_added_kwh", "energy_used_kwh") if charge[name] is not None]
    return max(energies, default=None)


def _charger(charge: Row) -> str:
    return "supercharger" if charge["is_supercharger"] else "fast" if charge["is_fast_charger"] else "other"


def _folded(name: str | None) -> str | None:
    return None if name is None else name.strip().casefold()
