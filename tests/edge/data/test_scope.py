"""A case for each rule by which a caller's statements are scoped; the numbers are those of docs/adr/0001."""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from tests.contracts.expected import refused
from tests.contracts.scoped import ROWS as WORLD
from tests.contracts.world import TABLES
from tests.edge.data.weakened import WithoutRule3, WithoutRule4, weakened
from tests.edge.data.worlds import loaded

from edge.access import ADMIN, OPERATOR, READER, Actor
from edge.data import CallerKind, ScopedDatabase, StatementRefused, Tables
from edge.data.scope import MOST_CACHED
from edge.ports import DatabaseError, LimitExceeded, Row, Statement
from edge.runtimes.local.database import LIMITS

BOUND = Actor("mine", READER, frozenset({"mine"}))
OTHER = Actor("theirs", READER, frozenset({"theirs"}))
OWNER = Actor("mine", READER)
MEMBER = Actor("mine", READER, is_member=True)
ADMINISTRATOR = Actor("admin", ADMIN)

type Case = Callable[[ScopedDatabase], Awaitable[object]]


def run(case: Case, actor: Actor | None = BOUND, tables: Tables = TABLES) -> Any:
    """Run a case with a caller's database, and return its result."""

    async def scoped() -> object:
        with loaded(WORLD) as db:
            return await case(tables.scoped(db, actor))

    return asyncio.run(scoped())


def read(sql: str, *params: Any, actor: Actor | None = BOUND, tables: Tables = TABLES) -> list[Row]:
    """Return the rows of a statement."""
    rows: list[Row] = run(lambda db: db.all(sql, *params), actor, tables)
    return rows


def ids(sql: str, *params: Any, actor: Actor | None = BOUND) -> list[Any]:
    return [next(iter(row.values())) for row in read(sql, *params, actor=actor)]


def is_refused(sql: str, *params: Any, kind: type[DatabaseError] = StatementRefused) -> str:
    return str(run(lambda db: refused(kind, db.all(sql, *params))))


@pytest.mark.parametrize(
    ("actor", "seen"),
    [
        (None, "users"),
        (
            BOUND,
            "users vehicles drives practitioners capsules conversations messages comments memberships drive_view docs",
        ),
        (MEMBER, "users practitioners capsules conversations messages comments memberships"),
        (ADMINISTRATOR, "*"),
    ],
)
def test_kind_of_caller_sees_its_rows(actor: Actor | None, seen: str) -> None:
    counts = {name: read(f"SELECT count(*) AS n FROM {name}", actor=actor)[0]["n"] for name in TABLES.schema.relations}
    if seen == "*":
        empty = {name for name, count in counts.items() if not count}
        assert empty == {"secrets", "raw_view"}
    else:
        assert {name: count for name, count in counts.items() if count} == dict.fromkeys(seen.split(), 1)


def test_owner_sees_all_rows_of_a_table_that_names_no_condition_for_its_kind() -> None:
    assert ids("SELECT id FROM drives ORDER BY id", actor=OWNER) == ["mine1", "theirs1"]
    assert ids("SELECT id FROM messages", actor=OWNER) == ["mine1"]
    assert ids("SELECT id FROM logs", actor=OWNER) == []
    assert ids("SELECT id FROM logs", actor=Actor("mine", OPERATOR)) == []
    assert ids("SELECT id FROM logs", actor=ADMINISTRATOR) == ["theirs1"]


def test_rule_2_every_spelling_of_a_name_is_scoped() -> None:
    for name in ("drives", "DRIVES", '"drives"', "[Drives]", "`drives`", "'drives'", '"DRIVES"', "drives--x\n"):
        assert ids(f"SELECT id FROM {name}") == ["mine1"]
        assert ids(f"SELECT id FROM messages WHERE 'mine1' IN (SELECT id FROM {name})") == ["mine1"]
    assert ids("SELECT count(*) FROM drives a, drives b, (SELECT * FROM drives) c") == [1]
    assert ids("SELECT 'drives' || id /* secrets */ FROM drives -- main_x") == ["drivesmine1"]


