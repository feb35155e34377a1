"""`/d1` through the in-process client, on real SQLite."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core_tessie.d1 import filters
from core_tessie.d1 import routes as d1
from core_tessie.d1.routes import page_of
from core_tessie.settings import TessieSettings
from core_tessie.tables import SERVED as TABLES
from core_tessie.tables import TABLES as DECLARED
from edge.access import READER, Actor
from edge.app import App
from edge.ports import Database
from edge.request import Request
from edge.testing import Answer, Client

from .conftest import Runner

VIN, OTHER = "5YJ3E1EA7KF000001", "5YJ3E1EA7KF000002"
SHOWN = [("prefer", "return=representation")]
MINIMAL = [("prefer", "return=minimal")]
DRIVE = {"vin": VIN, "tessie_id": 1, "started_at": "2025-01-01"}


def drive(number: int, **more: object) -> dict[str, object]:
    return {"vin": VIN, "tessie_id": number, "started_at": f"2025-01-{number + 1:02}T10:00:00Z", **more}


async def fill(client: Client, drives: int = 5) -> None:
    assert (await client.post("/d1/vehicles", [{"vin": VIN, "is_locked": True}, {"vin": OTHER}])).status == 201
    assert (await client.post("/d1/drives", [drive(number) for number in range(drives)])).status == 201


async def ids(client: Client, query: str) -> list[Any]:
    answer = await client.get(f"/d1/drives?select=tessie_id&{query}")
    assert answer.status == 200, answer.text
    return [row["tessie_id"] for row in answer.json()]


def reader(client: Client) -> Client:
    async def authenticate(_: Request) -> Actor:
        return Actor("guest", READER)

    resources = [d1.routes]
    tables = DECLARED
    app = App(
        "guests", version="0", settings=TessieSettings, authenticate=authenticate, resources=resources, tables=tables
    )
    return Client(app, client.ports)


async def send(
    client: Client, method: str, target: str, json: object = None, headers: Sequence[tuple[str, str]] = ()
) -> Answer:
    return await client.request(method, target, json=json, headers=headers)


def test_the_index_lists_every_table_with_its_columns(run: Runner) -> None:
    async def case(client: Client) -> None:
        tables = {table["name"]: table["columns"] for table in (await client.get("/d1")).json()["tables"]}
        assert list(tables) == list(TABLES)
        columns = {column["name"]: column for column in tables["drives"]}
        assert columns["vin"] == {
            "name": "vin",
            "type": "text",
            "nullable": False,
            "writable": True,
            "default": None,
            "references": "vehicles",
        }
        assert columns["created_at"]["writable"] is False
        assert next(c for c in tables["vehicles"] if c["name"] == "is_active")["default"] is True

    run(case)


@pytest.mark.local_only("the Worker knows one key so far, which opens everything")
def test_a_reader_sees_and_reads_all_but_logs_and_raw_answers(run: Runner) -> None:
    async def case(client: Client) -> None:
        guest = reader(client)
        names = {table["name"] for table in (await guest.get("/d1")).json()["tables"]}
        assert names == set(TABLES) - {"logs", "tessie_raw"}
        assert (await guest.get("/d1/drives")).status == 200
        for target in ("/d1/logs", "/d1/logs/list", "/d1/logs/1", "/d1/tessie_raw"):
            refused = await guest.get(target)
            assert (refused.status, refused.json()["code"]) == (403, "42501")

    run(case)


@pytest.mark.local_only("the Worker knows one key so far, which opens everything")
def test_a_reader_writes_nothing(run: Runner) -> None:
    async def case(client: Client) -> None:
        guest = reader(client)
        for method, target in (
            ("POST", "/d1/vehicles"),
            ("PATCH", "/d1/vehicles?vin=eq.x"),
            ("DELETE", "/d1/vehicles?vin=eq.x"),
            ("PUT", "/d1/vehicles/x"),
            ("PATCH", "/d1/vehicles/x"),
            ("DELETE", "/d1/vehicles/x"),
        ):
            assert (await send(guest, method, target, {"vin": "x"})).status == 403

    run(case)


def test_a_list_is_an_array_with_its_place_in_the_total(run: Runner) -> None:
    async def case(client: Client) -> None:
        empty = await client.get("/d1/drives")
        assert (empty.status, empty.json(), empty.header("content-range")) == (200, [], "*/0")
        await fill(client)
        whole = await client.get("/d1/drives/list")
        assert whole.header("content-range") == "0-4/5"
        assert whole.header("content-type") == "application/json"
        assert len(whole.json()) == 5
        assert set(whole.json()[0]) == set(TABLES["drives"].columns)
        page = await client.get("/d1/drives?limit=2&offset=3&tessie_id=gt.0&order=tessie_id")
        assert page.header("content-range") == "3-3/4"
        assert (await client.get("/d1/drives?offset=9")).header("content-range") == "*/5"
        assert (await client.get("/d1/drives?limit=0")).header("content-range") == "*/5"

    run(case)


def test_head_has_the_headers_alone(run: Runner) -> None:
    async def case(client: Client) -> None:
        await fill(client)
        answer = await send(client, "HEAD", "/d1/drives?limit=2")
        assert (answer.status, answer.body, answer.header("content-range")) == (200, b"", "0-1/5")

    run(case)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("tessie_id=eq.3", [3]),
        ("tessie_id=neq.3", [0, 1, 2, 4]),
        ("tessie_id=gt.1&tessie_id=lte.3", [2, 3]),
        ("tessie_id=in.(4,1)", [1, 4]),
        ("tessie_id=not.in.(4,1)", [0, 2, 3]),
        ("tessie_id=in.()", []),
        ("tessie_id=not.in.()", [0, 1, 2, 3, 4]),
        ("started_at=gte.2025-01-03&started_at=lt.2025-01-05", [2, 3]),
        ("started_at=eq.2025-01-03T12:00:00%2B02:00", [2]),
        ("started_at=eq.2025-01-03T12:00:00+02:00", [2]),
        ("started_at=eq.2025-01-03T10:00:00Z", [2]),
        ("ended_at=is.null", [0, 1, 2, 3, 4]),
        ("ended_at=is.not_null", []),
        ("ended_at=not.is.null", []),
        ("tag=eq.null", []),
        ("id=like.*-3", [3]),
        ("id=like.5yj*", []),
        ("vin=eq." + OTHER, []),
        ("order=tessie_id.desc&limit=2", [4, 3]),
        ("order=tessie_id.desc&limit=2&offset=2", [2, 1]),
        ("order=vin,started_at.desc", [4, 3, 2, 1, 0]),
    ],
)
def test_filters_order_and_pages_choose_rows(run: Runner, query: str, expected: list[int]) -> None:
    async def case(client: Client) -> None:
        await fill(client)
        chosen = await ids(client, query)
        assert chosen == expected if "order" in query else sorted(chosen) == expected

    run(case)


def test_flags_are_booleans_both_ways(run: Runner) -> None:
    async def case(client: Client) -> None:
        await fill(client)
        rows = (await client.get("/d1/vehicles?select=vin,is_locked,is_active&order=vin")).json()
        assert rows[0] == {"vin": VIN, "is_locked": True, "is_active": True}
        assert rows[1]["is_locked"] is None
        for filter_ in ("is_locked=is.true", "is_locked=eq.true", "is_locked=not.is.null"):
            assert [row["vin"] for row in (await client.get(f"/d1/vehicles?{filter_}")).json()] == [VIN]
        unlocked = await client.get("/d1/vehicles?is_locked=not.is.true")
        assert [row["vin"] for row in unlocked.json()] == [OTHER]

    run(case)


def test_json_columns_are_json_both_ways(run: Runner) -> None:
    async def case(client: Client) -> None:
        values = [{"a": [1, 2.5, None, True, 'ä"\\']}, [], "text", 7, False]
        for value in values:
            answer = await client.post("/d1/logs", {"level": "info", "message": "m", "payload": value})
            assert answer.json()[0]["payload"] == value
            assert (await client.get(f"/d1/logs/{answer.json()[0]['id']}")).json()["payload"] == value

    run(case)


def test_numbers_and_text_come_back_as_they_went_in(run: Runner) -> None:
    async def case(client: Client) -> None:
        await fill(client)
        numbers = [0.1, 37.774929, -122.4194155, 1e-9, 123456789.123, 5, 1.7976931348623157e308]
        rows = [drive(10 + n, distance_mi=number, tag=f"ü'\"\\ {n}") for n, number in enumerate(numbers)]
        await client.post("/d1/drives", rows)
        stored = (await client.get("/d1/drives?tessie_id=gte.10&order=tessie_id&select=distance_mi,tag")).json()
        assert [row["distance_mi"] for row in stored] == numbers
        assert [row["tag"] for row in stored] == [row["tag"] for row in rows]

    run(case)


def test_a_row_gets_the_id_that_names_it(run: Runner) -> None:
    async def case(client: Client) -> None:
        await fill(client)
        assert (await client.get(f"/d1/vehicles/{VIN}")).json()["vin"] == VIN
        assert (await client.get(f"/d1/drives/{VIN}-3")).json()["tessie_id"] == 3
        log = await client.post("/d1/logs", {"level": "info", "message": "m"})
        assert len(log.json()[0]["id"]) == 32
        assert log.header("location") == f"/d1/logs/{log.json()[0]['id']}"
        own = await client.post("/d1/logs", {"id": "a/b ü", "level": "info", "message": "n"})
        assert own.header("location") == "/d1/logs/a%2Fb%20%C3%BC"
        assert (await client.get("/d1/logs/a%2Fb%20%C3%BC")).json()["message"] == "n"
        answer = await client.post("/d1/vehicles", {"id": "5YJ3E1EA7KF000003", "vin": "5YJ3E1EA7KF000003"})
        assert answer.status == 201

    run(case)


def test_an_insert_shows_rows_unless_it_is_told_not_to(run: Runner) -> None:
    async def case(client: Client) -> None:
        await fill(client)
        answer = await client.post("/d1/drives?select=id,started_at", drive(7, started_at="2025-03-01T12:00:00+01:00"))
        assert answer.json() == [{"id": f"{VIN}-7", "started_at": "2025-03-01T11:00:00Z"}]
        assert answer.header("content-range") == "*/1"
        silent = await client.post("/d1/drives", drive(8), headers=MINIMAL)
        assert (silent.status, silent.body, silent.header("preference-applied")) == (201, b"", "return=minimal")
        assert (await client.post("/d1/drives", [])).json() == []

    run(case)


def test_an_insert_is_all_or_nothing(run: Runner) -> None:
    async def case(client: Client) -> None:
        await fill(client)
        for rows in ([drive(7), drive(1)], [drive(7), drive(8, vin="nobody")], [drive(7), {"vin": VIN}]):
            assert (await client.post("/d1/drives", rows)).status in {400, 409}
            assert await ids(client, "tessie_id=eq.7") == []

    run(case)


def test_a_thousand_whole_rows_go_in_at_once(run: Runner) -> None:
    async def case(client: Client) -> None:
        await fill(client, 0)
        rows = [drive(1, tessie_id=number) for number in range(1000)]
        assert len((await client.post("/d1/drives?select=id", rows)).json()) == 1000
        assert (await client.get("/d1/drives?limit=1000")).header("content-range") == "0-999/1000"
        many = ",".join(str(number) for number in range(300))
        assert (await client.get(f"/d1/drives?tessie_id=in.({many})")).header("content-range") == "0-99/300"
        refused = await client.post("/d1/drives", [*rows, drive(1)])
        assert (refused.status, refused.json()["code"]) == (400, "54000")

    run(case)


def test_as_many_filters_as_are_allowed_can_be_run(run: Runner) -> None:
    async def case(client: Client) -> None:
        await fill(client)
        query = "&".join(["tessie_id=not.in.(7,8)"] * filters.MAX_FILTERS)
        assert (await client.get(f"/d1/drives?{query}")).header("content-range") == "0-4/5"
        whole = (await client.get(f"/d1/vehicles/{VIN}")).json() | {"display_name": "Blue"}
        changes = {name: value for name, value in whole.items() if name not in {"id", "vin"}}
        query = "&".join(["vin=not.in.(7,8)"] * filters.MAX_FILTERS)
        assert (await send(client, "PATCH", f"/d1/vehicles?{query}", changes)).header("content-range") == "*/2"

    run(case)


def test_columns_names_the_members_that_are_taken(run: Runner) -> None:
    async def case(client: Client) -> None:
        await fill(client)
        rows = [drive(7, tag="work", other=1)]
        answer = await client.post("/d1/drives?columns=%22vin%22,%22tessie_id%22,%22started_at%22", rows)
        assert (answer.status, answer.json()[0]["tag"]) == (201, None)

    run(case)


def test_put_stores_a_whole_row(run: Runner) -> None:
    async def case(client: Client) -> None:
        await fill(client)
        path = f"/d1/drives/{VIN}-7"
        created = await send(client, "PUT", path, drive(7, tag="work", distance_mi=3))
        assert (created.status, created.json()["id"]) == (201, f"{VIN}-7")
        replaced = await send(client, "PUT", path, drive(7, id=f"{VIN}-7", tag="home"))
        assert (replaced.status, replaced.json()["tag"], replaced.json()["distance_mi"]) == (200, "home", None)
        again = await send(client, "PUT", path, replaced.json())
        assert (again.status, again.json()["tag"]) == (200, "home")
        vehicle = await send(client, "PUT", f"/d1/vehicles/{VIN}", {"display_name": "Blue", "is_active": False})
        assert (vehicle.status, vehicle.json()["vin"], vehicle.json()["is_active"]) == (200, VIN, False)
        assert (await client.get("/d1/drives")).header("content-range") == "0-5/6"
        silent = await send(client, "PUT", path, drive(7), MINIMAL)
        assert (silent.status, silent.body) == (204, b"")

    run(case)


def test_patch_changes_what_is_given_and_moves_updated_at(run: Runner) -> None:
    async def case(client: Client) -> None:
        await fill(client)
        db: Database = client.ports.settings.db
        await db.run("UPDATE drives SET updated_at = '2020-01-01 00:00:00', distance_mi = 5")
        changed = await send(client, "PATCH", f"/d1/drives/{VIN}-1", {"tag": "work", "id": f"{VIN}-1"})
        assert (changed.status, changed.json()["tag"], changed.json()["distance_mi"]) == (200, "work", 5)
        assert changed.json() == (await client.get(f"/d1/drives/{VIN}-1")).json()
        assert changed.json()["updated_at"] > "2024"
        silent = await send(client, "PATCH", f"/d1/drives/{VIN}-1", {"tag": None}, MINIMAL)
        assert (silent.status, silent.body) == (204, b"")

    run(case)


def test_delete_removes_a_row_once(run: Runner) -> None:
    async def case(client: Client) -> None:
        await fill(client)
        gone = await send(client, "DELETE", f"/d1/drives/{VIN}-1")
        assert (gone.status, gone.body) == (204, b"")
        assert (await send(client, "DELETE", f"/d1/drives/{VIN}-1")).status == 404
        answer = await send(client, "DELETE", f"/d1/drives/{VIN}-2?select=tessie_id", headers=SHOWN)
        assert (answer.status, answer.json()) == (200, {"tessie_id": 2})
        assert await ids(client, "order=tessie_id") == [0, 3, 4]

    run(case)


def test_filters_choose_the_rows_that_change(run: Runner) -> None:
    async def case(client: Client) -> None:
        await fill(client)
        changed = await send(client, "PATCH", "/d1/drives?tessie_id=gte.3", {"tag": "work"})
        assert (changed.status, changed.body, changed.header("content-range")) == (204, b"", "*/2")
        answer = await send(client, "PATCH", "/d1/drives?tag=eq.work&select=tag", {"tag": "home"}, SHOWN)
        assert (answer.status, answer.json(), answer.header("content-range")) == (200, [{"tag": "home"}] * 2, "0-1/2")
        none = await send(client, "PATCH", "/d1/drives?tag=eq.nothing", {"tag": "home"}, SHOWN)
        assert (none.status, none.json(), none.header("content-range")) == (200, [], "*/0")
        removed = await send(client, "DELETE", "/d1/drives?tag=eq.home")
        assert (removed.status, removed.header("content-range")) == (204, "*/2")
        assert (await send(client, "DELETE", "/d1/drives?id=not.is.null")).header("content-range") == "*/3"

    run(case)


def test_a_change_of_more_rows_than_can_be_shown_shows_none_and_changes_none(run: Runner) -> None:
    async def case(client: Client) -> None:
        await fill(client, 0)
        for part in range(2):
            rows = [drive(1, tessie_id=part * 600 + number) for number in range(600)]
            assert (await client.post("/d1/drives", rows, headers=MINIMAL)).status == 201
        refused = await send(client, "DELETE", "/d1/drives?tessie_id=gte.0", headers=SHOWN)
        assert (refused.status, refused.json()["code"]) == (400, "54000")
        assert (await send(client, "DELETE", "/d1/drives?tessie_id=gte.0")).header("content-range") == "*/1200"

    run(case)


def test_common_questions_are_answered_by_an_index(run: Runner) -> None:
    in_january = "started_at=gte.2025-01-01&started_at=lt.2025-02-01"
    by_vehicle = "USING INDEX drives_vin_started (vin=? AND started_at>? AND started_at<?)"
    questions = {
        f"/d1/drives?vin=eq.{VIN}&{in_january}&order=started_at.desc": by_vehicle,
        "/d1/drives?order=started_at.desc": "USING INDEX drives_started",
        f"/d1/charges?vin=eq.{VIN}&order=started_at": "USING INDEX charges_vin_started (vin=?)",
        "/d1/logs?order=created_at.desc&limit=20": "USING INDEX logs_created",
        f"/d1/drives?vin=in.({VIN},{OTHER})": "SEARCH drives USING INDEX",
        "/d1/vehicles": "USING INDEX sqlite_autoindex_vehicles_1",
    }

    async def case(client: Client) -> None:
        db: Database = client.ports.settings.db
        await db.run("ANALYZE")  # a Worker's database has the statistics of earlier tests' rows
        for question, plan in questions.items():
            table, _, query = question.removeprefix("/d1/").partition("?")
            items = [(name, value) for name, _, value in (pair.partition("=") for pair in query.split("&")) if name]
            page = page_of(filters.parse(TABLES[table], items, filters.PAGE))
            rows = await db.all(f"EXPLAIN QUERY PLAN {page.sql}", *page.params)
            steps = [row["detail"] for row in rows]
            assert any(plan in step for step in steps), steps
            assert "USE TEMP B-TREE FOR ORDER BY" not in steps or "in.(" in question, steps

    run(case)


REFUSED: list[tuple[str, str, object, int, str | None]] = [
    ("GET", "/d1/nothing", None, 404, "PGRST205"),
    ("GET", "/d1/sqlite_schema", None, 404, "PGRST205"),
    ("GET", "/d1/d1_migrations", None, 404, "PGRST205"),
    ("GET", "/d1/Drives", None, 404, "PGRST205"),
    ("GET", "/d1/%00", None, 404, "PGRST205"),
    ("POST", "/d1/nothing", {}, 404, "PGRST205"),
    ("DELETE", "/d1/nothing/1", None, 404, "PGRST205"),
    ("GET", "/d1/drives/nothing", None, 404, "PGRST116"),
    ("PATCH", "/d1/drives/nothing", {"tag": "x"}, 404, "PGRST116"),
    ("DELETE", "/d1/drives/nothing", None, 404, "PGRST116"),
    ("GET", "/d1/drives/%00", None, 400, "22P02"),
    ("GET", "/d1/drives/%ff", None, 400, "PGRST100"),
    ("GET", "/d1/drives?tag=eq.%ff", None, 400, "PGRST100"),
    ("GET", "/d1/drives?tag=eq.%zz", None, 400, "PGRST100"),
    ("GET", "/d1/drives?nope=eq.1", None, 400, "42703"),
    ("GET", "/d1/drives?select=nope", None, 400, "42703"),
    ("GET", "/d1/drives?order=nope", None, 400, "42703"),
    ("GET", "/d1/drives?distance_mi=eq.abc", None, 400, "22P02"),
    ("GET", "/d1/drives?tag=ilike.a", None, 400, "PGRST127"),
    ("GET", "/d1/drives?tag=eq", None, 400, "PGRST100"),
    ("GET", "/d1/drives?or=(tag.eq.a)", None, 400, "PGRST127"),
    ("GET", "/d1/drives?limit=1001", None, 400, "54000"),
    ("GET", "/d1/drives?limit=-1", None, 400, "22P02"),
    ("GET", "/d1/drives?limit=1&limit=2", None, 400, "PGRST100"),
    ("GET", f"/d1/drives/{VIN}-1?tag=eq.a", None, 400, "PGRST100"),
    ("PUT", "/d1/drives", {}, 405, "PGRST117"),
    ("POST", f"/d1/drives/{VIN}-1", {}, 405, "PGRST117"),
    ("POST", "/d1/drives", {"nope": 1}, 400, "PGRST204"),
    ("POST", "/d1/drives", 7, 400, "PGRST102"),
    ("POST", "/d1/drives", [[]], 400, "PGRST102"),
    ("POST", "/d1/drives", {"vin": VIN}, 400, "23502"),
    ("POST", "/d1/drives", DRIVE | {"vin": None}, 400, "23502"),
    ("POST", "/d1/drives", DRIVE | {"id": None}, 400, "23502"),
    ("POST", "/d1/drives", DRIVE | {"id": ""}, 400, "22P02"),
    ("POST", "/d1/drives", DRIVE | {"id": 7}, 400, "22P02"),
    ("POST", "/d1/drives", DRIVE | {"tessie_id": "1"}, 400, "22P02"),
    ("POST", "/d1/drives", DRIVE | {"tessie_id": 1.5}, 400, "22P02"),
    ("POST", "/d1/drives", DRIVE | {"tessie_id": True}, 400, "22P02"),
    ("POST", "/d1/drives", DRIVE | {"tessie_id": 2**53}, 400, "22P02"),
    ("POST", "/d1/drives", DRIVE | {"tessie_id": 10**30}, 400, "22P02"),
    ("POST", "/d1/drives", DRIVE | {"distance_mi": 10**400}, 400, "22P02"),
    ("POST", "/d1/drives", DRIVE | {"distance_mi": "far"}, 400, "22P02"),
    ("POST", "/d1/drives", DRIVE | {"started_at": 1735689600}, 400, "22P02"),
    ("POST", "/d1/drives", DRIVE | {"started_at": "soon"}, 400, "22P02"),
    ("POST", "/d1/drives", DRIVE | {"tag": "a\0b"}, 400, "22P02"),
    ("POST", "/d1/drives", DRIVE | {"tag": {"a": 1}}, 400, "22P02"),
    ("POST", "/d1/drives", DRIVE, 409, "23505"),
    ("POST", "/d1/drives", DRIVE | {"id": "new"}, 400, "23514"),
    ("POST", "/d1/drives", [drive(8), drive(8)], 409, "23505"),
    ("POST", "/d1/drives", DRIVE | {"vin": "nobody"}, 409, "23503"),
    ("POST", "/d1/drives?on_conflict=id", DRIVE, 400, "PGRST127"),
    ("POST", "/d1/vehicles", {"id": "x", "vin": "y"}, 400, "22P02"),
    ("POST", "/d1/vehicles", {}, 400, "23502"),
    ("POST", "/d1/vehicles", {"vin": "x", "is_locked": 1}, 400, "22P02"),
    ("POST", "/d1/logs", {"level": "info", "message": "m", "payload": {"a": ["\0"]}}, 400, "22P02"),
    ("PUT", f"/d1/drives/{VIN}-1", DRIVE | {"id": "other"}, 400, "428C9"),
    ("PUT", f"/d1/drives/{VIN}-1", {"tag": "a"}, 400, "23502"),
    ("PUT", f"/d1/drives/{VIN}-1", [DRIVE], 422, "PGRST102"),
    ("PUT", f"/d1/vehicles/{VIN}", {"vin": OTHER}, 400, "428C9"),
    ("PUT", "/d1/drives/new", DRIVE, 400, "23514"),
    ("PATCH", f"/d1/drives/{VIN}-1", {}, 400, "PGRST102"),
    ("PATCH", f"/d1/drives/{VIN}-1", {"updated_at": "2025-01-01"}, 400, "PGRST102"),
    ("PATCH", f"/d1/drives/{VIN}-1", {"id": "other"}, 400, "428C9"),
    ("PATCH", f"/d1/drives/{VIN}-1", {"started_at": None}, 400, "23502"),
    ("PATCH", f"/d1/drives/{VIN}-1", {"vin": "nobody"}, 400, "23514"),
    ("PATCH", f"/d1/drives/{VIN}-1", {"tessie_id": 2}, 400, "23514"),
    ("PATCH", "/d1/drives", {"tag": "a"}, 400, "21000"),
    ("PATCH", "/d1/drives?tag=eq.a", {"id": "other"}, 400, "428C9"),
    ("PATCH", "/d1/drives?tag=eq.a", {}, 400, "PGRST102"),
    ("PATCH", "/d1/drives?tag=eq.a&limit=1", {"tag": "b"}, 400, "PGRST100"),
    ("DELETE", "/d1/drives", None, 400, "21000"),
    ("DELETE", "/d1/drives?select=id", None, 400, "21000"),
    ("DELETE", f"/d1/vehicles/{VIN}", None, 409, "23503"),
    ("DELETE", f"/d1/vehicles?vin=eq.{VIN}", None, 409, "23503"),
]


@pytest.mark.parametrize(("method", "target", "json", "status", "code"), REFUSED)
def test_what_cannot_be_done_is_a_problem_and_changes_nothing(  # noqa: PLR0913, PLR0917 - one table of failures
    run: Runner, method: str, target: str, json: object, status: int, code: str | None
) -> None:
    async def case(client: Client) -> None:
        await fill(client, 3)
        before = (await client.get("/d1/drives?order=id")).json()
        answer = await send(client, method, target, json)
        problem = answer.json()
        assert (answer.status, problem.get("code")) == (status, code), problem
        assert answer.header("content-type") == "application/problem+json"
        assert problem["status"] == status
        assert problem["detail"]
        assert code is None or problem["message"] == problem["detail"]
        assert (await client.get("/d1/drives?order=id")).json() == before

    run(case)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b"", 400),
        (b'{"vin": "\\ud800"}', 400),
        (b'{"vin": "\xff"}', 400),
        (b'{"vin": NaN}', 400),
        (b'{"vin": "x", "latitude": 1e999}', 400),
        (b'{"vin": "x", "latitude": NaN}', 400),
        (b'{"vin": "x", "backfill": [Infinity]}', 400),
        (b'{"vin": "x", "backfill": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", 400),
        (b'{"vin": "x", "backfill": [' + b"1e15," * 190_000 + b"1]}", 400),
        (b'{"vin": "' + b"x" * 2_000_000 + b'"}', 413),
    ],
)
def test_a_body_that_is_no_rows_is_refused(run: Runner, body: bytes, status: int) -> None:
    async def case(client: Client) -> None:
        for method, target in (("POST", "/d1/vehicles"), ("PUT", "/d1/vehicles/x"), ("PATCH", "/d1/vehicles?vin=eq.x")):
            answer = await client.request(method, target, body=body)
            assert answer.status == status, answer.text
        assert (await client.get("/d1/vehicles")).json() == []

    run(case)


@pytest.mark.parametrize(
    ("header", "value", "status", "code"),
    [
        ("accept", "text/csv", 406, "PGRST107"),
        ("accept", "application/vnd.pgrst.object+json", 406, "PGRST107"),
        ("accept", "text/html, */*;q=0.1", 200, None),
        ("accept-profile", "public", 200, None),
        ("accept-profile", "private", 406, "PGRST106"),
        ("range", "0-9", 400, "PGRST100"),
        ("range", "bytes=0-9", 200, None),
        ("prefer", "count=exact", 200, None),
        ("prefer", "respond-async, wait=10", 200, None),
        ("prefer", "return=headers-only", 400, "PGRST127"),
        ("prefer", "return=minimal, tx=rollback", 400, "PGRST127"),
        ("prefer", "resolution=merge-duplicates", 400, "PGRST127"),
    ],
)
def test_headers_are_honoured_or_refused(run: Runner, header: str, value: str, status: int, code: str | None) -> None:
    async def case(client: Client) -> None:
        answer = await client.get("/d1/drives", headers=[(header, value)])
        assert answer.status == status
        assert status == 200 or answer.json()["code"] == code

    run(case)


def test_a_body_of_another_type_is_refused(run: Runner) -> None:
    async def case(client: Client) -> None:
        answer = await client.request("POST", "/d1/vehicles", body=b"vin\nx", headers=[("content-type", "text/csv")])
        assert answer.status == 415

    run(case)


def test_every_fault_of_a_body_is_pointed_at(run: Runner) -> None:
    async def case(client: Client) -> None:
        answer = await client.post("/d1/drives", [DRIVE, {"vin": 7, "a/b": 1}, None])
        assert answer.json()["code"] == "22P02"
        assert [fault["pointer"] for fault in answer.json()["errors"]] == [
            "/1/vin",
            "/1/a~1b",
            "/1/tessie_id",
            "/1/started_at",
            "/2",
            "/2/vin",
            "/2/tessie_id",
            "/2/started_at",
        ]

    run(case)


OPERATORS = ["eq", "neq", "gt", "gte", "lt", "lte", "in", "is", "like", "not.eq", "not.in", "not", "ilike", "or", ""]
VALUES = st.one_of(
    st.text(max_size=12),
    st.sampled_from(
        ["(1,2)", '("a', "()", "null", "true", "2025-01-01", "1e5", "9" * 20, "%ff", "%00", "*" * 60, "\\"]
    ),
    st.integers().map(str),
    st.floats().map(str),
)
NAMES = st.one_of(
    st.sampled_from([*TABLES["drives"].columns, "select", "order", "limit", "offset", "columns", "or", "on_conflict"]),
    st.text(max_size=8),
)
PAIRS = st.tuples(NAMES, st.sampled_from(OPERATORS), VALUES).map(lambda parts: f"{parts[0]}={parts[1]}.{parts[2]}")
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.just(VIN)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=4), inner, max_size=3)),
    max_leaves=6,
)
ROWS = st.dictionaries(st.sampled_from(list(TABLES["drives"].columns)), JSON, max_size=6)
REQUESTS = st.tuples(
    st.sampled_from(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]),
    st.sampled_from(["drives", "vehicles", "logs", "nothing"]),
    st.sampled_from(["", "/list", "/x", f"/{VIN}"]),
    st.lists(PAIRS, max_size=3).map("&".join),
    st.one_of(JSON, ROWS, st.lists(ROWS, max_size=3)),
)


@pytest.mark.slow
@settings(max_examples=20, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
@given(requests=st.lists(REQUESTS, min_size=15, max_size=25))
def test_whatever_is_sent_there_is_an_answer(run: Runner, requests: list[tuple[str, str, str, str, object]]) -> None:
    async def case(client: Client) -> None:
        for method, table, path, query, body in requests:
            answer = await send(client, method, f"/d1/{table}{path}?{query}", body)
            assert answer.status < 500, answer.text

    run(case)
