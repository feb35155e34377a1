"""`/d1`: the tables as a REST resource, in PostgREST's dialect."""

from collections.abc import Sequence
from urllib.parse import quote

from pydantic import JsonValue

from core_tessie.d1 import filters, overrides, preferences
from core_tessie.d1 import models as d1_models
from core_tessie.d1.bodies import read_changes, read_row, read_rows
from core_tessie.d1.filters import Items, Query
from core_tessie.d1.overrides import Choice, OverrideChanged
from core_tessie.d1.preferences import Preferences
from core_tessie.d1.refusals import (
    DuplicateRow,
    InvalidRow,
    InvalidValue,
    MalformedQuery,
    MissingFilter,
    MissingReference,
    NotAcceptable,
    QueryTooLarge,
    RowNotFound,
    StillReferenced,
    TableForbidden,
    UnknownColumn,
    UnknownTable,
    UnnaturalId,
    Unsupported,
    conflict,
    translate_problem,
)
from core_tessie.d1.values import render
from core_tessie.tables import SERVED
from edge import ADMIN, READER, Actor, Body, Request, Response, Routes, Statement
from edge.data import Column, Rows, ScopedDatabase, ScopedStatement
from edge.ports import DatabaseError, LimitExceeded, OutOfScope, Result, Row, Value
from edge.reach import SELF

routes = Routes("/d1", tag="d1", access=READER)
routes.translate_problem = translate_problem

BY_ID = '"id" = ?'

_REFUSED = (UnknownTable, TableForbidden, UnknownColumn, MalformedQuery, Unsupported, NotAcceptable, QueryTooLarge)
_CHOSEN = (*_REFUSED, InvalidValue)
_WRITTEN = (InvalidRow, UnnaturalId, DuplicateRow, MissingReference)


@routes.get(reach=SELF)
async def list_tables(actor: Actor) -> d1_models.Tables:
    """List the tables that you may read, with their columns."""
    return d1_models.described(table for table in SERVED.values() if may_read(actor, table))


@routes.get("/{table}", *_CHOSEN, operation=d1_models.LIST)
@routes.get("/{table}/list", *_CHOSEN, operation=d1_models.LIST, alone=True)
async def list_rows(table: str, request: Request, actor: Actor, db: ScopedDatabase) -> Response:
    """List rows of a table: filtered, ordered, a page at a time.

    A filter is `column=operator.value` with `eq`, `neq`, `gt`, `gte`, `lt`, `lte`, `in.(a,b)`, `is.null`,
    `is.not_null`, `is.true`, `is.false` or `like` (`*` stands for any text), each also after `not.`; a row must match
    all filters. Instants are ISO 8601, in UTC if they name no offset. `Content-Range` gives the rows' positions and
    the total: `0-24/3573`. Of `agent_messages` a caller that is no administrator sees its own.
    """
    query = ask(table, request.query_items(), filters.PAGE, actor)
    preferred = preferences.read(request)
    rows, total = await read_page(query, db)
    span = f"{query.offset}-{query.offset + len(rows) - 1}" if rows else "*"
    return _answer(rows, 200, preferred, ("content-range", f"{span}/{total}"))


@routes.post("/{table}", *_REFUSED, *_WRITTEN, access=ADMIN, status=201, operation=d1_models.INSERT)
async def insert_rows(
    table: str, request: Request, body: Body[JsonValue], actor: Actor, db: ScopedDatabase
) -> Response:
    """Insert one row or several, all of them or none.

    A row without an id gets one: the VIN for a vehicle, the VIN and Tessie's own id for a drive, a random one if the
    table has no natural id. The rows are returned unless `Prefer: return=minimal` asks for none. The database sets
    `created_at` and `updated_at`: values sent for them are ignored.
    """
    query = ask(table, request.query_items(), filters.INSERT, actor)
    overrides.refuse_direct(table)
    preferred = preferences.read(request)
    rows = read_rows(query.table, body, query.body_columns)
    insert = db.prepare.insert(table, rows, returning=_names(query.columns))
    written, *_ = await _run(db, insert, *overrides.additions(db, actor, table, rows))
    headers = [("content-range", f"*/{len(rows)}")]
    if len(rows) == 1:
        headers.append(_location(table, str(rows[0]["id"])))
    return _answer(None if preferred.rows is False else render(query.columns, written.rows), 201, preferred, *headers)


@routes.patch("/{table}", *_CHOSEN, *_WRITTEN, MissingFilter, access=ADMIN, operation=d1_models.CHANGE)
async def update_rows(
    table: str, request: Request, body: Body[dict[str, JsonValue]], actor: Actor, db: ScopedDatabase
) -> Response:
    """Change columns of all rows that the filters choose; at least one filter is needed.

    `Content-Range` gives their number. `Prefer: return=representation` asks for the rows, at most 1,000 of them.
    """
    query = ask(table, request.query_items(), filters.CHOICE, actor)
    overrides.refuse_direct(table)
    preferred = preferences.read(request)
    changes = read_changes(query.table, body)
    await _bound(query, preferred, db)
    return await _change(await overrides.updates(db, actor, _chosen(query, preferred), changes), query, preferred, db)


