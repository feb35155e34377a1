"""The budget of calls to Tessie, shared by all that call it."""

import asyncio
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from core_tessie.app import app
from core_tessie.tessie.client import Budget
from edge.ports import Pace, PortError, Throttle, Window
from edge.runtimes.local.log import LocalLog
from edge.runtimes.local.throttle import LocalThrottle

PACE = Pace(rate=1.0, burst=2)


class RecordingClock:
    """A clock that records each wait instead of waiting."""

    def __init__(self) -> None:
        self.waits: list[float] = []

    def now(self) -> datetime:
        return datetime.now(UTC)

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)


class BrokenThrottle:
    """A throttle without its service."""

    async def reserve(self, name: str, pace: Pace) -> float:
        raise PortError(f"throttle: {name} at {pace.rate}")

    async def admit(self, name: str, window: Window, patience: float = 0.0) -> float:
        raise PortError(f"throttle: {name} at {window.calls}, {patience}")

    async def pause(self, name: str, seconds: float) -> None:
        raise PortError(f"throttle: {name} for {seconds}")

    async def probe(self) -> None:
        raise PortError("throttle")


def test_budget_is_shared_by_every_event_and_process(tmp_path: Path) -> None:
    clock = RecordingClock()
    lines = list[bytes]()
    log = LocalLog(write=lines.append)

    async def run() -> None:
        path = tmp_path / "throttles" / "TESSIE_THROTTLE.sqlite"
        with closing(LocalThrottle(path)) as server, closing(LocalThrottle(path)) as command:
            for throttle in (server, command, server, command):
                await Budget(throttle, PACE, clock, log).take()

    asyncio.run(run())
    assert len(clock.waits) == 2
    assert 0.5 < clock.waits[0] <= 1.0
    assert 1.5 < clock.waits[1] <= 2.0
    assert not lines


def test_calls_continue_without_the_throttle() -> None:
    clock = RecordingClock()
    lines = list[bytes]()

    async def run(throttle: Throttle | None) -> None:
        await Budget(throttle, PACE, clock, LocalLog(write=lines.append)).take()

    asyncio.run(run(BrokenThrottle()))
    asyncio.run(run(None))
    assert clock.waits == []
    assert len(lines) == 1
    assert b"call budget not available" in lines[0]


def test_throttle_is_bound_in_the_settings() -> None:
    (field,) = [field for field in app.settings.fields if field.port is Throttle]
    assert (field.name, field.required) == ("TESSIE_THROTTLE", False)
