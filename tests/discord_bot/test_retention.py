"""Rows that the bot removes in time or keeps, and rows that anybody in Discord can make it write."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.patience import pauses

from discord_bot.schedule import REMIND
from edge.instants import to_text

from .conftest import Bot, Runner

JOB = "/jobs/remove_old_rows"


def at(days: float) -> datetime:
    return datetime.now(UTC) - timedelta(days=days)


async def put(bot: Bot, table: str, *rows: Mapping[str, Any]) -> None:
    for row in rows:
        marks = ", ".join("?" * len(row))
        await bot.db.run(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})", *row.values())


def entry(days: float) -> dict[str, Any]:
    return {"kind": "slash", "subject": f"{days:g}", "actor": "1", "outcome": "x", "created_at": to_text(at(days))}


def notice(name: str, days: float, tried: float, status: str = "sent", subject: str = "") -> dict[str, Any]:
    """Return a notice that was made so many days ago, and tried last fewer days ago."""
    return {
        "fingerprint": name,
        "id": name,
        "kind": "event",
        "subject": subject or name,
        "title": "",
        "status": status,
        "until": at(tried).timestamp(),
        "created_at": to_text(at(days)),
    }


NOTICES = (
    notice("old", 100, 91),
    notice("died long ago", 100, 91, "claimed"),
    notice("tried again lately", 100, 1),
    notice("is sent right now", 100, -0.001, "sending"),
    notice("is claimed right now", 100, -0.001, "claimed"),
    notice("new", 89, 89),
    notice("digest before", 170, 170, subject="digest:2026-01-04"),
    notice("last digest", 160, 160, subject="digest:2026-01-11"),
)
GONE = {"old", "died long ago", "digest before"}
LEASES = ({"name": "over", "until": at(0.5).timestamp()}, {"name": "held", "until": at(-0.001).timestamp()})


async def fill(bot: Bot) -> None:
    await put(bot, "audit", entry(91), entry(89), entry(0))
    await put(bot, "notices", *NOTICES)
    await put(bot, "leases", *LEASES)
    await put(bot, "subscriptions", {"user_id": "1", "kind": "event", "created_at": to_text(at(3000))})


async def left(bot: Bot) -> dict[str, set[str]]:
    columns = {"audit": "subject", "notices": "fingerprint", "leases": "name", "subscriptions": "user_id"}
    return {
        table: {row["it"] for row in await bot.db.all(f"SELECT {column} AS it FROM {table}")}
        for table, column in columns.items()
    }


def test_cron_removes_old_rows_and_keeps_needed_ones(run: Runner) -> None:
    async def case(bot: Bot) -> dict[str, set[str]]:
        await fill(bot)
        await bot.client.scheduled(REMIND)
        return await left(bot)

    rest = run(case)
    assert rest["audit"] == {"89", "0"}
    assert rest["notices"] == {notice["fingerprint"] for notice in NOTICES} - GONE
    assert rest["leases"] == {"held"}
    assert rest["subscriptions"] == {"1"}
    assert "old rows removed" in run.logs


def test_dry_run_lists_the_rows_to_remove(run: Runner) -> None:
    async def case(bot: Bot) -> tuple[Any, Any, dict[str, set[str]], Any]:
        await fill(bot)
        before = await left(bot)
        report = (await bot.client.post(f"{JOB}?dry_run=true")).json()["report"]
        return report, before, await left(bot), (await bot.client.post(JOB)).json()["report"]

    report, before, after, done = run(case)
    assert report["would_remove"] == {"audit": 1, "notices": len(GONE), "leases": 1}
    assert report["needed"] == {"audit": 0, "notices": 1, "leases": 0}
    assert before == after
    assert done == {"removed": report["would_remove"], "more": [], "skipped": {}}


@pytest.mark.parametrize("days", ["1", "6", "x"])
def test_too_few_days_for_notices_remove_none(local: Runner, days: str) -> None:
    local.env["NOTICES_KEEP_DAYS"] = days

    async def case(bot: Bot) -> tuple[Any, dict[str, set[str]]]:
        await fill(bot)
        return (await bot.client.post(JOB)).json()["report"], await left(bot)

    report, rest = local(case)
    assert "NOTICES_KEEP_DAYS is not valid" in report["skipped"]["notices"]
    assert len(rest["notices"]) == len(NOTICES)
    assert rest["audit"] == {"89", "0"}


def test_a_number_bounds_the_audit_log(local: Runner) -> None:
    local.env["AUDIT_MAX_ROWS"] = "2"

    async def case(bot: Bot) -> set[str]:
        await put(bot, "audit", *(entry(days) for days in (4, 3, 2, 1)))
        await bot.client.post(JOB)
        return (await left(bot))["audit"]

    assert local(case) == {"2", "1"}


@pytest.mark.slow
def test_a_user_who_is_busy_leaves_one_entry_for_ten_answers(local: Runner) -> None:
    calls = 65

    async def case(bot: Bot) -> list[dict[str, Any]]:
        for _ in range(calls):
            await bot.command("status", user={"id": "100000000000000901"})
        await bot.command("status", user={"id": "100000000000000902"})
        async for _ in pauses():
            if await bot.db.all("SELECT 1 FROM audit WHERE actor = '100000000000000902'"):
                break
        await asyncio.sleep(0.2)
        return await bot.db.all("SELECT * FROM audit ORDER BY id")

    rows = local(case)
    busy = [row for row in rows if row["actor"] == "100000000000000901"]
    stand_for = [int(row["detail"][1:].partition(" ×]")[0]) if row["detail"].startswith("[") else 1 for row in busy]
    assert len(busy) < calls / 2 + 20
    assert max(stand_for) == 10
    assert calls - 10 < sum(stand_for) <= calls
    assert [row["actor"] for row in rows].count("100000000000000902") == 1
