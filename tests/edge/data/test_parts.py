"""Parts: some of a caller's own rows under a name of their own, with the writes that only they allow."""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing, suppress
from typing import Any

import pytest
from tests.contracts.expected import refused
from tests.edge.data.worlds import MEMORY, InlineDatabase

from edge.access import ADMIN, READER, Actor
from edge.data import (
    BOUND,
    MEMBER,
    DeclarationError,
    Part,
    Schema,
    ScopedDatabase,
    Sql,
    StatementRefused,
    Table,
    Tables,
)
from edge.data.limits import at_most
from edge.data.writes import raise_unless
from edge.ports import DatabaseError, OutOfScope, Statement
from schema import describe

DDL = """
CREATE TABLE notes (id TEXT PRIMARY KEY, owner TEXT, body TEXT, seen TEXT DEFAULT 'private', n INTEGER DEFAULT 0);
CREATE TABLE shared (note TEXT, member TEXT, PRIMARY KEY (note, member));
CREATE TABLE marks (id TEXT PRIMARY KEY, owner TEXT);
CREATE TABLE keys (id TEXT PRIMARY KEY, user_id TEXT, ended TEXT);
CREATE VIEW latest AS SELECT id FROM notes;
"""
DATA = """
INSERT INTO notes (id, owner, body) VALUES ('ann1', 'ann', 'a'), ('ann2', 'ann', 'b'), ('bob1', 'bob', 'c');
INSERT INTO notes (id, owner, body, seen) VALUES ('open', 'eve', 'd', 'public');
INSERT INTO shared VALUES ('ann1', 'bob');
"""
OWN = "owner = :caller OR id IN (SELECT note FROM main.shared WHERE member = :caller)"
ANN, BOB = Actor("ann", READER, is_member=True), Actor("bob", READER, is_member=True)
KEY, OWNER, ADMINISTRATOR = Actor("key", READER, frozenset({"ann"})), Actor("ann", READER), Actor("ann", ADMIN)


def described() -> Schema:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(DDL)
        return describe(connection)


SCHEMA = described()
NOTES = Table(
    "notes",
    read=READER,
    write=READER,
    own={MEMBER: OWN, BOUND: "owner IN (SELECT value FROM json_each(:subjects))"},
    public="seen = 'public'",
    writable=("body", "n"),
    parts=[Part("own_notes", {MEMBER: "owner = :caller"}, columns=("seen",), deletes=True)],
)
MARKS = Table("marks", own="owner = :caller", read=READER)
KEYS = Table("keys", read=READER, write=READER, own="user_id = :caller", check=at_most(2, "keys", "k.ended IS NULL"))
TABLES = Tables(SCHEMA, NOTES, Table("shared"), MARKS, KEYS)

type Case = Callable[[ScopedDatabase, InlineDatabase], Awaitable[object]]


def run(case: Case, actor: Actor | None) -> Any:
    """Run a case with a caller's database, and the whole one."""

    async def scoped() -> object:
        with closing(InlineDatabase(MEMORY)) as db:
            db.connection.executescript(DDL + DATA)
            return await case(TABLES.scoped(db, actor), db)

    return asyncio.run(scoped())


@pytest.mark.parametrize(
    ("actor", "own", "all_of_them"),
    [
        (ANN, ["ann1", "ann2"], ["ann1", "ann2", "open"]),
        (BOB, ["bob1"], ["ann1", "bob1", "open"]),
        (KEY, [], ["ann1", "ann2", "open"]),
        (OWNER, [], ["ann1", "ann2", "bob1", "open"]),
        (ADMINISTRATOR, [], ["ann1", "ann2", "bob1", "open"]),
        (None, [], []),
    ],
)
def test_part_has_the_rows_of_those_that_it_names(actor: Actor | None, own: list[str], all_of_them: list[str]) -> None:
    async def case(db: ScopedDatabase, _: InlineDatabase) -> list[Any]:
        parts = await db.all("SELECT id FROM own_notes ORDER BY id")
        both = await db.all("SELECT n.id, EXISTS (SELECT 1 FROM own_notes AS o WHERE o.id = n.id) AS own FROM notes n")
        assert sorted(row["id"] for row in both if row["own"]) == own
        return [[row["id"] for row in rows] for rows in (parts, await db.all("SELECT id FROM notes ORDER BY id"))]

    assert run(case, actor) == [own, all_of_them]


