"""PostgREST's query dialect as SQL: filters, `select`, `order`, `limit` and `offset`, every value bound."""

import re
from collections.abc import Callable, Iterable
from typing import NamedTuple

from pydantic_core import to_json

from core_tessie.d1.refusals import (
    InvalidValue,
    MalformedQuery,
    PatternTooLong,
    QueryTooLarge,
    UnknownColumn,
    Unsupported,
    quoted,
)
from core_tessie.d1.values import EXACT, from_text, is_writable
from edge.data import Column, Kind, Rows
from edge.ports import Value

DEFAULT_LIMIT = 100
MAX_LIMIT = 1000
MAX_FILTERS = 50
"""Filters in one query: D1's SQLite takes expressions 100 deep, and a row's values are bound beside them."""
MAX_PATTERN = 50
"""Bytes of a pattern that D1 takes."""

type Items = Iterable[tuple[str, str]]
"""A query string's pairs, decoded, in their order."""


class Condition(NamedTuple):
    """A boolean expression in SQL and the values of its placeholders."""

    sql: str
    params: tuple[Value, ...] = ()


class Query(NamedTuple):
    """A parsed query string: its condition is None without a filter, `order` holds the terms in SQL."""

    table: Rows
    columns: tuple[Column, ...]
    where: Condition | None
    order: str
    limit: int
    offset: int
    body_columns: tuple[Column, ...] | None = None
    """The columns that `columns=` says the body's rows have."""


PAGE = frozenset({"select", "order", "limit", "offset", "filter"})
"""Parameters of a list; `filter` stands for all filters."""
CHOICE = frozenset({"select", "filter"})
"""Parameters of a change of the rows that filters choose."""
INSERT = frozenset({"select", "columns"})
ROW = frozenset({"select"})

_LATER = {"and", "or", "not.and", "not.or", "on_conflict", "cursor"}
_RESERVED = (PAGE | INSERT | _LATER) - {"filter"}


def parse(table: Rows, items: Items, takes: frozenset[str]) -> Query:
    """Return the parsed pairs of a query string for a table; a problem for any parameter that is not in `takes`."""
    fixed: dict[str, str] = {}
    conditions: list[Condition] = []
    for name, text in _storable(items):
        if name in _RESERVED:
            fixed[name] = _once(name, text, fixed, takes)
        elif "filter" not in takes:
            raise MalformedQuery(f"{quoted(name)} has no place here; this takes {', '.join(sorted(takes))}")
        else:
            conditions.append(condition(table, name, text))
    if len(conditions) > MAX_FILTERS:
        raise QueryTooLarge(f"{len(conditions)} filters; at most {MAX_FILTERS} can be asked at once")
    return Query(
        table=table,
        columns=select(table, fixed["select"]) if "select" in fixed else tuple(table.columns.values()),
        where=all_of(conditions) if conditions else None,
        order=order(table, fixed.get("order")),
        limit=_number("limit", fixed["limit"], MAX_LIMIT) if "limit" in fixed else DEFAULT_LIMIT,
        offset=_number("offset", fixed["offset"], EXACT - 1) if "offset" in fixed else 0,
        body_columns=tuple(column(table, name) for name in split(fixed["columns"])) if "columns" in fixed else None,
    )


def condition(table: Rows, name: str, text: str) -> Condition:
    """Return one filter, `name=operator.value`, in SQL."""
    target = column(table, name)
    operator, dot, operand = text.partition(".")
    negated = operator == "not"
    if negated:
        operator, dot, operand = operand.partition(".")
    if not dot:
        raise MalformedQuery(f"{name}: write {name}=operator.value, not {quoted(text)}", hint=_OPERATORS_HINT)
    build = _OPERATORS.get(operator)
    if build is None:
        refusal = Unsupported if operator.partition("(")[0] in _KNOWN_OPERATORS else MalformedQuery
        raise refusal(f"{name}: {quoted(operator)} is not among the operators", hint=_OPERATORS_HINT)
    if target.kind is Kind.JSON and operator != "is":
        raise Unsupported(f"{name} holds JSON: the only filter on it is {name}=is.null, or is.not_null")
    inner = build(target, operand)
    return Condition(f"NOT ({inner.sql})", inner.params) if negated else inner


