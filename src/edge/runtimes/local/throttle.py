"""The `Throttle` port on SQLite: one bucket a name, shared by all processes on one state folder."""

import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

from edge.ports import Pace
from edge.runtimes.local.sqlite import SqliteFile, connect
from edge.runtimes.token_bucket import RESERVE, SCHEMA, wait


class LocalThrottle:
    """Buckets in a SQLite file."""

    def __init__(self, path: Path, now: Callable[[], float] = time.time) -> None:
        path.parent.mkdir(exist_ok=True)
        self._now = now
        self._file = SqliteFile(connect(path, sqlite3.Connection, SCHEMA))
        self.probe, self.close = self._file.probe, self._file.close

    async def reserve(self, name: str, pace: Pace) -> float:
        def take(connection: sqlite3.Connection) -> float:
            return float(connection.execute(RESERVE, (name, pace.burst, self._now(), pace.rate)).fetchone()[0])

        return wait(await self._file.atomic(take), pace)
