"""Loads of a mock market: into a state folder on this machine, or through wrangler, in bulk."""

import sqlite3
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Protocol

from apps import ROOT
from edge.app import App
from edge.runtimes.local.migrations import migrate
from edge.runtimes.local.runtime import database_path, make_state
from market.rows import COLUMNS, Plan, Rows, blocks
from seeding.targets import Remote

STATEMENT = 80_000
"""Bytes of one statement: D1 takes 100 KB."""
FILE = 4_000_000
"""Bytes of one file that wrangler sends."""
BAR = 30
TOGETHER = 20
"""Blocks of one transaction at home: each writes a segment of the full-text index."""


class Target(Protocol):
    """Takes the rows of blocks; rows that are there stay."""

    def add(self, rows: Rows) -> None:
        """Take the rows of a block."""

    def close(self) -> None:
        """Finish."""


class Local:
    """The database of a state folder; a server may run beside."""

    def __init__(self, app: App, state: Path) -> None:
        make_state(state)
        path = database_path(app, state)
        assert path is not None, "the app has a database"
        migrate(path, ROOT / "migrations" / app.migrations)
        self._connection = sqlite3.connect(path, isolation_level=None, timeout=30)
        self._blocks = 0
        self._connection.execute("PRAGMA foreign_keys = on")
        self._connection.execute("PRAGMA synchronous = off")
        self._connection.execute("PRAGMA cache_size = -200000")

    def add(self, rows: Rows) -> None:
        if not self._connection.in_transaction:
            self._connection.execute("BEGIN IMMEDIATE")
        for table in COLUMNS:
            self._connection.executemany(insertion(table), rows[table])
        self._blocks += 1
        if self._blocks % TOGETHER == 0:
            self._connection.execute("COMMIT")

    def close(self) -> None:
        if self._connection.in_transaction:
            self._connection.execute("COMMIT")
        self._connection.execute("ANALYZE")
        self._connection.close()


class Bulk:
    """An environment at Cloudflare: rows are written as SQL, and sent a file at a time."""

    def __init__(self, remote: Remote, binding: str = "DB") -> None:
        self._remote = remote
        self._binding = binding
        self._script: list[str] = []
        self._size = 0

    def add(self, rows: Rows) -> None:
        for sql in script(rows):
            self._script.append(sql)
            self._size += len(sql)
        if self._size > FILE:
            self._send()

    def close(self) -> None:
        self._send()

    def _send(self) -> None:
        if self._script:
            self._remote.insert(self._binding, self._script)
        self._script.clear()
        self._size = 0


class Progress:
    """A progress bar on a terminal; a line for each tenth elsewhere."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._done = 0
        self._printed_tenth = -1
        self._began = time.monotonic()

    def add(self, count: int) -> None:
        """Show that more is done."""
        self._done += count
        tenth = self._done * 10 // self._size
        if not sys.stderr.isatty() and tenth == self._printed_tenth:
            return
        self._printed_tenth = tenth
        print(f"\r{self.line()}", end="" if sys.stderr.isatty() else "\n", file=sys.stderr, flush=True)

    def line(self) -> str:
        """Return the bar and the pace."""
        full = self._done * BAR // self._size
        pace = self._done / max(time.monotonic() - self._began, 0.001)
        return f"[{'#' * full}{'.' * (BAR - full)}] {self._done:,} of {self._size:,} practitioners, {pace:,.0f}/s"


def load(plan: Plan, target: Target) -> dict[str, int]:
    """Load a market and return how many rows of each table it has."""
    counts = dict.fromkeys(COLUMNS, 0)
    progress = Progress(plan.size)
    with closing(target):
        for practitioners, rows in blocks(plan):
            target.add(rows)
            for table in COLUMNS:
                counts[table] += len(rows[table])
            progress.add(practitioners)
    if sys.stderr.isatty():
        print(file=sys.stderr)
    return counts


def insertion(table: str) -> str:
    """Return the statement that inserts a row unless its key exists; a word index has no other rule."""
    columns = COLUMNS[table].split()
    marks = ", ".join("?" * len(columns))
    sql = f"INSERT INTO {table} ({', '.join(columns)}) "
    if table == "practitioner_texts":
        return f"{sql}SELECT {marks} WHERE NOT EXISTS (SELECT 1 FROM {table} WHERE rowid = ?1)".replace("?,", "?1,", 1)
    return f"{sql}VALUES ({marks}) ON CONFLICT DO NOTHING"


def script(rows: Rows) -> Iterator[str]:
    """Yield the statements that insert the rows of a block, many rows each."""
    for table, names in COLUMNS.items():
        columns = ", ".join(names.split())
        for values in _portions(map(_tuple, rows[table])):
            if table == "practitioner_texts":
                listed = f"WITH new ({columns}) AS (VALUES {values}) SELECT {columns} FROM new"
                yield f"INSERT INTO {table} ({columns}) {listed} WHERE rowid NOT IN (SELECT rowid FROM {table});"
            else:
                yield f"INSERT INTO {table} ({columns}) VALUES {values} ON CONFLICT DO NOTHING;"


def _portions(tuples: Iterable[str]) -> Iterator[str]:
    """Join rows to portions of one statement each."""
    portion: list[str] = []
    size = 0
    for text in tuples:
        length = len(text.encode())
        if portion and size + length > STATEMENT:
            yield ",\n".join(portion)
            portion = []
            size = 0
        portion.append(text)
        size += length + 2
    if portion:
        yield ",\n".join(portion)


def _tuple(row: Sequence[Any]) -> str:
    return f"({', '.join(map(_literal, row))})"


def _literal(value: object) -> str:
    if value is None:
        return "NULL"
    return repr(value) if isinstance(value, (int, float)) else f"'{str(value).replace(chr(39), chr(39) * 2)}'"
