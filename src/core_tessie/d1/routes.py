"""`/d1`: the tables as a REST resource, in PostgREST's dialect."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from urllib.parse import quote

from pydantic import JsonValue

from core_tessie.d1 import filters, preferences, statements
from core_tessie.d1 import models as d1_models
from core_tessie.d1.bodies import read_changes, read_row, read_rows
from core_tessie.d1.filters import Condition, Query
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
)
from core_tessie.d1.values import render
from core_tessie.reach import own, reachable, sees_all
from core_tessie.tables import TABLES, Column, Table
from edge.access import ADMIN, READER, Actor
from edge.endpoint import Body
from edge.http import Response
from edge.ports import Database, DatabaseError, LimitExceeded, Result, Row, Statement
from edge.request import Request
from edge.routes import Routes

routes = Routes("/d1", tag="d1", access=READER)

_REFUSED = (UnknownTable, TableForbidden, UnknownColumn, MalformedQuery, Unsupported, NotAcceptable, QueryTooLarge)
_CHOSEN = (*_REFUSED, InvalidValue)
_WRITTEN = (InvalidRow, UnnaturalId, DuplicateRow, MissingReference)


@routes.get()
async def list_tables(actor: Actor) -> d1_models.Tables:
    """List the tables that you may read, with their columns."""
    return d1_models.Tables.of(table for table in TABLES.values() if may_read(actor, table))


@routes.get("/{table}", *_CHOSEN, operation=d1_models.LIST)
@routes.get("/{table}/list", *_CHOSEN, operation=d1_models.LIST)
async def list_rows(table: str, request: Request, db: Database) -> Response:
    """List rows of a table: filtered, ordered, a page at a time.

    A filter is `column=operator.value` with `eq`, `neq`, `gt`, `gte`, `lt`, `lte`, `in.(a,b)`, `is.null`,
    `is.not_null`, `is.true`, `is.false` or `like` (`*` stands for any text), each also after `not.`; several are all
    to hold. Instants are ISO 8601, in UTC where they name no offset. `Content-Range` gives the rows' positions and
    the total: `0-24/3573`. Of `agent_messages` a caller that is no administrator sees its own.
    """
    query, wanted = _asked(table, request, filters.PAGE)
    page, count = await _run(db, statements.page(query), statements.count(query.table, query.where))
    rows = render(query.columns, page.rows)
    span = f"{query.offset}-{query.offset + len(rows) - 1}" if rows else "*"
    return _answer(rows, 200, wanted, ("content-range", f"{span}/{count.rows[0]['total']}"))


@routes.post("/{table}", *_REFUSED, *_WRITTEN, access=ADMIN, status=201, operation=d1_models.INSERT)
async def insert_rows(table: str, request: Request, body: Body[JsonValue], db: Database) -> Response:
    """Insert one row or several, all of them or none.

    A row without an id gets one: the VIN for a vehicle, the VIN and Tessie's own id for a drive, a random one where
    nothing else names it. The rows come back unless `Prefer: return=minimal` asks for none. `created_at` and
    `updated_at` are the database's own: what is sent for them is not used.
    """
    query, wanted = _asked(table, request, filters.INSERT)
    given = read_rows(query.table, body, query.given)
    (written,) = await _run(db, statements.insert(query.table, given, query.columns))
    headers = [("content-range", f"*/{len(given)}")]
    if len(given) == 1:
        headers.append(("location", f"/d1/{table}/{quote(str(given[0]['id']), safe='')}"))
    return _answer(None if wanted.rows is False else render(query.columns, written.rows), 201, wanted, *headers)


@routes.patch("/{table}", *_CHOSEN, *_WRITTEN, MissingFilter, access=ADMIN, operation=d1_models.CHANGE)
async def update_rows(table: str, request: Request, body: Body[dict[str, JsonValue]], db: Database) -> Response:
    """Change columns of all rows that the filters choose; at least one filter is needed.

    `Content-Range` gives their number. `Prefer: return=representation` asks for the rows, at most 1,000 of them.
    """
    query, wanted = _asked(table, request, filters.CHOICE)
    changes = read_changes(query.table, body)
    return await _change(lambda where, shown: statements.update(query.table, changes, where, shown), query, wanted, db)


@routes.delete("/{table}", *_CHOSEN, MissingFilter, StillReferenced, access=ADMIN, operation=d1_models.CHANGE)
async def delete_rows(table: str, request: Request, db: Database) -> Response:
    """Remove all rows that the filters choose; at least one filter is needed.

    `Content-Range` gives their number. `Prefer: return=representation` asks for the rows, at most 1,000 of them.
    """
    query, wanted = _asked(table, request, filters.CHOICE)
    return await _change(lambda where, shown: statements.delete(query.table, where, shown), query, wanted, db)


@routes.get("/{table}/{row_id}", *_REFUSED, RowNotFound, operation=d1_models.ONE)
async def get_row(table: str, row_id: str, request: Request, db: Database) -> Response:
    """Get one row."""
    query, wanted = _asked(table, request, filters.ROW)
    (found,) = await _run(db, statements.one(query.table, query.columns, _checked(row_id), query.where))
    return _answer(_only(found, query, row_id), 200, wanted)


@routes.put("/{table}/{row_id}", *_REFUSED, *_WRITTEN, access=ADMIN, operation=d1_models.PUT)
async def replace_row(
    table: str, row_id: str, request: Request, body: Body[dict[str, JsonValue]], db: Database
) -> Response:
    """Store a whole row under its id: 201 where it is new, 200 where it replaces one.

    A column that is not given gets its default, or null.
    """
    query, wanted = _asked(table, request, filters.ROW)
    row = read_row(query.table, body, _checked(row_id))
    there = statements.count(query.table, statements.by_id(row_id))
    count, written = await _run(db, there, statements.replace(query.table, row, query.columns))
    is_new = not count.rows[0]["total"]
    if wanted.rows is False:
        return _answer(None, 201 if is_new else 204, wanted)
    return _answer(_only(written, query, row_id), 201 if is_new else 200, wanted)


@routes.patch("/{table}/{row_id}", *_REFUSED, *_WRITTEN, RowNotFound, access=ADMIN, operation=d1_models.CHANGE_ONE)
async def update_row(
    table: str, row_id: str, request: Request, body: Body[dict[str, JsonValue]], db: Database
) -> Response:
    """Change columns of one row; those that are not given stay as they are."""
    query, wanted = _asked(table, request, filters.ROW)
    changes = read_changes(query.table, body, _checked(row_id))
    (written,) = await _run(db, statements.update(query.table, changes, statements.by_id(row_id), query.columns))
    row = _only(written, query, row_id)
    return _answer(None, 204, wanted) if wanted.rows is False else _answer(row, 200, wanted)


@routes.delete(
    "/{table}/{row_id}", *_REFUSED, RowNotFound, StillReferenced, access=ADMIN, operation=d1_models.CHANGE_ONE
)
async def delete_row(table: str, row_id: str, request: Request, db: Database) -> Response:
    """Remove one row. `Prefer: return=representation` asks for it once more."""
    query, wanted = _asked(table, request, filters.ROW)
    (gone,) = await _run(db, statements.delete(query.table, statements.by_id(_checked(row_id)), query.columns))
    row = _only(gone, query, row_id)
    return _answer(row, 200, wanted) if wanted.rows else _answer(None, 204, wanted)


def may_read(actor: Actor, table: Table) -> bool:
    """Tell whether a caller may read rows of a table: who is bound to vehicles, only of one that is about vehicles."""
    return actor.role >= table.access and (actor.subjects is None or "vin" in table.columns)


def _asked(table: str, request: Request, takes: frozenset[str]) -> tuple[Query, Preferences]:
    """Return what the query string and the headers ask, of a table that the caller may reach."""
    known = TABLES.get(table)
    if known is None:
        raise UnknownTable(table)
    actor = request.actor
    if actor is None or actor.role < known.access:
        raise TableForbidden(f"{table} needs the role {known.access.name.lower()}")
    query = filters.parse(known, request.query_items(), takes)
    if actor.subjects is not None:
        if not may_read(actor, known) or request.method not in {"GET", "HEAD"}:
            raise TableForbidden(f"a key that is bound to vehicles does not reach {table} this way")
        query = _narrowed(query, reachable(actor))
    if known.is_owned and not sees_all(actor):
        query = _narrowed(query, own(actor))
    return query, preferences.read(request)


def _narrowed(query: Query, may_see: Condition) -> Query:
    return replace(query, where=filters.all_of([may_see, *filter(None, [query.where])]))


def _checked(row_id: str) -> str:
    if not filters.storable(row_id):
        raise InvalidValue("id", row_id, "text without NUL characters")
    return row_id


async def _change(
    make: Callable[[Condition, Sequence[Column]], Statement], query: Query, wanted: Preferences, db: Database
) -> Response:
    """Run a change of all rows that a query's filters choose."""
    if query.where is None:
        raise MissingFilter("without a filter it would be every row", hint="id=not.is.null chooses every row")
    counting = statements.count(query.table, query.where)
    if wanted.rows:
        (before,) = await _run(db, counting)
        if before.rows[0]["total"] > filters.MAX_LIMIT:
            raise QueryTooLarge(f"more than {filters.MAX_LIMIT} rows cannot be shown", hint="Prefer: return=minimal")
    counted, changed = await _run(db, counting, make(query.where, query.columns if wanted.rows else ()))
    total = counted.rows[0]["total"]
    if not wanted.rows:
        return _answer(None, 204, wanted, ("content-range", f"*/{total}"))
    span = f"0-{total - 1}" if total else "*"
    return _answer(render(query.columns, changed.rows), 200, wanted, ("content-range", f"{span}/{total}"))


async def _run(db: Database, *batch: Statement) -> list[Result]:
    """Run statements as one transaction; what the caller's values broke is the caller's problem."""
    try:
        return await db.batch(batch)
    except LimitExceeded as over:
        raise QueryTooLarge(str(over)) from None
    except DatabaseError as fault:
        problem = conflict(fault, removing=batch[-1].sql.startswith("DELETE"))
        if problem is None:
            raise
        raise problem from None


def _only(result: Result, query: Query, row_id: str) -> Row:
    if not result.rows:
        raise RowNotFound(query.table.name, row_id)
    return render(query.columns, result.rows)[0]


def _answer(content: object, status: int, wanted: Preferences, *headers: tuple[str, str]) -> Response:
    response = Response(status=status) if content is None else Response.json(content, status)
    response.headers += [*headers, *wanted.headers]
    return response
