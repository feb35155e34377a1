"""Declarations that do not fit the schema, or would not keep rows apart, fail at import."""

import sqlite3
from contextlib import closing

import pytest

from core_tessie.schema import SCHEMA as TESSIE
from edge.access import ADMIN, OPERATOR, PUBLIC, READER, Actor
from edge.data import (
    ANONYMOUS,
    BOUND,
    MEMBER,
    OWNER,
    CallerKind,
    DeclarationError,
    Kind,
    Relation,
    Schema,
    Table,
    Tables,
    kind_of,
)
from schema import describe

NOTES = "CREATE TABLE notes (id TEXT PRIMARY KEY, owner_id TEXT, body TEXT, n INTEGER, g TEXT AS (body || n))"
TEAMS = "CREATE TABLE teams (id TEXT PRIMARY KEY, user_id TEXT)"
KEYS = "CREATE TABLE keys (id TEXT PRIMARY KEY)"
VIEW = "CREATE VIEW latest AS SELECT id, body FROM notes"
TEAM = Table("teams", own="user_id = :caller")
KEY = Table("keys", private=True)


def schema_of(*statements: str) -> Schema:
    with closing(sqlite3.connect(":memory:")) as connection:
        for statement in statements:
            connection.execute(statement)
        return describe(connection)


SCHEMA = schema_of(NOTES, TEAMS, KEYS, VIEW)


def declare(**declared: object) -> Tables:
    return Tables(SCHEMA, Table("notes", **declared), TEAM, KEY)  # type: ignore[arg-type]


def test_every_table_is_declared_once_and_is_in_the_schema() -> None:
    for tables, complaint in (
        ((TEAM, KEY), "notes: in the schema, and not declared"),
        ((Table("notes"), TEAM, KEY, Table("gone")), "gone: declared, and not in the schema"),
        ((Table("notes"), Table("notes"), TEAM, KEY), "declared twice"),
    ):
        with pytest.raises(DeclarationError, match=complaint):
            Tables(SCHEMA, *tables)
    Tables(SCHEMA, Table("notes"), TEAM, KEY, Table("latest", own="id = :caller"))


def test_name_that_is_no_lower_case_word_fails() -> None:
    with pytest.raises(DeclarationError, match="lower-case word"):
        Tables(Schema([Relation("Notes", "id", key=("id",))]), Table("Notes"))


@pytest.mark.parametrize(
    ("declared", "complaint"),
    [
        ({"writable": ("body", "title")}, "no column title"),
        ({"kinds": {"title": Kind.JSON}}, "no column title"),
        ({"own": "owner_id = :caller AND title = 1"}, "title: unknown column, table or word of SQL"),
        ({"own": "owner = :caller"}, "owner: unknown column"),
        ({"own": "id IN (SELECT id FROM gone)"}, "gone: unknown column, table"),
        ({"own": "id IN (SELECT id FROM main.gone)"}, "gone: no table"),
        ({"own": "id IN (SELECT team FROM teams)"}, "team: unknown column"),
        ({"own": "owner_id = :caller)"}, "parentheses in pairs"),
        ({"own": "(owner_id = :caller"}, "parentheses in pairs"),
        ({"own": ") OR ("}, "parentheses in pairs"),
        ({"public": " "}, "one expression"),
        ({"own": "owner_id = ?"}, "not allowed in a condition"),
        ({"own": "owner_id = :caller; DELETE FROM notes"}, "not allowed in a condition"),
        ({"own": 'owner_id = "x"'}, "not allowed in a condition"),
        ({"own": "owner_id = 'x"}, "quotes in pairs"),
        ({"own": "owner_id = 'é'"}, "ASCII"),
        ({"own": "owner_id = :caller -- mine"}, "comment"),
        ({"own": "owner_id = /* mine */ :caller"}, "comment"),
        ({"own": "owner_id = ':caller'"}, "reads as a parameter"),
        ({"own": "owner_id = :user"}, "binds :caller and :subjects"),
        ({"own": "owner_id = :CALLER"}, "in lower case"),
        ({"own": "owner_id NOT IN (SELECT id FROM teams)"}, "NOT IN and IS"),
        ({"own": "owner_id IS :caller"}, "NOT IN and IS"),
        ({"own": "owner_id IS  NOT :caller"}, "NOT IN and IS"),
        ({"own": "id IN (SELECT name FROM sqlite_master)"}, "sqlite_master: not allowed in a condition"),
        ({"own": "id IN (SELECT id FROM temp.teams)"}, "temp: not allowed in a condition"),
        ({"own": "id IN (SELECT id FROM main . teams)"}, "main is written before a table"),
        ({"own": "owner_id IN (SELECT value FROM json_each(:subjects))"}, "member callers do not have"),
        ({"own": {OWNER: "id IN (SELECT value FROM json_each(:subjects))"}}, "owner callers do not have"),
        ({"own": {ANONYMOUS: "true"}}, "own is for the kinds bound, member, owner"),
        ({"own": {CallerKind.ADMIN: "true"}}, "own is for the kinds"),
        ({"own": {BOUND: ""}}, "own of bound is empty"),
        ({"check": {MEMBER: " "}}, "check of member is empty"),
        ({"public": "owner_id = :caller"}, "anonymous callers do not have"),
        ({"own": "g = :caller"}, "a new row does not have yet"),
        ({"check": "g = 'x'"}, "a new row does not have yet"),
        ({"private": True, "own": "owner_id = :caller"}, "private table has no own"),
        ({"private": True, "writable": ()}, "private table has no own"),
        ({"own": "id IN (SELECT id FROM keys)"}, "main.keys has all"),
        ({"own": "id IN (SELECT id FROM latest)"}, "main.latest has all"),
        ({"read": OPERATOR, "write": READER}, "the role for write must be"),
    ],
)
def test_declaration_that_does_not_hold_fails(declared: dict[str, object], complaint: str) -> None:
    with pytest.raises(DeclarationError, match=complaint):
        declare(**declared)


