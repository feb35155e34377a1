"""The server: languages, limits and submissions, refused and answered as Judge0 CE 1.13 documents."""

import asyncio
import base64
import binascii
import json
import uuid
from typing import Any, ClassVar

from aiohttp import web

from edge.clients.execution.compose import Script
from edge.clients.execution.verdicts import Raw
from edge.ports import PortError
from edge.ports.executor import Limits
from edge.runtimes.local.sandbox.sandbox import LocalSandbox
from sims.server import StandIn

CONFIG = {
    "enable_wait_result": False,
    "max_queue_size": 100,
    "cpu_time_limit": 5,
    "max_cpu_time_limit": 15,
    "wall_time_limit": 10,
    "max_wall_time_limit": 20,
    "memory_limit": 128_000,
    "max_memory_limit": 512_000,
    "max_file_size": 4096,
}
STATUSES = {
    1: "In Queue",
    2: "Processing",
    3: "Accepted",
    5: "Time Limit Exceeded",
    6: "Compilation Error",
    7: "Runtime Error (SIGSEGV)",
    8: "Runtime Error (SIGXFSZ)",
    9: "Runtime Error (SIGFPE)",
    10: "Runtime Error (SIGABRT)",
    11: "Runtime Error (NZEC)",
    12: "Runtime Error (Other)",
    13: "Internal Error",
}
_SIGNALS = {"SIGSEGV": 7, "SIGXFSZ": 8, "SIGFPE": 9, "SIGABRT": 10}
_NUMBERS = {"SIGSEGV": 11, "SIGXFSZ": 25, "SIGFPE": 8, "SIGABRT": 6, "SIGKILL": 9, "SIGSYS": 31}


