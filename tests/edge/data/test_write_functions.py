"""The functions that write a caller's rows: their arguments, their refusals, and their batches."""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest
from tests.contracts.expected import refused
from tests.edge.data.worlds import MEMORY, InlineDatabase

from edge.access import ADMIN, OPERATOR, PUBLIC, READER, Actor
from edge.data import BOUND, MEMBER, Schema, ScopedDatabase, Sql, StatementRefused, Table, Tables
from edge.ports import (
    CheckViolation,
    DatabaseError,
    ForeignKeyViolation,
    LimitExceeded,
    NotNullViolation,
    OutOfScope,
    Statement,
    UniqueViolation,
)
from schema import describe

DDL = """
CREATE TABLE cars (id TEXT PRIMARY KEY, name TEXT NOT NULL DEFAULT 'a car', n INTEGER CHECK (n < 1000));
CREATE TABLE trips (
  id INTEGER PRIMARY KEY, car TEXT NOT NULL REFERENCES cars (id), km REAL, note TEXT, photo BLOB, n INTEGER DEFAULT 1,
  created_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP, updated_at TEXT DEFAULT CURRENT_TIMESTAMP, UNIQUE (car, note)
);
CREATE TABLE stops (trip INTEGER REFERENCES trips (id) ON DELETE CASCADE, place TEXT, n INTEGER,
  PRIMARY KEY (trip, place));
CREATE TABLE bookings (
  id TEXT PRIMARY KEY, customer TEXT NOT NULL, provider TEXT NOT NULL, price INTEGER NOT NULL DEFAULT 5, note TEXT,
  status TEXT NOT NULL DEFAULT 'asked'
);
CREATE TABLE marks (body TEXT, author TEXT);
CREATE TABLE audit (id INTEGER PRIMARY KEY, what TEXT);
CREATE TABLE keys (id TEXT PRIMARY KEY, hash TEXT);
CREATE VIRTUAL TABLE words USING fts5(note);
CREATE TRIGGER trips_audited AFTER UPDATE ON trips BEGIN INSERT INTO audit (what) VALUES (new.note); END;
CREATE TRIGGER trips_found AFTER INSERT ON trips BEGIN INSERT INTO words (rowid, note) VALUES (new.id, new.note); END;
CREATE TRIGGER trips_touched AFTER UPDATE ON trips WHEN new.updated_at IS old.updated_at
  BEGIN UPDATE trips SET updated_at = 'by the trigger' WHERE id = new.id; END;
"""


def described() -> Schema:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(DDL)
        return describe(connection)


_CARS = "IN (SELECT value FROM json_each(:subjects))"
TABLES = Tables(
    described(),
    Table("cars", read=READER, write=READER, own={BOUND: f"id {_CARS}"}),
    Table("trips", read=READER, write=READER, own={BOUND: f"car {_CARS}"}, has_rowid=True),
    Table("stops", read=READER, write=READER, own={BOUND: "trip IN (SELECT id FROM trips)"}),
    Table(
        "bookings",
        read=READER,
        write=READER,
        own={MEMBER: "customer = :caller OR provider = :caller"},
        check={MEMBER: "customer = :caller AND status = 'asked'"},
        writable=("note", "provider"),
    ),
    Table("marks", read=READER, write=OPERATOR, own="author = :caller"),
    Table("audit"),
    Table("keys", private=True),
    Table("words", read=READER, own={BOUND: "EXISTS (SELECT 1 FROM trips t WHERE t.id = words.rowid)"}),
)
KEY = Actor("key", READER, frozenset({"mine", "also"}))
ANN, BOB = Actor("ann", READER, is_member=True), Actor("bob", READER, is_member=True)
OWNER, ADMINISTRATOR = Actor("owner", READER), Actor("admin", ADMIN)

type Case = Callable[[ScopedDatabase, InlineDatabase], Awaitable[object]]


