"""Random writes of random callers change the callers' own rows and no others, with any condition."""

import asyncio
from collections import Counter
from random import Random
from typing import Any, NamedTuple

import pytest
from tests.contracts.world import TABLES, USERS, VINS, WRITABLE, World, caller, random_world, visible
from tests.edge.data.weakened import WEAKER_WRITES, PublicParents, Unlocked, weakened
from tests.edge.data.worlds import loaded, reduced, snapshot, some_indexes

from edge.access import Actor
from edge.data import CallerKind, ScopedDatabase, Sql, StatementRefused, Tables
from edge.ports import DatabaseError, OutOfScope

EACH = 50
"""Writes in one world."""
KINDS = (CallerKind.BOUND, CallerKind.MEMBER, CallerKind.OWNER, CallerKind.ANONYMOUS)
MOVED = {"practitioners": {"appointments"}, "conversations": {"messages"}, "capsules": {"comments"}}
"""Tables in which rows change owners with a row of another table."""
CONVERSATIONS = [f"k{number}" for number in range(6)]
CAPSULES = [f"c{number}" for number in range(10)]
CONDITIONS = (
    "id = ?",
    "n > ? OR 1",
    "1",
    "true",
    "id IN (SELECT id FROM drives) OR ? IS NULL",
    "id IN (SELECT capsule_id FROM comments)",
    "n = (SELECT max(n) FROM messages)",
    "1) OR (1",
    "1) OR id NOT IN (SELECT id FROM messages",
    "n = 1 -- ?",
    "1 /* ",
    "1) /* ",
    "1) SELECT id FROM drives /* ",
    "id = 'd1' UNION SELECT id FROM main.drives",
    "1 UNION ALL SELECT 'd1' UNION ALL SELECT 'd2' UNION ALL SELECT 'c1' UNION ALL SELECT 'm1'",
    "1 UNION ALL SELECT id FROM capsules",
    "1) DELETE FROM drives --",
    "1) UPDATE drives SET n = 9 --",
    "1), z AS (SELECT 1",
    "1), capsules AS (SELECT 'c1' AS id",
    "1), conversations AS (SELECT 'k1' AS id",
    "1), json_each AS (SELECT 'v1' AS value",
    "1 RETURNING id",
    "1 LIMIT 3",
    "drives.id = 'd1'",
    "id IN main.drives",
    "1; DELETE FROM drives",
)
EXPRESSIONS = (
    "n + 1",
    "n * ?",
    "(SELECT count(*) FROM secrets)",
    "(SELECT max(n) FROM main.secrets)",
    "coalesce(n, ?)",
    "1) AS set_0__, (2",
    "1, user_id = 'u1'",
    "1 WHERE 1 /* ",
    "1) FROM drives WHERE 1) UPDATE main.drives SET n = 1 -- ",
    "(SELECT n FROM logs)",
)


class Write(NamedTuple):
    """One write: a function of the database, and its arguments."""

    function: str
    table: str
    arguments: tuple[Any, ...]
    named: dict[str, Any]

    async def on(self, db: ScopedDatabase) -> int:
        """Run it and return how many rows it changed."""
        result = await getattr(db, self.function)(self.table, *self.arguments, **self.named)
        return int(result.changes)


class Writer:
    """Makes random writes of a caller, most of them to rows that can be its own."""

    def __init__(self, random: Random, actor: Actor | None) -> None:
        self.random = random
        self._subjects = sorted(actor.subjects) if actor and actor.subjects else [*VINS]
        self._name = actor.name if actor else "nobody"
        is_bound = actor is not None and actor.subjects is not None
        self._tables = ["drives", "vehicles"] if is_bound else ["appointments", "capsules", "messages", "comments"]

    def write(self) -> Write:
        """Return a write."""
        table = self.random.choice([*self._tables, *self._tables, *WRITABLE])
        kind = self.random.random()
        if kind < 0.4:
            return self._insert(table)
        hostile = self.random.random() < 0.5
        condition = self.random.choice(CONDITIONS if hostile else ("true", "n > ? OR 1", "id = ?", "n < ?"))
        marks = condition.partition("--")[0].count("?")
        params = [self.random.choice([1, 3, "d1", "m1", "c2", "k1"]) for _ in range(marks)]
        if kind < 0.6:
            return Write("delete", table, (condition, *params), {"returning": WRITABLE[table]})
        columns = [name for name in WRITABLE[table] if hostile or name in {"n", "txt", "name", "status"}]
        changes = {column: self._value(table, column) for column in self.random.sample(columns, 1)}
        if self.random.random() < 0.4:
            text = self.random.choice(EXPRESSIONS if hostile else EXPRESSIONS[:3])
            changes["n"] = Sql(text, *[2] * text.count("?"))
        return Write("update", table, (changes, condition, *params), {"returning": WRITABLE[table]})

    def _insert(self, table: str) -> Write:
        columns = WRITABLE[table]
        many = self.random.choice([1, 1, 1, 2, 3, 40])
        rows = [
            {column: self._value(table, column) for column in columns if self.random.random() < 0.95}
            for _ in range(many)
        ]
        key = self.random.choice([(), "id"]) if "id" in columns else ("user_id", "team")
        keep = self.random.random() < 0.2
        return Write("insert", table, (rows,), {"key": key, "keep": keep, "returning": columns})

    def _value(self, table: str, column: str) -> Any:
        random = self.random
        if column == "n" or (table == "appointments" and column == "id"):
            return random.randrange(16)
        if random.random() < 0.7:
            own = {"vin": self._subjects, "conversation_id": CONVERSATIONS, "capsule_id": CAPSULES, "status": ["asked"]}
            own |= {name: [self._name] for name in ("user_id", "customer_id", "owner_id")}
            if column in own:
                return random.choice(own[column])
        if column in {"id", "team"}:
            names = ["d3", "c3", "k2", "m3", "r2", "p1", "red", "blue", f"new{random.randrange(99)}"]
            return random.choice(self._subjects if table == "vehicles" else names)
        if column == "status":
            return random.choice(["asked", "agreed"])
        return random.choice([None, *VINS, *USERS, "public", "private", "k1", "k3", "p0", "p2", "c1", "c4"])


