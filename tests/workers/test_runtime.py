"""The Workers runtime at the border to JavaScript, over HTTP in workerd."""

import json
import socket
import time
from collections.abc import Callable, Iterator
from http.client import HTTPConnection, HTTPException
from urllib.parse import urlsplit

import pytest
from tests.workers.hosting import hosted

from pyedge import Worker

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    with hosted("tiny", tmp_path_factory.mktemp("tiny")) as running:
        yield running


def wait_for(condition: Callable[[], bool]) -> None:
    for _ in range(200):
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError("not in 10 s")


def raw(worker: Worker, request: bytes) -> bytes:
    """Send bytes and return the answer until the connection is closed."""
    where = urlsplit(worker.url)
    with socket.create_connection((where.hostname or "", where.port or 0), timeout=20) as connection:
        connection.sendall(request)
        parts = []
        while part := connection.recv(65_536):
            parts.append(part)
        return b"".join(parts)


@pytest.mark.parametrize("body", [b"", b"\x00\xff\xfe\x80" * 1000, bytes(range(256)), "Ünïcødé 🚗".encode()])
def test_a_body_passes_byte_for_byte(worker: Worker, body: bytes) -> None:
    status, headers, answer = worker.request("POST", "/echo", body)
    assert (status, answer, headers["content-type"]) == (200, body, "image/png")


def test_a_body_over_the_limit_is_refused_announced_or_not(worker: Worker) -> None:
    assert worker.request("POST", "/echo", b"x" * 100_001)[0] == 413
    chunk = b"4000\r\n" + b"x" * 0x4000 + b"\r\n"
    head = b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    assert raw(worker, head + chunk * 7 + b"0\r\n\r\n").startswith(b"HTTP/1.1 413")
    assert raw(worker, head + chunk * 6 + b"0\r\n\r\n").startswith(b"HTTP/1.1 200")


def test_two_cookies_stay_two(worker: Worker) -> None:
    assert worker.get("/cookies")[1].get_all("set-cookie") == ["a=1; Path=/", "b=2, and more; Path=/"]


def test_a_line_break_in_a_header_is_not_sent(worker: Worker) -> None:
    status, headers, _ = worker.get("/split")
    assert (status, headers["x-evil"]) == (500, None)
    wait_for(lambda: any("response refused" in line for line in worker.logs))


def test_no_content_and_head_have_no_body(worker: Worker) -> None:
    assert worker.get("/none")[::2] == (204, b"")
    status, headers, body = worker.request("HEAD", "/any")
    assert (status, body, headers["content-type"]) == (200, b"", "application/json")


@pytest.mark.parametrize("method", ["PROPFIND", "PURGE", "PUT", "DELETE", "PATCH"])
def test_every_method_is_answered(worker: Worker, method: str) -> None:
    status, _, body = worker.request(method, "/any")
    assert (status, json.loads(body)) == (200, {"method": method})
    assert worker.request(method, "/none")[0] == 405


def test_every_answer_has_its_id_and_the_cors_headers(worker: Worker) -> None:
    for path in ("/any", "/none", "/nowhere", "/%zz"):
        _, headers, _ = worker.get(path, {"x-request-id": "order-66"})
        assert (headers["x-request-id"], headers["access-control-allow-origin"]) == (
            "order-66",
            "http://localhost:3000",
        ), path


def test_a_missing_setting_is_named_when_it_is_read(worker: Worker) -> None:
    status, _, body = worker.get("/setting")
    assert (status, json.loads(body)["setting"]) == (503, "MISSING_ONE")
    assert worker.get("/any")[0] == 200


def test_a_stream_begins_before_it_ends_and_stops_when_the_reader_leaves(worker: Worker) -> None:
    connection = HTTPConnection(urlsplit(worker.url).netloc, timeout=20)
    connection.request("GET", "/stream")
    response = connection.getresponse()
    assert response.read(7) == b"part 0\n"
    assert worker.get("/kv/stream")[2] == b""
    response.close()
    connection.close()
    wait_for(lambda: worker.get("/kv/stream")[2] == b"closed")


def test_a_file_of_the_bucket_passes_as_it_is(worker: Worker) -> None:
    status, headers, body = worker.get("/file/4194304")
    assert (status, headers["content-type"]) == (200, "image/x")
    assert body == bytes(range(256)) * 16_384


def test_a_stream_with_a_failing_source_is_not_complete(worker: Worker) -> None:
    connection = HTTPConnection(urlsplit(worker.url).netloc, timeout=20)
    connection.request("GET", "/broken")
    with pytest.raises((HTTPException, OSError)):
        connection.getresponse().read()
    connection.close()
    wait_for(lambda: any("the source failed" in line for line in worker.logs))


def test_background_work_outlives_the_response_and_its_failure_is_logged(worker: Worker) -> None:
    assert worker.get("/later/one")[0] == 200
    assert worker.get("/kv/one")[2] == b""
    wait_for(lambda: worker.get("/kv/one")[2] == b"done")
    worker.get("/later/fail")
    wait_for(lambda: any("it broke later" in line for line in worker.logs))


def test_a_failing_job_is_a_failed_trigger(worker: Worker) -> None:
    assert worker.scheduled("0 0 * * *", 1_795_219_200_000)["outcome"] != "ok"
    wait_for(lambda: any("failed at 2026-11-21T00:00:00+00:00" in line for line in worker.logs))


def test_missing_setting_is_reported_once_without_a_traceback(worker: Worker) -> None:
    before = len(worker.logs)
    for _ in range(2):
        worker.scheduled("0 1 * * *", 1_795_219_200_000)
    wait_for(lambda: any("MISSING_ONE is not set" in line for line in worker.logs[before:]))
    lines = worker.logs[before:]
    assert len([line for line in lines if "MISSING_ONE" in line]) == 1, lines
    assert not [line for line in lines if "Traceback" in line or "NotConfigured" in line or ".py" in line], lines


def test_each_message_has_an_outcome_of_its_own(worker: Worker) -> None:
    outcome = worker.queue("jobs", ["done", "later", "fail", {"nested": [1, None, "x"]}], attempts=2)
    assert outcome["explicitAcks"] == ["0", "3"]
    again = {retry["msgId"]: retry["delaySeconds"] for retry in outcome["retryMessages"]}
    assert again == {"1": 42, "2": 14}
