"""A caller's database on every runtime: cases, and whole lists of statements that come as JSON."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from tests.contracts.expected import refused
from tests.contracts.world import DDL, DECLARED, INDEXES, MINE, TABLES, WRITABLE, Cells
from tests.contracts.world_schema import SCHEMA

from edge.access import ADMIN, READER, Actor, Role
from edge.data import MEMBER as MEMBERS
from edge.data import Part, ScopedDatabase, Sql, StatementRefused, Table, Tables
from edge.data.limits import at_most
from edge.ports import Database, DatabaseError, OutOfScope, Statement, UniqueViolation

type Case = Callable[[Database], Awaitable[None]]

ROWS: dict[str, list[Cells]] = {
    "users": [("mine", "mine")],
    "vehicles": [("mine", "mine", 1), ("theirs", "theirs", 2)],
    "drives": [("mine1", "mine", 1, "mine", "mine"), ("theirs1", "theirs", 2, "theirs", "theirs")],
    "practitioners": [("mine1", "mine", 1), ("theirs1", "theirs", 2)],
    "appointments": [(1, "theirs", "theirs1", 2, "theirs", "theirs")],
    "capsules": [("mine1", "mine", "private", 1, "mine"), ("theirs1", "theirs", "private", 2, "theirs")],
    "conversations": [("mine1", "mine", 1), ("theirs1", "theirs", 2)],
    "messages": [("mine1", "mine1", 1, "mine"), ("theirs1", "theirs1", 2, "theirs")],
    "comments": [("mine1", "mine1", 1, "mine"), ("theirs1", "theirs1", 2, "theirs")],
    "memberships": [("mine", "mine", 1), ("theirs", "theirs", 2)],
    "secrets": [("theirs1", 2, "theirs")],
    "logs": [("theirs1", 2, "theirs")],
}
"""Rows of a world; every text in them names the owner."""
WITH_PARTS = Tables(
    SCHEMA,
    *(table for table in DECLARED if table.name not in {"appointments", "memberships"}),
    Table(
        "appointments",
        read=READER,
        write=READER,
        own={MEMBERS: MINE},
        parts=[Part("booked", {MEMBERS: "customer_id = :caller"}, columns=("txt",), deletes=True)],
    ),
    Table("memberships", read=READER, write=READER, own="user_id = :caller", check=at_most(3, "memberships")),
)
KEY = Actor("mine", READER, frozenset({"mine"}))
MEMBER = Actor("mine", READER, is_member=True)


async def fill(db: Database, world: Mapping[str, Sequence[Sequence[Any]]]) -> None:
    """Recreate the world with these rows, without its triggers, which no statement can make."""
    for view in ("drive_view", "raw_view"):
        await db.run(f"DROP VIEW IF EXISTS {view}")
    for name in ("docs", *WRITABLE):
        await db.run(f"DROP TABLE IF EXISTS {name}")
    for statement in (*DDL, *INDEXES):
        if "CREATE TRIGGER" not in statement:
            await db.run(statement)
    for name, rows in world.items():
        marks = ", ".join("?" * len(WRITABLE[name]))
        insert = f"INSERT INTO {name} ({', '.join(WRITABLE[name])}) VALUES ({marks})"
        await db.batch([Statement(insert, row) for row in rows])
    await db.run("INSERT INTO docs (id, txt) SELECT id, txt FROM drives ORDER BY id")


async def scoped(db: Database, actor: Actor | None = KEY) -> ScopedDatabase:
    """Return a caller's database of a fresh world."""
    await fill(db, ROWS)
    return TABLES.scoped(db, actor)


async def each_table_holds_the_callers_rows(db: Database) -> None:
    own = await scoped(db)
    for table in ("vehicles", "drives", "drive_view", "docs", "conversations", "messages", "comments", "memberships"):
        assert await own.first(f"SELECT count(*) AS n FROM {table}") == {"n": 1}, table
    for table in ("secrets", "logs", "raw_view", "appointments", "docs_content", "docs_data"):
        assert await own.first(f"SELECT count(*) AS n FROM {table}") == {"n": 0}, table
    assert await TABLES.scoped(db, None).all("SELECT id FROM drives") == []
    administrators = TABLES.scoped(db, Actor("admin", ADMIN))
    assert len(await administrators.all("SELECT id FROM drives")) == 2
    assert await administrators.all("SELECT id FROM secrets") == []


async def joins_expressions_and_parameters_count_on(db: Database) -> None:
    own = await scoped(db)
    sql = (
        "WITH both AS (SELECT d.id, m.txt FROM drives d JOIN messages m ON m.txt = d.txt WHERE d.n = ?) "
        "SELECT ? AS first, id, txt, ? AS last FROM both WHERE id IN (SELECT id FROM 'drives' WHERE vin = ?)"
    )
    assert await own.all(sql, 1, "a", "b", "mine") == [{"first": "a", "id": "mine1", "txt": "mine", "last": "b"}]
    results = await own.batch(
        [Statement("SELECT ? AS x, count(*) AS n FROM drives, capsules", (7,)), Statement(sql, (1, 2, 3, "mine"))]
    )
    assert [result.rows for result in results] == [
        [{"x": 7, "n": 1}],
        [{"first": 2, "id": "mine1", "txt": "mine", "last": 3}],
    ]


