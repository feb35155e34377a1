"""The contract of every `Bucket`. Each case uses keys of its own; it imports nothing but the kernel."""

import hashlib
from collections.abc import Awaitable, Callable

from tests.contracts.expected import refused

from edge.ports import Bucket, LimitExceeded, PortError

type Case = Callable[[Bucket], Awaitable[None]]


async def read(bucket: Bucket, key: str, *, offset: int = 0, length: int | None = None) -> bytes:
    """Return an object's bytes."""
    object_ = await bucket.get(key, offset=offset, length=length)
    assert object_ is not None
    return b"".join([part async for part in object_[1]])


async def an_object_is_returned_with_its_metadata(bucket: Bucket) -> None:
    put = await bucket.put("known", b"hello", content_type="text/plain", metadata={"owner": "Ünï"})
    got = await bucket.get("known")
    assert got is not None
    assert got[0] == await bucket.head("known") == put
    assert (put.key, put.size, put.content_type, put.metadata) == ("known", 5, "text/plain", {"owner": "Ünï"})
    assert put.etag == hashlib.md5(b"hello", usedforsecurity=False).hexdigest()
    assert put.uploaded.tzinfo is not None
    assert await read(bucket, "known") == b"hello"


async def metadata_is_returned_unchanged(bucket: Bucket) -> None:
    odd = {"naïve 🚗": "a\nb\r\n", 'quo"te': "\\", "Upper": "A", "empty": "", "nul": "\0", "": "2"}
    for content_type in ("text/plain; charset=utf-8", 'multipart/x; boundary="a b"', "not a type", "naïve", None):
        put = await bucket.put("odd", b"", content_type=content_type, metadata=odd)
        assert (put.metadata, put.content_type) == (odd, content_type)
        assert await bucket.head("odd") == put
        assert (await bucket.list("odd")).objects == [put]
    for metadata in ({"a": "\ud800"}, {"\ud800": "a"}):
        await refused(PortError, bucket.put("odd", b"x", metadata=metadata))
    await refused(PortError, bucket.put("\ud800", b"x"))
    assert (await bucket.list("odd")).objects == [put]


async def every_byte_comes_back(bucket: Bucket) -> None:
    for body in (bytes(range(256)), b"", b"\0", b"\xef\xbb\xbf"):
        await bucket.put("bytes", body)
        assert await read(bucket, "bytes") == body


async def a_missing_object_is_none(bucket: Bucket) -> None:
    assert await bucket.get("never put") is None
    assert await bucket.head("never put") is None


async def any_key_is_a_key(bucket: Bucket) -> None:
    keys = ["../up", "/etc/passwd", "a/b/../c", ".", "..", "a\\b", "🚗", "x" * 1024, "%2e%2e/a", "A", "a", "nul\x01"]
    for key in keys:
        await bucket.put(key, key.encode())
    for key in keys:
        assert await read(bucket, key) == key.encode()
        await bucket.delete(key)


async def a_range_is_a_part(bucket: Bucket) -> None:
    await bucket.put("range", b"0123456789")
    assert await read(bucket, "range", offset=3) == b"3456789"
    assert await read(bucket, "range", offset=3, length=4) == b"3456"
    assert await read(bucket, "range", offset=8, length=100) == b"89"


async def a_large_object_comes_in_parts(bucket: Bucket) -> None:
    body = bytes(range(256)) * 4096 * 2
    await bucket.put("large", body)
    object_ = await bucket.get("large")
    assert object_ is not None
    parts = [part async for part in object_[1]]
    assert len(parts) > 1
    assert b"".join(parts) == body


async def a_put_replaces_as_a_whole(bucket: Bucket) -> None:
    await bucket.put("replaced", b"old" * 300_000, metadata={"version": "1"})
    before = await bucket.get("replaced")
    assert before is not None
    await bucket.put("replaced", b"new")
    assert await read(bucket, "replaced") == b"new"
    assert (await bucket.put("replaced", b"")).metadata == {}
    assert await read(bucket, "replaced") == b""


async def delete_removes_and_may_be_repeated(bucket: Bucket) -> None:
    await bucket.put("deleted", b"1")
    await bucket.delete("deleted")
    await bucket.delete("deleted")
    assert await bucket.head("deleted") is None


async def limits_hold(bucket: Bucket) -> None:
    await refused(LimitExceeded, bucket.put("", b""))
    await refused(LimitExceeded, bucket.put("x" * 1025, b""))
    await refused(LimitExceeded, bucket.put("metadata", b"", metadata={"a": "x" * 8193}))
    assert await bucket.head("metadata") is None


async def list_pages_through_a_prefix(bucket: Bucket) -> None:
    keys = sorted(f"page/{number}%_" for number in range(5))
    for key in [*keys, "pagf", "pag"]:
        await bucket.put(key, b"1")
    everything = await bucket.list("page/")
    assert ([entry.key for entry in everything.objects], everything.cursor) == (keys, None)
    first = await bucket.list("page/", limit=2)
    assert [entry.key for entry in first.objects] == keys[:2]
    assert first.cursor is not None
    rest = await bucket.list("page/", cursor=first.cursor)
    assert [entry.key for entry in rest.objects] == keys[2:]


async def probe_answers(bucket: Bucket) -> None:
    await bucket.probe()


CASES: list[Case] = [
    an_object_is_returned_with_its_metadata,
    metadata_is_returned_unchanged,
    every_byte_comes_back,
    a_missing_object_is_none,
    any_key_is_a_key,
    a_range_is_a_part,
    a_large_object_comes_in_parts,
    a_put_replaces_as_a_whole,
    delete_removes_and_may_be_repeated,
    limits_hold,
    list_pages_through_a_prefix,
    probe_answers,
]