def test_rule_3_views_private_tables_and_stored_tables_are_empty() -> None:
    for name in ("raw_view", "secrets", "docs_content", "docs_data", "docs_idx", "docs_docsize", "docs_config"):
        for actor in (None, BOUND, OWNER, MEMBER, ADMINISTRATOR):
            assert read(f"SELECT count(*) AS n FROM {name}", actor=actor) == [{"n": 0}], name
    assert ids("SELECT id FROM drive_view") == ["mine1"]
    assert ids("SELECT id FROM drive_view", actor=MEMBER) == []


@pytest.mark.parametrize(
    "text",
    [
        "SELECT * FROM main.drives",
        'SELECT * FROM "main".drives',
        "SELECT * FROM 'main'.drives",
        "SELECT * FROM [MAIN] . [drives]",
        "SELECT * FROM main/**/./**/drives",
        "SELECT * FROM drives WHERE id IN main.drives",
        "WITH drives AS (SELECT * FROM main.drives) SELECT * FROM drives",
        "SELECT * FROM (WITH drives AS (SELECT * FROM main.drives) SELECT * FROM drives)",
        "SELECT * FROM temp.drives",
        "SELECT 'main'",
        "SELECT 1 -- main",
        "SELECT * FROM sqlite_master",
        "SELECT * FROM sqlite_schema",
        "SELECT * FROM pragma_table_info('drives')",
        "SELECT * FROM dbstat",
        "SELECT fts5_source_id()",
        "SELECT * FROM _cf_KV",
        "SELECT last_insert_rowid()",
        "SELECT total_changes()",
        "SELECT 1;",
        "SELECT 1; DELETE FROM drives",
        "SELECT ';'",
        "SELECT ?1",
        "SELECT ? + ?2",
    ],
)
def test_rule_4_refuses_statements_that_leave_the_scope(text: str) -> None:
    assert is_refused(text, *[1] * text.count("?"))


@pytest.mark.parametrize(
    "text",
    [
        "DELETE FROM drives",
        "UPDATE drives SET n = 1",
        "INSERT INTO drives (id) VALUES ('x')",
        "REPLACE INTO drives (id) VALUES ('x')",
        "EXPLAIN SELECT 1",
        "PRAGMA user_version",
        "CREATE TABLE t (a)",
        "DROP TABLE drives",
        "BEGIN",
        "VACUUM",
        "/* a */ SELECT 1",
        "(SELECT 1)",
        "",
        "selects",
        "WITH x AS (SELECT 1) DELETE FROM drives",
        "WITH x AS (SELECT 1) UPDATE drives SET n = 1",
        "WITH x AS (SELECT 1) INSERT INTO drives (id) SELECT 'x'",
        "with recursive x AS (SELECT 'update') SELECT * FROM x",
    ],
)
def test_rules_5_and_11_refuse_statements_that_do_not_read(text: str) -> None:
    assert is_refused(text)
    run(lambda db: refused(StatementRefused, db.run(text)))
    run(lambda db: refused(StatementRefused, db.first(text)))
    run(lambda db: refused(StatementRefused, db.batch([Statement("SELECT 1"), Statement(text)])))


def test_rule_5_accepts_reads() -> None:
    assert ids("\n\t select\n1 AS x") == [1]
    assert ids("VALUES ((SELECT count(*) FROM drives))") == [1]
    assert ids("SELECT'a'") == ["a"]


def test_rule_6_own_expressions_stand_beside_those_of_the_scope() -> None:
    assert ids("WITH mine AS (SELECT * FROM drives) SELECT id FROM mine") == ["mine1"]
    count = (
        "with recursive up(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM up WHERE i < 3) SELECT count(*) FROM up, drives"
    )
    assert ids(count) == [3]
    assert "duplicate WITH table name" in is_refused(
        "WITH drives AS (SELECT 1 AS id) SELECT id FROM drives", kind=DatabaseError
    )
    assert ids("SELECT id FROM (WITH secrets AS (SELECT 7 AS id) SELECT id FROM secrets)") == [7]


def test_rule_7_conditions_look_at_scoped_tables_or_at_whole_ones() -> None:
    assert ids("SELECT id FROM messages") == ["mine1"]
    assert ids("SELECT id FROM comments") == ["mine1"]
    assert ids("SELECT id FROM appointments", actor=Actor("theirs", READER, is_member=True)) == [1]
    assert ids("SELECT id FROM appointments", actor=MEMBER) == []