@contextmanager
def opened() -> Iterator[InlineDatabase]:
    with closing(InlineDatabase(MEMORY)) as db:
        db.connection.executescript(
            f"{DDL} INSERT INTO cars (id, n) VALUES ('mine', 1), ('also', 2), ('theirs', 3);"
            "INSERT INTO trips (id, car, note, updated_at) VALUES (1, 'mine', 'a', 'old'), (2, 'theirs', 'b', 'old');"
            "INSERT INTO stops VALUES (1, 'x', 1), (2, 'y', 2);"
            "INSERT INTO bookings (id, customer, provider) VALUES ('1', 'ann', 'bob'), ('2', 'eve', 'bob');"
            "INSERT INTO marks VALUES ('m', 'key'), ('o', 'other'); INSERT INTO keys VALUES ('k', 'h');"
        )
        yield db


def run(case: Case, actor: Actor | None = KEY) -> Any:
    """Run a case with a caller's database, and the whole one."""

    async def scoped() -> object:
        with opened() as db:
            return await case(TABLES.scoped(db, actor), db)

    return asyncio.run(scoped())


async def rows(db: InlineDatabase, table: str, columns: str = "*") -> list[tuple[Any, ...]]:
    return [tuple(row.values()) for row in await db.all(f"SELECT {columns} FROM {table} ORDER BY 1, 2")]


def test_insert_returns_the_requested_columns() -> None:
    async def case(db: ScopedDatabase, whole: InlineDatabase) -> None:
        result = await db.insert("trips", [{"car": "mine", "note": "c"}, {"car": "also"}], returning=("id", "n"))
        assert result.rows == [{"id": 3, "n": 1}, {"id": 4, "n": 1}]
        assert (result.changes, result.last_row_id) == (2, 0)
        assert (await db.insert("trips", [{"car": "mine"}])).rows == []
        assert len(await rows(whole, "trips")) == 5
        assert (await db.insert("trips", [])).changes == 0

    run(case)


@pytest.mark.parametrize("many", [1, 60])
def test_insert_is_all_or_nothing(many: int) -> None:
    async def case(db: ScopedDatabase, whole: InlineDatabase) -> None:
        own = [{"car": "mine", "note": f"n{number}"} for number in range(many)]
        fault = await refused(OutOfScope, db.insert("trips", [*own, {"car": "theirs"}]))
        assert fault == "a row of trips is outside the caller's scope"
        await refused(OutOfScope, db.insert("trips", [{"car": None}]))
        await refused(OutOfScope, db.insert("trips", [{"note": "whose?"}, *own]))
        assert len(await rows(whole, "trips")) == 2
        assert (await db.insert("trips", own)).changes == many

    run(case)


def test_insert_below_anothers_row_raises() -> None:
    async def case(db: ScopedDatabase, whole: InlineDatabase) -> None:
        await db.insert("stops", [{"trip": 1, "place": "z"}])
        await refused(OutOfScope, db.insert("stops", [{"trip": 2, "place": "z"}]))
        await refused(OutOfScope, db.insert("stops", [{"trip": 9, "place": "z"}]))
        assert await rows(whole, "stops", "trip, place") == [(1, "x"), (1, "z"), (2, "y")]

    run(case)


def test_values_are_stored_as_they_are_given() -> None:
    values = [0.1 + 0.2, 1e308, 5e-324, -0.0, 2**53 - 1, None]

    async def case(db: ScopedDatabase, whole: InlineDatabase) -> None:
        for many in (1, 40):  # bound one by one, and as a document
            await whole.run("DELETE FROM trips WHERE id > 2")
            await whole.run("DELETE FROM words")
            trips = [{"car": "mine", "km": value, "note": f"é🚗 {n} {many}"} for n, value in enumerate(values * many)]
            await db.insert("trips", trips)
            stored = await rows(whole, "trips WHERE id > 2", "id, km, note")
            assert [row[1] for row in stored] == [None if v is None else float(v) for v in values] * many
            assert [row[2] for row in stored] == [trip["note"] for trip in trips]
        await db.insert("trips", [{"car": "mine", "photo": b"\x00\xff", "note": "a\0b"}])
        assert (await rows(whole, "trips WHERE photo IS NOT NULL", "photo, note")) == [(b"\x00\xff", "a\0b")]

    run(case)