def test_rows_are_deleted_through_the_part_alone() -> None:
    async def case(db: ScopedDatabase, whole: InlineDatabase) -> list[str]:
        text = await refused(StatementRefused, db.delete("notes", "id = 'bob1'"))
        assert text == "rows of notes are deleted from its part own_notes"
        assert (await db.delete("own_notes", "id = 'ann1'")).changes == 0
        assert (await db.delete("own_notes", "1 = 1 OR id IN (SELECT id FROM notes)")).changes == 1
        await refused(OutOfScope, db.delete("own_notes", "id = 'ann2'", must_exist=True))
        return [row["id"] for row in await whole.all("SELECT id FROM notes ORDER BY id")]

    assert run(case, BOB) == ["ann1", "ann2", "open"]


def test_columns_of_a_part_change_through_it_alone() -> None:
    async def case(db: ScopedDatabase, whole: InlineDatabase) -> list[Any]:
        both = {"seen": "public", "body": "x"}
        await refused(StatementRefused, db.update("notes", {"seen": "public"}, "true"))
        await refused(StatementRefused, db.update("own_notes", {"owner": "eve"}, "true"))
        assert (await db.update("own_notes", both, "id = 'ann1'")).changes == 0
        assert (await db.update("own_notes", both | {"n": Sql("n + ?", 2)}, "true", returning="id")).rows == [
            {"id": "bob1"}
        ]
        assert (await db.update("notes", {"body": "y"}, "id IN ('ann1', 'ann2')")).changes == 1
        return [tuple(row.values()) for row in await whole.all("SELECT id, body, seen, n FROM notes ORDER BY id")]

    assert run(case, BOB) == [
        ("ann1", "y", "private", 0),
        ("ann2", "b", "private", 0),
        ("bob1", "x", "public", 2),
        ("open", "d", "public", 0),
    ]


def test_nobody_writes_through_a_part_without_rows_in_it() -> None:
    async def case(db: ScopedDatabase, _: InlineDatabase) -> None:
        await refused(OutOfScope, db.delete("own_notes", "true"))
        await refused(OutOfScope, db.update("own_notes", {"seen": "public"}, "true"))

    for actor in (KEY, OWNER, ADMINISTRATOR):
        run(case, actor)


def test_administrator_writes_the_table() -> None:
    async def case(db: ScopedDatabase, _: InlineDatabase) -> int:
        await db.update("notes", {"seen": "public"}, "true")
        return (await db.delete("notes", "true")).changes

    assert run(case, ADMINISTRATOR) == 4


def test_part_takes_no_new_rows_and_is_none_of_the_system() -> None:
    async def case(db: ScopedDatabase, whole: InlineDatabase) -> None:
        text = await refused(StatementRefused, db.insert("own_notes", [{"id": "x", "owner": "bob"}]))
        assert text == "own_notes is a part: insert into notes"
        system = TABLES.system(whole)
        await refused(StatementRefused, system.delete("own_notes", "true"))
        assert (await system.delete("notes", "true")).changes == 4

    run(case, BOB)


def test_part_is_in_a_batch_with_others() -> None:
    async def case(db: ScopedDatabase, whole: InlineDatabase) -> list[str]:
        prepare = db.prepare
        await refused(
            OutOfScope,
            db.batch(
                [
                    prepare.delete("own_notes", "id = 'bob1'"),
                    prepare.delete("own_notes", "id = 'ann1'", must_exist=True),
                ]
            ),
        )
        return [row["id"] for row in await whole.all("SELECT id FROM notes WHERE owner = 'bob'")]

    assert run(case, BOB) == ["bob1"]


