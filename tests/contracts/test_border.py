"""HTTP messages pass both runtimes alike: an app behind uvicorn and in workerd, called over raw sockets."""

import asyncio
import json
import shutil
import socket
from collections.abc import Callable, Iterator
from http.client import HTTPResponse
from io import BytesIO
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

import pytest
from tests.contracts import echo
from tests.edge.conftest import Lines
from tests.edge.runtimes.running import running
from tests.workers.hosting import ROOT, hosted

from edge.context import Ports
from edge.ports import Log
from edge.testing import Client

pytestmark = pytest.mark.slow

type Ask = Callable[[bytes], bytes]

HOST = b"Host: border\r\nConnection: close\r\n"
POST = b"POST /border/echo HTTP/1.1\r\n" + HOST
BODIES = [b"", b"\0", echo.EVERY_BYTE, b"\xef\xbb\xbf\xff", "Ünïcødé 🚗".encode(), b"x" * echo.LIMIT]
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"


@pytest.fixture(scope="module", params=["local", "workers"])
def ask(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ask]:
    folder = tmp_path_factory.mktemp("border")
    if request.param == "local":
        (folder / "src").mkdir()
        shutil.copy(Path(echo.__file__), folder / "src" / "tiny.py")
        with running(folder) as server:
            yield server.ask
    else:
        with hosted("contracts", folder, {"tests/contracts": ROOT / "tests" / "contracts"}) as worker:
            yield lambda data: exchange(worker.url, data)


def exchange(url: str, data: bytes) -> bytes:
    """Send bytes on a connection of their own and return all that comes back."""
    where = urlsplit(url)
    with socket.create_connection((where.hostname or "", where.port or 0), timeout=20) as connection:
        connection.sendall(data)
        return b"".join(iter(lambda: connection.recv(65_536), b""))


def read(answer: bytes, method: str = "GET") -> tuple[HTTPResponse, bytes]:
    """Return the first response of an answer, and its body."""

    class Socket:
        def makefile(self, _: str) -> BytesIO:
            return BytesIO(answer)

    response = HTTPResponse(cast("socket.socket", Socket()), method=method)
    response.begin()
    return response, response.read()


def get(ask: Ask, path: str, headers: bytes = b"", method: str = "GET") -> tuple[HTTPResponse, bytes]:
    return read(ask(f"{method} /border{path} HTTP/1.1\r\n".encode() + HOST + headers + b"\r\n"), method)


def chunks(body: bytes, size: int) -> bytes:
    parts = [body[at : at + size] for at in range(0, len(body), size)]
    return b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


@pytest.mark.parametrize("body", BODIES, ids=lambda body: str(len(body)))
def test_a_body_arrives_byte_for_byte_and_may_be_read_twice(ask: Ask, body: bytes) -> None:
    for sent in (POST + b"Content-Length: %d\r\n\r\n" % len(body) + body, CHUNKED + chunks(body, 4099)):
        response, got = read(ask(sent))
        assert (response.status, got, response.headers["x-again"]) == (200, body, "same")


def test_a_request_without_a_length_has_no_body(ask: Ask) -> None:
    response, got = read(ask(POST + b"\r\n"))
    assert (response.status, got, response.headers["x-again"]) == (200, b"", "same")


def test_a_byte_over_the_limit_is_refused_announced_or_not(ask: Ask) -> None:
    body = b"x" * (echo.LIMIT + 1)
    for sent in (POST + b"Content-Length: %d\r\n\r\n" % len(body) + body, CHUNKED + chunks(body, 4099)):
        response, problem = read(ask(sent))
        assert (response.status, json.loads(problem)["limit"]) == (413, echo.LIMIT)


