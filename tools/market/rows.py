"""Rows of a mock market: those of one practitioner agree with each other, and depend on the seed, day and number."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from pydantic_core import to_json

from edge.instants import from_epoch
from klear_karma.availability.zones import instant_of, wall_of
from klear_karma.booking.store import tzdata_version
from klear_karma.practitioners.store import Snapshot, cell_of, marks, words
from klear_karma.search.geography import COARSE, Place
from market.words import CITIES, FIRST, HEADLINES, LAST, OFFERS, PRAISE, RATINGS, City

BLOCK = 50
"""Practitioners that share customers."""
CUSTOMERS = 100
"""Customers of such a block."""
FIRST_NUMBER = 1_000_000_000
"""Numbers of mock practitioners begin here, so that they meet no others."""
TZDATA = tzdata_version()
YEAR = 365
AHEAD = 28
"""Days before and after the day for which there are appointments."""

COLUMNS = {
    "users": "id email email_key name user_type created_at updated_at",
    "practitioners": (
        "number id name headline bio specializations languages city country coarse_lat coarse_lng cell time_zone "
        "currency verification needs_confirmation min_price rating_sum rating_count booking_count created_at updated_at"
    ),
    "practitioner_places": "practitioner_id lat lng address updated_at",
    "services": (
        "id practitioner_id name minutes increment_minutes buffer_after_minutes price currency created_at updated_at"
    ),
    "working_hours": "id practitioner_id weekday starts_minute ends_minute is_break",
    "time_off": "id practitioner_id starts_at ends_at first_day end_day reason created_at",
    "appointments": (
        "id customer_id practitioner_id service_id customer_name practitioner_name service_name state starts_at "
        "ends_at time_zone wall_time tzdata_version blocked_from blocked_until minutes buffer_after_minutes price "
        "currency cancellation_hours expires_at confirmed_at cancelled_at cancelled_by free current created_at "
        "updated_at"
    ),
    "reviews": "id appointment_id practitioner_id author_id author_name rating body created_at",
    "practitioner_texts": "rowid words marks",
}
"""Tables in the order in which their rows can be inserted, with the columns that are written."""

type Rows = dict[str, list[tuple[Any, ...]]]


class Plan(NamedTuple):
    """The size and seed of a market, and the day around which its appointments lie."""

    size: int
    seed: int
    day: date

    @property
    def now(self) -> int:
        """The noon of the day in UTC, in Unix seconds."""
        return int(datetime.combine(self.day, time(12), UTC).timestamp())


class Slot(NamedTuple):
    """An appointment before it has a state: its service's row, its start, and its number."""

    service: tuple[Any, ...]
    start: int
    number: int