def test_rule_7_an_expression_is_not_materialized() -> None:
    sql, names = TABLES.scope(CallerKind.BOUND, READER)[0].read(
        "SELECT a.id FROM drives a JOIN drives b ON b.id = a.id"
    )
    assert names == ("subjects",)
    with loaded(WORLD) as db:
        plan = [str(row[3]) for row in db.connection.execute(f"EXPLAIN QUERY PLAN {sql}", ['["mine"]'])]
    assert not [step for step in plan if "MATERIALIZE" in step], plan


def test_rule_8_a_scope_costs_one_parameter_for_each_of_the_callers_values() -> None:
    most = LIMITS[sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER]
    sql = "SELECT count(*) FROM drives, vehicles, drive_view WHERE drives.id NOT IN ({})"
    assert ids(sql.format(", ".join("?" * (most - 1))), *range(most - 1)) == [1]
    assert "100" in str(run(lambda db: refused(LimitExceeded, db.all(sql.format(", ".join("?" * most)), *range(most)))))
    assert read("SELECT ? AS a, id, ? AS b FROM drives, (SELECT 1 FROM conversations) WHERE vin = ?", 1, 2, "mine") == [
        {"a": 1, "id": "mine1", "b": 2}
    ]


def test_rule_9_full_text_search_works_through_the_scope() -> None:
    sql = (
        "SELECT id, bm25(docs) < 0 AS ranked, snippet(docs, 1, '<', '>', '', 5) AS cut, "
        "highlight(docs, 1, '[', ']') AS shown FROM docs WHERE docs MATCH ? ORDER BY rank"
    )
    assert read(sql, "mine OR theirs") == [{"id": "mine1", "ranked": 1, "cut": "<mine>", "shown": "[mine]"}]
    assert ids("SELECT id FROM docs WHERE txt MATCH ?", "theirs") == []
    assert ids("SELECT id FROM docs WHERE docs MATCH ?", "theirs", actor=MEMBER) == []
    assert ids("SELECT d.id FROM drives d JOIN docs ON docs.id = d.id WHERE docs MATCH ?", "mine") == ["mine1"]
    assert "not a function" in is_refused("SELECT id FROM docs(?)", "mine", kind=DatabaseError)


def test_rule_10_rowid_is_there_for_tables_that_say_so() -> None:
    assert "no such column" in is_refused("SELECT rowid FROM drives", kind=DatabaseError)
    assert is_refused("SELECT id FROM drives INDEXED BY drives_by_vin", kind=DatabaseError)


def test_rule_12_conflict_with_another_callers_key_hides_its_value() -> None:
    async def case(db: ScopedDatabase) -> None:
        text = await refused(DatabaseError, db.insert("drives", [{"id": "theirs1", "vin": "mine"}]))
        assert "theirs1" not in text
        assert "drives.id" in text

    run(case)


def test_result_of_a_read_says_nothing_of_other_statements() -> None:
    async def case(db: ScopedDatabase) -> None:
        result = await db.run("SELECT id FROM drives")
        assert (result.rows, result.changes, result.last_row_id) == ([{"id": "mine1"}], 0, 0)
        assert [
            result.rows for result in await db.batch([Statement("SELECT id FROM drives WHERE vin = ?", ("mine",))])
        ] == [[{"id": "mine1"}]]
        assert await db.first("SELECT id FROM drives WHERE id = ?", "theirs1") is None
        await db.probe()

    run(case)


def test_plans_are_cached_and_bounded() -> None:
    scope, _ = TABLES.scope(CallerKind.BOUND, READER)
    assert scope.read("SELECT 1 AS cached") is scope.read("SELECT 1 AS cached")
    long = f"SELECT id FROM drives -- {'x' * 10_000}"
    assert scope.read(long) is not scope.read(long)
    for number in range(MOST_CACHED + 10):
        scope.read(f"SELECT {number}")
    assert scope.cached.cache_info().currsize == MOST_CACHED


LEAKS = (
    "SELECT * FROM main.drives",
    "SELECT id FROM main.drives",
    "SELECT id FROM drives WHERE EXISTS (SELECT 1 FROM main.secrets WHERE txt LIKE 't%')",
    "SELECT * FROM main.raw_view",
    "SELECT * FROM main.docs_content",
    "SELECT * FROM drives JOIN main.drives b USING (id)",
    "SELECT name FROM sqlite_master",
)