@pytest.mark.parametrize(
    "own",
    [
        "owner_id = :caller",
        "owner_id = :caller AND n > 3 AND body LIKE 'a%' ESCAPE '!'",
        "owner_id IN (SELECT t.id FROM teams t WHERE t.user_id = :caller)",
        "owner_id IN (SELECT id FROM main.teams AS team WHERE team.user_id = :caller)",
        "EXISTS (SELECT 1 FROM teams WHERE teams.id = notes.owner_id)",
        "lower(owner_id) = :caller OR coalesce(n, 0) = 0",
        "id IN (SELECT id FROM main.notes WHERE owner_id = :caller)",
        "CASE WHEN n = 1 THEN owner_id = :caller ELSE false END",
        "body = 'it''s; -- main.x ?'",
    ],
)
def test_declaration_that_holds_passes(own: str) -> None:
    tables = declare(own=own, read=READER)
    assert tables["notes"].owned(MEMBER) is tables["notes"].own[MEMBER]


def test_tables_that_depend_on_each_other_fail() -> None:
    notes = Table("notes", own="owner_id IN (SELECT id FROM teams)")
    teams = Table("teams", own="id IN (SELECT owner_id FROM notes)")
    with pytest.raises(DeclarationError, match="depend on each other"):
        Tables(SCHEMA, notes, teams, KEY)
    Tables(SCHEMA, notes, Table("teams", own="id IN (SELECT owner_id FROM main.notes)"), KEY)


def test_view_that_shadow_tables_depend_on_needs_no_declaration() -> None:
    assert "latest" in Tables(SCHEMA, Table("notes"), TEAM, KEY).scope(OWNER, READER)[0].readable


def test_columns_named_in_a_condition_are_the_tables_own() -> None:
    rows = declare(own="owner_id IN (SELECT t.user_id FROM teams t WHERE t.id = notes.body)")["notes"]
    assert rows.own[MEMBER].columns == {"owner_id", "body"}


@pytest.mark.parametrize(
    ("actor", "kind"),
    [
        (None, ANONYMOUS),
        (Actor("a", PUBLIC), OWNER),
        (Actor("a", READER), OWNER),
        (Actor("a", OPERATOR), OWNER),
        (Actor("a", ADMIN), CallerKind.ADMIN),
        (Actor("a", READER, frozenset()), BOUND),
        (Actor("a", ADMIN, frozenset({"v"})), BOUND),
        (Actor("a", READER, is_member=True), MEMBER),
        (Actor("a", READER, frozenset(), is_member=True), BOUND),
    ],
)
def test_kind_of_a_caller(actor: Actor | None, kind: CallerKind) -> None:
    assert kind_of(actor) is kind


def test_kinds_of_columns_can_be_corrected() -> None:
    tables = declare(kinds={"body": Kind.JSON})
    assert (tables["notes"].columns["body"].kind, tables["notes"].columns["n"].kind) == (Kind.JSON, Kind.INTEGER)
    assert TESSIE.relations["drives"].columns["started_at"].kind is Kind.INSTANT
