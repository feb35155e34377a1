"""The query dialect as SQL."""

import pytest

from core_tessie.d1 import filters
from core_tessie.d1.filters import CHOICE, INSERT, PAGE, ROW, Condition, condition, order, parse, select, split
from core_tessie.d1.refusals import (
    InvalidValue,
    MalformedQuery,
    PatternTooLong,
    QueryTooLarge,
    Refusal,
    UnknownColumn,
    Unsupported,
)
from core_tessie.tables import SERVED as TABLES

DRIVES, VEHICLES, LOGS, REPORTS = (TABLES[name] for name in ("drives", "vehicles", "logs", "energy_reports"))


@pytest.mark.parametrize(
    ("name", "text", "sql", "value"),
    [
        ("tag", "eq.work", '"tag" = ?', "work"),
        ("tag", "eq.", '"tag" = ?', ""),
        ("tag", "eq.a.b,c", '"tag" = ?', "a.b,c"),
        ("tag", "neq.work", '"tag" <> ?', "work"),
        ("tessie_id", "gt.7", '"tessie_id" > ?', 7),
        ("tessie_id", "gte.-7", '"tessie_id" >= ?', -7),
        ("distance_mi", "lt.1.5e1", '"distance_mi" < ?', 15.0),
        ("distance_mi", "lte.-.5", '"distance_mi" <= ?', -0.5),
        ("tag", "not.eq.work", 'NOT ("tag" = ?)', "work"),
        ("tag", "like.a*b%_", '"tag" GLOB ?', "a*b*?"),
        ("tag", r"like.50\%\*\?[x]\a", '"tag" GLOB ?', "50%[*][?][[]x]a"),
        ("tag", 'in.(a,"b,c","d\\"e\\\\")', '"tag" IN (SELECT value FROM json_each(?))', '["a","b,c","d\\"e\\\\"]'),
        ("tag", "in.()", '"tag" IN (SELECT value FROM json_each(?))', "[]"),
        ("tessie_id", "not.in.(1,2)", 'NOT ("tessie_id" IN (SELECT value FROM json_each(?)))', "[1,2]"),
    ],
)
def test_a_filter_becomes_a_condition_with_its_value_bound(name: str, text: str, sql: str, value: object) -> None:
    assert condition(DRIVES, name, text) == Condition(sql, (value,))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "sql"),
    [
        ("is.null", '"is_locked" IS NULL'),
        ("is.not_null", '"is_locked" IS NOT NULL'),
        ("is.TRUE", '"is_locked" IS 1'),
        ("not.is.false", 'NOT ("is_locked" IS 0)'),
    ],
)
def test_is_binds_nothing(text: str, sql: str) -> None:
    assert condition(VEHICLES, "is_locked", text) == Condition(sql)


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("2025-06-01T12:00:00Z", "2025-06-01 12:00:00"),
        ("2025-06-01t12:00:00z", "2025-06-01 12:00:00"),
        ("2025-06-01 12:00:00", "2025-06-01 12:00:00"),
        ("2025-06-01T12:00:00+02:00", "2025-06-01 10:00:00"),
        ("2025-06-01T12:00:00 02:00", "2025-06-01 10:00:00"),
        ("2025-06-01T12:00:00.999-0530", "2025-06-01 17:30:00"),
        ("2025-06-01T12:00", "2025-06-01 12:00:00"),
        ("2025-06-01", "2025-06-01 00:00:00"),
        ("0999-06-01", "0999-06-01 00:00:00"),
    ],
)
def test_an_instant_is_bound_in_the_stored_form(text: str, stored: str) -> None:
    assert condition(DRIVES, "started_at", f"gte.{text}").params == (stored,)


