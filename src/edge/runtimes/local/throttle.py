"""The `Throttle` port on SQLite: a bucket and a window per name, shared by all processes on one state folder."""

import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from edge.ports import Pace, Window
from edge.runtimes import moving_window, token_bucket
from edge.runtimes.local.sqlite import SqliteFile, connect
from edge.runtimes.token_bucket import RESERVE, wait


class LocalThrottle:
    """Buckets and windows in a SQLite file."""

    def __init__(self, path: Path, now: Callable[[], float] = time.time) -> None:
        path.parent.mkdir(exist_ok=True)
        self._now = now
        schema = f"{token_bucket.SCHEMA};{moving_window.SCHEMA}"
        self._file = SqliteFile(connect(path, sqlite3.Connection, schema))
        self.probe = self._file.probe
        self.close = self._file.close

    async def reserve(self, name: str, pace: Pace) -> float:
        def take(connection: sqlite3.Connection) -> float:
            return float(connection.execute(RESERVE, (name, pace.burst, self._now(), pace.rate)).fetchone()[0])

        return wait(await self._file.atomic(take), pace)

    async def admit(self, name: str, window: Window, patience: float = 0.0) -> float:
        return await self._file.atomic(
            lambda connection: moving_window.admit(_executed(connection), name, window, patience, self._now())
        )

    async def pause(self, name: str, seconds: float) -> None:
        await self._file.atomic(
            lambda connection: moving_window.pause(_executed(connection), name, self._now() + seconds)
        )


def _executed(connection: sqlite3.Connection) -> moving_window.Execute:
    def execute(sql: str, *params: Any) -> Any:
        row = connection.execute(sql, params).fetchone()
        return None if row is None else row[0]

    return execute
