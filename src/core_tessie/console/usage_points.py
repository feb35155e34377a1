"""Usage points: one for each request, sync, action and chat turn, in one layout.

| | request | sync | action | chat |
|---|---|---|---|---|
| index, blob 1: kind | `request` | `sync` | `action` | `chat` |
| blob 2: name | the route's pattern | `run`, `vehicle` | the action's kind | the model |
| blob 3: outcome | `2xx` … `5xx` | `succeeded`, `partial`, `failed` | its last status | how the turn ended |
| blob 4: detail | method | cause of the run | | |
| blob 5: actor | the caller's name | | | |
| double 1: `ms` | until the response began | of the run or message | of all attempts | of the turn |
| double 2 | `bytes` of the body (0: a stream) | `rows` written | `attempts` | `prompt_tokens` |
| double 3 | `more` calls that it stands for | `vehicles` | | `completion_tokens` |
| double 4 | | | | `rounds` |

The environment is no blob: each has a dataset of its own. The kind is the index: Analytics Engine samples by kind, so
that many requests do not push a chat turn out.

Many calls of strangers, or of callers over their limit, are summed: beyond `FEW` points a minute, a point stands for up
to `SUMMED` calls of one route, outcome, method and actor. Its `ms` and `bytes` are sums over them, and `more` is their
number less one. Sums are written with the next request after their minute, and are lost with their isolate.
"""

from collections.abc import Iterator, Sequence
from time import time
from weakref import WeakKeyDictionary

from edge.ports.telemetry import Point, Telemetry

BLOBS = ("kind", "name", "outcome", "detail", "actor")
"""The content of each blob, by its number from 1."""
DOUBLES = {
    "request": ("ms", "bytes", "more"),
    "sync": ("ms", "rows", "vehicles"),
    "action": ("ms", "attempts"),
    "chat": ("ms", "prompt_tokens", "completion_tokens", "rounds"),
}
"""The content of each kind's doubles, by their number from 1."""
BLOB_LIMIT = 256
"""Most characters of a blob: a route is short, a model's or actor's name may not be."""
FEW = 60
"""Most points a minute for single calls of strangers in one isolate."""
SUMMED = 1_000
"""Calls that one point stands for at most."""
MOST_SUMS = 500
"""Most sums that wait at once; further calls are summed without route, method and actor."""
AT_ONCE = 10
"""Most sums that one request writes, as Analytics Engine takes 25 points from it."""
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

type Blobs = tuple[str, str, str, str]
"""Route, outcome, method and actor of a request."""


class Crowd:
    """Counts calls of strangers: some have a point of their own, the others are summed."""

    def __init__(self) -> None:
        self._minute = 0
        self._points = 0
        self._sums: dict[Blobs, list[float]] = {}

    def add(self, blobs: Blobs, ms: float, size: int, now: float) -> tuple[float, ...] | None:
        """Count a call at `now`, in seconds; return the doubles of the point to be written for its blobs, if any."""
        self._turn(now)
        if self._points < FEW:
            self._points += 1
            return ms, size, 0
        if len(self._sums) >= MOST_SUMS and blobs not in self._sums:
            blobs = ("", blobs[1], "", "")
        total = self._sums.setdefault(blobs, [0, 0, -1])
        total[0] += ms
        total[1] += size
        total[2] += 1
        return tuple(self._sums.pop(blobs)) if total[2] + 1 >= SUMMED else None

    def due(self, now: float) -> Iterator[tuple[Blobs, Sequence[float]]]:
        """Yield blobs and doubles of sums after their minute is over, some at a time."""
        if self._sums and int(now) // 60 != self._minute:
            for blobs in [*self._sums][:AT_ONCE]:
                yield blobs, self._sums.pop(blobs)

    def _turn(self, now: float) -> None:
        if int(now) // 60 != self._minute:
            self._minute = int(now) // 60
            self._points = 0


_crowds: WeakKeyDictionary[Telemetry, Crowd] = WeakKeyDictionary()
"""Of each dataset's adapter, which lives as long as its isolate."""


class Usage:
    """Writes the points of an event; without a dataset it does nothing. It waits for nothing and never fails."""

    def __init__(self, telemetry: Telemetry | None) -> None:
        self._telemetry = telemetry

    def request(self, route: str, method: str, status: int, ms: float, *, size: int = 0, actor: str = "") -> None:  # noqa: PLR0913 - what a response is known by
        """Count a response; `route` is a pattern, never a path, and `actor` empty for a stranger."""
        if self._telemetry is None:
            return
        crowd = _crowds.get(self._telemetry) or _crowds.setdefault(self._telemetry, Crowd())
        now = time()
        for waiting, summed in crowd.due(now):
            self._write("request", waiting, summed)
        blobs = (route, f"{status // 100}xx", method_name(method), actor)
        is_counted = bool(actor) and status != 429
        doubles = (ms, size, 0) if is_counted else crowd.add(blobs, ms, size, now)
        if doubles is not None:
            self._write("request", blobs, doubles)

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
            texts = [blob[:BLOB_LIMIT] for blob in (kind, *blobs)]
            texts += [""] * (len(BLOBS) - len(texts))
            self._telemetry.write(Point(kind, texts, [float(double) for double in doubles]))


def method_name(method: str) -> str:
    """Return the name that a method is counted by: `other` for all non-standard ones."""
    return method if method in METHODS else "other"
