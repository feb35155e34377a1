"""Texts that try to see or change another caller's rows: none may, even if parts of them run."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from random import Random

import pytest
from tests.contracts.scoped import KEY as ACTOR
from tests.contracts.scoped import ROWS
from tests.contracts.world import TABLES, WRITABLE, World
from tests.edge.data.weakened import (
    Unlocked,
    WithoutRule2,
    WithoutRule3,
    WithoutRule4,
    WithoutRules5And11,
    weakened,
)
from tests.edge.data.worlds import loaded, snapshot

from edge.data import StatementRefused, Tables
from edge.data.scope import Scope
from edge.ports import DatabaseError, PortError, Row

EACH = 250
"""Texts for one database; its rows are compared after them."""
WORLD: World = ROWS | {"users": []}

SOURCES = (
    "drives",
    "secrets",
    "logs",
    "messages",
    "docs",
    "capsules",
    "drive_view",
    "raw_view",
    "docs_content",
    "docs_data",
    "docs_idx",
    "docs_config",
    "main.drives",
    "MAIN . drives",
    '"main".drives',
    "[main].[drives]",
    "`main`.`secrets`",
    "'main'.secrets",
    "main/**/./**/drives",
    "main--\n.drives",
    "temp.drives",
    "'drives'",
    '"drives"',
    "[secrets]",
    "`messages`",
    "sqlite_master",
    "sqlite_schema",
    "pragma_table_list",
    "pragma_table_info('drives')",
    "dbstat",
    "main.docs_content",
    "(SELECT * FROM drives)",
    "(SELECT * FROM main.drives)",
    "drives, main.drives b",
    "drives NATURAL JOIN main.drives",
    "docs('theirs')",
    "json_each('[1]'), drives",
    "fts5vocab",
    "main.raw_view",
    "drives AS main",
    "secrets AS drives",
    "messages drives, drives messages",
    "main.drives AS drives",
)
HEADS = (
    "",
    "WITH x AS (SELECT 1) ",
    "WITH drives AS (SELECT * FROM drives) ",
    "\n\t ",
    "/* a */ ",
    "WITH drives AS (SELECT * FROM main.drives) ",
    "WITH RECURSIVE drives AS (SELECT 1) ",
    "-- a\n",
    "EXPLAIN ",
    "WITH x AS (WITH drives AS (SELECT * FROM main.drives) SELECT * FROM drives) ",
    "(",
    "SELECT 1; ",
    ";",
    "WITH/**/RECURSIVE x AS (SELECT 1) ",
    "WITH json_each AS (SELECT 'theirs' AS value) ",
    "WITH main AS (SELECT 1) ",
    "WITH mine AS MATERIALIZED (SELECT * FROM drives) ",
)
WRITES = (
    "DELETE FROM drives",
    "DELETE FROM main.drives",
    "UPDATE drives SET n = 9",
    "UPDATE main.secrets SET n = 9",
    "INSERT INTO logs VALUES ('a', 1, 'b')",
    "REPLACE INTO drives (id, vin) VALUES ('theirs1', 'mine')",
    "INSERT INTO drives (id, vin) SELECT id || 'x', 'mine' FROM drives",
    "DROP TABLE drives",
    "PRAGMA user_version = 3",
    "WITH x AS (SELECT 1) DELETE FROM messages",
    "WITH x AS (SELECT 1) UPDATE drives SET n = 9",
    "VACUUM",
    "BEGIN",
    "CREATE TEMP TABLE t AS SELECT 1",
    "CREATE VIEW v AS SELECT 1",
    "ATTACH ':memory:' AS other",
    "ANALYZE",
    "REINDEX",
)
COLUMNS = (
    "*",
    "count(*)",
    "txt",
    "id",
    "json_group_array(id)",
    "group_concat(txt)",
    "max(txt)",
    "rowid",
    "n, *",
    "id, txt",
)
TAILS = (
    "",
    " WHERE 1",
    " WHERE 1 OR 1",
    " WHERE id IN drives",
    " WHERE 1 IN main.drives",
    " -- ",
    " /* ",
    " WHERE id IN (SELECT id FROM main.drives)",
    " UNION ALL SELECT * FROM drives",
    " UNION ALL SELECT id FROM secrets",
    " WHERE EXISTS (SELECT 1 FROM 'secrets')",
    " LIMIT 5",
    " ORDER BY 1",
    "; SELECT * FROM main.drives",
    ")",
    " ?1",
    " WHERE txt LIKE '%th%'",
    " WHERE 'main' = txt",
    " RETURNING *",
    "; DELETE FROM drives",
    " UNION SELECT id FROM logs",
    " GROUP BY 1",
    " WHERE (SELECT count(*) FROM main.secrets) > 0",
    ";",
    " WHERE vin IS NOT NULL OR vin IS NULL",
)


def attack(random: Random) -> str:
    """Return one text; most of its parts are harmless, so that many of the texts run."""

    def part(hostile: Sequence[str], *plain: str) -> str:
        return random.choice(hostile if random.random() < 0.4 else plain)

    kind = random.random()
    if kind < 0.08:
        return part(HEADS, "") + random.choice(WRITES) + part(TAILS, "")
    if kind < 0.2:
        pieces = [*SOURCES, *HEADS, *TAILS, *WRITES, "SELECT ", " FROM ", "'", '"', "]"]
        return "".join(random.choice(pieces) for _ in range(5))
    source = part(SOURCES, "drives", "messages", "secrets", "docs", "comments")
    if random.random() < 0.2:
        source += f" JOIN {part(SOURCES, 'drives b', 'logs b')}"
    return f"{part(HEADS, '')}SELECT {random.choice(COLUMNS)} FROM {source}{part(TAILS, '', ' WHERE 1 OR 1')}"


async def attacked(tables: Tables, seed: int, total: int, *, locked: bool = True) -> tuple[Counter[str], list[str]]:
    """Run attacks; return the counts of the outcomes, and the attacks that saw or changed another's row."""
    random = Random(seed)
    counts = Counter[str]()
    hits = list[str]()
    for _ in range(total // EACH):
        with loaded(WORLD) as db:
            before = snapshot(db.connection)
            scoped = tables.scoped(db if locked else Unlocked(db), ACTOR)
            texts = [attack(random) for _ in range(EACH)]
            for text in texts:
                outcome, rows = await ran(scoped.all(text))
                counts[outcome] += 1
                if outcome == "second lock" or ("theirs" in repr(rows) and "theirs" not in text):
                    hits.append(text)
            if snapshot(db.connection) != before:
                hits.append("\n".join(texts))
    return counts, hits


async def ran(call: object) -> tuple[str, list[Row]]:
    """Return the outcome of one text, and its rows."""
    try:
        rows: list[Row] = await call  # type: ignore[misc]
    except StatementRefused:
        return "refused", []
    except DatabaseError as fault:
        return ("second lock" if "authorized" in str(fault) or "prohibited" in str(fault) else "error"), []
    except PortError:
        return "error", []
    return "ran", rows


def check_attacks(seed: int, total: int) -> None:
    for locked in (True, False):
        counts, hits = asyncio.run(attacked(TABLES, seed, total // 2, locked=locked))
        assert hits == [], hits[0]
        assert counts["ran"] > total / 10, counts


@pytest.mark.slow
def test_no_text_sees_or_changes_another_callers_rows() -> None:
    check_attacks(1, 5_000)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(10, 20))
def test_many_texts_see_and_change_no_other_callers_rows(seed: int) -> None:
    check_attacks(seed, 10_000)


WEAKER: dict[str, type[Scope]] = {
    "rule 2": WithoutRule2,
    "rule 3": WithoutRule3,
    "rule 4": WithoutRule4,
    "rules 5 and 11": WithoutRules5And11,
}


@pytest.mark.parametrize("rule", WEAKER)
def test_attacks_notice_a_rule_that_is_off(rule: str) -> None:
    _, hits = asyncio.run(attacked(weakened(WEAKER[rule]), 1, 1_000, locked=False))
    assert hits != []


@pytest.mark.parametrize("rule", WEAKER)
def test_second_lock_holds_without_a_rule(rule: str) -> None:
    counts, hits = asyncio.run(attacked(weakened(WEAKER[rule]), 1, 1_000))
    unlocked = asyncio.run(attacked(weakened(WEAKER[rule]), 1, 1_000, locked=False))[1]
    assert counts["second lock"] > 0
    assert len(hits) - counts["second lock"] < len(unlocked) / 4


def test_every_table_of_the_world_has_rows_of_others() -> None:
    assert set(WORLD) == set(WRITABLE)
    assert {name for name, rows in WORLD.items() if "theirs" not in repr(rows)} == {"users"}