@routes.delete("/{table}", *_CHOSEN, MissingFilter, StillReferenced, access=ADMIN, operation=d1_models.CHANGE)
async def delete_rows(table: str, request: Request, actor: Actor, db: ScopedDatabase) -> Response:
    """Remove all rows that the filters choose; at least one filter is needed.

    `Content-Range` gives their number. `Prefer: return=representation` asks for the rows, at most 1,000 of them.
    """
    query = ask(table, request.query_items(), filters.CHOICE, actor)
    preferred = preferences.read(request)
    await _bound(query, preferred, db)
    return await _change(await _removal(_chosen(query, preferred), actor, db), query, preferred, db, removing=True)


@routes.get("/{table}/{row_id}", *_REFUSED, RowNotFound, operation=d1_models.ONE)
async def get_row(table: str, row_id: str, request: Request, actor: Actor, db: ScopedDatabase) -> Response:
    """Get one row."""
    query = ask(table, request.query_items(), filters.ROW, actor)
    preferred = preferences.read(request)
    sql = f"SELECT {_listed(query.columns)} FROM {query.table.name} WHERE {BY_ID}"
    (result,) = await _run(db, Statement(sql, (_checked(row_id),)))
    return _answer(_only(result.rows, query, row_id), 200, preferred)


@routes.put("/{table}/{row_id}", *_REFUSED, *_WRITTEN, access=ADMIN, operation=d1_models.PUT)
async def replace_row(  # noqa: PLR0913, PLR0917 - a handler names all that it asks for
    table: str, row_id: str, request: Request, body: Body[dict[str, JsonValue]], actor: Actor, db: ScopedDatabase
) -> Response:
    """Store a whole row under its id: 201 if it is new, 200 if it replaces one.

    A missing column gets its default, or null.
    """
    query = ask(table, request.query_items(), filters.ROW, actor)
    overrides.refuse_direct(table)
    preferred = preferences.read(request)
    stored = read_row(query.table, body, _checked(row_id))
    there = Statement(f"SELECT count(*) AS total FROM {table} WHERE {BY_ID}", (row_id,))
    batch = await overrides.replacement(db, actor, table, stored, _names(query.columns))
    count, *written = await _run(db, there, *batch)
    is_new = not count.rows[0]["total"]
    headers = [_location(table, row_id)] if is_new else []
    if preferred.rows is False:
        return _answer(None, 201 if is_new else 204, preferred, *headers)
    row = _only(_rows_of(table, batch, written), query, row_id)
    return _answer(row, 201 if is_new else 200, preferred, *headers)


@routes.patch("/{table}/{row_id}", *_REFUSED, *_WRITTEN, RowNotFound, access=ADMIN, operation=d1_models.CHANGE_ONE)
async def update_row(  # noqa: PLR0913, PLR0917 - a handler names all that it asks for
    table: str, row_id: str, request: Request, body: Body[dict[str, JsonValue]], actor: Actor, db: ScopedDatabase
) -> Response:
    """Change columns of one row; missing columns stay as they are."""
    query = ask(table, request.query_items(), filters.ROW, actor)
    overrides.refuse_direct(table)
    preferred = preferences.read(request)
    changes = read_changes(query.table, body, _checked(row_id))
    chosen = Choice(table, BY_ID, (row_id,), _names(query.columns))
    batch = await overrides.updates(db, actor, chosen, changes)
    row = _only(_rows_of(table, batch, await _run(db, *batch)), query, row_id)
    return _answer(None, 204, preferred) if preferred.rows is False else _answer(row, 200, preferred)


@routes.delete(
    "/{table}/{row_id}", *_REFUSED, RowNotFound, StillReferenced, access=ADMIN, operation=d1_models.CHANGE_ONE
)
async def delete_row(table: str, row_id: str, request: Request, actor: Actor, db: ScopedDatabase) -> Response:
    """Remove one row. `Prefer: return=representation` returns it."""
    query = ask(table, request.query_items(), filters.ROW, actor)
    preferred = preferences.read(request)
    chosen = Choice(table, BY_ID, (_checked(row_id),), _names(query.columns))
    batch = await _removal(chosen, actor, db)
    row = _only(_rows_of(table, batch, await _run(db, *batch, removing=True)), query, row_id)
    return _answer(row, 200, preferred) if preferred.rows else _answer(None, 204, preferred)


def may_read(actor: Actor, table: Rows) -> bool:
    """Tell whether a caller may read a table here: a bound caller only those about vehicles."""
    return actor.role >= table.declared.read and (actor.subjects is None or "vin" in table.columns)


