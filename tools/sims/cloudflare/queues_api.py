"""Queues and workflows over Cloudflare's API, as `wrangler deploy` calls it."""

import json
from dataclasses import dataclass, field
from typing import Any

from sims.cloudflare.d1_api import Refusal


@dataclass(slots=True)
class Queues:
    """The account's queues by name, each with its consumers, and its workflows."""

    all: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    workflows: dict[str, dict[str, Any]] = field(default_factory=dict)

    def answer(self, rest: str, query: dict[str, str], method: str, body: bytes) -> Any:
        """Return the result of a request; a queue's id is its name."""
        if not rest and method == "GET":
            return [self._queue_document(name) for name in self.all if query.get("name") in {None, name}]
        name, _, below = rest.removeprefix("/").partition("/")
        if name not in self.all:
            raise Refusal(404, 11000, f"Queue not found: {name}")
        if below.startswith("consumers") and method in {"POST", "PUT"}:
            settings = json.loads(body)
            script = settings["script_name"]
            consumer = {"type": "worker", "consumer_id": f"c-{name}", "environment": "production"}
            self.all[name] = [{**consumer, "service": script, "script": script, **settings}]
            return self.all[name][0]
        raise Refusal(405, 10000, "Method not allowed")

    def workflow(self, name: str, method: str, body: bytes) -> Any:
        """Return a workflow, or put one."""
        if method == "PUT":
            self.workflows[name] = json.loads(body)
        if name not in self.workflows:
            raise Refusal(404, 10200, "workflow not found")
        return {"name": name, **self.workflows[name]}

    def _queue_document(self, name: str) -> dict[str, Any]:
        return {"queue_id": name, "queue_name": name, "consumers": self.all[name], "producers": []}