def all_of(conditions: Iterable[Condition]) -> Condition:
    """Return the condition that all of them hold."""
    parts = list(conditions)
    return Condition(" AND ".join(part.sql for part in parts), tuple(value for part in parts for value in part.params))


def select(table: Rows, text: str) -> tuple[Column, ...]:
    """Return the columns that `select=` names, each once; `*` stands for all."""
    chosen: dict[str, Column] = {}
    for name in _names(text):
        chosen |= table.columns if name == "*" else {name: column(table, name)}
    return tuple(chosen.values())


def order(table: Rows, text: str | None) -> str:
    """Return the terms of ORDER BY; the id ends them, so that pages never overlap.

    Nulls are sorted as in PostgreSQL, the reverse of SQLite: last in ascending, first in descending order.
    """
    terms: dict[str, str] = {}
    direction = "ASC"
    for part in [] if text is None else _names(text):
        term = _TERM.fullmatch(part)
        target = column(table, part.partition(".")[0])
        if term is None or target.kind is Kind.JSON:
            raise MalformedQuery(f"order: {quoted(part)} is not column.asc|desc.nullsfirst|nullslast of plain columns")
        direction = (term["direction"] or "asc").upper()
        terms.setdefault(target.name, f"{target.sql} {direction}{_nulls(target, direction, term['nulls'])}")
    terms.setdefault("id", f'"id" {direction}')
    return ", ".join(terms.values())


def column(table: Rows, name: str) -> Column:
    """Return a column by its name; `Unsupported` or `UnknownColumn`."""
    match = table.columns.get(name)
    if match is None:
        for mark, feature in _FEATURES.items():
            if mark in name:
                raise Unsupported(f"{quoted(name)}: {feature} are not supported", hint="plain columns are")
        raise UnknownColumn(table.name, name, table.columns)
    return match


def split(text: str) -> list[str]:
    r"""Return the items of a comma list; one in double quotes may hold anything, with `"` and `\` escaped."""
    items: list[str] = []
    at = -1
    while at < len(text):
        item = _ITEM.match(text, at + 1)
        if item is None:
            raise MalformedQuery(f"{quoted(text)} is not a list of values with commas between them")
        items.append(item["bare"] if item["quoted"] is None else re.sub(r"\\(.)", r"\1", item["quoted"], flags=re.S))
        at = item.end()
    return items


_ITEM = re.compile(r'(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<bare>[^,"()]+))(?=,|\Z)', re.S)
_TERM = re.compile(r"[^.]+(?:\.(?P<direction>asc|desc))?(?:\.(?P<nulls>nullsfirst|nullslast))?")
_FEATURES = {
    "->": "JSON paths",
    "::": "casts",
    "...": "spread relations",
    ":": "renames",
    "(": "embedded relations and aggregates",
    ")": "embedded relations and aggregates",
    "!": "embedded relations",
    ".": "filters on embedded relations",
}
"""Marks of PostgREST's features that are not supported here, with their names."""


def _storable(items: Items) -> Iterable[tuple[str, str]]:
    for name, text in items:
        if not storable(name) or not storable(text):
            raise MalformedQuery(f"{quoted(name)}: NUL characters and lone surrogates are no text")
        yield name, text


def storable(text: str) -> bool:
    """Tell whether the database can hold a text: PostgreSQL takes no NUL, and UTF-8 has no lone surrogate."""
    return "\0" not in text and not any("\ud800" <= mark <= "\udfff" for mark in text)


def _once(name: str, text: str, fixed: dict[str, str], takes: frozenset[str]) -> str:
    if name in fixed:
        raise MalformedQuery(f"{name} is given twice")
    if name in _LATER:
        raise Unsupported(f"{name}= is not supported")
    if name not in takes:
        raise MalformedQuery(f"{name}= has no place here; this takes {', '.join(sorted(takes))}")
    return text


def _number(name: str, text: str, most: int) -> int:
    if not re.fullmatch(r"[0-9]{1,16}", text):
        raise InvalidValue(name, text, f"a whole number from 0 to {most}")
    if int(text) > most:
        raise QueryTooLarge(f"{name} is at most {most}", hint="page with limit and offset")
    return int(text)


