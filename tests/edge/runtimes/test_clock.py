"""Cron in Cloudflare's dialect, background work, and log lines."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from edge.events import Tick
from edge.ports import PortError
from edge.runtimes.local.background import LocalBackground
from edge.runtimes.local.clock import Cron, schedule
from edge.runtimes.local.log import LocalLog
from edge.settings import Secret

SATURDAY = datetime(2026, 11, 21, 12, 0, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("cron", "expected"),
    [
        ("* * * * *", "2026-11-21T12:01:00"),
        ("*/5 * * * *", "2026-11-21T12:05:00"),
        ("0 3 * * 1", "2026-11-22T03:00:00"),
        ("0 3 * * 7", "2026-11-28T03:00:00"),
        ("0 3 * * SUN", "2026-11-22T03:00:00"),
        ("0 3 * * 2-6", "2026-11-23T03:00:00"),
        ("0 3 * * mon-fri", "2026-11-23T03:00:00"),
        ("0 3 * * 6L", "2026-11-27T03:00:00"),
        ("0 3 * * 1#1", "2026-12-06T03:00:00"),
        ("0 3 * * 2/2", "2026-11-23T03:00:00"),
        ("59 23 L * *", "2026-11-30T23:59:00"),
    ],
)
def test_a_cron_fires_when_cloudflare_does(cron: str, expected: str) -> None:
    assert next(schedule(cron, SATURDAY)) == datetime.fromisoformat(expected + "+00:00")


@pytest.mark.parametrize(
    "cron", ["", "* * * *", "* * * * * *", "60 * * * *", "0 0 * * 0", "0 0 * * 8", "0 0 15W * *", "a"]
)
def test_invalid_cron_is_refused(cron: str) -> None:
    with pytest.raises(PortError, match="cron"):
        schedule(cron, SATURDAY)


class SteppedClock:
    """A clock that only moves while sleeping, and ends after a number of sleeps."""

    def __init__(self, sleeps: int, oversleep: float = 0) -> None:
        self._now = SATURDAY
        self._left = sleeps
        self._oversleep = oversleep
        self.ended = asyncio.Event()

    def now(self) -> datetime:
        """Return its instant."""
        return self._now

    async def sleep(self, seconds: float) -> None:
        """Move on."""
        if self._left == 0:
            self.ended.set()
            await asyncio.Event().wait()
        self._left -= 1
        self._now += timedelta(seconds=seconds + self._oversleep)
        await asyncio.sleep(0)


def fired(clock: SteppedClock, crons: list[str], record: Path, job: float = 0) -> list[Tick]:
    """Return the ticks that fire until the clock ends, if all succeeded just before it begins."""
    if not record.exists():
        record.write_text(json.dumps(dict.fromkeys(crons, SATURDAY.isoformat())))
    ticks: list[Tick] = []

    async def fire(tick: Tick) -> None:
        ticks.append(tick)
        await asyncio.sleep(job)

    async def run() -> None:
        background = LocalBackground(LocalLog())
        cron = Cron(crons, fire, record)
        cron.start(clock, background)
        await clock.ended.wait()
        await cron.stop()
        await background.drain(5)

    asyncio.run(run())
    return ticks


def test_each_minute_fires_once(tmp_path: Path) -> None:
    ticks = fired(SteppedClock(7), ["* * * * *"], tmp_path / "cron.json")
    assert [tick.scheduled_at.minute for tick in ticks] == [1, 2, 3, 4]
    assert {tick.cron for tick in ticks} == {"* * * * *"}


def test_a_long_job_holds_up_no_firing(tmp_path: Path) -> None:
    assert len(fired(SteppedClock(7), ["* * * * *"], tmp_path / "cron.json", job=0.05)) == 4


def test_ticks_during_sleep_do_not_fire(tmp_path: Path) -> None:
    ticks = fired(SteppedClock(2, oversleep=300), ["* * * * *"], tmp_path / "cron.json")
    assert all(tick.scheduled_at.minute in {5, 6, 10, 11} for tick in ticks)


def test_one_expression_fires_once_for_all_its_jobs(tmp_path: Path) -> None:
    assert len(fired(SteppedClock(1), ["* * * * *", "* * * * *"], tmp_path / "cron.json")) == 1


@pytest.mark.parametrize("record", [None, "{", '{"0 * * * *": "2026-11-21T10:59:00+00:00"}'])
def test_ticks_missed_while_stopped_fire_once_at_the_start(tmp_path: Path, record: str | None) -> None:
    file = tmp_path / "cron.json"
    if record is not None:
        file.write_text(record)
    else:
        file = tmp_path / "none.json"
        file.write_text("{}")
    ticks = fired(SteppedClock(1), ["0 * * * *"], file)
    assert [(tick.scheduled_at, tick.is_late) for tick in ticks] == [(SATURDAY, True)]
    assert fired(SteppedClock(1), ["0 * * * *"], file) == []


def test_background_work_is_drained_with_its_own_work() -> None:
    done: list[str] = []

    async def run() -> None:
        background = LocalBackground(LocalLog())

        async def inner() -> None:
            done.append("inner")

        async def outer() -> None:
            await asyncio.sleep(0.01)
            background.add(inner())
            done.append("outer")

        background.add(outer())
        await background.drain(5)

    asyncio.run(run())
    assert sorted(done) == ["inner", "outer"]


def test_background_work_that_fails_or_is_cut_off_is_logged() -> None:
    lines: list[bytes] = []

    async def run() -> None:
        background = LocalBackground(LocalLog(write=lines.append))

        async def fail() -> None:
            raise ValueError("it failed")

        background.add(fail())
        background.add(asyncio.sleep(600))
        await background.drain(0.05)

    asyncio.run(run())
    failed, cut_off = (json.loads(line) for line in lines)
    assert (failed["message"], cut_off["message"]) == ("background work failed", "background work cut off")
    assert 'raise ValueError("it failed")' in failed["error"]


def test_a_log_line_is_one_line_of_json() -> None:
    lines: list[bytes] = []
    log = LocalLog("info", lines.append)
    log("debug", "below the threshold")
    log("error", "a\nb", at=SATURDAY, secret=Secret("hunter2"), number=float("nan"), odd=object, text="\ud800")
    (line,) = lines
    assert line.count(b"\n") == 1
    entry = json.loads(line)
    assert (entry["level"], entry["message"]) == ("error", "a\nb")
    assert datetime.fromisoformat(entry["time"]).tzinfo is not None
    assert b"hunter2" not in line


def test_a_log_line_holds_its_fields() -> None:
    lines: list[bytes] = []
    LocalLog("info", lines.append)("info", "a", none=None, nested={"a": [1, SATURDAY]}, secret=Secret("hunter2"))
    entry = json.loads(lines[0])
    assert entry["nested"] == {"a": [1, "2026-11-21T12:00:30Z"]}
    assert (entry["none"], entry["secret"]) == (None, "**********")
