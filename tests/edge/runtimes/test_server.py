"""The command line and the server, as a process that is talked to through raw sockets."""

import signal
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.edge.runtimes.running import PATIENCE, Running, lay_out, running

from edge.runtimes.local.server import listen

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("server")
    lay_out(folder)
    with running(folder) as server_:
        yield server_


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    lay_out(tmp_path)
    return tmp_path


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


def body(answer: bytes) -> bytes:
    return answer.partition(b"\r\n\r\n")[2]


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("/", 200),
        ("/named/a%2Fb%20%C3%BC", 200),
        ("/named/a/", 200),
        ("/named/%", 400),
        ("/named/%zz", 400),
        ("/named/%ff", 400),
        ("/nowhere", 404),
        ("http://tiny/named/a", 200),
        ("/health", 200),
    ],
)
def test_a_target_gets_its_status(server: Running, target: str, expected: int) -> None:
    assert status(server.get(target)) == expected


def test_an_encoded_slash_stays_in_its_segment(server: Running) -> None:
    assert body(server.get("/named/a%2Fb%20%C3%BC")) == "a/b ü".encode()


def test_a_head_has_a_length_and_no_body(server: Running) -> None:
    answer = server.get("/", "HEAD").lower()
    assert b"content-length: 3" in answer
    assert body(answer) == b""


def test_an_unknown_method_is_answered(server: Running) -> None:
    assert status(server.get("/", "PROPFIND")) == 405
    assert status(server.get("/", "OPTIONS")) == 204


def test_a_body_over_the_limit_is_refused(server: Running) -> None:
    assert body(server.get("/size", "POST", bytes(1024 * 1024))) == b"1048576"
    announced = b"POST /size HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: 9000000000\r\n\r\n"
    assert status(server.ask(announced)) == 413
    chunked = b"POST /size HTTP/1.1\r\nhost: a\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n"
    chunk = b"80001\r\n" + bytes(0x80001) + b"\r\n"
    assert status(server.ask(chunked + chunk * 2)) == 413


@pytest.mark.parametrize(
    "request_",
    [
        b"nonsense\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\nhost: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: a\r\nbad header\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: a\r\nx: " + b"x" * 300_000 + b"\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab",
    ],
    ids=["no-http", "raw-byte-in-target", "header-without-colon", "head-too-large", "two-lengths"],
)
def test_invalid_http_is_400_or_431(server: Running, request_: bytes) -> None:
    answer = server.ask(request_)
    assert not answer or status(answer) in {400, 431}  # none if the server hung up before it had read all
    assert status(server.get("/")) == 200


def test_a_header_with_a_line_break_is_not_sent(server: Running) -> None:
    answer = server.get("/split")
    assert status(answer) == 500
    assert b"stolen" not in answer
    server.until(r'"response refused".*"/split"')


def test_a_stream_is_closed_when_its_reader_leaves(server: Running) -> None:
    with socket.create_connection(("127.0.0.1", server.port), PATIENCE) as connection:
        connection.sendall(b"GET /stream HTTP/1.1\r\nhost: a\r\n\r\n")
        while b"part" not in connection.recv(65536):
            pass
    server.until("stream closed")


def test_a_stream_that_breaks_is_cut_off_and_logged(server: Running) -> None:
    answer = server.get("/broken-stream")
    assert b"part" in answer
    assert not answer.endswith(b"0\r\n\r\n")
    server.until(r'"stream failed".*broken in the middle')


def test_a_port_in_use_is_one_line_and_code_2(server: Running, folder: Path) -> None:
    second = Running(folder, "--port", str(server.port))
    assert second.process.wait(PATIENCE) == 2, second.output()
    assert second.output() == f"error: port {server.port} is in use; try PORT={server.port + 1}\n"


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
def test_requests_in_flight_end_before_the_process_does(folder: Path, sent: signal.Signals) -> None:
    with running(folder) as server, ThreadPoolExecutor(1) as thread:
        request = thread.submit(server.get, "/slow")
        server.until("slow begun")
        assert server.end(sent) == 0
        assert body(request.result()) == b"late"
        assert "Traceback" not in server.output()


def test_a_stream_without_an_end_does_not_hold_up_the_stop_for_ever(folder: Path) -> None:
    with running(folder, "--reload") as server, ThreadPoolExecutor(1) as thread:
        request = thread.submit(server.get, "/stream")
        server.until("stream begun")
        assert server.end() == 0
        assert b"part" in request.result()
        assert "stream cut off" in server.output()
        assert "stream closed" in server.output()
        assert "Traceback" not in server.output()


def test_small_packets_are_not_held_back() -> None:
    listening = listen("127.0.0.1", 0)
    with listening, socket.create_connection(listening.getsockname()), listening.accept()[0] as accepted:
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_a_broken_dev_vars_is_one_line_without_the_value(folder: Path) -> None:
    (folder / ".dev.vars").write_text("KEY=fine\nhunter2 hunter3\n")
    server = Running(folder)
    assert server.process.wait(PATIENCE) == 2, server.output()
    assert server.output() == "error: .dev.vars, line 2: not NAME=value\n"


def test_a_newer_database_is_left_alone(folder: Path) -> None:
    assert Running(folder, command="migrate").process.wait(PATIENCE) == 0
    (folder / "migrations" / "0001_init.sql").rename(folder / "migrations" / "0002_init.sql")
    server = Running(folder)
    assert server.process.wait(PATIENCE) == 2, server.output()
    assert server.output().startswith("error: ")
    assert "made by a newer version: it has 0001_init.sql" in server.output()
    assert server.output().count("\n") == 1


def test_missing_app_is_one_line(folder: Path) -> None:
    (folder / "src" / "tiny.py").write_text("app = 1")
    server = Running(folder)
    assert server.process.wait(PATIENCE) == 2, server.output()
    assert server.output() == "error: tiny:app is no App\n"