async def compare(tables: Tables, seed: int, total: int, *, locked: bool = True) -> tuple[Counter[str], list[str]]:
    """Run random writes; return the counts of the outcomes, and the writes that changed another's row.

    Without the second lock the first such write ends the run.
    """
    random = Random(seed)
    counts = Counter[str]()
    faults = list[str]()
    while counts.total() < total and (locked or not faults):
        world = random_world(random)
        actor = caller(random, KINDS)
        indexes = some_indexes(random)
        writer = Writer(random, actor)
        with loaded(world, indexes) as everybody, reduced(visible(world, actor, own=True), indexes) as theirs:
            scoped = tables.scoped(everybody if locked else Unlocked(everybody), actor)
            after = snapshot(everybody.connection)
            for _ in range(EACH):
                write = writer.write()
                before = after
                outcome = await outcome_of(write, scoped)
                counts[f"{write.function} {outcome}"] += 1
                if outcome != "refused":
                    after = snapshot(everybody.connection)
                if outcome == "second lock" or (outcome != "ran" and after != before):
                    faults.append(f"{outcome}: {actor} {write}")
                elif moved := others_changed(before, after, actor, write.table):
                    faults.append(f"{moved}: {actor} {write}")
                elif outcome == "ran":
                    await outcome_of(write, TABLES.system(theirs))
                    if untimed(visible(after, actor, own=True)) != untimed(snapshot(theirs.connection)):
                        if is_comparable(write):
                            faults.append(f"own rows differ: {actor} {write}")
                        break
    return counts, sorted(faults, key=len)


def untimed(world: World) -> World:
    """Return rows without the time of their last update, which is not the same second in both."""
    return world | {"drives": [row[:4] for row in world["drives"]]}


def is_comparable(write: Write) -> bool:
    """Tell whether a write has the same effect on the caller's rows with and without other rows."""
    looks_around = "LIMIT" in str(write.arguments) or "conversations AS" in str(write.arguments)
    return write.function != "insert" and write.table not in MOVED and not looks_around


async def outcome_of(write: Write, db: ScopedDatabase) -> str:
    """Run a write and return its outcome."""
    try:
        return "ran" if await write.on(db) else "nothing"
    except StatementRefused:
        return "refused"
    except OutOfScope:
        return "outside"
    except DatabaseError as fault:
        return "second lock" if "authorized" in str(fault) or "prohibited" in str(fault) else "error"


def others_changed(before: World, after: World, actor: Actor | None, written: str) -> str:
    """Return the table in which another's row was changed or appeared, or nothing."""
    own_before, own_after = visible(before, actor, own=True), visible(after, actor, own=True)
    for name in WRITABLE:
        if name not in MOVED.get(written, set()):
            theirs = [row for row in before[name] if row not in own_before[name]]
            if theirs != [row for row in after[name] if row not in own_after[name]]:
                return name
    return ""


def check_writes(seed: int, total: int) -> None:
    counts, faults = asyncio.run(compare(TABLES, seed, total))
    assert faults == [], f"{counts}\n{faults[0]}"
    for function in ("insert", "update", "delete"):
        assert counts[f"{function} ran"] > total / 100, counts
        assert counts[f"{function} refused"] > total / 100, counts
    assert counts["insert outside"] > total / 20, counts


@pytest.mark.slow
def test_random_writes_change_the_callers_rows_and_no_others() -> None:
    check_writes(1, 5_000)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(10, 20))
def test_many_random_writes_change_the_callers_rows_and_no_others(seed: int) -> None:
    check_writes(seed, 10_000)


@pytest.mark.slow
@pytest.mark.parametrize("guard", [*WEAKER_WRITES, "parents of one's own"])
def test_random_writes_notice_a_guard_that_is_off(guard: str) -> None:
    weaker = weakened(writes=WEAKER_WRITES[guard]) if guard in WEAKER_WRITES else weakened(PublicParents)
    assert asyncio.run(compare(weaker, 1, 4_000, locked=False))[1] != []


@pytest.mark.slow
def test_random_writes_without_the_second_lock_change_no_other_rows() -> None:
    assert asyncio.run(compare(TABLES, 2, 2_000, locked=False))[1] == []