def test_values_that_do_not_fit_their_column_are_refused() -> None:
    async def case(db: ScopedDatabase, whole: InlineDatabase) -> None:
        texts = ({"car": 1}, {"note": 1}, {"note": b"x"}, {"n": "1"}, {"n": 1.5}, {"km": "1"}, {"id": "1"})
        bad: list[dict[str, Any]] = [*texts]
        for row in bad:
            fault = await refused(DatabaseError, db.insert("trips", [{"car": "mine"} | row]))
            assert "takes" in fault
            if "id" not in row and "car" not in row:
                await refused(DatabaseError, db.update("trips", row, "id = 1"))
        many = [{"car": "mine", "n": 1} for _ in range(60)]
        for value in (2**53, -(2**53)):
            await refused(DatabaseError, db.insert("trips", [*many, {"car": "mine", "n": value}]))
        for real in (float("nan"), float("inf")):
            await refused(DatabaseError, db.insert("trips", [*many, {"car": "mine", "km": real}]))
            await refused(DatabaseError, db.insert("trips", [{"car": "mine", "km": real}]))
        await refused(DatabaseError, db.insert("trips", [*many, {"car": "mine", "note": "\ud800"}]))
        await refused(LimitExceeded, db.insert("trips", [*many, {"car": "mine", "note": "a\0b"}]))
        await refused(LimitExceeded, db.insert("trips", [*many, {"car": "mine", "photo": b"x"}]))
        assert len(await rows(whole, "trips")) == 2

    run(case)


def test_column_that_a_row_lacks_has_its_default() -> None:
    async def case(db: ScopedDatabase, whole: InlineDatabase) -> None:
        await db.insert("trips", [{"car": "mine", "n": 7}, {"car": "mine"}, {"car": "mine", "n": None}])
        assert await rows(whole, "trips WHERE id > 2", "id, n") == [(3, 7), (4, 1), (5, None)]
        text = await refused(
            StatementRefused, db.insert("trips", [{"car": "mine", "created_at": "x"}, {"car": "mine"}])
        )
        assert "set it in all rows of an insert, or in none" in text

    run(case)


def test_row_replaces_the_callers_own_by_its_key() -> None:
    async def case(db: ScopedDatabase, whole: InlineDatabase) -> None:
        full = [{"id": 1, "car": "mine", "note": "new", "n": 9}]
        assert (await db.insert("trips", full, key="id", returning=("id", "note"))).rows == [{"id": 1, "note": "new"}]
        await db.insert("trips", [{"car": "mine", "note": "new", "n": 10}], key=("car", "note"))
        assert await rows(whole, "trips", "id, car, note, n") == [(1, "mine", "new", 10), (2, "theirs", "b", 1)]
        await db.insert("stops", [{"trip": 1, "place": "x", "n": 5}], key=("trip", "place"))
        assert await rows(whole, "stops") == [(1, "x", 5), (2, "y", 2)]
        assert (await whole.first("SELECT updated_at FROM trips WHERE id = 1")) != {"updated_at": "old"}

    run(case)


def test_row_of_another_is_left_alone() -> None:
    async def case(db: ScopedDatabase, whole: InlineDatabase) -> None:
        before = await rows(whole, "trips")
        await refused(OutOfScope, db.insert("trips", [{"id": 2, "car": "mine", "note": "taken"}], key="id"))
        await refused(UniqueViolation, db.insert("trips", [{"id": 2, "car": "mine"}]))
        inserted = await db.insert(
            "trips", [{"id": 2, "car": "mine"}, {"id": 1, "car": "mine"}], keep=True, returning="id"
        )
        assert (inserted.rows, inserted.changes) == ([], 0)
        await db.insert("trips", [{"id": 1, "car": "mine", "note": "x"}], key="id", keep=True)
        await refused(OutOfScope, db.insert("stops", [{"trip": 2, "place": "y", "n": 9}], key=("trip", "place")))
        assert await rows(whole, "trips") == before

    run(case)


