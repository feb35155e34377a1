"""The small API in FastAPI, through the SDK's bridge."""

from typing import Any

import asgi
from benchmarks.peers.fastapi_api import app
from workers import WorkerEntrypoint


class Default(WorkerEntrypoint):
    async def fetch(self, request: Any) -> Any:
        return await asgi.fetch(app, request, self.env, self.ctx)