async def full_text_search_finds_the_callers_rows(db: Database) -> None:
    own = await scoped(db)
    sql = (
        "SELECT id, bm25(docs) < 0 AS ranked, snippet(docs, 1, '<', '>', '', 5) AS cut, "
        "highlight(docs, 1, '[', ']') AS shown FROM docs WHERE docs MATCH ? ORDER BY rank"
    )
    assert await own.all(sql, "mine OR theirs") == [{"id": "mine1", "ranked": 1, "cut": "<mine>", "shown": "[mine]"}]
    assert await own.all("SELECT id FROM docs WHERE txt MATCH ?", "theirs") == []


async def texts_that_leave_the_scope_are_refused(db: Database) -> None:
    own = await scoped(db)
    for text in (
        "SELECT 1; DELETE FROM drives",
        "SELECT 1; SELECT * FROM drives",
        "WITH x AS (SELECT 1) DELETE FROM drives",
        "SELECT * FROM main.drives",
        "SELECT * FROM sqlite_master",
        "SELECT * FROM pragma_table_info('drives')",
        "DELETE FROM drives",
        "SELECT ?1",
    ):
        await refused(StatementRefused, own.all(text))
    await refused(DatabaseError, db.run("SELECT 1; DELETE FROM drives"))  # the adapter's own refusal
    assert await db.first("SELECT count(*) AS n FROM drives") == {"n": 2}


async def writes_reach_the_callers_rows_alone(db: Database) -> None:
    own = await scoped(db)
    assert (
        await own.update("drives", {"n": Sql("n + ?", 1), "txt": "new"}, "n > ?", 0, returning=("id", "n"))
    ).rows == [{"id": "mine1", "n": 2}]
    assert (await own.delete("messages", "true")).changes == 1
    assert (await own.delete("memberships", "team = ?", "theirs")).changes == 0
    many = [{"id": f"new{number}", "vin": "mine", "n": number} for number in range(60)]
    assert (await own.insert("drives", many)).changes == 60
    assert (await own.insert("drives", many[:1], key="id", returning="id")).rows == [{"id": "new0"}]
    assert (
        await own.insert("memberships", [{"user_id": "mine", "team": "mine", "n": 9}], key=("user_id", "team"))
    ).changes
    assert await db.all("SELECT id, n, txt FROM drives WHERE vin = 'theirs'") == [
        {"id": "theirs1", "n": 2, "txt": "theirs"}
    ]
    assert await db.all("SELECT user_id, n FROM memberships ORDER BY n") == [
        {"user_id": "theirs", "n": 2},
        {"user_id": "mine", "n": 9},
    ]
    assert await db.all("SELECT id FROM messages") == [{"id": "theirs1"}]


async def a_row_outside_the_scope_rolls_its_batch_back(db: Database) -> None:
    own = await scoped(db)
    prepare = own.prepare
    fine = prepare.insert("drives", [{"id": "fine", "vin": "mine"}])
    for outside in (
        prepare.insert("drives", [{"id": "new", "vin": "theirs"}]),
        prepare.insert("drives", [{"id": "new", "vin": "mine"}, {"id": "new2", "vin": None}]),
        prepare.insert("drives", [{"id": "theirs1", "vin": "mine"}], key="id"),
        prepare.insert("messages", [{"id": "new", "conversation_id": "theirs1"}]),
        prepare.update("drives", {"n": 3}, "id = ?", "theirs1", must_exist=True),
        prepare.delete("drives", "id = ?", "theirs1", must_exist=True),
    ):
        assert outside.table in await refused(OutOfScope, own.batch([fine, outside, fine]))
        assert await db.first("SELECT count(*) AS n, max(n) AS most FROM drives") == {"n": 2, "most": 2}
    await refused(UniqueViolation, own.insert("drives", [{"id": "theirs1", "vin": "mine"}]))
    outcome = await own.batch([fine, prepare.update("drives", {"n": 5}, "id = ?", "fine", must_exist=True)])
    assert [result.changes for result in outcome] == [1, 1]


async def a_key_that_is_kept_gives_no_row(db: Database) -> None:
    own = await scoped(db)
    rows = [{"id": "theirs1", "vin": "mine"}, {"id": "mine1", "vin": "mine"}, {"id": "new", "vin": "mine"}]
    result = await own.insert("drives", rows, key="id", keep=True, returning=("id",))
    assert (result.rows, result.changes, result.last_row_id) == ([{"id": "new"}], 1, 0)
    assert await db.first("SELECT vin FROM drives WHERE id = 'theirs1'") == {"vin": "theirs"}