def test_row_that_moves_to_another_owner_by_its_key_raises() -> None:
    async def case(db: ScopedDatabase, whole: InlineDatabase) -> None:
        await refused(OutOfScope, db.insert("trips", [{"id": 1, "car": "also"}], key="id"))
        assert (await rows(whole, "trips", "id, car"))[0] == (1, "mine")

    run(case)


def test_key_of_an_insert_is_one_of_the_schema() -> None:
    async def case(db: ScopedDatabase, _: InlineDatabase) -> None:
        for key in ("note", ("note", "car"), "place", ("id", "car"), "id) DO NOTHING --"):
            await refused(StatementRefused, db.insert("trips", [{"id": 1, "car": "mine"}], key=key))

    run(case)


def test_update_changes_the_chosen_rows_and_their_updated_at() -> None:
    async def case(db: ScopedDatabase, whole: InlineDatabase) -> None:
        result = await db.update("trips", {"note": "c", "n": Sql("n + ?", 4)}, "id >= ?", 1, returning=("id", "n"))
        assert (result.rows, result.changes, result.last_row_id) == ([{"id": 1, "n": 5}], 1, 0)
        (mine, theirs) = await rows(whole, "trips", "id, note, n, updated_at")
        assert mine[:3] == (1, "c", 5)
        assert mine[3] not in {"old", "by the trigger"}
        assert theirs == (2, "b", 1, "old")
        await db.update("trips", {"updated_at": "2020-01-01 00:00:00"}, "id = 1")
        assert (await rows(whole, "trips", "id, updated_at"))[0] == (1, "2020-01-01 00:00:00")
        assert (await db.update("trips", {"note": "d"}, "id = ?", 2)).changes == 0
        assert (await db.update("trips", {"n": Sql("(SELECT max(n) FROM cars)")}, "true")).changes == 1
        assert (await rows(whole, "trips", "id, n"))[0] == (1, 2)

    run(case)


def test_owner_columns_are_not_updated() -> None:
    async def case(db: ScopedDatabase, _: InlineDatabase) -> None:
        for changes in ({"car": "also"}, {"id": 9}, {"gone": 1}, {"note) --": 1}, {}):
            await refused(StatementRefused, db.update("trips", changes, "id = 1"))
        await refused(StatementRefused, db.update("stops", {"trip": 1}, "true"))

    run(case)


def test_delete_removes_the_chosen_rows_and_their_dependents() -> None:
    async def case(db: ScopedDatabase, whole: InlineDatabase) -> None:
        assert (await db.delete("trips", "true", returning="id")).rows == [{"id": 1}]
        assert await rows(whole, "stops") == [(2, "y", 2)]
        assert (await db.delete("stops", "trip = ? AND place = ?", 2, "y")).changes == 0
        assert (await db.delete("cars", "id = ?", "also")).changes == 1
        await refused(StatementRefused, db.delete("trips", " "))

    run(case)


def test_broken_constraints_keep_their_types() -> None:
    async def case(db: ScopedDatabase, whole: InlineDatabase) -> None:
        await refused(NotNullViolation, db.insert("cars", [{"id": "mine", "name": None}], key="id"))
        await refused(CheckViolation, db.update("cars", {"n": 1000}, "id = ?", "mine"))
        await refused(ForeignKeyViolation, db.delete("cars", "id = ?", "mine"))
        await whole.run("DELETE FROM cars WHERE id = 'also'")
        await refused(ForeignKeyViolation, db.insert("trips", [{"car": "also"}]))
        await refused(UniqueViolation, db.insert("trips", [{"car": "mine", "note": "a"}]))

    run(case)


