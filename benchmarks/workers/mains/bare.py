"""A Worker that answers everything with two letters."""

from typing import Any

from workers import Response, WorkerEntrypoint


class Default(WorkerEntrypoint):
    async def fetch(self, request: Any) -> Any:  # noqa: ARG002
        return Response("ok")
