"""`make backup` and `make restore`: a database's rows table by table, as `wrangler d1 export` fails on virtual tables.

A backup is lines of JSON: a heading with the migrations, then rows with their table. Restoring needs a database with
those migrations and without rows; a full-text table's rows are written like any others, which rebuilds its index.
"""

import json
import os
import sqlite3
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Protocol

from apps import load, state_of
from deploying.account import Account, NotThere
from deploying.build import Target
from deploying.refusal import Refusal
from edge.app import App
from edge.data.schema import Schema
from edge.runtimes.local.runtime import database_path

PAGE = 1_000
"""Rows of one query."""
PORTION = 90
"""Values of one statement: D1 binds a hundred."""


class Source(Protocol):
    """A database that runs one statement at a time."""

    def query(self, sql: str, params: Sequence[object] = ()) -> list[dict[str, Any]]:
        """Run a statement and return its rows."""


class Local:
    """The database of a state folder."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None)
        self._connection.row_factory = sqlite3.Row

    def query(self, sql: str, params: Sequence[object] = ()) -> list[dict[str, Any]]:
        return [dict(row) for row in self._connection.execute(sql, params).fetchall()]

    def close(self) -> None:
        """Close the file."""
        self._connection.close()


class Remote:
    """A database of the account, by its name."""

    def __init__(self, account: Account, name: str) -> None:
        self._account = account
        self._name = name

    def query(self, sql: str, params: Sequence[object] = ()) -> list[dict[str, Any]]:
        return self._account.query(self._name, sql, params)

    def close(self) -> None:
        """Nothing is open."""


def dump(source: Source, schema: Schema) -> Iterator[str]:
    """Yield the lines of a backup."""
    applied = [row["name"] for row in source.query("SELECT name FROM d1_migrations ORDER BY name")]
    yield json.dumps({"migrations": applied})
    for table, columns in tables(schema):
        after = -(2**53) + 1
        while True:
            sql = (
                f"SELECT rowid AS row_number, {', '.join(columns)} FROM {table} WHERE rowid > ? ORDER BY rowid LIMIT ?"
            )
            rows = source.query(sql, (after, PAGE))
            for row in rows:
                yield json.dumps([table, [row["row_number"], *(row[name] for name in columns)]], ensure_ascii=False)
            if len(rows) < PAGE:
                break
            after = rows[-1]["row_number"]


def restore(target: Source, schema: Schema, lines: Iterator[str]) -> dict[str, int]:
    """Write the rows of a backup; return the number of rows of each table.

    Errors: `Refusal` if the database has other migrations, or rows.
    """
    heading = json.loads(next(lines))
    applied = [row["name"] for row in target.query("SELECT name FROM d1_migrations ORDER BY name")]
    if heading.get("migrations") != applied:
        raise Refusal(f"the backup has the migrations {heading.get('migrations')}, the database {applied}")
    columns = dict(tables(schema))
    for table in columns:
        if target.query(f"SELECT 1 AS n FROM {table} LIMIT 1"):
            raise Refusal(f"{table} has rows: restore into a database that is new and migrated")
    counts: dict[str, int] = {}
    waiting: list[list[Any]] = []
    last = ""
    for line in lines:
        table, values = json.loads(line)
        if waiting and (table != last or (len(waiting) + 1) * len(values) > PORTION):
            _insert(target, last, columns[last], waiting)
            waiting = []
        last = table
        waiting.append(values)
        counts[table] = counts.get(table, 0) + 1
    if waiting:
        _insert(target, last, columns[last], waiting)
    return counts


def tables(schema: Schema) -> list[tuple[str, list[str]]]:
    """Return the tables with their columns, parents before their children, without generated columns."""
    left = {name: relation for name, relation in schema.relations.items() if relation.form in {"table", "fts"}}
    relations: list[tuple[str, list[str]]] = []
    while left:
        done = {name for name, _ in relations}
        free = [name for name, relation in left.items() if {*relation.references.values()} - {name} <= done]
        for name in free or [*left]:
            columns = [column.name for column in left.pop(name).columns.values() if not column.is_generated]
            relations.append((name, columns))
    return relations


def _insert(target: Source, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    marks = ", ".join(f"({', '.join('?' * (len(columns) + 1))})" for _ in rows)
    sql = f"INSERT INTO {table} (rowid, {', '.join(columns)}) VALUES {marks}"
    target.query(sql, [value for row in rows for value in row])


def opened(variables: Mapping[str, str]) -> tuple[App, Local | Remote]:
    """Return the app and the database that variables name: an environment by `ENV`, else an app's state by `APP`."""
    if environment := variables.get("ENV"):
        target = Target.of(environment)
        return load(target.package), Remote(Account(variables), target.databases[0])
    app = load(variables.get("APP") or "klear_karma")
    path = database_path(app, state_of(variables.get("APP") or "klear_karma"))
    if path is None or not path.exists():
        raise Refusal(f"{path} is not there: `make migrate` makes it")
    return app, Local(path)


def main(arguments: Sequence[str], variables: Mapping[str, str]) -> int:
    """Back up or restore; print a fault that a person can fix as one line, with the exit code 2."""
    file = Path(variables.get("FILE") or "backup.jsonl")
    try:
        app, database = opened(variables)
        schema = _schema(app)
        with closing(database):
            if arguments == ["restore"]:
                with file.open(encoding="utf-8") as lines:
                    print(restore(database, schema, iter(lines)))
            else:
                with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as out:
                    print(sum(out.write(f"{line}\n") > 0 for line in dump(database, schema)) - 1, f"rows in {file}")
    except (Refusal, NotThere, OSError, sqlite3.Error, StopIteration) as fault:
        print(f"error: {fault}", file=sys.stderr)
        return 2
    return 0


def _schema(app: App) -> Schema:
    schema_: Any = app.tables
    schema: Schema = schema_.schema
    return schema


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
