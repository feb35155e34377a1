"""Retention: old rows go in small batches, needed rows stay, in every way that a run may end."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.edge.conftest import NOON, Lines
from tests.edge.parts.conftest import SetClock

from edge.data import retention
from edge.data.retention import BATCH, STATEMENTS, KeepDays, MaxMegabytes, MaxRows, Retention, Rule, Rules
from edge.instants import to_text
from edge.ports import DatabaseAway, Result, Row, Statement, Value
from edge.runtimes.local.database import LocalDatabase
from edge.settings import Settings

SCHEMA = (
    "CREATE TABLE entries (id INTEGER PRIMARY KEY, at TEXT, state TEXT, bytes INTEGER)",
    "CREATE INDEX entries_at ON entries (at, bytes)",
    "CREATE TABLE other (id TEXT PRIMARY KEY, at TEXT NOT NULL)",
    "CREATE TABLE ends (id TEXT PRIMARY KEY, until REAL NOT NULL)",
    "CREATE TABLE children (id INTEGER PRIMARY KEY, entry INTEGER REFERENCES entries (id))",
)
ENTRIES = Rule("entries", "at", "keep_days")


class KeepSettings(Settings):
    """Settings of a test."""

    keep_days: KeepDays = 30
    other_days: KeepDays = 30
    most: MaxRows = 0
    size_mb: MaxMegabytes = 0


@pytest.fixture
def tables(db: LocalDatabase) -> LocalDatabase:
    """A database with tables."""
    asyncio.run(db.batch([Statement(sql) for sql in SCHEMA]))
    return db


def ago(days: float) -> str:
    return to_text(NOON - timedelta(days=days))


async def put(db: LocalDatabase, *days: float, state: str | None = "ended", size: int = 0) -> None:
    """Add entries that are so many days old."""
    rows = [(ago(day), state, size) for day in days]
    await db.batch([Statement("INSERT INTO entries (at, state, bytes) VALUES (?, ?, ?)", row) for row in rows])


async def left(db: LocalDatabase, table: str = "entries", what: str = "at") -> list[Any]:
    return [row["it"] for row in await db.all(f"SELECT {what} AS it FROM {table} ORDER BY rowid")]


def retention_of(db: Any, log: Lines, rules: Rules = (ENTRIES,), **env: str) -> Retention:
    return Retention(rules, db, KeepSettings(env), SetClock(), log)


def test_rows_older_than_the_days_go_and_no_other(tables: LocalDatabase, log: Lines) -> None:
    async def case() -> tuple[Any, list[Any]]:
        await put(tables, 400, 31, 30.001, 30, 29, 0, -1)
        return await retention_of(tables, log).run(), await left(tables)

    report, rest = asyncio.run(case())
    assert report == {"removed": {"entries": 3}, "more": [], "skipped": {}}
    assert rest == [ago(day) for day in (30, 29, 0, -1)]
    assert [line["removed"] for line in log.lines] == [{"entries": 3}]


@pytest.mark.parametrize("days", ["0", ""])
def test_no_days_keep_rows_for_ever(tables: LocalDatabase, log: Lines, days: str) -> None:
    async def case() -> tuple[Any, list[Any]]:
        await put(tables, 10_000)
        return await retention_of(tables, log, KEEP_DAYS=days).run(), await left(tables)

    report, rest = asyncio.run(case())
    assert (report["removed"], len(rest)) == ({}, 1)
    assert log.lines == []


@pytest.mark.parametrize("days", ["-1", "many", "1.5", "99999999"])
def test_a_setting_that_is_not_valid_removes_nothing_and_holds_up_no_other_table(
    tables: LocalDatabase, log: Lines, days: str
) -> None:
    rules = (ENTRIES, Rule("other", "at", "other_days"))

    async def case() -> tuple[Any, list[Any]]:
        await put(tables, 10_000)
        await tables.run("INSERT INTO other VALUES ('a', ?)", ago(31))
        return await retention_of(tables, log, rules, KEEP_DAYS=days).run(), await left(tables)

    report, rest = asyncio.run(case())
    assert report["removed"] == {"other": 1}
    assert "KEEP_DAYS is not valid" in report["skipped"]["entries"]
    assert len(rest) == 1
    assert [line["level"] for line in log.lines] == ["warning"]


@pytest.mark.parametrize("limit", ["MOST", "SIZE_MB"])
def test_a_limit_that_is_not_valid_removes_nothing_by_age_either(tables: LocalDatabase, log: Lines, limit: str) -> None:
    rule = ENTRIES._replace(max_rows="most", max_mb="size_mb", size="bytes")

    async def case() -> tuple[Any, list[Any]]:
        await put(tables, 100)
        return await retention_of(tables, log, (rule,), **{limit: "lots"}).run(), await left(tables)

    report, rest = asyncio.run(case())
    assert (report["removed"], len(rest)) == ({}, 1)
    assert limit in report["skipped"]["entries"]


def test_unix_seconds_are_an_age_too(tables: LocalDatabase, log: Lines) -> None:
    rule = Rule("ends", "until", timedelta(hours=1), is_epoch=True)

    async def case() -> list[Any]:
        for name, ends_in in (("over", -3601), ("just over", -3599), ("held", 30)):
            await tables.run("INSERT INTO ends VALUES (?, ?)", name, NOON.timestamp() + ends_in)
        await retention_of(tables, log, (rule,)).run()
        return await left(tables, "ends", "id")

    assert asyncio.run(case()) == ["just over", "held"]


def test_rows_beyond_a_number_go_the_oldest_first(tables: LocalDatabase, log: Lines) -> None:
    rule = ENTRIES._replace(max_rows="most")

    async def case() -> tuple[list[Any], list[Any]]:
        await put(tables, *range(20))
        await retention_of(tables, log, (rule,), MOST="20").run()
        all_of_them = await left(tables)
        await retention_of(tables, log, (rule,), MOST="5").run()
        return all_of_them, await left(tables)

    before, after = asyncio.run(case())
    assert len(before) == 20
    assert after == [ago(day) for day in range(5)]


def test_rows_of_one_second_are_not_torn_apart_by_a_number(tables: LocalDatabase, log: Lines) -> None:
    async def case() -> list[Any]:
        await put(tables, *[1] * 10, *[0] * 10)
        await retention_of(tables, log, (ENTRIES._replace(max_rows="most"),), MOST="5").run()
        return await left(tables)

    assert asyncio.run(case()) == [ago(0)] * 10


def test_rows_beyond_a_size_go_the_oldest_first(tables: LocalDatabase, log: Lines) -> None:
    rule = ENTRIES._replace(max_mb="size_mb", size="bytes")

    async def case() -> list[list[Any]]:
        await put(tables, *range(10), size=400_000)
        await put(tables, 20)
        stages = []
        for size in ("0", "5", "2", "1"):
            await retention_of(tables, log, (rule,), SIZE_MB=size).run()
            stages.append(await left(tables))
        return stages

    stages = asyncio.run(case())
    assert [len(stage) for stage in stages] == [11, 11, 6, 3]  # the row that goes over the size is the last to stay
    assert stages[-1] == [ago(day) for day in range(3)]


@pytest.mark.parametrize("state", ["open", None])
def test_a_row_that_something_needs_stays_whatever_its_age_number_and_size(
    tables: LocalDatabase, log: Lines, state: str | None
) -> None:
    rule = ENTRIES._replace(unless="state = 'open'", max_rows="most", max_mb="size_mb", size="bytes")

    async def case() -> tuple[Any, list[Any]]:
        await put(tables, 3000, 2000, state=state, size=3_000_000)
        await put(tables, 2500, 3, 2, 1, size=1_000_000)
        return await retention_of(tables, log, (rule,), MOST="1", SIZE_MB="1").run(), await left(tables)

    report, rest = asyncio.run(case())
    assert rest == [ago(day) for day in (3000, 2000, 1)]
    assert report["removed"] == {"entries": 3}


def test_a_referenced_row_is_never_removed(tables: LocalDatabase, log: Lines) -> None:
    needed = ENTRIES._replace(unless="EXISTS (SELECT 1 FROM children WHERE entry = entries.id)")

    async def case() -> list[Any]:
        await put(tables, 100, 90, 80)
        await tables.run("INSERT INTO other VALUES ('a', ?)", ago(31))
        await tables.run("INSERT INTO children (entry) VALUES (2)")
        other = Rule("other", "at", "other_days")
        careless = await retention_of(tables, log, (ENTRIES, other)).run()  # a reference that its rule does not know
        after_careless = await left(tables)
        return [careless, after_careless, await retention_of(tables, log, (needed,)).run(), await left(tables)]

    careless, after_careless, report, rest = asyncio.run(case())
    assert after_careless == [ago(day) for day in (100, 90, 80)]
    assert "FOREIGN KEY" in careless["skipped"]["entries"]
    assert careless["removed"] == {"other": 1}
    assert report["removed"] == {"entries": 2}
    assert rest == [ago(90)]


def test_rows_of_a_group_go_together_or_not_at_all(tables: LocalDatabase, log: Lines) -> None:
    rule = ENTRIES._replace(
        where="bytes = 1",
        unless="EXISTS (SELECT 1 FROM entries AS newer WHERE newer.state = entries.state AND newer.at >= {before})",
        group="state",
    )

    async def case() -> list[Any]:
        for talk in range(50):
            await put(tables, 60, state=f"old-{talk}", size=1)
            await put(tables, 50, 40, state=f"old-{talk}")
        await put(tables, 60, state="goes on", size=1)
        await put(tables, 29, state="goes on")
        await put(tables, 60, state="of another kind")
        report = await retention_of(tables, log, (rule,)).run()
        assert report["removed"] == {"entries": 150}
        return await left(tables, what="state")

    assert asyncio.run(case()) == ["goes on", "goes on", "of another kind"]


async def fill(db: LocalDatabase, rows: int) -> None:
    """Add many old entries, and one that stays."""
    numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) "
    await db.run(f"{numbers}INSERT INTO entries (at, state) SELECT ?, 'ended' FROM n", rows, ago(100))
    await put(db, 1)


def test_a_run_is_bounded_and_the_next_one_goes_on(tables: LocalDatabase, log: Lines) -> None:
    rules = (ENTRIES, Rule("other", "at", "other_days"))
    rows = STATEMENTS * BATCH + 5

    async def case() -> tuple[Any, int, Any, list[Any]]:
        await fill(tables, rows)
        await tables.run("INSERT INTO other VALUES ('a', ?)", ago(31))
        seen = Counting(tables)
        first = await retention_of(seen, log, rules).run()
        statements = seen.count
        return first, statements, await retention_of(tables, log, rules).run(), await left(tables)

    first, statements, second, rest = asyncio.run(case())
    assert statements <= STATEMENTS
    assert first["removed"]["other"] == 1, "every table has its turn"
    assert first["more"] == ["entries"]
    assert first["removed"]["entries"] + second["removed"]["entries"] == rows
    assert (second["more"], rest) == ([], [ago(1)])


def test_a_run_ends_when_its_time_is_over(tables: LocalDatabase, log: Lines) -> None:
    async def case() -> tuple[Any, int]:
        await fill(tables, 10 * BATCH)
        clock = SetClock()
        slow = Counting(tables, lambda: clock.pass_by(retention.SECONDS / 3))
        report = await Retention((ENTRIES,), slow, KeepSettings({}), clock, log).run()
        return report, len(await left(tables))

    report, rest = asyncio.run(case())
    assert report == {"removed": {"entries": 3 * BATCH}, "more": ["entries"], "skipped": {}}
    assert rest == 7 * BATCH + 1


class Counting:
    """A database that counts its statements, runs a callback after each, and fails from a number of them on."""

    def __init__(self, db: LocalDatabase, after: Any = None, away_at: int = 10**9) -> None:
        self._db = db
        self._after = after
        self._away_at = away_at
        self.count = 0

    async def all(self, sql: str, *params: Value) -> list[Row]:
        return (await self.run(sql, *params)).rows

    async def first(self, sql: str, *params: Value) -> Row | None:
        return next(iter(await self.all(sql, *params)), None)

    async def run(self, sql: str, *params: Value) -> Result:
        self.count += 1
        if self.count >= self._away_at:
            raise DatabaseAway("the database is gone")
        result = await self._db.run(sql, *params)
        if self._after:
            self._after()
        return result

    async def batch(self, statements: Sequence[Statement]) -> list[Result]:
        return [await self.run(sql, *params) for sql, params in statements]

    async def probe(self) -> None:
        await self._db.probe()


@pytest.mark.parametrize("away_at", range(1, 8))
def test_a_run_that_is_cut_off_removes_nothing_that_it_should_keep(
    tables: LocalDatabase, log: Lines, away_at: int
) -> None:
    rule = ENTRIES._replace(unless="state = 'open'")

    async def case() -> tuple[int, Any, list[Any]]:
        await put(tables, 50, state="open")
        await put(tables, 10)
        await tables.run("UPDATE entries SET bytes = 1")
        await fill(tables, 5 * BATCH + 1)
        with pytest.raises(DatabaseAway):
            await retention_of(Counting(tables, away_at=away_at), log, (rule, ENTRIES._replace(where="false"))).run()
        needed = len(await tables.all("SELECT 1 FROM entries WHERE bytes = 1"))
        return needed, await retention_of(tables, log, (rule,)).run(), await left(tables)

    needed, again, rest = asyncio.run(case())
    assert needed == 2
    removed = sum(line["removed"].get("entries", 0) for line in log.lines)
    assert again["more"] == []
    assert removed == 5 * BATCH + 1, "what a cut off run removed is told, too"
    assert rest == [ago(day) for day in (50, 10, 1)]


def test_two_runs_at_once_remove_the_same_as_one(tables: LocalDatabase, log: Lines, tmp_path: Path) -> None:
    other = LocalDatabase(tmp_path / "db.sqlite")
    rule = ENTRIES._replace(unless="state = 'open'", max_rows="most")

    async def case() -> tuple[list[Any], list[Any]]:
        await put(tables, 50, state="open")
        await put(tables, 5, 4, 3)
        await fill(tables, 10 * BATCH)
        runs = [retention_of(db, log, (rule,), MOST="3").run() for db in (tables, other, tables, other)]
        return await asyncio.gather(*runs), await left(tables)

    try:
        reports, rest = asyncio.run(case())
    finally:
        other.close()
    assert sum(report["removed"].get("entries", 0) for report in reports) == 10 * BATCH + 1
    assert rest == [ago(day) for day in (50, 4, 3, 1)]


def test_a_dry_run_counts_and_removes_nothing(tables: LocalDatabase, log: Lines) -> None:
    rule = ENTRIES._replace(unless="state = 'open'")

    async def case() -> tuple[Any, list[Any], Any]:
        await put(tables, 60, 50, state="open")
        await put(tables, 40, state=None)
        await put(tables, 40, 40, 20)
        return (
            await retention_of(tables, log, (rule,)).preview(),
            await left(tables),
            await retention_of(tables, log, (rule,)).run(),
        )

    report, rest, run = asyncio.run(case())
    assert report == {"would_remove": {"entries": 2}, "needed": {"entries": 3}, "skipped": {}}
    assert len(rest) == 6
    assert run["removed"] == report["would_remove"]
    assert len(log.lines) == 1


def test_rules_may_depend_on_the_settings(tables: LocalDatabase, log: Lines) -> None:
    def rules(settings: KeepSettings) -> list[Rule]:
        return [ENTRIES] if settings.most else []

    async def case() -> list[Any]:
        await put(tables, 60)
        return [(await retention_of(tables, log, rules, MOST=most).run())["removed"] for most in ("0", "1")]

    assert asyncio.run(case()) == [{}, {"entries": 1}]


def test_invalid_settings_name_their_fault() -> None:
    for text, complaint in (("-1", "greater than or equal to 0"), ("x", "integer"), ("40000", "36500")):
        assert complaint in str(KeepSettings({"KEEP_DAYS": text}).faults["keep_days"])
    assert (
        KeepSettings({}).keep_days,
        KeepSettings({"KEEP_DAYS": ""}).keep_days,
        KeepSettings({"KEEP_DAYS": "7"}).keep_days,
    ) == (30, 0, 7)
