"""The contract of every `KeyValue`. Each case uses names of its own; it imports nothing but the kernel."""

from collections.abc import Awaitable, Callable

from tests.contracts.expected import refused

from edge.ports import KeyValue, LimitExceeded, PortError

type Case = Callable[[KeyValue], Awaitable[None]]


async def a_value_comes_back_as_bytes(kv: KeyValue) -> None:
    for name, value in (("bytes", b"\x00\xff"), ("empty", b""), ("naïve/../name 🚗", b"x")):
        await kv.put(name, value)
        assert await kv.get(name) == value
    await kv.put("text", "Ünïcøde")
    assert await kv.get("text") == "Ünïcøde".encode()


async def every_byte_comes_back(kv: KeyValue) -> None:
    for name, value in (("every", bytes(range(256))), ("none", b""), ("mebibyte", bytes(range(256)) * 4096)):
        await kv.put(name, value)
        assert await kv.get(name) == value
    await kv.put("text of bytes", "nul\0 line\r\n 🚗")
    assert await kv.get("text of bytes") == "nul\0 line\r\n 🚗".encode()
    for name in ('quo"te', "line\nbreak", "per%20cent", "a/b?c#d", " ", "__proto__"):
        await kv.put(name, name)
        assert await kv.get(name) == name.encode()
        assert name in (await kv.list(name)).names
    await refused(PortError, kv.put("text", "\ud800"))
    await refused(PortError, kv.put("\ud800", b""))


async def a_missing_value_is_none(kv: KeyValue) -> None:
    assert await kv.get("never put") is None


async def the_last_put_stays(kv: KeyValue) -> None:
    await kv.put("put twice", b"1", ttl=60)
    await kv.put("put twice", b"2")
    assert await kv.get("put twice") == b"2"


async def delete_removes_and_may_be_repeated(kv: KeyValue) -> None:
    await kv.put("deleted", b"1")
    await kv.delete("deleted")
    await kv.delete("deleted")
    assert await kv.get("deleted") is None


async def a_value_with_a_lifetime_lives(kv: KeyValue) -> None:
    await kv.put("with ttl", b"1", ttl=60)
    assert await kv.get("with ttl") == b"1"


async def limits_hold(kv: KeyValue) -> None:
    for name in ("", ".", "..", "x" * 513, "ü" * 257):
        await refused(LimitExceeded, kv.put(name, b"1"))
        await refused(LimitExceeded, kv.get(name))
    await kv.put("x" * 512, b"1")
    assert await kv.get("x" * 512) == b"1"
    await refused(LimitExceeded, kv.put("short-lived", b"1", ttl=59))
    await refused(LimitExceeded, kv.put("large", bytes(25 * 1024 * 1024 + 1)))
    assert await kv.get("large") is None


async def list_pages_through_a_prefix(kv: KeyValue) -> None:
    names = sorted(f"page:{number}%_" for number in range(5))
    for name in [*names, "pagf", "pag", "Page:1"]:
        await kv.put(name, b"1")
    assert await kv.list("page:") == (names, None)
    first = await kv.list("page:", limit=2)
    assert first.names == names[:2]
    assert first.cursor is not None
    second = await kv.list("page:", limit=3, cursor=first.cursor)
    assert second.names == names[2:]
    assert (await kv.list("nothing:")).names == []
    await refused(LimitExceeded, kv.list(limit=1001))


async def probe_answers(kv: KeyValue) -> None:
    await kv.probe()


CASES: list[Case] = [
    a_value_comes_back_as_bytes,
    every_byte_comes_back,
    a_missing_value_is_none,
    the_last_put_stays,
    delete_removes_and_may_be_repeated,
    a_value_with_a_lifetime_lives,
    limits_hold,
    list_pages_through_a_prefix,
    probe_answers,
]
