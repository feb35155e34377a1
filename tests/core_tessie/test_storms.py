"""The server survives kill -9 under load, storms of broken requests, and hours of mixed load."""

import asyncio
import json
import os
import random
import re
import socket
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from http.client import HTTPException
from pathlib import Path
from statistics import quantiles
from urllib.parse import urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.served import ADMIN, Served, served_locally

from sims.tessie import Fleet, Simulator

from .conftest import ENV

pytestmark = pytest.mark.slow

VIN = "5YJ3E1EA1KF000001"


# -- kill -9 ----------------------------------------------------------------------------------------------------------


@contextmanager
def writing(served: Served, names: Iterator[int], acknowledged: dict[str, list[int]]) -> Iterator[None]:
    """Write rows and events by four threads at full speed; record the acknowledged ones."""

    def write(number: int) -> None:
        row = {"vin": VIN, "tessie_id": number, "started_at": "2026-01-01T00:00:00Z"}
        if served.ask("POST", "/d1/drives", row)[0] == 201:
            acknowledged["drives"].append(number)
        status, document = served.ask("POST", "/events", {"type": "custom.n", "data": number})
        if status == 202:
            acknowledged["events"].append(int(document["sequence"]))

    def go_on() -> None:
        with suppress(OSError, HTTPException, ValueError):
            while True:
                write(next(names))

    threads = [threading.Thread(target=go_on) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        for thread in threads:
            thread.join(30)


def killed(folder: Path, times: int, seed: int) -> None:
    drawn = random.Random(seed)
    acknowledged = {"drives": list[int](), "events": list[int]()}
    names = iter(range(1, 10_000_000))
    for attempt in range(times):
        with served_locally(folder, ENV) as served:
            assert (
                served.ask("POST" if attempt == 0 else "GET", "/d1/vehicles", {"vin": VIN} if attempt == 0 else None)[0]
                < 300
            )
            with writing(served, names, acknowledged):
                time.sleep(drawn.uniform(0.3, 1.2))
                assert served.process is not None
                served.process.kill()
    with served_locally(folder, ENV) as served:
        assert served.ask("GET", "/health")[1]["status"] == "ok"
    assert len(acknowledged["drives"]) > times
    with closing(sqlite3.connect(folder / "state" / "d1" / "DB.sqlite")) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert {*acknowledged["drives"]} <= {row[0] for row in db.execute("SELECT tessie_id FROM drives")}
    with closing(sqlite3.connect(folder / "state" / "events" / "EVENTS.sqlite")) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        numbers = [row[0] for row in db.execute("SELECT seq FROM events ORDER BY seq")]
    assert numbers == [*range(numbers[0], numbers[-1] + 1)]
    assert {event for event in acknowledged["events"] if event >= numbers[0]} <= {*numbers}


def test_acknowledged_writes_survive_kill_9(tmp_path: Path) -> None:
    killed(tmp_path, 2, seed=1)


@pytest.mark.soak
def test_acknowledged_writes_survive_thirty_kills(tmp_path: Path) -> None:
    killed(tmp_path, 30, seed=2)


# -- requests that are none -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served_locally(tmp_path_factory.mktemp("storm"), ENV) as served:
        yield served


def good_requests() -> list[bytes]:
    key = f"host: a\r\nauthorization: Bearer {ADMIN}\r\n".encode()
    body = b'{"type": "custom.x", "data": 1}'
    return [
        b"GET /d1/drives?limit=1 HTTP/1.1\r\n" + key + b"\r\n",
        b"GET / HTTP/1.1\r\n" + key + b"\r\n",
        b"OPTIONS /d1 HTTP/1.1\r\n" + key + b"origin: http://a\r\naccess-control-request-method: GET\r\n\r\n",
        b"POST /events HTTP/1.1\r\n" + key + b"content-length: %d\r\n\r\n" % len(body) + body,
        b"POST /events HTTP/1.1\r\n" + key + b"transfer-encoding: chunked\r\n\r\n1f\r\n" + body + b"\r\n0\r\n\r\n",
        b"GET /ws HTTP/1.1\r\n" + key + b"connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n"
        b"sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n" + b"\x81\x85aaaahello",
    ]


def mutated(drawn: random.Random) -> bytes:
    """Return a valid request with some bytes changed, dropped, doubled or moved."""
    data = bytearray(drawn.choice(good_requests()))
    for _ in range(drawn.choice((1, 1, 2, 3, 8))):
        at = drawn.randrange(len(data) + 1)
        kind = drawn.randrange(6)
        if kind == 0:
            data[at : at + 1] = bytes([drawn.randrange(256)])
        elif kind == 1:
            del data[at : at + drawn.randrange(1, 20)]
        elif kind == 2:
            data[at:at] = drawn.choice(
                (b"\r\n", b"\n", b"\0", b"\xff\xfe", b" ", b":", b"%", b"\x80" * 50, b"A" * 3000)
            )
        elif kind == 3:
            end = at + drawn.randrange(1, 60)
            data[at:at] = data[at:end]
        elif kind == 4:
            data[at:] = b""
        else:
            data[at:at] = bytes(drawn.randrange(256) for _ in range(drawn.randrange(1, 12)))
    return bytes(data)


def statuses(answer: bytes) -> list[int]:
    return [int(code) for code in re.findall(rb"^HTTP/1\.1 (\d{3})", answer, re.MULTILINE)]


async def send(where: tuple[str, int], data: bytes, patience: float) -> bytes:
    """Send bytes, and return the answer until the server ends the connection or is quiet for a while."""
    reader, writer = await asyncio.open_connection(*where)
    answer = b""
    try:
        writer.write(data)
        with suppress(TimeoutError, ConnectionError):
            while part := await asyncio.wait_for(reader.read(65536), patience):
                answer += part
    finally:
        writer.close()
    return answer


def memory(served: Served) -> int:
    """Return the server's resident memory in KiB."""
    assert served.process is not None
    match = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{served.process.pid}/status").read_text())
    return int(match[1]) if match else 0


def storm(served: Served, count: int, seed: int, at_once: int = 40) -> Counter[int]:
    """Send broken requests, many at once; return the counts of their statuses."""
    parts = urlsplit(served.url)
    where = (parts.hostname or "", parts.port or 0)
    drawn = random.Random(seed)
    counted = Counter[int]()

    async def run() -> None:
        async def go_on() -> None:
            for _ in range(count // at_once):
                counted.update(statuses(await send(where, mutated(drawn), 0.15)) or [0])

        await asyncio.gather(*(go_on() for _ in range(at_once)))

    asyncio.run(run())
    return counted


def weather(served: Served, count: int, seed: int) -> None:
    storm(served, count // 4, seed)
    before = memory(served)
    counted = storm(served, count, seed + 1)
    assert [status for status in counted if status >= 500] == [], counted
    assert counted[400] > count / 20, counted
    assert counted[200] > 0, counted
    assert memory(served) - before < 30_000, "the memory is as it was"
    assert served.ask("GET", "/health")[1]["status"] == "ok"


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="memory is read from /proc")
def test_a_storm_of_broken_requests_passes(server: Served) -> None:
    weather(server, 1_200, seed=1)


@pytest.mark.soak
def test_a_hundred_thousand_broken_requests_pass(server: Served) -> None:
    weather(server, 100_000, seed=2)


KNOWN = [
    b"GET / HTTP/1.1",
    b"POST /events HTTP/1.1",
    b"host: a",
    b"content-length: 5",
    b"",
    b"{}",
    b"0",
    b"transfer-encoding: chunked",
    b"connection: close",
    b"expect: 100-continue",
    b"upgrade: h2c",
]
HEADERS = st.builds(lambda name, value: name + b": " + value, st.binary(max_size=12), st.binary(max_size=30))
LINES = st.lists(st.one_of(st.binary(max_size=40), st.sampled_from(KNOWN), HEADERS), max_size=12)


@settings(max_examples=120, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
@given(lines=LINES, end=st.sampled_from([b"\r\n", b"\n", b"\r"]), tail=st.binary(max_size=20))
def test_random_bytes_cause_no_server_error(server: Served, lines: list[bytes], end: bytes, tail: bytes) -> None:
    parts = urlsplit(server.url)
    with socket.create_connection((parts.hostname or "", parts.port or 0), 5) as client:
        client.sendall(end.join(lines) + end * 2 + tail)
        client.settimeout(0.1)
        answer = b""
        with suppress(TimeoutError, ConnectionError):
            while part := client.recv(65536):
                answer += part
    assert [status for status in statuses(answer) if status >= 500] == []
    for body in re.findall(rb"application/problem\+json.*?\r\n\r\n(\{.*\})", answer, re.DOTALL):
        assert json.loads(body)["status"] >= 400


# -- mixed load -------------------------------------------------------------------------------------------------------

PATHS = [
    "/d1/vehicles",
    "/d1/drives?limit=20&order=started_at.desc",
    "/d1",
    "/auth/me",
    "/agent/actions",
    "/colbycommands",
]


def loaded(served: Served, seconds: float, rate: float) -> tuple[list[float], Counter[int]]:
    """Send requests at a rate by eight threads; return the duration of each in seconds, and the counts of statuses."""
    took = list[float]()
    counted = Counter[int]()
    end = time.monotonic() + seconds

    def go_on(drawn: random.Random) -> None:
        while (now := time.monotonic()) < end:
            status, _ = (
                served.ask("GET", drawn.choice(PATHS))
                if drawn.random() < 0.9
                else served.ask("POST", "/events", {"type": "custom.load", "data": "x" * 200})
            )
            counted[status] += 1
            took.append(time.monotonic() - now)
            time.sleep(max(0.0, 8 / rate - took[-1]) if rate else 0)

    threads = [threading.Thread(target=go_on, args=(random.Random(number),)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return took, counted


def under_load(folder: Path, seconds: float) -> None:
    fleet = Fleet(seed=7, until=datetime(2026, 1, 5, 20, tzinfo=UTC))
    first = min(5.0, seconds / 2)
    with Simulator(fleet) as tessie, served_locally(folder, ENV | {"TESSIE_BASE_URL": tessie.url}) as served:
        capacity = len(loaded(served, first, 0)[0]) / first
        assert served.ask("POST", "/colbycommands/sync")[0] == 202
        took, counted = loaded(served, seconds, 0.8 * capacity)
        until = time.monotonic() + 60
        while not (runs := served.ask("GET", "/d1/sync_runs?ended_at=not.is.null")[1]) and time.monotonic() < until:
            time.sleep(0.1)
    cuts = quantiles(took, n=100)
    percentiles = f"p50 {cuts[49] * 1e3:.1f} ms, p95 {cuts[94] * 1e3:.1f} ms, p99 {cuts[98] * 1e3:.1f} ms"
    print(f"{len(took)} requests in {seconds:g} s at 80 % of {capacity:.0f}/s: {percentiles}")
    assert {*counted} == {200, 202}, counted
    assert {run["status"] for run in runs} == {"succeeded"}


def test_under_mixed_load_with_a_sync_nothing_fails(tmp_path: Path) -> None:
    under_load(tmp_path, 3)


@pytest.mark.soak
def test_five_minutes_of_mixed_load_pass(tmp_path: Path) -> None:
    under_load(tmp_path, 300)
