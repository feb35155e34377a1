"""The platform's limits, checked before a call, so that every adapter refuses the same calls with the same reason."""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic_core import from_json, to_json

from edge.http import HeaderList
from edge.ports import DatabaseError, FetchError, LimitExceeded, PortError, Value
from edge.ports.telemetry import Point

D1_PARAMS = 100
D1_SQL_BYTES = 100_000
D1_VALUE_BYTES = 2_000_000
KV_NAME_BYTES = 512
KV_VALUE_BYTES = 25 * 1024 * 1024
KV_LEAST_TTL = 60
R2_KEY_BYTES = 1024
R2_METADATA_BYTES = 8192
PAGE = 1000
"""Names or objects in one page of a listing of KV or R2."""
QUEUE_MESSAGE_BYTES = 128_000
QUEUE_BATCH = 100
QUEUE_BATCH_BYTES = 256_000
QUEUE_DELAY = 43_200
POINT_BLOBS = 20
POINT_BLOB_BYTES = 16_384
POINT_DOUBLES = 20
POINT_INDEX_BYTES = 96
POINTS = 25
"""Points that one event (a request, a batch of messages) may write."""

_TOKEN = re.compile(r"[0-9A-Za-z!#$%&'*+.^_`|~-]+")
_UNSENDABLE = re.compile("[\0-\x08\x0a-\x1f\x7f\ud800-\udfff]")
_MANY_DIGITS = re.compile(rb"[0-9]{16}")
_QUOTED = r"""(?s:'.*?('|\Z)|".*?("|\Z)|`.*?(`|\Z)|\[.*?(\]|\Z)|--.*?(\n|\Z)|/\*.*?(\*/|\Z))"""
"""A string, a quoted name or a comment: a semicolon in it ends no statement."""


def check_statement(sql: str, params: Sequence[Value]) -> None:
    """Refuse a statement that D1 would refuse. No message holds a value."""
    if len(params) > D1_PARAMS:
        raise LimitExceeded(f"{len(params)} bound parameters; D1 takes {D1_PARAMS}")
    if (size := _length("the SQL", sql, DatabaseError)) > D1_SQL_BYTES:
        raise LimitExceeded(f"a statement of {size} bytes; D1 takes {D1_SQL_BYTES}")
    if not (text := sql.rstrip().removesuffix(";").rstrip()):
        raise DatabaseError("the SQL holds no statement")
    if "\0" in text or (";" in text and _is_several(text)):
        raise DatabaseError("the SQL is one statement, without NUL; D1 would run all of several")
    for number, value in enumerate(params, 1):
        _check_value(f"parameter {number}", value)


def _is_several(text: str) -> bool:
    """Tell whether a semicolon is outside of quotes and comments, or its position is uncertain.

    SQLite accepts quotes and semicolons in a parameter's name, as in `$a(';')`; no statement here needs one.
    """
    return re.search("[;$@#:]", re.sub(_QUOTED, " ", text)) is not None


def check_name(name: str) -> str:
    """Return a KV name; `LimitExceeded` if KV would refuse it."""
    if name in {"", ".", ".."} or _length("a name", name) > KV_NAME_BYTES:
        raise LimitExceeded(f"a name has 1 to {KV_NAME_BYTES} bytes and is not . or ..")
    return name


def check_put(name: str, value: bytes | str, ttl: int | None) -> bytes:
    """Return a KV value as bytes; `LimitExceeded` if KV would refuse name, value or lifetime."""
    check_name(name)
    if (size := _length("a value", value)) > KV_VALUE_BYTES:
        raise LimitExceeded(f"a value of {size} bytes; KV takes {KV_VALUE_BYTES}")
    if ttl is not None and ttl < KV_LEAST_TTL:
        raise LimitExceeded(f"a lifetime of {ttl} s; KV takes {KV_LEAST_TTL} or more")
    return value.encode() if isinstance(value, str) else value


def check_page(limit: int) -> int:
    """Return the size of a page; `LimitExceeded` outside the range of KV and R2."""
    if not 1 <= limit <= PAGE:
        raise LimitExceeded(f"a page of {limit}; it takes 1 to {PAGE}")
    return limit


def check_key(key: str) -> str:
    """Return an R2 key; `LimitExceeded` if R2 would refuse it."""
    if not key or _length("a key", key) > R2_KEY_BYTES:
        raise LimitExceeded(f"a key has 1 to {R2_KEY_BYTES} bytes")
    return key