def blocks(plan: Plan) -> Iterator[tuple[int, Rows]]:
    """Yield the rows of the market, a block at a time, each with the number of its practitioners."""
    for first in range(0, plan.size, BLOCK):
        rows: Rows = defaultdict(list)
        customers = [_customer(plan, first // BLOCK, number) for number in range(CUSTOMERS)]
        rows["users"] = [*customers]
        last = min(first + BLOCK, plan.size)
        for number in range(first, last):
            Practice(plan, number, customers).write(rows)
        yield last - first, rows


def identity(kind: int, number: int, part: int = 0) -> str:
    """Return the id of a row: a UUID by its kind and number."""
    return f"{kind:08x}-0000-4000-8{part:03x}-{number:012x}"


class Practice:
    """One practitioner with all that belongs to it."""

    def __init__(self, plan: Plan, number: int, customers: Sequence[tuple[Any, ...]]) -> None:
        self.plan = plan
        self.number = number
        self.customers = customers
        self.now = plan.now
        self.chance = Random(f"{plan.seed}/{number}")
        self.id = identity(1, number)
        self.city: City = self.chance.choice(CITIES)
        self.zone = ZoneInfo(self.city.zone)
        self.name = f"{self.chance.choice(FIRST)} {self.chance.choice(LAST)}"
        self.created_at = from_epoch(self.now - self.chance.randint(YEAR, 3 * YEAR) * 86_400)
        self.opens = self.chance.choice((480, 540, 600))
        self.days = sorted(self.chance.sample(range(7), self.chance.randint(3, 6)))

    def write(self, rows: Rows) -> None:
        """Add the rows of this practitioner."""
        stamp = self.created_at
        address = f"practitioner{self.number}@example.org"
        rows["users"].append((self.id, address, address, self.name, "healer", stamp, stamp))
        services = self._services()
        rows["services"] += services
        rows["working_hours"] += self._hours()
        away = self._away()
        rows["time_off"].append(away)
        booked = self._appointments(services, away)
        rows["appointments"] += booked
        reviews = [review for row in booked if (review := self._review(row))]
        rows["reviews"] += reviews
        self._profile(rows, services, booked, reviews)

    def _profile(self, rows: Rows, services: list[Any], booked: list[Any], reviews: list[Any]) -> None:
        city = self.city
        chance = self.chance
        lat = city.lat + chance.gauss(0, 0.08)
        lng = (city.lng + chance.gauss(0, 0.12) + 180) % 360 - 180
        coarse = COARSE.centre(Place(lat, lng))
        names = dict.fromkeys(offer.specialization for offer in OFFERS for row in services if row[2] == offer.service)
        verification = "verified" if chance.random() < 0.95 else "pending"
        profile = {
            "number": FIRST_NUMBER + self.number,
            "id": self.id,
            "name": self.name,
            "headline": chance.choice(HEADLINES),
            "bio": f"{', '.join(names)} in {city.name}.",
            "specializations": to_json([*names]).decode(),
            "languages": to_json(city.languages).decode(),
            "city": city.name,
            "country": city.country,
            "coarse_lat": round(coarse.lat, 6),
            "coarse_lng": round(coarse.lng, 6),
            "cell": cell_of(coarse),
            "time_zone": city.zone,
            "currency": city.currency,
            "verification": verification,
            "needs_confirmation": int(chance.random() < 0.5),
            "min_price": min(row[6] for row in services),
            "rating_sum": sum(row[5] for row in reviews),
            "rating_count": len(reviews),
            "booking_count": len(booked),
            "created_at": self.created_at,
            "updated_at": self.created_at,
        }
        rows["practitioners"].append(tuple(profile.values()))
        rows["practitioner_places"].append((self.id, round(lat, 6), round(lng, 6), "", self.created_at))
        offered = [{"name": row[2], "description": "", "is_active": 1} for row in services]
        text = (FIRST_NUMBER + self.number, words(Snapshot(profile, offered)), marks(profile))
        rows["practitioner_texts"].append(text)

    def _services(self) -> list[tuple[Any, ...]]:
        chosen = self.chance.sample(OFFERS, self.chance.randint(1, 4))
        after = self.chance.choice((0, 0, 15))
        return [
            (
                identity(2, self.number, part),
                self.id,
                offer.service,
                offer.minutes,
                15,
                after,
                max(1, round(offer.price * self.city.factor / 500)) * 500,
                self.city.currency,
                self.created_at,
                self.created_at,
            )
            for part, offer in enumerate(chosen)
        ]

    def _hours(self) -> list[tuple[Any, ...]]:
        """Return the hours of a week: nine hours a day, with one for lunch after four."""
        spans = ((self.opens, self.opens + 540, 0), (self.opens + 240, self.opens + 300, 1))
        return [
            (identity(3, self.number, day * 2 + kind), self.id, day, start, end, kind)
            for day in self.days
            for start, end, kind in spans
        ]

    def _away(self) -> tuple[Any, ...]:
        """Return a week off, some time of the year."""
        first = self.plan.day + timedelta(days=self.chance.randint(-YEAR, 2 * AHEAD))
        end = first + timedelta(days=7)
        span = [from_epoch(instant_of(self.zone, day)) for day in (first, end)]
        id_ = identity(4, self.number)
        return (id_, self.id, *span, first.isoformat(), end.isoformat(), "holidays", self.created_at)

    def _appointments(self, services: list[Any], away: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        """Return at most one appointment a day, on days of work."""
        offsets = sorted(self.chance.sample(range(-YEAR, AHEAD + 1), self.chance.randint(6, 36)))
        rows = []
        for number, offset in enumerate(offsets):
            day = self.plan.day + timedelta(days=offset)
            if day.weekday() not in self.days or away[4] <= day.isoformat() < away[5]:
                continue
            service = self.chance.choice(services)
            opens = self.opens + self.chance.choice((0, 300))
            steps = (240 - service[3]) // 15
            start = instant_of(self.zone, day, opens) + self.chance.randint(0, steps) * 900
            rows.append(self._appointment(Slot(service, start, number)))
        return rows

    def _appointment(self, slot: Slot) -> tuple[Any, ...]:
        service, start, number = slot
        minutes, after = service[3], service[5]
        end = start + minutes * 60
        now = self.now
        created_at = min(start - self.chance.randint(1, 20) * 86_400, now - 3_600)
        state = self._state(end)
        customer = self.chance.choice(self.customers)
        is_cancelled = state == "cancelled"
        stamp = from_epoch(created_at)
        return (
            identity(5, self.number, number),
            customer[0],
            self.id,
            service[0],
            customer[3],
            self.name,
            service[2],
            state,
            from_epoch(start),
            from_epoch(end),
            self.city.zone,
            wall_of(self.zone, start).isoformat(),
            TZDATA,
            start,
            end + after * 60,
            minutes,
            after,
            service[6],
            service[7],
            24,
            from_epoch(min(start, created_at + 86_400)) if state == "requested" else None,
            None if state == "requested" else stamp,
            stamp if is_cancelled else None,
            self.chance.choice(("customer", "customer", "practitioner")) if is_cancelled else None,
            1,
            1,
            stamp,
            stamp,
        )

    def _state(self, end: int) -> str:
        luck = self.chance.random()
        if end > self.now:
            return "requested" if luck < 0.2 else "cancelled" if luck < 0.28 else "confirmed"
        return "cancelled" if luck < 0.08 else "no_show" if luck < 0.12 else "completed"

    def _review(self, row: tuple[Any, ...]) -> tuple[Any, ...] | None:
        """Return the review of a completed appointment; not everybody writes one."""
        if row[7] != "completed" or self.chance.random() > 0.45:
            return None
        rating = self.chance.choice(RATINGS)
        review_id = row[0].replace("00000005", "00000006", 1)
        body = self.chance.choice(PRAISE[rating])
        return (review_id, row[0], self.id, row[1], row[4], rating, body, row[9])


def _customer(plan: Plan, block: int, number: int) -> tuple[Any, ...]:
    chance = Random(f"{plan.seed}/customer/{block}/{number}")
    address = f"customer{block}.{number}@example.org"
    name = f"{chance.choice(FIRST)} {chance.choice(LAST)}"
    stamp = from_epoch(plan.now - chance.randint(YEAR, 3 * YEAR) * 86_400)
    return (identity(7, block, number), address, address, name, "customer", stamp, stamp)
