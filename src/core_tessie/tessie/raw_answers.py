"""The `tessie_raw` rows: Tessie's answers; an answer equal to the one before is counted, not stored again."""

import re
from hashlib import sha256
from typing import NamedTuple
from uuid import uuid4

from core_tessie.tessie.masking import masked
from edge import Statement
from edge.ports import Fetched, Value

BODY_LIMIT = 1_900_000
"""Bytes of a body that a row keeps: D1 takes 2 MB a row."""
CLOCK_FIELDS = (
    "timestamp",
    "gps_as_of",
    "tpms_last_seen_pressure_time_fl",
    "tpms_last_seen_pressure_time_fr",
    "tpms_last_seen_pressure_time_rl",
    "tpms_last_seen_pressure_time_rr",
)
"""Members that are clock readings: answers that differ in nothing else are equal."""
PRESENT = frozenset({"vehicles", "state", "battery", "tire_pressure"})
"""Last segments of the paths that tell the present. In answers about the past, times are data, not clock readings."""
COMPARED = 256 * 1024
"""Bytes of a body that is searched for clock readings; larger bodies are compared byte by byte."""
A_MINUTE = 32 * 1024 * 1024
"""Bytes of bodies that one isolate stores in a minute, so that D1's 10 GB last until the retention runs again."""

_CLOCKS = re.compile(rb'"(?:%s)"\s*:\s*-?[0-9][0-9.eE+-]*' % "|".join(CLOCK_FIELDS).encode())

_LAST = (
    "(SELECT rowid FROM tessie_raw WHERE path = ? AND query = ? AND method = ? AND digest IS NOT NULL "
    "ORDER BY rowid DESC LIMIT 1)"
)
_COLUMNS = (
    "id, vin, method, path, query, status, content_type, body, body_bytes, is_cut, latency_ms, attempts, error, "
    "request_id, stored_bytes, digest, last_seen_at"
)
_MARKS = "?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, CURRENT_TIMESTAMP"
# Each statement is complete in itself: two isolates with the same answer leave one row, in any order of writes.
_SEEN_AGAIN = (
    "UPDATE tessie_raw SET seen = seen + 1, error = ?, "
    "last_seen_at = CURRENT_TIMESTAMP, updated_at = CURRENT_TIMESTAMP "
    f"WHERE rowid = {_LAST} AND digest = ?"
)
_IF_NEW = (
    f"INSERT INTO tessie_raw ({_COLUMNS}) SELECT {_MARKS} "
    f"WHERE NOT EXISTS (SELECT 1 FROM tessie_raw WHERE rowid = {_LAST} AND digest = ?)"
)
_ALWAYS = f"INSERT INTO tessie_raw ({_COLUMNS}) VALUES ({_MARKS})"


class Call(NamedTuple):
    """One call of Tessie's API, retries included; `fetched` is None if no whole answer came.

    Every call that `acts` on a car has a row of its own. With `leaves_body` the row lacks the body.
    """

    method: str
    path: str
    query: str
    vin: str | None
    request_id: str
    attempts: int
    latency_ms: float
    fetched: Fetched | None = None
    error: str | None = None
    acts: bool = False
    leaves_body: bool = False


def call_size(call: Call) -> int:
    """Return about how many bytes a call holds while it waits to be written."""
    return len(call.query) + (len(call.fetched.body) if call.fetched else 0)


def statements_of(call: Call) -> list[Statement]:
    """Return the statements that store a call's answer, or count it if it equals the last stored one."""
    answer = call.fetched
    text, is_cut = _text(call, answer) if answer else (b"", False)
    digest = None if call.acts else _digest(call, text, is_cut=is_cut)
    row: tuple[Value, ...] = (
        uuid4().hex,
        call.vin,
        call.method,
        call.path,
        call.query,
        answer.status if answer else None,
        answer.header("content-type") if answer else None,
        text.decode("utf-8", "ignore"),
        len(answer.body) if answer else 0,
        is_cut,
        call.latency_ms,
        call.attempts,
        call.error,
        call.request_id,
        len(text),
        digest,
    )
    if digest is None:
        return [Statement(_ALWAYS, row)]
    last = (call.path, call.query, call.method, digest)
    return [Statement(_SEEN_AGAIN, (call.error, *last)), Statement(_IF_NEW, (*row, *last))]


def _text(call: Call, answer: Fetched) -> tuple[bytes, bool]:
    """Return the stored part of a body and whether it is cut; nothing of an image or of a body that may hide tokens."""
    if call.leaves_body:
        return b"", bool(answer.body)
    if (answer.header("content-type") or "").startswith("image/"):
        return b"", False
    body = masked(answer.body) or b""
    return body[:BODY_LIMIT], len(body) > BODY_LIMIT


def _digest(call: Call, text: bytes, *, is_cut: bool) -> str:
    """Return a digest that equal answers share; calls without an answer share one, too."""
    answer = call.fetched
    about: tuple[object, ...] = ("no answer",)
    if answer:
        unseen = len(answer.body) if is_cut or not text else 0  # an unstored body is compared by its size
        about = (answer.status, answer.header("content-type"), unseen)
    if len(text) <= COMPARED and call.path.rpartition("/")[2] in PRESENT:
        text = _CLOCKS.sub(b"", text)
    return sha256(repr(about).encode(errors="replace") + b"\n" + text).hexdigest()
