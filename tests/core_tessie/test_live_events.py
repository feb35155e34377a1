"""The app's live events: each event of a sync, a report and a fault, and no secret or place."""

import asyncio
import json
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing
from typing import Any
from urllib.parse import urlsplit

import pytest
from pydantic import TypeAdapter

from core_tessie.live_events import EVENTS
from core_tessie.sync.news import PUBLISHED
from edge.access import ADMIN, Actor
from edge.ports.events import Follow
from edge.testing import Client
from edge.testing.remote import RemoteClient
from sims.tessie import Fleet, Simulator

from .conftest import ENV, KEY, Runner
from .test_sync import NOW, TWO_WEEKS, fail, instant, rows, synced

pytestmark = pytest.mark.slow

type Event = dict[str, Any]
KINDS = ("drives", "charges", "idles")
WITHOUT_NEWS = ["sync.progress"] * len(KINDS) + ["sync.vehicle.done"]


@pytest.fixture
def sim(run: Runner) -> Iterator[Simulator]:
    """A Tessie of nine weeks, which `run` talks to."""
    with Simulator(Fleet(seed=7, start=TWO_WEEKS, until=NOW), port=run.tessie_port) as simulator:
        yield simulator


async def mark(client: Client) -> int:
    """Return the number from which on events belong to the test."""
    answer = await client.post("/events", {"type": "custom.test.mark", "data": None})
    assert answer.status == 202, answer.text
    return int(answer.json()["sequence"])


async def stream(client: Client, since: int) -> AsyncGenerator[bytes]:
    """Yield the parts of the event stream: over HTTP from the Worker, in process otherwise."""
    if not isinstance(client, RemoteClient):
        events = client.ports.settings.events
        async for part in await events.stream(Follow(Actor("test", ADMIN), since)):
            yield part
        return
    where = urlsplit(client._worker.url)
    reader, writer = await asyncio.open_connection(where.hostname, where.port)
    try:
        head = f"GET /events?since={since} HTTP/1.1\r\nhost: {where.netloc}\r\n{KEY[0][0]}: {KEY[0][1]}\r\n\r\n"
        writer.write(head.encode())
        assert b" 200 " in await reader.readuntil(b"\r\n\r\n")
        while size := int(await reader.readline(), 16):
            yield (await reader.readexactly(size + 2))[:-2]
    finally:
        writer.close()


async def events_after(client: Client, since: int, until: Callable[[list[Event]], bool]) -> list[Event]:
    """Wait until the events after number `since` meet a condition; return them and those that follow at once."""
    events: list[Event] = []
    text = b""
    try:
        async with asyncio.timeout(20) as patience, aclosing(stream(client, since)) as parts:
            async for part in parts:
                text += part
                *blocks, text = text.split(b"\n\n")
                lines = [line for block in blocks for line in block.split(b"\n")]
                events += [json.loads(line[5:]) for line in lines if line.startswith(b"data:")]
                if until(events):
                    patience.reschedule(asyncio.get_running_loop().time() + 0.3)
    except TimeoutError:
        assert until(events), [event["type"] for event in events]
    for event in events:
        data_of(event)
    return events


def data_of(event: Event) -> Any:
    """Return an event's data, after checking it against the table of types."""
    kind: Any = EVENTS[event["type"]].data
    assert event["data"].keys() == kind.__annotations__.keys(), event
    return TypeAdapter(kind).validate_python(event["data"], strict=True)


def finished(count: int) -> Callable[[list[Event]], bool]:
    return lambda events: [event["type"] for event in events].count("sync.finished") == count


def of(events: list[Event], subject: str | None) -> list[Event]:
    return [event for event in events if event.get("subject") == subject]


def types(events: list[Event]) -> list[str]:
    return [event["type"] for event in events]


async def sync_told(client: Client) -> tuple[Any, list[Event]]:
    """Return a sync and all that it told, the last of which comes when the sync is seen to have ended already."""
    since = await mark(client)
    done = await synced(client)
    return done, await events_after(client, since, finished(1))


def test_a_first_sync_tells_its_progress_and_no_record_one_by_one(run: Runner, sim: Simulator) -> None:
    async def case(client: Client) -> None:
        done, events = await sync_told(client)
        about = of(events, None)
        assert types(about) == ["sync.started", "sync.finished"]
        assert about[0]["data"] == {"run_id": done["id"], "cause": "api", "actor": "admin"}
        assert about[1]["data"] == {
            "run_id": done["id"],
            "status": "succeeded",
            "vehicles_total": 4,
            "vehicles_done": 4,
            "vehicles_failed": 0,
            "rows_written": done["rows_written"],
            "error": None,
        }
        assert (events[0]["type"], events[-1]["type"]) == ("sync.started", "sync.finished")
        for vin in sim.vins:
            await check_first(client, sim, vin, of(events, vin))

    run(case, started=True)


