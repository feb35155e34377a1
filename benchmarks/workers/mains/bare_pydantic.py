"""A Worker that answers two letters, and validates a posted body with one Pydantic model."""

from typing import Any

from benchmarks.api import NewDrive
from pydantic import ValidationError
from workers import Response, WorkerEntrypoint


class Default(WorkerEntrypoint):
    async def fetch(self, request: Any) -> Any:
        if request.js_object.method != "POST":
            return Response("ok")
        try:
            drive = NewDrive.model_validate_json(await request.text())
        except ValidationError as fault:
            return Response(fault.json(include_url=False), status=422)
        return Response(drive.model_dump_json(), status=201)
