"""The border between two requests: nothing is smuggled, and an upgrade is one or is left out."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from tests.edge.runtimes.serving import UPGRADE, Hasty, Reply, Serving, get, serving, until

pytestmark = pytest.mark.slow

SMUGGLED = b"GET /client HTTP/1.1\r\nhost: a\r\n\r\n"
POST = b"POST /size HTTP/1.1\r\nhost: a\r\n"
CHUNKED = POST + b"transfer-encoding: chunked\r\n"


def run[T](case: Callable[[Serving], Awaitable[T]]) -> T:
    async def main() -> T:
        async with serving() as served:
            return await case(served)

    return asyncio.run(main())


def sent(data: bytes) -> Reply:
    return run(lambda served: served.all(data))


# -- bodies -----------------------------------------------------------------------------------------------------------

BOTH = {
    "the chunks shorter than the length": CHUNKED + b"content-length: 50\r\n\r\n1\r\na\r\n0\r\n\r\n" + SMUGGLED,
    "the length shorter than the chunks": CHUNKED + b"content-length: 3\r\n\r\n1\r\na\r\n0\r\n\r\n" + SMUGGLED,
    "the length first": POST + b"content-length: 3\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n" + SMUGGLED,
    "a length over the limit": CHUNKED + b"content-length: 9999999\r\n\r\n1\r\na\r\n0\r\n\r\n" + SMUGGLED,
    "a length of nothing": CHUNKED + b"content-length: 0\r\n\r\n1\r\na\r\n0\r\n\r\n" + SMUGGLED,
    "other letters": POST + b"Content-LENGTH: 3\r\nTransfer-ENCODING: Chunked\r\n\r\n1\r\na\r\n0\r\n\r\n" + SMUGGLED,
}


@pytest.mark.parametrize("data", BOTH.values(), ids=BOTH)
def test_length_and_chunks_together_are_answered_and_end_the_connection(data: bytes) -> None:
    reply = sent(data)
    assert (reply.status, reply.count, reply.body) == (200, 1, b"1")
    assert b"connection: close" in reply.head


def test_length_and_chunks_together_end_the_connection_after_a_refusal_too() -> None:
    reply = sent(BOTH["the chunks shorter than the length"].replace(b"/size", b"/none"))
    assert (reply.status, reply.count) == (404, 1)
    assert b"connection: close" in reply.head


def test_chunks_of_http_1_0_end_the_connection() -> None:
    reply = sent(CHUNKED.replace(b"HTTP/1.1", b"HTTP/1.0") + b"\r\n1\r\na\r\n0\r\n\r\n" + SMUGGLED)
    assert reply.count == 1


FAULTY = {
    "two lengths": POST + b"content-length: 1\r\ncontent-length: 2\r\n\r\nab" + SMUGGLED,
    "two lengths in one": POST + b"content-length: 1, 2\r\n\r\nab" + SMUGGLED,
    "two lengths, one folded": POST + b"content-length: 1\r\n , 2\r\n\r\nab" + SMUGGLED,
    "a length with a sign": POST + b"content-length: +1\r\n\r\na" + SMUGGLED,
    "a length in hex": POST + b"content-length: 0x1\r\n\r\na" + SMUGGLED,
    "another encoding": POST + b"transfer-encoding: gzip\r\n\r\na" + SMUGGLED,
    "chunked twice": POST + b"transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
    "chunked and another": POST + b"transfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n" + SMUGGLED,
    "another and chunked": POST + b"transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
    "chunked, folded with another": POST + b"transfer-encoding: chunked\r\n , identity\r\n\r\n0\r\n\r\n" + SMUGGLED,
    "a vertical tab": POST + b"transfer-encoding: \x0bchunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
    "a blank before the colon": POST + b"transfer-encoding : chunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
    "a fold at the beginning": b"POST /size HTTP/1.1\r\n transfer-encoding: chunked\r\nhost: a\r\n\r\n" + SMUGGLED,
    "a chunk of no size": CHUNKED + b"\r\n\r\na\r\n0\r\n\r\n" + SMUGGLED,
    "a chunk with a sign": CHUNKED + b"\r\n+1\r\na\r\n0\r\n\r\n" + SMUGGLED,
    "a chunk with a wrong end": CHUNKED + b"\r\n1\r\nab\r\n0\r\n\r\n" + SMUGGLED,
    "a chunk whose line ends bare": CHUNKED + b"\r\n1\na\r\n0\r\n\r\n" + SMUGGLED,
    "an extension without an end": CHUNKED + b"\r\n1;" + b"x" * 140_000,
    "a trailer that is none": CHUNKED + b"\r\n1\r\na\r\n0\r\nnothing\r\n\r\n" + SMUGGLED,
    "trailers without an end": CHUNKED + b"\r\n1\r\na\r\n0\r\nx: " + b"y" * 140_000,
}


@pytest.mark.parametrize("data", FAULTY.values(), ids=FAULTY)
def test_faulty_framing_is_refused_and_ends_the_connection(data: bytes) -> None:
    reply = sent(data)
    assert reply.problem()["status"] in {400, 408, 431}
    assert reply.count == 1, "what follows is no request"


def test_folded_header_is_one_line() -> None:
    folded = CHUNKED.replace(b" chunked", b"\r\n chunked") + b"connection: close\r\n\r\n1\r\na\r\n0\r\n\r\n"
    assert (sent(folded).count, sent(folded).body) == (1, b"1")


def test_trailers_and_extensions_are_dropped() -> None:
    trailers = b"content-length: 5\r\nhost: b\r\nauthorization: Bearer x\r\n\r\n"
    parts = b"\r\n1;a=b;c\r\na\r\n2\r\nbc\r\n0\r\n" + trailers
    reply = sent(CHUNKED + parts + get())
    assert (reply.count, reply.body[:1]) == (2, b"3")


def test_extensions_cost_their_time_and_no_more() -> None:
    async def case(served: Serving) -> Reply:
        line = await served.open(CHUNKED + b"\r\n")
        answered = asyncio.create_task(line.reply())
        while not answered.done():
            line.writer.write(b"1;" + b"x" * 100_000 + b"\r\na\r\n")
            await asyncio.sleep(0.01)
        return answered.result()

    assert run(case).status == 408


def test_body_of_a_request_behind_another_is_waited_for_as_long() -> None:
    async def case(served: Serving) -> tuple[Reply, Reply]:
        line = await served.open(b"GET /slow HTTP/1.1\r\nhost: a\r\n\r\n" + POST + b"content-length: 9\r\n\r\n")
        first = await line.reply()
        return first, await line.all()

    first, second = run(case)
    assert (first.status, second.status) == (200, 408)


# -- upgrades ---------------------------------------------------------------------------------------------------------


class Quick(Hasty):
    """Waits for bodies for a moment."""

    body_patience = 0.2


def test_open_socket_is_no_request_whose_body_is_late() -> None:
    async def main() -> tuple[bytes, int]:
        async with serving(http=Quick) as served:
            line = await served.open(b"GET /ws HTTP/1.1\r\n" + UPGRADE)
            assert b" 101 " in await line.until(b"\r\n\r\n")
            await asyncio.sleep(0.8)
            line.writer.write(b"\x81\x85\0\0\0\0hello")
            answer = await line.until(b"127.0.0.1")
            return answer, served.bounds.connections.used

    assert asyncio.run(main()) == (b"\x81\x0fhello 127.0.0.1", 1)


def test_socket_that_closes_is_counted_no_more() -> None:
    async def case(served: Serving) -> None:
        lines = [await served.open(b"GET /ws HTTP/1.1\r\n" + UPGRADE) for _ in range(3)]
        for line in lines:
            await line.until(b"\r\n\r\n")
        assert served.bounds.connections.used == 3
        lines[0].writer.transport.abort()
        await until(lambda: served.bounds.connections.used == 2)

    run(case)


NONE = {
    "a POST": b"POST /size HTTP/1.1\r\ncontent-length: 2\r\n" + UPGRADE + b"ab",
    "a GET with a body": b"GET /client HTTP/1.1\r\ncontent-length: 2\r\n" + UPGRADE + b"ab",
    "a GET with chunks": b"GET /client HTTP/1.1\r\ntransfer-encoding: chunked\r\n" + UPGRADE + b"0\r\n\r\n",
    "HTTP/1.0": b"GET /client HTTP/1.0\r\n" + UPGRADE,
    "another protocol": b"GET /client HTTP/1.1\r\n" + UPGRADE.replace(b": websocket", b": h2c"),
    "none in Connection": b"GET /client HTTP/1.1\r\n" + UPGRADE.replace(b"connection: upgrade", b"x: y"),
}


@pytest.mark.parametrize("data", NONE.values(), ids=NONE)
def test_invalid_upgrade_is_a_plain_request(data: bytes) -> None:
    async def case(served: Serving) -> Reply:
        return await (await served.open(data)).reply()

    reply = run(case)
    assert (reply.status, reply.body) == (200, b"2" if data.startswith(b"POST") else b'"127.0.0.1"')


def test_head_that_is_no_socket_of_ours_is_answered() -> None:
    async def case(served: Serving) -> list[int]:
        many = b"".join(b"x-%d: 1\r\n" % number for number in range(200))
        long = b"x: " + b"y" * 9_000 + b"\r\n"
        heads = [b"GET /ws HTTP/1.1\r\n" + more + UPGRADE for more in (many, long)]
        heads.append(b"GET /ws?" + b"q" * 9_000 + b" HTTP/1.1\r\n" + UPGRADE)
        return [(await served.all(head)).status for head in heads]

    assert run(case) == [431, 431, 431]


def test_handshake_on_a_stream_is_refused_and_the_stream_closed() -> None:
    async def case(served: Serving) -> list[Reply]:
        replies = [
            await served.all(b"GET /stream HTTP/1.1\r\norigin: http://localhost:3000\r\n" + UPGRADE) for _ in range(20)
        ]
        assert served.streams in ([], ["begun", "closed"] * 20)
        return replies

    for reply in run(case):
        assert reply.problem()["type"] == "urn:problem:plain-http-only"
        assert reply.status == 400
        assert b"access-control-allow-origin: http://localhost:3000" in reply.head


def test_handshake_on_a_plain_route_keeps_its_status() -> None:
    async def case(served: Serving) -> list[tuple[int, bytes]]:
        paths = (b"/client", b"/none", b"/%zz", b"/size")
        replies = [await served.all(b"GET %s HTTP/1.1\r\n" % path + UPGRADE) for path in paths]
        return [(reply.status, reply.body[:11]) for reply in replies]

    refusal = b'{"type":"ur'
    assert run(case) == [(200, b'"127.0.0.1"'), (404, refusal), (400, refusal), (405, refusal)]


def test_stream_ends_when_its_reader_leaves() -> None:
    async def case(served: Serving) -> None:
        lines = [await served.open(get(b"/stream")) for _ in range(5)]
        for line in lines:
            await line.until(b"part\n")
        for line in lines:
            line.writer.transport.abort()
        await until(lambda: served.streams.count("closed") == 5)
        assert (await served.ask(b"HEAD /stream HTTP/1.1\r\nhost: a\r\n\r\n")).status == 200
        assert len(served.streams) == 10

    run(case)