async def check_first(client: Client, sim: Simulator, vin: str, events: list[Event]) -> None:
    listed, observed, *windows, done = events
    (row,) = (await client.get(f"/d1/vehicles?id=eq.{vin}")).json()
    assert (listed["type"], listed["data"]) == ("vehicle.changed", {"changed": {"is_active": row["is_active"]}})
    assert observed["type"] == "vehicle.changed"
    assert observed["data"]["changed"] == {name: row[name] for name in PUBLISHED if row[name] is not None}
    assert set(types(windows)) == {"sync.progress"}
    walked = {kind: [event["data"] for event in windows if event["data"]["kind"] == kind] for kind in KINDS}
    there = {kind: len(sim.ask(f"/{vin}/{kind}")["results"]) for kind in KINDS}
    assert {kind: some[-1]["rows"] for kind, some in walked.items()} == there
    assert [some[-1]["back_to"] for some in walked.values()] == [None] * len(KINDS)
    assert all(progress["back_to"] for some in walked.values() for progress in some[:-1])
    assert (done["type"], done["data"]["rows"]) == ("sync.vehicle.done", there)


def test_a_second_sync_has_no_news(run: Runner, sim: Simulator) -> None:
    async def case(client: Client) -> None:
        await sync_told(client)
        _, events = await sync_told(client)
        assert types(of(events, None)) == ["sync.started", "sync.finished"]
        for vin in sim.vins:
            assert types(of(events, vin)) == WITHOUT_NEWS

    run(case, started=True)


def test_what_is_new_is_told_once_and_a_correction_is_not(run: Runner, sim: Simulator) -> None:
    vin = sim.vins[0]
    (drive, corrected), (charge,) = (
        sim.ask(f"/{vin}/{kind}?limit={n}")["results"] for kind, n in (("drives", 2), ("charges", 1))
    )

    async def case(client: Client) -> None:
        await sync_told(client)
        db = client.ports.settings.db
        # The clock of the simulated year stands still: what is new is what is not here yet.
        await db.run("DELETE FROM drives WHERE id = ?", f"{vin}-{drive['id']}")
        await db.run("DELETE FROM charges WHERE id = ?", f"{vin}-{charge['id']}")
        await db.run("DELETE FROM software_updates WHERE vin = ?", vin)
        await db.run(
            "UPDATE vehicles SET battery_pct = 1, latitude = 1, longitude = 1, heading_deg = 1 WHERE id = ?", vin
        )
        sim.ask(f"/_sim/drives/{vin}/{corrected['id']}", "PATCH", {"tag": "Business", "energy_used": 1.25})
        oldest = min(record["started_at"] for record in (drive, corrected, charge))
        await db.run("UPDATE vehicles SET synced_at = ?", instant(oldest))
        _, events = await sync_told(client)
        for other in sim.vins[1:]:
            assert types(of(events, other)) == WITHOUT_NEWS
        news = [event for event in of(events, vin) if event["type"] != "sync.progress"]
        assert types(news) == [
            "vehicle.changed",
            "software.update",
            "drive.recorded",
            "drive.ended",
            "charge.recorded",
            "charge.ended",
            "sync.vehicle.done",
        ]
        assert [news[3]["data"], news[5]["data"]] == [news[2]["data"], news[4]["data"]]
        (row,) = await rows(client, "vehicles", f"id = '{vin}'")
        assert [event["data"] for event in (*news[:3], news[4])] == [
            {"changed": {"battery_pct": row["battery_pct"]}},
            {
                "version": row["car_version"].split()[0],
                "status": "installed",
                "download_pct": None,
                "install_pct": None,
            },
            {
                "id": f"{vin}-{drive['id']}",
                "started_at": instant(drive["started_at"]),
                "ended_at": instant(drive["ended_at"]),
                "distance_mi": drive["odometer_distance"],
                "energy_used_kwh": drive["energy_used"],
            },
            {
                "id": f"{vin}-{charge['id']}",
                "started_at": instant(charge["started_at"]),
                "ended_at": instant(charge["ended_at"]),
                "energy_added_kwh": charge["energy_added"],
                "energy_used_kwh": charge["energy_used"],
            },
        ]
        assert len(await rows(client, "drives", "tag = 'Business' AND energy_used_kwh = 1.25")) >= 1

    run(case, started=True)


