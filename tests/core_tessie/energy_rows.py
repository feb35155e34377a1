"""Some drives, charges, idles and battery readings, few enough to add up on paper."""

from collections.abc import Mapping
from typing import Any

from pydantic_core import to_json

from core_tessie.settings import TessieSettings
from edge.ports import Database
from edge.testing import Client

from .conftest import Runner

PATH = "/colbycommands/energy-report"
A, B = "5YJ3E1EA1KF000001", "5YJ3E1EA1KF000002"
KM = 1.609344

type Rows = list[dict[str, Any]]


def event(number: int, at: str, minutes: int | None = 30, **columns: Any) -> dict[str, Any]:
    """Return a drive, a charge or an idle of January 2025."""
    return {"tessie_id": number, "started_at": f"2025-01-{at}", "minutes": minutes} | columns


DRIVES = [
    event(
        1,
        "10 08:00:00",
        distance_mi=10,
        energy_used_kwh=3,
        rated_range_used_mi=12,
        autopilot_distance_mi=4,
        outside_temp_c=-3,
        starting_saved_location="Home",
        ending_location="1 Main St",
    ),
    event(2, "10 18:00:00", distance_mi=20, energy_used_kwh=5, rated_range_used_mi=20, outside_temp_c=7),
    event(
        3,
        "11 12:00:00",
        distance_mi=5,
        energy_used_kwh=-0.5,
        rated_range_used_mi=-2,
        autopilot_distance_mi=0,
        outside_temp_c=5,
    ),  # downhill
    event(4, "11 13:00:00", distance_mi=0, energy_used_kwh=0.2, rated_range_used_mi=1, autopilot_distance_mi=0),
    event(5, "11 14:00:00", distance_mi=8, outside_temp_c=4.9),  # energy unknown
    event(6, "12 09:00:00", None, distance_mi=3, energy_used_kwh=1),  # still running
]
CHARGES = [
    event(
        1,
        "10 20:00:00",
        energy_added_kwh=20,
        energy_used_kwh=22,
        cost=4.4,
        rated_range_added_mi=80,
        saved_location="home",
        location="1 Home St",
    ),
    event(
        2,
        "11 10:00:00",
        energy_added_kwh=30,
        energy_used_kwh=29,
        cost=12,
        rated_range_added_mi=120,
        is_supercharger=1,
        is_fast_charger=1,
        location="Supercharger X",
    ),
    event(3, "11 15:00:00", energy_added_kwh=10, cost=3, rated_range_added_mi=41, is_fast_charger=1, location="Fast"),
    event(4, "12 10:00:00", energy_added_kwh=5, energy_used_kwh=6, location="Work"),
    event(5, "12 15:00:00", energy_added_kwh=8, energy_used_kwh=9, cost=0, location="Hotel"),
    event(6, "13 10:00:00", None, energy_added_kwh=2, cost=1, location="Work"),  # still running
    event(7, "13 12:00:00", cost=2.5),  # energy and place unknown
]
IDLES = [
    event(1, "10 08:30:00", 570, energy_used_kwh=1, rated_range_used_mi=4, sentry_fraction=0.5, climate_fraction=0.1),
    event(2, "11 00:00:00", 720, energy_used_kwh=0.6, rated_range_used_mi=2.5, sentry_fraction=0, climate_fraction=0),
    event(3, "11 16:00:00"),  # energy unknown
    event(4, "12 00:00:00", None, energy_used_kwh=9),  # still running
    event(5, "12 11:00:00", 0, energy_used_kwh=0.2, rated_range_used_mi=0.8),  # no duration, no attribution
]
BATTERY = [
    {"recorded_at": "2025-01-05 12:00:00", "odometer_mi": 10_000, "capacity_kwh": 75.0, "max_range_mi": 310},
    {"recorded_at": "2025-01-20 12:00:00", "odometer_mi": 10_500, "capacity_kwh": 74.5, "max_range_mi": 308},
]


def database(client: Client) -> Database:
    """Return the client's database."""
    settings = client.ports.settings
    assert isinstance(settings, TessieSettings)
    return settings.db


async def put(client: Client, table: str, rows: Rows, vin: str = A) -> None:
    """Insert rows, many by one statement; `minutes` is how long an event took, None while it runs."""
    inserts: dict[str, Rows] = {}
    for values in rows:
        own = values.get("tessie_id", values.get("recorded_at"))
        row = {"id": vin if own is None else f"{vin}-{own}", "vin": vin} | values
        inserts.setdefault(_insert(table, row), []).append(row)
    for sql, some in inserts.items():
        await database(client).run(sql, to_json(some).decode())


def _insert(table: str, row: Mapping[str, Any]) -> str:
    """Return the statement that inserts a JSON list of rows with the columns of this one."""
    values = {name: f"value ->> '{name}'" for name in row if name != "minutes"}
    if "started_at" in row:
        values["ended_at"] = "datetime(value ->> 'started_at', (value ->> 'minutes') || ' minutes')"
    return f"INSERT INTO {table} ({', '.join(values)}) SELECT {', '.join(values.values())} FROM json_each(?)"


async def put_vehicle(client: Client, vin: str = A, name: str | None = "Bluebird") -> None:
    """Insert a vehicle."""
    await put(client, "vehicles", [{"id": vin, "display_name": name}], vin)


async def put_all(client: Client) -> None:
    """Insert one vehicle with all rows of this file."""
    await put_vehicle(client)
    for table, rows in (("drives", DRIVES), ("charges", CHARGES), ("idles", IDLES), ("battery_health", BATTERY)):
        await put(client, table, rows)


async def make(client: Client, **body: Any) -> dict[str, Any]:
    """Make a report, on January 2025 unless `body` gives a period, and return it."""
    answer = await client.post(PATH, {"from": "2025-01-01", "to": "2025-02-01"} | body)
    assert answer.status == 201, answer.text
    report: dict[str, Any] = answer.json()["report"]
    return report


def report_on(run: Runner, *tables: tuple[str, Rows], **body: Any) -> dict[str, Any]:
    """Return the report on one vehicle with these rows."""

    async def case(client: Client) -> dict[str, Any]:
        await put_vehicle(client)
        for table, rows in tables:
            await put(client, table, rows)
        return await make(client, **body)

    return run(case)