def check_metadata(metadata: Mapping[str, str] | None) -> bytes:
    """Return an object's metadata as JSON; `PortError` if R2 would refuse it."""
    for name, text in (metadata or {}).items():
        _length("metadata", name + text)
    packed = to_json(dict(metadata or {}))
    if len(packed) > R2_METADATA_BYTES:
        raise LimitExceeded(f"metadata of {len(packed)} bytes; R2 takes {R2_METADATA_BYTES}")
    return packed


def check_messages(bodies: Sequence[object], delay: int) -> list[bytes]:
    """Return each message as JSON; `PortError` if it cannot be JSON, `LimitExceeded` if Queues would refuse it."""
    if not 0 <= delay <= QUEUE_DELAY:
        raise LimitExceeded(f"a delay of {delay} s; Queues take 0 to {QUEUE_DELAY}")
    if len(bodies) > QUEUE_BATCH:
        raise LimitExceeded(f"{len(bodies)} messages in a batch; Queues take {QUEUE_BATCH}")
    encoded = [_message(body) for body in bodies]
    if (size := sum(map(len, encoded))) > QUEUE_BATCH_BYTES:
        raise LimitExceeded(f"a batch of {size} bytes; Queues take {QUEUE_BATCH_BYTES}")
    return encoded


def check_headers(headers: HeaderList) -> None:
    """Refuse headers that HTTP cannot carry; no message holds a value."""
    for name, value in headers:
        if not _TOKEN.fullmatch(name):
            raise FetchError("a header's name is no token")
        if _UNSENDABLE.search(value):
            raise FetchError(f"the header {name} holds a control character or a lone surrogate")


def check_point(point: Point) -> None:
    """Refuse a point that Analytics Engine would refuse."""
    if len(point.blobs) > POINT_BLOBS or len(point.doubles) > POINT_DOUBLES:
        raise LimitExceeded(f"{len(point.blobs)} blobs, {len(point.doubles)} doubles; a point takes {POINT_BLOBS} each")
    if (size := sum(_length("a blob", blob) for blob in point.blobs)) > POINT_BLOB_BYTES:
        raise LimitExceeded(f"{size} bytes of blobs; a point takes {POINT_BLOB_BYTES}")
    if (size := _length("the index", point.index)) > POINT_INDEX_BYTES:
        raise LimitExceeded(f"an index of {size} bytes; a point takes {POINT_INDEX_BYTES}")
    if not all(map(math.isfinite, point.doubles)):
        raise PortError("a point's double is a finite number")


def check_totals(blobs: Sequence[int], doubles: Sequence[int]) -> None:
    """Refuse positions of blobs and doubles that no point has: they become SQL."""
    if not all(type(n) is int and 1 <= n <= POINT_BLOBS for n in (*blobs, *doubles)):
        raise LimitExceeded(f"blobs and doubles are numbered from 1 to {POINT_BLOBS}")


def _message(body: object) -> bytes:
    try:
        encoded = to_json(body)
        decoded = from_json(encoded, allow_inf_nan=False)
        if _MANY_DIGITS.search(encoded) and not _is_exact(decoded):
            raise ValueError("an int of 2^53 or more is not exact on its way; send it as text")
    except ValueError as fault:
        raise PortError(f"a message must be JSON: {fault}") from None
    if len(encoded) > QUEUE_MESSAGE_BYTES:
        raise LimitExceeded(f"a message of {len(encoded)} bytes; Queues take {QUEUE_MESSAGE_BYTES}")
    return encoded


def _is_exact(value: Any) -> bool:
    if isinstance(value, dict):
        value = [*value.values()]
    if isinstance(value, list):
        return all(map(_is_exact, value))
    return not isinstance(value, int) or abs(value) < 2**53


def _check_value(where: str, value: Value) -> None:
    if isinstance(value, str | bytes):
        if (size := _length(where, value, DatabaseError)) > D1_VALUE_BYTES:
            raise LimitExceeded(f"{where}: {size} bytes; D1 takes {D1_VALUE_BYTES} in a value")
    elif isinstance(value, int):
        if abs(value) >= 2**53:
            raise DatabaseError(f"{where}: an int of 2^53 or more is not exact in D1; bind it as text")
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise DatabaseError(f"{where}: SQLite stores no NaN or infinity")
    elif value is not None:
        raise DatabaseError(f"{where}: {type(value).__name__} cannot be bound")


def _length(where: str, value: str | bytes, fault: type[PortError] = PortError) -> int:
    """Return the length of a value in UTF-8 bytes; raise `fault` if it cannot be encoded."""
    if isinstance(value, bytes) or value.isascii():
        return len(value)
    try:
        return len(value.encode())
    except UnicodeEncodeError:
        raise fault(f"{where}: a lone surrogate is no text") from None
