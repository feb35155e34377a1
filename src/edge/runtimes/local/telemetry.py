"""The `Telemetry` port on SQLite."""

import asyncio
import sqlite3
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

from pydantic_core import to_json

from edge.ports import Log, PortError
from edge.ports.telemetry import Point, Total
from edge.runtimes.limits import check_point, check_totals
from edge.runtimes.local.sqlite import SqliteFile, connect, transaction

SCHEMA = """
CREATE TABLE IF NOT EXISTS points(written_at INTEGER NOT NULL, index1 TEXT NOT NULL, blobs TEXT NOT NULL,
    doubles TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS points_written ON points(written_at);
"""
RETENTION_S = 92 * 86_400
"""Seconds that a point is stored: three months."""
DELAY = 0.5
"""Seconds that a point may wait to be written together with others."""

type Row = tuple[int, str, Sequence[str], Sequence[float]]


class LocalTelemetry(SqliteFile[sqlite3.Connection]):
    """One dataset. Points are collected in memory and written together; a total includes all earlier points.

    `log` returns the log when it is needed: the runtime has none yet when it binds.
    """

    def __init__(self, path: Path, log: Callable[[], Log]) -> None:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        super().__init__(connect(path, sqlite3.Connection, SCHEMA))
        self._log = log
        self._waiting: list[Row] = []
        self._timer: asyncio.TimerHandle | None = None

    def write(self, point: Point) -> None:
        try:
            check_point(point)
        except PortError as fault:
            self._log()("warning", "point dropped", index=point.index[:96], error=str(fault))
            return
        self._waiting.append((int(time.time()), point.index, point.blobs, point.doubles))
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(DELAY, self._flush)

    async def totals(self, blobs: Sequence[int], doubles: Sequence[int], since: datetime) -> list[Total]:
        check_totals(blobs, doubles)
        self._flush()
        sql = totals_sql(blobs, doubles)
        count = len(blobs)
        rows = await self.work(lambda connection: connection.execute(sql, (int(since.timestamp()),)).fetchall())
        return [Total(row[:count], row[count], row[count + 1 :]) for row in rows]

    def close(self) -> None:
        """Write the collected points, and close the file."""
        self._flush()
        super().close()

    def _flush(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None
        if self._waiting:
            rows = self._waiting
            self._waiting = []
            self._thread.submit(self._insert, rows)

    def _insert(self, rows: list[Row]) -> None:
        """Insert rows in the file's thread; no caller waits for it."""
        packed = [(at, index, to_json(blobs).decode(), to_json(doubles).decode()) for at, index, blobs, doubles in rows]
        try:
            with transaction(self.connection):
                self.connection.execute("DELETE FROM points WHERE written_at < ?", (int(time.time()) - RETENTION_S,))
                self.connection.executemany("INSERT INTO points VALUES (?, ?, ?, ?)", packed)
        except sqlite3.Error as fault:
            self._log()("error", "points not written", lost=len(rows), error=str(fault))


def totals_sql(blobs: Sequence[int], doubles: Sequence[int]) -> str:
    """Return the query for totals: a point without such a blob has an empty one, without such a double 0."""
    groups = [f"ifnull(blobs ->> {number - 1}, '')" for number in blobs]
    sums = [f"total(doubles ->> {number - 1})" for number in doubles]
    places = [str(place) for place in range(1, len(blobs) + 1)]
    grouped = f" GROUP BY {', '.join(places)}" if places else ""
    return (
        f"SELECT {', '.join([*groups, 'count(*) AS points', *sums])} FROM points WHERE written_at >= ?{grouped} "
        f"ORDER BY {', '.join(['points DESC', *places])}"
    )
