"""Consuming queues: retries, dead letters, concurrency, and the messages of a killed process."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from tests.edge.runtimes.running import Running, lay_out, running, wait_for
from tests.edge.runtimes.tiny import nobody

from edge.app import App
from edge.context import Ports
from edge.events import Delivery, Retry
from edge.ports import Queue
from edge.routes import Routes
from edge.runtimes.local.queue import LocalQueue
from edge.runtimes.local.runtime import LocalRuntime
from edge.settings import Settings

type Handler = Callable[[Delivery, Ports], Awaitable[None]]


class JobSettings(Settings):
    """One queue."""

    jobs: Queue


@asynccontextmanager
async def consuming(state: Path, handler: Handler, **limits: Any) -> AsyncIterator[LocalRuntime]:
    """Run an app with `handler` as the consumer of `jobs`."""

    async def consume(delivery: Delivery, ports: Ports) -> None:
        await handler(delivery, ports)

    routes = Routes(tag="jobs")
    routes.queue("jobs", **limits)(consume)
    app = App(
        "jobs", version="1", settings=JobSettings, resources=[routes], authenticate=nobody, queues={"JOBS": "jobs"}
    )
    runtime = LocalRuntime.open(app, state, {"LOG_LEVEL": "error"})
    await runtime.start()
    try:
        async with asyncio.timeout(20):
            yield runtime
    finally:
        await runtime.stop(0.05)


async def until(probe: Callable[[], object]) -> None:
    """Wait until something is true."""
    while not probe():  # noqa: ASYNC110 - what is awaited has no event
        await asyncio.sleep(0.005)


async def stored(runtime: LocalRuntime, queue: str) -> list[Delivery]:
    """Take the messages of a queue."""
    return await runtime.queues.lease(queue, 100)


def test_a_message_put_back_comes_again_with_its_attempts(tmp_path: Path) -> None:
    seen: list[tuple[str, int]] = []

    async def handler(delivery: Delivery, _: Ports) -> None:
        seen.append((delivery.id, delivery.attempts))
        if delivery.attempts < 3:
            raise Retry("once more", delay=0)

    async def run() -> None:
        async with consuming(tmp_path, handler) as runtime:
            await runtime.settings.jobs.send(1)
            await until(lambda: len(seen) == 3)
        assert [attempts for _, attempts in seen] == [1, 2, 3]
        assert len({identity for identity, _ in seen}) == 1

    asyncio.run(run())


@pytest.mark.parametrize("dead_letter", ["dead", None])
def test_a_message_that_fails_too_often_is_given_up(tmp_path: Path, dead_letter: str | None) -> None:
    seen: list[int] = []

    async def handler(delivery: Delivery, _: Ports) -> None:
        seen.append(delivery.attempts)
        raise ValueError("always")

    async def run() -> None:
        async with consuming(tmp_path, handler, max_retries=2, retry_delay=0, dead_letter=dead_letter) as runtime:
            await runtime.settings.jobs.send({"n": 1})
            await until(lambda: len(seen) == 3)
            dead: list[Delivery] = []
            while dead_letter and not dead:
                dead = await stored(runtime, "dead")
                await asyncio.sleep(0.005)
            assert [(message.body, message.attempts) for message in dead] == ([({"n": 1}, 1)] if dead_letter else [])
        assert seen == [1, 2, 3]

    asyncio.run(run())


def test_a_delayed_message_is_not_due_yet(tmp_path: Path) -> None:
    seen: list[object] = []

    async def handler(delivery: Delivery, _: Ports) -> None:
        seen.append(delivery.body)

    async def run() -> None:
        async with consuming(tmp_path, handler) as runtime:
            await runtime.settings.jobs.send("later", delay=600)
            await runtime.settings.jobs.send("now")
            await until(lambda: seen)
        assert seen == ["now"]

    asyncio.run(run())


@pytest.mark.parametrize("concurrency", [1, 3])
def test_so_many_batches_run_at_a_time(tmp_path: Path, concurrency: int) -> None:
    at_once = 0
    most = 0
    done = 0

    async def handler(_: Delivery, __: Ports) -> None:
        nonlocal at_once, most, done
        at_once += 1
        most = max(most, at_once)
        await asyncio.sleep(0.02)
        at_once -= 1
        done += 1

    async def run() -> None:
        async with consuming(tmp_path, handler, max_concurrency=concurrency, batch_size=1) as runtime:
            await runtime.settings.jobs.send_batch(list(range(9)))
            await until(lambda: done == 9)
        assert most == concurrency

    asyncio.run(run())


def test_a_stop_returns_interrupted_messages_to_the_queue(tmp_path: Path) -> None:
    begun: list[object] = []

    async def handler(delivery: Delivery, _: Ports) -> None:
        begun.append(delivery.body)
        await asyncio.sleep(600)

    async def again(delivery: Delivery, _: Ports) -> None:
        begun.append((delivery.body, delivery.attempts))

    async def run() -> None:
        async with consuming(tmp_path, handler, batch_size=1) as runtime:
            await runtime.settings.jobs.send_batch(["a", "b"])
            await until(lambda: begun)
        async with consuming(tmp_path, again):
            await until(lambda: len(begun) == 3)
        assert sorted(begun[1:], key=str) == [("a", 1), ("b", 1)]

    asyncio.run(run())


@pytest.mark.slow
def test_one_process_consumes_the_messages_of_all(tmp_path: Path) -> None:
    seen: list[str] = []

    async def first(delivery: Delivery, _: Ports) -> None:
        seen.append(f"first {delivery.body}")

    async def second(delivery: Delivery, _: Ports) -> None:
        seen.append(f"second {delivery.body}")

    async def run() -> None:
        async with consuming(tmp_path, first) as consumer:
            await until(lambda: consumer.consumers.consuming)
            async with consuming(tmp_path, second) as other:
                await other.settings.jobs.send("a")
                await until(lambda: seen)
        assert seen == ["first a"]

    asyncio.run(run())


def test_a_queue_binding_wants_a_queue(tmp_path: Path) -> None:
    app = App("none", version="1", settings=JobSettings, resources=[], authenticate=nobody)
    with pytest.raises(Exception, match="no queue for the binding JOBS"):
        LocalRuntime.open(app, tmp_path, {})


def done(server: Running) -> list[int]:
    answer = server.get("/done")
    listed: list[int] = json.loads(answer.partition(b"\r\n\r\n")[2])
    return listed


def post(server: Running, bodies: list[dict[str, int]]) -> None:
    assert b" 204 " in server.get("/jobs", "POST", json.dumps(bodies).encode())


@pytest.mark.slow
def test_nothing_is_lost_when_the_process_is_killed_in_a_batch(tmp_path: Path) -> None:
    lay_out(tmp_path)
    with running(tmp_path) as server:
        post(server, [{"n": n, "ms": 20} for n in range(1, 21)])
        server.until('"working"', times=6)
        server.process.kill()
    with running(tmp_path) as server:
        wait_for(lambda: done(server) == list(range(1, 21)), server.output)


@pytest.mark.slow
def test_queued_messages_survive_a_stop(tmp_path: Path) -> None:
    lay_out(tmp_path)
    with running(tmp_path) as server:
        post(server, [{"n": n, "ms": 20} for n in range(1, 21)])
        server.until('"working"', times=2)
        assert server.end(signal.SIGTERM) == 0
        begun = server.output().count('"working"')
        assert begun % 4 == 0
    with running(tmp_path) as server:
        wait_for(lambda: done(server) == list(range(1, 21)), server.output)
        assert server.output().count('"working"') == 20 - begun


@pytest.mark.slow
def test_a_message_that_kills_the_process_ends_in_the_dead_letters(tmp_path: Path) -> None:
    lay_out(tmp_path)
    with running(tmp_path) as server:
        post_and_die(server)
    assert Running(tmp_path).process.wait(20) == -signal.SIGKILL
    with running(tmp_path) as server:
        wait_for(lambda: done(server) == [-7], server.output)


def post_and_die(server: Running) -> None:
    """Send the message that kills; the answer may be lost with the process."""
    with suppress(ConnectionError, AssertionError):
        post(server, [{"n": 7, "kill": 1}])
    assert server.process.wait(20) == -signal.SIGKILL


def test_a_store_serves_each_queue_by_itself(tmp_path: Path) -> None:
    async def handler(_: Delivery, __: Ports) -> None:
        raise AssertionError("this is another queue")

    async def run() -> None:
        async with consuming(tmp_path, handler) as runtime:
            await LocalQueue(runtime.queues, "other").send("a")
            assert [message.body for message in await stored(runtime, "other")] == ["a"]

    asyncio.run(run())