@pytest.mark.parametrize(
    "where",
    [
        "true OR 1 = 1",
        "id IN (SELECT id FROM notes)",
        "true) UNION SELECT id FROM (SELECT 'ann1' AS id",
        "true), own_notes AS (SELECT * FROM notes WHERE (true",
        "EXISTS (WITH own_notes AS (SELECT * FROM notes) SELECT 1 FROM own_notes)",
        "true --",
        "true /*",
        "id IN (SELECT id FROM main.notes)",
        "id IN (SELECT n.id FROM OWN_NOTES AS o, Notes AS n)",
    ],
)
def test_no_condition_leaves_a_part(where: str) -> None:
    async def case(db: ScopedDatabase, whole: InlineDatabase) -> list[Any]:
        for write in (db.update("own_notes", {"seen": "public"}, where), db.delete("own_notes", where)):
            with suppress(DatabaseError):
                await write
        with suppress(DatabaseError):
            assert {row["owner"] for row in await db.all(f"SELECT * FROM own_notes WHERE {where}")} <= {"bob"}
        return [tuple(row.values()) for row in await whole.all("SELECT id, seen FROM notes WHERE owner <> 'bob'")]

    assert run(case, BOB) == [("ann1", "private"), ("ann2", "private"), ("open", "public")]


@pytest.mark.parametrize(
    ("part", "complaint"),
    [
        (Part("marks", "true"), "the name of a part"),
        (Part("latest", "true"), "the name of a part"),
        (Part("Own Notes", "true"), "the name of a part"),
        (Part("own_notes", "nobody = :caller"), "own_notes: own: nobody"),
        (Part("own_notes", {MEMBER: "owner IN (SELECT value FROM json_each(:subjects))"}), "own binds :subjects"),
        (Part("own_notes", "owner = :caller", columns=("gone",)), "notes: it has no column gone"),
    ],
)
def test_part_that_does_not_fit_fails_at_import(part: Part, complaint: str) -> None:
    with pytest.raises(DeclarationError, match=complaint):
        Tables(SCHEMA, Table("notes", read=READER, own=OWN, parts=[part]), Table("shared"), MARKS, KEYS)


def test_private_table_and_view_have_no_parts() -> None:
    part = Part("some", "true")
    with pytest.raises(DeclarationError, match="has no parts"):
        Tables(SCHEMA, Table("notes", private=True, parts=[part]), Table("shared"), MARKS, KEYS)
    with pytest.raises(DeclarationError, match="has no parts"):
        Tables(SCHEMA, NOTES, Table("shared"), MARKS, KEYS, Table("latest", parts=[part]))


def test_insert_holds_a_limit_by_itself() -> None:
    async def case(db: ScopedDatabase, whole: InlineDatabase) -> int:
        await db.insert("keys", [{"id": "1", "user_id": "ann"}])
        await db.insert("keys", [{"id": "2", "user_id": "ann"}])
        await refused(OutOfScope, db.insert("keys", [{"id": "3", "user_id": "ann"}]))
        await whole.run("UPDATE keys SET ended = 'now' WHERE id = '1'")
        await db.insert("keys", [{"id": "3", "user_id": "ann"}])
        await db.update("keys", {"ended": "now"}, "id = '3'")
        await refused(OutOfScope, db.insert("keys", [{"id": "4", "user_id": "bob"}]))
        return len(await db.all("SELECT id FROM keys"))

    assert run(case, ANN) == 3


def test_batch_of_an_administrator_is_rolled_back_beyond_a_limit() -> None:
    async def case(db: ScopedDatabase, whole: InlineDatabase) -> int:
        few = Statement(raise_unless("marks", "(SELECT count(*) FROM marks) <= 2"))
        for name in ("1", "2"):
            await db.batch([db.prepare.insert("marks", [{"id": name, "owner": "x"}]), few])
        await refused(OutOfScope, db.batch([db.prepare.insert("marks", [{"id": "3", "owner": "x"}]), few]))
        return len(await whole.all("SELECT id FROM marks"))

    assert run(case, ADMINISTRATOR) == 2
