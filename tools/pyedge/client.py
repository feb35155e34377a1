"""Workers in workerd, started and talked to from Python."""

import json
import os
import shutil
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from email.message import Message
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from pyedge import config

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
NODE_MODULES = ROOT / "node_modules"
CACHE = ROOT / "build" / "pyedge"
SERVE = HERE / "node" / "serve.mjs"
STOP = 8.0
"""Seconds that Node has for an end in good order."""
RESTART = 75
"""Exit status of the Node side after a change that only a new process can take up."""


class StartError(RuntimeError):
    """The Worker did not start; the message ends with its log."""


class ControlError(RuntimeError):
    """An operation on the running Worker failed."""


@dataclass(frozen=True, slots=True)
class Also:
    """Another Worker in the same process, for service bindings, as `Worker` takes it."""

    path: Path
    environment: str | None = None
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)
    overrides: config.Config = field(default_factory=dict, repr=False)
    trees: Mapping[str, Path] = field(default_factory=dict)


@dataclass(slots=True)
class Worker:
    """A Worker of a wrangler.toml, running between `start` and `stop`, or as a context manager.

    `path` is the file or its folder; `variables` go before those of the file; `overrides` replaces whole keys of the
    configuration; `trees` adds folders to the Worker's files, each at its path, "" for beside the entry;
    `state` is the folder of the bindings' data (none: kept in memory only); `routes` sends
    outbound requests for a host to an address, and refuses all others; `watchdog` is how many seconds Python may
    compute without a pause; `ai` is the address of a stand-in for Workers AI, `analytics` of one for Analytics Engine.
    Without `prepared` it starts as at an upload: no memory snapshot, no byte code. `varied` values go before all
    variables, and a None there hides a variable or a binding; `vary` changes them without another start.
    """

    path: Path
    environment: str | None = None
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)
    overrides: config.Config = field(default_factory=dict, repr=False)
    trees: Mapping[str, Path] = field(default_factory=dict)
    also: Sequence[Also] = ()
    port: int = 0
    state: Path | None = None
    routes: Mapping[str, str] = field(default_factory=dict)
    watchdog: float = 30.0
    ai: str | None = None
    analytics: str | None = None
    watch: bool = False
    prepared: bool = True
    varied: Mapping[str, str | None] = field(default_factory=dict, repr=False)
    log: Callable[[str], object] | None = None
    timeout: float = 180.0

    url: str = field(init=False, default="")
    started_ms: int = field(init=False, default=0)
    logs: list[str] = field(init=False, default_factory=list)
    _control: str = field(init=False, default="")
    _process: subprocess.Popen[str] | None = field(init=False, default=None)
    _lifeline: int | None = field(init=False, default=None)

    # -- life ---------------------------------------------------------------------------------------
    def start(self) -> Self:
        """Start and return when the first request would be answered."""
        order = json.dumps(self._order())
        try:
            line = self._launch(order)
        except BaseException:
            self.stop()
            raise
        if not line:
            self.stop()
            raise StartError("the Worker did not start:\n" + "\n".join(self.logs[-60:]))
        ready = json.loads(line)
        self.url, self._control, self.started_ms = ready["url"], ready["control"], ready["ms"]
        return self

    def _launch(self, order: str) -> str:
        """Start Node below a guard, give it the order and return its first line; "" if it ended or took too long."""
        read_end, self._lifeline = os.pipe()
        try:
            process = subprocess.Popen(
                [sys.executable, str(HERE / "guard.py"), str(read_end), node(), "--no-warnings", str(SERVE)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                encoding="utf-8",
                pass_fds=(read_end,),
                start_new_session=True,  # Ctrl-C is for the parent, which then closes standard input
            )
        finally:
            os.close(read_end)
        self._process = process
        assert process.stdin is not None
        assert process.stdout is not None
        threading.Thread(target=self._read_logs, args=(process,), daemon=True).start()
        timer = threading.Timer(self.timeout, self._let_go)
        timer.daemon = True
        timer.start()
        try:
            process.stdin.write(order + "\n")
            process.stdin.flush()
            return process.stdout.readline()
        finally:
            timer.cancel()

    def _let_go(self) -> None:
        """Close the pipe to the guard, which then ends everything."""
        lifeline, self._lifeline = self._lifeline, None
        if lifeline is not None:
            os.close(lifeline)

    def _order(self) -> dict[str, Any]:
        every = [Also(self.path, self.environment, self.variables, self.overrides, self.trees), *self.also]
        workers = [
            config.order(
                wrangler_toml(worker.path),
                worker.environment,
                worker.overrides,
                variables=worker.variables,
                trees=worker.trees,
            )
            for worker in every
        ]
        state = str(self.state.resolve()) if self.state else None
        return {
            "workers": workers,
            "port": self.port,
            "state": state,
            "cache": str(CACHE),
            "routes": dict(self.routes),
            "watchdog": self.watchdog,
            "ai": self.ai,
            "analytics": self.analytics,
            "watch": self.watch,
            "prepared": self.prepared,
            "varied": dict(self.varied),
            "verbose": bool(os.environ.get("PYEDGE_VERBOSE")),
        }

    def _read_logs(self, process: subprocess.Popen[str]) -> None:
        assert process.stderr is not None
        with process.stderr:
            for line in process.stderr:
                self.logs.append(line.rstrip("\n"))
                if self.log:
                    self.log(line.rstrip("\n"))

    def wait(self, timeout: float | None = None) -> int | None:
        """Wait for the process to end by itself; return its exit status, None if it still runs."""
        assert self._process is not None
        try:
            return self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            return None

    def stop(self) -> None:
        """Stop; nothing of it is left when this returns."""
        process, self._process = self._process, None
        if process is None:
            self._let_go()
            return
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()
        with suppress(subprocess.TimeoutExpired):
            process.wait(STOP)
        self._let_go()
        process.wait()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    # -- HTTP ---------------------------------------------------------------------------------------
    @property
    def ws_url(self) -> str:
        """The address for WebSockets."""
        return self.url.replace("http", "ws", 1)

    def request(
        self, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, Message, bytes]:
        """Return status, headers and body of a response; a dict or list goes out as JSON."""
        sent = dict(headers or {})
        if isinstance(body, dict | list):
            body = json.dumps(body)
            sent = {"content-type": "application/json"} | sent
        data = body.encode() if isinstance(body, str) else body
        assert data is None or isinstance(data, bytes)
        request = urllib.request.Request(self.url + path, data=data, method=method, headers=sent)
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                return response.status, response.headers, response.read()
        except urllib.error.HTTPError as refused:
            with refused:
                return refused.code, refused.headers, refused.read()

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> tuple[int, Message, bytes]:
        """GET a path."""
        return self.request("GET", path, headers=headers)

    def post(
        self, path: str, body: object = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, Message, bytes]:
        """POST to a path."""
        return self.request("POST", path, body, headers)

    # -- events and bindings; `worker` names one of several -----------------------------------------
    def scheduled(self, cron: str, time_ms: int | None = None, worker: str | None = None) -> Any:
        """Start the jobs of a cron expression, as the clock does; return workerd's outcome."""
        return self.control("scheduled", cron=cron, time=time_ms, worker=worker)

    def queue(self, queue: str, messages: Sequence[Any], attempts: int = 1, worker: str | None = None) -> Any:
        """Hand a batch to the consumer; return the messages that it acknowledged and those to retry."""
        return self.control("queue", queue=queue, messages=list(messages), attempts=attempts, worker=worker)

    def send(self, binding: str, body: object, worker: str | None = None) -> None:
        """Put a message into a queue."""
        self.control("send", binding=binding, body=body, worker=worker)

    def d1(self, binding: str, sql: str, *params: object, worker: str | None = None) -> list[dict[str, Any]]:
        """Run one statement and return its rows."""
        return self.d1_batch(binding, [(sql, params)], worker)[0]

    def d1_batch(
        self, binding: str, statements: Sequence[tuple[str, Sequence[object]]], worker: str | None = None
    ) -> list[list[dict[str, Any]]]:
        """Run statements in one transaction and return the rows of each."""
        rows: list[list[dict[str, Any]]] = self.control("d1", binding=binding, statements=statements, worker=worker)
        return rows

    def settle(self, seconds: float = 5.0, worker: str | None = None) -> None:
        """Wait until the work that events left in `waitUntil` has ended, at most so long."""
        self.control("settle", seconds=seconds, worker=worker)

    def kv_get(self, binding: str, key: str, worker: str | None = None) -> str | None:
        """Read a key."""
        value: str | None = self.control("kv", binding=binding, key=key, worker=worker)
        return value

    def kv_put(self, binding: str, key: str, value: str, worker: str | None = None) -> None:
        """Write a key."""
        self.control("kv", binding=binding, key=key, value=value, worker=worker)

    def kv_delete(self, binding: str, key: str, worker: str | None = None) -> None:
        """Remove a key."""
        self.control("kv", binding=binding, key=key, value=None, worker=worker)

    def kv_names(self, binding: str, prefix: str = "", worker: str | None = None) -> list[str]:
        """Return the keys that begin so, at most 1,000."""
        names: list[str] = self.control("kv_names", binding=binding, prefix=prefix, worker=worker)
        return names

    def reload(self) -> None:
        """Import the Worker's own modules again; state and vendored packages stay."""
        self.control("reload")

    def vary(self, values: Mapping[str, str | None]) -> None:
        """Replace the `varied` values, and import the Worker's own modules again: to them it is a new start."""
        self.varied = values
        self.control("vary", values=dict(values))

    def restart(self) -> None:
        """Start a fresh workerd; bindings keep their data, the address stays."""
        self.control("restart")

    def memory_mb(self) -> dict[str, int]:
        """Return the resident memory of the two processes, in MiB (Linux)."""
        pids = self.control("memory")
        return {name: _resident_mb(pid) for name, pid in pids.items()}

    def control(self, action: str, **arguments: object) -> Any:
        """Ask the Node side for an action."""
        request = urllib.request.Request(f"{self._control}/{action}", json.dumps(arguments).encode(), method="POST")
        try:
            with urllib.request.urlopen(request, timeout=self.timeout) as response:
                return json.load(response)["result"]
        except urllib.error.HTTPError as refused:
            with refused:
                raise ControlError(json.load(refused)["error"]) from None


def wrangler_toml(path: Path) -> Path:
    """Return the configuration file of a path, which may be its folder."""
    path = Path(path).resolve()
    return path / "wrangler.toml" if path.is_dir() else path


def node() -> str:
    """Return a Node for workerd's tools: the one from npm, else the one on the path."""
    if not (NODE_MODULES / "miniflare").is_dir():
        raise StartError("node_modules is not there: run `make dev-workers` or `npm ci` (they need Node 22 or newer)")
    own = NODE_MODULES / ".bin" / "node"
    program = str(own) if own.exists() else shutil.which("node")
    if program is None:
        raise StartError("no Node: version 22 or newer is needed on the path (on Linux x64 npm brings its own)")
    version = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    if int(version.removeprefix("v").partition(".")[0]) < 22:
        raise StartError(f"Node {version} is too old for wrangler and Miniflare: put 22 or newer on the path")
    return program


def _resident_mb(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) // 1024
