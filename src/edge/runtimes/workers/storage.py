"""The `KeyValue` port on KV, `Bucket` on R2, `Queue` on Queues and `RateLimiter` on the rate limiting binding."""

from collections.abc import AsyncIterable, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from pyodide.ffi import JsException, to_js

from edge.ports import Keys, Limit, Objects, PortError, RateLimitResult, StoredObject
from edge.runtimes.limits import PAGE, check_key, check_messages, check_metadata, check_name, check_page, check_put
from edge.runtimes.workers.js_bridge import NativeStream, from_object, is_nothing, message_of, raw, to_object


class Kv:
    """One KV namespace."""

    def __init__(self, binding: Any) -> None:
        self._binding = raw(binding)

    async def get(self, name: str) -> bytes | None:
        check_name(name)
        with _port_errors("KV"):
            value = await self._binding.get(name, "arrayBuffer")
        return None if is_nothing(value) else value.to_bytes()

    async def put(self, name: str, value: bytes | str, *, ttl: int | None = None) -> None:
        data = check_put(name, value, ttl)
        options = {} if ttl is None else {"expirationTtl": ttl}
        with _port_errors("KV"):
            await self._binding.put(name, to_js(data), to_object(options))

    async def delete(self, name: str) -> None:
        check_name(name)
        with _port_errors("KV"):
            await self._binding.delete(name)

    async def list(self, prefix: str = "", *, limit: int = PAGE, cursor: str | None = None) -> Keys:
        options = {"prefix": prefix, "limit": check_page(limit)} | ({"cursor": cursor} if cursor else {})
        with _port_errors("KV"):
            page = from_object(await self._binding.list(to_object(options)))
        return Keys([key["name"] for key in page["keys"]], None if page["list_complete"] else page.get("cursor"))

    async def probe(self) -> None:
        await self.list(limit=1)


class R2:
    """One R2 bucket."""

    def __init__(self, binding: Any) -> None:
        self._binding = raw(binding)

    async def head(self, key: str) -> StoredObject | None:
        check_key(key)
        with _port_errors("R2"):
            stored = await self._binding.head(key)
        return None if is_nothing(stored) else _stored(stored)

    async def get(
        self, key: str, *, offset: int = 0, length: int | None = None
    ) -> tuple[StoredObject, AsyncIterable[bytes]] | None:
        check_key(key)
        part = {"offset": offset} | ({} if length is None else {"length": length})
        with _port_errors("R2"):
            stored = await self._binding.get(key, to_object({"range": part} if offset or length is not None else {}))
        return None if is_nothing(stored) else (_stored(stored), NativeStream(stored.body))

    async def put(
        self, key: str, body: bytes, *, content_type: str | None = None, metadata: Mapping[str, str] | None = None
    ) -> StoredObject:
        check_key(key)
        check_metadata(metadata)
        options = {"customMetadata": dict(metadata or {})}
        if content_type is not None:
            options["httpMetadata"] = {"contentType": content_type}
        with _port_errors("R2"):
            return _stored(await self._binding.put(key, to_js(body), to_object(options)))

    async def delete(self, key: str) -> None:
        check_key(key)
        with _port_errors("R2"):
            await self._binding.delete(key)

    async def list(self, prefix: str = "", *, limit: int = PAGE, cursor: str | None = None) -> Objects:
        options = {"prefix": prefix, "limit": check_page(limit), "include": ["httpMetadata", "customMetadata"]}
        with _port_errors("R2"):
            page = await self._binding.list(to_object(options | ({"cursor": cursor} if cursor else {})))
        return Objects([_stored(item) for item in page.objects], page.cursor if page.truncated else None)

    async def probe(self) -> None:
        await self.list(limit=1)


class QueueProducer:
    """One queue to send to."""

    def __init__(self, binding: Any) -> None:
        self._binding = raw(binding)

    async def send(self, body: object, *, delay: int = 0) -> None:
        await self.send_batch([body], delay=delay)

    async def send_batch(self, bodies: Sequence[object], *, delay: int = 0) -> None:
        check_messages(bodies, delay)
        messages = [{"body": body, "contentType": "json"} for body in bodies]
        with _port_errors("Queues"):
            await self._binding.sendBatch(to_object(messages), to_object({"delaySeconds": delay}))

    async def probe(self) -> None:
        """Do nothing: a producer has no request but a message, so a probe only confirms that it is bound."""


class RateLimit:
    """One rate limiter. Its numbers are in the Worker's configuration, and in `limit`; it reports no count."""

    def __init__(self, binding: Any, limit: Limit) -> None:
        self._binding = raw(binding)
        self._limit = limit

    async def take(self, key: str) -> RateLimitResult:
        with _port_errors("Rate limiting"):
            ok = bool((await self._binding.limit(to_object({"key": key}))).success)
        return RateLimitResult(ok, self._limit, None, self._limit.period)

    async def probe(self) -> None:
        await self.take("probe")


@contextmanager
def _port_errors(service: str) -> Any:
    try:
        yield
    except JsException as fault:
        raise PortError(f"{service}: {message_of(fault)}") from None


def _stored(stored: Any) -> StoredObject:
    fields = from_object(stored)
    return StoredObject(
        key=fields["key"],
        size=fields["size"],
        etag=fields["etag"],
        uploaded=datetime.fromisoformat(fields["uploaded"]),
        content_type=(fields.get("httpMetadata") or {}).get("contentType"),
        metadata=fields.get("customMetadata") or {},
    )
