"""Migrations: the folder's `NNNN_name.sql`, each applied once, in one transaction with its row in `d1_migrations`."""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from edge.ports import PortError
from edge.runtimes.local.database import Connection, batch, connect_d1, execute

TABLE = """CREATE TABLE IF NOT EXISTS d1_migrations(
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT UNIQUE,
    applied_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL
)"""
"""Wrangler's table of applied migrations, so that a copy of a D1 database can be used."""

ANALYZED = 1_000
"""Rows of each index that are sampled for statistics."""

_NAME = re.compile(r"\d{4}_\w[\w.-]*\.sql")


class MigrationError(PortError):
    """A migration could not be applied; it was rolled back."""


def migrate(path: Path, folder: Path) -> list[str]:
    """Apply the missing migrations in the order of their names, and return the names.

    As with wrangler, a file between applied ones is applied, too. A database with a migration that the folder lacks was
    made by a newer version, and is left alone. Statistics are brought up to date.
    """
    files = {file.name: file for file in sorted(folder.glob("*.sql")) if _NAME.fullmatch(file.name)}
    connection = connect_d1(path)
    try:
        connection.execute(TABLE)
        applied = {row[0] for row in connection.execute("SELECT name FROM d1_migrations")}
        if unknown := sorted(applied - files.keys()):
            raise MigrationError(f"{path} was made by a newer version: it has {unknown[-1]}, which {folder} lacks")
        missing = [file for name, file in files.items() if name not in applied]
        done = [name for file in missing if (name := _apply(connection, file))]
        if done:
            _analyze(connection)
        return done
    finally:
        connection.close()


def statements(script: str) -> Iterator[str]:
    """Split a script into its statements; a semicolon inside a string, a comment or a trigger does not count."""
    pending = ""
    for piece in script.split(";"):
        pending += piece + ";"
        if sqlite3.complete_statement(pending):
            yield pending
            pending = ""
    yield pending


def _analyze(connection: Connection) -> None:
    """Update SQLite's statistics, so that plans search an index if that is better; the rows are sampled."""
    connection.trusted = True
    with suppress(sqlite3.Error):  # another process uses the file: it updates them, or the next job does
        connection.execute(f"PRAGMA analysis_limit = {ANALYZED}")
        connection.execute("ANALYZE")
    connection.trusted = False


def _apply(connection: Connection, file: Path) -> str | None:
    """Apply one file and return its name, or None if another process applied it first."""
    try:
        script = file.read_text(encoding="utf-8-sig")
        with batch(connection):
            if connection.execute("SELECT 1 FROM d1_migrations WHERE name = ?", (file.name,)).fetchone():
                return None
            for statement in statements(script):
                execute(connection, statement)
            connection.execute("INSERT INTO d1_migrations (name) VALUES (?)", (file.name,))
    except (sqlite3.Error, PortError, ValueError) as fault:
        raise MigrationError(f"{file}: {fault}; nothing of it was applied") from None
    return file.name