@pytest.mark.parametrize("order", ["length first", "chunked first"])
@pytest.mark.parametrize("size", [3, echo.LIMIT + 1])
def test_two_lengths_do_not_get_past_the_limit_or_into_another_request(ask: Ask, order: str, size: int) -> None:
    """RFC 9112, 6.1: a request with both is chunked or refused; the bytes after it are never the next request."""
    both = [b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n"]
    keep_alive = POST.replace(b"Connection: close\r\n", b"")
    head = keep_alive + b"".join(both if order == "length first" else both[::-1]) + b"\r\n"
    answer = ask(head + chunks(b"x" * size, 4099) + b"GET /border/stream/0 HTTP/1.1\r\n" + HOST + b"\r\n")
    response, got = read(answer)
    assert response.status in {200, 400, 413}
    if response.status == 200:
        assert got == b"x" * size
        assert size <= echo.LIMIT


def test_a_header_comes_as_utf_8_and_twice_as_one(ask: Ask) -> None:
    _, body = get(ask, "/header", "x-odd: Ünï 🚗\r\nX-Other: 1\r\nX-Odd: 2, 3\r\n".encode())
    assert json.loads(body) == {"odd": "Ünï 🚗, 2, 3", "none": None}
    _, body = get(ask, "/header", b"x-odd:\r\n")
    assert json.loads(body) == {"odd": "", "none": None}
    _, body = get(ask, "/header", b"x-odd: \xff\r\n")
    assert json.loads(body) == {"odd": "\ufffd", "none": None}


@pytest.mark.parametrize(
    "pairs",
    [
        [],
        [("x-odd", "1")],
        [("X-Odd", "1"), ("x-other", "2"), ("x-odd", "3, 4"), ("x-ODD", "5")],
        [("x-odd", ""), ("x-odd", "1")],
        [("x-odd", "1"), ("x-odd", "")],
        [("x-odd", "Ünï 🚗"), ("x-odd", "Ünï 🚗")],
        [("x-odd", "  1\t"), ("x-odd", "\t2 3 ")],
    ],
)
def test_client_in_process_reads_headers_as_the_servers_do(ask: Ask, pairs: list[tuple[str, str]]) -> None:
    client = Client(echo.app, Ports(echo.app.settings({}), {Log: Lines()}))
    in_process = asyncio.run(client.get("/border/header", headers=pairs))
    _, body = get(ask, "/header", "".join(f"{name}: {value}\r\n" for name, value in pairs).encode())
    assert in_process.json() == json.loads(body)


def test_a_header_goes_out_as_utf_8(ask: Ask) -> None:
    headers = get(ask, "/headers")[0].headers
    assert headers["x-odd"].encode("latin-1").decode() == "Ünï 🚗"
    assert ", ".join(headers.get_all("x-two", [])) == "1, 2"
    assert headers["x-empty"] == ""


def test_no_type_is_made_up(ask: Ask) -> None:
    response, body = get(ask, "/untyped")
    assert (body, response.headers["content-type"]) == (b"text", None)


@pytest.mark.parametrize("code", [0, 10, 13, 0xD800])
def test_an_invalid_header_value_is_a_500_without_it(ask: Ask, code: int) -> None:
    response, body = get(ask, f"/refused/{code}")
    assert (response.status, body, response.headers["x-evil"]) == (500, b"", None)


@pytest.mark.parametrize("parts", [0, 1, 50])
def test_a_stream_goes_out_byte_for_byte(ask: Ask, parts: int) -> None:
    response, body = get(ask, f"/stream/{parts}")
    assert (response.status, body) == (200, echo.EVERY_BYTE * 100 * parts)
    assert response.headers["content-length"] in {None, "0"}


def test_head_of_a_stream_has_no_body(ask: Ask) -> None:
    answer = ask(b"HEAD /border/stream/1 HTTP/1.1\r\n" + HOST + b"\r\n")
    assert answer.startswith(b"HTTP/1.1 200")
    assert answer.partition(b"\r\n\r\n")[2] == b""


def test_client_address_comes_from_the_runtime_and_not_from_a_header(ask: Ask, request: pytest.FixtureRequest) -> None:
    """At Cloudflare, the front sets the header that a Worker reads; locally the address is the connection's."""
    at_home = request.node.callspec.params["ask"] == "local"
    claimed = "".join(
        f"{name}: 203.0.113.9\r\n" for name in ("x-forwarded-for", "forwarded", "x-real-ip", "true-client-ip")
    )
    _, body = get(ask, "/client", claimed.encode())
    assert json.loads(body) == "127.0.0.1"
    _, body = get(ask, "/client", f"{claimed}cf-connecting-ip: 203.0.113.7\r\n".encode())
    assert json.loads(body) == ("127.0.0.1" if at_home else "203.0.113.7")


def test_handshake_on_a_stream_is_answered_by_a_problem(ask: Ask) -> None:
    headers = (
        b"Host: border\r\nConnection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    )
    response, body = read(ask(b"GET /border/endless HTTP/1.1\r\n" + headers))
    assert (response.status, json.loads(body)["type"]) == (400, "urn:problem:plain-http-only")
