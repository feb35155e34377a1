"""The fleet at its clock: the records listed by then, and the callers' changes."""

import threading
import time
from bisect import bisect_right
from collections.abc import Callable, Iterator
from copy import copy
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from random import Random
from typing import Literal

from sims.tessie.cars import ANCHOR, Car, checked_vin
from sims.tessie.events import Charge, Drive, Idle
from sims.tessie.garage import cars
from sims.tessie.history import History
from sims.tessie.moment import ASLEEP_S, Moment, moment
from sims.tessie.records import Json, charge_record, drive_record, idle_record, running_charge_record

AWAKE_AFTER_COMMAND_S = 900

type RecordKind = Literal["drives", "charges", "idles"]
type Instant = datetime | str | float
type Until = Instant | Callable[[], float] | None


def epoch(instant: Instant) -> float:
    """Epoch seconds of a datetime, an ISO 8601 text (UTC if it names no offset) or a number."""
    if isinstance(instant, str):
        instant = datetime.fromisoformat(instant)
    if isinstance(instant, datetime):
        return (instant if instant.tzinfo else instant.replace(tzinfo=UTC)).timestamp()
    return float(instant)


@dataclass
class Changes:
    """State set by commands, section by section; `until_drive` ends when the car next drives off."""

    lasting: dict[str, Json] = field(default_factory=dict)
    until_drive: dict[str, Json] = field(default_factory=dict)
    at: int = 0

    def add(self, section: str, values: Json, *, lasting: bool, at: int) -> None:
        """Set some keys of one section of the state."""
        target = self.lasting if lasting else self.until_drive
        target[section] = target.get(section, {}) | values
        self.at = max(self.at, 0 if lasting else at)


class SimulatedCar:
    """One car with its history, and everything that callers may change about it."""

    def __init__(self, car: Car, seed: int, start: int, now: Callable[[], int]) -> None:
        self.car = car
        self.history = History(car, seed, start)
        self.now = now
        self.is_active = True
        self.shows_last_state = True
        self.plate = car.plate
        self.woken_at = 0
        self.changes = Changes()
        self.telemetry: Json = first_telemetry(car)
        draw = Random(f"{seed}:{car.vin}:people")
        self.tokens = [f"{draw.getrandbits(64):016x}", f"{draw.getrandbits(64):016x}"]
        self.drivers: list[Json] = [driver(draw, name) for name in car.habits.drivers[1:]]
        self.invitations: list[Json] = []
        self._records: dict[RecordKind, list[Json]] = {"drives": [], "charges": [], "idles": []}
        self._ends: dict[RecordKind, list[int]] = {"drives": [], "charges": [], "idles": []}
        self.gone: dict[RecordKind, set[int]] = {"drives": set(), "charges": set(), "idles": set()}
        self.added: dict[RecordKind, dict[int, Json]] = {"drives": {}, "charges": {}, "idles": {}}
        self._lock = threading.RLock()

    def another(self, number: int) -> "SimulatedCar":
        """Return a car of the same model and with the same history, under a VIN of its own."""
        copied = copy(self)
        car = self.car
        vin = checked_vin(f"{car.vin[:8]}_{car.vin[9:11]}{number:06}")
        copied.car = replace(car, vin=vin, name=f"{car.name} {number}", id=car.id + number, vehicle_id=number)
        return copied

    @property
    def drives(self) -> list[Drive]:
        """Ended drives, oldest first: the truth before any correction."""
        self.grow()
        return self.history.drives[: bisect_right(self._ends["drives"], self.now())]

    @property
    def charges(self) -> list[Charge]:
        """Ended charges, oldest first."""
        self.grow()
        return self.history.charges[: bisect_right(self._ends["charges"], self.now())]

    @property
    def idles(self) -> list[Idle]:
        """Ended idles, oldest first."""
        self.grow()
        return self.history.idles[: bisect_right(self._ends["idles"], self.now())]

    def grow(self) -> None:
        """Bring the history up to the clock."""
        with self._lock:
            self.history.advance(self.now())
            car = self.car
            history = self.history
            self._keep("drives", [drive_record(car, drive) for drive in history.drives[len(self._ends["drives"]) :]])
            self._keep(
                "charges", [charge_record(car, charge) for charge in history.charges[len(self._ends["charges"]) :]]
            )
            self._keep("idles", [idle_record(car, idle) for idle in history.idles[len(self._ends["idles"]) :]])

    def _keep(self, kind: RecordKind, records: list[Json]) -> None:
        self._records[kind] += records
        self._ends[kind] += [record["ended_at"] for record in records]

    def records(self, kind: RecordKind) -> list[Json]:
        """The records that Tessie lists at this time, newest first, in miles and C, with all corrections."""
        self.grow()
        now = self.now()
        listed = self._records[kind][: bisect_right(self._ends[kind], now)]
        doing = self.history.event_at(max(now, self.history.start))
        if kind == "charges" and self.car.sparse and isinstance(doing, Charge):
            listed.append(running_charge_record(self.car, doing, now))
        added, gone = self.added[kind], self.gone[kind]
        listed = [record for record in listed if record["id"] not in added] + list(added.values())
        listed = [record for record in listed if record["id"] not in gone]
        return sorted(listed, key=lambda record: record["started_at"], reverse=True)

    def amend(self, kind: RecordKind, id_: int, values: Json) -> Json | None:
        """The record with some values corrected and `updated_at` moved; None if no ended one has that id."""
        self.grow()
        records = self._records[kind]
        ended = range(bisect_right(self._ends[kind], self.now()))
        place = next((place for place in ended if records[place]["id"] == id_), None)
        if place is None:
            return None
        moved = {"updated_at": max(self.now(), records[place]["updated_at"] + 1)}
        # A new object: callers may keep the old one.
        records[place] = records[place] | moved | values
        return records[place]

    def remove(self, kind: RecordKind, id_: int) -> bool:
        """Remove a record, as Tessie does when it merges two; True if there was one."""
        self.grow()
        is_present = any(record["id"] == id_ for record in self._records[kind])
        self.gone[kind].add(id_)
        return is_present

    def put(self, kind: RecordKind, records: list[Json]) -> None:
        """List these records, too; one with a known id takes its place."""
        self.added[kind] |= {record["id"]: record for record in records}
        self.gone[kind] -= {record["id"] for record in records}

    def changed_at(self, kind: RecordKind) -> int | None:
        """When something of a kind last changed, a removal apart."""
        return max((record["updated_at"] for record in self.records(kind)), default=None)

    def moment(self, at: int | None = None) -> Moment:
        """The car at an instant, by default now; a wake or a command keeps it awake for a while."""
        self.grow()
        now = self.now() if at is None else at
        seen = moment(self.history, now)
        if seen.status != "awake" and 0 <= now - self.woken_at < AWAKE_AFTER_COMMAND_S:
            return replace(seen, status="awake")
        return seen

    def reported(self) -> Moment:
        """The newest moment Tessie knows of: now, or when the car fell asleep."""
        seen = self.moment()
        if seen.status != "asleep":
            return seen
        asleep_at = max(seen.event.start.at + ASLEEP_S, min(self.woken_at + AWAKE_AFTER_COMMAND_S, seen.at))
        return replace(moment(self.history, asleep_at), status="asleep")

    def in_force(self) -> Iterator[tuple[str, Json]]:
        """The commands' changes to the state that still hold."""
        yield from self.changes.lasting.items()
        drove_at = max((drive.start.at for drive in self.history.drives if drive.start.at <= self.now()), default=0)
        if self.changes.at >= drove_at:
            yield from self.changes.until_drive.items()


