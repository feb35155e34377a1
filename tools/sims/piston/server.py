"""The server: runtimes and executions, refused and answered as Piston does (engineer-man/piston, March 2026)."""

import asyncio
import json
from typing import Any, ClassVar

from aiohttp import web

from edge.clients.execution.compose import Script
from edge.clients.execution.verdicts import Raw
from edge.ports import PortError
from edge.ports.executor import Limits
from edge.runtimes.local.sandbox.sandbox import LocalSandbox
from sims.server import StandIn

OUTPUT_BYTES = 1024
"""Bytes of stdout and of stderr, beyond which a program is killed: Piston's default."""
MOST_MS = 3_000
MOST_JOBS = 64
BODY_BYTES = 100 * 1024
_WORDS = {"time": "TO", "output": "OL"}
_ALIASES = {"python": ("py", "py3", "python3"), "javascript": ("node-javascript", "node-js", "js")}


class PistonSim(StandIn):
    """Piston at `url` + /api/v2. `key` is the required Authorization; with None, none is required.

    `failure` is a status and body that answers every request until it is None again; after `most_runs` programs
    further ones are answered 503.
    """

    options: ClassVar = {"access_log": None}

    def __init__(self, port: int = 0, key: str | None = None, output_bytes: int = OUTPUT_BYTES) -> None:
        super().__init__(port)
        self.key = key
        self.output_bytes = output_bytes
        self.failure: tuple[int, str] | None = None
        self.most_runs: int | None = None
        self.requests: list[dict[str, Any]] = []
        self._sandbox = LocalSandbox()
        self._jobs = 0

    @property
    def api(self) -> str:
        """The address before the routes."""
        return f"{self.url}/api/v2"

    def application(self) -> web.Application:
        """Return the application."""
        app = web.Application(client_max_size=BODY_BYTES, middlewares=[self._guard])
        app.add_routes([web.get("/api/v2/runtimes", self._runtimes), web.post("/api/v2/execute", self._execute)])
        return app

    async def closing(self) -> None:
        """End the running programs."""
        self._sandbox.close()

    @web.middleware
    async def _guard(self, request: web.Request, handler: Any) -> web.StreamResponse:
        if self.failure is not None:
            return web.Response(status=self.failure[0], text=self.failure[1])
        if self.key is not None and request.headers.get("authorization") != self.key:
            return _message(401, "Authorization is required: the public API takes registered keys since 2026-02-15")
        answer: web.StreamResponse = await handler(request)
        return answer

    async def _runtimes(self, _: web.Request) -> web.Response:
        versions = await self._versions()
        listed = [
            {"language": name, "version": versions[name], "aliases": _ALIASES[name]}
            | ({"runtime": "node"} if name == "javascript" else {})
            for name in _ALIASES
            if name in versions
        ]
        return web.json_response([*listed, {"language": "rust", "version": "1.68.2", "aliases": ["rs"]}])

    async def _versions(self) -> dict[str, str]:
        return {str(name): version for name, version in (await self._sandbox.languages()).items()}

    async def _execute(self, request: web.Request) -> web.Response:
        if request.content_type != "application/json":
            return _message(415, "requests must be of type application/json")
        try:
            body: dict[str, Any] = json.loads(await request.text())
        except ValueError:
            return web.Response(status=400, text="Bad Request")
        self.requests.append(body)
        if self.most_runs is not None and len(self.requests) > self.most_runs:
            return web.Response(status=503)
        if (fault := _fault(body, await self._versions())) is not None:
            return _message(400, fault)
        if self._jobs >= MOST_JOBS:
            await asyncio.sleep(0.1)
        return await self._run(body)

    async def _run(self, body: dict[str, Any]) -> web.Response:
        memory = body.get("run_memory_limit", -1)
        limits = Limits(
            time_ms=body.get("run_timeout", MOST_MS),
            memory_mb=512 if memory < 0 else max(1, memory >> 20),
            output_bytes=self.output_bytes,
        )
        kind = "python" if body["language"] == "python" else "javascript"
        self._jobs += 1
        try:
            raw = await self._sandbox.run_script(
                Script(kind, body["files"][0]["content"], body.get("stdin", ""), ""), limits
            )
        except PortError:
            return web.Response(status=500)
        finally:
            self._jobs -= 1
        return web.json_response({"language": body["language"], "version": body["version"], "run": _run_of(raw)})


def _fault(body: dict[str, Any], versions: dict[str, str]) -> str | None:
    """Return Piston's error message, or None."""
    if not isinstance(body.get("language"), str):
        return "language is required as a string"
    if not isinstance(body.get("version"), str):
        return "version is required as a string"
    if not isinstance(body.get("files"), list):
        return "files is required as an array"
    for place, file in enumerate(body["files"]):
        if not isinstance(file.get("content"), str):
            return f"files[{place}].content is required as a string"
    version = versions.get(body["language"])
    if version is None or body["version"] not in {"*", version}:
        return f"{body['language']}-{body['version']} runtime is unknown"
    for name in ("run_timeout", "run_cpu_time"):
        if body.get(name, 0) > MOST_MS:
            return f"{name} cannot exceed the configured limit of {MOST_MS}"
    return None


def _run_of(raw: Raw) -> dict[str, Any]:
    limit = raw.limit
    signal = "SIGKILL" if limit else raw.signal
    status = _status(raw)
    return {
        "stdout": raw.stdout,
        "stderr": raw.stderr,
        "output": raw.stdout + raw.stderr,
        "code": None if signal else raw.exit_code,
        "signal": signal,
        "message": _MESSAGES.get(status or ""),
        "status": status,
        "cpu_time": round(raw.cpu_ms or 0),
        "wall_time": round(raw.time_ms or 0),
        "memory": (raw.memory_kb or 0) * 1024,
    }


_MESSAGES = {"TO": "Time limit exceeded", "OL": "stdout length exceeded", "EL": "stderr length exceeded"}


def _status(raw: Raw) -> str | None:
    if raw.limit == "output":
        return "EL" if raw.stderr_truncated else "OL"
    if raw.limit is not None:
        return _WORDS.get(raw.limit, "SG")
    if raw.signal is not None:
        return "SG"
    return "RE" if raw.exit_code else None


def _message(status: int, text: str) -> web.Response:
    return web.json_response({"message": text}, status=status)
