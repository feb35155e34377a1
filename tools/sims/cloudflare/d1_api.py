"""A D1 database with Cloudflare's API: immediate queries, and files that are uploaded, ingested and polled."""

import hashlib
import re
import sqlite3
from pathlib import Path
from typing import Any

from edge.ports import PortError, Result
from edge.runtimes.local.database import batch, connect_d1, execute
from edge.runtimes.local.migrations import statements


class Refusal(Exception):
    """An error response of Cloudflare: a status, its own code and a reason."""

    def __init__(self, status: int, code: int, why: str) -> None:
        super().__init__(why)
        self.status = status
        self.code = code


class ApiDatabase:
    """SQLite with D1's limits. `bookmark` counts the writes, as D1's does; an import takes one more poll.

    A migration that it `forgets` looks applied to wrangler and is missing to the Worker.
    """

    def __init__(self, name: str, uuid: str, path: Path, uploads: str) -> None:
        self.name = name
        self.uuid = uuid
        self.path = path
        self.bookmark = 0
        self.forgets = ""
        self._connection = connect_d1(path)
        self._uploads = uploads
        self._files: dict[str, bytes] = {}
        self._running: dict[str, str] = {}

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def query(self, order: dict[str, Any]) -> list[dict[str, Any]]:
        """Run statements in one transaction and return the result of each."""
        parts = cut(order["sql"])
        return [_result_document(result) for result in self._run(parts, order.get("params", ()))]

    def upload(self, name: str, body: bytes) -> str:
        """Keep a file and return its MD5."""
        self._files[name] = body
        return hashlib.md5(body, usedforsecurity=False).hexdigest()

    def load(self, order: dict[str, Any]) -> dict[str, Any]:
        """Take one of the three steps of an import."""
        match order["action"]:
            case "init":
                return self._init(f"{self.uuid}.{order['etag']}.sql")
            case "ingest":
                return self._begin(order["filename"], order["etag"])
            case "poll":
                return self._poll(order["current_bookmark"])
        raise Refusal(400, 7400, f"no action {order['action']}")

    def _init(self, name: str) -> dict[str, Any]:
        """Return the address to upload a file to, or begin the import if the file is already here."""
        if name in self._files:
            return self._begin(name, name.split(".")[1])
        return {"success": True, "filename": name, "upload_url": self._uploads + name}

    def _begin(self, name: str, etag: str) -> dict[str, Any]:
        if name not in self._files or hashlib.md5(self._files[name], usedforsecurity=False).hexdigest() != etag:
            raise Refusal(400, 7400, "The file was not uploaded")
        mark = f"{self.bookmark:08d}"
        self._running[mark] = name
        status = {"status": "active", "at_bookmark": mark, "messages": ["Processed 0 queries."]}
        return {"success": True, "type": "import", **status}

    def _poll(self, mark: str) -> dict[str, Any]:
        name = self._running.pop(mark, None)
        if name is None:
            return {"success": False, "type": "import", "error": "Not currently importing anything."}
        try:
            results = self._run([*statements(self._files[name].decode())])
        except Refusal as refusal:
            return {"success": False, "type": "import", "status": "error", "error": str(refusal), "messages": []}
        written = {"num_queries": len(results), "final_bookmark": f"{self.bookmark:08d}"}
        meta = _meta(sum(result.changes for result in results), sum(len(result.rows) for result in results))
        status = {"status": "complete", "at_bookmark": written["final_bookmark"], "messages": []}
        return {"success": True, "type": "import", **status, "result": {**written, "meta": meta}}

    def _run(self, parts: list[str], params: Any = ()) -> list[Result]:
        """Run a script: all of it takes effect, or nothing does."""
        try:
            with batch(self._connection):
                results = [execute(self._connection, text, params) for text in parts if text.strip("; \n")]
        except (sqlite3.Error, PortError) as fault:
            raise Refusal(400, 7500, f"{fault}: SQLITE_ERROR") from None
        self.bookmark += 1
        return results


def cut(script: str) -> list[str]:
    """Cut a script at semicolons as `/query` does: not in texts and comments, but in a trigger's body too."""
    parts = []
    start = 0
    for token in _TOKEN.finditer(script):
        if token[0] == ";":
            parts.append(script[start : token.start()])
            start = token.end()
    return [*parts, script[start:]]


_TOKEN = re.compile(r"--[^\n]*|/\*.*?(?:\*/|\Z)|'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|;", re.DOTALL)


def _result_document(result: Result) -> dict[str, Any]:
    return {"results": result.rows, "success": True, "meta": _meta(result.changes, len(result.rows))}


def _meta(written: int, read: int) -> dict[str, Any]:
    counted = {"changes": written, "rows_written": written, "rows_read": read, "changed_db": written > 0}
    return {"served_by": "sim", "duration": 0.1, "last_row_id": 0, "size_after": 4096, **counted}
