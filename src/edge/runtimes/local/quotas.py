"""The `Quotas` port on SQLite: exact for all processes on one state folder."""

import sqlite3
from collections.abc import Sequence
from pathlib import Path

from edge.ports.quotas import Allowance
from edge.runtimes.local.sqlite import SqliteFile, connect

SCHEMA = "CREATE TABLE IF NOT EXISTS quotas (name TEXT PRIMARY KEY, day TEXT NOT NULL, used INTEGER NOT NULL)"
ADD = """
INSERT INTO quotas VALUES (?, ?, 1)
ON CONFLICT (name) DO UPDATE
SET used = CASE WHEN day < excluded.day THEN 1 ELSE used + 1 END, day = max(day, excluded.day)
RETURNING used
"""
USED = "SELECT used FROM quotas WHERE name = ? AND day >= ?"


class LocalQuotas:
    """One row per name, and one for each of its allowances."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        self._file = SqliteFile(connect(path, sqlite3.Connection, SCHEMA))
        self.probe = self._file.probe
        self.close = self._file.close

    async def add(self, name: str, day: str) -> int:
        def count(connection: sqlite3.Connection) -> int:
            return int(connection.execute(ADD, (name, day)).fetchone()[0])

        return await self._file.atomic(count)

    async def take(self, name: str, allowances: Sequence[Allowance]) -> list[int]:
        rows = [(f"{name} {place}", allowance.period) for place, allowance in enumerate(allowances)]

        def count(connection: sqlite3.Connection) -> list[int]:
            counts = [connection.execute(USED, row).fetchone() for row in rows]
            used = [row[0] if row else 0 for row in counts]
            if all(number < allowance.most for number, allowance in zip(used, allowances, strict=True)):
                connection.executemany(ADD.replace("RETURNING used", ""), rows)
            return used

        return await self._file.atomic(count)
