"""The in-process client's counterpart over HTTP: the same cases run against a Worker in real workerd."""

import asyncio
import io
from collections.abc import Mapping, Sequence
from datetime import datetime
from http.client import HTTPResponse
from typing import Any, cast
from urllib.parse import urlsplit

from edge.app import App
from edge.context import Ports
from edge.events import Outcome
from edge.http import HeaderList
from edge.ports import Keys, KeyValue, Log, Result, Row, Statement, Value
from edge.testing.client import Answer, Client
from pyedge import ControlError, Worker


class RemoteDatabase:
    """The Worker's D1, for a test to write or read rows behind the API."""

    def __init__(self, worker: Worker, binding: str) -> None:
        self._worker = worker
        self._binding = binding

    async def all(self, sql: str, *params: Value) -> list[Row]:
        return await asyncio.to_thread(self._worker.d1, self._binding, sql, *params)

    async def first(self, sql: str, *params: Value) -> Row | None:
        rows = await self.all(sql, *params)
        return rows[0] if rows else None

    async def run(self, sql: str, *params: Value) -> Result:
        return Result(await self.all(sql, *params), 0, 0)

    async def batch(self, statements: Sequence[Statement]) -> list[Result]:
        results = await asyncio.to_thread(self._worker.d1_batch, self._binding, statements) if statements else []
        return [Result(rows, 0, 0) for rows in results]

    async def probe(self) -> None:
        await self.all("SELECT 1")

    async def wipe(self) -> None:
        """Empty every table of the app, in one transaction."""
        rows = await self.all("SELECT name, sql FROM sqlite_schema WHERE type = 'table'")
        virtual = tuple(f"{row['name']}_" for row in rows if str(row["sql"]).upper().startswith("CREATE VIRTUAL"))
        own = [row["name"] for row in rows if not row["name"].startswith(("d1_", "_cf", "sqlite", *virtual))]
        statements = ["PRAGMA defer_foreign_keys = on", *(f"DELETE FROM {name}" for name in own)]
        for _ in range(10):
            try:
                await self.batch([Statement(sql, ()) for sql in statements])
                return
            except ControlError:  # background work of an earlier test still writes
                await asyncio.sleep(0.2)
        raise AssertionError("the tables cannot be emptied")


class RemoteKeyValue:
    """The Worker's KV, for the same use."""

    def __init__(self, worker: Worker, binding: str) -> None:
        self._worker = worker
        self._binding = binding

    async def get(self, name: str) -> bytes | None:
        value = await asyncio.to_thread(self._worker.kv_get, self._binding, name)
        return None if value is None else value.encode()

    async def put(self, name: str, value: bytes | str, *, ttl: int | None = None) -> None:  # noqa: ARG002 - kept for good
        text = value.decode() if isinstance(value, bytes) else value
        await asyncio.to_thread(self._worker.kv_put, self._binding, name, text)

    async def delete(self, name: str) -> None:
        await asyncio.to_thread(self._worker.kv_delete, self._binding, name)

    async def list(self, prefix: str = "", *, limit: int = 1000, cursor: str | None = None) -> Keys:  # noqa: ARG002 - one page
        return Keys(await asyncio.to_thread(self._worker.kv_names, self._binding, prefix), None)

    async def probe(self) -> None:
        await self.get("probe")

    async def wipe(self) -> None:
        """Remove every key."""
        for name in (await self.list()).names:
            await self.delete(name)


class RemoteClient(Client):
    """Sends each request over a connection of its own, its target unchanged."""

    def __init__(
        self,
        app: App,
        worker: Worker,
        env: Mapping[str, str],
        headers: HeaderList | None = None,
        *,
        secrets: Sequence[str] = (),
    ) -> None:
        kinds: dict[Any, Any] = {KeyValue: RemoteKeyValue}
        ports = [(field.name, field.port) for field in app.settings.fields if field.port]
        bindings = {name: kinds.get(port, RemoteDatabase)(worker, name) for name, port in ports}
        super().__init__(app, Ports(app.settings({**env, **bindings}), {Log: _silent}), headers, secrets=secrets)
        self._worker = worker

    @property
    def url(self) -> str:
        """The Worker's address, without a slash at its end."""
        return self._worker.url.rstrip("/")

    async def empty(self) -> None:
        """Empty the Worker's databases and KV namespaces, once the background work of earlier tests has ended."""
        await asyncio.to_thread(self._worker.settle)
        for field in self.app.settings.fields:
            if field.kind in {"d1", "kv"}:
                await cast("RemoteDatabase", getattr(self.ports.settings, field.attribute)).wipe()

    async def _send(self, method: str, target: str, headers: HeaderList, body: bytes) -> Answer:
        where = urlsplit(self._worker.url)
        lines = [f"{method} {target} HTTP/1.1", f"host: {where.netloc}", f"content-length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in headers if name.lower() not in {"host", "connection"}]
        head = "\r\n".join([*lines, "connection: close", "", ""]).encode()
        reader, writer = await asyncio.open_connection(where.hostname, where.port)
        try:
            writer.write(head + body)
            async with asyncio.timeout(60):
                return _answer(method, await reader.read())
        finally:
            writer.close()

    async def scheduled(self, cron: str, at: datetime | None = None) -> None:
        """Fire a cron expression."""
        time_ms = int(at.timestamp() * 1000) if at else None
        outcome = await asyncio.to_thread(self._worker.scheduled, cron, time_ms)
        if outcome["outcome"] != "ok":
            raise AssertionError(f"{cron}: {outcome}")

    async def queue(self, name: str, bodies: Sequence[object], *, attempts: int = 1) -> list[Outcome]:
        """Deliver messages to a queue's consumer."""
        answer = await asyncio.to_thread(self._worker.queue, name, list(bodies), attempts)
        again = {message["msgId"]: message.get("delaySeconds") or 0 for message in answer["retryMessages"]}
        return [Outcome(f"message-{number}", again.get(str(number))) for number in range(len(bodies))]


class _Bytes:
    """A response's bytes as the socket that http.client reads from."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def makefile(self, _mode: str) -> io.BytesIO:
        return io.BytesIO(self._data)


def _answer(method: str, data: bytes) -> Answer:
    if not data:
        raise AssertionError("the connection was closed without an answer")
    response = HTTPResponse(cast("Any", _Bytes(data)), method=method)
    response.begin()
    headers = [(name.lower(), value) for name, value in response.getheaders()]
    return Answer(response.status, headers, response.read())


def _silent(level: str, message: str, **fields: object) -> None:
    """Log nothing: the Worker has a log of its own."""
