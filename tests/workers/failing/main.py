"""The default Worker with bindings that fail on a test's demand: `PUT /_faults` with a seed and chances by port."""

from collections.abc import Callable
from functools import partial
from random import Random
from typing import Any

from js import Response as JsResponse
from pydantic_core import from_json, to_json

from core_tessie.app import app
from edge.ports import Database, DatabaseAway, PortError, Queue, Throttle
from edge.ports.events import Events
from edge.runtimes.workers.entry import ADAPTERS, worker
from edge.runtimes.workers.event_log import event_log
from edge.runtimes.workers.quotas import QuotaCounter
from edge.runtimes.workers.throttle import CallThrottle
from edge.runtimes.workers.workflow import RETRIES, workflow


class Faults:
    """Draws the outcome of a call: it is refused, its answer is lost after it was done, or it succeeds."""

    def __init__(self) -> None:
        self.chances: dict[str, float] = {}
        self.fired: dict[str, int] = {}
        self._draw = Random(0)

    def replace(self, rules: dict[str, Any]) -> None:
        """Start again, with a seed and a chance for each port."""
        self.chances = rules["chances"]
        self.fired = {}
        self._draw = Random(rules["seed"])

    def draw(self, port: str) -> str | None:
        """Return the fate of one call of a port."""
        if self._draw.random() >= self.chances.get(port, 0):
            return None
        self.fired[port] = self.fired.get(port, 0) + 1
        return self._draw.choice(("refused", "lost"))


FAULTS = Faults()


class Failing:
    """A port with calls that may fail."""

    def __init__(self, inner: Any, port: str) -> None:
        self._inner = inner
        self._port = port

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._inner, name)
        kind = DatabaseAway if self._port == "Database" else PortError

        async def call(*args: Any, **options: Any) -> Any:
            fate = FAULTS.draw(self._port)
            if fate == "refused":
                raise kind("a test refuses this call")
            answer = await method(*args, **options)
            if fate == "lost":
                raise kind("a test loses this answer")
            return answer

        return call


def failing(adapter: Callable[[Any], object], port: str) -> Callable[[Any], object]:
    """Return an adapter of ports that may fail."""
    return lambda binding: Failing(adapter(binding), port)


for port in (Database, Queue, Throttle, Events):
    ADAPTERS[port] = partial(failing, ADAPTERS[port](), port.__name__)
RETRIES["retries"] = {"limit": 5, "delay": 200, "backoff": "constant"}
_Worker = worker(app)


class Default(_Worker):  # type: ignore[misc,valid-type]
    """The entrypoint, with a path for the tests."""

    async def fetch(self, request: Any) -> Any:
        """Answer a request; `/_faults` lists the faults so far, and sets others."""
        sent = request.js_object
        if not sent.url.endswith("/_faults"):
            return await super().fetch(request)
        if sent.method == "PUT":
            FAULTS.replace(from_json(await sent.text()))
        return JsResponse.new(to_json(FAULTS.fired).decode())


EventLog = event_log(app)
SyncWorkflow = workflow(app, "SYNC_WORKFLOW")

__all__ = ["CallThrottle", "Default", "EventLog", "QuotaCounter", "SyncWorkflow"]
