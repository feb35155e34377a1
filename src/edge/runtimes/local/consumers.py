"""The loop that hands queued messages to the app's consumers."""

import asyncio
import fcntl
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from edge.app import App
from edge.context import Ports
from edge.events import Delivery, Outcome
from edge.ports import Log, PortError
from edge.routes import Consumer
from edge.runtimes.local.queue import QueueStore

POLL = 1.0
"""Seconds between two looks for delayed messages and those of other processes."""


class Consumers:
    """Consumes each queue that has a consumer in the app, in one of the processes that share a state folder.

    A batch is all messages that are due, at once: `batch_timeout` saves work for many isolates, and only delays here.
    """

    def __init__(self, app: App, store: QueueStore, ports: Callable[[], Ports], log: Log) -> None:
        self._app = app
        self._store = store
        self._ports = ports
        self._log = log
        self._lock = Lock(store.path.with_suffix(".lock"))
        self._stopping = False
        self._main: asyncio.Task[None] | None = None
        self._workers: list[asyncio.Task[None]] = []

    @property
    def consuming(self) -> bool:
        """Whether this process is the consuming one."""
        return self._lock.is_held

    def start(self) -> None:
        """Start as soon as no other process consumes."""
        self._main = asyncio.create_task(self._begin())

    async def stop(self, grace: float) -> None:
        """Take no more batches; wait `grace` seconds for the running ones, and release the others."""
        self._stopping = True
        for wake in self._store.wakes:
            wake()
        if self._main is not None:
            self._main.cancel()
            await asyncio.wait((self._main,))
        if self._workers:
            _, late = await asyncio.wait(self._workers, timeout=grace)
            for worker in late:
                worker.cancel()
            await asyncio.gather(*self._workers, return_exceptions=True)
        self._lock.release()

    async def _begin(self) -> None:
        while not await self._take_over():  # noqa: ASYNC110 - it waits for another process
            await asyncio.sleep(POLL)
        for consumer in self._app.consumers.values():
            for _ in range(consumer.max_concurrency):
                self._workers.append(asyncio.create_task(self._work(consumer)))

    async def _take_over(self) -> bool:
        """Become the consuming process if there is none, and release the messages that a killed process had leased."""
        try:
            if self._lock.take():
                await self._store.release_all()
        except (OSError, PortError) as fault:
            self._log("error", "queues cannot be consumed yet", error=str(fault))
            self._lock.release()
        return self._lock.is_held

    async def _work(self, consumer: Consumer) -> None:
        """Take and run batches, one at a time for each free place."""
        woken = asyncio.Event()
        self._store.wakes.append(woken.set)
        while not self._stopping:
            woken.clear()
            try:
                batch = await self._store.lease(consumer.queue, consumer.batch_size)
                if batch:
                    await self._run(consumer, batch)
                    continue
            except (
                Exception
            ) as fault:  # such as a full disk: the loop goes on; leased messages return at the next start
                self._log("error", "queue failed", queue=consumer.queue, error=f"{type(fault).__name__}: {fault}")
            with suppress(TimeoutError):
                await asyncio.wait_for(woken.wait(), POLL)

    async def _run(self, consumer: Consumer, batch: list[Delivery]) -> None:
        spent = [
            message for message in batch if message.attempts > consumer.max_retries + 1
        ]  # each time it killed the process
        batch = [message for message in batch if message not in spent]
        await self._move_to_dead_letters(consumer, [message.id for message in spent])
        try:
            outcomes = await self._app.queue(consumer.queue, batch, self._ports())
        except asyncio.CancelledError:
            await self._store.release(message.id for message in batch)
            raise
        except Exception as fault:
            self._log("error", "batch failed", queue=consumer.queue, error=f"{type(fault).__name__}: {fault}")
            outcomes = []
        await self._settle(consumer, batch, {outcome.id: outcome for outcome in outcomes})

    async def _settle(self, consumer: Consumer, batch: Sequence[Delivery], outcomes: dict[str, Outcome]) -> None:
        done = []
        again = []
        dead = []
        for message in batch:
            delay = outcomes.get(message.id, Outcome(message.id, consumer.retry_delay)).retry_after
            if delay is None:
                done.append(message.id)
            elif message.attempts > consumer.max_retries:
                dead.append(message.id)
            else:
                again.append((message.id, delay))
        await self._store.delete(done)
        await self._store.retry(again)
        await self._move_to_dead_letters(consumer, dead)

    async def _move_to_dead_letters(self, consumer: Consumer, ids: list[str]) -> None:
        """Move messages without attempts left to the dead-letter queue; without such a queue they are dropped."""
        if not ids:
            return
        self._log("error", "messages given up", queue=consumer.queue, dead_letter=consumer.dead_letter, ids=ids)
        if consumer.dead_letter:
            await self._store.move(consumer.dead_letter, ids)
        else:
            await self._store.delete(ids)


class Lock:
    """A lock of the one consuming process; the system releases it when that process ends in any way."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: int | None = None

    @property
    def is_held(self) -> bool:
        """Whether this process holds the lock."""
        return self._file is not None

    def take(self) -> bool:
        """Take the lock if it is free."""
        file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(file)
            return False
        self._file = file
        return True

    def release(self) -> None:
        """Release the lock if it is held."""
        if self._file is not None:
            os.close(self._file)
            self._file = None