class Judge0Sim(StandIn):
    """Judge0 at `url`. `key` is the required X-Auth-Token; with None, none is required.

    `failure` is a status and body that answers every request until it is None again; `is_paused` keeps all submissions
    in the queue.
    """

    options: ClassVar = {"access_log": None}

    def __init__(self, port: int = 0, key: str | None = None) -> None:
        super().__init__(port)
        self.key = key
        self.failure: tuple[int, str] | None = None
        self.is_paused = False
        self.requests: list[dict[str, Any]] = []
        self._sandbox = LocalSandbox()
        self._results: dict[str, dict[str, Any]] = {}
        self._running: set[asyncio.Task[None]] = set()

    def application(self) -> web.Application:
        """Return the application."""
        app = web.Application(client_max_size=4 << 20, middlewares=[self._guard])
        app.add_routes(
            [
                web.get("/languages", self._languages),
                web.get("/config_info", self._config),
                web.post("/submissions", self._submit),
                web.get("/submissions/{token}", self._result),
            ]
        )
        return app

    async def closing(self) -> None:
        """End the running programs."""
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        self._sandbox.close()

    @web.middleware
    async def _guard(self, request: web.Request, handler: Any) -> web.StreamResponse:
        if self.failure is not None:
            return web.Response(status=self.failure[0], text=self.failure[1])
        if self.key is not None and request.headers.get("x-auth-token") != self.key:
            return web.Response(status=401)
        answer: web.StreamResponse = await handler(request)
        return answer

    async def _available(self) -> dict[int, tuple[str, str]]:
        versions = await self._sandbox.languages()
        languages = {70: ("Python (2.7.17)", ""), 73: ("Rust (1.40.0)", "")}
        if "python" in versions:
            languages[71] = (f"Python ({versions['python']})", "python")
        if "javascript" in versions:
            languages[63] = (f"JavaScript (Node.js {versions['javascript']})", "javascript")
        return languages

    async def _languages(self, _: web.Request) -> web.Response:
        languages = await self._available()
        return web.json_response([{"id": number, "name": name} for number, (name, _) in sorted(languages.items())])

    async def _config(self, _: web.Request) -> web.Response:
        return web.json_response(CONFIG)

    async def _submit(self, request: web.Request) -> web.Response:
        if request.query.get("wait") == "true":
            return web.json_response({"error": "wait not allowed"}, status=400)
        try:
            body: dict[str, Any] = json.loads(await request.text())
        except ValueError:
            return web.json_response({"error": "invalid JSON"}, status=400)
        self.requests.append(body)
        languages = await self._available()
        if faults := _faults(body, {number for number, (_, kind) in languages.items() if kind}):
            return web.json_response(faults, status=422)
        if len(self._running) >= CONFIG["max_queue_size"]:
            return web.json_response({"error": "queue is full"}, status=503)
        token = str(uuid.uuid4())
        self._results[token] = _described(1)
        task = asyncio.get_running_loop().create_task(self._run(token, languages[body["language_id"]][1], body))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return web.json_response({"token": token}, status=201)

    async def _run(self, token: str, kind: str, body: dict[str, Any]) -> None:
        if self.is_paused:
            return
        self._results[token] = _described(2)
        seconds = min(body.get("wall_time_limit", 10), body.get("cpu_time_limit", 5))
        limits = Limits(int(seconds * 1000), int(body.get("memory_limit", 128_000)) // 1024, 1 << 20)
        script = Script(kind, _decoded(body["source_code"]), _decoded(body.get("stdin") or ""), "")
        try:
            self._results[token] = _ended(await self._sandbox.run_script(script, limits))
        except PortError as fault:
            self._results[token] = _described(13) | {"message": _encoded(str(fault))}

    async def _result(self, request: web.Request) -> web.Response:
        result = self._results.get(request.match_info["token"])
        if result is None:
            return web.json_response({"error": "submission not found"}, status=404)
        if request.query.get("base64_encoded") != "true":
            fault = "some attributes for this submission cannot be converted to UTF-8, use base64_encoded=true"
            return web.json_response({"error": fault}, status=400)
        fields = request.query.get("fields", "stdout,time,memory,stderr,token,compile_output,message,status").split(",")
        output = {"token": request.match_info["token"], **result}
        return web.json_response({name: output.get(name) for name in fields})


def _faults(body: dict[str, Any], languages: set[int]) -> dict[str, list[str]]:
    """Return Judge0's error messages, by attribute."""
    faults: dict[str, list[str]] = {}
    if not body.get("source_code"):
        faults["source_code"] = ["can't be blank"]
    if body.get("language_id") not in languages:
        faults["language_id"] = [f"language with id {body.get('language_id')} doesn't exist"]
    for name in ("cpu_time_limit", "wall_time_limit", "memory_limit"):
        most = CONFIG[f"max_{name}"]
        if body.get(name, 0) > most:
            faults[name] = [f"must be less than or equal to {most}"]
    return faults


def _ended(raw: Raw) -> dict[str, Any]:
    number = _number(raw)
    return _described(number) | {
        "stdout": _encoded(raw.stdout),
        "stderr": _encoded(raw.stderr),
        "compile_output": None,
        "message": _encoded(f"Exited with error code {raw.exit_code}") if number == 11 else None,
        "time": f"{(raw.cpu_ms or 0) / 1000:.3f}",
        "wall_time": f"{(raw.time_ms or 0) / 1000:.3f}",
        "memory": raw.memory_kb,
        "exit_code": raw.exit_code,
        "exit_signal": _NUMBERS.get(raw.signal or ""),
    }


def _number(raw: Raw) -> int:
    if raw.limit is not None:
        return {"time": 5, "output": 8}.get(raw.limit, 12)
    if raw.signal is not None:
        return _SIGNALS.get(raw.signal, 12)
    return 11 if raw.exit_code else 3


def _described(number: int) -> dict[str, Any]:
    return {"status": {"id": number, "description": STATUSES[number]}}


def _decoded(text: str) -> str:
    try:
        return base64.b64decode(text).decode(errors="replace")
    except binascii.Error:
        return ""


def _encoded(text: str) -> str | None:
    return base64.encodebytes(text.encode()).decode() if text else None
