"""What is written down after the response: `logs` rows for requests and steps, `tessie_raw` rows for answers."""

from dataclasses import dataclass
from time import perf_counter
from uuid import uuid4

from pydantic_core import to_json

from core_tessie.live_events import LogNote
from core_tessie.masking import masked
from core_tessie.usage_points import Usage
from edge.app import Next
from edge.http import Request, Response
from edge.live import Publisher
from edge.ports import Background, Database, Fetched, Log, Statement, Value
from edge.spool import Spool
from edge.sql import upsert

RAW_BODY_LIMIT = 1_900_000
"""Bytes of a body that a `tessie_raw` row keeps: D1 takes 2 MB a row."""

_TOLD = frozenset({"warning", "error"})
_LOGS = ("id", "route", "actor", "request_id", "level", "message", "payload")
_INSERT_RAW = (
    "INSERT INTO tessie_raw (id, vin, method, path, query, status, content_type, body, body_bytes, is_cut, "
    "latency_ms, attempts, error, request_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)


@dataclass(frozen=True, slots=True)
class Call:
    """One call of Tessie's API, retries included; `fetched` is None where no whole answer came."""

    method: str
    path: str
    query: str
    vin: str | None
    request_id: str
    attempts: int
    latency_ms: float
    fetched: Fetched | None = None
    error: str | None = None


class Journal:
    """Rows for `logs` and `tessie_raw`, written in the background, as many together as have come.

    Without a database nothing is kept: what does not need one works all the same.
    """

    def __init__(self, db: Database | None, background: Background, log: Log, publisher: Publisher) -> None:
        self._spool = Spool(db.batch, background, log, "journal") if db else None
        self._publisher = publisher

    def note(
        self, level: str, message: str, *, route: str | None, actor: str | None, request_id: str, **payload: object
    ) -> None:
        """Keep a log row, and tell of a warning or error. `payload` holds no secret, no place and no whole VIN."""
        row = (uuid4().hex, route, actor, request_id, level, message, to_json(payload).decode() if payload else None)
        if self._spool:
            self._spool.add(upsert("logs", _LOGS, [row]))
        if level in _TOLD:
            told = LogNote(message=message, route=route, actor=actor, request_id=request_id, payload=payload)
            self._publisher.publish(f"log.{level}", told)

    def record(self, call: Call) -> None:
        """Keep an answer of Tessie's, its tokens taken out and its body cut to what a row holds."""
        if self._spool:
            self._spool.add([Statement(_INSERT_RAW, _raw_row(call))])


def mask(vin: str) -> str:
    """Return a VIN as it may stand in a log: its last four characters."""
    return f"…{vin[-4:]}"


async def journal(request: Request, call_next: Next, journal: Journal, usage: Usage) -> Response:
    """Write a `logs` row and a point of usage for the request, when its response begins."""
    started = perf_counter()
    response = await call_next(request)
    ms = (perf_counter() - started) * 1000
    level = "error" if response.status >= 500 else "info"
    actor = request.actor.name if request.actor else None
    route = request.route or None
    journal.note(
        level, f"{request.method} {response.status}", route=route, actor=actor, request_id=request.id,
        method=request.method, status=response.status,
    )  # fmt: skip
    size = len(response.body) if isinstance(response.body, bytes) else 0
    usage.request(request.route, request.method, response.status, ms, size=size, actor=actor or "")
    return response


def _raw_row(call: Call) -> tuple[Value, ...]:
    fetched = call.fetched
    body = _text(fetched) if fetched else b""
    return (
        uuid4().hex, call.vin, call.method, call.path, call.query, fetched.status if fetched else None,
        fetched.header("content-type") if fetched else None, body[:RAW_BODY_LIMIT].decode("utf-8", "ignore"),
        len(fetched.body) if fetched else 0, len(body) > RAW_BODY_LIMIT, call.latency_ms, call.attempts, call.error,
        call.request_id,
    )  # fmt: skip


def _text(fetched: Fetched) -> bytes:
    """Return a body fit to be kept: without an owner's tokens; nothing of an image, or of what may hide them."""
    media_type = fetched.header("content-type") or ""
    if media_type.startswith("image/"):
        return b""
    return masked(fetched.body) or b""
