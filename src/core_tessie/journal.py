"""Writes `logs` rows for known callers and steps, and a usage point for each request, after the response."""

from collections.abc import Mapping
from time import perf_counter, time
from uuid import uuid4

from pydantic_core import to_json

from core_tessie.console.usage_points import Usage, method_name
from core_tessie.live_events import LogNote
from core_tessie.settings import TessieSettings
from core_tessie.tessie.raw_answers import A_MINUTE, Call, call_size, statements_of
from edge import Background, Log, Request, Response, Statement, SystemDatabase
from edge.batch_writer import writer_of
from edge.data.upserts import upsert
from edge.live.publisher import Publisher
from edge.middleware.sampling import Steps, sampler_of
from edge.pipeline import Next

READS = Steps(full=60, each=10)
"""Rows of a known caller's successful reads of one route."""
OTHERS = Steps(full=300, each=10)
"""Rows of a known caller's writes and errors on one route."""
REFUSALS = Steps(full=10)
"""Rows of a known caller that is over its limit."""
FAILURES = Steps(full=10)
"""Rows of anonymous calls that failed here: no other anonymous call has a row."""
ALARMS = Steps(full=10)
"""Live events of calls that failed here, for known callers and strangers alike."""
TEXT_LIMIT = 2_000
"""Characters of a text that a row keeps."""

_PUBLISHED_LEVELS = frozenset({"warning", "error"})
_LOGS = ("id", "route", "actor", "request_id", "level", "message", "payload")


class Journal:
    """Writes rows for `logs` and `tessie_raw` in the background, batched.

    Without a database nothing is stored; routes that need no database work all the same.
    """

    def __init__(
        self,
        db: SystemDatabase | None,
        background: Background,
        log: Log,
        publisher: Publisher,
        settings: TessieSettings,
    ) -> None:
        self._db = db
        self._writer = writer_of(self._write, background, log, "journal", _size) if db else None
        self._publisher = publisher
        self._sampler = sampler_of(settings)

    def note(
        self, level: str, message: str, *, route: str | None, actor: str | None, request_id: str, **payload: object
    ) -> None:
        """Store a log row, and publish a warning or error. `payload` holds no secret, no place and no whole VIN."""
        entry = LogNote(
            message=message[:TEXT_LIMIT], route=route, actor=actor, request_id=request_id, payload=_cut(payload)
        )
        self._store(level, entry)
        if level in _PUBLISHED_LEVELS:
            self._publisher.publish(f"log.{level}", entry)

    def answered(self, request: Request, status: int) -> None:
        """Store the row of a known caller's call, or of one that failed here; busy callers have rows for samples only.

        A row for several calls counts them as `calls` in its payload.
        """
        actor = request.actor.name if request.actor else None
        method = method_name(request.method)
        message = f"{method} {status}"
        key, steps = _sampling(actor, request.route, message)
        now = time()
        calls = self._sampler.take(key, steps, now) if steps else 0
        if not calls:
            return
        payload: dict[str, object] = {"method": method, "status": status}
        if calls > 1:
            payload["calls"] = calls
        level = "error" if status >= 500 else "info"
        entry = LogNote(
            message=message, route=request.route or None, actor=actor, request_id=request.id, payload=payload
        )
        self._store(level, entry)
        if level in _PUBLISHED_LEVELS and self._sampler.take("alarms", ALARMS, now):
            self._publisher.publish(f"log.{level}", entry)

    def record(self, call: Call) -> None:
        """Store an answer of Tessie's, without its tokens and cut to the size that a row holds."""
        if self._writer:
            fits = self._sampler.spend("bodies", call_size(call), A_MINUTE, time())
            self._writer.add([call if fits else call._replace(leaves_body=True)])

    def _store(self, level: str, entry: LogNote) -> None:
        if self._writer:
            payload = to_json(entry["payload"]).decode() if entry["payload"] else None
            row = (uuid4().hex, entry["route"], entry["actor"], entry["request_id"], level, entry["message"], payload)
            self._writer.add(upsert("logs", _LOGS, [row]))

    async def _write(self, batch: list[Statement | Call]) -> None:
        assert self._db is not None
        statements: list[Statement] = []
        for item in batch:
            statements += [item] if isinstance(item, Statement) else statements_of(item)
        await self._db.batch(statements)


def mask(vin: str) -> str:
    """Return a VIN as logs may show it: its last four characters."""
    return f"…{vin[-4:]}"


async def journal(request: Request, call_next: Next, journal: Journal, usage: Usage) -> Response:
    """Write a `logs` row and a usage point for the request, when its response begins."""
    started = perf_counter()
    response = await call_next(request)
    ms = (perf_counter() - started) * 1000
    journal.answered(request, response.status)
    actor = request.actor.name if request.actor else ""
    size = len(response.body) if isinstance(response.body, bytes) else 0
    usage.request(request.route, request.method, response.status, ms, size=size, actor=actor)
    return response


def _sampling(actor: str | None, route: str, message: str) -> tuple[tuple[str, ...], Steps | None]:
    """Return the sampling key of a call and the steps of its kind; None for a call without rows."""
    method, _, status = message.partition(" ")
    if actor is None:
        return ("", "failed"), FAILURES if status >= "500" else None
    if status == "429":
        return (actor, "refused"), REFUSALS
    is_read = method in {"GET", "HEAD", "OPTIONS"} and status < "400"
    return (actor, route, message), READS if is_read else OTHERS


def _cut(payload: Mapping[str, object]) -> dict[str, object]:
    return {name: value[:TEXT_LIMIT] if isinstance(value, str) else value for name, value in payload.items()}


def _size(item: Statement | Call) -> int:
    if isinstance(item, Statement):
        return sum(len(value) for value in item.params if isinstance(value, str))
    return call_size(item)
