"""The small API in Kinglet."""

from typing import Any

from benchmarks.peers.kinglet_api import app
from workers import WorkerEntrypoint


class Default(WorkerEntrypoint):
    async def fetch(self, request: Any) -> Any:
        return await app(request, self.env)
