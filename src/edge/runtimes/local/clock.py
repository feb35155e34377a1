"""The `Clock` port, and the loop that fires cron expressions."""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path

from cronsim import CronSim, CronSimError

from edge.errors import NotConfigured
from edge.events import Tick
from edge.ports import Background, Clock, PortError

LATEST = 60.0
"""Seconds after which a due firing is dropped, as after a suspended laptop wakes."""

_WEEKDAY = re.compile(r"(?<![\d#/])\d+")
_OPEN_STEP = re.compile(r"(?<![\w-])(\w+)/")


class LocalClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Return the present instant."""
        return datetime.now(UTC)

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)


def schedule(cron: str, after: datetime) -> CronSim:
    """Return the instants after `after` at which Cloudflare fires `cron`; `PortError` if it is invalid.

    Cloudflare counts weekdays from 1 = Sunday, cron from 0: `1` there is `0` here. Names are the same.
    """
    fields = cron.split()
    try:
        if len(fields) != 5:
            raise CronSimError("five fields are needed")
        fields[4] = _WEEKDAY.sub(_weekday, _OPEN_STEP.sub(r"\1-7/", fields[4]))
        return CronSim(" ".join(fields), after)
    except CronSimError as fault:
        raise PortError(f"cron {cron!r}: {fault}") from None


def _weekday(number: re.Match[str]) -> str:
    if not 1 <= int(number[0]) <= 7:
        raise CronSimError("a weekday is 1 (Sunday) to 7")
    return str(int(number[0]) - 1)


class Cron:
    """Fires each expression at its minute. A slow job delays no other job, and not its own next firing.

    `record` is a file with the time of each expression's last success. Expressions that came due while nothing ran, or
    that never ran, are fired once at the start: a machine at home is not always on.
    """

    def __init__(self, crons: Iterable[str], fire: Callable[[Tick], Awaitable[None]], record: Path) -> None:
        self._crons = sorted(set(crons))
        self._fire = fire
        self._record = record
        self._tasks: list[asyncio.Task[None]] = []
        for cron in self._crons:
            schedule(cron, datetime.now(UTC))

    def start(self, clock: Clock, background: Background) -> None:
        """Start the loop."""
        self._tasks = [asyncio.create_task(self._follow(cron, clock, background)) for cron in self._crons]

    async def stop(self) -> None:
        """Stop firing; running jobs go on in the background."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _follow(self, cron: str, clock: Clock, background: Background) -> None:
        now = clock.now()
        if self._is_due(cron, now):
            background.add(self._run(Tick(cron, now, is_late=True)))
        for at in schedule(cron, now):
            while (wait := (at - clock.now()).total_seconds()) > 0:
                await clock.sleep(min(wait, 30.0))  # in parts: the machine may sleep, or its clock be set
            if wait > -LATEST:
                background.add(self._run(Tick(cron, at)))

    def _is_due(self, cron: str, now: datetime) -> bool:
        last = self._last_successes().get(cron)
        return last is None or next(schedule(cron, datetime.fromisoformat(last))) <= now

    async def _run(self, tick: Tick) -> None:
        try:
            await self._fire(tick)
        except ExceptionGroup as faults:
            if faults.split(NotConfigured)[1] is not None:
                raise
            return  # reported by the app; the next start makes up for it
        succeeded = self._last_successes() | {tick.cron: tick.scheduled_at.isoformat()}
        part = self._record.with_suffix(".part")
        part.write_text(json.dumps(succeeded), encoding="utf-8")
        part.replace(self._record)

    def _last_successes(self) -> dict[str, str]:
        """Return the record; a truncated or invalid one counts as empty."""
        try:
            record = json.loads(self._record.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return record if isinstance(record, dict) else {}