def test_batch_with_a_row_outside_the_scope_is_rolled_back() -> None:
    async def case(db: ScopedDatabase, whole: InlineDatabase) -> None:
        prepare = db.prepare
        own = prepare.insert("trips", [{"car": "mine", "note": "kept?"}])
        for outside in (
            prepare.insert("trips", [{"car": "theirs"}]),
            prepare.update("trips", {"n": 5}, "id = ?", 2, must_exist=True),
            prepare.delete("trips", "id = ?", 2, must_exist=True),
            prepare.insert("trips", [{"id": 2, "car": "mine"}], key="id"),
        ):
            await refused(OutOfScope, db.batch([own, outside, own]))
            assert len(await rows(whole, "trips")) == 2
        read = Statement("SELECT id FROM trips WHERE id = ?", (1,))
        results = await db.batch([read, own, prepare.update("trips", {"n": 5}, "id = 1", must_exist=True), read])
        assert [(result.rows, result.changes) for result in results] == [
            ([{"id": 1}], 0),
            ([], 1),
            ([], 1),
            ([{"id": 1}], 0),
        ]
        await refused(OutOfScope, db.update("trips", {"n": 5}, "id = 2", must_exist=True))
        await refused(OutOfScope, db.delete("trips", "id = 2", must_exist=True))
        assert (await db.update("trips", {"n": 6}, "id = 1", must_exist=True)).changes == 1

    run(case)


def test_batch_accepts_only_statements_of_its_own_database() -> None:
    async def case(db: ScopedDatabase, whole: InlineDatabase) -> None:
        other = TABLES.scoped(whole, ADMINISTRATOR).prepare.delete("trips", "true")
        twin = TABLES.scoped(whole, KEY).prepare.delete("trips", "true")
        for foreign in (other, twin):
            await refused(StatementRefused, db.batch([foreign]))
        await refused(StatementRefused, db.batch([Statement("DELETE FROM trips")]))
        await refused(StatementRefused, db.batch([db.prepare.delete("trips", "true").statement]))
        assert len(await rows(whole, "trips")) == 2

    run(case)


def test_new_row_satisfies_the_check_and_holds_only_writable_columns() -> None:
    async def case(db: ScopedDatabase, whole: InlineDatabase) -> None:
        await db.insert("bookings", [{"id": "3", "customer": "ann", "provider": "bob", "note": "hi"}])
        await refused(OutOfScope, db.insert("bookings", [{"id": "4", "customer": "bob", "provider": "ann"}]))
        agreed = {"id": "4", "customer": "ann", "provider": "bob", "status": "agreed"}
        await refused(OutOfScope, db.insert("bookings", [agreed]))
        await refused(StatementRefused, db.insert("bookings", [{"id": "4", "customer": "ann", "price": 0}]))
        assert len(await rows(whole, "bookings")) == 3

    run(case, ANN)


def test_side_of_a_booking_changes_only_writable_columns() -> None:
    async def case(db: ScopedDatabase, whole: InlineDatabase) -> None:
        assert (await db.update("bookings", {"note": "later"}, "true")).changes == 2
        for column, value in (("customer", "bob"), ("price", 1), ("status", "agreed"), ("id", "9"), ("provider", "x")):
            await refused(StatementRefused, db.update("bookings", {column: value}, "true"))
        params = {"id": "1", "customer": "bob", "provider": "bob"}
        await refused(OutOfScope, db.insert("bookings", [params], key="id"))
        assert await rows(whole, "bookings", "id, customer, price") == [("1", "ann", 5), ("2", "eve", 5)]

    run(case, BOB)