async def each_update_moves_updated_at(db: Database) -> None:
    own = await scoped(db)
    moved = "SELECT id FROM drives WHERE updated_at > '2024' AND updated_at <> 'old' ORDER BY id"
    await db.run("UPDATE drives SET updated_at = 'old'")
    await own.update("drives", {"txt": "new"}, "id = ?", "mine1")
    assert await db.all(moved) == [{"id": "mine1"}]
    await db.run("UPDATE drives SET updated_at = 'old'")
    await own.insert("drives", [{"id": "mine1", "vin": "mine", "txt": "newer"}], key="id")
    assert await db.all(moved) == [{"id": "mine1"}]


async def a_part_narrows_reads_and_writes(db: Database) -> None:
    await fill(db, ROWS)
    rows = [(2, "mine", "theirs1", 1, "booked", "asked"), (3, "theirs", "mine1", 1, "received", "asked")]
    insert = "INSERT INTO appointments (id, customer_id, practitioner_id, n, txt, status) VALUES (?, ?, ?, ?, ?, ?)"
    await db.batch([Statement(insert, row) for row in rows])
    own = WITH_PARTS.scoped(db, MEMBER)
    ids = "SELECT a.id, EXISTS (SELECT 1 FROM booked AS b WHERE b.id = a.id) AS own FROM appointments AS a ORDER BY id"
    assert await own.all(ids) == [{"id": 2, "own": 1}, {"id": 3, "own": 0}]
    assert (await own.update("booked", {"txt": Sql("txt || ?", "!"), "n": 7}, "n = ?", 1)).changes == 1
    assert (await own.update("appointments", {"n": 8}, "id IN (?, ?)", 1, 3)).changes == 1
    await refused(StatementRefused, own.update("appointments", {"txt": "x"}, "true"))
    await refused(StatementRefused, own.delete("appointments", "true"))
    await refused(StatementRefused, own.insert("booked", [{"id": 4, "customer_id": "mine"}]))
    gone = own.prepare.delete("booked", "id = ?", 3, must_exist=True)
    await refused(OutOfScope, own.batch([own.prepare.delete("booked", "id = ?", 2), gone]))
    assert [tuple(row.values()) for row in await db.all("SELECT id, n, txt FROM appointments ORDER BY id")] == [
        (1, 2, "theirs"),
        (2, 7, "booked!"),
        (3, 8, "received"),
    ]
    assert (await own.delete("booked", "true")).changes == 1
    assert len(await db.all("SELECT id FROM appointments")) == 2


async def a_limit_of_rows_holds_in_the_insert(db: Database) -> None:
    await fill(db, ROWS)
    own = WITH_PARTS.scoped(db, MEMBER)
    for team in ("red", "blue"):
        await own.insert("memberships", [{"user_id": "mine", "team": team}])
    await refused(OutOfScope, own.insert("memberships", [{"user_id": "mine", "team": "green"}]))
    assert (await own.delete("memberships", "team = ?", "red")).changes == 1
    await own.insert("memberships", [{"user_id": "mine", "team": "green"}])


CASES: list[Case] = [
    each_table_holds_the_callers_rows,
    joins_expressions_and_parameters_count_on,
    full_text_search_finds_the_callers_rows,
    texts_that_leave_the_scope_are_refused,
    writes_reach_the_callers_rows_alone,
    a_row_outside_the_scope_rolls_its_batch_back,
    a_key_that_is_kept_gives_no_row,
    each_update_moves_updated_at,
    a_part_narrows_reads_and_writes,
    a_limit_of_rows_holds_in_the_insert,
]


async def answers(db: Database, questions: dict[str, Any]) -> list[Any]:
    """Run a JSON document of a world, a caller, its reads and its writes; return the result of each, and the world.

    A result is a list of rows in no order, or the name of the error.
    """
    await fill(db, questions["world"])
    caller = questions["actor"]
    actor = None
    if caller is not None:
        subjects = None if caller["subjects"] is None else frozenset(caller["subjects"])
        actor = Actor(caller["name"], Role(caller["role"]), subjects, is_member=caller["is_member"])
    own = TABLES.scoped(db, actor)
    results: list[Any] = [await _answer(own.all(sql, *params)) for sql, params in questions["reads"]]
    for function, table, arguments, named in questions["writes"]:
        values = [_value(argument) for argument in arguments]
        results.append(await _answer(getattr(own, function)(table, *values, **named)))
    for name, columns in WRITABLE.items():
        listed = ", ".join(column for column in columns if column != "updated_at")
        results.append(await _answer(db.all(f"SELECT {listed} FROM {name}")))
    return results


def _value(argument: Any) -> Any:
    """Return the value of an argument: `{"sql": …}` is an expression, also as a column's value."""
    if isinstance(argument, dict):
        if "sql" in argument:
            return Sql(argument["sql"], *argument["params"])
        return {name: _value(value) for name, value in argument.items()}
    return argument


async def _answer(call: Awaitable[Any]) -> Any:
    try:
        value = await call
    except DatabaseError as fault:
        return type(fault).__name__
    rows = value if isinstance(value, list) else value.rows
    return sorted(([*row.values()] for row in rows), key=repr)
