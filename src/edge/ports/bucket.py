"""Bucket: files with metadata."""

from collections.abc import AsyncIterable, Mapping
from datetime import datetime
from typing import NamedTuple, Protocol


class StoredObject(NamedTuple):
    """An object's attributes; `etag` is unquoted, `metadata` is the writer's own."""

    key: str
    size: int
    etag: str
    uploaded: datetime
    content_type: str | None
    metadata: Mapping[str, str]


class Objects(NamedTuple):
    """One page of a bucket's listing; `cursor` is None on the last."""

    objects: list[StoredObject]
    cursor: str | None


class Bucket(Protocol):
    """Files with metadata, as R2 stores them. A key has at most 1,024 bytes, its metadata 8,192."""

    async def head(self, key: str) -> StoredObject | None:
        """Return an object's attributes, or None."""

    async def get(
        self, key: str, *, offset: int = 0, length: int | None = None
    ) -> tuple[StoredObject, AsyncIterable[bytes]] | None:
        """Return an object with its bytes (`length` of them from `offset`), usable as a response's body, or None."""

    async def put(
        self,
        key: str,
        body: bytes,
        *,
        content_type: str | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> StoredObject:
        """Store an object; readers see the old one or the new one, never a part."""

    async def delete(self, key: str) -> None:
        """Remove an object; do nothing if there is none."""

    async def list(self, prefix: str = "", *, limit: int = 1000, cursor: str | None = None) -> Objects:
        """Return objects by the prefix of their key, sorted by key, `limit` at a time."""

    async def probe(self) -> None:
        """Raise `PortError` unless the bucket answers."""
