"""A small world of tables that belong to callers in every way, its random rows, and the rows visible to each caller."""

from collections.abc import Callable, Iterator, Mapping
from random import Random
from typing import Any, NamedTuple

from tests.contracts.world_schema import SCHEMA

from edge.access import ADMIN, PUBLIC, READER, Actor
from edge.data import BOUND, MEMBER, OWNER, CallerKind, Table, Tables, kind_of

DDL = (
    "CREATE TABLE users (id TEXT PRIMARY KEY, name TEXT)",
    "CREATE TABLE vehicles (id TEXT PRIMARY KEY, name TEXT, n INTEGER)",
    "CREATE TABLE drives (id TEXT PRIMARY KEY, vin TEXT, n INTEGER, txt TEXT,"
    " updated_at TEXT DEFAULT CURRENT_TIMESTAMP, g TEXT GENERATED ALWAYS AS (vin || '/' || n) VIRTUAL)",
    "CREATE TABLE practitioners (id TEXT PRIMARY KEY, user_id TEXT, n INTEGER)",
    "CREATE TABLE appointments (id INTEGER PRIMARY KEY, customer_id TEXT, practitioner_id TEXT, n INTEGER, txt TEXT,"
    " status TEXT NOT NULL DEFAULT 'asked')",
    "CREATE TABLE capsules (id TEXT, owner_id TEXT, visibility TEXT, n INTEGER, txt TEXT, PRIMARY KEY (id))"
    " WITHOUT ROWID",
    "CREATE TABLE conversations (id TEXT PRIMARY KEY, user_id TEXT, n INTEGER)",
    "CREATE TABLE messages (id TEXT PRIMARY KEY, conversation_id TEXT, n INTEGER, txt TEXT)",
    "CREATE TABLE comments (id TEXT PRIMARY KEY, capsule_id TEXT, n INTEGER, txt TEXT)",
    "CREATE TABLE memberships (user_id TEXT, team TEXT, n INTEGER, PRIMARY KEY (user_id, team))",
    "CREATE TABLE secrets (id TEXT PRIMARY KEY, n INTEGER, txt TEXT)",
    "CREATE TABLE logs (id TEXT PRIMARY KEY, n INTEGER, txt TEXT)",
    "CREATE VIEW drive_view AS SELECT id, vin, n, txt FROM drives",
    "CREATE VIEW raw_view AS SELECT id, n, txt FROM drives UNION ALL SELECT id, n, txt FROM secrets",
    "CREATE VIRTUAL TABLE docs USING fts5(id, txt)",
    "CREATE TRIGGER drives_found AFTER INSERT ON drives BEGIN INSERT INTO docs (id, txt) VALUES (new.id, new.txt); END",
    "CREATE TRIGGER drives_changed AFTER UPDATE ON drives WHEN new.updated_at IS old.updated_at"
    " BEGIN UPDATE drives SET updated_at = CURRENT_TIMESTAMP WHERE id = new.id; END",
)
"""The schema, a statement each."""
INDEXES = (
    "CREATE INDEX drives_by_vin ON drives (vin, n)",
    "CREATE INDEX appointments_by_customer ON appointments (customer_id)",
    "CREATE INDEX appointments_by_practitioner ON appointments (practitioner_id, n)",
    "CREATE INDEX practitioners_by_user ON practitioners (user_id)",
    "CREATE INDEX capsules_by_owner ON capsules (owner_id)",
    "CREATE INDEX capsules_by_visibility ON capsules (visibility)",
    "CREATE INDEX messages_by_conversation ON messages (conversation_id)",
    "CREATE INDEX conversations_by_user ON conversations (user_id)",
    "CREATE UNIQUE INDEX vehicles_by_name ON vehicles (name, id)",
    "CREATE INDEX drives_with_n ON drives (n) WHERE n > 3",
    "CREATE INDEX comments_by_capsule ON comments (capsule_id)",
)
"""Indexes that a plan may use; a random part of them is made."""

_SUBJECTS = "IN (SELECT value FROM json_each(:subjects))"
MINE = "customer_id = :caller OR practitioner_id IN (SELECT id FROM main.practitioners WHERE user_id = :caller)"
DECLARED = (
    Table("users", read=PUBLIC, public="true"),
    Table("vehicles", read=READER, write=READER, own={BOUND: f"id {_SUBJECTS}"}),
    Table("drives", read=READER, write=READER, own={BOUND: f"vin {_SUBJECTS}"}),
    Table("practitioners", read=READER, write=READER, own="user_id = :caller"),
    Table(
        "appointments",
        read=READER,
        write=READER,
        own={MEMBER: MINE},
        check={MEMBER: "customer_id = :caller AND status = 'asked'"},
        writable=("txt", "n"),
    ),
    Table("capsules", read=PUBLIC, write=READER, own="owner_id = :caller", public="visibility = 'public'"),
    Table("conversations", read=READER, write=READER, own="user_id = :caller"),
    Table("messages", read=READER, write=READER, own="conversation_id IN (SELECT id FROM conversations)"),
    Table("comments", read=READER, write=READER, own="EXISTS (SELECT 1 FROM capsules c WHERE c.id = capsule_id)"),
    Table("memberships", read=READER, write=READER, own="user_id = :caller"),
    Table("secrets", private=True),
    Table("logs", read=ADMIN, write=ADMIN),
    Table("drive_view", read=READER, own={BOUND: f"vin {_SUBJECTS}"}),
    Table("docs", read=READER, own={BOUND: "EXISTS (SELECT 1 FROM drives d WHERE d.id = docs.id)"}),
)
TABLES = Tables(SCHEMA, *DECLARED)