@pytest.mark.parametrize(
    ("name", "text", "refusal"),
    [
        ("nope", "eq.1", UnknownColumn),
        ("Tag", "eq.1", UnknownColumn),
        ('tag" = 1 --', "eq.1", UnknownColumn),
        ("tag->>a", "eq.1", Unsupported),
        ("vehicles.state", "eq.1", Unsupported),
        ("tag", "", MalformedQuery),
        ("tag", "eq", MalformedQuery),
        ("tag", "work", MalformedQuery),
        ("tag", "same.work", MalformedQuery),
        ("tag", ".work", MalformedQuery),
        ("tag", "not.not.eq.work", MalformedQuery),
        ("tag", "not.eq", MalformedQuery),
        ("tag", "ilike.work", Unsupported),
        ("tag", "match.work", Unsupported),
        ("tag", "eq(any).{a,b}", Unsupported),
        ("tag", "fts(english).a", Unsupported),
        ("tag", "is.true", InvalidValue),
        ("tag", "is.", InvalidValue),
        ("tag", "is.nothing", InvalidValue),
        ("tag", "like." + "a" * 51, PatternTooLong),
        ("tag", "like." + "é" * 26, PatternTooLong),
        ("tag", "like." + "[" * 17, PatternTooLong),
        ("tag", "like.a\\", MalformedQuery),
        ("tessie_id", "like.1*", Unsupported),
        ("tag", "in.a,b", MalformedQuery),
        ("tag", "in.(", MalformedQuery),
        ("tag", "in.(a,,b)", MalformedQuery),
        ("tag", "in.(a,)", MalformedQuery),
        ("tag", 'in.("a)', MalformedQuery),
        ("tag", 'in.(a"b)', MalformedQuery),
        ("tessie_id", "in.(1,x)", InvalidValue),
        ("tessie_id", "eq.abc", InvalidValue),
        ("tessie_id", "eq.1.5", InvalidValue),
        ("tessie_id", "eq.9007199254740992", InvalidValue),
        ("tessie_id", "eq.99999999999999999999", InvalidValue),
        ("tessie_id", "eq.1_000", InvalidValue),
        ("tessie_id", "eq.\u0661", InvalidValue),
        ("tessie_id", "eq. 1", InvalidValue),
        ("distance_mi", "eq.nan", InvalidValue),
        ("distance_mi", "eq.Infinity", InvalidValue),
        ("distance_mi", "eq.1e999", InvalidValue),
        ("distance_mi", "eq.", InvalidValue),
        ("started_at", "gte.yesterday", InvalidValue),
        ("started_at", "gte.2025-13-01", InvalidValue),
        ("started_at", "gte.0001-01-01T00:00:00+02:00", InvalidValue),
        ("started_at", "gte.1735689600", InvalidValue),
    ],
)
def test_invalid_filter_is_refused(name: str, text: str, refusal: type[Refusal]) -> None:
    with pytest.raises(refusal) as fault:
        condition(DRIVES, name, text)
    assert fault.value.extra["code"]
    assert fault.value.detail == fault.value.extra["message"]


def test_json_and_flags_refuse_meaningless_operators() -> None:
    with pytest.raises(Unsupported):
        condition(LOGS, "payload", "eq.{}")
    with pytest.raises(InvalidValue):
        condition(VEHICLES, "is_locked", "eq.2")
    assert condition(VEHICLES, "is_locked", "eq.false").params == (0,)
    assert condition(LOGS, "payload", "not.is.null").sql == 'NOT ("payload" IS NULL)'


def test_refused_column_or_operator_lists_the_valid_ones() -> None:
    with pytest.raises(UnknownColumn) as column:
        condition(DRIVES, "nope", "eq.1")
    assert "started_at" in str(column.value.extra["hint"])
    with pytest.raises(MalformedQuery) as operator:
        condition(DRIVES, "tag", "same.1")
    assert "eq, neq, gt, gte, lt, lte, in, is, like" in str(operator.value.extra["hint"])


@pytest.mark.parametrize(
    ("text", "sql"),
    [
        (None, '"id" ASC'),
        ("started_at", '"started_at" ASC, "id" ASC'),
        ("started_at.desc", '"started_at" DESC, "id" DESC'),
        ("tag", '"tag" ASC NULLS LAST, "id" ASC'),
        ("tag.asc.nullsfirst", '"tag" ASC, "id" ASC'),
        ("tag.desc", '"tag" DESC NULLS FIRST, "id" DESC'),
        ("tag.desc.nullslast", '"tag" DESC, "id" DESC'),
        ("tag.nullsfirst", '"tag" ASC, "id" ASC'),
        ("created_at.desc", '"created_at" DESC, "id" DESC'),
        ("vin, started_at.desc", '"vin" ASC, "started_at" DESC, "id" DESC'),
        ("vin,vin.desc,id.asc", '"vin" ASC, "id" ASC'),
    ],
)
def test_an_order_ends_with_the_id_and_puts_nulls_where_postgresql_does(text: str | None, sql: str) -> None:
    assert order(DRIVES, text) == sql


