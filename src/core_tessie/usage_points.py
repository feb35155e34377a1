"""What is counted: a point for each request, sync, action and chat turn, and the layout that all of them share.

| | request | sync | action | chat |
|---|---|---|---|---|
| index, blob 1: kind | `request` | `sync` | `action` | `chat` |
| blob 2: name | the route's pattern | `run`, `vehicle` | the action's kind | the model |
| blob 3: outcome | `2xx` … `5xx` | `succeeded`, `partial`, `failed` | its last status | how the turn ended |
| blob 4: detail | method | cause of the run | | |
| blob 5: actor | who asked | | | |
| double 1: `ms` | until the response began | of the run or message | of all attempts | of the turn |
| double 2 | `bytes` of the body (0: a stream) | `rows` written | `attempts` | `prompt_tokens` |
| double 3 | | `vehicles` | | `completion_tokens` |
| double 4 | | | | `rounds` |

The environment is no blob: each has a dataset of its own. The kind is the index: where Analytics Engine samples, it
does so by kind, and many requests do not push a chat turn out.
"""

from collections.abc import Sequence

from edge.telemetry import Point, Telemetry

BLOBS = ("kind", "name", "outcome", "detail", "actor")
"""What each blob holds, by its number from 1."""
DOUBLES = {
    "request": ("ms", "bytes"),
    "sync": ("ms", "rows", "vehicles"),
    "action": ("ms", "attempts"),
    "chat": ("ms", "prompt_tokens", "completion_tokens", "rounds"),
}
"""What the doubles of each kind hold, by their number from 1."""
BLOB_LIMIT = 256
"""Characters of a blob that are kept: a route is short, a model's or actor's name may not be."""


class Usage:
    """Writes the points of an event; without a dataset it does nothing. It waits for nothing and never fails."""

    def __init__(self, telemetry: Telemetry | None) -> None:
        self._telemetry = telemetry

    def request(self, route: str, method: str, status: int, ms: float, *, size: int = 0, actor: str = "") -> None:  # noqa: PLR0913 - what a response is known by
        """Count a response; `route` is a pattern, never a path."""
        self._write("request", (route, f"{status // 100}xx", method, actor), (ms, size))

    def sync(self, name: str, outcome: str, ms: float, *, rows: int = 0, vehicles: int = 0, cause: str = "") -> None:  # noqa: PLR0913 - what a run is known by
        """Count a sync: a `run`, or one `vehicle` of it."""
        self._write("sync", (name, outcome, cause), (ms, rows, vehicles))

    def action(self, kind: str, outcome: str, ms: float, attempts: int) -> None:
        """Count an action that has come to its last status."""
        self._write("action", (kind, outcome), (ms, attempts))

    def chat(  # noqa: PLR0913, PLR0917 - the numbers of a turn
        self, model: str, outcome: str, ms: float, prompt_tokens: int, completion_tokens: int, rounds: int
    ) -> None:
        """Count a turn of a chat, however it ended."""
        self._write("chat", (model, outcome), (ms, prompt_tokens, completion_tokens, rounds))

    def _write(self, kind: str, blobs: Sequence[str], doubles: Sequence[float]) -> None:
        if self._telemetry:
            told = [blob[:BLOB_LIMIT] for blob in (kind, *blobs)]
            told += [""] * (len(BLOBS) - len(told))
            self._telemetry.write(Point(kind, told, [float(one) for one in doubles]))