def test_administrator_writes_every_column_of_every_table_but_private_ones() -> None:
    async def case(db: ScopedDatabase, whole: InlineDatabase) -> None:
        assert (await db.update("bookings", {"price": 1, "customer": "x"}, "true")).changes == 2
        await db.insert("trips", [{"car": "theirs", "note": "c"}, {"id": 2, "car": "mine"}], key="id")
        await refused(StatementRefused, db.insert("keys", [{"id": "x", "hash": "y"}]))
        await refused(StatementRefused, db.delete("keys", "true"))
        await refused(StatementRefused, db.update("trips", {"note": "x"}, "id IN (SELECT id FROM main.keys)"))
        assert (await db.update("trips", {"note": "x"}, "note IN (SELECT hash FROM keys)")).changes == 0
        assert await rows(whole, "keys") == [("k", "h")]

    run(case, ADMINISTRATOR)


def test_role_and_kind_decide_about_writes() -> None:
    async def case(db: ScopedDatabase, _: InlineDatabase) -> None:
        await refused(OutOfScope, db.insert("marks", [{"body": "b", "author": "key"}]))
        await refused(OutOfScope, db.insert("audit", [{"what": "x"}]))

    run(case, KEY)

    async def nothing(db: ScopedDatabase, _: InlineDatabase) -> None:
        await refused(OutOfScope, db.insert("cars", [{"id": "mine"}]))
        await refused(OutOfScope, db.delete("cars", "true"))

    for actor in (None, ANN, Actor("x", PUBLIC)):
        run(nothing, actor)

    async def marks(db: ScopedDatabase, whole: InlineDatabase) -> None:
        await db.insert("marks", [{"body": "b", "author": "key"}])
        await refused(OutOfScope, db.insert("marks", [{"body": "b", "author": "other"}]))
        await refused(StatementRefused, db.delete("marks", "true"))
        assert len(await rows(whole, "marks")) == 3

    run(marks, Actor("key", OPERATOR))


def test_views_and_virtual_tables_are_not_written() -> None:
    async def case(db: ScopedDatabase, _: InlineDatabase) -> None:
        for name in ("words", "words_content", "gone", "main", "cars; DROP TABLE cars", "keys"):
            await refused(StatementRefused, db.insert(name, [{"note": "x"}]))
            await refused(StatementRefused, db.update(name, {"note": "x"}, "true"))
            await refused(StatementRefused, db.delete(name, "true"))

    run(case)
    run(case, ADMINISTRATOR)


def test_names_of_columns_are_those_of_the_schema() -> None:
    async def case(db: ScopedDatabase, _: InlineDatabase) -> None:
        for name in ("gone", "id, car", "*", "id) VALUES (1) --", "ID"):
            await refused(StatementRefused, db.insert("trips", [{"car": "mine", name: 1}]))
            await refused(StatementRefused, db.insert("trips", [{"car": "mine"}], returning=name))
            await refused(StatementRefused, db.update("trips", {name: 1}, "true"))
            await refused(StatementRefused, db.delete("trips", "true", returning=(name,)))

    run(case)


@pytest.mark.parametrize(
    "where",
    [
        "1) OR (1",
        "id = 1) DELETE FROM trips --",
        "id IN (SELECT id FROM main.trips)",
        "1 UNION ALL SELECT id FROM main.trips",
        "1; DELETE FROM trips",
        "id = ?1",
        "id IN (SELECT last_insert_rowid())",
        "EXISTS (SELECT 1 FROM sqlite_master)",
    ],
)
def test_condition_changes_no_row_of_another(where: str) -> None:
    async def case(db: ScopedDatabase, whole: InlineDatabase) -> None:
        before = await rows(whole, "trips WHERE car = 'theirs'")
        for call in (db.delete("trips", where), db.update("trips", {"n": 99}, where)):
            await asyncio.gather(call, return_exceptions=True)
        assert await rows(whole, "trips WHERE car = 'theirs'") == before

    run(case)


def test_rowid_is_there_for_a_table_that_says_so() -> None:
    async def case(db: ScopedDatabase, _: InlineDatabase) -> None:
        assert await db.all("SELECT id FROM trips ORDER BY rowid DESC") == [{"id": 1}]
        assert await db.all("SELECT count(*) AS n FROM words WHERE words MATCH ?", "a OR b") == [{"n": 1}]

    run(case)