@pytest.mark.parametrize(
    ("text", "refusal"),
    [
        ("", MalformedQuery),
        ("tag,", MalformedQuery),
        ("tag.down", MalformedQuery),
        ("tag.nullsfirst.asc", MalformedQuery),
        ("nope.asc", UnknownColumn),
        ("vehicles(state).asc", Unsupported),
        ("tag->a", Unsupported),
    ],
)
def test_invalid_order_is_refused(text: str, refusal: type[Refusal]) -> None:
    with pytest.raises(refusal):
        order(DRIVES, text)


def test_a_select_names_columns_once() -> None:
    assert [column.name for column in select(DRIVES, "tag, id,tag")] == ["tag", "id"]
    assert select(DRIVES, "*") == tuple(DRIVES.columns.values())
    assert [column.name for column in select(DRIVES, "tag,*")][:2] == ["tag", "id"]


@pytest.mark.parametrize(
    ("text", "refusal"),
    [
        ("", MalformedQuery),
        ("id,", MalformedQuery),
        ("nope", UnknownColumn),
        ("drive:id", Unsupported),
        ("id::text", Unsupported),
        ("tag->a", Unsupported),
        ("*,vehicles(*)", Unsupported),
        ("...vehicles(state)", Unsupported),
        ("distance_mi.sum()", Unsupported),
    ],
)
def test_invalid_select_is_refused(text: str, refusal: type[Refusal]) -> None:
    with pytest.raises(refusal):
        select(DRIVES, text)


def test_quoted_values_of_a_list_are_kept_whole() -> None:
    assert split('a b,"c,(d)",""') == ["a b", "c,(d)", ""]


def test_several_filters_all_have_to_hold() -> None:
    query = parse(DRIVES, [("tessie_id", "gte.1"), ("tessie_id", "lt.9"), ("tag", "is.null")], PAGE)
    assert query.where == Condition('"tessie_id" >= ? AND "tessie_id" < ? AND "tag" IS NULL', (1, 9))


def test_a_query_has_defaults() -> None:
    query = parse(DRIVES, [], PAGE)
    assert (query.where, query.limit, query.offset, query.body_columns) == (None, 100, 0, None)
    assert parse(DRIVES, [("limit", "0"), ("offset", "9007199254740991")], PAGE).limit == 0


@pytest.mark.parametrize(
    ("items", "takes", "refusal"),
    [
        ([("limit", "-1")], PAGE, InvalidValue),
        ([("limit", "abc")], PAGE, InvalidValue),
        ([("limit", "")], PAGE, InvalidValue),
        ([("limit", "1001")], PAGE, QueryTooLarge),
        ([("limit", "1"), ("limit", "2")], PAGE, MalformedQuery),
        ([("offset", "9007199254740992")], PAGE, QueryTooLarge),
        ([("offset", "1e3")], PAGE, InvalidValue),
        ([("or", "(tag.eq.a,tag.eq.b)")], PAGE, Unsupported),
        ([("not.and", "(tag.eq.a)")], PAGE, Unsupported),
        ([("on_conflict", "id")], INSERT, Unsupported),
        ([("cursor", "x")], PAGE, Unsupported),
        ([("columns", "id")], PAGE, MalformedQuery),
        ([("columns", "id,nope")], INSERT, UnknownColumn),
        ([("order", "id")], CHOICE, MalformedQuery),
        ([("limit", "1")], CHOICE, MalformedQuery),
        ([("tag", "eq.a")], ROW, MalformedQuery),
        ([("tag", "eq.a")], INSERT, MalformedQuery),
        ([("", "")], PAGE, UnknownColumn),
        ([("tag", "eq.\0")], PAGE, MalformedQuery),
        ([("tag", "eq.\ud800")], PAGE, MalformedQuery),
        ([("\udfff", "eq.1")], PAGE, MalformedQuery),
        ([("tag", "is.null")] * (filters.MAX_FILTERS + 1), PAGE, QueryTooLarge),
    ],
)
def test_unsupported_parameter_is_refused(
    items: list[tuple[str, str]], takes: frozenset[str], refusal: type[Refusal]
) -> None:
    with pytest.raises(refusal):
        parse(DRIVES, items, takes)


def test_a_period_is_an_instant() -> None:
    assert condition(REPORTS, "period_from", "gte.2025-01-01").params == ("2025-01-01 00:00:00",)
