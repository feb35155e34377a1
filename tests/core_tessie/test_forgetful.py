"""A route that forgets to filter leaks nothing: any SQL of its handler sees only its caller's rows."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from core_tessie.settings import TessieSettings
from core_tessie.tables import SERVED, TABLES
from edge.access import ADMIN, OPERATOR, READER, Actor
from edge.app import App
from edge.data import ScopedDatabase
from edge.endpoint import PlanError
from edge.ports import Database, DatabaseError, Row
from edge.request import Request
from edge.routes import Routes
from edge.testing import Client

from .conftest import Runner

A, B = "5YJ3E1EA1KF000001", "5YJ3E1EA1KF000002"
BOUND = Actor("mine", OPERATOR, frozenset({A}))
READS = Actor("mine", READER)
OTHER = Actor("other", READER)
ADMINISTRATOR = Actor("admin", ADMIN)
CALLERS = {"bound": BOUND, "reader": READS, "other": OTHER, "admin": ADMINISTRATOR}

forgetful = Routes("/forgetful", tag="forgetful", access=READER)


@forgetful.get("/{name}")
async def read_all(name: str, db: Database) -> list[dict[str, Any]]:
    """Read a table without a filter by caller."""
    return await db.all(f"SELECT * FROM {name}")


@forgetful.post("/{name}")
async def change_all(name: str, db: ScopedDatabase) -> dict[str, int]:
    """Change and remove rows without a filter by caller."""
    column = {"energy_reports": "title", "agent_actions": "error", "agent_messages": "content"}[name]
    changed = await db.update(name, {column: "changed"}, "true")
    removed = await db.delete(name, "true")
    return {"changed": changed.changes, "removed": removed.changes}


async def authenticate(request: Request) -> Actor:
    return CALLERS[request.headers.get("x-caller") or ""]


app = App(
    "forgetful",
    version="0",
    settings=TessieSettings,
    authenticate=authenticate,
    resources=[forgetful],
    tables=TABLES,
)


async def fill(db: Database) -> None:
    """Insert a row for each of two vehicles, and one without a vehicle if the table allows it."""
    for vin in (A, B):
        await db.run("INSERT INTO vehicles (id, vin) VALUES (?, ?)", vin, vin)
        await db.run("INSERT INTO vehicle_settings (id, vin) VALUES (?, ?)", vin, vin)
        for table in ("drives", "charges", "idles"):
            columns = "(id, vin, tessie_id, started_at) VALUES (? || '-1', ?, 1, '2025-01-01 00:00:00')"
            await db.run(f"INSERT INTO {table} {columns}", vin, vin)
        for table in ("climates", "battery_health"):
            columns = "(id, vin, recorded_at) VALUES (? || '-2025-01-01 00:00:00', ?, '2025-01-01 00:00:00')"
            await db.run(f"INSERT INTO {table} {columns}", vin, vin)
        columns = "(id, vin, version, status, first_seen_at) VALUES (? || '-1', ?, '1', 's', '2025-01-01 00:00:00')"
        await db.run(f"INSERT INTO software_updates {columns}", vin, vin)
        await db.run("INSERT INTO sync_parts (id, vin, part) VALUES (? || '-drives', ?, 'drives')", vin, vin)
        columns = "(id, vin, kind, tessie_id, started_at, removed_at, payload)"
        values = "(? || '-drives-1', ?, 'drives', 1, '2025-01-01 00:00:00', '2025-01-01 00:00:00', '{}')"
        await db.run(f"INSERT INTO removed_records {columns} VALUES {values}", vin, vin)
        columns = "(id, vin, record_table, record_id, owner_value)"
        values = "('drives:' || ? || '-1', ?, 'drives', ? || '-1', 'null')"
        await db.run(f"INSERT INTO overrides {columns} VALUES {values}", vin, vin, vin)
        columns = "(id, name, vin, currency, rates) VALUES (? || '-1', 'n', ?, 'EUR', '[]')"
        await db.run(f"INSERT INTO tariffs {columns}", vin, vin)
    for number, car in enumerate((A, B, None)):
        columns = "(id, vin, period_from, period_to, title, report) VALUES (?, ?, 'a', 'b', 't', '{}')"
        await db.run(f"INSERT INTO energy_reports {columns}", f"r{number}", car)
        await db.run(
            "INSERT INTO agent_actions (id, kind, status, vin) VALUES (?, 'wake', 'dead', ?)", f"a{number}", car
        )
    own = (("m1", "mine", f'["{A}"]', 1), ("m2", "mine", None, 1), ("m3", "mine", f'["{A}", "{B}"]', 1))
    rows = (*own, ("m4", "mine", f'["{A}"]', 3), ("m5", "other", f'["{A}"]', 1), ("m6", "mine", "[null]", 1))
    for row in rows:
        columns = "(id, actor, subjects, least_role, conversation_id, role, content, status)"
        await db.run(f"INSERT INTO agent_messages {columns} VALUES (?, ?, ?, ?, 'c', 'user', 'x', 'open')", *row)
    await db.run("INSERT INTO sync_runs (id, cause, status, started_at) VALUES ('s', 'api', 'failed', '2025-01-01')")
    await db.run("INSERT INTO logs (id, level, message) VALUES ('l', 'info', 'm')")
    await db.run("INSERT INTO tessie_raw (id, method, path) VALUES ('t', 'GET', '/')")
    await db.run("INSERT INTO api_keys (id, name, role, prefix, hash) VALUES ('k', 'n', 1, 'p', 'h')")
    await db.run("INSERT INTO tickets (id, actor, role, expires_at) VALUES ('k', 'n', 1, '2099-01-01 00:00:00')")


type Case = Callable[[Client, Database], Awaitable[Any]]


def filled(run: Runner, case: Case) -> Any:
    async def inner(client: Client) -> Any:
        db: Database = client.ports.settings.db
        await fill(db)
        return await case(Client(app, client.ports), db)

    return run(inner)


def ids(rows: list[Row]) -> set[str]:
    return {row["id"] for row in rows}


CARS = {A, *(f"{A}-{rest}" for rest in ("1", "drives", "drives-1", "2025-01-01 00:00:00")), f"drives:{A}-1", "r0", "a0"}
OF_NONE = {"sync_runs", "logs", "tessie_raw"}
ADMINS = {"logs", "tessie_raw"}


@pytest.mark.local_only("the database is in process")
def test_route_without_a_condition_hands_out_its_callers_rows_alone(run: Runner) -> None:
    async def case(client: Client, _: Database) -> dict[str, dict[str, set[str]]]:
        return {
            kind: {
                name: ids((await client.get(f"/forgetful/{name}", headers=[("x-caller", kind)])).json())
                for name in TABLES.schema.relations
            }
            for kind in CALLERS
        }

    results = filled(run, case)
    for kind, tables in results.items():
        assert tables["api_keys"] == tables["tickets"] == set(), kind
    for name in SERVED:
        assert results["admin"][name], name
        if name == "agent_messages":
            continue
        assert results["bound"][name] == (set() if name in OF_NONE else results["bound"][name] & CARS), name
        assert (results["bound"][name] == set()) == (name in OF_NONE), name
        assert results["reader"][name] == (set() if name in ADMINS else results["admin"][name]), name
    messages = {kind: tables["agent_messages"] for kind, tables in results.items()}
    assert messages == {
        "bound": {"m1"},
        "reader": {"m1", "m2", "m3", "m6"},
        "other": {"m5"},
        "admin": {"m1", "m2", "m3", "m4", "m5", "m6"},
    }


@pytest.mark.local_only("the database is in process")
@pytest.mark.parametrize(("name", "own"), [("energy_reports", "r0"), ("agent_actions", "a0"), ("agent_messages", "m1")])
def test_write_without_a_condition_changes_its_callers_rows_alone(run: Runner, name: str, own: str) -> None:
    async def case(client: Client, db: Database) -> tuple[Any, list[Row], list[Row]]:
        before = await db.all(f"SELECT * FROM {name} ORDER BY id")
        answer = await client.post(f"/forgetful/{name}", headers=[("x-caller", "bound")])
        return answer.json(), before, await db.all(f"SELECT * FROM {name} ORDER BY id")

    answer, before, after = filled(run, case)
    assert answer == {"changed": 1, "removed": 1}
    assert after == [row for row in before if row["id"] != own]


@pytest.mark.local_only("the database is in process")
@pytest.mark.parametrize("kind", [*CALLERS])
def test_private_tables_and_other_callers_rows_take_no_write(run: Runner, kind: str) -> None:
    async def case(_: Client, whole: Database) -> None:
        db = TABLES.scoped(whole, CALLERS[kind])
        for name in ("api_keys", "tickets"):
            with pytest.raises(DatabaseError):
                await db.delete(name, "true")
            with pytest.raises(DatabaseError):
                await db.update(name, {"role": 3}, "true")
        if kind == "admin":
            return
        row = {"id": "n", "vin": B, "kind": "wake", "status": "queued"}
        for rows in ([row | {"vin": None}], [row], [row | {"vin": A}, row | {"id": "o"}]):
            if kind == "bound":
                with pytest.raises(DatabaseError):
                    await db.insert("agent_actions", rows)
        with pytest.raises(DatabaseError):
            await db.insert("drives", [{"id": f"{A}-9", "vin": A, "tessie_id": 9, "started_at": "2025-01-01 00:00:00"}])
        message = {"id": "n", "conversation_id": "c", "role": "user", "content": "", "status": ""}
        foreign = message | {"actor": "somebody", "least_role": 1, "subjects": f'["{A}"]'}
        with pytest.raises(DatabaseError):
            await db.insert("agent_messages", [foreign])
        assert await whole.all("SELECT id FROM agent_actions WHERE id IN ('n', 'o')") == []

    filled(run, case)


def test_route_of_another_kind_is_refused_at_import() -> None:
    group = Routes("/x", tag="x", access=READER)

    @group.get("")
    async def say_nothing(request: Request) -> None:
        """A handler without rows that declares no reach."""

    with pytest.raises(PlanError, match="declare its reach="):
        App("x", version="0", settings=TessieSettings, authenticate=authenticate, resources=[group], tables=TABLES)
