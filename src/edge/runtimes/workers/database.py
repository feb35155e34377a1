"""The `Database` port on D1."""

import re
from collections.abc import Sequence
from typing import Any

from js import JSON
from pydantic_core import from_json
from pyodide.ffi import JsException, to_js

from edge.ports import DatabaseAway, DatabaseError, LimitExceeded, Result, Row, Statement, Value
from edge.runtimes import sqlite_errors
from edge.runtimes.limits import check_statement
from edge.runtimes.workers.js_bridge import message_of, raw, to_value

_AWAY = frozenset({"BUSY", "LOCKED", "FULL", "IOERR", "READONLY", "CANTOPEN", "CORRUPT", "NOTADB", "NOMEM"})
_AWAY_WORDS = re.compile(
    r"overloaded|queued|reset|timeout|transient|connection lost|internal error|maximum (db|account)|disconnected",
    re.I,
)
"""D1's messages for faults that are not the statement's (https://developers.cloudflare.com/d1/observability/debug-d1/)."""


class D1:
    """One D1 database. A call crosses into JavaScript for the statement, its values and the answer's text."""

    def __init__(self, binding: Any) -> None:
        self._binding = raw(binding)

    async def all(self, sql: str, *params: Value) -> list[Row]:
        return (await self.run(sql, *params)).rows

    async def first(self, sql: str, *params: Value) -> Row | None:
        rows = (await self.run(sql, *params)).rows
        return rows[0] if rows else None

    async def run(self, sql: str, *params: Value) -> Result:
        statement = self._prepare(sql, params)
        try:
            answer = await statement.all()
        except JsException as fault:
            raise database_error(fault) from None
        return _result(from_json(JSON.stringify(answer)))

    async def batch(self, statements: Sequence[Statement]) -> list[Result]:
        if not statements:
            return []
        prepared = to_js([self._prepare(sql, params) for sql, params in statements])
        try:
            answers = await self._binding.batch(prepared)
        except JsException as fault:
            raise database_error(fault) from None
        return [_result(answer) for answer in from_json(JSON.stringify(answers))]

    async def probe(self) -> None:
        await self.first("SELECT 1")

    def _prepare(self, sql: str, params: Sequence[Value]) -> Any:
        check_statement(sql, params)
        statement = self._binding.prepare(sql)
        return statement.bind(*map(to_value, params)) if params else statement


def _result(answer: dict[str, Any]) -> Result:
    meta = answer.get("meta") or {}
    rows = [_row(row) for row in answer.get("results") or []]
    return Result(rows, meta.get("changes") or 0, meta.get("last_row_id") or 0)


def _row(row: Row) -> Row:
    """Return a row with its blobs, which D1 returns as lists of numbers, as bytes."""
    for name, value in row.items():
        if type(value) is list:
            row[name] = bytes(value)
    return row


def database_error(fault: JsException) -> DatabaseError | LimitExceeded:
    """Return the typed error of a D1 error: of the statement, over a limit, or of D1 itself."""
    message, _, code = message_of(fault).removeprefix("D1_ERROR: ").partition(": SQLITE_")
    if re.split(r"\W|_", code)[0] in _AWAY or (not code and _AWAY_WORDS.search(message)):
        return DatabaseAway(message)
    return LimitExceeded(message) if "too " in message else sqlite_errors.database_error(message)
