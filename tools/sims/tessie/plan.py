"""A car's destinations on one day, from that day's own random numbers."""

from dataclasses import dataclass
from random import Random

from sims.tessie.cars import Car, Place


@dataclass(frozen=True, slots=True)
class Leg:
    """Drive to `place`, at `leaves_s` after local midnight or (None) as soon as the car is ready.

    `charge` is the state of charge in % to fill up to there, None for no charge.
    """

    place: Place
    leaves_s: int | None = None
    charge: int | None = None


def is_weekend(day: int) -> bool:
    """Whether a day counted from 1970-01-01, a Thursday, is a Saturday or Sunday."""
    return (day + 3) % 7 >= 5


def is_friday(day: int) -> bool:
    """Whether the day is a Friday: the evening before a possible trip."""
    return (day + 3) % 7 == 4


def plan_day(car: Car, day: int, draw: Random, place: Place) -> list[Leg]:
    """The legs of one local day for a car that wakes up at `place`."""
    if place.kind == "hotel":
        return _way_back(car, draw, place)
    if is_weekend(day):
        return _weekend(car, day, draw)
    legs = _workday(car, draw) if car.region.work and draw.random() < car.habits.commute else []
    if draw.random() < car.habits.errand:
        legs += _out_and_back(car, draw, 68_400)
    return legs


def _workday(car: Car, draw: Random) -> list[Leg]:
    work = car.region.work
    habits = car.habits
    assert work is not None
    legs = [Leg(work, habits.leaves_s + draw.randrange(-1_500, 2_400))]
    if draw.random() < habits.lunch:
        lunch = draw.choice(car.region.errands)
        legs += [Leg(lunch, 43_200 + draw.randrange(1_800)), Leg(work, 47_400 + draw.randrange(1_200))]
    leaves = 60_300 + draw.randrange(-2_400, 5_400)
    if draw.random() < habits.errand / 2:
        legs += [
            Leg(draw.choice(car.region.errands), leaves),
            Leg(car.region.home, leaves + draw.randrange(3_000, 6_000)),
        ]
    else:
        legs.append(Leg(car.region.home, leaves))
    return legs


def _weekend(car: Car, day: int, draw: Random) -> list[Leg]:
    saturday = (day + 3) % 7 == 5
    if saturday and car.region.trips and draw.random() < car.habits.weekend_trip:
        *stops, hotel = draw.choice(car.region.trips)
        legs = [Leg(stop, charge=draw.randrange(78, 88)) for stop in stops]
        legs[0] = Leg(legs[0].place, 30_600 + draw.randrange(5_400), legs[0].charge)
        return [*legs, Leg(hotel, charge=90)]
    times = (32_400, 46_800, 61_200)[: draw.randint(*car.habits.weekend_errands)]
    return [leg for around in times for leg in _out_and_back(car, draw, around)]


def _way_back(car: Car, draw: Random, hotel: Place) -> list[Leg]:
    stops = next((trip[:-1] for trip in car.region.trips if trip[-1] == hotel), ())
    places = [*reversed(stops)]
    legs = [Leg(place, charge=draw.randrange(74, 86)) for place in places] + [Leg(car.region.home)]
    legs[0] = Leg(legs[0].place, 36_000 + draw.randrange(7_200), legs[0].charge)
    return legs


def _out_and_back(car: Car, draw: Random, around_s: int) -> list[Leg]:
    leaves = around_s + draw.randrange(-1_800, 3_600)
    shops = draw.choice(car.region.errands)
    return [Leg(shops, leaves), Leg(car.region.home, leaves + draw.randrange(3_600, 7_200))]
