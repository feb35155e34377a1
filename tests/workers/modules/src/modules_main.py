"""The default app, with one more path that lists its loaded modules."""

import json
import sys
from typing import Any

from workers import Response, WorkerEntrypoint

BEFORE = frozenset(sys.modules)

from core_tessie.app import app  # noqa: E402 - what comes before it is not the app's
from edge.runtimes.workers import entry, event_log, workflow  # noqa: E402, F401 - as the default Worker's entry does

App: Any = entry.worker(app)


class Default(App, WorkerEntrypoint):  # type: ignore[misc]
    async def fetch(self, request: Any) -> Any:
        if request.js_object.url.endswith("/modules"):
            return Response(json.dumps(sorted(sys.modules.keys() - BEFORE)))
        return await super().fetch(request)
