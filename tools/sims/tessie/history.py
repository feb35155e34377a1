"""One car's history, generated forward day by day: the same seed always gives the same past."""

from bisect import bisect_right
from dataclasses import replace
from random import Random

from sims.tessie.cars import DAY_S, MILE_M, Car, Place, distance_m
from sims.tessie.events import Charge, Draw, Drive, Event, Idle, Mark
from sims.tessie.plan import Leg, is_friday, plan_day
from sims.tessie.weather import Weather

# How far ahead of the clock the days are planned, so that the end of the current event is known.
HORIZON_S = 2 * DAY_S
_ROAD_FACTOR = 1.22
_SPEEDS_MPH = ((3, 17, 22), (10, 22, 31), (30, 32, 44), (10_000, 55, 64))
_RESERVE_PERCENT = 7
_EVENING_S = 17 * 3600


class History:
    """Events from `start` on. `advance` only ever appends, and ids count up from the car's first."""

    def __init__(self, car: Car, seed: int, start: int) -> None:
        self.car = car
        self.start = start
        self.weather = Weather(car.climate, f"{seed}:{car.vin}", car.build.utc_offset_s)
        self.events: list[Event] = []
        self.drives: list[Drive] = []
        self.charges: list[Charge] = []
        self.idles: list[Idle] = []
        self._starts: list[int] = []
        self._seed = f"{seed}:{car.vin}"
        home = car.region.home
        filled = round(0.7 * car.battery.max_range_mi(start), 2)
        self._mark = Mark(start, car.odometer_mi, filled, car.odometer_mi * 1.12, home.latitude, home.longitude)
        self._place = home
        self._day = (start + car.build.utc_offset_s) // DAY_S

    def advance(self, until: float) -> None:
        """Generate every day that begins within the horizon of `until` (epoch seconds)."""
        while self._day * DAY_S - self.car.build.utc_offset_s <= until + HORIZON_S:
            self._live(self._day)
            self._day += 1

    def event_at(self, at: float) -> Event:
        """The event at an instant; past the last known event, an open idle."""
        if at >= self._mark.at:
            return self._idle(int(at) + HORIZON_S, leaving=False)
        return self.events[max(0, bisect_right(self._starts, at) - 1)]

    def between(self, since: float, until: float) -> list[Event]:
        """The events that overlap a window and have begun by its end, the endless last idle among them."""
        first = max(0, bisect_right(self._starts, since) - 1)
        events = self.events[first : bisect_right(self._starts, until)]
        return [*events, self.event_at(until)] if until >= self._mark.at else events

    def _live(self, day: int) -> None:
        draw = Random(f"{self._seed}:{day}")
        midnight = day * DAY_S - self.car.build.utc_offset_s
        for leg in plan_day(self.car, day, draw, self._place):
            self._go(leg, midnight, draw)
        if self._place.kind == "home":
            self._charge_at_home(day, midnight, draw)

    def _go(self, leg: Leg, midnight: int, draw: Random) -> None:
        leaves = self._mark.at + draw.randrange(120, 420)
        if leg.leaves_s is not None:
            leaves = max(leaves, midnight + leg.leaves_s)
        if not self._reaches(leg.place, leaves):
            self._refill(leaves, draw)
            leaves = self._mark.at + 120
        self._drive(leg.place, leaves, draw)
        if leg.charge is not None:
            self._charge(leg.charge, self._mark.at + draw.randrange(60, 240), None, draw)

    def _miles_to(self, place: Place) -> float:
        metres = distance_m(self._mark.latitude, self._mark.longitude, place.latitude, place.longitude)
        return max(0.4, metres / MILE_M * _ROAD_FACTOR)

    def _range_at(self, at: int) -> float:
        """Rated miles left after standing until then: weeks of standing empty a pack too."""
        return self._idle(at, leaving=False).end.range_mi

    def _reaches(self, place: Place, at: int) -> bool:
        left = self._range_at(at) - self._miles_to(place) * 1.75
        return self.car.percent(left, at) > _RESERVE_PERCENT

    def _refill(self, at: int, draw: Random) -> None:
        """Fill up at the time of a drive that the pack would not last for."""
        if self._place.kind != "home":
            self._drive(self.car.region.supercharger, at, draw)
        self._charge(self.car.charging.limit, max(at, self._mark.at + 60), None, draw)

    def _charge_at_home(self, day: int, midnight: int, draw: Random) -> None:
        charging = self.car.charging
        evening = max(self._mark.at, midnight + _EVENING_S)
        came_home = self._mark.at >= midnight
        trip_ahead = came_home and is_friday(day) and self.car.habits.weekend_trip > 0
        left = self.car.percent(self._range_at(evening), evening)
        if left >= charging.plug_below + draw.randrange(-8, 9) and not trip_ahead:
            return
        # Never in a past day, even if the car has been parked since: history is only appended to.
        at = evening + draw.randrange(60, 300)
        if charging.off_peak_s is not None:
            at = max(at, midnight + charging.off_peak_s)
        self._charge(90 if trip_ahead else charging.limit, at, midnight + DAY_S + 6 * 3600, draw)

    def _drive(self, place: Place, at: int, draw: Random) -> None:
        self._idle_until(at, leaving=True)
        start = self._mark
        origin = self._place
        miles = round(self._miles_to(place) * draw.uniform(0.97, 1.06), 2)
        slow, fast = next((slow, fast) for limit, slow, fast in _SPEEDS_MPH if miles < limit)
        average = draw.uniform(slow, fast)
        seconds = max(90, round(miles / average * 3600))
        outside = self.weather.outside_c(at + seconds / 2)
        used = round(miles * _consumption(outside, average, miles, draw), 2)
        self._mark = Mark(
            at + seconds,
            round(start.odometer_mi + miles, 2),
            round(start.range_mi - used, 2),
            round(start.spent_mi + used, 2),
            round(place.latitude + draw.uniform(-0.00014, 0.00014), 6),
            round(place.longitude + draw.uniform(-0.00014, 0.00014), 6),
        )
        self._place = place
        drive = Drive(
            id=self.car.first_record + len(self.drives),
            start=start,
            end=self._mark,
            origin=origin,
            place=place,
            max_mph=round(max(average * 1.15, min(84, average * draw.uniform(1.25, 1.85)))) + 1,
            inside_c=round(20.5 + (outside - 15) * 0.12 + draw.uniform(-1, 1), 1),
            outside_c=round(outside, 1),
            autopilot_mi=round(miles * draw.uniform(0.3, 0.92), 2) if miles > 10 else 0.0,
            tag="Business" if draw.random() < self.car.habits.business_tag else None,
            driver=draw.choice(self.car.habits.drivers),
        )
        self.drives.append(drive)
        self._append(drive)

    def _charge(self, percent: int, at: int, deadline: int | None, draw: Random) -> None:
        """Charge to `percent`, or as far as it gets before the deadline."""
        k = self.car.battery.kwh_per_mi
        miles = percent / 100 * self.car.battery.max_range_mi(at) - self._range_at(at)
        kw = self._kw(at, draw)
        seconds = int(miles * k / kw * 3600)
        if deadline is not None:
            seconds = min(seconds, deadline - at)
        if seconds < 240:
            return
        self._idle_until(at, leaving=False)
        start = self._mark
        added = round(seconds / 3600 * kw / k, 2)
        self._mark = replace(start, at=start.at + seconds, range_mi=round(start.range_mi + added, 2))
        used = self._from_wall(added * k, at, draw)
        charge = Charge(
            id=self.car.first_record + 500_000 + len(self.charges),
            start=start,
            end=self._mark,
            place=self._place,
            used_kwh=used,
            cost=self._cost(used),
        )
        self.charges.append(charge)
        self._append(charge)

    def _kw(self, at: int, draw: Random) -> float:
        """Mean power into the pack; a cold pack takes a fast charge slowly."""
        if self._place.kind == "supercharger":
            cold = max(0.0, 10 - self.weather.outside_c(at)) * 0.012
            return self.car.charging.super_kw * draw.uniform(0.68, 0.82) * (1 - cold)
        return self.car.charging.kw * draw.uniform(0.9, 0.93)

    def _from_wall(self, added_kwh: float, at: int, draw: Random) -> float:
        """Energy drawn for so much energy added: losses, and heating in the cold."""
        loss = 1.045 if self._place.kind == "supercharger" else 1.085
        cold = max(0.0, 12 - self.weather.outside_c(at)) * 0.003
        return round(added_kwh * (loss + cold + draw.uniform(0, 0.02)), 2)

    def _cost(self, used_kwh: float) -> float | None:
        charging = self.car.charging
        if self._place.kind == "hotel":
            return 0.0 if charging.price is not None else None
        price = charging.super_price if self._place.kind == "supercharger" else charging.price
        return None if price is None else round(used_kwh * price, 2)

    def _idle_until(self, at: int, *, leaving: bool) -> None:
        if at > self._mark.at:
            idle = self._idle(at, leaving=leaving)
            self._mark = idle.end
            self.idles.append(idle)
            self._append(idle)

    def _idle(self, end_at: int, *, leaving: bool) -> Idle:
        """The idle from the last mark on. Its draw was settled when it began."""
        draw = self._draw(end_at, leaving=leaving)
        start = self._mark
        whole = end_at - self._mark.at
        spent = round(draw.kwh(whole, whole) / self.car.battery.kwh_per_mi, 2)
        end = replace(
            start, at=end_at, range_mi=round(start.range_mi - spent, 2), spent_mi=round(start.spent_mi + spent, 2)
        )
        plugged = bool(self.events) and isinstance(self.events[-1], Charge)
        first = self.car.first_record + 700_000
        return Idle(first + len(self.idles), start, end, self._place, draw, plugged)

    def _draw(self, end_at: int, *, leaving: bool) -> Draw:
        habits = self.car.habits
        chance = Random(f"{self._seed}:idle:{len(self.idles)}")
        sentry = self._place.kind in habits.sentry and chance.random() < 0.9
        standby = chance.uniform(0.19, 0.26) if sentry else chance.uniform(0.007, 0.016)
        outside = self.weather.outside_c(end_at)
        preheats = habits.preconditions and leaving and self._place.kind in ("home", "work") and not 8 < outside < 28
        if not preheats or end_at - self._mark.at < 7_200 or chance.random() < 0.3:
            return Draw(standby, sentry)
        return Draw(standby, sentry, chance.randrange(480, 900), 1.2 + 0.06 * abs(21 - outside))

    def _append(self, event: Event) -> None:
        self.events.append(event)
        self._starts.append(event.start.at)


def _consumption(outside_c: float, average_mph: float, miles: float, draw: Random) -> float:
    """Rated miles for each driven mile: cold and heat, speed, and the heating of a short trip."""
    cold = max(0.0, 18 - outside_c)
    hot = max(0.0, outside_c - 26)
    heating = cold * 0.012 * (2.0 if miles < 4 else 1.0)
    factor = 0.88 + heating + hot * 0.006 + max(0.0, average_mph - 45) * 0.006 + draw.gauss(0, 0.04)
    return max(0.55, min(1.65, factor))
