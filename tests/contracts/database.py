"""The contract of every `Database`. Each case makes the tables that it needs; it imports nothing but the kernel."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from decimal import Decimal
from enum import IntEnum, StrEnum
from typing import Any

from tests.contracts.expected import refused

from edge.data.upserts import upsert
from edge.ports import (
    CheckViolation,
    ConstraintViolation,
    Database,
    DatabaseError,
    ForeignKeyViolation,
    LimitExceeded,
    NotNullViolation,
    OutOfScope,
    PortError,
    Statement,
    UniqueViolation,
)

type Case = Callable[[Database], Awaitable[None]]


class Word(StrEnum):
    """A text by name."""

    A = "a"


class Number(IntEnum):
    """A number by name."""

    ONE = 1


async def new_table(db: Database, name: str, columns: str = "id INTEGER PRIMARY KEY, value") -> str:
    """Make an empty table and return its name."""
    await db.run(f"DROP TABLE IF EXISTS {name}")
    await db.run(f"CREATE TABLE {name} ({columns})")
    return name


async def all_gives_rows_in_order(db: Database) -> None:
    table = await new_table(db, "rows_in_order")
    await db.run(f"INSERT INTO {table} VALUES (2, 'b'), (1, 'a')")
    assert await db.all(f"SELECT * FROM {table} ORDER BY id") == [{"id": 1, "value": "a"}, {"id": 2, "value": "b"}]
    assert await db.all(f"SELECT * FROM {table} WHERE id = ?", 9) == []


async def first_gives_one_row_or_none(db: Database) -> None:
    assert await db.first("SELECT 1 AS one, 2 AS two") == {"one": 1, "two": 2}
    assert await db.first("SELECT 1 WHERE ? = 2", 1) is None


async def run_tells_changes_and_last_row_id(db: Database) -> None:
    table = await new_table(db, "changes_told")
    inserted = await db.run(f"INSERT INTO {table} (value) VALUES (?), (?)", "a", "b")
    assert (inserted.rows, inserted.changes, inserted.last_row_id) == ([], 2, 2)
    assert (await db.run(f"UPDATE {table} SET value = 'c'")).changes == 2
    assert (await db.run(f"DELETE FROM {table} WHERE id = 7")).changes == 0
    assert (await db.run(f"WITH new AS (SELECT 9) INSERT INTO {table} SELECT *, 'd' FROM new")).changes == 1


async def returning_gives_rows_and_changes(db: Database) -> None:
    table = await new_table(db, "rows_returned")
    upsert = f"INSERT INTO {table} VALUES (1, ?) ON CONFLICT (id) DO UPDATE SET value = excluded.value RETURNING value"
    for value in ("a", "b"):
        result = await db.run(upsert, value)
        assert (result.rows, result.changes) == ([{"value": value}], 1)


async def values_come_back_as_they_went(db: Database) -> None:
    values = [None, 0, -1, 2**53 - 1, 1 - 2**53, 1.5, "", "Ünïcøde 🚗", "a\0b", b"", b"\x00\xff", "x" * 100_000]
    for value in values:
        row = await db.first("SELECT ? AS value", value)
        assert row is not None
        assert (row["value"], type(row["value"])) == (value, type(value))


async def numbers_keep_their_value(db: Database) -> None:
    table = await new_table(db, "numbers_kept", "id INTEGER PRIMARY KEY, value REAL")
    values = [0.0, -0.0, 1e308, -1e308, 5e-324, 0.1 + 0.2, 1e16, -1.0, float(2**53), 1 / 3]
    for value in values:
        await db.run(f"INSERT INTO {table} (value) VALUES (?)", value)
        assert await db.first("SELECT ? AS value", value) == {"value": value}
    assert [row["value"] for row in await db.all(f"SELECT value FROM {table} ORDER BY id")] == values


async def every_byte_comes_back(db: Database) -> None:
    table = await new_table(db, "bytes_kept", "id INTEGER PRIMARY KEY, value BLOB")
    values = [b"", b"\0", bytes(range(256)), "🚗".encode(), b"\xff" * 100_000]
    for value in values:
        await db.run(f"INSERT INTO {table} (value) VALUES (?)", value)
    assert [row["value"] for row in await db.all(f"SELECT value FROM {table} ORDER BY id")] == values
    kinds = await db.all(f"SELECT DISTINCT typeof(value) AS kind FROM {table}")
    assert kinds == [{"kind": "blob"}]


async def every_text_comes_back(db: Database) -> None:
    table = await new_table(db, "texts_kept", "id INTEGER PRIMARY KEY, value TEXT")
    values = [
        "",
        "\0",
        "a\0b",
        "🚗 👩‍👩‍👧",
        "e\u0301",
        "\ufeff",
        "\r\n\u2028\u2029",
        "'\"`;--",
        "\x7f\x80",
        "\U0010ffff",
        "[1]",
    ]
    for value in values:
        await db.run(f"INSERT INTO {table} (value) VALUES (?)", value)
    assert [row["value"] for row in await db.all(f"SELECT value FROM {table} ORDER BY id")] == values


async def value_of_an_enum_is_bound(db: Database) -> None:
    row = await db.first("SELECT ? AS text, ? AS number", Word.A, Number.ONE)
    assert row == {"text": "a", "number": 1}


async def bools_are_stored_as_numbers(db: Database) -> None:
    table = await new_table(db, "bools", "id INTEGER PRIMARY KEY, value INTEGER")
    await db.run(f"INSERT INTO {table} VALUES (1, ?), (2, ?)", True, False)
    kinds = await db.all(f"SELECT value, typeof(value) AS kind FROM {table} ORDER BY id")
    assert kinds == [{"value": 1, "kind": "integer"}, {"value": 0, "kind": "integer"}]


async def inexact_and_foreign_values_are_refused(db: Database) -> None:
    foreign: list[Any] = [2**53, -(2**53), 2**70, float("nan"), float("inf"), "\ud800", [1], {"a": 1}, 1j]
    foreign += [datetime.now(UTC), (1,), {1}, bytearray(b"a"), Decimal(1), object(), "a\udfff", 2**53 + 1]
    for value in foreign:
        await refused(DatabaseError, db.first("SELECT ?", value))


async def no_more_than_100_values_are_bound(db: Database) -> None:
    assert await db.first(f"SELECT {' + '.join('?' * 80)} AS sum", *[1] * 80) == {"sum": 80}
    await refused(LimitExceeded, db.first(f"SELECT 1 WHERE 1 IN ({', '.join('?' * 101)})", *[1] * 101))


async def a_statement_has_at_most_100_kb(db: Database) -> None:
    assert await db.first(f"SELECT 1 AS one -- {'x' * 99_000}") == {"one": 1}
    await refused(LimitExceeded, db.first(f"SELECT 1 AS one -- {'x' * 100_000}"))
    await refused(LimitExceeded, db.first(f"SELECT '{'ü' * 50_000}'"))


async def a_value_has_at_most_2_mb(db: Database) -> None:
    assert await db.first("SELECT length(?) AS size", b"x" * 1_900_000) == {"size": 1_900_000}
    await refused(LimitExceeded, db.first("SELECT length(?)", b"x" * 2_300_000))
    await refused(LimitExceeded, db.first("SELECT length(?)", "ü" * 1_200_000))


async def a_made_value_has_at_most_2_mb(db: Database) -> None:
    await refused(PortError, db.first("SELECT hex(zeroblob(1500000)) AS big"))


async def a_like_pattern_has_at_most_50_bytes(db: Database) -> None:
    assert await db.first("SELECT 'a' LIKE ? AS found", "%" * 50) == {"found": 1}
    await refused(PortError, db.first("SELECT 'a' LIKE ? AS found", "%" * 51))


async def a_result_has_at_most_100_columns(db: Database) -> None:
    row = await db.first(f"SELECT {', '.join(f'{n} AS c{n}' for n in range(100))}")
    assert row is not None
    assert len(row) == 100
    await refused(PortError, db.first(f"SELECT {', '.join(f'{n} AS c{n}' for n in range(101))}"))


async def a_function_takes_no_128_arguments(db: Database) -> None:
    assert await db.first(f"SELECT max({', '.join('1' * 32)}) AS top") == {"top": 1}
    await refused(PortError, db.first(f"SELECT max({', '.join('1' * 128)}) AS top"))


async def one_statement_at_a_time(db: Database) -> None:
    assert await db.first("SELECT 1 AS one;") == {"one": 1}
    assert await db.first("SELECT 1 AS one ;\r\n\t ") == {"one": 1}
    table = await new_table(db, "one_at_a_time")
    await db.run(f"INSERT INTO {table} VALUES (1, 'a')")
    for text in (
        f"SELECT 1; DROP TABLE {table}",
        f"SELECT 1;DELETE FROM {table};",
        "SELECT 1;;",
        f";DELETE FROM {table}",
        f"SELECT ';' ; DELETE FROM {table}",
        f"SELECT 'it''s' /* ; */ -- ;\n; DELETE FROM {table}",
        f'SELECT "a", [b;]], `c`; DELETE FROM {table} --',
        f"WITH a AS (SELECT 1) SELECT * FROM a; DELETE FROM {table} WHERE '' = ''",
        f"SELECT $a(') ; DELETE FROM {table} --')",
        f'SELECT $a(") ; DELETE FROM {table} /* ")',
        f"SELECT 1 /* * / ; */ ; DELETE FROM {table}",
        f"SELECT 1\0; DELETE FROM {table}",
        f"SELECT 1 --\n; DELETE FROM {table}",
        f"CREATE TRIGGER both AFTER INSERT ON {table} BEGIN SELECT 1; DELETE FROM {table}; END",
    ):
        await refused(DatabaseError, db.run(text))
        await refused(DatabaseError, db.batch([Statement("SELECT 1"), Statement(text)]))
    assert await db.all(f"SELECT id FROM {table}") == [{"id": 1}]
    await refused(DatabaseError, db.run("  "))
    await refused(DatabaseError, db.run(" ; "))


async def a_quoted_semicolon_ends_no_statement(db: Database) -> None:
    table = await new_table(db, "semicolons_quoted")
    await db.run(f"INSERT INTO {table} VALUES (1, 'a;b'';c')")
    for text in (
        f"SELECT value FROM {table} WHERE value = 'a;b'';c'",
        f"SELECT value FROM {table} WHERE instr(value, ';') > 0 -- ; or not",
        f"SELECT value /* ; ' */ FROM {table} WHERE value <> ';';",
        f'SELECT ";".value FROM {table} AS ";"',
        f"SELECT [;].value FROM {table} AS [;]",
        f"SELECT `;`.value FROM {table} AS `;`",
    ):
        assert await db.all(text) == [{"value": "a;b';c"}], text


async def transactions_are_only_batches(db: Database) -> None:
    for sql in ("BEGIN", "begin immediate", "/* a */ BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT a", "RELEASE a"):
        await refused(DatabaseError, db.run(sql))
        await refused(DatabaseError, db.batch([Statement("SELECT 1"), Statement(sql)]))


async def other_files_and_the_machine_are_out_of_reach(db: Database) -> None:
    for sql in (
        "ATTACH 'other.db' AS other",
        "DETACH main",
        "VACUUM INTO 'copy.db'",
        "PRAGMA journal_mode = DELETE",
        "PRAGMA writable_schema = ON",
        "SELECT load_extension('x')",
        "CREATE TEMP TABLE t (a)",
    ):
        await refused(DatabaseError, db.run(sql))


async def reading_pragmas_work(db: Database) -> None:
    table = await new_table(db, "pragmas_read")
    assert [row["name"] for row in await db.all(f"PRAGMA table_info({table})")] == ["id", "value"]
    assert len(await db.all(f"pragma TABLE_INFO('{table}')")) == 2
    assert await db.first("SELECT count(*) AS columns FROM pragma_table_info(?)", table) == {"columns": 2}


async def foreign_keys_hold(db: Database) -> None:
    await db.run("DROP TABLE IF EXISTS fk_child")
    parent = await new_table(db, "fk_parent")
    child = await new_table(db, "fk_child", f"parent INTEGER REFERENCES {parent}(id)")
    await refused(DatabaseError, db.run(f"INSERT INTO {child} VALUES (1)"))
    await db.batch(
        [
            Statement("PRAGMA defer_foreign_keys = ON"),
            Statement(f"INSERT INTO {child} VALUES (1)"),
            Statement(f"INSERT INTO {parent} VALUES (1, NULL)"),
        ]
    )
    assert await db.all(f"SELECT * FROM {child}") == [{"parent": 1}]
    await db.run(f"DELETE FROM {child}")


async def a_batch_runs_in_order(db: Database) -> None:
    table = await new_table(db, "batch_in_order")
    insert = f"INSERT INTO {table} (value) VALUES (?)"
    results = await db.batch(
        [Statement(insert, ("a",)), Statement(insert, ["b"]), Statement(f"SELECT count(*) AS n FROM {table}")]
    )
    assert [result.changes for result in results[:2]] == [1, 1]
    assert results[2].rows == [{"n": 2}]


async def a_batch_takes_effect_as_a_whole_or_not_at_all(db: Database) -> None:
    table = await new_table(db, "batch_whole", "id INTEGER PRIMARY KEY, value TEXT NOT NULL")
    insert = f"INSERT INTO {table} VALUES (?, ?)"
    for bad in (Statement(insert, (1, "again")), Statement(insert, (2, None)), Statement("SELEKT 1")):
        await refused(DatabaseError, db.batch([Statement(insert, (1, "a")), bad, Statement(insert, (3, "c"))]))
        assert await db.all(f"SELECT * FROM {table}") == []
    await refused(LimitExceeded, db.batch([Statement(insert, (1, "a")), Statement(insert, (2, "x" * 2_300_000))]))
    assert await db.all(f"SELECT * FROM {table}") == []
    await db.run(insert, 1, "the database works on")


async def errors_speak_sqlite_and_hold_no_value(db: Database) -> None:
    table = await new_table(db, "errors_speak", "id INTEGER PRIMARY KEY, value TEXT UNIQUE CHECK (value <> 'hunter2')")
    await db.run(f"INSERT INTO {table} (value) VALUES (?)", "hunter3")
    assert f"{table}.value" in (
        twice := await refused(DatabaseError, db.run(f"INSERT INTO {table} VALUES (2, 'hunter3')"))
    )
    again = await refused(DatabaseError, db.run(f"INSERT INTO {table} (value) VALUES (?)", "hunter3"))
    checked = await refused(DatabaseError, db.run(f"INSERT INTO {table} (value) VALUES (?)", "hunter2"))
    assert "hunter" not in (twice + again)
    assert "CHECK" in checked
    assert "nowhere" in await refused(DatabaseError, db.all("SELECT * FROM nowhere"))
    assert "syntax error" in await refused(DatabaseError, db.all("SELEKT ?", "hunter2"))


async def violated(db: Database, kind: type[ConstraintViolation], sql: str) -> tuple[Any, ...]:
    """Return table, columns and constraint of the violation that a statement must raise, alone and in a batch."""
    calls = (db.run(sql), db.batch([Statement("SELECT 1"), Statement(sql)]))
    alone, in_batch = await asyncio.gather(*calls, return_exceptions=True)
    assert isinstance(alone, ConstraintViolation), f"{sql}: {alone!r}"
    assert isinstance(in_batch, ConstraintViolation), f"{sql}: {in_batch!r}"
    assert type(alone) is type(in_batch) is kind, f"{sql}: {alone!r} {in_batch!r}"
    assert "hunter" not in str(alone)
    facts = (alone.table, alone.columns, alone.constraint)
    assert facts == (in_batch.table, in_batch.columns, in_batch.constraint)
    return facts


async def a_broken_constraint_has_its_own_error(db: Database) -> None:
    await db.run("DROP TABLE IF EXISTS violated_rows")
    parent = await new_table(db, "violated_parents")
    table = await new_table(
        db,
        "violated_rows",
        "id TEXT PRIMARY KEY, a TEXT NOT NULL, b INTEGER CHECK (b > 0), c TEXT, d INTEGER UNIQUE, "
        f"parent INTEGER REFERENCES {parent}(id), UNIQUE (a, c), CONSTRAINT short CHECK (length(c) < 20)",
    )
    await db.run(f"CREATE UNIQUE INDEX violated_lower ON {table} (lower(c))")
    await db.run(f"INSERT INTO {parent} VALUES (1, 'a')")
    await db.run(f"INSERT INTO {table} VALUES ('hunter1', 'hunter2', 1, 'hunter3', 7, 1)")
    insert = f"INSERT INTO {table} (id, a, b, c, d) VALUES"
    for kind, sql, facts in (
        (UniqueViolation, f"{insert} ('hunter1', 'x', 1, 'y', 1)", (table, ("id",), None)),
        (UniqueViolation, f"{insert} ('2', 'x', 1, 'y', 7)", (table, ("d",), None)),
        (UniqueViolation, f"{insert} ('2', 'hunter2', 1, 'hunter3', 1)", None),
        (UniqueViolation, f"{insert} ('2', 'x', 1, 'HUNTER3', 1)", (None, (), "violated_lower")),
        (NotNullViolation, f"{insert} ('2', NULL, 1, 'y', 1)", (table, ("a",), None)),
        (NotNullViolation, f"UPDATE {table} SET a = NULL", (table, ("a",), None)),
        (CheckViolation, f"{insert} ('2', 'hunter', 0, 'y', 1)", (None, (), "b > 0")),
        (CheckViolation, f"{insert} ('2', 'x', 1, 'hunter {'y' * 20}', 1)", (None, (), "short")),
        (CheckViolation, f"INSERT INTO {parent} VALUES ('hunter', 1)", (None, (), None)),
        (ForeignKeyViolation, f"UPDATE {table} SET parent = 9", (None, (), None)),
        (ForeignKeyViolation, f"DELETE FROM {parent}", (None, (), None)),
    ):
        assert await violated(db, kind, sql) == (facts or (None, (), "violated_lower")), sql
    assert await db.first(f"SELECT count(*) AS n FROM {table}") == {"n": 1}


async def a_unique_key_of_several_columns_names_them(db: Database) -> None:
    table = await new_table(db, "violated_pairs", "a TEXT, b TEXT, n INTEGER, PRIMARY KEY (a, b)")
    await db.run(f"INSERT INTO {table} VALUES ('hunter1', 'hunter2', 1)")
    sql = f"INSERT INTO {table} VALUES ('hunter1', 'hunter2', 2)"
    assert await violated(db, UniqueViolation, sql) == (table, ("a", "b"), None)


async def a_strict_table_refuses_another_type(db: Database) -> None:
    await db.run("DROP TABLE IF EXISTS violated_types")
    await db.run("CREATE TABLE violated_types (id INTEGER PRIMARY KEY, name TEXT) STRICT")
    sql = "INSERT INTO violated_types (name) VALUES (x'00')"
    assert await violated(db, CheckViolation, sql) == ("violated_types", ("name",), None)


async def a_deferred_foreign_key_is_checked_at_the_end(db: Database) -> None:
    await db.run("DROP TABLE IF EXISTS violated_children")
    parent = await new_table(db, "violated_late")
    child = await new_table(db, "violated_children", f"parent INTEGER REFERENCES {parent}(id)")
    late = [Statement("PRAGMA defer_foreign_keys = ON"), Statement(f"INSERT INTO {child} VALUES (1)")]
    await refused(DatabaseError, db.batch(late))  # workerd says no more than that it failed
    assert await db.all(f"SELECT * FROM {child}") == []


async def a_row_outside_the_scope_rolls_a_batch_back(db: Database) -> None:
    table = await new_table(db, "scope_raised")
    outside = Statement("SELECT json_extract('{}', 'out_of_scope(scope_raised)')")
    insert = Statement(f"INSERT INTO {table} (value) VALUES (1)")
    assert "scope_raised" in await refused(OutOfScope, db.run(outside.sql))
    await refused(OutOfScope, db.batch([insert, outside, insert]))
    assert await db.all(f"SELECT * FROM {table}") == []


async def every_placeholder_wants_a_value(db: Database) -> None:
    await refused(DatabaseError, db.all("SELECT ?"))
    await refused(DatabaseError, db.all("SELECT ?", 1, 2))


async def concurrent_calls_each_take_effect(db: Database) -> None:
    table = await new_table(db, "concurrent")
    await db.run(f"INSERT INTO {table} VALUES (1, 0)")
    add = f"UPDATE {table} SET value = value + 1"
    await asyncio.gather(*(db.run(add) for _ in range(20)), *(db.batch([Statement(add)] * 2) for _ in range(10)))
    assert await db.first(f"SELECT value FROM {table}") == {"value": 40}


async def a_cancelled_call_leaves_the_database_whole(db: Database) -> None:
    table = await new_table(db, "cancelled")
    numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500)"
    fill = f"{numbers} INSERT INTO {table} SELECT i, i FROM n"
    for _ in range(5):
        call = asyncio.ensure_future(db.batch([Statement(f"DELETE FROM {table}"), Statement(fill)]))
        await asyncio.sleep(0)
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)
    row = await db.first(f"SELECT count(*) AS rows FROM {table}")
    assert row is not None
    assert row["rows"] in {0, 500}


async def an_upsert_moves_updated_at_of_changed_rows_alone(db: Database) -> None:
    table = await new_table(db, "touched", "id INTEGER PRIMARY KEY, value, updated_at TEXT DEFAULT CURRENT_TIMESTAMP")
    await db.run(f"INSERT INTO {table} VALUES (1, 'a', 'old'), (2, 'b', 'old')")
    results = await db.batch(upsert(table, ("id", "value"), [(1, "a"), (2, "c"), (3, "d")]))
    assert [row["id"] for row in results[0].rows] == [2, 3]
    rows = await db.all(f"SELECT * FROM {table} ORDER BY id")
    assert rows[0] == {"id": 1, "value": "a", "updated_at": "old"}
    assert [row["value"] for row in rows] == ["a", "c", "d"]
    assert all(row["updated_at"] > "2024" and row["updated_at"] != "old" for row in rows[1:])
    await db.batch(upsert(table, ("id", "updated_at"), [(1, "mine")]))
    assert await db.first(f"SELECT updated_at FROM {table} WHERE id = 1") == {"updated_at": "mine"}
    plain = await new_table(db, "untouched")
    await db.run(f"INSERT INTO {plain} VALUES (1, 'a')")
    await db.batch(upsert(plain, ("id", "value"), [(1, "b")], touched=None))
    assert await db.all(f"SELECT * FROM {plain}") == [{"id": 1, "value": "b"}]


async def probe_answers(db: Database) -> None:
    await db.probe()


CASES: list[Case] = [
    all_gives_rows_in_order,
    first_gives_one_row_or_none,
    run_tells_changes_and_last_row_id,
    returning_gives_rows_and_changes,
    values_come_back_as_they_went,
    numbers_keep_their_value,
    every_byte_comes_back,
    every_text_comes_back,
    value_of_an_enum_is_bound,
    bools_are_stored_as_numbers,
    inexact_and_foreign_values_are_refused,
    no_more_than_100_values_are_bound,
    a_statement_has_at_most_100_kb,
    a_value_has_at_most_2_mb,
    a_made_value_has_at_most_2_mb,
    a_like_pattern_has_at_most_50_bytes,
    a_result_has_at_most_100_columns,
    a_function_takes_no_128_arguments,
    one_statement_at_a_time,
    transactions_are_only_batches,
    other_files_and_the_machine_are_out_of_reach,
    reading_pragmas_work,
    foreign_keys_hold,
    a_batch_runs_in_order,
    a_batch_takes_effect_as_a_whole_or_not_at_all,
    a_quoted_semicolon_ends_no_statement,
    errors_speak_sqlite_and_hold_no_value,
    a_broken_constraint_has_its_own_error,
    a_unique_key_of_several_columns_names_them,
    a_strict_table_refuses_another_type,
    a_deferred_foreign_key_is_checked_at_the_end,
    a_row_outside_the_scope_rolls_a_batch_back,
    every_placeholder_wants_a_value,
    concurrent_calls_each_take_effect,
    a_cancelled_call_leaves_the_database_whole,
    an_upsert_moves_updated_at_of_changed_rows_alone,
    probe_answers,
]
