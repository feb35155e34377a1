"""The promises of tools/pyedge, on a demo Worker in workerd."""

import asyncio
import http.client
import json
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from pyedge import ControlError, Worker

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("pyedge")]


NOTES = Path("demo/src/demo_notes.py")


@contextmanager
def edited(worker: Worker, path: Path, old: str, new: str) -> Iterator[None]:
    """Edit a source file and reload, and back."""
    before = path.read_text()
    try:
        path.write_text(before.replace(old, new))
        worker.reload()
        yield
    finally:
        path.write_text(before)
        worker.reload()


def text(answer: tuple[int, Any, bytes], status: int = 200) -> str:
    assert answer[0] == status, answer[2].decode()[:2000]
    return answer[2].decode()


def data(answer: tuple[int, Any, bytes], status: int = 200) -> Any:
    return json.loads(text(answer, status))


def eventually(get: Callable[[], object], want: object, seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while (got := get()) != want and time.monotonic() < end:
        time.sleep(0.05)
    assert got == want


def test_variables_and_secrets_arrive(worker: Worker) -> None:
    assert text(worker.get("/")) == "v1 hi t 3"


def test_pydantic_validates(worker: Worker) -> None:
    assert data(worker.post("/validate", {"title": "x"})) == {"title": "x"}
    assert data(worker.post("/validate", {"title": ""}), 422) == ["string_too_short"]


def test_the_import_saw_the_clock_of_1970_and_the_variables(worker: Worker) -> None:
    imported = data(worker.get("/imported"))
    assert imported["at"] == [0, 0, 0]
    assert imported["greeting"] == "hi"
    assert worker.kv_get("KV", "taken-at-import") == "works"


def test_randomness_and_the_clock_are_real_in_requests(worker: Worker) -> None:
    first, two = data(worker.get("/random")), data(worker.get("/random"))
    assert not set(first[:3]) & set(two[:3])
    assert abs(first[3] - time.time()) < 5


def test_migrations_are_applied(worker: Worker) -> None:
    assert data(worker.get("/d1"))[0] == {"title": "renamed", "changed": 1, "empty": None}
    applied = worker.d1("DB", "SELECT name FROM d1_migrations WHERE id > ?", 0)
    assert [row["name"] for row in applied] == ["0001_notes.sql", "0002_first.sql"]


def test_kv(worker: Worker) -> None:
    assert data(worker.get("/kv")) == ["v1", {"a": 1}, None, 1]


def test_r2(worker: Worker) -> None:
    assert data(worker.get("/r2")) == [[0, 1], "text/plain", None]


def test_a_message_is_retried_until_it_succeeds(worker: Worker) -> None:
    assert text(worker.get("/enqueue?id=1&fail=2")) == "queued"
    eventually(lambda: attempts(worker, "jobs:1"), 3)


def test_a_message_that_never_succeeds_is_a_dead_letter(worker: Worker) -> None:
    worker.send("JOBS", {"id": 2, "fail": 9})
    eventually(lambda: attempts(worker, "jobs-dlq:2"), 1)
    assert worker.kv_get("KV", "jobs:2") is None


def attempts(worker: Worker, key: str) -> int | None:
    count = worker.kv_get("KV", key)
    return json.loads(count)["attempts"] if count else None


def test_a_batch_can_be_handed_over(worker: Worker) -> None:
    result = worker.queue("jobs", [{"id": 3, "fail": 1}, {"id": 4}])
    assert result["outcome"] == "ok"
    assert result["explicitAcks"] == ["1"]
    assert [retry["msgId"] for retry in result["retryMessages"]] == ["0"]


def test_cron_by_control_and_by_path(worker: Worker) -> None:
    assert worker.scheduled("*/5 * * * *", 1_700_000_000_000)["outcome"] == "ok"
    assert worker.kv_get("KV", "cron") == "*/5 * * * *@1700000000000"
    assert text(worker.get("/cdn-cgi/handler/scheduled?cron=1+2+3+4+5")) == "ok"
    assert (worker.kv_get("KV", "cron") or "").startswith("1 2 3 4 5@")


def test_rate_limits_and_analytics(worker: Worker) -> None:
    assert data(worker.get("/rate")) == [True, True, False]
    assert text(worker.get("/analytics")) == "written"


def test_ai_is_a_stand_in(worker: Worker) -> None:
    assert data(worker.get("/ai")) == {"response": "hi there"}


def test_assets_go_before_the_worker(worker: Worker) -> None:
    status, headers, body = worker.get("/page")
    assert (status, headers["x-static"], body) == (200, "yes", b"<p>static</p>\n")
    assert text(worker.get("/page.txt"), 404) == "not found"


def test_another_worker_answers_through_a_service_binding(worker: Worker) -> None:
    assert text(worker.get("/greet")) == "hello you!"


def test_durable_objects_keep_their_storage(worker: Worker) -> None:
    assert [data(worker.get("/counter?name=a"))["count"] for _ in range(2)] == [1, 2]
    assert data(worker.get("/counter?name=b"))["rpc"] == 5


def test_alarms_ring(worker: Worker) -> None:
    assert text(worker.get("/alarm")) == "armed"
    eventually(lambda: worker.kv_get("KV", "alarm"), "rang")


def test_sockets_hibernate_and_get_new_code(worker: Worker, project: Path) -> None:
    async def talk() -> None:
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(f"{worker.ws_url}/room") as first,
            session.ws_connect(f"{worker.ws_url}/room") as two,
        ):
            await first.send_str("hey")
            assert [await first.receive_str(), await two.receive_str()] == ["v1 to 2: hey"] * 2
            with edited(worker, project / NOTES, "VERSION = 1", "VERSION = 2"):
                await two.send_str("you")
                assert await first.receive_str() == "v2 to 2: you"

    asyncio.run(asyncio.wait_for(talk(), 20))


