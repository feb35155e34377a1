"""Runs the program of a request's JSON body and answers with its execution."""

from typing import Any

from js import Response as JsResponse
from pydantic_core import from_json, to_json
from workers import WorkerEntrypoint

from edge.clients.execution.compose import keep_stripper
from edge.ports.executor import Call, Limits, Program
from edge.runtimes.workers.loader import DynamicWorkers

KNOWN: list[DynamicWorkers] = []


class Default(WorkerEntrypoint):  # type: ignore[misc]
    async def fetch(self, request: Any) -> Any:
        body = from_json(await request.js_object.text())
        if not KNOWN:
            KNOWN.append(DynamicWorkers(self.env.SANDBOX))
        executor = KNOWN[0]
        if "tool" in body:
            keep_stripper(body["tool"])
            return JsResponse.new("kept")
        if body == "probe":
            return JsResponse.new(await executor.probe())
        call = Call(*body["call"]) if body.get("call") else None
        limits = Limits(*body.get("limits", []))
        program = Program(body["language"], body["source"], body.get("stdin", ""), limits, call)
        return JsResponse.new(to_json((await executor.run(program))._asdict()).decode())
