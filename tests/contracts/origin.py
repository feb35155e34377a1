"""A small HTTP server on 127.0.0.1 that the cases of `Fetch` ask: it echoes, and breaks in known ways."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

_PACKED = gzip.compress(b"unpacked" * 100)
_RAW = {
    "/plain": b"HTTP/1.1 418 I'm a teapot\r\nX-Kind: Teapot\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n"
    b"Content-Length: 15\r\n\r\nshort and stout",
    "/twice": b"HTTP/1.1 200 OK\r\nX-Two: 1\r\nX-Two: 2\r\nSet-Cookie: a=1, 2\r\nSet-Cookie: b=2\r\n"
    b"Content-Length: 0\r\n\r\n",
    "/odd": "HTTP/1.1 200 OK\r\nX-Odd: Ünï 🚗\r\nContent-Length: 0\r\n\r\n".encode(),
    "/redirect": b"HTTP/1.1 302 Found\r\nLocation: /echo\r\nContent-Length: 0\r\n\r\n",
    "/gzip": b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%b" % (len(_PACKED), _PACKED),
    "/cut-off": b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort",
    "/cut-off-chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nshort\r\n",
    "/no-http": b"SSH-2.0-OpenSSH\r\n\r\n",
    "/hang-up": b"",
    "/never-ends": b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort",
}
_HANGS = frozenset({"/never", "/never-ends"})


@asynccontextmanager
async def origin() -> AsyncIterator[str]:
    """Serve, and give the URL."""
    writers: set[asyncio.StreamWriter] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.add(writer)
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            await _answer(reader, writer)
        writers.discard(writer)
        writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        for writer in tuple(writers):
            writer.close()


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    head = (await reader.readuntil(b"\r\n\r\n")).decode(errors="replace")
    request, *lines = head.strip().split("\r\n")
    method, target, _ = request.split(" ")
    headers: dict[str, str] = {}
    for name, _, value in (line.partition(":") for line in lines):
        headers[name.lower()] = ", ".join(filter(None, [headers.get(name.lower()), value.strip()]))
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    path = "/" + target.partition("?")[0].split("/")[1]
    if path in _HANGS:
        writer.write(_RAW.get(path, b""))
        await reader.read()
    elif path in _RAW:
        raw = _RAW[path]
        writer.write(raw.partition(b"\r\n\r\n")[0] + b"\r\n\r\n" if method == "HEAD" and raw else raw)
    elif path == "/mirror":
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
    else:
        seen = json.dumps({"method": method, "target": target, "headers": headers, "size": len(body)}).encode()
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%b" % (len(seen), seen))
    await writer.drain()
