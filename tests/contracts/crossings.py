"""Counts what one request crosses into JavaScript: reads of parts of the request, and calls of JavaScript."""

import sys
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

from benchmarks.api import API_KEY
from benchmarks.cases import CASES
from benchmarks.peers.kernel import app
from js import Object
from js import Request as JsRequest
from pyodide.ffi import JsProxy, to_js
from workers import import_from_javascript

from edge.runtimes.workers.entry import BRIDGE, Bridge, Isolate

ENV = SimpleNamespace(API_KEY=API_KEY, CORS_ALLOWED_ORIGINS="*", LOG_LEVEL="warning")
PYODIDE = frozenset({"_pyodide", "pyodide.ffi"})
SHORT = 20
"""Characters of an argument that is the name of a header, and no body."""


class Watched:
    """A JavaScript object whose reads are recorded."""

    def __init__(self, inner: Any, record: Callable[[str], None]) -> None:
        self.inner = inner
        self._record = record

    def __getattr__(self, name: str) -> Any:
        self._record(name)
        return getattr(self.inner, name)


class WatchedBridge(Bridge):
    """The bridge, which reads what is inside of a watched request."""

    def __init__(self, module: Any) -> None:
        super().__init__(module)
        read = self.read
        self.read = lambda request: read(request.inner)


async def counted() -> dict[str, list[str]]:
    """Return what each case of the benchmark crosses: parts of the request, headers by their names, and other calls."""
    isolate = Isolate(app)
    isolate._bridge = WatchedBridge(import_from_javascript(BRIDGE))
    crossed: list[str] = []
    answers = {}
    for case in CASES:
        options: dict[str, Any] = {"method": case.method, "headers": dict(case.headers)}
        if case.body:
            options["body"] = case.body.decode()
        sent = JsRequest.new(f"https://api.example{case.path}", to_js(options, dict_converter=Object.fromEntries))
        await _watched(isolate.fetch(Watched(sent.clone(), crossed.append), ENV, None), [])  # reads the settings
        crossed.clear()
        answer = await _watched(isolate.fetch(Watched(sent, crossed.append), ENV, None), crossed)
        assert answer.status == case.status
        answers[case.name] = [*crossed]
    return answers


async def _watched(answer: Awaitable[Any], crossed: list[str]) -> Any:
    def called(_code: object, _offset: int, function: object, first: object) -> None:
        owner = getattr(function, "__self__", function)  # `new` and the like are methods of Python's side
        if isinstance(owner, JsProxy) or type(function).__module__ in PYODIDE:
            name = first if isinstance(first, str) and len(first) < SHORT else getattr(function, "__name__", "a call")
            crossed.append(name)

    monitoring = sys.monitoring
    monitoring.use_tool_id(monitoring.PROFILER_ID, "crossings")
    monitoring.register_callback(monitoring.PROFILER_ID, monitoring.events.CALL, called)
    monitoring.set_events(monitoring.PROFILER_ID, monitoring.events.CALL)
    try:
        return await answer
    finally:
        monitoring.set_events(monitoring.PROFILER_ID, monitoring.events.NO_EVENTS)
        monitoring.free_tool_id(monitoring.PROFILER_ID)