NAMES = tuple(SCHEMA.relations)
COLUMNS = {name: tuple(relation.columns) for name, relation in SCHEMA.relations.items()}
WRITABLE = {
    name: tuple(column.name for column in relation.columns.values() if not column.is_generated)
    for name, relation in SCHEMA.relations.items()
    if relation.form == "table"
}
VINS = tuple(f"v{number}" for number in range(5))
USERS = tuple(f"u{number}" for number in range(4))

type Cells = tuple[Any, ...]
type World = dict[str, list[Cells]]


class Case(NamedTuple):
    """A caller in a world."""

    world: World
    actor: Actor | None


def random_world(random: Random) -> World:
    """Return random rows of all tables, some of nobody's."""

    def many(most: int) -> Iterator[int]:
        yield from range(random.randint(0, most))

    def number() -> int | None:
        return random.randrange(8) if random.random() < 0.9 else None

    def word(*words: str) -> str | None:
        return random.choice([*words, None])

    at = "2026-11-29 12:00:00"
    practitioners, conversations = [f"p{i}" for i in range(4)], [f"k{i}" for i in range(6)]
    world: World = {
        "users": [(user, user.upper()) for user in USERS],
        "vehicles": [(vin, random.choice("xyz"), number()) for vin in VINS],
        "drives": [(f"d{i}", word(*VINS), number(), word("alpha", "beta", "gamma beta"), at) for i in many(14)],
        "practitioners": [(id_, word(*USERS), number()) for id_ in practitioners],
        "appointments": [
            (i, word(*USERS), word(*practitioners), number(), f"t{i}", random.choice(["asked", "agreed"]))
            for i in many(10)
        ],
        "capsules": [(f"c{i}", word(*USERS), word("public", "private"), number(), f"x{i}") for i in many(10)],
        "conversations": [(id_, word(*USERS), number()) for id_ in conversations[: random.randint(0, 6)]],
        "messages": [(f"m{i}", word(*conversations), number(), f"m{i}") for i in many(12)],
        "comments": [(f"r{i}", word(*(f"c{n}" for n in range(10))), number(), f"r{i}") for i in many(10)],
        "memberships": [(user, team, number()) for user in USERS for team in ("red", "blue") if random.random() < 0.5],
        "secrets": [(f"s{i}", number(), "zz") for i in range(3)],
        "logs": [(f"l{i}", number(), "log") for i in range(3)],
    }
    return world


def caller(random: Random, kinds: tuple[CallerKind, ...] = tuple(CallerKind)) -> Actor | None:
    """Return a random caller; a bound key has the name of a user, so that it can own rows by name as well."""
    name = random.choice([*USERS, "nobody"])
    kind = random.choice(kinds)
    return {
        CallerKind.ANONYMOUS: None,
        CallerKind.BOUND: Actor(name, READER, frozenset(random.sample(VINS, random.randint(0, 3)))),
        CallerKind.MEMBER: Actor(name, READER, is_member=True),
        CallerKind.OWNER: Actor(name, READER),
        CallerKind.ADMIN: Actor(name, ADMIN),
    }[kind]


def visible(world: Mapping[str, list[Cells]], actor: Actor | None, *, own: bool = False) -> World:
    """Return the rows that a caller may read, or those that are its `own`: the declaration once more, in Python."""
    kind = kind_of(actor)
    if kind is CallerKind.ADMIN:
        return {name: [] if name == "secrets" else rows for name, rows in world.items()}
    reads = actor is not None
    user = actor.name if actor else None
    subjects = (actor.subjects or frozenset()) if actor else frozenset()
    owner = kind is OWNER
    bound = kind is BOUND
    member = kind is MEMBER
    practices = {row[0] for row in world["practitioners"] if reads and row[1] == user}
    talks = {row[0] for row in world["conversations"] if reads and row[1] == user}
    capsules = {row[0] for row in world["capsules"] if (reads and row[1] == user) or (not own and row[2] == "public")}
    rules: dict[str, Callable[[Cells], bool]] = {
        "vehicles": lambda row: owner or (bound and row[0] in subjects),
        "drives": lambda row: owner or (bound and row[1] in subjects),
        "practitioners": lambda row: row[0] in practices,
        "appointments": lambda row: owner or (member and (row[1] == user or row[2] in practices)),
        "capsules": lambda row: row[0] in capsules,
        "conversations": lambda row: row[0] in talks,
        "messages": lambda row: row[1] in talks,
        "comments": lambda row: reads and row[1] in capsules,
        "memberships": lambda row: reads and row[0] == user,
    }
    rows_by_table = {name: [row for row in world[name] if rule(row)] for name, rule in rules.items()}
    users = world["users"] if owner or not own else []
    return {"users": users, "secrets": [], "logs": [], **rows_by_table}
