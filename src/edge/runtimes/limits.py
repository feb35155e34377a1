"""The platform's limits, checked before a call is made, so that every adapter refuses the same and says why."""

import math
from collections.abc import Mapping, Sequence

from pydantic_core import PydanticSerializationError, to_json

from edge.ports import DatabaseError, LimitExceeded, PortError, Value

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


def check_statement(sql: str, params: Sequence[Value]) -> None:
    """Refuse a statement that D1 would; no message holds a value."""
    if len(params) > D1_PARAMS:
        raise LimitExceeded(f"{len(params)} bound parameters; D1 takes {D1_PARAMS}")
    if (size := _length("the SQL", sql)) > D1_SQL_BYTES:
        raise LimitExceeded(f"a statement of {size} bytes; D1 takes {D1_SQL_BYTES}")
    if not sql.strip(" \t\r\n;"):
        raise DatabaseError("the SQL holds no statement")
    for number, value in enumerate(params, 1):
        _check_value(f"parameter {number}", value)


def check_name(name: str) -> str:
    """Return a KV name; `LimitExceeded` where KV would refuse it."""
    if name in {"", ".", ".."} or len(name.encode()) > KV_NAME_BYTES:
        raise LimitExceeded(f"a name has 1 to {KV_NAME_BYTES} bytes and is not . or ..")
    return name


def check_put(name: str, value: bytes | str, ttl: int | None) -> bytes:
    """Return a KV value as bytes; `LimitExceeded` where KV would refuse name, value or lifetime."""
    check_name(name)
    data = value.encode() if isinstance(value, str) else value
    if len(data) > KV_VALUE_BYTES:
        raise LimitExceeded(f"a value of {len(data)} bytes; KV takes {KV_VALUE_BYTES}")
    if ttl is not None and ttl < KV_LEAST_TTL:
        raise LimitExceeded(f"a lifetime of {ttl} s; KV takes {KV_LEAST_TTL} or more")
    return data


def check_page(limit: int) -> int:
    """Return the size of a page; `LimitExceeded` outside what KV and R2 list at once."""
    if not 1 <= limit <= PAGE:
        raise LimitExceeded(f"a page of {limit}; it takes 1 to {PAGE}")
    return limit


def check_key(key: str) -> str:
    """Return an R2 key; `LimitExceeded` where R2 would refuse it."""
    if not key or len(key.encode()) > R2_KEY_BYTES:
        raise LimitExceeded(f"a key has 1 to {R2_KEY_BYTES} bytes")
    return key


def check_metadata(metadata: Mapping[str, str] | None) -> bytes:
    """Return an object's metadata as JSON; `LimitExceeded` where R2 would refuse it."""
    packed = to_json(dict(metadata or {}))
    if len(packed) > R2_METADATA_BYTES:
        raise LimitExceeded(f"metadata of {len(packed)} bytes; R2 takes {R2_METADATA_BYTES}")
    return packed


def check_messages(bodies: Sequence[object], delay: int) -> list[bytes]:
    """Return each message as JSON; `PortError` for what is none, `LimitExceeded` where Queues would refuse."""
    if not 0 <= delay <= QUEUE_DELAY:
        raise LimitExceeded(f"a delay of {delay} s; Queues take 0 to {QUEUE_DELAY}")
    if len(bodies) > QUEUE_BATCH:
        raise LimitExceeded(f"{len(bodies)} messages in a batch; Queues take {QUEUE_BATCH}")
    encoded = [_message(body) for body in bodies]
    if (size := sum(map(len, encoded))) > QUEUE_BATCH_BYTES:
        raise LimitExceeded(f"a batch of {size} bytes; Queues take {QUEUE_BATCH_BYTES}")
    return encoded


def _message(body: object) -> bytes:
    try:
        encoded = to_json(body)
    except PydanticSerializationError as fault:
        raise PortError(f"a message must be JSON: {fault}") from None
    if len(encoded) > QUEUE_MESSAGE_BYTES:
        raise LimitExceeded(f"a message of {len(encoded)} bytes; Queues take {QUEUE_MESSAGE_BYTES}")
    return encoded


def _check_value(where: str, value: Value) -> None:
    if isinstance(value, str | bytes):
        if (size := _length(where, value)) > D1_VALUE_BYTES:
            raise LimitExceeded(f"{where}: {size} bytes; D1 takes {D1_VALUE_BYTES} in a value")
    elif isinstance(value, int):
        if abs(value) >= 2**53:
            raise DatabaseError(f"{where}: an int of 2^53 or more is not exact in D1; bind it as text")
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise DatabaseError(f"{where}: SQLite stores no NaN or infinity")
    elif value is not None:
        raise DatabaseError(f"{where}: {type(value).__name__} cannot be bound")


def _length(where: str, value: str | bytes) -> int:
    """Return how many bytes a value has in SQLite."""
    if isinstance(value, bytes) or value.isascii():
        return len(value)
    try:
        return len(value.encode())
    except UnicodeEncodeError:
        raise DatabaseError(f"{where}: a lone surrogate is no text") from None