def ask(table: str, items: Items, takes: frozenset[str], actor: Actor) -> Query:
    """Return the parsed query string for a table that the caller may read."""
    served = SERVED.get(table)
    if served is None:
        raise UnknownTable(table)
    if actor.role < served.declared.read:
        raise TableForbidden(f"{table} needs the role {served.declared.read.name.lower()}")
    query = filters.parse(served, items, takes)
    if not may_read(actor, served):
        raise TableForbidden(f"a key that is bound to vehicles does not reach {table} this way")
    return query


async def read_page(query: Query, db: ScopedDatabase) -> tuple[list[Row], int]:
    """Return the rows of a page in the form of an answer, and the number of all rows that the filters match."""
    page, count = await _run(db, page_of(query), _count(query))
    return render(query.columns, page.rows), count.rows[0]["total"]


def page_of(query: Query) -> Statement:
    """Return the statement that selects the rows of a page."""
    where, params = _where(query)
    sql = f"SELECT {_listed(query.columns)} FROM {query.table.name}{where} ORDER BY {query.order} LIMIT ? OFFSET ?"
    return Statement(sql, (*params, query.limit, query.offset))


def _count(query: Query) -> Statement:
    where, params = _where(query)
    return Statement(f"SELECT count(*) AS total FROM {query.table.name}{where}", params)


def _where(query: Query) -> tuple[str, tuple[Value, ...]]:
    return (f" WHERE {query.where.sql}", query.where.params) if query.where else ("", ())


def _listed(columns: Sequence[Column]) -> str:
    return ", ".join(column.sql for column in columns)


def _names(columns: Sequence[Column]) -> tuple[str, ...]:
    return tuple(column.name for column in columns)


def _chosen(query: Query, preferred: Preferences) -> Choice:
    if query.where is None:
        raise MissingFilter("without a filter it would be every row", hint="id=not.is.null chooses every row")
    return Choice(query.table.name, *query.where, _names(query.columns) if preferred.rows else None)


def _checked(row_id: str) -> str:
    if not filters.storable(row_id):
        raise InvalidValue("id", row_id, "text without NUL characters")
    return row_id


async def _bound(query: Query, preferred: Preferences, db: ScopedDatabase) -> None:
    """Refuse a change that is to return its rows if it changes more than one answer holds."""
    if preferred.rows and query.where is not None:
        (before,) = await _run(db, _count(query))
        if before.rows[0]["total"] > filters.MAX_LIMIT:
            raise QueryTooLarge(f"more than {filters.MAX_LIMIT} rows cannot be shown", hint="Prefer: return=minimal")


async def _removal(chosen: Choice, actor: Actor, db: ScopedDatabase) -> list[ScopedStatement]:
    if chosen.table == overrides.TABLE:
        return await overrides.take_back(db, chosen)
    return await overrides.deletes(db, actor, chosen)


async def _change(
    batch: Sequence[ScopedStatement],
    query: Query,
    preferred: Preferences,
    db: ScopedDatabase,
    *,
    removing: bool = False,
) -> Response:
    """Run a change of all rows that a query's filters match."""
    counted, *changed = await _run(db, _count(query), *batch, removing=removing)
    total = counted.rows[0]["total"]
    if not preferred.rows:
        return _answer(None, 204, preferred, ("content-range", f"*/{total}"))
    span = f"0-{total - 1}" if total else "*"
    rows = _rows_of(query.table.name, batch, changed)
    return _answer(render(query.columns, rows), 200, preferred, ("content-range", f"{span}/{total}"))


def _rows_of(table: str, batch: Sequence[ScopedStatement], results: Sequence[Result]) -> list[Row]:
    """Return the rows from a batch's statements about a table itself, without those about overrides."""
    pairs = zip(batch, results, strict=True)
    return [row for statement, result in pairs if statement.table == table for row in result.rows]


async def _run(db: ScopedDatabase, *batch: Statement | ScopedStatement, removing: bool = False) -> list[Result]:
    """Run statements as one transaction; raise a problem for a constraint that the caller's values violate."""
    try:
        return await db.batch(batch)
    except LimitExceeded as over:
        raise QueryTooLarge(str(over)) from None
    except OutOfScope as fault:
        if fault.table == overrides.TABLE and removing:
            raise OverrideChanged("a sync or a caller changed it", hint="try again") from None
        raise
    except DatabaseError as fault:
        problem = conflict(fault, removing=removing)
        if problem is None:
            raise
        raise problem from None


def _only(rows: list[Row], query: Query, row_id: str) -> Row:
    if not rows:
        raise RowNotFound(query.table.name, row_id)
    return render(query.columns, rows)[0]


def _location(table: str, row_id: str) -> tuple[str, str]:
    return "location", f"/d1/{table}/{quote(row_id, safe='')}"


def _answer(content: object, status: int, preferred: Preferences, *headers: tuple[str, str]) -> Response:
    response = Response(status=status) if content is None else Response.json(content, status)
    response.headers += [*headers, *preferred.headers]
    return response