def _names(text: str) -> list[str]:
    names = ["".join(name.split()) for name in text.split(",")]
    if not all(names):
        raise MalformedQuery(f"{quoted(text)} is not a list of columns with commas between them")
    return names


def _nulls(target: Column, direction: str, requested: str | None) -> str:
    position = requested or ("nullslast" if direction == "ASC" else "nullsfirst")
    by_itself = "nullsfirst" if direction == "ASC" else "nullslast"
    # Where no null can be, nothing is said of them: SQLite has an index for `ASC`, none for `ASC NULLS LAST`.
    if position == by_itself or not (target.nullable and is_writable(target)):
        return ""
    return f" NULLS {position.removeprefix('nulls').upper()}"


def _value(target: Column, text: str) -> Value:
    try:
        return from_text(target, text)
    except ValueError as expected:
        raise InvalidValue(target.name, text, str(expected)) from None


def _comparison(sign: str) -> Callable[[Column, str], Condition]:
    return lambda target, text: Condition(f"{target.sql} {sign} ?", (_value(target, text),))


def _within(target: Column, text: str) -> Condition:
    if not (text.startswith("(") and text.endswith(")") and len(text) > 1):
        raise MalformedQuery(f'{target.name}: write in.(a,b,"c,d"), not in.{quoted(text)[1:-1]}')
    values = [_value(target, item) for item in split(text[1:-1])] if text != "()" else []
    return Condition(f"{target.sql} IN (SELECT value FROM json_each(?))", (to_json(values).decode(),))


def _is(target: Column, text: str) -> Condition:
    state = text.lower()
    allowed = _STATES if target.kind is Kind.BOOLEAN else _NULL_STATES
    if state not in allowed:
        raise InvalidValue(f"{target.name}: is", text, f"one of {', '.join(allowed)}")
    return Condition(f"{target.sql} {allowed[state]}")


def _like(target: Column, text: str) -> Condition:
    if target.kind is not Kind.TEXT:
        raise Unsupported(f"{target.name} is {target.kind}: like is for text")
    pattern = _glob(target.name, text)
    if len(pattern.encode()) > MAX_PATTERN:
        raise PatternTooLong(f"{target.name}: a pattern has at most {MAX_PATTERN} bytes, with what is escaped in it")
    return Condition(f"{target.sql} GLOB ?", (pattern,))


def _glob(name: str, text: str) -> str:
    """Return a LIKE pattern as one of GLOB, which minds the case as PostgreSQL's LIKE does and SQLite's does not."""
    if re.fullmatch(r"(?:[^\\]|\\.)*\\", text, re.S):
        raise MalformedQuery(f"{name}: a pattern does not end with a backslash that escapes nothing")
    return _MARK.sub(lambda match: _WILD.get(match[0]) or _literal(match[0][-1]), text)


def _literal(mark: str) -> str:
    return f"[{mark}]" if mark in "*?[" else mark


_MARK = re.compile(r"\\.|[*%_?\[]", re.S)
_WILD = {"*": "*", "%": "*", "_": "?"}
_NULL_STATES = {"null": "IS NULL", "not_null": "IS NOT NULL"}
_STATES = _NULL_STATES | {"true": "IS 1", "false": "IS 0", "unknown": "IS NULL"}
_SIGNS = {"eq": "=", "neq": "<>", "gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
_OPERATORS: dict[str, Callable[[Column, str], Condition]] = {
    **{name: _comparison(sign) for name, sign in _SIGNS.items()},
    "in": _within,
    "is": _is,
    "like": _like,
}
_KNOWN_OPERATORS = {
    *_OPERATORS,
    "ilike",
    "match",
    "imatch",
    "isdistinct",
    "cs",
    "cd",
    "ov",
    "sl",
    "sr",
    "nxr",
    "nxl",
    "adj",
    "fts",
    "plfts",
    "phfts",
    "wfts",
}
_OPERATORS_HINT = f"the operators are {', '.join(_OPERATORS)}, each also after not."