@pytest.mark.parametrize("text", LEAKS)
def test_second_lock_denies_tables_that_the_text_lets_through(text: str) -> None:
    denied = run(lambda db: refused(DatabaseError, db.all(text)), tables=weakened(WithoutRule4))
    assert "prohibited" in denied or "not authorized" in denied


@pytest.mark.parametrize("name", ["secrets", "raw_view", "docs_content"])
def test_second_lock_denies_names_that_nobody_shadows(name: str) -> None:
    denied = run(lambda db: refused(DatabaseError, db.all(f"SELECT * FROM {name}")), tables=weakened(WithoutRule3))
    assert "prohibited" in denied or "not authorized" in denied


def test_second_lock_is_not_opened_by_a_statement_of_the_system() -> None:
    async def case() -> None:
        with loaded(WORLD) as db:
            text = "SELECT * FROM main.drives"
            for actor in (OWNER, BOUND, OWNER, BOUND):
                assert len(await db.all(text)) == 2
                scoped = weakened(WithoutRule4).scoped(db, actor)
                if actor is OWNER:
                    assert len(await scoped.all(text)) == 2
                else:
                    await refused(DatabaseError, scoped.all(text))

    asyncio.run(case())


def test_second_lock_lets_a_changed_schema_be_read() -> None:
    async def case() -> None:
        with loaded(WORLD) as db:
            scoped = TABLES.scoped(db, BOUND)
            assert len(await scoped.all("SELECT id FROM drives")) == 1
            await db.run("CREATE TABLE later (id TEXT)")
            assert len(await scoped.all("SELECT id FROM drives")) == 1

    asyncio.run(case())


def test_each_caller_sees_its_own_by_the_same_text() -> None:
    async def case() -> list[Any]:
        with loaded(WORLD) as db:
            return [
                [row["id"] for row in await TABLES.scoped(db, actor).all("SELECT id FROM drives")]
                for actor in (BOUND, OTHER, BOUND, None, ADMINISTRATOR)
            ]

    assert asyncio.run(case()) == [["mine1"], ["theirs1"], ["mine1"], [], ["mine1", "theirs1"]]


def test_a_thousand_subjects_cost_one_parameter() -> None:
    many = Actor("mine", READER, frozenset(f"v{number}" for number in range(1000)) | {"mine"})
    assert ids("SELECT id FROM drives", actor=many) == ["mine1"]


def test_system_database_has_everything_and_the_same_functions() -> None:
    async def case() -> None:
        with loaded(WORLD) as db:
            whole = TABLES.system(db)
            assert len(await whole.all("SELECT * FROM main.secrets")) == 1
            assert (await whole.insert("secrets", [{"id": "s", "n": 1}], returning="id")).rows == [{"id": "s"}]
            assert (await whole.update("secrets", {"n": 2}, "id = ?", "s")).changes == 1
            results = await whole.batch([Statement("DELETE FROM logs"), whole.prepare.delete("secrets", "id = ?", "s")])
            assert [result.changes for result in results] == [1, 1]

    asyncio.run(case())


def test_narrowed_database_has_no_more_than_its_caller() -> None:
    async def case(db: ScopedDatabase) -> list[Any]:
        own = await db.all("SELECT id FROM drives ORDER BY id")
        narrowed = await db.narrowed(BOUND).all("SELECT id FROM drives ORDER BY id")
        return [[row["id"] for row in rows] for rows in (own, narrowed)]

    assert run(case, OWNER) == [["mine1", "theirs1"], ["mine1"]]
    assert run(case, Actor("mine", ADMIN)) == [["mine1", "theirs1"], ["mine1"]]


@pytest.mark.parametrize(
    ("own", "wider"),
    [
        (BOUND, OWNER),
        (BOUND, OTHER),
        (BOUND, Actor("mine", READER, frozenset({"mine", "theirs"}))),
        (BOUND, Actor("mine", OPERATOR, frozenset({"mine"}))),
        (OWNER, MEMBER),
        (OWNER, Actor("theirs", READER)),
        (OWNER, ADMINISTRATOR),
        (None, OWNER),
    ],
)
def test_narrowed_database_cannot_be_a_wider_one(own: Actor | None, wider: Actor) -> None:
    async def case(db: ScopedDatabase) -> None:
        with pytest.raises(StatementRefused):
            db.narrowed(wider)

    run(case, own)