def test_a_car_that_is_refused_and_one_that_is_put_off_are_told(run: Runner, sim: Simulator) -> None:
    refused, put_off = sim.vins[1], sim.vins[2]

    async def case(client: Client) -> None:
        fail(
            sim,
            {"kind": "unauthorized", "vin": refused},
            {"kind": "server_error", "vin": put_off, "path": "/state$", "times": 1},
        )
        done, events = await sync_told(client)
        assert done["status"] == "partial"
        (ended,) = (event["data"] for event in events if event["type"] == "sync.finished")
        assert (ended["status"], ended["vehicles_done"], ended["vehicles_failed"]) == ("partial", 3, 1)
        error = done["progress"][refused]["error"]
        assert "401" in error
        assert [event["data"] for event in of(events, refused)[1:]] == [{"run_id": done["id"], "error": error}]
        assert of(events, put_off)[-1]["type"] == "sync.vehicle.done"
        notes = {event["type"]: event["data"] for event in events if event["type"].startswith("log.")}
        assert {kind: note["message"] for kind, note in notes.items()} == {
            "log.error": "sync failed",
            "log.warning": "sync postponed; it is retried",
        }
        assert notes["log.error"]["payload"] == {"vehicle": f"…{refused[-4:]}", "error": error}
        assert "500" in notes["log.warning"]["payload"]["error"]

    run(case, started=True)


@pytest.mark.usefixtures("sim")
def test_a_run_that_nobody_will_finish_ends_with_the_next(run: Runner) -> None:
    async def case(client: Client) -> None:
        db = client.ports.settings.db
        columns = "id, cause, status, started_at"
        values = "'old', 'cron', 'started', '2026-01-01 00:00:00'"
        await db.run(f"INSERT INTO sync_runs ({columns}) VALUES ({values})")
        since = await mark(client)
        await synced(client)
        ended = [
            event["data"]
            for event in await events_after(client, since, finished(2))
            if event["type"] == "sync.finished"
        ]
        assert [(run_["run_id"] == "old", run_["status"]) for run_ in ended] == [(True, "failed"), (False, "succeeded")]
        assert ended[0]["error"] == "abandoned"

    run(case, started=True)


def test_a_report_is_told(run: Runner) -> None:
    async def case(client: Client) -> None:
        since = await mark(client)
        answer = await client.post("/colbycommands/energy-report", {"from": "2026-01-01", "to": "2026-02-01"})
        report = answer.json()
        (event,) = await events_after(client, since, bool)
        assert event["type"] == "report.created"
        assert event["data"] == {name: report[name] for name in ("id", "period_from", "period_to", "rows_used")}
        assert "subject" not in event

    run(case)


@pytest.mark.slow
def test_no_event_has_a_secret_or_a_place(run: Runner, sim: Simulator) -> None:
    async def case(client: Client) -> list[Event]:
        since = await mark(client)
        await synced(client)
        await client.ports.settings.db.run("DELETE FROM drives")
        await client.ports.settings.db.run("DELETE FROM charges")
        await client.ports.settings.db.run("UPDATE vehicles SET synced_at = '2025-11-01 00:00:00', odometer_mi = 1")
        fail(
            sim, {"kind": "unauthorized", "path": "/battery_health$", "times": 1}, {"kind": "server_error", "times": 3}
        )
        await synced(client)
        await client.post("/colbycommands/energy-report", {"from": "2025-01-01"})
        return await events_after(client, since, lambda events: {"report.created", "log.warning"} <= {*types(events)})

    events = run(case, started=True)
    assert {"drive.recorded", "charge.recorded", "vehicle.changed"} <= {*types(events)}
    text = json.dumps(events, ensure_ascii=False)
    secrets = [ENV["ADMIN_API_KEY"], ENV["TESSIE_API_KEY"]]
    assert not [text_ for text_ in {*secrets, *places(sim)} if text_ in text]


def places(sim: Simulator) -> Iterator[str]:
    """Yield every place that the simulated Tessie knows, as it would stand in JSON."""
    for vin in sim.vins:
        for kind in KINDS:
            for record in sim.ask(f"/{vin}/{kind}")["results"]:
                documents = {
                    name: value
                    for name, value in record.items()
                    if name.endswith(("location", "latitude", "longitude"))
                }
                yield from (json.dumps(value, ensure_ascii=False) for value in documents.values() if value)
        drive = sim.ask(f"/{vin}/state").get("drive_state") or {}
        yield from (str(drive[name]) for name in ("latitude", "longitude") if drive.get(name))