def first_telemetry(car: Car) -> Json:
    """The Fleet Telemetry configuration a car begins with."""
    fields = {"Soc": {"interval_seconds": 60}, "Location": {"interval_seconds": 10}}
    config = {
        "hostname": "telemetry.example.com",
        "ca": "-----BEGIN CERTIFICATE-----",
        "exp": ANCHOR + 400 * 86_400,
        "port": 443,
        "fields": fields,
        "alert_types": ["service"],
    }
    return {"synced": car.build.telemetry, "config": config, "update_available": False}


def driver(draw: Random, name: str) -> Json:
    """A driver beside the owner, as the Fleet API describes one."""
    number = draw.randrange(100_000, 999_999)
    return {
        "my_tesla_unique_id": 8_000_000 + number,
        "user_id": number,
        "user_id_s": str(number),
        "vault_uuid": f"{draw.getrandbits(128):032x}",
        "driver_first_name": name,
        "driver_last_name": "Sample",
        "granular_access": {"hide_private": False},
        "active_pubkeys": [],
        "public_key": "",
    }


class Fleet:
    """All cars. `until` pins the clock (an instant) or drives it (a callable); None is the real clock.

    Of a larger `number` of cars those beyond the fleet's own are copies, which share the history of their model.
    """

    def __init__(self, seed: int = 7, start: Instant = ANCHOR, until: Until = None, number: int | None = None) -> None:
        self.seed = seed
        self.start = int(epoch(start))
        self._clock: Callable[[], float] = time.time
        self.filters_by_overlap = False
        self.pin(until)
        own = [SimulatedCar(car, seed, self.start, self.now) for car in cars()]
        copies = [own[place % len(own)].another(place) for place in range(len(own), number or 0)]
        self._cars = {vehicle.car.vin: vehicle for vehicle in [*own, *copies][:number]}

    def pin(self, until: Until) -> None:
        """Set the clock; it may go back, and then later records are not listed."""
        if until is None:
            self._clock = time.time
        elif callable(until):
            self._clock = until
        else:
            fixed = epoch(until)
            self._clock = lambda: fixed

    def now(self) -> int:
        """The clock, whole epoch seconds."""
        return int(self._clock())

    @property
    def vins(self) -> list[str]:
        """Every car's VIN, always in the same order."""
        return list(self._cars)

    def __getitem__(self, vin: str) -> SimulatedCar:
        return self._cars[vin]

    def __contains__(self, vin: object) -> bool:
        return vin in self._cars

    def __iter__(self) -> Iterator[SimulatedCar]:
        return iter(self._cars.values())

    def drives(self, vin: str) -> list[Json]:
        """A car's drives as `/drives` answers them without parameters, newest first."""
        return self[vin].records("drives")

    def charges(self, vin: str) -> list[Json]:
        """A car's charges, newest first."""
        return self[vin].records("charges")

    def idles(self, vin: str) -> list[Json]:
        """A car's idles, newest first."""
        return self[vin].records("idles")
