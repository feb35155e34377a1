"""Analytics Engine: an address that a dataset's points are sent to, and the SQL API that answers for them."""

import json
import re
import sqlite3
import threading
import time
from typing import Any

from aiohttp import web

from sims.cloudflare.dialect import COLUMNS, Query, Refused, translate
from sims.server import StandIn

ACCOUNT = "0123456789abcdef0123456789abcdef"
TOKEN = "analytics-sim-token"

_SQL = re.compile(r"/client/v4/accounts/([^/]+)/analytics_engine/sql")
_WRITE = re.compile(r"/write/([A-Za-z_][A-Za-z0-9_]*)")
_AUTHENTICATION = {"success": False, "errors": [{"code": 10000, "message": "Authentication error"}], "messages": []}

type Answer = tuple[int, bytes]


class AnalyticsSim(StandIn):
    """A context manager that serves Analytics Engine's SQL API.

    The first point creates its dataset, as at Cloudflare; a query before that is refused. If `failure` is set, every
    query gets it. `POST /write/{dataset}` takes the members of `writeDataPoint`: Cloudflare's own protocol there is
    not public, so pyedge and this stand-in share one.
    """

    def __init__(self, port: int = 0) -> None:
        super().__init__(port)
        self.failure: Answer | None = None
        self.queries: list[str] = []
        self._lock = threading.Lock()
        self._db = sqlite3.connect(":memory:", check_same_thread=False)
        self._db.row_factory = sqlite3.Row
        self._db.create_function("toDateTime", 1, int, deterministic=True)

    @property
    def api_url(self) -> str:
        """The base address of Cloudflare's API."""
        return f"{self.url}/client/v4"

    def application(self) -> web.Application:
        """Return the aiohttp application."""
        application = web.Application()
        application.router.add_post("/{path:.*}", self._answer)
        return application

    async def closing(self) -> None:
        """Forget everything."""
        self._db.close()

    def write(self, dataset: str, point: Any, *, sample_interval: int = 1, at: float | None = None) -> None:
        """Store a point of `writeDataPoint`; it represents `sample_interval` points."""
        point_values = {"timestamp": int(time.time() if at is None else at), "_sample_interval": sample_interval}
        point_values |= {"index1": (point.get("indexes") or [""])[0]}
        point_values |= {f"blob{number}": blob for number, blob in enumerate(point.get("blobs", []), 1)}
        point_values |= {f"double{number}": double for number, double in enumerate(point.get("doubles", []), 1)}
        columns = ", ".join(f"{name} {_AFFINITY.get(kind, 'INTEGER')}" for name, kind in COLUMNS.items())
        with self._lock:
            self._db.execute(f'CREATE TABLE IF NOT EXISTS "{dataset}"({columns})')
            names = ", ".join(point_values)
            self._db.execute(
                f'INSERT INTO "{dataset}" ({names}) VALUES ({", ".join("?" * len(point_values))})',
                (*point_values.values(),),
            )

    def clear(self) -> None:
        """Forget all points, queries and failures."""
        self.failure = None
        self.queries.clear()
        with self._lock:
            for (name,) in self._db.execute("SELECT name FROM sqlite_schema").fetchall():
                self._db.execute(f'DROP TABLE "{name}"')

    def answer(self, path: str, authorization: str, body: str) -> Answer:
        """Return status and body for a POST."""
        if match := _WRITE.fullmatch(path):
            self.write(match[1], json.loads(body))
            return 200, b""
        if not (match := _SQL.fullmatch(path)):
            return 404, b'{"success":false,"errors":[{"code":7003,"message":"Could not route to the path"}]}'
        if match[1] != ACCOUNT or authorization != f"Bearer {TOKEN}":
            return 403, json.dumps(_AUTHENTICATION).encode()
        self.queries.append(body)
        return self.failure or self._run(body)

    async def _answer(self, request: web.Request) -> web.Response:
        status, body = self.answer(request.path, request.headers.get("authorization", ""), await request.text())
        return web.Response(status=status, body=body)

    def _run(self, text: str) -> Answer:
        try:
            query = translate(text)
            with self._lock:
                if not self._db.execute("SELECT 1 FROM sqlite_schema WHERE name = ?", (query.dataset,)).fetchone():
                    raise Refused(f"unable to find type of table: {query.dataset}")
                rows = self._db.execute(query.sql).fetchall()
        except (Refused, sqlite3.Error) as fault:
            return 422, f"Input error: {fault}".encode()
        return 200, json.dumps(_document(query, rows)).encode()


_AFFINITY = {"String": "TEXT NOT NULL DEFAULT ''", "Float64": "REAL NOT NULL DEFAULT 0"}


def _document(query: Query, rows: list[sqlite3.Row]) -> dict[str, Any]:
    """Return rows in FORMAT JSON, with 64-bit integers as strings."""
    data = [
        {
            name: str(value or 0) if kind == "UInt64" else value
            for (name, kind), value in zip(query.columns.items(), row, strict=True)
        }
        for row in rows
    ]
    meta = [{"name": name, "type": kind} for name, kind in query.columns.items()]
    return {"meta": meta, "data": data, "rows": len(rows)}
