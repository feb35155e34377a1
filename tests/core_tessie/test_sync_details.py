"""Details of a sync: names, places and versions as an owner expects them."""

import asyncio
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from random import Random
from typing import Any

import pytest

from core_tessie.sync.history import HistoryWindow
from core_tessie.sync.news import SyncNews
from core_tessie.sync.reading import Reader
from core_tessie.sync.rows import history, snapshot, unreadable_in
from core_tessie.sync.walk import SHORTEST, Span, Trail
from core_tessie.tessie.records import RECORDS, read_instant
from edge.runtimes.local.database import LocalDatabase
from edge.runtimes.local.migrations import migrate
from edge.testing import Client
from sims.tessie import Fleet, Simulator
from sims.tessie.state import state

from .conftest import ROOT, Runner
from .test_sync import NOW, TWO_WEEKS, fail, rows, synced

pytestmark = pytest.mark.slow


@pytest.fixture
def sim(run: Runner) -> Iterator[Simulator]:
    """A Tessie of two cars and two weeks, which `run` talks to."""
    with Simulator(Fleet(seed=7, start=TWO_WEEKS, until=NOW, number=2), port=run.tessie_port) as simulator:
        yield simulator


def test_car_without_a_display_name_has_its_own(run: Runner, sim: Simulator) -> None:
    names = {vin: sim.ask(f"/{vin}/state")["vehicle_state"]["vehicle_name"] for vin in sim.vins}

    async def case(client: Client) -> None:
        rule: dict[str, object] = {"kind": "fields", "path": "/state$"}
        blanks = zip(sim.vins, (None, " "), strict=True)
        fail(sim, *(rule | {"vin": vin, "fields": {"display_name": blank}} for vin, blank in blanks))
        await synced(client)
        assert {row["id"]: row["display_name"] for row in await rows(client, "vehicles")} == names

    run(case, started=True)


def test_field_that_can_no_longer_be_read_keeps_its_stored_value(run: Runner, sim: Simulator) -> None:
    vin = sim.vins[0]

    async def case(client: Client) -> None:
        await synced(client)
        before = {row["id"]: row for row in await rows(client, "drives", f"vin = '{vin}'")}
        await client.ports.settings.db.run("DELETE FROM drives WHERE id = ?", (new := max(before)))
        await client.ports.settings.db.run("UPDATE sync_parts SET synced_at = NULL")
        fields: dict[str, object] = {"ended_at": "now", "odometer_distance": {}}
        fail(sim, {"kind": "fields", "vin": vin, "path": "/drives$", "fields": fields})
        await synced(client)
        after = {row["id"]: row for row in await rows(client, "drives", f"vin = '{vin}'")}
        assert (after[new]["ended_at"], after[new]["distance_mi"]) == (None, None)
        kept = ("ended_at", "distance_mi", "starting_location")
        assert [[after[id_][name] for name in kept] for id_ in before if id_ != new] == [
            [row[name] for name in kept] for id_, row in before.items() if id_ != new
        ]

    run(case, started=True)


def test_first_version_has_no_time_of_installation_and_the_next_has(run: Runner, sim: Simulator) -> None:
    vin = sim.vins[0]

    async def case(client: Client) -> None:
        await synced(client)
        (first,) = await rows(client, "software_updates", f"vin = '{vin}' AND status = 'installed'")
        assert first["installed_at"] is None
        newer = snapshot(vin, {"vehicle_state": {"car_version": "2027.1.1 abc"}}, "2026-11-01 00:00:00")
        await client.ports.settings.db.batch(newer)
        (second,) = await rows(client, "software_updates", f"vin = '{vin}' AND version = '2027.1.1'")
        assert second["installed_at"] == "2026-11-01 00:00:00"

    run(case, started=True)


def test_empty_saved_location_shows_the_address(run: Runner, sim: Simulator) -> None:
    vin = sim.vins[0]

    async def case(client: Client) -> None:
        blank: dict[str, object] = {"starting_saved_location": "", "ending_saved_location": " "}
        fail(sim, {"kind": "fields", "vin": vin, "path": "/drives$", "fields": blank})
        await synced(client)
        body = {"vin": vin, "from": "2025-01-01T00:00:00Z"}
        report = (await client.post("/colbycommands/energy-report", body)).json()["report"]
        places = [row[end] for row in report["best_drives"]["rows"] for end in ("starting_place", "ending_place")]
        assert places
        assert all(place and place.strip() for place in places)

    run(case, started=True)