def test_workflows_run_to_the_end(worker: Worker) -> None:
    instance = text(worker.get("/flow"))
    eventually(lambda: data(worker.get(f"/flow-status?id={instance}"))["status"], "complete", 20)
    assert worker.kv_get("KV", "flow") == "50"


def test_a_socket_echoes(worker: Worker) -> None:
    async def talk() -> None:
        async with aiohttp.ClientSession() as session, session.ws_connect(f"{worker.ws_url}/echo-socket") as socket:
            await socket.send_str("one")
            assert await socket.receive_str() == "echo one"

    asyncio.run(asyncio.wait_for(talk(), 20))


def test_streams_are_passed_on_as_they_come(worker: Worker) -> None:
    with urllib.request.urlopen(f"{worker.url}/sse", timeout=10) as response:
        arrived = [(time.monotonic(), line) for line in response if line.strip()]
    assert [line for _, line in arrived] == [b"data: 0\n", b"data: 1\n", b"data: 2\n"]
    assert arrived[-1][0] - arrived[0][0] > 0.1


def test_background_work_outlives_the_response(worker: Worker) -> None:
    assert text(worker.get("/background")) == "started"
    eventually(lambda: worker.kv_get("KV", "background"), "done")


def test_settling_waits_for_background_work(worker: Worker) -> None:
    assert text(worker.get("/background?seconds=0.6&value=late")) == "started"
    worker.settle()
    assert worker.kv_get("KV", "background") == "late"


def test_settling_waits_once_for_endless_work(worker: Worker) -> None:
    assert text(worker.get("/background?seconds=2&value=later")) == "started"
    worker.settle(0.05)
    assert worker.kv_get("KV", "background") != "later"
    worker.settle()
    assert worker.kv_get("KV", "background") != "later"


def test_outbound_requests_follow_the_routes(worker: Worker) -> None:
    assert text(worker.get("/outbound?url=https://api.example.com/x"), 201) == "got ping"
    assert "no route for elsewhere.example" in text(worker.get("/outbound?url=https://elsewhere.example/"), 502)


def test_bytes_and_repeated_headers_survive(worker: Worker) -> None:
    status, headers, body = worker.post("/upload", b"\x00\x01\xff")
    assert (status, body, headers.get_all("set-cookie")) == (200, b"\xff\x01\x00", ["a=1", "b=2"])


def test_python_can_wait_synchronously(worker: Worker) -> None:
    assert text(worker.get("/sync")) == "yes"


def test_requests_interleave(worker: Worker) -> None:
    started = time.monotonic()
    with ThreadPoolExecutor(10) as pool:
        assert {answer[0] for answer in pool.map(lambda _: worker.get("/sleepers"), range(20))} == {200}
    assert time.monotonic() - started < 2


def test_an_exception_is_a_500_with_its_traceback_in_the_log(worker: Worker) -> None:
    assert worker.get("/boom")[0] == 500
    eventually(lambda: any("RuntimeError: boom from python" in line for line in worker.logs), True)


def test_the_tree_is_read_only_and_has_only_uploaded_files(worker: Worker) -> None:
    assert data(worker.get("/files")) == {"files": ["demo_main.py", "demo_notes.py", "words.txt"], "written": []}


def test_an_edit_is_taken_up_also_by_living_objects(worker: Worker, project: Path) -> None:
    assert data(worker.get("/counter?name=c"))["version"] == 1
    with edited(worker, project / NOTES, "VERSION = 1", "VERSION = 2"):
        assert text(worker.get("/")).startswith("v2 ")
        assert data(worker.get("/counter?name=c")) == {"count": 2, "version": 2, "rpc": 10}


def test_an_edit_that_does_not_import_leaves_the_old_code(worker: Worker, project: Path) -> None:
    with pytest.raises(ControlError, match="SyntaxError"), edited(worker, project / NOTES, "= 1", "= = 1"):
        pass
    assert text(worker.get("/")).startswith("v1 ")


def test_a_restart_keeps_the_data_and_the_address(worker: Worker) -> None:
    worker.kv_put("KV", "keep", "me")
    url = worker.url
    worker.restart()
    assert text(worker.get("/")).startswith("v1 ")
    assert (worker.kv_get("KV", "keep"), worker.url) == ("me", url)


@pytest.mark.parametrize(
    ("path", "reports"),
    [
        ("/loop", ["/loop has been computing for 4 s without a pause", "in loop"]),
        ("/deaf", ["workerd has not answered for"]),
    ],
)
def test_an_endless_handler_is_reported_and_killed(
    worker: Worker, project: Path, path: str, reports: list[str]
) -> None:
    worker.kv_put("KV", "survives", path)
    with edited(worker, project / NOTES, "VERSION = 1", "VERSION = 2"):
        with pytest.raises((OSError, http.client.HTTPException)):
            worker.get(path)
        eventually(lambda: answers(worker), "v2 hi t 3", 30)
    eventually(lambda: [report for report in reports if not any(report in line for line in worker.logs)], [])
    assert worker.kv_get("KV", "survives") == path


def answers(worker: Worker) -> str | None:
    try:
        return text(worker.get("/"))
    except (OSError, http.client.HTTPException):
        return None