ODD: list[Any] = [
    *({}, [], [1], "", "fast", " ", True, "\ud800", "x" * 2_100_000, "\x00"),
    *(2**63, -(2**63) - 1, 10**400, 1e308, math.nan, math.inf, -1, 0.5, 1e15, -62_135_596_801, -5e10),
]
"""Values that Tessie's fields do not have, some of them out of a column's range."""


@pytest.fixture
def db(tmp_path: Path) -> Iterator[LocalDatabase]:
    """A database with the tables."""
    migrate(tmp_path / "DB.sqlite", ROOT / "migrations")
    database = LocalDatabase(tmp_path / "DB.sqlite")
    yield database
    database.close()


class PagedReader(Reader):
    """A Tessie that lists at most `page` records, by their start or by overlap."""

    def __init__(self, records: list[dict[str, Any]], page: int, *, is_overlap: bool) -> None:
        self.records = records
        self.page = page
        self.is_overlap = is_overlap

    async def object(self, vin: str, path: str, query: Mapping[str, object]) -> dict[str, Any]:
        """Answer a window."""
        assert (len(vin), path) == (17, "drives")
        end = "ended_at" if self.is_overlap else "started_at"
        since, until = int(str(query["from"])), int(str(query["to"]))
        within = [record for record in self.records if record[end] >= since and record["started_at"] <= until]
        return {"results": within[: self.page if "limit" in query else None]}


@pytest.mark.parametrize("is_overlap", [False, True], ids=["by start", "by overlap"])
@pytest.mark.parametrize("page", [3, 15, 20, 50, 100])
def test_window_that_is_answered_partly_removes_only_what_is_gone(
    page: int, is_overlap: bool, db: LocalDatabase
) -> None:
    draw = Random(page)
    fleet = Fleet(seed=7, until=NOW, number=1)
    (vin,) = fleet.vins
    records = fleet[vin].records("drives")[:170]
    gone = {record["id"] for record in draw.sample(records, 12) + records[60:65] + records[-3:]}
    reader = PagedReader([record for record in records if record["id"] not in gone], page, is_overlap=is_overlap)

    async def case() -> None:
        await db.run("INSERT INTO vehicles (id, vin) VALUES (?, ?)", vin, vin)
        await db.batch(history(RECORDS["drives"], vin, records).upserts)
        trail = Trail(spans=[Span(0, int(NOW.timestamp()))])
        missed: set[int] = set()
        while trail.spans:
            window = HistoryWindow(vin, "drives", db, reader, SyncNews(None, None, None))  # type: ignore[arg-type]
            await window.read(trail)
            missed |= {row["tessie_id"] for row in window.gone}
        assert missed == gone if page >= SHORTEST else missed <= gone

    asyncio.run(case())


@pytest.mark.parametrize("kind", RECORDS)
def test_record_of_odd_values_is_stored(kind: str, db: LocalDatabase) -> None:
    fleet = Fleet(seed=7, until=NOW, number=1)
    (vin,) = fleet.vins
    record = fleet[vin].records(kind)[0]  # type: ignore[arg-type]
    id_and_start = {"id": record["id"], "started_at": record["started_at"]}

    async def case() -> None:
        await db.run("INSERT INTO vehicles (id, vin) VALUES (?, ?)", vin, vin)
        for odd in ODD:
            await db.batch(history(RECORDS[kind], vin, [dict.fromkeys(record, odd) | id_and_start]).upserts)
            assert await db.all(f"SELECT id FROM {kind}") == [{"id": f"{vin}-{record['id']}"}]
            await db.run(f"DELETE FROM {kind}")

    asyncio.run(case())


@pytest.mark.parametrize("odd", [odd for odd in ODD if odd != 0.5])
def test_value_that_is_no_time_of_tessies_is_unreadable(odd: Any) -> None:
    assert read_instant(odd) is None


def test_odd_value_of_a_state_loses_only_that_value(db: LocalDatabase) -> None:
    fleet = Fleet(seed=7, until=NOW, number=1)
    (car,) = fleet
    whole = state(car)
    vin = car.car.vin

    async def case() -> None:
        for odd in ODD:
            within = {
                part: dict.fromkeys(value, odd) if isinstance(value, dict) else odd for part, value in whole.items()
            }
            for odd_state in (within, *(whole | {part: odd} for part in whole)):
                unreadable_in(odd_state)
                await db.batch(snapshot(vin, odd_state, "2026-01-01 00:00:00"))
        assert await db.all("SELECT id FROM vehicles") == [{"id": vin}]

    asyncio.run(case())
